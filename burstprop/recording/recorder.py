"""Collects what the engine hands over during a run, and turns it into the frames of a `Recording`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from burstprop.circuit import Circuit
from burstprop.recording.recording import Record, Recording, categories


class Recorder:
    """What was recorded so far; populations are numbered in the order of the circuit."""

    def __init__(self, circuit: Circuit, record: Record, realization: int) -> None:
        """Start with nothing."""
        self.circuit = circuit
        self.record = record
        self.realization = realization
        self.clear()

    def clear(self) -> None:
        """Forget what was collected."""
        self._spikes: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._bins: list[tuple[int, np.ndarray]] = []
        self._states: list[tuple[int, np.ndarray]] = []
        self._weights: list[tuple[float, str, float, float, float, float]] = []

    def add_spikes(self, step: np.ndarray, population: np.ndarray, neuron: np.ndarray) -> None:
        """Take spikes: step, number of the population, neuron."""
        self._spikes.append((step, population, neuron))

    def add_bins(self, first: int, counts: np.ndarray) -> None:
        """Take counts of whole bins from bin number ``first`` on, shape (bins, populations, 3)."""
        self._bins.append((first, counts))

    def add_states(self, first: int, values: np.ndarray) -> None:
        """Take samples from sample number ``first`` on, shape (samples, recorded variables)."""
        self._states.append((first, values))

    def add_weights(self, time_ms: float, projection: str, weights: np.ndarray) -> None:
        """Take the weights of one projection at one time and keep their mean, spread and range."""
        if len(weights):
            w = weights.astype(np.float64)
            self._weights.append((time_ms, projection, w.mean(), w.std(), w.min(), w.max()))

    def places(self) -> list[tuple[str, int, str]]:
        """Return population, neuron and variable of every recorded state, in the order of the samples."""
        return [(r.population, n, v) for r in self.record.states for n in r.neurons for v in r.variables]

    def recording(self, info: dict[str, Any]) -> Recording:
        """Return what was collected."""
        return Recording(
            self._spike_frame(), self._rate_frame(), self._state_frame(), self._weight_frame(), info
        )

    def _names(self) -> list[str]:
        return [p.name for p in self.circuit.populations]

    def _spike_frame(self) -> pd.DataFrame:
        empty = (np.zeros(0, np.int64), np.zeros(0, np.int16), np.zeros(0, np.int32))
        step, population, neuron = (np.concatenate(parts) for parts in zip(empty, *self._spikes, strict=True))
        return pd.DataFrame(
            {
                "time_ms": step * self.circuit.dt_ms,
                "population": categories(population, self._names()),
                "neuron_id": neuron,
                "realization": np.full(len(step), self.realization, np.int32),
            }
        )

    def _rate_frame(self) -> pd.DataFrame:
        n = np.array([p.n for p in self.circuit.populations], np.float64)
        bin_ms = self.record.rates_bin_ms or math.nan
        shape = (0, len(n), 3)
        counts = np.concatenate([np.zeros(shape), *(c for _, c in self._bins)])
        number = np.concatenate([np.zeros(0, np.int64), *(f + np.arange(len(c)) for f, c in self._bins)])
        rates = counts / (n[:, None] * bin_ms / 1000.0)
        events, bursts = counts[:, :, 1], counts[:, :, 2]
        prob = np.divide(bursts, events, out=np.full(events.shape, np.nan), where=events > 0)
        return pd.DataFrame(
            {
                "time_ms": np.repeat((number + 1) * bin_ms, len(n)),
                "population": categories(np.tile(np.arange(len(n)), len(number)), self._names()),
                "rate_hz": rates[:, :, 0].reshape(-1),
                "event_rate_hz": rates[:, :, 1].reshape(-1),
                "burst_rate_hz": rates[:, :, 2].reshape(-1),
                "burst_prob": prob.reshape(-1),
                "realization": np.full(rates[:, :, 0].size, self.realization, np.int32),
            }
        )

    def _state_frame(self) -> pd.DataFrame:
        columns = pd.MultiIndex.from_tuples(self.places(), names=["population", "neuron_id", "variable"])
        if not len(columns):
            return pd.DataFrame(
                {
                    "time_ms": np.zeros(0),
                    "population": categories(np.zeros(0, np.int8), self._names()),
                    "neuron_id": np.zeros(0, np.int64),
                    "realization": np.zeros(0, np.int32),
                }
            )
        values = np.concatenate([np.zeros((0, len(columns))), *(v for _, v in self._states)])
        number = np.concatenate([np.zeros(0, np.int64), *(f + np.arange(len(v)) for f, v in self._states)])
        wide = pd.DataFrame(
            values, index=pd.Index(number * self.record.states_every_ms, name="time_ms"), columns=columns
        )
        tidy = wide.stack(["population", "neuron_id"], future_stack=True).reset_index()
        tidy.columns.name = None
        tidy["population"] = tidy["population"].astype("category")
        tidy.insert(3, "realization", np.int32(self.realization))
        return tidy

    def _weight_frame(self) -> pd.DataFrame:
        names = ["time_ms", "projection", "mean", "sd", "smallest", "largest"]
        frame = pd.DataFrame(self._weights, columns=names)
        # without a row every column would be of type object
        frame = frame.astype({name: np.float64 for name in names if name != "projection"})
        frame["projection"] = frame["projection"].astype("category")
        frame["realization"] = np.full(len(frame), self.realization, np.int32)
        return frame
