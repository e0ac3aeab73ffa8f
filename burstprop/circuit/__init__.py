"""The description of a circuit: what there is, who connects to whom, and what changes during a run.

Everything here is frozen, checked when it is made, and printable. Nothing is random and nothing holds state.
`Circuit` joins the parts; `burstprop.simulation` runs it.
"""

from burstprop.circuit.circuit import Circuit
from burstprop.circuit.populations import PoissonPopulation, Population, SpikeSource
from burstprop.circuit.projections import Opposed, Projection
from burstprop.circuit.protocol import (
    AveragingChange,
    Change,
    LearningRateChange,
    PlasticityChange,
    RateChange,
    WeightChange,
)

__all__ = [
    "AveragingChange",
    "Change",
    "Circuit",
    "LearningRateChange",
    "Opposed",
    "PlasticityChange",
    "PoissonPopulation",
    "Population",
    "Projection",
    "RateChange",
    "SpikeSource",
    "WeightChange",
]
