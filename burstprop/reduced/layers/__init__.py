"""Rule layers: forward as any layer of PyTorch, backward by messages of events and bursts."""

from burstprop.reduced.layers.cells import Cells
from burstprop.reduced.layers.layer import Conv2d, Dense, RuleLayer
from burstprop.reduced.layers.module import RuleModule
from burstprop.reduced.layers.normalisation import DivisiveNorm
from burstprop.reduced.layers.retina import RetinalCells

__all__ = ["Cells", "Conv2d", "Dense", "DivisiveNorm", "RetinalCells", "RuleLayer", "RuleModule"]
