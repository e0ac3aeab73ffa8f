"""The burst-dependent rule in the engine: against the oracle, value by value, and what it promises."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from oracles import neurons as oracle_neurons
from oracles.network import Network
from oracles.network import Population as OraclePopulation
from oracles.network import Projection as OracleProjection

from burstprop import (
    BurstDependentRule,
    BurstpropError,
    Circuit,
    Constant,
    Controlled,
    Current,
    Matrix,
    Population,
    Probability,
    Projection,
    PyramidalNeuron,
    Record,
    Simulation,
)
from burstprop.circuit import PlasticityChange

N_PRE, N_POST = 80, 90  # more than one strip of 64 lanes each, so that threads share them
QUIET = Record(spikes=False, rates_bin_ms=None)
SPIKES = Record(rates_bin_ms=None)
PROJECTION = "pre->post.soma_exc"
RULE = BurstDependentRule(
    eta=8e-3,
    tau_pre_ms=40.0,
    tau_avg_ms=300.0,
    e_min_hz=5.0,
    e_max_hz=7.0,
    w_max=0.15,
    lower_tau_ms=900.0,
    lower_start_hz=1.0,
)
RULES = {
    "published form": RULE,
    "lower term on Ebar": replace(RULE, lower_rate="events"),
    "fixed Pbar": replace(RULE, fixed_burst_prob=0.15),
    "averages of homeostasis apart": replace(RULE, tau_homeostasis_ms=80.0),
    "averages of homeostasis apart, lower term on Ebar": replace(
        RULE, tau_homeostasis_ms=500.0, lower_rate="events"
    ),
    "a burst is credited with the trace of its event": replace(RULE, burst_credit="event"),
    "no homeostasis": replace(RULE, eta=0.03, e_min_hz=0.0, e_max_hz=1e9),
}
SWITCHES = ((200.0, True), (500.0, False), (560.0, True))
DURATION_MS = 1000.0


def weights_at_start():
    rng = np.random.default_rng(5)
    there = rng.random((N_PRE, N_POST)) < 0.3
    return np.where(there, rng.uniform(0.0, 0.15, (N_PRE, N_POST)), 0.0), there


def currents(n, seed):
    """Return currents (pA) into soma and dendrite of each neuron: silent, firing events, or bursting."""
    rng = np.random.default_rng(seed)
    return rng.uniform(250.0, 800.0, n), rng.uniform(-300.0, 500.0, n)


PROTOCOL = tuple(PlasticityChange(*switch) for switch in SWITCHES)


def circuit(rule=RULE, protocol=PROTOCOL, plastic=False):
    neuron = PyramidalNeuron(dendritic_driving_force="somatic", v_start_sd=0.0)
    weights, _ = weights_at_start()
    synapses = Matrix(scipy.sparse.csr_array(weights))
    return Circuit(
        populations=(Population("pre", N_PRE, neuron), Population("post", N_POST, neuron)),
        projections=(
            Projection("pre", "post", "soma_exc", 1.0, synapses, "events", rule=rule),
            Projection("pre", "post", "dendrite_exc", 0.02, synapses, "bursts"),
        ),
        currents=tuple(Current(p, c, Controlled()) for p in ("pre", "post") for c in ("soma", "dendrite")),
        protocol=protocol,
        plastic=plastic,
    )


def started(circuit, **options):
    """Return a simulation after its first step: currents set then act from the second on, as the oracle's."""
    simulation = Simulation(circuit, record=options.pop("record", QUIET), **options)
    simulation.advance(0.1)
    for population, n, seed in (("pre", N_PRE, 1), ("post", N_POST, 2)):
        for compartment, values in zip(("soma", "dendrite"), currents(n, seed), strict=True):
            simulation.set_current(population, compartment, values)
    return simulation


def oracle(rule, extra=()):
    """Return the network of the oracle after the same protocol; ``extra`` holds times and changes of the rule."""
    weights, there = weights_at_start()
    populations = {}
    for name, n, seed in (("pre", N_PRE, 1), ("post", N_POST, 2)):
        injected = dict(zip(("soma", "dend"), currents(n, seed), strict=True))
        start = oracle_neurons.pyramidal_start(n)
        populations[name] = OraclePopulation("pyramidal", oracle_neurons.PYRAMIDAL, start, currents=injected)
    options = dict(
        eta=rule.eta,
        tau_pre=rule.tau_pre_ms,
        tau_avg=rule.tau_avg_ms,
        E_min=rule.e_min_hz,
        E_max=rule.e_max_hz,
        w_max=rule.w_max,
        rate_of=rule.lower_rate,
        tau_rate=rule.lower_tau_ms,
        # the oracle lets its averages decay before the first step, the engine after it
        rate_start=rule.lower_start_hz * np.exp(0.1 / rule.lower_tau_ms),
        fixed_Pbar=rule.fixed_burst_prob,
        tau_homeostasis=rule.tau_homeostasis_ms,
        burst_credit=rule.burst_credit,
    )
    network = Network(
        populations,
        [
            OracleProjection("pre", "post", "exc_soma", weights, "plastic", 0, options, mask=there),
            OracleProjection("pre", "post", "exc_dend", 0.02 * weights, "burst", 0),
        ],
    )
    learned = network.projections[0].rule
    learned.on = False
    changes = [(at_ms, lambda rule, on=on: setattr(rule, "on", on)) for at_ms, on in SWITCHES]
    for at_ms, change in sorted([*changes, *extra, (DURATION_MS, lambda rule: None)], key=lambda c: c[0]):
        network.run(round(at_ms / 0.1) - network.n)
        change(learned)
    return network


def assert_same_spikes(simulation, network):
    spikes = simulation.recording().spikes
    for population in ("pre", "post"):
        own = spikes[spikes["population"] == population]
        ours = np.column_stack([np.rint(own["time_ms"] / 0.1).astype(int), own["neuron_id"]])
        assert len(ours) > 500
        np.testing.assert_array_equal(ours, network.spikes[population])


@pytest.mark.parametrize("name", RULES)
def test_rule_agrees_with_the_oracle_synapse_by_synapse(name):
    rule = RULES[name]
    simulation = started(circuit(rule), dtype="float64", record=SPIKES)
    simulation.advance(DURATION_MS - 0.1)
    network = oracle(rule)
    assert_same_spikes(simulation, network)
    assert len(network.bursts["post"]) > 100
    learned = network.projections[0].rule
    weights, there = weights_at_start()
    ours = simulation.weights(PROJECTION)
    np.testing.assert_allclose(ours, learned.w[there], rtol=0, atol=1e-10)
    changed = np.abs(ours - weights[there])
    assert changed.max() > 0.02
    assert (changed > 1e-4).mean() > 0.3
    # both bounds were met, so that the comparison includes them
    assert (ours == 0.0).any() or "lower term on Ebar" in name
    assert (ours == rule.w_max).any()
    averages = simulation.averages(PROJECTION)
    learned.decay()  # the engine gives the averages as the next step will find them
    np.testing.assert_allclose(averages["event_rate_hz"], learned.E, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(averages["burst_rate_hz"], learned.B, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(averages["spike_rate_hz"], learned.R, rtol=1e-9, atol=1e-12)


def test_rule_is_the_same_for_any_threads_pieces_and_resume(tmp_path):
    whole = started(circuit())
    whole.advance(400.0)
    pieces = started(circuit(), threads=2)
    for duration in (0.3, 130.0, 169.9):
        pieces.advance(duration)
    path = pieces.save(tmp_path / "half.npz")
    resumed = Simulation(circuit(), record=QUIET, threads=1)
    resumed.restore(path)
    for simulation in (pieces, resumed):
        simulation.advance(99.8)
        assert simulation.time_ms == whole.time_ms
        np.testing.assert_array_equal(simulation.weights(PROJECTION), whole.weights(PROJECTION))
        for column, values in whole.averages(PROJECTION).items():
            np.testing.assert_array_equal(simulation.averages(PROJECTION)[column], values)
        np.testing.assert_array_equal(simulation.state("post", "v_d"), whole.state("post", "v_d"))
    weights, there = weights_at_start()
    assert np.abs(whole.weights(PROJECTION) - weights[there]).max() > 0.02


def test_weights_stay_within_their_bounds_and_move_only_while_plasticity_is_on():
    simulation = started(circuit(replace(RULE, eta=0.5), protocol=()))
    start = simulation.weights(PROJECTION)
    simulation.advance(150.0)
    np.testing.assert_array_equal(simulation.weights(PROJECTION), start)
    simulation.set_plasticity(True)
    top = np.float32(RULE.w_max)
    seen_low = seen_high = False
    for _ in range(8):
        simulation.advance(50.0)
        weights = simulation.weights(PROJECTION)
        assert np.isfinite(weights).all()
        assert weights.min() >= 0.0
        assert weights.max() <= top
        seen_low |= bool((weights == 0.0).any())
        seen_high |= bool((weights == top).any())
    assert seen_low
    assert seen_high
    simulation.set_plasticity(False)
    before, averages = simulation.weights(PROJECTION), simulation.averages(PROJECTION)
    simulation.advance(200.0)
    np.testing.assert_array_equal(simulation.weights(PROJECTION), before)
    assert (simulation.averages(PROJECTION)["event_rate_hz"] != averages["event_rate_hz"]).any()


def one_synapse(rule, soma_pa=0.0, start=0.05):
    """Return a circuit of one driven presynaptic neuron and one postsynaptic neuron with its own drive."""
    neuron = PyramidalNeuron(v_start_sd=0.0)
    return Circuit(
        populations=(Population("pre", 1, neuron), Population("post", 1, neuron)),
        projections=(Projection("pre", "post", "soma_exc", start, Probability(1.0), "events", rule=rule),),
        currents=(
            Current("pre", "soma", Constant(600.0)),
            Current("pre", "dendrite", Constant(-300.0)),
            Current("post", "soma", Constant(soma_pa)),
            Current("post", "dendrite", Constant(-300.0)),
        ),
    )


def test_defaults_of_the_rule_are_the_published_numbers():
    """Written out here, because oracles take their numbers from the rule and would follow a wrong one."""
    rule = BurstDependentRule()
    published = dict(
        tau_pre_ms=100.0, tau_avg_ms=2000.0, e_min_hz=2.0, e_max_hz=10.0, w_max=1.0, fixed_burst_prob=None,
        lower_tau_ms=30_000.0, lower_start_hz=0.1, lower_rate="spikes",
    )  # fmt: skip
    assert {name: getattr(rule, name) for name in published} == published


def test_lower_term_lifts_the_weights_onto_a_silent_neuron_by_the_closed_form():
    rule = BurstDependentRule(eta=1e-4, e_min_hz=2.0, lower_tau_ms=30_000.0, lower_start_hz=0.1)
    simulation = Simulation(
        one_synapse(rule, soma_pa=-500.0), dtype="float64", record=Record(rates_bin_ms=None)
    )
    simulation.advance(2000.0)
    spikes = simulation.recording().spikes
    assert set(spikes["population"]) == {"pre"}
    times = spikes["time_ms"].to_numpy()
    events = times[np.diff(times, prepend=-100.0) > 30.0]
    assert len(events) == len(times) > 10
    # every presynaptic event adds eta (E_min - R), R having decayed from its start
    expected = 0.05 + 1e-4 * (2.0 - 0.1 * np.exp(-events / 30_000.0)).sum()
    assert simulation.weights(PROJECTION)[0] == pytest.approx(expected, abs=1e-12)


def test_each_rule_onto_a_neuron_starts_its_slow_average_where_it_says():
    circuit = one_synapse(BurstDependentRule(lower_start_hz=0.1), soma_pa=-500.0)
    other = BurstDependentRule(lower_start_hz=3.0)
    second = Projection(
        "pre", "post", "soma_exc", 0.05, Probability(1.0), "events", rule=other, name="second"
    )
    circuit = replace(circuit, projections=(*circuit.projections, second))
    simulation = Simulation(circuit, dtype="float64", record=Record(rates_bin_ms=None))
    assert simulation.averages(PROJECTION)["spike_rate_hz"][0] == pytest.approx(0.1)
    assert simulation.averages("second")["spike_rate_hz"][0] == pytest.approx(3.0)


def test_first_event_of_a_neuron_without_history_divides_by_nothing():
    """Ebar is 0 at the first event: Pbar counts as -1 there, and the weight rises by eta e_pre."""
    rule = BurstDependentRule(eta=1e-3, e_min_hz=0.0, tau_pre_ms=50.0)
    simulation = Simulation(
        one_synapse(rule, soma_pa=520.0), dtype="float64", record=Record(rates_bin_ms=None)
    )
    with np.errstate(all="raise"):
        for _ in range(40):
            simulation.advance(5.0)
            spikes = simulation.recording().spikes
            post = spikes.loc[spikes["population"] == "post", "time_ms"]
            if len(post):
                break
    first = post.iloc[0]
    pre = spikes.loc[spikes["population"] == "pre", "time_ms"].to_numpy()
    pre = pre[pre <= first + 1e-6]
    assert len(pre)
    e_pre = np.exp(-(first - pre) / 50.0).sum()
    assert simulation.weights(PROJECTION)[0] == pytest.approx(0.05 + 1e-3 * e_pre, abs=1e-12)
    assert simulation.averages(PROJECTION)["event_rate_hz"][0] > 0.0


def test_silence_leaves_weights_and_averages_finite():
    """After many averaging times of silence no rate is left; the next event is still defined."""
    rule = replace(RULE, tau_avg_ms=1.0, lower_tau_ms=1.0, tau_pre_ms=1.0, e_min_hz=0.0)
    simulation = Simulation(one_synapse(rule, soma_pa=520.0), record=QUIET)
    simulation.advance(300.0)
    simulation.set_current("post", "soma", -2000.0)
    simulation.advance(3000.0)
    averages = simulation.averages(PROJECTION)
    assert averages["event_rate_hz"][0] < 1e-100
    simulation.set_current("post", "soma", 500.0)
    simulation.advance(300.0)
    averages = simulation.averages(PROJECTION)
    assert np.isfinite(averages.to_numpy()).all()
    assert averages["event_rate_hz"][0] > 0.0
    assert 0.0 <= simulation.weights(PROJECTION)[0] <= np.float32(rule.w_max)


def test_a_weight_above_the_bound_is_refused_also_in_a_matrix():
    with pytest.raises(BurstpropError, match=r"weight = 0\.149986 .*w_max = 0\.1"):
        circuit(replace(RULE, w_max=0.1))
    with pytest.raises(BurstpropError, match="transmits events"):
        Projection("pre", "post", "soma_exc", 0.1, rule=RULE)


def test_averages_of_a_projection_that_does_not_learn_are_refused():
    simulation = Simulation(circuit(), record=QUIET)
    with pytest.raises(BurstpropError, match=r"not plastic.*pre->post\.soma_exc"):
        simulation.averages("pre->post.dendrite_exc")


@pytest.mark.timing
def test_learning_does_not_pay_for_synapses_of_neurons_that_are_silent():
    """Thirty times as many synapses between silent neurons leave the time of a run where it was.

    `benchmarks/learning_cost.py` prints the whole table, with activity as the other axis.
    """
    published = BurstDependentRule()
    simulations = []
    for p in (0.02, 0.6):
        neuron = PyramidalNeuron(v_start_sd=0.0)
        described = Circuit(
            populations=(Population("pre", 1500, neuron), Population("post", 1500, neuron)),
            projections=(
                Projection("pre", "post", "soma_exc", 0.01, Probability(p), "events", rule=published),
            ),
            plastic=True,
        )
        simulations.append(Simulation(described, record=QUIET))
        simulations[-1].advance(1.0)
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(15):
        for simulation, times in zip(simulations, seconds, strict=True):
            before = time.thread_time()
            simulation.advance(100.0)
            times.append(time.thread_time() - before)
    # in turns, because the speed of a shared machine drifts; one nanosecond for each synapse and step would be 100 times
    assert min(seconds[1]) < 1.5 * min(seconds[0])
