import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sweep_runs

from burstprop.errors import BurstpropError
from burstprop.parameters import quantity, validate
from burstprop.runs.run import Run, identity
from burstprop.runs.sweep import combinations, folder_names, gather, load_frames, run_many

HERE = Path(__file__).parent


def same(left, right):
    for a, b in zip(left, right, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            pd.testing.assert_frame_equal(a[name], b[name], check_exact=True)


def test_combinations_run_through_all():
    tasks = combinations(a=[1, 2], b=["x", "y", "z"])
    assert len(tasks) == 6
    assert tasks[0] == {"a": 1, "b": "x"}
    assert tasks[1] == {"a": 1, "b": "y"}
    assert tasks[-1] == {"a": 2, "b": "z"}
    assert combinations() == [{}]


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_tasks(jobs):
    results = run_many(sweep_runs.square, [{"x": x} for x in range(7)], jobs=jobs, progress=False)
    assert results == [0, 1, 4, 9, 16, 25, 36]


def test_no_task_is_no_work(tmp_path):
    assert run_many(sweep_runs.square, [], progress=False) == []
    assert run_many(sweep_runs.walk, [], out=tmp_path, progress=False) == []


def test_two_jobs_are_two_other_processes_and_one_job_is_this_one():
    tasks = [{"x": x} for x in range(4)]
    two = set(run_many(sweep_runs.process, tasks, jobs=2, progress=False))
    assert len(two) == 2
    assert os.getpid() not in two
    assert set(run_many(sweep_runs.process, tasks, jobs=1, progress=False)) == {os.getpid()}


def test_runs_inside_runs_neither_hang_nor_end_their_worker():
    results = run_many(sweep_runs.nested, [{"k": k} for k in range(3)], jobs=2, progress=False)
    assert results == [[0, 1], [1, 4], [4, 9]]


def test_one_job_works_without_joblib(monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    tasks = [{"x": 2}, {"x": 3}]
    assert run_many(sweep_runs.square, tasks, jobs=1, progress=False) == [4, 9]
    with pytest.raises(BurstpropError, match=r'pip install "burstprop\[plot\]"'):
        run_many(sweep_runs.square, tasks, jobs=2, progress=False)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BurstpropError, match=r'pip install "burstprop\[dask\]"'):
        run_many(sweep_runs.square, tasks, dask="tcp://127.0.0.1:1", progress=False)


def test_finished_runs_are_skipped_and_read_back_bit_for_bit(tmp_path):
    log = tmp_path / "log"
    tasks = combinations(steps=[5, 50], seed=[1, 2], log=[str(log)])
    names = [f"steps={t['steps']},seed={t['seed']}" for t in tasks]

    def call(which, jobs):
        return run_many(
            sweep_runs.walk,
            [tasks[k] for k in which],
            names=[names[k] for k in which],
            jobs=jobs,
            out=tmp_path / "out",
            progress=False,
        )

    first = call([0, 1], 1)
    everything = call([0, 1, 2, 3], 2)
    again = call([0, 1, 2, 3], 1)
    assert len(log.read_text().splitlines()) == 4, "each run was made once"
    same(first, everything[:2])
    same(everything, again)
    assert everything[0]["walk"]["x"].dtype == np.float64
    assert np.isnan(everything[0]["walk"]["x"][0])
    assert sorted(os.listdir(tmp_path / "out")) == sorted(names)
    assert sorted(os.listdir(tmp_path / "out" / names[0])) == ["end.csv", "run.json", "walk.csv"]
    run = json.loads((tmp_path / "out" / names[0] / "run.json").read_text())
    assert run["frames"] == ["walk", "end"]
    assert run["seconds"] >= 0
    alone = [sweep_runs.walk(**task, progress=lambda _: None, folder=None) for task in tasks]
    for frames, expected in zip(everything, alone, strict=True):
        np.testing.assert_array_equal(frames["walk"]["x"], expected["walk"]["x"])


def test_default_names_say_what_the_run_is(tmp_path):
    run_many(sweep_runs.walk, combinations(steps=[5], seed=[1, 2]), jobs=1, out=tmp_path, progress=False)
    assert sorted(os.listdir(tmp_path)) == ["steps=5,seed=1", "steps=5,seed=2"]


def test_folder_names_are_short_and_different_and_say_what_the_run_is():
    long = {f"setting_{k:02d}": 1.25 for k in range(11)}
    names = folder_names([long | {"seed": 1}, long | {"seed": 2}])
    assert len(set(names)) == 2
    assert all(name.startswith("setting_00=1.25,setting_01") and len(name) < 140 for name in names)
    assert folder_names([{"kind": "a/b"}, {"kind": "../c"}, {"x": 0.5}]) == ["kind=a_b", "kind=.._c", "x=0.5"]
    assert len(set(folder_names([{"kind": "a/b"}, {"kind": "a_b"}]))) == 2
    # a text left out still tells two runs apart, also of two sweeps
    first, second = (folder_names([{"text": letter * 50, "seed": 1}]) for letter in "ab")
    assert first != second
    assert first[0].startswith("seed=1-")


def test_a_folder_with_another_run_is_an_error_that_says_the_difference(tmp_path):
    run_many(sweep_runs.walk, [{"steps": 5, "seed": 1}], names=["a"], out=tmp_path, progress=False)
    with pytest.raises(BurstpropError, match=r"another run.*steps is 5 there and 6 here"):
        run_many(sweep_runs.walk, [{"steps": 6, "seed": 1}], names=["a"], out=tmp_path, progress=False)
    with pytest.raises(BurstpropError, match="log is only here"):
        run_many(
            sweep_runs.walk, [{"steps": 5, "seed": 1, "log": ""}], names=["a"], out=tmp_path, progress=False
        )


@pytest.mark.parametrize("damage", ["missing", "task", "json", "csv"])
def test_a_damaged_folder_is_named_and_not_used(tmp_path, damage):
    task = [{"steps": 5, "seed": 1}]
    run_many(sweep_runs.walk, task, names=["a"], out=tmp_path, progress=False)
    folder = tmp_path / "a"
    if damage == "missing":
        (folder / "walk.csv").unlink()
    elif damage == "task":
        run = json.loads((folder / "run.json").read_text())
        del run["task"]
        (folder / "run.json").write_text(json.dumps(run))
    elif damage == "json":
        (folder / "run.json").write_text('{"frames": ["wa')
    else:
        (folder / "walk.csv").write_text("")
    with pytest.raises(BurstpropError, match="cannot be read as a run"):
        run_many(sweep_runs.walk, task, names=["a"], out=tmp_path, progress=False)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_fails_ends_the_others_or_is_an_answer(tmp_path, jobs):
    tasks = [{"x": x} for x in (1, 2, 3)]
    with pytest.raises(BurstpropError, match=r"x=2: the voltage of pyr1 is not a number at 3\.5 ms"):
        run_many(sweep_runs.broken, tasks, jobs=jobs, out=tmp_path / "a", progress=False)
    results = run_many(
        sweep_runs.broken, tasks, jobs=jobs, out=tmp_path / "b", progress=False, keep_going=True
    )
    assert [isinstance(r, BurstpropError) for r in results] == [False, True, False]
    assert sorted(os.listdir(tmp_path / "b")) == ["x=1", "x=3"]


def test_bad_requests(tmp_path):
    twice = [{"x": 1}, {"x": 1}]
    with pytest.raises(BurstpropError, match="ask for each run once"):
        run_many(sweep_runs.broken, twice, out=tmp_path, progress=False)
    with pytest.raises(BurstpropError, match="jobs = 0"):
        run_many(sweep_runs.square, twice, jobs=0)
    with pytest.raises(BurstpropError, match="returned int: a run that is kept must return a dict"):
        run_many(sweep_runs.no_frames, [{"x": 1}], out=tmp_path, progress=False)
    with pytest.raises(BurstpropError, match="no JSON form for function"):
        run_many(sweep_runs.broken, [{"x": test_bad_requests}], out=tmp_path, progress=False)
    assert os.listdir(tmp_path) == []


def test_identity_of_descriptions():
    import dataclasses

    @dataclasses.dataclass(frozen=True)
    class Params:
        w: float = quantity(0.5, "1", "weight")
        tau: object = quantity(20.0, "ms", "time constant", per_neuron=True)

        def __post_init__(self):
            validate(self)

    one = identity({"params": Params(tau=np.array([1.0, 2.0])), "seed": np.int64(3), "sizes": (1, 2)})
    assert one["seed"] == 3
    assert one["sizes"] == [1, 2]
    assert one["params"]["tau"] == [1.0, 2.0]
    assert one["params"]["w"] == 0.5
    assert one != identity({"params": Params(tau=np.array([1.0, 2.5])), "seed": 3, "sizes": (1, 2)})


def test_gather_labels_every_row():
    frames = [sweep_runs.walk(3, seed, lambda _: None, None) for seed in (1, 2)]
    labels = [{"eta": 0.5, "seed": 1}, {"eta": 0.7, "seed": 2}]
    together = gather(frames, labels)
    assert list(together) == ["walk", "end"]
    walk = together["walk"]
    assert list(walk) == ["eta", "seed", "time_ms", "population", "x"]
    assert walk["seed"].tolist() == [1, 1, 1, 2, 2, 2]
    np.testing.assert_array_equal(walk["x"][3:], frames[1]["walk"]["x"])
    assert len(together["end"]) == 2


def test_progress_counts_fractions_of_runs_under_way(tmp_path):
    code = (
        "import sweep_runs; from burstprop.runs.sweep import run_many; from burstprop.system import progress as p;"
        "p.FIRST_LINE_S = p.LONGEST_LINE_S = 0.2;"
        f"run_many(sweep_runs.slow, [dict(k=k, seconds=2) for k in (1, 2)], jobs=2, out={str(tmp_path)!r},"
        "label='xor')"
    )
    lines = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE, check=True, capture_output=True, text=True, timeout=60
    ).stderr.splitlines()
    assert any(line.startswith("xor:") and "0.0 of" not in line and "left" in line for line in lines[:-1]), (
        lines
    )
    assert lines[-1].startswith("xor: 2 runs in")


def started(tmp_path, jobs):
    code = (
        "import sys, sweep_runs; from burstprop.runs.sweep import run_many\n"
        "try:\n"
        "    tasks = [dict(k=k, seconds=40) for k in range(3)]\n"
        f"    run_many(sweep_runs.slow, tasks, jobs={jobs}, out={str(tmp_path)!r})\n"
        "except KeyboardInterrupt as stop:\n"
        "    print(stop); sys.exit(130)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 120
    while not (Run(tmp_path / "k=0,seconds=40").complete and list(tmp_path.glob("*/checkpoint"))):
        assert time.monotonic() < until, process.communicate()
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return process


def alive_in(group):
    listing = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
    lines = [line.split(maxsplit=2) for line in listing.stdout.splitlines()]
    mine = [line for line in lines if line[0] == str(group) and not line[1].startswith("Z")]
    # in brackets: ended, has no memory any more, and the kernel is still at giving it back
    return [line for line in mine if not line[2].startswith("[")]


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_ends_the_workers_at_once_and_keeps_what_is_finished(tmp_path, jobs, monkeypatch):
    process = started(tmp_path, jobs)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    # nobody waited for the runs under way, which take 800 steps each
    assert "1 of 3 runs are finished and kept in" in out
    assert "Traceback" not in err
    assert alive_in(process.pid) == []
    monkeypatch.setenv("BURSTPROP_TEST_HURRY", "yes")
    tasks = [{"k": k, "seconds": 40} for k in range(3)]
    results = run_many(sweep_runs.slow, tasks, jobs=1, out=tmp_path, progress=False)
    assert [int(r["x"]["k"][0]) for r in results] == [0, 1, 2]
    assert any(bool(r["x"]["resumed"][0]) for r in results), "the checkpoint of the interrupted run is used"
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"k={k},seconds=40" for k in range(3)]


def test_a_killed_parent_leaves_no_worker_behind(tmp_path):
    process = started(tmp_path, 2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    until = time.monotonic() + 20
    while alive_in(process.pid):
        assert time.monotonic() < until, "an orphan works on"
        time.sleep(0.1)
    process.communicate()
    done = Run(tmp_path / "k=0,seconds=40", identity({"k": 0, "seconds": 40}))
    assert done.complete
    assert load_frames(done)["x"]["k"].tolist() == [0]
