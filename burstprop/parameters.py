"""Fields that know their unit and bounds; their check, and the table printed from them.

A description (neuron, synapse, projection, circuit parameters) is a frozen dataclass whose fields are made by
`quantity`. Its ``__post_init__`` calls `validate`. A field may hold one number, or, where
``per_neuron=True``, a one-dimensional array with one number per neuron.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from burstprop.errors import BurstpropError, near

T = TypeVar("T")


class PerNeuron:
    """Type of a field that takes one number, or an array of shape (n,) with one number per neuron.

    For type checkers only: such a field may be given either, and is read as it was given.
    """

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: type | None = None) -> Any: ...  # noqa: D105
        def __set__(self, instance: object, value: float | ArrayLike) -> None: ...  # noqa: D105


def quantity(
    default: float | int | bool | None,
    unit: str,
    doc: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
    per_neuron: bool = False,
    optional: bool = False,
    whole: bool = False,
) -> Any:
    """Declare a dataclass field with unit, meaning and bounds.

    Parameters
    ----------
    default : number, bool or None
        The published default, or another that the model states.
    unit : str
        ``"ms"``, ``"mV"``, ``"pA"``, ``"pF"``, ``"nS"``, ``"Hz"``, ``"1"`` for a pure number, ``""`` for a
        switch.
    doc : str
        What it is, one line.
    low, high : float
        Bounds, inclusive; ``open_low`` excludes the lower one, ``open_high`` the upper one.
    per_neuron : bool
        An array of one value per neuron is accepted too.
    optional : bool
        None is accepted.
    whole : bool
        Only whole numbers are accepted, as always where the default is one.
    """
    metadata = dict(
        unit=unit,
        doc=doc,
        low=low,
        high=high,
        open_low=open_low,
        open_high=open_high,
        per_neuron=per_neuron,
        optional=optional,
        whole=whole,
    )
    return dataclasses.field(default=default, metadata=metadata)


def allowed(metadata: Any) -> str:
    """Return the allowed range of a field in words, with its unit."""
    low, high, unit = metadata["low"], metadata["high"], metadata["unit"]
    unit = f" {unit}" if unit not in ("", "1") else ""
    if math.isinf(low) and math.isinf(high):
        return f"any finite number{unit and ' of' + unit}"
    above = f"{'above' if metadata['open_low'] else 'at least'} {low:g}"
    below = f"{'below' if metadata['open_high'] else 'at most'} {high:g}"
    if math.isinf(high):
        return f"{above}{unit}"
    if math.isinf(low):
        return f"{below}{unit}"
    if metadata["open_low"] or metadata["open_high"]:
        return f"{above} and {below}{unit}"
    return f"between {low:g} and {high:g}{unit}"


def validate(obj: Any) -> None:
    """Check every `quantity` of a dataclass instance.

    Raises
    ------
    BurstpropError
        A value is out of bounds; the message names the field, the value with its unit, and what is allowed.
    """
    for field in dataclasses.fields(obj):
        meta = field.metadata
        if "unit" not in meta:
            continue
        check_value(f"{type(obj).__name__}.{field.name}", getattr(obj, field.name), meta, _kind(field))


def _kind(field: Any) -> type:
    """Return the type of a field's values, None apart."""
    return int if field.metadata.get("whole") else type(field.default)


def check_value(name: str, value: Any, meta: Any, default_type: type = float) -> None:
    """Check one value against the metadata of a `quantity`; see `validate`."""
    if value is None and meta["optional"]:
        return
    unit = f" {meta['unit']}" if meta["unit"] not in ("", "1") else ""
    if default_type is bool:
        if not isinstance(value, bool | np.bool_):
            raise BurstpropError(f"{name} = {value!r}: a switch, give True or False")
        return
    array = np.asarray(value)
    if array.dtype == object or array.dtype.kind not in "fiu":
        raise BurstpropError(f"{name} = {value!r}: give a number{unit and ' in' + unit}, {allowed(meta)}")
    if array.ndim > (1 if meta["per_neuron"] else 0):
        what = (
            "one number, or one per neuron (a one-dimensional array)" if meta["per_neuron"] else "one number"
        )
        raise BurstpropError(f"{name} has shape {array.shape}: give {what}{unit and ' in' + unit}")
    if default_type is int and array.dtype.kind == "f":
        raise BurstpropError(f"{name} = {value!r}: give a whole number, {allowed(meta)}")
    bad = ~np.isfinite(array) | (array < meta["low"]) | (array > meta["high"])
    if meta["open_low"]:
        bad |= array <= meta["low"]
    if meta["open_high"]:
        bad |= array >= meta["high"]
    if np.any(bad):
        shown = (
            f"{array[()]:g}" if array.ndim == 0 else f"{array[bad][0]:g} (neuron {np.flatnonzero(bad)[0]})"
        )
        finite = "" if np.all(np.isfinite(array)) or allowed(meta).startswith("any finite") else "finite and "
        doc = f" ({meta['doc']})" if meta["doc"] else ""
        raise BurstpropError(f"{name} = {shown}{unit}: must be {finite}{allowed(meta)}{doc}")


class Named:
    """Base of descriptions: a wrong field name is refused, and the near ones are listed."""

    def __new__(cls, *values: Any, **named: Any) -> Self:
        """Check the names before the dataclass does.

        Raises
        ------
        BurstpropError
            A given name is not a field.
        """
        if dataclasses.is_dataclass(cls):
            known = [field.name for field in dataclasses.fields(cls) if field.init]
            for name in named:
                if name not in known:
                    raise BurstpropError(f"{cls.__name__} has no field {name!r}: {near(name, known)}")
        return super().__new__(cls)


def documented(cls: type[T]) -> type[T]:
    """Append the fields of a dataclass to its docstring: default, unit, bounds, meaning.

    They are those of `quantity`, so that ``help`` tells what the code checks.

    Raises
    ------
    BurstpropError
        A field has no meaning (``doc`` in its metadata).

    Examples
    --------
    >>> @documented
    ... @dataclasses.dataclass(frozen=True)
    ... class Cell:
    ...     '''A cell.'''
    ...
    ...     tau_ms: float = quantity(20.0, "ms", "membrane time constant", low=0, open_low=True)
    >>> print(Cell.__doc__)
    A cell.
    <BLANKLINE>
    Parameters
    ----------
    tau_ms : number, default 20 ms
        Membrane time constant; above 0 ms.
    """
    fields: Any = dataclasses.fields(cls)  # type: ignore[arg-type]
    lines = [line for field in fields for line in _documented_field(cls.__name__, field)]
    text = inspect.cleandoc(cls.__doc__ or "")
    head, raises, tail = text.partition("\n\nRaises\n------")
    cls.__doc__ = "\n".join([head, "", "Parameters", "----------", *lines]) + raises + tail
    return cls


def _documented_field(owner: str, field: Any) -> list[str]:
    """Return name, kind and default of a field, and under it its meaning and what is allowed."""
    meta = field.metadata
    if "doc" not in meta:
        raise BurstpropError(f"{owner}.{field.name} has no meaning: give its metadata a 'doc'")
    meaning = meta["doc"][:1].upper() + meta["doc"][1:]
    if "unit" not in meta:
        kind = type(field.default).__name__
        return [f"{field.name} : {kind}, default {field.default!r}", f"    {meaning}."]
    unit = f" {meta['unit']}" if meta["unit"] not in ("", "1") else ""
    if isinstance(field.default, bool):
        return [f"{field.name} : bool, default {field.default}", f"    {meaning}."]
    kind = "whole number" if _kind(field) is int else "number"
    kind += " or array of shape (n,)" * meta["per_neuron"] + " or None" * meta["optional"]
    default = field.default if field.default is None else f"{field.default:g}{unit}"
    return [f"{field.name} : {kind}, default {default}", f"    {meaning}; {allowed(meta)}."]


def replace(obj: Any, **changes: Any) -> Any:
    """Return a copy of a description with some fields changed; an unknown name lists the near ones."""
    names = {field.name for field in dataclasses.fields(obj)}
    for name in changes:
        if name not in names:
            raise BurstpropError(f"{type(obj).__name__} has no field {name!r}: {near(name, names)}")
    return dataclasses.replace(obj, **changes)


def parse(obj: Any, settings: list[str]) -> Any:
    """Return a copy of a description changed by strings ``NAME=VALUE``, as typed on a command line.

    A field whose metadata names an ``option`` is changed by that option of the command line, not here.

    Raises
    ------
    BurstpropError
        For a name that is not known (lists the near ones) or set twice, or a value that is no such number or
        switch.
    """
    fields = {field.name: field for field in dataclasses.fields(obj)}
    changes: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip()
        if not equals:
            example = next(iter(fields))
            raise BurstpropError(
                f"setting {setting!r}: write NAME=VALUE, for example {example}={getattr(obj, example)}"
            )
        if name not in fields:
            raise BurstpropError(f"{type(obj).__name__} has no field {name!r}: {near(name, fields)}")
        if "option" in fields[name].metadata:
            option = fields[name].metadata["option"]
            raise BurstpropError(f"{name} = {text.strip()!r}: not changed by NAME=VALUE, use {option}")
        if name in changes:
            raise BurstpropError(f"{name} is set twice, also to {text.strip()!r}: set it once")
        changes[name] = _parse_value(name, text.strip(), fields[name])
    return dataclasses.replace(obj, **changes)


def _parse_value(name: str, text: str, field: Any) -> Any:
    kind = _kind(field)
    if kind is bool:
        if text.lower() in ("true", "yes", "on", "1"):
            return True
        if text.lower() in ("false", "no", "off", "0"):
            return False
        raise BurstpropError(f"{name} = {text!r}: a switch, give true or false")
    if kind is str:
        return text
    if field.metadata.get("optional") and text.lower() == "none":
        return None
    try:
        return int(text) if kind is int else float(text)
    except ValueError:
        unit = field.metadata.get("unit", "1")
        raise BurstpropError(
            f"{name} = {text!r}: give a {'whole ' if kind is int else ''}number"
            f"{f' in {unit}' if unit not in ('', '1') else ''}"
        ) from None


def parameter_rows(obj: Any) -> list[tuple[str, str, str, str]]:
    """Return (name, value, unit, meaning) of every field of a description, as text."""
    rows = []
    for field in dataclasses.fields(obj):
        value = getattr(obj, field.name)
        if isinstance(value, np.ndarray) and value.ndim:
            text = f"{value.min():g} to {value.max():g} (per neuron)"
        elif isinstance(value, float):
            text = f"{value:g}"
        else:
            text = str(value)
        rows.append((field.name, text, field.metadata.get("unit", ""), field.metadata.get("doc", "")))
    return rows


def text_table(rows: Sequence[tuple[str, ...]], header: tuple[str, ...]) -> str:
    """Return rows of text as an aligned table."""
    table = [header, *rows]
    widths = [max(len(row[k]) for row in table) for k in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def parameter_table(obj: Any) -> str:
    """Return the fields of a description as a text table: name, value, unit, meaning."""
    return text_table(parameter_rows(obj), ("name", "value", "unit", "meaning"))
