"""Networks: frozen descriptions, the named ones, and `build_network`, which makes a `Network` that a rule
trains."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from burstprop.errors import BurstpropError, near
from burstprop.reduced.layers import Conv2d, Dense, RuleLayer
from burstprop.reduced.layers.losses import teaching_loss
from burstprop.reduced.rules import Rule, rule_from_name


@dataclass(frozen=True)
class Convolution:
    """A convolutional layer of ``channels`` maps; ``kernel``, ``stride`` and ``padding`` in pixels."""

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0


@dataclass(frozen=True)
class NetworkSpec:
    """A layered network, from the image to the classes.

    Attributes
    ----------
    name : str
    input_shape : tuple of int
        Channels, height and width of an image in pixels, or the number of inputs.
    layers : tuple
        Hidden layers: `Convolution`, or a number of units of a fully connected layer.
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
    layers: tuple[Convolution | int, ...]
    classes: int
    activation: str = "sigmoid"
    output: str = "sigmoid"
    gain: float = 3.6
    output_gain: float = 0.36
    output_bias: float = -2.2

    def __post_init__(self) -> None:
        """Check that every layer fits its input; raises BurstpropError."""
        layer_shapes(self)


def layer_shapes(spec: NetworkSpec) -> list[tuple[int, ...]]:
    """Return the shapes of the input and of every hidden layer's output, without the batch.

    Raises
    ------
    BurstpropError
        Where a convolution's kernel is larger than what it sees, or a convolution follows a dense layer.
    """
    shapes = [tuple(spec.input_shape)]
    for number, layer in enumerate(spec.layers):
        shape = shapes[-1]
        if isinstance(layer, int):
            shapes.append((layer,))
            continue
        if len(shape) != 3:
            raise BurstpropError(
                f"network {spec.name!r}: layer {number} is a convolution, its input is {shape}"
            )
        size = tuple((side + 2 * layer.padding - layer.kernel) // layer.stride + 1 for side in shape[1:])
        if min(size) < 1:
            raise BurstpropError(
                f"network {spec.name!r}: layer {number} has a kernel of {layer.kernel} pixels on "
                f"{shape[1]} x {shape[2]} pixels: use larger images, or a network made for this size"
            )
        shapes.append((layer.channels, *size))
    return shapes


def _cifar(first: int, second: int, third: int, dense: int) -> tuple[Convolution | int, ...]:
    return Convolution(first, 5, 2), Convolution(second, 5, 2), Convolution(third, 3), dense


def _imagenet(*widths: int) -> tuple[tuple[int, int, int], ...]:
    kernels = ((9, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 2), (3, 1))
    return tuple((width, *kernel) for width, kernel in zip(widths, kernels, strict=True))


def _rectified(name: str, side: int, layers: tuple[Any, ...], classes: int) -> NetworkSpec:
    hidden = tuple(layer if isinstance(layer, int) else Convolution(*layer) for layer in layers)
    return NetworkSpec(
        name, (3, side, side), hidden, classes, activation="relu", output="softmax", gain=1.0,
        output_gain=0.263, output_bias=0.0,
    )  # fmt: skip


#: ``cifar`` and ``imagenet`` are the published networks for learned feedback, ``...-fixed`` those for fixed
#: feedback, ``imagenet-burstccn`` BurstCCN's. An output gain of 0.263 is the published sd of 0.01 for 384
#: inputs.
NETWORKS: dict[str, NetworkSpec] = {
    spec.name: spec
    for spec in (
        NetworkSpec("digits", (1, 8, 8), (128, 128), 10),
        NetworkSpec("mnist-3x500", (1, 28, 28), (500, 500, 500), 10),
        NetworkSpec("cifar", (3, 32, 32), _cifar(64, 128, 256, 1024), 10),
        NetworkSpec("cifar-fixed", (3, 32, 32), _cifar(64, 256, 256, 1480), 10),
        _rectified(
            "tiny-imagenet", 64, ((64, 5, 2), (128, 3, 2), (128, 3, 1), (256, 3, 2), (256, 3, 1)), 200
        ),
        _rectified("imagenet", 224, _imagenet(48, 48, 96, 96, 192, 192, 384), 1000),
        _rectified("imagenet-fixed", 224, _imagenet(48, 96, 96, 192, 192, 384, 470), 1000),
        _rectified("imagenet-burstccn", 224, (*_imagenet(48, 96, 96, 192, 192, 384, 470), 1500), 1000),
    )
}


class Network(nn.Module):
    """Rule layers in a row, and the loss that teaches the last one.

    Attributes
    ----------
    spec : NetworkSpec
    rule : Rule
    body : nn.Sequential
        The layers, with a Flatten where images become vectors.
    """

    def __init__(self, spec: NetworkSpec, rule: Rule, seed: int) -> None:
        """Make the layers; `build_network` is the usual way."""
        super().__init__()
        self.spec, self.rule = spec, rule
        generator = torch.Generator().manual_seed(seed)
        # a stream of its own, so that the forward weights are the same whatever the rule draws
        feedback_generator = torch.Generator().manual_seed(seed + 2**32)
        shapes = layer_shapes(spec)
        modules: list[nn.Module] = []
        common: dict[str, Any] = dict(activation=spec.activation, classes=spec.classes, generator=generator)
        common["feedback_generator"] = feedback_generator
        for number, (layer, shape, out) in enumerate(zip(spec.layers, shapes[:-1], shapes[1:], strict=True)):
            common["lowest"] = number == 0
            if isinstance(layer, int):
                if len(shape) == 3:
                    modules.append(nn.Flatten())
                modules.append(Dense(_count(shape), layer, rule, gain=spec.gain, **common))
            else:
                modules.append(
                    Conv2d(
                        shape[0],
                        layer.channels,
                        layer.kernel,
                        rule,
                        stride=layer.stride,
                        padding=layer.padding,
                        output_size=out[1:],
                        gain=spec.gain,
                        **common,
                    )
                )
        common["lowest"] = not spec.layers
        if len(shapes[-1]) == 3:
            modules.append(nn.Flatten())
        modules.append(
            Dense(
                _count(shapes[-1]),
                spec.classes,
                rule,
                output=spec.output,
                gain=spec.output_gain,
                bias=spec.output_bias,
                **common,
            )
        )
        self.body = nn.Sequential(*modules)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (N x classes) of ``images`` (N x input shape)."""
        if self.rule.passes == 2 and self.training:
            return self.body(torch.cat((images, images)))[: len(images)]
        return self.body(images)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of a batch; its ``backward()`` leaves the rule's update in every ``.grad``.

        ``target`` holds class indices (N) or rates (N x classes).
        """
        return teaching_loss(logits, target, self.spec.output, self.rule.teacher)

    def layers(self) -> list[RuleLayer]:
        """Return the rule layers, from the lowest up."""
        return [module for module in self.body if isinstance(module, RuleLayer)]

    def parameter_groups(self, lr: float, weight_decay: float = 0.0) -> list[dict[str, Any]]:
        """Return an optimizer's parameter groups, with the rule's learning rate for every layer.

        Parameters of the same rate share a group, which has ``params``, ``lr``, ``weight_decay`` and ``name``
        (the layers, ``layer0`` ...; weights with a rate of their own are named, as ``layer0.Z``).
        ``weight_decay`` is relative to ``lr``: every layer loses the share ``lr * weight_decay`` a step,
        however its rate differs.
        """
        groups: dict[float, list[tuple[str, nn.Parameter]]] = {}
        layers = self.layers()
        for number, layer in enumerate(layers):
            above = len(layers) - 1 - number
            usual = self.rule.rate("weight", above)
            for name, parameter in layer.named_parameters():
                rate = self.rule.rate(layer.rate_name(name), above)
                label = f"layer{number}" if rate == usual else f"layer{number}.{name}"
                groups.setdefault(rate, []).append((label, parameter))
        return [
            dict(
                params=[parameter for _, parameter in members],
                lr=lr * rate,
                weight_decay=weight_decay / rate if rate else 0.0,
                name="+".join(dict.fromkeys(label for label, _ in members)),
            )
            for rate, members in groups.items()
        ]


def _count(shape: tuple[int, ...]) -> int:
    return int(torch.Size(shape).numel())


def network_spec(name: str, **changes: Any) -> NetworkSpec:
    """Return the named description, with fields changed; raises BurstpropError with the known names."""
    if name not in NETWORKS:
        raise BurstpropError(f"network = {name!r}: {near(name, NETWORKS)}")
    return dataclasses.replace(NETWORKS[name], **changes)


def build_network(spec: NetworkSpec | str, rule: Rule | str, *, seed: int = 0) -> Network:
    """Return a network with weights drawn from ``seed``, that ``rule`` trains.

    Parameters
    ----------
    spec : NetworkSpec or str
        A description, or the name of one in `NETWORKS`.
    rule : Rule or str
        A rule, or its name (see `rule_from_name`).
    seed : int
        Forward and feedback weights; the forward weights are the same for all rules.
    """
    spec = network_spec(spec) if isinstance(spec, str) else spec
    rule = rule_from_name(rule) if isinstance(rule, str) else rule
    return Network(spec, rule, seed)
