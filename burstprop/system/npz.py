"""Arrays in an .npz file: written completely or not at all, and read only when they are whole."""

from __future__ import annotations

import tokenize
import zlib
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile

import numpy as np

from burstprop.errors import BurstpropError
from burstprop.system.files import writing
from burstprop.system.memory import free_memory

UNREADABLE = (
    *(OSError, ValueError, EOFError, KeyError, NotImplementedError, BadZipFile, zlib.error),
    *(SyntaxError, tokenize.TokenError),
)
"""What numpy raises for a file that is not an archive of arrays; the last two for an altered header."""


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
        There is no such file, it is truncated or altered (every array carries a checksum), or what it holds
        does not fit into the memory that is free.
    """
    path = Path(path)
    if not path.is_file():
        raise BurstpropError(f"no file {str(path)!r}: give the path of {what}")
    try:
        # opened here, because numpy leaves a file open in which it does not find what it looks for
        with open(path, "rb") as stream:
            _check_size(path, stream)
            with np.load(stream, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
    except UNREADABLE as error:
        # numpy advises to allow pickles, which run code
        reason = "it holds Python objects" if "allow_pickle" in str(error) else str(error)
        raise BurstpropError(
            f"{str(path)!r} cannot be read as {what}: it is truncated or altered ({reason})"
        ) from None
    except MemoryError:
        raise BurstpropError(
            f"{str(path)!r} cannot be read as {what}: an array in it does not fit into memory"
        ) from None


def _check_size(path: Path, stream: BinaryIO) -> None:
    """Refuse a file that unpacks to more than there is memory, before any of it is unpacked."""
    with ZipFile(stream) as archive:
        # no more than this is unpacked, whatever the data say
        size = sum(part.file_size for part in archive.infolist())
    stream.seek(0)
    if size > free_memory():
        raise BurstpropError(
            f"{str(path)!r} unpacks to {size / 1e9:,.1f} GB and {free_memory() / 1e9:,.1f} GB of memory are "
            "free: read it on a larger machine, if it is from somebody you trust"
        )
