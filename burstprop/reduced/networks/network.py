"""`build_network` makes of a description a `Network` that a rule trains."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from burstprop.errors import BurstpropError
from burstprop.reduced.layers import Cells, Conv2d, Dense, DivisiveNorm, RetinalCells, RuleLayer, RuleModule
from burstprop.reduced.layers.losses import teaching_loss
from burstprop.reduced.networks.description import (
    Convolution,
    Layer,
    NetworkSpec,
    Pooling,
    Residual,
    Retina,
    Shape,
    layer_shapes,
    projection,
)
from burstprop.reduced.networks.named import network_spec
from burstprop.reduced.rules import Rule, rule_from_name

GROUP = 16
"""Largest number of maps in one group of a group or divisive normalisation."""


class ResidualBlock(nn.Module):
    """A branch, a shortcut, and cells after their sum (or an Identity, where those of the branch are its
    own)."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module, cells: nn.Module) -> None:
        """Take the parts."""
        super().__init__()
        self.branch, self.shortcut, self.cells = branch, shortcut, cells

    def forward(self, rates: Tensor) -> Tensor:
        """Return the rates of the block."""
        return self.cells(self.branch(rates) + self.shortcut(rates))


class _Builder:
    """Makes the modules of a network one after the other, with weights from two streams of random numbers."""

    def __init__(self, spec: NetworkSpec, rule: Rule, seed: int) -> None:
        self.spec, self.rule = spec, rule
        self.cells: list[RuleModule] = []
        self.lowest = True
        self.common: dict[str, Any] = dict(
            classes=spec.classes,
            # a stream of its own, so that the forward weights are the same whatever the rule draws
            feedback_generator=torch.Generator().manual_seed(seed + 2**32),
        )
        self.generator = torch.Generator().manual_seed(seed)

    def layer(self, layer: Layer, shape: Shape, out: Shape) -> list[nn.Module]:
        """Return the modules of a hidden layer."""
        if isinstance(layer, Retina):
            return [RetinalCells()]
        if isinstance(layer, Pooling):
            return [_pooling(layer, shape)]
        if isinstance(layer, Residual):
            return [self._residual(layer, shape, out)]
        if isinstance(layer, Convolution):
            return self._convolution(layer, shape, out)
        dense = Dense(
            _count(shape), layer, self.rule, gain=self.spec.gain, activation=self.spec.activation,
            lowest=self._first(), generator=self.generator, **self.common,
        )  # fmt: skip
        self.cells.append(dense)
        return [nn.Flatten(), dense] if len(shape) == 3 else [dense]

    def output(self, shape: Shape) -> list[nn.Module]:
        """Return the modules of the output layer."""
        spec = self.spec
        top = Dense(
            _count(shape), spec.classes, self.rule, output=spec.output, gain=spec.output_gain,
            bias=spec.output_bias, activation=spec.activation, lowest=self._first(), generator=self.generator,
            **self.common,
        )  # fmt: skip
        self.cells.append(top)
        return [nn.Flatten(), top] if len(shape) == 3 else [top]

    def _convolution(self, layer: Convolution, shape: Shape, out: Shape) -> list[nn.Module]:
        """Return synapses and cells in one module, or, around pooling and norm, in two."""
        lowest = self._first()
        if layer.norm is None:
            whole = self._synapses(layer, shape, lowest, self.spec.activation, output_size=out[1:])
            self.cells.append(whole)
            return [whole]
        synapses = self._synapses(layer, shape, lowest, "none", bias=None)
        cells = self._cells(out, lowest)
        self.cells.append(cells)
        pooling = [] if layer.pool == 1 else [nn.MaxPool2d(layer.pool)]
        return [synapses, *pooling, _norm(layer), cells]

    def _synapses(
        self, layer: Convolution, shape: Shape, lowest: bool, activation: str, **more: Any
    ) -> Conv2d:
        return Conv2d(
            shape[0], layer.channels, layer.kernel, self.rule, stride=layer.stride, padding=layer.padding,
            groups=layer.groups, activation=activation, gain=self.spec.gain, lowest=lowest,
            generator=self.generator, **self.common, **more,
        )  # fmt: skip

    def _cells(self, shape: Shape, lowest: bool = False) -> Cells:
        return Cells(
            self.rule, self.spec.activation, size=shape[0], output_size=shape[1:], lowest=lowest,
            inplace=True, **self.common,
        )  # fmt: skip

    def _residual(self, block: Residual, shape: Shape, out: Shape) -> nn.Module:
        if self.lowest:
            raise BurstpropError(
                f"network {self.spec.name!r}: layer 0 is a Residual, whose shortcut would start at the "
                "image: begin with a Convolution"
            )
        branch: list[nn.Module] = []
        *first, last = block.layers
        below = shape
        for layer in first:
            above = layer_shapes(NetworkSpec("", below, (layer,), 1))[1]
            branch += self._convolution(layer, below, above)
            below = above
        if block.cells == "before":
            branch += self._convolution(last, below, out)
            shortcut = nn.Identity() if shape == out else self._apart(projection(block), shape)
            if shape != out:
                self.cells.append(self.cells[-1])
            return ResidualBlock(nn.Sequential(*branch), shortcut, nn.Identity())
        branch.append(self._apart(last, below))
        shortcut = nn.Identity() if shape == out else self._apart(projection(block), shape)
        cells = self._cells(out)
        self.cells += [cells] * (1 if shape == out else 2)
        return ResidualBlock(nn.Sequential(*branch), shortcut, cells)

    def _apart(self, layer: Convolution, shape: Shape) -> nn.Module:
        """Return synapses whose cells come later."""
        bias = 0.0 if layer.norm is None else None
        synapses = self._synapses(layer, shape, False, "none", bias=bias)
        return synapses if layer.norm is None else nn.Sequential(synapses, _norm(layer))

    def _first(self) -> bool:
        first, self.lowest = self.lowest, False
        return first


def _norm(layer: Convolution) -> nn.Module:
    if layer.norm == "batch":
        return nn.BatchNorm2d(layer.channels)
    size = max(size for size in range(1, GROUP + 1) if layer.channels % size == 0)
    groups = layer.channels // size
    return (nn.GroupNorm if layer.norm == "group" else DivisiveNorm)(groups, layer.channels)


def _pooling(layer: Pooling, shape: Shape) -> nn.Module:
    if not layer.kernel and layer.kind == "average":
        return nn.AdaptiveAvgPool2d(1)
    kernel = (layer.kernel,) * 2 if layer.kernel else (shape[1], shape[2])
    kind = nn.MaxPool2d if layer.kind == "max" else nn.AvgPool2d
    return kind(kernel, layer.stride, layer.padding)


def _count(shape: Shape) -> int:
    return int(torch.Size(shape).numel())


class Network(nn.Module):
    """Rule layers in a row, and the loss that teaches the last one.

    Attributes
    ----------
    spec : NetworkSpec
    rule : Rule
    body : nn.Sequential
        The layers, with a Flatten where images become vectors; a block is a `ResidualBlock`.
    """

    def __init__(self, spec: NetworkSpec, rule: Rule, seed: int) -> None:
        """Make the layers; `build_network` is the usual way."""
        super().__init__()
        self.spec, self.rule = spec, rule
        builder = _Builder(spec, rule, seed)
        shapes = layer_shapes(spec)
        modules: list[nn.Module] = []
        for layer, shape, out in zip(spec.layers, shapes[:-1], shapes[1:], strict=True):
            modules += builder.layer(layer, shape, out)
        modules += builder.output(shapes[-1])
        self.body = nn.Sequential(*modules)
        self._cells = builder.cells

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
        """Return the layers of weights, from the lowest up; a block's shortcut comes after its branch."""
        return [module for module in self.body.modules() if isinstance(module, RuleLayer)]

    def cells(self) -> list[RuleModule]:
        """Return for each of `layers` the module that holds its cells: itself, or the `Cells` it drives."""
        return list(self._cells)

    def parameter_groups(self, lr: float, weight_decay: float = 0.0) -> list[dict[str, Any]]:
        """Return an optimizer's parameter groups, with the rule's learning rate for every layer.

        Parameters of the same rate share a group, which has ``params``, ``lr``, ``weight_decay`` and ``name``
        (the layers, ``layer0`` ...; weights with a rate of their own are named, as ``layer0.Z``; gains and
        offsets of the norm after layer 0 are ``norm0``). ``weight_decay`` is relative to ``lr``: every layer
        loses the share ``lr * weight_decay`` a step (over 1 - momentum, where SGD has momentum), however its
        rate differs. Gains and offsets of norms do not decay: what a norm after the next synapses makes up
        for would still shrink event rates, and with them the range in which a dendrite hears.
        """
        groups: dict[tuple[float, bool], list[tuple[str, nn.Parameter]]] = {}
        last, number = len(self.layers()) - 1, -1
        for module in self.body.modules():
            number += isinstance(module, RuleLayer)
            # what is apart from the weights of a layer, its norm and its cells, comes right after them
            above = last - max(number, 0)
            usual = self.rule.learning_rate("weight", above)
            for name, parameter in module.named_parameters(recurse=False):
                known = module.rate_name(name) if isinstance(module, RuleModule) else name
                rate = self.rule.learning_rate(known, above)
                of_norm = not isinstance(module, RuleModule) and parameter.dim() == 1
                label = f"norm{number}" if of_norm else f"layer{number}"
                if rate != usual and not of_norm:
                    label += f".{name}"
                groups.setdefault((rate, of_norm), []).append((label, parameter))
        return [
            dict(
                params=[parameter for _, parameter in members],
                lr=lr * rate,
                weight_decay=weight_decay / rate if rate and not of_norm else 0.0,
                name="+".join(dict.fromkeys(label for label, _ in members)),
            )
            for (rate, of_norm), members in groups.items()
        ]


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
