"""The bridge's own arithmetic: errors and their groups, cosines, weights handed to a simulation, claims."""

import math

import numpy as np
import pandas as pd
import pytest

from burstprop import Simulation
from burstprop.circuits.bridge import alignment, derivatives, propagation, xor
from burstprop.circuits.bridge.check import WORSE, check
from burstprop.circuits.bridge.experiment import EXPERIMENT, Params, quick_version
from burstprop.circuits.xor import experiment as xor_experiment
from burstprop.circuits.xor.circuit import Params as XorParams
from burstprop.circuits.xor.circuit import build
from burstprop.ensemble import Units
from burstprop.ensemble.burst_poisson import TERMS, BurstPoissonCurves
from burstprop.errors import BurstpropError
from burstprop.experiments.experiment import Execution
from burstprop.neurons import BurstPoissonNeuron

SIGNALS = ("E of pyr1", "P of pyr1", "E of pyr2", "P of pyr2", "rate of PV", "rate of SOM")


def table(factor=1.1, degrees=4.0):
    rows = []
    for signal in SIGNALS:
        rows.append(("figure", signal, "mean", 5.0 * factor, 5.0, 0.01))
        for which in ("feedforward", "feedback"):
            rows.append(("figure", signal, f"{which} amplitude", 1.0 * factor, 1.0, 0.01))
            rows.append(("figure", signal, f"{which} phase", 178.0 + degrees, 178.0, 1.0))
    frame = pd.DataFrame(rows, columns=["configuration", "signal", "figure", "rate_model", "spiking", "sd"])
    return frame.assign(error=propagation.errors(frame))


def test_errors_are_relative_and_phases_go_round():
    found = propagation.summary(table())
    assert found["mean largest"] == pytest.approx(0.1)
    assert found["phase largest"] == pytest.approx(4.0)
    assert found["cross-talk largest"] == pytest.approx(0.1)


def test_what_is_below_its_spread_counts_neither_as_phase_nor_as_cross_talk():
    frame = table()
    frame.loc[frame["signal"].eq("P of pyr2") & frame["figure"].eq("feedforward amplitude"), "sd"] = 0.5
    far = frame["signal"].eq("P of pyr2") & frame["figure"].eq("feedforward amplitude")
    frame.loc[far, "error"] = 5.0
    assert propagation.summary(frame)["cross-talk largest"] == pytest.approx(0.1)


def changes(sign=1.0, repetitions=3):
    rng = np.random.default_rng(0)
    measured, predicted = [], []
    for pathway in alignment.PATHWAYS:
        for pattern in ("0 0", "1 0", "0 1", "1 1"):
            value = rng.normal()
            turned = sign * value if "->hidden2" in pathway else value
            predicted.append((0, pathway, pattern, turned, value, value, value))
            for k in range(repetitions):
                measured.append((0, k, pathway, pattern, value + 0.01 * rng.normal(), 0.1 * rng.normal()))
    return (
        pd.DataFrame(
            measured, columns=["epoch", "repetition", "pathway", "pattern", "spiking", "without_teacher"]
        ),
        pd.DataFrame(
            predicted,
            columns=["epoch", "pathway", "pattern", "minus_gradient", "rate", "two_phase", "reduced"],
        ),
    )


def test_cosines_by_layer_tell_who_moves_against_the_gradient():
    found = alignment.cosines(*changes(-1.0)).set_index(["layer", "against"])
    assert found.loc[("hidden2", "minus_gradient"), "cosine"] < -0.99
    assert found.loc[("hidden1", "minus_gradient"), "cosine"] > 0.99
    assert found.loc[("output", "rate"), "size"] == pytest.approx(1.0, abs=0.02)
    assert found.loc[("all", "trial"), "size"] == pytest.approx(0.01, abs=0.008)


def frames():
    parts = []
    for variant, sign in (("published", -1.0), ("fed_alike", 1.0)):
        parts.append(alignment.cosines(*changes(sign)).assign(variant=variant))
    ablations = pd.DataFrame(
        [
            {
                "ingredient": "full",
                "mean rms": 0.03,
                "feedforward amplitude rms": 0.05,
                "feedback amplitude rms": 0.08,
            },
            *(
                {
                    "ingredient": name,
                    "mean rms": 0.2,
                    "feedforward amplitude rms": 0.4,
                    "feedback amplitude rms": 0.5,
                }
                for name in WORSE
            ),
        ]
    )
    good = propagation.summary(table(1.05, 2.0))
    numbers = [(f"{name}, figure", value, "1") for name, value in good.items()]
    numbers += [
        ("Burst-Poisson neuron: events_rms", 0.02, "1"),
        ("Burst-Poisson neuron: burst_prob_rms", 0.007, "1"),
        ("processor time of 4 s of the propagation circuit in rates", 0.05, "s"),
        ("processor time of an epoch of XOR in rates", 0.03, "s"),
    ]
    learning = pd.DataFrame(
        [(e, c, "published", "units") for e, c in zip(range(1, 16), [2.86] * 15, strict=True)]
        + [(e, 2.6, "published", "six mean weights") for e in range(1, 61)],
        columns=["epoch", "cost", "variant", "level"],
    )
    curves = pd.DataFrame(
        [
            {
                "population": "pyr1",
                "events_rms": 0.01,
                "spikes_rms": 0.01,
                "burst_prob_rms": 0.005,
                "relay_rms": 0.01,
            },
            {
                "population": "pv",
                "events_rms": 0.01,
                "spikes_rms": 0.01,
                "burst_prob_rms": 0.005,
                "relay_rms": math.nan,
            },
        ]
    )
    return {
        "numbers": pd.DataFrame(numbers, columns=["what", "value", "unit"]),
        "curves": curves,
        "propagation": table(1.05, 2.0),
        "ablations": ablations,
        "xor": learning,
        "alignment": pd.concat(parts, ignore_index=True),
        "derivatives": output_by_weights(),
    }


def output_by_weights(factor=1.1):
    rows = [
        (0, pathway, pattern, factor * (5.0 + k), 5.0 + k)
        for pathway in alignment.PATHWAYS
        for k, pattern in enumerate(("0 0", "1 0", "0 1", "1 1"))
    ]
    return pd.DataFrame(rows, columns=["epoch", "pathway", "pattern", "spiking", "rate"])


def test_derivatives_agree_in_direction_and_size_by_layer():
    found = derivatives.agreement(output_by_weights(1.1)).set_index("layer")
    assert found.loc["output", "size"] == pytest.approx(1.1)
    assert found.loc["all", "cosine"] == pytest.approx(1.0)


def test_claims_hold_of_a_good_prediction_and_fail_of_a_bad_one():
    claims = check(frames())
    assert [claim.claim for claim in claims if not claim.passed] == []
    bad = frames()
    bad["numbers"].loc[bad["numbers"]["what"] == "mean largest, figure", "value"] = 0.09
    bad["xor"].loc[bad["xor"]["level"] == "six mean weights", "cost"] = 0.9
    own = bad["alignment"]
    own.loc[(own["layer"] == "hidden2") & (own["against"] == "minus_gradient"), "cosine"] = 0.9
    failed = [claim.claim for claim in check(bad) if not claim.passed]
    bad["derivatives"] = output_by_weights(1.4)
    assert any("size of spiking differences" in c.claim for c in check(bad) if not c.passed)
    assert len(failed) == 3
    assert any("moves against the gradient" in text for text in failed)


def test_a_simulation_gets_exactly_the_synapses_of_the_units():
    params = XorParams(n=20, in_degree=8.0)
    circuit = build(params)
    neuron = BurstPoissonNeuron(dendritic_driving_force="somatic")
    curves = BurstPoissonCurves(neuron, np.zeros(len(TERMS)), 0.0065, -53.7, 1.0, (-2.3, -0.1), {})
    units = Units(circuit, curves, seed=4)
    rng = np.random.default_rng(1)
    for s in units.synapses.values():
        s.weight[:] = rng.uniform(0.05, 0.5, len(s.weight))
    means = dict.fromkeys(("hidden1", "hidden2", "output"), 5.0)
    simulation = Simulation(alignment.with_weights(units, circuit, means))
    back = Units(circuit, curves, simulation=simulation)
    for name, s in units.synapses.items():
        np.testing.assert_array_equal(back.synapses[name].source, s.source)
        np.testing.assert_allclose(back.synapses[name].weight, s.weight, rtol=1e-5)


def test_half_chance_and_the_cost_around_an_epoch():
    curve = pd.DataFrame({"epoch": range(1, 101), "cost": np.linspace(3.0, 0.0, 100)})
    assert xor.near(curve, 50) == pytest.approx(3.0 * 50.5 / 99.0, abs=0.02)
    assert 54 < xor.half_chance(curve) < 64
    assert math.isnan(xor.half_chance(curve[curve["epoch"] < 20]))


def test_parameters_are_checked_and_the_quick_version_is_smaller():
    assert quick_version(Params()).configurations == 1
    assert EXPERIMENT.build(Params()).population("pyr1").n == 4000
    with pytest.raises(BurstpropError, match="configurations"):
        Params(configurations=7)
    with pytest.raises(BurstpropError, match="level = 'rates'"):
        XorParams(level="rates")


def test_controls_run_at_the_level_of_the_circuit_beside_them():
    class Noted(Execution):
        def each_of(self, function, variants, **more):
            ran.append((function.__name__, {params.level for params in variants.values()}))
            raise StopIteration

    ran = []
    for level in ("spiking", "ensemble"):
        frames = {"protocol": pd.DataFrame([{"level": level}])}
        with pytest.raises(StopIteration):
            xor_experiment.controls(frames, Noted("xor"))
    assert ran == [("one", {"spiking"}), ("one_of_rates", {"ensemble"})]
