"""Tiny circuits with everything in them, run and saved: once compiled, once as plain Python
(NUMBA_DISABLE_JIT=1).

python -m engine.without_jit FOLDER       (in the folder tests)
"""

import sys

from burstprop.circuit import PoissonPopulation, Projection
from burstprop.circuit.connectivity import FixedInDegree, Probability
from burstprop.circuit.plasticity import BurstDependentRule
from burstprop.circuit.stimuli import Background, Constant, Current, Sine
from burstprop.recording import Record, Recording, StateRecord
from burstprop.simulation import Simulation
from engine import zoo

PROJECTIONS = {
    "everything": (
        *zoo.projections(0.5),
        *zoo.without_delay(0.5),
        Projection("src", "pyr", "soma_exc", 0.1, FixedInDegree(5)),
    ),
    # what learns has weights of its own, and pyr has no afferents
    "learning": (
        Projection("pyr", "pv", "soma_exc", 0.05, Probability(0.5)),
        Projection(
            "pyr", "bp", "soma_exc", 0.2, Probability(0.5), "events", rule=BurstDependentRule(eta=0.5)
        ),
        Projection("src", "pv", "soma_exc", 0.1, FixedInDegree(5)),
    ),
}


def run(name: str) -> Recording:
    """Return 12 ms of 30 neurons in double precision, in two pieces."""
    circuit = zoo.circuit(
        populations=(*zoo.populations(sizes=dict(pyr=12, bp=10, pv=8)), PoissonPopulation("src", 20, 800.0)),
        projections=PROJECTIONS[name],
        backgrounds=(*zoo.DRIVE, Background("bp", "dendrite_inh", 5.0, 0.1, counts="poisson")),
        currents=(
            Current("pyr", "soma", Constant(3000.0)),
            Current("pyr", "dendrite", Sine(500.0, 20.0)),
            Current("bp", "soma", Constant(3000.0)),
            Current("bp", "dendrite", Constant(500.0)),
            Current("pv", "soma", Constant(600.0)),
        ),
    )
    states = tuple(StateRecord(n, circuit.neurons(n).neuron.State._fields, (0, 5)) for n in zoo.MODELS)
    record = Record(rates_bin_ms=3.0, states=states, states_every_ms=0.4, weights_every_ms=4.0)
    simulation = Simulation(circuit, record=record, dtype="float64")
    simulation.advance(5.3)
    simulation.advance(6.7)
    return simulation.recording()


if __name__ == "__main__":
    for name in PROJECTIONS:
        run(name).save(f"{sys.argv[1]}/{name}.npz")
