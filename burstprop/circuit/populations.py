"""Populations: neurons of one model, or Poisson sources that projections share."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass

import numpy as np

from burstprop.circuit.stimuli import check_counts, check_rate
from burstprop.errors import BurstpropError
from burstprop.neurons.model import NeuronModel
from burstprop.parameters import check_value, quantity

BURST_DEFINITIONS = ("trace", "interval")


@dataclass(frozen=True)
class Population:
    """``n`` neurons of one model.

    ``burst_definition`` names how spikes become events and bursts (`burstprop.spikes.bursts`): ``"trace"`` (a
    trace that decays with ``burst_window_ms``, threshold 1/e) or ``"interval"`` (a gap longer than
    ``burst_window_ms``).
    """

    name: str
    n: int
    neuron: NeuronModel
    burst_definition: str = "trace"
    burst_window_ms: float = 16.0

    def __post_init__(self) -> None:
        """Check the size, the model and the definition of bursts."""
        _check_population(self)
        if not isinstance(self.neuron, NeuronModel):
            raise BurstpropError(
                f"population {self.name!r}: neuron = {self.neuron!r} is no neuron model; give for example "
                "PyramidalNeuron() (an instance, with brackets)"
            )
        model = type(self.neuron).__name__
        if not is_dataclass(self.neuron):
            raise BurstpropError(
                f"population {self.name!r}: {model} is no dataclass; write @dataclass(frozen=True) above it"
            )
        for f in fields(self.neuron):
            value = getattr(self.neuron, f.name)
            if isinstance(value, list | tuple):
                raise BurstpropError(
                    f"population {self.name!r}: {model}.{f.name} = {value!r}: give one number, or an array "
                    "(np.array) of one per neuron"
                )
            if np.ndim(value) and np.shape(value) != (self.n,):
                raise BurstpropError(
                    f"population {self.name!r}: {model}.{f.name} has "
                    f"{np.shape(value)[0]} values for {self.n} neurons; give one number, or {self.n}"
                )


@dataclass(frozen=True)
class PoissonPopulation:
    """``n`` Poisson sources of ``rate_hz`` each that projections can share."""

    name: str
    n: int
    rate_hz: float
    counts: str = "bernoulli"
    burst_definition: str = "trace"
    burst_window_ms: float = 16.0

    def __post_init__(self) -> None:
        """Check the size and the rate."""
        _check_population(self)
        check_rate(f"population {self.name!r}: ", self.rate_hz)
        check_counts(f"population {self.name!r}: ", self.counts)
        if self.counts == "poisson":
            raise BurstpropError(
                f"population {self.name!r}: counts = 'poisson' is for private backgrounds; a shared source "
                "spikes at most once per step, like a neuron"
            )


def _check_population(population: Population | PoissonPopulation) -> None:
    where = f"population {population.name!r}"
    if not population.name or not isinstance(population.name, str):
        raise BurstpropError(f"{where}: a population needs a name")
    if isinstance(population.n, bool) or not isinstance(population.n, int | np.integer) or population.n < 1:
        raise BurstpropError(f"{where}: n = {population.n!r} neurons; give a whole number of at least 1")
    if population.burst_definition not in BURST_DEFINITIONS:
        raise BurstpropError(
            f"{where}: burst_definition = {population.burst_definition!r}; give 'trace' (the circuits of the "
            "paper) or 'interval' (its single-synapse protocols)"
        )
    window = quantity(16.0, "ms", "what ends an event, 16 in the paper", low=0, open_low=True)
    check_value(f"{where}: burst_window_ms", population.burst_window_ms, window.metadata)
