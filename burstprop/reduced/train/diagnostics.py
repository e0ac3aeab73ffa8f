"""What a researcher looks at while a network learns: one row a layer, as a DataFrame.

`diagnose` takes a network and some images, changes nothing in the network, and may be called at any time
during training. Angles are in degrees; an update is what descent would do, so an angle of 0 to
backpropagation's means that the rule descends the loss the steepest way, and one above 90 that it ascends.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import torch
from torch import Tensor

from burstprop.errors import BurstpropError
from burstprop.reduced.layers import RuleModule
from burstprop.reduced.layers.rule import Activity, Arrival
from burstprop.reduced.networks import Network
from burstprop.reduced.rules.backprop import Backprop
from burstprop.reduced.train.health import dead

SATURATED = 4.0
"""Size of the dendritic potential beyond which a burst probability counts as saturated: its slope is then
below 7 % of the largest."""

COLUMNS = (
    "layer",
    "units",
    "weight_feedback_angle_deg",
    "weight_feedback_distance",
    "update_angle_deg",
    "update_size",
    "mean_rate",
    "dead_fraction",
    "burst_prob",
    "burst_prob_sd",
    "burst_prob_change",
    "saturated_fraction",
    "linearity",
    "events_needed",
)
"""Columns of `diagnose`: the layer's name (``layer0`` ... ``output``); number of units (maps of a
convolution); angle between its forward weights and those that carry the error down, and the norm of their
difference over that of the forward weights; angle between the rule's and backpropagation's update of its
forward weights, and the norm of the one over that of the other; mean event rate; part of the units that are
dead (`burstprop.reduced.train.health.dead`); mean and sd of the burst probability without a teacher; root
mean square change of it by the teacher; part of the (unit, image) pairs whose dendrite is saturated with a
teacher; squared correlation (through the origin) of that change and the dendritic potential's, 1 where the
burst probability carries the error linearly; number of events over which a unit's bursts must be counted for
the teacher's change to be as large as the noise of the count, mean p (1 - p) over the mean square change. NaN
where a rule or layer has no such thing. Cells that several layers drive, those after a sum, are in the row of
each."""


def angle_degrees(one: Tensor, other: Tensor) -> float:
    """Return the angle between two tensors of the same shape in degrees, NaN where one is zero.

    From the chord, 2 atan(|a - b| / |a + b|) of the unit vectors, which small angles survive.
    """
    a, b = one.detach().flatten().double(), other.detach().flatten().double()
    if not float(a.norm()) > 0 or not float(b.norm()) > 0:
        return math.nan
    a, b = a / a.norm(), b / b.norm()
    return math.degrees(2.0 * math.atan2(float((a - b).norm()), float((a + b).norm())))


def diagnose(network: Network, images: Tensor, target: Tensor) -> pd.DataFrame:
    """Return a row of `COLUMNS` for every layer of a network.

    Parameters
    ----------
    network : Network
        Neither its weights nor their ``.grad`` change, nor does the random state. Layers whose weights need
        no gradient have NaN for their update, and those that no gradient reaches for all but their units.
    images : Tensor, N x input shape
        A hundred are enough for angles within a degree or so of those of all images.
    target : Tensor
        Class indices (N) or rates (N x classes).
    """
    seen: dict[int, tuple[Activity, Arrival]] = {}
    training = network.training
    network.train()
    layers, cells = network.layers(), network.cells()
    watched = dict.fromkeys([*layers, *cells])
    try:
        for module in watched:
            module.observer = lambda activity, arrival: seen.update({id(activity.layer): (activity, arrival)})
        with _same_statistics(network):
            with torch.enable_grad(), torch.random.fork_rng():
                updates = _gradients(network, images, target)
            for module in watched:
                module.observer = None
            with torch.enable_grad(), backpropagating(network):
                exact = _gradients(network, images, target)
    finally:
        for module in watched:
            module.observer = None
        network.train(training)
    labels = target if target.dim() == 1 else target.argmax(1)
    rows = []
    for number, (layer, its) in enumerate(zip(layers, cells, strict=True)):
        row = {
            "layer": "output" if layer.is_output else f"layer{number}",
            "units": len(layer.weight),
        }
        rows.append(row)
        if id(layer) in seen:
            row |= _feedback(network, number, seen[id(layer)][0])
        if id(layer) in seen and number in updates:
            row["update_angle_deg"] = angle_degrees(updates[number], exact[number])
            row["update_size"] = _ratio(updates[number], exact[number])
        if id(its) in seen:
            row |= _rates(its, seen[id(its)][0], labels)
            if not its.is_output:
                row |= _bursts(network, *seen[id(its)])
    return pd.DataFrame(rows, columns=list(COLUMNS))


@contextmanager
def _same_statistics(network: Network) -> Iterator[None]:
    """Undo what a pass in training mode does to the statistics of batch normalisation."""
    norms = [
        module for module in network.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
    ]
    kept = [{name: buffer.clone() for name, buffer in norm.named_buffers()} for norm in norms]
    try:
        yield
    finally:
        with torch.no_grad():
            for norm, old in zip(norms, kept, strict=True):
                for name, buffer in norm.named_buffers():
                    buffer.copy_(old[name])


@contextmanager
def backpropagating(network: Network) -> Iterator[None]:
    """Within it, ``backward`` of a network is backpropagation of the same loss."""
    rule = Backprop(teacher=network.rule.teacher)
    modules = [module for module in network.modules() if isinstance(module, RuleModule)]
    old = [module.rule for module in modules]
    own, network.rule = network.rule, rule
    try:
        for module in modules:
            module.rule = rule
        yield
    finally:
        network.rule = own
        for module, its in zip(modules, old, strict=True):
            module.rule = its


def _gradients(network: Network, images: Tensor, target: Tensor) -> dict[int, Tensor]:
    """Return the gradients of the weights that need one, by number of the layer."""
    learning = {k: layer.weight for k, layer in enumerate(network.layers()) if layer.weight.requires_grad}
    if not learning:
        raise BurstpropError(
            "diagnose: no layer's weights need a gradient (requires_grad), so there is no update to look at"
        )
    loss = network.loss(network(images), target)
    return dict(zip(learning, torch.autograd.grad(loss, list(learning.values())), strict=True))


def _feedback(network: Network, number: int, activity: Activity) -> dict[str, float]:
    feedback = network.rule.downward(activity.weights) if number else None
    if feedback is None:
        return {}
    weight = activity.weights["weight"]
    return {
        "weight_feedback_angle_deg": angle_degrees(weight, feedback),
        "weight_feedback_distance": _ratio(feedback - weight, weight),
    }


def _ratio(one: Tensor, other: Tensor) -> float:
    """Return the norm of one over that of the other, NaN where this is zero."""
    size = float(other.detach().double().norm())
    return float(one.detach().double().norm()) / size if size else math.nan


def _rates(cells: RuleModule, activity: Activity, labels: Tensor) -> dict[str, float]:
    rates = activity.rates.detach()
    units = cells.units
    gone = math.nan
    if units.name != "softmax":
        judged = labels if cells.is_output else None
        gone = float(dead(rates, units.name == "relu", judged).double().mean())
    return {"mean_rate": float(rates.mean()), "dead_fraction": gone}


@torch.no_grad()
def _bursts(network: Network, activity: Activity, arrival: Arrival) -> dict[str, float]:
    probability = network.rule.burst_probability(activity, arrival)
    if probability is None:
        return {}
    without, change = probability.without, probability.taught - probability.without
    product = float((change * probability.step).sum())
    power = float(change.square().sum() * probability.step.square().sum())
    edge = 1.0 / (1.0 + math.exp(SATURATED))
    relative = probability.taught / probability.top
    return {
        "burst_prob": float(without.mean()),
        "burst_prob_sd": float(without.std()),
        "burst_prob_change": float(change.square().mean().sqrt()),
        "saturated_fraction": float(((relative < edge) | (relative > 1.0 - edge)).double().mean()),
        "linearity": product**2 / power if power > 0 else math.nan,
        "events_needed": _ratio_of_means(without * (1.0 - without), change.square()),
    }


def _ratio_of_means(one: Tensor, other: Tensor) -> float:
    below = float(other.mean())
    return float(one.mean()) / below if below > 0 else math.nan
