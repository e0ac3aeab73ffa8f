"""The figure of a run: how a network learned, and what its layers did meanwhile, one line for each layer.

    from burstprop.reduced import layers_figure
    from burstprop.reduced.train.journal import read_log

    layers_figure(read_log("run3", "layer"), read_log("run3")).savefig("run3.png")

``burstprop train --out DIR`` ends with it, as DIR/training.png. Several rules or runs stand side by side with
``by``; several seeds of one are a mean and a band of one standard deviation (a column ``realization``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from burstprop.errors import BurstpropError, near
from burstprop.report import plotting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE_FILE = "training.png"


@dataclass(frozen=True)
class _Panel:
    """What a column of the log of layers is called, and which part of its axis is shown at least."""

    title: str
    unit: str
    low: float
    high: float
    factor: float = 1.0
    mark: float | None = None


PANELS = {
    "weight_feedback_angle_deg": _Panel("forward and feedback weights", "angle (°)", 0, 97, mark=90),
    "update_angle_deg": _Panel("update and backprop's", "angle (°)", 0, 97, mark=90),
    "mean_rate": _Panel("event rate", "mean over units", 0, 0.6),
    "burst_prob": _Panel("burst probability", "mean over units (%)", 0, 60, factor=100),
    "saturated_fraction": _Panel("saturated dendrites", "of (unit, image) pairs (%)", 0, 10, factor=100),
    "linearity": _Panel("linearity of the feedback", "squared correlation", 0.8, 1),
    "dead_fraction": _Panel("dead units", "of units (%)", 0, 10, factor=100),
}
"""What is drawn, by the column of `burstprop.reduced.train.diagnostics.COLUMNS` that it shows."""
CURVE = "error_percent"
"""Name of the panel of the learning curve, which comes first."""
_ERRORS: dict[str, tuple[str, str, Any]] = {
    "validation": ("validation_error_percent", plotting.BLACK, "-"),
    "training": ("train_error_percent", plotting.GREY, "--"),
}
_WIDEST = 4
"""Panels of one run beside each other."""
_FEW = 12
"""Epochs up to which each has a dot."""
_THINNEST, _WIDER = 1.4, 1.6
"""Width of the last layer's line in points, and how much wider the first layer's is."""


def layers_figure(
    layers: pd.DataFrame,
    epochs: pd.DataFrame | None = None,
    *,
    panels: Sequence[str] | None = None,
    by: str | None = None,
) -> Figure:
    """Return a figure of the learning curve and of what `diagnose` found in every layer, over the epochs.

    What a rule has no numbers for is left out: a rule without bursts has no burst probability, one that
    sends no error through weights no angle between these and the forward ones.

    Parameters
    ----------
    layers : DataFrame
        A row for each epoch and layer: ``read_log(folder, "layer")``, or what `diagnose` returns with a
        column ``epoch``.
    epochs : DataFrame, optional
        A row for each epoch, with ``validation_error_percent`` and ``train_error_percent``:
        ``read_log(folder)``, or the ``history`` of `burstprop.reduced.train.training.train`.
    panels : sequence of str, optional
        Names of `PANELS`, and ``"error_percent"`` for the learning curve; by default all that have numbers.
    by : str, optional
        Column of both frames that separates runs, for example ``"rule"``: a column of panels for each of its
        values, in their order in ``layers``.

    Raises
    ------
    BurstpropError
        When there is nothing to draw, for a panel or column that is not known, and for frames that hold
        several runs that no column separates.
    """
    chosen = _chosen(layers, epochs, panels)
    groups = _groups(layers, epochs, by)
    for own, curve in groups.values():
        _check_one_line(own, ["layer", "epoch"])
        _check_one_line(curve, ["epoch"])
    fig, grid = _grid(len(chosen), None if by is None else len(groups))
    if by is None:
        order = [(name, "") for name in chosen]
    else:
        order = [(name, run) for name in chosen for run in groups]
    shades = _shades(layers)
    for panel, (name, run) in zip(grid.flat, order, strict=False):
        if name == CURVE:
            _draw_curve(panel, groups[run][1])
        else:
            _draw_layers(panel, name, groups[run][0], shades)
    _name_panels(grid, chosen, None if by is None else list(groups))
    _epochs_below(grid)
    fig.align_ylabels()
    _legend(fig, shades)
    return fig


def _chosen(layers: pd.DataFrame, epochs: pd.DataFrame | None, panels: Sequence[str] | None) -> list[str]:
    """Return the names of the panels to draw; raises BurstpropError."""
    for name in panels or ():
        if name not in (CURVE, *PANELS):
            raise BurstpropError(f"layers_figure: no panel {name!r}: {near(name, [CURVE, *PANELS])}")
    curve = pd.DataFrame() if epochs is None else epochs
    for frame, needed in ((layers, "layer"), (layers, "epoch"), (curve, "epoch")):
        if needed not in frame and not frame.empty:
            raise BurstpropError(f"layers_figure: no column {needed!r} in a frame: see its parameters")
    there = [name for name in PANELS if name in layers and layers[name].notna().any()]
    if any(column in curve and curve[column].notna().any() for column, _, _ in _ERRORS.values()):
        there.insert(0, CURVE)
    chosen = [name for name in (there if panels is None else panels) if name in there]
    if not chosen:
        wanted = "" if panels is None else f" for {', '.join(panels)}"
        raise BurstpropError(
            f"layers_figure: the frames hold nothing to draw{wanted}: give read_log(folder, 'layer') of a "
            "run that logged its layers (no --no-layers), and read_log(folder) for the learning curve"
        )
    return chosen


def _groups(
    layers: pd.DataFrame, epochs: pd.DataFrame | None, by: str | None
) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Return the frames of every run, by its name."""
    epochs = pd.DataFrame() if epochs is None else epochs
    if by is None:
        return {"": (layers, epochs)}
    for frame in (layers, epochs):
        if by not in frame and not frame.empty:
            raise BurstpropError(f"layers_figure: no column {by!r}: {near(by, map(str, frame.columns))}")
    values = dict.fromkeys(value for frame in (layers, epochs) if by in frame for value in frame[by])
    return {
        str(value): (
            layers[layers[by] == value] if by in layers else layers,
            epochs[epochs[by] == value] if by in epochs else epochs,
        )
        for value in values
    }


def _check_one_line(frame: pd.DataFrame, names: list[str]) -> None:
    """Raise BurstpropError where a line would go through the points of several runs."""
    names = [name for name in [*names, "realization"] if name in frame]
    if names and frame.duplicated(names).any():
        first = frame[frame.duplicated(names)].iloc[0]
        where = ", ".join(f"{name} {first[name]}" for name in names)
        raise BurstpropError(
            f"layers_figure: several rows for {where}: separate the runs by a column (by='rule'), or number "
            "those of one kind in a column 'realization'"
        )


def _shades(layers: pd.DataFrame) -> dict[str, Any]:
    """Return the colour of every layer: the deeper, the lighter; the output in one of its own."""
    from matplotlib import colormaps

    names = [str(name) for name in dict.fromkeys(layers["layer"])] if "layer" in layers else []
    hidden = [name for name in names if name != "output"]
    ramp = colormaps["viridis"]
    shades = {name: ramp(0.78 * k / max(len(hidden) - 1, 1)) for k, name in enumerate(hidden)}
    return shades | ({"output": plotting.VERMILION} if "output" in names else {})


def _grid(panels: int, runs: int | None) -> tuple[Figure, Any]:
    """Return a figure and its axes: a row for each panel with several runs side by side, else few rows."""
    if runs is None:
        rows = -(-panels // _WIDEST)
        columns = -(-panels // rows)
        more: dict[str, Any] = {"width": 0.4 + 2.4 * columns}
    else:
        rows, columns = panels, runs
        more = {"width": 0.8 + 2.15 * columns, "sharey": "row"}
    return plotting.figure(rows, columns, height=0.5 + 1.9 * rows, squeeze=False, sharex=True, **more)


def _draw_layers(axes: Axes, name: str, layers: pd.DataFrame, shades: dict[str, Any]) -> None:
    for k, (layer, shade) in enumerate(shades.items()):
        if name in layers:
            # layers that agree lie on each other: the lower one is wider, so that it shows on both sides
            width = _THINNEST + _WIDER * (len(shades) - 1 - k) / max(len(shades) - 1, 1)
            _line(
                axes, layers[layers["layer"] == layer], name, shade, layer, PANELS[name].factor, width=width
            )
    mark = PANELS[name].mark
    if mark is not None and axes.lines:
        plotting.level(axes, mark, "right angle", ":")


def _draw_curve(axes: Axes, epochs: pd.DataFrame) -> None:
    for label, (column, shade, dashes) in _ERRORS.items():
        if column in epochs:
            _line(axes, epochs, column, shade, label, dashes=dashes)
    if axes.lines:
        axes.legend(frameon=False, fontsize=7.5, handlelength=1.8)


def _line(
    axes: Axes,
    frame: pd.DataFrame,
    column: str,
    shade: Any,
    label: str,
    factor: float = 1.0,
    dashes: Any = "-",
    width: float = _THINNEST,
) -> None:
    """Draw a column over the epochs, with dots where these are few: one alone makes no line."""
    frame = frame.dropna(subset=[column])
    if frame.empty:
        return
    plotting.band(frame.assign(shown=factor * frame[column]), axes, "epoch", "shown", shade, label)
    (*_, line) = axes.get_lines()
    line.set(linestyle=dashes, linewidth=width)
    if frame["epoch"].nunique() <= _FEW:
        line.set(marker="o", markersize=1.6 + width)


def _name_panels(grid: Any, chosen: list[str], runs: list[str] | None) -> None:
    """Write titles and units, and set the vertical axes, which several runs side by side share."""
    if runs is None:
        for panel, name in zip(grid.flat, chosen, strict=False):
            title, unit = _words(name)
            plotting.title(panel, title)
            panel.set_ylabel(unit)
            _scale(name, [panel])
        return
    for row, name in zip(grid, chosen, strict=True):
        filled = [panel for panel in row if panel.lines]
        row[0].set_ylabel("\n".join(_words(name)))
        filled[0].tick_params(labelleft=True)
        _scale(name, filled)
    for column, run in zip(grid.T, runs, strict=True):
        # a rule of one's own by its class alone
        plotting.title(column[0], run.rpartition(":")[2])


def _words(name: str) -> tuple[str, str]:
    return ("learning curve", "error (%)") if name == CURVE else (PANELS[name].title, PANELS[name].unit)


def _scale(name: str, axes: list[Axes]) -> None:
    """Set the vertical axis: the learning curve's logarithmic, the others' at least what `PANELS` says."""
    from matplotlib.ticker import LogLocator, MaxNLocator, MultipleLocator, NullFormatter

    if name == CURVE:
        # an error of 0 has no place on a logarithmic axis
        if all(panel.dataLim.y0 > 0 for panel in axes):
            for panel in axes:
                panel.set_yscale("log")
                panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                panel.yaxis.set_major_formatter("{x:g}")
                panel.yaxis.set_minor_formatter(NullFormatter())
        return
    low = min([PANELS[name].low, *(panel.dataLim.y0 for panel in axes)])
    high = max([PANELS[name].high, *(panel.dataLim.y1 for panel in axes)])
    for panel in axes:
        panel.set_ylim(low - 0.03 * (high - low), high + 0.03 * (high - low))
        angle = PANELS[name].mark is not None
        panel.yaxis.set_major_locator(MultipleLocator(30) if angle else MaxNLocator(5, steps=[1, 2, 5, 10]))


def _epochs_below(grid: Any) -> None:
    """Put the epochs under the lowest panel of every column, and hide the places without lines."""
    from matplotlib.ticker import MaxNLocator

    for column in grid.T:
        for panel in column:
            panel.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
            if not panel.lines:
                # all but its title and what its row shows
                panel.spines[:].set_visible(False)
                panel.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False, which="both")
        lowest = [panel for panel in column if panel.lines][-1:]
        for panel in lowest:
            panel.set_xlabel("epoch")
            panel.tick_params(labelbottom=True)


def _legend(fig: Figure, shades: dict[str, Any]) -> None:
    """Put the layers, which all panels share, above them."""
    from matplotlib.lines import Line2D

    drawn = {line.get_label() for panel in fig.axes for line in panel.lines}
    handles = [Line2D([], [], color=shade, label=layer) for layer, shade in shades.items() if layer in drawn]
    if handles:
        across = max(2, int(fig.get_figwidth() / 0.9))
        fig.legend(
            handles=handles, loc="outside upper right", ncols=min(len(handles), across), frameon=False,
            fontsize=7.5, handlelength=1.4, columnspacing=1.2,
        )  # fmt: skip
