"""The claims about the plasticity-rule circuit: which way the weights go, and the published numbers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd

from burstprop.report.agreement import agreement, agreement_claims
from burstprop.report.claim import Claim

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


def own_figures(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a row for each realization, a column for each segment and quantity, ``"SEGMENT: QUANTITY"``."""
    table = by_segment(frames["plasticity_rule"], frames["segments"])
    wide = table.pivot(index="realization", columns="segment", values=list(QUANTITIES))
    order = [(name, segment) for segment in table["segment"].unique() for name in QUANTITIES]
    wide = wide[order]
    wide.columns = pd.Index([f"{segment}: {QUANTITIES[name]}" for name, segment in order])
    return wide


def check(frames: dict[str, pd.DataFrame]) -> list[Claim]:
    """Return the claims about the frames of `burstprop.circuits.plasticity_rule.run`."""
    table = by_segment(frames["plasticity_rule"], frames["segments"])
    return [*_directions(table), *published_claims(own_figures(frames))]


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


def published_claims(ours: pd.DataFrame) -> list[Claim]:
    """Compare what `own_figures` returned with the one published realization.

    How far apart two may be is known from stored ones.
    """
    stored = pd.read_csv(Path(__file__).with_name("own_figures.csv"), index_col="realization")
    theirs = pd.DataFrame(
        {
            f"{segment}: {QUANTITIES[name]}": [v]
            for segment, row in PUBLISHED.items()
            for name, v in row.items()
        }
    )[ours.columns]
    found = agreement(theirs, ours, false_alarms=FALSE_ALARMS, spread=stored)
    return agreement_claims(
        found,
        title="all published figures",
        sample=f"the {len(found.single)} figures below, spread of {len(stored)} stored realizations",
        unit=lambda name: "1" if name.endswith("weight change") else "Hz",
        reference=lambda name: (
            f"published realization: {theirs[name].iloc[0]:.4g}, SD of stored ones {stored[name].std():.2g}"
        ),
    )


def _at(weight: pd.Series, time_ms: float) -> float:
    return float(weight[np.abs(weight.index.to_numpy(dtype=float) - time_ms) <= ROUNDING_MS].item())
