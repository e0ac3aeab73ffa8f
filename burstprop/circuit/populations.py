"""Populations: neurons of one model, or sources that projections share: Poisson, or given spikes."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from burstprop.circuit.stimuli import check_counts, check_rate
from burstprop.errors import BurstpropError, near
from burstprop.neurons.model import NeuronModel
from burstprop.parameters import Named, check_value, quantity
from burstprop.spikes.spike_table import spike_table

BURST_DEFINITIONS = ("trace", "interval")


@dataclass(frozen=True)
class Population(Named):
    """``n`` neurons of one model.

    Parameters
    ----------
    name : str
    n : int
        Neurons, at least 1.
    neuron : NeuronModel
        An instance of a model, such as ``PyramidalNeuron()``.
    burst_definition : {"trace", "interval"}
        How spikes become events and bursts (`burstprop.find_bursts`): a trace that decays with
        ``burst_window_ms`` and has the threshold 1/e, or a gap longer than ``burst_window_ms``.
    burst_window_ms : float
        Window of that definition, in ms.

    Raises
    ------
    BurstpropError
        A value is out of bounds, the model is not an instance, or it holds arrays of another length than n.

    Examples
    --------
    >>> from burstprop import Population, PyramidalNeuron
    >>> Population("pyr", 400, PyramidalNeuron()).n
    400
    """

    name: str
    n: int
    neuron: NeuronModel
    burst_definition: str = "trace"
    burst_window_ms: float = 16.0

    def __post_init__(self) -> None:
        """Check the size, the model and the definition of bursts."""
        _check_population(self)
        if not isinstance(self.neuron, NeuronModel):
            raise BurstpropError(
                f"population {self.name!r}: neuron = {self.neuron!r} is not a neuron model; give for example "
                "PyramidalNeuron() (an instance, with brackets)"
            )
        model = type(self.neuron).__name__
        if not is_dataclass(self.neuron):
            raise BurstpropError(
                f"population {self.name!r}: {model} is not a dataclass; write @dataclass(frozen=True) above "
                "it"
            )
        for f in fields(self.neuron):
            value = getattr(self.neuron, f.name)
            if isinstance(value, list | tuple):
                raise BurstpropError(
                    f"population {self.name!r}: {model}.{f.name} = {value!r}: give one number, or an array "
                    "(np.array) of one per neuron"
                )
            if np.ndim(value) and np.shape(value) != (self.n,):
                raise BurstpropError(
                    f"population {self.name!r}: {model}.{f.name} has "
                    f"{np.shape(value)[0]} values for {self.n} neurons; give one number, or {self.n}"
                )

    def _repr_html_(self) -> str | None:
        """Return name, size and the parameters of the neurons for a notebook."""
        from burstprop.report.notebook import description_html

        return description_html(self.neuron, f"{self.name}: {self.n:,} x {type(self.neuron).__name__}")


@dataclass(frozen=True)
class PoissonPopulation(Named):
    """``n`` Poisson sources of ``rate_hz`` each that projections can share.

    Parameters
    ----------
    name : str
    n : int
        Sources, at least 1.
    rate_hz : float
        Mean rate of each in Hz; less than a spike in every step.
    counts : {"bernoulli"}
        A shared source spikes at most once per step.
    burst_definition : {"trace", "interval"}
        How spikes become events and bursts; see `burstprop.find_bursts`.
    burst_window_ms : float
        Window of that definition, in ms.

    Raises
    ------
    BurstpropError
        A value is out of bounds, or the population has no name.

    Examples
    --------
    >>> from burstprop import PoissonPopulation
    >>> PoissonPopulation("input", 100, rate_hz=5.0).rate_hz
    5.0
    """

    name: str
    n: int
    rate_hz: float
    counts: str = "bernoulli"
    burst_definition: str = "trace"
    burst_window_ms: float = 16.0

    def __post_init__(self) -> None:
        """Check the size and the rate."""
        _check_population(self)
        check_rate(f"population {self.name!r}: ", self.rate_hz)
        check_counts(f"population {self.name!r}: ", self.counts)
        if self.counts == "poisson":
            raise BurstpropError(
                f"population {self.name!r}: counts = 'poisson' is for private backgrounds; a shared source "
                "spikes at most once per step, like a neuron"
            )


@dataclass(frozen=True, eq=False)
class SpikeSource(Named):
    """``n`` neurons that spike at given times: recorded spikes, or those of another program or encoder.

    A spike is in the step that its time lies in, so spikes that burstprop recorded come again in the same
    steps. `SpikeSource.of` reads the tables of others.

    Parameters
    ----------
    name : str
    n : int
        Neurons, at least 1.
    times_ms : array of shape (spikes,)
        Counted from the start of the run; in any order.
    neurons : array of whole numbers, shape (spikes,)
        Which neuron spikes, 0 to n - 1.
    burst_definition, burst_window_ms
        As in `Population`.

    Raises
    ------
    BurstpropError
        A time is negative or not a number, a neuron is not there, or there are not as many of both.

    Examples
    --------
    >>> from burstprop import SpikeSource
    >>> SpikeSource("input", 2, times_ms=[5.0, 1.0], neurons=[0, 1]).times_ms.tolist()
    [1.0, 5.0]
    """

    name: str
    n: int
    times_ms: np.ndarray
    neurons: np.ndarray
    burst_definition: str = "trace"
    burst_window_ms: float = 16.0

    def __post_init__(self) -> None:
        """Check the spikes and sort them by time."""
        _check_population(self)
        where = f"population {self.name!r}: "
        table = spike_table({"time_ms": self.times_ms, "neuron_id": self.neurons})
        times, neurons = (table[name].to_numpy() for name in ("time_ms", "neuron_id"))
        if len(neurons) and neurons.max() >= self.n:
            raise BurstpropError(
                f"{where}a spike is of neuron {neurons.max()}, and n = {self.n}: numbers begin at 0 "
                "(SpikeSource.of takes first_neuron for tables that begin elsewhere)"
            )
        order = np.lexsort((neurons, times))
        for name, values in (("times_ms", times.astype(np.float64)), ("neurons", neurons.astype(np.int64))):
            values = values[order]
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    @staticmethod
    def of(
        name: str,
        spikes: Any,
        n: int | None = None,
        *,
        population: str | None = None,
        time_unit: str | None = None,
        first_neuron: int = 0,
        **options: Any,
    ) -> SpikeSource:
        """Return a source of spikes that another program made.

        Parameters
        ----------
        spikes
            Whatever `burstprop.find_bursts` reads: a frame or dict with the columns ``time_ms, neuron_id``, a
            Brian2 SpikeMonitor, NEST's events, the path of a saved recording, of a SONATA or of a Parquet
            file. Also a `Recording`, the units of an NWB file (``spike_times``), or a list with one array of
            times for each neuron.
        n : int, optional
            Number of neurons; by default as many as the table names.
        population : str, optional
            Which of several populations in the table.
        time_unit : {"ms", "s"}, optional
            As in `burstprop.find_bursts`; times of a list are ms where it is left out.
        first_neuron : int
            The number of the first neuron in the table.
        options
            ``burst_definition``, ``burst_window_ms``.

        Raises
        ------
        BurstpropError
            The table cannot be read, or holds several populations or realizations.
        """
        table = spike_table(*_columns(spikes, time_unit))
        if population is not None:
            known = list(table["population"].cat.categories)
            if population not in known:
                raise BurstpropError(
                    f"SpikeSource {name!r}: no population {population!r}: {near(population, known)}"
                )
            table = table[table["population"] == population]
        for column in ("population", "realization"):
            several = table[column].unique()
            if len(several) > 1:
                raise BurstpropError(
                    f"SpikeSource {name!r}: the table holds {len(several)} {column}s "
                    f"({', '.join(map(str, several[:5]))}); choose one"
                    + (" (population=...)" if column == "population" else "")
                )
        neurons = table["neuron_id"].to_numpy() - first_neuron
        if len(neurons) and neurons.min() < 0:
            raise BurstpropError(
                f"SpikeSource {name!r}: a spike is of neuron {neurons.min() + first_neuron}, before "
                f"first_neuron = {first_neuron}"
            )
        if n is None:
            n = int(neurons.max()) + 1 if len(neurons) else 1
        return SpikeSource(name, n, table["time_ms"].to_numpy(), neurons, **options)

    def steps(self, dt_ms: float) -> np.ndarray:
        """Return the step of every spike, ascending; times that are multiples of dt have some slack."""
        return np.floor((self.times_ms + 1e-6) / dt_ms).astype(np.int64)


Source = PoissonPopulation | SpikeSource
"""Populations that spike without being driven, and receive nothing."""


def _columns(spikes: Any, time_unit: str | None) -> tuple[Any, str | None]:
    """Return spikes as a table that `spike_table` knows, and the unit of its times."""
    if isinstance(getattr(spikes, "spikes", None), pd.DataFrame):  # a Recording
        return spikes.spikes, time_unit
    if hasattr(spikes, "colnames") and "spike_times" in spikes.colnames:  # units of an NWB file, in s
        spikes, time_unit = [np.asarray(times) for times in spikes["spike_times"][:]], "s"
    if isinstance(spikes, list | tuple):
        trains = [np.asarray(train, np.float64) for train in spikes]
        neuron = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
        times = np.concatenate([*trains, np.zeros(0)]) * (1000.0 if time_unit == "s" else 1.0)
        return {"time_ms": times, "neuron_id": neuron}, None
    return spikes, time_unit


def _check_population(population: Population | Source) -> None:
    where = f"population {population.name!r}"
    if not population.name or not isinstance(population.name, str):
        raise BurstpropError(f"{where}: a population needs a name")
    if isinstance(population.n, bool) or not isinstance(population.n, int | np.integer) or population.n < 1:
        raise BurstpropError(f"{where}: n = {population.n!r} neurons; give a whole number of at least 1")
    if population.burst_definition not in BURST_DEFINITIONS:
        raise BurstpropError(
            f"{where}: burst_definition = {population.burst_definition!r}; give 'trace' (the circuits of the "
            "paper) or 'interval' (its single-synapse protocols)"
        )
    window = quantity(16.0, "ms", "what ends an event, 16 in the paper", low=0, open_low=True)
    check_value(f"{where}: burst_window_ms", population.burst_window_ms, window.metadata)
