"""A simulation that writes as it goes, so that nothing is lost when it is stopped or killed.

The folder holds while the run is on

``recorded-<step>.npz``
    what was recorded up to that step since the file before (`Recording.load`);
``state-<step>.npz``
    the state of the run at the step of the last such file (`Simulation.restore`);
``checkpoint.json``
    which of these belong together, with size and checksum (`burstprop.runs.checkpoints`).

A process killed at any moment loses at most what it did since the last checkpoint, about a minute, and the
result of going on is the same, bit for bit. The caller owns the folder and
writes the result: `burstprop.runs.run.Run`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from burstprop.errors import BurstpropError
from burstprop.recording.recording import Recording
from burstprop.runs.checkpoints import Checkpoints
from burstprop.simulation.simulation import Simulation
from burstprop.system.interrupts import deferred_stop
from burstprop.system.progress import Progress, Shown

LOOK_S = 1.0
"""The clock is looked at about so often."""
FIRST_STEPS = 500


class LongRun:
    """Runs a `Simulation` for ``duration_ms``, with checkpoints in a folder.

    Parameters
    ----------
    simulation : Simulation
        Fresh, of the circuit, seed and record that the folder is for.
    folder : path
        An existing, writable folder that no other process uses.
    duration_ms : float
        Of the whole run, from t = 0.
    label : str
        Start of the progress line.
    checkpoint_s : float, optional
        Wall time between two checkpoints; about a minute where not given.
    checkpoint_every_ms : float, optional
        Simulated time between two checkpoints, instead of the wall time.
    skip_lost : bool
        Go on where files with what was recorded are lost; the result then lacks their time. Without it such a
        run is refused.

    Raises
    ------
    BurstpropError
        A time is not a multiple of dt, or the checkpoint in the folder cannot be read.
    """

    def __init__(
        self,
        simulation: Simulation,
        folder: str | Path,
        duration_ms: float,
        *,
        label: str = "simulating",
        checkpoint_s: float | None = None,
        checkpoint_every_ms: float | None = None,
        skip_lost: bool = False,
    ) -> None:
        """Look for a checkpoint; see the class."""
        self.simulation = simulation
        self.folder = Path(folder)
        self.steps = simulation.circuit.steps("duration_ms", duration_ms)
        self.duration_ms = duration_ms
        self.label = label
        self.every: int | None = None
        if checkpoint_every_ms is not None:
            self.every = simulation.circuit.steps("checkpoint_every_ms", checkpoint_every_ms)
            if self.every < 1:
                raise BurstpropError(
                    f"checkpoint_every_ms = {checkpoint_every_ms:g} ms: give a time of at least one step"
                )
        self.checkpoints = Checkpoints(self.folder, checkpoint_s)
        self.skip_lost = skip_lost
        self.lost: list[str] = []
        """The times that the result lacks, in words."""
        self._recorded: list[str] = []
        self._pace = FIRST_STEPS

    def restore(self) -> bool:
        """Go on from the checkpoint in the folder; return whether there is one.

        Raises
        ------
        BurstpropError
            A file of it is lost or altered, or it belongs to another circuit; nothing has changed then.
        """
        content = self.checkpoints.content
        if content is None:
            for pattern in ("recorded-*.npz", "state-*.npz"):
                self.checkpoints.tidy(pattern)
            return False
        step, recorded, wrong = int(content["step"]), list(content["recorded"]), self.checkpoints.lost()
        state = _state(step)
        if state in wrong:
            raise BurstpropError(
                f"the run in {str(self.folder)!r} cannot go on: {state} {wrong[state]}. Put a copy of it "
                "back, or run again in another folder; what was recorded up to "
                f"{step * self.simulation.circuit.dt_ms:g} ms can be read from recorded-*.npz "
                "(burstprop.Recording.load)"
            )
        gaps = [
            f"{self._span(recorded, k)} ({name} {wrong[name]})"
            for k, name in enumerate(recorded)
            if name in wrong
        ]
        if gaps and not self.skip_lost:
            raise BurstpropError(
                f"the run in {str(self.folder)!r} has lost what was recorded in {'; '.join(gaps)}. Put a "
                "copy of it back, run again in another folder, or go on without it (--skip-lost)"
            )
        self.simulation.restore(self.folder / state)
        for pattern in ("recorded-*.npz", "state-*.npz"):
            self.checkpoints.tidy(pattern)
        self._recorded = [name for name in recorded if name not in wrong]
        self.lost = [*content.get("lost", []), *gaps]
        return True

    def run(self, progress: Shown = None) -> Recording:
        """Run to the end and return everything that was recorded.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C or SIGTERM: the state at that time is in the folder.
        """
        simulation = self.simulation
        dt = simulation.circuit.dt_ms
        with Progress(self.duration_ms, self.label, enabled=progress, start=simulation.time_ms) as bar:
            simulation.compile(bar.say)
            bar.update(simulation.time_ms)
            try:
                while simulation.step < self.steps:
                    begin, first, clock = simulation.time_ms, simulation.step, time.perf_counter()
                    piece = (self._stop() - first) * dt
                    simulation.advance(piece, progress=_part(bar, begin, piece))
                    seconds = max(time.perf_counter() - clock, 1e-6)
                    self._pace = max(1, int((simulation.step - first) / seconds * LOOK_S))
                    if self._due():
                        self.keep()
            except KeyboardInterrupt:
                self.keep()
                raise
        return self.recording()

    def keep(self) -> None:
        """Make a checkpoint of where the run is."""
        simulation, content = self.simulation, self.checkpoints.content
        if not simulation.step or (content is not None and content["step"] == simulation.step):
            return
        piece, state = f"recorded-{simulation.step:012d}.npz", _state(simulation.step)
        with deferred_stop() as stopped:
            simulation.recording().save(self.folder / piece)
            simulation.save(self.folder / state)
            recorded = [*self._recorded, piece]
            self.checkpoints.keep(
                {"step": simulation.step, "recorded": recorded, "lost": self.lost}, [*recorded, state]
            )
            self._recorded = recorded
            simulation.forget_recording()
            if stopped():
                raise KeyboardInterrupt

    def recording(self) -> Recording:
        """Return everything that was recorded so far."""
        kept = [Recording.load(self.folder / name) for name in self._recorded]
        recording = Recording.concatenate([*kept, self.simulation.recording()])
        recording.info = self.simulation.info() | ({"lost": self.lost} if self.lost else {})
        return recording

    def _stop(self) -> int:
        if self.every is not None:
            return min(self.steps, (self.simulation.step // self.every + 1) * self.every)
        return min(self.steps, self.simulation.step + self._pace)

    def _due(self) -> bool:
        if self.simulation.step >= self.steps:
            return False
        return self.checkpoints.due() if self.every is None else True

    def _span(self, recorded: list[str], k: int) -> str:
        dt = self.simulation.circuit.dt_ms
        begin, end = (_step_of(recorded[k - 1]) if k else 0), _step_of(recorded[k])
        return f"{begin * dt:g} to {end * dt:g} ms"


def run_kept(
    simulation: Simulation,
    duration_ms: float,
    folder: str | Path | None,
    progress: Callable[[float], None] | Shown = None,
) -> Recording:
    """Run a simulation, in a folder with checkpoints where there is one; go on from what is there.

    For the realizations of a circuit: ``folder`` is what `burstprop.runs.sweep.run_many` gives them. It
    removes the checkpoint once the result is written.
    """
    if folder is None:
        simulation.advance(duration_ms, progress=progress)
        return simulation.recording()
    long_run = LongRun(simulation, folder, duration_ms)
    long_run.restore()
    return long_run.run(progress)


def _part(bar: Progress, begin_ms: float, piece_ms: float) -> Callable[[float], None]:
    """Return a callback that advances the progress bar of the whole run by one piece."""
    return lambda share: bar.update(begin_ms + share * piece_ms)


def _state(step: int) -> str:
    return f"state-{step:012d}.npz"


def _step_of(recorded: str) -> int:
    return int(Path(recorded).stem.partition("-")[2])
