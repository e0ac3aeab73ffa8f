"""Every neuron kernel against its oracle in double precision: same input, same random numbers, every variable."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from burstprop.circuit import Circuit
from burstprop.circuit.stimuli import Background, Constant, Current, Sine
from burstprop.errors import BurstpropError
from burstprop.neurons import BurstPoissonNeuron, PyramidalNeuron, pv_interneuron, som_interneuron
from burstprop.recording import Record
from burstprop.simulation import Simulation
from engine import twins, zoo

DT = 0.1
NEURONS = (0, 1, 63, 64)
"""Neurons whose traces are compared: on both sides of a border between strips."""
HOT = (Current("bp", "soma", Constant(2500.0)), Current("bp", "dendrite", Constant(150.0)))
"""Crosses the threshold as soon as the refractory period is over."""
CASES = {
    "somatic driving force, PV held at rest": dict(models={}, currents=zoo.CURRENTS),
    "own driving force, SOM held at rest": dict(
        models={"pyr": PyramidalNeuron(), "bp": BurstPoissonNeuron(), "pv": som_interneuron()},
        currents=(*zoo.CURRENTS[:2], *HOT, Current("pv", "soma", Constant(20.0))),
    ),
    "PV held at reset, other parameters": dict(
        models={
            "pyr": PyramidalNeuron(bap_ms=3.0, dth=3.0, tau_ws=50.0),
            "bp": BurstPoissonNeuron(refractory_ms=16.0, burst_first_ms=4.0, e_d=-60.0),
            "pv": pv_interneuron(refractory_hold="reset", refractory_ms=1.5),
        },
        currents=(*zoo.CURRENTS[:2], *HOT, zoo.CURRENTS[3]),
    ),
}
VARIABLES = {"pyr": "pyramidal", "bp": "burst_poisson", "pv": "adex"}


@pytest.mark.parametrize("case", CASES)
def test_compiled_neurons_are_the_oracle(case):
    about = CASES[case]
    circuit = zoo.circuit(
        populations=zoo.populations(models=about["models"]), projections=(), currents=about["currents"]
    )
    steps = 1200
    simulation = twins.recorded(circuit, "float64", NEURONS)
    watch = [(p, v) for p, model in VARIABLES.items() for v in twins.VARIABLES[model]]
    oracle = twins.twin(simulation, watch=watch).run(steps)
    simulation.advance(120.0)
    recording = simulation.recording()
    for p in zoo.MODELS:
        spikes = twins.spike_rows(recording, p, DT)
        assert len(spikes) > 20
        assert np.array_equal(spikes, oracle.spikes[p]), p
    for p, v in watch:
        ours = twins.as_the_oracle_holds_it(recording, circuit, p, v, steps)
        theirs = oracle.samples[p, twins.VARIABLES[VARIABLES[p]][v]][:-1, list(NEURONS)]
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9, err_msg=f"{p}.{v}")


@pytest.mark.parametrize("refractory_ms", [20.0, 15.0])
def test_burst_poisson_intervals_are_the_refractory_period_or_the_drawn_one(refractory_ms):
    models = {"bp": BurstPoissonNeuron(refractory_ms=refractory_ms)}
    circuit = zoo.circuit(
        populations=zoo.populations(models=models), projections=(), backgrounds=(), currents=HOT
    )
    simulation = Simulation(circuit)
    simulation.advance(400.0)
    rows = twins.spike_rows(simulation.recording(), "bp", DT)
    gaps = np.concatenate([np.diff(rows[rows[:, 1] == i, 0]) for i in range(130)])
    second = gaps <= 150
    assert second.sum() > 300
    assert (gaps[second].min(), gaps[second].max()) == (50, 150)
    assert (gaps[~second] == round(refractory_ms / DT) + 1).all()


def test_a_second_spike_on_the_step_of_the_first_is_an_error():
    neuron = BurstPoissonNeuron(burst_first_ms=np.array([5.0, 0.04]))
    assert neuron.constants(0.05).burst_first.tolist() == [100.0, 1.0]
    with pytest.raises(BurstpropError, match=r"burst_first_ms = 0.04 ms rounds to no step of dt_ms = 0.1 ms"):
        neuron.constants(0.1)


def test_single_precision_follows_double():
    """Over 100 ms of noise: the same spikes, and traces within 1e-3 mV, 1e-2 pA and 1e-5 leak conductances."""
    circuit = zoo.circuit(projections=())
    runs = {}
    for dtype in ("float32", "float64"):
        simulation = twins.recorded(circuit, dtype, NEURONS)
        simulation.advance(100.0)
        runs[dtype] = simulation.recording()
    for p in zoo.MODELS:
        single, double = (twins.spike_rows(r, p, DT) for r in runs.values())
        assert len(double) > 50
        assert np.array_equal(single, double), p
        for v in circuit.neurons(p).neuron.State._fields:
            ours, theirs = (twins.samples(r, p, v, 1000) for r in runs.values())
            tolerance = 1e-5 if v.startswith("g_") else 1e-2 if v in ("w", "w_s") else 1e-3
            # the upstroke of an interneuron's spike blows up whatever it starts from
            below = theirs < -45.0 if v == "v" else slice(None)
            np.testing.assert_allclose(
                ours[below], theirs[below], rtol=0.0, atol=tolerance, err_msg=f"{p}.{v}"
            )


# --- convergence with dt ---


def final(neuron, name, currents, dt, ms, variable, compartment_capacitance):
    """Return a voltage of one neuron after ``ms`` without noise, the injected current of the last step included."""
    sizes = {"pyr": 1, "bp": 1, "pv": 1}
    circuit = Circuit(
        populations=zoo.populations(sizes=sizes, models={name: neuron}),
        currents=tuple(Current(name, c, Constant(i)) for c, i in currents.items()),
        dt_ms=dt,
    )
    simulation = Simulation(circuit, dtype="float64", record=Record(spikes=False, rates_bin_ms=None))
    simulation.advance(ms)
    compartment = "dendrite" if variable == "v_d" else "soma"
    return simulation.state(name, variable)[0] + dt / compartment_capacitance * currents[compartment]


def first_order(errors):
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    return bool(((ratios > 1.85) & (ratios < 2.15)).all())


DTS = (0.1, 0.05, 0.025)


def test_passive_soma_converges_to_its_closed_form():
    neuron = PyramidalNeuron(g_s=0.0, g_d=0.0, v_start=-65.0, v_start_sd=0.0)
    t, current = 20.0, 300.0
    exact = -70.0 + 5.0 * np.exp(-t / 16.0) + 16.0 / 370.0 * current * (1.0 - np.exp(-t / 16.0))
    errors = [abs(final(neuron, "pyr", dict(soma=current), dt, t, "v_s", 370.0) - exact) for dt in DTS]
    assert errors[0] < 0.03
    assert first_order(errors), errors


def pyramidal(t, y, soma, dendrite):
    v_s, v_d, w_d = y
    active = 1.0 / (1.0 + np.exp(-(v_d + 38.0) / 6.0))
    return (
        (-370.0 / 16.0 * (v_s + 70.0) + 1300.0 * active + soma) / 370.0,
        (-170.0 / 7.0 * (v_d + 70.0) + 1200.0 * active - 13.0 * w_d + dendrite) / 170.0,
        (v_d + 70.0 - w_d) / 30.0,
    )


def som(t, y, soma):
    v, w = y
    p = som_interneuron()
    upstroke = p.g_l * p.d * (1.0 + (v - p.v_t) / p.d / 256.0) ** 256
    return (-p.g_l * (v - p.e_l) + upstroke - w + soma) / p.c, (p.a * (v - p.e_l) - w) / p.tau_w


@pytest.mark.parametrize("variable", ["v_s", "v_d"])
def test_pyramidal_neuron_converges_to_its_equations(variable):
    neuron = PyramidalNeuron(v_start=-65.0, v_start_sd=0.0, th_0=100.0)
    tight = dict(method="LSODA", rtol=1e-11, atol=1e-11)
    y = solve_ivp(pyramidal, (0.0, 30.0), (-65.0, -70.0, 0.1), args=(150.0, 500.0), **tight).y[:, -1]
    exact, capacitance = dict(v_s=(y[0], 370.0), v_d=(y[1], 170.0))[variable]
    drive = dict(soma=150.0, dendrite=500.0)
    errors = [abs(final(neuron, "pyr", drive, dt, 30.0, variable, capacitance) - exact) for dt in DTS]
    assert errors[0] < 0.5
    assert first_order(errors), errors


def test_interneuron_converges_to_its_equations():
    tight = dict(method="LSODA", rtol=1e-11, atol=1e-11)
    exact = solve_ivp(som, (0.0, 40.0), (-70.0, 0.0), args=(20.0,), **tight).y[0, -1]
    neuron = som_interneuron(v_start_sd=0.0)
    errors = [abs(final(neuron, "pv", dict(soma=20.0), dt, 40.0, "v", 100.0) - exact) for dt in DTS]
    assert errors[0] < 0.03
    assert first_order(errors), errors


def test_a_conductance_decays_exactly_whatever_the_time_step():
    """One spike, then nothing: the conductance is the weight times exp(-t/tau), to rounding."""
    for dt in (0.1, 0.05):
        circuit = Circuit(
            populations=zoo.populations(),
            backgrounds=(
                Background("pyr", "soma_exc", 1000.0 / dt, 0.3),
                Background("pyr", "soma_inh", 1000.0 / dt, 0.2),
            ),
            dt_ms=dt,
        )
        simulation = Simulation(circuit, dtype="float64", record=Record(spikes=False, rates_bin_ms=None))
        # a source that spikes in every step, and nothing passes the axonal delay of 0.8 ms before
        simulation.advance(0.8 + dt)
        assert not simulation.state("pyr", "g_s_exc")[0] > 1e-20
        simulation.advance(dt)
        assert simulation.state("pyr", "g_s_exc")[0] == pytest.approx(0.3 * np.exp(-dt / 5.0), rel=1e-12)
        assert simulation.state("pyr", "g_s_inh")[0] == pytest.approx(0.2 * np.exp(-dt / 10.0), rel=1e-12)


def test_a_sine_keeps_its_phase_and_a_step_its_times():
    """Passive soma without leak to speak of: the voltage is the integral of the current, felt one step later."""
    neuron = PyramidalNeuron(g_s=0.0, g_d=0.0, tau_s=1e12, th_0=1e6, v_start_sd=0.0)
    waveforms = (
        Sine(100.0, 37.0, phase_rad=0.4, start_ms=5.0, stop_ms=21.3),
        Constant(-30.0, start_ms=7.7, stop_ms=9.0),
    )
    circuit = Circuit(
        populations=zoo.populations(models={"pyr": neuron}),
        currents=tuple(Current("pyr", "soma", w) for w in waveforms),
    )
    simulation = twins.recorded(circuit, "float64", (0,))
    simulation.advance(30.0)
    t = np.arange(300) * DT
    total = 100.0 * np.sin(2 * np.pi * t / 37.0 + 0.4) * ((np.arange(300) >= 50) & (np.arange(300) < 213))
    total -= 30.0 * ((np.arange(300) >= 77) & (np.arange(300) < 90))
    expected = -70.0 + DT / 370.0 * np.concatenate([[0.0], np.cumsum(total)[:-1]])
    np.testing.assert_allclose(
        twins.samples(simulation.recording(), "pyr", "v_s", 300)[:, 0], expected, rtol=1e-9
    )
