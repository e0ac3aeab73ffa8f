"""What the comparison of rules claims: bounds on the mean test error, stated beforehand for each dataset.

Those of Tiny ImageNet are for 50 of its classes.
"""

from __future__ import annotations

import math

import pandas as pd
from scipy.special import stdtrit

from burstprop.report.claim import Claim

CONFIDENCE = 0.95
TEST_IMAGES = {"digits": 359, "mnist": 10_000, "cifar10": 10_000, "tiny-imagenet": 2_500}
"""A test error has this resolution: one image more or less."""

# dataset -> epochs from which bounds hold, then (claim, rule, rule it is compared with, upper bound)
_BOUNDS: dict[str, tuple[int, tuple[tuple[str, str, str | None, float], ...]]] = {
    "digits": (
        20,
        (
            ("backpropagation learns", "backprop", None, 5.0),
            ("burstprop with learned feedback, over backpropagation", "burstprop", "backprop", 1.5),
            ("BurstCCN (Kolen-Pollack), over backpropagation", "burstccn", "backprop", 1.5),
            (
                "burstprop with fixed feedback, over feedback alignment",
                "burstprop_fixed",
                "feedback_alignment",
                1.5,
            ),
        ),
    ),
    "mnist": (
        20,
        (
            ("backpropagation learns", "backprop", None, 1.9),
            ("burstprop with learned feedback", "burstprop", None, 2.0),
            ("burstprop with learned feedback, over backpropagation", "burstprop", "backprop", 0.3),
            ("BurstCCN (Kolen-Pollack)", "burstccn", None, 2.0),
            ("BurstCCN (Kolen-Pollack), over backpropagation", "burstccn", "backprop", 0.3),
            ("burstprop with fixed feedback", "burstprop_fixed", None, 2.6),
            (
                "burstprop with fixed feedback, over feedback alignment",
                "burstprop_fixed",
                "feedback_alignment",
                0.1,
            ),
        ),
    ),
    "cifar10": (
        12,
        (
            ("backpropagation learns", "backprop", None, 45.0),
            ("burstprop with learned feedback, over backpropagation", "burstprop", "backprop", 3.0),
        ),
    ),
    "tiny-imagenet": (
        9,
        (
            ("backpropagation learns", "backprop", None, 80.0),
            ("burstprop with learned feedback, over backpropagation", "burstprop", "backprop", 5.0),
            (
                "burstprop with learned feedback, over feedback alignment",
                "burstprop",
                "feedback_alignment",
                -2.0,
            ),
        ),
    ),
}


def check(frames: dict[str, pd.DataFrame]) -> list[Claim]:
    """Return the claims about the mean test errors, for rules and datasets that were run long enough.

    ``frames["results"]`` is that of `burstprop.circuits.rules.experiment.run`. Two rules are compared by the
    differences of the seeds that both were run with; where the 95 % interval of their mean includes the
    bound, or one seed gives none, the claim is not judged. A rule of which a run diverged fails its claims.
    """
    claims = []
    results = frames["results"]
    for dataset, (least_epochs, bounds) in _BOUNDS.items():
        long = results[(results["dataset"] == dataset) & (results["epochs"] >= least_epochs)]
        runs = {str(rule): group.set_index("seed") for rule, group in long.groupby("rule")}
        for words, rule, other, bound in bounds:
            if rule not in runs or (other or rule) not in runs:
                continue
            claim = f"{dataset}: {words}"
            if other:
                claims += _paired(claim, dataset, runs[rule], runs[other], bound)
            else:
                errors, epochs = runs[rule]["test_error_percent"], int(runs[rule]["epochs"].min())
                reference = f"mean of {_count(len(errors))}, {epochs} epochs"
                error = float(errors.mean(skipna=False))
                claims.append(Claim(claim, error, 0.0, bound, "%", reference))
    return claims


def _paired(claim: str, dataset: str, runs: pd.DataFrame, others: pd.DataFrame, bound: float) -> list[Claim]:
    """Compare two rules seed by seed; nothing without a common seed."""
    both = runs.index.intersection(others.index)
    if not len(both):
        return []
    differences = runs["test_error_percent"][both] - others["test_error_percent"][both]
    mean, epochs = float(differences.mean(skipna=False)), int(runs["epochs"].min())
    seeds = f"{_count(len(both))} run with both (of {len(runs)} and {len(others)})"
    reference = f"mean of {seeds}, {epochs} epochs"
    left = ""
    if len(both) < 2:
        left = "needs 2 seeds"
    elif math.isfinite(mean):
        margin = float(
            stdtrit(len(both) - 1, 0.5 + 0.5 * CONFIDENCE) * differences.std() / math.sqrt(len(both))
        )
        interval = f"{mean - margin:.2f} … {mean + margin:.2f}"
        reference += f"; 95 % interval {interval}, one image {100.0 / TEST_IMAGES[dataset]:.2g}"
        if mean - margin <= bound < mean + margin:
            left = f"≤ {bound:g} is inside the interval {interval}"
    return [Claim(claim, mean, -100.0, bound, "points", reference, left)]


def _count(seeds: int) -> str:
    return f"{seeds} seed{'s' * (seeds > 1)}"
