"""The claims about the XOR circuit."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from burstprop.report.agreement import agreement, agreement_claims
from burstprop.report.claim import Claim

from .circuit import PATTERNS, TARGETS

CHANCE = 4 * math.log(2)
"""Cost of an epoch by guessing, in nats."""
LAST_EPOCHS = 10
"""The cost after learning is the mean over so many epochs: a single one is noisy."""

# epochs, cost: the learning curve of an independent program after the same description, in nats
CURVE = (((1, 10), 2.9), ((90, 110), 2.3), ((204, 224), 1.3), ((481, 500), 0.9))
CURVE_MARGIN = 0.15
"""Nats either side: the other program's numbers have one decimal (0.05), and one realization is within three
standard deviations (0.03 over seeds) of the mean. Chance is outside from epoch 90 on."""


FALSE_ALARMS = 0.01
"""How often a correct quick run differs from the stored ones before learning."""


def check(frames: dict[str, pd.DataFrame]) -> list[Claim]:
    """Return the claims about the frames of `burstprop.circuits.xor.run`: each number is the worst
    realization's."""
    midpoint = float(frames["protocol"]["midpoint_hz"].iloc[0])
    after = frames["outputs"][frames["outputs"]["phase"] == "after"]
    claims = []
    for pattern, target in zip(PATTERNS, TARGETS, strict=True):
        output = after.loc[after["pattern"] == pattern, "output_hz"]
        worst, bounds = (
            (output.min(), (midpoint, math.inf)) if target else (output.max(), (-math.inf, midpoint))
        )
        words = "high" if target else "low"
        claims.append(
            Claim(
                f"output for {pattern} is {words} after learning, worst realization",
                float(worst),
                *bounds,
                "Hz",
                "midpoint of E_min and E_max",
            )
        )
    curve = frames["xor"].pivot(index="epoch", columns="realization", values="cost")
    claims.append(
        Claim(
            f"cost of the last {LAST_EPOCHS} epochs, worst realization",
            float(curve.tail(LAST_EPOCHS).mean().max()),
            0.0,
            CHANCE / 2,
            "nats",
            "half of chance, 2 ln 2",
        )
    )
    if frames["protocol"]["published"].iloc[0]:
        claims += _curve(curve)
    if frames["protocol"].get("quick", pd.Series([False])).iloc[0]:
        claims += before_learning(frames)
    return claims


def before_learning(frames: dict[str, pd.DataFrame]) -> list[Claim]:
    """Compare rates and bursts before learning with those of stored realizations of the quick version."""
    stored = pd.read_csv(Path(__file__).with_name("own_figures.csv"), index_col="realization")
    ours = own_figures(frames)
    found = agreement(stored, ours, false_alarms=FALSE_ALARMS)
    return agreement_claims(
        found,
        title="populations before learning, as in stored runs",
        sample=f"the {len(found.single)} figures below, {len(stored)} stored realizations",
        unit=lambda name: "Hz" if name.startswith("event rate") else "",
        reference=lambda name: f"{stored[name].mean():.4g}, SD {stored[name].std():.2g} (stored)",
    )


def _curve(curve: pd.DataFrame) -> list[Claim]:
    claims = []
    for (first, last), expected in CURVE:
        measured = float(curve.loc[first:last].mean().mean())
        claims.append(
            Claim(
                f"cost of epochs {first} to {last}, mean of realizations",
                measured,
                expected - CURVE_MARGIN,
                expected + CURVE_MARGIN,
                "nats",
                f"independent program: near {expected:g}",
            )
        )
    return claims


def own_figures(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return event rate and share of bursts of hidden and output populations in the test before learning.

    A row for each realization, a column for each figure: means over the patterns.
    """
    rates = rates_in_tests(frames["tests"])
    before = rates[rates["phase"] == "before"]
    means = before.groupby(["population", "realization"])[["event_rate_hz", "burst_rate_hz"]].mean()
    found = {}
    for population in ("hidden1", "hidden2", "output"):
        own = means.loc[population]
        found[f"event rate of {population}"] = own["event_rate_hz"]
        found[f"share of bursts of {population}"] = own["burst_rate_hz"] / own["event_rate_hz"]
    return pd.DataFrame(found).rename_axis("realization")


def rates_in_tests(tests: pd.DataFrame) -> pd.DataFrame:
    """Return the rates of every population in the second half of each test example (Hz).

    Columns ``realization, phase, population, pattern, event_rate_hz, burst_rate_hz``; the share of the events
    that are bursts is the second over the first. The first half still shows the change of pattern.
    """
    example_ms = tests["time_ms"].max() / len(PATTERNS)
    late = tests[(tests["time_ms"] - 1e-6) % example_ms > example_ms / 2]
    keys = ["realization", "phase", "population", "pattern"]
    return late.groupby(keys, sort=False)[["event_rate_hz", "burst_rate_hz"]].mean().reset_index()


def solved(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return for each realization whether it solves XOR, its last cost, and when it was half of chance.

    Columns ``realization, solved, last_cost, smallest_margin_hz, half_chance_epoch``. A realization solves
    XOR when the output for all four patterns lies on the right side of the midpoint in the test after
    learning; ``smallest_margin_hz`` is by how much, at the worst pattern. ``half_chance_epoch`` is the first
    epoch from which the mean over ten epochs is under half of chance; NaN where it never is.
    """
    midpoint = float(frames["protocol"]["midpoint_hz"].iloc[0])
    after = frames["outputs"][frames["outputs"]["phase"] == "after"]
    margin = (after["output_hz"] - midpoint) * (2 * after["target"] - 1)
    smallest = margin.groupby(after["realization"]).min()
    curve = frames["xor"].pivot(index="epoch", columns="realization", values="cost")
    under = curve.rolling(LAST_EPOCHS).mean() < CHANCE / 2
    first = under.idxmax().where(under.any())
    return pd.DataFrame(
        {
            "realization": smallest.index,
            "solved": (smallest > 0).to_numpy(),
            "last_cost": curve.tail(LAST_EPOCHS).mean().reindex(smallest.index).to_numpy(),
            "smallest_margin_hz": smallest.to_numpy(),
            "half_chance_epoch": first.reindex(smallest.index).to_numpy(),
        }
    )
