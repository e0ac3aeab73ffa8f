"""What a network is: frozen descriptions, from the image to the classes, and the shapes they give.

A description holds numbers and words alone; `burstprop.reduced.networks.network` makes modules of it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from burstprop.errors import BurstpropError, near
from burstprop.reduced.layers import retina

NORMS = ("batch", "group", "divisive")
POOLINGS = ("max", "average")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Convolution:
    """A convolutional layer of ``channels`` maps; ``kernel``, ``stride`` and ``padding`` in pixels.

    ``groups`` as in ``nn.Conv2d`` (as many as channels below: depthwise). ``norm`` normalises the somatic
    input of its cells, so that rates stay positive: ``"batch"``, ``"group"`` (groups of at most 16 maps) or
    ``"divisive"`` (`burstprop.reduced.layers.DivisiveNorm`, the same groups). ``pool``: a cell takes the
    largest of the somatic inputs of ``pool`` x ``pool`` pixels, before the norm; it alone is taught.

    Raises
    ------
    BurstpropError
        For an unknown norm, a ``pool`` below 1, and one above 1 without a norm.
    """

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    norm: str | None = None
    pool: int = 1

    def __post_init__(self) -> None:
        """Check the normalisation and the pooling; raises BurstpropError."""
        if self.norm is not None and self.norm not in NORMS:
            raise BurstpropError(f"Convolution.norm = {self.norm!r}: {near(self.norm, NORMS)}")
        if self.pool < 1:
            raise BurstpropError(f"Convolution.pool = {self.pool} pixels: give at least 1 (no pooling)")
        if self.pool > 1 and self.norm is None:
            raise BurstpropError(
                f"Convolution.pool = {self.pool} pixels without a norm: name one, or put Pooling('max', "
                f"{self.pool}, {self.pool}) after the layer"
            )


@dataclass(frozen=True)
class Pooling:
    """Pooling of every map: ``"max"`` or ``"average"`` over ``kernel`` pixels, or over the whole map (0)."""

    kind: str
    kernel: int = 0
    stride: int = 1
    padding: int = 0

    def __post_init__(self) -> None:
        """Check the kind; raises BurstpropError."""
        if self.kind not in POOLINGS:
            raise BurstpropError(f"Pooling.kind = {self.kind!r}: {near(self.kind, POOLINGS)}")


@dataclass(frozen=True)
class Residual:
    """A block of convolutions with a shortcut around them (He et al. 2016, doi 10.1109/CVPR.2016.90).

    The shortcut passes on what it gets, or, where the convolutions change the shape, goes through a 1 x 1
    convolution with their stride and the norm of the last. ``cells``: ``"after"`` the sum, as published (all
    that passes through the block passes through a dendrite), or ``"before"`` it, those of the branch alone
    (the sum of event rates of several populations goes on, and their feedback comes back undivided).
    """

    layers: tuple[Convolution, ...]
    cells: str = "after"

    def __post_init__(self) -> None:
        """Check the fields; raises BurstpropError."""
        if self.cells not in ("after", "before"):
            raise BurstpropError(f"Residual.cells = {self.cells!r}: give 'after' or 'before' (the sum)")
        if not self.layers:
            raise BurstpropError("Residual.layers is empty: give at least one Convolution")
        if any(layer.pool > 1 for layer in self.layers):
            raise BurstpropError("Residual.layers pools: the shortcut does not; pool before the block")


@dataclass(frozen=True)
class Retina:
    """The first layer of a network for colour images: cells that do not learn.

    24 maps, ON and OFF cells of three colours and four patterns of 2 x 2 pixels
    (`burstprop.reduced.layers.retina`). Nothing is sent down to it.
    """


Layer = Convolution | Residual | Pooling | Retina | int


@dataclass(frozen=True)
class NetworkSpec:
    """A layered network, from the image to the classes.

    Attributes
    ----------
    name : str
    input_shape : tuple of int
        Channels, height and width of an image in pixels, or the number of inputs.
    layers : tuple
        Hidden layers: `Convolution`, `Residual`, `Pooling`, or a number of units of a fully connected layer;
        the first may be a `Retina`.
    classes : int
        Output units.
    activation : str
        Hidden units, ``"sigmoid"`` or ``"relu"``.
    output : str
        Output units, ``"sigmoid"`` or ``"softmax"``.
    gain, output_gain : float
        Start sd of the weights of hidden and output layers: sigmoid networks over Xavier's sqrt(2/(in +
        out)), rectified ones over Kaiming's sqrt(2/fan out).
    output_bias : float
        Start bias of the output units.
    """

    name: str
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    classes: int
    activation: str = "sigmoid"
    output: str = "sigmoid"
    gain: float = 3.6
    output_gain: float = 0.36
    output_bias: float = -2.2

    def __post_init__(self) -> None:
        """Check that every layer fits its input; raises BurstpropError."""
        layer_shapes(self)


def layer_shapes(spec: NetworkSpec) -> list[Shape]:
    """Return the shapes of the input and of every hidden layer's output, without the batch.

    Raises
    ------
    BurstpropError
        Where a kernel is larger than what it sees, groups do not fit, a convolution follows a dense layer, or
        a retina does not see a colour image.
    """
    shapes = [tuple(spec.input_shape)]
    for number, layer in enumerate(spec.layers):
        if isinstance(layer, int):
            shapes.append((layer,))
            continue
        shape = shapes[-1]
        if len(shape) != 3:
            kind = "a convolution" if isinstance(layer, Convolution) else f"a {type(layer).__name__}"
            raise BurstpropError(f"network {spec.name!r}: layer {number} is {kind}, its input is {shape}")
        if isinstance(layer, Retina):
            shapes.append(_retina_shape(shape, number, f"network {spec.name!r}: layer {number} is a Retina"))
            continue
        for part in layer.layers if isinstance(layer, Residual) else (layer,):
            shape = _output_shape(part, shape, f"network {spec.name!r}: layer {number}")
        if isinstance(layer, Residual):
            _output_shape(projection(layer), shapes[-1], f"network {spec.name!r}: layer {number}, shortcut")
        shapes.append(shape)
    return shapes


def _retina_shape(shape: Shape, number: int, where: str) -> Shape:
    if number:
        raise BurstpropError(f"{where}: it sees the image; make it layer 0")
    if shape[0] != 3 or min(shape[1:]) < retina.SIDE:
        raise BurstpropError(
            f"{where}: it sees red, green and blue on at least {retina.SIDE} x {retina.SIDE} pixels, and the "
            f"input is {shape}; leave it out for other images"
        )
    return (retina.MAPS, *(side - retina.SIDE + 1 for side in shape[1:]))


def _output_shape(layer: Convolution | Pooling, shape: Shape, where: str) -> Shape:
    kernels = (layer.kernel,) * 2 if layer.kernel else shape[1:]
    size = tuple(
        (side + 2 * layer.padding - kernel) // layer.stride + 1
        for side, kernel in zip(shape[1:], kernels, strict=True)
    )
    if isinstance(layer, Convolution):
        size = tuple(side // layer.pool for side in size)
    if min(size) < 1:
        pooled = f", pooled over {layer.pool}," if isinstance(layer, Convolution) and layer.pool > 1 else ""
        raise BurstpropError(
            f"{where} has a kernel of {layer.kernel} pixels{pooled} on "
            f"{shape[1]} x {shape[2]} pixels: use larger images, or a network made for this size"
        )
    if isinstance(layer, Pooling):
        return (shape[0], *size)
    if layer.groups < 1 or shape[0] % layer.groups or layer.channels % layer.groups:
        raise BurstpropError(
            f"{where}: groups = {layer.groups}: {shape[0]} channels and {layer.channels} maps cannot both be "
            "divided into so many groups of equal size"
        )
    return (layer.channels, *size)


def projection(block: Residual) -> Convolution:
    """Return the 1 x 1 convolution of a block's shortcut, where its shape changes."""
    last, stride = block.layers[-1], 1
    for layer in block.layers:
        stride *= layer.stride
    return Convolution(last.channels, 1, stride, norm=last.norm)


def to_dict(spec: NetworkSpec) -> dict[str, Any]:
    """Return a description as text, numbers, lists and dictionaries; values that a layer has by default are
    left out."""
    fields = {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)}
    return fields | {
        "layers": [_layer_to_dict(layer) for layer in spec.layers],
        "input_shape": list(spec.input_shape),
    }


#: What a convolution's dictionary has always held.
_ALWAYS = ("channels", "kernel", "stride", "padding")


def _layer_to_dict(layer: Layer) -> Any:
    if isinstance(layer, int):
        return layer
    if isinstance(layer, Residual):
        return {"block": [_layer_to_dict(one) for one in layer.layers], "cells": layer.cells}
    if isinstance(layer, Retina):
        return {"retina": {}}
    if isinstance(layer, Pooling):
        return {
            "pooling": layer.kind,
            "kernel": layer.kernel,
            "stride": layer.stride,
            "padding": layer.padding,
        }
    return {
        field.name: getattr(layer, field.name)
        for field in dataclasses.fields(layer)
        if field.name in _ALWAYS or getattr(layer, field.name) != field.default
    }


def from_dict(content: dict[str, Any]) -> NetworkSpec:
    """Return the description that `to_dict` came from."""
    layers = tuple(_layer_from_dict(layer) for layer in content["layers"])
    return NetworkSpec(**{**content, "layers": layers, "input_shape": tuple(content["input_shape"])})


def _layer_from_dict(layer: Any) -> Layer:
    if not isinstance(layer, dict):
        return int(layer)
    if "block" in layer:
        return Residual(tuple(Convolution(**one) for one in layer["block"]), layer["cells"])
    if "retina" in layer:
        return Retina(**layer["retina"])
    if "pooling" in layer:
        return Pooling(layer["pooling"], layer["kernel"], layer["stride"], layer["padding"])
    return Convolution(**layer)
