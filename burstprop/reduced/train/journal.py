"""The log of a run: one JSON object a line, and TensorBoard on request.

Each line has an ``event``: ``start``, ``resume``, ``epoch``, ``layer`` (one line for each layer and epoch),
``broken_image``, ``warning``, ``diverged``, ``end``. A resumed run cuts the log to where its checkpoint
was, so that no epoch stands twice. An ``epoch`` line holds, over the epoch, train_loss and
train_error_percent (as the weights were when each image came, augmented), validation_loss and
validation_error_percent after it, learning_rate (that with which the epoch began; a schedule may change it
within the epoch), seconds (of training alone) and images_per_second. `read_log` gives the lines of one kind
as a frame.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from burstprop.errors import BurstpropError
from burstprop.system.files import plain

LOG_FILE = "log.jsonl"


class Journal:
    """Writes the log of a run.

    Parameters
    ----------
    folder : path, optional
        Where ``log.jsonl`` is written; None writes nothing (processes that do not lead).
    keep_bytes : int
        Length of the log at the checkpoint that the run goes on from; what came later is cut off.
    tensorboard : bool
        Also write the numbers of every epoch for TensorBoard, to ``folder/tensorboard``.
    epoch : int
        Epochs finished at that checkpoint; TensorBoard drops what it has of later ones.

    Raises
    ------
    BurstpropError
        When TensorBoard is asked for and not installed.
    """

    def __init__(
        self, folder: Path | None, keep_bytes: int = 0, tensorboard: bool = False, epoch: int = 0
    ) -> None:
        """Open the log; see the class."""
        self._file = None
        self._board: Any = None
        if folder is None:
            return
        self._path = folder / LOG_FILE
        with _written(self._path):
            self._file = open(self._path, "ab")  # noqa: SIM115 - closed by close()
            if self._file.tell() > keep_bytes:
                self._file.truncate(keep_bytes)
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise BurstpropError(
                    "TensorBoard is not installed: pip install 'burstprop[tensorboard]', or leave out "
                    "--tensorboard"
                ) from None
            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=epoch + 1)

    def write(self, event: str, **values: Any) -> None:
        """Write one line."""
        if self._file is not None:
            line = json.dumps(plain({"event": event, **values}), ensure_ascii=False, allow_nan=False)
            with _written(self._path):
                self._file.write(line.encode() + b"\n")
                self._file.flush()
        if self._board is not None and "epoch" in values:
            prefix = f"{values['layer']}/" if "layer" in values else ""
            for name, value in values.items():
                if isinstance(value, int | float) and name not in ("epoch", "step"):
                    self._board.add_scalar(prefix + name, value, values["epoch"])

    def bytes_written(self) -> int:
        """Return the length of the log, all of it on the disk."""
        if self._file is None:
            return 0
        with _written(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Close the files."""
        if self._file is not None:
            # what could not be written before cannot be written now; that was said then
            with contextlib.suppress(OSError):
                self._file.close()
        if self._board is not None:
            self._board.close()


@contextlib.contextmanager
def _written(path: Path) -> Iterator[None]:
    """Raise BurstpropError where the log cannot be written."""
    try:
        yield
    except OSError as error:
        raise BurstpropError(
            f"{str(path)!r} could not be written ({error.strerror or error}): make room, then go on "
            "(--resume), or give another folder (--out DIR)"
        ) from error


def read_log(folder: str | Path, event: str = "epoch") -> pd.DataFrame:
    """Return the lines of one kind of a run's log as a frame, without the column ``event``.

    Raises
    ------
    BurstpropError
        When the folder holds no log.
    """
    path = Path(folder) / LOG_FILE
    if not path.is_file():
        raise BurstpropError(f"{str(path)!r} is not there; give the folder that a run wrote (--out DIR)")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    chosen = [line for line in lines if line["event"] == event]
    return pd.DataFrame(chosen).drop(columns="event") if chosen else pd.DataFrame()
