"""A run in pieces, with knobs: what the page shows and turns.

The first start of a circuit compiles for some seconds; it happens in a thread, and `Live.ready` says when it
is over. Knobs turn the run under way where they can, otherwise it starts again. The time of the page goes on
over starts.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
from pathlib import Path
from typing import Any

from burstprop.circuit import Circuit
from burstprop.errors import BurstpropError
from burstprop.explore.knobs import Knob, learns, turn, turned
from burstprop.recording import Record, Recording
from burstprop.simulation import Simulation

BIN_MS = 50.0
"""Bin of the rates; a piece is a multiple of it."""


class Live:
    """A circuit that runs in pieces and is changed between them.

    Parameters
    ----------
    circuit : Circuit
        As it stands at the first start.
    seed : int
        Seed of every start.
    folder : path
        Folder that recordings are written to.
    """

    def __init__(self, circuit: Circuit, *, seed: int = 1, folder: str | Path = ".") -> None:
        """Start to compile; nothing runs yet."""
        self.circuit = circuit
        self.seed = seed
        self.folder = Path(folder)
        self._began_ms = 0.0
        self._kept: list[Recording] | None = None
        self._turned: list[dict[str, Any]] = []
        self._simulation: Simulation | None = None
        self._start()

    @property
    def ready(self) -> bool:
        """Whether the circuit is compiled and can be advanced.

        Raises
        ------
        BurstpropError
            It cannot be run: says why. An error in the user's own model is raised as it is.
        """
        if self._error is not None:
            raise self._error
        return self._simulation is not None

    @property
    def time_ms(self) -> float:
        """Time of the page: that of all starts together."""
        return self._began_ms + (self._simulation.time_ms if self._simulation is not None else 0.0)

    def advance(self, duration_ms: float) -> Recording:
        """Run on and return what was recorded in this piece, in the time of the page.

        Raises
        ------
        BurstpropError
            The circuit is not `ready`, or a voltage has diverged: says in which population, and when.
        """
        if self._simulation is None:
            raise BurstpropError("the circuit is still being compiled: advance it when it is ready")
        self._simulation.advance(duration_ms)
        piece = self._simulation.recording()
        self._simulation.forget_recording()
        for frame in (piece.spikes, piece.rates, piece.weights):
            frame["time_ms"] += self._began_ms
        if self._kept is not None:
            self._kept.append(piece)
        return piece

    def turn(self, knob: Knob, value: float) -> None:
        """Turn a knob: under way where that can be done, otherwise with a new start."""
        self.circuit = turned(self.circuit, knob, value)
        self._note(f"{knob.part}.{knob.field}", value)
        if self._simulation is None or not turn(self._simulation, knob, value):
            self.restart()

    def set_plasticity(self, on: bool) -> None:
        """Let plastic projections learn, or not."""
        self.circuit = dataclasses.replace(self.circuit, plastic=on)
        self._note("plasticity", on)
        if self._simulation is None:
            self.restart()
        else:
            self._simulation.set_plasticity(on)

    def restart(self) -> None:
        """Start the circuit again as its knobs stand, from its initial state and t = 0 of its stimuli."""
        self._began_ms = self.time_ms
        self._note("restart", True)
        self._start()

    def keep(self) -> None:
        """Keep from now on what runs, for `save`."""
        self._kept, self._turned = [], []

    def save(self) -> Path:
        """Write what was kept to the next free ``explore-N.npz``, and keep no more.

        The file is a `burstprop.Recording` in the time of the page; its ``info`` holds every turn of a knob.

        Raises
        ------
        BurstpropError
            Nothing was kept, or the file cannot be written.
        """
        if not self._kept:
            raise BurstpropError("nothing was kept yet: keep the run for a while before you save it")
        whole = Recording.concatenate(self._kept)
        whole.info["turned"] = self._turned
        paths = (self.folder / f"explore-{k}.npz" for k in itertools.count(1))
        path = whole.save(next(path for path in paths if not path.exists()))
        self._kept = None
        return path

    def _start(self) -> None:
        self._simulation = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._prepare, args=(self.circuit,), daemon=True)
        self._thread.start()

    def _prepare(self, circuit: Circuit) -> None:
        """Compile a circuit and run it for one step, so that all code is there; runs in a thread."""
        record = Record(rates_bin_ms=BIN_MS, weights_every_ms=BIN_MS if learns(circuit) else None)
        simulation, error = None, None
        try:
            simulation = Simulation(circuit, seed=self.seed, record=record)
            simulation.advance(circuit.dt_ms)
        except Exception as caught:  # the page shows it; nobody waits for a thread
            error = caught
        # a knob may have asked for another start meanwhile
        if self._thread is threading.current_thread():
            self._simulation, self._error = (simulation, None) if error is None else (None, error)

    def _note(self, what: str, value: Any) -> None:
        self._turned.append({"time_ms": self.time_ms, "what": what, "value": value})
