"""What to keep of a run, and what came out, as pandas frames.

Frames
------
spikes
    ``time_ms, population, neuron_id, realization``: the time is the start of the step of the spike.
rates
    ``time_ms, population, rate_hz, event_rate_hz, burst_rate_hz, burst_prob, realization``: mean over the
    neurons, in bins that end at ``time_ms``; burst_prob is NaN where there was no event.
states
    ``time_ms, population, neuron_id, realization`` and a column per variable: the state at ``time_ms``.
weights
    ``time_ms, projection, mean, sd, smallest, largest, realization``: the weights of the plastic projections.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from burstprop.circuit import Circuit
from burstprop.errors import BurstpropError, near
from burstprop.parameters import Named, check_value, quantity
from burstprop.system.extras import optional
from burstprop.system.files import plain
from burstprop.system.npz import read_arrays, write_arrays

if TYPE_CHECKING:
    import datetime

    import neo
    import pynapple
    import xarray
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class StateRecord(Named):
    """State variables of chosen neurons of one population.

    For example ``StateRecord("pyr", ("v_s", "v_d"), (0, 1))``.

    Parameters
    ----------
    population : str
    variables : tuple of str
        Fields of the model's ``State``.
    neurons : tuple of int
        Numbers of the neurons, from 0 on.

    Raises
    ------
    BurstpropError
        From `simulate`, where the circuit has no such population, variable or neuron.

    Examples
    --------
    >>> from burstprop import Record, StateRecord
    >>> Record(states=(StateRecord("pyr", ("v_s", "v_d"), (0, 1)),), states_every_ms=0.5).states_every_ms
    0.5
    """

    population: str
    variables: tuple[str, ...]
    neurons: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Record(Named):
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
        Sampling interval of the states; unused where none are recorded.
    weights_every_ms : float or None
        How often to summarise the weights of plastic projections.

    Raises
    ------
    BurstpropError
        From `simulate`, where the circuit does not have what is asked for.

    Examples
    --------
    >>> from burstprop import Record
    >>> Record(spikes=("pyr",), rates_bin_ms=20.0).rates_bin_ms
    20.0
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
            _check_several(
                "Record.spikes", self.spikes, "True, False or the names of populations, as ('pyr',)"
            )
            for name in self.spikes:
                if name not in names:
                    raise BurstpropError(f"Record.spikes: no population {name!r}: {near(name, names)}")
        times = {"rates_bin_ms": self.rates_bin_ms, "weights_every_ms": self.weights_every_ms}
        if self.states:
            times["states_every_ms"] = self.states_every_ms
        time = quantity(None, "ms", "a positive time", low=0, open_low=True, optional=True).metadata
        for what, value in times.items():
            check_value(f"Record.{what}", value, {**time, "optional": what != "states_every_ms"})
            if value is not None and circuit.steps(f"Record.{what}", value) < 1:
                raise BurstpropError(
                    f"Record.{what} = {value:g} ms: give at least one step, dt_ms = {circuit.dt_ms:g} ms"
                )
        self._check_states(circuit)

    def _check_states(self, circuit: Circuit) -> None:
        _check_several(
            "Record.states", self.states, "several StateRecord, as (StateRecord('pyr', ('v_s',)),)"
        )
        found: set[tuple[str, str, int]] = set()
        for record in self.states:
            if not isinstance(record, StateRecord):
                raise BurstpropError(f"Record.states holds {record!r}: give StateRecord('pyr', ('v_s',))")
            population = circuit.neurons(record.population)
            _check_several("StateRecord.variables", record.variables, "the names of variables, as ('v_s',)")
            for variable in record.variables:
                known = population.neuron.State._fields
                if variable not in known:
                    raise BurstpropError(
                        f"Record.states: {record.population!r} has no variable {variable!r}: "
                        f"{near(variable, known)}"
                    )
            _check_several(
                "StateRecord.neurons", record.neurons, "the numbers of neurons, as (0,) or range(5)"
            )
            for neuron in record.neurons:
                if not isinstance(neuron, int | np.integer) or not 0 <= neuron < population.n:
                    raise BurstpropError(
                        f"Record.states: no neuron {neuron} in {record.population!r}; "
                        f"give 0 to {population.n - 1}"
                    )
                for variable in record.variables:
                    if (record.population, variable, int(neuron)) in found:
                        raise BurstpropError(
                            f"Record.states: {variable!r} of neuron {neuron} of {record.population!r} is "
                            "asked for twice; name it once"
                        )
                    found.add((record.population, variable, int(neuron)))


@dataclass
class Recording:
    """What came out of a run; see the module's text for the frames.

    Parameters
    ----------
    spikes, rates, states, weights : DataFrame
        Empty where nothing was recorded.
    info : dict
        What was run: circuit fingerprint, populations, seed, versions, duration.

    Raises
    ------
    BurstpropError
        From its methods: a file that cannot be read or written, a library that is missing.

    Examples
    --------
    >>> from burstprop import Circuit, Constant, Current, Population, PyramidalNeuron, simulate
    >>> pyr = Population("pyr", 10, PyramidalNeuron())
    >>> circuit = Circuit((pyr,), currents=(Current("pyr", "soma", Constant(800.0)),))
    >>> recording = simulate(circuit, duration_ms=200.0)
    >>> list(recording.spikes)
    ['time_ms', 'population', 'neuron_id', 'realization']
    >>> recording.info["populations"]
    {'pyr': 10}
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
        return write_arrays(path, arrays, compress=True)

    @staticmethod
    def load(path: str | Path) -> Recording:
        """Read a recording back.

        Parameters
        ----------
        path : path
            The .npz file that `save` wrote, the folder that `to_parquet` wrote, or a SONATA file (``.h5``),
            of which only spikes are known.

        Raises
        ------
        BurstpropError
            There is no such file, it is truncated, altered, or not a recording, or the library that reads it
            is missing.
        """
        path = Path(path)
        if path.is_dir() or path.suffix == ".h5":
            from burstprop.recording.read_back import from_parquet, from_sonata

            frames, info = from_parquet(path) if path.is_dir() else from_sonata(path)
            return Recording(**frames, info=info)
        arrays = read_arrays(path, "a recording")
        frames = {}
        try:
            for name in ("spikes", "rates", "states", "weights"):
                columns: dict[str, Any] = {}
                for column in arrays[f"{name}/columns"]:
                    values = arrays[f"{name}/{column}"]
                    if f"{name}/{column}/names" in arrays:
                        names = arrays[f"{name}/{column}/names"]
                        columns[str(column)] = categories(values, [str(n) for n in names])
                    else:
                        columns[str(column)] = values
                frames[name] = pd.DataFrame(columns)
            info = json.loads(str(arrays["info"]))
        except (KeyError, ValueError) as error:
            raise BurstpropError(f"{str(path)!r} is not a recording saved by burstprop ({error})") from None
        return Recording(**frames, info=info)

    @staticmethod
    def concatenate(parts: Iterable[Recording]) -> Recording:
        """Join recordings (of successive pieces, or realizations) into one; ``info`` is that of the last.

        Raises
        ------
        BurstpropError
            There is none.
        """
        parts = list(parts)
        if not parts:
            raise BurstpropError(
                "Recording.concatenate: there is nothing to join; give at least one recording"
            )
        joined = {}
        for name in ("spikes", "rates", "states", "weights"):
            frames = [frame for part in parts if len(frame := getattr(part, name))]
            joined[name] = pd.concat(frames, ignore_index=True) if frames else getattr(parts[-1], name)
            for column in ("population", "projection"):
                if column in joined[name]:
                    joined[name][column] = joined[name][column].astype("category")
        return Recording(**joined, info=parts[-1].info)

    def plot(self, *, populations: Sequence[str] | None = None, neurons: int = 60) -> Figure:
        """Return a figure of what was recorded: raster, E, P, weights, and voltages where there are any.

        Parameters
        ----------
        populations : sequence of str, optional
            Populations to draw, from top to bottom; by default all.
        neurons : int
            Rows of the raster for each of them.

        Returns
        -------
        matplotlib.figure.Figure
            In a notebook it shows itself; ``savefig`` writes it.

        Raises
        ------
        BurstpropError
            Nothing was recorded, there is no such population, or matplotlib is not installed.

        Examples
        --------
        >>> from burstprop import Circuit, Constant, Current, Population, PyramidalNeuron, simulate
        >>> pyr = Population("pyr", 10, PyramidalNeuron())
        >>> circuit = Circuit((pyr,), currents=(Current("pyr", "soma", Constant(400.0)),))
        >>> figure = simulate(circuit, 200.0).plot()
        >>> [axes.get_title(loc="left") for axes in figure.axes]
        ['spikes', 'event rate E', 'burst probability P']
        """
        optional("matplotlib", "Recording.plot")
        from burstprop.report.plotting import recording_figure

        return recording_figure(self, populations=populations, neurons=neurons)

    def _repr_html_(self) -> str | None:
        """Return provenance and the first rows of the frames for a notebook."""
        from burstprop.report.notebook import recording_html

        return recording_html(self)

    def to_xarray(self) -> xarray.DataTree:
        """Return labelled arrays of rates, states and weights: `burstprop.recording.export.to_xarray`."""
        from burstprop.recording import export

        return export.to_xarray(self)

    def to_pynapple(self) -> pynapple.TsGroup:
        """Return the spikes as a pynapple group: `burstprop.recording.export.to_pynapple`."""
        from burstprop.recording import export

        return export.to_pynapple(self)

    def to_neo(self) -> neo.Block:
        """Return the spikes as a Neo block: `burstprop.recording.export.to_neo`."""
        from burstprop.recording import export

        return export.to_neo(self)

    def to_nwb(self, path: str | Path, *, session_start: datetime.datetime | None = None) -> Path:
        """Write spikes and rates to an NWB file: `burstprop.recording.export.to_nwb`."""
        from burstprop.recording import export

        return export.to_nwb(self, path, session_start=session_start)

    def to_sonata(self, path: str | Path, *, realization: int | None = None) -> Path:
        """Write the spikes of one realization to a SONATA file: `burstprop.recording.export.to_sonata`."""
        from burstprop.recording import export

        return export.to_sonata(self, path, realization=realization)

    def to_parquet(self, folder: str | Path) -> Path:
        """Write all frames to Parquet files: `burstprop.recording.export.to_parquet`."""
        from burstprop.recording import export

        return export.to_parquet(self, folder)


def _check_several(what: str, value: Any, wanted: str) -> None:
    """Refuse a single item where several are expected: a string would be read letter by letter."""
    if isinstance(value, str) or not isinstance(value, Collection):
        raise BurstpropError(f"{what} = {value!r}: give {wanted}")


def categories(codes: np.ndarray, names: list[str]) -> pd.Categorical[str]:
    """Return names as a categorical column: one or two bytes per row."""
    return pd.Categorical.from_codes(codes, pd.Index(names))


def recorded_names(record: Record, circuit: Circuit) -> list[str]:
    """Return the names of the populations whose spikes are kept."""
    kept = recorded_populations(record, circuit)
    return [p.name for p, is_kept in zip(circuit.populations, kept, strict=True) if is_kept]


def recorded_populations(record: Record, circuit: Circuit) -> np.ndarray:
    """Return for each population whether its spikes are kept."""
    if isinstance(record.spikes, bool):
        return np.full(len(circuit.populations), record.spikes)
    return np.array([p.name in record.spikes for p in circuit.populations])
