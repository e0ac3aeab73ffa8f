"""Errors of the stored spiking digits as curves: against size, depth, reading time and events.

    python benchmarks/digits_curves.py

runs nothing. It reads the answers in benchmarks/results/digits-spiking and its folders (``burstprop reproduce
digits-spiking --controls`` and ``--variant NAME``) and reading_digits.csv (digits_reading.py), and writes
there curves.csv (one row for each run, realization and reading time) and curves.png:

A   test error against reading time, 100 hidden neurons;
B   test error after the last reading against all hidden neurons, learned and frozen, one to three layers;
C   error of a perfect linear readout against the events that a neuron had: rate times reading time;
D   what the teacher tells each of two and three hidden layers, numbered from the input on: correlation of a
    neuron's surplus of bursts in one example with what its feedback should say;
E   test error after two reading times against the event rate of the hidden neurons, whose upper bound
    (``e_max_hz``) differs.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from digits_reading import SKIP_MS
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from burstprop.circuits.digits.check import errors
from burstprop.circuits.digits.experiment import VARIANTS
from burstprop.circuits.digits.figure import NAMES
from burstprop.report import plotting
from burstprop.system.files import write_text, writing

RESULTS = Path(__file__).parent / "results" / "digits-spiking"
BOUNDED = ("rates_up_to_4", "rates_up_to_8", "learned", "rates_up_to_30")
"""Variants that differ in the bound of the hidden rates alone, from the lowest on."""


def stored_errors(results: Path) -> pd.DataFrame:
    """Return the errors of all stored runs on digits.

    Returns
    -------
    DataFrame
        ``variant, layers, hidden`` (neurons of all hidden layers), ``frozen, realization, reading_ms,
        error_percent, hidden_hz`` (events of a neuron of the first hidden layer while test images are shown;
        missing for the frozen control, whose rates are not stored).
    """
    folders = {
        folder.name: folder
        for folder in sorted(results.iterdir())
        if folder.name in VARIANTS and VARIANTS[folder.name].dataset == "digits"
    }
    found = [pd.read_csv(results / "controls_errors.csv")]
    found += [
        errors(pd.read_csv(folder / "answers.csv")).assign(variant=name) for name, folder in folders.items()
    ]
    rates = [
        _rates(pd.read_csv(folder / "response.csv")).assign(variant=name)
        for name, folder in {"learned": results, **folders}.items()
    ]
    table = pd.concat(found, ignore_index=True).merge(
        pd.concat(rates), how="left", on=["variant", "realization"]
    )
    of = table["variant"].map(VARIANTS)
    table["layers"] = of.map(lambda params: params.layers)
    table["hidden"] = of.map(lambda params: params.layers * params.hidden)
    table["frozen"] = of.map(lambda params: params.eta_hidden == 0.0)
    columns = ["variant", "layers", "hidden", "frozen", "realization", "reading_ms", "error_percent"]
    return table[[*columns, "hidden_hz"]].round(3)


def _rates(response: pd.DataFrame) -> pd.DataFrame:
    return response.groupby("realization").agg(hidden_hz=("event_rate_hz", "mean")).reset_index()


def draw(table: pd.DataFrame, readings: pd.DataFrame, layers: dict[str, pd.DataFrame]) -> Figure:
    """Return the figure; ``readings`` is reading_digits.csv, ``layers`` the stored layers.csv by variant."""
    with mpl.rc_context(plotting.STYLE):
        page = Figure(figsize=(9.6, 10.0), layout="constrained")
        axes = [page.add_subplot(3, 2, k) for k in range(1, 6)]
        _by_time(table, axes[0])
        _by_neurons(table, axes[1])
        _by_events(readings, axes[2])
        _by_layer(layers, axes[3])
        _by_rate(table, axes[4])
        plotting.panel_letters(axes)
    return page


def _by_time(table: pd.DataFrame, axes: Axes) -> None:
    bounds = set(BOUNDED) - {"learned"}
    own = table[(table["hidden"] == 100) & (table["layers"] == 1) & ~table["variant"].isin(bounds)]
    last = own[own["reading_ms"] == own["reading_ms"].max()].groupby("variant")["error_percent"].mean()
    for k, variant in enumerate(last.sort_values().index):
        means = own[own["variant"] == variant].groupby("reading_ms")["error_percent"].mean()
        axes.plot(
            means.index / 1000.0,
            means,
            ".-" if k < len(plotting.CYCLE) else ".--",
            color=plotting.CYCLE[k % len(plotting.CYCLE)],
            label=NAMES[variant],
        )
    axes.set(xlabel="reading time (s)", ylabel="test error (%)", ylim=(0.0, 2.0 * last.max()))
    axes.legend(frameon=False, fontsize=7, ncols=2, loc="upper left")
    plotting.title(axes, "100 hidden neurons")


def _by_neurons(table: pd.DataFrame, axes: Axes) -> None:
    last = table[table["reading_ms"] == table["reading_ms"].max()]
    plain = last[last["variant"].isin(["learned", "hidden_50", "hidden_200"])]
    frozen = last[last["variant"].isin(["frozen_hidden", "hidden_50_frozen", "hidden_200_frozen"])]
    for own, shade, words in ((plain, plotting.BLUE, "learned"), (frozen, plotting.GREY, "frozen")):
        means = own.groupby("hidden")["error_percent"].mean()
        axes.plot(means.index, means, "-", color=shade, label=f"{words}, one layer")
        axes.scatter(own["hidden"], own["error_percent"], s=12, color=shade)
    for variant, marker in (("two_layers", "^"), ("two_layers_layered", "v"), ("three_layers", "D")):
        own = last[last["variant"] == variant]
        if len(own):
            axes.scatter(
                own["hidden"] * 1.06,
                own["error_percent"],
                s=18,
                marker=marker,
                color=plotting.VERMILION,
                label=NAMES[variant],
            )
    axes.set(xscale="log", xlabel="hidden neurons in all", ylabel="test error after 1.2 s (%)")
    axes.set_ylim(bottom=0.0)
    axes.set_xticks([50, 100, 200], ["50", "100", "200"])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=7)
    plotting.title(axes, "size and depth")


def _by_events(readings: pd.DataFrame, axes: Axes) -> None:
    events = readings["event_rate_hz"] * (readings["reading_ms"] - SKIP_MS) / 1000.0
    keys = ["per_pixel", "image_high_pa", "population"]
    codes = readings.assign(events=events).groupby(keys)
    for k, ((neurons, current_pa, population), own) in enumerate(codes):
        means = own.groupby("reading_ms")[["events", "error_percent"]].mean()
        words = f"{population}, {neurons} a pixel, {current_pa:g} pA"
        style = "o-" if population == "input" else "s--"
        shade = plotting.CYCLE[k // 2]
        axes.plot(means["events"], means["error_percent"], style, color=shade, markersize=3.5, label=words)
    grey = readings["error_of_grey_percent"].mean()
    axes.axhline(grey, color=plotting.GREY, linestyle=":", linewidth=1.0, label="grey values")
    axes.set(xscale="log", xlabel="events of a neuron (rate times time)", ylabel="validation error (%)")
    axes.set_ylim(bottom=0.0)
    axes.set_xticks([1, 3, 10], ["1", "3", "10"])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=7)
    plotting.title(axes, "perfect linear readout, untrained")


def _by_layer(layers: dict[str, pd.DataFrame], axes: Axes) -> None:
    shades = (plotting.BLUE, plotting.VERMILION, plotting.GREEN)
    for (variant, frame), shade in zip(layers.items(), shades, strict=False):
        by_layer = frame.groupby(["layer", "examples"])["signal_correlation"].mean()
        for layer, style in zip(sorted(frame["layer"].unique()), ("-", "--", ":"), strict=False):
            means = by_layer[layer]
            axes.plot(means.index, means, style, color=shade, label=f"{NAMES[variant]}: layer {layer}")
    axes.set(xlabel="examples", ylabel="correlation of bursts and wanted signal", ylim=(0.0, 0.6))
    axes.legend(frameon=False, fontsize=7)
    plotting.title(axes, "the teacher's signal, layer by layer")


def _by_rate(table: pd.DataFrame, axes: Axes) -> None:
    last = table["reading_ms"].max()
    for reading_ms, shade in ((0.5 * last, plotting.VERMILION), (last, plotting.BLUE)):
        own = table[(table["reading_ms"] == reading_ms) & table["variant"].isin(BOUNDED)]
        means = own.groupby("variant")[["hidden_hz", "error_percent"]].mean().sort_values("hidden_hz")
        words = f"after {reading_ms / 1000.0:g} s"
        axes.plot(means["hidden_hz"], means["error_percent"], "-", color=shade, label=words)
        axes.scatter(own["hidden_hz"], own["error_percent"], s=12, color=shade)
    axes.set(
        xlabel="event rate of a hidden neuron (Hz)", ylabel="test error (%)", yscale="log", ylim=(5, 100)
    )
    axes.set_yticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=7)
    plotting.title(axes, "rates bounded at 4, 8, 15 and 30 Hz")


def main() -> None:
    """Read the stored runs and write the table and the figure."""
    table = stored_errors(RESULTS)
    write_text(RESULTS / "curves.csv", table.to_csv(index=False))
    layers = {
        name: pd.read_csv(RESULTS / name / "layers.csv")
        for name in ("two_layers", "two_layers_layered", "three_layers")
        if (RESULTS / name).is_dir()
    }
    readings = pd.read_csv(RESULTS / "reading_digits.csv")
    with writing(RESULTS / "curves.png") as temporary:
        draw(table, readings, layers).savefig(temporary, dpi=130)
    means = table.groupby(["variant", "reading_ms"])["error_percent"].mean().unstack()
    print(means.round(1).to_string())


if __name__ == "__main__":
    main()
