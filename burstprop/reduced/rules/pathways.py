"""Feedback weights: how they start, and the message where a pathway is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from burstprop.errors import BurstpropError
from burstprop.reduced.layers.rule import CellLayer

SCALES = ("weight", "fan_out", "absolute")


def check_choice(owner: object, name: str, choices: tuple[str, ...]) -> None:
    """Raise BurstpropError unless the field ``name`` of ``owner`` is one of ``choices``."""
    value = getattr(owner, name)
    if value not in choices:
        raise BurstpropError(f"{type(owner).__name__}.{name} = {value!r}: give one of {', '.join(choices)}")


def start_feedback(weight: Tensor, sd: float, scale: str, generator: torch.Generator | None) -> Tensor:
    """Return normal feedback weights of the shape of ``weight`` (out x in, or out x in x height x width).

    Their sd is ``sd`` times that of ``weight`` (scale ``weight``), over the root of the number of units each
    unit below hears (``fan_out``), or itself (``absolute``).
    """
    unit = {"weight": float(weight.detach().std()), "fan_out": weight[:, 0].numel() ** -0.5, "absolute": 1.0}[
        scale
    ]
    if not math.isfinite(unit):
        raise BurstpropError(
            "feedback_scale = 'weight': a layer with a single weight has no sd; give 'absolute'"
        )
    return torch.empty_like(weight, requires_grad=False).normal_(0.0, sd * unit, generator=generator)


def direct_feedback(layer: CellLayer, sd: float, scale: str, generator: torch.Generator | None) -> Tensor:
    """Return normal weights from the output layer to a hidden one (classes x number of units).

    Their sd is ``sd`` over the root of the number of classes (scale ``fan_out``), or itself (``absolute``).

    Raises
    ------
    BurstpropError
        For a layer that was not told how many units it and the output layer have.
    """
    if layer.classes is None or layer.output_shape is None:
        raise BurstpropError(
            f"layer {layer}: direct feedback must know the number of output units "
            "(classes=...) and, of a convolution, the height and width of its output "
            "(output_size=...), of cells apart from their synapses also their number (size=...)"
        )
    unit = layer.classes**-0.5 if scale == "fan_out" else 1.0
    return torch.empty(layer.classes, math.prod(layer.output_shape)).normal_(
        0.0, sd * unit, generator=generator
    )


def pathway(weights: Mapping[str, Tensor], name: str) -> Tensor:
    """Return a layer's feedback weight; raises BurstpropError where the layer was built as the lowest one."""
    if name not in weights:
        raise BurstpropError(
            f"a layer has no feedback weights {name!r}: it was built with lowest=True, but what is below it "
            "learns too; build it with lowest=False"
        )
    return weights[name]
