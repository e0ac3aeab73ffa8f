"""A run that writes as it goes: into a folder, with checkpoints, so that nothing is lost when it is stopped.

The folder holds while the run is on

``run.json``
    what was asked for and how to go on; ``status`` is "running", "interrupted" or "complete";
``recorded-<step>.npz``
    what was recorded up to that step since the file before (`Recording.load`);
``checkpoint.npz``
    the state of the run at the step of the last such file (`Simulation.restore`).

and at the end ``rates.csv``, ``spikes.npz`` (and ``states.csv``, ``weights.csv`` where they were recorded).
Files are complete or not there. The recorded file is written before the checkpoint that counts on it, so a
process killed at any moment loses at most what it did since the last checkpoint, and the result of going on
is the same, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from burstprop.errors import BurstpropError
from burstprop.recording import Recording
from burstprop.runs.run_folder import RUN, read_run
from burstprop.simulation.simulation import Simulation
from burstprop.system.files import plain, writable_folder, write_json, writing
from burstprop.system.progress import Progress, Shown

CHECKPOINT = "checkpoint.npz"


def _part(bar: Progress, begin_ms: float, piece_ms: float) -> Callable[[float], None]:
    """Return what tells the bar of the whole run how much of one piece of it is done."""
    return lambda share: bar.update(begin_ms + share * piece_ms)


class LongRun:
    """Runs a `Simulation` for ``duration_ms`` into a folder.

    Parameters
    ----------
    simulation : Simulation
        Fresh, of the circuit, seed and record that the folder is for.
    folder : path
        Made where it does not exist.
    duration_ms : float
        Of the whole run, from t = 0.
    notes : dict
        What ``run.json`` says beside the status: circuit, parameters, seed, versions, how to run it again.
    checkpoint_every_ms : float, optional
        Left out: only when the run is interrupted.
    resume : bool
        Go on from the checkpoint of the folder. Otherwise a folder that holds a run is refused.

    Raises
    ------
    BurstpropError
        The folder cannot be written, holds a run (or none, with ``resume``), or another circuit's.
    """

    def __init__(
        self,
        simulation: Simulation,
        folder: str | Path,
        duration_ms: float,
        notes: dict[str, Any],
        *,
        checkpoint_every_ms: float | None = None,
        resume: bool = False,
    ) -> None:
        """Prepare the folder; see the class."""
        self.simulation = simulation
        self.steps = simulation.circuit.steps("duration_ms", duration_ms)
        self.duration_ms = duration_ms
        self.notes = notes
        self.every = math.inf
        if checkpoint_every_ms is not None:
            self.every = simulation.circuit.steps("checkpoint_every_ms", checkpoint_every_ms)
            if self.every < 1:
                raise BurstpropError(
                    f"checkpoint_every_ms = {checkpoint_every_ms:g} ms: give a time of at least one step"
                )
        self.folder = writable_folder(folder)
        if resume:
            self._restore()
        elif (self.folder / RUN).exists():
            unfinished = read_run(self.folder).get("status") in ("running", "interrupted")
            raise BurstpropError(
                f"{str(self.folder)!r} holds a run already: "
                + (f"go on with it (--resume {self.folder}), or " if unfinished else "")
                + "give another folder"
            )
        self._status("running")

    def run(self, progress: Shown = None) -> Recording:
        """Run to the end and return everything that was recorded.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C: what was recorded is in the folder, the message says how to go on.
        """
        simulation = self.simulation
        dt = simulation.circuit.dt_ms
        label = str(self.notes.get("name", "simulating"))
        try:
            with Progress(self.duration_ms, label, enabled=progress, start=simulation.time_ms) as bar:
                while simulation.step < self.steps:
                    stop = int(min(self.steps, (simulation.step // self.every + 1) * self.every))
                    begin, piece = simulation.time_ms, (stop - simulation.step) * dt
                    simulation.advance(piece, progress=_part(bar, begin, piece))
                    if simulation.step < self.steps:
                        self._checkpoint()
        except KeyboardInterrupt:
            self._checkpoint()
            self._write_results(self._collected())
            self._status("interrupted")
            raise KeyboardInterrupt(
                f"at {simulation.time_ms:g} of {self.duration_ms:g} ms; what was recorded is in "
                f"{self.folder}, and 'burstprop simulate --resume {self.folder}' goes on"
            ) from None
        self._checkpoint()
        recording = self._collected()
        self._write_results(recording)
        self._status("complete")
        for path in [*self._pieces(), self.folder / CHECKPOINT]:
            path.unlink()
        return recording

    def _restore(self) -> None:
        notes = read_run(self.folder)
        if notes.get("status") == "complete":
            raise BurstpropError(
                f"the run in {str(self.folder)!r} is complete: there is nothing to go on with"
            )
        if notes.get("run", {}).get("circuit") != self.simulation.info()["circuit"]:
            raise BurstpropError(
                f"{str(self.folder)!r} holds a run of another circuit: "
                "resume it with the one it was started with"
            )
        for path in self.folder.glob(".*.partial*"):
            path.unlink()  # half a file that a killed process was writing
        checkpoint = self.folder / CHECKPOINT
        if checkpoint.exists():
            self.simulation.restore(checkpoint)
        # a piece behind the checkpoint was written just before the process was killed: it will come again
        for path in self._pieces():
            if self._step_of(path) > self.simulation.step:
                path.unlink()

    def _checkpoint(self) -> None:
        # in this order, and able to be called again when Ctrl-C comes in the middle
        simulation = self.simulation
        piece = self.folder / f"recorded-{simulation.step:012d}.npz"
        if not piece.exists():
            simulation.recording().save(piece)
        simulation.forget_recording()
        simulation.save(self.folder / CHECKPOINT)

    def _pieces(self) -> list[Path]:
        return sorted(self.folder.glob("recorded-*.npz"))

    @staticmethod
    def _step_of(path: Path) -> int:
        return int(path.stem.partition("-")[2])

    def _collected(self) -> Recording:
        recording = Recording.concatenate([Recording.load(path) for path in self._pieces()])
        recording.info = self.simulation.info()
        return recording

    def _write_results(self, recording: Recording) -> None:
        for name in ("rates", "states", "weights"):
            frame = getattr(recording, name)
            if len(frame):
                with writing(self.folder / f"{name}.csv") as temporary:
                    frame.to_csv(temporary, index=False)
        recording.save(self.folder / "spikes.npz")

    def _status(self, status: str) -> None:
        content = (
            self.notes
            | {"status": status, "simulated_ms": self.simulation.time_ms}
            | {"run": self.simulation.info()}
        )
        write_json(self.folder / RUN, plain(content))
