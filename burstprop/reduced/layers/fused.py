"""Elementwise steps of the rules in one pass over memory, for float32 on the CPU (numba).

The formulas are those of `burstprop.reduced.layers.numerics`, which serves every other device and precision;
PyTorch's elementwise operations cost a pass over memory each, about ten times as much in all.

tanh a = O/E with the fourth Padé approximant (Lambert's continued fraction, as a quotient of polynomials odd
and even in a). With a = u/4, P = E + O and M = E - O, exp(u) = (P/M)^2, so that sigmoid(u) = P^2 / (P^2 +
M^2) and tanh(u/2) = 2 O E / (E^2 + O^2): relative error below 3e-7 everywhere where tanh is not yet 1, and it
is plain arithmetic, which the compiler vectorises.

The signatures are given, so that compiling (a second or two, then from the cache) is over with the import:
numba and NumPy warn when they compile while denormal numbers are flushed to zero, as a training run lets them
be.
"""

from __future__ import annotations

import numba
import numpy as np

import burstprop.jit.vector_width  # noqa: F401 - for its effect

_TINY = np.float32(1e-8)
_CHUNK = 4096  # elements whose results stay in the processor's caches
# a product and a sum may be one instruction; nothing else is reordered
_FUSED = {"contract"}


@numba.njit(inline="always", error_model="numpy", fastmath=_FUSED)
def _odd_even(value):  # type: ignore[no-untyped-def]
    """Return O and E of tanh a for ``value`` = 2 a; beyond 9 tanh is 1 in float32."""
    half = np.float32(0.5) * min(max(value, np.float32(-9.0)), np.float32(9.0))
    square = half * half
    one, last = np.float32(1.0), np.float32(1.0 / 135135.0)
    odd = half * (
        one
        + square * (np.float32(17325.0 / 135135.0) + square * (np.float32(378.0 / 135135.0) + square * last))
    )
    even = one + square * (
        np.float32(62370.0 / 135135.0)
        + square * (np.float32(3150.0 / 135135.0) + square * np.float32(28.0 / 135135.0))
    )
    return odd, even


@numba.njit(inline="always", error_model="numpy")
def _inverse(scale):  # type: ignore[no-untyped-def]
    """Return 1 / scale, and 0 where the loss counts for nothing: then nothing is taught."""
    return np.float32(1.0) / scale if scale != 0 else np.float32(0.0)


@numba.njit(inline="always", error_model="numpy")
def _apical(rate):  # type: ignore[no-untyped-def]
    return np.float32(1.0) / (rate + _TINY) if rate > 0 else np.float32(0.0)


@numba.njit(nogil=True, error_model="numpy", fastmath=_FUSED)
def _burst_code(  # type: ignore[no-untyped-def]
    arrived, error, rates, scale, gain, rectified, inhibited, burst, change
):
    """Write b and -gain scale (b_t - b) from b Y (``arrived``), or u where ``inhibited``, and ``error``.

    With v = u + du, b_t - b = e s(v) s(-u) (1 - exp(-du)) for du > 0, and -e s(u) s(-v) (1 - exp(du))
    otherwise; 1 - exp(-|du|) = 2 |S|/(1 + |S|) = 4 |O| E/(E + |O|)^2 of du.
    """
    one, half, zero = np.float32(1.0), np.float32(0.5), np.float32(0.0)
    back, out = -_inverse(scale), np.float32(-4.0) * scale * gain
    for i in range(rates.size):
        rate = rates[i]
        factor = _apical(rate) if rectified else one - rate
        potential = arrived[i] * (one if inhibited else factor)
        step = back * error[i] * factor
        odd, even = _odd_even(half * potential)
        up, down = (even + odd) * (even + odd), (even - odd) * (even - odd)
        odd, even = _odd_even(half * (potential + step))
        up_taught, down_taught = (even + odd) * (even + odd), (even - odd) * (even - odd)
        odd, even = _odd_even(half * step)
        both = up_taught * down if step > zero else down_taught * up
        share = rate / (up + down)
        burst[i] = share * up
        side = even + abs(odd)
        change[i] = out * share * both * odd * even / ((up_taught + down_taught) * (side * side))


@numba.njit(
    "void(f4[::1], f4[::1], f4[::1], f4[::1], f4, b1, b1, f4[::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath=_FUSED,
)
def burst_code(arrived, error, rates, scale, gain, rectified, inhibited, change):  # type: ignore[no-untyped-def]
    """Write b over b Y (``arrived``) and -gain scale (b_t - b) into ``change``, or the latter over b Y where
    ``change`` has no elements.

    It goes chunk by chunk: a loop that writes what it reads would not become vector instructions (seven times
    slower).
    """
    bursts, changes = np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.float32)
    for start in range(0, rates.size, _CHUNK):
        chunk = slice(start, min(start + _CHUNK, rates.size))
        over = arrived[chunk]
        burst, taught = bursts[: over.size], changes[: over.size]
        if change.size:
            taught = change[chunk]
        _burst_code(over, error[chunk], rates[chunk], scale[0], gain, rectified, inhibited, burst, taught)
        left = burst if change.size else taught
        for i in range(over.size):
            over[i] = left[i]


@numba.njit(
    "void(f4[::1], f4[::1], f4[::1], f4, b1, b1, f4[::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath=_FUSED,
)
def silent_code(error, rates, scale, baseline, rectified, ramp, change):  # type: ignore[no-untyped-def]
    """Write -scale (b_t - p0 e) = -scale p0 e tanh(apic factor / p0) for ``error`` = -scale apic."""
    one = np.float32(1.0)
    back, out = -_inverse(scale[0] * baseline), np.float32(-2.0) * scale[0] * baseline
    for i in range(rates.size):
        rate = rates[i]
        factor = _apical(rate) if rectified else one - rate
        if ramp and rectified:
            factor *= min(rate, one)
        odd, even = _odd_even(back * error[i] * factor)
        change[i] = out * rate * odd * even / (even * even + odd * odd)
