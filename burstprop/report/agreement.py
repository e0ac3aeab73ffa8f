"""Whether two samples of figures agree: those of a run, and those of a reference.

A realization gives many figures (means, amplitudes, phases ...). Run and reference are compared figure by
figure, and all figures at once. Single bounds are wide where there are many figures; one distance over all of
them notices a small change that moves many of them a little::

    d_k = (mean of the run - mean of the reference)_k / (s_k sqrt(1/n + 1/m))
    D^2 = d' R^-1 d / K          n, m realizations, K figures

s and R are the standard deviations and correlations within the samples, of reference and run together: a run
never sets its own bounds alone. R is shrunk towards the identity, since there are hardly more realizations
than figures (Schäfer & Strimmer 2005, https://doi.org/10.2202/1544-6115.1175; the intensity is their
estimate). D^2 is about 1 where the two agree.

Bounds. A single figure may lie within Student's t interval, at its share of the rate of false alarms. The
bounds of D^2 and of the spread are quantiles of the same numbers over `DRAWS` pairs of samples, drawn from
the reference's own shrunk correlations with a fixed seed: nothing in them depends on what was measured. The
rate of false alarms is split: half for D^2, four tenths for the single figures, one tenth for the spread.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

Array = NDArray[np.float64]

DRAWS = 4000
SEED = 2021
SHARES = {"distance": 0.5, "single": 0.4, "spread": 0.1}
"""Of the rate of false alarms."""
FEWEST_FOR_SPREAD = 5
"""The spread of a run is judged from so many realizations on."""


@dataclass(frozen=True)
class Agreement:
    """How far a run is from a reference, and how far it may be.

    Attributes
    ----------
    single : DataFrame
        A row for each figure: ``measured, expected, sd, low, high``, and ``distance`` in standard errors.
    distance, largest_distance : float
        D^2 and its bound.
    spread, smallest_spread, largest_spread : float
        Standard deviation of the run over that of the reference, geometric mean over the figures, and its
        bounds; NaN with fewer than `FEWEST_FOR_SPREAD` realizations, or a reference of one.
    """

    single: pd.DataFrame
    distance: float
    largest_distance: float
    spread: float
    smallest_spread: float
    largest_spread: float


def agreement(
    reference: pd.DataFrame, run: pd.DataFrame, *, false_alarms: float, spread: pd.DataFrame | None = None
) -> Agreement:
    """Compare a run with a reference.

    Parameters
    ----------
    reference, run : DataFrame
        A row for each realization, a column for each figure; the same columns, no value missing.
    false_alarms : float
        How often two samples of one program may be told apart, all bounds together.
    spread : DataFrame, optional
        A third sample, for standard deviations and correlations only: where the reference is one realization.

    Raises
    ------
    ValueError
        No two realizations of any sample say how far apart two may be.
    """
    ours, theirs = run[reference.columns].to_numpy(np.float64), reference.to_numpy(np.float64)
    more = np.empty((0, ours.shape[1])) if spread is None else spread[reference.columns].to_numpy(np.float64)
    sizes = len(theirs), len(ours), len(more)
    if sum(max(0, size - 1) for size in sizes) < 2:
        raise ValueError("no sample says how far apart two realizations may be")
    away, sd, inverse = _compare(theirs, ours, more)
    apart = away / (sd * _error(sizes))
    count = len(apart)
    fixed = more if len(theirs) < 2 else theirs
    limits = _limits(_shrunk(_centred(fixed) / _sd(fixed))[0].tobytes(), sizes, false_alarms)
    margin = _quantile(sizes, SHARES["single"] * false_alarms / count) * sd * _error(sizes)
    expected = theirs.mean(axis=0)
    single = pd.DataFrame(
        {
            "measured": expected + away,
            "expected": expected,
            "sd": sd,
            "low": expected - margin,
            "high": expected + margin,
            "distance": apart,
        },
        index=reference.columns,
    )
    judged = len(ours) >= FEWEST_FOR_SPREAD
    ratio = float(np.exp(np.mean(np.log(_sd(ours) / _sd(fixed))))) if judged else math.nan
    return Agreement(single, float(apart @ inverse @ apart) / count, limits[0], ratio, limits[1], limits[2])


def _compare(theirs: Array, ours: Array, more: Array) -> tuple[Array, Array, Array]:
    """Return the difference of the means, the SDs, and the inverse of the shrunk correlations."""
    within = np.vstack([_centred(sample) for sample in (theirs, ours, more)])
    degrees = sum(max(0, len(sample) - 1) for sample in (theirs, ours, more))
    sd = np.sqrt((within**2).sum(axis=0) / degrees)
    return ours.mean(axis=0) - theirs.mean(axis=0), sd, np.linalg.inv(_shrunk(within / sd)[0])


def _error(sizes: tuple[int, int, int]) -> float:
    return math.sqrt(1.0 / sizes[0] + 1.0 / sizes[1])


def _quantile(sizes: tuple[int, int, int], chance: float) -> float:
    return -float(stdtrit(sum(max(0, size - 1) for size in sizes), 0.5 * chance))


def _centred(sample: Array) -> Array:
    return sample - sample.mean(axis=0) if len(sample) else sample


def _sd(sample: Array) -> Array:
    return np.std(sample, axis=0, ddof=1)


def _shrunk(z: Array) -> tuple[Array, float]:
    """Return the shrunk correlations of standardised, centred rows, and the intensity of the shrinkage."""
    n = len(z)
    products = z[:, :, None] * z[:, None, :]
    correlations = products.mean(axis=0)
    variance = ((products - correlations) ** 2).sum(axis=0) * n / (n - 1) ** 3
    off = ~np.eye(z.shape[1], dtype=bool)
    strength = float((correlations[off] ** 2).sum())
    intensity = min(1.0, float(variance[off].sum()) / strength) if strength else 1.0
    shrunk = (1.0 - intensity) * correlations
    np.fill_diagonal(shrunk, 1.0)
    return shrunk, intensity


@functools.lru_cache(maxsize=32)
def _limits(
    correlations: bytes, sizes: tuple[int, int, int], false_alarms: float
) -> tuple[float, float, float]:
    """Return the bounds of D^2 and of the spread for samples of these sizes."""
    matrix = np.frombuffer(correlations)
    count = math.isqrt(len(matrix))
    root = np.linalg.cholesky(matrix.reshape(count, count)).T
    rng = np.random.default_rng(SEED)
    first, second, _ = np.cumsum(sizes)
    distances, spreads = np.empty(DRAWS), np.empty(DRAWS)
    for k in range(DRAWS):
        rows = rng.standard_normal((sum(sizes), count)) @ root
        theirs, ours, more = rows[:first], rows[first:second], rows[second:]
        away, sd, inverse = _compare(theirs, ours, more)
        apart = away / (sd * _error(sizes))
        distances[k] = apart @ inverse @ apart / count
        if len(ours) >= FEWEST_FOR_SPREAD:
            fixed = more if len(theirs) < 2 else theirs
            spreads[k] = np.mean(np.log(_sd(ours) / _sd(fixed)))
    chance = SHARES["spread"] * false_alarms / 2.0
    low, high = (
        np.exp(np.quantile(spreads, [chance, 1.0 - chance]))
        if sizes[1] >= FEWEST_FOR_SPREAD
        else (math.nan, math.nan)
    )
    return float(np.quantile(distances, 1.0 - SHARES["distance"] * false_alarms)), float(low), float(high)
