"""The figure of the propagation circuit: inputs on top, then the upper layer, then the lower one.

The left column shows the feedforward message in event rates, the right one the feedback message in burst
probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from burstprop.report import plotting

from .check import drive_of
from .fit import SIGNALS, beside
from .reference import published_figures, published_series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return stimuli, E and P of both layers, interneuron rates and a raster.

    Lines are means over realizations, bands their SD, circles the mean of the published realizations. P of
    the lower layer is drawn once more (black) without its regression on E of the same layer: there the
    feedback message is by itself.
    """
    fig, axes = plotting.figure(4, 2, width=9.0, height=8.6, sharex=True, height_ratios=(0.65, 1, 1, 1.25))
    rates = frames["rates"]
    drive = drive_of(frames["protocol"].iloc[0])
    _stimulus(frames["stimuli"], axes[0, 0], "feedforward_pa", "pyr1")
    plotting.title(axes[0, 0], "Feedforward input: current into somata of pyr1")
    _stimulus(frames["stimuli"], axes[0, 1], "feedback_pa", "pyr2")
    plotting.title(axes[0, 1], "Feedback input: current into dendrites of pyr2")
    for row, population, where in ((1, "pyr2", "Upper layer"), (2, "pyr1", "Lower layer")):
        _signal(rates, axes[row, 0], f"E of {population}", drive)
        plotting.title(axes[row, 0], f"{where}, {population}: event rate E")
        _signal(rates, axes[row, 1], f"P of {population}", drive)
        plotting.title(axes[row, 1], f"{where}, {population}: burst probability P")
        _overlay(frames["stimuli"], axes[row, 0], "feedforward_pa")
        _overlay(frames["stimuli"], axes[row, 1], "feedback_pa")
        for panel in axes[row]:
            panel.set_ylim(bottom=0.0)
    _beside_events(rates, frames["protocol"].iloc[0], axes[2, 1])
    _signal(rates, axes[3, 0], "rate of PV", drive)
    _signal(rates, axes[3, 0], "rate of SOM", drive)
    handles, labels = axes[3, 0].get_legend_handles_labels()
    plotting.place_legend(axes[3, 0], handles=handles[:3:2], labels=labels[:3:2])
    axes[3, 0].set_ylim(bottom=0.0)
    plotting.title(axes[3, 0], "Interneurons: firing rates")
    plotting.raster(
        frames["spikes"],
        axes[3, 1],
        populations=("pyr2", "pyr1", "pv", "som"),
        neurons=_rows(frames["spikes"]),
    )
    plotting.title(axes[3, 1], "Spikes of a few neurons, first realization")
    for panel in axes[:3].flat:
        panel.set_xlabel("")
    for panel in axes[3]:
        panel.set_xlabel("time (ms)")
    plotting.panel_letters(axes.flat)
    fig.supxlabel(_note(rates, drive), x=0.99, ha="right", fontsize=7.5, color=plotting.GREY)
    return fig


def _note(rates: pd.DataFrame, drive: str) -> str:
    own = rates["realization"].nunique()
    lines = f"lines: mean of {own} realizations, bands: SD" if own > 1 else "lines: one realization"
    circles = f"circles: mean of {len(published_figures(drive))} realizations of the published program"
    return f"{lines}; {circles}; grey: input, no scale; axes of C to G start at 0"


def _beside_events(rates: pd.DataFrame, protocol: pd.Series, axes: Axes) -> None:
    """Draw P of the lower layer less its regression on E, around its mean: the mean over realizations."""
    own = rates[(rates["population"] == "pyr1") & (rates["time_ms"] > protocol["settling_ms"])]
    rest = [
        pd.Series(beside(part["event_rate_hz"], part["burst_prob"]), index=part["time_ms"])
        for _, part in own.groupby("realization")
    ]
    mean = pd.concat(rest, axis=1).mean(axis=1) + own["burst_prob"].mean()
    factor = plotting.LABELS["burst_prob"][1]
    (line,) = axes.plot(mean.index, mean * factor, color=plotting.BLACK, label="P less its regression on E")
    axes.set_ylim(top=1.15 * axes.get_ylim()[1])
    axes.legend(handles=[line], loc="upper left", frameon=False, fontsize=7.5)


def _stimulus(stimuli: pd.DataFrame, axes: Axes, column: str, population: str) -> None:
    axes.plot(stimuli["time_ms"], stimuli[column], color=plotting.colour(population))
    axes.set_ylabel("current (pA)")
    axes.margins(x=0.01)


def _overlay(stimuli: pd.DataFrame, axes: Axes, column: str) -> None:
    """Draw an input behind a signal, in grey, over the whole height of the panel."""
    height = 0.5 + 0.45 * stimuli[column] / stimuli[column].abs().max()
    style: dict[str, Any] = {"color": "#c9ced6", "linewidth": 1.0, "zorder": 0}
    axes.plot(stimuli["time_ms"], height, transform=axes.get_xaxis_transform(), **style)


def _signal(rates: pd.DataFrame, axes: Axes, signal: str, drive: str) -> None:
    population, column = SIGNALS[signal]
    shade = plotting.colour(population)
    own = rates[rates["population"] == population]
    plotting.band(own, axes, "time_ms", column, shade, signal.removeprefix("rate of "))
    label, factor = plotting.LABELS[column]
    published = published_series(drive)
    plotting.reference(published["time_ms"], published[signal] * factor, axes, "published program")
    axes.set_ylabel(label)
    axes.margins(x=0.01)


def _rows(spikes: pd.DataFrame) -> int:
    return int(spikes["neuron_id"].max()) + 1 if len(spikes) else 1
