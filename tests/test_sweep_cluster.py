"""The same sweep on a real dask cluster: a scheduler and two workers, each a process of its own."""

import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import sweep_runs

from burstprop.cli import main
from burstprop.errors import BurstpropError
from burstprop.runs.sweep import run_many

HERE = Path(__file__).parent
DEMO = str(HERE / "demo_circuit.py")

pytest.importorskip("distributed")
# distributed warns of its own accord on some versions of tornado and asyncio
pytestmark = pytest.mark.filterwarnings("default:::distributed", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    env = os.environ | {"PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"}
    common = {"cwd": folder, "env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    words = [sys.executable, "-m", "dask"]
    local = ["--host", "127.0.0.1"]
    processes = [
        subprocess.Popen(
            [*words, "scheduler", *local, "--port", "0", "--no-dashboard", "--scheduler-file", str(file)],
            **common,
        )
    ]
    until = time.monotonic() + 60
    while not file.exists() or not file.read_text().strip():
        assert time.monotonic() < until, "the scheduler did not start"
        time.sleep(0.1)
    address = json.loads(file.read_text())["address"]
    for k in range(2):
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", f"worker{k}"]
        processes.append(subprocess.Popen([*words, "worker", address, *options], **common))
    import distributed

    with distributed.Client(address, timeout="60s", set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    yield address
    for process in reversed(processes):  # the scheduler last: a worker takes its leave of it
        process.terminate()
        process.wait(timeout=30)


def test_runs_are_made_by_both_workers_and_not_here(cluster):
    pids = run_many(sweep_runs.process, [{"x": x} for x in range(6)], dask=cluster, progress=False)
    assert len(set(pids)) == 2
    assert os.getpid() not in pids


def test_sweep_on_the_cluster_equals_the_sweep_on_the_cores(cluster, tmp_path, capsys):
    words = ["sweep", DEMO, "--set", "offset_hz=5,7", "--seeds", "1:3", "--quick", "--quiet"]
    assert main([*words, "--out", str(tmp_path / "cores"), "--jobs", "1"]) == 0
    assert main([*words, "--out", str(tmp_path / "cluster"), "--dask", cluster]) == 0
    for name in ("results.csv", "rates.csv"):
        here, there = (pd.read_csv(tmp_path / place / name) for place in ("cores", "cluster"))
        pd.testing.assert_frame_equal(here, there, check_exact=True)
    assert sorted(os.listdir(tmp_path / "cores")) == sorted(os.listdir(tmp_path / "cluster"))
    assert main([*words, "--out", str(tmp_path / "cluster"), "--dask", cluster]) == 0
    capsys.readouterr()


def test_a_relative_folder_is_that_of_the_caller(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tasks = [{"k": 0, "seconds": 1}]
    result = run_many(sweep_runs.slow, tasks, out="runs", dask=cluster, progress=False)
    assert int(result[0]["x"]["pid"][0]) != os.getpid()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["k=0,seconds=1"]


def test_errors_of_runs_and_of_the_address(cluster, tmp_path):
    tasks = [{"x": x} for x in (1, 2, 3)]
    results = run_many(sweep_runs.broken, tasks, out=tmp_path, dask=cluster, progress=False, keep_going=True)
    assert [isinstance(r, BurstpropError) for r in results] == [False, True, False]
    with pytest.raises(BurstpropError, match="x=2: the voltage of pyr1"):
        run_many(sweep_runs.broken, tasks, dask=cluster, progress=False)
    import distributed

    gc.disable()
    try:
        for address in ("nowhere", "bad://127.0.0.1:1"):
            with pytest.raises(BurstpropError, match="no dask scheduler answers at"):
                run_many(sweep_runs.square, tasks, dask=address, progress=False)
            # one that is collected while the next one starts would wait for it, and the next one for that
            # (by type: isinstance would ask every proxy in the process for the class of what is behind it)
            clients = [one for one in gc.get_objects() if issubclass(type(one), distributed.Client)]
            assert [one.status for one in clients if one.status != "closed"] == []
    finally:
        gc.enable()
