"""Events, bursts and burst probability of any spike table.

A neuron's spikes are grouped into *events*: a single spike is one, and so is a burst (Naud & Sprekeler 2018,
PNAS 115, E6329; Payeur et al. 2021, Nat. Neurosci. 24, Methods). With E the rate of events and B the rate of
bursts, the burst probability is P = B/E. Two definitions are in use, both here by name:

``"trace"``
    Each neuron has a trace z that decays with 16 ms and grows by 1 at each spike. A spike that finds z < 1/e
    (before its own 1) begins an event; otherwise it belongs to the event, and the first such spike makes it a
    burst. After a doublet of 5 ms the window is 24.8 ms long. The circuits use this one.
``"interval"``
    A spike more than 16 ms after the previous one begins an event; the first spike that follows within 16 ms
    makes it a burst. The single-synapse protocols use this one.

An interval of exactly 16 ms is within the window by both.

>>> import pandas as pd
>>> spikes = pd.DataFrame({"time_ms": [0.0, 5.0, 26.0, 100.0], "neuron_id": 0})
>>> find_bursts(spikes)[["time_ms", "n_spikes", "burst", "second_spike_ms"]]
   time_ms  n_spikes  burst  second_spike_ms
0      0.0         3   True              5.0
1    100.0         1  False              NaN
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from burstprop.errors import BurstpropError, near
from burstprop.spikes.spike_table import spike_table

WINDOW_MS = 16.0
DEFINITIONS = ("trace", "interval")
#: Spike times are sums of time steps; intervals are compared with this tolerance (relative for the trace).
TOLERANCE_MS = 1e-6


def find_bursts(
    spikes: Any,
    *,
    definition: str = "trace",
    window_ms: float = WINDOW_MS,
    time_unit: str | None = None,
) -> pd.DataFrame:
    """Group spikes into events and tell which events are bursts.

    Parameters
    ----------
    spikes : DataFrame, mapping of arrays, object with ``i`` and ``t``, trains, or path
        In any order. Columns of burstprop (``time_ms, neuron_id``, and ``population, realization`` where
        there are several), of Brian2 (``i, t``; a SpikeMonitor itself will do), or of NEST (``senders,
        times``). Trains: a pynapple ``TsGroup``, a Neo ``Block``, ``Segment`` or list of ``SpikeTrain``, an
        ``NWBFile`` or its units. The path of a file: a saved recording, SONATA, Parquet
        (`burstprop.spikes.spike_files`).
    definition : {"trace", "interval"}
        See the module.
    window_ms : float
        Time constant of the trace, or longest interval within a burst.
    time_unit : {"ms", "s"}, optional
        Unit of ``t`` or ``times`` where they are plain numbers; left out, Brian2's are seconds and NEST's
        milliseconds, as these programs give them.

    Returns
    -------
    DataFrame
        One row an event, sorted by realization, population, neuron and time: ``time_ms`` (first spike),
        ``population, neuron_id, realization, n_spikes, burst`` (bool), ``second_spike_ms`` (NaN for a single
        spike).

    Raises
    ------
    BurstpropError
        Columns are missing, of different lengths, or hold no usable numbers.

    Examples
    --------
    >>> import pandas as pd
    >>> spikes = pd.DataFrame({"time_ms": [0.0, 5.0, 26.0, 100.0], "neuron_id": 0})
    >>> find_bursts(spikes)["burst"].tolist()
    [True, False]
    """
    if definition not in DEFINITIONS:
        raise BurstpropError(f"definition = {definition!r}: {near(definition, DEFINITIONS)}")
    if not (np.isfinite(window_ms) and window_ms > 0):
        raise BurstpropError(f"window_ms = {window_ms!r} ms: give a positive time")
    table = spike_table(spikes, time_unit)
    time, neuron = table["time_ms"].to_numpy(), table["neuron_id"].to_numpy()
    codes = {name: table[name].cat.codes.to_numpy() for name in ("population", "realization")}
    order, train = _by_train(time, neuron, codes["population"], codes["realization"])
    time, neuron = time[order], neuron[order]
    first = np.ones(len(time), bool)
    first[1:] = np.diff(train) != 0
    interval = np.full(len(time), np.inf)
    interval[1:] = np.where(first[1:], np.inf, np.diff(time))
    if definition == "interval":
        begins = interval > window_ms + TOLERANCE_MS
    else:
        begins = trace_before(interval, window_ms) < np.exp(-1.0) * (1.0 - TOLERANCE_MS / window_ms)
    begins |= first
    start = np.flatnonzero(begins)
    count = np.diff(start, append=len(time))
    burst = count > 1
    second = np.full(len(start), np.nan)
    second[burst] = time[start[burst] + 1]
    picked = {
        name: pd.Categorical.from_codes(code[order[start]], table[name].cat.categories)
        for name, code in codes.items()
    }
    return pd.DataFrame(
        {
            "time_ms": time[start],
            "population": picked["population"],
            "neuron_id": neuron[start],
            "realization": np.asarray(picked["realization"]),
            "n_spikes": count,
            "burst": burst,
            "second_spike_ms": second,
        }
    )


def _by_train(time: np.ndarray, neuron: np.ndarray, population: np.ndarray, realization: np.ndarray) -> Any:
    """Return the order that puts each spike train together, in time, and the number of each spike's train."""
    if not len(time):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    train = neuron.max() + 1
    train = neuron + train * (population + (population.max() + 1) * realization.astype(np.int64))
    # numpy sorts short integers by counting, several times faster
    train = train.astype(np.min_scalar_type(train.max()))
    order = np.argsort(time, kind="stable") if (np.diff(time) < 0).any() else np.arange(len(time))
    order = order[np.argsort(train[order], kind="stable")]
    return order, train[order]


def trace_before(interval_ms: np.ndarray, tau_ms: float) -> np.ndarray:
    """Return the trace just before each spike, from the intervals to the previous one (infinite at a first
    spike).

    The recurrence z_k = (z_(k-1) + 1) exp(-interval_k / tau) is solved for all spikes at once by doubling:
    after m rounds each spike has taken in its 2^m predecessors; what is further back has decayed below
    rounding.
    """
    factor = np.exp(-interval_ms / tau_ms)
    trace = factor.copy()
    reach = 1
    while reach < len(trace) and factor.max(initial=0.0) > 1e-17:
        trace[reach:] += factor[reach:] * trace[:-reach]
        factor[reach:] *= factor[:-reach].copy()
        reach *= 2
    return trace


def event_rates(
    spikes: Any,
    n_neurons: int | Mapping[str, int],
    bin_ms: float = 50.0,
    *,
    stop_ms: float | None = None,
    definition: str = "trace",
    window_ms: float = WINDOW_MS,
    time_unit: str | None = None,
) -> pd.DataFrame:
    """Return the rates of spikes, events and bursts, and the burst probability, over time.

    Parameters
    ----------
    spikes, definition, window_ms, time_unit
        See `find_bursts`.
    n_neurons : int or mapping
        Size of the population, or of each by name; populations named here that never spike appear too.
    bin_ms : float
        Length of the bins, the first of which begins at 0.
    stop_ms : float, optional
        End of the last bin; by default the end of the bin with the last spike.

    Returns
    -------
    DataFrame
        ``time_ms`` (end of the bin), ``population, rate_hz, event_rate_hz, burst_rate_hz, burst_prob,
        realization``, means over the neurons. A burst counts at its second spike. ``burst_prob`` is NaN where
        there was no event.

    Raises
    ------
    BurstpropError
        As `find_bursts`; also a population without a size, or a neuron beyond it.
    """
    if not (np.isfinite(bin_ms) and bin_ms > 0):
        raise BurstpropError(f"bin_ms = {bin_ms!r} ms: give a positive time")
    table = spike_table(spikes, time_unit)
    sizes = _sizes(table, n_neurons)
    events = find_bursts(table, definition=definition, window_ms=window_ms)
    # a spike at the very end of a bin belongs to the next one, in spite of rounding
    slack = TOLERANCE_MS / bin_ms
    if stop_ms is None:
        bins = int(np.floor(table["time_ms"].max() / bin_ms + slack)) + 1 if len(table) else 0
    else:
        bins = int(np.ceil(stop_ms / bin_ms - slack))
    names = list(sizes)
    runs = sorted(table["realization"].cat.categories.to_list()) or [1]
    shape = (len(runs), bins, len(names))

    def counted(time: pd.Series, population: pd.Series, realization: pd.Series) -> np.ndarray:
        which = np.floor(time.to_numpy() / bin_ms + slack).astype(np.int64)
        place = pd.Index(names).get_indexer(pd.Index(population))
        run = pd.Index(runs).get_indexer(pd.Index(realization))
        kept = which < bins
        flat = np.ravel_multi_index((run[kept], which[kept], place[kept]), shape)
        return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)

    bursts = events[events["burst"]]
    n_spikes = counted(table["time_ms"], table["population"], table["realization"])
    n_events = counted(events["time_ms"], events["population"], events["realization"])
    n_bursts = counted(bursts["second_spike_ms"], bursts["population"], bursts["realization"])
    seconds = np.array([sizes[name] for name in names]) * bin_ms / 1000.0
    prob = np.divide(n_bursts, n_events, out=np.full(shape, np.nan), where=n_events > 0)
    run, which, place = (axis.reshape(-1) for axis in np.indices(shape))
    return pd.DataFrame(
        {
            "time_ms": (which + 1) * bin_ms,
            "population": pd.Categorical.from_codes(place, pd.Index(names)),
            "rate_hz": (n_spikes / seconds).reshape(-1),
            "event_rate_hz": (n_events / seconds).reshape(-1),
            "burst_rate_hz": (n_bursts / seconds).reshape(-1),
            "burst_prob": prob.reshape(-1),
            "realization": np.asarray(runs)[run],
        }
    )


def _sizes(table: pd.DataFrame, n_neurons: int | Mapping[str, int]) -> dict[str, int]:
    population = table["population"]
    # a filtered table still lists the categories of the rest, which are not asked for; without any spike
    # nothing tells them apart
    population = population.cat.remove_unused_categories() if len(table) else population
    present = [str(name) for name in population.cat.categories]
    if isinstance(n_neurons, Mapping):
        sizes = {str(name): int(size) for name, size in n_neurons.items()}
    else:
        sizes = {name: int(n_neurons) for name in present}
    for name in present:
        if name not in sizes:
            raise BurstpropError(f"n_neurons has no population {name!r}: {near(name, sizes)}; give its size")
    largest = table.groupby("population", observed=True)["neuron_id"].max()
    for name, size in sizes.items():
        if size < 1 or size <= largest.get(name, -1):
            found = f", but neuron {largest[name]} spiked" if name in largest.index else ""
            raise BurstpropError(f"n_neurons of {name!r} = {size}{found}: give the number of its neurons")
    return sizes
