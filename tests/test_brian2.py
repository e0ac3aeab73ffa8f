"""The compiled neurons against Brian2 on the same equations and the same input: spike times and voltage traces."""

import numpy as np
import pytest
from brian_twin import samples as brian
from engine import twins, zoo
from oracles.drive import Drive

from burstprop.circuit.stimuli import Background, Constant, Current
from burstprop.neurons import BurstPoissonNeuron, PyramidalNeuron, som_interneuron

STEPS = 1000
SIZES = dict(pyr=12, bp=12, pv=12)
OWN = {"pyr": PyramidalNeuron(), "bp": BurstPoissonNeuron(), "pv": som_interneuron()}
RUNS = {
    "pyramidal, somatic driving force": ("pyr", "pyramidal", {}, zoo.CURRENTS),
    "pyramidal, own driving force": ("pyr", "pyramidal", OWN, zoo.CURRENTS),
    "Burst-Poisson": (
        "bp", "burst_poisson", {}, (Current("bp", "soma", Constant(500.0)), Current("bp", "dendrite", Constant(250.0)))
    ),
    "PV": ("pv", "pv", {}, zoo.CURRENTS),
    "SOM": ("pv", "som", OWN, (Current("pv", "soma", Constant(20.0)),)),
}  # fmt: skip
BACKGROUNDS = (*zoo.DRIVE, Background("bp", "dendrite_inh", 500.0, 0.05))


def drive_of(simulation, name, watched):
    """Return the input of one population of a simulation that has not run, as plain arrays."""
    circuit = simulation.circuit
    population = circuit.population(name)
    n, neuron = population.n, population.neuron
    trains, weights = {}, {}
    for about, delay, train in twins._backgrounds(simulation):
        if about.population == name:
            assert delay == 8
            trains[twins.port(about.receptor)] = np.array([train(step) for step in range(STEPS)])
            weights[twins.port(about.receptor)] = about.weight
    currents = {twins.COMPARTMENTS[c]: np.zeros((STEPS, n)) for c in neuron.Drive._fields}
    for current in circuit.currents:
        if current.population == name:
            values = current.waveform.current(np.arange(STEPS) * circuit.dt_ms)
            currents[twins.COMPARTMENTS[current.compartment]] += values[:, None]
    key = simulation._compiled.arrays["population_key"][list(SIZES).index(name)]
    return Drive(
        steps=STEPS,
        n=n,
        trains=trains,
        weights=weights,
        currents=currents,
        start=simulation.state(name, neuron.voltages[0]),
        uniforms=np.array([twins.uniforms(key, step, n) for step in range(STEPS)]),
        params=twins.parameters(neuron),
    )


@pytest.mark.parametrize("run", RUNS)
def test_same_spikes_and_voltages_as_brian2(run):
    name, kind, models, currents = RUNS[run]
    circuit = zoo.circuit(
        populations=zoo.populations(SIZES, models), projections=(), backgrounds=BACKGROUNDS, currents=currents
    )
    simulation = twins.recorded(circuit, "float64", range(SIZES[name]))
    watched = ("v",) if name == "pv" else ("v_s", "v_d", "th")
    names = twins.VARIABLES[twins.MODEL[type(circuit.neurons(name).neuron).__name__]]
    found = brian.samples(kind, drive_of(simulation, name, watched), [names[v] for v in watched])
    simulation.advance(STEPS * 0.1)
    recording = simulation.recording()
    spikes = twins.spike_rows(recording, name, 0.1)
    assert len(spikes) > 10
    assert np.array_equal(spikes, found["spikes"])
    for variable in watched:
        ours = twins.as_the_oracle_holds_it(recording, circuit, name, variable, STEPS)
        np.testing.assert_allclose(ours, found[names[variable]][:-1], rtol=0.0, atol=1e-7, err_msg=variable)
