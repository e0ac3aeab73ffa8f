"""Neuron models: one model, one file. `burstprop.neurons.model` says what a model must give."""

from burstprop.neurons.adex import AdEx, pv_interneuron, som_interneuron
from burstprop.neurons.burst_poisson import BurstPoissonNeuron
from burstprop.neurons.model import NeuronModel
from burstprop.neurons.pyramidal import PyramidalNeuron

__all__ = [
    "AdEx",
    "BurstPoissonNeuron",
    "NeuronModel",
    "PyramidalNeuron",
    "pv_interneuron",
    "som_interneuron",
]
