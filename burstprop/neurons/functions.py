"""Functions that vectorise inside a neuron's step and keep the type of their argument.

The compiler has no vector instruction for ``exp``. In float32 `sigmoid` is a ratio of two polynomials of
degree 9 and 8 (a minimax fit of tanh on [-9, 9], largest error of the sigmoid 1e-7); in float64 it is exact.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import overload

from burstprop.jit.kernel import OPTIONS

_F = np.float32
_HALF, _EDGE = _F(0.5), _F(9.0)
_P0, _P1, _P2, _P3, _P4 = (
    _F(0.999999979),
    _F(0.13381065),
    _F(0.00349563395),
    _F(2.06097938e-05),
    _F(1.33555562e-08),
)
_Q0, _Q1, _Q2, _Q3, _Q4 = _F(1.0), _F(0.467143806), _F(0.025877159), _F(0.0003285708), _F(7.77694435e-07)


def _sigmoid32(x):
    h = _HALF * x
    h = min(max(h, -_EDGE), _EDGE)
    y = h * h
    p = h * (_P0 + y * (_P1 + y * (_P2 + y * (_P3 + y * _P4))))
    q = _Q0 + y * (_Q1 + y * (_Q2 + y * (_Q3 + y * _Q4)))
    return _HALF + _HALF * (p / q)


def _sigmoid64(x):
    return 1.0 / (1.0 + math.exp(-x))


def sigmoid(x):
    """Return 1 / (1 + exp(-x))."""
    return _sigmoid32(x) if isinstance(x, np.float32) else _sigmoid64(x)


@overload(sigmoid, jit_options=OPTIONS)
def _sigmoid_overload(x):
    return _sigmoid32 if x == types.float32 else _sigmoid64


def power256(x):
    """Return x to the power of 256 by eight squarings; (1 + x/256)^256 is the published program's exp(x)."""
    x2 = x * x
    x4 = x2 * x2
    x8 = x4 * x4
    x16 = x8 * x8
    x32 = x16 * x16
    x64 = x32 * x32
    x128 = x64 * x64
    return x128 * x128


@overload(power256, jit_options=OPTIONS)
def _power256_overload(x):
    return power256
