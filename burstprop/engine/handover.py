"""Carries what the compiled loop records over to a `Recorder`: spikes, bins, samples of states, weights."""

from __future__ import annotations

import numpy as np

from burstprop.engine import network as nw
from burstprop.engine.inspection import weights
from burstprop.engine.layout import ROW, offset_of
from burstprop.engine.network import FAR
from burstprop.engine.ring import lane_in
from burstprop.engine.runner import Runner
from burstprop.recording.recorder import Recorder
from burstprop.recording.recording import recorded_populations

SPIKE_BUFFER = 1 << 16
"""Spikes that the buffer of one call holds at first; it grows when they do not fit."""


class Handover:
    """Moves what was recorded from the arrays of a `Runner` to a `Recorder`."""

    def __init__(self, runner: Runner, recorder: Recorder) -> None:
        """Tell the compiled loop what to record."""
        circuit, record = runner.compiled.circuit, recorder.record
        self._runner = runner
        self._recorder = recorder
        self.bin_steps = circuit.steps("rates_bin_ms", record.rates_bin_ms) if record.rates_bin_ms else FAR
        self._state_steps = circuit.steps("states_every_ms", record.states_every_ms) if record.states else FAR
        every = record.weights_every_ms
        self._weight_steps = circuit.steps("weights_every_ms", every) if every else FAR
        self.open_bin = np.zeros((len(circuit.populations), 3), np.int64)
        """Spikes, events and bursts of every population so far in the bin that is not yet full."""
        arrays = runner.compiled.arrays
        arrays["sizes"][nw.BIN_STEPS], arrays["sizes"][nw.SAMPLE_EVERY] = self.bin_steps, self._state_steps
        sampled = [runner.compiled.neurons_of(chosen.population) for chosen in record.states]
        if not all(neurons.has_afferents for neurons in sampled):
            arrays["sizes"][nw.LEAD_STOP] = self._state_steps
        recorded = recorded_populations(record, circuit)
        room = _spike_buffer(SPIKE_BUFFER if recorded.any() else 0)
        runner.replace(sampled_place=self._places(), keeps_spikes=recorded, **room)

    def next_stop(self, step: int) -> int:
        """Return the step after ``step`` at which the run has to stop for a summary of the weights."""
        return (step // self._weight_steps + 1) * self._weight_steps

    def begin(self, first: int, stop: int) -> None:
        """Make room for what steps ``first`` to ``stop`` record."""
        arrays = self._runner.compiled.arrays
        bins = (stop - 1) // self.bin_steps - first // self.bin_steps + 1
        self._clear("bin_counts", (self._runner.threads, bins, len(self.open_bin), 3))
        arrays["bin_counts"][0, 0] = self.open_bin
        sample_first = self._first_sample(first)
        samples = max(stop // self._state_steps - sample_first + 1, 0)
        self._clear("sampled_values", (samples, len(arrays["sampled_place"])))
        arrays["sizes"][nw.BIN_FIRST] = first // self.bin_steps
        arrays["sizes"][nw.SAMPLE_FIRST] = sample_first
        arrays["control"][nw.RECORDED_UNTIL], arrays["control"][nw.RECORDED] = first, 0
        arrays["control"][nw.STOP_SLICE] = FAR

    def end(self, first: int, reached: int) -> None:
        """Hand over what was recorded in steps ``first`` to ``reached``."""
        compiled = self._runner.compiled
        self._hand_over_spikes(reached)
        self._hand_over_bins(first, reached)
        if len(compiled.arrays["sampled_place"]):
            sample_first = self._first_sample(first)
            samples = reached // self._state_steps - sample_first + 1
            self._recorder.add_states(sample_first, compiled.arrays["sampled_values"][:samples].copy())
        if reached % self._weight_steps == 0:
            for name in compiled.plastic:
                self._recorder.add_weights(reached * compiled.circuit.dt_ms, name, weights(compiled, name))

    def _clear(self, name: str, shape: tuple[int, ...]) -> None:
        """Set an array to 0; it is only made anew where it has another shape."""
        array = self._runner.compiled.arrays[name]
        if array.shape == shape:
            array.fill(0)
        else:
            self._runner.replace(**{name: np.zeros(shape, array.dtype)})

    def _first_sample(self, first: int) -> int:
        return first // self._state_steps + 1

    def _hand_over_bins(self, first: int, reached: int) -> None:
        of_threads = self._runner.compiled.arrays["bin_counts"]
        counts = of_threads.sum(axis=0) if len(of_threads) > 1 else of_threads[0].copy()
        bin_first = first // self.bin_steps
        whole = reached // self.bin_steps - bin_first
        self.open_bin = counts[whole] if whole < len(counts) else np.zeros_like(self.open_bin)
        if self.bin_steps != FAR:
            self._recorder.add_bins(bin_first, counts[:whole])

    def _hand_over_spikes(self, reached: int) -> None:
        """Take the recorded spikes; those of the last time slices that did not fit are still in the ring."""
        arrays = self._runner.compiled.arrays
        if n := int(arrays["control"][nw.RECORDED]):
            self._recorder.add_spikes(
                arrays["recorded_step"][:n].copy(),
                arrays["recorded_population"][:n].copy(),
                arrays["recorded_neuron"][:n].copy(),
            )
        until = int(arrays["control"][nw.RECORDED_UNTIL])
        if until == reached:
            return
        for step in range(until, reached):
            slot = step % arrays["sizes"][nw.RING]
            for e in np.flatnonzero(arrays["keeps_spikes"]):
                for t in range(self._runner.threads):
                    at = arrays["population_spikes"][e] + lane_in(arrays, e, slot, t)
                    spikes = arrays["spikes"][at : at + arrays["counts"][t, slot, e]].copy()
                    if len(spikes):
                        self._recorder.add_spikes(
                            np.full(len(spikes), step, np.int64), np.full(len(spikes), e, np.int16), spikes
                        )
        self._runner.replace(**_spike_buffer(2 * len(arrays["recorded_step"])))

    def _places(self) -> np.ndarray:
        """Return population, neuron and place of every sampled variable, shape (variables, 3)."""
        compiled = self._runner.compiled
        places = []
        for population, neuron, variable in self._recorder.places():
            neurons = compiled.neurons_of(population)
            row = compiled.circuit.neurons(population).neuron.State._fields.index(variable)
            at = neurons.offset + row * ROW + offset_of(neuron, neurons.variables)
            places.append((neurons.population, neuron, at))
        return np.array(places, np.int64).reshape(-1, 3)


def _spike_buffer(spikes: int) -> dict[str, np.ndarray]:
    return {
        "recorded_step": np.empty(spikes, np.int64),
        "recorded_population": np.empty(spikes, np.int16),
        "recorded_neuron": np.empty(spikes, np.int32),
    }
