"""Closed forms of the weight change of one synapse under the burst-dependent rule.

`expected_change` is the mean change when presynaptic and postsynaptic neuron fire independently, both with
event rate E, the postsynaptic one with burst rate B. Presynaptic events keep the trace at tau_pre E on
average, B potentiating bursts and E depressing events per second meet it, so that, correlations neglected::

    dw = eta tau_pre E (B T - E int_0^T Bbar/Ebar dt)

where both averages relax exponentially, time constant tau_avg, from where they start to B and E.
`periodic_change` adds up, spike by spike and without a time step, what coincident periodic trains do.
`poisson_rates` gives E and B of a Poisson train with a dead time.

Source: Payeur et al. (2021), Nature Neuroscience 24, https://doi.org/10.1038/s41593-021-00857-x, Methods.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from burstprop.spikes.single_synapse import SingleSynapse


def poisson_rates(rate_hz: float, dead_ms: float, window_ms: float) -> tuple[float, float]:
    """Return event rate and burst rate (Hz) of a Poisson train of mean rate ``rate_hz`` with a dead time.

    A spike is an event with the probability q that the interval before it exceeds the window, and that event
    becomes a burst with the probability 1 - q that the next interval does not; intervals are independent.
    """
    intensity = rate_hz / (1000.0 - rate_hz * dead_ms)
    q = math.exp(-intensity * max(window_ms - dead_ms, 0.0))
    return rate_hz * q, rate_hz * q * (1.0 - q)


def expected_change(
    synapse: SingleSynapse,
    *,
    event_rate_hz: float,
    burst_rate_hz: float,
    start_event_rate_hz: float,
    start_burst_rate_hz: float,
    duration_ms: float,
) -> float:
    """Return the mean weight change for independent trains, correlations neglected; see the module.

    Parameters
    ----------
    synapse : SingleSynapse
        The rule.
    event_rate_hz, burst_rate_hz : float
        E and B, of both neurons, in Hz; E above 0.
    start_event_rate_hz, start_burst_rate_hz : float
        Ebar and Bbar at t = 0 in Hz; Ebar above 0.
    duration_ms : float
        How long the trains last, in ms.
    """
    tau_s, duration_s = synapse.tau_avg_ms / 1000.0, duration_ms / 1000.0
    gone = -math.expm1(-duration_s / tau_s)
    final = burst_rate_hz / event_rate_hz
    # with u = exp(-t/tau), Bbar/Ebar = (B + b u)/(E + c u); the integral over t of what differs from B/E is
    # (b - c B/E) tau int_{1 - gone}^{1} du / (E + c u), a logarithm that is gone/E where c is 0
    c = start_event_rate_hz - event_rate_hz
    excess = start_burst_rate_hz - burst_rate_hz - c * final
    ratio = c * gone / (event_rate_hz + c * (1.0 - gone))
    relative = math.log1p(ratio) / ratio if ratio != 0.0 else 1.0
    integral = final * duration_s + excess * tau_s * relative * gone / (event_rate_hz + c * (1.0 - gone))
    trace = synapse.tau_pre_ms / 1000.0 * event_rate_hz
    return synapse.eta * trace * (burst_rate_hz * duration_s - event_rate_hz * integral)


def periodic_change(
    synapse: SingleSynapse,
    *,
    frequency_hz: float,
    spikes: int,
    sequence_starts_ms: NDArray[np.float64],
    start_event_rate_hz: float,
    start_burst_rate_hz: float,
) -> float:
    """Return the weight change when both neurons fire the same sequences of equally spaced spikes.

    Below ``1/burst_window`` every spike is an event. Above it the first spike of a sequence is the event and
    the second, which meets the trace of the first, its burst.

    Parameters
    ----------
    synapse : SingleSynapse
        The rule; its dt and kind of decay do not enter, time is continuous.
    frequency_hz : float
        Spike frequency within a sequence.
    spikes : int
        Spikes of a sequence.
    sequence_starts_ms : array, shape (sequences,)
        First spike of each sequence in ms; sequences lie so far apart that the presynaptic trace is gone.
    start_event_rate_hz, start_burst_rate_hz : float
        Ebar and Bbar at t = 0, in Hz.
    """
    interval_ms = 1000.0 / frequency_hz
    position = np.arange(spikes)
    if interval_ms > synapse.burst_window_ms:
        events = (sequence_starts_ms[:, None] + interval_ms * position).ravel()
        bursts = np.zeros(0)
        fading = np.exp(-interval_ms * position / synapse.tau_pre_ms)
        traces = np.tile(np.cumsum(fading), len(sequence_starts_ms))
    else:
        events = sequence_starts_ms
        bursts = sequence_starts_ms + interval_ms if spikes > 1 else np.zeros(0)
        traces = np.ones(len(events))
    event_rate = _average(synapse.tau_avg_ms, start_event_rate_hz, events, at=events)
    burst_rate = _average(synapse.tau_avg_ms, start_burst_rate_hz, bursts, at=events)
    depression = np.sum(burst_rate / event_rate * traces)
    potentiation = len(bursts) * math.exp(-interval_ms / synapse.tau_pre_ms)
    return float(synapse.eta * (potentiation - depression))


def _average(
    tau_ms: float, start_hz: float, times_ms: NDArray[np.float64], *, at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the moving average (Hz) of a train at given times, spikes at those times not yet counted."""
    since = at[:, None] - times_ms[None, :]
    kernel = np.where(since > 0.0, np.exp(-np.maximum(since, 0.0) / tau_ms), 0.0)
    return start_hz * np.exp(-at / tau_ms) + kernel.sum(axis=1) * 1000.0 / tau_ms
