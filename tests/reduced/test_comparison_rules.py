"""The comparison of rules: runs kept, skipped and resumed; tables, claims and figure."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import math
import os
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from burstprop.circuits.rules import experiment as comparison
from burstprop.circuits.rules.experiment import Params, check, figure, plan_jobs
from burstprop.cli import main
from burstprop.errors import BurstpropError
from burstprop.reduced.train.settings import setting
from burstprop.reduced.train.training import Stopped
from burstprop.system.machine import cores

RULE = "from burstprop.reduced import Rule\n\n\nclass Mine(Rule): ...\n"


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Return frames of two rules, two seeds and three epochs, and their folder."""
    out = tmp_path_factory.mktemp("comparison")
    params = Params(datasets="digits", rules="backprop,burstprop", epochs=3)
    return (
        comparison.EXPERIMENT.frames(params, seed=5, realizations=2, jobs=1, progress=False, out=out),
        out,
        params,
    )


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
    monkeypatch.setattr(
        "burstprop.reduced.train.training.train", lambda *a, **k: pytest.fail("trained again")
    )
    again = comparison.EXPERIMENT.frames(params, seed=5, realizations=2, jobs=1, progress=False, out=out)
    pd.testing.assert_frame_equal(again["table"], frames["table"])
    pd.testing.assert_frame_equal(again["curves"], frames["curves"])


def test_side_by_side_gives_the_same(compared):
    frames, _, params = compared
    other = comparison.EXPERIMENT.frames(params, seed=5, realizations=2, jobs=2, progress=False)
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


def imagined(dataset: str = "mnist", epochs: int = 20, **errors: float | list[float]) -> dict:
    """Return the frames of an imagined comparison, from each rule's test error, or those of seeds 1, 2 ..."""
    rows = [
        dict(rule=rule, seed=seed, test_error_percent=error)
        for rule, found in errors.items()
        for seed, error in enumerate(found if isinstance(found, list) else [found], start=1)
    ]
    return {"results": pd.DataFrame(rows).assign(dataset=dataset, epochs=epochs)}


def test_claims_hold_and_fail():
    errors = dict(backprop=1.8, burstprop=1.95, burstccn=1.9, burstprop_fixed=2.5, feedback_alignment=2.45)
    good = imagined(**{rule: [error] * 3 for rule, error in errors.items()})
    claims = check(good)
    assert len(claims) == 7
    assert all(claim.passed for claim in claims)
    bad = {
        claim.claim: claim
        for claim in check(imagined(backprop=[1.6] * 2, burstprop=[1.95] * 2, burstccn=[math.nan] * 2))
    }
    assert not bad["mnist: burstprop with learned feedback, over backpropagation"].passed  # 0.35 points
    assert bad["mnist: burstprop with learned feedback"].passed
    assert not bad["mnist: BurstCCN (Kolen-Pollack)"].passed  # diverged
    assert "mnist: burstprop with fixed feedback" not in bad  # not run, so nothing is claimed


@pytest.mark.parametrize(("dataset", "chance"), [("cifar10", 90.0), ("tiny-imagenet", 98.0)])
def test_rules_that_learn_nothing_fail_together(dataset, chance):
    """Nor is anything claimed of runs shorter than those of the default setting."""
    epochs = setting("backprop", dataset).epochs
    idle = imagined(dataset, epochs, backprop=[chance] * 3, burstprop=[chance] * 3)
    verdicts = {claim.claim: claim.passed for claim in check(idle)}
    assert verdicts == {
        f"{dataset}: backpropagation learns": False,
        f"{dataset}: burstprop with learned feedback, over backpropagation": True,
    }
    assert check(imagined(dataset, epochs - 1, backprop=chance, burstprop=chance)) == []
    learned = imagined(dataset, epochs, backprop=[chance / 2] * 3, burstprop=[chance / 2 + 2.5] * 3)
    assert [claim.passed for claim in check(learned)] == [True, True]


def test_rules_are_compared_over_the_seeds_of_both():
    """Seeds 4 and 5, with which fixed feedback alone was run, would hide that it is worse by 0.2 points."""
    frames = imagined(burstprop_fixed=[2.4, 2.4, 2.4, 1.9, 1.9], feedback_alignment=[2.2, 2.2, 2.2])
    alone, over = check(frames)
    assert alone.measured == pytest.approx(2.2)
    assert alone.reference == "mean of 5 seeds, 20 epochs"
    assert over.measured == pytest.approx(0.2)
    assert not over.passed
    said = "mean of 3 seeds run with both (of 5 and 3), 20 epochs; 95 % interval 0.20 … 0.20, one image 0.01"
    assert over.reference == said
    frames["results"].loc[frames["results"]["rule"] == "feedback_alignment", "seed"] += 10
    assert [claim.claim for claim in check(frames)] == [alone.claim]  # none in common


def test_a_difference_is_judged_where_its_interval_excludes_the_bound():
    """The bound is 0.3 points over backpropagation; the differences are 0.1, 0.2 and 0.3, or 0.28 ... 0.32."""

    def over(differences):
        frames = imagined(backprop=[1.5] * len(differences), burstprop=[1.5 + d for d in differences])
        (claim,) = [
            c
            for c in check(frames)
            if c.claim == "mnist: burstprop with learned feedback, over backpropagation"
        ]
        return claim

    near = over([0.1, 0.2, 0.3])  # 0.2 +- 0.25
    assert near.verdict == "not judged"
    assert near.not_judged == "≤ 0.3 is inside the interval -0.05 … 0.45"
    assert over([0.19, 0.2, 0.21]).passed
    assert over([0.39, 0.4, 0.41]).failed
    assert over([0.4]).not_judged == "needs 2 seeds"


def test_rows_that_are_equal_by_construction_are_named():
    results = imagined(backprop=[2.0, 1.9], burstccn_tied=[2.0, 1.9], burstprop=[2.0, 1.8])["results"]
    same = {"train_error_percent": 0.1, "validation_error_percent": 1.0, "seconds": 3.0}
    table = comparison.summarise(results.assign(**same)).set_index("rule")["same_as"]
    assert table.to_dict() == {"backprop": "", "burstccn_tied": "backprop", "burstprop": ""}


def test_a_seed_that_diverged_fails_the_claims_of_its_rule():
    alone, over = check(imagined(burstprop_fixed=[2.2, math.nan], feedback_alignment=[2.2, 2.2]))
    assert not alone.passed
    assert not over.passed


def test_a_run_that_diverges_is_a_row(tmp_path, monkeypatch):
    from burstprop.errors import Diverged

    def diverge(*args, **more):
        raise Diverged("the loss is not a number")

    monkeypatch.setattr("burstprop.reduced.train.training.train", diverge)
    frames = comparison.EXPERIMENT.frames(
        Params(datasets="digits", rules="backprop"), realizations=1, jobs=1, progress=False
    )
    assert math.isnan(frames["results"].loc[0, "test_error_percent"])
    assert frames["results"].loc[0, "trouble"] == "the loss is not a number"


def test_the_first_warning_of_each_kind_is_the_trouble_of_a_run(tmp_path, monkeypatch):
    """Not that of the first epoch alone; and it is there when the finished run is read again."""
    warned = iter([["the loss grows: 3"], ["the loss grows: 4", "5 units are dead"], ["6 units are dead"]])
    monkeypatch.setattr("burstprop.reduced.train.health.warnings", lambda *args: next(warned))
    params = Params(datasets="digits", rules="backprop", epochs=3)
    for _ in range(2):
        frames = comparison.EXPERIMENT.frames(params, realizations=1, jobs=1, progress=False, out=tmp_path)
        assert frames["results"].loc[0, "trouble"] == "epoch 1: the loss grows: 3; epoch 2: 5 units are dead"


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
        comparison.EXPERIMENT.frames(
            Params(datasets=datasets, rules=rules), realizations=1, jobs=1, progress=False
        )


def test_data_that_cannot_be_read_are_found_before_any_run(tmp_path, monkeypatch):
    """A folder of that name is there, but not what `open_dataset` reads."""
    monkeypatch.setattr(comparison, "carry_out", lambda job: pytest.fail("trained"))
    (tmp_path / "mnist" / "MNIST" / "raw").mkdir(parents=True)
    params = Params(rules="backprop", data=str(tmp_path))
    with pytest.raises(BurstpropError, match=r"(?s)found no .*How to do without: datasets=digits$"):
        comparison.EXPERIMENT.frames(params, realizations=1, jobs=1, progress=False)
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
    known = json.loads((tmp_path / "runs" / "tables" / "digits.json").read_text())
    assert known["run_again"] == (
        "python benchmarks/reduced_training.py --dataset digits --rules backprop,burstprop --seeds 1 --epochs 1"
    )  # both, though the last command made one of them
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


def runs_of(program, command: str) -> list[tuple[str, str, int, int]]:
    """Return rule, dataset, seed and epochs of the runs that a stored command makes."""
    made = []
    for part in command.split(" && "):
        python, path, *words = shlex.split(part)
        assert (python, path) == ("python", "benchmarks/reduced_training.py")
        args = program.options(words)
        params = Params(datasets=args.dataset, rules=args.rules, epochs=args.epochs)
        made += plan_jobs(params, args.first_seed, args.seeds, None, quick=False)
    return sorted((job.rule, job.dataset, job.seed, comparison.planned(job).setting.epochs) for job in made)


@pytest.mark.parametrize(
    ("seeds", "commands"),
    [
        ({"backprop": [1, 2, 3], "burstprop": [3, 1, 2]}, 1),
        ({"backprop": [1, 2, 3], "burstprop_fixed": [1, 2, 3, 4, 5], "burstprop": [1, 2, 3]}, 2),
        ({"backprop": [7], "burstprop": [2, 3, 6]}, 3),
    ],
)
def test_the_stored_command_makes_the_runs_of_the_table(program, seeds, commands):
    rows = [dict(rule=rule, dataset="mnist", seed=seed, epochs=4) for rule in seeds for seed in seeds[rule]]
    command = program.again(pd.DataFrame(rows), program.options(["--dataset", "mnist", "--epochs", "4"]))
    assert command.count("&&") == commands - 1
    assert runs_of(program, command) == sorted(tuple(row.values()) for row in rows)


def test_the_command_names_what_was_asked_for_only_where_it_matters(program):
    own = pd.DataFrame([dict(rule="my rule.py:Mine", seed=2)])
    args = program.options(["--dataset", "cifar10", "--data", "here/data", "--threads", "2", "--report"])
    assert program.again(own, args) == (
        "python benchmarks/reduced_training.py --dataset cifar10 --data DIR --rules 'my rule.py:Mine' --seeds 1 "
        "--first-seed 2 --threads 2"
    )


def test_reproduce_names_the_data_that_were_there(tmp_path, monkeypatch, capsys):
    """So that the command makes the same table where other data are, or says which are missing."""
    asked = []

    def run(params, execution):
        asked.append(params.datasets)
        return {"results": imagined(backprop=1.5)["results"]}

    changed = dataclasses.replace(comparison.EXPERIMENT, run=run, check=lambda frames: [])
    monkeypatch.setattr(comparison, "EXPERIMENT", changed)
    monkeypatch.setattr("burstprop.cli.reproduce.draw", lambda *args: {})
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    monkeypatch.setenv("BURSTPROP_DATA", str(tmp_path / "data"))
    for number, (words, datasets, settings) in enumerate(
        [
            ([], "digits,mnist", "datasets=digits,mnist"),
            (["--set", "epochs=2", "datasets=available"], "digits,mnist", "epochs=2 datasets=digits,mnist"),
            (["--set", "datasets=mnist"], "mnist", "datasets=mnist"),
            (["--quick"], "digits", "datasets=digits"),
        ]
    ):
        out = tmp_path / str(number)
        assert main(["reproduce", "reduced", *words, "--out", str(out), "--quiet"]) == 0
        known = json.loads((out / "run.json").read_text())
        assert asked[-1] == known["parameters"]["datasets"] == datasets
        quick = " --quick" if "--quick" in words else ""
        assert known["run_again"] == f"burstprop reproduce reduced --set {settings} --seed 1{quick}"


def test_reproduce_quick(tmp_path, capsys):
    """The command on the digits: report, figure and data are there; its claims hold after the fewest epochs they ask for."""
    words = ["--quick", "--set", "epochs=20", "--out", str(tmp_path), "--jobs", "1", "--quiet"]
    code = main(["reproduce", "reduced", *words])
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

    monkeypatch.setattr("burstprop.reduced.train.training.train", stop)
    assert main(["reproduce", "reduced", "--quick", "--out", str(tmp_path), "--jobs", "1", "--quiet"]) == 130
    said = "stopped by Ctrl-C: stopped in epoch 2, after 7 of 40 steps; 0 of 5 runs are finished"
    assert said in capsys.readouterr().err
