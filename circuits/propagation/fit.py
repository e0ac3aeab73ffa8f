"""The figures that a run of the propagation circuit is judged by, from its rates alone.

Each signal (event rate E and burst probability P of both layers, rates of PV and SOM) is fitted, over the
stimulated part, by constant + sine + cosine at both stimulus periods at once (least squares)::

    y(t) = mean + a_ff sin(2 pi t/T_ff + phi_ff) + a_fb sin(2 pi t/T_fb + phi_fb),   t the middle of a bin

so the phases are those relative to the injected currents (positive: ahead). Beside them stands how much of
each of the two messages a signal carries. The same functions make the figures of a run and those of the
published rates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from burstprop.errors import BurstpropError

SIGNALS = {
    "E of pyr1": ("pyr1", "event_rate_hz"),
    "P of pyr1": ("pyr1", "burst_prob"),
    "E of pyr2": ("pyr2", "event_rate_hz"),
    "P of pyr2": ("pyr2", "burst_prob"),
    "rate of PV": ("pv", "rate_hz"),
    "rate of SOM": ("som", "rate_hz"),
}
FEWEST_BINS = 12


class Protocol(NamedTuple):
    """When and how fast the two stimuli go."""

    settling_ms: float
    bin_ms: float
    feedforward_period_ms: float
    feedback_period_ms: float


def figures(rates: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return the figures of every realization: ``realization, signal, figure, value``.

    Parameters
    ----------
    rates : DataFrame
        ``time_ms`` (end of the bin), ``population, event_rate_hz, burst_prob, rate_hz, realization``.

    Raises
    ------
    BurstpropError
        There are too few bins after the settling to tell the two periods apart.
    """
    stimulated = rates[rates["time_ms"] > protocol.settling_ms + 0.5 * protocol.bin_ms]
    rows = []
    for realization, own in stimulated.groupby("realization"):
        time = {name: np.asarray(part["time_ms"]) for name, part in own.groupby("population", observed=True)}
        if min(map(len, time.values())) < FEWEST_BINS:
            raise BurstpropError(
                f"{min(map(len, time.values()))} bins of {protocol.bin_ms:g} ms after the settling: "
                f"the fit of both periods needs at least {FEWEST_BINS}; give a longer stimulation_ms"
            )
        values = {
            signal: own.loc[own["population"] == population, column].to_numpy(np.float64)
            for signal, (population, column) in SIGNALS.items()
        }
        middle = time["pyr1"] - 0.5 * protocol.bin_ms
        for signal, y in values.items():
            rows += [(realization, signal, name, value) for name, value in fit(middle, y, protocol).items()]
        rows += [(realization, *row) for row in messages(middle, values, protocol)]
    return pd.DataFrame(rows, columns=["realization", "signal", "figure", "value"])


def fit(t_ms: np.ndarray, y: np.ndarray, protocol: Protocol) -> dict[str, float]:
    """Return mean, amplitudes and phases (degrees) of one signal; bins without a value are left out."""
    periods = protocol.feedforward_period_ms, protocol.feedback_period_ms
    mean, *waves = _least_squares(np.column_stack([_wave(t_ms, period) for period in periods]), y)[0]
    found = {"mean": float(mean)}
    for name, sine, cosine in (("feedforward", *waves[:2]), ("feedback", *waves[2:])):
        found[f"{name} amplitude"] = float(np.hypot(sine, cosine))
        found[f"{name} phase"] = float(np.degrees(np.arctan2(cosine, sine)))
    return found


def messages(
    t_ms: np.ndarray, values: dict[str, np.ndarray], protocol: Protocol
) -> list[tuple[str, str, float]]:
    """Return what each signal carries of either message, as (signal, figure, value).

    ``leakage`` is the amplitude at the wrong stimulus frequency over that at the right one, ``share`` the
    part of the variance that the right stimulus explains, at whatever phase. ``P of pyr1 beside E`` is the
    burst probability of the lower layer less its regression on the event rate of the same layer: what a
    reader of both can tell.
    """
    rows = []
    right = {"E": protocol.feedforward_period_ms, "P": protocol.feedback_period_ms}
    for signal in ("E of pyr1", "E of pyr2", "P of pyr1", "P of pyr2"):
        waves = fit(t_ms, values[signal], protocol)
        forward, back = waves["feedforward amplitude"], waves["feedback amplitude"]
        rows.append((signal, "leakage", back / forward if signal[0] == "E" else forward / back))
        rows.append((signal, "share", _explained(_wave(t_ms, right[signal[0]]), values[signal])))
    burst_prob = values["P of pyr1"]
    rest = beside(values["E of pyr1"], burst_prob)
    waves = fit(t_ms, rest, protocol)
    rows.append(
        ("P of pyr1 beside E", "leakage", waves["feedforward amplitude"] / waves["feedback amplitude"])
    )
    rows.append(("P of pyr1 beside E", "share", _explained(_wave(t_ms, right["P"]), rest)))
    rows.append(
        (
            "P of pyr1",
            "correlation with B of pyr2",
            _correlation(burst_prob, values["E of pyr2"] * values["P of pyr2"]),
        )
    )
    return rows


def beside(event_rate: ArrayLike, burst_prob: ArrayLike) -> np.ndarray:
    """Return P less its regression on E, shape (bins,): what P tells a reader who knows E."""
    x, y = np.asarray(event_rate, np.float64), np.asarray(burst_prob, np.float64)
    return y - _least_squares(x[:, None], y)[1]


def _wave(t_ms: np.ndarray, period_ms: float) -> np.ndarray:
    angle = 2.0 * np.pi * t_ms / period_ms
    return np.column_stack([np.sin(angle), np.cos(angle)])


def _least_squares(columns: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients (constant first) and the fitted values; bins where y is NaN take no part."""
    design = np.column_stack([np.ones(len(y)), columns])
    known = np.isfinite(y) & np.isfinite(design).all(axis=1)
    coefficients = np.linalg.lstsq(design[known], y[known], rcond=None)[0]
    return coefficients, design @ coefficients


def _explained(columns: np.ndarray, y: np.ndarray) -> float:
    rest = y - _least_squares(columns, y)[1]
    return float(1.0 - np.nanvar(rest) / np.nanvar(y))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    return float(np.corrcoef(a[known], b[known])[0, 1])


def side_by_side(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each realization and a column for each figure, ``"SIGNAL: FIGURE"``."""
    named = table.assign(name=table["signal"] + ": " + table["figure"])
    order = named["name"].drop_duplicates()
    wide = named.pivot(index="realization", columns="name", values="value")[order]
    wide.columns.name = None
    return wide


def wrapped(degrees: np.ndarray | float) -> np.ndarray:
    """Return angles between -180 and 180 degrees."""
    return (np.asarray(degrees) + 180.0) % 360.0 - 180.0
