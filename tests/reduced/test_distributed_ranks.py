"""Two processes do what one does: the same images, and the same weights up to the order of the sums."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from burstprop.errors import BurstpropError
from burstprop.reduced.checkpoint import load_checkpoint
from burstprop.reduced.distributed import Group, join


def launch(processes: int, out: Path, *more: str) -> dict:
    words = [
        "-m",
        "burstprop",
        "train",
        "--epochs",
        "2",
        "--threads",
        "1",
        "--json",
        "--quiet",
        "--out",
        str(out),
        *more,
    ]
    if processes == 1:
        command = [sys.executable, *words]
    else:
        run = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        command = [sys.executable, *run, *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize("rule", ["burstprop", "burstccn"])
def test_two_ranks_equal_one_process(tmp_path, rule):
    """1,259 images in batches of 32: the last batch has 11, so the two shares are not equal there."""
    one = launch(1, tmp_path / "one", "--rule", rule)
    two = launch(2, tmp_path / "two", "--rule", rule, "--backend", "gloo")
    a, b = load_checkpoint(tmp_path / "one"), load_checkpoint(tmp_path / "two")
    start = load_checkpoint_start(a)
    moved = 0.0
    for name, value in a["network"].items():
        torch.testing.assert_close(b["network"][name], value, rtol=2e-4, atol=2e-5)
        moved = max(moved, float((value - start[name]).abs().max()))
    assert moved > 0.05  # far more than the difference that is allowed
    for line_a, line_b in zip(a["history"], b["history"], strict=True):
        assert line_b["train_loss"] == pytest.approx(line_a["train_loss"], rel=1e-4)
    assert abs(two["test_error_percent"] - one["test_error_percent"]) < 100 / 359 * 1.01
    assert (tmp_path / "two" / "log.jsonl").read_text().count('"event": "epoch"') == 2  # one process writes


def load_checkpoint_start(content: dict) -> dict[str, torch.Tensor]:
    """Return the weights that the run began with."""
    from burstprop.reduced.data import open_dataset
    from burstprop.reduced.networks import build_network
    from burstprop.reduced.plan import Plan

    plan = Plan.from_record(content["plan"])
    network = build_network(plan.network(open_dataset("digits")), plan.setting.rule, seed=plan.seed)
    return dict(network.state_dict())


def test_alone_without_torchrun(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with join("cpu") as group:
        assert (group.rank, group.world, group.leads) == (0, 1, True)
        assert group.any(True)
        assert not group.any(False)


def test_nccl_needs_a_gpu(monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BurstpropError, match="nccl needs GPUs"), join("cpu", "nccl"):
        pass
    with pytest.raises(BurstpropError, match="backend 'mpi'"), join("cpu", "mpi"):
        pass
    assert Group().leads
