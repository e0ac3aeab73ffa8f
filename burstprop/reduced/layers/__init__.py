"""Rule layers: forward as any layer of PyTorch, backward by messages of events and bursts."""

from burstprop.reduced.layers.layer import Conv2d, Dense, RuleLayer

__all__ = ["Conv2d", "Dense", "RuleLayer"]
