"""How far a run is: told by the worker through a small file, added up and shown by the parent.

A run is given a `Share` as its ``progress``. It tells where the run began (what is done before does not count
for the remaining time), what it is at (``compiling``), and notes in the run's folder how long it has worked.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from burstprop.runs.run import begun, note_seconds

INTERVAL_S = 0.5
NOTE_S = 2.0


@dataclass(frozen=True)
class Told:
    """What a run, or all of them together, says of itself."""

    share: float = 0.0
    """How much of it is done."""
    start: float | None = None
    """How much of that was done before; None: not known yet."""
    doing: str = ""
    """What it is at, where that is no progress."""


#: Takes what is told.
Tell = Callable[[Told], None]


class Share:
    """What a run is given as ``progress``: tells its share with that where it began, and notes its time.

    Where the run finds something in its folder to go on from, it began at the first share that it tells.
    """

    def __init__(self, tell: Tell, folder: Path | None) -> None:
        """Begin to count; see the class."""
        self.tell = tell
        self.folder = folder
        self.start = None if folder is not None and begun(folder) else 0.0
        self.done = 0.0
        self.began = self.next = time.monotonic()

    def __call__(self, share: float) -> None:
        """Say that ``share`` of the run, 0 to 1, is done."""
        self.done = min(1.0, max(0.0, float(share)))
        if self.start is None:
            self.start = self.done
        self.tell(Told(self.done, self.start))
        now = time.monotonic()
        if self.folder is not None and now >= self.next:
            self.next = now + NOTE_S
            note_seconds(self.folder, now - self.began)

    def say(self, doing: str) -> None:
        """Say what the run is at while its share does not grow; empty: it goes on."""
        self.tell(Told(self.done, self.start, doing))


class ShareFile:
    """Tells the parent through a small file; cheap to call too often."""

    def __init__(self, path: str) -> None:
        """Write to ``path``."""
        self.path = path
        self.next = 0.0
        self.doing = ""

    def __call__(self, told: Told) -> None:
        """Write it down, but not more often than every `INTERVAL_S` where only the share is new."""
        now = time.monotonic()
        if now < self.next and told.doing == self.doing:
            return
        self.next, self.doing = now + INTERVAL_S, told.doing
        # On a cluster without a common disk this fails, and the progress line counts finished runs only.
        with contextlib.suppress(OSError):
            with open(f"{self.path}.new", "w", encoding="utf-8") as file:
                json.dump([told.share, told.start or 0.0, told.doing], file)
            os.replace(f"{self.path}.new", self.path)


@contextlib.contextmanager
def watched(board: str, show: Tell) -> Iterator[Callable[[int], None]]:
    """Show finished runs plus the shares of those under way, from a thread of its own."""
    done: set[str] = set()
    told: dict[str, Told] = {}
    stop = threading.Event()

    def read(path: Path) -> None:
        with contextlib.suppress(OSError, ValueError, TypeError):
            told[path.name] = Told(*json.loads(path.read_text(encoding="utf-8")))

    def finished(k: int) -> None:
        read(Path(board, str(k)))  # it may have ended before it was looked at
        done.add(str(k))

    def watch() -> None:
        while not stop.wait(INTERVAL_S):
            for path in list(Path(board).iterdir()):
                if path.suffix == "" and path.name not in done:
                    read(path)
            known, ended = told.copy(), done.copy()
            under_way = [one for name, one in known.items() if name not in ended]
            start = sum(one.start or 0.0 for one in known.values()) if known or ended else None
            doing = (
                ""
                if any(one.share > (one.start or 0.0) for one in under_way) or ended
                else next((one.doing for one in under_way if one.doing), "")
            )
            show(Told(len(ended) + sum(one.share for one in under_way), start, doing))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield finished
    finally:
        stop.set()
        thread.join()
