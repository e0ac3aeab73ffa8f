"""Runs a circuit: the only time loop, the only seed, the only place that knows threads.

`simulate` runs a circuit from start to end. A `Simulation` can be advanced piece by piece, looked into,
changed, saved and resumed. The result is the same, bit for bit, for the same circuit and seed whatever the
number of threads and however the run is cut into pieces.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd

import burstprop
from burstprop.circuit import Circuit
from burstprop.engine import controls, inspection, snapshot
from burstprop.engine.compile.circuit import compile_circuit
from burstprop.engine.currents import Currents
from burstprop.engine.handover import Handover
from burstprop.engine.layout import WINDOW
from burstprop.engine.network import FAR, RING
from burstprop.engine.runner import Runner
from burstprop.errors import BurstpropError
from burstprop.parameters import check_value, quantity
from burstprop.recording import Record, Recording
from burstprop.recording.recorder import Recorder
from burstprop.recording.recording import recorded_names
from burstprop.simulation.checkpoint import code_of, no_checkpoint, read_checkpoint, write_checkpoint
from burstprop.system.interrupts import deferred_stop
from burstprop.system.machine import check_cores, threads_at_hand
from burstprop.system.progress import Progress, Shown

_DURATION = quantity(0.0, "ms", "how long to run", low=0).metadata
DTYPES = {"float32": np.float32, "float64": np.float64}
THREADS_A_CORE = 8
"""At most; more than one on a core only wait for one another, and thousands can no longer be stopped."""


def simulate(
    circuit: Circuit,
    duration_ms: float,
    *,
    seed: int = 1,
    realization: int = 1,
    record: Record | None = None,
    threads: int | None = None,
    dtype: str = "float32",
    progress: Shown = False,
) -> Recording:
    """Run a circuit from t = 0 for ``duration_ms`` and return what was recorded.

    Parameters
    ----------
    circuit : Circuit
    duration_ms : float
        A multiple of the circuit's dt.
    seed : int
        Decides synapses, initial states and all noise.
    realization : int
        Another realization of the same seed draws other synapses and noise; it is a column of every frame.
    record : Record, optional
        By default all spikes, and rates in bins of 50 ms.
    threads : int, optional
        They do not change the result. By default 1, or the share of this run within a sweep.
    dtype : {"float32", "float64"}
    progress : bool or callable, optional
        None shows a bar on a terminal and plain lines elsewhere; a callable is told the share done.

    Raises
    ------
    BurstpropError
        An argument does not fit the circuit; `Diverged` when a voltage is no longer a number.

    Returns
    -------
    Recording
        Spikes, rates, states and weights as frames.

    Examples
    --------
    >>> from burstprop import Circuit, Constant, Current, Population, PyramidalNeuron, simulate
    >>> pyr = Population("pyr", 10, PyramidalNeuron())
    >>> circuit = Circuit((pyr,), currents=(Current("pyr", "soma", Constant(800.0)),))
    >>> recording = simulate(circuit, duration_ms=200.0, seed=1)
    >>> list(recording.rates)[:4]
    ['time_ms', 'population', 'rate_hz', 'event_rate_hz']
    """
    simulation = Simulation(
        circuit, seed=seed, realization=realization, record=record, threads=threads, dtype=dtype
    )
    simulation.advance(duration_ms, progress=progress)
    return simulation.recording()


class Simulation:
    """A run of a circuit that can be advanced, looked into, changed, saved and resumed; see `simulate`.

    Parameters
    ----------
    circuit : Circuit
    seed, realization, threads : int
        See `simulate`.
    record : Record, optional
        By default all spikes, and rates in bins of 50 ms.
    dtype : {"float32", "float64"}

    Raises
    ------
    BurstpropError
        An argument does not fit the circuit.

    Examples
    --------
    >>> from burstprop import Circuit, Constant, Current, Population, PyramidalNeuron, Simulation
    >>> pyr = Population("pyr", 10, PyramidalNeuron())
    >>> run = Simulation(Circuit((pyr,), currents=(Current("pyr", "soma", Constant(800.0)),)))
    >>> run.advance(100.0)
    >>> run.set_current("pyr", "dendrite", 300.0)
    >>> run.advance(100.0)
    >>> run.time_ms
    200.0
    >>> run.state("pyr", "v_s").shape
    (10,)
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        seed: int = 1,
        realization: int = 1,
        record: Record | None = None,
        threads: int | None = None,
        dtype: str = "float32",
    ) -> None:
        """Draw the synapses and the initial state; nothing runs yet."""
        for name, value in (("seed", seed), ("realization", realization)):
            check_value(name, value, quantity(1, "1", "a part of all random numbers", low=0).metadata, int)
        threads = threads_at_hand() if threads is None else threads
        check_value("threads", threads, quantity(1, "1", "threads of the time loop", low=1).metadata, int)
        check_cores(f"threads = {threads}", threads, THREADS_A_CORE)
        if dtype not in DTYPES:
            raise BurstpropError(f"dtype = {dtype!r}: give 'float32' or 'float64'")
        if not isinstance(circuit, Circuit):
            raise BurstpropError(f"circuit = {circuit!r}: give a Circuit")
        if not isinstance(record, Record | None):
            raise BurstpropError(
                f"record = {record!r}: give a Record, for example Record(rates_bin_ms=10.0); without one all "
                "spikes and rates in bins of 50 ms are kept"
            )
        self.circuit = circuit
        # now, not at the end of the run: what cannot be hashed is refused here
        self._fingerprint = circuit.fingerprint()
        self._code = code_of(circuit)
        self.seed = int(seed)
        self.realization = int(realization)
        self.record = Record() if record is None else record
        self.record.check(circuit)
        self.threads = int(threads)
        self.dtype = dtype
        self.step = 0
        stream_seed = self.seed * 1_000_003 + self.realization
        self._compiled = compile_circuit(circuit, stream_seed, self.threads, DTYPES[dtype])
        self._runner = Runner(self._compiled, self.threads)
        self._recorder = Recorder(circuit, self.record, self.realization)
        self._handover = Handover(self._runner, self._recorder)
        self._currents = Currents(self._compiled)
        self._changes = sorted(circuit.protocol, key=lambda change: change.at_ms)
        self._changes_done = 0

    @property
    def time_ms(self) -> float:
        """Simulated time so far."""
        return self.step * self.circuit.dt_ms

    def compile(self, say: Callable[[str], None] = lambda doing: None) -> None:
        """Compile the time loop, or read it from the disk, before the first step.

        Parameters
        ----------
        say : callable, optional
            Called with a message when compilation starts, and with an empty text when it ends.

        Raises
        ------
        KeyboardInterrupt
            At once after Ctrl-C or SIGTERM.
        """
        self._runner.compile(self.step, say)

    def advance(self, duration_ms: float, *, progress: Shown = False, label: str = "simulating") -> None:
        """Run on for ``duration_ms``.

        Ctrl-C, or SIGTERM, stops between two pieces of compiled code (a fraction of a second): what was
        recorded is kept, and the run can be advanced on or saved.

        Raises
        ------
        Diverged
            A voltage is beyond all bounds or not a number: says in which population and when.
        KeyboardInterrupt
            After Ctrl-C or SIGTERM.
        """
        if not (isinstance(duration_ms, float) and 0.0 <= duration_ms < math.inf):
            check_value("duration_ms", duration_ms, _DURATION)
        end = self.step + self.circuit.steps("duration_ms", duration_ms)
        if end >= FAR:
            raise BurstpropError(
                f"duration_ms = {duration_ms:g} ms: more steps of {self.circuit.dt_ms:g} ms than can be "
                f"counted; give less than {FAR * self.circuit.dt_ms:.2g} ms"
            )
        begin = self.step
        with Progress(duration_ms, label, enabled=progress) as bar:
            self.compile(bar.say)
            bar.update(0.0)
            with deferred_stop() as stopped:
                while self.step < end:
                    self._apply_changes()
                    self._run_until(self._next_stop(end))
                    bar.update((self.step - begin) * self.circuit.dt_ms)
                    if stopped():
                        raise KeyboardInterrupt
        self._apply_changes()

    def recording(self) -> Recording:
        """Return what was recorded so far."""
        return self._recorder.recording(self.info())

    def forget_recording(self) -> None:
        """Forget what was recorded so far: for long runs that write as they go."""
        self._recorder.clear()

    def info(self) -> dict[str, Any]:
        """Return what was run: fingerprint of the circuit, seed, versions, duration."""
        return {
            "circuit": self._fingerprint,
            "populations": {p.name: int(p.n) for p in self.circuit.populations},
            "spikes_of": recorded_names(self.record, self.circuit),
            "dt_ms": self.circuit.dt_ms,
            "duration_ms": self.time_ms,
            "seed": self.seed,
            "realization": self.realization,
            "dtype": self.dtype,
            "burstprop": burstprop.__version__,
            "numba": numba.__version__,
            "numpy": np.__version__,
        }

    def state(self, population: str, variable: str) -> np.ndarray:
        """Return a state variable of all neurons of a population, shape (n,), in the units of its model."""
        return inspection.state(self._compiled, population, variable)

    def synapses(self, projection: str) -> pd.DataFrame:
        """Return the synapses of a projection as a frame ``source_id, target_id, weight``."""
        return inspection.synapses(self._compiled, projection)

    def weights(self, projection: str) -> np.ndarray:
        """Return the weights of a projection, shape (synapses,), in the order of `synapses`."""
        return inspection.weights(self._compiled, projection)

    def averages(self, projection: str) -> pd.DataFrame:
        """Return the moving averages that a plastic projection learns from.

        Frame ``neuron_id, event_rate_hz, burst_rate_hz, spike_rate_hz`` of the postsynaptic population: Ebar,
        Bbar and the slow average of all spikes (R).
        """
        return inspection.averages(self._compiled, projection, self.step)

    def average(self, projection: str, of: str = "events") -> np.ndarray:
        """Return one column of `averages` as an array (Hz), shape (n,): of "events", "bursts" or "spikes"."""
        return inspection.average(self._compiled, projection, of, self.step)

    def counts(self, population: str, of: str = "spikes") -> np.ndarray:
        """Return how many "spikes", "events" or "bursts" each neuron had since t = 0, shape (n,), int64.

        The difference of two calls is what came between them.
        """
        return inspection.counts(self._compiled, population, of)

    def learning_rate(self, projection: str) -> float:
        """Return eta of a plastic projection as the next step finds it."""
        return inspection.learning_rate(self._compiled, projection, self.step)

    def sizes(self) -> dict[str, float]:
        """Return the memory that the circuit takes: neurons, synapses, bytes of either."""
        return inspection.sizes(self._compiled)

    def set_current(self, population: str, compartment: str, current_pa: float | np.ndarray) -> None:
        """Inject a current from the next step on, beside the circuit's own; it replaces the one set before.

        One value for all neurons, or one per neuron where the circuit declares
        ``Current(population, compartment, Controlled())``.
        """
        self._currents.set(population, compartment, current_pa)

    def set_plasticity(self, on: bool) -> None:
        """Let plastic projections learn from the next step on, or not; their averages go on either way."""
        controls.set_plasticity(self._compiled, on)

    def set_averaging(self, on: bool, projection: str | None = None) -> None:
        """Let the averages that rules take Pbar from go on from the next step on, or hold them as they are.

        Those of ``projection`` and of all that share them (same target and time constants); None: all. An
        average of its own for homeostasis (``tau_homeostasis_ms``) always goes on.
        """
        controls.set_averaging(self._compiled, on, projection, self.step)

    def set_eta(self, projection: str, eta: float, over_ms: float = 0.0) -> None:
        """Let the learning rate of a plastic projection go to ``eta`` from the next step on.

        At once, or in a straight line that takes ``over_ms``.
        """
        controls.set_eta(self._compiled, projection, eta, over_ms, self.step)

    def set_weight(self, projection: str, weight: float) -> None:
        """Set the uniform weight of a projection from the next step on."""
        controls.set_weight(self._compiled, projection, weight)

    def set_weights(self, projection: str, weights: Any) -> None:
        """Set the weight of every synapse of a projection that has them one by one (a matrix, or a rule).

        ``weights`` has the shape (synapses,), in the order of `synapses`, or (n_source, n_target), dense or
        sparse, with 0 where there is no synapse.
        """
        controls.set_weights(self._compiled, projection, weights)

    def set_rate(self, population: str, rate_hz: float) -> None:
        """Set the rate of the sources of a Poisson population from the next step on."""
        controls.set_rate(self._compiled, population, rate_hz)

    def save(self, path: str | Path) -> Path:
        """Write the state of the run (not what was recorded) to a file, completely or not at all.

        Raises
        ------
        BurstpropError
            The file cannot be written.
        """
        set_currents, controlled = self._currents.take()
        arrays = snapshot.take(self._compiled.arrays) | controlled | {"open_bin": self._handover.open_bin}
        meta = self.info() | {
            "step": self.step,
            "changes_done": self._changes_done,
            "set_currents": set_currents,
            **self._layout(),
        }
        return write_checkpoint(path, arrays, meta)

    def restore(self, path: str | Path) -> None:
        """Continue from a file that `save` wrote, with the same circuit and seed and any number of threads.

        What was recorded so far is forgotten: the recording goes on from the time of the file.

        Raises
        ------
        BurstpropError
            The file is missing, truncated or altered, or belongs to another circuit, seed, precision or bin
            of the rates, or to another text of a neuron model or a waveform; nothing has changed then.
        """
        info = self.info()
        same = {what: info[what] for what in ("circuit", "seed", "realization", "dtype")}
        arrays, meta = read_checkpoint(path, same | self._layout())
        try:
            # everything is looked at before anything is put back
            step, changes_done = int(meta["step"]), int(meta["changes_done"])
            open_bin = arrays["open_bin"].reshape(self._handover.open_bin.shape)
            self._currents.check(meta["set_currents"], arrays)
            snapshot.put(self._compiled.arrays, arrays)
        except (KeyError, TypeError, ValueError) as error:
            raise no_checkpoint(path, error) from None
        self.forget_recording()
        self._handover.open_bin = open_bin
        self._currents.put(meta["set_currents"], arrays)
        self.step, self._changes_done = step, changes_done

    def _layout(self) -> dict[str, Any]:
        """Return what a file must match besides circuit and seed.

        Arrays in it are counted in bins and in steps of the ring. Both follow from the circuit, but another
        version of burstprop may derive them otherwise; and the circuit does not hold the code of its models.
        """
        steps, ring = self._handover.bin_steps, int(self._compiled.arrays["sizes"][RING])
        bins = None if steps == FAR else f"{steps * self.circuit.dt_ms:.12g} ms"
        return {"Record.rates_bin_ms": bins, "ring_steps": ring, **self._code}

    def _apply_changes(self) -> None:
        """Apply the changes of the protocol that are due."""
        while self._changes_done < len(self._changes):
            change = self._changes[self._changes_done]
            if self.circuit.steps("at_ms", change.at_ms) > self.step:
                return
            controls.apply(self._compiled, change, self.step)
            self._changes_done += 1

    def _next_stop(self, end: int) -> int:
        """Return the step of the next change, of the tabulated or set currents, or summary of the weights."""
        change = FAR
        if self._changes_done < len(self._changes):
            change = self.circuit.steps("at_ms", self._changes[self._changes_done].at_ms)
        window = (self.step // WINDOW + 1) * WINDOW
        return min(
            end, change, window, self._currents.next_stop(self.step), self._handover.next_stop(self.step)
        )

    def _run_until(self, stop: int) -> None:
        """Run compiled code up to ``stop``, or until the spike buffer is full, and hand over what it gave."""
        first = self.step
        self._currents.tabulate(first)
        self._handover.begin(first, stop)
        self.step = self._runner.run(first, stop)
        self._handover.end(first, self.step)
        inspection.check_finite(self._compiled, first, self.step)
