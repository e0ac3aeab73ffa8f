"""Feedback alignment (Lillicrap, Cownden, Tweed and Akerman 2016, doi 10.1038/ncomms13276).

Backpropagation with fixed random weights Y in place of W on the way down: error_l = (error_{l+1} Y_{l+1})
slope(e_l).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from burstprop.parameters import quantity
from burstprop.reduced.layers.rule import FeedbackWeight, Layer, Rule
from burstprop.reduced.rules.pathways import SCALES, check_choice, pathway, start_feedback


@dataclass(frozen=True)
class FeedbackAlignment(Rule):
    """Errors travel through fixed random weights."""

    feedback_sd: float = quantity(
        1.0, "1", "start sd of Y, in units of feedback_scale", low=0.0, open_low=True
    )
    feedback_scale: str = field(
        default="weight",
        metadata={"doc": "unit of feedback_sd: weight (sd of W), fan_out (1/sqrt(out)) or absolute"},
    )

    def __post_init__(self) -> None:
        """Check every field; raises BurstpropError."""
        super().__post_init__()
        check_choice(self, "feedback_scale", SCALES)

    def feedback_weights(self, layer: Layer, generator: torch.Generator | None) -> dict[str, FeedbackWeight]:
        """Return a fixed random Y for every layer but the lowest."""
        if layer.lowest:
            return {}
        return {
            "Y": FeedbackWeight(
                start_feedback(layer.weight, self.feedback_sd, self.feedback_scale, generator)
            )
        }

    def downward(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Y."""
        return pathway(weights, "Y")
