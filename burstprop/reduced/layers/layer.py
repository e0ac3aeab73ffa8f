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
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from burstprop.errors import BurstpropError, near
from burstprop.reduced.layers.feedback import Weights
from burstprop.reduced.layers.messages import Message, deliver
from burstprop.reduced.layers.rule import Activity, Arrival, Rule
from burstprop.reduced.layers.units import output_rates, units


class _RuleFunction(torch.autograd.Function):
    """The forward product of a `RuleLayer`, and in its backward pass the rule."""

    @staticmethod
    def forward(
        ctx: Any, layer: RuleLayer, inputs: Tensor, weight: Tensor, bias: Tensor, *more: Tensor
    ) -> Tensor:
        ctx.layer, ctx.message, ctx.noise, ctx.disturbed = layer, None, None, None
        if torch.is_autocast_enabled(inputs.device.type):
            dtype = layer.compute_dtype(inputs)
            with torch.autocast(inputs.device.type, enabled=False):
                inputs = inputs.to(dtype)
                rates = layer.drive(inputs, weight.to(dtype), bias.to(dtype))
        else:
            rates = layer.drive(inputs, weight, bias)
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
        if torch.is_grad_enabled():
            raise BurstpropError(
                "a learning rule has no second derivative: call backward() without create_graph"
            )
        if torch.is_autocast_enabled(error.device.type):
            # products keep the precision of their operands
            with torch.autocast(error.device.type, enabled=False):
                return _RuleFunction.backward(ctx, error)
        layer, message = ctx.layer, ctx.message
        ctx.message = None
        rule = layer.rule
        inputs, rates, weight, *more = ctx.saved_tensors
        if message is None:
            message = layer.message_of_plain_loss(error)
        if message.clash and (rule.needs_message or rule.needs_scale):
            raise BurstpropError(
                f"layer {layer}: {message.clash}, meet here, and {type(rule).__name__} has one teacher: give "
                "them the same weight and one output layer, or call backward(retain_graph=True) for each; "
                "gradients add"
            )
        shape = inputs.shape
        if ctx.noise is not None:
            inputs, rates = inputs[: len(inputs) // 2], rates[: len(rates) // 2]
        elif rule.passes == 2:
            raise BurstpropError(
                f"layer {layer}: {type(rule).__name__} learns from noise, which is there in training mode "
                "only: call train() on the network before the forward pass"
            )
        if layer.is_output:
            rates = output_rates(rates, layer.output)
        weights = Weights(weight, more, layer.places, rates.dtype)
        lowest = not ctx.needs_input_grad[1]
        activity = Activity(layer, inputs, rates, weights, message.scale, lowest, ctx.noise)
        spare = not message.shared and layer.observer is None
        arrival = Arrival(error, message.burst, message.broadcast, spare)
        if layer.observer is not None:
            layer.observer(activity, arrival)
        signals = (rule.output if layer.is_output else rule.hidden)(activity, arrival)
        # what arrived is freed, and what is sent made before the gradient: less memory at the peak
        del arrival
        message.burst = None
        sent = below = None
        if not lowest:
            sent = rule.descend(activity, signals)
            broadcast = message.broadcast if signals.broadcast is None else signals.broadcast
            onward = Message(message.scale, sent.burst, broadcast, clash=message.clash)
            deliver(ctx.next_functions[0][0], onward)
            below = inputs.new_zeros(()).expand(shape) if sent.error is None else sent.error
        gradient, bias_gradient = layer.correlate(signals.error, inputs)
        learned = rule.learn(activity, signals, sent, gradient)
        gradients: list[Tensor | None] = []
        for name, (place, follows) in layer.places.items():
            if follows is None:
                gradients.append(learned.get(name))
            else:
                gradients += (torch.zeros_like(more[place]), None)
        return None, below, gradient, bias_gradient, *gradients


class RuleLayer(nn.Module):
    """Weights, bias and feedback weights of one layer, and the products they take part in.

    Attributes
    ----------
    weight, bias : nn.Parameter
        Forward weights (out x in, or out x in x height x width) and biases (out).
    places : dict
        The weights that the rule has beside them, in the order of their names, with where they are among
        what is stored and what they follow (see `burstprop.reduced.layers.feedback`). `feedback` reads them,
        and `set_feedback` writes them. ``Y`` (shape of ``weight``) carries feedback from this layer to the
        one below.
    units, output : Units, str or None
        Units of a hidden layer; for an output layer ``"sigmoid"`` or ``"softmax"``.
    classes : int or None
        Number of output units of the network, for rules that broadcast to every layer.
    observer : callable or None
        Called with (Activity, Arrival) in every backward pass.
    lowest : bool
        The layer's input is the image: it needs no weights that send feedback down.
    """

    weight: nn.Parameter
    bias: nn.Parameter
    output_shape: tuple[int, ...] | None
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
        bias: float = 0.0,
        classes: int | None = None,
        lowest: bool = False,
        generator: torch.Generator | None = None,
        feedback_generator: torch.Generator | None = None,
    ) -> None:
        """Draw the start weights; the feedback weights are drawn from ``feedback_generator``."""
        super().__init__()
        if output not in (None, "sigmoid", "softmax"):
            raise BurstpropError(f"output = {output!r}: give 'sigmoid', 'softmax' or None for a hidden layer")
        if output is None and activation == "softmax":
            raise BurstpropError("activation = 'softmax' is for output layers: give output='softmax'")
        if output == "softmax" and rule.teacher == "squared":
            raise BurstpropError(
                "softmax output units learn by cross-entropy: give the rule teacher='cross_entropy'"
            )
        self.rule, self.output, self.units, self.classes = rule, output, units(output or activation), classes
        self.is_output = output is not None
        self.lowest = lowest
        self.observer: Callable[[Activity, Arrival], None] | None = None
        self.weight = nn.Parameter(self.draw(shape, gain, generator))
        self.bias = nn.Parameter(torch.full((shape[0],), bias))
        self.places: dict[str, tuple[int, float | None]] = {}
        self._stored: tuple[str, ...] = ()
        for name, start in rule.feedback_weights(self, feedback_generator).items():
            self.places[name] = (len(self._stored), start.follows)
            for key, value in start.stored(name, self.weight).items():
                self._stored += (key,)
                if isinstance(value, nn.Parameter):
                    self.register_parameter(key, value)
                else:
                    self.register_buffer(key, value)

    def feedback(self, name: str) -> Tensor:
        """Return the feedback weights ``name``; a new tensor where they follow the forward weights.

        Raises
        ------
        BurstpropError
            Where the layer has none of this name.
        """
        self._check_feedback(name)
        stored = [getattr(self, key).detach() for key in self._stored]
        return Weights(self.weight.detach(), stored, self.places, self.weight.dtype)[name]

    @torch.no_grad()
    def set_feedback(self, name: str, value: Tensor) -> None:
        """Give the feedback weights ``name`` another value.

        Weights that follow the forward weights are kept as their difference to them, so whoever assigns
        ``weight`` anew moves them too, and sets them afterwards.

        Raises
        ------
        BurstpropError
            Where the layer has none of this name, or of another shape.
        """
        self._check_feedback(name)
        place, follows = self.places[name]
        own = getattr(self, self._stored[place])
        shape = own.shape if follows is None else self.weight.shape
        if value.shape != shape:
            raise BurstpropError(
                f"layer {self}: feedback weights {name!r} have shape {tuple(shape)}, and the value has "
                f"{tuple(value.shape)}"
            )
        if follows is None:
            own.copy_(value)
        else:
            own.fill_(1.0)
            getattr(self, self._stored[place + 1]).copy_(torch.sub(value, self.weight, alpha=follows))

    def _check_feedback(self, name: str) -> None:
        if name not in self.places:
            raise BurstpropError(f"layer {self}: no feedback weights {name!r}; {near(name, self.places)}")

    def rate_name(self, parameter: str) -> str:
        """Return by which name `Rule.rate` knows a parameter: a share of weights that follow goes with
        ``weight``."""
        following = any(
            follows is not None and self._stored[place] == parameter
            for place, follows in self.places.values()
        )
        return "weight" if following else parameter

    def compute_dtype(self, inputs: Tensor) -> torch.dtype:
        """Return the precision of the layer's products under autocast: that of the weights for output
        layers."""
        return self.weight.dtype if self.is_output else torch.get_autocast_dtype(inputs.device.type)

    def message_of_plain_loss(self, error: Tensor) -> Message:
        """Return the message where none came: the loss is taken as a mean over the rows of ``error``.

        Raises
        ------
        BurstpropError
            Where the rule needs more from above than a gradient.
        """
        if self.rule.passes == 2 or (self.rule.needs_message and not self.is_output):
            raise BurstpropError(
                f"layer {self}: the layer above sent nothing but a gradient. "
                f"{type(self.rule).__name__} needs rule layers up to "
                "the output layer (output='sigmoid' or 'softmax'), and network.loss or teaching_loss"
            )
        return Message(error.new_tensor(1.0 / max(len(error), 1)))

    def draw(self, shape: tuple[int, ...], gain: float, generator: torch.Generator | None) -> Tensor:
        """Return start weights."""
        raise NotImplementedError

    def drive(self, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the somatic inputs."""
        raise NotImplementedError

    def feed_back(self, signal: Tensor, weight: Tensor, inputs: Tensor) -> Tensor:
        """Return ``signal`` (rows x output shape) sent down through ``weight`` (rows x shape of a row of
        ``inputs``)."""
        raise NotImplementedError

    def correlate(self, signal: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sums over the rows of signal times input (shape of the weights) and of signal (of the
        bias)."""
        raise NotImplementedError

    def forward(self, inputs: Tensor) -> Tensor:
        """Return event rates, or an output layer's logits; raises BurstpropError for inputs of other axes."""
        if inputs.dim() != self.weight.dim():
            raise BurstpropError(
                f"layer {self}: inputs have shape {tuple(inputs.shape)}: give {self.axes}, with "
                f"{self.weight.shape[1]} {self.axes.split(' x ')[1]}"
            )
        return _RuleFunction.apply(
            self, inputs, self.weight, self.bias, *[getattr(self, name) for name in self._stored]
        )

    def extra_repr(self) -> str:
        """Shape and rule, as ``print(network)`` shows them."""
        return f"{tuple(self.weight.shape)}, {type(self.rule).__name__}, {self.units.name}"


class Dense(RuleLayer):
    """Fully connected layer, N x ``inputs`` to N x ``units``.

    Weights start Xavier normal, sd = gain sqrt(2 / (in + out)) (Glorot and Bengio 2010).
    """

    axes = "images x inputs"

    def __init__(self, inputs: int, units: int, rule: Rule, **more: Any) -> None:
        """Make a layer; the further arguments are those of `RuleLayer`."""
        self.output_shape = (units,)
        super().__init__((units, inputs), rule, **more)

    def draw(self, shape: tuple[int, ...], gain: float, generator: torch.Generator | None) -> Tensor:
        """Return start weights."""
        return torch.empty(shape).normal_(0.0, gain * math.sqrt(2.0 / sum(shape)), generator=generator)

    def drive(self, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the somatic inputs."""
        return functional.linear(inputs, weight, bias)

    def feed_back(self, signal: Tensor, weight: Tensor, inputs: Tensor) -> Tensor:
        """Return ``signal @ weight``."""
        return signal @ weight

    def correlate(self, signal: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``signal^T inputs`` and the sum of ``signal`` over the rows."""
        return signal.t() @ inputs, signal.sum(0)


class Conv2d(RuleLayer):
    """Convolution of N x channels x height x width, square kernel, with the feedback of a transposed
    convolution.

    Weights start normal with Kaiming's fan-out scale, sd = gain sqrt(2 / (channels out kernel^2)) (He et al.
    2015), for rectified units, and with Xavier's, gain sqrt(2 / ((channels in + channels out) kernel^2)), for
    sigmoid ones.

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
        output_size: tuple[int, ...] | None = None,
        activation: str = "sigmoid",
        **more: Any,
    ) -> None:
        """Make a layer; the further arguments are those of `RuleLayer`."""
        self.stride, self.padding = (stride, stride), (padding, padding)
        self.rectified = activation == "relu"
        self.output_shape = (maps, *output_size) if output_size else None
        super().__init__((maps, channels, kernel, kernel), rule, activation=activation, **more)

    def draw(self, shape: tuple[int, ...], gain: float, generator: torch.Generator | None) -> Tensor:
        """Return start weights."""
        maps, channels, *kernel = shape
        fan = math.prod(kernel) * (maps if self.rectified else maps + channels)
        return torch.empty(shape).normal_(0.0, gain * math.sqrt(2.0 / fan), generator=generator)

    def drive(self, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the somatic inputs."""
        return torch.conv2d(inputs, weight, bias, self.stride, self.padding)

    def feed_back(self, signal: Tensor, weight: Tensor, inputs: Tensor) -> Tensor:
        """Return the transposed convolution of ``signal`` with ``weight``."""
        rest = [
            size - (out - 1) * stride + 2 * padding - side
            for size, out, stride, padding, side in zip(
                inputs.shape[2:], signal.shape[2:], self.stride, self.padding, weight.shape[2:], strict=True
            )
        ]
        return functional.conv_transpose2d(signal, weight, None, self.stride, self.padding, rest)

    def correlate(self, signal: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the convolution's gradients by weights and bias."""
        _, gradient, bias = torch.ops.aten.convolution_backward(
            signal, inputs, self.weight.to(signal.dtype), [len(self.weight)], self.stride, self.padding,
            (1, 1), False, (0, 0), 1, (False, True, True),
        )  # fmt: skip
        return gradient, bias
