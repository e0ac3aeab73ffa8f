"""Sigmoids through the transfer curves, and the claims about them."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.special import expit

from burstprop.report.agreement import agreement, agreement_claims
from burstprop.report.claim import Claim

# curve -> (current along it, current of its levels, value)
CURVES = {
    "event_rate": ("soma_pa", "dendrite_pa", "event_rate_hz"),
    "burst_prob": ("dendrite_pa", "soma_pa", "burst_prob"),
}
ERRORS = {"event_rate_hz": "event_rate_se_hz", "burst_prob": "burst_prob_se"}
# a fall between neighbouring currents, in its standard errors, that noise may make: one chance in 30,000 each
# where the curve is flat, less where it rises
FALL = 4.0
FALSE_ALARMS = 0.01
"""How often a correct program differs from the published levels."""
RECURRENT_WEIGHT = 0.02
"""With which the published program was run three times."""


def sigmoid(
    current_pa: np.ndarray, top: float, midpoint_pa: float, width_pa: float, bottom: float = 0.0
) -> np.ndarray:
    """Return bottom + (top - bottom) / (1 + exp(-(I - midpoint)/width))."""
    return bottom + (top - bottom) * expit((current_pa - midpoint_pa) / width_pa)


def fits(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the sigmoid of each curve by least squares.

    Returns
    -------
    DataFrame
        ``curve, level_pa, bottom, top, midpoint_pa, width_pa, r_squared, line_r_squared``; bottom is 0 for
        event rates; the last column is what a straight line explains. NaN where no sigmoid can be fitted.
    """
    rows = []
    for name, (along, across, value) in CURVES.items():
        for level, group in curves[curves["curve"] == name].groupby(across):
            x, y = group[along].to_numpy(), group[value].to_numpy()
            rows.append((name, level, *_fit(x, y, with_bottom=name == "burst_prob")))
    columns = ["curve", "level_pa", "bottom", "top", "midpoint_pa", "width_pa", "r_squared", "line_r_squared"]
    return pd.DataFrame(rows, columns=columns)


def _fit(x: np.ndarray, y: np.ndarray, with_bottom: bool) -> tuple[float, ...]:
    """Return bottom, top, midpoint and width, and what the sigmoid and a straight line explain."""
    start = [float(np.max(y)), float(np.mean(x)), float(np.ptp(x)) / 8.0]
    try:
        with warnings.catch_warnings():
            # about the covariance, which nobody asks for; a poor fit shows in what it explains
            warnings.simplefilter("ignore", OptimizeWarning)
            found, _ = curve_fit(sigmoid, x, y, p0=[*start, float(np.min(y))] if with_bottom else start)
    except (RuntimeError, ValueError):  # no fit within the allowed calls; a point without any event
        return (math.nan,) * 6
    top, midpoint, width, bottom = [*found, 0.0][:4]
    line = np.polyval(np.polyfit(x, y, 1), x)
    return bottom, top, midpoint, width, _explained(y, sigmoid(x, *found)), _explained(y, line)


def _explained(y: np.ndarray, fitted: np.ndarray) -> float:
    return float(1.0 - np.sum((y - fitted) ** 2) / np.sum((y - y.mean()) ** 2))


def check(frames: dict[str, pd.DataFrame]) -> list[Claim]:
    """Return the claims about the frames of `burstprop.circuits.transfer.run`."""
    if "levels" in frames:
        return _published(frames["levels"])
    curves, transfer = frames["curves"], frames["transfer"]
    grid = curves[curves["curve"] == "burst_prob"]
    e_share, p_share = _share(grid, "event_rate_hz", "soma_pa"), _share(grid, "burst_prob", "dendrite_pa")
    # .max(), .min() of arrays, not of frames: a level without a fit must not be passed over
    e, p = (
        {column: own[column].to_numpy() for column in own}
        for own in (transfer[transfer["curve"] == name] for name in CURVES)
    )
    left = (1.0 - p["r_squared"]) / (1.0 - p["line_r_squared"])
    falls, around = [_fall(curves, name) for name in CURVES], _around(grid)
    return [
        Claim("E rises with the somatic current: largest fall", falls[0], -math.inf, FALL, "SE"),
        Claim("P rises with the dendritic current: largest fall", falls[1], -math.inf, FALL, "SE"),
        Claim("E is a sigmoid of the somatic current: smallest R²", e["r_squared"].min(), 0.99, math.inf),
        Claim("P is a sigmoid of the dendritic current: smallest R²", p["r_squared"].min(), 0.99, math.inf),
        Claim("P: unexplained by the sigmoid, over what a straight line leaves", left.max(), 0.0, 0.1),
        Claim("P of a silent dendrite: largest bottom of the sigmoids", p["bottom"].max(), 0.0, 0.25),
        Claim("P of a driven dendrite: smallest top of the sigmoids", p["top"].min(), 0.7, math.inf),
        Claim(
            "E: share of its variance that the somatic current explains", e_share, 0.75, math.inf, "", around
        ),
        Claim(
            "P: share of its variance that the dendritic current explains", p_share, 0.9, math.inf, "", around
        ),
    ]


def _fall(curves: pd.DataFrame, name: str) -> float:
    """Return the largest fall between neighbouring currents, in its standard errors; negative: none."""
    along, across, value = CURVES[name]
    falls = []
    for _, group in curves[curves["curve"] == name].groupby(across):
        group = group.sort_values(along)
        rise, squared = np.diff(group[value]), group[ERRORS[value]].to_numpy() ** 2
        falls.append(np.max(-rise / np.sqrt(squared[1:] + squared[:-1])))
    return float(np.max(falls))


def _around(grid: pd.DataFrame) -> str:
    soma, dendrite = grid["soma_pa"], grid["dendrite_pa"]
    return (
        f"{soma.min():g} to {soma.max():g} pA into somata, {dendrite.min():g} to {dendrite.max():g} dendrites"
    )


def _share(grid: pd.DataFrame, value: str, current: str) -> float:
    """Return the share of the variance over the grid that the means at each value of one current make up."""
    return float(grid.groupby(current)[value].transform("mean").var() / grid[value].var())


def published_levels(recurrent_weight: float) -> pd.DataFrame:
    """Return event rate and burst probability of the published program, in the columns of ``levels``."""
    table = pd.read_csv(Path(__file__).with_name("published.csv"))
    found = table[table["recurrent_weight"] == recurrent_weight].rename(
        columns={"somatic_current_pA": "soma_pa", "dendritic_current_pA": "dendrite_pa"}
    )
    return found.assign(burst_prob=found["burst_rate_hz"] / found["event_rate_hz"])


def level_figures(levels: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each realization, a column for E and P at each pair of currents."""
    found = {}
    for (soma, dendrite), own in levels.groupby(["soma_pa", "dendrite_pa"]):
        values = own.set_index("realization")
        found[f"E at {soma:g} and {dendrite:g} pA"] = values["event_rate_hz"]
        found[f"P at {soma:g} and {dendrite:g} pA"] = values["burst_prob"]
    return pd.DataFrame(found)


def _published(levels: pd.DataFrame) -> list[Claim]:
    weight = float(levels["recurrent_weight"].iloc[0])
    # one realization without inhibition: the spread of those with it
    spread = level_figures(published_levels(RECURRENT_WEIGHT))
    theirs = level_figures(published_levels(0.0)) if weight == 0.0 else spread
    ours = level_figures(levels)
    if set(ours) != set(theirs):
        why = "somatic and dendritic currents are not the published ones"
        return [Claim("published transfer functions", math.nan, 0.0, 0.0, not_judged=why)]
    found = agreement(theirs, ours, false_alarms=FALSE_ALARMS, spread=spread if len(theirs) < 2 else None)
    return agreement_claims(
        found,
        title="published transfer functions",
        sample=f"the {len(found.single)} figures below, {len(theirs)} published realizations",
        unit=lambda name: "Hz" if name.startswith("E") else "",
        reference=lambda name: f"{theirs[name].mean():.4g} (published)",
    )
