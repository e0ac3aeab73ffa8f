"""A learning rule of your own: errors travel through a blend of the forward weights and fixed random ones.

At ``blend = 1`` the feedback is symmetric (backpropagation), at ``blend = 0`` it is fixed and random
(feedback alignment). A rule is one class; what it does not override is backpropagation
(`burstprop.reduced.layers.rule`). Train with it::

    burstprop train --rule my_rule.py:BlendedFeedback --epochs 3 --out blended
    burstprop eval blended

or from Python, as ``python my_rule.py`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from burstprop.parameters import quantity
from burstprop.reduced import build_network, setting
from burstprop.reduced.data import Loader, open_dataset
from burstprop.reduced.layers.rule import FeedbackWeight, Layer, Rule


@dataclass(frozen=True)
class BlendedFeedback(Rule):
    """Feedback weights that are partly the forward weights, partly random and fixed."""

    blend: float = quantity(0.5, "1", "share of the forward weights in the feedback", low=0.0, high=1.0)

    def feedback_weights(self, layer: Layer, generator: torch.Generator | None) -> dict[str, FeedbackWeight]:
        """Return the random part, as large as the forward weights, for every layer but the lowest."""
        if layer.lowest:
            return {}
        size = float(layer.weight.detach().std())
        random = torch.empty_like(layer.weight, requires_grad=False).normal_(0.0, size, generator=generator)
        return {"Y": FeedbackWeight(random)}

    def downward(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the weights that the error of this layer is sent down through."""
        return self.blend * weights["weight"] + (1.0 - self.blend) * weights["Y"]


if __name__ == "__main__":
    digits, chosen = open_dataset("digits"), setting("feedback_alignment", "digits")
    network = build_network(chosen.network, BlendedFeedback(), seed=1)
    optimizer = torch.optim.SGD(network.parameter_groups(chosen.lr), lr=chosen.lr, momentum=0.9)
    losses: list[float] = []
    for batch in Loader(digits, "train", batch_size=32, seed=1).epoch(0):
        optimizer.zero_grad()
        loss = network.loss(network(batch.images), batch.labels)
        loss.backward()  # pyright: ignore[reportUnknownMemberType]
        optimizer.step()  # pyright: ignore[reportUnknownMemberType]
        losses.append(loss.item())
    print(f"loss in the first epoch: {losses[0]:.3f} -> {losses[-1]:.3f}")
