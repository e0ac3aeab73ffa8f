"""Whole small circuits, spike by spike against the oracle's network with the same synapses, start and noise."""

import numpy as np
import pytest

from burstprop.circuit import PoissonPopulation, Projection, SpikeSource
from burstprop.circuit.connectivity import AllToAll, FixedInDegree, OneToOne, Probability
from burstprop.circuit.stimuli import Background, Constant, Current, Sine, Steps
from burstprop.neurons import BurstPoissonNeuron, PyramidalNeuron, som_interneuron
from burstprop.simulation import Simulation
from engine import twins, zoo

DT = 0.1
STEPS = Steps((30.0, 80.05, 120.0), (100.0, -50.0, 60.0))


def given_spikes(n):
    """Return spikes of n neurons, some in bursts, none twice in a step: times (ms) and neurons."""
    there = np.random.default_rng(8).random((2000, n)) < 0.004
    there[60:] |= there[:-60] & (np.random.default_rng(9).random((1940, n)) < 0.5)
    steps, neurons = np.nonzero(there)
    return steps * DT, neurons


OTHER_MODELS = {"pyr": PyramidalNeuron(), "bp": BurstPoissonNeuron(), "pv": som_interneuron()}
CIRCUITS = {
    "given spikes, currents that change in every step": lambda: zoo.circuit(
        populations=(*zoo.populations(), SpikeSource("src", 60, *given_spikes(60))),
        projections=(
            *zoo.projections(),
            Projection("src", "pyr", "soma_exc", 0.1, FixedInDegree(20)),
            Projection("src", "bp", "soma_exc", 0.05, Probability(0.3), transmits="events"),
            Projection("src", "bp", "dendrite_exc", 0.2, AllToAll(), transmits="bursts"),
        ),
        # the coin of a Burst-Poisson neuron sees the current of its own step: 6 mV here and there
        currents=(
            *zoo.CURRENTS,
            Current("bp", "dendrite", Sine(20_000.0, 0.37)),
            Current("pv", "soma", STEPS),
        ),
    ),
    "static and short-term plastic projections": lambda: zoo.circuit(),
    "events and bursts without delay": lambda: zoo.circuit(
        projections=zoo.projections() + zoo.without_delay()
    ),
    "shared sources, in-degrees, currents only": lambda: zoo.circuit(
        populations=(*zoo.populations(models=OTHER_MODELS), PoissonPopulation("src", 100, 80.0)),
        projections=(
            *zoo.projections(),
            Projection("src", "pyr", "soma_exc", 0.05, FixedInDegree(30)),
            Projection("src", "bp", "soma_exc", 0.04, FixedInDegree(40), transmits="events"),
            Projection("src", "pv", "soma_inh", 0.1, Probability(0.1), delay_ms=3.0),
        ),
        backgrounds=(),
        currents=(
            Current("pyr", "soma", Constant(450.0)),
            Current("pyr", "dendrite", Constant(300.0)),
            Current("bp", "soma", Constant(500.0)),
            Current("bp", "dendrite", Constant(100.0)),
            Current("pv", "soma", Constant(40.0)),
        ),
    ),
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_circuit_spike_by_spike(name):
    circuit = CIRCUITS[name]()
    steps = 1500
    simulation, replayed = (Simulation(circuit, dtype="float64", seed=3) for _ in range(2))
    simulation.advance(steps * DT)
    recording = simulation.recording()
    sources = {
        p.name: twins.trains(recording, p.name, p.n, steps, DT)
        for p in circuit.populations
        if isinstance(p, PoissonPopulation)
    }
    oracle = twins.twin(replayed, sources).run(steps)
    for p in zoo.MODELS:
        spikes = twins.spike_rows(recording, p, DT)
        assert len(spikes) > 50
        assert np.array_equal(spikes, oracle.spikes[p]), p
    rates = recording.rates
    for p in zoo.MODELS:
        n, of_p = circuit.population(p).n, rates[rates["population"] == p]
        for kind in ("events", "bursts"):
            found = getattr(oracle, kind)[p][:, 0]
            per_bin = np.bincount(found // 500, minlength=3)
            np.testing.assert_allclose(
                of_p[f"{kind[:-1]}_rate_hz"], per_bin / n / 0.05, rtol=1e-12, err_msg=f"{p} {kind}"
            )
        assert np.nansum(of_p["burst_rate_hz"]) > 0


def test_zero_probability_and_zero_weight_are_nothing():
    silent = zoo.circuit(
        projections=(
            Projection("pyr", "pv", "soma_exc", 5.0, Probability(0.0)),
            Projection("bp", "pyr", "soma_exc", 0.0, Probability(0.5)),
        )
    )
    alone = zoo.circuit(projections=())
    for p in zoo.MODELS:
        found = []
        for circuit in (silent, alone):
            simulation = Simulation(circuit)
            simulation.advance(50.0)
            found.append(twins.spike_rows(simulation.recording(), p, DT))
        assert np.array_equal(*found)


def test_one_strong_synapse_per_neuron_makes_the_target_follow():
    """A hand-made chain: with a weight that surely fires a PV neuron, it spikes after each spike of its source, or after its rest of 1 ms."""
    circuit = zoo.circuit(
        populations=zoo.populations(sizes={"pyr": 20, "pv": 20, "bp": 1}),
        projections=(Projection("pyr", "pv", "soma_exc", 20.0, OneToOne(), delay_ms=2.0),),
        backgrounds=(Background("pyr", "soma_exc", 500.0, 0.35),),
        currents=(),
    )
    simulation = Simulation(circuit)
    simulation.advance(200.0)
    recording = simulation.recording()
    pyr, pv = (twins.trains(recording, p, 20, 2000, DT) for p in ("pyr", "pv"))
    assert pyr.sum() > 20
    for step, neuron in zip(*np.nonzero(pyr), strict=True):
        if step < 1950:
            assert pv[step + 21 : step + 38, neuron].any(), (step, neuron)
            if not pyr[max(step - 300, 0) : step, neuron].any():
                assert not pv[step : step + 21, neuron].any()
