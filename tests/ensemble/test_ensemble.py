"""The rate model of a circuit against closed forms, measured curves and the simulated circuit."""

import time

import numpy as np
import pytest

from burstprop import (
    Background,
    BurstpropError,
    Circuit,
    Constant,
    Current,
    Matrix,
    PoissonPopulation,
    Population,
    Probability,
    Projection,
    PyramidalNeuron,
    Record,
    Sine,
    simulate,
)
from burstprop.circuit.protocol import RateChange, WeightChange
from burstprop.circuit.synapses import facilitating
from burstprop.ensemble import Effort, Kind, ensemble, grid, measure
from burstprop.ensemble.build import in_degree
from burstprop.neurons import pv_interneuron

from .lif import LIF

SMALL = Effort(n=300, settle_ms=300.0, time_ms=1000.0)
NOISE = tuple(
    Background("pyr", receptor, 500.0, weight)
    for receptor, weight in (
        ("soma_exc", 0.35),
        ("soma_inh", 0.35),
        ("dendrite_exc", 0.05),
        ("dendrite_inh", 0.05),
    )
)


def recurrent(**changes):
    parts = {
        "populations": (Population("pyr", 1000, PyramidalNeuron(dendritic_driving_force="somatic")),),
        "projections": (Projection("pyr", "pyr", "dendrite_inh", 0.4, Probability(0.1), stp=facilitating()),),
        "backgrounds": NOISE,
        "currents": (
            Current("pyr", "soma", Constant(50.0)),
            Current("pyr", "dendrite", Constant(200.0)),
            Current("pyr", "soma", Sine(80.0, 500.0, start_ms=1000.0)),
        ),
    }
    return Circuit(**(parts | changes))


@pytest.fixture(scope="module")
def model():
    return ensemble(recurrent(), effort=SMALL)


def test_a_circuit_without_projections_has_the_rates_that_were_measured():
    backgrounds = (Background("pv", "soma_exc", 500.0, 0.75), Background("pv", "soma_inh", 500.0, 1.125))
    circuit = Circuit(
        populations=(Population("pv", 1000, pv_interneuron()),),
        backgrounds=backgrounds,
        currents=(Current("pv", "soma", Constant(205.0)),),
    )
    rates = ensemble(circuit, effort=SMALL).run(1000.0).rates
    answer = measure(Kind.of(circuit, "pv"), grid(("soma",), [205.0]), SMALL).iloc[0]
    assert rates["rate_hz"].iloc[-1] == pytest.approx(answer["rate_hz"], rel=0.03)
    assert np.ptp(rates["rate_hz"]) < 1e-6


def test_frames_are_those_of_a_simulation(model):
    ours = model.run(500.0, record=Record(rates_bin_ms=20.0))
    theirs = simulate(recurrent(), 500.0, record=Record(spikes=False, rates_bin_ms=20.0))
    assert list(ours.rates.columns) == list(theirs.rates.columns)
    np.testing.assert_allclose(ours.rates["time_ms"], theirs.rates["time_ms"])
    assert list(ours.rates["population"].cat.categories) == ["pyr"]


def test_steady_state_and_sine_are_those_of_the_simulated_circuit(model):
    ours = model.run(3000.0).rates
    theirs = simulate(recurrent(), 3000.0, seed=2, record=Record(spikes=False)).rates
    settled = (ours["time_ms"] > 600) & (ours["time_ms"] <= 1000)
    stimulated = ours["time_ms"] > 1000
    for column, tolerance in (("event_rate_hz", 0.08), ("burst_rate_hz", 0.12), ("rate_hz", 0.08)):
        for part in (settled, stimulated):
            mean = ours.loc[part, column].mean()
            assert mean == pytest.approx(theirs.loc[part, column].mean(), rel=tolerance), column
    wave = np.exp(2j * np.pi * (ours.loc[stimulated, "time_ms"] - 25.0) / 500.0)
    a, b = ((wave * frame.loc[stimulated, "event_rate_hz"]).mean() for frame in (ours, theirs))
    assert abs(a) == pytest.approx(abs(b), rel=0.15)
    assert abs(np.degrees(np.angle(a / b))) < 8.0


def test_recurrence_is_felt(model):
    alone = ensemble(recurrent(projections=()), effort=SMALL).run(1000.0).rates
    assert alone["burst_prob"].iloc[-1] > 1.1 * model.run(1000.0).rates["burst_prob"].iloc[-1]


def test_a_drive_off_the_measured_grid_is_refused_with_its_figures(model):
    far = recurrent(
        currents=(Current("pyr", "soma", Constant(900.0)), Current("pyr", "dendrite", Constant(0.0)))
    )
    moved = type(model)(far, model.responses, model.answers)
    with pytest.raises(BurstpropError, match=r"'pyr' leaves the measured grid at \d+ ms .* horizon_ms"):
        moved.run(500.0)
    with pytest.raises(BurstpropError, match="multiple of the rate model's step"):
        model.run(500.0, record=Record(rates_bin_ms=0.3))
    with pytest.raises(BurstpropError, match="duration_ms"):
        model.run(-1.0)


@pytest.mark.timing
def test_four_seconds_take_a_tenth_of_a_second(model):
    model.run(4000.0)
    began = time.process_time()
    model.run(4000.0)
    assert time.process_time() - began < 0.1


def sources(weight=0.05, protocol=()):
    return Circuit(
        populations=(PoissonPopulation("in", 200, 10.0), Population("lif", 200, LIF())),
        projections=(Projection("in", "lif", "soma_exc", weight, Probability(0.5)),),
        currents=(Current("lif", "soma", Constant(220.0)),),
        protocol=protocol,
    )


def test_a_neuron_of_the_users_own_and_sources_follow_the_simulation():
    change = (RateChange(500.0, "in", 20.0), WeightChange(1000.0, "in->lif.soma_exc", 0.02))
    circuit = sources(protocol=change)
    ours = ensemble(circuit, effort=SMALL).run(1500.0).rates
    theirs = simulate(circuit, 1500.0, record=Record(spikes=False)).rates
    for low, high in ((200, 500), (700, 1000), (1200, 1500)):
        part = (ours["time_ms"] > low) & (ours["time_ms"] <= high) & (ours["population"] == "lif")
        assert ours.loc[part, "rate_hz"].mean() == pytest.approx(theirs.loc[part, "rate_hz"].mean(), rel=0.06)
    inputs = ours[ours["population"] == "in"]
    assert set(np.round(inputs["event_rate_hz"], 6)) == {10.0, 20.0}


def test_mean_in_degrees():
    circuit = recurrent()
    assert in_degree(circuit, circuit.projections[0]) == pytest.approx(99.9)
    matrix = np.zeros((200, 200))
    matrix[:3] = 2.0
    by_matrix = Circuit(
        populations=sources().populations,
        projections=(Projection("in", "lif", "soma_exc", 0.1, Matrix(matrix)),),
    )
    assert in_degree(by_matrix, by_matrix.projections[0]) == pytest.approx(6.0)


def test_a_circuit_that_runs_away_is_an_error_and_not_a_grid_without_end():
    circuit = Circuit(
        populations=(Population("lif", 500, LIF()),),
        projections=(Projection("lif", "lif", "soma_exc", 1.0, Probability(0.5)),),
        currents=(Current("lif", "soma", Constant(250.0)),),
    )
    with pytest.raises(BurstpropError, match=r"runs away|no bounded activity"):
        ensemble(circuit, effort=Effort(n=50, settle_ms=50.0, time_ms=100.0))
