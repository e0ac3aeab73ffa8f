"""Figures in one style: rasters, rates and burst probability over time, weights, learning curves.

Every function draws a tidy frame (see `burstprop.recording`) into an axes that it is given, and returns that
axes, so that panels are put together freely:

    fig, (top, bottom) = figure(2, 1)
    raster(spikes, top)
    over_time(rates, bottom, "burst_prob")

Lines are means over realizations, bands their standard deviation. The colours are those of Okabe and Ito,
which people with a colour vision deficiency tell apart; they also differ in lightness. Units are on every
axis. Nothing here touches matplotlib's global state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from burstprop.errors import BurstpropError, near
from burstprop.report.recorded import Recorded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, VERMILION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PURPLE, SKY, BLACK, GREY = "#cc79a7", "#56b4e9", "#222222", "#8a8f98"
CYCLE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)

#: The populations of the published circuits keep their colour in every figure; others follow `CYCLE`.
COLOURS = {
    "pyr1": BLUE,
    "pyr2": VERMILION,
    "pv": GREEN,
    "som": ORANGE,
    "input": GREY,
    "input1": SKY,
    "input2": GREY,
    "hidden": BLUE,
    "hidden1": BLUE,
    "hidden2": GREEN,
    "output": VERMILION,
    "post": BLUE,
}

#: Axis label and factor of the columns that have a name of their own.
LABELS = {
    "rate_hz": ("firing rate (Hz)", 1.0),
    "event_rate_hz": ("event rate (Hz)", 1.0),
    "burst_rate_hz": ("burst rate (Hz)", 1.0),
    "burst_prob": ("burst probability (%)", 100.0),
    "cost": ("cost (nats)", 1.0),
    "epoch": ("epoch", 1.0),
    "weight": ("mean weight", 1.0),
}

STYLE: Any = {
    "font.size": 8.0,
    "font.family": "sans-serif",
    "axes.labelsize": 8.0,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.0,
    "figure.dpi": 110,
    "savefig.dpi": 160,
}


def figure(
    rows: int = 1, columns: int = 1, *, width: float = 7.0, height: float | None = None, **options: Any
) -> tuple[Figure, Any]:
    """Return an empty figure and its axes, in the style of all figures.

    Parameters
    ----------
    rows, columns : int
        Panels.
    width, height : float
        Inches; by default 7 wide and 2.1 for each row.
    **options
        Passed to ``Figure.subplots``: ``sharex``, ``height_ratios``, ``squeeze`` ...
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        fig = Figure(figsize=(width, height or 0.4 + 2.1 * rows), layout="constrained")
        return fig, fig.subplots(rows, columns, **options)


def colour(name: str, k: int = 0) -> str:
    """Return the colour of a population, or the ``k``-th of the cycle for a name without one."""
    return COLOURS.get(name.lower(), CYCLE[k % len(CYCLE)])


def raster(
    spikes: pd.DataFrame,
    axes: Axes,
    *,
    populations: Sequence[str] | None = None,
    neurons: int = 60,
    realization: int | None = None,
    events: pd.DataFrame | None = None,
) -> Axes:
    """Draw the spikes of the first neurons of each population, one row a neuron.

    Parameters
    ----------
    spikes : DataFrame
        ``time_ms, population, neuron_id, realization``.
    populations : sequence of str, optional
        From top to bottom; by default all, in the order of the frame.
    neurons : int
        Rows for each population.
    realization : int, optional
        Which; by default the first one.
    events : DataFrame, optional
        What `burstprop.spikes.bursts.find_bursts` returned for the same spikes: bursts are then marked in
        vermilion.
    """
    spikes = _one_realization(_checked(spikes, "time_ms", "population", "neuron_id"), realization)
    names = _known(spikes, "population", populations)
    scale, label = _time(spikes["time_ms"])
    base, middles = 0, []
    for k, name in enumerate(names):
        own = spikes[(spikes["population"] == name) & (spikes["neuron_id"] < neurons)]
        quiet = (
            {"color": colour(name, k), "linewidth": 0.7}
            if events is None
            else {"color": GREY, "linewidth": 0.6}
        )
        _ticks(own, axes, scale, base, quiet)
        if events is not None:
            marked = _checked(events, "time_ms", "population", "neuron_id", "burst")
            marked = _one_realization(marked, realization)
            marked = marked[
                marked["burst"] & (marked["population"] == name) & (marked["neuron_id"] < neurons)
            ]
            _ticks(marked, axes, scale, base, {"color": VERMILION, "linewidth": 1.3})
        middles.append(base + neurons / 2)
        base += neurons
        if k + 1 < len(names):
            axes.axhline(base - 0.5, color="#dfe4ea", linewidth=0.6)
    axes.set(xlabel=label, ylim=(base, -1), yticks=middles, yticklabels=names)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.01)
    return axes


def over_time(
    frame: pd.DataFrame,
    axes: Axes,
    value: str,
    *,
    by: str = "population",
    only: Sequence[str] | None = None,
    legend: bool = True,
) -> Axes:
    """Draw a column over time, one line for each population or projection, with the spread of realizations.

    Parameters
    ----------
    frame : DataFrame
        ``time_ms``, the columns ``value`` and ``by``, and ``realization`` where there are several.
    value : str
        ``"event_rate_hz"``, ``"burst_prob"``, ``"weight"`` ...
    by : str
        The column that separates the lines.
    only : sequence of str, optional
        The lines to draw, in this order; by default all that have a value.
    """
    frame = _checked(frame, "time_ms", value, by)
    scale, label = _time(frame["time_ms"])
    names = _known(frame if only else frame.dropna(subset=[value]), by, only)
    for k, name in enumerate(names):
        own = frame[frame[by] == name]
        band(own.assign(time_ms=own["time_ms"] * scale), axes, "time_ms", value, colour(name, k), name)
    axes.set(xlabel=label, ylabel=LABELS.get(value, (value, 1.0))[0])
    if value == "burst_prob":
        axes.set_ylim(bottom=0.0)
    axes.margins(x=0.01)
    if legend and len(names) > 1:
        place_legend(axes)
    return axes


def learning_curve(
    frame: pd.DataFrame,
    axes: Axes,
    *,
    x: str = "epoch",
    y: str = "cost",
    by: str | None = None,
    chance: float | None = None,
    smooth: int = 1,
) -> Axes:
    """Draw cost or error over training: thin lines are realizations, the thick one is their mean.

    Parameters
    ----------
    frame : DataFrame
        ``x``, ``y``, ``realization`` where there are several, and ``by`` where curves are compared.
    x, y : str
        Columns of progress and of what is learned.
    by : str, optional
        Column that separates the curves (rule, variant, control).
    chance : float, optional
        Level of guessing, drawn dashed.
    smooth : int
        Moving mean over this many points of each realization.
    """
    frame = _checked(frame, x, y, *([by] if by else []))
    groups = (
        [("", frame)]
        if by is None
        else [(str(name), own) for name, own in frame.groupby(by, sort=False, observed=True)]
    )
    factor = LABELS.get(y, (y, 1.0))[1]
    for k, (name, group) in enumerate(groups):
        table = _realizations(group, x, y).rolling(smooth, min_periods=1).mean() * factor
        shade = CYCLE[k % len(CYCLE)]
        if table.shape[1] > 1:
            axes.plot(table.index, table.to_numpy(), color=shade, linewidth=0.5, alpha=0.35)
        axes.plot(table.index, table.mean(axis=1), color=shade, label=name)
    if chance is not None:
        level(axes, chance * factor, "chance")
    axes.set(xlabel=LABELS.get(x, (x, 1.0))[0], ylabel=LABELS.get(y, (y, 1.0))[0])
    # the bottom, once set, holds the top too, at what was drawn so far here and on axes that share it
    axes.autoscale(axis="y")
    axes.set_ylim(bottom=0.0)
    if by is not None:
        place_legend(axes)
    return axes


def band(frame: pd.DataFrame, axes: Axes, x: str, y: str, shade: str, label: str = "") -> Axes:
    """Draw the mean of ``y`` over ``x`` and, with several realizations, a band of one SD either side."""
    table = _realizations(frame, x, y) * LABELS.get(y, (y, 1.0))[1]
    mean = table.mean(axis=1)
    axes.plot(mean.index, mean, color=shade, label=label)
    if table.shape[1] > 1:
        spread = table.std(axis=1, ddof=1)
        axes.fill_between(mean.index, mean - spread, mean + spread, color=shade, alpha=0.22, linewidth=0)
    return axes


def reference(x: Iterable[float], y: Iterable[float], axes: Axes, label: str = "reference") -> Axes:
    """Draw published numbers beside ours: small open circles in black."""
    axes.plot(
        list(x),
        list(y),
        linestyle="",
        marker="o",
        markersize=3.0,
        markerfacecolor="none",
        markeredgewidth=0.7,
        color=BLACK,
        label=label,
    )
    return axes


def level(axes: Axes, y: float, text: str, linestyle: Any = "--", *, left: bool = False) -> None:
    """Draw a level that the data are compared with as a broken line, and say what it is.

    The words stand over its right end, or with ``left`` under its left end, where a falling curve is not.
    """
    axes.axhline(y, color=GREY, linestyle=linestyle, linewidth=0.9, zorder=1)
    place = _CORNER | ({"xytext": (3, -6), "ha": "left", "va": "top"} if left else {})
    axes.annotate(text, (0.0 if left else 1.0, y), xycoords=("axes fraction", "data"), **place)


def title(axes: Axes, text: str) -> None:
    """Put a short title over the left end of a panel."""
    axes.set_title(text, loc="left", fontsize=8.5, fontweight="bold")


def place_legend(axes: Axes, **options: Any) -> None:
    """Put the legend over the right end of a panel, where it hides no data."""
    place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.1}
    style = {"frameon": False, "fontsize": 7.5, "handlelength": 1.4, "columnspacing": 1.2}
    shown = options.get("handles", axes.get_legend_handles_labels()[0])
    axes.legend(**{"ncols": min(len(shown), 5), **place, **style, **options})


def panel_letters(axes: Iterable[Axes], letters: Iterable[str] = "ABCDEFGHIJKL") -> None:
    """Put A, B, C ... over the upper left corners of the panels."""
    for panel, letter in zip(axes, letters, strict=False):
        panel.annotate(
            letter,
            (0.0, 1.0),
            xycoords="axes fraction",
            xytext=(-30, 6),
            textcoords="offset points",
            fontsize=10,
            fontweight="bold",
        )


def recording_figure(
    recording: Recorded, *, populations: Sequence[str] | None = None, neurons: int = 60
) -> Figure:
    """Return the figure of a recording: raster, E, P, weights and voltages, of what there is of them.

    Voltages are the recorded variables ``v`` and ``v_...``, one line a neuron.

    Raises
    ------
    BurstpropError
        There is nothing to draw.
    """
    panels: list[tuple[str, Callable[..., Any]]] = []
    spikes, rates, weights = recording.spikes, recording.rates, recording.weights
    if len(spikes):
        panels.append(("spikes", lambda axes: raster(spikes, axes, populations=populations, neurons=neurons)))
    if len(rates):
        for value, name in (("event_rate_hz", "event rate E"), ("burst_prob", "burst probability P")):
            panels.append((name, partial(over_time, rates, value=value, only=populations)))
    if len(weights):
        mean = weights.rename(columns={"mean": "weight"})
        panels.append(("weights", lambda axes: over_time(mean, axes, "weight", by="projection")))
    for population, variable, own in _voltages(recording.states, populations):
        panels.append((f"{variable} of {population}", partial(_draw_voltage, own, variable)))
    if not panels:
        raise BurstpropError("the recording holds nothing to draw: record spikes, rates, states or weights")
    fig, axes = figure(len(panels), 1, sharex=True, height=0.4 + 1.7 * len(panels), squeeze=False)
    for axis, (name, draw) in zip(axes[:, 0], panels, strict=True):
        draw(axes=axis)
        title(axis, name)
    for axis in axes[:-1, 0]:
        axis.set_xlabel("")
    return fig


def _voltages(
    states: pd.DataFrame, populations: Sequence[str] | None
) -> Iterable[tuple[str, str, pd.DataFrame]]:
    for population, own in states.groupby("population", observed=True):
        if populations is None or population in populations:
            for variable in own.columns:
                if (variable == "v" or variable.startswith("v_")) and own[variable].notna().any():
                    yield str(population), variable, own


def _draw_voltage(states: pd.DataFrame, variable: str, axes: Axes) -> None:
    scale, label = _time(states["time_ms"])
    for k, (neuron, own) in enumerate(states.groupby("neuron_id")):
        shade = CYCLE[k % len(CYCLE)]
        axes.plot(own["time_ms"] * scale, own[variable], color=shade, linewidth=0.8, label=f"neuron {neuron}")
    axes.set(xlabel=label, ylabel="voltage (mV)")
    axes.margins(x=0.01)
    if states["neuron_id"].nunique() <= 5:
        place_legend(axes)


_CORNER: dict[str, Any] = {
    "xytext": (-2, 2),
    "textcoords": "offset points",
    "ha": "right",
    "va": "bottom",
    "fontsize": 7,
    "color": GREY,
}


def _ticks(spikes: pd.DataFrame, axes: Axes, scale: float, base: int, style: dict[str, Any]) -> None:
    row = spikes["neuron_id"].to_numpy() + base
    axes.vlines(spikes["time_ms"].to_numpy() * scale, row - 0.45, row + 0.45, rasterized=True, **style)


def _checked(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    for name in columns:
        if name not in frame:
            raise BurstpropError(f"the frame has no column {name!r}: {near(name, map(str, frame.columns))}")
    return frame


def _known(frame: pd.DataFrame, column: str, only: Sequence[str] | None) -> list[str]:
    """Return what to draw: ``only``, of which nothing may be there but its name, or all that is there."""
    values = frame[column]
    if not only:
        present = values.cat.remove_unused_categories().cat.categories if _named(values) else values.unique()
        return [str(name) for name in present]
    known = [str(name) for name in (values.cat.categories if _named(values) else values.unique())]
    for name in only:
        if name not in known:
            raise BurstpropError(f"the frame has no {column} {name!r}: {near(name, known)}")
    return list(only)


def _named(values: pd.Series) -> bool:
    """Whether a column knows names of which it has no row: a population without a spike."""
    return isinstance(values.dtype, pd.CategoricalDtype)


def _one_realization(frame: pd.DataFrame, realization: int | None) -> pd.DataFrame:
    if "realization" not in frame or frame.empty:
        return frame
    return frame[
        frame["realization"] == (frame["realization"].iloc[0] if realization is None else realization)
    ]


def _realizations(frame: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Return ``y`` with one row for each ``x`` and one column for each realization."""
    if "realization" not in frame:
        return frame.set_index(x)[[y]]
    return frame.pivot_table(index=x, columns="realization", values=y, aggfunc="mean", dropna=False)


def _time(time_ms: pd.Series) -> tuple[float, str]:
    """Return factor and label of a time axis: seconds from 10 s on."""
    span = float(np.ptp(time_ms)) if len(time_ms) else 0.0
    return (1e-3, "time (s)") if span >= 10_000 else (1.0, "time (ms)")
