"""Two processes do what one does: the same images, and the same weights up to the order of the sums."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import two_ranks
from image_folders import imagenet_layout

from burstprop.cli import main
from burstprop.errors import BurstpropError
from burstprop.reduced.train.checkpoint import load_checkpoint
from burstprop.reduced.train.distributed import Group, join
from burstprop.reduced.train.journal import read_log


def last_line(printed: str) -> dict:
    return json.loads(printed.strip().splitlines()[-1])


def run_python(words: list[str], processes: int) -> str:
    """Run Python in several processes, which must end well and warn of nothing; return what they print."""
    run = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *run, *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "FutureWarning" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def broken(tmp_path_factory) -> tuple[Path, list[Path]]:
    """Return a folder of images with one broken for training and one for the test, and these two."""
    data = imagenet_layout(tmp_path_factory.mktemp("data"), classes=2, train=7, val=2, size=(32, 32))
    paths = [data / part / "n00000001" / "n00000001_1.JPEG" for part in ("train", "val")]
    for path in paths:
        path.write_bytes(path.read_bytes()[:200])
    return data, paths


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    """Return a made folder in ImageNet's layout."""
    return imagenet_layout(tmp_path_factory.mktemp("photographs"), train=6, val=2)


@pytest.fixture(scope="module")
def two(broken, photographs, tmp_path_factory) -> Path:
    """Return the folder of what two processes did: they print what the command prints."""
    out = tmp_path_factory.mktemp("two")
    command = [
        "train", "--dataset", "imagenet", "--data", str(photographs), "--network", "resnet-small",
        "--rule", "burstprop", "--precision", "bfloat16", "--channels-last", "--out", str(out / "command"),
        "--image-size", "32", "--epochs", "1", "--set", "batch_size=6", "--workers", "1", "--threads", "1",
        "--backend", "gloo", "--json", "--quiet",
    ]  # fmt: skip
    printed = run_python([str(Path(two_ranks.__file__)), str(broken[0]), str(out), *command], processes=2)
    (out / "printed").write_text(printed)
    return out


@pytest.mark.parametrize("rule", two_ranks.RULES)
def test_two_ranks_equal_one_process(tmp_path, two, rule):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        one = two_ranks.learn_digits(rule, tmp_path, Group())
    finally:
        torch.set_num_threads(threads)
    a, b = load_checkpoint(tmp_path / rule), load_checkpoint(two / rule)
    start = load_checkpoint_start(a)
    moved = 0.0
    for name, value in a["network"].items():
        torch.testing.assert_close(b["network"][name], value, rtol=2e-4, atol=2e-5)
        moved = max(moved, float((value - start[name]).abs().max()))
    assert moved > 0.05  # far more than the difference that is allowed
    for line_a, line_b in zip(a["history"], b["history"], strict=True):
        assert line_b["train_loss"] == pytest.approx(line_a["train_loss"], rel=1e-4)
    for rank in range(2):
        said = json.loads((two / f"{rank}.json").read_text())[rule]
        assert abs(said["test_error_percent"] - one["test_error_percent"]) < 100 / 359 * 1.01
    assert (two / rule / "log.jsonl").read_text().count('"event": "epoch"') == 2  # one process writes


def load_checkpoint_start(content: dict) -> dict[str, torch.Tensor]:
    """Return the weights that the run began with."""
    from burstprop.reduced.data import open_dataset
    from burstprop.reduced.networks import build_network
    from burstprop.reduced.train.plan import Plan

    plan = Plan.from_dict(content["plan"])
    network = build_network(plan.network(open_dataset("digits")), plan.setting.rule, seed=plan.seed)
    return dict(network.state_dict())


def test_broken_images_and_folders_that_are_not_shared(tmp_path, broken, two):
    """One training image is broken, so that the two shares of its batch differ, and one test image.

    Both processes count both, whichever met them; the updates are those of one process. Then only the first
    finds a checkpoint in its folder, and both say so instead of training on from two places.
    """
    data, paths = broken
    one = two_ranks.work(data, tmp_path, Group())
    first, second = (json.loads((two / f"{rank}.json").read_text()) for rank in range(2))
    for said in (one, first, second):
        assert said["trained"]["broken_images"] == 2
        assert said["tested"]["broken_images"] == 1
        assert said["tested"]["images"] == 3
    assert sorted(read_log(two / "0", "broken_image")["path"]) == sorted(map(str, paths))
    a, b = load_checkpoint(tmp_path / "0"), load_checkpoint(two / "0")
    for name, value in a["network"].items():
        torch.testing.assert_close(b["network"][name], value, rtol=1e-4, atol=1e-6)
    for rank, said in enumerate((first, second)):
        assert "process 0 from a checkpoint, process 1 at the start" in said["resumed"]
        assert f"looked in {str(two / str(rank))!r}" in said["resumed"]
        assert "copy the checkpoint.pt of process 0" in said["resumed"]


def test_the_command_of_a_cluster_trains_a_residual_network(two, photographs, capsys):
    """The command of docs/explanation/depth.md with a smaller network, on a made folder in ImageNet's layout.

    Two processes, bfloat16, photographs decoded by workers; then the test of the run that it left. One process
    prints.
    """
    (line,) = (two / "printed").read_text().strip().splitlines()
    result = json.loads(line)
    assert result["epochs"] == 1
    layers = read_log(two / "command", "layer")
    assert len(layers) == 8
    assert layers["update_angle_deg"].notna().all()
    assert main(["eval", str(two / "command"), "--data", str(photographs), "--json"]) == 0
    assert last_line(capsys.readouterr().out)["error_percent"] == result["test_error_percent"]


def test_alone_without_torchrun(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with join("cpu") as group:
        assert (group.rank, group.world_size, group.is_main) == (0, 1, True)
        assert group.any(True)
        assert not group.any(False)


def test_nccl_needs_a_gpu(monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BurstpropError, match="nccl needs GPUs"), join("cpu", "nccl"):
        pass
    with pytest.raises(BurstpropError, match="backend 'mpi'"), join("cpu", "mpi"):
        pass
    assert Group().is_main


def test_a_backend_needs_several_processes(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(BurstpropError, match="start them with torchrun"), join("cpu", "gloo"):
        pass
    with pytest.raises(BurstpropError, match="backend 'foo': give one of auto"), join("cpu", "foo"):
        pass
