"""One process at a time in a folder.

The lock is one of the operating system on a file ``.lock``, which ends with the process that holds it: a
killed owner leaves the file behind and no lock. The file says who holds it, for the message to the other.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import platform
import sys
import warnings
from pathlib import Path
from typing import Any

from burstprop.errors import BurstpropError, BurstpropWarning

LOCK_FILE = ".lock"

if sys.platform == "win32":
    import msvcrt

    def _take(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Locked(BurstpropError):  # noqa: N818  (a state of the folder)
    """Another process works in the folder."""


class Lock:
    """The lock of one folder, held from `take` to `release`.

    Parameters
    ----------
    folder : Path
        Exists and can be written.
    holder : str
        What holds it, in words: the verb of the command line.
    """

    def __init__(self, folder: Path, holder: str) -> None:
        """Take nothing yet; see the class."""
        self.path = folder / LOCK_FILE
        self.holder = holder
        self._file: int | None = None

    def take(self) -> None:
        """Take the lock.

        Raises
        ------
        Locked
            Another process, or another run in this one, holds it: says which.

        Warns
        -----
        BurstpropWarning
            The file system has no locks.
        """
        while True:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                _take(file)
            except (BlockingIOError, PermissionError):
                who = _read(file)
                os.close(file)
                raise Locked(
                    f"{str(self.path.parent)!r} is being worked on by {who}: wait for it, stop it, or give "
                    "another folder"
                ) from None
            except OSError as error:
                warnings.warn(
                    f"the file system of {str(self.path.parent)!r} has no locks ({error.strerror}): nothing "
                    "keeps a second process from working there",
                    BurstpropWarning,
                    stacklevel=2,
                )
            if _same(file, self.path):
                break
            os.close(file)  # its last owner removed it between the two calls
        self._file = file
        os.ftruncate(file, 0)
        os.write(file, json.dumps(_self(self.holder)).encode())

    def release(self) -> None:
        """Give the lock back and remove its file; nothing where it is not held."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            self.path.unlink()
        os.close(self._file)
        self._file = None


def _same(file: int, path: Path) -> bool:
    """Return whether an open file is the one that has this path."""
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


def _self(holder: str) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {"holder": holder, "process": os.getpid(), "host": platform.node(), "since": now}


def _read(file: int) -> str:
    try:
        who = json.loads(os.pread(file, 4096, 0)) if hasattr(os, "pread") else {}
        return f"process {who['process']} on {who['host']} ({who['holder']}, since {who['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
