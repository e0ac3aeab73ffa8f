"""The figure of the transfer functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from burstprop.report import plotting

from .check import CURVES, ERRORS, published_levels, sigmoid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


USED_PA = 200.0
"""Largest current, of either sign, that the circuits use."""


def figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return the two curves at every level, and both values over the whole grid of the P curve.

    Of a run in steps, E and P of every level against the dendritic current, published ones as circles.
    """
    if "levels" in frames:
        return _levels(frames["levels"])
    fig, axes = plotting.figure(2, 2, width=8.0, height=6.2)
    _curve(frames, axes[0, 0], "event_rate")
    plotting.title(axes[0, 0], "Event rate against somatic current")
    _curve(frames, axes[0, 1], "burst_prob")
    plotting.title(axes[0, 1], "Burst probability against dendritic current")
    _points(frames, axes[1, 0], "event_rate", "burst_prob", "burst_prob_se")
    plotting.title(axes[1, 0], "Burst probability against somatic current")
    _points(frames, axes[1, 1], "burst_prob", "event_rate_hz", "event_rate_se_hz")
    plotting.title(axes[1, 1], "Event rate against dendritic current")
    axes[1, 0].set_ylim(0.0, 100.0)
    for panel in (axes[0, 0], axes[0, 1], axes[1, 1]):
        panel.set_ylim(bottom=0.0)
    for panel in axes[1]:
        _range_of_circuits(panel)
    plotting.panel_letters(axes.flat)
    note = (
        "points: mean and standard error of the counts; lines: sigmoids (A, B), to guide the eye (C, D); "
        "vertical axes start at 0"
    )
    fig.supxlabel(note, x=0.99, ha="right", fontsize=7.5, color=plotting.GREY)
    return fig


def _range_of_circuits(axes: Axes) -> None:
    """Shade the currents that the circuits use, for which the claim of independence is made."""
    axes.axvspan(-USED_PA, USED_PA, color="#e8eef4", zorder=0, linewidth=0)
    place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "top"}
    axes.annotate(f"claim: within {USED_PA:g} pA", (0.0, 0.99), fontsize=7, color=plotting.GREY, **place)


def _curve(frames: dict[str, pd.DataFrame], axes: Axes, name: str) -> None:
    """Draw the curve's own value as points, and the fitted sigmoids."""
    along, _, value = CURVES[name]
    _points(frames, axes, name, value, ERRORS[value], line="")
    transfer = frames["transfer"]
    rows = transfer[transfer["curve"] == name].sort_values("level_pa")
    parameters = rows[["top", "midpoint_pa", "width_pa", "bottom"]].to_numpy(dtype=float)
    for k, (top, midpoint, width, bottom) in enumerate(parameters):
        own = frames["curves"][frames["curves"]["curve"] == name][along]
        fine = np.linspace(own.min(), own.max(), 200)
        fitted = sigmoid(fine, top, midpoint, width, bottom)
        axes.plot(fine, fitted * plotting.LABELS[value][1], color=plotting.CYCLE[k], linewidth=1.0)


def _points(
    frames: dict[str, pd.DataFrame], axes: Axes, name: str, value: str, error: str, line: str = "-"
) -> None:
    along, across, _ = CURVES[name]
    label, factor = plotting.LABELS[value]
    curves = frames["curves"][frames["curves"]["curve"] == name]
    for k, (level, group) in enumerate(curves.groupby(across)):
        axes.errorbar(
            group[along],
            group[value] * factor,
            group[error] * factor,
            marker="o",
            markersize=3.0,
            linestyle=line,
            linewidth=0.8,
            color=plotting.CYCLE[k],
            label=f"{level:g} pA",
        )
    where = {"soma_pa": "somata", "dendrite_pa": "dendrites"}
    axes.set(xlabel=f"current into {where[along]} (pA)", ylabel=label)
    axes.legend(title=f"into {where[across]}", frameon=False, fontsize=7.0, title_fontsize=7.0)


def _levels(levels: pd.DataFrame) -> Figure:
    fig, axes = plotting.figure(1, 2, width=8.0, height=3.4)
    theirs = published_levels(float(levels["recurrent_weight"].iloc[0]))
    for panel, value, title in (
        (axes[0], "event_rate_hz", "Event rate"),
        (axes[1], "burst_prob", "Burst probability"),
    ):
        label, factor = plotting.LABELS[value]
        for k, (soma, own) in enumerate(levels.groupby("soma_pa")):
            mean = own.groupby("dendrite_pa")[value].mean() * factor
            panel.plot(mean.index, mean, color=plotting.CYCLE[k], label=f"{soma:g} pA")
            published = theirs[theirs["soma_pa"] == soma].groupby("dendrite_pa")[value].mean() * factor
            plotting.reference(published.index, published, panel, "published" if k == 0 else "_")
        panel.set(xlabel="current into dendrites (pA)", ylabel=label)
        panel.set_ylim(bottom=0.0)
        plotting.title(panel, title)
    axes[0].legend(title="into somata", frameon=False, fontsize=7.0, title_fontsize=7.0)
    plotting.panel_letters(axes)
    return fig
