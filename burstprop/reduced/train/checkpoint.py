"""Checkpoints: what a run needs to go on as if it had not stopped, in one file that is whole or not there.

A checkpoint holds the plan of the run, the network, the optimizer, the place in the data (epoch and step)
and how long the log was. It holds no random state, because there is none: see
`burstprop.reduced.data.streams`. It is written with ``torch.save``, that is, as a zip archive with a checksum
of every part, which are compared before anything is read, and read with ``weights_only=True``, which loads
tensors, numbers, text and containers and runs no code that is pickled in it. The plan names the rule of the
run, and a rule of one's own is code in a file: `burstprop.reduced.train.rule_files` says when that is run.
"""

from __future__ import annotations

import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from burstprop.errors import BurstpropError
from burstprop.system.files import writing

FORMAT = 1
CHECKPOINT_FILE = "checkpoint.pt"
_KEYS = ("format", "plan", "network", "optimizer", "epoch", "step", "log_bytes", "history", "seconds")


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint atomically; raises BurstpropError where the file cannot be written."""
    with writing(path) as temporary:
        try:
            torch.save({"format": FORMAT, **content}, temporary)
        except RuntimeError as error:
            # what PyTorch's writer of zip archives makes of a disk that is full
            raise OSError("only a part of it was written") from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint (its tensors to the CPU).

    Raises
    ------
    BurstpropError
        When there is none, when it is damaged or no checkpoint of burstprop, or of another format.
    """
    if path.is_dir():
        path = path / CHECKPOINT_FILE
    if not path.is_file():
        raise BurstpropError(
            f"there is no checkpoint {str(path)!r}; give the folder that a run wrote (--out DIR of "
            "`burstprop train`) "
            "or its checkpoint.pt"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive, path.stat().st_size)
            damaged = archive.testzip()  # torch.load compares no checksums
        if damaged is not None:
            raise zipfile.BadZipFile(f"the checksum of its part {damaged!r} is wrong")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (
        OSError,
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        zlib.error,
        struct.error,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as error:
        raise BurstpropError(
            f"{str(path)!r} is not a sound checkpoint ({_first_line(error)}); put a sound copy in its place, "
            "or remove it and train again"
        ) from None
    if not isinstance(content, dict) or any(key not in content for key in _KEYS):
        raise BurstpropError(f"{str(path)!r} is not a checkpoint of `burstprop train`")
    if content["format"] != FORMAT:
        raise BurstpropError(
            f"{str(path)!r} has checkpoint format {content['format']}, this version of burstprop reads "
            f"{FORMAT}; "
            "go on with the version that wrote it"
        )
    return content


def _check_sizes(archive: zipfile.ZipFile, bytes_of_file: int) -> None:
    """Raise BadZipFile for an archive that would unpack to more than it is: torch.save compresses nothing."""
    parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
        raise zipfile.BadZipFile("a part of it is compressed")
    if sum(part.file_size for part in parts) > bytes_of_file:
        raise zipfile.BadZipFile("its parts are larger than the file")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
