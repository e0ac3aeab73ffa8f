"""`Cells`: pyramidal cells apart from their synapses, for layers where something stands between the two.

A rule layer holds synapses and cells: its somatic input is what its synapses give. Where the input is first
normalised, or summed with that of other synapses (the shortcut of a residual block), the parts are separate
modules::

    nn.Sequential(
        Conv2d(64, 64, 3, rule, padding=1, activation="none"),  # synapses: rates in, somatic input out
        nn.BatchNorm2d(64),                                     # acts on the somatic input
        Cells(rule, "relu"),                                    # somatic input in, event rates out
    )

The dendrites belong to the cells: there the feedback becomes a burst probability. What stands between cells
and synapses carries bursts down as it carries gradients. Event rates are what leaves the cells, so they stay
positive whatever normalises the input of the soma.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from burstprop.errors import BurstpropError
from burstprop.reduced.layers.feedback import Weights
from burstprop.reduced.layers.messages import Message, deliver
from burstprop.reduced.layers.module import RuleModule, check_first_derivative, uncompiled
from burstprop.reduced.layers.rule import Activity, Arrival, Rule
from burstprop.reduced.layers.units import units


class _CellsFunction(torch.autograd.Function):
    """Event rates of somatic inputs; in the backward pass, the dendrites."""

    @staticmethod
    def forward(ctx: Any, cells: Cells, somatic: Tensor, *more: Tensor) -> Tensor:
        ctx.cells, ctx.message, ctx.noise = cells, None, None
        if cells.inplace:
            ctx.mark_dirty(somatic)
        rates = somatic if cells.inplace else somatic.clone()
        if cells.rule.passes == 2 and cells.training:
            ctx.noise = cells.rule.disturb(rates[len(rates) // 2 :])
        cells.units.rate_(rates)
        ctx.save_for_backward(rates, *more)
        return rates

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> Any:
        check_first_derivative()
        if torch.is_autocast_enabled(error.device.type):
            with torch.autocast(error.device.type, enabled=False):
                return _CellsFunction.backward(ctx, error)
        cells, (rates, *more) = ctx.cells, ctx.saved_tensors
        rule, message = cells.rule, cells.told(ctx.message, error)
        ctx.message = None
        if ctx.noise is not None:
            rates, error = rates[: len(rates) // 2], error[: len(rates) // 2]
        elif rule.passes == 2:
            raise BurstpropError(
                f"layer {cells}: {type(rule).__name__} learns from noise, which is there in training mode "
                "only: call train() on the network before the forward pass"
            )
        weights = Weights(None, more, cells.places, rates.dtype)
        nothing: Any = None  # cells have no inputs but the somatic one
        activity = Activity(cast(Any, cells), nothing, rates, weights, message.scale, cells.lowest, ctx.noise)
        spare = not message.shared and cells.observer is None
        arrival = Arrival(error, message.burst, message.broadcast, spare)
        if cells.observer is not None:
            cells.observer(activity, arrival)
        signals = rule.hidden(activity, arrival)
        del arrival
        message.burst = None
        learned = rule.learn(activity, signals, None, None) if cells.places else {}
        broadcast = message.broadcast if signals.broadcast is None else signals.broadcast
        burst = None if cells.lowest else signals.burst
        deliver(ctx.next_functions[0], Message(message.scale, burst, broadcast, clash=message.clash))
        taught = signals.error
        if ctx.noise is not None:
            taught = torch.cat((taught, torch.zeros_like(taught)))
        return None, taught, *cells.gradients(learned)


class Cells(RuleModule):
    """Cells whose somatic input other modules make.

    They turn it, N x units or N x maps x height x width, into event rates of the same shape.

    Attributes
    ----------
    units : Units
    size : int or None
        Number of units, or of maps.
    inplace : bool
        The rates are written over the somatic input, as by ``nn.ReLU(inplace=True)``. PyTorch raises an error
        where the module that made the input needs it for its own gradient.
    """

    weight = None

    def __init__(
        self,
        rule: Rule,
        activation: str = "sigmoid",
        *,
        size: int | None = None,
        output_size: tuple[int, ...] = (),
        classes: int | None = None,
        lowest: bool = False,
        inplace: bool = False,
        feedback_generator: torch.Generator | None = None,
    ) -> None:
        """Make cells.

        ``size`` and ``output_size`` (height, width in pixels) are needed by rules that give cells weights of
        their own (recurrent inhibition, broadcast). ``lowest``: what is below these cells and their synapses
        is the image, so that they send no bursts.
        """
        if activation in ("softmax", "none"):
            raise BurstpropError(f"Cells: activation = {activation!r}: give 'sigmoid' or 'relu'")
        super().__init__(rule, units(activation), classes, lowest)
        self.size, self.inplace = size, inplace
        self.output_shape = None if size is None else (size, *output_size)
        self.keep(rule.cell_weights(self, feedback_generator))

    @uncompiled
    def forward(self, somatic: Tensor) -> Tensor:
        """Return the event rates."""
        return _CellsFunction.apply(self, somatic, *self.stored())
