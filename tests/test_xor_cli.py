"""The XOR circuit on the command line: with its controls beside it, and in a sweep that can be stopped."""

from __future__ import annotations

import argparse
import base64
import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from burstprop.circuits.xor import experiment as xor
from burstprop.circuits.xor import protocol
from burstprop.cli import main
from burstprop.cli.reproduce import require_set
from burstprop.errors import BurstpropError
from burstprop.experiments import catalogue
from burstprop.runs import checkpoints

TINY = {
    "n": 40,
    "in_degree": 20.0,
    "tau_avg_ms": 100.0,
    "example_ms": 200.0,
    "teaching_share": 0.5,
    "epochs": 6,
}
"""Too small to learn: what is looked at is where its numbers go."""
SETTINGS = [f"{name}={value}" for name, value in TINY.items()]
FRAMES = {"xor", "examples", "rates", "tests", "outputs", "weights", "protocol"}


@pytest.fixture
def learned(monkeypatch):
    """Return a list that fills with the epochs that are run."""
    epochs = []
    learn = protocol.Realization._learn

    def noted(self, epoch):
        epochs.append(epoch)
        learn(self, epoch)

    monkeypatch.setattr(protocol.Realization, "_learn", noted)
    return epochs


def test_controls_are_saved_drawn_and_in_the_report(capsys, tmp_path, monkeypatch):
    def tiny(params):
        return replace(params, **TINY)

    monkeypatch.setattr(xor, "quick_version", tiny)
    monkeypatch.setattr(xor, "EXPERIMENT", replace(xor.EXPERIMENT, quick=tiny))
    words = ["reproduce", "xor", "--quick", "--controls", "--jobs", "1", "--quiet", "--out", str(tmp_path)]
    assert main(words) == 1, "so small a circuit cannot pass"
    printed = capsys.readouterr().out
    names = ["published", *xor.CONTROLS]
    assert re.findall(rf"^ *({'|'.join(names)}) ", printed, re.MULTILINE) == names
    files = {path.name for path in tmp_path.iterdir()}
    tables = {f"{name}.csv" for name in FRAMES | {"controls", "controls_rates", "controls_solved"}}
    assert tables | {"xor.png", "controls.png", "run.json", "report.html"} <= files
    curves = pd.read_csv(tmp_path / "controls.csv")
    assert curves["variant"].tolist() == [name for name in names for _ in range(TINY["epochs"])]
    rates = curves.groupby("variant")[["event_rate_00_hz", "event_rate_11_hz"]]
    assert len({tuple(own.to_numpy().ravel()) for _, own in rates}) == len(names), "no two are the same run"
    alone = pd.read_csv(tmp_path / "xor.csv")
    published = curves[curves["variant"] == "published"].drop(columns="variant")
    pd.testing.assert_frame_equal(published, alone, check_exact=True)
    assert pd.read_csv(tmp_path / "controls_solved.csv")["variant"].tolist() == names
    page = (tmp_path / "report.html").read_text()
    table = page.partition("<h2>Controls</h2>")[2].partition("</table>")[0]
    assert [name for name in re.findall(r"<td[^>]*>(\w+)</td>", table) if name in names] == names
    for picture in ("xor.png", "controls.png"):
        assert base64.b64encode((tmp_path / picture).read_bytes()).decode() in page
    assert (tmp_path / "controls.png").read_bytes() != (tmp_path / "xor.png").read_bytes()
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["run_again"] == "burstprop reproduce xor --seed 1 --controls --quick"


def sweep(out, *more):
    words = ["sweep", "xor", "--variant", "published,no_teaching", "--set", *SETTINGS, "--jobs", "1"]
    return main([*words, "--quiet", "--out", str(out), *more])


def csv_bytes(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.csv")}


def test_sweep_runs_every_variant_and_seed_once(capsys, tmp_path, learned):
    assert sweep(tmp_path, "--seeds", "1,2") == 0
    assert re.search(
        r"^cost of the last 10 epochs, .* holds in \d of 4 runs$", capsys.readouterr().out, re.MULTILINE
    )
    assert learned == 4 * [1, 2, 3, 4, 5, 6]
    folders = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(folders) == 4
    assert {path.name for path in tmp_path.glob("*.csv")} == {f"{name}.csv" for name in FRAMES | {"results"}}
    curves = pd.read_csv(tmp_path / "xor.csv")
    columns = ["variant", *TINY, "seed", "realization", "epoch", "cost"]
    assert list(curves)[: len(columns)] == columns
    runs = curves.groupby(["variant", "seed"], sort=False)
    assert list(runs.groups) == [(v, seed) for v in ("published", "no_teaching") for seed in (1, 2)]
    assert runs["epoch"].apply(list).tolist() == 4 * [[1, 2, 3, 4, 5, 6]]
    assert len({tuple(rates) for _, rates in runs["event_rate_00_hz"]}) == 4, "no two are the same run"
    before = csv_bytes(tmp_path)
    learned.clear()
    assert sweep(tmp_path, "--seeds", "1,2") == 0
    assert learned == []
    assert csv_bytes(tmp_path) == before
    assert sweep(tmp_path, "--seeds", "1,2,3") == 0
    assert learned == 2 * [1, 2, 3, 4, 5, 6]


def test_an_interrupted_sweep_goes_on_inside_a_run_to_the_same_bits(capsys, tmp_path, learned, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert sweep(whole) == 0
    learned.clear()
    keep = protocol.Realization.keep

    monkeypatch.setattr(checkpoints, "EVERY_S", 0.0)

    def keep_and_stop(self, kept):
        keep(self, kept)
        if self.params.teaching_pa == 0 and self.done == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(protocol.Realization, "keep", keep_and_stop)
        capsys.readouterr()
        assert sweep(stopped) == 130
    assert "1 of 2 runs are finished" in capsys.readouterr().err
    assert not (stopped / "results.csv").exists()
    (checkpoint,) = stopped.rglob("checkpoint.json")
    assert "variant=no_teaching" in str(checkpoint)
    assert learned == [1, 2, 3, 4, 5, 6, 1, 2, 3, 4]
    learned.clear()
    assert sweep(stopped) == 0
    assert learned == [5, 6]
    assert list(stopped.rglob("checkpoint.json")) == []
    assert csv_bytes(stopped) == csv_bytes(whole)


def test_controls_go_with_a_level_and_with_no_other_setting():
    entry = catalogue.find("xor")
    asked = argparse.Namespace(variant=None, settings=["level=ensemble"])
    require_set("controls", asked, entry, xor.EXPERIMENT)
    asked.settings.append("n=64")
    with pytest.raises(BurstpropError, match="leave out --variant and --set"):
        require_set("controls", asked, entry, xor.EXPERIMENT)
