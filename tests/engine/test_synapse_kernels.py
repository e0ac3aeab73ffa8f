"""Delays, delivery, short-term plasticity, events and bursts: what relays send against the oracles, value by value."""

import numpy as np
import pytest
import scipy.sparse
from oracles import bursts
from oracles.synapses import ShortTermPlasticity as OracleStp

from burstprop.circuit import PoissonPopulation, Projection, WeightChange
from burstprop.circuit.connectivity import Matrix, OneToOne, Probability
from burstprop.circuit.synapses import ShortTermPlasticity, depressing, facilitating
from burstprop.engine.layout import LANES, ROW
from burstprop.simulation import Simulation
from burstprop.spikes.bursts import find_bursts
from engine import probes, twins

DT = 0.1


def random_trains(steps, n, rate=0.02, seed=5):
    return np.random.default_rng(seed).random((steps, n)) < rate


def one_to_one(receptor, weight=1.0, **about):
    return Projection("in", "out", receptor, weight, OneToOne(), **about)


# --- delays ---


def test_a_spike_is_added_after_its_delay_and_felt_on_the_next_step():
    spikes = random_trains(200, 5)
    delays = dict(a=0.1, b=0.8, c=2.3, d=20.0)
    projections = tuple(one_to_one(r, delay_ms=ms) for r, ms in delays.items())
    simulation = probes.replay(probes.circuit(5, 5, projections), spikes, watch="abcd")
    for receptor, ms in delays.items():
        wait = round(ms / DT) + 1
        expected = np.zeros((200, 5))
        expected[wait:] = spikes[: max(200 - wait, 0)]
        assert np.array_equal(probes.arrivals(simulation, receptor), expected), receptor


def test_events_and_bursts_act_in_the_step_of_the_spike():
    spikes = np.zeros((100, 1), bool)
    spikes[[10, 30, 50]] = True
    projections = (one_to_one("a", transmits="events"), one_to_one("b", transmits="bursts"))
    simulation = probes.replay(probes.circuit(1, 1, projections), spikes, watch="ab")
    assert list(np.flatnonzero(probes.arrivals(simulation, "a"))) == [11]
    assert list(np.flatnonzero(probes.arrivals(simulation, "b"))) == [31]


# --- delivery ---


def sent_through(weights, arrived, delay):
    """Return what a dense matrix of weights makes of spikes (steps, sources): (steps, targets)."""
    out = np.zeros((len(arrived), weights.shape[1]))
    out[delay:] = arrived[:-delay].astype(float) @ weights
    return np.cumsum(out, axis=0)


BIG = (2**16 // (4 * ROW) + 1) * LANES + 1
"""Counters whose places in the state do not fit into 16 bits (four variables each)."""


@pytest.mark.parametrize(("counters", "index"), [(700, np.uint16), (BIG, np.uint32)])
@pytest.mark.parametrize("threads", [1, 3])
def test_delivery_by_uniform_weights_and_by_a_matrix(counters, index, threads):
    relays, steps = 40, 60
    rng = np.random.default_rng(2)
    matrix = scipy.sparse.random_array((relays, counters), density=0.1, rng=rng, format="csr")
    projections = (
        Projection("in", "out", "a", 0.5, Probability(0.1)),
        Projection("in", "out", "b", 2.0, Matrix(matrix), delay_ms=0.3),
        Projection("in", "out", "c", 0.25, Probability(1.0), transmits="events"),
    )
    spikes = random_trains(steps, relays, 0.05)
    spikes[1:] &= ~(spikes[:-1] | np.roll(spikes, 9, axis=0)[1:])
    simulation = probes.replay(probes.circuit(relays, counters, projections), spikes, threads=threads)
    assert simulation._compiled.arrays["targets"].dtype == index
    drawn = simulation.synapses("in->out.a")
    uniform = np.zeros((relays, counters))
    uniform[drawn["source_id"], drawn["target_id"]] = 0.5
    assert (drawn["weight"] == 0.5).all()
    assert abs(len(drawn) / (relays * counters) - 0.1) < 5 * np.sqrt(0.09 / (relays * counters))
    np.testing.assert_allclose(simulation.state("out", "a"), sent_through(uniform, spikes, 9)[-1], rtol=1e-12)
    expected = sent_through(2.0 * matrix.toarray(), spikes, 4)[-1]
    np.testing.assert_allclose(simulation.state("out", "b"), expected, rtol=1e-12)
    labels = [bursts.label_by_trace(np.flatnonzero(s) * DT, raise_delay=0.8) for s in spikes.T]
    events = sum(label.count("event") for label in labels)
    assert simulation.state("out", "c") == pytest.approx(0.25 * events)
    stored = simulation.synapses("in->out.b")
    assert np.array_equal(stored["source_id"], matrix.tocoo().row)
    np.testing.assert_allclose(stored["weight"], 2.0 * matrix.tocoo().data, rtol=1e-15)


def test_a_large_population_that_nothing_reaches_needs_no_large_index():
    """Nor another compiled loop; one that something reaches does, and one that is only beside it does not."""

    def index(described):
        return Simulation(described, dtype="float64")._compiled.arrays["targets"].dtype

    assert index(probes.circuit(1, BIG)) == np.uint16
    assert index(probes.circuit(1, BIG, (Projection("in", "out", "a", 1.0, Probability(1e-3)),))) == np.uint32
    beside = probes.circuit(1, BIG, sources=(PoissonPopulation("src", 2**16 + 1, 1.0),))
    assert index(beside) == np.uint16
    fed = (Projection("in", "in", "soma_exc", 1.0, Probability(1.0)),)
    assert index(probes.circuit(3, BIG, fed)) == np.uint16


def test_a_change_of_weight_acts_on_what_arrives_from_its_time_on():
    described = probes.circuit(1, 1, (one_to_one("a", 1.0),))
    changed = probes.circuit(1, 1, (one_to_one("a", 1.0),))
    object.__setattr__(changed, "protocol", (WeightChange(3.1, "in->out.a", 0.25),))
    spikes = np.ones((50, 1), bool)
    before, after = (
        probes.arrivals(probes.replay(c, spikes, watch="a"), "a")[:, 0] for c in (described, changed)
    )
    assert np.array_equal(before, (np.arange(50) >= 9).astype(float))
    assert np.array_equal(after, np.where(np.arange(50) >= 30, 0.25, before))


# --- short-term plasticity ---

STP = {
    "depressing": depressing(),
    "facilitating": facilitating(),
    "the published start": depressing(u_start=0.01),
    "another jump": ShortTermPlasticity(tau_d_ms=50.0, tau_f_ms=200.0, utilisation=0.3, jump=0.1),
}


def test_efficacies_are_the_oracle():
    steps, n = 1500, 12
    spikes = random_trains(steps, n, 0.01, seed=8)
    projections = tuple(one_to_one(r, 2.0, stp=s) for r, s in zip("abcd", STP.values(), strict=True))
    simulation = probes.replay(probes.circuit(n, n, projections), spikes, watch="abcd")
    for receptor, (name, stp) in zip("abcd", STP.items(), strict=True):
        oracle = OracleStp(
            n, DT, tau_D=stp.tau_d_ms, tau_F=stp.tau_f_ms, U=stp.utilisation, f=stp.jump, u_start=stp.u_start
        )
        expected = np.zeros((steps, n))
        oracle.step(np.zeros(n, bool))  # the relays begin on the second step
        expected[9:] = 2.0 * np.array([oracle.step(row) for row in spikes])[:-9]
        assert np.count_nonzero(expected) > 100
        np.testing.assert_allclose(
            probes.arrivals(simulation, receptor), expected, rtol=0, atol=1e-12, err_msg=name
        )


# --- events and bursts ---

GAPS = [9, 15, 40, 100, 159, 160, 161, 167, 168, 169, 240, 248, 249, 400, 700]
"""Intervals in steps, many of them within a step of where a definition changes its mind."""


def trains_of_gaps(steps, n, seed=3):
    gaps = np.random.default_rng(seed).choice(GAPS, size=(n, steps // 9))
    trains = np.zeros((steps, n), bool)
    for i in range(n):
        at = np.cumsum(gaps[i])
        trains[at[at < steps - 1], i] = True
    return trains


LABELS = {
    # of the neuron itself; of its projections, whose trace is raised 0.8 ms later
    "trace": (bursts.label_by_trace, lambda t: bursts.label_by_trace(t, raise_delay=0.8)),
    "interval": (bursts.label_by_interval, lambda t: bursts.label_by_interval(t, threshold=16.8)),
}


@pytest.mark.parametrize("definition", LABELS)
def test_events_and_bursts_of_both_definitions(definition):
    n, steps = 60, 5000
    spikes = trains_of_gaps(steps, n)
    projections = (one_to_one("a", transmits="events"), one_to_one("b", transmits="bursts"), one_to_one("c"))
    simulation = probes.replay(
        probes.circuit(n, n, projections, burst_definition=definition), spikes, watch="abc", rates_bin_ms=10.0
    )
    sent = {"event": probes.arrivals(simulation, "a"), "burst": probes.arrivals(simulation, "b")}
    own, of_projections = LABELS[definition]
    counts = {"event": np.zeros(steps), "burst": np.zeros(steps)}
    differ = 0
    for i in range(n):
        at = np.flatnonzero(spikes[:, i])
        ours, theirs = np.array(own(at * DT)), np.array(of_projections(at * DT))
        differ += (ours != theirs).sum()
        for kind in ("event", "burst"):
            assert list(np.flatnonzero(sent[kind][:, i]) - 1) == list(at[theirs == kind]), (i, kind)
            counts[kind][1 + at[ours == kind]] += 1  # the relays begin on the second step
    assert differ > 20
    rates = simulation.recording().rates
    rates = rates[rates["population"] == "in"]
    for kind in ("event", "burst"):
        per_bin = counts[kind].reshape(-1, 100).sum(axis=1)
        np.testing.assert_allclose(rates[f"{kind}_rate_hz"], per_bin / n / 0.01, rtol=1e-12)
    per_bin = np.roll(spikes, 1, axis=0).reshape(-1, 100, n).sum(axis=(1, 2))
    np.testing.assert_allclose(rates["rate_hz"], per_bin / n / 0.01, rtol=1e-12)
    # the offline function says the same of the recorded spikes
    found = find_bursts(simulation.recording().spikes, definition=definition)
    assert len(found) == counts["event"].sum()
    assert found["burst"].sum() == counts["burst"].sum()


def test_an_interval_shorter_than_the_lag_makes_two_events_for_a_projection():
    """The trace of the first spike is not raised yet when the second comes."""
    spikes = np.zeros((800, 1), bool)
    spikes[[10, 17, 600, 609]] = True
    projections = (one_to_one("a", transmits="events"), one_to_one("b", transmits="bursts"))
    simulation = probes.replay(probes.circuit(1, 1, projections), spikes, watch="ab", rates_bin_ms=40.0)
    assert list(np.flatnonzero(probes.arrivals(simulation, "a")) - 1) == [10, 17, 600]
    assert list(np.flatnonzero(probes.arrivals(simulation, "b")) - 1) == [609]
    rates = simulation.recording().rates
    assert rates[rates["population"] == "in"]["event_rate_hz"].sum() * 0.04 == pytest.approx(2)


def test_no_lag_means_the_monitors_definition():
    spikes = trains_of_gaps(3000, 20)
    projections = (one_to_one("a", transmits="events", trace_lag_ms=0.0),)
    simulation = probes.replay(probes.circuit(20, 20, projections), spikes, watch="a")
    sent = probes.arrivals(simulation, "a")
    for i in range(20):
        at = np.flatnonzero(spikes[:, i])
        labels = np.array(bursts.label_by_trace(at * DT))
        assert list(np.flatnonzero(sent[:, i]) - 1) == list(at[labels == "event"])


@pytest.mark.parametrize("definition", LABELS)
def test_events_and_bursts_of_shared_sources(definition):
    """A Poisson population counts events and bursts like neurons; here 40 sources of 60 Hz."""
    source = PoissonPopulation("src", 40, 60.0, burst_definition=definition)
    projections = tuple(
        Projection("src", "out", r, 1.0, OneToOne(), transmits=t)
        for r, t in (("a", "events"), ("b", "bursts"))
    )
    simulation = Simulation(probes.circuit(1, 40, projections, sources=(source,)), dtype="float64")
    simulation.advance(1000.0)
    spikes = twins.trains(simulation.recording(), "src", 40, 10000, DT)
    assert spikes.sum() > 2000
    for i in range(40):
        at = np.flatnonzero(spikes[:, i])
        if (np.diff(at) <= 8).any():
            continue
        labels = np.array(LABELS[definition][1](at * DT))
        assert simulation.state("out", "a")[i] == (labels == "event").sum()
        assert simulation.state("out", "b")[i] == (labels == "burst").sum()
