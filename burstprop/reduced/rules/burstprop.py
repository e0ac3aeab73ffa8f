"""Burstprop (Payeur, Guerguiev, Zenke, Richards and Naud 2021, doi 10.1038/s41593-021-00857-x), in discrete
time.

Sigmoid units: the feedback x = b Y and dx = (b_t - b) Y from the layer above gives the burst probabilities p
= sigmoid(x (1 - e)) without a teacher and p_t = sigmoid((x + dx)(1 - e)) with one; b = p e; the forward
weights change along (b_t - b)^T e of the layer below. Rectified units: (1 - e) becomes [e > 0]/(e + 1e-8).
Output units: p = p0; p_t = p0 ((t - e)(1 - e) + 1) for the squared error, min(p0 (kappa (t - e)/(e + 1e-8) +
1), 1) with the change divided by kappa for cross-entropy.

Recurrent dendritic inhibition c = b_pre Z^T with b_pre = sigmoid(x) e is subtracted from the dendritic
potential and learns, along (x (1 - e) - c)^T b_pre, to cancel what is not the teacher's; in a convolutional
layer Z couples the maps at every pixel.

The size of the teaching. A sigmoid's slope is at most 1/4, so each dendrite divides what it passes on by
four: a layer with k dendrites above it, its own among them, is taught p0 4^-k times as strongly as by
backpropagation, and where two paths meet, a branch with two dendrites more counts sixteen times less. As
published p_t = sigmoid(x + dx/kappa_l) may amplify the change; here every dendrite does (``amplified``,
kappa_l = 1/4): what travels is 4 (b_t - b), of the size of backpropagation's error however many dendrites are
above, and ``teaching`` times it moves the dendrite, p_t = sigmoid((x + teaching dx)(1 - e)). For a weak
teacher nothing but the size changes.

The range of the dendrite. Where x (1 - e), or x/e, is large without a teacher, p is near 0 or 1, and the
dendrite no longer hears. ``inhibition`` is the part of x that inhibition of the dendrite cancels (by cells
that know the events, as in BurstCCN, which cancels all of it); what the teacher changes is not cancelled.

Departures: b_t is never formed; b and b_t - b travel (`burstprop.reduced.layers.rule`), so that kappa sets
nothing but the clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.grad import conv2d_weight

from burstprop.errors import BurstpropError
from burstprop.parameters import quantity
from burstprop.reduced.layers.numerics import burst_code
from burstprop.reduced.layers.rule import (
    Activity,
    Arrival,
    BurstProbability,
    CellLayer,
    FeedbackWeight,
    Layer,
    Rule,
    Signals,
)
from burstprop.reduced.layers.units import TINY
from burstprop.reduced.rules.pathways import SCALES, check_choice, pathway, start_feedback


@dataclass(frozen=True)
class Burstprop(Rule):
    """Burst multiplexing: the teacher changes burst probabilities, events go on carrying the image."""

    feedback: str = field(
        default="learned", metadata={"doc": "feedback weights Y: learned (as W), fixed, or symmetric (Y = W)"}
    )
    p0: float = quantity(
        0.2, "1", "burst probability of output units without a teacher", low=0.0, high=1.0, open_low=True
    )
    kappa: float = quantity(
        1e-5,
        "1",
        "size of the cross-entropy teacher; sets only where p_t is clipped at 1",
        low=0.0,
        open_low=True,
    )
    feedback_sd: float = quantity(
        1.0, "1", "start sd of Y, in units of feedback_scale", low=0.0, open_low=True
    )
    feedback_scale: str = field(
        default="weight",
        metadata={"doc": "unit of feedback_sd: weight (sd of W), fan_out (1/sqrt(out)) or absolute"},
    )
    recurrent: bool = quantity(False, "", "recurrent dendritic inhibition Z")
    recurrent_start: float = quantity(0.01, "1", "Z starts uniform between minus and plus this", low=0.0)
    recurrent_lr: float = quantity(1e-4, "1", "learning rate of Z over the optimizer's", low=0.0)
    amplified: bool = quantity(
        True,
        "",
        "dendrites amplify the teacher's change by 4 (off: as published, by 1)",
    )
    teaching: float = quantity(
        0.2, "1", "change of a dendrite by the teacher over backpropagation's error (amplified)", low=0.0,
        open_low=True,
    )  # fmt: skip

    inhibition: float = quantity(
        0.0,
        "1",
        "part of the feedback without a teacher that dendritic inhibition cancels",
        low=0.0,
        high=1.0,
    )

    FEEDBACK: ClassVar[tuple[str, ...]] = ("learned", "fixed", "symmetric")
    SCALES: ClassVar[tuple[str, ...]] = SCALES
    needs_message: ClassVar[bool] = True
    needs_burst: ClassVar[bool] = True
    needs_scale: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check every field; raises BurstpropError."""
        super().__post_init__()
        check_choice(self, "feedback", self.FEEDBACK)
        check_choice(self, "feedback_scale", self.SCALES)
        if self.recurrent and self.inhibition:
            raise BurstpropError(
                f"Burstprop.inhibition = {self.inhibition:g} and recurrent = True: recurrent inhibition "
                "learns what to cancel; give one of the two"
            )

    def feedback_weights(self, layer: Layer, generator: torch.Generator | None) -> dict[str, FeedbackWeight]:
        """Return Y of every layer but the lowest."""
        if self.feedback == "symmetric" or layer.lowest:
            return {}
        start = start_feedback(layer.weight, self.feedback_sd, self.feedback_scale, generator)
        return {"Y": FeedbackWeight(start, follows=1.0 if self.feedback == "learned" else None)}

    def cell_weights(self, layer: CellLayer, generator: torch.Generator | None) -> dict[str, FeedbackWeight]:
        """Return Z of hidden layers with recurrent inhibition."""
        if not self.recurrent or layer.is_output:
            return {}
        if layer.units.name != "sigmoid":
            raise BurstpropError(
                f"layer {layer}: recurrent inhibition is for sigmoid units; use recurrent=False"
            )
        if layer.size is None:
            raise BurstpropError(
                f"layer {layer}: recurrent inhibition must know the number of units or maps (size=...)"
            )
        start = torch.empty(layer.size, layer.size)
        start.uniform_(-self.recurrent_start, self.recurrent_start, generator=generator)
        return {"Z": FeedbackWeight(start, learned=True)}

    def output(self, activity: Activity, arrival: Arrival) -> Signals:
        """Return the change by the teacher (over p0 where amplified), and b = p0 e."""
        rates = activity.rates
        size = 1.0 if self.amplified else self.p0
        taught = arrival.error if self.amplified else arrival.error * self.p0
        if self.teacher == "cross_entropy":
            # p0 (t - e)/(e + 1e-8) e, at most (1 - p0)/kappa e, times size/p0; the error is -scale (t - e)
            sign = activity.scale.sign()  # minus where the loss is climbed
            taught = taught * (rates / (rates + TINY)).mul_(sign)
            most = activity.scale.abs() * ((1.0 - self.p0) / self.kappa * (size / self.p0))
            taught = torch.maximum(taught, rates * -most).mul_(sign)
        return Signals(taught, rates * self.p0)

    def hidden(self, activity: Activity, arrival: Arrival) -> Signals:
        """Return -scale (b_t - b), amplified or not, b = p e where it is sent on, and keep Z's gradient.

        They may be written over ``arrival.burst`` where that is ``spare``: read it before.
        """
        precision = activity.scale.dtype
        rates, arrived, error = (
            signal if signal.dtype == precision else signal.to(precision)
            for signal in (activity.rates, arrival.burst, arrival.error)
        )
        gradient = before = taught = None
        if self.recurrent:
            arrived, before = self._inhibited(activity, rates, arrived)
            gradient = _outer(arrived, before).mul_(-activity.scale)
        elif arrived is arrival.burst and not (arrival.spare and arrived.stride() == rates.stride()):
            arrived = torch.empty_like(rates).copy_(arrived)
        if not activity.lowest:
            taught = torch.empty_like(rates) if before is None else before  # which nobody needs any more
        scale, gain = self._sizes(activity)
        if self.inhibition and not self.recurrent:
            arrived.mul_(1.0 - self.inhibition)
        burst_code(activity.layer.units, rates, arrived, error, scale, taught, self.recurrent, gain)
        burst = None if activity.lowest else arrived
        if taught is None:
            taught = arrived
        if activity.rates.dtype != precision:
            taught = taught.to(activity.rates.dtype)
            burst = None if burst is None else burst.to(activity.rates.dtype)
        return Signals(taught, burst, kept=gradient)

    def _sizes(self, activity: Activity) -> tuple[Tensor, float]:
        """Return minus what an error that arrives is over the dendrite's change, and what multiplies b_t - b
        on its way out."""
        if self.amplified:
            return activity.scale / self.teaching, 4.0
        return activity.scale, 1.0

    def downward(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Y, or W."""
        return weights["weight"] if self.feedback == "symmetric" else pathway(weights, "Y")

    def descend(self, activity: Activity, signals: Signals) -> Signals:
        """Send b and b_t - b down through Y: in one product of twice the rows, but on the CPU one by one.

        (There the one product is no faster for matrices and 4 % of a step slower for convolutions, and b is
        freed before the other product, at the peak of a step's memory.)
        """
        layer, feedback, inputs = activity.layer, self.downward(activity.weights), activity.inputs
        if signals.error.is_cpu:
            burst = layer.feed_back(signals.burst, feedback, inputs)
            signals.burst = None
            return Signals(layer.feed_back(signals.error, feedback, inputs), burst)
        both = torch.cat((signals.burst, signals.error))
        burst, error = layer.feed_back(both, feedback, inputs).chunk(2)
        return Signals(error, burst)

    def burst_probability(self, activity: Activity, arrival: Arrival) -> BurstProbability:
        """Return sigmoid(u), sigmoid(u + du) and du."""
        units, rates = activity.layer.units, activity.rates.double()
        if self.recurrent:
            potential, _ = self._inhibited(activity, rates, arrival.burst.double())
        else:
            potential = units.through_apical(rates, arrival.burst.double()) * (1.0 - self.inhibition)
        step = units.through_apical(rates, arrival.error.double()) / -self._sizes(activity)[0]
        return BurstProbability(potential.sigmoid(), (potential + step).sigmoid(), step)

    @staticmethod
    def _inhibited(activity: Activity, rates: Tensor, arrived: Tensor) -> tuple[Tensor, Tensor]:
        """Return the dendritic potential x (1 - e) - c, and b_pre."""
        before = torch.sigmoid(arrived, out=torch.empty_like(rates)).mul_(rates)
        weights = activity.weights["Z"].to(rates.dtype)
        if rates.dim() == 2:
            inhibition = before @ weights.t()
        else:
            inhibition = torch.conv2d(before, weights[:, :, None, None])
        potential = torch.sub(arrived, inhibition, out=inhibition).addcmul_(arrived, rates, value=-1.0)
        return potential, before

    def learn(
        self, activity: Activity, signals: Signals, sent: Signals | None, gradient: Tensor | None
    ) -> dict[str, Tensor]:
        """Z learns to cancel the dendritic potential, along the gradient that `hidden` kept."""
        return {} if signals.kept is None else {"Z": signals.kept}

    def learning_rate(self, name: str, hidden_above: int) -> float:
        """Return the learning rate of a parameter; that of Z is a number of its own."""
        return self.recurrent_lr if name == "Z" else super().learning_rate(name, hidden_above)


def _outer(signal: Tensor, inputs: Tensor) -> Tensor:
    """Return the sum over images, and pixels, of signal times input (N x units, or N x maps x height x
    width)."""
    if signal.dim() == 2:
        return signal.t() @ inputs
    shape = (signal.shape[1], inputs.shape[1], 1, 1)
    return conv2d_weight(inputs, shape, signal)[:, :, 0, 0]
