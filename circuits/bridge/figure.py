"""The figure of the bridge: prediction in time, what ingredients are worth, learning, alignment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from burstprop.report import plotting

from .xor import SPIKING_CURVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SERIES = (("pyr1", "event_rate_hz"), ("pyr1", "burst_prob"), ("pyr2", "burst_prob"), ("som", "rate_hz"))
LAYERS = ("hidden1", "hidden2", "output")


def figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return predicted and spiking rates, errors by ingredient, learning curves and alignment."""
    fig, axes = plotting.figure(4, 2, width=9.0, height=10.4)
    series = frames["series"]
    configuration = series["configuration"].iloc[0]
    for panel, (population, column) in zip(axes[:2].flat, SERIES, strict=True):
        _series(series[series["configuration"] == configuration], panel, population, column)
    _ingredients(frames["ablations"], axes[2, 0])
    _learning(frames["xor"], axes[2, 1])
    _alignment(frames["alignment"], axes[3, 0])
    _changes(frames["changes"], axes[3, 1])
    plotting.panel_letters(axes.flat)
    return fig


def _series(series: pd.DataFrame, axes: Axes, population: str, column: str) -> None:
    label, factor = plotting.LABELS[column]
    own = series[series["population"] == population]
    spiking = own[own["source"] == "spiking"].groupby("time_ms")[column].mean() * factor
    model = own[own["source"] == "rate model"].groupby("time_ms")[column].mean() * factor
    axes.plot(
        spiking.index, spiking, "o", color=plotting.colour(population), alpha=0.45, ms=3, label="spiking"
    )
    axes.plot(model.index, model, color=plotting.BLACK, lw=1.1, label="rate model")
    axes.set_xlim(left=500.0)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("time (ms)")
    axes.set_ylabel(label)
    plotting.title(axes, f"{population}: predicted from isolated populations")
    if (population, column) == SERIES[0]:
        _legend(axes)


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, fontsize=6.5, loc="best")


def _ingredients(ablations: pd.DataFrame, axes: Axes) -> None:
    columns = {
        "mean rms": ("means", plotting.BLUE),
        "feedforward amplitude rms": ("somatic amplitudes", plotting.VERMILION),
        "feedback amplitude rms": ("dendritic amplitudes", plotting.GREEN),
    }
    place = np.arange(len(ablations))
    for k, (column, (label, shade)) in enumerate(columns.items()):
        axes.barh(place + 0.26 * (k - 1), 100 * ablations[column], 0.25, color=shade, label=label)
    axes.set_yticks(place, [_wrapped(name) for name in ablations["ingredient"]], fontsize=6)
    axes.invert_yaxis()
    axes.set_xlim(0.0, 160.0 * float(ablations[list(columns)].to_numpy().max()))
    axes.set_xlabel("rms error (%)")
    plotting.title(axes, "What each ingredient is worth")
    axes.legend(frameon=False, fontsize=6.5, loc="upper right")


def _wrapped(name: str) -> str:
    words, lines = name.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 26:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def _learning(xor: pd.DataFrame, axes: Axes) -> None:
    reference = np.array(SPIKING_CURVE)
    published = xor[xor["variant"] == "published"]
    for level, shade in (("units", plotting.BLUE), ("six mean weights", plotting.GREY)):
        curve = published[published["level"] == level].groupby("epoch")["cost"].mean()
        smooth = curve.rolling(5, center=True, min_periods=1).mean()
        label = "rates, one unit per neuron" if level == "units" else "rates, six mean weights"
        axes.plot(smooth.index, smooth, color=shade, label=label)
    last = published["epoch"].max()
    seen = reference[reference[:, 0] <= last]
    axes.plot(seen[:, 0], seen[:, 1], "o", color=plotting.BLACK, ms=4, label="spiking, mean of 5")
    axes.axhline(4 * np.log(2), color=plotting.GREY, lw=0.7, ls=":")
    axes.text(0.6 * last, 2.68, "guessing", ha="center", va="top", fontsize=6.5, color=plotting.GREY)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("epoch")
    axes.set_ylabel("cost (nats)")
    plotting.title(axes, "XOR in rates and in spikes")
    _legend(axes)


def _alignment(alignment: pd.DataFrame, axes: Axes) -> None:
    own = alignment[alignment["against"] == "minus_gradient"]
    for variant, style in (("published", "-o"), ("fed_alike", "--s")):
        for layer in LAYERS:
            part = own[(own["variant"] == variant) & (own["layer"] == layer)]
            axes.plot(
                part["epoch"],
                part["cosine"],
                style,
                color=plotting.colour(layer),
                label=layer if variant == "published" else None,
                alpha=1.0 if variant == "published" else 0.55,
            )
    axes.axhline(0.0, color=plotting.GREY, lw=0.7)
    axes.set_ylim(-1.08, 1.08)
    axes.set_xlabel("epoch")
    axes.set_ylabel("cosine with minus the gradient")
    plotting.title(axes, "Spiking change (squares: both fed alike)")
    axes.legend(frameon=False, fontsize=6.5, loc="lower right", bbox_to_anchor=(1.0, 0.52))


def _changes(changes: pd.DataFrame, axes: Axes) -> None:
    for layer in LAYERS:
        own = changes[changes["pathway"].str.contains(f"->{layer}", regex=False)]
        axes.plot(
            own["rate"], own["spiking"], "o", color=plotting.colour(layer), ms=3, alpha=0.6, label=layer
        )
    ends = [float(changes["rate"].min()), float(changes["rate"].max())]
    axes.plot(ends, ends, color=plotting.GREY, lw=0.8)
    axes.set_xlabel("change that rate units predict (over eta)")
    axes.set_ylabel("spiking change (over eta)")
    plotting.title(axes, "Change of one teaching phase")
    _legend(axes)
