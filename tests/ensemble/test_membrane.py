"""The compiled membranes, gains and weight changes of rate units, beside plain NumPy."""

import numpy as np
import pytest

from burstprop import BurstPoissonNeuron
from burstprop.ensemble import learning, membrane
from burstprop.ensemble.dynamics import filters
from burstprop.ensemble.synchrony import FREQUENCY_HZ, population_gain
from burstprop.jit.kernel import entry_point

NEURON = BurstPoissonNeuron(dendritic_driving_force="somatic")
N = 7


def inputs(rng):
    return (*rng.uniform(0.5, 2.0, (2, N)), *rng.uniform(50.0, 200.0, (2, N)), -rng.uniform(0, 20.0, N), 80.0)


def noise(rng, sources=3):
    answers = rng.normal(size=(2 * sources, 2 * sources))
    common = rng.uniform(0.0, 0.05, (2 * sources, N)), answers @ answers.T
    return common, (-rng.uniform(0.0, 0.3, (sources, 3)), rng.uniform(0.0, 30.0, (sources, 3, N)))


def beyond(common, regular, exc, inh):
    weights, coherent = common
    drives = weights * np.tile([exc, inh], len(weights) // 2)[:, None]
    total = np.sum(drives * (coherent @ drives), axis=0)
    for power, (l_exc, l_inh, shared) in zip(*regular, strict=True):
        total += l_exc * exc**2 * power[0] + l_inh * inh**2 * power[1] + 2 * shared * exc * inh * power[2]
    return total


def test_the_somatic_potential_is_that_of_the_closed_form():
    rng = np.random.default_rng(1)
    g_exc, g_inh, l_exc, l_inh, shared, current = given = inputs(rng)
    common, regular = noise(rng)
    exc, inh = NEURON.e_exc + 53.0, NEURON.e_inh + 53.0
    g = 1 + g_exc + g_inh
    y = g_exc * exc + g_inh * inh + NEURON.e_l + 53.0 + current * NEURON.tau_s / NEURON.c_s
    tau = NEURON.tau_s / g
    power = l_exc * exc**2 * membrane.overlap(tau, NEURON.tau_exc, NEURON.tau_exc)
    power += l_inh * inh**2 * membrane.overlap(tau, NEURON.tau_inh, NEURON.tau_inh)
    power += 2 * shared * exc * inh * membrane.overlap(tau, NEURON.tau_exc, NEURON.tau_inh)
    power += beyond(common, regular, exc, inh)
    s = np.sqrt(power / 1000.0) / g
    found = membrane.soma(NEURON, given, common, regular)
    np.testing.assert_allclose(found, [y / g / s, np.log(s), np.log(g)], rtol=1e-12)
    alone = membrane.soma(NEURON, given, None, None)
    assert np.all(alone[1] != found[1])


def test_the_dendritic_potential_is_that_of_the_closed_form():
    rng = np.random.default_rng(2)
    g_exc, g_inh, l_exc, l_inh, shared, current = given = inputs(rng)
    common, regular = noise(rng)
    exc, inh = NEURON.e_exc + 54.0, NEURON.e_inh + 54.0
    f = filters(NEURON)["dendrite"]
    a, b, both = membrane.dendritic_overlaps(f.tau_ms, f.tau_q_ms, f.ratio, NEURON.tau_exc, NEURON.tau_inh)
    power = l_exc * exc**2 * a + l_inh * inh**2 * b + 2 * shared * exc * inh * both
    power += beyond(common, regular, exc, inh)
    driven = current * NEURON.tau_d / NEURON.c_d + g_exc * exc + g_inh * inh
    mean, variance = membrane.dendrite(NEURON, -54.0, given, common, regular)
    np.testing.assert_allclose(mean, NEURON.e_l + driven / (1 + f.ratio), rtol=1e-12)
    np.testing.assert_allclose(variance, power / 1000.0, rtol=1e-12)


def test_a_layer_answers_as_the_mean_of_its_neurons():
    rng = np.random.default_rng(3)
    rate, slope, g = rng.uniform(1, 9, N), rng.uniform(0.005, 0.02, N), rng.uniform(3, 8, N)
    weights = rng.uniform(0, 2, (2, 3, N))
    omega = 2 * np.pi * FREQUENCY_HZ / 1000.0
    leak = NEURON.c_s / NEURON.tau_s
    closed = slope * leak
    adaptation = -NEURON.b_ws * NEURON.tau_ws / 1000.0 / leak
    threshold = NEURON.dth * NEURON.tau_th / 1000.0 * g
    dead = NEURON.refractory_ms
    waiting = rate * dead / 1000.0 / np.maximum(1.0 - rate * dead / 1000.0, 0.3)
    first = (closed * (1 + waiting) / np.maximum(1.0 - closed * (adaptation + threshold), 0.1))[:, None]
    back = adaptation / (1 + 1j * omega * NEURON.tau_ws)
    back = first * (back + threshold[:, None] / (1 + 1j * omega * NEURON.tau_th))
    back = back + waiting[:, None] * (1 - np.exp(-1j * omega * dead)) / (1j * omega * dead)
    answer = first / (1 + back) / N
    expected = 0.0
    for w, reversal, tau in zip(
        weights, (NEURON.e_exc, NEURON.e_inh), (NEURON.tau_exc, NEURON.tau_inh), strict=True
    ):
        expected = expected + (w @ answer) * (reversal + 53.0) * tau / 1000.0 / (1 + 1j * omega * tau)
    found = population_gain(NEURON, rate, slope, g, *weights)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_weights_change_by_what_both_neurons_ask_for():
    rng = np.random.default_rng(4)
    targets, sources, bins = 5, 6, 8
    start = np.arange(targets + 1) * 3
    source = np.concatenate([rng.permutation(sources)[:3] for _ in range(targets)]).astype(np.uint32)
    weight = rng.uniform(0.1, 0.9, len(source)).astype(np.float32)
    factors = (rng.normal(size=(targets, bins)) * (rng.random((targets, bins)) < 0.4)).astype(np.float32)
    traces = rng.random((bins, sources)).astype(np.float32)
    lower, counts, causal, rate = (
        rng.random(targets),
        rng.random(sources),
        rng.random(targets),
        rng.random(sources),
    )
    target = np.repeat(np.arange(targets), 3)
    asked = (factors @ traces)[target, source] + lower[target] * counts[source]
    expected = np.clip(weight + 0.1 * (asked + causal[target] * weight * rate[source]), 0.0, 1.0)
    entry_point(learning._learn, ())(
        start, source, weight, factors, traces, lower, counts, causal, rate, 0.1, 1.0
    )
    assert weight == pytest.approx(expected, rel=1e-5, abs=1e-6)
