"""The description of a circuit: what there is, who connects to whom, and what changes during a run.

Everything here is frozen, checked when it is made, and printable. Nothing is random and nothing holds state.
`Circuit` joins the parts; `burstprop.simulation` runs it.
"""

from burstprop.circuit.circuit import Circuit
from burstprop.circuit.populations import PoissonPopulation, Population
from burstprop.circuit.projections import Projection
from burstprop.circuit.protocol import Change, PlasticityChange, RateChange, WeightChange

__all__ = [
    "Change",
    "Circuit",
    "PlasticityChange",
    "PoissonPopulation",
    "Population",
    "Projection",
    "RateChange",
    "WeightChange",
]
