"""Direct feedback alignment (Nøkland 2016, arXiv 1609.01596).

The output layer's error goes to every hidden layer through a fixed random matrix: error_l = (error_out B_l)
slope(e_l), B_l of shape classes x units (of a convolutional layer: channels x height x width).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from burstprop.parameters import quantity
from burstprop.reduced.layers.rule import Activity, Arrival, CellLayer, FeedbackWeight, Rule, Signals
from burstprop.reduced.rules.pathways import direct_feedback


@dataclass(frozen=True)
class DirectFeedbackAlignment(Rule):
    """Errors are broadcast from the output layer through fixed random weights."""

    feedback_sd: float = quantity(
        1.0, "1", "sd of B times the root of the number of classes", low=0.0, open_low=True
    )

    needs_message: ClassVar[bool] = True

    def cell_weights(self, layer: CellLayer, generator: torch.Generator | None) -> dict[str, FeedbackWeight]:
        """Return B of a hidden layer (classes x number of units)."""
        if layer.is_output:
            return {}
        return {"B": FeedbackWeight(direct_feedback(layer, self.feedback_sd, "fan_out", generator))}

    def output(self, activity: Activity, arrival: Arrival) -> Signals:
        """Broadcast the error."""
        return Signals(arrival.error, broadcast=arrival.error)

    def hidden(self, activity: Activity, arrival: Arrival) -> Signals:
        """Return the broadcast error through B, times the slope."""
        rates, feedback = activity.rates, activity.weights["B"]
        taught = (arrival.broadcast.to(rates.dtype) @ feedback).view(rates.shape)
        return Signals(activity.layer.units.through_slope(rates, taught))

    def downward(self, weights: Mapping[str, Tensor]) -> None:
        """Nothing goes from layer to layer."""
        return None
