"""The tables of docs/explanation/bridge.md are those of the stored run (benchmarks/results/bridge)."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from burstprop.circuits.bridge.derivatives import agreement
from burstprop.circuits.bridge.xor import SPIKING, SPIKING_CURVE, half_chance, near

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "bridge.md").read_text(encoding="utf-8")
GROUPS = ("mean", "feedforward amplitude", "feedforward amplitude of SOM", "feedback amplitude", "cross-talk")


@functools.cache
def stored(name):
    return pd.read_csv(ROOT / "benchmarks" / "results" / "bridge" / f"{name}.csv", dtype={"pattern": str})


def percent(value):
    return f"{100 * value:.1f} %"


def epochs_to_half(curve):
    found = half_chance(curve)
    return "never" if np.isnan(found) else f"{found:.0f}"


def propagation():
    numbers = stored("numbers").set_index("what")["value"]
    for name in stored("propagation")["configuration"].unique():
        cells = [percent(numbers[f"{group} largest, {name}"]) for group in GROUPS]
        yield [name, *cells, f"{numbers[f'phase largest, {name}']:.1f}"]


def ablations():
    columns = ("mean rms", "feedforward amplitude rms", "feedback amplitude rms")
    for _, row in stored("ablations").iterrows():
        yield [row["ingredient"], *(percent(row[c]) for c in columns), f"{row['phase rms']:.1f}"]


def learning():
    xor = stored("xor")
    units = xor[(xor["level"] == "units") & (xor["variant"] == "published")]
    epochs = [epoch for epoch, _ in SPIKING_CURVE if epoch > 1]
    yield ["cost around epoch", *(str(epoch) for epoch in epochs)]
    yield ["spiking, mean of 5", *(f"{cost:.2f}" for epoch, cost in SPIKING_CURVE if epoch > 1)]
    yield ["one rate unit per neuron", *(f"{near(units, epoch):.2f}" for epoch in epochs)]


def variants():
    xor = stored("xor")
    for name, (cost, half) in SPIKING.items():
        own = xor[(xor["level"] == "units") & (xor["variant"] == name)]
        last = own[own["epoch"] > own["epoch"].max() - 20].groupby("epoch")["cost"].sum().mean()
        spiking = "never" if np.isnan(half) else f"{half:.0f}"
        yield [f"`{name}`", f"{last:.2f}", f"{cost:.2f}", epochs_to_half(own), spiking]


def alignment():
    table = stored("alignment").set_index(["variant", "epoch", "layer", "against"])
    for variant, epoch in dict.fromkeys((key[0], key[1]) for key in table.index):
        for layer in ("hidden1", "hidden2", "output"):
            rows = [table.loc[(variant, epoch, layer, what)] for what in ("minus_gradient", "rate", "trial")]
            yield [
                f"`{variant}`",
                str(epoch),
                layer,
                f"{rows[0]['cosine']:.2f}",
                f"{rows[1]['cosine']:.3f}",
                f"{rows[1]['size']:.2f}",
                f"{rows[2]['size']:.2f}",
            ]


def gradient():
    for row in agreement(stored("derivatives")).itertuples():
        yield [str(row.epoch), row.layer, f"{row.cosine:.3f}", f"{row.size:.2f}"]


def constants():
    for row in stored("constants").itertuples():
        if row.epoch == 0:
            yield [
                f"`{row.variant}`",
                row.population,
                f"{row.event_rate_hz:.1f}",
                f"{row.baseline:.2f}",
                f"{row.slope_per_hz:+.3f}",
                f"{row.gain:.2f}",
            ]


def continuous():
    for row in stored("continuous").itertuples():
        if row.images in (1000, 5000, 10000, 20000):
            yield [f"{row.images:,}", f"{row.test_error_percent:.1f} %", f"{row.mean_event_rate:.2f}"]


TABLES = (propagation, ablations, learning, variants, alignment, gradient, constants, continuous)


def line(cells):
    return "| " + " | ".join(cells) + " |"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_the_page_quotes_the_stored_run(table):
    rows = list(table())
    assert rows
    for row in rows:
        assert line(row) in PAGE
