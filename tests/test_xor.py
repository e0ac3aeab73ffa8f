"""The XOR circuit: its numbers, its protocol, going on after an interruption, and that it learns."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shared_runs import quick_xor

from burstprop import BurstpropError, Matrix, Simulation
from burstprop.circuits.xor import experiment as xor
from burstprop.circuits.xor import protocol
from burstprop.circuits.xor.circuit import PATTERNS, TARGETS
from burstprop.runs import checkpoints, sweep

pytestmark = pytest.mark.slow

TINY = xor.Params(n=64, in_degree=32.0, tau_avg_ms=200.0, example_ms=400.0, epochs=12)


def silent(share):
    pass


def test_teaching_current_follows_the_distance_from_the_wrong_end():
    rates = np.array([1.0, 3.0, 3.5, 6.0, 8.9, 9.0, 12.0])
    # target 0: nothing up to E_min + 1, the whole base from E_max - 1 on, -base/(E_max - Ebar) between
    expected = [0.0, 0.0, -1000 / 6.5, -1000 / 4.0, -1000 / 1.1, -1000.0, -1000.0]
    np.testing.assert_allclose(protocol.teaching_current(rates, 0, xor.Params()), expected)
    # target 1: the whole base up to E_min + 1, nothing from E_max - 1 on, base/(Ebar - E_min) between
    expected = [1000.0, 1000.0, 1000 / 1.5, 1000 / 4.0, 1000 / 6.9, 0.0, 0.0]
    np.testing.assert_allclose(protocol.teaching_current(rates, 1, xor.Params()), expected)
    # at the very ends nothing is divided by 0
    with np.errstate(all="raise"):
        assert protocol.teaching_current(np.array([2.0, 10.0]), 0, xor.Params()).tolist() == [0.0, -1000.0]
        assert protocol.teaching_current(np.array([2.0, 10.0]), 1, xor.Params()).tolist() == [1000.0, 0.0]


@pytest.mark.parametrize(
    ("output_hz", "target", "nats"),
    [
        (6.0, 1, math.log(2)),
        (6.0, 0, math.log(2)),
        (0.5, 1, -math.log(0.01)),
        (30.0, 0, -math.log(0.01)),
        (8.0, 1, -math.log(0.75)),
        (8.0, 0, -math.log(0.25)),
        (0.0, 0, -math.log(0.99)),
    ],
)
def test_cost_is_the_cross_entropy_of_the_scaled_rate(output_hz, target, nats):
    assert protocol.cost(output_hz, target, xor.Params()) == pytest.approx(nats, rel=1e-12)


def test_circuit_has_the_published_numbers():
    circuit = xor.build(xor.Params())
    assert [(p.name, p.n) for p in circuit.populations] == [
        (name, 500) for name in ("input1", "input2", "hidden1", "hidden2", "output")
    ]
    assert circuit.plastic is False
    by_name = {p.name: p for p in circuit.projections}
    assert len(by_name) == 16
    assert {p.connectivity.p for p in by_name.values()} == {0.2}
    for target, sources, eta in (
        ("hidden1", ("input1", "input2"), 8e-3),
        ("hidden2", ("input1", "input2"), 8e-3),
        ("output", ("hidden1", "hidden2"), 4e-3),
    ):
        for source in sources:
            plastic = by_name[f"{source}->{target}.soma_exc"]
            rule = plastic.rule
            assert (plastic.weight, plastic.transmits, rule.eta) == (0.234, "events", eta)
            assert (rule.tau_pre_ms, rule.tau_avg_ms, rule.e_min_hz, rule.e_max_hz) == (
                100.0,
                2000.0,
                2.0,
                10.0,
            )
            assert (rule.w_max, rule.lower_rate, rule.fixed_burst_prob) == (1.0, "spikes", None)
            fixed = by_name[f"{source}->{target}.soma_inh"]
            assert (fixed.weight, fixed.transmits, fixed.rule) == (0.25, "events", None)
    for name, weight in (
        ("output->hidden1.dendrite_exc", 0.26),
        ("output->hidden1.dendrite_inh", 0.06),
        ("output->hidden2.dendrite_exc", 0.026),
        ("output->hidden2.dendrite_inh", 0.27),
    ):
        assert (by_name[name].weight, by_name[name].transmits) == (weight, "bursts")
    backgrounds = {(b.population, b.receptor): (b.rate_hz, b.weight) for b in circuit.backgrounds}
    assert len(backgrounds) == 20
    assert backgrounds["input2", "soma_inh"] == (500.0, 0.35)
    assert backgrounds["hidden1", "soma_exc"] == (150.0, 0.385)
    assert backgrounds["hidden2", "soma_inh"] == (150.0, 0.49)
    assert backgrounds["output", "soma_exc"] == (150.0, 0.35)
    assert {v for (_, receptor), v in backgrounds.items() if "dendrite" in receptor} == {(500.0, 0.05)}
    assert {b.counts for b in circuit.backgrounds} == {"bernoulli"}
    injected = {(c.population, getattr(c.waveform, "amplitude_pa", None)) for c in circuit.currents}
    assert {("hidden2", 500.0), ("output", 400.0), ("hidden1", 0.0)} <= injected
    assert {p.neuron.dendritic_driving_force for p in circuit.populations} == {"somatic"}


def test_variants_change_what_their_name_says_and_nothing_else():
    changed = {
        name: {k for k, v in asdict(params).items() if v != asdict(xor.Params())[k]}
        for name, params in xor.VARIANTS.items()
    }
    feedback = {"feedback1_exc", "feedback1_inh", "feedback2_exc", "feedback2_inh"}
    alike = {"feedback2_exc", "feedback2_inh", "hidden2_dendrite_pa"}
    assert changed == {
        "published": set(),
        "frozen_hidden": {"eta_hidden"},
        "no_teaching": {"teaching_pa"},
        "no_feedback": feedback,
        "shuffled_feedback": {"feedback_shuffled"},
        "exchanged_feedback": feedback,
        "fed_alike": alike,
        "symmetric_feedback": alike | {"eta_hidden", "eta_output"},
        "example_4s": {"example_ms"},
        "tau_avg_500ms": {"tau_avg_ms"},
        "no_feedback_inhibition": {"feedback1_inh", "feedback2_inh"},
    }
    for params in xor.VARIANTS.values():
        xor.build(params)


def test_shuffled_feedback_gives_every_hidden_neuron_one_of_the_two_kinds():
    params = replace(xor.VARIANTS["shuffled_feedback"], n=200)
    circuit = xor.build(params, seed=3)
    kinds = {}
    for target in ("hidden1", "hidden2"):
        exc, inh = (circuit.projection(f"output->{target}.dendrite_{k}") for k in ("exc", "inh"))
        assert isinstance(exc.connectivity, Matrix)
        exc, inh = exc.connectivity.weights, inh.connectivity.weights
        assert set(exc.data) == {0.26, 0.026}
        assert set(inh.data) == {0.06, 0.27}
        first = np.array([set(exc[:, [i]].data) == {0.26} for i in range(200)])
        assert np.array_equal(first, [set(inh[:, [i]].data) == {0.06} for i in range(200)])
        assert 60 < first.sum() < 140
        assert exc.nnz == pytest.approx(200 * 100, rel=0.03)
        kinds[target] = first
    assert not np.array_equal(kinds["hidden1"], kinds["hidden2"])
    assert xor.build(params, seed=3).fingerprint() == circuit.fingerprint()
    assert xor.build(params, seed=3, realization=2).fingerprint() != circuit.fingerprint()


def test_parameters_that_do_not_fit_together_are_refused():
    with pytest.raises(BurstpropError, match=r"in_degree = 100.*n = 50"):
        xor.Params(n=50)
    with pytest.raises(BurstpropError, match="e_max_hz = 1 Hz"):
        xor.Params(e_max_hz=1.0)
    with pytest.raises(BurstpropError, match="common divisor"):
        protocol.Realization(replace(TINY, settle_averages=0.0105), 1, 1)


def test_inputs_show_the_pattern_and_learning_moves_only_plastic_weights():
    run = protocol.Realization(replace(TINY, epochs=1), 1, 1)
    done = run.units()
    next(done)
    rates = pd.DataFrame(run.rows["tests"], columns=list(protocol.FRAMES["tests"]))
    late = rates[(rates["time_ms"] - 1e-6) % 400.0 > 200.0]
    means = late.groupby(["population", "pattern"])["event_rate_hz"].mean()
    for pattern in PATTERNS:
        for name, bit in zip(("input1", "input2"), pattern.split(), strict=True):
            assert (means[name, pattern] > 5.0) == (bit == "1")
    before = {p.name: run.simulation.weights(p.name) for p in run.simulation.circuit.projections}
    next(done)
    for projection in run.simulation.circuit.projections:
        moved = (run.simulation.weights(projection.name) != before[projection.name]).any()
        assert moved == (projection.rule is not None), projection.name
    learned = {p.name: run.simulation.weights(p.name) for p in run.simulation.circuit.projections}
    next(done)
    for name, weights in learned.items():
        np.testing.assert_array_equal(run.simulation.weights(name), weights)
    with pytest.raises(StopIteration):
        next(done)


def test_realization_goes_on_from_its_checkpoint_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.0)

    class StopError(Exception):
        pass

    def stop(share):
        if share > 0.6:
            raise StopError

    whole = protocol.one(TINY, 1, 1, silent, None)
    with pytest.raises(StopError):
        protocol.one(TINY, 1, 1, stop, tmp_path)
    kept = json.loads((tmp_path / "checkpoint.json").read_text())["content"]
    assert kept["done"] == 8  # of 14 units; the next is stopped
    assert (tmp_path / kept["simulation"]).exists()
    resumed = protocol.one(TINY, 1, 1, silent, tmp_path)
    for name, frame in whole.items():
        pd.testing.assert_frame_equal(resumed[name], frame, check_exact=True)
    # what it went on from stays until the result is written
    assert len(list(tmp_path.iterdir())) == 2
    other = protocol.one(TINY, 1, 2, silent, None)
    assert not other["examples"]["output_hz"].equals(whole["examples"]["output_hz"])


SCRIPT = """
import sys
from burstprop.circuits.xor import experiment as xor
from burstprop.runs import checkpoints
checkpoints.EVERY_S = 0.0
params = xor.Params(n=64, in_degree=32.0, tau_avg_ms=200.0, example_ms=400.0, epochs={epochs})
frames = xor.EXPERIMENT.frames(params, seed=1, realizations=1, jobs=1, progress=False, out=sys.argv[1])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path):
    epochs = 40
    command = [sys.executable, "-c", SCRIPT.format(epochs=epochs), str(tmp_path)]
    running = subprocess.Popen(command)
    work = tmp_path / "realizations" / "realization-1"
    deadline = time.monotonic() + 120.0
    while not (work / "checkpoint.json").exists():
        assert running.poll() is None, "ended before its first checkpoint"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert work.exists()
    params = replace(TINY, epochs=epochs)
    resumed = xor.EXPERIMENT.frames(params, realizations=1, jobs=1, progress=False, out=tmp_path)
    whole = xor.EXPERIMENT.frames(params, realizations=1, jobs=1, progress=False)
    for name, frame in whole.items():
        pd.testing.assert_frame_equal(resumed[name], frame, check_exact=True)
    # finished: read back, not run again
    again = xor.EXPERIMENT.frames(params, realizations=1, jobs=1, progress=False, out=tmp_path)
    pd.testing.assert_frame_equal(again["xor"], whole["xor"], check_exact=True)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    (tmp_path / "checkpoint.json").write_text("{")
    with pytest.raises(BurstpropError, match="cannot be read as a checkpoint"):
        protocol.one(TINY, 1, 1, silent, tmp_path)


def invented(output_hz, cost):
    """Return frames as of a run with these outputs after learning and this cost in every epoch."""
    rows = [
        {"realization": 1, "phase": "after", "pattern": p, "target": t, "output_hz": hz}
        for p, t, hz in zip(PATTERNS, TARGETS, output_hz, strict=True)
    ]
    return {
        "xor": pd.DataFrame({"realization": 1, "epoch": range(1, 31), "cost": cost}),
        "outputs": pd.DataFrame(rows),
        "protocol": pd.DataFrame([{"midpoint_hz": 6.0, "published": False}]),
    }


def test_check_fails_where_a_pattern_is_on_the_wrong_side_or_the_cost_is_high():
    good = invented([4.0, 9.0, 9.0, 3.0], 0.9)
    assert all(claim.passed for claim in xor.check(good))
    assert xor.solved(good).loc[0, ["solved", "half_chance_epoch"]].tolist() == [True, 10]
    for k, wrong in enumerate((7.0, 5.0, 5.0, 7.0)):
        outputs = [4.0, 9.0, 9.0, 3.0]
        outputs[k] = wrong
        claims = xor.check(invented(outputs, 0.9))
        assert [claim.passed for claim in claims] == [j != k for j in range(4)] + [True]
        assert not xor.solved(invented(outputs, 0.9))["solved"].any()
    high = invented([4.0, 9.0, 9.0, 3.0], 1.5)
    assert [claim.passed for claim in xor.check(high)] == [True] * 4 + [False]
    assert np.isnan(xor.solved(high)["half_chance_epoch"][0])


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    return xor.EXPERIMENT.frames(quick=True, jobs=1, progress=False, out=quick_xor(tmp_path_factory))


def test_quick_version_learns(quick):
    claims = xor.check(quick)
    assert len(claims) == 5 + 8
    assert not [(c.claim, c.measured) for c in claims if c.failed]
    assert [c.not_judged for c in claims if c.not_judged] == ["needs 5 realizations"]


def test_frames_hold_every_example_and_add_up(quick):
    epochs = int(quick["xor"]["epoch"].max())
    assert len(quick["examples"]) == 4 * epochs
    first = quick["examples"][quick["examples"]["epoch"] == 1]
    assert first["cost"].sum() == pytest.approx(quick["xor"]["cost"][0])
    by_pattern = first.set_index("pattern")["output_hz"]
    for pattern in PATTERNS:
        column = f"event_rate_{pattern.replace(' ', '')}_hz"
        assert quick["xor"].loc[0, column] == by_pattern[pattern]
    assert set(quick["weights"]["projection"]) == {
        p.name for p in xor.build(xor.Params()).projections if p.rule is not None
    }
    assert (quick["weights"]["smallest"] >= 0).all()
    assert (quick["weights"]["largest"] <= 1).all()


def test_figures_draw_what_was_measured(quick):
    shown = xor.figure(quick)
    assert len(shown.axes) == 6
    assert all(axis.has_data() for axis in shown.axes)
    two = pd.concat([quick["xor"].assign(variant=name) for name in ("published", "no_feedback")])
    assert [axis.get_title(loc="left") for axis in xor.compare(two).axes[:2]] == [
        "published, n\u00a0=\u00a01",
        "no feedback, n\u00a0=\u00a01",
    ]


def test_parameters_that_are_given_are_run_as_they_are(monkeypatch):
    told = []

    def run_many(function, tasks, **how):
        told.extend(tasks)
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "run_many", run_many)
    for params in (None, TINY):
        for quick in (False, True):
            with pytest.raises(KeyboardInterrupt):
                xor.EXPERIMENT.frames(params, quick=quick)
    asked = [task["params"] for task in told if task["realization"] == 1]
    assert asked == [xor.Params(), xor.quick_version(xor.Params()), TINY, TINY]
    assert len(told) == 5 + 1 + 5 + 1


def test_controlled_current_of_the_output_is_per_neuron():
    simulation = Simulation(xor.build(TINY))
    simulation.set_current("output", "dendrite", np.arange(64.0))
    with pytest.raises(BurstpropError, match="one value per neuron"):
        simulation.set_current("hidden1", "dendrite", np.arange(64.0))


@pytest.mark.parametrize(("title", "names"), [("controls", xor.CONTROLS), ("extended", xor.EXTENDED)])
def test_variants_stand_beside_the_published_circuit(title, names, tmp_path, monkeypatch):
    def tiny(params):
        sizes = {"n": 64, "in_degree": 64.0, "epochs": 8, "w_start": 0.6}
        return replace(
            params,
            tau_avg_ms=params.tau_avg_ms / 10,
            example_ms=params.example_ms / 20,
            teaching_share=0.5,
            **sizes,
        )

    monkeypatch.setattr(xor, "quick_version", tiny)
    monkeypatch.setattr(xor, "EXPERIMENT", replace(xor.EXPERIMENT, quick=tiny))
    how = {"realizations": 2, "jobs": 1, "progress": False, "quick": True, "seed": 3}
    frames = xor.EXPERIMENT.frames(**how)
    beside = getattr(xor.EXPERIMENT, title).run(frames, xor.EXPERIMENT.execution(out=tmp_path, **how))
    assert list(beside) == [title, f"{title}_rates", f"{title}_solved"]
    solved = beside[f"{title}_solved"]
    assert list(dict.fromkeys(solved["variant"])) == ["published", *names]
    assert (solved.groupby("variant")["realization"].apply(list).map(len) == 2).all()
    curves = beside[title]
    assert len(curves) == (1 + len(names)) * 2 * 8
    published = curves[curves["variant"] == "published"].drop(columns="variant").reset_index(drop=True)
    pd.testing.assert_frame_equal(published, frames["xor"])
    # the same noise, so a variant leaves the curve as soon as its one difference tells
    for name, own in curves.groupby("variant"):
        same = np.array_equal(own["cost"].to_numpy(), frames["xor"]["cost"].to_numpy())
        assert same == (name == "published"), name
    assert len(list((tmp_path / "realizations").iterdir())) == 2 * len(names)
    again = getattr(xor.EXPERIMENT, title).run(frames, xor.EXPERIMENT.execution(out=tmp_path, **how))
    pd.testing.assert_frame_equal(again[title], curves)
    shown = getattr(xor, f"{title}_figure")(beside)
    assert sum(axis.has_data() for axis in shown.axes) == {"controls": 7, "extended": 2 * 5}[title]
    higher = curves.assign(cost=curves["cost"] * (1 + curves["variant"].ne("published")))
    assert xor.compare(higher).axes[0].get_ylim()[1] > higher["cost"].max()


def test_rates_of_the_tests_are_those_of_the_settled_half():
    rates = [100.0, 100.0, 2.0, 4.0]
    tests = pd.DataFrame(
        {
            "realization": 1,
            "phase": "after",
            "time_ms": [400.0 * k for k in range(1, 17)],
            "pattern": np.repeat(["0 0", "1 0", "0 1", "1 1"], 4),
            "population": "output",
            "event_rate_hz": [value + k for k in range(4) for value in rates],
            "burst_rate_hz": [value / 2 for _ in range(4) for value in rates],
        }
    )
    late = xor.rates_in_tests(tests)
    assert list(late["event_rate_hz"]) == [3.0, 4.0, 5.0, 6.0]
    assert list(late["burst_rate_hz"]) == [1.5] * 4


@pytest.mark.parametrize(
    "control", ["frozen_hidden", "no_feedback", "exchanged_feedback", "shuffled_feedback"]
)
def test_learning_curve_claims_tell_controls_from_the_published_circuit(control):
    stored = Path(__file__).parents[1] / "benchmarks" / "results" / "xor"
    frames = {name: pd.read_csv(stored / f"{name}.csv") for name in ("xor", "outputs", "protocol")}
    assert all(claim.passed for claim in xor.check(frames))
    curves = pd.read_csv(stored / "controls.csv")
    curve = curves[curves["variant"] == control].drop(columns="variant")
    claims = [claim for claim in xor.check(frames | {"xor": curve}) if "mean of realizations" in claim.claim]
    assert len(claims) == 4
    failed = [claim.claim for claim in claims if not claim.passed]
    assert any("90 to 110" in claim or "204 to 224" in claim for claim in failed), control


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 1}, r"Params\.n = 1: must be at least 2"),
        ({"in_degree": 0.0}, r"Params\.in_degree = 0: must be above 0"),
        ({"in_degree": 1e-6}, r"Params\.in_degree = 1e-06 of n = 64: no synapse .* input1 to hidden1; raise"),
        ({"example_ms": 0.0}, r"Params\.example_ms = 0 ms: must be above 0 ms"),
        ({"teaching_share": 0.0}, r"Params\.teaching_share = 0: must be above 0 and below 1"),
        ({"teaching_share": 1.0}, r"Params\.teaching_share = 1: must be above 0 and below 1"),
        ({"teaching_share": 1e-12}, "teaching 4e-10 ms: each part .* at least a step of 0.1 ms"),
        ({"teaching_share": 1 - 1e-12}, "prediction .* ms and teaching 400 ms: each part .* at least a step"),
        ({"epochs": 0}, r"Params\.epochs = 0: must be at least 1"),
    ],
)
def test_numbers_that_leave_nothing_to_run_are_refused_before_anything_is_run(changes, message):
    with pytest.raises(BurstpropError, match=message):
        protocol.Realization(replace(TINY, **changes), 1, 1)
