"""What to keep of a run, and what came out, as pandas frames.

Frames
------
spikes
    ``time_ms, population, neuron_id, realization``: the time is the start of the step of the spike.
rates
    ``time_ms, population, rate_hz, event_rate_hz, burst_rate_hz, burst_prob, realization``: mean over the neurons, in
    bins that end at ``time_ms``; burst_prob is NaN where there was no event.
states
    ``time_ms, population, neuron_id, realization`` and a column per variable: the state at ``time_ms``.
weights
    ``time_ms, projection, mean, sd, smallest, largest, realization``: the weights of the plastic projections.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from burstprop.circuit import Circuit
from burstprop.errors import BurstpropError, near
from burstprop.files import plain, writing


@dataclass(frozen=True)
class StateRecord:
    """State variables of chosen neurons of one population, for example ``StateRecord("pyr", ("v_s", "v_d"), (0, 1))``."""

    population: str
    variables: tuple[str, ...]
    neurons: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Record:
    """What to keep; memory grows with this and nothing else.

    Parameters
    ----------
    spikes : bool or tuple of str
        Spikes of all populations, of none, or of those named.
    rates_bin_ms : float or None
        Bin of the rates of all populations; None keeps no rates.
    states : tuple of StateRecord
        State variables to sample every ``states_every_ms``.
    states_every_ms : float
    weights_every_ms : float or None
        How often to summarise the weights of plastic projections.
    """

    spikes: bool | tuple[str, ...] = True
    rates_bin_ms: float | None = 50.0
    states: tuple[StateRecord, ...] = ()
    states_every_ms: float = 1.0
    weights_every_ms: float | None = None

    def check(self, circuit: Circuit) -> None:
        """Refuse a record of something that the circuit does not have."""
        names = [p.name for p in circuit.populations]
        if not isinstance(self.spikes, bool):
            for name in self.spikes:
                if name not in names:
                    raise BurstpropError(f"Record.spikes: no population {name!r}: {near(name, names)}")
        for what, value in (
            ("rates_bin_ms", self.rates_bin_ms),
            ("states_every_ms", self.states_every_ms),
            ("weights_every_ms", self.weights_every_ms),
        ):
            if value is None and what != "states_every_ms":
                continue
            if value is None or not (math.isfinite(value) and value > 0):
                raise BurstpropError(f"Record.{what} = {value!r} ms: give a positive time")
            circuit.steps(f"Record.{what}", value)
        for record in self.states:
            population = circuit.neurons(record.population)
            for variable in record.variables:
                known = population.neuron.State._fields
                if variable not in known:
                    raise BurstpropError(
                        f"Record.states: {record.population!r} has no variable {variable!r}: {near(variable, known)}"
                    )
            for neuron in record.neurons:
                if not 0 <= neuron < population.n:
                    raise BurstpropError(
                        f"Record.states: no neuron {neuron} in {record.population!r}; give 0 to {population.n - 1}"
                    )


@dataclass
class Recording:
    """What came out of a run; see the module's text for the frames.

    ``spikes``, ``rates``, ``states`` and ``weights`` are frames (empty where nothing was recorded), ``info`` says what
    was run: circuit fingerprint, seed, versions, duration.
    """

    spikes: pd.DataFrame
    rates: pd.DataFrame
    states: pd.DataFrame
    weights: pd.DataFrame
    info: dict[str, Any] = field(default_factory=dict)

    def save(self, path: str | Path) -> Path:
        """Write all frames and ``info`` into one .npz file, completely or not at all.

        Raises
        ------
        BurstpropError
            The file cannot be written.
        """
        arrays: dict[str, np.ndarray] = {"info": np.array(json.dumps(plain(self.info)))}
        for name in ("spikes", "rates", "states", "weights"):
            frame = getattr(self, name)
            arrays[f"{name}/columns"] = np.array(list(frame.columns), dtype=str)
            for column in frame.columns:
                values = frame[column]
                if isinstance(values.dtype, pd.CategoricalDtype):
                    arrays[f"{name}/{column}/names"] = np.array(list(values.cat.categories), dtype=str)
                    arrays[f"{name}/{column}"] = values.cat.codes.to_numpy()
                else:
                    arrays[f"{name}/{column}"] = values.to_numpy()
        path = Path(path)
        with writing(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        return path

    @staticmethod
    def load(path: str | Path) -> Recording:
        """Read what `save` wrote.

        Raises
        ------
        BurstpropError
            There is no such file, or it is truncated, altered, or not a recording.
        """
        arrays = read_arrays(path, "a recording")
        frames = {}
        try:
            for name in ("spikes", "rates", "states", "weights"):
                columns = {}
                for column in arrays[f"{name}/columns"]:
                    values = arrays[f"{name}/{column}"]
                    if f"{name}/{column}/names" in arrays:
                        names = arrays[f"{name}/{column}/names"]
                        columns[str(column)] = pd.Categorical.from_codes(values, [str(n) for n in names])
                    else:
                        columns[str(column)] = values
                frames[name] = pd.DataFrame(columns)
            info = json.loads(str(arrays["info"]))
        except (KeyError, ValueError) as error:
            raise BurstpropError(f"{str(path)!r} is not a recording saved by burstprop ({error})") from None
        return Recording(**frames, info=info)

    @staticmethod
    def concatenate(parts: Iterable[Recording]) -> Recording:
        """Join recordings (of successive pieces, or of several realizations) into one; ``info`` is that of the last."""
        parts = list(parts)
        joined = {}
        for name in ("spikes", "rates", "states", "weights"):
            frames = [frame for part in parts if len(frame := getattr(part, name))]
            joined[name] = pd.concat(frames, ignore_index=True) if frames else getattr(parts[-1], name)
            for column in ("population", "projection"):
                if column in joined[name]:
                    joined[name][column] = joined[name][column].astype("category")
        return Recording(**joined, info=parts[-1].info)


def read_arrays(path: str | Path, what: str) -> dict[str, np.ndarray]:
    """Read all arrays of an .npz file, checking that it is whole.

    Raises
    ------
    BurstpropError
        There is no such file, or it is truncated or altered (every array carries a checksum).
    """
    path = Path(path)
    if not path.is_file():
        raise BurstpropError(f"no file {str(path)!r}: give the path of {what}")
    try:
        # opened here, because numpy leaves a file open in which it does not find what it looks for
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError) as error:
        raise BurstpropError(
            f"{str(path)!r} cannot be read as {what}: it is truncated or altered ({error})"
        ) from None
    except Exception as error:
        if type(error).__module__ == "zlib":
            raise BurstpropError(f"{str(path)!r} cannot be read as {what}: it is altered ({error})") from None
        raise


def categories(codes: np.ndarray, names: list[str]) -> pd.Categorical:
    """Return names as a column that takes a byte or two per row."""
    return pd.Categorical.from_codes(codes, names)


class Recorder:
    """Collects what the engine hands over, and turns it into a `Recording`."""

    def __init__(self, circuit: Circuit, record: Record, realization: int) -> None:
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

    def add_spikes(self, step: np.ndarray, emitter: np.ndarray, neuron: np.ndarray) -> None:
        """Take spikes: step, number of the population, neuron."""
        self._spikes.append((step, emitter, neuron))

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
        """Return population, neuron and variable of every recorded state, in the order of the samples' columns."""
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
        step, emitter, neuron = (np.concatenate(parts) for parts in zip(empty, *self._spikes, strict=True))
        return pd.DataFrame(
            {
                "time_ms": step * self.circuit.dt_ms,
                "population": categories(emitter, self._names()),
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


def recorded_populations(record: Record, circuit: Circuit) -> np.ndarray:
    """Return for each population whether its spikes are kept."""
    if isinstance(record.spikes, bool):
        return np.full(len(circuit.populations), record.spikes)
    return np.array([p.name in record.spikes for p in circuit.populations])
