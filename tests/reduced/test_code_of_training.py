"""A trained network says which code made it, and a run that goes on with other code says so."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from burstprop.circuits.rules import experiment as comparison
from burstprop.errors import BurstpropWarning
from burstprop.reduced.data import open_dataset
from burstprop.reduced.networks import network_spec
from burstprop.reduced.train import trainer
from burstprop.reduced.train.checkpoint import load_checkpoint
from burstprop.reduced.train.journal import read_log
from burstprop.reduced.train.plan import Plan
from burstprop.reduced.train.settings import setting
from burstprop.reduced.train.trainer import Trainer, code_of_training
from burstprop.reduced.train.training import Stopped, train

OTHER = {"burstprop": "0.0.1", "code": "0ther000"}


def plan(rule: str = "backprop", **changes) -> Plan:
    chosen = dataclasses.replace(setting(rule), network=network_spec("digits", layers=(6,)), epochs=1)
    return Plan(rule, dataclasses.replace(chosen, **changes))


@pytest.fixture(scope="module")
def few():
    digits = open_dataset("digits")
    return dataclasses.replace(digits, train=digits.train.select(np.arange(96)))


def test_record_log_result_and_checkpoint_name_the_code(few, tmp_path):
    result = train(plan(), few, tmp_path)
    code = code_of_training(plan())
    assert len(code["code"]) == 8
    assert result["code"] == code["code"]
    for name in ("run.json", "result.json"):
        assert json.loads((tmp_path / name).read_text())["code"] == code["code"]
    assert read_log(tmp_path, "start")["code"].tolist() == [code["code"]]
    assert load_checkpoint(tmp_path)["codes"] == [code]


def test_the_rule_is_part_of_the_code_and_numbers_are_not(tmp_path):
    code = code_of_training(plan())["code"]
    assert code_of_training(plan("burstccn"))["code"] != code
    assert code_of_training(plan(lr=0.123))["code"] == code
    names = []
    for number, text in enumerate(("A = 1", "A = 2", "A = 2  # a comment")):
        file = tmp_path / str(number) / "mine.py"
        file.parent.mkdir()
        file.write_text(f"from burstprop.reduced import Rule\n\n{text}\n\nclass Mine(Rule): ...\n")
        names.append(code_of_training(plan(f"{file}:Mine"))["code"])
    assert names[0] != names[1] == names[2], "a comment alone changes nothing"
    assert code not in names


def test_a_run_that_goes_on_with_other_code_says_so(few, tmp_path, monkeypatch, caplog):
    def stop(one, batch):
        one.stop = True

    code = code_of_training(plan())["code"]
    with monkeypatch.context() as stopping:
        stopping.setattr(Trainer, "_step", stop)
        with pytest.raises(Stopped):
            train(plan(), few, tmp_path)
    monkeypatch.setattr(trainer, "code_of_training", lambda plan: OTHER)
    result = train(plan(), few, tmp_path, resume=True)
    assert result["code"] == f"{code}, then {OTHER['code']}"
    assert (
        f"(code {code}) and goes on with burstprop 0.0.1 (code 0ther000): its result is of both"
        in caplog.text
    )
    assert read_log(tmp_path, "resume")["code"].tolist() == [OTHER["code"]]
    caplog.clear()
    train(plan(), few, tmp_path, resume=True)
    assert "goes on" not in caplog.text


def test_a_comparison_warns_of_finished_runs_of_other_code(tmp_path, monkeypatch):
    params = comparison.Params(datasets="digits", rules="backprop", epochs=1)

    def compare():
        return comparison.EXPERIMENT.frames(params, realizations=1, jobs=1, progress=False, out=tmp_path)

    (code,) = compare()["results"]["code"]
    assert (
        code
        == code_of_training(comparison.planned(comparison.plan_jobs(params, 1, 1, None, True)[0]))["code"]
    )
    monkeypatch.setattr(trainer, "code_of_training", lambda plan: OTHER)
    with pytest.warns(BurstpropWarning, match=f"digits/backprop-seed1 by {code}, now 0ther000"):
        assert compare()["results"]["code"].tolist() == [code]
