"""How the second stream of feedback finds its way down through ordinary PyTorch code.

Autograd carries one tensor to each layer's output, and that is the error. Everything else a rule sends down
(the burst rates, the scale of the loss, a broadcast) is handed from a rule layer's backward node to the nodes
of the rule layers below it. What stands between two rule layers (flattening, pooling, dropout, a sum of two
branches) acts on gradients linearly, so the burst rates pass through the same backward nodes as the error
does. A rule layer's node is one that has an attribute ``message``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from burstprop.errors import BurstpropError


def _this_sweep() -> int:
    return torch._C._current_graph_task_id()


@dataclass(slots=True)
class Message:
    """What a rule layer's backward node was told from above before it runs.

    ``shared``: ``burst`` may also be on its way elsewhere. ``clash``: why messages of several losses cannot
    be one. ``sweep``: the call of ``backward`` that sent it.
    """

    scale: Tensor
    burst: Tensor | None = None
    broadcast: Tensor | None = None
    shared: bool = False
    clash: str = ""
    sweep: int = field(default_factory=_this_sweep)

    def join(self, other: Message) -> Message:
        """Return this and another message to the same layer as one: burst rates add, as errors do."""
        clash = self.clash or other.clash
        if self.scale is not other.scale and not torch.equal(self.scale, other.scale):
            clash = f"losses of different weight, {float(self.scale):g} and {float(other.scale):g} an image"
        broadcasts = [one for one in (self.broadcast, other.broadcast) if one is not None]
        if len(broadcasts) == 2 and broadcasts[0] is not broadcasts[1]:
            clash = clash or "two losses that broadcast"
        bursts = [burst for burst in (self.burst, other.burst) if burst is not None]
        return Message(
            self.scale,
            bursts[0] + bursts[1] if len(bursts) == 2 else next(iter(bursts), None),
            next(iter(broadcasts), None),
            shared=len(bursts) == 1 and (self.shared or other.shared),
            clash=clash,
        )


def deliver(edge: tuple[Any, int], message: Message) -> None:
    """Give ``message`` to every rule layer that ``edge`` leads to first: a backward node, and the number of
    the output whose gradient it takes there.

    ``message.burst`` has the shape of that gradient. Where several paths join, burst rates add.

    Raises
    ------
    BurstpropError
        Where a backward node on the way cannot be applied to the burst rates.
    """
    node, place = edge
    if node is None or type(node).__name__ == "AccumulateGrad":
        return
    if hasattr(node, "message"):
        _receive(node, message)
        return
    if message.burst is None:
        _announce(node, message, set())
        return
    if type(node).__name__ == "BackwardHookFunctionBackward":
        # what a module with a hook of its own puts around itself; it passes on what it gets
        passed: Any = message.burst
    elif callable(node):
        # nothing comes by way of the other outputs, which have messages of their own
        gradients: list[Tensor | None] = [None] * len(node._input_metadata)
        gradients[place] = message.burst
        with torch.no_grad():
            passed = node(*gradients)
    else:
        raise BurstpropError(_refusal(type(node).__name__))
    passed = passed if isinstance(passed, tuple) else (passed,)
    shared = message.shared or len(passed) > 1
    for below, burst in zip(node.next_functions, passed, strict=True):
        if burst is not None and below[0] is not None:
            onward = Message(message.scale, _fitting(burst, below), message.broadcast, shared, message.clash)
            deliver(below, onward)


def _refusal(name: str) -> str:
    """Return why a backward node written in Python does not carry burst rates, and the way out."""
    if name.startswith("CompiledFunction"):
        why = (
            "torch.compile made it, and a compiled backward pass writes over what it kept for the gradient, "
            "so it cannot be run a second time for the burst rates"
        )
    else:
        why = "a backward pass of its own may do more than pass on a gradient, and is not run a second time"
    return (
        f"burst rates cannot pass through {name}: {why}. Between two rule layers use PyTorch's own modules "
        "(Flatten, MaxPool2d, BatchNorm2d ...) uncompiled or a rule layer, or train by a rule that sends an "
        "error alone (burstccn, burstprop_direct)"
    )


def _fitting(burst: Tensor, edge: tuple[Any, int]) -> Tensor:
    """Return burst rates as the engine would hand them on: summed where a broadcast copied, and in the
    precision there."""
    node, place = edge
    if type(node).__name__ == "AccumulateGrad":
        return burst
    there = node._input_metadata[place]
    shape = tuple(there.shape)
    burst = burst if burst.shape == shape else burst.sum_to_size(shape)
    return burst if burst.dtype == there.dtype else burst.to(there.dtype)


def _receive(node: Any, message: Message) -> None:
    """Give a layer's node a message. What is left from a sweep that ended above the layer counts no more."""
    old = node.message
    node.message = message if old is None or old.sweep != message.sweep else old.join(message)


def _announce(node: Any, message: Message, seen: set[Any]) -> None:
    """Give a message without burst rates to the first rule layers below, looking at every node once."""
    for below, _ in node.next_functions:
        if below is not None and below not in seen:
            seen.add(below)
            if hasattr(below, "message"):
                _receive(below, message)
            else:
                _announce(below, message, seen)


def find_receiver(node: Any) -> Any:
    """Return the first rule layer's backward node that ``node`` leads to along its first inputs, or None."""
    while node is not None and not hasattr(node, "message"):
        node = node.next_functions[0][0] if node.next_functions else None
    return node
