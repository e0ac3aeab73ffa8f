"""The figure of the comparison of rules: test errors, and how they were reached."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


def draw(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return a figure: above the test error of every rule and seed, below the validation error by epoch.

    Parameters
    ----------
    frames : dict of frames
        What `burstprop.circuits.rules.experiment.run` returns.
    """
    results, curves = frames["results"], frames["curves"]
    datasets = list(dict.fromkeys(results["dataset"]))
    rules = list(dict.fromkeys(results["rule"]))
    # the ten strong colours first, then the ten pale ones
    colours = {rule: colormaps["tab20"](2 * k % 20 + k // 10 % 2) for k, rule in enumerate(rules)}
    sheet = Figure(figsize=(2.0 + 4.2 * len(datasets), 7.6), layout="constrained")
    axes = sheet.subplots(2, len(datasets), squeeze=False, height_ratios=[1.3, 1.0])
    for column, dataset in enumerate(datasets):
        _errors(axes[0, column], results[results["dataset"] == dataset], colours)
        axes[0, column].set_title(dataset)
        if not curves.empty:
            _curves(axes[1, column], curves[curves["dataset"] == dataset], colours)
    return sheet


def _errors(axis: Axes, results: pd.DataFrame, colours: dict[Any, Any]) -> None:
    """Draw every seed as a dot and the mean as a bar, the best rule on top."""
    means = results.groupby("rule", sort=False)["test_error_percent"].mean().sort_values(ascending=False)
    for row, (rule, mean) in enumerate(means.items()):
        values = results.loc[results["rule"] == rule, "test_error_percent"]
        axis.barh(row, mean, color=colours[str(rule)], alpha=0.55)
        axis.plot(values, [row] * len(values), "o", color="black", markersize=3)
        if pd.notna(mean):
            axis.annotate(f"{mean:.2f}", (max(values.max(), mean), row), (4, 0), va="center", fontsize=7,
                          textcoords="offset points")  # fmt: skip
    axis.set_yticks(range(len(means)), [str(rule).rpartition(":")[2] for rule in means.index], fontsize=8)
    axis.set_xlabel("test error (%)")
    axis.margins(x=0.15)
    axis.set_xlim(left=0)


def _curves(axis: Axes, curves: pd.DataFrame, colours: dict[Any, Any]) -> None:
    """Draw the mean validation error over the seeds."""
    for rule, lines in curves.groupby("rule", sort=False):
        mean = lines.groupby("epoch")["validation_error_percent"].mean()
        axis.plot(mean.index, mean.to_numpy(), color=colours[str(rule)], label=str(rule).rpartition(":")[2])
    axis.set_xlabel("epoch")
    axis.set_ylabel("validation error (%)")
    axis.set_yscale("log")
    for formatted in (axis.yaxis.set_major_formatter, axis.yaxis.set_minor_formatter):
        formatted("{x:g}")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.tick_params(axis="y", which="minor", labelsize=7)
    axis.legend(fontsize=6, ncols=2)
