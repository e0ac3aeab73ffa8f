"""The checkpoints of one run: files of any kind, and ``checkpoint.json``, which names them.

The files come first, under new names; then ``checkpoint.json`` takes the place of the one before, in one
step; then the files that it no longer names are removed. A process killed at any moment leaves a checkpoint
that is whole. Size and checksum of every file stand in it, so one lost or altered is noticed before anything
counts on it.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from burstprop.errors import BurstpropError
from burstprop.runs.pieces import Piece, lost, pieces
from burstprop.system.files import write_json

CHECKPOINT_FILE = "checkpoint.json"
EVERY_S = 60.0
"""Wall time between two checkpoints, unless told otherwise."""


class Checkpoints:
    """The checkpoints in the folder of a run.

    Parameters
    ----------
    folder : Path
        Exists and can be written; nobody else works in it.
    every_s : float, optional
        Wall time between two checkpoints, `EVERY_S` where not given.

    Raises
    ------
    BurstpropError
        ``checkpoint.json`` cannot be read.
    """

    def __init__(
        self, folder: Path, every_s: float | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read what is there; see the class."""
        self.folder = folder
        self.every_s = EVERY_S if every_s is None else every_s
        self._clock = clock
        self._kept = clock()
        self.content: dict[str, Any] | None = None
        """What the last checkpoint holds; None where there is none."""
        self._files: dict[str, Piece] = {}
        path = folder / CHECKPOINT_FILE
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
            self.content, self._files = dict(there["content"]), dict(there["files"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BurstpropError(
                f"{str(path)!r} cannot be read as a checkpoint ({error}): remove it, and the run starts "
                "again from the beginning"
            ) from None

    def due(self) -> bool:
        """Return whether it is time for the next one."""
        return self._clock() - self._kept >= self.every_s

    def lost(self) -> dict[str, str]:
        """Return the files of the last checkpoint that are not as they were written, and what is wrong."""
        return lost(self.folder, self._files)

    def whole(self, what: str, pattern: str) -> dict[str, Any] | None:
        """Return what the last checkpoint holds, its files whole and no others of this pattern beside it.

        Parameters
        ----------
        what : str
            What goes on from it, for the message.
        pattern : str
            Files of the run that belong to checkpoints only.

        Raises
        ------
        BurstpropError
            A file of the checkpoint is lost or altered; says which and the way out.
        """
        if self.content is None:
            return None
        for name, wrong in self.lost().items():
            raise BurstpropError(
                f"{what} in {str(self.folder)!r} cannot go on: {name} {wrong}; put a copy of it back, or "
                "delete the folder, and it starts again"
            )
        self.tidy(pattern)
        return self.content

    def keep(self, content: Mapping[str, Any], files: list[str]) -> None:
        """Make a checkpoint of ``content`` (JSON) and of these files, written under new names before.

        Raises
        ------
        BurstpropError
            It cannot be written; the one before still holds.
        """
        now = pieces(self.folder, files, self._files)
        write_json(self.folder / CHECKPOINT_FILE, {"files": now, "content": content})
        self._remove(set(self._files) - set(now))
        self.content, self._files = dict(content), now
        self._kept = self._clock()

    def forget(self) -> None:
        """Remove the checkpoint and its files: the run is complete."""
        (self.folder / CHECKPOINT_FILE).unlink(missing_ok=True)
        self._remove(set(self._files))
        self.content, self._files = None, {}

    def tidy(self, pattern: str) -> None:
        """Remove files of this pattern that the checkpoint does not name: a killed process left them."""
        self._remove({path.name for path in self.folder.glob(pattern)} - set(self._files))

    def _remove(self, names: set[str]) -> None:
        for name in names:
            with contextlib.suppress(OSError):
                (self.folder / name).unlink(missing_ok=True)
