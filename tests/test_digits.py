"""A spiking circuit that learns digits: circuit, protocol, resume, claims that controls cannot pass."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from burstprop.circuits.digits import experiment as digits
from burstprop.circuits.digits.check import check, errors, solved
from burstprop.circuits.digits.circuit import build, plastic, start_weights
from burstprop.circuits.digits.feedback import INHIBITION_OVER_EXCITATION, LEARNED, feedback_weights
from burstprop.circuits.digits.images import Images, learned_and_tested, moved
from burstprop.circuits.digits.params import CLASSES, Params
from burstprop.circuits.digits.protocol import Realization, one
from burstprop.circuits.digits.teacher import lacking_hz
from burstprop.circuits.digits.without_spikes import RULES, without_spikes
from burstprop.errors import BurstpropError
from burstprop.runs.checkpoints import Checkpoints

pytest.importorskip("torch", reason="the images are read by the reduced model's data sets")

SMALL = Params(
    hidden=20,
    per_class=4,
    learned=10,
    tested=4,
    epochs=1.0,
    first_ms=100.0,
    part_ms=100.0,
    skip_ms=40.0,
    reading_ms=300.0,
)
LOWER, UPPER = plastic(SMALL)


def test_validation_holds_back_training_images_and_test_keeps_them_all():
    some, held = learned_and_tested("digits", "validation", 0)
    every, test = learned_and_tested("digits", "test", 0)
    assert (len(some), len(held), len(every), len(test)) == (1259, 179, 1438, 359)
    assert every.grey.shape == (1438, 64)
    assert 0.0 <= every.grey.min() < every.grey.max() <= 1.0
    rows = {row.tobytes() for row in some.grey}
    assert len(rows & {row.tobytes() for row in held.grey}) == 0
    assert np.bincount(held.labels, minlength=10).min() > 10
    _, next_held = learned_and_tested("digits", "validation", 0, 1)
    assert len(next_held) == 179
    assert len({row.tobytes() for row in next_held.grey} & {row.tobytes() for row in held.grey}) == 0
    _, again = learned_and_tested("digits", "validation", 0, 8)
    np.testing.assert_array_equal(again.grey, held.grey)
    small, _ = learned_and_tested("digits", "test", 4)
    np.testing.assert_allclose(small.grey.mean(axis=1), every.grey.mean(axis=1), rtol=1e-5)
    with pytest.raises(BurstpropError, match=r"Params.side = 3 pixels does not divide the 8 pixels"):
        learned_and_tested("digits", "test", 3)


def test_an_image_moves_by_parts_of_a_pixel_and_black_comes_in():
    grey = np.random.default_rng(1).uniform(0.1, 1.0, 64).astype(np.float32)
    image = grey.reshape(8, 8).astype(np.float64)
    np.testing.assert_array_equal(moved(grey, np.zeros(2)), grey)
    down = moved(grey, np.array([1.0, 0.0])).reshape(8, 8)
    np.testing.assert_array_equal(down, np.vstack([np.zeros((1, 8)), image[:-1]]))
    left = moved(grey, np.array([0.0, -2.0])).reshape(8, 8)
    np.testing.assert_array_equal(left, np.hstack([image[:, 2:], np.zeros((8, 2))]))
    between = moved(grey, np.array([-0.25, 0.5])).reshape(8, 8)
    up = 0.75 * image[:-1] + 0.25 * image[1:]
    np.testing.assert_allclose(between[:-1, 1:], 0.5 * (up[:, 1:] + up[:, :-1]))


def test_each_showing_moves_an_image_anew_and_every_circuit_alike_but_never_in_the_test():
    params = replace(SMALL, learned=2, epochs=2.0, moved_pixels=0.5)

    def shown(params):
        run = Realization(params, 1, 1)
        currents = []
        set_current = run.simulation.set_current

        def note(population, compartment, current):
            if population == "input":
                currents.append(current)
            set_current(population, compartment, current)

        run.simulation.set_current = note
        while run.done < run.total:
            run.next()
        return run, currents[: run.total]

    run, moving = shown(params)
    still = shown(replace(params, moved_pixels=0.0))[1]
    frozen = shown(replace(params, eta_hidden=0.0))[1]
    assert np.abs(run.shifts).max() <= 0.5
    assert np.unique(run.shifts).size == 8
    low, span = params.image_low_pa, params.image_high_pa - params.image_low_pa
    for k in range(run.examples):
        expected = low + span * moved(run.learned.grey[run.order[k]], run.shifts[k])
        np.testing.assert_array_equal(moving[k], np.repeat(expected, params.per_pixel))
        assert (moving[k] != still[k]).any()
    for k in range(run.examples, run.total):
        np.testing.assert_array_equal(moving[k], still[k])
    np.testing.assert_array_equal(moving, frozen)


def test_mnist_without_its_folder_says_where_it_is_looked_for(monkeypatch):
    monkeypatch.delenv("BURSTPROP_DATA", raising=False)
    with pytest.raises(BurstpropError, match="set the environment variable BURSTPROP_DATA"):
        learned_and_tested("mnist", "test", 0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"dataset": "cats"}, "Params.dataset = 'cats'"),
        ({"split": "train"}, "Params.split = 'train'"),
        ({"reading_ms": 250.0}, "give 400 ms, or more by a multiple"),
        ({"teacher": "mean"}, "Params.teacher = 'mean'"),
        ({"skip_ms": 200.0}, "Params.skip_ms = 200 ms"),
        ({"hidden": 0}, "Params.hidden = 0"),
        ({"feedback_path": "up"}, "Params.feedback_path = 'up'"),
        ({"learned_feedback": True, "layers": 2}, "Params.learned_feedback with layers = 2"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(wrong, words):
    with pytest.raises(BurstpropError, match=words):
        Params(**wrong)


def test_events_cancel_bursts_at_the_untaught_burst_probability():
    """Mean currents at -57 mV: bursts at p0 of the events leave nothing, in every synapse."""
    circuit = build(SMALL)
    current = np.zeros((CLASSES * SMALL.per_class, SMALL.hidden))
    for projection in circuit.projections:
        if projection.source == "output":
            rate = SMALL.p0 if projection.transmits == "bursts" else 1.0
            sign = 1.0 if projection.receptor == "dendrite_exc" else -1.0 / INHIBITION_OVER_EXCITATION
            current += sign * rate * projection.connectivity.weights.toarray()
    np.testing.assert_allclose(current, 0.0, atol=1e-12)
    kinds = [p.transmits for p in build(replace(SMALL, cancelling=False)).projections if p.source == "output"]
    assert kinds == ["bursts", "bursts"]
    assert not [p for p in build(replace(SMALL, feedback=0.0)).projections if p.source == "output"]


def test_a_class_shares_its_feedback_unless_it_is_scrambled():
    of_class = feedback_weights(SMALL, 1, 1)[0].reshape(CLASSES, SMALL.per_class, -1)
    assert np.ptp(of_class, axis=1).max() == 0.0
    scrambled = feedback_weights(replace(SMALL, scrambled=True), 1, 1)[0].reshape(
        CLASSES, SMALL.per_class, -1
    )
    assert np.ptp(scrambled, axis=1).min() > 0.0
    classless = feedback_weights(replace(SMALL, classless=True), 1, 1)[0].reshape(scrambled.shape)
    np.testing.assert_allclose(classless, scrambled - scrambled.mean(axis=1, keepdims=True))
    assert (feedback_weights(SMALL, 1, 2)[0] != feedback_weights(SMALL, 1, 1)[0]).any()


def test_the_teacher_pushes_a_class_towards_its_target():
    run = Realization(SMALL, 1, 1)
    set_currents = []
    run.simulation.set_current = lambda *words: set_currents.append(words)
    run._teach(np.array([9.0, -1.0, 20.0] + [0.0] * 7))
    (population, compartment, current) = set_currents[0]
    assert (population, compartment) == ("output", "dendrite")
    assert current.reshape(CLASSES, -1)[:4, 0].tolist() == [540.0, -60.0, 600.0, 0.0]


WANTED = {"target_hz": 12.0, "other_hz": 3.0, "softness_hz": 1.5}


def test_the_teacher_of_rates_asks_for_what_lacks_in_each():
    rates = np.full(CLASSES, 4.0)
    lacking = lacking_hz("rates", rates, 2, **WANTED)
    assert lacking[2] == 8.0
    assert np.delete(lacking, 2) == pytest.approx(-1.0)


def test_the_teacher_of_shares_is_silent_where_the_class_is_clear():
    wanted = np.full(CLASSES, 3.0)
    wanted[2] = 12.0
    # a class 9 Hz above the others has 1 / (1 + 9 exp(-6)) of all shares
    share = 1.0 / (1.0 + 9.0 * np.exp(-6.0))
    lacking = lacking_hz("softmax", wanted, 2, **WANTED)
    assert lacking[2] == pytest.approx(9.0 * (1.0 - share))
    assert lacking.sum() == pytest.approx(0.0)
    # the same rates and another class: the winner is pushed down, the other up, the rest left alone
    wrong = lacking_hz("softmax", wanted, 5, **WANTED)
    assert wrong[5] == pytest.approx(9.0, abs=0.1)
    assert wrong[2] == pytest.approx(-9.0, abs=0.3)
    assert np.abs(np.delete(wrong, [2, 5])).max() < 0.03
    # shares do not see that all rates are too high; the mean does
    high = lacking_hz("softmax", wanted + 2.0, 2, **WANTED)
    np.testing.assert_allclose(high, lacking - 2.0)


def test_an_image_is_read_from_its_events_after_the_beginning():
    run = Realization(SMALL, 1, 1)
    before = run.simulation.counts("output", "events")
    rates = run._read_first_part()
    assert run.simulation.time_ms == SMALL.first_ms
    run = Realization(replace(SMALL, skip_ms=0.0), 1, 1)
    events = (run.simulation.counts("output", "events") - before).sum()
    whole = run._read_first_part()
    events = run.simulation.counts("output", "events").sum() - events
    assert whole.sum() * SMALL.per_class * SMALL.first_ms / 1000.0 == pytest.approx(events)
    assert (rates != whole).any()


def test_alignment_compares_the_output_weights_with_the_feedback_class_by_class():
    run = Realization(SMALL, 1, 1)
    drawn = feedback_weights(SMALL, 1, 1)[0]
    highest = 4.0 * 25.0 / SMALL.hidden
    like = 0.5 * highest * (1.0 + drawn / np.abs(drawn).max())
    for weights, wanted in ((like, 1.0), (highest - like, -1.0)):
        run.simulation.set_weights(UPPER, weights.T)
        assert run.curve.alignment() == pytest.approx(wanted, abs=1e-4)
    run.simulation.set_weights(UPPER, np.full(like.T.shape, 0.5))
    assert np.isnan(run.curve.alignment())


def test_two_phases_hold_the_average_while_taught():
    run = Realization(replace(SMALL, two_phases=True, tau_avg_ms=300.0), 1, 1)
    run._settle()
    run.show(run.learned, 0)
    run._read_first_part()
    before = run.simulation.average(LOWER, "events").copy()
    seen = []
    teach = run._teach

    def look_and_teach(lacking):
        seen.append(run.simulation.average(LOWER, "events").copy())
        teach(lacking)

    run._teach = look_and_teach
    run._learn(0)
    # set after the untaught part, set anew, and taken away: the average stands still in between
    np.testing.assert_array_equal(seen[0], seen[1])
    assert (seen[0] != before).any()
    run.simulation.advance(50.0)
    assert (run.simulation.average(LOWER, "events") != seen[-1]).any()


def test_learned_feedback_shares_its_weights_and_comes_to_follow_the_output():
    params = replace(SMALL, learned_feedback=True, learned=30)
    run = Realization(params, 1, 1)
    names = [p.name for p in run.simulation.circuit.projections if p.source == "output"]
    assert names == [LEARNED, "bursts->dendrite_inh", "events->dendrite_inh", "events->dendrite_exc"]
    while run.done < run.examples:
        run.next()
    drawn = feedback_weights(params, 1, 1)[0]
    now = run.simulation.weights(LEARNED).reshape(drawn.shape)
    assert (now < 0).any()
    forward = run.simulation.weights(UPPER).reshape(run.start[UPPER].shape)
    changes = [(forward - run.start[UPPER]).T.ravel(), (now - drawn).ravel()]
    # both change by the same events and bursts; bounds differ
    assert np.corrcoef(changes)[0, 1] > 0.5
    excited = np.maximum(-now, 0.0)
    passed = run.simulation.weights("events->dendrite_exc").reshape(drawn.shape)
    np.testing.assert_allclose(passed, params.p0 * excited, rtol=1e-5)


DEEP = replace(SMALL, layers=3)


def test_every_hidden_layer_has_feedback_of_its_own_from_the_output_or_from_the_layer_above():
    chain = ["input", "hidden", "hidden2", "hidden3", "output"]
    for path, above in (("direct", ["output"] * 3), ("layered", chain[2:])):
        params = replace(DEEP, feedback_path=path)
        circuit = build(params)
        assert [population.name for population in circuit.populations] == chain
        assert plastic(params) == [f"{a}->{b}.soma_exc" for a, b in itertools.pairwise(chain)]
        drawn = feedback_weights(params, 1, 1)
        assert np.unique([rows[0, 0] for rows in drawn]).size == 3
        for layer, source, rows in zip(chain[1:4], above, drawn, strict=True):
            own = [p for p in circuit.projections if p.target == layer and p.transmits != "events"]
            assert {p.source for p in own} == {source}
            excited = next(p for p in own if p.receptor == "dendrite_exc").connectivity.weights.toarray()
            np.testing.assert_allclose(excited, np.maximum(rows, 0.0))
            events = [p for p in circuit.projections if (p.source, p.target) == (source, layer)]
            cancelling = [p for p in events if p.transmits == "events" and p.receptor == "dendrite_exc"]
            expected = params.p0 if source == "output" else params.p_hidden
            np.testing.assert_allclose(
                cancelling[0].connectivity.weights.toarray(), expected * np.maximum(-rows, 0.0)
            )


def test_weights_onto_the_second_hidden_layer_are_those_onto_the_first_at_another_scale():
    first, second = (
        p for p in build(replace(SMALL, layers=2)).projections if "hidden" in p.target[:6] and p.rule
    )
    scale = 25.0 / SMALL.hidden / SMALL.w_hidden
    assert second.rule == replace(first.rule, eta=scale * first.rule.eta, w_max=scale * first.rule.w_max)
    start = start_weights(replace(SMALL, layers=2, hidden=200), 1, 1)["hidden->hidden2.soma_exc"]
    assert start.shape == (200, 200)
    assert start.sum(axis=0).mean() == pytest.approx(25.0, rel=0.02)


def test_what_a_hidden_layer_should_hear_goes_down_the_path_of_its_feedback():
    lacking = np.arange(10.0) - 3.0
    for path in ("direct", "layered"):
        params = replace(SMALL, layers=2, feedback_path=path)
        lower, upper = feedback_weights(params, 1, 1)
        of_class = [rows.reshape(CLASSES, -1, SMALL.hidden).mean(axis=1) for rows in (lower, upper)]
        second = lacking @ of_class[1]
        first = lacking @ of_class[0] if path == "direct" else second @ lower
        found = Realization(params, 1, 1).curve.wanted(lacking)
        np.testing.assert_allclose(found, [first, second])


def test_two_hidden_layers_learn_are_measured_one_by_one_and_resume(tmp_path):
    params = replace(SMALL, layers=2, moved_pixels=1.0)
    whole = one(params, 1, 1, lambda share: None, None)
    first = Realization(params, 1, 1)
    for _ in range(7):
        first.next()
    for name, before in first.start.items():
        assert (first.simulation.weights(name).reshape(before.shape) != before.astype(np.float32)).any(), name
    first.keep(Checkpoints(tmp_path))
    again = one(params, 1, 1, lambda share: None, tmp_path)
    for name, frame in whole.items():
        pd.testing.assert_frame_equal(again[name], frame, check_exact=True)
    layers = whole["layers"]
    assert layers["layer"].tolist() == [1, 2] * (len(layers) // 2)
    # the curve of the circuit has the layer below the output
    last = layers[layers["layer"] == 2].reset_index()
    assert (last["event_rate_hz"] == whole["learning"]["hidden_hz"]).all()
    assert (layers[layers["layer"] == 1].reset_index()["event_rate_hz"] != last["event_rate_hz"]).any()


def test_weights_move_while_it_is_taught_and_not_in_the_test():
    run = Realization(SMALL, 1, 1)
    run.next()
    learned = [run.simulation.weights(name).copy() for name in (LOWER, UPPER)]
    assert all(
        (now.reshape(run.start[name].shape) != run.start[name]).any()
        for now, name in zip(learned, (LOWER, UPPER), strict=True)
    )
    run.done = run.examples
    run.next()
    for before, name in zip(learned, (LOWER, UPPER), strict=True):
        np.testing.assert_array_equal(run.simulation.weights(name), before)
    frozen = Realization(replace(SMALL, eta_hidden=0.0), 1, 1)
    frozen.next()
    np.testing.assert_array_equal(
        frozen.simulation.weights(LOWER).reshape(frozen.start[LOWER].shape),
        frozen.start[LOWER].astype(np.float32),
    )


def test_learning_rates_fall_to_a_tenth():
    run = Realization(SMALL, 1, 1)
    while run.done < run.examples:
        run.next()
    assert run.simulation.learning_rate(LOWER) == pytest.approx(0.1 * SMALL.eta_hidden, rel=1e-3)
    assert run.simulation.learning_rate(UPPER) == pytest.approx(
        0.1 * SMALL.eta_output / SMALL.hidden, rel=1e-3
    )


def test_a_run_that_is_resumed_ends_with_the_same_bits(tmp_path):
    whole = one(SMALL, 1, 1, lambda share: None, None)
    first = Realization(SMALL, 1, 1)
    for _ in range(7):
        first.next()
    first.keep(Checkpoints(tmp_path))
    shares = []
    again = one(SMALL, 1, 1, shares.append, tmp_path)
    assert shares[0] == 7 / 14
    shown = whole["raster"]
    assert set(shown["population"]) == {"input", "hidden", "output"}
    assert shown.groupby("taught")["time_ms"].max().between(250.0, 300.0).all()
    assert one(replace(SMALL, learned=1, tested=1), 1, 2, lambda share: None, None)["raster"].empty
    for name, frame in whole.items():
        pd.testing.assert_frame_equal(again[name], frame, check_exact=True)
    assert len(whole["answers"]) == 4 * 2
    assert whole["learning"]["examples"].iloc[-1] == 10


def made_up(error, signal=0.3):
    """Frames of a circuit that answers so many of 100 test images wrongly."""
    images = np.repeat(np.arange(100), 2)
    answers = pd.DataFrame(
        {
            "realization": 1,
            "image": images,
            "label": 0,
            "reading_ms": np.tile([200.0, 1200.0], 100),
            "answer": (images < error).astype(int),
        }
    )
    learning = pd.DataFrame(
        {
            "realization": 1,
            "examples": [100, 200],
            "error_percent": [70.0, 30.0],
            "signal_correlation": signal,
        }
    )
    return {"answers": answers, "learning": learning}


def test_claims_see_a_circuit_that_errs_and_one_without_a_signal():
    assert all(claim.passed for claim in check(made_up(8)))
    assert [claim.passed for claim in check(made_up(10))] == [False, True, True, True]
    assert [claim.passed for claim in check(made_up(8, signal=0.0))] == [True, True, True, False]
    assert errors(made_up(8)["answers"])["error_percent"].tolist() == [8.0, 8.0]
    assert solved(made_up(10))["solved"].tolist() == [False]


def test_every_variant_changes_the_circuit_and_is_quick(monkeypatch):
    for name, params in digits.VARIANTS.items():
        assert (params == Params()) == (name == "learned"), name
        quick = digits.quick_version(params)
        assert quick.learned == 200
        assert (quick == digits.quick_version(Params())) == (
            name in ("learned", "hidden_50", "hidden_200")
        ), name


def test_images_that_are_too_few_are_all():
    images = Images(np.zeros((3, 4), np.float32), np.zeros(3, np.int64))
    assert len(images.first(0)) == 3
    assert len(images.first(2)) == 2


def test_without_spikes_the_same_layers_learn_and_a_frozen_one_keeps_its_weights():
    table = without_spikes(replace(SMALL, hidden=30, learned=400, tested=0), 1, 1)
    error = table.set_index("rule")["error_percent"]
    assert set(error.index) == set(RULES)
    assert error[["logistic_regression", "backprop", "burstprop"]].max() < 20.0
    assert error["backprop"] < error["frozen_hidden"]


def test_the_figure_shows_the_raster_without_and_with_the_teacher():
    frames = {
        name: frame.assign(realization=1)
        for name, frame in one(SMALL, 1, 1, lambda share: None, None).items()
    }
    titles = [axes.get_title(loc="left") for axes in digits.figure(frames).axes]
    assert [t for t in titles if t.endswith("untaught")]
    assert [t for t in titles if t.endswith("taught after a third")]
