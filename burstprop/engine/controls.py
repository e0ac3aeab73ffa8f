"""What can be changed between two steps of a run: plasticity, weights, rates of Poisson sources."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from burstprop.circuit import PoissonPopulation
from burstprop.circuit.checks import check_plastic
from burstprop.circuit.connectivity import Matrix, Tied
from burstprop.circuit.plasticity import FeedbackRule, check_eta
from burstprop.circuit.protocol import (
    AveragingChange,
    Change,
    LearningRateChange,
    PlasticityChange,
    RateChange,
    WeightChange,
)
from burstprop.circuit.stimuli import check_source_rate, check_weight
from burstprop.circuit.synapses import LARGEST_WEIGHT
from burstprop.engine import network as nw
from burstprop.engine.compile.circuit import Compiled
from burstprop.engine.compile.learning import average_key
from burstprop.engine.compile.spikes import log_miss
from burstprop.engine.inspection import endpoints, learning_rate, own_weights
from burstprop.errors import BurstpropError


def apply(compiled: Compiled, change: Change, step: int) -> None:
    """Apply a change of the protocol."""
    match change:
        case WeightChange():
            set_weight(compiled, change.projection, change.weight)
        case RateChange():
            set_rate(compiled, change.population, change.rate_hz)
        case PlasticityChange():
            set_plasticity(compiled, change.on)
        case LearningRateChange():
            set_eta(compiled, change.projection, change.eta, change.over_ms, step)
        case AveragingChange():
            set_averaging(compiled, change.on, change.projection, step)


def set_plasticity(compiled: Compiled, on: bool) -> None:
    """Let plastic projections learn, or not; their averages go on either way."""
    compiled.arrays["plastic_on"][0] = bool(on)


def set_averaging(compiled: Compiled, on: bool, projection: str | None, step: int) -> None:
    """Let the averages that rules take Pbar from go on at ``step``, or hold them; None: of all rules."""
    clocks = compiled.arrays["average_clock"]
    only = None
    if projection is not None:
        check_plastic(compiled.circuit, projection)
        only = average_key(compiled.circuit.projection(projection))
    for key, a in compiled.averages.items():
        chosen = not key.of_homeostasis if only is None else key == only
        held, stop = clocks[a]
        if chosen and not on and stop == nw.FAR:
            clocks[a, nw.CLOCK_STOP] = step - held
        elif chosen and on and stop != nw.FAR:
            clocks[a] = step - stop, nw.FAR


def set_eta(compiled: Compiled, projection: str, eta: float, over_ms: float, step: int) -> None:
    """Let the learning rate of a projection go to ``eta`` from ``step`` on, in a straight line."""
    check_eta(f"projection {projection}: ", eta)
    begin = learning_rate(compiled, projection, step)
    over = compiled.circuit.steps("over_ms", over_ms)
    rule = compiled.arrays["rule"][compiled.plastic[projection]]
    rule[nw.RULE_ETA], rule[nw.RULE_ETA_UNTIL] = eta, step + over
    rule[nw.RULE_ETA_FALL] = (begin - eta) / over if over else 0.0


def set_weight(compiled: Compiled, projection: str, weight: float) -> None:
    """Set the uniform weight of a projection."""
    check_weight(f"projection {projection}: ", weight)
    description = compiled.circuit.projection(projection)
    if isinstance(description.connectivity, Matrix | Tied) or description.rule is not None:
        raise BurstpropError(
            f"projection {projection}: its synapses have weights of their own (a matrix, or a rule); set "
            "them with set_weights"
        )
    compiled.arrays["uniform_weight"][compiled.projection[projection]] = weight


def set_weights(compiled: Compiled, projection: str, weights: Any) -> None:
    """Set the weight of every synapse of a projection that has them one by one.

    ``weights`` has the shape (synapses,), in the order of `inspection.synapses`, or (n_source, n_target).
    """
    where = f"projection {projection}: "
    description = compiled.circuit.projection(projection)
    if isinstance(description.connectivity, Tied):
        raise BurstpropError(
            f"{where}its weights are those of {description.connectivity.projection!r}; set them there"
        )
    own = own_weights(compiled, projection)
    if compiled.arrays["projection"][compiled.projection[projection], nw.PR_UNIFORM]:
        raise BurstpropError(f"{where}all its synapses have one weight; set it with set_weight")
    values = weights.toarray() if scipy.sparse.issparse(weights) else np.asarray(weights)
    shape = tuple(compiled.circuit.population(name).n for name in (description.source, description.target))
    if values.shape == shape:
        of_all = np.count_nonzero(values)
        values = values[endpoints(compiled, projection)]
        if stray := of_all - np.count_nonzero(values):
            raise BurstpropError(f"{where}{stray} weights stand where there is no synapse; give 0 there")
    if values.shape != own.shape or values.dtype.kind not in "fiub":
        raise BurstpropError(
            f"{where}weights of shape {values.shape} and type {values.dtype}: give numbers of shape "
            f"{own.shape}, in the order of Simulation.synapses, or {shape}"
        )
    highest = LARGEST_WEIGHT if description.rule is None else description.rule.w_max
    lowest = -highest if isinstance(description.rule, FeedbackRule) and description.rule.signed else 0.0
    bad = np.flatnonzero(~((values >= lowest) & (values <= highest) & np.isfinite(values)))
    if len(bad):
        raise BurstpropError(
            f"{where}{len(bad)} weights are not between {lowest:g} and {highest:g} (conductances, in units "
            f"of the leak; the first, of synapse {bad[0]}: {values[bad[0]]:g})"
        )
    own[...] = values


def set_rate(compiled: Compiled, population: str, rate_hz: float) -> None:
    """Set the rate of the sources of a Poisson population."""
    if not isinstance(compiled.circuit.population(population), PoissonPopulation):
        raise BurstpropError(f"population {population!r}: only a PoissonPopulation has a rate to set")
    dt = compiled.circuit.dt_ms
    check_source_rate(f"population {population!r}: ", rate_hz, dt)
    which = list(compiled.arrays["poisson_population"]).index(compiled.number[population])
    compiled.arrays["poisson_log_miss"][which] = log_miss(rate_hz, dt)
