"""Which processor and which versions a result was made with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from pathlib import Path

import burstprop

LIBRARIES = ("numpy", "numba", "scipy", "pandas", "matplotlib", "joblib", "torch")


def cpu_model() -> str:
    """Return the name of the processor and, where the system tells, its widest vector instructions."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^flags\s*:\s*(.+)$", text, re.MULTILINE)
    known = flags.group(1).split() if flags else []
    vector = next((label for flag, label in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in known), "")
    return (name.group(1) if name else platform.machine()) + (f" ({vector})" if vector else "")


def cores() -> int:
    """Return the number of cores that this process may use; of all cores where the system does not tell."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Return the versions of burstprop, Python and the installed libraries, without importing them."""
    found = {"burstprop": burstprop.__version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
