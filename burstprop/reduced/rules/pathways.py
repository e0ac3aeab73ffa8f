"""Start values of feedback weights."""

from __future__ import annotations

import torch
from torch import Tensor


def start_feedback(weight: Tensor, sd: float, absolute: bool, generator: torch.Generator | None) -> Tensor:
    """Return normal weights of the shape of ``weight``; ``sd`` is relative to the sd of ``weight`` unless absolute."""
    with torch.no_grad():
        return torch.empty_like(weight).normal_(0.0, sd if absolute else sd * float(weight.std()), generator=generator)
