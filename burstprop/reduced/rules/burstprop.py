"""Burstprop (Payeur, Guerguiev, Zenke, Richards and Naud 2021, doi 10.1038/s41593-021-00857-x), in discrete time.

Sigmoid units: the feedback x = b Y and dx = (b_t - b) Y from the layer above gives the burst probabilities
p = sigmoid(x (1 - e)) without a teacher and p_t = sigmoid((x + dx)(1 - e)) with one; b = p e; the forward weights
change along (b_t - b)^T e of the layer below. Rectified units: (1 - e) becomes [e > 0]/(e + 1e-8). Output units:
p = p0; p_t = p0 ((t - e)(1 - e) + 1) for the squared error, min(p0 (kappa (t - e)/(e + 1e-8) + 1), 1) with the change
divided by kappa for cross-entropy.

Recurrent dendritic inhibition c = b_pre Z^T with b_pre = sigmoid(x) e is subtracted from the dendritic potential and
learns, along (x (1 - e) - c)^T b_pre, to cancel what is not the teacher's.

Departures: b_t is never formed; b and b_t - b travel (`burstprop.reduced.rules.base`), so that kappa sets nothing but
the clip. Learning rates are relative to the size of the signals, p0 4^-k after k dendrites (``normalised``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from burstprop.errors import BurstpropError
from burstprop.parameters import quantity
from burstprop.reduced.numerics import sigmoid_change
from burstprop.reduced.rules.base import Activity, Arrival, FeedbackWeight, Rule, Signals
from burstprop.reduced.rules.pathways import start_feedback
from burstprop.reduced.units import TINY

if TYPE_CHECKING:
    from burstprop.reduced.layers import RuleLayer

FEEDBACK = ("learned", "fixed", "symmetric")


@dataclass(frozen=True)
class Burstprop(Rule):
    """Burst multiplexing: the teacher changes burst probabilities, events go on carrying the image."""

    feedback: str = field(
        default="learned", metadata={"doc": "feedback weights Y: learned (as W), fixed, or symmetric (Y = W)"}
    )
    p0: float = quantity(0.2, "1", "burst probability of output units without a teacher", low=0.0, high=1.0, open_low=True)
    kappa: float = quantity(
        1e-5, "1", "size of the cross-entropy teacher; sets only where p_t is clipped at 1", low=0.0, open_low=True
    )
    feedback_sd: float = quantity(
        1.0, "1", "start sd of Y; times the sd of W unless absolute", low=0.0, open_low=True
    )
    absolute_sd: bool = quantity(False, "", "feedback_sd is an absolute number")
    recurrent: bool = quantity(False, "", "recurrent dendritic inhibition Z")
    recurrent_start: float = quantity(0.01, "1", "Z starts uniform between minus and plus this", low=0.0)
    recurrent_rate: float = quantity(1e-4, "1", "learning rate of Z over the optimizer's", low=0.0)
    normalised: bool = quantity(True, "", "learning rates divided by p0 4^-k, the size of the signals")

    needs_burst: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check every field; raises BurstpropError."""
        super().__post_init__()
        if self.feedback not in FEEDBACK:
            raise BurstpropError(f"Burstprop.feedback = {self.feedback!r}: give one of {', '.join(FEEDBACK)}")

    def feedback_weights(self, layer: RuleLayer, generator: torch.Generator | None) -> dict[str, FeedbackWeight]:
        """Return Y of every layer, and Z of hidden layers with recurrent inhibition."""
        weights = {}
        if self.feedback != "symmetric" and not layer.lowest:
            start = start_feedback(layer.weight, self.feedback_sd, self.absolute_sd, generator)
            weights["Y"] = FeedbackWeight(start, learned=self.feedback == "learned")
        return weights

    def output(self, activity: Activity, arrival: Arrival) -> Signals:
        """Return b = p0 e and the change by the teacher."""
        rates = activity.rates
        both, burst, taught = halves(rates)
        torch.mul(rates, self.p0, out=burst)
        torch.mul(arrival.error, self.p0, out=taught)
        if self.teacher == "cross_entropy":
            # p0 (t - e)/(e + 1e-8) e, at most (1 - p0)/kappa e; the error is -scale (t - e)
            taught.mul_(rates / (rates + TINY))
            torch.maximum(taught, rates * (activity.scale * (-(1.0 - self.p0) / self.kappa)), out=taught)
        return Signals(taught, burst, both)

    def hidden(self, activity: Activity, arrival: Arrival) -> Signals:
        """Return b = p e and -scale (b_t - b)."""
        rates, scale = activity.rates, activity.scale
        factor = activity.layer.units.apical(rates)
        base = arrival.burst * factor
        step = factor.mul_(arrival.error).mul_(-1.0 / scale)
        both, burst, taught = halves(rates)
        torch.mul(sigmoid_change(base, step), rates, out=taught).mul_(-scale)
        torch.mul(base.sigmoid_(), rates, out=burst)
        return Signals(taught, burst, both)

    def descend(self, activity: Activity, signals: Signals) -> Signals:
        """Send b and b_t - b down through Y in one product of twice the rows."""
        feedback = activity.weights["weight" if self.feedback == "symmetric" else "Y"]
        burst, error = activity.layer.feed_back(signals.stacked, feedback).chunk(2)
        return Signals(error, burst)

    def learn(self, activity: Activity, signals: Signals, gradient: Tensor) -> dict[str, Tensor]:
        """Learned feedback weights take the forward weights' change."""
        return {"Y": gradient} if "Y" in activity.weights and self.feedback == "learned" else {}

    def gain(self, hidden_above: int) -> float:
        """p0 4^-k: a sigmoid's slope is 1/4 at p = 1/2."""
        return self.p0 * 0.25**hidden_above if self.normalised else 1.0


def halves(rates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return a new tensor of twice the rows of ``rates``, and its upper and lower half."""
    both = rates.new_empty((2 * len(rates), *rates.shape[1:]))
    return both, both[: len(rates)], both[len(rates) :]
