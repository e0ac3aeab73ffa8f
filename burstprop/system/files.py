"""Write files completely or not at all; find out before the work whether a folder can be written.

Everything burstprop saves goes through `writing`: the content goes to a temporary name in the same folder,
is flushed to the disk, and takes its final name in one step (`os.replace`). A process killed in the middle
leaves the old file, or none, never half of one.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from burstprop.errors import BurstpropError


def writable_folder(folder: str | os.PathLike[str]) -> Path:
    """Make ``folder`` where it does not exist, prove that a file can be written there, and return its path.

    Raises
    ------
    BurstpropError
        The folder cannot be made or written; says why and what to do.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise BurstpropError(
            f"output folder {str(path)!r} cannot be written ({error.strerror or error}): "
            "give another folder, or make this one writable"
        ) from None
    return path


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``path``; what was written there becomes ``path`` if nothing went wrong.

    The temporary name keeps the suffix of ``path``, for writers that choose the format by it.

    Raises
    ------
    BurstpropError
        The file could not be written (folder missing, no permission, disk full).
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise BurstpropError(
            f"{str(path)!r} could not be written ({error.strerror or error}): "
            "make room or give another folder"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the folder may not be one
            temporary.unlink(missing_ok=True)


def remove_partial(folder: str | os.PathLike[str]) -> None:
    """Remove the temporary files that killed processes left; nobody else may be writing in the folder."""
    for path in Path(folder).glob(".*.partial*"):
        path.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write a text file (UTF-8) atomically and return its path."""
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def write_json(path: str | os.PathLike[str], content: Any) -> Path:
    """Write a JSON file atomically and return its path; NumPy numbers become numbers, NaN becomes null."""
    return write_text(path, json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """Return ``value`` in JSON's types: NumPy as numbers and lists, paths as text, NaN as null.

    Raises
    ------
    TypeError
        Something that JSON has no form for.
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else (None if math.isnan(value) else str(value))
    if value is None or isinstance(value, str | int | bool):
        return value
    raise TypeError(f"no JSON form for {type(value).__name__}: {value!r}")
