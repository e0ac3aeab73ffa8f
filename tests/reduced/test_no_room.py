"""No room on the disk, no memory: a run says so in one line, exits with 2, and what it had saved is whole."""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path

import pytest
import torch

from burstprop.cli import main
from burstprop.reduced.train.checkpoint import load_checkpoint
from burstprop.reduced.train.trainer import Trainer

TRAIN = ["train", "--rule", "backprop", "--quiet", "--epochs", "2", "--checkpoint-minutes", "1e-6", "--out"]


@contextlib.contextmanager
def files_no_larger_than(size: int):
    """Within it no file can grow beyond ``size`` bytes, as on a disk with that much room (Unix)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def one_line(capsys) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("burstprop: ")
    return line


def test_no_room_for_the_first_checkpoint(tmp_path, capsys):
    with files_no_larger_than(50_000):
        assert main([*TRAIN, str(tmp_path / "run")]) == 2
    line = one_line(capsys)
    assert "checkpoint.pt' could not be written" in line
    assert "make room or give another folder" in line
    assert not (tmp_path / "run" / "checkpoint.pt").exists()
    assert not list((tmp_path / "run").glob(".*partial*"))


def test_a_disk_that_fills_during_a_run(tmp_path, capsys, monkeypatch):
    """The checkpoint before is whole, and the run goes on from it when there is room."""
    step = Trainer._step
    with contextlib.ExitStack() as full:

        def fills(trainer, batch):
            step(trainer, batch)
            if (trainer.epoch, trainer.step) == (1, 2):
                full.enter_context(files_no_larger_than(50_000))

        monkeypatch.setattr(Trainer, "_step", fills)
        assert main([*TRAIN, str(tmp_path / "run")]) == 2
    assert "checkpoint.pt' could not be written" in one_line(capsys)
    kept = load_checkpoint(tmp_path / "run")
    assert (kept["epoch"], kept["step"]) == (1, 2)
    monkeypatch.setattr(Trainer, "_step", step)
    assert main([*TRAIN, str(tmp_path / "run"), "--resume"]) == 0
    assert load_checkpoint(tmp_path / "run")["epoch"] == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_no_room_for_the_log(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log.jsonl").symlink_to("/dev/full")
    assert main([*TRAIN, str(tmp_path / "run")]) == 2
    line = one_line(capsys)
    assert "log.jsonl' could not be written (No space left on device)" in line
    assert "make room" in line


@pytest.mark.parametrize(
    "fail", [lambda: torch.empty(2**50), lambda: bytearray(2**60), lambda: (_ for _ in ()).throw(MemoryError)]
)
def test_no_memory(tmp_path, capsys, monkeypatch, fail):
    """PyTorch's own error for it is a RuntimeError, and a MemoryError may say nothing."""
    monkeypatch.setattr(Trainer, "_step", lambda trainer, batch: next(iter(fail()), None))
    assert main([*TRAIN, str(tmp_path / "run")]) == 2
    line = one_line(capsys)
    assert "memory" in line
    assert "batch_size" in line


def test_an_error_that_is_no_lack_of_memory_stays_what_it_is(tmp_path, monkeypatch, capsys):
    def fail(trainer, batch):
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(Trainer, "_step", fail)
    # it is raised here, in a file that is not burstprop's, and so told as the user's own
    assert main([*TRAIN, str(tmp_path / "run")]) == 3
    err = capsys.readouterr().err
    assert "RuntimeError: a fault of the program" in err
    assert "memory" not in err.splitlines()[-1]
