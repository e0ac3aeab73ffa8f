"""The published microcircuit learns two digits: its weights, protocol, resume, claims that controls fail."""

import numpy as np
import pandas as pd
import pytest

from burstprop.circuits.digits_microcircuit import experiment as microcircuit
from burstprop.circuits.digits_microcircuit.check import accuracy, check, separation, solved
from burstprop.circuits.digits_microcircuit.circuit import LOWER, UPPER, Params, build
from burstprop.circuits.digits_microcircuit.protocol import Contrast, Realization
from burstprop.circuits.propagation.experiment import build as build_propagation
from burstprop.errors import BurstpropError
from burstprop.runs.checkpoints import Checkpoints

pytest.importorskip("torch", reason="the images are read by the reduced model's data sets")

SMALL = Params(
    side=2,
    per_group=8,
    hidden=20,
    output=10,
    interneurons=6,
    examples=4,
    tested=2,
    calibrated=4,
    first_ms=20.0,
    reading_ms=40.0,
    teaching_ms=40.0,
    test_ms=60.0,
)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"split": "train"}, "Params.split = 'train'"),
        ({"high_digit": 2}, "Params.high_digit = 2: is also the low_digit"),
        ({"high_hz": 4.0}, "Params.high_hz = 4 Hz: must be above low_hz = 4 Hz"),
        ({"side": 3}, "Params.side = 3: an image has 8 pixels along a side"),
        ({"w_max": 0.5}, "Params.w_max = 0.5"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(wrong, words):
    with pytest.raises(BurstpropError, match=words):
        Params(**wrong)


def sums(circuit):
    """Return the mean sum of the weights onto a neuron by source, target, receptor; and how synapses change."""
    found = {}
    for p in circuit.projections:
        sources = circuit.population(p.source).n * p.connectivity.p
        changes = None if p.stp is None else (p.stp.tau_d_ms, p.stp.tau_f_ms)
        found[p.source, p.target, p.receptor] = p.weight * sources, changes
    return found


WAYS = (
    ("hidden", "pv", "soma_exc"),
    ("pv", "output", "soma_inh"),
    ("som", "hidden", "dendrite_inh"),
    ("output", "som", "soma_exc"),
    ("output", "hidden", "dendrite_exc"),
    ("hidden", "hidden", "dendrite_inh"),
)
PUBLISHED = {"pyr1": "hidden", "pyr2": "output"}


@pytest.mark.parametrize("sizes", [{}, {"hidden": 70, "output": 30, "interneurons": 11, "per_group": 3}])
def test_a_neuron_gets_as_much_as_in_the_published_circuit(sizes):
    """All that does not learn, whatever the numbers of neurons, where no other strength was chosen."""
    published, ours = (
        {
            (
                PUBLISHED.get(source, source.rstrip("12")),
                PUBLISHED.get(target, target.rstrip("12")),
                receptor,
            ): own
            for (source, target, receptor), own in sums(circuit).items()
        }
        for circuit in (build_propagation(), build(Params(w_feedback=0.37, w_to_pv=0.05, **sizes)))
    )
    for way in WAYS:
        (there, depends), (here, of_this) = published[way], ours[way]
        assert here == pytest.approx(there, rel=1e-6), way
        assert of_this == depends, way


def test_layers_are_joined_by_the_microcircuit_and_only_excitation_upwards_learns():
    circuit = build(Params())
    assert {p.name: p.n for p in circuit.populations} == {
        "input": 480, "hidden": 200, "output": 100, "pv1": 50, "pv2": 50, "som2": 50,
    }  # fmt: skip
    assert [p.name for p in circuit.projections if p.rule is not None] == [LOWER, UPPER]
    assert all(p.transmits == "spikes" for p in circuit.projections if p.rule is None), (
        "no bursts by definition"
    )
    frozen = build(microcircuit.VARIANTS["frozen_hidden"])
    assert [p.rule.eta > 0.0 for p in frozen.projections if p.rule is not None] == [False, True]
    silent = build(microcircuit.VARIANTS["no_feedback"])
    down = [p for p in silent.projections if p.source == "output" and p.target in ("hidden", "som2")]
    assert [p.weight for p in down] == [0.0, 0.0]


def test_contrast_says_by_how_many_sd_pixels_are_brighter_than_usual(monkeypatch):
    run = Realization(SMALL, 1, 1)
    contrast = Contrast(run.learned)(run.learned.grey)
    np.testing.assert_allclose(contrast.mean(axis=0), 0.0, atol=0.1)
    assert 0.5 < contrast.std(axis=0).min() < contrast.std(axis=0).max() < 1.01
    assert np.abs(contrast).max() <= 2.0
    set_currents = []
    monkeypatch.setattr(run.simulation, "set_current", lambda *words: set_currents.append(words))
    high = run._show(run.learned, 0)
    assert high == (run.learned.labels[0] == SMALL.high_digit)
    ((population, compartment, current),) = set_currents
    assert (population, compartment) == ("input", "soma")
    bright, dark = current.reshape(2, -1)
    np.testing.assert_allclose(bright, -dark)
    np.testing.assert_allclose(bright.reshape(4, -1)[:, 0], SMALL.contrast_pa * contrast[0], rtol=1e-6)
    run._teach(100.0)
    run._teach(-0.5)
    assert [words[2] for words in set_currents[1:]] == [SMALL.teaching_pa, -0.5 * SMALL.teaching_gain]


def test_a_run_goes_on_from_its_checkpoint_with_the_same_bits(tmp_path):
    whole, first = Realization(SMALL, 1, 1), Realization(SMALL, 1, 1)
    while whole.done < whole.total:
        whole.next()
    for _ in range(3):
        first.next()
    first.keep(Checkpoints(tmp_path))
    second = Realization(SMALL, 1, 1)
    second.resume(Checkpoints(tmp_path))
    assert second.done == 3
    while second.done < second.total:
        second.next()
    assert whole.simulation.weights(LOWER).std() > 0.0
    for name, frame in whole.frames().items():
        pd.testing.assert_frame_equal(frame, second.frames()[name])
    assert set(whole.frames()["answers"]["label"]) <= {SMALL.low_digit, SMALL.high_digit}


def frames(**of_answers):
    """Return frames as a run gives them that has learned everything; ``of_answers`` changes its answers."""
    shown = {"label": [2, 4] * 6, "wanted_high": [False, True] * 6, "output_hz": [4.0, 8.0, 4.4, 7.6] * 3}
    answers = pd.DataFrame({"realization": 1, "image": range(12), **shown, **of_answers})
    answers["answered_high"] = answers["output_hz"] > 6.0
    learning = {
        "realization": 1,
        "examples": [40, 400],
        "burst_prob_taught_high": 0.1,
        "burst_prob_taught_low": -0.1,
    }
    weights = pd.DataFrame(
        {"realization": 1, "digits_differ_by": [-1.0, 0.0, 1.0], "signed_weight": [-0.5, 0.0, 0.4]}
    )
    return {"answers": answers, "learning": pd.DataFrame(learning), "weights": weights}


def test_claims_hold_for_what_learned_and_for_nothing_less():
    assert all(claim.passed for claim in check(frames()))
    assert [claim.passed for claim in check(frames(output_hz=[4.0, 5.0] * 6))] == [False, True, True]
    assert accuracy(frames(output_hz=[4.0, 5.0] * 6)["answers"]).tolist() == [50.0]
    assert separation(frames()["answers"])[1] == pytest.approx(3.6 / np.sqrt(0.048), rel=1e-6)
    assert solved(frames())["solved"].tolist() == [True]
    silent = frames()
    silent["learning"]["burst_prob_taught_high"] = -0.1
    assert [claim.passed for claim in check(silent)] == [True, False, True]
    blind = frames()
    blind["weights"]["signed_weight"] = [0.0, 0.1, 0.0]
    assert [claim.passed for claim in check(blind)] == [True, True, False]
