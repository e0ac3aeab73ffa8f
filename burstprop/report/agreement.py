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
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from burstprop.report.claim import Claim

Array = NDArray[np.float64]

DRAWS, BATCH = 4000, 100
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
    if _degrees(sizes) < 2:
        raise ValueError("no sample says how far apart two realizations may be")
    away, sd, inverse = _compare(theirs, ours, more)
    apart = away / (sd * _error(sizes))
    fixed = more if len(theirs) < 2 else theirs
    limits = _limits(_shrunk(_centred(fixed) / _sd(fixed)).tobytes(), sizes, false_alarms)
    chance = SHARES["single"] * false_alarms / len(apart)
    margin = -float(stdtrit(_degrees(sizes), 0.5 * chance)) * sd * _error(sizes)
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
    with np.errstate(divide="ignore"):  # realizations without any spread: a ratio of 0
        ratio = float(np.exp(np.mean(np.log(_sd(ours) / _sd(fixed))))) if judged else math.nan
    return Agreement(single, float(_squared(apart, inverse)), limits[0], ratio, limits[1], limits[2])


def agreement_claims(
    found: Agreement, *, title: str, sample: str, unit: Callable[[str], str], reference: Callable[[str], str]
) -> list[Claim]:
    """Return the claims that a run agrees with a reference: all figures together, the spread, each figure.

    Parameters
    ----------
    found : Agreement
        What `agreement` returned.
    title, sample : str
        Start of the first two claims, and what they are held against.
    unit, reference : callable
        Unit, and reference in words, of a figure by its name.
    """
    few = "" if math.isfinite(found.spread) else f"needs {FEWEST_FOR_SPREAD} realizations"
    distance = f"{title}: squared distance from them, for each figure"
    spread = f"{title}: SD over theirs, geometric mean"
    return [
        Claim(distance, found.distance, 0.0, found.largest_distance, "", sample),
        Claim(spread, found.spread, found.smallest_spread, found.largest_spread, "", sample, few),
        *(
            Claim(str(name), row.measured, row.low, row.high, unit(str(name)), reference(str(name)))
            for name, row in found.single.iterrows()
        ),
    ]


def _compare(theirs: Array, ours: Array, more: Array) -> tuple[Array, Array, Array]:
    """Return the difference of the means, the SDs, and the inverse of the shrunk correlations.

    Samples are arrays of shape (..., realizations, figures).
    """
    samples = (theirs, ours, more)
    within = np.concatenate([_centred(sample) for sample in samples], axis=-2)
    sd = np.sqrt((within**2).sum(axis=-2) / _degrees([sample.shape[-2] for sample in samples]))
    inverse = np.asarray(np.linalg.inv(_shrunk(within / sd[..., None, :])), np.float64)
    return ours.mean(axis=-2) - theirs.mean(axis=-2), sd, inverse


def _degrees(sizes: Sequence[int]) -> int:
    """Return the degrees of freedom of a spread within samples."""
    return sum(max(0, size - 1) for size in sizes)


def _error(sizes: Sequence[int]) -> float:
    return math.sqrt(1.0 / sizes[0] + 1.0 / sizes[1])


def _squared(apart: Array, inverse: Array) -> Array:
    return np.einsum("...i,...ij,...j->...", apart, inverse, apart) / apart.shape[-1]


def _centred(sample: Array) -> Array:
    return sample - sample.mean(axis=-2, keepdims=True) if sample.shape[-2] else sample


def _sd(sample: Array) -> Array:
    return np.std(sample, axis=-2, ddof=1)


def _shrunk(z: Array) -> Array:
    """Return the correlations of standardised, centred rows, shrunk towards the identity."""
    n = z.shape[-2]
    correlations = z.swapaxes(-1, -2) @ z / n
    products = (z**2).swapaxes(-1, -2) @ z**2  # sum of the squared products over the rows
    variance = (products - n * correlations**2) * n / (n - 1) ** 3
    off = ~np.eye(z.shape[-1], dtype=bool)
    strength = np.maximum((correlations[..., off] ** 2).sum(axis=-1), 1e-300)
    intensity = np.clip(variance[..., off].sum(axis=-1) / strength, 0.0, 1.0)
    shrunk = (1.0 - intensity)[..., None, None] * correlations
    shrunk[..., ~off] = 1.0
    return shrunk


@functools.lru_cache(maxsize=32)
def _limits(
    correlations: bytes, sizes: tuple[int, int, int], false_alarms: float
) -> tuple[float, float, float]:
    """Return the bounds of D^2 and of the spread for samples of these sizes."""
    matrix = np.frombuffer(correlations)
    count = math.isqrt(len(matrix))
    root = np.linalg.cholesky(matrix.reshape(count, count)).T
    rng = np.random.default_rng(SEED)
    judged = sizes[1] >= FEWEST_FOR_SPREAD
    distances, spreads = [], []
    for _ in range(DRAWS // BATCH):
        rows = rng.standard_normal((BATCH, sum(sizes), count)) @ root
        theirs, ours, more = np.split(rows, np.cumsum(sizes[:2]), axis=1)
        away, sd, inverse = _compare(theirs, ours, more)
        distances.append(_squared(away / (sd * _error(sizes)), inverse))
        if judged:
            fixed = more if sizes[0] < 2 else theirs
            spreads.append(np.log(_sd(ours) / _sd(fixed)).mean(axis=-1))
    largest = float(np.quantile(np.concatenate(distances), 1.0 - SHARES["distance"] * false_alarms))
    if not judged:
        return largest, math.nan, math.nan
    chance = SHARES["spread"] * false_alarms / 2.0
    low, high = np.exp(np.quantile(np.concatenate(spreads), [chance, 1.0 - chance]))
    return largest, float(low), float(high)
