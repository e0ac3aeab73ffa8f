"""Figures of the digits: learning, reading, selectivity, weights, rasters, and the controls beside them."""

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
    "classless_feedback": "feedback without the class",
    "no_cancelling": "no cancelling",
    "event_credit": "bursts credited to their event",
    "published_timing": "published burst timing",
    "hidden_50": "50 hidden neurons",
    "hidden_50_frozen": "50, frozen",
    "hidden_200": "200 hidden neurons",
    "hidden_200_frozen": "200, frozen",
    "two_phases": "two phases",
    "learned_feedback": "feedback learned",
    "teacher_of_rates": "teacher of rates",
    "two_layers": "two layers of 50",
    "two_layers_layered": "two layers of 50, layered feedback",
    "three_layers": "three layers of 33",
    "rates_up_to_4": "4 Hz",
    "rates_up_to_8": "8 Hz",
    "rates_up_to_30": "30 Hz",
    "learned_feedback_up_to_8": "feedback learned, 8 Hz",
    "classless_feedback_up_to_8": "without the class, 8 Hz",
    "dale": "Dale's law",
    "dale_frozen": "Dale's law, frozen",
    "mnist": "MNIST",
    "mnist_frozen": "MNIST, frozen",
    "whole_mnist": "all of MNIST",
    "whole_mnist_frozen": "all of MNIST, frozen",
}


def figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return learning, reading, the teacher's signal, selectivity, rates, weights, rasters and confusions."""
    with mpl.rc_context(plotting.STYLE):
        page = Figure(figsize=(10.0, 9.4), layout="constrained")
        grid = page.add_gridspec(3, 3)
        axes = [page.add_subplot(grid[k // 3, k % 3]) for k in (0, 1, 2, 3, 4, 6, 7, 8)]
        _line(frames["learning"], axes[0], "examples", "error_percent", plotting.BLUE)
        axes[0].set(xlabel="examples", ylabel="error before teaching (%)", ylim=(0, 100))
        plotting.title(axes[0], "each example is answered, then taught")
        _line(errors(frames["answers"]), axes[1], "reading_ms", "error_percent", plotting.BLUE)
        axes[1].set(xlabel="reading time (ms)", ylabel="test error (%)")
        axes[1].set_ylim(bottom=0.0)
        plotting.title(axes[1], "reading a test image")
        _signal(frames["learning"], axes[2])
        _selectivity(frames["response"], axes[3])
        _rates(frames["learning"], axes[4])
        inner = grid[1, 2].subgridspec(2, FIELDS // 2)
        fields = [page.add_subplot(inner[k // (FIELDS // 2), k % (FIELDS // 2)]) for k in range(FIELDS)]
        _fields(frames["weights"], fields)
        for panel, taught in zip(axes[5:7], (False, True), strict=True):
            _raster(frames["raster"], taught, panel)
        _confusions(frames["answers"], axes[7])
        plotting.panel_letters([*axes[:5], fields[0], *axes[5:]])
    return page


def controls_figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return learning and reading curves of the circuit and its controls, and the errors without spikes."""
    learning, reading = frames["controls"], frames["controls_errors"]
    without_spikes = frames["controls_without_spikes"]
    with mpl.rc_context(plotting.STYLE):
        page = Figure(figsize=(9.0, 3.4), layout="constrained")
        axes = [page.add_subplot(1, 2, k) for k in (1, 2)]
        for k, variant in enumerate(learning["variant"].unique()):
            for panel, frame, x in ((axes[0], learning, "examples"), (axes[1], reading, "reading_ms")):
                own = frame[frame["variant"] == variant]
                _line(own, panel, x, "error_percent", plotting.CYCLE[k], NAMES[variant])
        axes[0].set(xlabel="examples", ylabel="error before teaching (%)", ylim=(0, 100))
        axes[1].set(xlabel="reading time (ms)", ylabel="test error (%)")
        axes[1].set_ylim(bottom=0.0)
        means = without_spikes.groupby("rule")["error_percent"].mean()
        for rule, style in (("logistic_regression", ":"), ("backprop", "--")):
            words = f"{rule.replace('_', ' ')}, no spikes"
            axes[1].axhline(means[rule], color=plotting.GREY, linestyle=style, linewidth=1.0, label=words)
        handles, labels = axes[1].get_legend_handles_labels()
        page.legend(handles, labels, loc="outside right center", frameon=False)
        plotting.panel_letters(axes)
    return page


def extended_figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return the test errors of the circuit and its other variants: the mean, and every realization."""
    table = frames["extended_errors"]
    variants = list(table["variant"].unique())
    with mpl.rc_context(plotting.STYLE):
        page = Figure(figsize=(6.0, 0.8 + 0.3 * len(variants)), layout="constrained")
        axes = page.add_subplot()
        readings = sorted(table["reading_ms"].unique())
        for reading_ms, shade in ((readings[1], plotting.GREY), (readings[-1], plotting.BLUE)):
            own = table[table["reading_ms"] == reading_ms]
            place = [variants.index(variant) for variant in own["variant"]]
            axes.scatter(own["error_percent"], place, s=12, c=shade, alpha=0.5, linewidths=0)
            means = own.groupby("variant")["error_percent"].mean()
            label = f"read for {reading_ms / 1000.0:g} s"
            means = means.reindex(variants)
            axes.plot(means, range(len(variants)), "|", color=shade, markersize=12, label=label)
        axes.set(xlabel="test error (%)", xlim=(0, None), ylim=(len(variants) - 0.5, -0.5))
        axes.set_yticks(range(len(variants)), [NAMES[variant] for variant in variants])
        axes.grid(axis="x", alpha=0.3)
        axes.legend(frameon=False)
    return page


def _line(frame: pd.DataFrame, axes: Axes, x: str, y: str, shade: str, label: str = "") -> None:
    """Draw the mean over realizations as a line, and each realization as a thin one."""
    wide = frame.pivot_table(index=x, columns="realization", values=y)
    for column in wide:
        axes.plot(wide.index, wide[column], color=shade, alpha=0.3, linewidth=0.7)
    axes.plot(wide.index, wide.mean(axis=1), color=shade, linewidth=1.6, label=label)


def _signal(learning: pd.DataFrame, axes: Axes) -> None:
    """Draw how well hidden bursts follow the feedback, and by how much it moves their probability."""
    _line(learning, axes, "examples", "signal_correlation", plotting.VERMILION, "bursts and wanted signal")
    _line(learning, axes, "examples", "burst_prob_change", plotting.GREEN, "change of P for one SD")
    _line(learning, axes, "examples", "alignment", plotting.GREY, "output weights and feedback")
    axes.set(xlabel="examples", ylabel="correlation, change of P")
    axes.set_ylim(0.0, 0.9)
    axes.legend(frameon=False)
    plotting.title(axes, "hidden bursts and feedback")


def _raster(raster: pd.DataFrame, taught: bool, axes: Axes) -> None:
    """Draw the events and bursts of hidden and output neurons for one image, the output class by class."""
    own = raster[(raster["taught"] == taught) & (raster["population"] != "input")]
    hidden = int(raster.loc[raster["population"] == "hidden", "neuron"].max()) + 1
    outputs = int(raster.loc[raster["population"] == "output", "neuron"].max()) + 1
    output = own["population"] == "output"
    # both populations get half of the height, so that the classes can be told apart
    height = own["neuron"] / np.where(output, -outputs / 10.0, hidden / 10.0)
    burst = own["kind"] == "burst"
    for chosen, shade, size, label in (
        (~burst, plotting.GREY, 1.5, "event"),
        (burst, plotting.VERMILION, 4.0, "second spike of a burst"),
    ):
        axes.scatter(own.loc[chosen, "time_ms"], height[chosen], s=size, c=shade, linewidths=0, label=label)
    axes.axhline(0.0, color=plotting.BLACK, linewidth=0.7)
    digit_shown = int(raster["label"].iloc[0])
    axes.axhspan(-digit_shown - 1.0, -float(digit_shown), color=plotting.SKY, alpha=0.25, linewidth=0)
    axes.set(xlabel="time (ms)", ylim=(-10.0, 10.0), ylabel="output, by digit          hidden")
    axes.set_yticks([-digit - 0.5 for digit in range(10)], [str(digit) for digit in range(10)])
    plotting.title(axes, f"a {digit_shown}, " + ("taught after a third" if taught else "untaught"))
    if taught:
        axes.legend(frameon=True, fontsize=6.5, loc="upper left", markerscale=2.0)


def _confusions(answers: pd.DataFrame, axes: Axes) -> None:
    """Draw how often each digit is answered with each, all realizations together, after the last reading."""
    last = answers[answers["reading_ms"] == answers["reading_ms"].max()]
    table = pd.crosstab(last["label"], last["answer"], normalize="index")
    table = 100.0 * table.reindex(index=range(10), columns=range(10), fill_value=0.0)
    image = axes.imshow(table.to_numpy(), cmap="Blues", vmin=0.0, vmax=20.0)
    axes.figure.colorbar(image, ax=axes, label="share of the digit's images (%)", extend="max")
    axes.set(xlabel="answer", ylabel="digit", xticks=range(10), yticks=range(10))
    plotting.title(axes, "answers after the last reading")


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
