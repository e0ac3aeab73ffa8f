"""Rule layers: `Dense` and `Conv2d`, modules whose backward pass is a learning rule.

They drop into ordinary PyTorch code, for example ``nn.Sequential(nn.Flatten(), Dense(784, 500, rule),
Dense(500, 10, rule, output="sigmoid"))``. An output layer returns the somatic inputs of its units (logits),
because 1 - e of a well-learned image has no digits left in e. `burstprop.reduced.layers.losses.teaching_loss`
keeps all digits and tells the layers its scale, whatever it is multiplied by (a `GradScaler`, a part of a
batch). Any other loss of the logits will do that is a mean over the batch and multiplied by nothing: its
scale is taken to be one over the number of images, and a teacher does not change bursts in proportion to a
scale.

Under autocast the forward product and all sweeps run in the lower precision, the output layer's in float32.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from burstprop.errors import BurstpropError
from burstprop.reduced.layers.feedback import Weights
from burstprop.reduced.layers.messages import Message, deliver
from burstprop.reduced.layers.module import RuleModule, check_first_derivative, uncompiled
from burstprop.reduced.layers.rule import Activity, Arrival, Rule, Signals
from burstprop.reduced.layers.units import output_rates, units


class _RuleFunction(torch.autograd.Function):
    """The forward product of a `RuleLayer`, and in its backward pass the rule."""

    @staticmethod
    def forward(
        ctx: Any, layer: RuleLayer, inputs: Tensor, weight: Tensor, bias: Tensor | None, *more: Tensor
    ) -> Tensor:
        ctx.layer, ctx.message, ctx.noise, ctx.disturbed = layer, None, None, None
        if torch.is_autocast_enabled(inputs.device.type):
            dtype = layer.compute_dtype(inputs)
            with torch.autocast(inputs.device.type, enabled=False):
                inputs = inputs.to(dtype)
                rates = layer.drive(inputs, weight.to(dtype), None if bias is None else bias.to(dtype))
        else:
            rates = layer.drive(inputs, weight, bias)
        if not layer.has_cells:
            ctx.save_for_backward(inputs, None, weight, *more)
            return rates
        if layer.rule.passes == 2 and layer.training:
            ctx.noise = layer.rule.disturb(rates[len(rates) // 2 :])
        if not layer.is_output:
            layer.units.rate_(rates)
        elif ctx.noise is not None:
            ctx.disturbed = rates[len(rates) // 2 :].clone()
        ctx.save_for_backward(inputs, rates, weight, *more)
        return rates

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> Any:
        check_first_derivative()
        if torch.is_autocast_enabled(error.device.type):
            # products keep the precision of their operands
            with torch.autocast(error.device.type, enabled=False):
                return _RuleFunction.backward(ctx, error)
        layer = ctx.layer
        message, rule = layer.told(ctx.message, error), layer.rule
        ctx.message = None
        inputs, rates, weight, *more = ctx.saved_tensors
        shape = inputs.shape
        if ctx.noise is not None:
            inputs, rates = inputs[: len(inputs) // 2], rates[: len(rates) // 2]
        elif rule.passes == 2 and layer.has_cells:
            raise BurstpropError(
                f"layer {layer}: {type(rule).__name__} learns from noise, which is there in training mode "
                "only: call train() on the network before the forward pass"
            )
        if layer.is_output:
            rates = output_rates(rates, layer.output)
        weights = Weights(weight, more, layer.places, error.dtype if rates is None else rates.dtype)
        lowest = not ctx.needs_input_grad[1]
        activity = Activity(layer, inputs, rates, weights, message.scale, lowest, ctx.noise)
        spare = not message.shared and layer.observer is None
        arrival = Arrival(error, message.burst, message.broadcast, spare)
        if layer.observer is not None:
            layer.observer(activity, arrival)
        signals = layer.signals(activity, arrival)
        # what arrived is freed, and what is sent made before the gradient: less memory at the peak
        del arrival
        message.burst = None
        sent = below = None
        if not lowest:
            sent = rule.descend(activity, signals)
            broadcast = message.broadcast if signals.broadcast is None else signals.broadcast
            onward = Message(message.scale, sent.burst, broadcast, clash=message.clash)
            deliver(ctx.next_functions[0], onward)
            below = inputs.new_zeros(()).expand(shape) if sent.error is None else sent.error
        gradient, bias_gradient = layer.correlate(signals.error, inputs)
        learned = rule.learn(activity, signals, sent, gradient)
        return None, below, gradient, bias_gradient, *layer.gradients(learned)


class RuleLayer(RuleModule):
    """Synapses and the cells that they drive, or synapses alone, and the products they take part in.

    Attributes
    ----------
    weight, bias : nn.Parameter
        Forward weights (out x in, or out x in x height x width) and biases (out; None for synapses without).
    output : str or None
        For an output layer ``"sigmoid"`` or ``"softmax"``.

    The others are those of `RuleModule`.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    axes: str
    """Axes of the inputs."""

    def __init__(
        self,
        shape: tuple[int, ...],
        rule: Rule,
        *,
        activation: str = "sigmoid",
        output: str | None = None,
        gain: float = 1.0,
        bias: float | None = 0.0,
        classes: int | None = None,
        lowest: bool = False,
        output_shape: tuple[int, ...] | None = None,
        generator: torch.Generator | None = None,
        feedback_generator: torch.Generator | None = None,
    ) -> None:
        """Draw the start weights; the feedback weights are drawn from ``feedback_generator``.

        ``activation = "none"`` makes synapses alone, for `Cells` that come later. ``bias = None`` makes none.
        """
        if output not in (None, "sigmoid", "softmax"):
            raise BurstpropError(f"output = {output!r}: give 'sigmoid', 'softmax' or None for a hidden layer")
        if output is None and activation == "softmax":
            raise BurstpropError("activation = 'softmax' is for output layers: give output='softmax'")
        if output == "softmax" and rule.teacher == "squared":
            raise BurstpropError(
                "softmax output units learn by cross-entropy: give the rule teacher='cross_entropy'"
            )
        super().__init__(rule, units(output or activation), classes, lowest)
        self.output, self.is_output, self.output_shape = output, output is not None, output_shape
        self.weight = nn.Parameter(self.draw(shape, gain, generator))
        self.bias = None if bias is None else nn.Parameter(torch.full((shape[0],), bias))
        beside = rule.feedback_weights(self, feedback_generator)
        if self.has_cells:
            beside |= rule.cell_weights(self, feedback_generator)
        self.keep(beside)

    @property
    def size(self) -> int:
        """Number of units, or of maps."""
        return len(self.weight)

    def signals(self, activity: Activity, arrival: Arrival) -> Signals:
        """Return the layer's own signals: its cells', or, of synapses alone, those of the cells above them.

        Raises
        ------
        BurstpropError
            Where the cells above sent no bursts, and what is below needs them.
        """
        if self.is_output:
            return self.rule.output(activity, arrival)
        if self.has_cells:
            return self.rule.hidden(activity, arrival)
        if arrival.burst is None and self.rule.needs_burst and not activity.lowest:
            raise BurstpropError(
                f"layer {self}: no bursts came from the cells above. They were built with lowest=True, but "
                "what is below these synapses learns too; build the cells with lowest=False"
            )
        return Signals(arrival.error, arrival.burst)

    def compute_dtype(self, inputs: Tensor) -> torch.dtype:
        """Return the precision of the layer's products under autocast: that of the weights for output
        layers."""
        return self.weight.dtype if self.is_output else torch.get_autocast_dtype(inputs.device.type)

    def draw(self, shape: tuple[int, ...], gain: float, generator: torch.Generator | None) -> Tensor:
        """Return start weights."""
        raise NotImplementedError

    def drive(self, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return the somatic inputs."""
        raise NotImplementedError

    def feed_back(self, signal: Tensor, weight: Tensor, inputs: Tensor) -> Tensor:
        """Return ``signal`` (rows x output shape) sent down through ``weight`` (rows x shape of a row of
        ``inputs``)."""
        raise NotImplementedError

    def correlate(self, signal: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the sums over the rows of signal times input (shape of the weights) and of signal (of the
        bias)."""
        raise NotImplementedError

    @uncompiled
    def forward(self, inputs: Tensor) -> Tensor:
        """Return event rates, or an output layer's logits; raises BurstpropError for inputs of other axes."""
        if inputs.dim() != self.weight.dim():
            raise BurstpropError(
                f"layer {self}: inputs have shape {tuple(inputs.shape)}: give {self.axes}, with "
                f"{self.weight.shape[1]} {self.axes.split(' x ')[1]}"
            )
        return _RuleFunction.apply(self, inputs, self.weight, self.bias, *self.stored())


class Dense(RuleLayer):
    """Fully connected layer, N x ``inputs`` to N x ``units``.

    Weights start Xavier normal, sd = gain sqrt(2 / (in + out)) (Glorot and Bengio 2010).
    """

    axes = "images x inputs"

    def __init__(self, inputs: int, units: int, rule: Rule, **more: Any) -> None:
        """Make a layer; the further arguments are those of `RuleLayer`."""
        super().__init__((units, inputs), rule, output_shape=(units,), **more)

    def draw(self, shape: tuple[int, ...], gain: float, generator: torch.Generator | None) -> Tensor:
        """Return start weights."""
        return torch.empty(shape).normal_(0.0, gain * math.sqrt(2.0 / sum(shape)), generator=generator)

    def drive(self, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return the somatic inputs."""
        return functional.linear(inputs, weight, bias)

    def feed_back(self, signal: Tensor, weight: Tensor, inputs: Tensor) -> Tensor:
        """Return ``signal @ weight``."""
        return signal @ weight

    def correlate(self, signal: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return ``signal^T inputs`` and the sum of ``signal`` over the rows."""
        return signal.t() @ inputs, None if self.bias is None else signal.sum(0)


class Conv2d(RuleLayer):
    """Convolution of N x channels x height x width, square kernel, with the feedback of a transposed
    convolution.

    Weights start normal with Kaiming's fan-out scale, sd = gain sqrt(2 / (channels out kernel^2)) (He et al.
    2015), for rectified units and synapses alone, and with Xavier's, gain sqrt(2 / ((channels in + channels
    out) kernel^2)), for sigmoid ones. ``groups`` as in ``nn.Conv2d``: groups of maps that see only their own
    channels (one for each channel: depthwise).

    ``output_size`` (height, width of the output in pixels) is needed only by rules that broadcast to every
    unit.
    """

    axes = "images x channels x height x width"

    def __init__(
        self,
        channels: int,
        maps: int,
        kernel: int,
        rule: Rule,
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        output_size: tuple[int, ...] | None = None,
        activation: str = "sigmoid",
        **more: Any,
    ) -> None:
        """Make a layer; the further arguments are those of `RuleLayer`."""
        if groups < 1 or channels % groups or maps % groups:
            raise BurstpropError(
                f"Conv2d: groups = {groups}: {channels} channels and {maps} maps cannot both be divided into "
                "so many groups of equal size"
            )
        self.stride, self.padding, self.groups = (stride, stride), (padding, padding), groups
        self.rectified = activation != "sigmoid"
        shape = (maps, channels // groups, kernel, kernel)
        output_shape = (maps, *output_size) if output_size else None
        super().__init__(shape, rule, activation=activation, output_shape=output_shape, **more)

    def draw(self, shape: tuple[int, ...], gain: float, generator: torch.Generator | None) -> Tensor:
        """Return start weights."""
        maps, channels, *kernel = shape
        maps = maps // self.groups
        fan = math.prod(kernel) * (maps if self.rectified else maps + channels)
        return torch.empty(shape).normal_(0.0, gain * math.sqrt(2.0 / fan), generator=generator)

    def drive(self, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return the somatic inputs."""
        return torch.conv2d(inputs, weight, bias, self.stride, self.padding, 1, self.groups)

    def feed_back(self, signal: Tensor, weight: Tensor, inputs: Tensor) -> Tensor:
        """Return the transposed convolution of ``signal`` with ``weight``."""
        rest = [
            size - (out - 1) * stride + 2 * padding - side
            for size, out, stride, padding, side in zip(
                inputs.shape[2:], signal.shape[2:], self.stride, self.padding, weight.shape[2:], strict=True
            )
        ]
        return functional.conv_transpose2d(signal, weight, None, self.stride, self.padding, rest, self.groups)

    def correlate(self, signal: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the convolution's gradients by weights and bias."""
        _, gradient, bias = torch.ops.aten.convolution_backward(
            signal, inputs, self.weight.to(signal.dtype), [len(self.weight)], self.stride, self.padding,
            (1, 1), False, (0, 0), self.groups, (False, True, self.bias is not None),
        )  # fmt: skip
        return gradient, bias
