"""How the second stream of feedback finds its way down through ordinary PyTorch code.

Autograd carries one tensor to each layer's output, and that is the error. Everything else a rule sends down
(the burst rates, the scale of the loss, a broadcast) is handed from a rule layer's backward node to the nodes
of the rule layers below it. What stands between two rule layers (flattening, pooling, dropout, a sum of two
branches) acts on gradients linearly, so the burst rates pass through the same backward nodes as the error
does. A rule layer's node is one that has an attribute ``message``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from burstprop.errors import BurstpropError


@dataclass(slots=True)
class Message:
    """What a rule layer's backward node was told from above before it runs.

    ``shared``: ``burst`` may also be on its way elsewhere.
    """

    scale: Tensor
    burst: Tensor | None = None
    broadcast: Tensor | None = None
    shared: bool = False


def deliver(node: Any, message: Message) -> None:
    """Give ``message`` to every rule layer that ``node``, a backward node, leads to first.

    ``message.burst`` has the shape of the gradient that ``node`` takes. Where several paths join, burst rates
    add.

    Raises
    ------
    BurstpropError
        Where a backward node on the way cannot be applied to the burst rates.
    """
    if node is None or type(node).__name__ == "AccumulateGrad":
        return
    if hasattr(node, "message"):
        old = node.message
        if old is not None and old.burst is not None and message.burst is not None:
            message = Message(message.scale, old.burst + message.burst, message.broadcast)
        node.message = message
        return
    if message.burst is None:
        _announce(node, message, set())
        return
    if not callable(node):
        raise BurstpropError(
            f"burst rates cannot pass through {type(node).__name__}: between two rule layers use "
            "PyTorch's own modules (Flatten, MaxPool2d, Dropout ...), or a rule layer"
        )
    with torch.no_grad():
        passed = node(message.burst)
    passed = passed if isinstance(passed, tuple) else (passed,)
    shared = message.shared or len(passed) > 1
    for (below, _), burst in zip(node.next_functions, passed, strict=True):
        if burst is not None:
            deliver(below, Message(message.scale, burst, message.broadcast, shared))


def _announce(node: Any, message: Message, seen: set[Any]) -> None:
    """Give a message without burst rates to the first rule layers below, looking at every node once."""
    for below, _ in node.next_functions:
        if below is not None and below not in seen:
            seen.add(below)
            if hasattr(below, "message"):
                below.message = message
            else:
                _announce(below, message, seen)


def find_receiver(node: Any) -> Any:
    """Return the first rule layer's backward node that ``node`` leads to along its first inputs, or None."""
    while node is not None and not hasattr(node, "message"):
        node = node.next_functions[0][0] if node.next_functions else None
    return node
