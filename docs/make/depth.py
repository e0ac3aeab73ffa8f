"""Draw what constraints cost eight layers, what depth does, and how CIFAR-10 is learned, and print tables.

Run ``python docs/make/depth.py``. They are made from ``constraints*.csv``, ``starts*.csv``,
``depth-short*.csv`` and ``cifar10-*.csv`` in ``benchmarks/results/reduced``, which ``python
benchmarks/reduced_depth.py --study NAME`` wrote; docs/explanation/depth.md holds them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from burstprop.report.plotting import BLACK, GREY, figure
from burstprop.report.rule_style import STYLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "reduced"
PICTURES = ROOT / "docs" / "pictures"


class Way(NamedTuple):
    """How a way of teaching is called and drawn; ``layers``: whether its layers are drawn too."""

    name: str
    colour: str
    line: str = "-"
    layers: bool = True


def _rule(name: str, **more: bool) -> Way:
    return Way(*STYLES[name], "-", **more)


BLUE = STYLES["burstprop"].colour
WAYS = {
    "backprop": _rule("backprop", layers=False),
    "backprop_group": Way("backprop, group norm", BLACK, layers=False),
    "backprop_divisive": Way("backprop, divisive norm", BLACK, layers=False),
    "burstprop_symmetric": _rule("burstprop_symmetric"),
    "burstprop": Way("burstprop, learned feedback", BLUE),
    "burstprop_full_start": Way("burstprop, Y starts as large as W", BLUE),
    "burstprop_weak_start": Way("burstprop, Y starts a tenth as large", BLUE, "--"),
    "burstprop_group": Way("burstprop, group norm", BLUE, layers=False),
    "burstprop_divisive": Way("burstprop, divisive norm", BLUE, layers=False),
    "burstprop_uninhibited": Way("burstprop, not inhibited", BLUE, "--"),
    "burstprop_published": Way("burstprop, as published", BLUE, ":"),
    "burstprop_fixed": _rule("burstprop_fixed"),
    "burstprop_direct": _rule("burstprop_direct"),
    "burstccn_tied": _rule("burstccn_tied", layers=False),
    "burstccn": _rule("burstccn"),
    "burstccn_full_start": Way("BurstCCN, Y starts as large as W", STYLES["burstccn"].colour),
    "burstccn_weak_start": Way("BurstCCN, Y starts a tenth as large", STYLES["burstccn"].colour, "--"),
    "feedback_alignment": _rule("feedback_alignment"),
}
"""Row of the study -> its name and style, in the order of table and figure."""
PANELS = {
    "update_angle_deg": ("angle of the update to backprop's (°)", 1.0),
    "weight_feedback_distance": ("|Y - W| over |W|", 1.0),
    "saturated_fraction": ("saturated dendrites (%)", 100.0),
    "events_needed": ("events needed", 1.0),
}


def panel(axis: Axes, layers: pd.DataFrame, column: str) -> None:
    """Draw a column of the table of layers over the layers, a line for each way; seeds are averaged."""
    label, factor = PANELS[column]
    for name, way in WAYS.items():
        own = layers[(layers["rule"] == name) & (layers["layer"] != "output")]
        if not way.layers or own[column].notna().sum() == 0:
            continue
        mean = own.groupby("layer", sort=False)[column].mean() * factor
        axis.plot(range(1, 1 + len(mean)), mean.to_numpy(), way.line, color=way.colour, label=way.name)
    axis.set(xlabel="layer (1: the lowest)", ylabel=label)
    if column == "events_needed":
        axis.set_yscale("log")
    else:
        axis.set_ylim(bottom=0.0)


def draw(runs: pd.DataFrame, layers: pd.DataFrame) -> Figure:
    """Return the figure: test errors, and what the layers are like after the last epoch."""
    drawn, axes = figure(2, 3, width=9.0, height=5.2)
    left = axes[0, 0]
    there = [name for name in WAYS if (runs["rule"] == name).any()]
    for place, name in enumerate(reversed(there)):
        errors = runs.loc[runs["rule"] == name, "test_error_percent"]
        left.plot(errors, [place] * len(errors), "o", color=WAYS[name].colour)
    left.set_yticks(range(len(there)), [WAYS[name].name for name in reversed(there)], fontsize=6.5)
    left.axvline(90.0, linestyle="--", color=GREY, linewidth=1.0)
    left.text(89.5, len(there) - 1, "guessing", ha="right", va="top", color=GREY, fontsize=6.5)
    left.set(xlabel="test error (%)")
    for axis, column in zip((axes[0, 1], axes[0, 2], axes[1, 0], axes[1, 1]), PANELS, strict=True):
        panel(axis, layers, column)
    handles = {
        handle.get_label(): handle for handle in (line for axis in axes.flat for line in axis.get_lines())
    }
    shown = [way.name for way in WAYS.values() if way.layers and way.name in handles]
    axes[1, 2].axis("off")
    axes[1, 2].legend([handles[name] for name in shown], shown, frameon=False, fontsize=7, loc="center left")
    return drawn


def table(runs: pd.DataFrame, layers: pd.DataFrame) -> str:
    """Return the table of docs/explanation/depth.md."""
    lines = [
        "| way of teaching | test error (%) | lowest layer: angle | mean angle | Y - W | saturated (%) "
        "| events, lowest |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]

    def said(value: float, form: str) -> str:
        return format(value, form) if value == value else ""

    for name, way in WAYS.items():
        own = layers[(layers["rule"] == name) & (layers["layer"] != "output")]
        if own.empty:
            continue
        error = runs.loc[runs["rule"] == name, "test_error_percent"].mean()
        low, mean = own[own["layer"] == "layer0"], own.mean(numeric_only=True)
        cells = (
            way.name,
            f"{error:.1f}",
            said(low["update_angle_deg"].mean(), ".0f"),
            said(mean["update_angle_deg"], ".0f"),
            said(mean["weight_feedback_distance"], ".2f"),
            said(100 * mean["saturated_fraction"], ".1f"),
            said(low["events_needed"].mean(), ".1g"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def seeds_table(runs: pd.DataFrame, layers: pd.DataFrame) -> str:
    """Return a table of one network: errors of all seeds, means over seeds and hidden layers."""
    hidden = layers[layers["layer"] != "output"]
    lines = [
        "| way of teaching | test error (%): mean | each seed | mean angle | Y - W |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, way in WAYS.items():
        errors = runs.loc[runs["rule"] == name, "test_error_percent"]
        if errors.empty:
            continue
        own = hidden.loc[hidden["rule"] == name, ["update_angle_deg", "weight_feedback_distance"]].mean()
        each = " ".join(f"{error:.1f}" for error in errors)
        lines.append(f"| {way.name} | {errors.mean():.1f} | {each} | {own.iloc[0]:.0f} | {own.iloc[1]:.2f} |")
    return "\n".join(lines)


def by_depth(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the number of layers of each network, ``resnet-depth-N``, as ``depth``."""
    return frame.assign(depth=frame["network"].str.rpartition("-")[2].astype(int))


def depth_table(runs: pd.DataFrame, layers: pd.DataFrame) -> str:
    """Return the table of error, and of the update's mean angle in hidden layers, for each depth."""
    runs, layers = by_depth(runs), by_depth(layers[layers["layer"] != "output"])
    depths = sorted(runs["depth"].unique())
    lines = [
        f"| way of teaching | {' | '.join(f'{depth} layers' for depth in depths)} |",
        f"| --- |{' --- |' * len(depths)}",
    ]
    for name, way in WAYS.items():
        errors = runs[runs["rule"] == name].groupby("depth")["test_error_percent"].mean()
        if errors.empty:
            continue
        angles = layers[layers["rule"] == name].groupby("depth")["update_angle_deg"].mean()
        cells = [
            f"{errors[depth]:.1f} % ({angles[depth]:.0f}°)" if depth in errors else "" for depth in depths
        ]
        lines.append(f"| {way.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw_depth(runs: pd.DataFrame, layers: pd.DataFrame) -> Figure:
    """Return the figure: test error, and angle of the lowest layer's update, against the number of layers."""
    drawn, (left, right) = figure(1, 2, width=7.0, height=3.0)
    runs, lowest = by_depth(runs), by_depth(layers[layers["layer"] == "layer0"])
    for name, way in WAYS.items():
        for axis, frame, column in (
            (left, runs, "test_error_percent"),
            (right, lowest, "update_angle_deg"),
        ):
            mean = frame[frame["rule"] == name].groupby("depth")[column].mean()
            if mean.size and not (axis is right and name == "backprop"):
                axis.plot(mean.index, mean.to_numpy(), way.line, marker="o", color=way.colour, label=way.name)
    depths = sorted(runs["depth"].unique())
    for axis in (left, right):
        axis.set_xscale("log", base=2)
        axis.set_xticks(depths, [str(depth) for depth in depths])
        axis.set_xlabel("layers of weights")
    left.set_ylabel("test error (%)")
    right.set(ylabel="angle of the lowest layer's update (°)", ylim=(0, 90))
    right.legend(*left.get_legend_handles_labels(), frameon=False, fontsize=7, loc="upper right")
    return drawn


def draw_course(curves: pd.DataFrame, layers: pd.DataFrame) -> Figure:
    """Return the figure: errors over the epochs, and what the layers are like after the last one."""
    drawn, axes = figure(2, 2, width=7.0, height=5.2)
    for axis, column, label in (
        (axes[0, 0], "train_error_percent", "training error (%)"),
        (axes[0, 1], "validation_error_percent", "validation error (%)"),
    ):
        for name, way in WAYS.items():
            mean = curves[curves["rule"] == name].groupby("epoch")[column].mean()
            if mean.size:
                axis.plot(mean.index, mean.to_numpy(), way.line, color=way.colour, label=way.name)
        axis.set(xlabel="epoch", ylabel=label, ylim=(0, 75))
    for axis, column in ((axes[1, 0], "update_angle_deg"), (axes[1, 1], "weight_feedback_distance")):
        panel(axis, layers, column)
    axes[0, 0].legend(frameon=False, fontsize=7)
    return drawn


def main() -> None:
    """Write the figures and print the tables."""
    for study in ("starts", "cifar10-quick", "cifar10-residual", "cifar10-retina"):
        print(seeds_table(*(pd.read_csv(RESULTS / f"{study}{suffix}.csv") for suffix in ("", "_layers"))))
    course = (pd.read_csv(RESULTS / f"cifar10-quick{suffix}.csv") for suffix in ("_curves", "_layers"))
    picture = PICTURES / "depth_cifar10.png"
    draw_course(*course).savefig(picture, dpi=130, metadata={"Software": None})
    print(f"written: {picture}")
    for study, drawing, text in (
        ("constraints", draw, table),
        ("depth-short", draw_depth, depth_table),
    ):
        runs, layers = (pd.read_csv(RESULTS / f"{study}{suffix}.csv") for suffix in ("", "_layers"))
        picture = PICTURES / f"depth_{study.removeprefix('depth-')}.png"
        drawing(runs, layers).savefig(picture, dpi=130, metadata={"Software": None})
        print(text(runs, layers))
        print(f"written: {picture}")


if __name__ == "__main__":
    main()
