"""Isolated populations: what goes in is what was asked for, answers are kept, bad input is refused."""

import functools
import math

import numpy as np
import pytest

from burstprop import BurstPoissonNeuron, BurstpropError, PyramidalNeuron, ShortTermPlasticity
from burstprop.circuit.synapses import depressing, facilitating
from burstprop.ensemble import Drive, Effort, Kind, grid, isolated, measure
from burstprop.ensemble.dynamics import Filter, adaptation, compartment, decay_ms, filters
from burstprop.ensemble.relay import fit_relay, memory, passed
from burstprop.neurons import pv_interneuron, som_interneuron

from .lif import LIF

SMALL = Effort(n=100, settle_ms=100.0, time_ms=400.0)


def lif_rate_hz(current_pa, tau_ms=20.0, c_pf=200.0):
    """Closed form: from reset -70 to threshold -50 mV."""
    rise = current_pa * tau_ms / c_pf
    return 0.0 if rise <= 20.0 else 1000.0 / (tau_ms * math.log(rise / (rise - 20.0)))


def test_the_rate_of_a_neuron_without_noise_is_its_closed_form():
    currents = [150.0, 250.0, 400.0]
    answers = measure(Kind(LIF()), grid(("soma",), currents), SMALL, cache=False)
    expected = [lif_rate_hz(current) for current in currents]
    np.testing.assert_allclose(
        answers["rate_hz"], expected, rtol=0.04
    )  # it counts 0.4 s, and steps are Euler's


def test_a_mean_conductance_is_the_current_that_it_drives_on_average():
    # a conductance of 1 leak with reversal 0 is at least 50 leaks (mV) near threshold
    answers = measure(
        Kind(LIF()),
        [Drive({}, {"soma_exc": 0.6}), Drive({}, {}, (("soma_exc", 8000.0, 0.015),))],
        SMALL,
        cache=False,
    )
    np.testing.assert_allclose(answers["g_soma_exc"], 0.6, rtol=0.02)
    g = 0.6
    tau, rest = 20.0 / (1 + g), -70.0 / (1 + g)
    expected = 1000.0 / (tau * math.log((rest + 70.0) / (rest + 50.0)))
    np.testing.assert_allclose(answers["rate_hz"], expected, rtol=0.05)


@pytest.mark.parametrize(
    ("neuron", "receptor", "expected"),
    [
        (PyramidalNeuron(), "soma_exc", 5.0),
        (PyramidalNeuron(), "dendrite_inh", 10.0),
        (pv_interneuron(tau_inh=7.0), "soma_inh", 7.0),
        (LIF(), "soma_exc", -0.1 / math.log(1 - 0.1 / 5.0)),
    ],
)
def test_decay_of_a_conductance_is_read_off_the_step(neuron, receptor, expected):
    assert decay_ms(neuron, receptor, 0.1) == pytest.approx(expected, rel=1e-6)


def test_dynamics_are_read_off_the_parameters():
    assert adaptation(PyramidalNeuron(tau_ws=80.0)).tau_ms == 80.0
    assert adaptation(pv_interneuron()) is None
    assert adaptation(som_interneuron()).sign == -1.0
    assert adaptation(LIF()) is None
    assert filters(BurstPoissonNeuron())["dendrite"] == Filter(7.0, 30.0, pytest.approx(13 * 7 / 170))
    assert compartment(PyramidalNeuron(), "dendrite_exc") == "dendrite"


def test_answers_are_kept_on_disk_and_belong_to_what_was_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    drives = grid(("soma",), [200.0, 300.0])
    first = measure(Kind(LIF()), drives, SMALL)
    assert len(list(tmp_path.rglob("ensemble/*.json"))) == 1

    @functools.wraps(isolated._simulate)  # whose text is part of what an answer belongs to
    def simulated(*words, **more):
        raise TypeError("simulated again")

    monkeypatch.setattr(isolated, "_simulate", simulated)
    again = measure(Kind(LIF()), drives, SMALL)
    np.testing.assert_array_equal(first.to_numpy(), again.to_numpy())
    with pytest.raises(TypeError, match="simulated again"):  # another neuron is simulated, not looked up
        measure(Kind(LIF(tau_ms=10.0)), drives, SMALL)


def test_a_broken_store_is_measured_again(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    first = measure(Kind(LIF()), grid(("soma",), [250.0]), SMALL)
    (store,) = tmp_path.rglob("ensemble/*.json")
    store.write_text(store.read_text()[:20])
    again = measure(Kind(LIF()), grid(("soma",), [250.0]), SMALL)
    np.testing.assert_array_equal(first.to_numpy(), again.to_numpy())


@pytest.mark.parametrize(
    ("drive", "message"),
    [
        (Drive({"some": 1.0}), "no compartment 'some'"),
        (Drive({}, {"soma_exk": 0.1}), "no receptor 'soma_exk'"),
        (Drive({}, {"soma_exc": -0.1}), "cannot be negative"),
        (Drive({}, {}, (("soma_exc", 100.0, -0.1),)), "cannot be negative"),
    ],
)
def test_bad_drives_are_refused(drive, message):
    with pytest.raises(BurstpropError, match=message):
        measure(Kind(LIF()), [drive], SMALL, cache=False)


def slow_passed(times, synapse, dt):
    """Tsodyks-Markram synapse, step by step."""
    x, u, total = 1.0, synapse.utilisation, 0.0
    at = {round(t / dt) for t in times}
    for step in range(max(at) + 1):
        if step > 0:
            x += dt * (1 - x) / synapse.tau_d_ms
            u += dt * (synapse.utilisation - u) / synapse.tau_f_ms
        if step in at:
            total += x * u
            x, u = x - x * u, u + synapse.utilisation * (1 - u)
    return total


@pytest.mark.parametrize("synapse", [ShortTermPlasticity(), ShortTermPlasticity(100.0, 100.0, 0.02)])
def test_what_a_synapse_passes_is_that_of_the_slow_twin(synapse):
    rng = np.random.default_rng(3)
    trains = [np.unique(np.round(np.sort(rng.uniform(0, 800, 12)), 1)) for _ in range(3)]
    who = np.concatenate([np.full(len(t), k) for k, t in enumerate(trains)])
    total, squares = passed(np.concatenate(trains), who, synapse, 0.0, 0.1)
    assert total == pytest.approx(sum(slow_passed(t, synapse, 0.1) for t in trains), rel=1e-9)
    assert 0 < squares < total


def test_the_relay_of_bursty_trains_fits_what_it_was_made_from():
    kind = Kind(
        PyramidalNeuron(dendritic_driving_force="somatic"),
        (("soma_exc", 500.0, 0.35, "bernoulli"), ("soma_inh", 500.0, 0.35, "bernoulli")),
        (ShortTermPlasticity(100.0, 100.0, 0.02),),
    )
    points = grid(("soma", "dendrite"), [-100.0, 100.0, 300.0], [0.0, 150.0, 300.0])
    answers = measure(kind, points, Effort(n=300, settle_ms=300.0, time_ms=1000.0))
    relay = fit_relay(answers, 0, kind.synapses[0])
    assert relay.rms < 0.02
    # the usual mean field, of a Poisson train with the rate of all spikes, is off by more than ten times that
    s = answers["rate_hz"].to_numpy() / 1000.0
    u = 0.02 * (1 + s * 100.0) / (1 + 0.02 * s * 100.0)
    plain = 1000.0 * s * u / (1 + u * s * 100.0)
    assert np.sqrt(np.mean((plain / answers["passed_0_hz"] - 1) ** 2)) > 0.05


def test_a_synapse_forgets_by_the_variable_that_moves():
    """By u if it is the published facilitating one; by x if it is the depressing one, whose u hardly moves."""
    rates = np.array([1.0, 10.0, 30.0])
    assert memory(facilitating(), rates) == (100.0, 0.02)
    tau_ms, pull = memory(depressing(), rates)
    assert tau_ms == 20.0
    assert pull == pytest.approx(0.99, abs=0.01)  # spikes at 14 Hz take u from 0.9 to 0.99
