"""`RetinalCells`: colours and edges as rates of ON and OFF cells, the weak ones amplified.

Neighbouring pixels and colours of a photograph say nearly the same. Synapses that learn from raw pixels learn
their common part first and their differences late. The retina passes on what differs: it opposes colours and
neighbouring places, and amplifies what varies little, as far as noise allows (Atick and Redlich 1992, doi
10.1162/neco.1992.4.2.196). Photographs resemble one another so much that these filters need not be learned.
Principal components of patches of 2 x 2 pixels are luminance and two opponent colours (Ruderman et al. 1998,
doi 10.1364/JOSAA.15.002036), each as mean, two edges and diagonals. Their spreads are those of CIFAR-10.
An ON cell answers a rise and an OFF cell a fall, so rates are never negative.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

COLOURS = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))
"""Luminance, red against blue, both against green: the weights of red, green, blue."""
PLACES = ((1.0, 1.0, 1.0, 1.0), (1.0, -1.0, 1.0, -1.0), (1.0, 1.0, -1.0, -1.0), (1.0, -1.0, -1.0, 1.0))
"""Mean, left against right, above against below, and the diagonals: weights of 2 x 2 pixels, row by row."""
SPREAD = ((3.5, 0.65, 0.70, 0.26), (0.99, 0.07, 0.08, 0.02), (0.45, 0.04, 0.05, 0.01))
"""SD of each filter's output over the training images of CIFAR-10: colours by places.

Images are normalised as those of every dataset of photographs here, by IMAGENET_SD of
`burstprop.reduced.data.dataset`.
"""
NOISE = 0.1
"""SD of the noise, in the same unit: a filter is divided by the root of spread and noise squared."""
SIDE = 2
"""Pixels of a filter's side."""
MAPS = 2 * len(COLOURS) * len(PLACES)


def filters() -> Tensor:
    """Return the filters with their gains, shape (12, 3, 2, 2): colour by colour, place by place."""
    colours, places = (
        nn.functional.normalize(torch.tensor(rows, dtype=torch.float64)) for rows in (COLOURS, PLACES)
    )
    gain = (torch.tensor(SPREAD, dtype=torch.float64).square() + NOISE**2).rsqrt()
    whole = torch.einsum("ck,pq,cp->cpkq", colours, places, gain)
    return whole.reshape(-1, 3, SIDE, SIDE).float()


class RetinalCells(nn.Module):
    """Rates of ON and OFF cells, N x 24 x (height - 1) x (width - 1), of images N x 3 x height x width.

    Images have red, green and blue, normalised (see `SPREAD`). The first 12 maps are ON cells,
    the others OFF. Nothing here learns.
    """

    weight: Tensor

    def __init__(self) -> None:
        """Make the filters."""
        super().__init__()
        opponent = filters()
        # not part of a checkpoint: they are always the same
        self.register_buffer("weight", torch.cat((opponent, -opponent)), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the rates."""
        return nn.functional.conv2d(images, self.weight).relu_()
