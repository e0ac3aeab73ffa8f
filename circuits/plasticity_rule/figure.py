"""The figure of the plasticity-rule circuit: weight, event rate and burst probability over the segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from burstprop.report import plotting

from .reference import WEIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHADES = {"raised": "#fbe3d6", "lowered": "#dbe9f6", "input bursts": "#ececec"}
TITLES = {
    "settling": "no plasticity",
    "raised": "more dendritic\ndrive of post",
    "lowered": "less dendritic\ndrive of post",
    "input bursts": "input bursts\nmore",
}


def figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return the figure: means over realizations and their standard deviation, published weights as
    circles."""
    frame, segments = frames["plasticity_rule"], frames["segments"]
    shown = frame.assign(time_s=frame["time_ms"] / 1000.0)
    for side in ("", "input_"):
        shown[f"{side}burst_percent"] = (
            100.0 * shown[f"{side}burst_rate_hz"] / shown[f"{side}event_rate_hz"]
        ).where(shown[f"{side}event_rate_hz"] > 0)
    fig, axes = plotting.figure(3, 1, sharex=True, height=6.2)
    weight, events, prob = axes
    plotting.band(shown, weight, "time_s", "mean_weight", plotting.BLACK, "mean weight, input to post")
    if set(WEIGHT) <= {0.0, *frame["time_ms"]}:
        plotting.reference(
            [t / 1000.0 for t in WEIGHT], WEIGHT.values(), weight, "published, one realization"
        )
    for axis, column in ((events, "event_rate_hz"), (prob, "burst_percent")):
        for side, name in (("", "post"), ("input_", "input")):
            plotting.band(shown, axis, "time_s", f"{side}{column}", plotting.colour(name), name)
    weight.set(ylabel="mean weight (leak)")
    events.set(ylabel="event rate (Hz)", ylim=(0.0, None))
    prob.set(ylabel="burst probability (%)", ylim=(0.0, None), xlabel="time (s)")
    for axis in axes:
        for segment, start, stop in segments[["segment", "start_ms", "stop_ms"]].itertuples(index=False):
            axis.axvline(stop / 1000.0, color="#c9ced6", linewidth=0.5, zorder=0)
            if segment in SHADES:
                axis.axvspan(start / 1000.0, stop / 1000.0, color=SHADES[segment], linewidth=0, zorder=0)
        axis.set_xlim(0.0, segments["stop_ms"].iloc[-1] / 1000.0)
    for segment, start, stop in segments[["segment", "start_ms", "stop_ms"]].itertuples(index=False):
        if segment in TITLES:
            middle = (start + stop) / 2000.0
            prob.annotate(
                TITLES[segment],
                (middle, 0.98),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="top",
                fontsize=7,
                color="#4a5058",
            )
    prob.set_ylim(top=1.35 * prob.get_ylim()[1])
    plotting.place_legend(weight)
    plotting.place_legend(events)
    plotting.panel_letters(axes)
    return fig
