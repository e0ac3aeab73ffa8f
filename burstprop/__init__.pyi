"""The public names for editors and type checkers; ``__init__.py`` imports each when it is first used."""

from burstprop.circuit import Circuit, PoissonPopulation, Population, Projection, SpikeSource
from burstprop.circuit.connectivity import AllToAll, FixedInDegree, Matrix, OneToOne, Probability, Tied
from burstprop.circuit.microcircuit import Microcircuit
from burstprop.circuit.plasticity import BurstDependentRule, FeedbackRule
from burstprop.circuit.stimuli import Background, Constant, Controlled, Current, Sine, Steps
from burstprop.circuit.synapses import ShortTermPlasticity
from burstprop.errors import BurstpropError
from burstprop.experiments import Experiment
from burstprop.neurons import AdEx, BurstPoissonNeuron, NeuronModel, PyramidalNeuron
from burstprop.recording import Record, Recording, StateRecord
from burstprop.report.claim import Claim
from burstprop.simulation import Simulation, simulate
from burstprop.spikes.bursts import find_bursts

__version__: str
_WHERE: dict[str, str]

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
