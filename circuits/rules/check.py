"""What the comparison of rules claims: bounds on the mean test error, stated beforehand for each dataset.

Those of Tiny ImageNet are for 50 of its classes.
"""

from __future__ import annotations

import pandas as pd

from burstprop.report.report import Claim

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

    ``frames["results"]`` is that of `burstprop.circuits.rules.experiment.run`. Two rules are compared over
    the seeds that both were run with. A rule of which a run diverged fails its claims.
    """
    claims = []
    results = frames["results"]
    for dataset, (least_epochs, bounds) in _BOUNDS.items():
        long = results[(results["dataset"] == dataset) & (results["epochs"] >= least_epochs)]
        runs = {rule: group.set_index("seed") for rule, group in long.groupby("rule")}
        for words, rule, other, bound in bounds:
            if rule not in runs or (other or rule) not in runs:
                continue
            epochs, errors = int(runs[rule]["epochs"].min()), runs[rule]["test_error_percent"]
            unit, low, seeds = "%", 0.0, _count(len(errors))
            if other:
                unit, low = "points", -100.0
                both = errors.index.intersection(runs[other].index)
                errors = errors[both] - runs[other]["test_error_percent"][both]
                seeds = f"{_count(len(both))} run with both (of {len(runs[rule])} and {len(runs[other])})"
            if len(errors):
                error = float(errors.mean(skipna=False))
                reference = f"mean of {seeds}, {epochs} epochs"
                claims.append(Claim(f"{dataset}: {words}", error, low, bound, unit, reference))
    return claims


def _count(seeds: int) -> str:
    return f"{seeds} seed{'s' * (seeds > 1)}"
