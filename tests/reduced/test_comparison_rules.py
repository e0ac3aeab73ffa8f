"""The comparison of rules: runs kept, skipped and resumed; tables, claims and figure."""

from __future__ import annotations

import dataclasses
import math

import pandas as pd
import pytest

from burstprop.cli import main
from burstprop.errors import BurstpropError
from burstprop.reduced import comparison
from burstprop.reduced.comparison import Params, check, figure, plan_jobs, summarise
from burstprop.reduced.training import Stopped


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
    assert {job.dataset for job in quick} == {"digits"}
    assert len(quick) == len(comparison.QUICK_RULES)
    (tmp_path / "mnist").mkdir()
    (tmp_path / "tiny-imagenet-50").mkdir()
    monkeypatch.setenv("BURSTPROP_DATA", str(tmp_path))
    full = plan_jobs(Params(), 1, 3, tmp_path, quick=False)
    assert list(dict.fromkeys(job.dataset for job in full)) == ["digits", "mnist", "tiny-imagenet"]
    assert len(full) == 3 * (2 * len(comparison.DENSE_RULES) + len(comparison.CONVOLUTIONAL_RULES))
    assert len({job.folder for job in full}) == len(full)
    own = plan_jobs(Params(datasets="digits", rules="a/b/my.py:Mine"), 1, 1, tmp_path, quick=False)
    assert own[0].folder == str(tmp_path / "runs" / "digits" / "my.py-Mine-seed1")
    with pytest.raises(BurstpropError, match="nothing to run"):
        plan_jobs(Params(rules=" , "), 1, 1, None, quick=True)
    with pytest.raises(BurstpropError, match="epochs"):
        dataclasses.replace(Params(), epochs=-1)


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
