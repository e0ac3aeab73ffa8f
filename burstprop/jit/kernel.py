"""The one place that holds numba's options, and the cache of compiled code that cannot go stale.

``kernel`` decorates every compiled function of the package. Of ``fastmath`` only ``contract`` is on: a
product and a sum become one fused instruction, which rounds once and takes a third off the neurons' time;
nothing is reordered, so a result does not depend on how loops are split. ``error_model="numpy"`` lets a
division stay a vector instruction (no branch that raises). On processors with AVX-512 the compiler is told to
use the full width, which it avoids by default.

numba's on-disk cache looks only at the file of the function that is cached, not at what that function calls.
So the entry point is decorated late, with a cache folder named by a hash of all that can be reached from it:
the package's own source files, read once, when they are imported (a process that lives on while they change
must not store its old code under the new name), and the code of the neuron models
(`burstprop.jit.model_code`).
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

import burstprop.jit.vector_width  # noqa: F401 - for its effect
from burstprop.jit.model_code import COMPILED_SOURCES, model_code

OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "boundscheck": False,
    "nogil": True,
    "fastmath": {"contract"},
}
COMPILED = not config.DISABLE_JIT
"""False where NUMBA_DISABLE_JIT asks for plain Python; intrinsics then have twins in Python."""
PACKAGE = Path(__file__).resolve().parent.parent


def kernel(function: Callable) -> Any:
    """Compile a function that other kernels call (it is compiled into its caller, and cached with it).

    Python cannot call it: without the wrapper for that, which would unpack every argument, a start takes half
    the time.
    """
    return numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False, **OPTIONS)(function)


def inlined_kernel(function: Callable) -> Any:
    """Compile a kernel into its caller, whatever the compiler would choose.

    For a function that takes all numbers of a population: a call in every step would copy them every time.
    """
    return numba.njit(
        no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False, forceinline=True, **OPTIONS
    )(function)


_entries: dict[tuple[str, Callable, tuple[type, ...]], Any] = {}


def entry_point(function: Callable, models: Iterable[type], from_python: bool = True) -> Any:
    """Compile a function that is called from outside, cached on disk under a hash of all that it reaches.

    Parameters
    ----------
    function : callable
        The plain Python function.
    models : iterable of classes
        Neuron models whose step is called.
    from_python : bool
        Python calls it; without, compiled code calls it by its address (`address_of`).
    """
    if not COMPILED:
        return function
    models = tuple(models)
    fingerprint = source_fingerprint(models)
    # by class too: numba's look-up of what is compiled takes a State for another one of the same name
    key = (fingerprint, function, models)
    if key not in _entries:
        before = config.CACHE_DIR
        config.CACHE_DIR = str(cache_root() / fingerprint[:20])
        try:
            called = {} if from_python else {"no_cpython_wrapper": True, "_nrt": False}
            _entries[key] = numba.njit(cache=all(map(model_code, models)), **called, **OPTIONS)(function)
        finally:
            config.CACHE_DIR = before
    return _entries[key]


@functools.cache
def compiled(function: Callable) -> Any:
    """Return the entry point of a function that reaches no neuron model, hashed once in a process."""
    return entry_point(function, ())


def address_of(entry: Any, kinds: tuple[Any, ...]) -> int:
    """Return the address of an entry point for arguments of these numba types, compiled if it is new.

    There a C function takes them by value. The address is valid as long as the process lives.
    """
    entry.compile(kinds)
    made = entry.overloads[kinds]
    return int(made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name))


@intrinsic
def call_at(typingctx, address, arguments):  # type: ignore[no-untyped-def]
    """``call_at(address, arguments)``, in a kernel: call what `address_of` found with a tuple."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        kinds = [context.get_value_type(kind) for kind in arguments]
        made = ir.FunctionType(context.get_value_type(types.none), kinds)
        values = cgutils.unpack_tuple(builder, args[1], len(kinds))
        builder.call(builder.inttoptr(args[0], made.as_pointer()), values)
        return context.get_dummy_value()

    return types.none(types.int64, arguments), codegen


def cache_root() -> Path:
    """Return the folder that holds compiled code: $NUMBA_CACHE_DIR, else a folder in the user's cache."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        return Path(os.environ["NUMBA_CACHE_DIR"]) / "burstprop"
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", base)
    return Path(base) / "burstprop"


def source_fingerprint(models: Iterable[type]) -> str:
    """Hash the sources of the engine, the code of the given neuron models, the jit options and versions."""
    digest = hashlib.sha256()
    digest.update(
        repr(
            (
                sorted(OPTIONS.items(), key=str),
                config.CPU_FEATURES,
                numba.__version__,
                np.__version__,
                sys.version_info[:3],
            )
        ).encode()
    )
    digest.update(_ENGINE)
    for code in sorted({model_code(model) or b"not cached" for model in models}):
        digest.update(code)
    return digest.hexdigest()


def _hash_files(files: Iterable[Path]) -> bytes:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(str(path).encode())
        digest.update(path.read_bytes())
    return digest.digest()


_ENGINE = _hash_files(path for folder in COMPILED_SOURCES for path in (PACKAGE / folder).rglob("*.py"))
