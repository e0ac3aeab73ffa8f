"""Sign-symmetry (Liao, Leibo and Poggio 2016, arXiv 1510.05067), with fixed random magnitudes.

error_l = (error_{l+1} (sign(W_{l+1}) |M_{l+1}|)) slope(e_l), M random and fixed: the feedback knows the signs
of the forward weights and nothing else of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from burstprop.reduced.rules.feedback_alignment import FeedbackAlignment
from burstprop.reduced.rules.pathways import pathway


@dataclass(frozen=True)
class SignSymmetry(FeedbackAlignment):
    """Errors travel through fixed magnitudes with the signs of the forward weights."""

    def downward(self, weights: Mapping[str, Tensor]) -> Tensor:
        """The magnitudes of Y with the signs of W."""
        return pathway(weights, "Y").copysign(weights["weight"])
