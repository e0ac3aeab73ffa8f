"""Is a run well? Units that no longer respond, classes that are not learned, a loss that grows; in words.

A unit is dead where nothing it could be taught by reaches its weights: a rectified unit that is silent for
every image, or a sigmoid unit whose slope e (1 - e) is below `DEAD_SLOPE` for every image. An output unit
must also stay on one side, nailed to 0 or to 1: one that is near 1 for its class and near 0 for the others
has no slope either, and nothing to learn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from burstprop.reduced.data import Loader
from burstprop.reduced.layers.units import output_rates
from burstprop.reduced.networks import Network
from burstprop.reduced.train.evaluation import Score
from burstprop.reduced.train.plan import Plan

DEAD_SLOPE = 1e-3
"""Largest slope of a dead sigmoid unit; at the start it is near 0.25, at the rate 0.1 it is 0.09."""
MANY_DEAD = 0.5
"""Part of a hidden layer's units that must be dead before a warning."""
RECOGNISED = 0.05
"""Part of a class's validation images below which it counts as not recognised."""
FEW_IMAGES = 10
"""A class with fewer validation images is not judged: none of them may be recognised by chance."""
LOSS_GROWS = 1.5
"""Training loss over that of the first batch which brings a warning."""


@torch.no_grad()
def unit_rates(network: Network, images: Tensor) -> dict[str, Tensor]:
    """Return the event rates of every layer's units (images, units or channels, ...) by the layer's name."""
    rates: dict[str, Tensor] = {}
    hooks = []
    for number, cells in enumerate(network.cells()):
        name = "output" if cells.is_output else f"layer{number}"

        def keep(module: Any, inputs: Any, output: Tensor, name: str = name) -> None:
            rates[name] = output_rates(output, module.output) if module.is_output else output

        hooks.append(cells.register_forward_hook(keep))
    training = network.training
    network.eval()
    try:
        network(images)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return rates


def dead(rates: Tensor, rectified: bool, labels: Tensor | None = None) -> Tensor:
    """Return which units (or channels) are dead, given their rates for some images: bool, (units,).

    ``labels``, class indices of the images, is given for output units: those of other classes are not judged,
    silence is what they are taught.
    """
    by_unit = rates.transpose(0, 1).flatten(1)
    if rectified:
        return by_unit.amax(1) <= 0
    flat = (by_unit * (1 - by_unit)).amax(1) < DEAD_SLOPE
    if labels is None:
        return flat
    judged = torch.zeros_like(flat)
    judged[labels.unique()] = True
    return flat & judged & ((by_unit.amax(1) < 0.5) | (by_unit.amin(1) > 0.5))


def dead_units(network: Network, loader: Loader) -> dict[str, tuple[int, int]]:
    """Return for every layer its dead units and all its units, on the first images of a loader.

    Softmax units are left out: they compete, so that silence is no death. So are output units whose class is
    not among the images.
    """
    batch = next(iter(loader.in_order()), None)
    if batch is None or not len(batch.labels):
        return {}
    found = {}
    for name, rates in unit_rates(network, batch.images).items():
        if name != "output" or network.spec.output == "sigmoid":
            rectified = network.spec.activation == "relu" and name != "output"
            gone = dead(rates, rectified, batch.labels if name == "output" else None)
            found[name] = (int(gone.sum()), rates.shape[1])
    return found


def unrecognised(score: Score, classes: Sequence[str]) -> list[str]:
    """Return the classes of which less than `RECOGNISED` of the images are taken for what they are."""
    images, right = score.confusion.sum(1), score.confusion.diagonal()
    lost = (images >= FEW_IMAGES) & (right < RECOGNISED * images)
    return [name for name, gone in zip(classes, lost.tolist(), strict=True) if gone]


def class_warning(lost: Sequence[str], classes: int, sigmoid: bool) -> str:
    """Return the message that classes are not recognised, and the way out; ``sigmoid``: the output units."""
    names = ", ".join(lost[:10]) + (f" and {len(lost) - 10} more" if len(lost) > 10 else "")
    which = f"class {names} is" if len(lost) == 1 else f"classes {names} ({len(lost)} of {classes}) are each"
    start = (
        "start the output units with smaller weights and a bias near the logit of 1 / classes (the default "
        "setting does), "
        if sigmoid
        else ""
    )
    return (
        f"{which} recognised in under {100 * RECOGNISED:g} % of the validation images: {start}lower the "
        "learning rate of the output layer (--set-rule output_lr=...) or of all (--set lr=...), or train "
        "longer (--epochs)"
    )


def warnings(network: Network, loader: Loader, line: dict[str, Any], first_loss: float) -> list[str]:
    """Return what is wrong after an epoch, in words; nothing for a run that is well.

    Parameters
    ----------
    network : Network
        As it is now.
    loader : Loader
        Of the validation images; the first batch is looked at.
    line : dict
        The epoch's line of the log.
    first_loss : float
        Loss of the first batch of the run.
    """
    found = []
    for name, (number, units) in dead_units(network, loader).items():
        if name == "output" and number:
            found.append(
                f"{number} of {units} output units are dead (slope e (1 - e) below {DEAD_SLOPE:g} for every "
                "image), so their classes are not learned any more: start the output layer with smaller "
                "weights and a bias near the logit of 1 / classes, or lower its learning rate (the default "
                "setting does both)"
            )
        elif number > MANY_DEAD * units:
            found.append(
                f"{number} of {units} units of {name} are dead: lower the learning rate or the start gain"
            )
    if line["train_loss"] > LOSS_GROWS * first_loss:
        found.append(
            f"the loss grows: {line['train_loss']:.3g} in this epoch, {first_loss:.3g} in the first batch: "
            "lower the learning rate (--set lr=...)"
        )
    return found


def divergence(network: Network, plan: Plan, loss: float, epoch: int, step: int) -> str:
    """Return the message of a run that diverged: where, which weights are not finite, and the way out."""
    broken = [name for name, values in network.named_parameters() if not bool(torch.isfinite(values).all())]
    where = f"weights that are not finite: {', '.join(broken)}" if broken else "all weights are still finite"
    lr = plan.setting.lr
    advice = (
        f"lower the learning rate (now {lr:g}: --set lr={lr / 3:.2g}) or use warm-up (--set warmup_epochs=1)"
    )
    kind = "no number" if math.isnan(loss) else "infinite"
    return (
        f"training of {plan.rule} on {plan.dataset} diverged: the loss is {kind} in epoch {epoch}, "
        f"step {step}; {where}; {advice}"
    )
