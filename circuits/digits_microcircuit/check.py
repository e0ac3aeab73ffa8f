"""The claims about two digits: the share of right answers, and that hidden bursts say which way to learn."""

from __future__ import annotations

import pandas as pd

from burstprop.report.claim import Claim

SMALLEST_ACCURACY = 90.0
"""Percent, of the mean over realizations; stated before the circuit was built."""
LARGEST_FROZEN = 75.0
"""Percent, with a hidden layer that learns nothing; stated with it."""
SMALLEST_CHANGE = 0.01
"""Of the hidden layer's burst probability while it is taught, high less low; 0.025 on validation images."""
SMALLEST_CORRELATION = 0.8
"""Of what the hidden layer's weights prefer with what tells the digits apart."""


def accuracy(answers: pd.DataFrame) -> pd.Series:
    """Return the right answers to the test images (percent), by realization."""
    right = answers.assign(accuracy_percent=100.0 * (answers["wanted_high"] == answers["answered_high"]))
    return right.groupby("realization")["accuracy_percent"].mean()


def separation(answers: pd.DataFrame) -> pd.Series:
    """Return by how many SD the output's rates for the two digits differ, by realization."""
    groups = answers.groupby(["realization", "wanted_high"])["output_hz"].agg(["mean", "var"])
    means, variances = groups["mean"].unstack(), groups["var"].unstack().mean(axis=1)
    return (means[True] - means[False]) / variances**0.5


def solved(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return ``realization, accuracy_percent, separation_sd, solved``."""
    table = accuracy(frames["answers"]).to_frame()
    table["separation_sd"] = separation(frames["answers"])
    return table.assign(solved=table["accuracy_percent"] >= SMALLEST_ACCURACY).reset_index()


def check(frames: dict[str, pd.DataFrame]) -> list[Claim]:
    """Return the claims about the frames of `burstprop.circuits.digits_microcircuit.experiment.run`."""
    right, learning = accuracy(frames["answers"]), frames["learning"]
    change = (learning["burst_prob_taught_high"] - learning["burst_prob_taught_low"]).mean()
    followed = frames["weights"].groupby("realization")[["signed_weight", "digits_differ_by"]].corr()
    return [
        Claim(
            f"right answers to test images, mean of {len(right)}",
            float(right.mean()),
            SMALLEST_ACCURACY,
            100.0,
            "%",
            "stated beforehand; 50 % is chance",
        ),
        Claim(
            "hidden bursts say which way: change of burst probability, taught high less taught low",
            float(change),
            SMALLEST_CHANGE,
            1.0,
            "",
            "0 without feedback",
        ),
        Claim(
            "hidden weights prefer what tells the digits apart: correlation over groups of pixels",
            float(followed["digits_differ_by"].unstack()["signed_weight"].mean()),
            SMALLEST_CORRELATION,
            1.0,
            "",
            "near 0 without hidden plasticity",
        ),
    ]
