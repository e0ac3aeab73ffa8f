"""Each learning rule keeps its proper name and its colour in every figure.

Rules of one family have shades of one hue: burstprop blue, BurstCCN green, the rules of feedback weights
orange to brown. A rule of a user's own has the name of its class and a colour of `plotting.CYCLE`.
"""

from __future__ import annotations

from typing import NamedTuple

from burstprop.report.plotting import BLACK, CYCLE


class RuleStyle(NamedTuple):
    """Name and colour of a rule in a figure."""

    name: str
    colour: str


STYLES = {
    "backprop": RuleStyle("backprop", BLACK),
    "burstprop": RuleStyle("burstprop", "#0072b2"),
    "burstprop_recurrent": RuleStyle("burstprop, recurrent", "#003f7d"),
    "burstprop_symmetric": RuleStyle("burstprop, symmetric feedback", "#56b4e9"),
    "burstprop_fixed": RuleStyle("burstprop, fixed feedback", "#a6cfea"),
    "burstprop_direct": RuleStyle("burstprop, direct feedback", "#7f8fd1"),
    "burstccn": RuleStyle("BurstCCN", "#009e73"),
    "burstccn_tied": RuleStyle("BurstCCN, tied feedback", "#00613f"),
    "burstccn_fixed": RuleStyle("BurstCCN, fixed feedback", "#66c5ab"),
    "burstccn_apical_silence": RuleStyle("BurstCCN, apical silence", "#b5d99c"),
    "kolen_pollack": RuleStyle("Kolen-Pollack", "#d55e00"),
    "sign_symmetry": RuleStyle("sign symmetry", "#e69f00"),
    "feedback_alignment": RuleStyle("feedback alignment", "#8c4a1f"),
    "direct_feedback_alignment": RuleStyle("direct feedback alignment", "#c9a26b"),
    "node_perturbation": RuleStyle("node perturbation", "#cc79a7"),
}


def rule_style(rule: str, k: int = 0) -> RuleStyle:
    """Return name and colour of a rule; of a user's own the name of its class, and the ``k``-th colour."""
    if rule in STYLES:
        return STYLES[rule]
    return RuleStyle(rule.rpartition(":")[2], CYCLE[k % len(CYCLE)])
