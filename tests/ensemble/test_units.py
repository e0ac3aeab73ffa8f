"""Rate units of Burst-Poisson neurons: closed forms, learning and gradient, on a small circuit of layers."""

import math

import numpy as np
import pytest

from burstprop import (
    Background,
    BurstDependentRule,
    BurstPoissonNeuron,
    BurstpropError,
    Circuit,
    Constant,
    Current,
    Population,
    Probability,
    Projection,
    PyramidalNeuron,
)
from burstprop.circuit.synapses import facilitating
from burstprop.ensemble import BurstPoissonCurves, Learner, Units
from burstprop.ensemble.burst_poisson import TERMS
from burstprop.ensemble.gradient import differences, gradient
from burstprop.ensemble.learning import fano
from burstprop.ensemble.membrane import dendritic_overlaps, overlap
from burstprop.ensemble.synchrony import FREQUENCY_HZ, coherent_power, common_power, refractory

NEURON = BurstPoissonNeuron(dendritic_driving_force="somatic")


def curves():
    """Coefficients near those that a measurement gives; the tests are about what is made of them."""
    coefficients = np.zeros(len(TERMS))
    for term, value in {
        (0, 0, 0): -0.7,
        (1, 0, 0): 1.3,
        (0, 1, 0): 2.0,
        (0, 0, 1): 0.4,
        (2, 0, 0): -0.2,
    }.items():
        coefficients[TERMS.index(term)] = value
    return BurstPoissonCurves(NEURON, coefficients, 0.0065, -53.7, 1.0, (-2.3, -0.1), {})


def layers(n=60, **changes):
    rule = BurstDependentRule(eta=0.01)
    both = Probability(0.4)
    parts = {
        "populations": tuple(Population(name, n, NEURON) for name in ("low", "middle", "output")),
        "projections": (
            *(
                Projection(a, b, f"soma_{sign}", w, both, "events", rule=rule if sign == "exc" else None)
                for a, b in (("low", "middle"), ("middle", "output"))
                for sign, w in (("exc", 0.5), ("inh", 0.6))
            ),
            Projection("output", "middle", "dendrite_exc", 0.3, both, "bursts"),
        ),
        "backgrounds": tuple(
            Background(name, receptor, rate, w)
            for name in ("low", "middle", "output")
            for receptor, rate, w in (
                ("soma_exc", 150.0, 0.4),
                ("soma_inh", 150.0, 0.4),
                ("dendrite_exc", 500.0, 0.05),
                ("dendrite_inh", 500.0, 0.05),
            )
        ),
        "currents": (Current("output", "dendrite", Constant(400.0)), Current("low", "soma", Constant(100.0))),
        "plastic": False,
    }
    return Circuit(**(parts | changes))


@pytest.fixture
def units(monkeypatch):
    monkeypatch.setattr(Units, "_input", lambda self, name, pa: (5.0 + pa / 50.0, 0.2))
    return Units(layers(), curves(), seed=3)


def slow_answer(tau, decay, dt=0.01, time_ms=400.0):
    v, g, found = 0.0, 1.0, []
    for _ in range(round(time_ms / dt)):
        found.append(v)
        v, g = v + dt / tau * (g - v), g * (1 - dt / decay)
    return np.array(found)


def test_overlaps_are_the_integrals_of_the_answers():
    exc, inh = slow_answer(3.2, 5.0), slow_answer(3.2, 10.0)
    assert overlap(3.2, 5.0, 10.0) == pytest.approx(np.sum(exc * inh) * 0.01, rel=0.01)
    assert overlap(3.2, 5.0, 5.0) == pytest.approx(25.0 / (2 * 8.2))
    assert dendritic_overlaps(7.0, 30.0, 0.0, 5.0, 10.0)[0] == pytest.approx(overlap(7.0, 5.0, 5.0), rel=0.02)
    # the published squared answers of the dendrite with adaptation (ms)
    found = dendritic_overlaps(7.0, 30.0, 13 * 7 / 170, 5.0, 10.0)
    assert found[:2] == pytest.approx((0.913, 2.369), rel=0.02)


def test_common_noise_of_white_spectrum_is_that_of_independent_sources():
    power = common_power(NEURON, 4.0, np.ones(len(FREQUENCY_HZ)))
    assert power[0] == pytest.approx(overlap(4.0, 5.0, 5.0), rel=0.06)  # frequencies end at 200 Hz


def test_sources_that_go_together_add_up_before_they_are_squared():
    noise, answer = np.ones((1, len(FREQUENCY_HZ))), np.ones((1, 1, len(FREQUENCY_HZ)), complex)
    alone = coherent_power(NEURON, 4.0, answer, noise)
    exc, inh, both = common_power(NEURON, 4.0, noise[0])
    np.testing.assert_allclose(alone, [[exc, both], [both, inh]])
    pair = coherent_power(NEURON, 4.0, np.concatenate([answer, answer]), noise)
    weights = np.array([1.0, 0.0, 1.0, 0.0])
    assert weights @ pair @ weights == pytest.approx(4 * exc)


def test_burst_probability_is_the_sigmoid_averaged_over_the_noise():
    form = curves()
    drawn = np.random.default_rng(0).normal(-60.0, 5.0, 200_000)
    expected = np.mean(1 / (1 + np.exp(-(drawn + 57.0) / 6.0)))
    assert form.burst_prob(np.array(-60.0), np.array(25.0)) == pytest.approx(expected, abs=0.003)


def test_rates_settle_and_feedback_reaches_the_dendrite(units):
    rates = units.rates()
    again = units.rates(start=rates)
    np.testing.assert_allclose(again.events["output"], rates.events["output"], rtol=1e-3)
    assert np.ptp(rates.events["middle"]) > 0.5  # in-degrees differ
    taught = units.taught(rates, {"output": 800.0})
    assert taught.burst_prob["output"].mean() > rates.burst_prob["output"].mean() + 0.2
    assert taught.burst_prob["middle"].mean() > rates.burst_prob["middle"].mean() + 0.02
    assert taught.events["output"].mean() < rates.events["output"].mean()


def test_sources_in_common_make_neurons_spike_together(units):
    rates = units.rates()
    assert rates.synchrony("low").max() == 0.0
    assert rates.synchrony("middle").max() > 0.1
    assert rates.synchrony("output").max() > 0.1


def test_the_gradient_by_hand_is_that_of_differences(units):
    units.common = False
    rates = units.rates()

    def cost(hz):
        return -math.log((hz - 1.0) / 9.0)

    found = gradient(units, rates, lambda hz: (cost(hz + 1e-4) - cost(hz - 1e-4)) / 2e-4, mean=True)
    for name, value in found.items():
        assert value == pytest.approx(differences(units, cost, name, step=0.01), rel=0.03), name
    single = gradient(units, rates, lambda hz: 1.0)["low->middle.soma_exc"]
    s = units.synapses["low->middle.soma_exc"]
    k = int(np.argmax(np.abs(single)))
    before = s.weight[k]
    values = []
    for step in (-0.05, 0.05):
        s.weight[k] = before + step
        values.append(float(units.rates().events["output"].mean()))
    s.weight[k] = before
    assert single[k] == pytest.approx((values[1] - values[0]) / 0.1, rel=0.05)


def test_averages_relax_to_the_rates_with_the_noise_of_counting(units):
    rates = units.rates()
    learner = Learner(units, seed=1, noise=False)
    learner.wait(rates, 20_000.0)
    np.testing.assert_allclose(learner.averages["output"].events, rates.events["output"], rtol=1e-3)
    noisy = Learner(units, seed=1)
    noisy.wait(rates, 20_000.0)
    e = rates.events["output"]
    spread = (noisy.averages["output"].events - e) / np.sqrt(fano(e) * e / 4.0)
    assert np.std(spread) == pytest.approx(1.0, abs=0.3)


def test_more_bursts_than_expected_potentiate_and_fewer_depress(units):
    rates = units.rates()
    name = "middle->output.soma_exc"
    before = units.synapses[name].weight.copy()
    changes = []
    for current in (900.0, 0.0, -900.0):
        learner = Learner(units, seed=2, noise=False)
        learner.wait(rates, 20_000.0)
        for average in learner.averages.values():
            average.spikes += 5.0  # the lower homeostatic term has nothing to do
        learner.learn(units.taught(rates, {"output": current}), 500.0)
        changes.append(float(np.mean(units.synapses[name].weight - before)))
        units.synapses[name].weight[:] = before
    assert changes[0] > 0.002
    assert changes[2] < -0.0005
    # without a teacher what is left is causal: a slow drift down
    assert -0.0005 < changes[1] < 0.0


def test_weights_stay_within_bounds(units):
    learner = Learner(units, seed=2)
    rates = units.rates()
    for _ in range(40):
        learner.learn(units.taught(rates, {"output": 2000.0}), 2000.0)
    weights = units.synapses["middle->output.soma_exc"].weight
    assert weights.max() <= 1.0
    assert weights.min() >= 0.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"populations": tuple(Population(n, 60, PyramidalNeuron()) for n in ("low", "middle", "output"))},
            "BurstPoissonNeuron only",
        ),
        (
            {
                "projections": (
                    Projection("low", "middle", "soma_exc", 0.1, Probability(0.1), stp=facilitating()),
                )
            },
            "transmits spikes",
        ),
        (
            {
                "projections": (
                    Projection("low", "middle", "soma_exc", 0.1, Probability(0.1), "events"),
                    Projection("middle", "low", "soma_exc", 0.1, Probability(0.1), "events"),
                )
            },
            "events run in a circle through low, middle",
        ),
    ],
)
def test_circuits_without_rate_units_are_refused(changes, message):
    with pytest.raises(BurstpropError, match=message):
        Units(layers(**changes), curves())


def test_a_circuit_without_a_rule_does_not_learn(monkeypatch):
    fixed = tuple(
        Projection(a, b, "soma_exc", 0.4, Probability(0.4), "events") for a, b in (("low", "middle"),)
    )
    with pytest.raises(BurstpropError, match="nothing that learns"):
        Learner(Units(layers(projections=fixed), curves()))


def test_the_spectrum_of_a_refractory_neuron_has_the_fano_factor_of_dead_time():
    # slow limit: (1 - r d)^2
    found = 1.0 + refractory(NEURON, 8.0)[0]
    assert found == pytest.approx((1 - 8.0 * 0.02) ** 2, abs=0.01)
    assert abs(refractory(NEURON, 8.0)[-1]) < 0.1
