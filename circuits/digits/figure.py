"""Figures of the digits: learning, reading time, selectivity, weights, and the controls beside them."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from burstprop.report import plotting

from .check import errors

FIELDS = 8
"""Hidden neurons whose input weights are drawn."""
NAMES = {
    "learned": "learned",
    "frozen_hidden": "hidden layer frozen",
    "no_feedback": "no feedback",
    "scrambled_feedback": "feedback scrambled",
    "no_cancelling": "no cancelling",
}


def figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return learning curve, error by reading time, the teacher's signal, selectivity and weights."""
    with mpl.rc_context(plotting.STYLE):
        page = Figure(figsize=(10.0, 6.4), layout="constrained")
        top = page.add_gridspec(2, 3)
        axes = [page.add_subplot(top[k // 3, k % 3]) for k in range(5)]
        _line(frames["learning"], axes[0], "examples", "error_percent", plotting.BLUE)
        axes[0].set(xlabel="examples", ylabel="error before teaching (%)", ylim=(0, 100))
        plotting.title(axes[0], "learning, each example answered before it is taught")
        _line(errors(frames["answers"]), axes[1], "reading_ms", "error_percent", plotting.BLUE)
        axes[1].set(xlabel="reading time (ms)", ylabel="test error (%)")
        axes[1].set_ylim(bottom=0.0)
        plotting.title(axes[1], "reading a test image")
        _line(
            frames["learning"], axes[2], "examples", "signal_correlation", plotting.VERMILION, "correlation"
        )
        _line(frames["learning"], axes[2], "examples", "burst_prob_change", plotting.GREEN, "change of P")
        axes[2].set(xlabel="examples", ylabel="hidden bursts against wanted signal")
        axes[2].set_ylim(bottom=0.0)
        axes[2].legend(frameon=False)
        plotting.title(axes[2], "what the teacher says to one hidden neuron")
        _selectivity(frames["response"], axes[3])
        _rates(frames["learning"], axes[4])
        inner = top[1, 2].subgridspec(2, FIELDS // 2)
        fields = [page.add_subplot(inner[k // (FIELDS // 2), k % (FIELDS // 2)]) for k in range(FIELDS)]
        _fields(frames["weights"], fields)
        plotting.panel_letters([*axes, fields[0]])
    return page


def compare(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return learning curves and reading curves of the circuit and its controls."""
    with mpl.rc_context(plotting.STYLE):
        page = Figure(figsize=(9.0, 3.4), layout="constrained")
        axes = [page.add_subplot(1, 2, k) for k in (1, 2)]
        for k, (variant, name) in enumerate(NAMES.items()):
            shade = plotting.CYCLE[k]
            for panel, frame, x in (
                (axes[0], frames["controls"], "examples"),
                (axes[1], frames["controls_errors"], "reading_ms"),
            ):
                own = frame[frame["variant"] == variant]
                if len(own):
                    _line(own, panel, x, "error_percent", shade, name)
        axes[0].set(xlabel="examples", ylabel="error before teaching (%)", ylim=(0, 100))
        axes[1].set(xlabel="reading time (ms)", ylabel="test error (%)")
        axes[1].set_ylim(bottom=0.0)
        axes[1].legend(frameon=False)
        plotting.panel_letters(axes)
    return page


def _line(frame: pd.DataFrame, axes: Axes, x: str, y: str, shade: str, label: str = "") -> None:
    """Draw the mean over realizations as a line, and each realization as a thin one."""
    wide = frame.pivot_table(index=x, columns="realization", values=y)
    for column in wide:
        axes.plot(wide.index, wide[column], color=shade, alpha=0.3, linewidth=0.7)
    axes.plot(wide.index, wide.mean(axis=1), color=shade, linewidth=1.6, label=label)


def _selectivity(response: pd.DataFrame, axes: Axes) -> None:
    """Draw the event rate of every hidden neuron for every class, neurons sorted by the class they prefer."""
    first = response[response["realization"] == response["realization"].min()]
    table = first.pivot_table(index="neuron", columns="label", values="event_rate_hz").to_numpy()
    order = np.lexsort((-table.max(axis=1), table.argmax(axis=1)))
    image = axes.imshow(table[order], aspect="auto", cmap="viridis", interpolation="nearest")
    axes.figure.colorbar(image, ax=axes, label="event rate (Hz)")
    axes.set(xlabel="digit", ylabel="hidden neuron, sorted")
    axes.set_xticks(range(table.shape[1]))
    plotting.title(axes, "hidden selectivity in the test")


def _rates(learning: pd.DataFrame, axes: Axes) -> None:
    """Draw the event rates of the image's class, of the others, and of the hidden layer."""
    for k, (column, label) in enumerate(
        (("class_hz", "class of the image"), ("other_hz", "other classes"), ("hidden_hz", "hidden, taught"))
    ):
        _line(learning, axes, "examples", column, plotting.CYCLE[k], label)
    axes.set(xlabel="examples", ylabel="event rate (Hz)")
    axes.set_ylim(bottom=0.0)
    axes.legend(frameon=False)
    plotting.title(axes, "rates")


def _fields(weights: pd.DataFrame, fields: list[Axes]) -> None:
    """Draw the signed input weights of some hidden neurons as images; one scale for all."""
    after = weights[(weights["when"] == "after") & (weights["realization"] == weights["realization"].min())]
    largest = float(after["signed_weight"].abs().quantile(0.98))
    for axes, (neuron, own) in zip(fields, after.groupby("neuron"), strict=False):
        pixels = own.sort_values("pixel")["signed_weight"].to_numpy()
        side = round(len(pixels) ** 0.5)
        axes.imshow(pixels.reshape(side, side), cmap="RdBu_r", vmin=-largest, vmax=largest)
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{neuron}", fontsize=7)
    fields[0].set_ylabel("weights of neuron", fontsize=7)
