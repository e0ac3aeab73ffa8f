"""The one place that holds numba's options, and the cache of compiled code that cannot go stale.

``kernel`` decorates every compiled function of the package. Of ``fastmath`` only ``contract`` is on: a
product and a sum become one fused instruction, which rounds once and takes a third off the neurons' time;
nothing is reordered, so a result does not depend on how loops are split. ``error_model="numpy"`` lets a
division stay a vector instruction (no branch that raises). On processors with AVX-512 the compiler is told to
use the full width, which it avoids by default.

numba's on-disk cache looks only at the file of the function that is cached, not at what that function calls.
So the entry point is decorated late, with a cache folder named by a hash of all that can be reached from it:
the package's own source files, read once, when they are imported (a process that lives on while they change
must not store its old code under the new name), and of a neuron model its functions as they are in memory,
with the functions that they call and the numbers that they take from outside (`reached`).
"""

from __future__ import annotations

import dis
import hashlib
import marshal
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import config

import burstprop.vector_width  # noqa: F401 - for its effect
from burstprop.fingerprint import is_importable

OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "boundscheck": False,
    "nogil": True,
    "fastmath": {"contract"},
}
COMPILED = not config.DISABLE_JIT
"""False where NUMBA_DISABLE_JIT asks for plain Python; intrinsics then have twins in Python."""
PACKAGE = Path(__file__).resolve().parent.parent
COMPILED_SOURCES = ("engine", "neurons")
FUNCTIONS = ("step", "margin", "spike")
"""What of a neuron model is compiled."""
COVERED = ("numpy", "math", "numba", "builtins", *(f"burstprop.{folder}" for folder in COMPILED_SOURCES))
"""Modules whose version or source is in the hash anyway."""


def kernel(function: Callable) -> Any:
    """Compile a function that other kernels call (it is compiled into its caller, and cached with it).

    Python cannot call it: without the wrapper for that, which would unpack every argument, a start takes half
    the time.
    """
    return numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False, **OPTIONS)(function)


_entries: dict[tuple[str, Callable, tuple[type, ...]], Any] = {}
_models: dict[type, bytes | None] = {}


def entry_point(function: Callable, models: Iterable[type]) -> Any:
    """Compile a function that Python calls, cached on disk under a hash of all the code that it reaches.

    Parameters
    ----------
    function : callable
        The plain Python function.
    models : iterable of classes
        Neuron models whose step is called.
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
            _entries[key] = numba.njit(cache=all(map(model_code, models)), **OPTIONS)(function)
        finally:
            config.CACHE_DIR = before
    return _entries[key]


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


def model_code(model: type) -> bytes | None:
    """Hash the compiled functions of a neuron model and all that they reach, as it is when first asked for.

    None where that must not be stored: another process would not find the class by its name (one typed into a
    prompt or a script, or made inside a function), or something cannot be followed. Then it is compiled every
    time.
    """
    if model not in _models:
        parts = [model, *(getattr(model, part) for part in ("State", "Constants", "Drive"))]
        found = reached(model)
        digest = hashlib.sha256()
        for part in parts:
            digest.update(repr((part.__module__, part.__qualname__, getattr(part, "_fields", ()))).encode())
        for name, function in found.functions.items():
            # version 2 of the format does not depend on how often an object is referred to
            digest.update(name.encode() + marshal.dumps(function.__code__, 2))
        digest.update(repr(found.values).encode())
        named = all(part.__module__ != "__main__" and is_importable(part) for part in parts)
        _models[model] = digest.digest() if named and found.complete else None
    return _models[model]


class Reached(NamedTuple):
    """What the compiled functions of a model are made of, by the names under which it is reached."""

    functions: dict[str, FunctionType]
    values: dict[str, str]
    complete: bool
    """Whether there is nothing beside it."""


def reached(model: type) -> Reached:
    """Follow the globals and closures of a model's compiled functions to other functions and to numbers.

    What belongs to numpy, numba or the engine is not followed, and counts with its name.
    """
    functions: dict[str, FunctionType] = {}
    values: dict[str, str] = {}
    unknown = []

    def follow(name: str, obj: Any) -> None:
        if obj is None or isinstance(obj, int | float | complex | str | np.generic | numba.types.Type):
            values[name] = repr(obj)
        elif isinstance(obj, np.ndarray):
            values[name] = repr((obj.dtype.str, obj.shape, obj.tobytes()))
        elif isinstance(obj, tuple):
            for k, part in enumerate(obj):
                follow(f"{name}[{k}]", part)
        elif _is_covered(obj):
            values[name] = f"{obj.__module__}.{getattr(obj, '__qualname__', obj)}"
        elif hasattr(obj, "targetoptions"):
            options = obj.targetoptions.items()
            # the order of a set differs from process to process
            values[name] = repr(sorted((k, sorted(v) if isinstance(v, set) else v) for k, v in options))
            follow_function(name, obj.py_func)
        elif isinstance(obj, FunctionType):
            # numba runs it by an overload, which may be of other code
            unknown.append(name)
            follow_function(name, obj)
        elif isinstance(obj, type) and hasattr(obj, "_fields"):
            values[name] = repr((obj.__qualname__, obj._fields))
        elif obj not in model.__mro__:  # a model names itself to get at its State
            unknown.append(name)

    def follow_function(name: str, function: FunctionType) -> None:
        if function not in functions.values():
            functions[name] = function
            for used, value in _used(function):
                follow(f"{name}: {used}", value)

    for name in FUNCTIONS:
        function = getattr(model, name)
        follow_function(name, getattr(function, "py_func", function))
    return Reached(functions, values, not unknown)


def _is_covered(obj: Any) -> bool:
    module = getattr(obj, "__module__", None) or ""
    # a thing without a name is not the module's own, but somebody's instance of its class
    return hasattr(obj, "__name__") and f"{module}.".startswith(tuple(f"{name}." for name in COVERED))


def _used(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield what a function takes from outside: globals, attributes of modules, closure, default values."""
    inside = list(codes(function.__code__))
    names = {i.argval for code in inside for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    for name in sorted(names & function.__globals__.keys()):
        value = function.__globals__[name]
        if isinstance(value, ModuleType):
            if value.__name__.split(".")[0] not in COVERED:
                for attribute in sorted({a for code in inside for a in code.co_names if hasattr(value, a)}):
                    yield f"{name}.{attribute}", getattr(value, attribute)
        else:
            yield name, value
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield name, cell.cell_contents
    yield "defaults", function.__defaults__


def codes(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of a function and of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def _hash_files(files: Iterable[Path]) -> bytes:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(str(path).encode())
        digest.update(path.read_bytes())
    return digest.digest()


_ENGINE = _hash_files(path for folder in COMPILED_SOURCES for path in (PACKAGE / folder).glob("*.py"))
