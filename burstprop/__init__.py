"""Circuits of bursting pyramidal neurons, and networks that learn with bursts."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "AdEx": "neurons",
    "Background": "stimuli",
    "BurstDependentRule": "plasticity",
    "BurstPoissonNeuron": "neurons",
    "BurstpropError": "errors",
    "Circuit": "circuit",
    "Constant": "stimuli",
    "Controlled": "stimuli",
    "Current": "stimuli",
    "FixedInDegree": "connectivity",
    "Matrix": "connectivity",
    "Microcircuit": "microcircuit",
    "NeuronModel": "neurons",
    "OneToOne": "connectivity",
    "PoissonPopulation": "circuit",
    "Population": "circuit",
    "Probability": "connectivity",
    "Projection": "circuit",
    "PyramidalNeuron": "neurons",
    "Record": "recording",
    "Recording": "recording",
    "ShortTermPlasticity": "synapses",
    "Simulation": "simulation",
    "Sine": "stimuli",
    "StateRecord": "recording",
    "find_bursts": "bursts",
    "simulate": "simulation",
}

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: importing burstprop alone takes milliseconds."""
    if name in _WHERE:
        return getattr(importlib.import_module(f"burstprop.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'burstprop' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
