"""The burst code, elementwise, in a form that keeps the digits of small changes and is cheap.

Float32 on the CPU goes through `burstprop.reduced.layers.fused`, everything else through PyTorch's own
operations.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from burstprop.reduced.layers import fused
from burstprop.reduced.layers.units import Units

_NOTHING = np.empty(0, np.float32)


def burst_code(
    units: Units,
    rates: Tensor,
    arrived: Tensor,
    error: Tensor,
    scale: Tensor,
    change: Tensor | None,
    inhibited: bool = False,
    gain: float = 1.0,
) -> None:
    """Write ``-gain scale (b_t - b)`` for p = sigmoid(u), p_t = sigmoid(u + du), b = p e, b_t = p_t e into
    ``change`` and b over ``arrived``; where ``change`` is None, the former over ``arrived``.

    With v = u + du, b_t - b = e s(v) s(-u) (1 - exp(-du)) for du > 0, and -e s(u) s(-v) (1 - exp(du))
    otherwise, s the sigmoid: no difference of nearly equal numbers, however large u and du are.

    Parameters
    ----------
    units : Units
        Their apical factor times ``error`` is ``-scale du``, times ``arrived`` is u, unless ``inhibited``.
    rates, arrived, error : Tensor
        e, b Y and ``-scale (b_t - b) Y`` (of the layer above), of one shape and, the scale too, precision.
    scale : Tensor
        Without dimensions.
    change : Tensor or None
        Where to leave the result, like ``rates`` and contiguous where they are.
    inhibited : bool
        ``arrived`` is u itself.
    gain : float
        How much larger the change is sent than it is: 4 undoes the slope of the sigmoid at p = 1/2.
    """
    order = _order(rates, arrived, error, *(() if change is None else (change,)))
    if order is not None:
        fused.burst_code(
            order(arrived),
            order(error),
            order(rates),
            _flat(scale),
            gain,
            units.name == "relu",
            inhibited,
            _NOTHING if change is None else order(change),
        )
        return
    potential = arrived if inhibited else units.through_apical(rates, arrived)
    step = units.through_apical(rates, error).mul_(over(-1.0, scale))
    taught = potential + step
    rising = step > 0
    sides = torch.where(rising, taught, potential).sigmoid_()
    sides.mul_(torch.where(rising, potential, taught).neg_().sigmoid_())
    if change is not None:
        torch.mul(potential.sigmoid(), rates, out=arrived)
    part = torch.expm1(step.abs().neg_()).mul_(step.sign()).mul_(sides)
    torch.mul(part.mul_(rates), scale * gain, out=arrived if change is None else change)


def silent_code(
    units: Units, rates: Tensor, error: Tensor, scale: Tensor, baseline: float, ramp: bool
) -> Tensor:
    """Return ``-scale (b_t - p0 e) = -scale p0 e tanh(apic factor / p0)`` for ``error = -scale apic``.

    ``baseline`` is p0; with ``ramp`` the factor of rectified units is min(e, 1)/e in place of 1/e. All
    tensors are of one precision.
    """
    order = _order(rates, error)
    if order is not None:
        change = torch.empty_like(rates)
        fused.silent_code(
            order(error), order(rates), _flat(scale), baseline, units.name == "relu", ramp, order(change)
        )
        return change
    drive = units.through_apical(rates, error)
    if ramp and units.name == "relu":
        drive.mul_(rates.clamp(max=1.0))
    return drive.mul_(over(-1.0, scale * baseline)).tanh_().mul_(rates).mul_(scale * -baseline)


def over(number: float, scale: Tensor) -> Tensor:
    """Return ``number / scale``, and 0 where the loss counts for nothing: then nothing is taught."""
    return torch.where(scale == 0, scale, number / scale)


def _flat(tensor: Tensor) -> np.ndarray:
    return tensor.numpy().reshape(-1)


def _flat_channels_last(tensor: Tensor) -> np.ndarray:
    return tensor.permute(0, 2, 3, 1).numpy().reshape(-1)


def _order(*tensors: Tensor) -> Callable[[Tensor], np.ndarray] | None:
    """Return what lays all the tensors out as one row of numbers without a copy, None where nothing does."""
    if not all(tensor.is_cpu and tensor.dtype == torch.float32 for tensor in tensors):
        return None
    if all(tensor.is_contiguous() for tensor in tensors):
        return _flat
    if all(tensor.is_contiguous(memory_format=torch.channels_last) for tensor in tensors):
        return _flat_channels_last
    return None
