"""The figure of the propagation circuit: inputs on top, then the upper layer, then the lower one.

The left column shows the feedforward message in event rates, the right one the feedback message in burst
probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from burstprop.report import plotting

from .fit import SIGNALS
from .reference import REALIZATIONS, SERIES, TIME_MS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return stimuli, E and P of both layers, interneuron rates and a raster.

    Lines are means over realizations, bands their SD, circles the mean of the published realizations.
    """
    fig, axes = plotting.figure(4, 2, width=9.0, height=8.6, sharex=True, height_ratios=(0.65, 1, 1, 1.25))
    rates = frames["rates"]
    _stimulus(frames["stimuli"], axes[0, 0], "feedforward_pa", "pyr1")
    plotting.title(axes[0, 0], "Feedforward input: current into somata of pyr1")
    _stimulus(frames["stimuli"], axes[0, 1], "feedback_pa", "pyr2")
    plotting.title(axes[0, 1], "Feedback input: current into dendrites of pyr2")
    for row, population, where in ((1, "pyr2", "Upper layer"), (2, "pyr1", "Lower layer")):
        _signal(rates, axes[row, 0], f"E of {population}")
        plotting.title(axes[row, 0], f"{where}, {population}: event rate E")
        _signal(rates, axes[row, 1], f"P of {population}")
        plotting.title(axes[row, 1], f"{where}, {population}: burst probability P")
        axes[row, 1].set_ylim(bottom=0.0)
    _signal(rates, axes[3, 0], "rate of PV")
    _signal(rates, axes[3, 0], "rate of SOM")
    handles, labels = axes[3, 0].get_legend_handles_labels()
    plotting.key(axes[3, 0], handles=[handles[k] for k in (0, 2)], labels=[labels[k] for k in (0, 2)])
    plotting.title(axes[3, 0], "Interneurons: rates")
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
    fig.supxlabel(_note(rates), x=0.99, ha="right", fontsize=7.5, color=plotting.GREY)
    return fig


def _note(rates: pd.DataFrame) -> str:
    own = rates["realization"].nunique()
    lines = f"lines: mean of {own} realizations, bands: SD" if own > 1 else "lines: one realization"
    return f"{lines}; circles: mean of {REALIZATIONS} realizations of the published program"


def _stimulus(stimuli: pd.DataFrame, axes: Axes, column: str, population: str) -> None:
    axes.plot(stimuli["time_ms"], stimuli[column], color=plotting.colour(population))
    axes.set_ylabel("current (pA)")
    axes.margins(x=0.01)


def _signal(rates: pd.DataFrame, axes: Axes, signal: str) -> None:
    population, column = SIGNALS[signal]
    shade = plotting.colour(population)
    own = rates[rates["population"] == population]
    plotting.band(own, axes, "time_ms", column, shade, signal.removeprefix("rate of "))
    label, factor = plotting.LABELS[column]
    first, last, step = TIME_MS
    published = np.array(SERIES[signal]) * factor
    plotting.reference(np.arange(first, last + step, step), published, axes, "published program")
    axes.set_ylabel(label)
    axes.margins(x=0.01)


def _rows(spikes: pd.DataFrame) -> int:
    return int(spikes["neuron_id"].max()) + 1 if len(spikes) else 1
