"""Arrays in an .npz file: written completely or not at all, and read only when they are whole."""

from __future__ import annotations

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from burstprop.errors import BurstpropError
from burstprop.system.files import writing


def write_arrays(path: str | Path, arrays: dict[str, np.ndarray], *, compress: bool) -> Path:
    """Write arrays under their names; a checksum of each is stored with it.

    Raises
    ------
    BurstpropError
        The file cannot be written.
    """
    path = Path(path)
    with writing(path) as temporary, open(temporary, "wb") as file:
        # numpy's types take every keyword for one of its own options
        (np.savez_compressed if compress else np.savez)(file, **arrays)  # type: ignore[arg-type]
    return path


def read_arrays(path: str | Path, what: str) -> dict[str, np.ndarray]:
    """Read all arrays of an .npz file, checking that it is whole.

    Raises
    ------
    BurstpropError
        There is no such file, or it is truncated or altered (every array carries a checksum).
    """
    path = Path(path)
    if not path.is_file():
        raise BurstpropError(f"no file {str(path)!r}: give the path of {what}")
    try:
        # opened here, because numpy leaves a file open in which it does not find what it looks for
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, BadZipFile, zlib.error) as error:
        raise BurstpropError(
            f"{str(path)!r} cannot be read as {what}: it is truncated or altered ({error})"
        ) from None
