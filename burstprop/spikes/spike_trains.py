"""Spike trains, many at once, and two random kinds: Poisson with a dead time, and random bursts.

A `Trains` holds any number of trains in one flat array. Train k of a random set depends on the key of the
random numbers and on k alone, not on how many are drawn: ten repetitions are the first ten of a hundred.

- `dead_time_poisson`: intervals of a dead time plus an exponential time; the mean rate is what is asked for.
- `doublets`: events that come like that, each followed by a second spike with a given probability, after a
  delay that is uniform in a range: random events, some of which are bursts at random.

Source of both: single-synapse protocols of Payeur et al. (2021), Nature Neuroscience 24, Fig. 2 and Methods,
https://doi.org/10.1038/s41593-021-00857-x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from burstprop.errors import BurstpropError


class Trains(NamedTuple):
    """Many spike trains in one array: train k is ``times_ms[offsets[k]:offsets[k + 1]]``.

    Attributes
    ----------
    times_ms : float64 array, shape (spikes,)
        Spike times in ms, increasing within a train.
    offsets : int64 array, shape (trains + 1,)
        Where each train begins.
    """

    times_ms: NDArray[np.float64]
    offsets: NDArray[np.int64]


def to_trains(times_ms: Sequence[ArrayLike]) -> Trains:
    """Join the caller's spike trains into one `Trains`.

    Parameters
    ----------
    times_ms : sequence of arrays, each of shape (spikes,)
        Spike times of each train in ms, at least 0, increasing.

    Raises
    ------
    BurstpropError
        If a time is negative or not finite, or the times of a train do not increase.
    """
    trains = [np.asarray(train, dtype=np.float64) for train in times_ms]
    for number, times in enumerate(trains):
        if times.ndim != 1 or not np.all(np.isfinite(times)) or np.any(times < 0.0):
            raise BurstpropError(
                f"spike train {number}: give a one-dimensional array of finite times in ms, all at least 0 ms"
            )
        bad = np.flatnonzero(np.diff(times) <= 0.0)
        if bad.size:
            raise BurstpropError(
                f"spike train {number}: {times[bad[0] + 1]:g} ms follows {times[bad[0]]:g} ms; times must "
                "increase: sort them, and leave out spikes that are there twice"
            )
    offsets = np.cumsum([0, *map(len, trains)], dtype=np.int64)
    return Trains(np.concatenate([np.zeros(0), *trains]), offsets)


def _pack(times_ms: NDArray[np.float64], kept: NDArray[np.bool_]) -> Trains:
    return Trains(times_ms[kept], np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64))


def _renewal_times(
    seed: Sequence[int], rows: int, rate_hz: float, dead_ms: float, duration_ms: float
) -> NDArray[np.float64]:
    """Return increasing times in ms, shape (rows, columns), the last of each row beyond the duration."""
    if not 0.0 < rate_hz * dead_ms < 1000.0:
        raise BurstpropError(
            f"rate = {rate_hz:g} Hz with a dead time of {dead_ms:g} ms: the rate must be above 0 and below "
            f"{1000.0 / dead_ms:g} Hz; lower the rate or shorten the dead time"
        )
    mean_ms = 1000.0 / rate_hz - dead_ms
    # the chance that a row needs more intervals than this is below 1e-25
    expected = duration_ms * rate_hz / 1000.0
    columns = math.ceil(expected + 12.0 * math.sqrt(expected) + 20.0)
    intervals = dead_ms + np.random.default_rng(seed).exponential(mean_ms, (rows, columns))
    return np.cumsum(intervals, axis=1)


def dead_time_poisson(
    seed: Sequence[int], rows: int, *, rate_hz: float, dead_ms: float, duration_ms: float
) -> Trains:
    """Return Poisson trains with a dead time: intervals of ``dead_ms`` plus an exponential time.

    Parameters
    ----------
    seed : sequence of int
        Key of the random numbers; the same key gives the same trains.
    rows : int
        Number of trains.
    rate_hz : float
        Mean rate in Hz, dead time included.
    dead_ms, duration_ms : float
        Dead time and length of the trains in ms.

    Raises
    ------
    BurstpropError
        If the dead time leaves no room for the rate.
    """
    times = _renewal_times(seed, rows, rate_hz, dead_ms, duration_ms)
    return _pack(times, times < duration_ms)


def doublets(
    seed: Sequence[int],
    rows: int,
    *,
    event_rate_hz: float,
    burst_prob: float,
    dead_ms: float,
    delay_ms: tuple[float, float],
    duration_ms: float,
) -> Trains:
    """Return trains of events, each followed by a second spike with a given probability.

    Parameters
    ----------
    seed : sequence of int
        Key of the random numbers. The same key gives the same events at every burst probability, and the
        bursts of a lower one are among those of a higher one.
    rows : int
        Number of trains.
    event_rate_hz : float
        Mean rate of events in Hz.
    burst_prob : float
        Probability that an event has a second spike.
    dead_ms : float
        Shortest interval between events in ms; the rest of the interval is exponential.
    delay_ms : (float, float)
        The second spike comes after a time that is uniform between these two, in ms.
    duration_ms : float
        Length of the trains in ms.

    Raises
    ------
    BurstpropError
        If the dead time leaves no room for the rate, or a second spike could come after the next event.
    """
    low, high = delay_ms
    if not 0.0 < low <= high < dead_ms:
        raise BurstpropError(
            f"second spike after {low:g} to {high:g} ms: must come after its event and before the next one "
            f"can, at {dead_ms:g} ms"
        )
    if not 0.0 <= burst_prob <= 1.0:
        raise BurstpropError(f"burst_prob = {burst_prob:g}: must be between 0 and 1")
    events = _renewal_times((*seed, 0), rows, event_rate_hz, dead_ms, duration_ms)
    bursts = np.random.default_rng((*seed, 1)).random(events.shape) < burst_prob
    seconds = events + np.random.default_rng((*seed, 2)).uniform(low, high, events.shape)
    times = np.stack([events, seconds], axis=2).reshape(rows, 2 * events.shape[1])
    exists = np.stack([np.ones_like(bursts), bursts], axis=2).reshape(rows, 2 * events.shape[1])
    return _pack(times, exists & (times < duration_ms))
