"""Finds the code and the numbers that a neuron model's compiled functions use, so that any change is noticed.

A model's step may call functions of other files, take numbers from outside, or come out of a function that
makes models. `reached` follows all that; `model_code` hashes it for the cache of compiled code, and
checkpoints name it.
"""

from __future__ import annotations

import dis
import hashlib
import marshal
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numba
import numpy as np

from burstprop.fingerprint import is_importable

COMPILED_SOURCES = ("jit", "engine", "neurons")
FUNCTIONS = ("step", "margin", "spike")
"""The functions of a neuron model that are compiled."""
COVERED = ("numpy", "math", "numba", "builtins", *(f"burstprop.{folder}" for folder in COMPILED_SOURCES))
"""Modules whose version or source is part of the hash already."""

_models: dict[type, bytes | None] = {}


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
    """Whether that is all."""


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
    # an object without a name is not the module's own, but an instance of a class of the module
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
