"""A moving average of a network's weights, which is what is tested (Polyak and Juditsky 1992,
doi 10.1137/0330046).

After every step each weight of the average moves towards the network's by 1 - decay, at first faster (after
n steps by 1 - (1 + n)/(10 + n) at least), so that the start is forgotten. The statistics of batch
normalisation are averaged too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class MovingAverage:
    """Averages of all numbers of a network, parameters and buffers that are no counters."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        """Start at the network's present weights."""
        self.network, self.decay, self.steps = network, decay, 0
        self.values = [value.detach().clone() for value in self._own()]

    def _own(self) -> list[Tensor]:
        return [value for value in self.network.state_dict().values() if value.is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the network's weights after a step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.values, self._own(), 1.0 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it, the network has the averaged weights."""
        own = self._own()
        kept = [value.clone() for value in own]
        try:
            _copy(self.values, own)
            yield
        finally:
            _copy(kept, own)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the steps, and the averages in the order of the network's."""
        return {"steps": self.steps, "values": self.values}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        self.steps = int(state["steps"])
        _copy(state["values"], self.values)


@contextmanager
def averaged(network: nn.Module, state: dict[str, Any] | None) -> Iterator[None]:
    """Within it, the network has the averages of a `MovingAverage.state`; nothing happens where there is
    none."""
    if state is None:
        yield
        return
    average = MovingAverage(network, 0.0)
    average.restore(state)
    with average.in_place():
        yield


@torch.no_grad()
def _copy(sources: list[Tensor], places: list[Tensor]) -> None:
    for place, source in zip(places, sources, strict=True):
        place.copy_(source)
