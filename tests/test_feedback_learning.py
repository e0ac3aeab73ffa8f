"""Feedback that learns: the mirror image of the burst-dependent rule, and weights that projections share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from engine import probes
from oracles.bursts import TraceDetector

from burstprop import (
    AllToAll,
    BurstpropError,
    Circuit,
    Current,
    FeedbackRule,
    Matrix,
    Population,
    Projection,
    Record,
    Simulation,
    SpikeSource,
    Steps,
    Tied,
)

N_SOURCE, N_TARGET, STEPS_RUN, DT = 20, 80, 1500, 0.1
RULE = FeedbackRule(eta=0.15, tau_post_ms=20.0, tau_avg_ms=60.0, w_max=0.2, decay=0.01, signed=True)
RULES = {"moving Pbar": RULE, "fixed Pbar, positive": replace(RULE, fixed_burst_prob=0.3, signed=False)}
QUIET = dict(record=Record(spikes=False, rates_bin_ms=None), dtype="float64")
"""One precision for all tests of this file: the loop is compiled once."""
PROJECTION = "out->hid.soma_exc"


def bursting_trains(n, seed):
    rng = np.random.default_rng(seed)
    there = rng.random((STEPS_RUN, n)) < 0.003
    there[50:] |= there[:-50] & (rng.random((STEPS_RUN - 50, n)) < 0.5)
    there[:2] = False
    return there


SOURCE, TARGET = bursting_trains(N_SOURCE, 1), bursting_trains(N_TARGET, 2)
THERE = np.random.default_rng(3).random((N_SOURCE, N_TARGET)) < 0.3


def circuit(rule, connectivity):
    """Return given spikes that feed back to relays, which fire by the column of a current."""
    step, neuron = np.nonzero(SOURCE)
    # a current that begins at the start of a step is felt on the next one
    current = Steps(np.arange(STEPS_RUN - 1) * DT, TARGET[1:].astype(float))
    return Circuit(
        populations=(
            SpikeSource("out", N_SOURCE, step * DT, neuron),
            Population("hid", N_TARGET, probes.Relay()),
        ),
        projections=(
            Projection("out", "hid", "soma_exc", 0.1, connectivity, "bursts", rule=rule),
            Projection(
                "out", "hid", "soma_exc", 2.0, Tied(PROJECTION, "negative"), "events", name="negative"
            ),
        ),
        currents=(Current("hid", "soma", current),),
    )


def oracle(rule, there):
    """Return the weights after all steps, and the averages of the source as the next step finds them."""
    heard, watched, target = (
        TraceDetector(N_SOURCE, DT, raise_steps=8),
        TraceDetector(N_SOURCE, DT),
        TraceDetector(N_TARGET, DT),
    )
    w = np.where(there, 0.1, 0.0)
    E, B, e_post = np.zeros(N_SOURCE), np.zeros(N_SOURCE), np.zeros(N_TARGET)
    for n in range(STEPS_RUN):
        E, B = (x * np.exp(-DT / rule.tau_avg_ms) for x in (E, B))
        events, bursts = heard.step(SOURCE[n])
        e_post = e_post * np.exp(-DT / rule.tau_post_ms) + target.step(TARGET[n])[0]
        Pbar = np.where(E > 0, np.minimum(1.0, B / np.where(E > 0, E, 1.0)), -1.0)
        if rule.fixed_burst_prob is not None:
            Pbar = np.full(N_SOURCE, rule.fixed_burst_prob)
        w = w * (1.0 - rule.decay * events)[:, None]
        w = w + rule.eta * np.outer(bursts - Pbar * events, e_post)
        w = np.where(there, np.clip(w, -rule.w_max if rule.signed else 0.0, rule.w_max), 0.0)
        seen = watched.step(SOURCE[n])
        E, B = E + seen[0] * 1000.0 / rule.tau_avg_ms, B + seen[1] * 1000.0 / rule.tau_avg_ms
    return w, E * np.exp(-DT / rule.tau_avg_ms)


def connectivities():
    return {"all to all": (AllToAll(), np.ones_like(THERE)), "sparse": (Matrix(THERE.astype(float)), THERE)}


@pytest.mark.parametrize("kind", ["all to all", "sparse"])
@pytest.mark.parametrize("name", RULES)
def test_feedback_learns_as_the_oracle_says(name, kind):
    rule, (connectivity, there) = RULES[name], connectivities()[kind]
    simulation = Simulation(circuit(rule, connectivity), dtype="float64", record=Record(rates_bin_ms=None))
    simulation.advance(STEPS_RUN * DT)
    spikes = simulation.recording().spikes
    assert (spikes["population"] == "hid").sum() == TARGET.sum()
    expected, events = oracle(rule, there)
    np.testing.assert_allclose(simulation.weights(PROJECTION), expected[there], rtol=0, atol=1e-12)
    np.testing.assert_allclose(simulation.average(PROJECTION, "events"), events, rtol=1e-9)
    np.testing.assert_array_equal(
        simulation.weights("negative"), 2.0 * np.maximum(-simulation.weights(PROJECTION), 0.0)
    )
    assert np.ptp(expected[there]) > 0.1
    assert (simulation.weights(PROJECTION) < 0).any() == rule.signed


def test_feedback_learns_the_same_for_any_threads_pieces_and_resume(tmp_path):
    described = circuit(RULE, AllToAll())
    whole = Simulation(described, **QUIET)
    whole.advance(120.0)
    pieces = Simulation(described, threads=2, **QUIET)
    for duration in (0.1, 49.9, 10.0):
        pieces.advance(duration)
    resumed = Simulation(described, **QUIET)
    resumed.restore(pieces.save(tmp_path / "run.npz"))
    for simulation in (pieces, resumed):
        simulation.advance(60.0)
        np.testing.assert_array_equal(simulation.weights(PROJECTION), whole.weights(PROJECTION))
        np.testing.assert_array_equal(simulation.averages(PROJECTION), whole.averages(PROJECTION))


def test_parts_of_shared_weights_arrive_where_they_should():
    rule = FeedbackRule(eta=0.0, w_max=3.0, signed=True)
    for connectivity in (AllToAll(), Matrix(np.ones((6, 700)))):
        projections = (
            Projection("in", "out", "a", 1.0, connectivity, "events", rule=rule),
            Projection("in", "out", "b", 2.0, Tied("in->out.a", "negative"), "events"),
            Projection("in", "out", "c", 0.5, Tied("in->out.a", "positive")),
            Projection("in", "out", "d", 1.0, Tied("in->out.a"), "events"),
        )
        described = probes.circuit(6, 700, projections)
        weights = np.random.default_rng(5).uniform(-3.0, 3.0, (6, 700))
        simulation = Simulation(described, threads=2, **QUIET)
        simulation.set_weights("in->out.a", weights)
        fired = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
        simulation.advance(DT)
        simulation.set_current("in", "soma", fired)
        simulation.advance(DT)
        simulation.set_current("in", "soma", np.zeros(6))
        simulation.advance(2.0)
        for receptor, each in (
            ("a", np.maximum(weights, 0.0)),
            ("b", 2.0 * np.maximum(-weights, 0.0)),
            ("c", 0.5 * np.maximum(weights, 0.0)),
            ("d", weights),
        ):
            np.testing.assert_allclose(
                simulation.state("out", receptor), fired @ each, rtol=1e-12, atol=1e-12
            )
        with pytest.raises(BurstpropError, match=r"its weights are those of 'in->out\.a'; set them there"):
            simulation.set_weights("in->out.b", weights)
        with pytest.raises(BurstpropError, match=r"not between -3 and 3"):
            simulation.set_weights("in->out.a", weights * 2.0)


@pytest.mark.parametrize(
    ("projection", "words"),
    [
        (dict(connectivity=Tied("nothing")), "no projection 'nothing'"),
        (dict(connectivity=Tied("uniform")), "tied to 'uniform', which has no weight for each synapse"),
        (
            dict(source="out", receptor="soma_exc", target="in", connectivity=Tied("master")),
            "the same populations",
        ),
        (dict(connectivity=AllToAll(), transmits="spikes", rule=RULE), "learns from events and bursts"),
        (dict(connectivity=Tied("master"), rule=RULE), "give the rule to that one"),
    ],
)
def test_what_does_not_fit_is_refused(projection, words):
    master = Projection("in", "out", "a", 1.0, Matrix(np.ones((1, 1))), name="master")
    uniform = Projection("in", "out", "b", 1.0, AllToAll(), name="uniform")
    options = dict(source="in", target="out", receptor="c", weight=0.1, transmits="bursts") | projection
    with pytest.raises(BurstpropError, match=words):
        probes.circuit(1, 1, (master, uniform, Projection(**options)))
    with pytest.raises(BurstpropError, match=r"Tied\.part = 'half'"):
        Tied("master", "half")
