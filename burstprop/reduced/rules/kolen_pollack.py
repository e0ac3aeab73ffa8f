"""Kolen and Pollack's rule (1994, doi 10.1109/ICNN.1994.374486; Akrout et al. 2019, arXiv 1904.05391).

Feedback alignment whose Y takes the same change as W; with weight decay on both, Y - W decays to zero.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch

from burstprop.reduced.layers.rule import FeedbackWeight, Layer
from burstprop.reduced.rules.feedback_alignment import FeedbackAlignment


@dataclass(frozen=True)
class KolenPollack(FeedbackAlignment):
    """Feedback weights learn as the forward weights do."""

    def feedback_weights(self, layer: Layer, generator: torch.Generator | None) -> dict[str, FeedbackWeight]:
        """Return a Y that takes the change of W for every layer but the lowest."""
        start = super().feedback_weights(layer, generator)
        return {name: dataclasses.replace(weight, follows=1.0) for name, weight in start.items()}
