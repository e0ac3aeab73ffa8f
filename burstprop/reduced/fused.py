"""Elementwise steps of the rules in one pass over memory, for float32 on the CPU (numba).

The formulas are those of `burstprop.reduced.numerics`, which serves every other device and precision;
PyTorch's elementwise operations cost a pass over memory each, about five times as much in all. tanh is the
fourth Padé approximant at half the argument (Lambert's continued fraction, as a quotient of polynomials),
doubled by tanh 2a = 2 t / (1 + t^2): relative error below 3e-7 everywhere, and plain arithmetic, which the
compiler vectorises.

The signatures are given, so that compiling (a second or two, then from the cache) is over with the import:
numba and NumPy warn when they compile while denormal numbers are flushed to zero, as a training run lets them
be.
"""

from __future__ import annotations

import numba
import numpy as np

_TINY = np.float32(1e-8)


@numba.njit(inline="always", error_model="numpy")
def _tanh(value):  # type: ignore[no-untyped-def]
    half = np.float32(0.5) * min(max(value, np.float32(-9.0)), np.float32(9.0))
    square = half * half
    odd = half * (
        np.float32(135135.0) + square * (np.float32(17325.0) + square * (np.float32(378.0) + square))
    )
    even = np.float32(135135.0) + square * (
        np.float32(62370.0) + square * (np.float32(3150.0) + square * np.float32(28.0))
    )
    return np.float32(2.0) * odd * even / (even * even + odd * odd)


@numba.njit(inline="always", error_model="numpy")
def _apical(rate):  # type: ignore[no-untyped-def]
    return np.float32(1.0) / (rate + _TINY) if rate > 0 else np.float32(0.0)


@numba.njit(
    "void(f4[::1], f4[::1], f4[::1], f4, b1, f4[::1], f4[::1])", cache=True, nogil=True, error_model="numpy"
)
def burst_code(arrived, error, rates, scale, rectified, burst, change):  # type: ignore[no-untyped-def]
    """Write b and -scale (b_t - b) from b Y (``arrived``) and ``error``; ``burst`` may have no elements."""
    one, half = np.float32(1.0), np.float32(0.5)
    below_one = np.float32(1.0 - 1.2e-7)
    back = -half / scale
    keep = burst.size > 0
    for i in range(rates.size):
        rate = rates[i]
        factor = _apical(rate) if rectified else one - rate
        potential = _tanh(half * arrived[i] * factor)
        step = _tanh(back * error[i] * factor)
        product = potential * step
        without = half * rate * (one + potential)
        if keep:
            burst[i] = without
        change[i] = -scale * without * (step - product) / (one + below_one * product)


@numba.njit("void(f4[::1], f4[::1], f4, f4, b1, b1, f4[::1])", cache=True, nogil=True, error_model="numpy")
def silent_code(error, rates, scale, baseline, rectified, ramp, change):  # type: ignore[no-untyped-def]
    """Write -scale (b_t - p0 e) = -scale p0 e tanh(apic factor / p0) for ``error`` = -scale apic."""
    one = np.float32(1.0)
    back, out = -one / (scale * baseline), -scale * baseline
    for i in range(rates.size):
        rate = rates[i]
        factor = _apical(rate) if rectified else one - rate
        if ramp and rectified:
            factor *= min(rate, one)
        change[i] = out * rate * _tanh(back * error[i] * factor)
