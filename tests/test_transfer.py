"""Transfer functions: curves of a small population, sigmoids, what the check lets pass and what not."""

import numpy as np
import pandas as pd
import pytest

from burstprop.circuits.propagation import experiment as propagation
from burstprop.circuits.transfer import experiment as transfer
from burstprop.circuits.transfer.check import CURVES, fits, sigmoid
from burstprop.errors import BurstpropError
from burstprop.parameters import parse, replace

SMALL = transfer.Params(n=250, counting_ms=1000.0, soma_points=6, dendrite_points=8)


@pytest.fixture(scope="module")
def frames():
    return transfer.EXPERIMENT.frames(SMALL, realizations=1, jobs=1, progress=False)


def failed(frames):
    return {claim.claim for claim in transfer.check(frames) if not claim.passed}


def made_up(event_rate, burst_prob):
    """Frames with given functions of (soma, dendrite) in place of simulated curves."""
    points = transfer.conditions(transfer.Params())
    curves = pd.DataFrame(points, columns=["curve", "soma_pa", "dendrite_pa"])
    curves["event_rate_hz"] = event_rate(curves["soma_pa"], curves["dendrite_pa"])
    curves["burst_prob"] = burst_prob(curves["soma_pa"], curves["dendrite_pa"])
    curves = curves.assign(event_rate_se_hz=0.05, burst_prob_se=0.005)
    return {"curves": curves, "transfer": fits(curves)}


def good_event_rate(soma, dendrite):
    return sigmoid(soma, 15.0, 200.0, 300.0)


def good_burst_prob(soma, dendrite):
    return sigmoid(dendrite, 0.85, 160.0, 70.0, 0.1)


def test_a_small_population_holds_every_claim(frames):
    assert not failed(frames)
    curves = frames["curves"]
    assert len(curves) == 3 * 6 + 3 * 8
    assert (curves["bursts"] <= curves["events"]).all()
    np.testing.assert_allclose(curves["event_rate_hz"], curves["events"] / SMALL.n)
    assert len(frames["transfer"]) == 6


def test_a_point_of_the_curves_is_a_population_of_the_propagation_circuit_without_its_synapses():
    circuit = transfer.build(transfer.Params(soma_pa=100.0))
    published = propagation.build()
    assert circuit.population("pyr").neuron == published.population("pyr1").neuron
    assert {(b.receptor, b.rate_hz, b.weight, b.counts) for b in circuit.backgrounds} == {
        (b.receptor, b.rate_hz, b.weight, b.counts) for b in published.backgrounds if b.population == "pyr1"
    }
    assert not circuit.projections
    assert {(c.compartment, c.waveform.amplitude_pa) for c in circuit.currents} == {
        ("soma", 100.0),
        ("dendrite", 50.0),
    }


def test_the_fit_finds_the_sigmoids_that_were_put_in():
    table = made_up(good_event_rate, good_burst_prob)["transfer"]
    e, p = (table[table["curve"] == name] for name in CURVES)
    np.testing.assert_allclose(
        e[["bottom", "top", "midpoint_pa", "width_pa"]], [[0.0, 15.0, 200.0, 300.0]] * 3, rtol=1e-5
    )
    np.testing.assert_allclose(
        p[["bottom", "top", "midpoint_pa", "width_pa"]], [[0.1, 0.85, 160.0, 70.0]] * 3, rtol=1e-5
    )
    np.testing.assert_allclose(table["r_squared"], 1.0)


@pytest.mark.parametrize(
    ("event_rate", "burst_prob", "claim"),
    [
        (lambda s, d: 12.0 - good_event_rate(s, d), good_burst_prob, "E rises"),
        (good_event_rate, lambda s, d: good_burst_prob(s, 300.0 - np.abs(d - 300.0)), "P rises"),
        (lambda s, d: good_event_rate(s, d) + 2.0 * np.sin(s / 100.0), good_burst_prob, "E is a sigmoid"),
        (good_event_rate, lambda s, d: 0.2 + 0.001 * (d + 300.0) + 0.005 * np.cos(d), "P: unexplained"),
        (good_event_rate, lambda s, d: 0.3 + good_burst_prob(s, d) / 2.0, "P of a silent"),
        (lambda s, d: good_event_rate(s + 0.6 * d, d), good_burst_prob, "E: share"),
        (good_event_rate, lambda s, d: good_burst_prob(s, d + 0.7 * s), "P: share"),
    ],
)
def test_the_check_sees_what_is_wrong(event_rate, burst_prob, claim):
    assert not failed(made_up(good_event_rate, good_burst_prob))
    assert any(text.startswith(claim) for text in failed(made_up(event_rate, burst_prob)))


def test_a_curve_without_a_fit_fails_and_is_not_passed_over():
    frames = made_up(good_event_rate, good_burst_prob)
    curves = frames["curves"].copy()
    curves.loc[curves.index[-1], "burst_prob"] = np.nan
    table = fits(curves)
    assert table["r_squared"].isna().sum() == 1
    assert {
        text for text in failed({"curves": curves, "transfer": table}) if text.startswith("P is a sigmoid")
    }


def test_many_processes_change_nothing(frames):
    small = replace(SMALL, n=20, counting_ms=200.0)
    one, two = (
        transfer.EXPERIMENT.frames(small, realizations=2, jobs=jobs, progress=False) for jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(one["curves"], two["curves"])


def test_the_figure_can_be_drawn(frames, tmp_path):
    picture = transfer.figure(frames)
    picture.savefig(tmp_path / "figure.png")
    assert [axes.get_xlabel() for axes in picture.axes] == [
        "current into somata (pA)",
        "current into dendrites (pA)",
    ] * 2


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (["soma_low_pa=2000"], "soma_low_pa"),
        (["dendrite_level_high_pa=-500"], "dendrite_level_low_pa"),
        (["counting_ms=20"], "counting_ms"),
        (["soma_points=3"], "soma_points"),
        (["bg_soma_exc=-1"], "bg_soma_exc"),
    ],
)
def test_a_wrong_parameter_is_named(settings, named):
    with pytest.raises(BurstpropError, match=named):
        parse(transfer.Params(), settings)
