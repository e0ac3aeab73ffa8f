"""How much memory training takes at least, computed before any of it is allocated.

Counted are the weights, with their gradients and what the optimizer keeps of them, and one rate of every
unit for every image of a batch. What a rule keeps beside them, feedback weights for example, comes on top.
"""

from __future__ import annotations

import math

from burstprop.reduced.networks.description import (
    Convolution,
    Layer,
    NetworkSpec,
    Residual,
    Shape,
    layer_shapes,
    projection,
)
from burstprop.reduced.train.settings import Setting
from burstprop.system.memory import fits

BYTES = 4
"""Of a number in single precision."""


def memory_needed(setting: Setting, images: int) -> dict[str, float]:
    """Return the bytes of every part of a process that trains, by its name in words.

    Parameters
    ----------
    setting : Setting
    images : int
        Images of a batch in this process.
    """
    spec = setting.network
    units = sum(math.prod(shape) for shape in layer_shapes(spec)) + spec.classes
    kept = {"sgd": 1 if setting.momentum else 0, "adamw": 2}[setting.optimizer]
    copies = 2 + kept + (1 if setting.average else 0)
    weights = count_weights(spec)
    return {
        f"{weights:,} weights, {copies} times (gradients, optimizer)": float(BYTES * copies * weights),
        f"rates of {units:,} units for {images:,} images": float(BYTES * units * images),
    }


def count_weights(spec: NetworkSpec) -> int:
    """Return how many forward weights a network has, without biases."""
    shapes = layer_shapes(spec)
    inner = sum(
        _of_layer(layer, *pair) for layer, *pair in zip(spec.layers, shapes, shapes[1:], strict=False)
    )
    return inner + math.prod(shapes[-1]) * spec.classes


def check_memory(setting: Setting, images: int) -> None:
    """Refuse training that does not fit into the memory that is free; raises BurstpropError."""
    fits(
        f"the network {setting.network.name!r} with batches of {images:,} images",
        memory_needed(setting, images),
    )


def _of_layer(layer: Layer, shape: Shape, out: Shape) -> int:
    if isinstance(layer, int):
        return math.prod(shape) * layer
    if isinstance(layer, Convolution):
        return _of_convolution(layer, shape[0])
    if isinstance(layer, Residual):
        channels = [shape[0], *(inner.channels for inner in layer.layers)]
        inside = sum(
            _of_convolution(inner, below) for inner, below in zip(layer.layers, channels, strict=False)
        )
        return inside + (_of_convolution(projection(layer), shape[0]) if out != shape else 0)
    return 0


def _of_convolution(layer: Convolution, channels: int) -> int:
    return channels // layer.groups * layer.channels * layer.kernel**2
