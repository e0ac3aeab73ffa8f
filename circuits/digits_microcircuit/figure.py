"""Figures of the two digits: learning, answers, weights, what bursts say, and the controls beside it."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from burstprop.report import plotting

from .check import LARGEST_FROZEN, SMALLEST_ACCURACY

NAMES = {
    "learned": "learned",
    "frozen_hidden": "hidden layer frozen",
    "no_feedback": "no feedback",
}


def figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return learning, output rates, bursts while taught, answers, weights and hidden selectivity."""
    low, high = sorted_digits(frames["answers"])
    learning = frames["learning"]
    with mpl.rc_context(plotting.STYLE):
        page = Figure(figsize=(9.6, 5.6), layout="constrained")
        axes = [page.add_subplot(2, 3, k + 1) for k in range(6)]
        _lines(learning, axes[0], {"error_percent": ("", plotting.BLUE)})
        axes[0].set(ylabel="error before teaching (%)", ylim=(0, 100))
        plotting.title(axes[0], "answered, then taught")
        _lines(
            learning,
            axes[1],
            {
                "high_digit_hz": (f"output, a {high}", plotting.VERMILION),
                "low_digit_hz": (f"output, a {low}", plotting.BLUE),
                "hidden_hz": ("hidden, both", plotting.GREY),
            },
        )
        axes[1].set(ylabel="event rate (Hz)")
        axes[1].set_ylim(bottom=0.0)
        axes[1].legend(frameon=False)
        plotting.title(axes[1], "rates before teaching")
        _lines(
            learning,
            axes[2],
            {
                "burst_prob_taught_high": (f"a {high} is taught", plotting.VERMILION),
                "burst_prob_taught_low": (f"a {low} is taught", plotting.BLUE),
            },
        )
        axes[2].axhline(0.0, color=plotting.BLACK, linewidth=0.7)
        axes[2].set(ylabel="change of hidden burst probability")
        axes[2].legend(frameon=False)
        plotting.title(axes[2], "what bursts say")
        _answers(frames["answers"], axes[3], (low, high))
        _weights(frames["weights"], axes[4])
        _selectivity(frames["response"], axes[5], (low, high))
        plotting.panel_letters(axes)
    return page


def controls_figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return learning curves and right answers of the circuit and its controls."""
    learning, table = frames["controls"], frames["controls_solved"]
    variants = list(learning["variant"].unique())
    with mpl.rc_context(plotting.STYLE):
        page = Figure(figsize=(8.0, 3.2), layout="constrained")
        axes = [page.add_subplot(1, 2, k) for k in (1, 2)]
        for k, variant in enumerate(variants):
            own = learning[learning["variant"] == variant]
            _lines(own, axes[0], {"error_percent": (NAMES[variant], plotting.CYCLE[k])})
            right = table.loc[table["variant"] == variant, "accuracy_percent"]
            axes[1].scatter([k] * len(right), right, s=14, color=plotting.CYCLE[k], linewidths=0)
            axes[1].plot(k, right.mean(), "_", color=plotting.CYCLE[k], markersize=22)
        axes[0].set(ylabel="error before teaching (%)", ylim=(0, 100))
        axes[0].legend(frameon=False)
        axes[1].set(ylabel="right answers to test images (%)", ylim=(0, 102))
        axes[1].set_xticks(range(len(variants)), [NAMES[variant] for variant in variants])
        axes[1].set_xlim(-0.5, len(variants) - 0.5)
        plotting.level(axes[1], SMALLEST_ACCURACY, "at least, learned", left=True)
        plotting.level(axes[1], LARGEST_FROZEN, "at most, frozen", left=True)
        plotting.panel_letters(axes)
    return page


def sorted_digits(answers: pd.DataFrame) -> tuple[int, int]:
    """Return the digit that is answered with a low rate, and the other one."""
    label = answers.groupby("wanted_high")["label"].first()
    return int(label[False]), int(label[True])


def _lines(learning: pd.DataFrame, axes: Axes, shown: dict[str, tuple[str, str]]) -> None:
    """Draw columns over examples: the mean over realizations, and each realization as a thin line."""
    for column, (label, shade) in shown.items():
        wide = learning.pivot_table(index="examples", columns="realization", values=column)
        for realization in wide:
            axes.plot(wide.index, wide[realization], color=shade, alpha=0.3, linewidth=0.7)
        axes.plot(wide.index, wide.mean(axis=1), color=shade, linewidth=1.6, label=label)
    axes.set(xlabel="examples")


def _answers(answers: pd.DataFrame, axes: Axes, digits: tuple[int, int]) -> None:
    """Draw the output's rate for every test image."""
    bins = np.histogram_bin_edges(answers["output_hz"], 24).tolist()
    for digit, shade in zip(digits, (plotting.BLUE, plotting.VERMILION), strict=True):
        own = answers.loc[answers["label"] == digit, "output_hz"]
        axes.hist(own, bins, color=shade, alpha=0.7, label=f"a {digit}")
    axes.set(xlabel="event rate of the output (Hz)", ylabel="test images")
    axes.legend(frameon=False)
    plotting.title(axes, "answers to test images")


def _weights(weights: pd.DataFrame, axes: Axes) -> None:
    """Draw what the hidden layer's weights prefer against what tells the digits apart, group by group."""
    for k, (_, own) in enumerate(weights.groupby("realization")):
        axes.scatter(
            own["digits_differ_by"], own["signed_weight"], s=12, color=plotting.CYCLE[k], linewidths=0
        )
    axes.axhline(0.0, color=plotting.GREY, linewidth=0.7)
    axes.axvline(0.0, color=plotting.GREY, linewidth=0.7)
    axes.set(xlabel="difference of the digits (SD)", ylabel="bright less dark weights (of the mean)")
    plotting.title(axes, "groups of pixels, after learning")


def _selectivity(response: pd.DataFrame, axes: Axes, digits: tuple[int, int]) -> None:
    """Draw the event rate of every hidden neuron for one digit against that for the other."""
    for k, (_, own) in enumerate(response.groupby("realization")):
        wide = own.pivot_table(index="neuron", columns="label", values="event_rate_hz")
        axes.scatter(wide[digits[0]], wide[digits[1]], s=4, color=plotting.CYCLE[k], linewidths=0)
    largest = float(response["event_rate_hz"].max())
    axes.plot([0.0, largest], [0.0, largest], color=plotting.GREY, linewidth=0.7)
    axes.set(xlabel=f"event rate for a {digits[0]} (Hz)", ylabel=f"event rate for a {digits[1]} (Hz)")
    plotting.title(axes, "hidden neurons in the test")
