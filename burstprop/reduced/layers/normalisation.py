"""`DivisiveNorm`: division of the activity of a group of cells by its own root mean square.

The canonical computation of Carandini and Heeger (2012, doi 10.1038/nrn3136) without a constant of its own:
z / sqrt(mean z^2 + 1e-5), over the maps of a group and all pixels of one image, times a gain for each map.
Nothing is subtracted, so what is positive stays positive: it may act on event rates as on somatic inputs.
Shunting inhibition by the pooled activity of neighbours would do it; batch normalisation (nn.BatchNorm2d)
needs the mean over other images, for which no circuit is known, and it and group normalisation
(nn.GroupNorm) subtract, so they belong before the cells.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from burstprop.errors import BurstpropError


class DivisiveNorm(nn.Module):
    """Divisive normalisation of N x maps x ..., in ``groups`` groups of maps of equal size."""

    def __init__(self, groups: int, maps: int) -> None:
        """Make it with a gain of one for each map; raises BurstpropError where the groups do not fit."""
        super().__init__()
        if groups < 1 or maps % groups:
            raise BurstpropError(
                f"DivisiveNorm: groups = {groups}: {maps} maps cannot be divided into so many of equal size"
            )
        self.groups = groups
        self.weight = nn.Parameter(torch.ones(maps))

    def forward(self, activity: Tensor) -> Tensor:
        """Return the normalised activity."""
        grouped = activity.reshape(len(activity), self.groups, -1)
        # the squares of a lower precision are summed in float32
        wide = grouped.to(torch.promote_types(activity.dtype, torch.float32))
        size = torch.rsqrt(wide.square().mean(2, keepdim=True) + 1e-5).to(activity.dtype)
        gain = self.weight.to(activity.dtype).view(-1, *[1] * (activity.dim() - 2))
        return (grouped * size).view_as(activity) * gain

    def extra_repr(self) -> str:
        """Groups and maps, as ``print(network)`` shows them."""
        return f"groups={self.groups}, maps={len(self.weight)}"
