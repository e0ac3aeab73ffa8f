"""Burstprop with direct feedback: the output layer's bursts go straight to every hidden layer's dendrites.

As in `burstprop.reduced.rules.burstprop`, but x = b B_l and dx = (b_t - b) B_l, where b and b_t - b are those
of the output layer and B_l is fixed and random (classes x units), the feedback of direct feedback alignment
(Nøkland 2016, arXiv 1609.01596). Hidden layers send nothing down, so no dendrite stands above another: the
change that reaches a layer passes one dendrite, its own, however deep the network is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from burstprop.reduced.layers.rule import (
    Activity,
    Arrival,
    BurstProbability,
    CellLayer,
    FeedbackWeight,
    Layer,
    Signals,
)
from burstprop.reduced.rules.burstprop import Burstprop
from burstprop.reduced.rules.pathways import direct_feedback


@dataclass(frozen=True)
class DirectBurstprop(Burstprop):
    """Burst multiplexing in which every hidden layer hears the output layer."""

    feedback: str = field(default="direct", metadata={"doc": "feedback: direct, from the output layer"})
    feedback_scale: str = field(
        default="fan_out", metadata={"doc": "unit of feedback_sd: fan_out (1/sqrt(classes)) or absolute"}
    )

    FEEDBACK: ClassVar[tuple[str, ...]] = ("direct",)
    SCALES: ClassVar[tuple[str, ...]] = ("fan_out", "absolute")
    needs_burst: ClassVar[bool] = False

    def feedback_weights(self, layer: Layer, generator: torch.Generator | None) -> dict[str, FeedbackWeight]:
        """Return nothing: synapses between layers carry no feedback."""
        return {}

    def cell_weights(self, layer: CellLayer, generator: torch.Generator | None) -> dict[str, FeedbackWeight]:
        """Return B of a hidden layer (classes x number of units), and Z with recurrent inhibition."""
        if layer.is_output:
            return {}
        start = direct_feedback(layer, self.feedback_sd, self.feedback_scale, generator)
        return {"B": FeedbackWeight(start)} | super().cell_weights(layer, generator)

    def output(self, activity: Activity, arrival: Arrival) -> Signals:
        """Return the output layer's signals, and broadcast both (2 x N x classes)."""
        signals = super().output(activity, arrival)
        return Signals(signals.error, broadcast=torch.stack((signals.error, signals.burst)))

    def hidden(self, activity: Activity, arrival: Arrival) -> Signals:
        """Return -scale (b_t - b); no burst rate is sent on."""
        return super().hidden(activity._replace(lowest=True), self._heard(activity, arrival))

    def burst_probability(self, activity: Activity, arrival: Arrival) -> BurstProbability:
        """Return sigmoid(u), sigmoid(u + du) and du."""
        return super().burst_probability(activity, self._heard(activity, arrival))

    @staticmethod
    def _heard(activity: Activity, arrival: Arrival) -> Arrival:
        """Return what the output layer's broadcast brings to the dendrites of a layer."""
        feedback = activity.weights["B"]
        heard = arrival.broadcast.to(feedback.dtype) @ feedback
        error, burst = heard.view(2, *activity.rates.shape)
        return Arrival(error, burst, None, spare=True)

    def downward(self, weights: Mapping[str, Tensor]) -> None:  # type: ignore[override]
        """Nothing goes from layer to layer."""
        return None

    def descend(self, activity: Activity, signals: Signals) -> Signals:
        """Send nothing down."""
        return Signals(None)
