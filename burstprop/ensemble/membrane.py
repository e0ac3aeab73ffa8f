"""Mean and variance of both membrane potentials of a Burst-Poisson neuron, from the rates of its inputs.

Each spike opens a conductance that decays, and the membrane answers linearly (`burst_poisson` has the
equations). `soma` gives the coordinates of the event curve, `dendrite` the mean and the variance at events.

The noise beyond that of independent Poisson trains comes in two parts. ``common``: what source populations do
together, a pair of arrays. The first, shape (2 sources, n), holds sums of the excitatory and of the
inhibitory weights of each source population, every synapse by its source's share of the mean rate; the second
is `synchrony.coherent_power`, shape (2 sources, 2 sources). Excitation and inhibition count coherently.
``regular``: what refractory trains have less than Poisson ones, a pair of arrays: powers (negative), shape
(sources, 3), and each source population's part of ``l_exc``, ``l_inh`` and ``shared``, shape (sources, 3, n).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from scipy.linalg import expm

from burstprop.ensemble.dynamics import filters
from burstprop.jit.kernel import compiled, kernel

V_SOMA_MV = -53.0
"""V* of the somatic driving force: near threshold, where a neuron decides on spikes."""
Pair = tuple[np.ndarray, np.ndarray] | None


def soma(neuron: Any, inputs: tuple[Any, ...], common: Pair, regular: Pair) -> np.ndarray:
    """Return x, ln s and ln g of the somatic membrane potential, shape (3, n).

    ``inputs``: conductances and noise sums of excitation and inhibition, shared noise, current
    (`burst_poisson.Somatic`), each of shape (n,), all but the first possibly one number.
    """
    rows = _rows(inputs)
    forces = neuron.e_exc - V_SOMA_MV, neuron.e_inh - V_SOMA_MV
    rest = neuron.e_l - V_SOMA_MV, neuron.tau_s / neuron.c_s
    taus = neuron.tau_s, neuron.tau_exc, neuron.tau_inh
    out = np.empty((3, rows.shape[1]))
    arrays = _arrays(common, regular, rows.shape[1])
    compiled(_soma)(rows, *arrays, np.array(forces), np.array(rest), np.array(taus, np.float64), out)
    return out


def dendrite(
    neuron: Any, v_mv: float, inputs: tuple[Any, ...], common: Pair, regular: Pair
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (mV) and variance (mV^2, without that of rest) of the dendritic potential, shape (n,).

    ``inputs`` as in `soma`; ``v_mv`` is the somatic potential that drives dendritic synapses.
    """
    rows = _rows(inputs)
    f = filters(neuron)["dendrite"]
    forces = neuron.e_exc - v_mv, neuron.e_inh - v_mv
    rest = neuron.e_l, neuron.tau_d / neuron.c_d, 1.0 + f.ratio
    overlaps = dendritic_overlaps(f.tau_ms, f.tau_q_ms, f.ratio, neuron.tau_exc, neuron.tau_inh)
    out = np.empty((2, rows.shape[1]))
    arrays = _arrays(common, regular, rows.shape[1])
    compiled(_dendrite)(rows, *arrays, np.array(forces), np.array(rest), np.array(overlaps), out)
    return out[0], out[1]


def overlap(tau: float, a: float, b: float) -> float:
    """Return the integral (ms) of the product of a leaky membrane's answers to two decaying conductances.

    tau dv/dt = -v + exp(-t/a), and the same with b; for a = b it is a^2/(2 (tau + a)).
    """
    return a * b * ((a + b) * tau + 2 * a * b) / (2 * (tau + a) * (tau + b) * (a + b))


@functools.lru_cache
def dendritic_overlaps(
    tau: float, tau_q: float, ratio: float, exc: float, inh: float
) -> tuple[float, float, float]:
    """Return the same integrals of a dendrite with adaptation: exc exc, inh inh, exc inh."""
    dt, answers = 0.05, []
    for decay in (exc, inh):
        system = np.array(
            [[-1 / tau, -ratio / tau, 1 / tau], [1 / tau_q, -1 / tau_q, 0.0], [0.0, 0.0, -1 / decay]]
        )
        step, state = expm(system * dt), np.array([0.0, 0.0, 1.0])
        v = np.empty(12000)
        for k in range(len(v)):
            v[k] = state[0]
            state = step @ state
        answers.append(v)
    first, second = answers
    return tuple(float(np.sum(a * b) * dt) for a, b in ((first, first), (second, second), (first, second)))  # type: ignore[return-value]


def _rows(inputs: tuple[Any, ...]) -> np.ndarray:
    rows = np.empty((len(inputs), len(inputs[0])))
    for row, value in zip(rows, inputs, strict=True):
        row[:] = value
    return rows


def _arrays(common: Pair, regular: Pair, n: int) -> tuple[np.ndarray, ...]:
    weights, coherent = common or (np.zeros((0, n)), np.zeros((0, 0)))
    powers, parts = regular or (np.zeros((0, 3)), np.zeros((0, 3, n)))
    return weights, coherent, powers, parts


_overlap = kernel(overlap)


@kernel
def _beyond_poisson(i, weights, coherent, powers, parts, forces):
    """Return the variance (times 1000) of neuron ``i`` beyond that of independent Poisson trains."""
    total = 0.0
    for a in range(weights.shape[0]):
        row = 0.0
        for b in range(weights.shape[0]):
            row += coherent[a, b] * weights[b, i] * forces[b % 2]
        total += row * weights[a, i] * forces[a % 2]
    exc, inh = forces[0], forces[1]
    for k in range(powers.shape[0]):
        total += parts[k, 0, i] * exc * exc * powers[k, 0] + parts[k, 1, i] * inh * inh * powers[k, 1]
        total += 2 * parts[k, 2, i] * exc * inh * powers[k, 2]
    return total


def _soma(rows, weights, coherent, powers, parts, forces, rest, taus, out):
    exc, inh, tau_exc, tau_inh = forces[0], forces[1], taus[1], taus[2]
    for i in range(rows.shape[1]):
        g = 1.0 + rows[0, i] + rows[1, i]
        y = rows[0, i] * exc + rows[1, i] * inh + rest[0] + rows[5, i] * rest[1]
        tau = taus[0] / g
        power = (
            rows[2, i] * exc * exc * _overlap(tau, tau_exc, tau_exc)
            + rows[3, i] * inh * inh * _overlap(tau, tau_inh, tau_inh)
            + 2 * rows[4, i] * exc * inh * _overlap(tau, tau_exc, tau_inh)
        )
        power += _beyond_poisson(i, weights, coherent, powers, parts, forces)
        s = np.sqrt(max(power, 1e-3) / 1000.0) / g
        out[0, i], out[1, i], out[2, i] = y / g / s, np.log(s), np.log(g)


def _dendrite(rows, weights, coherent, powers, parts, forces, rest, overlaps, out):
    exc, inh = forces[0], forces[1]
    for i in range(rows.shape[1]):
        driven = rows[5, i] * rest[1] + rows[0, i] * exc + rows[1, i] * inh
        power = rows[2, i] * exc * exc * overlaps[0] + rows[3, i] * inh * inh * overlaps[1]
        power += 2 * rows[4, i] * exc * inh * overlaps[2]
        power += _beyond_poisson(i, weights, coherent, powers, parts, forces)
        out[0, i], out[1, i] = rest[0] + driven / rest[2], power / 1000.0
