"""Figures of the XOR circuit: learning, what was learned, and the controls beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from burstprop.report import plotting

from .check import CHANCE, CURVE, rates_in_tests
from .circuit import PATTERNS, POPULATIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PATTERN_COLOURS = dict(
    zip(PATTERNS, (plotting.BLACK, plotting.VERMILION, plotting.ORANGE, plotting.BLUE), strict=True)
)
NAMES = {"example_4s": "examples of 4 s", "tau_avg_500ms": "averages over 500 ms"}
"""What a figure calls variants whose own name is no words."""
EARLY_EPOCHS = 100
"""The signal to the hidden layer is drawn for these: later there is little left to teach."""


def figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return the figure of one variant: lines are means over realizations, bands their standard deviation."""
    fig, axes = plotting.figure(3, 2, width=7.6, height=7.4)
    (cost, outputs), (before_after, rates), (signal, weights) = axes
    _cost(frames, cost)
    _outputs(frames, outputs)
    _tests(frames, before_after)
    _rates(frames["tests"], rates)
    _signal(frames["rates"], signal)
    _weights(frames["weights"], weights)
    plotting.panel_letters(axes.flat)
    note = "lines: means over realizations; bands and bars: SD; vertical axes start at 0, but in E and F"
    fig.supxlabel(note, x=0.99, ha="right", fontsize=7.5, color=plotting.GREY)
    return fig


def compare(xor: pd.DataFrame) -> Figure:
    """Return the learning curves of variants: ``xor`` frames put together, with a column ``variant``."""
    variants = list(dict.fromkeys(xor["variant"]))
    columns = 3
    rows = -(-len(variants) // columns)
    fig, axes = plotting.figure(
        rows, columns, width=7.6, height=0.5 + 1.75 * rows, sharex=True, sharey=True, squeeze=False
    )
    base = xor[xor["variant"] == variants[0]]
    mean = base.groupby("epoch")["cost"].mean().rolling(5, min_periods=1).mean()
    for k, (panel, variant) in enumerate(zip(axes.flat, variants, strict=False)):
        own = xor[xor["variant"] == variant]
        panel.plot(mean.index, mean, color=plotting.GREY, linewidth=0.9)
        plotting.learning_curve(own, panel, chance=CHANCE, smooth=5)
        plotting.level(panel, CHANCE / 2, "chance / 2", ":", left=True)
        plotting.title(panel, _name(own, variant))
        panel.label_outer()
        if k >= len(variants) - columns:
            # the lowest of its column, also where the last row is not full
            panel.tick_params(labelbottom=True)
            panel.set_xlabel("epoch")
    for panel in axes.flat[len(variants) :]:
        panel.set_axis_off()
    plotting.panel_letters(axes.flat[: len(variants)])
    note = f"grey: {variants[0]}; thick: mean of n realizations, thin: each; axes start at 0"
    fig.supxlabel(note, x=0.99, ha="right", fontsize=7.5, color=plotting.GREY)
    return fig


def costs_and_outputs(xor: pd.DataFrame) -> Figure:
    """Return learning curves and outputs of variants, a column each: ``xor`` frames with a ``variant``."""
    variants = list(dict.fromkeys(xor["variant"]))
    columns = len(variants)
    fig, axes = plotting.figure(
        2, columns, width=0.6 + 1.7 * columns, height=4.4, sharex=True, sharey="row", squeeze=False
    )
    for (cost, output), variant in zip(axes.T, variants, strict=True):
        own = xor[xor["variant"] == variant]
        plotting.learning_curve(own, cost, chance=CHANCE, smooth=5)
        plotting.level(cost, CHANCE / 2, "chance / 2", ":", left=True)
        plotting.title(cost, textwrap.fill(_name(own, variant), 18))
        _learned_outputs(own, output, smooth=5)
        output.set(xlabel="epoch", ylabel="output event rate (Hz)")
        output.set_ylim(bottom=0.0)
        for panel in (cost, output):
            panel.label_outer()
    plotting.panel_letters(axes.flat)
    fig.legend(
        *axes[1, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(PATTERNS),
        frameon=False,
        fontsize=7.5,
    )
    return fig


def _name(own: pd.DataFrame, variant: str) -> str:
    """Return the words for a variant, and how many realizations are drawn (in one piece, where lines end)."""
    words = NAMES.get(variant, str(variant).replace("_", " "))
    return f"{words}, n\u00a0=\u00a0{own['realization'].nunique()}"


def _cost(frames: dict[str, pd.DataFrame], axes: Axes) -> None:
    plotting.learning_curve(frames["xor"], axes, chance=CHANCE, smooth=3)
    plotting.level(axes, CHANCE / 2, "chance / 2", ":", left=True)
    if frames["protocol"]["published"].iloc[0]:
        middles = [(first + last) / 2 for (first, last), _ in CURVE]
        plotting.reference(middles, [value for _, value in CURVE], axes, "independent program")
        plotting.place_legend(axes)
    plotting.title(axes, "cost of an epoch")


def _outputs(frames: dict[str, pd.DataFrame], axes: Axes) -> None:
    _learned_outputs(frames["xor"], axes, smooth=3)
    plotting.level(axes, frames["protocol"]["midpoint_hz"].iloc[0], "between yes and no")
    axes.set(xlabel="epoch", ylabel="output event rate (Hz)")
    axes.set_ylim(bottom=0.0)
    plotting.place_legend(axes)
    plotting.title(axes, "output")


def _learned_outputs(xor: pd.DataFrame, axes: Axes, smooth: int) -> None:
    """Draw the output's event rate for each pattern over the epochs, a running mean of ``smooth`` epochs."""
    for pattern, shade in PATTERN_COLOURS.items():
        column = f"event_rate_{pattern.replace(' ', '')}_hz"
        rolling = xor[["realization", "epoch"]].assign(
            **{column: xor.groupby("realization")[column].transform(lambda v: v.rolling(smooth, 1).mean())}
        )
        plotting.band(rolling, axes, "epoch", column, shade, pattern)


def _tests(frames: dict[str, pd.DataFrame], axes: Axes) -> None:
    tests = frames["tests"]
    example_s = tests["time_ms"].max() / 1000.0 / len(PATTERNS)
    for phase, shade in (("before", plotting.GREY), ("after", plotting.colour("output"))):
        own = tests[(tests["population"] == "output") & (tests["phase"] == phase)]
        if len(own):
            own = own.assign(time_s=own["time_ms"] / 1000.0)
            plotting.band(own, axes, "time_s", "event_rate_hz", shade, f"{phase} learning")
    plotting.level(axes, frames["protocol"]["midpoint_hz"].iloc[0], "between yes and no")
    axes.set_ylim(0.0, 1.12 * axes.get_ylim()[1])
    for k, pattern in enumerate(PATTERNS):
        axes.axvline(k * example_s, color="#c9ced6", linewidth=0.5)
        place = ((k + 0.5) * example_s, 0.99)
        axes.annotate(pattern, place, xycoords=("data", "axes fraction"), ha="center", va="top", fontsize=8)
    axes.set(xlabel="time (s)", ylabel="output event rate (Hz)", xlim=(0.0, len(PATTERNS) * example_s))
    plotting.place_legend(axes)
    plotting.title(axes, "tests")


def _rates(tests: pd.DataFrame, axes: Axes) -> None:
    """Draw the mean rate of every population for every pattern before and after, joined by a line."""
    means = rates_in_tests(tests).groupby(["phase", "population", "pattern"])["event_rate_hz"]
    centres, spreads = means.mean(), means.std().fillna(0.0)
    phases = [phase for phase in ("before", "after") if phase in centres.index.get_level_values("phase")]
    for k, population in enumerate(POPULATIONS):
        for j, (pattern, shade) in enumerate(PATTERN_COLOURS.items()):
            places = [(phase, population, pattern) for phase in phases]
            x = [k + 0.2 * (j - 1.5) + 0.1 * (phase == "after") for phase in phases]
            axes.plot(x, centres[places], color=shade, linewidth=0.8, zorder=2)
            for phase, at, place in zip(phases, x, places, strict=True):
                axes.errorbar(
                    [at],
                    [centres[place]],
                    [spreads[place]],
                    fmt="o",
                    color=shade,
                    markersize=3.2,
                    markerfacecolor=shade if phase == "after" else "white",
                    markeredgewidth=0.8,
                    elinewidth=0.8,
                    zorder=3,
                )
    _phase_legend(axes, phases)
    axes.set_xticks(range(len(POPULATIONS)), POPULATIONS)
    axes.tick_params(axis="x", length=0)
    axes.set(ylabel="event rate (Hz)")
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("colours: patterns, as in B")
    plotting.title(axes, "all populations")


def _phase_legend(axes: Axes, phases: Sequence[str]) -> None:
    """Say which point is from before and which from after learning."""
    from matplotlib.lines import Line2D

    faces = {"before": "white", "after": plotting.GREY}
    handles = [
        Line2D(
            [], [], color=plotting.GREY, linestyle="", marker="o", markerfacecolor=faces[phase], label=phase
        )
        for phase in phases
    ]
    plotting.place_legend(axes, handles=handles, handletextpad=0.1)


def _signal(rates: pd.DataFrame, axes: Axes) -> None:
    """Draw what teaching does to the burst rates: the signal that the hidden synapses learn from."""
    early = rates[rates["epoch"] <= EARLY_EPOCHS]
    change = (early["teaching_burst_rate_hz"] - early["burst_rate_hz"]).rename("change")
    means = (
        pd.concat([early, change], axis=1).groupby(["population", "pattern", "realization"])["change"].mean()
    )
    over = means.groupby(["population", "pattern"])
    centres, spreads = over.mean(), over.std().fillna(0.0)
    shown = ("hidden1", "hidden2", "output")
    for k, population in enumerate(shown):
        for j, (pattern, shade) in enumerate(PATTERN_COLOURS.items()):
            place = population, pattern
            axes.errorbar(
                [k + 0.19 * (j - 1.5)],
                [centres[place]],
                [spreads[place]],
                fmt="o",
                color=shade,
                markersize=4.0,
                elinewidth=1.0,
                zorder=3,
            )
    plotting.level(axes, 0.0, "no teaching signal")
    axes.set_xticks(range(len(shown)), shown)
    axes.tick_params(axis="x", length=0)
    axes.set(ylabel="change of burst rate (Hz)", xlim=(-0.6, len(shown) - 0.2))
    axes.set_xlabel("colours: patterns, as in B")
    plotting.title(axes, f"while taught, epochs 1 to {EARLY_EPOCHS}")


def _weights(weights: pd.DataFrame, axes: Axes) -> None:
    for k, name in enumerate(dict.fromkeys(weights["projection"])):
        own = weights[weights["projection"] == name]
        label = (
            str(name).partition(".")[0].replace("->", " → ").replace("input", "in").replace("hidden", "hid")
        )
        plotting.band(own, axes, "epoch", "mean", plotting.CYCLE[k], label.replace("output", "out"))
    axes.set(xlabel="epoch", ylabel="mean weight (leak)")
    plotting.title(axes, "weights")
    plotting.place_legend(axes, ncols=3, fontsize=6)
