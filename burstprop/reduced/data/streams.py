"""Random numbers that are functions of (seed, stream, epoch, image): no state, nothing to save and restore.

The hash is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, doi 10.1145/2714064.2660195) over a
counter. The numbers depend on nothing but their arguments: not on the batch, the worker, the machine or the
version of NumPy.
"""

from __future__ import annotations

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_WORD = 2**64

ORDER, AUGMENTATION, NOISE, LOOK = 1, 2, 3, 4
"""Streams: the order of the images, their augmentation, and the noise that a rule draws, in a step and
when its layers are looked at."""


def _mix(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))


def _key(*parts: int) -> np.ndarray:
    """Hash whole numbers, one after the other, into one 64-bit word (as an array of one)."""
    key = np.zeros(1, np.uint64)
    for part in parts:
        key = _mix(key * _GOLDEN + np.array([part % _WORD], np.uint64) + _GOLDEN)
    return key


def words(seed: int, stream: int, epoch: int, counters: np.ndarray) -> np.ndarray:
    """Return one 64-bit random word for each counter (an array of whole numbers of any shape)."""
    return _mix(_key(seed, stream, epoch) + counters.astype(np.uint64) * _GOLDEN)


def uniforms(seed: int, epoch: int, indices: np.ndarray, count: int) -> np.ndarray:
    """Return ``count`` numbers in [0, 1) for each image of ``indices``: float64, shape (images, count)."""
    counters = np.asarray(indices)[:, None] * count + np.arange(count)
    return (words(seed, AUGMENTATION, epoch, counters) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def order(seed: int, epoch: int, size: int) -> np.ndarray:
    """Return the order in which an epoch goes through ``size`` images: a permutation, int64."""
    return np.argsort(words(seed, ORDER, epoch, np.arange(size)), kind="stable")
