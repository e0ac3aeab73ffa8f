"""The tables of docs/explanation/bridge.md are those of stored runs (benchmarks/results/bridge, xor_rates)."""

import functools
from pathlib import Path

import pandas as pd
import pytest

from burstprop.circuits.bridge.xor import SPIKING_CURVE, near

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "bridge.md").read_text(encoding="utf-8")
GROUPS = ("mean", "feedforward amplitude", "feedforward amplitude of SOM", "feedback amplitude", "cross-talk")


@functools.cache
def stored(name, folder="bridge"):
    return pd.read_csv(ROOT / "benchmarks" / "results" / folder / f"{name}.csv")


def percent(value):
    return f"{100 * value:.1f} %"


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
    curve = stored("xor", "xor_rates")
    epochs = [epoch for epoch, _ in SPIKING_CURVE if epoch > 1]
    yield ["cost around epoch", *(str(epoch) for epoch in epochs)]
    yield ["spiking, mean of 5", *(f"{cost:.2f}" for epoch, cost in SPIKING_CURVE if epoch > 1)]
    yield ["one rate unit per neuron", *(f"{near(curve, epoch):.2f}" for epoch in epochs)]


def continuous():
    for row in stored("continuous").itertuples():
        yield [f"{row.images:,}", f"{row.test_error_percent:.1f} %", f"{row.mean_event_rate:.2f}"]


TABLES = (propagation, ablations, learning, continuous)


def line(cells):
    return "| " + " | ".join(cells) + " |"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_the_page_quotes_the_stored_run(table):
    rows = list(table())
    assert rows
    for row in rows:
        assert line(row) in PAGE
