"""The figure of a run: its panels and lines are what the log holds, and `burstprop train` leaves it behind."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pandas as pd
import pytest
import torch

from burstprop.cli import main
from burstprop.errors import BurstpropError
from burstprop.reduced import layers_figure
from burstprop.reduced.train.journal import read_log

LAYERS = ["layer0", "layer1", "output"]
PLAIN = [
    "learning curve",
    "forward and feedback weights",
    "update and backprop's",
    "event rate",
    "dead units",
]
BURSTS = ["burst probability", "saturated dendrites", "linearity of the feedback"]


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Return the logs (layers, epochs) of short runs of three rules, made by the command."""
    found = {}
    for rule in ("burstprop", "backprop", "node_perturbation"):
        out = str(tmp_path_factory.mktemp(rule) / "run")
        assert main(["train", "--rule", rule, "--epochs", "3", "--out", out, "--quiet", "--json"]) == 0
        found[rule] = read_log(out, "layer"), read_log(out)
    return found


def side_by_side(logs):
    return (pd.concat([logs[rule][k].assign(rule=rule) for rule in logs]) for k in (0, 1))


def panels(fig):
    return {axes.get_title("left"): axes for axes in fig.axes if axes.lines}


def lines(axes):
    """The lines of a panel by name; the level of right angles has none."""
    return {
        line.get_label(): line.get_xydata() for line in axes.lines if not line.get_label().startswith("_")
    }


def legend(fig):
    return [text.get_text() for text in fig.legends[0].get_texts()]


def test_a_panel_for_each_quantity_and_a_line_for_each_layer(logs):
    layers, epochs = logs["burstprop"]
    fig = layers_figure(layers, epochs)
    drawn = panels(fig)
    assert list(drawn) == [*PLAIN[:4], *BURSTS, "dead units"]
    assert legend(fig) == LAYERS
    np.testing.assert_allclose(
        lines(drawn["learning curve"])["validation"], epochs[["epoch", "validation_error_percent"]]
    )
    for title, column, factor, names in (
        ("forward and feedback weights", "weight_feedback_angle_deg", 1, LAYERS[1:]),
        ("update and backprop's", "update_angle_deg", 1, LAYERS),
        ("event rate", "mean_rate", 1, LAYERS),
        ("burst probability", "burst_prob", 100, LAYERS[:2]),
        ("saturated dendrites", "saturated_fraction", 100, LAYERS[:2]),
        ("linearity of the feedback", "linearity", 1, LAYERS[:2]),
        ("dead units", "dead_fraction", 100, LAYERS),
    ):
        its = lines(drawn[title])
        assert list(its) == names
        for name in names:
            own = layers[layers["layer"] == name]
            np.testing.assert_allclose(its[name], np.c_[own["epoch"], factor * own[column]])
            low, high = drawn[title].get_ylim()
            assert (its[name][:, 1] >= low).all()
            assert (its[name][:, 1] <= high).all()
    for axes in drawn.values():
        assert axes.get_ylabel()
    assert {axes.get_ylabel() for axes in list(drawn.values())[1:3]} == {"angle (°)"}
    assert drawn["dead units"].get_ylabel() == "of units (%)"
    assert [axes.get_xlabel() for axes in drawn.values()] == [""] * 4 + ["epoch"] * 4


def test_what_a_rule_does_not_have_is_left_out(logs):
    assert list(panels(layers_figure(*logs["backprop"]))) == PLAIN
    assert list(panels(layers_figure(logs["backprop"][0]))) == PLAIN[1:]
    without = [title for title in PLAIN if title != "forward and feedback weights"]
    assert list(panels(layers_figure(*logs["node_perturbation"]))) == without
    alone = panels(layers_figure(pd.DataFrame(), logs["backprop"][1]))  # --no-layers
    assert list(alone) == ["learning curve"]
    assert alone["learning curve"].get_yscale() == "log"
    layers, epochs = side_by_side(logs)
    layers_figure(layers, epochs[epochs["rule"] == epochs["rule"].iloc[0]], by="rule")
    training_alone = logs["backprop"][1].assign(validation_error_percent=np.nan)
    (curve,) = panels(layers_figure(pd.DataFrame(), training_alone)).values()
    assert [line.get_linestyle() for line in curve.lines] == ["--"]


def test_runs_side_by_side_share_their_scale(logs, tmp_path):
    layers, epochs = side_by_side(logs)
    fig = layers_figure(layers, epochs, by="rule")
    grid = np.array(fig.axes).reshape(8, 3)
    assert [axes.get_title("left") for axes in grid[0]] == list(logs)
    assert grid[2, 0].get_ylabel() == "update and backprop's\nangle (°)"
    assert [len(axes.lines) > 0 for axes in grid[4]] == [True, False, False]  # burst probability
    assert [len(axes.lines) > 0 for axes in grid[1]] == [True, True, False]  # of weights and feedback
    for row in grid:
        assert len({axes.get_ylim() for axes in row}) == 1
    for column, (rule, (own, _)) in enumerate(logs.items()):
        its = lines(grid[2, column])["layer0"]
        np.testing.assert_allclose(
            its, own.loc[own["layer"] == "layer0", ["epoch", "update_angle_deg"]], err_msg=rule
        )
    fig.savefig(tmp_path / "all.png")
    one = layers_figure(layers, by="rule", panels=["weight_feedback_angle_deg"])
    assert legend(one) == LAYERS[1:]
    one = layers_figure(layers, by="rule", panels=["update_angle_deg"])
    assert legend(one) == LAYERS
    assert len(one.axes) == 3
    assert [axes.get_xlabel() for axes in one.axes] == ["epoch"] * 3


def test_several_seeds_are_a_mean_and_a_band(logs):
    layers, epochs = logs["burstprop"]
    other = layers.assign(update_angle_deg=layers["update_angle_deg"] + 10)
    both = pd.concat([layers.assign(realization=1), other.assign(realization=2)])
    axes = panels(layers_figure(both))["update and backprop's"]
    own = layers[layers["layer"] == "layer0"]
    np.testing.assert_allclose(lines(axes)["layer0"][:, 1], own["update_angle_deg"] + 5)
    assert len(axes.collections) == 3
    with pytest.raises(
        BurstpropError, match="several rows for layer layer0, epoch 1: separate the runs by a column"
    ):
        layers_figure(pd.concat([layers, other]))
    with pytest.raises(BurstpropError, match="several rows for epoch 1"):
        layers_figure(layers, pd.concat([epochs, epochs]))


def test_wrong_names_and_nothing_to_draw_are_named(logs):
    layers, epochs = logs["backprop"]
    with pytest.raises(BurstpropError, match="no panel 'update_angle': did you mean 'update_angle_deg'"):
        layers_figure(layers, panels=["update_angle"])
    with pytest.raises(BurstpropError, match="no column 'epoch' in a frame"):
        layers_figure(layers.drop(columns="epoch"))  # as `diagnose` returns it
    with pytest.raises(BurstpropError, match="no column 'rules'"):
        layers_figure(layers, by="rules")
    with pytest.raises(BurstpropError, match="nothing to draw for burst_prob"):
        layers_figure(layers, epochs, panels=["burst_prob"])
    with pytest.raises(BurstpropError, match="nothing to draw: give read_log"):
        layers_figure(pd.DataFrame())


def test_one_epoch_is_seen_and_an_error_of_zero_too(logs):
    layers, epochs = logs["backprop"]
    drawn = panels(layers_figure(layers[layers["epoch"] == 1], epochs.assign(train_error_percent=0.0)))
    assert drawn["learning curve"].get_yscale() == "linear"
    assert all(line.get_marker() == "o" for line in drawn["event rate"].lines)


def test_train_leaves_its_figure(tmp_path, capsys, caplog):
    words = ["train", "--rule", "backprop", "--epochs", "1", "--quiet", "--threads", "1"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "training.png").read_bytes().startswith(b"\x89PNG")
    files = "checkpoint.pt, log.jsonl, result.json, run.json, training.png"
    assert f"written to        {tmp_path / 'run'}: {files}" in capsys.readouterr().out
    assert main([*words, "--no-layers", "--out", str(tmp_path / "bare")]) == 0
    assert (tmp_path / "bare" / "training.png").exists()
    assert not caplog.records


def test_train_does_not_fail_for_want_of_a_figure(tmp_path, capsys, caplog, monkeypatch):
    words = ["train", "--rule", "backprop", "--epochs", "1", "--quiet", "--threads", "1", "--json"]
    find = importlib.util.find_spec
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name))
        assert main([*words, "--out", str(tmp_path / "run")]) == 0
    assert json.loads(capsys.readouterr().out)["epochs"] == 1
    assert not (tmp_path / "run" / "training.png").exists()
    says = 'no training.png: a figure needs matplotlib, which is not installed: pip install "burstprop[plot]"'
    assert says in caplog.text

    def broken(*args):
        raise ImportError("numpy.core.multiarray failed to import")

    monkeypatch.setattr("burstprop.reduced.layers_figure", broken)
    assert main([*words, "--resume", "--out", str(tmp_path / "run")]) == 0
    assert json.loads(capsys.readouterr().out)["epochs"] == 1
    assert "it could not be drawn (ImportError: numpy.core.multiarray failed to import)" in caplog.text
