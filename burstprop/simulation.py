"""Runs a circuit: the only time loop, the only seed, the only place that knows threads.

`simulate` runs a circuit from start to end. A `Simulation` can be advanced piece by piece, looked into, changed, saved
and resumed. The result is the same, bit for bit, for the same circuit and seed whatever the number of threads and
however the run is cut into pieces.
"""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd

import burstprop
from burstprop.circuit import (
    Circuit,
    PlasticityChange,
    PoissonPopulation,
    Population,
    RateChange,
    WeightChange,
)
from burstprop.connectivity import Matrix
from burstprop.engine import network as nw
from burstprop.engine import snapshot
from burstprop.engine.build import FAR, WINDOW, Compiled, compile_circuit, log_miss
from burstprop.engine.kernel import entry_point
from burstprop.engine.layout import LANES, ROW, neuron_at, row_view
from burstprop.engine.loop import run_thread
from burstprop.errors import BurstpropError, Diverged, near
from burstprop.files import plain, writing
from burstprop.parameters import check_value, quantity
from burstprop.progress import Progress, Shown
from burstprop.recording import Record, Recorder, Recording, read_arrays, recorded_populations
from burstprop.stimuli import check_rate, check_weight

DTYPES = {"float32": np.float32, "float64": np.float64}
SPIKE_BUFFER = 1 << 16
LARGEST_VOLTAGE_MV = 1e5
"""A membrane potential of 100 V is no membrane potential any more."""


def simulate(
    circuit: Circuit,
    duration_ms: float,
    *,
    seed: int = 1,
    realization: int = 1,
    record: Record | None = None,
    threads: int = 1,
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
        Left out: all spikes, and rates in bins of 50 ms.
    threads : int
        Does not change the result.
    dtype : {"float32", "float64"}
    progress : bool or callable, optional
        None shows a bar on a terminal and plain lines elsewhere; a callable is told the share done.

    Raises
    ------
    BurstpropError
        For anything that does not fit; `Diverged` when a voltage is no longer a number.
    """
    simulation = Simulation(
        circuit, seed=seed, realization=realization, record=record, threads=threads, dtype=dtype
    )
    simulation.advance(duration_ms, progress=progress)
    return simulation.recording()


class Simulation:
    """A run of a circuit that can be advanced, looked into, changed, saved and resumed; see `simulate`."""

    def __init__(
        self,
        circuit: Circuit,
        *,
        seed: int = 1,
        realization: int = 1,
        record: Record | None = None,
        threads: int = 1,
        dtype: str = "float32",
    ) -> None:
        """Draw the synapses and the initial state; nothing runs yet."""
        whole = quantity(1, "1", "", low=0).metadata
        check_value("seed", seed, whole, int)
        check_value("realization", realization, whole, int)
        check_value("threads", threads, quantity(1, "1", "threads of the time loop", low=1).metadata, int)
        if dtype not in DTYPES:
            raise BurstpropError(f"dtype = {dtype!r}: give 'float32' or 'float64'")
        if numba.config.DISABLE_JIT and threads > 1:
            raise BurstpropError(
                f"threads = {threads}: without compilation (NUMBA_DISABLE_JIT) a run has one thread"
            )
        self.circuit = circuit
        self.seed = int(seed)
        self.realization = int(realization)
        self.record = Record() if record is None else record
        self.record.check(circuit)
        self.threads = int(threads)
        self.dtype = dtype
        self.step = 0
        self._compiled: Compiled = compile_circuit(circuit, self._stream_seed, self.threads, DTYPES[dtype])
        self._net = nw.handle(self._compiled.arrays)
        self._recorder = Recorder(circuit, self.record, self.realization)
        self._bin_steps = (
            circuit.steps("rates_bin_ms", self.record.rates_bin_ms) if self.record.rates_bin_ms else FAR
        )
        self._state_steps = (
            circuit.steps("states_every_ms", self.record.states_every_ms) if self.record.states else FAR
        )
        every = self.record.weights_every_ms
        self._weight_steps = circuit.steps("weights_every_ms", every) if every else 0
        self._open_bin = np.zeros((len(circuit.populations), 3), np.int64)
        self._changes = sorted(circuit.protocol, key=lambda change: change.at_ms)
        self._changes_done = 0
        self._set_currents: dict[tuple[str, str], float] = {}
        self._drive_window = -1
        self._prepare_recording()
        models = [type(p.neuron) for p in circuit.populations if isinstance(p, Population)]
        self._run = entry_point(run_thread, models)

    @property
    def _stream_seed(self) -> int:
        return self.seed * 1_000_003 + self.realization

    @property
    def time_ms(self) -> float:
        """How far the run is."""
        return self.step * self.circuit.dt_ms

    def advance(self, duration_ms: float, *, progress: Shown = False, label: str = "simulating") -> None:
        """Run on for ``duration_ms``.

        Ctrl-C stops between two pieces of compiled code (a fraction of a second): what was recorded is kept, and the
        run can be advanced on or saved.

        Raises
        ------
        Diverged
            A voltage is beyond all bounds or no number: says in which population and when.
        KeyboardInterrupt
            After Ctrl-C.
        """
        check_value("duration_ms", duration_ms, quantity(0.0, "ms", "how long to run", low=0).metadata)
        end = self.step + self.circuit.steps("duration_ms", duration_ms)
        begin = self.step
        with Progress(duration_ms, label, enabled=progress) as bar, _deferred_interrupt() as interrupted:
            while self.step < end:
                self._apply_changes()
                self._run_until(self._next_stop(end))
                bar.update((self.step - begin) * self.circuit.dt_ms)
                if interrupted():
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
            "circuit": self.circuit.fingerprint(),
            "populations": {p.name: int(p.n) for p in self.circuit.populations},
            "dt_ms": self.circuit.dt_ms,
            "duration_ms": self.time_ms,
            "seed": self.seed,
            "realization": self.realization,
            "dtype": self.dtype,
            "threads": self.threads,
            "burstprop": burstprop.__version__,
            "numba": numba.__version__,
            "numpy": np.__version__,
        }

    def state(self, population: str, variable: str) -> np.ndarray:
        """Return a state variable of all neurons of a population, shape (n,), in the units of its model's State."""
        model = self.circuit.neurons(population)
        known = model.neuron.State._fields
        if variable not in known:
            raise BurstpropError(f"{population!r} has no variable {variable!r}: {near(variable, known)}")
        neurons = self._compiled.populations[self._compiled.neurons[population]]
        arrays = self._compiled.arrays
        size = -(-model.n // LANES) * neurons.variables * ROW
        own = arrays["state"][neurons.offset : neurons.offset + size]
        return row_view(own, neurons.variables, known.index(variable), model.n)

    def synapses(self, projection: str) -> pd.DataFrame:
        """Return the synapses of a projection as a frame ``source_id, target_id, weight``."""
        p = self._projection(projection)
        arrays = self._compiled.arrays
        source = self.circuit.population(self.circuit.projection(projection).source)
        first, last = self._synapse_range(p)
        row_ends = arrays["indptr"][arrays["projection"][p, nw.PR_INDPTR] :][
            : source.n * self.threads + 1 : self.threads
        ]
        weights = self.weights(projection)
        variables = arrays["projection"][p, nw.PR_VARIABLES]
        return pd.DataFrame(
            {
                "source_id": np.repeat(np.arange(source.n), np.diff(row_ends)),
                "target_id": neuron_at(arrays["targets"][first:last].astype(np.int64), int(variables)),
                "weight": weights,
            }
        )

    def weights(self, projection: str) -> np.ndarray:
        """Return the weights of a projection, shape (synapses,), in the order of `synapses`."""
        p = self._projection(projection)
        arrays = self._compiled.arrays
        first, last = self._synapse_range(p)
        if arrays["projection"][p, nw.PR_UNIFORM]:
            return np.full(last - first, arrays["uniform_weight"][p])
        at = arrays["projection"][p, nw.PR_WEIGHT]
        return arrays["weights"][at : at + last - first].copy()

    def averages(self, projection: str) -> pd.DataFrame:
        """Return the moving averages that a plastic projection learns from.

        Frame ``neuron_id, event_rate_hz, burst_rate_hz, spike_rate_hz`` of the postsynaptic population: Ebar, Bbar and
        the slow average of all spikes (R).
        """
        rule = self.circuit.projection(projection).rule
        if rule is None:
            plastic = [p.name for p in self.circuit.projections if p.rule is not None]
            raise BurstpropError(f"projection {projection!r} is not plastic: {near(projection, plastic)}")
        arrays = self._compiled.arrays
        target = self.circuit.population(self.circuit.projection(projection).target)
        a = self._compiled.averages[target.name, rule.tau_avg_ms, rule.lower_tau_ms]
        first = arrays["average"][a, nw.AV_FIRST]
        since = max(self.step - 1, 0) % arrays["average"][a, nw.AV_REBASE] + (self.step > 0)
        kept = np.exp(-since * arrays["average_constants"][a, nw.AVERAGE_DECAY])
        spike_kept = np.exp(-since * arrays["average_constants"][a, nw.SPIKE_DECAY])
        part = slice(first, first + target.n)
        return pd.DataFrame(
            {
                "neuron_id": np.arange(target.n),
                "event_rate_hz": arrays["average_event"][part] * kept,
                "burst_rate_hz": arrays["average_burst"][part] * kept,
                "spike_rate_hz": arrays["average_spike"][part] * spike_kept,
            }
        )

    def set_current(self, population: str, compartment: str, current_pa: float | np.ndarray) -> None:
        """Inject a current from the next step on, beside the circuit's own; it replaces the one set before.

        One value for all neurons, or one per neuron where the circuit declares
        ``Current(population, compartment, Controlled())``.
        """
        k = self.circuit.compartment(population, compartment)
        what = f"current into {population}.{compartment}"
        check_value(what, current_pa, quantity(0.0, "pA", "injected current", per_neuron=True).metadata)
        neurons = self._compiled.populations[self._compiled.neurons[population]]
        array = neurons.drive_per_neuron[k]
        n = self.circuit.population(population).n
        if isinstance(array, np.ndarray):
            if np.ndim(current_pa) and len(current_pa) != n:  # type: ignore[arg-type]
                raise BurstpropError(f"{what}: {len(current_pa)} values for {n} neurons")  # type: ignore[arg-type]
            array[:n] = current_pa
        elif np.ndim(current_pa):
            raise BurstpropError(
                f"{what}: one value per neuron needs Current({population!r}, {compartment!r}, Controlled()) in the circuit"
            )
        else:
            self._set_currents[population, compartment] = float(current_pa)
            self._drive_window = -1

    def set_plasticity(self, on: bool) -> None:
        """Let plastic projections learn from the next step on, or not; their averages go on either way."""
        self._compiled.arrays["control"][nw.PLASTIC_ON] = bool(on)

    def set_weight(self, projection: str, weight: float) -> None:
        """Set the uniform weight of a projection from the next step on."""
        check_weight(f"projection {projection}: ", weight)
        description = self.circuit.projection(projection)
        if isinstance(description.connectivity, Matrix) or description.rule is not None:
            raise BurstpropError(
                f"projection {projection}: its synapses have weights of their own (a matrix, or a rule)"
            )
        self._compiled.arrays["uniform_weight"][self._projection(projection)] = weight

    def set_rate(self, population: str, rate_hz: float) -> None:
        """Set the rate of the sources of a Poisson population from the next step on."""
        check_rate(f"population {population!r}: ", rate_hz)
        if not isinstance(self.circuit.population(population), PoissonPopulation):
            raise BurstpropError(f"population {population!r}: only a PoissonPopulation has a rate to set")
        arrays = self._compiled.arrays
        which = list(arrays["poisson_emitter"]).index(self._compiled.emitter[population])
        arrays["poisson_log_miss"][which] = log_miss(rate_hz, self.circuit.dt_ms)

    def save(self, path: str | Path) -> Path:
        """Write the state of the run (not what was recorded) to a file, completely or not at all.

        Raises
        ------
        BurstpropError
            The file cannot be written.
        """
        arrays = snapshot.take(self._compiled.arrays)
        arrays["open_bin"] = self._open_bin
        for population, neurons in zip(self._neuron_populations(), self._compiled.populations, strict=True):
            for name, drive in zip(population.neuron.Drive._fields, neurons.drive_per_neuron, strict=True):
                if isinstance(drive, np.ndarray):
                    arrays[f"current/{population.name}/{name}"] = drive
        meta = self.info() | {
            "step": self.step,
            "changes_done": self._changes_done,
            "set_currents": [[p, c, value] for (p, c), value in self._set_currents.items()],
            "bin_steps": self._bin_steps,
        }
        arrays["meta"] = np.array(json.dumps(plain(meta)))
        path = Path(path)
        with writing(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        return path

    def restore(self, path: str | Path) -> None:
        """Continue from a file that `save` wrote, with the same circuit and seed and any number of threads.

        Raises
        ------
        BurstpropError
            The file is missing, truncated or altered, or belongs to another circuit, seed or precision.
        """
        arrays = read_arrays(path, "a saved simulation")
        try:
            meta = json.loads(str(arrays.pop("meta")))
            mine = self.info() | {"bin_steps": self._bin_steps}
            for what in ("circuit", "seed", "realization", "dtype", "bin_steps"):
                if meta[what] != mine[what]:
                    raise BurstpropError(
                        f"{str(path)!r} was saved with another {what} ({meta[what]}, not {mine[what]}): resume it with the "
                        "circuit and settings it was started with"
                    )
            # everything is looked at before anything is put back
            step, changes_done = int(meta["step"]), int(meta["changes_done"])
            set_currents = {(p, c): float(value) for p, c, value in meta["set_currents"]}
            open_bin = arrays["open_bin"].reshape(self._open_bin.shape)
            drives = [
                (drive, arrays[f"current/{population.name}/{name}"].reshape(drive.shape))
                for population, neurons in zip(
                    self._neuron_populations(), self._compiled.populations, strict=True
                )
                for name, drive in zip(
                    population.neuron.Drive._fields, neurons.drive_per_neuron, strict=True
                )
                if isinstance(drive, np.ndarray)
            ]
            snapshot.put(self._compiled.arrays, arrays)
        except BurstpropError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise BurstpropError(f"{str(path)!r} is not a simulation saved by burstprop ({error})") from None
        self._open_bin = open_bin
        for drive, saved in drives:
            drive[...] = saved
        self._set_currents, self.step, self._changes_done = set_currents, step, changes_done
        self._drive_window = -1

    def sizes(self) -> dict[str, float]:
        """Return the memory that the circuit takes: neurons, synapses, bytes of either."""
        arrays = self._compiled.arrays
        per_synapse = {"targets", "weights", "column_position", "column_source", "plastic_target"}
        by_name = {name: array.nbytes for name, array in arrays.items()}
        recording = {"recorded_step", "recorded_emitter", "recorded_neuron", "bin_counts", "trace_values"}
        synapse_bytes = sum(by_name[name] for name in per_synapse)
        return {
            "neurons": sum(p.n for p in self._neuron_populations()),
            "synapses": len(arrays["targets"]),
            "neuron_bytes": sum(v for k, v in by_name.items() if k not in per_synapse | recording),
            "synapse_bytes": synapse_bytes,
        }

    def _neuron_populations(self) -> list[Population]:
        return [p for p in self.circuit.populations if isinstance(p, Population)]

    def _projection(self, name: str) -> int:
        self.circuit.projection(name)
        return self._compiled.projection[name]

    def _synapse_range(self, p: int) -> tuple[int, int]:
        arrays = self._compiled.arrays
        first = int(arrays["projection"][p, nw.PR_SYNAPSE])
        last = (
            int(arrays["projection"][p + 1, nw.PR_SYNAPSE])
            if p + 1 < len(arrays["projection"])
            else len(arrays["targets"])
        )
        return first, last

    def _apply_changes(self) -> None:
        while self._changes_done < len(self._changes):
            change = self._changes[self._changes_done]
            if self.circuit.steps("at_ms", change.at_ms) > self.step:
                return
            match change:
                case WeightChange():
                    self.set_weight(change.projection, change.weight)
                case RateChange():
                    self.set_rate(change.population, change.rate_hz)
                case PlasticityChange():
                    self.set_plasticity(change.on)
            self._changes_done += 1

    def _next_stop(self, end: int) -> int:
        """Return the step of the next change of the protocol, end of the current table, or summary of the weights."""
        stops = [end, (self.step // WINDOW + 1) * WINDOW]
        if self._changes_done < len(self._changes):
            stops.append(self.circuit.steps("at_ms", self._changes[self._changes_done].at_ms))
        if self._weight_steps:
            stops.append((self.step // self._weight_steps + 1) * self._weight_steps)
        return min(stops)

    def _prepare_recording(self) -> None:
        arrays = self._compiled.arrays
        places = []
        for population, neuron, variable in self._recorder.places():
            neurons = self._compiled.populations[self._compiled.neurons[population]]
            row = self.circuit.neurons(population).neuron.State._fields.index(variable)
            block, lane = divmod(neuron, LANES)
            at = neurons.offset + (block * neurons.variables + row) * ROW + lane
            places.append((neurons.emitter, neuron, at))
        arrays["sizes"][nw.BIN_STEPS], arrays["sizes"][nw.TRACE_EVERY] = self._bin_steps, self._state_steps
        recorded = recorded_populations(self.record, self.circuit)
        self._replace(trace_place=np.array(places, np.int64).reshape(-1, 3), record_spikes=recorded)
        self._spike_buffer(SPIKE_BUFFER if recorded.any() else 0)

    def _replace(self, **arrays: np.ndarray) -> None:
        self._compiled.arrays.update(arrays)
        nw.point(self._net, self._compiled.arrays, *arrays)

    def _spike_buffer(self, size: int) -> None:
        self._replace(
            recorded_step=np.empty(size, np.int64),
            recorded_emitter=np.empty(size, np.int16),
            recorded_neuron=np.empty(size, np.int32),
        )

    def _tabulate_currents(self) -> None:
        """Write the currents of the window of steps around the present one into the tables of the populations."""
        window = self.step // WINDOW
        if window == self._drive_window:
            return
        dt = self.circuit.dt_ms
        # the drive of a step is the current injected at the end of the step before
        steps = window * WINDOW + np.arange(WINDOW) - 1
        t_ms = steps * dt
        for population, neurons in zip(self._neuron_populations(), self._compiled.populations, strict=True):
            names = population.neuron.Drive._fields
            table = neurons.drive.reshape(-1, len(names), ROW)
            for k, name in enumerate(names):
                total = np.full(WINDOW, self._set_currents.get((population.name, name), 0.0))
                for current in self.circuit.currents:
                    if (current.population, current.compartment) == (population.name, name):
                        total += self._waveform(current, t_ms)
                total[steps < 0] = 0.0
                table[: WINDOW // LANES, k, :LANES] = total.reshape(-1, LANES)
        self._compiled.arrays["sizes"][nw.DRIVE_FIRST] = window * WINDOW
        self._drive_window = window

    @staticmethod
    def _waveform(current: Any, t_ms: np.ndarray) -> np.ndarray:
        values = np.asarray(current.waveform.current(t_ms), np.float64)
        if values.shape != t_ms.shape or not np.all(np.isfinite(values)):
            raise BurstpropError(
                f"Current to {current.population}.{current.compartment}: its waveform gives "
                f"{'shape ' + str(values.shape) if values.shape != t_ms.shape else 'a value that is no finite number'} near "
                f"t = {t_ms[0]:g} ms; give one finite pA per time"
            )
        return values

    def _run_until(self, stop: int) -> None:
        """Run compiled code up to ``stop``, or until the spike buffer is full, and hand over what was recorded."""
        self._tabulate_currents()
        first = self.step
        bin_first = first // self._bin_steps
        rows = (stop - 1) // self._bin_steps - bin_first + 1
        counts = np.zeros((rows, len(self.circuit.populations), self.threads, 3), np.int64)
        counts[0, :, 0] = self._open_bin
        sample_first = first // self._state_steps + 1
        samples = stop // self._state_steps - sample_first + 1
        arrays = self._compiled.arrays
        places = len(arrays["trace_place"])
        self._replace(bin_counts=counts, trace_values=np.zeros((max(samples, 0), places), DTYPES[self.dtype]))
        arrays["sizes"][nw.BIN_FIRST], arrays["sizes"][nw.TRACE_FIRST] = bin_first, sample_first
        arrays["control"][nw.RECORDED_UNTIL], arrays["control"][nw.RECORDED] = first, 0
        arrays["control"][nw.STOP_BLOCK] = FAR
        try:
            self.step = self._call(first, stop)
        except numba.core.errors.TypingError as error:
            raise _step_error(error) from None
        self._drain_spikes()
        total = counts.sum(axis=2)
        whole = self.step // self._bin_steps - bin_first
        self._open_bin = total[whole] if whole < rows else np.zeros_like(self._open_bin)
        if self._bin_steps != FAR:
            self._recorder.add_bins(bin_first, total[:whole])
        if places:
            self._recorder.add_states(
                sample_first, arrays["trace_values"][: self.step // self._state_steps - sample_first + 1]
            )
        if self._weight_steps and self.step % self._weight_steps == 0:
            for name in self._compiled.plastic:
                self._recorder.add_weights(self.time_ms, name, self.weights(name))
        self._check_finite(first)

    def _call(self, first: int, stop: int) -> int:
        common = self._net, self._compiled.populations, True if self._compiled.plastic else None
        if self.threads == 1:
            return int(self._run(*common, 0, first, stop))
        self._run(*common, 0, first, first)  # compiles before any thread waits for another
        with ThreadPoolExecutor(self.threads - 1) as pool:
            others = [pool.submit(self._run, *common, t, first, stop) for t in range(1, self.threads)]
            reached = int(self._run(*common, 0, first, stop))
            assert all(other.result() == reached for other in others)
        return reached

    def _drain_spikes(self) -> None:
        """Take the recorded spikes; those of the last blocks that did not fit are still in the ring."""
        arrays = self._compiled.arrays
        n = int(arrays["control"][nw.RECORDED])
        self._recorder.add_spikes(
            arrays["recorded_step"][:n].copy(),
            arrays["recorded_emitter"][:n].copy(),
            arrays["recorded_neuron"][:n].copy(),
        )
        until = int(arrays["control"][nw.RECORDED_UNTIL])
        if until == self.step:
            return
        for step in range(until, self.step):
            slot = step % arrays["sizes"][nw.RING]
            for e in np.flatnonzero(arrays["record_spikes"]):
                for t in range(self.threads):
                    at = (
                        arrays["emitter_spikes"][e]
                        + slot * arrays["emitter_width"][e]
                        + arrays["bounds"][e, t]
                    )
                    spikes = arrays["spikes"][at : at + arrays["counts"][slot, e, t]].copy()
                    if len(spikes):
                        self._recorder.add_spikes(
                            np.full(len(spikes), step, np.int64), np.full(len(spikes), e, np.int16), spikes
                        )
        self._spike_buffer(2 * len(arrays["recorded_step"]))

    def _check_finite(self, first: int) -> None:
        arrays = self._compiled.arrays
        for population, neurons in zip(self._neuron_populations(), self._compiled.populations, strict=True):
            model = population.neuron
            size = -(-population.n // LANES) * neurons.variables * ROW
            rows = arrays["state"][neurons.offset : neurons.offset + size].reshape(-1, neurons.variables, ROW)
            for variable in model.voltages:
                k = model.State._fields.index(variable)
                values = rows[:, k, :LANES].reshape(-1)[: population.n]
                # written so that NaN counts as out of range
                bad = np.flatnonzero(~(np.abs(values) <= LARGEST_VOLTAGE_MV))
                if len(bad):
                    dt = self.circuit.dt_ms
                    raise Diverged(
                        f"population {population.name!r} diverged between t = {first * dt:g} and {self.time_ms:g} ms: {variable} of "
                        f"{len(bad)} neurons is beyond {LARGEST_VOLTAGE_MV:g} mV or no number (the first, neuron {bad[0]}: "
                        f"{values[bad[0]]:g} mV); look for a weight, a current or a dt_ms ({dt:g} ms) that is too large"
                    )


def _step_error(error: Exception) -> BurstpropError:
    """Turn the compiler's message about a user's model into a sentence."""
    for line in str(error).splitlines():
        if "[burstprop]" in line:
            return BurstpropError(line.split("[burstprop]", 1)[1].strip())
    return BurstpropError(f"the neuron model does not compile:\n{error}")


@contextlib.contextmanager
def _deferred_interrupt() -> Iterator[Any]:
    """Hold Ctrl-C back until the compiled code has returned and its results are safe."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        yield lambda: bool(seen)
    finally:
        signal.signal(signal.SIGINT, before)
