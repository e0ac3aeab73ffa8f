"""The claims about the propagation circuit: the published figures, and the two messages kept apart."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from burstprop.report.agreement import Agreement, agreement, agreement_claims
from burstprop.report.claim import Claim

from .fit import Protocol, figures, side_by_side, wrapped
from .reference import DRIVES, published_figures

FALSE_ALARMS = 0.01
"""How often a correct program fails one of the comparisons with the published figures."""
# a phase is compared where the published amplitude is at least so many SD over realizations
CLEAR = 4.0

# figure -> bounds and what they say; the published numbers are shown beside them
MESSAGES: dict[str, tuple[float, float, str]] = {
    "E of pyr1: share": (
        0.9,
        math.inf,
        "E of pyr1: share of its variance that follows the feedforward input",
    ),
    "E of pyr2: share": (
        0.75,
        math.inf,
        "E of pyr2: share of its variance that follows the feedforward input",
    ),
    "P of pyr2: share": (0.85, math.inf, "P of pyr2: share of its variance that follows the feedback input"),
    "P of pyr1: correlation with B of pyr2": (
        0.8,
        math.inf,
        "P of pyr1: correlation with the burst rate of pyr2",
    ),
    "P of pyr1 beside E: share": (
        0.4,
        math.inf,
        "P of pyr1 less its regression on E of pyr1: share that follows the feedback input",
    ),
    "E of pyr1: leakage": (-math.inf, 0.1, "E of pyr1: leakage, feedback over feedforward amplitude"),
    "E of pyr2: leakage": (-math.inf, 0.25, "E of pyr2: leakage, feedback over feedforward amplitude"),
    "P of pyr2: leakage": (-math.inf, 0.25, "P of pyr2: leakage, feedforward over feedback amplitude"),
    "P of pyr1 beside E: leakage": (
        -math.inf,
        0.5,
        "P of pyr1 less its regression on E of pyr1: leakage, feedforward over feedback amplitude",
    ),
    "P of pyr1: leakage": (
        1.5,
        2.6,
        "P of pyr1 by itself: feedforward over feedback amplitude (carries both: it follows B of pyr2)",
    ),
}


def check(frames: dict[str, pd.DataFrame]) -> list[Claim]:
    """Return the claims about the frames of `burstprop.circuits.propagation.experiment.run`.

    A run with the sines of `burstprop.circuits.propagation.reference.DRIVES` is held against the published
    program with these, any other against that with the published ones. The claims about the messages are
    stated for the published sines; with others they are not made.
    """
    row = frames["protocol"].iloc[0]
    protocol = Protocol(*(float(row[name]) for name in Protocol._fields))
    drive = drive_of(row)
    ours, theirs = side_by_side(figures(frames["rates"], protocol)), published_figures(drive)
    messages = [] if drive == "other_drive" else _messages(ours, theirs)
    return [*messages, *_published(theirs, ours)]


def drive_of(row: pd.Series) -> str:
    """Return by which published drive a run with this protocol is judged."""
    here = float(row["feedforward_pa"]), float(row["feedback_pa"])
    return next((name for name, amplitudes in DRIVES.items() if amplitudes == here), "published")


def compared(theirs: pd.DataFrame) -> list[str]:
    """Return what is compared with the published figures: all means and amplitudes, and the clear phases."""
    chosen = []
    for name in map(str, theirs):
        if name.endswith((": mean", "amplitude")):
            chosen.append(name)
        elif name.endswith("phase"):
            amplitude = theirs[name.replace("phase", "amplitude")]
            if amplitude.mean() >= CLEAR * amplitude.std():
                chosen.append(name)
    return chosen


def agreement_with(theirs: pd.DataFrame, ours: pd.DataFrame) -> Agreement:
    """Compare the figures of a run with the published ones, phases around the published mean phase."""
    names = compared(theirs)
    theirs, ours = theirs[names].copy(), ours[names].copy()
    for name in names:
        if name.endswith("phase"):
            middle = np.degrees(np.angle(np.exp(1j * np.radians(theirs[name])).mean()))
            for table in (theirs, ours):
                table[name] = middle + wrapped(table[name] - middle)
    return agreement(theirs, ours, false_alarms=FALSE_ALARMS)


def _published(theirs: pd.DataFrame, ours: pd.DataFrame) -> list[Claim]:
    found = agreement_with(theirs, ours)
    return agreement_claims(
        found,
        title="all published figures",
        sample=f"the {len(found.single)} figures below, {len(theirs)} published realizations",
        unit=lambda name: "deg" if name.endswith("phase") else "" if name.startswith("P") else "Hz",
        reference=lambda name: (
            f"{float(found.single['expected'].to_dict()[name]):.4g}, SD {theirs[name].std():.2g} (published)"
        ),
    )


def _messages(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[Claim]:
    claims = []
    for name, (low, high, text) in MESSAGES.items():
        source = f"{theirs[name].mean():.3g}, SD {theirs[name].std():.2g} (published)"
        claims.append(Claim(text, float(ours[name].mean()), low, high, "", source))
    return claims
