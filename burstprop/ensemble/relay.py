"""What short-term plasticity passes of a bursting population, as a rate.

The usual mean field of Tsodyks-Markram synapses takes spikes for a Poisson train. Spikes that come in bursts
are not: intervals are bimodal, and it is wrong by tens of percent. Here what a synapse passes (the sum of its
efficacies per neuron and second) is a function of the events E and the later spikes X of the population and
of a slow rate L of all spikes, which stands for the state that the synapse keeps::

    passed = c_E E + c_X X + L (d_E E + d_X X),     tau dL/dt = S - L,   S = E + X

The four numbers are fitted to isolated populations (least squares, relative error), so they hold for any
neuron that was measured. ``tau`` is the time over which the synapse forgets, by the variable that moves more
over the measured rates: u of a facilitating synapse, 1/tau = 1/tau_F + f S/1000; x of a depressing one, which
each spike empties by u, 1/tau = 1/tau_D + u S/1000.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from burstprop import ShortTermPlasticity
from burstprop.jit.kernel import entry_point


class Relay(NamedTuple):
    """Fitted passing of one kind of synapse from one kind of population."""

    events: float
    later: float
    slow_events: float
    slow_later: float
    tau_ms: float
    pull: float
    """1/tau = 1/tau_ms + pull S/1000."""
    noise: float
    """Mean squared efficacy over the squared mean: a train of such spikes has so many times the noise."""
    rms: float
    """Relative residual of the fit."""
    largest: float


def passed(
    time_ms: np.ndarray, neuron: np.ndarray, synapse: ShortTermPlasticity, from_ms: float, dt: float
) -> tuple[float, float]:
    """Return the sums of the efficacies and of their squares over all spikes after ``from_ms``.

    ``time_ms`` and ``neuron`` are sorted by neuron, then time.
    """
    u = synapse.utilisation
    start = u if synapse.u_start is None else synapse.u_start
    jump = u if synapse.jump is None else synapse.jump
    sums = entry_point(_passed, ())(
        np.ascontiguousarray(time_ms, np.float64),
        np.ascontiguousarray(neuron, np.int64),
        float(from_ms),
        float(synapse.tau_d_ms),
        float(synapse.tau_f_ms),
        float(u),
        float(jump),
        float(start),
        float(dt),
    )
    return float(sums[0]), float(sums[1])


def _passed(time, neuron, begin, tau_d, tau_f, utilisation, jump, start, dt):
    first, second = 0.0, 0.0
    keep_d, keep_f = np.log(1.0 - dt / tau_d) / dt, np.log(1.0 - dt / tau_f) / dt
    before, at = -1, 0.0
    x, u = 1.0, start
    for k in range(len(time)):
        if neuron[k] != before:
            before, at = neuron[k], 0.0
            x, u = 1.0, start
        gap = time[k] - at
        x = 1.0 - (1.0 - x) * np.exp(gap * keep_d)
        u = utilisation + (u - utilisation) * np.exp(gap * keep_f)
        at = time[k]
        efficacy = x * u
        if time[k] >= begin:
            first += efficacy
            second += efficacy * efficacy
        x -= efficacy
        u += jump * (1.0 - u)
    return first, second


def fit_relay(answers: pd.DataFrame, k: int, synapse: ShortTermPlasticity) -> Relay:
    """Fit the k-th kind of synapse to the answers of isolated populations (`isolated.measure`)."""
    e = answers["event_rate_hz"].to_numpy()
    s = answers["rate_hz"].to_numpy()
    y, square = answers[f"passed_{k}_hz"].to_numpy(), answers[f"squares_{k}_hz"].to_numpy()
    known = (answers["events"].to_numpy() >= 50) & (y > 0)
    e, s, y, square = e[known], s[known], y[known], square[known]
    x = s - e
    design = np.column_stack([e, x, s * e, s * x])
    coefficients = np.linalg.lstsq(design / y[:, None], np.ones(len(y)), rcond=None)[0]
    away = design @ coefficients / y - 1.0
    noise = float(np.median(square * s / y**2))
    return Relay(
        float(coefficients[0]),
        float(coefficients[1]),
        float(coefficients[2]),
        float(coefficients[3]),
        *memory(synapse, s),
        noise,
        float(np.sqrt(np.mean(away**2))),
        float(np.abs(away).max()),
    )


def memory(synapse: ShortTermPlasticity, spikes_hz: np.ndarray) -> tuple[float, float]:
    """Return ``tau_ms`` and ``pull`` of the variable that moves more over these rates."""
    jump = synapse.utilisation if synapse.jump is None else synapse.jump
    s = np.array([np.min(spikes_hz), np.mean(spikes_hz), np.max(spikes_hz)]) / 1000.0
    u = (synapse.utilisation / synapse.tau_f_ms + jump * s) / (1.0 / synapse.tau_f_ms + jump * s)
    x = 1.0 / (1.0 + synapse.tau_d_ms * u * s)
    if abs(np.log(u[2] / u[0])) >= abs(np.log(x[2] / x[0])):
        return synapse.tau_f_ms, jump
    return synapse.tau_d_ms, float(u[1])
