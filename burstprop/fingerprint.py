"""A hash of everything that a description says: two descriptions with the same one are the same."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def fingerprint(description: Any) -> str:
    """Return the hash of a frozen dataclass and all it holds: numbers, text, arrays, sparse matrices."""
    digest = hashlib.sha256()
    _hash_into(digest, description)
    return digest.hexdigest()


def _hash_into(digest: Any, obj: Any) -> None:
    if is_dataclass(obj) and not isinstance(obj, type):
        digest.update(type(obj).__qualname__.encode())
        for f in fields(obj):
            digest.update(f.name.encode())
            _hash_into(digest, getattr(obj, f.name))
    elif isinstance(obj, tuple):
        for item in obj:
            _hash_into(digest, item)
    elif isinstance(obj, np.ndarray):
        digest.update(repr((obj.dtype.str, obj.shape)).encode() + np.ascontiguousarray(obj).tobytes())
    elif hasattr(obj, "indptr"):
        for array in (obj.indptr, obj.indices, obj.data):
            _hash_into(digest, np.asarray(array))
    elif type(obj).__repr__ is object.__repr__:
        # a waveform of the user's; its text would be an address, another one in every process
        digest.update(type(obj).__qualname__.encode())
        for name, value in sorted(vars(obj).items()):
            digest.update(name.encode())
            _hash_into(digest, value)
    else:
        digest.update(repr(obj).encode())
