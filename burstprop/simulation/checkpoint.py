"""The file of a saved simulation: its arrays, and the circuit, seed and code that they belong to."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import json
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from burstprop.circuit import Circuit, Population
from burstprop.errors import BurstpropError
from burstprop.jit.model_code import codes, reached
from burstprop.system.files import plain
from burstprop.system.npz import read_arrays, write_arrays


def write_checkpoint(path: str | Path, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> Path:
    """Write arrays and what they belong to, completely or not at all.

    Raises
    ------
    BurstpropError
        The file cannot be written.
    """
    return write_arrays(path, arrays | {"meta": np.array(json.dumps(plain(meta)))}, compress=False)


def read_checkpoint(
    path: str | Path, expected: dict[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `write_checkpoint` wrote, where it belongs to what is ``expected``.

    Raises
    ------
    BurstpropError
        The file is missing, truncated or altered, or belongs to something else.
    """
    arrays = read_arrays(path, "a saved simulation")
    try:
        meta = json.loads(str(arrays.pop("meta")))
        for what, value in expected.items():
            if meta.get(what) != value:
                raise BurstpropError(
                    f"{str(path)!r} was saved with another {what} ({meta.get(what)}, not {value}): resume it "
                    "with the circuit, the settings and the version of burstprop it was started with"
                )
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise no_checkpoint(path, error) from None
    return arrays, meta


def code_of(circuit: Circuit) -> dict[str, str]:
    """Return a short hash of the code of every neuron model and waveform, by what uses it.

    The circuit's fingerprint knows a class by its name and what it holds; this one tells a model from itself
    with another step, and a waveform from itself with another ``current``.
    """
    found = {}
    for population in circuit.populations:
        if isinstance(population, Population):
            model: Any = type(population.neuron)
            found[f"model of population {population.name!r}"] = _model(model)
    for current in circuit.currents:
        what = f"waveform of the current into {current.population}.{current.compartment}"
        kind: Any = type(current.waveform)
        found[what] = " + ".join([*([found[what]] if what in found else []), _waveform(kind)])
    return found


@functools.cache
def _model(model: Any) -> str:
    inside = reached(model)
    functions = [model.derived, *inside.functions.values()]
    return f"{model.__name__} {_name_of_code(functions, inside.values.values())}"


@functools.cache
def _waveform(kind: Any) -> str:
    named = _name_of_code([function] if (function := getattr(kind, "current", None)) else [])
    return f"{kind.__name__} {named}"


def _name_of_code(functions: Iterable[Callable], values: Iterable[str] = ()) -> str:
    digest = hashlib.sha256("".join(_text(function) for function in functions).encode())
    digest.update("".join(values).encode())
    return digest.hexdigest()[:8]


def _text(function: Callable) -> str:
    """Return a function as text without its comments; the same in every version of Python.

    Where there is no file to read, as in a prompt, that is what it was compiled to.
    """
    try:
        return ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(function))))
    except (OSError, TypeError, SyntaxError):
        compiled = codes(function.__code__) if isinstance(function, FunctionType) else ()
        return repr([(code.co_code, code.co_names, _plain_constants(code)) for code in compiled])


def _plain_constants(code: CodeType) -> list[Any]:
    """Return the constants of a function without the functions inside it, whose text holds an address."""
    return [constant for constant in code.co_consts if not isinstance(constant, CodeType)]


def no_checkpoint(path: str | Path, error: Exception) -> BurstpropError:
    """Return the error for a file that is not a saved simulation."""
    return BurstpropError(f"{str(path)!r} is not a simulation saved by burstprop ({error})")
