"""Node perturbation (Williams 1992, doi 10.1007/BF00992696; Werfel, Xie and Seung 2005, doi
10.1162/089976605774320539).

A second pass with noise xi (sd sigma) on every somatic input. Where it lowers an image's loss, the weights
change along the noise: dW_l is proportional to -(loss_noisy - loss)/sigma^2 xi_l^T e_{l-1}, on average the
gradient for small sigma.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from burstprop.parameters import quantity
from burstprop.reduced.layers.rule import Activity, Arrival, Rule, Signals


@dataclass(frozen=True)
class NodePerturbation(Rule):
    """Reward of noise: one number for all, and each unit's own noise."""

    noise_sd: float = quantity(0.01, "1", "sd of the noise on somatic inputs", low=0.0, open_low=True)

    passes: ClassVar[int] = 2
    needs_message: ClassVar[bool] = True

    def disturb(self, somatic: Tensor) -> Tensor:
        """Add the noise to ``somatic`` (in place) and return it."""
        noise = torch.randn_like(somatic).mul_(self.noise_sd)
        somatic += noise
        return noise

    def output(self, activity: Activity, arrival: Arrival) -> Signals:
        """Return the noise times the change of the loss."""
        return self.hidden(activity, arrival)

    def hidden(self, activity: Activity, arrival: Arrival) -> Signals:
        """Return the noise times the change of the loss that all units hear."""
        noise, change = activity.noise, arrival.broadcast * (activity.scale / self.noise_sd**2)
        return Signals(noise * change.to(noise.dtype).view(-1, *[1] * (noise.dim() - 1)))

    def downward(self, weights: Mapping[str, Tensor]) -> None:
        """Nothing goes from layer to layer."""
        return None
