"""What can be changed between two steps of a run: plasticity, uniform weights, rates of Poisson sources."""

from __future__ import annotations

from burstprop.circuit import PoissonPopulation
from burstprop.circuit.connectivity import Matrix
from burstprop.circuit.stimuli import check_source_rate, check_weight
from burstprop.engine import network as nw
from burstprop.engine.compile.circuit import Compiled
from burstprop.engine.compile.spikes import log_miss
from burstprop.errors import BurstpropError


def set_plasticity(compiled: Compiled, on: bool) -> None:
    """Let plastic projections learn, or not; their averages go on either way."""
    compiled.arrays["control"][nw.PLASTIC_ON] = bool(on)


def set_weight(compiled: Compiled, projection: str, weight: float) -> None:
    """Set the uniform weight of a projection."""
    check_weight(f"projection {projection}: ", weight)
    description = compiled.circuit.projection(projection)
    if isinstance(description.connectivity, Matrix) or description.rule is not None:
        raise BurstpropError(
            f"projection {projection}: its synapses have weights of their own (a matrix, or a rule)"
        )
    compiled.arrays["uniform_weight"][compiled.projection[projection]] = weight


def set_rate(compiled: Compiled, population: str, rate_hz: float) -> None:
    """Set the rate of the sources of a Poisson population."""
    if not isinstance(compiled.circuit.population(population), PoissonPopulation):
        raise BurstpropError(f"population {population!r}: only a PoissonPopulation has a rate to set")
    dt = compiled.circuit.dt_ms
    check_source_rate(f"population {population!r}: ", rate_hz, dt)
    which = list(compiled.arrays["poisson_emitter"]).index(compiled.emitter[population])
    compiled.arrays["poisson_log_miss"][which] = log_miss(rate_hz, dt)
