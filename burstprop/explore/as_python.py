"""A circuit as a Python program that builds the same one and runs it.

The text names only what differs from the defaults, so it reads as a person would have written it. What it
makes is equal to the circuit, and has the same fingerprint where that holds plain numbers.

Example
-------
>>> from burstprop import Circuit, Constant, Current, Population, PyramidalNeuron
>>> circuit = Circuit(
...     (Population("pyr", 10, PyramidalNeuron()),), currents=(Current("pyr", "soma", Constant(300.0)),)
... )
>>> print(as_python(circuit, duration_ms=1000.0, seed=1).split("\\n\\n")[1])
circuit = Circuit(
    populations=(Population("pyr", 10, PyramidalNeuron()),),
    currents=(Current("pyr", "soma", Constant(300.0)),),
)
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import burstprop
from burstprop.errors import BurstpropError
from burstprop.fingerprint import fingerprint

if TYPE_CHECKING:
    from burstprop import Circuit

WIDTH = 100
LONGEST_ARRAY = 1000
"""Values of an array that a program of this kind may hold."""


def as_python(circuit: Circuit, *, duration_ms: float, seed: int) -> str:
    """Return a program that builds ``circuit``, runs it for ``duration_ms`` and prints its rates.

    Raises
    ------
    BurstpropError
        The circuit holds what no short program can: a large matrix or array, an object without a text.
    """
    writer = _Writer()
    built = writer.text(circuit, "circuit", 0)
    imports = writer.imports({"simulate": "burstprop"})
    return (
        f"{imports}\n\n"
        f"circuit = {built}\n\n"
        f"recording = simulate(circuit, duration_ms={duration_ms!r}, seed={seed})\n"
        "print(recording.rates.tail())\n"
    )


class _Writer:
    """Writes objects as Python and keeps in mind what has to be imported."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def imports(self, more: dict[str, str]) -> str:
        """Return the import statements of all that was written, and of ``more`` (name -> module)."""
        modules = defaultdict(list)
        for name, module in (self._names | more).items():
            if name != "numpy":
                modules[module].append(name)
        lines = ["import numpy as np", ""] if "numpy" in self._names else []
        for module, names in sorted(modules.items()):
            line = f"from {module} import {', '.join(sorted(names))}"
            if len(line) > WIDTH:
                listed = "".join(f"    {name},\n" for name in sorted(names))
                line = f"from {module} import (\n{listed})"
            lines.append(line)
        return "\n".join(lines)

    def text(self, obj: Any, where: str, indent: int) -> str:
        """Return the expression that makes ``obj``; ``where`` is its name in a message."""
        if is_dataclass(obj) and not isinstance(obj, type):
            return self._call(obj, where, indent)
        if isinstance(obj, tuple | list):
            items = [self.text(item, f"{where}[{k}]", indent + 4) for k, item in enumerate(obj)]
            return _joined("(", items, ")", indent, lone_comma=True)
        if isinstance(obj, np.ndarray):
            return self._array(obj, where)
        if isinstance(obj, str):
            return json.dumps(obj, ensure_ascii=False)
        if isinstance(obj, np.generic):
            obj = obj.item()
        if obj is None or isinstance(obj, bool | int | float):
            return repr(obj)
        raise BurstpropError(
            f"{where} is a {type(obj).__name__}, which has no text as Python: make its class a frozen "
            "dataclass, or write the program by hand"
        )

    def _call(self, obj: Any, where: str, indent: int) -> str:
        kind = type(obj)
        public = kind.__name__ in burstprop.__all__
        self._names[kind.__name__] = "burstprop" if public else kind.__module__
        arguments = []
        positional = True
        for field, value in _needed(obj):
            first = _required(field) or field is fields(obj)[0]
            positional = positional and first and not isinstance(value, tuple)
            written = self.text(value, f"{where}.{field.name}", indent + 4)
            arguments.append(written if positional else f"{field.name}={written}")
        return _joined(f"{kind.__name__}(", arguments, ")", indent)

    def _array(self, array: np.ndarray, where: str) -> str:
        if array.size > LONGEST_ARRAY or array.dtype.hasobject:
            raise BurstpropError(
                f"{where} holds {array.size} values; a program made here holds up to {LONGEST_ARRAY}: load "
                "them from a file, in a program of your own"
            )
        self._names["numpy"] = "numpy"
        return f'np.array({array.tolist()!r}, dtype="{array.dtype}")'


def _required(field: Field) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _needed(obj: Any) -> list[tuple[Field, Any]]:
    """Return the fields that a call has to give so that it makes an equal object."""
    given = {field.name: getattr(obj, field.name) for field in fields(obj) if field.init}
    same = fingerprint(obj)
    for field in fields(obj):
        if _required(field) or not field.init:
            continue
        rest = {name: value for name, value in given.items() if name != field.name}
        try:
            if fingerprint(type(obj)(**rest)) == same:
                given = rest
        except BurstpropError:
            continue
    return [(field, given[field.name]) for field in fields(obj) if field.name in given]


def _joined(opening: str, items: list[str], closing: str, indent: int, lone_comma: bool = False) -> str:
    """Return items on one line where they fit, otherwise one on a line."""
    comma = "," if lone_comma and len(items) == 1 else ""
    line = f"{opening}{', '.join(items)}{comma}{closing}"
    if "\n" not in line and len(line) + indent < WIDTH:
        return line
    space = " " * (indent + 4)
    listed = "".join(f"{space}{item},\n" for item in items)
    return f"{opening}\n{listed}{' ' * indent}{closing}"
