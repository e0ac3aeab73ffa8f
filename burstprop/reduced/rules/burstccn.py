"""BurstCCN (Greedy, Zhu, Pemberton, Mellor and Costa 2022, NeurIPS; preprint doi 10.64898/2026.06.16.732595).

One phase. Bursts travel down through Y, events through Q by way of interneurons, and the apical potential is
apic = r (b_{t,l+1} Y + e_{l+1} Q), zero without a teacher where Q = -p0 Y. Hidden units: p_t = 2 p0
sigmoid((2/p0) apic (1 - e)) for sigmoid ones, 2 p0 sigmoid((2/p0) apic phi/(e + 1e-8)) for rectified ones,
phi = [e > 0], or min(e, 1) with ``ramp``. Output units: p_t = p0 ((t - e)(1 - e) s + 1) for the squared
error, 2 p0 sigmoid(4 p0 s (t - e)/(e + h)) on events e + h for cross-entropy, and without a shift (h = 0)
2 p0 sigmoid(4 s (t - e)/(e + 1e-8)). Weights change along (b_t - p0 e)^T e_below.

What travels is the change divided by p0 s (for cross-entropy by 2 p0^2 s, without a shift by 2 p0 s) and by
the product of r on its way: it has the size of backpropagation's error in every layer.

Written so that nothing cancels: b_t - p0 e = p0 e tanh(apic (1 - e)/p0), and apic = r ((b_t - p0 e) Y + e (p0
Y + Q)), whose second part vanishes, and is not computed, where Q is tied to Y.

Learned feedback: Kolen-Pollack (Y takes the change of W, Q that times -p0; with decay Y and W meet), or
apical silence (Y changes along -b^T apic without a teacher, until apic is silent; Q stays).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from burstprop.errors import BurstpropError
from burstprop.parameters import quantity
from burstprop.reduced.layers.numerics import over, silent_code
from burstprop.reduced.layers.rule import (
    Activity,
    Arrival,
    BurstProbability,
    FeedbackWeight,
    Layer,
    Rule,
    Signals,
)
from burstprop.reduced.layers.units import TINY
from burstprop.reduced.rules.pathways import SCALES, check_choice, pathway, start_feedback

FEEDBACK = ("kolen_pollack", "fixed", "symmetric", "apical_silence")


@dataclass(frozen=True)
class BurstCCN(Rule):
    """Bursting cortico-cortical network: a burst and an event pathway that cancel without a teacher."""

    feedback: str = field(
        default="kolen_pollack",
        metadata={"doc": "Y: kolen_pollack, fixed, symmetric (Y = W) or apical_silence"},
    )
    free_q: bool = quantity(False, "", "event pathway Q with weights of its own; off: Q = -p0 Y")
    p0: float = quantity(0.5, "1", "burst probability without a teacher", low=0.0, high=1.0, open_low=True)
    teaching: float = quantity(0.5, "1", "strength s of the teacher", low=0.0, open_low=True)
    shift: float = quantity(
        1.0, "1", "activity shift h of output units taught by cross-entropy; 0 saturates them", low=0.0
    )
    ramp: bool = quantity(False, "", "rectified units: phi = min(e, 1) in place of [e > 0]")
    feedback_gain: float = quantity(
        1.0, "1", "feedback scale r of the last hidden layer", low=0.0, open_low=True
    )
    feedback_sd: float = quantity(
        1.0, "1", "start sd of Y, in units of feedback_scale", low=0.0, open_low=True
    )
    feedback_scale: str = field(
        default="weight",
        metadata={"doc": "unit of feedback_sd: weight (sd of W), fan_out (1/sqrt(out)) or absolute"},
    )
    mismatch: float = quantity(0.02, "1", "start sd of Q + p0 Y over that of p0 Y (free Q)", low=0.0)
    silence_lr: float = quantity(
        1e-3, "1", "learning rate of Y by apical silence over the optimizer's", low=0.0
    )

    needs_scale: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check every field; raises BurstpropError."""
        super().__post_init__()
        check_choice(self, "feedback", FEEDBACK)
        check_choice(self, "feedback_scale", SCALES)

    @property
    def has_q(self) -> bool:
        """Whether Q has weights of its own; apical silence has nothing to learn without."""
        return self.free_q or self.feedback == "apical_silence"

    def feedback_weights(self, layer: Layer, generator: torch.Generator | None) -> dict[str, FeedbackWeight]:
        """Return Y (unless symmetric) and Q (unless tied) for every layer but the lowest."""
        weights: dict[str, FeedbackWeight] = {}
        if layer.lowest:
            return weights
        start = layer.weight.detach()
        if self.feedback != "symmetric":
            start = start_feedback(layer.weight, self.feedback_sd, self.feedback_scale, generator)
            weights["Y"] = FeedbackWeight(
                start,
                learned=self.feedback == "apical_silence",
                follows=1.0 if self.feedback == "kolen_pollack" else None,
            )
        if self.has_q:
            if not layer.has_cells:
                raise BurstpropError(
                    f"layer {layer}: these synapses are apart from their cells, and the event pathway Q with "
                    "weights of its own needs the cells' event rates: use free_q=False and a feedback other "
                    "than apical_silence, or a layer without normalisation"
                )
            noise = start_feedback(start, self.mismatch, "weight", generator) if self.mismatch else 0.0
            follows = -self.p0 if self.feedback in ("kolen_pollack", "symmetric") else None
            weights["Q"] = FeedbackWeight(-self.p0 * (start + noise), follows=follows)
        return weights

    def output(self, activity: Activity, arrival: Arrival) -> Signals:
        """Return -scale (b_t - p0 e) over `_size`."""
        if self.teacher == "squared":
            return Signals(arrival.error)
        drive = arrival.error * over(-2.0 * self._steepness() * self.teaching, activity.scale)
        drive.div_(activity.rates + (self.shift or TINY))
        return Signals(
            drive.tanh_()
            .mul_(self._events(activity))
            .mul_(activity.scale * (-self.p0 / self._size(activity)))
        )

    def hidden(self, activity: Activity, arrival: Arrival) -> Signals:
        """Return -scale p0 e tanh(apic (1 - e)/p0) over `_size`."""
        rates, error = (signal.to(activity.scale.dtype) for signal in (activity.rates, arrival.error))
        scale = activity.scale / self._size(activity)
        taught = silent_code(activity.layer.units, rates, error, scale, self.p0, self.ramp)
        return Signals(taught.to(activity.rates.dtype))

    def burst_probability(self, activity: Activity, arrival: Arrival) -> BurstProbability:
        """Return p0, p_t and apic factor / p0, of which p_t = p0 (1 + tanh)."""
        step = activity.layer.units.through_apical(activity.rates.double(), arrival.error.double())
        if self.ramp and activity.layer.units.name == "relu":
            step *= activity.rates.clamp(max=1.0)
        step /= activity.scale * (-self.p0 / self._size(activity))
        return BurstProbability(
            torch.full_like(step, self.p0), self.p0 * (1.0 + torch.tanh(step)), step, 2.0 * self.p0
        )

    def downward(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Y, or W."""
        return weights["weight"] if self.feedback == "symmetric" else pathway(weights, "Y")

    def descend(self, activity: Activity, signals: Signals) -> Signals:
        """Send -scale apic, over the size of what the layer below passes on."""
        layer = activity.layer
        feedback = self.downward(activity.weights)
        apical = layer.feed_back(signals.error, feedback, activity.inputs)
        silent = None
        if self.has_q:
            events = self._events(activity)
            silent = layer.feed_back(
                events, self.p0 * feedback + pathway(activity.weights, "Q"), activity.inputs
            )
            apical = torch.sub(apical, silent * (activity.scale / self._size(activity)))
        return Signals(apical, kept=silent)

    def learn(
        self, activity: Activity, signals: Signals, sent: Signals | None, gradient: Tensor | None
    ) -> dict[str, Tensor]:
        """Y learns to silence the apical potential."""
        if sent is None or self.feedback != "apical_silence":
            return {}
        bursts = self._events(activity) * (self.p0 * activity.scale)
        return {"Y": activity.layer.correlate(bursts, sent.kept)[0]}

    def _events(self, activity: Activity) -> Tensor:
        shifted = activity.layer.is_output and self.teacher == "cross_entropy"
        return activity.rates + self.shift if shifted else activity.rates

    def _steepness(self) -> float:
        """Return what multiplies 4 s (t - e) in the teacher of cross-entropy: p0, or 1 without a shift."""
        return self.p0 if self.shift else 1.0

    def _size(self, activity: Activity) -> float:
        """Return the size of a layer's change over backpropagation's error: p0 s (for cross-entropy 2 p0^2 s,
        or 2 p0 s without a shift) times the feedback scales on the way down."""
        teacher = self.teaching * self.p0 * (1.0 if self.teacher == "squared" else 2.0 * self._steepness())
        return teacher * (1.0 if activity.layer.is_output else self.feedback_gain)

    def learning_rate(self, name: str, hidden_above: int) -> float:
        """Return the learning rate of a parameter; that of Y by apical silence is a number of its own."""
        if name == "Y" and self.feedback == "apical_silence":
            return self.silence_lr
        return super().learning_rate(name, hidden_above)
