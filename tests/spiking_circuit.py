"""Forty pyramidal neurons that drive each other, for the tests of the command line.

Claim: none; it only has to spike.
"""

from __future__ import annotations

from dataclasses import dataclass

from burstprop import (
    Background,
    Circuit,
    Constant,
    Current,
    Population,
    Probability,
    Projection,
    PyramidalNeuron,
)
from burstprop.experiments import Experiment
from burstprop.parameters import quantity, validate


@dataclass(frozen=True)
class Params:
    """What the tests change."""

    n: int = quantity(40, "1", "neurons", low=1)
    soma_pa: float = quantity(300.0, "pA", "constant current into the somata")
    weight: float = quantity(0.05, "1", "recurrent excitation", low=0)

    def __post_init__(self):
        validate(self)


def build(params):
    return Circuit(
        populations=(Population("pyr", params.n, PyramidalNeuron()),),
        projections=(Projection("pyr", "pyr", "soma_exc", params.weight, Probability(0.2)),),
        backgrounds=(Background("pyr", "soma_exc", 500.0, 0.1),),
        currents=(Current("pyr", "soma", Constant(params.soma_pa)),),
    )


EXPERIMENT = Experiment("spiking", Params(), build=build, duration_ms=lambda params: 300.0)
