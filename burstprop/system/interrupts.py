"""Stop signals: Ctrl-C, and SIGTERM, which every batch system sends before it kills.

Both mean the same: finish the step at hand, save, stop. `deferred_stop` holds them back while something runs
that must not be cut in the middle. `terminable` makes SIGTERM raise `KeyboardInterrupt` as Ctrl-C does.
`answering` runs a call that cannot be cut, such as a compilation, and still answers at once.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

STOPS = (signal.SIGINT, signal.SIGTERM)
POLL_S = 0.05
T = TypeVar("T")

_last: signal.Signals = signal.SIGINT
_handlers: list[Callable[[int, Any], None]] = []
"""What handles both signals now comes last; those around it come before."""


def stopped_by() -> str:
    """Return which signal stopped this process last, as a person says it: ``Ctrl-C`` or ``SIGTERM``."""
    return "Ctrl-C" if _last == signal.SIGINT else _last.name


def exit_code() -> int:
    """Return the exit code of a process stopped by that signal: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + int(_last)


def _note(number: int) -> None:
    global _last
    _last = signal.Signals(number)


def _raise(number: int, frame: Any) -> None:
    del frame
    _note(number)
    raise KeyboardInterrupt


def _tell(number: int, frame: Any) -> None:
    _handlers[-1](number, frame)


@contextlib.contextmanager
def _handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Handle both signals; elsewhere than in the main thread, which alone sees them, do nothing.

    Inside another `_handled` the two signals already come here, and ``handler`` takes the outer one's place:
    setting the handlers of Python takes longer than a short piece of simulation.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    outermost = not _handlers
    _handlers.append(handler)
    before = {number: signal.signal(number, _tell) for number in STOPS} if outermost else {}
    try:
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)
        _handlers.pop()


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise `KeyboardInterrupt`, as Ctrl-C does, and note which of the two came."""
    _note(signal.SIGINT)
    with _handled(_raise):
        yield


@contextlib.contextmanager
def deferred_stop(
    *, second_ends: bool = False, tell: Callable[[], None] = lambda: None
) -> Iterator[Callable[[], bool]]:
    """Hold both signals back; yield a function that tells whether one arrived.

    Parameters
    ----------
    second_ends : bool
        A second signal raises `KeyboardInterrupt` at once: for work whose next step may be far away.
    tell : callable
        Is called when a signal comes.
    """
    seen: list[int] = []

    def note(number: int, frame: Any) -> None:
        if seen and second_ends:
            _raise(number, frame)
        _note(number)
        seen.append(number)
        tell()

    with _handled(note):
        yield lambda: bool(seen)


def answering(call: Callable[[], T]) -> T:
    """Return what ``call()`` returns, and raise `KeyboardInterrupt` at once where a signal comes meanwhile.

    The call itself then ends in a thread of its own. Python runs the handler of a signal between two
    instructions of the main thread, which a compiler can keep from it for seconds, and an exception raised
    inside a call-back of the compiler is lost.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(call())
        except BaseException as error:  # handed to the caller
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(POLL_S)
    if errors:
        raise errors[0]
    return answers[0]
