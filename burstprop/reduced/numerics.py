"""Elementwise functions of the burst code, in a form that keeps the digits of small differences."""

from __future__ import annotations

import torch
from torch import Tensor


def sigmoid_change(base: Tensor, step: Tensor) -> Tensor:
    """Return sigmoid(base + step) - sigmoid(base) to full relative precision.

    Written as sign(h) s(max) s(-min) (1 - exp(-|h|)) with max and min of the two arguments: no term cancels, and no
    exponential overflows, whatever the size of either argument.
    """
    end = base + step
    change = torch.maximum(base, end).sigmoid_()
    change *= torch.minimum(base, end, out=end).neg_().sigmoid_()
    return change.mul_(torch.expm1(step.abs().neg_()).copysign_(step))
