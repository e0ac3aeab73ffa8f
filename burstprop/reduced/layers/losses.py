"""What the output layer is taught, with all digits of the residual t - e kept.

`TeachingLoss` is an autograd function of the logits. Sigmoid units: half the squared error, or the
cross-entropy of independent units; softmax units: cross-entropy. All are means over the images and sums over
the classes. For a class index as target the residual of sigmoid units is sigmoid(-z) for the class and
-sigmoid(z) for the others, that of softmax units the sum of the others' rates for the class: nothing cancels,
however well the image is learned.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from burstprop.errors import BurstpropError
from burstprop.reduced.layers.messages import Message, deliver, find_receiver


def residual(logits: Tensor, target: Tensor, output: str) -> Tensor:
    """Return t - e (N x classes) for class indices (N) or rates (N x classes) as target."""
    if output == "sigmoid":
        return _sigmoid_residual(logits.sigmoid(), (-logits).sigmoid(), target)
    if target.dim() == 2:
        return target - logits.softmax(-1)
    column = target[:, None]
    others = logits.softmax(-1).scatter_(1, column, 0.0)
    return others.neg().scatter_(1, column, others.sum(1, keepdim=True))


def _sigmoid_residual(rates: Tensor, rests: Tensor, target: Tensor) -> Tensor:
    """Return t - e from e and 1 - e, each with all its digits."""
    if target.dim() == 2:
        return target * rests - (1.0 - target) * rates
    column = target.unsqueeze(1)
    return rates.neg().scatter_(1, column, rests.gather(1, column))


def image_losses(logits: Tensor, target: Tensor, output: str, teacher: str) -> Tensor:
    """Return the loss of every image (N)."""
    if output == "softmax":
        return functional.cross_entropy(logits, target, reduction="none")
    if teacher == "squared":
        return 0.5 * residual(logits, target, output).square().sum(1)
    return functional.binary_cross_entropy_with_logits(
        logits, rates_of(target, logits), reduction="none"
    ).sum(1)


def rates_of(target: Tensor, logits: Tensor) -> Tensor:
    """Return the target as rates (N x classes); class indices become one-hot."""
    if target.dim() == 2:
        return target.to(logits.dtype)
    return torch.zeros_like(logits).scatter_(1, target[:, None], 1.0)


class TeachingLoss(torch.autograd.Function):
    """Mean loss of the images of a batch; its gradient by the logits is minus the taught error over N."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, target: Tensor, output: str, teacher: str, disturbed: Tensor | None
    ) -> Tensor:
        """Return the mean loss; ``disturbed`` are the logits of a second pass with noise, where the rule
        makes one."""
        logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
        if teacher == "squared":
            rates, rests = logits.sigmoid(), (-logits).sigmoid()
            error = _sigmoid_residual(rates, rests, target)
            losses = error.square().sum(1).mul_(0.5)
            error *= rates.mul_(rests)
        else:
            error = residual(logits, target, output)
            losses = image_losses(logits, target, output, teacher)
        ctx.save_for_backward(error)
        ctx.difference = None
        if disturbed is not None:
            ctx.difference = (image_losses(disturbed, target, output, teacher) - losses)[:, None]
        return losses.mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Any:
        """Return minus the residual (times the slope for the squared error), times upstream / N."""
        (error,) = ctx.saved_tensors
        scale = upstream / len(error)
        deliver(ctx.next_functions[0], Message(scale, broadcast=ctx.difference))
        return error * -scale, None, None, None, None


def teaching_loss(logits: Tensor, target: Tensor, output: str, teacher: str) -> Tensor:
    """Return the mean loss of ``logits`` (N x classes), see `TeachingLoss`.

    ``target`` holds class indices (N, integers) or rates (N x classes).

    Raises
    ------
    BurstpropError
        For a target of another shape or kind, a class outside the output layer, or a batch that node
        perturbation has not got twice.
    """
    count, classes = logits.shape
    if target.shape not in ((count,), (count, classes)):
        raise BurstpropError(
            f"target has shape {tuple(target.shape)}: "
            f"give {count} class indices, or rates of shape {count} x {classes}"
        )
    if not target.is_floating_point():
        target = target.long() if target.dim() == 1 else target.to(logits.dtype)
    elif target.dim() == 1:
        raise BurstpropError(
            f"target holds {count} numbers of {target.dtype}: give class indices as integers, or rates of "
            f"shape {count} x {classes}"
        )
    layer = find_receiver(logits.grad_fn)
    disturbed = getattr(layer, "disturbed", None)
    if disturbed is not None and len(disturbed) != count:
        raise BurstpropError(
            f"{count} logits for {len(disturbed)} images of a disturbed pass: layers that learn by node "
            "perturbation take every batch twice, torch.cat((images, images)), and the loss takes the first "
            "half of the logits"
        )
    try:
        return TeachingLoss.apply(logits, target, output, teacher, disturbed)
    except (IndexError, RuntimeError) as error:
        # looked at only now: a check beforehand would cost time, and on a GPU wait for it
        if target.dim() == 2 or not count or (int(target.min()) >= 0 and int(target.max()) < classes):
            raise
        raise BurstpropError(
            f"target holds classes {int(target.min())} to {int(target.max())}: "
            f"the output layer has {classes} units, 0 to {classes - 1}"
        ) from error
