"""The oracles of synapses, bursts, plasticity and networks against closed forms and hand calculation."""

import numpy as np
import pytest

from oracles import bursts, neurons
from oracles.network import Network, Population, Projection, Source, background
from oracles.plasticity import BurstRule
from oracles.synapses import DEPRESSING, FACILITATING, Delay, ShortTermPlasticity

DT = 0.1
PASSIVE = {**neurons.PYRAMIDAL, "g_s": 0.0, "g_d": 0.0}


# --- synapses ---


@pytest.mark.parametrize("preset", [DEPRESSING, FACILITATING])
@pytest.mark.parametrize("f", [None, 0.1])
@pytest.mark.parametrize("rate", [10.0, 20.0, 100.0])
def test_short_term_plasticity_reaches_its_steady_state(preset, f, rate):
    interval, dt = 1000.0 / rate, 0.025
    stp = ShortTermPlasticity(1, dt, **preset, f=f)
    steps = round(interval / dt)
    now, never = np.array([True]), np.array([False])
    for _ in range(10 + round(0.6 * rate)):
        efficacy = stp.step(now)[0]
        for _ in range(steps - 1):
            stp.step(never)
    jump, U = (preset["U"] if f is None else f), preset["U"]
    relax_u, relax_x = np.exp(-interval / preset["tau_F"]), np.exp(-interval / preset["tau_D"])
    # u just before a spike: u = U + (u + jump (1 - u) - U) relax_u ; then x = 1 + (x (1 - u) - 1) relax_x
    u = (U + (jump - U) * relax_u) / (1.0 - (1.0 - jump) * relax_u)
    x = (1.0 - relax_x) / (1.0 - (1.0 - u) * relax_x)
    assert efficacy == pytest.approx(u * x, rel=3e-3)


def test_first_spike_has_the_efficacy_u_and_the_second_follows_by_hand():
    stp = ShortTermPlasticity(2, DT, **FACILITATING)
    assert list(stp.step(np.array([True, False]))) == [0.02, 0.0]
    x, u = 1.0 - 0.02, 0.02 + 0.02 * (1.0 - 0.02)
    x, u = x + DT * (1.0 - x) / 100.0, u + DT * (0.02 - u) / 100.0
    assert stp.step(np.array([True, True])) == pytest.approx([x * u, 0.02])


def test_delay_lets_out_after_its_steps():
    delay = Delay(1, 8)
    assert [n for n in range(20) if delay.step(np.array([n == 3]))[0]] == [11]
    assert Delay(1, 0).step(np.array([1.0]))[0] == 1.0


# --- events and bursts ---


def test_trace_window_after_one_spike_and_after_a_doublet():
    assert bursts.window_after([0.0]) == pytest.approx(16.0)
    assert bursts.window_after([0.0, 5.0]) == pytest.approx(24.8, abs=0.02)
    assert bursts.window_after([0.0], raise_delay=0.8) == pytest.approx(16.8)


def test_the_two_definitions_differ_after_a_doublet():
    train = [10.0, 15.0, 15.0 + 20.0, 15.0 + 20.0 + 30.0]
    assert bursts.label_by_trace(train) == ["event", "burst", "", "event"]
    assert bursts.label_by_interval(train) == ["event", "burst", "event", "event"]


def test_a_burst_counts_once_and_ties_belong_to_the_burst():
    assert bursts.label_by_trace([0, 5, 10, 15]) == ["event", "burst", "", ""]
    assert bursts.label_by_interval([0, 5, 10, 15]) == ["event", "burst", "", ""]
    for label in (bursts.label_by_trace, bursts.label_by_interval):
        assert label([0.0, 16.0]) == ["event", "burst"]
        assert label([0.0, 16.1]) == ["event", "event"]
    assert bursts.label_by_trace([0.0, 16.8], raise_delay=0.8) == ["event", "burst"]
    assert bursts.label_by_trace([0.0, 16.9], raise_delay=0.8) == ["event", "event"]


@pytest.mark.parametrize("definition", ["trace", "trace raised later", "interval"])
def test_stepwise_detectors_agree_with_the_lists(definition):
    rng = np.random.default_rng(3)
    n, steps = 20, 20000
    gaps = rng.choice([15, 40, 100, 159, 160, 161, 168, 169, 240, 248, 249, 400, 700], size=(n, 400))
    trains = np.zeros((steps, n), dtype=bool)
    for i in range(n):
        at = np.cumsum(gaps[i])
        trains[at[at < steps], i] = True
    detector, label = {
        "trace": (bursts.TraceDetector(n, DT), bursts.label_by_trace),
        "trace raised later": (
            bursts.TraceDetector(n, DT, raise_steps=8),
            lambda t: bursts.label_by_trace(t, raise_delay=0.8),
        ),
        "interval": (bursts.IntervalDetector(n, DT), bursts.label_by_interval),
    }[definition]
    found = [detector.step(spikes) for spikes in trains]
    events, burst = np.array([f[0] for f in found]), np.array([f[1] for f in found])
    for i in range(n):
        at = np.flatnonzero(trains[:, i])
        labels = np.array(label(at * DT))
        assert list(at[labels == "event"]) == list(np.flatnonzero(events[:, i]))
        assert list(at[labels == "burst"]) == list(np.flatnonzero(burst[:, i]))
    assert burst.sum() > 100


# --- plasticity ---


def rule(**params):
    defaults = dict(E_min=0.0, E_max=np.inf, E_start=4.0, B_start=1.0, eta=0.01)
    mask = np.array([[True, True], [True, False]])
    return BurstRule(np.full((2, 2), 0.5), mask, DT, {**defaults, **params})


YES, NO = np.array([True, False]), np.array([False, False])


def test_event_depresses_by_the_moving_burst_probability_and_burst_potentiates():
    r = rule()
    r.presynaptic(YES)
    r.postsynaptic(YES, NO, YES)
    assert r.w == pytest.approx(np.array([[0.5 - 0.01 * 0.25, 0.5], [0.5, 0.0]]))
    assert pytest.approx([4.2, 4.0]) == r.E  # 1 spike / 5 s = 0.2 Hz, counted after the change
    for _ in range(100):
        r.decay()
    r.presynaptic(NO)
    r.postsynaptic(NO, YES, YES)
    assert r.w[0, 0] == pytest.approx(0.5 - 0.0025 + 0.01 * np.exp(-10.0 / 100.0))
    assert pytest.approx([1.0 * np.exp(-10.0 / 5000.0) + 0.2, np.exp(-10.0 / 5000.0)]) == r.B


def test_terms_of_the_rule():
    def change(events, bursts, **params):
        r = rule(**params)
        r.e_pre[:] = [1.0, 0.0]
        r.postsynaptic(events, bursts, events | bursts)
        return (r.w[0, 0] - 0.5) / 0.01

    assert change(YES, NO, fixed_Pbar=0.15) == pytest.approx(-0.15)
    assert change(NO, YES, fixed_Pbar=0.15) == pytest.approx(1.0)
    assert change(YES, NO, E_start=0.0) == pytest.approx(1.0)  # Pbar = -1
    assert change(YES, NO, B_start=8.0) == pytest.approx(-1.0)  # min(1, .)
    assert change(YES, NO, B_start=8.0, Pbar_max=np.inf) == pytest.approx(-2.0)
    assert change(YES, NO, E_max=3.0) == pytest.approx(-0.25 - 0.25)
    assert change(NO, YES, E_max=3.0) == pytest.approx(1.0 - 0.25)


def test_presynaptic_homeostasis_with_either_rate():
    for rate_of, dw in (("spikes", 0.01 * (2.0 - 0.1)), ("events", 0.01 * (2.0 - 1.5))):
        r = rule(E_min=2.0, rate_of=rate_of, E_start=1.5)
        r.presynaptic(YES)
        assert r.w == pytest.approx(np.array([[0.5 + dw, 0.5 + dw], [0.5, 0.0]]))
    r.postsynaptic(NO, NO, YES)
    assert pytest.approx([0.1 + 1.0 / 30.0, 0.1]) == r.R


def test_bounds_and_the_switch():
    r = rule(w_max=0.5005, E_start=0.0)
    r.presynaptic(YES)
    r.postsynaptic(YES, NO, YES)
    assert r.w[0, 0] == 0.5005
    r.on = False
    r.postsynaptic(YES, NO, YES)
    assert r.w[0, 0] == 0.5005
    assert pytest.approx([0.4, 0.0]) == r.E  # averages go on


# --- network ---


def one_neuron(projection, trains, steps):
    """Return the traces of the conductance of one pyramidal neuron that ``projection`` feeds."""
    target = Population("pyramidal", PASSIVE, neurons.pyramidal_start(1))
    source = Source(trains.shape[1], trains)
    network = Network({"in": source, "out": target}, [projection], watch=[("out", "g_exc_soma")])
    return network.run(steps).samples["out", "g_exc_soma"][:, 0]


def train(*at, steps=400):
    spikes = np.zeros((steps, 1), dtype=bool)
    spikes[list(at)] = True
    return spikes


def arrivals(g):
    """Return what was added to the conductance at the end of each step."""
    return g - np.concatenate([[0.0], g[:-1]]) * np.exp(-DT / 5.0)


def added(kind, *at, **about):
    g = one_neuron(Projection("in", "out", "exc_soma", np.array([[0.5]]), kind, **about), train(*at), 400)
    came = arrivals(g)
    return {int(n): round(float(came[n]), 12) for n in np.flatnonzero(came > 1e-12)}


def test_when_and_what_each_kind_of_projection_delivers():
    assert added("static", 0, 30) == {8: 0.5, 38: 0.5}
    x, u = 1.0 - 0.9, 0.9 + 0.9 * 0.1
    for _ in range(30):
        x, u = x + DT * (1.0 - x) / 20.0, u + DT * (0.9 - u) / 1000.0
    assert added("stp", 0, 30, options=DEPRESSING) == {8: 0.45, 38: pytest.approx(0.5 * x * u)}
    assert added("event", 10, 40, 70, 390, delay_steps=0) == {10: 0.5, 390: 0.5}
    assert added("burst", 10, 40, 70, 390, delay_steps=0) == {40: 0.5}


def test_plastic_projection_transmits_the_weight_of_before_the_change():
    about = dict(delay_steps=0, options=dict(eta=0.01, rate_start=0.1))
    got = added("plastic", 10, 20, 300, **about)
    after_first = 0.5 + 0.01 * (2.0 - 0.1 * np.exp(-11 * DT / 30000.0))
    assert got == {10: 0.5, 300: pytest.approx(after_first)}


def test_private_background_and_self_connection():
    trains = np.zeros((40, 3), dtype=bool)
    trains[5, 1] = True
    source, projection = background("noise", "p", "exc_dend", 0.2, 3, trains)
    start = neurons.pyramidal_start(3)
    p = Population("pyramidal", neurons.PYRAMIDAL, start, currents={"soma": lambda t: 0.0})
    network = Network({"p": p, **source}, [projection], watch=[("p", "g_exc_dend")])
    g = network.run(40).samples["p", "g_exc_dend"]
    assert np.flatnonzero(g[:, 1])[0] == 13
    assert g[13, 1] == 0.2
    assert not g[:, [0, 2]].any()
