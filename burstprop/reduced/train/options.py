"""How a run is carried out (`Options`), and how it is stopped without losing anything (`asked_to_stop`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from burstprop.system.interrupts import deferred_stop


class Stopped(KeyboardInterrupt):
    """A run was stopped by Ctrl-C or a termination signal, after it had saved its state."""


@dataclass(frozen=True)
class Options:
    """How a run is carried out; none of it changes the result."""

    workers: int = 0
    """Processes that decode image files."""
    on_broken: str = "stop"
    """``"stop"`` or ``"skip"``: what to do with an image that cannot be decoded."""
    checkpoint_seconds: float = 60.0
    """Time between two checkpoints."""
    tensorboard: bool = False
    progress: bool | None = False
    """Whether to show progress; None: on a terminal."""
    layers: bool = True
    """Whether to log what each layer does after every epoch."""
    command: str = ""
    """Command line of the run, for its run.json."""


class Stoppable(Protocol):
    """Something whose ``stop`` is looked at between two steps."""

    stop: bool


@contextmanager
def asked_to_stop(run: Stoppable) -> Iterator[None]:
    """Let Ctrl-C and termination end a run after its present step; a second one ends it at once."""

    def ask() -> None:
        run.stop = True

    with deferred_stop(second_ends=True, tell=ask):
        yield
