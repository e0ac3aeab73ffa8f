"""Backpropagation of the error (Rumelhart, Hinton and Williams 1986, doi 10.1038/323533a0): the yardstick.

error_l = (error_{l+1} W_{l+1}) * slope(e_l); the base class as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from burstprop.reduced.layers.rule import Rule


@dataclass(frozen=True)
class Backprop(Rule):
    """Exact gradient descent: feedback through the forward weights themselves."""
