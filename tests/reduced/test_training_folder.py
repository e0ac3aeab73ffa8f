"""The folder of a training run: one process at a time, how it ended, and what it was resumed from."""

import json
import os

import pytest
import torch

from burstprop.cli import main
from burstprop.reduced.data import open_dataset
from burstprop.reduced.train.plan import Plan
from burstprop.reduced.train.settings import setting
from burstprop.reduced.train.training import Options, Stopped, Trainer, train
from burstprop.runs.lock import Lock, Locked

WORDS = ["train", "--rule", "backprop", "--epochs", "1", "--no-layers", "--json", "--quiet"]


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def status(folder):
    return json.loads((folder / "run.json").read_text())["status"]


def test_two_trainings_do_not_share_a_folder(tmp_path, capsys):
    lock = Lock(tmp_path, "burstprop train")
    lock.take()
    assert main([*WORDS, "--out", str(tmp_path)]) == 2
    assert f"is being worked on by process {os.getpid()}" in capsys.readouterr().err
    assert not (tmp_path / "log.jsonl").exists()
    lock.release()
    assert main([*WORDS, "--resume", "--out", str(tmp_path)]) == 0
    assert "has no checkpoint: the run starts from the beginning" in capsys.readouterr().err
    assert status(tmp_path) == "complete"
    assert main([*WORDS, "--out", str(tmp_path)]) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert status(tmp_path) == "complete", "a run that is refused changes nothing"


def test_a_training_that_stops_says_how(tmp_path, monkeypatch):
    chosen = setting("backprop", "digits")
    step = Trainer._step

    def stopping(trainer, batch):
        step(trainer, batch)
        assert status(tmp_path) == "running"
        with pytest.raises(Locked):
            train(Plan("backprop", chosen), open_dataset("digits"), tmp_path, resume=True)
        trainer.stop = True

    monkeypatch.setattr(Trainer, "_step", stopping)
    with pytest.raises(Stopped):
        train(Plan("backprop", chosen), open_dataset("digits"), tmp_path, options=Options(layers=False))
    assert status(tmp_path) == "interrupted"
    assert not (tmp_path / ".lock").exists()

    def failing(trainer, batch):
        raise RuntimeError("no more")

    monkeypatch.setattr(Trainer, "_step", failing)
    with pytest.raises(RuntimeError):
        train(Plan("backprop", chosen), open_dataset("digits"), tmp_path, resume=True)
    assert status(tmp_path) == "failed"
