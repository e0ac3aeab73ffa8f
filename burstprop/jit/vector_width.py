"""Importing this makes numba use the full width of the processor's vector registers.

On processors with AVX-512 the compiler avoids the full width by default, for the sake of clock rates that
have long ceased to drop. It must be imported before anything is compiled; a user's own choice
(NUMBA_CPU_FEATURES, NUMBA_CPU_NAME) stands.
"""

from __future__ import annotations

import llvmlite.binding
from numba import config

if config.CPU_FEATURES is None and config.CPU_NAME is None:
    _features = llvmlite.binding.get_host_cpu_features()
    if _features.get("avx512f"):
        config.CPU_FEATURES = _features.flatten() + ",-prefer-256-bit"
