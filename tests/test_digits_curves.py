"""The curves of the spiking digits are those of the stored runs, and the figure shows them."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from burstprop.circuits.digits.experiment import VARIANTS
from burstprop.circuits.digits.params import Params

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
RESULTS = BENCHMARKS / "results" / "digits-spiking"


@pytest.fixture
def curves(monkeypatch):
    """The program, imported from its folder."""
    pytest.importorskip("torch", reason="its readings are made with torch")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import digits_curves

    yield digits_curves
    for name in ("digits_curves", "digits_reading"):
        sys.modules.pop(name, None)


def test_the_stored_curves_are_those_of_the_stored_answers(curves):
    stored = pd.read_csv(RESULTS / "curves.csv")
    pd.testing.assert_frame_equal(curves.stored_errors(RESULTS), stored)
    assert set(stored["variant"]) == {"learned", "frozen_hidden"} | {
        folder.name for folder in RESULTS.iterdir() if folder.is_dir() and "mnist" not in folder.name
    }
    own = stored[stored["variant"] == "two_layers"]
    assert set(own["layers"]) == {2}
    assert set(own["hidden"]) == {100}
    assert not own["frozen"].any()
    assert stored.loc[stored["variant"] == "frozen_hidden", "frozen"].all()
    assert set(stored.loc[stored["variant"] == "learned", "hidden"]) == {Params().hidden}


@pytest.mark.parametrize(
    "name", sorted(folder.name for folder in RESULTS.iterdir() if (folder / "run.json").is_file())
)
def test_a_stored_run_has_the_settings_of_its_variant(name):
    """What earlier versions did not know is as it was then: the default."""
    content = json.loads((RESULTS / name / "run.json").read_text(encoding="utf-8"))
    stored = content["asked"]["parameters"] if "asked" in content else content["parameters"]
    for field in dataclasses.fields(Params):
        there = stored.get(field.name, field.default)
        assert there == getattr(VARIANTS[name], field.name), field.name


def test_the_figure_of_curves_has_every_stored_run(curves):
    table = pd.read_csv(RESULTS / "curves.csv")
    layers = {"two_layers": pd.read_csv(RESULTS / "two_layers" / "layers.csv")}
    figure = curves.draw(table, pd.read_csv(RESULTS / "reading_digits.csv"), layers)
    by_time, by_neurons, by_events, by_layer, by_rate = figure.axes
    of_this_size = set(table.loc[table["hidden"] == 100].query("layers == 1")["variant"])
    assert len(by_time.get_lines()) == len(of_this_size) - 3
    bounded = table[table["variant"].isin(curves.BOUNDED)]
    for line, reading_ms in zip(by_rate.get_lines(), (600.0, 1200.0), strict=True):
        own = bounded[bounded["reading_ms"] == reading_ms].groupby("variant").mean(numeric_only=True)
        assert len(own) == 4
        own = own.sort_values("hidden_hz")
        assert list(line.get_xdata()) == pytest.approx(list(own["hidden_hz"]))
        assert list(line.get_ydata()) == pytest.approx(list(own["error_percent"]))
    plain = table[table["variant"].isin(["learned", "hidden_50", "hidden_200"])]
    last = plain[plain["reading_ms"] == plain["reading_ms"].max()].groupby("hidden")["error_percent"].mean()
    assert list(by_neurons.get_lines()[0].get_ydata()) == pytest.approx(list(last))
    assert len(by_events.get_lines()) == 7
    assert len(by_layer.get_lines()) == 2
