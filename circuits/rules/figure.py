"""The figure of the comparison of rules: test errors, and how they were reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from burstprop.report import plotting
from burstprop.report.rule_style import RuleStyle, rule_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {"digits": "Digits", "mnist": "MNIST", "cifar10": "CIFAR-10", "tiny-imagenet": "Tiny ImageNet"}
"""Proper names of data sets; others stand as they are."""


def draw(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return a figure: above the test error of every rule and seed, below the validation error by epoch.

    Parameters
    ----------
    frames : dict of frames
        What `burstprop.circuits.rules.experiment.run` returns.
    """
    results, curves = frames["results"], frames["curves"]
    datasets = list(dict.fromkeys(results["dataset"]))
    styles = {str(rule): rule_style(str(rule), k) for k, rule in enumerate(results["rule"].unique())}
    rules = int(results.groupby("dataset")["rule"].nunique().max())
    rows = 1 if curves.empty else 2
    heights = [0.9 + 0.19 * rules, 2.3][:rows]
    sheet, axes = plotting.figure(
        rows,
        len(datasets),
        width=1.4 + 4.0 * len(datasets),
        height=sum(heights) + 0.6,
        squeeze=False,
        height_ratios=heights,
    )
    for column, dataset in enumerate(datasets):
        _errors(axes[0, column], results[results["dataset"] == dataset], styles)
        plotting.title(axes[0, column], NAMES.get(dataset, str(dataset)))
        if rows > 1:
            _curves(axes[1, column], curves[curves["dataset"] == dataset], styles)
    plotting.panel_letters(axes.flat)
    seeds = results.groupby(["dataset", "rule"])["seed"].nunique()
    said = f"{seeds.min()}" if seeds.min() == seeds.max() else f"{seeds.min()} to {seeds.max()}"
    note = f"bars and lines: mean of {said} seeds; points: one seed; start of the upper axis: 0"
    sheet.supxlabel(note, x=0.99, ha="right", fontsize=7.5, color=plotting.GREY)
    return sheet


def _errors(axis: Axes, results: pd.DataFrame, styles: dict[str, RuleStyle]) -> None:
    """Draw every seed as a point and the mean as a bar, the best rule on top."""
    means = results.groupby("rule", sort=False)["test_error_percent"].mean().sort_values(ascending=False)
    for row, (rule, mean) in enumerate(means.items()):
        values = results.loc[results["rule"] == rule, "test_error_percent"]
        axis.barh(row, mean, color=styles[str(rule)].colour, height=0.7)
        axis.plot(
            values, [row] * len(values), "o", color="white", markeredgecolor=plotting.BLACK, markersize=3
        )
        if pd.notna(mean):
            axis.annotate(
                f"{mean:.2f}",
                (max(values.max(), mean), row),
                (5, 0),
                va="center",
                fontsize=7,
                textcoords="offset points",
            )
    axis.set_yticks(range(len(means)), [styles[str(rule)].name for rule in means.index])
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("test error (%)")
    axis.margins(x=0.15)
    axis.set_xlim(left=0)


def _curves(axis: Axes, curves: pd.DataFrame, styles: dict[str, RuleStyle]) -> None:
    """Draw the mean validation error over the seeds; the colours are those of the bars."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    for rule, lines in curves.groupby("rule", sort=False):
        mean = lines.groupby("epoch")["validation_error_percent"].mean()
        style = styles[str(rule)]
        axis.plot(mean.index, mean.to_numpy(), color=style.colour, label=style.name, linewidth=1.1)
    axis.set(xlabel="epoch", ylabel="validation error (%)", yscale="log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
