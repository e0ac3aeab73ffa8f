"""The claims about the plasticity-rule circuit: which way the weights go, and the published numbers."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from burstprop.report.report import Claim

from .reference import PUBLISHED

ROUNDING_MS = 1e-6
"""Times that differ by less are the same."""
SKIPPED_MS = 5000.0
"""Rates are means over a segment without its first 5 s, in which they still change."""
LEFT_MS = 2500.0
"""The published record stops 2.5 s before the end; every segment is judged up to there."""
FALSE_ALARMS = 0.01
"""Chance that a correct program fails one of the comparisons with the published realization."""
RATES = ("event_rate_hz", "burst_rate_hz", "input_event_rate_hz", "input_burst_rate_hz")
QUANTITIES = {
    "weight_change": "weight change",
    "event_rate_hz": "event rate",
    "burst_rate_hz": "burst rate",
    "input_event_rate_hz": "event rate of the input",
    "input_burst_rate_hz": "burst rate of the input",
}
INDIFFERENT = 0.25
"""The input's bursts move the weight by less than this share of what the raised burst probability does."""


def by_segment(frame: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    """Return mean rates and weight change of every plastic segment: ``realization, segment``, and
    `QUANTITIES`."""
    rows = []
    for realization, own in frame.groupby("realization", sort=False):
        weight = own.set_index("time_ms")["mean_weight"]
        for segment, start, stop in (
            segments[["segment", "start_ms", "stop_ms"]].iloc[1:].itertuples(index=False)
        ):
            last = stop - LEFT_MS
            since, until = start + SKIPPED_MS + ROUNDING_MS, last + ROUNDING_MS
            inside = own[(own["time_ms"] > since) & (own["time_ms"] <= until)]
            change = _at(weight, last) - _at(weight, start)
            means = {name: float(inside[name].mean()) for name in RATES}
            rows.append({"realization": realization, "segment": segment, "weight_change": change, **means})
    return pd.DataFrame(rows)


def check(frames: dict[str, pd.DataFrame]) -> list[Claim]:
    """Return the claims about the frames of `burstprop.circuits.plasticity_rule.run`."""
    table = by_segment(frames["plasticity_rule"], frames["segments"])
    return [*_directions(table), *_published(table)]


def _directions(table: pd.DataFrame) -> list[Claim]:
    change = table.pivot(index="realization", columns="segment", values="weight_change")
    bursts = table.pivot(index="realization", columns="segment", values="input_burst_rate_hz")
    prob = table.assign(p=table["burst_rate_hz"] / table["event_rate_hz"]).pivot(
        index="realization", columns="segment", values="p"
    )
    up, down = (0.0, math.inf), (-math.inf, 0.0)
    claims = []
    for segment, words, bounds in (
        ("raised", "raised burst probability potentiates", up),
        ("back", "back from raised depresses", down),
        ("lowered", "lowered burst probability depresses", down),
        ("back again", "back from lowered potentiates", up),
    ):
        worst = change[segment].min() if bounds is up else change[segment].max()
        claims.append(Claim(f"{words}: weight change, worst realization", worst, *bounds, "1", "Fig. 2E-G"))
    ratio = prob["raised"] / prob["baseline"]
    claims.append(
        Claim("burst probability when raised, of baseline", ratio.min(), 1.5, math.inf, "1", "Fig. 2E-G")
    )
    ratio = prob["lowered"] / prob["baseline"]
    claims.append(
        Claim("burst probability when lowered, of baseline", ratio.max(), 0.0, 0.5, "1", "Fig. 2E-G")
    )
    ratio = bursts["input bursts"] / bursts["baseline"]
    claims.append(
        Claim(
            "the input's burst rate in the last segment, of baseline",
            ratio.min(),
            1.4,
            math.inf,
            "1",
            "Fig. 2E-G",
        )
    )
    moved = (change["input bursts"] / change["raised"]).mean()
    claims.append(
        Claim(
            "weight change by the input's bursts, share of that by raised burst probability",
            moved,
            -INDIFFERENT,
            INDIFFERENT,
            "1",
            "Fig. 2E-G",
        )
    )
    return claims


def _published(table: pd.DataFrame) -> list[Claim]:
    """Compare with the one published realization; with a single one of ours nothing says how far apart two
    may be."""
    if table["realization"].nunique() < 2:
        return []
    claims = []
    compared = table["segment"].nunique() * len(QUANTITIES)
    deviations = -float(stdtrit(table["realization"].nunique() - 1, FALSE_ALARMS / compared / 2))
    for segment, own in table.groupby("segment", sort=False):
        for name, words in QUANTITIES.items():
            expected = PUBLISHED[str(segment)][name]
            values = own[name].to_numpy()
            margin = deviations * float(np.std(values, ddof=1)) * math.sqrt(1.0 + 1.0 / len(values))
            unit = "1" if name == "weight_change" else "Hz"
            source = f"published realization: {expected:.4g}"
            claims.append(
                Claim(
                    f"{segment}: {words}", values.mean(), expected - margin, expected + margin, unit, source
                )
            )
    return claims


def _at(weight: pd.Series, time_ms: float) -> float:
    return float(weight[np.abs(weight.index.to_numpy(dtype=float) - time_ms) <= ROUNDING_MS].item())
