"""The burst code, elementwise, in a form that keeps the digits of small changes and is cheap.

Float32 on the CPU goes through `burstprop.reduced.layers.fused`, everything else through PyTorch's own
operations.
"""

from __future__ import annotations

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
) -> None:
    """Write ``-scale (b_t - b)`` for p = sigmoid(u), p_t = sigmoid(u + du), b = p e, b_t = p_t e into
    ``change`` and b over ``arrived``; where ``change`` is None, the former over ``arrived``.

    With T = tanh(u/2) and S = tanh(du/2), b = e (1 + T)/2 and b_t - b = b S (1 - T)/(1 + T S): two
    transcendental functions, and no difference of nearly equal numbers unless |u| is large, where b_t - b
    itself is small. Where u and du have opposite signs and both exceed 16, float32 sees no change.

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
    """
    if _fusible(rates) and _fusible(arrived) and _fusible(error):
        fused.burst_code(
            _flat(arrived),
            _flat(error),
            _flat(rates),
            _flat(scale),
            units.name == "relu",
            inhibited,
            _NOTHING if change is None else _flat(change),
        )
        return
    back = over(-0.5, scale)
    tilt = arrived.clone() if inhibited else units.through_apical(rates, arrived)
    tilt.mul_(0.5).tanh_()
    step = units.through_apical(rates, error).mul_(back).tanh_()
    half = rates * 0.5
    burst = torch.addcmul(half, half, tilt, out=None if change is None else arrived)
    product = tilt.mul_(step)
    step -= product
    # 1 - eps keeps 0/0 away where both tanh are 1
    product.mul_(1.0 - torch.finfo(rates.dtype).eps).add_(1.0).div_(-scale)
    torch.mul(step.div_(product), burst, out=arrived if change is None else change)


def silent_code(
    units: Units, rates: Tensor, error: Tensor, scale: Tensor, baseline: float, ramp: bool
) -> Tensor:
    """Return ``-scale (b_t - p0 e) = -scale p0 e tanh(apic factor / p0)`` for ``error = -scale apic``.

    ``baseline`` is p0; with ``ramp`` the factor of rectified units is min(e, 1)/e in place of 1/e. All
    tensors are of one precision.
    """
    if _fusible(rates) and _fusible(error):
        change = torch.empty_like(rates)
        fused.silent_code(
            _flat(error), _flat(rates), _flat(scale), baseline, units.name == "relu", ramp, _flat(change)
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


def _fusible(tensor: Tensor) -> bool:
    return tensor.is_cpu and tensor.dtype == torch.float32 and tensor.is_contiguous()
