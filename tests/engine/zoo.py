"""One circuit that has every neuron model, and changes of it.

The time loop is compiled for a precision, and each model by itself for those of its parameters that differ
from neuron to neuron; either takes seconds. Nearly all tests of the engine therefore run this tuple of
populations, with other sizes, parameters, projections and inputs, and all of it is compiled once per
precision (and kept on the disk).
"""

from burstprop.circuit import Circuit, Population, Projection
from burstprop.circuit.connectivity import Probability
from burstprop.circuit.stimuli import Background, Constant, Current, Sine
from burstprop.circuit.synapses import depressing, facilitating
from burstprop.neurons import BurstPoissonNeuron, PyramidalNeuron, pv_interneuron, som_interneuron

SOMATIC = dict(dendritic_driving_force="somatic")
MODELS = {"pyr": PyramidalNeuron(**SOMATIC), "bp": BurstPoissonNeuron(**SOMATIC), "pv": pv_interneuron()}
"""The models that are compiled: one of each."""
DRIVE = (
    Background("pyr", "soma_exc", 500.0, 0.35),
    Background("pyr", "soma_inh", 500.0, 0.35),
    Background("pyr", "dendrite_exc", 500.0, 0.05),
    Background("pyr", "dendrite_inh", 500.0, 0.05),
    Background("bp", "soma_exc", 500.0, 0.35),
    Background("bp", "soma_inh", 500.0, 0.35),
    Background("bp", "dendrite_exc", 500.0, 0.07),
    Background("pv", "soma_exc", 500.0, 0.75),
    Background("pv", "soma_inh", 500.0, 1.125),
)
CURRENTS = (
    Current("pyr", "soma", Sine(150.0, 100.0, phase_rad=0.3)),
    Current("pyr", "dendrite", Constant(250.0)),
    Current("bp", "soma", Constant(150.0, start_ms=20.0)),
    Current("pv", "soma", Constant(205.0)),
)


def populations(sizes=None, models=None, **of_all):
    """Return the populations; ``sizes`` and ``models`` change single ones, ``of_all`` fields of all."""
    sizes = {"pyr": 150, "bp": 130, "pv": 70, **(sizes or {})}
    models = {**MODELS, **(models or {})}
    return tuple(Population(name, sizes[name], models[name], **of_all) for name in MODELS)


def projections(p=0.2):
    """Return projections of every kind that has a delay: static, depressing, facilitating; among them recurrent ones."""
    return (
        Projection("pyr", "pv", "soma_exc", 0.05, Probability(p), stp=depressing(u_start=0.01)),
        Projection("pyr", "bp", "dendrite_exc", 0.3, Probability(p), stp=facilitating()),
        Projection("pyr", "pyr", "dendrite_inh", 0.1, Probability(p), stp=facilitating()),
        Projection("pv", "pyr", "soma_inh", 0.02, Probability(p)),
        Projection("bp", "pv", "soma_exc", 0.03, Probability(p), delay_ms=1.5),
    )


def without_delay(p=0.2):
    """Return projections that act in the step of the spike: of events and of bursts."""
    return (
        Projection("bp", "pyr", "soma_exc", 0.02, Probability(p), transmits="events"),
        Projection("pyr", "bp", "soma_exc", 0.02, Probability(p), transmits="events"),
        Projection("pyr", "bp", "dendrite_exc", 0.2, Probability(p), transmits="bursts", name="pyr bursts"),
        Projection("bp", "pv", "soma_inh", 0.05, Probability(p), transmits="bursts"),
    )


def circuit(**changes):
    """Return the driven circuit with its delayed projections; ``changes`` replace fields of Circuit."""
    fields = dict(populations=populations(), projections=projections(), backgrounds=DRIVE, currents=CURRENTS)
    return Circuit(**{**fields, **changes})


__all__ = [
    "CURRENTS",
    "DRIVE",
    "MODELS",
    "circuit",
    "populations",
    "projections",
    "som_interneuron",
    "without_delay",
]
