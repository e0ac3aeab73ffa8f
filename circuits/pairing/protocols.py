"""The three pairing protocols: their numbers, their spike trains, and the closed form of each."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from burstprop.errors import BurstpropError
from burstprop.parameters import quantity, replace
from burstprop.spikes.single_synapse import TOLERANCE, SingleSynapse, weight_changes
from burstprop.spikes.spike_trains import dead_time_poisson, doublets, to_trains

from .theory import expected_change, periodic_change, poisson_rates


@dataclasses.dataclass(frozen=True)
class Params(SingleSynapse):
    """The rule, and the numbers of the three protocols."""

    start_event_rate_hz: float = quantity(
        5.0, "Hz", "periodic, Poisson: Ebar at the start", low=0.0, open_low=True
    )
    periodic_start_burst_prob: float = quantity(0.15, "1", "periodic: Bbar/Ebar at the start", low=0.0)
    periodic_dt_ms: float = quantity(0.1, "ms", "periodic: time step", low=0.0, open_low=True)
    periodic_low_hz: float = quantity(1.0, "Hz", "periodic: lowest frequency", low=0.01)
    periodic_high_hz: float = quantity(100.0, "Hz", "periodic: highest frequency", low=0.01)
    periodic_frequencies: int = quantity(20, "1", "periodic: number of frequencies", low=2)
    periodic_spikes: int = quantity(5, "1", "periodic: spikes of a sequence", low=1)
    periodic_sequences: int = quantity(15, "1", "periodic: number of sequences", low=1)
    periodic_first_ms: float = quantity(10.0, "ms", "periodic: first spike of a sequence", low=0.0)
    periodic_pause_ms: float = quantity(
        11000.0, "ms", "periodic: from a sequence (one interval after its last spike) to the next", low=1000.0
    )
    duration_ms: float = quantity(
        100000.0, "ms", "Poisson, Burst-Poisson: length of the trains", low=0.0, open_low=True
    )
    poisson_low_hz: float = quantity(1.0, "Hz", "Poisson: lowest rate", low=0.01)
    poisson_high_hz: float = quantity(50.0, "Hz", "Poisson: highest rate", low=0.01)
    poisson_rates: int = quantity(10, "1", "Poisson: number of rates", low=2)
    poisson_dead_ms: float = quantity(2.0, "ms", "Poisson: shortest interval", low=0.0, open_low=True)
    poisson_start_burst_prob_low: float = quantity(
        0.3, "1", "Poisson: Bbar/Ebar at the start, few bursts before", low=0.0
    )
    poisson_start_burst_prob_high: float = quantity(
        0.5, "1", "Poisson: Bbar/Ebar at the start, many bursts before", low=0.0
    )
    burst_event_rate_low_hz: float = quantity(
        5.0, "Hz", "Burst-Poisson: lower event rate, and Ebar at the start", low=0.0, open_low=True
    )
    burst_event_rate_high_hz: float = quantity(
        10.0, "Hz", "Burst-Poisson: higher event rate, and Ebar at the start", low=0.0, open_low=True
    )
    burst_prob_high: float = quantity(
        0.45, "1", "Burst-Poisson: highest burst probability, the lowest is 0", low=0.0, high=1.0
    )
    burst_probs: int = quantity(10, "1", "Burst-Poisson: number of burst probabilities", low=2)
    burst_start_burst_prob: float = quantity(0.2, "1", "Burst-Poisson: Bbar/Ebar at the start", low=0.0)
    burst_dead_ms: float = quantity(20.0, "ms", "Burst-Poisson: shortest interval between events", low=0.0)
    burst_delay_low_ms: float = quantity(2.0, "ms", "Burst-Poisson: earliest second spike", low=0.0)
    burst_delay_high_ms: float = quantity(12.0, "ms", "Burst-Poisson: latest second spike", low=0.0)

    def __post_init__(self) -> None:
        """Check the values, and that each low bound lies below its high one."""
        super().__post_init__()
        for field in dataclasses.fields(self):
            high = field.name.replace("low", "high")
            if high != field.name and not getattr(self, field.name) < getattr(self, high):
                raise BurstpropError(
                    f"Params.{field.name} = {getattr(self, field.name):g} {field.metadata['unit']}: must be "
                    f"below {high}, {getattr(self, high):g}"
                )


class Condition(NamedTuple):
    """One line of a panel: what is varied, how it is simulated, what the closed form says.

    Attributes
    ----------
    protocol, condition : str
        Panel and line.
    x : array
        The frequencies or rates in Hz, or the burst probabilities.
    changes : callable
        (x, key of the random numbers, realizations) -> weight changes, shape (realizations,).
    closed_form : callable
        x -> weight change.
    """

    protocol: str
    condition: str
    x: NDArray[np.float64]
    changes: Callable[[float, tuple[int, int], int], NDArray[np.float64]]
    closed_form: Callable[[float], float]


def conditions(params: Params) -> list[Condition]:
    """Return the conditions of the three protocols, in the order of the panels."""
    histories = (params.poisson_start_burst_prob_low, params.poisson_start_burst_prob_high)
    rates = (params.burst_event_rate_low_hz, params.burst_event_rate_high_hz)
    return [
        _periodic(params),
        *(_poisson(params, history) for history in histories),
        *(_burst_poisson(params, rate) for rate in rates),
    ]


def _periodic(params: Params) -> Condition:
    synapse = replace(params, dt_ms=params.periodic_dt_ms)
    event_rate = params.start_event_rate_hz
    burst_rate = params.periodic_start_burst_prob * event_rate

    def starts(x: float) -> NDArray[np.float64]:
        # whole steps, so that every sequence meets the grid in the same way
        period_ms = params.periodic_spikes * 1000.0 / x + params.periodic_pause_ms
        steps = math.floor(period_ms / synapse.dt_ms + TOLERANCE)
        return params.periodic_first_ms + steps * synapse.dt_ms * np.arange(params.periodic_sequences)

    def changes(x: float, key: tuple[int, int], realizations: int) -> NDArray[np.float64]:
        times = (starts(x)[:, None] + 1000.0 / x * np.arange(params.periodic_spikes)).ravel()
        trains = to_trains([times])
        return weight_changes(synapse, trains, trains, event_rate_hz=event_rate, burst_rate_hz=burst_rate)

    def closed_form(x: float) -> float:
        return periodic_change(
            synapse,
            frequency_hz=x,
            spikes=params.periodic_spikes,
            sequence_starts_ms=starts(x),
            start_event_rate_hz=event_rate,
            start_burst_rate_hz=burst_rate,
        )

    x = np.linspace(params.periodic_low_hz, params.periodic_high_hz, params.periodic_frequencies)
    return Condition("periodic", "", x, changes, closed_form)


def _poisson(params: Params, history: float) -> Condition:
    event_rate, burst_rate = params.start_event_rate_hz, history * params.start_event_rate_hz

    def changes(x: float, key: tuple[int, int], realizations: int) -> NDArray[np.float64]:
        # the key does not hold the history: both histories meet the same trains
        pre, post = (
            dead_time_poisson(
                (key[0], 1, key[1], side),
                realizations,
                rate_hz=x,
                dead_ms=params.poisson_dead_ms,
                duration_ms=params.duration_ms,
            )
            for side in (0, 1)
        )
        return weight_changes(params, pre, post, event_rate_hz=event_rate, burst_rate_hz=burst_rate)

    def closed_form(x: float) -> float:
        event, burst = poisson_rates(x, params.poisson_dead_ms, params.burst_window_ms)
        return expected_change(
            params,
            event_rate_hz=event,
            burst_rate_hz=burst,
            start_event_rate_hz=event_rate,
            start_burst_rate_hz=burst_rate,
            duration_ms=params.duration_ms,
        )

    x = np.linspace(params.poisson_low_hz, params.poisson_high_hz, params.poisson_rates)
    return Condition("poisson", f"P0={history:g}", x, changes, closed_form)


def _burst_poisson(params: Params, event_rate: float) -> Condition:
    burst_rate = params.burst_start_burst_prob * event_rate

    def changes(x: float, key: tuple[int, int], realizations: int) -> NDArray[np.float64]:
        pre, post = (
            doublets(
                (key[0], 2, round(1000 * event_rate), key[1], side),
                realizations,
                event_rate_hz=event_rate,
                burst_prob=x,
                dead_ms=params.burst_dead_ms,
                delay_ms=(params.burst_delay_low_ms, params.burst_delay_high_ms),
                duration_ms=params.duration_ms,
            )
            for side in (0, 1)
        )
        return weight_changes(params, pre, post, event_rate_hz=event_rate, burst_rate_hz=burst_rate)

    def closed_form(x: float) -> float:
        return expected_change(
            params,
            event_rate_hz=event_rate,
            burst_rate_hz=x * event_rate,
            start_event_rate_hz=event_rate,
            start_burst_rate_hz=burst_rate,
            duration_ms=params.duration_ms,
        )

    x = np.linspace(0.0, params.burst_prob_high, params.burst_probs)
    return Condition("burst_poisson", f"E={event_rate:g}", x, changes, closed_form)
