"""What a folder holds is not overwritten, gathered twice or lost: reproduce, sweep, shards, two at once."""

import json
import os
from pathlib import Path

import demo_circuit
import pandas as pd
import pytest
import sweep_runs

from burstprop.cli import main
from burstprop.runs.lock import Lock
from burstprop.runs.sweep import run_many
from burstprop.runs.workers import Call, spread
from burstprop.system.machine import threads_at_hand

DEMO = str(Path(__file__).with_name("demo_circuit.py"))


def call(capsys, *words):
    code = main([*words, "--quiet"])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    ("more", "difference"),
    [
        (["--seed", "2"], "seed is 1 there and 2 here"),
        (["--set", "offset_hz=5.01"], "parameters.offset_hz is 5.0 there and 5.01 here"),
        (["--variant", "slow"], "parameters.period_ms is 500.0 there and 1000.0 here"),
        (["--quick"], "quick is False there and True here"),
    ],
)
def test_reproduce_refuses_the_folder_of_another_run(capsys, tmp_path, more, difference):
    words = ["reproduce", DEMO, "--jobs", "1", "--out", str(tmp_path / "x")]
    assert call(capsys, *words)[0] == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()}
    code, _, err = call(capsys, *words, *more)
    assert code == 2
    assert f"holds another run (burstprop reproduce {DEMO} --seed 1): {difference}" in err
    assert "remove that run (--overwrite)" in err
    assert {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()} == before
    (tmp_path / "x" / "mine.txt").write_text("of nobody's run")
    assert call(capsys, *words, *more, "--overwrite")[0] == 0
    assert (tmp_path / "x" / "mine.txt").exists()
    # the same again is the same work again
    assert call(capsys, *words, *more)[0] == 0


def test_reproduce_and_sweep_keep_out_of_each_others_folders(capsys, tmp_path):
    sweep = ["sweep", DEMO, "--quick", "--jobs", "1", "--out", str(tmp_path)]
    assert call(capsys, *sweep)[0] == 0
    before = (tmp_path / "results.csv").read_bytes()
    code, _, err = call(capsys, "reproduce", DEMO, "--jobs", "1", "--out", str(tmp_path))
    assert code == 2
    assert "holds another run" in err
    assert (tmp_path / "results.csv").read_bytes() == before
    out = str(tmp_path / "x")
    assert call(capsys, "reproduce", DEMO, "--jobs", "1", "--out", out)[0] == 0
    code, _, err = call(capsys, "sweep", DEMO, "--out", out)
    assert code == 2
    assert f"holds another run (burstprop reproduce {DEMO} --seed 1)" in err


def test_a_folder_in_which_another_process_works_is_refused_by_every_verb(capsys, tmp_path):
    circuit = str(Path(__file__).with_name("spiking_circuit.py"))
    lock = Lock(tmp_path, "burstprop train")
    lock.take()
    for words in (["reproduce", DEMO, "--jobs", "1"], ["simulate", circuit]):
        code, _, err = call(capsys, *words, "--out", str(tmp_path))
        assert code == 2
        assert f"is being worked on by process {os.getpid()}" in err
    (tmp_path / "s" / "seed=1").mkdir(parents=True)
    held = Lock(tmp_path / "s" / "seed=1", "burstprop sweep")
    held.take()
    code, _, err = call(
        capsys, "sweep", DEMO, "--seeds", "1:3", "--quick", "--jobs", "1", "--out", str(tmp_path / "s")
    )
    assert code == 1
    assert "seed=1: " in err
    assert "is being worked on by process" in err
    assert pd.read_csv(tmp_path / "s" / "results.csv")["seed"].unique().tolist() == [2], "the other was made"
    held.release()
    lock.release()


def test_shards_together_are_the_sweep_and_results_hold_all_finished_runs(capsys, tmp_path):
    words = ["sweep", DEMO, "--set", "offset_hz=5,7", "--seeds", "1:3", "--quick", "--jobs", "1", "--out"]
    assert call(capsys, *words, str(tmp_path / "whole"))[0] == 0
    code, out, err = call(capsys, *words, str(tmp_path / "parts"), "--shard", "1/3")
    assert code == 0
    assert "shard 1 of 3: 2 of them" in err
    assert "2 finished runs gathered" in out
    assert call(capsys, *words, str(tmp_path / "parts"), "--shard", "2/3")[0] == 0
    assert call(capsys, *words, str(tmp_path / "parts"), "--shard", "3/3")[0] == 0
    for name in ("results.csv", "rates.csv"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    for text in ("0/3", "4/3", "1", "a/b"):
        assert call(capsys, *words, str(tmp_path / "x"), "--shard", text)[0] == 2
    # another command into the same folder: all finished runs are in the results, those there are skipped
    _, out, err = call(
        capsys,
        *words[:2],
        "--set",
        "period_ms=250",
        "--quick",
        "--jobs",
        "1",
        "--out",
        str(tmp_path / "parts"),
    )
    assert "5 finished runs gathered" in out
    results = pd.read_csv(tmp_path / "parts" / "results.csv").drop_duplicates(
        ["offset_hz", "period_ms", "seed"]
    )
    assert results["period_ms"].tolist() == [250.0, 500.0, 500.0, 500.0, 500.0]
    assert results["offset_hz"].tolist() == [5.0, 5.0, 5.0, 7.0, 7.0]
    assert (
        "1 finished before, skipped"
        in call(
            capsys,
            *words[:2],
            "--set",
            "period_ms=250",
            "--quick",
            "--jobs",
            "1",
            "--out",
            str(tmp_path / "parts"),
        )[2]
    )


def test_runs_that_are_not_finished_are_counted(capsys, tmp_path):
    words = ["sweep", DEMO, "--quick", "--jobs", "1", "--out", str(tmp_path)]
    assert call(capsys, *words, "--seeds", "1:4")[0] == 0
    for seed, status in ((2, "interrupted"), (3, "running")):
        path = tmp_path / f"seed={seed}" / "run.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"status": status}))
    code, out, _ = call(capsys, *words, "--seeds", "1")
    assert code == 0
    assert "1 finished runs gathered, 1 interrupted left out, 1 unfinished left out" in out


def test_the_last_round_of_runs_has_the_idle_cores():
    def threads(count, places):
        calls = (Call(k, threads_at_hand, {}, None) for k in range(count))
        return [call.threads for call in spread(calls, count, places)]

    assert threads(5, 2) == [1, 1, 1, 1, 2]
    assert threads(4, 2) == [1, 1, 1, 1]
    assert threads(5, 4) == [1, 1, 1, 1, 4]
    assert threads(7, 4) == [1, 1, 1, 1, 1, 1, 1]
    assert threads(2, 4) == [2, 2]


def test_a_run_is_told_its_threads():
    tasks = [{"x": x} for x in range(3)]
    assert run_many(sweep_runs.threads, tasks, jobs=2, progress=False) == [1, 1, 2]
    assert run_many(sweep_runs.threads, tasks[:1], jobs=2, progress=False) == [2]
    assert run_many(sweep_runs.threads, tasks, jobs=1, progress=False) == [1, 1, 1]
    assert threads_at_hand() == 1


def test_a_worker_that_the_system_kills_is_one_line(capsys):
    from burstprop.errors import BurstpropError

    with pytest.raises(BurstpropError, match=r"ended from outside.*use fewer jobs"):
        run_many(sweep_runs.killed, [{"x": 1}, {"x": 2}], jobs=2, progress=False)


def test_an_empty_folder_name_is_refused(capsys):
    for verb in (["reproduce", DEMO], ["sweep", DEMO], ["simulate", DEMO]):
        code, _, err = call(capsys, *verb, "--out", "")
        assert code == 2
        assert "--out: is empty: give the name of a folder" in err
    assert demo_circuit.EXPERIMENT.name
