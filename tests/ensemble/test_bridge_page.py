"""The tables of docs/explanation/bridge.md are those of stored runs (benchmarks/results/bridge, xor_rates)."""

import functools
from pathlib import Path

import pandas as pd
import pytest

from burstprop.circuits.bridge.derivatives import agreement
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


def solved(folder):
    """Return cost of the last 20 epochs and epoch of half chance (none: some realization never) of each variant."""
    both = pd.concat([stored(f"{name}_solved", folder) for name in ("controls", "extended")])
    both = both.drop_duplicates(["variant", "realization"])
    return both.groupby("variant", sort=False)[["last_cost", "half_chance_epoch"]].mean(skipna=False)


def controls():
    spikes, rates = solved("xor"), solved("xor_rates")
    assert set(rates.index) == set(spikes.index)
    for name, own in spikes.iterrows():
        cells = [f"{table['last_cost']:.2f}" for table in (own, rates.loc[name])]
        epochs = [table["half_chance_epoch"] for table in (own, rates.loc[name])]
        yield [name.replace("_", " "), *cells, *("never" if pd.isna(e) else f"{e:.0f}" for e in epochs)]


def continuous():
    slower = stored("continuous_slower_10").set_index("images")["test_error_percent"]
    for row in stored("continuous").itertuples():
        later = f"{slower[row.images]:.1f} %" if row.images in slower.index else "–"
        yield [f"{row.images:,}", f"{row.test_error_percent:.1f} %", f"{row.mean_event_rate:.2f}", later]


LAYERS = ("hidden1", "hidden2", "output")
DESIGNS = {"published": "published", "fed_alike": "fed alike"}


def stages():
    """Yield name, epoch and the table of cosines and sizes of each design and epoch, by layer and reference."""
    table = stored("alignment")
    for variant, name in DESIGNS.items():
        own = table[table["variant"] == variant]
        for epoch, part in own.groupby("epoch"):
            yield name, epoch, part.set_index(["layer", "against"])[["cosine", "size"]]


def alignment():
    for name, epoch, found in stages():
        gradient = [f"{found.loc[(layer, 'minus_gradient'), 'cosine']:.2f}" for layer in LAYERS]
        units = [
            ", ".join(f"{found.loc[(layer, 'rate'), c]:.2f}" for layer in LAYERS) for c in ("cosine", "size")
        ]
        noise = ", ".join(f"{found.loc[(layer, 'trial'), 'size']:.2f}" for layer in LAYERS)
        yield [f"{name}, {epoch}", *gradient, *units, noise]


def rules():
    for name, epoch, found in stages():
        own = found["cosine"].loc["all"]
        columns = ("minus_gradient", "two_phase", "reduced", "rate", "reduced against minus_gradient")
        yield [f"{name}, {epoch}", *(f"{own[c]:.2f}" for c in columns)]


def by_differences():
    table = stored("derivatives")
    following = agreement(table, "rate_following")
    for row, other in zip(agreement(table).itertuples(), following.itertuples(), strict=True):
        yield [row.layer, f"{row.cosine:.3f}", f"{row.size:.2f}", f"{other.size:.2f}"]


def constants():
    for row in stored("constants").itertuples():
        numbers = row.event_rate_hz, row.baseline, row.slope_per_hz, row.gain
        digits = f"{numbers[0]:.1f}", f"{numbers[1]:.2f}", f"{numbers[2]:+.3f}", f"{numbers[3]:.1f}"
        yield [f"{DESIGNS[row.variant]}, {row.epoch}", row.population, *digits]


TABLES = (propagation, ablations, learning, controls, continuous, alignment, rules, by_differences, constants)


def line(cells):
    return "| " + " | ".join(cells) + " |"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_the_page_quotes_the_stored_run(table):
    rows = list(table())
    assert rows
    for row in rows:
        assert line(row) in PAGE
