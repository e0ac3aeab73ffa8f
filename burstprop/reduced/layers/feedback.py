"""How a layer keeps the weights that it has beside its forward weights W: fixed, learned, or following W.

Where a feedback weight F takes the change of W times a number r (dF = r dW: Kolen and Pollack's rule, r = 1
for Y, -p0 for Q), the difference F - r W never changes but by weight decay. So F needs neither a gradient nor
a momentum, only that difference at the start, F_0 - r W_0, and the share of it that decay has left:

    F = r W + share (F_0 - r W_0)

``share`` is a parameter of one element that starts at 1 and whose gradient is zero, so that the optimizer's
weight decay, and nothing else, acts on it. This is what two parameters with gradients g and r g would become
under every optimizer whose step is linear in the gradient and the weight (SGD with momentum, Nesterov's
too, and L2 decay) and, for r = 1, under one that decays apart from the gradient (AdamW). It is not under Adam
with coupled L2 decay, which divides share's decay by its own size, nor under steps scaled by the norm of the
weights (LARS, LAMB): use AdamW, or no decay. Clipping by norm acts on W's gradient, and so on F alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from burstprop.errors import BurstpropError


@dataclass(frozen=True)
class FeedbackWeight:
    """A weight of a layer beside its forward weights.

    Attributes
    ----------
    value : Tensor
        Start value; where it follows, of the shape of W.
    learned : bool
        A parameter whose gradient `Rule.learn` returns.
    follows : float, optional
        The weight takes the change of W times this. Neither learned nor following, it is fixed.
    """

    value: Tensor
    learned: bool = False
    follows: float | None = None

    def __post_init__(self) -> None:
        """Raise BurstpropError for a weight that is to follow and to have a gradient of its own."""
        if self.learned and self.follows is not None:
            raise BurstpropError(
                f"FeedbackWeight: learned=True and follows={self.follows:g}: a weight either has a gradient "
                "of its own, or takes the change of the forward weights"
            )

    def stored(self, name: str, weight: Tensor | None) -> dict[str, Tensor]:
        """Return what a layer with forward weights ``weight`` keeps, by the name it keeps it under.

        ``{name: value}``, or ``{name_share: ..., name_difference: ...}`` of a weight that follows. A share
        has as many dimensions as the weight, so that decay of weight matrices only decays it too.
        """
        if self.follows is None:
            return {name: nn.Parameter(self.value) if self.learned else self.value}
        assert weight is not None
        share = nn.Parameter(weight.new_ones([1] * weight.dim()))
        difference = torch.sub(self.value, weight.detach(), alpha=self.follows)
        return {f"{name}_share": share, f"{name}_difference": difference}


class Weights(Mapping[str, Tensor]):
    """The weights of a layer by name, ``"weight"`` and those beside it, in one precision.

    A weight that follows is formed when asked for, and not kept: it is as large as W and needed for a moment.
    ``places`` gives every name's place in ``stored`` and its ``follows``.
    """

    __slots__ = ("dtype", "places", "stored", "weight")

    def __init__(
        self,
        weight: Tensor | None,
        stored: Sequence[Tensor],
        places: Mapping[str, tuple[int, float | None]],
        dtype: torch.dtype,
    ) -> None:
        """See the class."""
        self.weight, self.stored, self.places, self.dtype = weight, stored, places, dtype

    def __getitem__(self, name: str) -> Tensor:
        """Return the weights ``name``; KeyError where the layer has none."""
        value = self.weight
        if name != "weight":
            place, follows = self.places[name]
            value = self.stored[place]
            if follows is not None:
                assert self.weight is not None
                base = self.weight if follows == 1.0 else self.weight * follows
                value = torch.addcmul(base, self.stored[place + 1], value)
        assert value is not None, "cells have no forward weights"
        return value if value.dtype == self.dtype else value.to(self.dtype)

    def __contains__(self, name: object) -> bool:
        """Whether there are such weights (nothing is formed)."""
        return name == "weight" or name in self.places

    def __iter__(self) -> Iterator[str]:
        """Names, ``"weight"`` first."""
        return iter(("weight", *self.places))

    def __len__(self) -> int:
        """Return the number of names."""
        return 1 + len(self.places)
