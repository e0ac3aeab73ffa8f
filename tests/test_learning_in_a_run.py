"""What a protocol may change of a rule while it runs: learning rates, weights, averages that are held; counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from engine import probes
from test_learning import (
    DURATION_MS,
    N_POST,
    N_PRE,
    PROJECTION,
    PROTOCOL,
    QUIET,
    RULE,
    SPIKES,
    assert_same_spikes,
    circuit,
    oracle,
    started,
    weights_at_start,
)

from burstprop import (
    AllToAll,
    BurstpropError,
    Matrix,
    PoissonPopulation,
    Probability,
    Projection,
    Simulation,
)
from burstprop.circuit import AveragingChange, LearningRateChange, Opposed
from burstprop.engine import network as nw

HELD = ((300.0, False), (420.0, True), (470.0, False), (650.1, True))
FALL = LearningRateChange(250.0, PROJECTION, 1e-3, over_ms=500.0)
HARD = replace(RULE, tau_homeostasis_ms=150.0, burst_credit="event")


def held_oracle(rule):
    changes = [(at, (lambda r: r.go_on()) if on else (lambda r: r.hold())) for at, on in HELD]
    return oracle(rule, changes)


@pytest.mark.parametrize("rule", [RULE, replace(RULE, tau_homeostasis_ms=150.0)], ids=["one average", "two"])
def test_averages_are_held_by_the_protocol_as_by_the_oracle(rule):
    protocol = (*PROTOCOL, *(AveragingChange(*change) for change in HELD))
    simulation = started(circuit(rule, protocol), dtype="float64", record=SPIKES)
    simulation.advance(DURATION_MS - 0.1)
    network = held_oracle(rule)
    assert_same_spikes(simulation, network)
    learned = network.projections[0].rule
    np.testing.assert_allclose(
        simulation.weights(PROJECTION), learned.w[weights_at_start()[1]], atol=1e-10, rtol=0
    )
    learned.decay()
    for of, theirs in (("events", learned.E), ("bursts", learned.B)):
        np.testing.assert_allclose(simulation.average(PROJECTION, of), theirs, rtol=1e-9, atol=1e-12)
    if not learned.own_homeostasis:
        np.testing.assert_allclose(simulation.average(PROJECTION, "spikes"), learned.R, rtol=1e-9, atol=1e-12)
    without = started(circuit(rule))
    without.advance(DURATION_MS - 0.1)
    assert np.abs(without.average(PROJECTION) - simulation.average(PROJECTION)).max() > 0.1


@pytest.mark.parametrize("step", [4096 * 2, 4096 * 2 + 1, 4096 * 2 - 1])
def test_averages_held_when_they_would_be_divided_back_are_as_they_were(step):
    """The scaled averages of RULE are divided back every 4096 steps."""
    simulation = started(circuit(plastic=True, protocol=()))
    assert (simulation._compiled.arrays["average"][:, nw.AV_REBASE] == 4096).all()
    simulation.advance((step - 1) * 0.1)
    before = simulation.averages(PROJECTION)
    assert (before["event_rate_hz"] > 0.1).any()
    simulation.set_averaging(False, PROJECTION)
    for _ in range(3):
        simulation.advance(50.3)
        np.testing.assert_array_equal(simulation.averages(PROJECTION), before)
    simulation.set_averaging(True)
    np.testing.assert_array_equal(simulation.averages(PROJECTION), before)
    simulation.advance(0.1)
    assert (simulation.average(PROJECTION) != before["event_rate_hz"]).any()


def test_the_learning_rate_falls_in_a_straight_line_as_in_the_oracle():
    simulation = started(circuit(protocol=(*PROTOCOL, FALL)), dtype="float64", record=SPIKES)

    def eta(step):
        done = np.clip((step - 2500) / 5000, 0.0, 1.0)
        return RULE.eta + (FALL.eta - RULE.eta) * done

    changes = [(k * 0.1, lambda r, k=k: r.p.update(eta=eta(k))) for k in range(2500, 7501)]
    network = oracle(RULE, changes)
    for at in (240.0, 500.0, 760.0, DURATION_MS):
        simulation.advance(at - simulation.time_ms)
        assert simulation.learning_rate(PROJECTION) == pytest.approx(eta(simulation.step), rel=1e-12)
    assert_same_spikes(simulation, network)
    learned = network.projections[0].rule
    np.testing.assert_allclose(
        simulation.weights(PROJECTION), learned.w[weights_at_start()[1]], atol=1e-10, rtol=0
    )


def test_a_learning_rate_set_by_hand_is_the_protocols():
    by_hand = started(circuit())
    by_hand.advance(249.9)
    by_hand.set_eta(PROJECTION, FALL.eta, over_ms=FALL.over_ms)
    by_protocol = started(circuit(protocol=(*PROTOCOL, FALL)))
    by_protocol.advance(249.9)
    for simulation in (by_hand, by_protocol):
        simulation.advance(400.0)
    np.testing.assert_array_equal(by_hand.weights(PROJECTION), by_protocol.weights(PROJECTION))
    by_hand.set_eta(PROJECTION, 0.0)
    before = by_hand.weights(PROJECTION)
    by_hand.advance(100.0)
    np.testing.assert_array_equal(by_hand.weights(PROJECTION), before)
    with pytest.raises(BurstpropError, match=r"eta = -1: must be at least 0"):
        by_hand.set_eta(PROJECTION, -1.0)
    with pytest.raises(BurstpropError, match=r"not plastic: .*pre->post\.soma_exc"):
        by_hand.set_eta("pre->post.dendrite_exc", 1.0)
    with pytest.raises(
        BurstpropError, match=r"LearningRateChange of 'pre->post\.dendrite_exc' is not plastic"
    ):
        circuit(protocol=(LearningRateChange(1.0, "pre->post.dendrite_exc", 1.0),))


@pytest.mark.parametrize("connectivity", ["matrix", "all to all"])
def test_all_of_it_is_the_same_for_any_threads_pieces_and_resume(tmp_path, connectivity):
    protocol = (*PROTOCOL, FALL, *(AveragingChange(*change) for change in HELD))
    described = circuit(HARD, protocol)
    if connectivity == "all to all":
        described = dense(described)
    whole = started(described)
    whole.advance(500.0)
    pieces = started(described, threads=2)
    for duration in (0.3, 230.0, 130.0):
        pieces.advance(duration)
    resumed = Simulation(described, record=QUIET)
    resumed.restore(pieces.save(tmp_path / "run.npz"))
    for simulation in (pieces, resumed):
        simulation.advance(139.7)
        assert simulation.time_ms == pytest.approx(whole.time_ms)
        np.testing.assert_array_equal(simulation.weights(PROJECTION), whole.weights(PROJECTION))
        np.testing.assert_array_equal(simulation.averages(PROJECTION), whole.averages(PROJECTION))
        for of in ("spikes", "events", "bursts"):
            np.testing.assert_array_equal(simulation.counts("post", of), whole.counts("post", of))
    assert whole.counts("post", "bursts").sum() > 100


def dense(described, **changes):
    """Return the circuit with its plastic projection all to all."""
    first, *others = described.projections
    return replace(
        described, projections=(replace(first, weight=0.03, connectivity=AllToAll(), **changes), *others)
    )


@pytest.mark.parametrize("rule", [RULE, HARD], ids=["published", "options"])
def test_all_to_all_learns_bit_for_bit_as_a_full_matrix(rule):
    found = []
    for connectivity in (AllToAll(), Matrix(np.full((N_PRE, N_POST), 1.0)), Probability(1.0)):
        first, *others = circuit(rule).projections
        projections = (replace(first, weight=0.03, connectivity=connectivity), *others)
        simulation = started(replace(circuit(rule), projections=projections))
        simulation.advance(300.0)
        found.append(simulation)
    for simulation in found[1:]:
        np.testing.assert_array_equal(simulation.weights(PROJECTION), found[0].weights(PROJECTION))
        np.testing.assert_array_equal(simulation.state("post", "v_s"), found[0].state("post", "v_s"))
        assert simulation.synapses(PROJECTION).equals(found[0].synapses(PROJECTION))
        assert simulation.sizes()["synapses"] == found[0].sizes()["synapses"]
        assert simulation.sizes()["synapse_bytes"] > 2 * found[0].sizes()["synapse_bytes"]
    assert found[0].weights(PROJECTION).std() > 1e-3


# --- delivery ---


@pytest.mark.parametrize("threads", [1, 3])
def test_all_to_all_and_opposed_arrive_where_they_should(threads):
    relays, counters = 30, 700
    rng = np.random.default_rng(4)
    matrix = scipy.sparse.random_array((relays, counters), density=0.1, rng=rng, format="csr")
    projections = (
        Projection("in", "out", "a", 0.5, AllToAll()),
        Projection("in", "out", "b", 2.0, Matrix(matrix), opposed=Opposed("c", 0.25), delay_ms=0.3),
        Projection("in", "out", "c", 0.125, AllToAll(), "events", opposed=Opposed("d", 4.0)),
    )
    spikes = rng.random((60, relays)) < 0.05
    simulation = probes.replay(probes.circuit(relays, counters, projections), spikes, threads=threads)
    np.testing.assert_allclose(simulation.state("out", "a"), 0.5 * spikes[:-9].sum())
    events = simulation.state("out", "d") / 4.0
    assert (events == events[0]).all()
    assert 20 < events[0] <= spikes.sum()
    there = (matrix.toarray() > 0).astype(float)
    sent = spikes[:-4].sum(axis=0).astype(float)
    np.testing.assert_allclose(simulation.state("out", "b"), 2.0 * sent @ matrix.toarray(), rtol=1e-12)
    np.testing.assert_allclose(simulation.state("out", "c"), 0.25 * sent @ there + 0.125 * events, rtol=1e-12)
    assert simulation.synapses("in->out.a").equals(
        Simulation(
            probes.circuit(relays, counters, (replace(projections[0], connectivity=Probability(1.0)),)),
            dtype="float64",
        ).synapses("in->out.a")
    )


def test_opposed_to_its_own_receptor_is_refused():
    with pytest.raises(BurstpropError, match=r"opposed\.receptor = 'a' is the projection's own"):
        probes.circuit(1, 1, (Projection("in", "out", "a", 1.0, AllToAll(), opposed=Opposed("a", 1.0)),))
    with pytest.raises(BurstpropError, match=r"opposed: no receptor 'x' in 'out'"):
        probes.circuit(1, 1, (Projection("in", "out", "a", 1.0, AllToAll(), opposed=Opposed("x", 1.0)),))


# --- weights and counts ---


def test_weights_set_in_a_run_are_those_that_act():
    projections = (Projection("in", "out", "a", 1.0, Matrix(np.eye(4)[:, [1, 2, 3, 0]]), delay_ms=0.1),)
    described = probes.circuit(4, 4, projections)
    simulation = probes.replay(described, np.ones((3, 4), bool))
    simulation.set_weights("in->out.a", 3.0 * np.eye(4)[:, [1, 2, 3, 0]] * np.arange(1, 5)[:, None])
    np.testing.assert_array_equal(simulation.weights("in->out.a"), [3.0, 6.0, 9.0, 12.0])
    before = simulation.state("out", "a")
    simulation.advance(0.1)
    np.testing.assert_array_equal(simulation.state("out", "a") - before, [6.0, 9.0, 12.0, 3.0])
    simulation.set_weights("in->out.a", np.zeros(4))
    simulation.set_weights("in->out.a", scipy.sparse.csr_array(np.eye(4)[:, [1, 2, 3, 0]]))
    assert (simulation.weights("in->out.a") == 1.0).all()
    for wrong, words in (
        (np.ones(3), r"weights of shape \(3,\).*\(4,\).*\(4, 4\)"),
        (np.ones((4, 4)), "12 weights stand where there is no synapse"),
        (np.array([1.0, -1.0, 1.0, 1.0]), r"1 weights are not between 0 and 3.4.*synapse 1: -1"),
        (np.array([1.0, np.nan, 1.0, 1.0]), "1 weights are not between"),
    ):
        with pytest.raises(BurstpropError, match=words):
            simulation.set_weights("in->out.a", wrong)
    assert (simulation.weights("in->out.a") == 1.0).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_weights_of_a_plastic_projection_are_set_synapse_by_synapse(threads):
    weights, there = weights_at_start()
    for described, start in ((circuit(), weights[there]), (dense(circuit()), weights.ravel())):
        simulation = started(described, threads=threads)
        simulation.set_weights(PROJECTION, start)
        np.testing.assert_array_equal(simulation.weights(PROJECTION), start.astype(np.float32))
        frame = simulation.synapses(PROJECTION)
        np.testing.assert_array_equal(
            frame["weight"], weights[frame["source_id"], frame["target_id"]].astype(np.float32)
        )
        with pytest.raises(BurstpropError, match=r"not between 0 and 0\.15"):
            simulation.set_weights(PROJECTION, start + 0.15)
    with pytest.raises(BurstpropError, match="one weight; set it with set_weight"):
        Simulation(probes.circuit(1, 1, (Projection("in", "out", "a", 1.0, AllToAll()),))).set_weights(
            "in->out.a", np.ones((1, 1))
        )


def test_counts_are_those_of_the_spikes(tmp_path):
    projections = (Projection("src", "out", "a", 1.0, AllToAll(), "bursts"),)
    described = probes.circuit(9, 3, projections, sources=(PoissonPopulation("src", 50, 60.0),))
    rng = np.random.default_rng(1)
    simulation = probes.replay(described, rng.random((2000, 9)) < 0.004, rates_bin_ms=200.1)
    spikes = simulation.recording().spikes
    rates = simulation.recording().rates
    for name, n in (("in", 9), ("src", 50), ("out", 3)):
        own = spikes.loc[spikes["population"] == name, "neuron_id"]
        np.testing.assert_array_equal(simulation.counts(name), np.bincount(own, minlength=n))
        of_rates = rates[rates["population"] == name].iloc[-1]
        for of in ("events", "bursts"):
            assert simulation.counts(name, of).sum() == pytest.approx(
                of_rates[f"{of[:-1]}_rate_hz"] * n * 0.2001
            )
    assert simulation.counts("src", "bursts").sum() > 10
    with pytest.raises(BurstpropError, match=r"counts of 'event': .*'events'"):
        simulation.counts("in", "event")
