"""The comparison of rules: runs kept, skipped and resumed; tables, claims and figure."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import os
import re
from pathlib import Path

import pandas as pd
import pytest

from burstprop.cli import main
from burstprop.errors import BurstpropError
from burstprop.machine import cores
from burstprop.reduced import comparison
from burstprop.reduced.comparison import Params, check, figure, plan_jobs, summarise
from burstprop.reduced.training import Stopped

RULE = "from burstprop.reduced import Rule\n\n\nclass Mine(Rule): ...\n"


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Return frames of two rules, two seeds and three epochs, and their folder."""
    out = tmp_path_factory.mktemp("comparison")
    params = Params(datasets="digits", rules="backprop,burstprop", epochs=3)
    return comparison.run(params, seed=5, realizations=2, jobs=1, progress=False, out=out), out, params


def test_frames(compared):
    frames, out, _ = compared
    results = frames["results"]
    assert results[["rule", "seed"]].values.tolist() == [
        ["backprop", 5], ["burstprop", 5], ["backprop", 6], ["burstprop", 6],
    ]  # fmt: skip
    assert len(frames["curves"]) == 4 * 3
    table = frames["table"].set_index("rule")
    values = results.loc[results["rule"] == "burstprop", "test_error_percent"]
    assert table.loc["burstprop", "test_error_percent"] == pytest.approx(values.mean())
    assert table.loc["burstprop", "sd"] == pytest.approx(values.std(ddof=1))
    assert table.loc["burstprop", "seeds"] == 2
    assert (out / "runs" / "digits" / "burstprop-seed6" / "result.json").is_file()


def test_finished_runs_are_not_run_again(compared, monkeypatch):
    frames, out, params = compared
    monkeypatch.setattr("burstprop.reduced.training.train", lambda *a, **k: pytest.fail("trained again"))
    again = comparison.run(params, seed=5, realizations=2, jobs=1, progress=False, out=out)
    pd.testing.assert_frame_equal(again["table"], frames["table"])
    pd.testing.assert_frame_equal(again["curves"], frames["curves"])


def test_side_by_side_gives_the_same(compared):
    frames, _, params = compared
    other = comparison.run(params, seed=5, realizations=2, jobs=2, progress=False)
    columns = ["rule", "seed", "test_error_percent", "validation_error_percent", "train_error_percent"]
    pd.testing.assert_frame_equal(other["results"][columns], frames["results"][columns])


def test_cores_are_counted_where_the_system_does_not_tell(monkeypatch):
    assert cores() >= 1
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert cores() == 6


def test_figure_draws_every_rule(compared):
    frames, _, _ = compared
    sheet = figure(frames)
    labels = [text.get_text() for text in sheet.axes[0].get_yticklabels()]
    assert sorted(labels) == ["backprop", "burstprop"]
    assert len(sheet.axes) == 2


def table(**errors: float) -> dict[str, pd.DataFrame]:
    """Return the frames of an imagined comparison on MNIST."""
    rows = [
        dict(rule=rule, test_error_percent=error, validation_error_percent=error)
        for rule, error in errors.items()
    ]
    return {"table": summarise(pd.DataFrame(rows).assign(dataset="mnist", seed=1, epochs=20, seconds=1.0))}


def test_claims_hold_and_fail():
    good = table(backprop=1.8, burstprop=1.95, burstccn=1.9, burstprop_fixed=2.5, feedback_alignment=2.45)
    claims = check(good)
    assert len(claims) == 7
    assert all(claim.passed for claim in claims)
    bad = {claim.claim: claim for claim in check(table(backprop=1.6, burstprop=1.95, burstccn=math.nan))}
    assert not bad["mnist: burstprop with learned feedback, over backpropagation"].passed  # 0.35 points
    assert bad["mnist: burstprop with learned feedback"].passed
    assert not bad["mnist: BurstCCN (Kolen-Pollack)"].passed  # diverged
    assert "mnist: burstprop with fixed feedback" not in bad  # not run, so nothing is claimed


def test_a_run_that_diverges_is_a_row(tmp_path, monkeypatch):
    from burstprop.errors import Diverged

    def diverge(*args, **more):
        raise Diverged("the loss is no number")

    monkeypatch.setattr("burstprop.reduced.training.train", diverge)
    frames = comparison.run(
        Params(datasets="digits", rules="backprop"), realizations=1, jobs=1, progress=False
    )
    assert math.isnan(frames["results"].loc[0, "test_error_percent"])
    assert frames["results"].loc[0, "trouble"] == "the loss is no number"


def test_jobs_are_planned(tmp_path, monkeypatch):
    monkeypatch.delenv("BURSTPROP_DATA", raising=False)
    quick = plan_jobs(Params(), 1, 1, None, quick=True)
    assert {(job.dataset, job.data) for job in quick} == {("digits", None)}
    assert len(quick) == len(comparison.QUICK_RULES)
    (tmp_path / "mnist").mkdir()
    (tmp_path / "tiny-imagenet-50").mkdir()
    monkeypatch.setenv("BURSTPROP_DATA", str(tmp_path))
    full = plan_jobs(Params(), 1, 3, tmp_path, quick=False)
    assert list(dict.fromkeys(job.dataset for job in full)) == ["digits", "mnist", "tiny-imagenet"]
    assert len(full) == 3 * (2 * len(comparison.DENSE_RULES) + len(comparison.CONVOLUTIONAL_RULES))
    assert len({job.folder for job in full}) == len(full)
    file = tmp_path / "my.py"
    file.write_text(RULE)
    monkeypatch.chdir(tmp_path)
    own = plan_jobs(Params(datasets="digits", rules="my.py:Mine"), 1, 1, tmp_path, quick=False)
    assert own[0].folder == str(tmp_path / "runs" / "digits" / "my.py-Mine-seed1")
    assert own[0].rule == f"{file}:Mine"
    with pytest.raises(BurstpropError, match="nothing to run"):
        plan_jobs(Params(rules=" , "), 1, 1, None, quick=True)
    with pytest.raises(BurstpropError, match="epochs"):
        dataclasses.replace(Params(), epochs=-1)


@pytest.mark.parametrize(
    ("datasets", "rules", "says"),
    [
        ("digits", "backprop,burstpropp", "did you mean 'burstprop'"),
        ("digits,mnits", "backprop", "did you mean 'mnist'"),
        ("digits", "backprop,nofile.py:Mine", "there is no file"),
        ("digits", "backprop,backprop", "hold the run 'digits/backprop-seed1' more than once"),
        ("digits,digits", "backprop", "hold the run 'digits/backprop-seed1' more than once"),
        ("digits", "my.py:Mine,./my.py:Mine", "more than once"),
        ("digits", "my.py:Mine,below/my.py:Mine", "give rules of your own different file names"),
    ],
)
def test_a_mistake_is_found_before_any_run(tmp_path, monkeypatch, datasets, rules, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    for file in ("my.py", "below/my.py"):
        (tmp_path / file).write_text(RULE)
    monkeypatch.setattr(comparison, "carry_out", lambda job: pytest.fail("trained"))
    with pytest.raises(BurstpropError, match=re.escape(says)):
        comparison.run(Params(datasets=datasets, rules=rules), realizations=1, jobs=1, progress=False)


def test_data_that_cannot_be_read_are_found_before_any_run(tmp_path, monkeypatch):
    """A folder of that name is there, but not what `open_dataset` reads."""
    monkeypatch.setattr(comparison, "carry_out", lambda job: pytest.fail("trained"))
    (tmp_path / "mnist" / "MNIST" / "raw").mkdir(parents=True)
    params = Params(rules="backprop", data=str(tmp_path))
    with pytest.raises(BurstpropError, match=r"(?s)found no .*How to do without: datasets=digits$"):
        comparison.run(params, realizations=1, jobs=1, progress=False)
    work = plan_jobs(params, 1, 1, tmp_path, quick=False)
    for job in work:
        Path(job.folder).mkdir(parents=True)
        (Path(job.folder) / "result.json").touch()
    comparison.check_data(work)  # finished runs need no data


@pytest.fixture(scope="module")
def program():
    """Return benchmarks/reduced_training.py as a module."""
    path = Path(__file__).parents[2] / "benchmarks" / "reduced_training.py"
    description = importlib.util.spec_from_file_location("reduced_training", path)
    module = importlib.util.module_from_spec(description)
    description.loader.exec_module(module)
    return module


def rules_in(folder: Path) -> list[str]:
    return pd.read_csv(folder / "digits.csv")["rule"].tolist()


def test_tables_of_a_subset_keep_the_runs_before(program, tmp_path, capsys):
    """They are made of all finished runs, and never replace tables that hold others."""
    common = ["--runs", str(tmp_path / "runs"), "--seeds", "1", "--epochs", "1"]
    assert program.main([*common, "--rules", "burstprop"]) == 0
    assert program.main([*common, "--rules", "backprop"]) == 0
    assert rules_in(tmp_path / "runs" / "tables") == ["backprop", "burstprop"]
    assert set(pd.read_csv(tmp_path / "runs" / "tables" / "digits_curves.csv")["rule"]) == {
        "backprop", "burstprop",
    }  # fmt: skip

    kept = tmp_path / "kept"
    kept.mkdir()
    stored = "rule,dataset,seed,epochs\nbackprop,digits,1,1\nsign_symmetry,digits,1,1\n"
    (kept / "digits_runs.csv").write_text(stored)
    more = ["--results", str(kept)]
    with pytest.raises(BurstpropError, match=r"would lack: sign_symmetry seed 1 \(1 epochs\); run these too"):
        program.main([*common, "--rules", "kolen_pollack", *more])
    assert not (tmp_path / "runs" / "digits" / "kolen_pollack-seed1").exists()  # before any work
    with pytest.raises(BurstpropError, match="would lack"):
        program.main([*common, "--report", *more])
    assert (kept / "digits_runs.csv").read_text() == stored
    assert program.main([*common, "--rules", "sign_symmetry", *more]) == 0
    assert rules_in(kept) == ["backprop", "burstprop", "sign_symmetry"]

    capsys.readouterr()
    other = ["--runs", str(tmp_path / "runs"), "--report", "--results", str(tmp_path / "others")]
    assert program.main(other) == 0
    captured = capsys.readouterr()
    assert "no run is finished" in captured.out
    assert "sign_symmetry-seed1 (it was run with another setting or number of epochs)" in captured.err


def test_reproduce_quick(tmp_path, capsys):
    """The command on the digits: report, figure and data are there, and its claims hold."""
    code = main(["reproduce", "reduced", "--quick", "--out", str(tmp_path), "--jobs", "1", "--quiet"])
    text = capsys.readouterr().out
    assert code == 0, text
    assert "burstprop with learned feedback, over backpropagation" in text
    for name in ("reduced.png", "table.csv", "results.csv", "curves.csv", "run.json", "report.html"):
        assert (tmp_path / name).stat().st_size > 100
    frame = pd.read_csv(tmp_path / "table.csv")
    assert set(frame["rule"]) == set(comparison.QUICK_RULES)


def test_ctrl_c_ends_with_130_and_says_where(tmp_path, monkeypatch, capsys):
    def stop(*args, **more):
        raise Stopped("stopped in epoch 2, after 7 of 40 steps")

    monkeypatch.setattr("burstprop.reduced.training.train", stop)
    assert main(["reproduce", "reduced", "--quick", "--out", str(tmp_path), "--jobs", "1", "--quiet"]) == 130
    assert "stopped in epoch 2, after 7 of 40 steps" in capsys.readouterr().err
