"""What the comparison of rules claims: bounds on the mean test error, stated beforehand for each dataset."""

from __future__ import annotations

import pandas as pd

from burstprop.report import Claim

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
        1,
        (("burstprop with learned feedback, over backpropagation", "burstprop", "backprop", 3.0),),
    ),
    "tiny-imagenet": (
        1,
        (
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

    ``frames["table"]`` is that of `burstprop.reduced.comparison.run`.
    """
    claims = []
    rows = {(row["dataset"], row["rule"]): row for row in frames["table"].to_dict("records")}
    for dataset, (least_epochs, bounds) in _BOUNDS.items():
        for words, rule, other, bound in bounds:
            row, base = rows.get((dataset, rule)), rows.get((dataset, other or rule))
            if row is None or base is None or row["epochs"] < least_epochs:
                continue
            error = row["test_error_percent"] - (base["test_error_percent"] if other else 0.0)
            unit, low = ("points", -100.0) if other else ("%", 0.0)
            seeds = int(row["seeds"])
            reference = f"mean of {seeds} seed{'s' * (seeds > 1)}, {row['epochs']:.0f} epochs"
            claims.append(Claim(f"{dataset}: {words}", error, low, bound, unit, reference))
    return claims
