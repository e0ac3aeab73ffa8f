"""Progress of a long run: what is done and the remaining time.

On a terminal a bar that redraws itself; when the error stream is piped or goes to a file, plain lines at
growing intervals (2 s, 4 s, 8 s ... at most 10 minutes), so that a log stays short. Everything goes to the
error stream; the output stream belongs to results.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

REDRAW_S = 0.1
FIRST_LINE_S = 2.0
LONGEST_LINE_S = 600.0
BAR = 24
DAY_S = 86400.0
YEAR_S = 365.0 * DAY_S


def duration_text(seconds: float) -> str:
    """Return a time span as a person says it: ``4.2 s``, ``3 min 05 s``, ``2 h 07 min``, ``12 days``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if seconds >= 2 * YEAR_S:
        return f"{seconds / YEAR_S:,.0f} years"
    if seconds >= 3 * DAY_S:
        return f"{seconds / DAY_S:.0f} days"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


#: How a long run shows its progress: see `Progress`, ``enabled``.
Shown = bool | Callable[[float], None] | None


class Progress:
    """Show how much of ``total`` is done, and the remaining time; use it as a context manager.

    Parameters
    ----------
    total : float
        What ``update`` reaches at the end, in ``unit``.
    label : str
        What is running, at the start of the line.
    unit : str
        The unit of ``total``: ``"ms"``, ``"runs"``, ``"epochs"``.
    enabled : bool or callable, optional
        None and True show a bar on a terminal and plain lines elsewhere, False shows nothing. A callable is
        told the share done (0 to 1) instead: the progress of a run inside another one's.
    start : float
        What was done before (a resumed run); it does not count for the remaining time. Where that is only
        found out later, `update` takes it.
    stream, clock : optional
        Where to write (default the error stream) and the clock in seconds, for tests.

    Examples
    --------
    >>> with Progress(1000, "propagation", enabled=False) as progress:
    ...     progress.update(500)
    """

    def __init__(
        self,
        total: float,
        label: str,
        unit: str = "ms",
        enabled: Shown = None,
        *,
        start: float = 0.0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Say what will run; see the class."""
        self.total = total
        self.label = label
        self.unit = unit
        self.enabled = enabled is not False and not callable(enabled)
        self._report = enabled if callable(enabled) else None
        self.start = start
        self.done = start
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._bar = self.enabled and self._stream.isatty()
        self._interval = REDRAW_S if self._bar else FIRST_LINE_S
        self._width = 0
        self._told = False
        self._doing = ""
        self._began = self._working = self._shown = clock()

    def __enter__(self) -> Progress:
        """Start the clock."""
        self._began = self._working = self._shown = self._clock()
        if self._bar:
            self._draw(self._line())
        return self

    def update(self, done: float, start: float | None = None) -> None:
        """Say that ``done`` of ``total`` (absolute, not an increment) is done; cheap, call it often.

        ``start`` is how much of it was done before, as far as that is known by now.
        """
        self.done = done
        if start is not None:
            self.start = start
            if not self._told and done <= start:
                self._working = self._clock()  # up to here it was started, and what it goes on from was read
            self._told = True
        if self._report is not None:
            self._report(self.share)
        if not self.enabled:
            return
        now = self._clock()
        if now - self._shown < self._interval:
            return
        self._shown = now
        if self._bar:
            self._draw(self._line())
        else:
            self._interval = min(2 * self._interval, LONGEST_LINE_S)
            print(self._line(), file=self._stream, flush=True)

    def say(self, doing: str) -> None:
        """Name a phase without progress, such as ``compiling``; empty ends it.

        Its time does not count for the remaining time.
        """
        if doing == self._doing:
            return
        self._doing = doing
        if not doing and self.done <= self.start:
            self._working = self._clock()
        if callable(say := getattr(self._report, "say", None)):
            say(doing)
        if self._bar:
            self._draw(self._line())
        elif self.enabled and doing:
            print(f"{self.label}: {doing}", file=self._stream, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the line: done, or where it stopped."""
        if not self.enabled:
            return
        elapsed = self._clock() - self._began
        if kind is None:
            line = f"{self.label}: {self._amount(self.total)} {self.unit} in {duration_text(elapsed)}"
            if not self._bar and elapsed < FIRST_LINE_S:
                return
        else:
            line = f"{self.label}: stopped at {self._counts()} after {duration_text(elapsed)}"
        if self._bar:
            self._draw(line)
            line = ""
        print(line, file=self._stream, flush=True)

    @property
    def share(self) -> float:
        """The share done, 0 to 1."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else 1.0

    def remaining_s(self) -> float | None:
        """Return the remaining time in seconds at the mean speed so far, None before anything is done."""
        gone = self.done - self.start
        if gone <= 0:
            return None
        return max(0.0, (self._clock() - self._working) * (self.total - self.done) / gone)

    def _amount(self, value: float) -> str:
        return f"{value:,.0f}" if self.total >= 100 or float(value).is_integer() else f"{value:.1f}"

    def _counts(self) -> str:
        return f"{self._amount(self.done)} of {self._amount(self.total)} {self.unit}"

    def _line(self) -> str:
        if self._doing:
            return f"{self.label}: {self._doing}"
        share = self.share
        remaining = self.remaining_s()
        left = "" if remaining is None else f", {duration_text(remaining)} left"
        bar = f"|{'#' * int(share * BAR):{BAR}}| " if self._bar else ""
        return f"{self.label}: {bar}{100 * share:3.0f} %, {self._counts()}{left}"

    def _draw(self, line: str) -> None:
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)
