"""Random numbers without state: a hash of (seed, stream, step, lane).

A number depends only on what it is for, so neither the number of threads, nor how a run is cut into pieces,
nor a save and resume can change it. The two key words of a step come from a 64-bit mixer (splitmix64); the
lane is mixed in with two 32-bit multiplications (constants of C. Wellons' lowbias32), which the compiler
turns into vector code.

Every stream has one recipe: numpy's `SeedSequence` of the run's seed (1,000,003 times the seed of the
simulation, plus the realization) and the CRC of the stream's name. It stays as it is: another recipe would
change every stored number and improve none.

Lanes at some fixed distances are not perfectly independent: the private backgrounds of neurons up to 64 apart
correlate by less than 0.003 in size (tests/engine/test_sources.py). A better mixer would take a third
multiplication for each draw and change all results.
"""

from __future__ import annotations

import zlib

import numpy as np

from burstprop.jit.kernel import COMPILED, kernel

_U = np.uint32
_SHIFT16, _SHIFT15 = _U(16), _U(15)
_MULTIPLY1, _MULTIPLY2 = _U(0x7FEB352D), _U(0x846CA68B)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
_TO_UNIT = 1.0 / 4294967296.0

# unsigned numbers wrap around; NumPy warns of it where a kernel runs as plain Python
_wrapping = kernel if COMPILED else np.errstate(over="ignore")


def stream_key(seed: int, name: str) -> np.uint64:
    """Return the key of a named stream of random numbers."""
    mixed = np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1, np.uint64)
    return np.uint64(mixed[0])


def generator(seed: int, name: str) -> np.random.Generator:
    """Return a NumPy generator for what is drawn once, when a circuit is built."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(name.encode())])))


@_wrapping
def step_key(key, step):
    """Return the 64-bit key of one step of a stream."""
    z = np.uint64(key) + np.uint64(step) * _GOLDEN
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    return z ^ (z >> _S31)


@_wrapping
def hash32(key_low, key_high, lane):
    """Return 32 random bits for a lane of a step; all three are uint32."""
    return mixed(first_product(key_low, lane), key_high)


@_wrapping
def first_product(key_low, lane):
    """Return the product from which `mixed` makes random bits."""
    return _U(_U(lane + key_low) * _MULTIPLY1)


@_wrapping
def next_product(product):
    """Return the `first_product` of the next lane: in a loop over lanes an addition replaces the product."""
    return _U(product + _MULTIPLY1)


@_wrapping
def mixed(product, key_high):
    """Return 32 random bits for a lane from its `first_product`."""
    x = _U(_U(product ^ (product >> _SHIFT15)) ^ key_high)
    x = _U(x * _MULTIPLY2)
    return _U(x ^ (x >> _SHIFT16))


@kernel
def key_words(key):
    """Split a 64-bit key into two uint32."""
    return _U(key & np.uint64(0xFFFFFFFF)), _U(key >> _S32)


@kernel
def uniform(key, lane):
    """Return one number in [0, 1) for a lane of a step, with 32 random bits."""
    low, high = key_words(key)
    return hash32(low, high, _U(lane)) * _TO_UNIT
