"""A hash of a whole description: equal hashes mean equal descriptions.

It must be the same in every process, or a saved run could not go on. So nothing whose text holds an address
enters it: an object without a description of its own is hashed by what it holds, or refused.

A hash of a description is this one. Others stand where something else is hashed: of the compiled code, as the
key of its cache (`burstprop.jit.kernel`, and `burstprop.jit.model_code` for one model); of the text of all
modules that a run reaches (`burstprop.runs.run_code`); of the text of one circuit's models, which a saved
simulation belongs to (`burstprop.simulation.checkpoint`); of files (`burstprop.runs.pieces`).
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from burstprop.errors import BurstpropError

_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")


def fingerprint(description: Any) -> str:
    """Return the hash of a frozen dataclass and all it holds: numbers, text, arrays, sparse matrices.

    An object of another kind, a waveform of the user's for example, counts with its class and its attributes,
    or with the ``repr`` of its own; a function with its module and name.

    Raises
    ------
    BurstpropError
        Something can only be told apart by its address in memory, or its text leaves values out.
    """
    digest = hashlib.sha256()
    _hash_into(digest, description, type(description).__name__)
    return digest.hexdigest()


def _hash_into(digest: Any, obj: Any, where: str) -> None:
    """Hash an object; ``where`` is its name in a message."""
    if is_dataclass(obj) and not isinstance(obj, type):
        digest.update(type(obj).__qualname__.encode())
        _hash_attributes(digest, {f.name: getattr(obj, f.name) for f in fields(obj)}, type(obj).__name__)
    elif isinstance(obj, np.ndarray) and not obj.dtype.hasobject:
        digest.update(repr((obj.dtype.str, obj.shape)).encode() + np.ascontiguousarray(obj).tobytes())
    elif hasattr(obj, "indptr"):
        for array in (obj.indptr, obj.indices, obj.data):
            _hash_into(digest, np.asarray(array), where)
    elif isinstance(obj, tuple | list):
        _hash_items(digest, obj, where)
    elif isinstance(obj, dict):
        for key in sorted(obj, key=repr):
            _hash_items(digest, (key, obj[key]), f"{where}[{key!r}]")
    elif isinstance(obj, set | frozenset):
        # their order depends on the process
        _hash_items(digest, sorted(obj, key=repr), where)
    elif callable(obj) and is_importable(obj):
        digest.update(f"{obj.__module__}.{obj.__qualname__}".encode())
    elif type(obj).__repr__ is object.__repr__:
        digest.update(type(obj).__qualname__.encode())
        _hash_attributes(digest, dict(sorted(_attributes(obj, where).items())), type(obj).__name__)
    else:
        digest.update(_text(obj, where).encode())


def _hash_attributes(digest: Any, attributes: dict[str, Any], owner: str) -> None:
    for name, value in attributes.items():
        digest.update(name.encode())
        _hash_into(digest, value, f"{owner}.{name}")


def _hash_items(digest: Any, items: Iterable[Any], where: str) -> None:
    for item in items:
        if is_dataclass(item):
            _hash_into(digest, item, where)
        else:  # bracketed: (1, 23) is not (12, 3)
            digest.update(b"(")
            _hash_into(digest, item, where)
            digest.update(b")")


def is_importable(obj: Any) -> bool:
    """Return whether an object is what its module holds under its name: a function or a class."""
    found: Any = sys.modules.get(getattr(obj, "__module__", None) or "")
    for name in getattr(obj, "__qualname__", "").split("."):
        found = getattr(found, name, None)
    return found is obj


def _attributes(obj: Any, where: str) -> dict[str, Any]:
    """Return what an object without a ``repr`` of its own holds, in its ``__dict__`` and its slots."""
    if not hasattr(obj, "__dict__") and not hasattr(type(obj), "__slots__"):
        raise _refused(obj, where)
    state: Any = object.__getstate__(obj)
    in_dict, in_slots = state if isinstance(state, tuple) else (state, None)
    return {**(in_dict or {}), **(in_slots or {})}


def _text(obj: Any, where: str) -> str:
    text = repr(obj)
    if isinstance(obj, str):
        return text
    # what gives arrays (series, frames, tensors) prints the middle as dots
    if _ADDRESS.search(text) or (hasattr(obj, "__array__") and not isinstance(obj, np.generic)):
        raise _refused(obj, where)
    return text


def _refused(obj: Any, where: str) -> BurstpropError:
    kind = type(obj).__name__
    return BurstpropError(
        f"{where} holds a {kind} that the circuit's fingerprint cannot tell from another {kind}, so that a "
        "saved run could not be resumed; make its class a frozen dataclass or give it a __repr__ that shows "
        "all values, hold data as numpy arrays, and define functions by name at the top of a module"
    )
