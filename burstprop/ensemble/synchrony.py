"""How far the neurons of a layer spike together, because they share sources, and what that does to the next.

The mean rate of N independent neurons of rate r has the spectrum r/N at all frequencies. Sources that many
neurons share move the whole layer: its spectrum is r/N (1 + C(f)). In linear response, layer by layer, with
H_k the answer of the layer's mean rate to the own noise of population k::

    C(f) = sum over all populations k below of |H_k(f)|^2 (r_k/N_k) (N/r) R_k(f)
    H_k(f) = G_k(f) + sum over sources s of G_s(f) H_sk(f)
    G(f) = E' K(f) / (1 + E' A(f) + D(f))
    K(f) = w_e A_e tau_e/(1 + i w tau_e) + w_i A_i tau_i/(1 + i w tau_i)

E' is a neuron's slope (Hz per mV) without adaptation, A(f) what adaptation and the moving threshold take
back, D(f) what the dead time does; G is the mean over neurons. Excitation and inhibition by the same sources
nearly cancel in the mean, and not at 20 Hz, since inhibition is slower. Two layers that share sources go
together too: a neuron above receives the common parts of all its sources coherently, through its synapses
and its membrane; `coherent_power` is what that adds to its variance. R(f) is the spectrum of one neuron over
that of a Poisson train: below 1, since a neuron is refractory (`refractory`).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from burstprop.ensemble.dynamics import filters
from burstprop.ensemble.membrane import V_SOMA_MV
from burstprop.jit.kernel import compiled

FREQUENCY_HZ = np.concatenate([np.arange(0.5, 20.0, 1.5), np.arange(20.0, 200.0, 10.0)])
_WIDTH = np.gradient(FREQUENCY_HZ)
_OMEGA = 2 * np.pi * FREQUENCY_HZ / 1000.0


def population_gain(
    neuron: Any,
    rate_hz: np.ndarray,
    slope_hz_pa: np.ndarray,
    g: np.ndarray,
    w_exc: np.ndarray,
    w_inh: np.ndarray,
) -> np.ndarray:
    """Return the answer of a layer's mean rate to the mean rate of each source population.

    Neurons differ: one that is silent, or has no weights from a source, does not answer. The mean is taken
    over the answers of single neurons.

    Parameters
    ----------
    neuron : BurstPoissonNeuron
    rate_hz : array of shape (n,)
        Event rate of each neuron.
    slope_hz_pa : array of shape (n,)
        Change of each neuron's stationary event rate with a somatic current (Hz/pA).
    g : array of shape (n,)
        Mean total conductance of each neuron (leak 1).
    w_exc, w_inh : array of shape (sources, n)
        Sums of the weights from each source population, every synapse by its source's share of the mean rate.

    Returns
    -------
    array of shape (sources, frequencies)
        Complex, of `FREQUENCY_HZ`.
    """
    leak = neuron.c_s / neuron.tau_s
    closed = slope_hz_pa * leak
    adaptation = -neuron.b_ws * neuron.tau_ws / 1000.0 / leak
    threshold = neuron.dth * neuron.tau_th / 1000.0 * g
    # expected events in a dead time, over which a neuron that has just had one does not answer
    dead_ms = neuron.refractory_ms
    waiting = rate_hz * dead_ms / 1000.0 / np.maximum(1.0 - rate_hz * dead_ms / 1000.0, 0.3)
    slope = closed * (1.0 + waiting) / np.maximum(1.0 - closed * (adaptation + threshold), 0.1)
    parts = _back(neuron.tau_ws, neuron.tau_th, dead_ms)
    real, imag = np.zeros((2, 2, len(w_exc), len(FREQUENCY_HZ)))
    compiled(_gain)(slope, waiting, adaptation, threshold, parts, np.array([w_exc, w_inh]), real, imag)
    exc, inh = (real + 1j * imag) / len(g)
    by_exc, by_inh = _synapses(neuron.tau_exc, neuron.tau_inh) / 1000.0
    return exc * by_exc * (neuron.e_exc - V_SOMA_MV) + inh * by_inh * (neuron.e_inh - V_SOMA_MV)


def _gain(slope, waiting, adaptation, threshold, parts, weights, real, imag):
    """Add up slope/(1 + back) over neurons, by weight: ``real`` and ``imag``, shape (2, sources, freq.)."""
    count, frequencies = weights.shape[1], parts.shape[1]
    re, im = np.empty(frequencies), np.empty(frequencies)
    for i in range(len(slope)):
        a, th, w = slope[i] * adaptation, slope[i] * threshold[i], waiting[i]
        for f in range(frequencies):
            b_re = 1.0 + a * parts[0, f] + th * parts[2, f] + w * parts[4, f]
            b_im = a * parts[1, f] + th * parts[3, f] + w * parts[5, f]
            size = slope[i] / (b_re * b_re + b_im * b_im)
            re[f], im[f] = b_re * size, -b_im * size
        for sign in range(2):
            for s in range(count):
                for f in range(frequencies):
                    real[sign, s, f] += weights[sign, s, i] * re[f]
                    imag[sign, s, f] += weights[sign, s, i] * im[f]


def refractory(neuron: Any, rate_hz: float) -> np.ndarray:
    """Return the spectrum of one neuron's events over that of a Poisson train, less 1, by frequency.

    A Poisson process with dead time, the closed form of a renewal process: 1 + 2 Re(F/(1 - F)) with F the
    Fourier transform of the interval distribution, a dead time and an exponential.
    """
    dead = neuron.refractory_ms / 1000.0
    hazard = rate_hz / max(1.0 - rate_hz * dead, 0.05)
    omega = 1000.0 * _OMEGA
    interval = np.exp(-1j * omega * dead) * hazard / (hazard + 1j * omega)
    return 2.0 * np.real(interval / (1.0 - interval))


def burst_jitter(neuron: Any) -> np.ndarray:
    """Return how much of a rhythm of events is left in bursts, whose delay after the event is uniform."""
    return _jitter(neuron.burst_span_ms)


@functools.lru_cache
def _back(tau_w: float, tau_th: float, dead_ms: float) -> np.ndarray:
    """Return by frequency what adaptation, threshold and dead time take back, real and imaginary parts."""
    parts = [1 / (1 + 1j * _OMEGA * tau) for tau in (tau_w, tau_th)]
    parts.append((1.0 - np.exp(-1j * _OMEGA * dead_ms)) / (1j * _OMEGA * dead_ms))
    return np.array([side for part in parts for side in (part.real, part.imag)])


@functools.lru_cache
def _jitter(span_ms: float) -> np.ndarray:
    return np.sinc(FREQUENCY_HZ * span_ms / 1000.0)


def common_power(neuron: Any, g: float | None, together: np.ndarray) -> np.ndarray:
    """Return integrals (ms) of a spectrum with the membrane's answers: exc exc, inh inh, exc inh.

    ``g`` is the total conductance of a soma; None means the dendrite.
    """
    return _squares(neuron.tau_exc, neuron.tau_inh) @ (_membrane(neuron, g) * together)


def coherent_power(neuron: Any, g: float | None, answers: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return integrals (ms Hz) of what the mean rates of several sources do together.

    Parameters
    ----------
    neuron, g
        As for `common_power`.
    answers : array of shape (sources, populations, frequencies)
        Complex: of each source's mean rate to the own noise of every population.
    noise : array of shape (populations, frequencies)
        Spectrum of that noise (Hz).

    Returns
    -------
    array of shape (2 sources, 2 sources)
        Excitation and inhibition of the first source, of the second, and so on.
    """
    synapses = _synapses(neuron.tau_exc, neuron.tau_inh)
    arriving = answers[:, None] * synapses[None, :, None] * np.sqrt(_membrane(neuron, g) * noise)
    flat = arriving.reshape(2 * len(answers), -1)
    return (flat @ flat.conj().T).real


def _membrane(neuron: Any, g: float | None) -> np.ndarray:
    """Return the squared answer of a soma of conductance ``g`` or of the dendrite, times the bin's width."""
    if g is None:
        f = filters(neuron)["dendrite"]
        return _dendrite(f.tau_ms, f.tau_q_ms, f.ratio)
    return _soma(neuron.tau_s / g)


@functools.lru_cache
def _soma(tau: float) -> np.ndarray:
    return 2.0 * _WIDTH / 1000.0 / (1.0 + (_OMEGA * tau) ** 2)


@functools.lru_cache
def _squares(tau_exc: float, tau_inh: float) -> np.ndarray:
    """Return the products of both kinds of conductance: exc exc, inh inh, exc inh, by frequency (ms^2)."""
    exc, inh = _synapses(tau_exc, tau_inh)
    return np.array([np.abs(exc) ** 2, np.abs(inh) ** 2, (exc * inh.conj()).real])


@functools.lru_cache
def _synapses(tau_exc: float, tau_inh: float) -> np.ndarray:
    """Return the answers of both kinds of conductance to a spike, by frequency (ms)."""
    return np.array([tau / (1 + 1j * _OMEGA * tau) for tau in (tau_exc, tau_inh)])


@functools.lru_cache
def _dendrite(tau: float, tau_q: float, ratio: float) -> np.ndarray:
    answer = 1.0 / (1 + 1j * _OMEGA * tau + ratio / (1 + 1j * _OMEGA * tau_q))
    return np.abs(answer) ** 2 * (2.0 * _WIDTH / 1000.0)
