"""Circuits of bursting pyramidal neurons, and networks that learn with bursts."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "AdEx": "neurons",
    "AllToAll": "circuit.connectivity",
    "Background": "circuit.stimuli",
    "BurstDependentRule": "circuit.plasticity",
    "BurstPoissonNeuron": "neurons",
    "BurstpropError": "errors",
    "Circuit": "circuit",
    "Claim": "report.claim",
    "Constant": "circuit.stimuli",
    "Controlled": "circuit.stimuli",
    "Current": "circuit.stimuli",
    "Experiment": "experiments",
    "FeedbackRule": "circuit.plasticity",
    "FixedInDegree": "circuit.connectivity",
    "Matrix": "circuit.connectivity",
    "Microcircuit": "circuit.microcircuit",
    "NeuronModel": "neurons",
    "OneToOne": "circuit.connectivity",
    "PoissonPopulation": "circuit",
    "Population": "circuit",
    "Probability": "circuit.connectivity",
    "Projection": "circuit",
    "PyramidalNeuron": "neurons",
    "Record": "recording",
    "Recording": "recording",
    "ShortTermPlasticity": "circuit.synapses",
    "Simulation": "simulation",
    "Sine": "circuit.stimuli",
    "SpikeSource": "circuit",
    "StateRecord": "recording",
    "Steps": "circuit.stimuli",
    "Tied": "circuit.connectivity",
    "find_bursts": "spikes.bursts",
    "simulate": "simulation",
}

__all__ = [
    "AdEx",
    "AllToAll",
    "Background",
    "BurstDependentRule",
    "BurstPoissonNeuron",
    "BurstpropError",
    "Circuit",
    "Claim",
    "Constant",
    "Controlled",
    "Current",
    "Experiment",
    "FeedbackRule",
    "FixedInDegree",
    "Matrix",
    "Microcircuit",
    "NeuronModel",
    "OneToOne",
    "PoissonPopulation",
    "Population",
    "Probability",
    "Projection",
    "PyramidalNeuron",
    "Record",
    "Recording",
    "ShortTermPlasticity",
    "Simulation",
    "Sine",
    "SpikeSource",
    "StateRecord",
    "Steps",
    "Tied",
    "__version__",
    "find_bursts",
    "simulate",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: importing burstprop alone takes milliseconds."""
    if name in _WHERE:
        return getattr(importlib.import_module(f"burstprop.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'burstprop' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
