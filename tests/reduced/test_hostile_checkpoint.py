"""A checkpoint runs no code but what its user names or has trained with: nor that of a file that it names."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from burstprop.circuits.rules import experiment as comparison
from burstprop.cli import main
from burstprop.errors import BurstpropError
from burstprop.reduced.data import open_dataset
from burstprop.reduced.train.checkpoint import load_checkpoint, save_checkpoint
from burstprop.reduced.train.evaluation import evaluate_checkpoint
from burstprop.reduced.train.plan import Plan
from burstprop.reduced.train.settings import setting
from burstprop.reduced.train.training import Options, train

RULE = """
from dataclasses import dataclass
from pathlib import Path

from burstprop.reduced import Rule

Path({mark!r}).touch()


@dataclass(frozen=True)
class Mine(Rule):
    pass
"""


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """Return the folder of an honest run of one epoch."""
    folder = tmp_path_factory.mktemp("honest") / "run"
    assert main(["train", "--rule", "backprop", "--epochs", "1", "--quiet", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def mark(tmp_path):
    """Where the hostile code leaves its mark."""
    return tmp_path / "it ran"


@pytest.fixture
def hostile(honest, tmp_path, mark):
    """Return a run that came from elsewhere: its checkpoint names a file beside it, with the right hash."""
    folder = tmp_path / "run"
    shutil.copytree(honest, folder)
    file = folder / "evil.py"
    file.write_text(RULE.format(mark=str(mark)))
    name_in_checkpoint(folder, f"{file}:Mine", hashlib.sha256(file.read_bytes()).hexdigest())
    return folder


def name_in_checkpoint(folder: Path, rule: str, digest: str | None) -> None:
    content = load_checkpoint(folder)
    content["plan"] |= {"rule": rule, "rule_source_sha256": digest}
    save_checkpoint(folder / "checkpoint.pt", content)


def test_eval_does_not_run_the_file_that_a_checkpoint_names(hostile, mark, capsys):
    assert main(["eval", str(hostile), "--json"]) == 2
    error = capsys.readouterr().err
    assert f"--rule {hostile / 'evil.py'}:Mine" in error
    assert "you have never trained with that file on this machine" in error
    assert not mark.exists()
    with pytest.raises(BurstpropError, match="never trained with that file"):
        evaluate_checkpoint(hostile, None)
    with pytest.raises(BurstpropError, match="never trained with that file"):
        Plan.from_dict(load_checkpoint(hostile)["plan"])
    assert not mark.exists()


def test_eval_runs_it_when_the_user_names_it(hostile, mark, capsys):
    assert main(["eval", str(hostile), "--json", "--rule", f"{hostile / 'evil.py'}:Mine"]) == 0
    assert mark.exists()
    assert not json.loads(capsys.readouterr().out)["rule_edited"]


@pytest.mark.parametrize("name", ["evil.py:Mine", "~/evil.py:Mine", "evil:Mine", "linked.py:Mine"])
def test_neither_a_path_in_other_words_nor_a_module_gets_round_it(hostile, mark, monkeypatch, name):
    monkeypatch.chdir(hostile)
    monkeypatch.setenv("HOME", str(hostile))
    monkeypatch.syspath_prepend(str(hostile))
    (hostile / "linked.py").symlink_to(hostile / "evil.py")
    name_in_checkpoint(hostile, name, hashlib.sha256((hostile / "evil.py").read_bytes()).hexdigest())
    with pytest.raises(BurstpropError, match="--rule"):
        evaluate_checkpoint(hostile, None)
    assert not mark.exists()


def test_resuming_does_not_run_it(hostile, mark, capsys):
    words = ["train", "--rule", "backprop", "--epochs", "1", "--quiet", "--resume", "--out", str(hostile)]
    assert main(words) == 2
    assert "was started otherwise" in capsys.readouterr().err
    assert not mark.exists()


def test_the_comparison_does_not_run_it(hostile, mark, tmp_path):
    place = tmp_path / "out" / "runs" / "digits" / "backprop-seed1"
    shutil.copytree(hostile, place)
    params = comparison.Params(datasets="digits", rules="backprop", epochs=1)
    for _ in range(2):  # finished, as it claims, and not
        with pytest.raises(BurstpropError, match="was started otherwise"):
            comparison.EXPERIMENT.frames(params, realizations=1, jobs=1, progress=False, out=tmp_path / "out")
        (place / "result.json").unlink(missing_ok=True)
    assert not mark.exists()


def trained(folder: Path, mark: Path) -> str:
    """Train with a rule of one's own, in ``folder / "run"``, and return its name."""
    (folder / "mine.py").write_text(RULE.format(mark=str(mark)))
    name = f"{folder / 'mine.py'}:Mine"
    few = dataclasses.replace(setting(name), epochs=1)
    train(Plan(name, few), open_dataset("digits"), folder / "run", options=Options(layers=False))
    mark.unlink()
    return name


def test_a_file_that_the_user_has_trained_with_needs_no_word(tmp_path, mark):
    trained(tmp_path, mark)
    summary, _ = evaluate_checkpoint(tmp_path / "run", None)
    assert not summary["rule_edited"]


def test_a_file_that_took_its_place_is_not_run(tmp_path, mark):
    """Neither with its own hash in the checkpoint, nor with that of the file that was there."""
    name = trained(tmp_path, mark)
    file = tmp_path / "mine.py"
    file.write_text(file.read_text() + "# other code\n")
    with pytest.raises(BurstpropError, match=r"was edited after the training: restore it .*--rule"):
        evaluate_checkpoint(tmp_path / "run", None)
    name_in_checkpoint(tmp_path / "run", name, hashlib.sha256(file.read_bytes()).hexdigest())
    with pytest.raises(BurstpropError, match="never trained with that file"):
        evaluate_checkpoint(tmp_path / "run", None)
    assert not mark.exists()


def test_eval_says_that_the_rule_was_edited(tmp_path, mark, capsys, caplog):
    name = trained(tmp_path, mark)
    file = tmp_path / "mine.py"
    file.write_text(file.read_text() + "# edited\n")
    assert main(["eval", str(tmp_path / "run"), "--json", "--rule", name]) == 0
    assert json.loads(capsys.readouterr().out)["rule_edited"]
    assert f"{str(file)!r} was edited after the training" in caplog.text
    assert main(["eval", str(tmp_path / "run"), "--rule", name]) == 0
    assert "was edited after the training" in capsys.readouterr().out


def test_a_file_that_is_gone_or_has_moved(tmp_path, mark, caplog):
    trained(tmp_path, mark)
    moved = (tmp_path / "mine.py").rename(tmp_path / "moved.py")
    with pytest.raises(BurstpropError, match=r"is not there: say where it is now \(--rule FILE.py:Mine\)"):
        evaluate_checkpoint(tmp_path / "run", None)
    summary, _ = evaluate_checkpoint(tmp_path / "run", None, rule=f"{moved}:Mine")
    assert not summary["rule_edited"]
    assert "edited" not in caplog.text


def test_a_home_that_cannot_be_written_is_said_and_stops_nothing(tmp_path, mark, monkeypatch, caplog):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    name = trained(tmp_path, mark)
    assert f"to test this run later, name its rule: --rule {name}" in caplog.text
    with pytest.raises(BurstpropError, match="never trained with that file"):
        evaluate_checkpoint(tmp_path / "run", None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rule": "no_such_rule"}, "rule = 'no_such_rule'"),
        ({"rule": 3}, "holds no plan"),
        ({"network": {}}, "holds no plan"),
        ({"network": None}, "holds no plan"),
        ({"setting": {"dataset": "digits", "what": 1}}, "holds no plan"),
        ({"rule_settings": {"p0": []}}, "holds no plan|p0"),
    ],
)
def test_a_plan_that_makes_no_sense_is_one_line(honest, tmp_path, capsys, changes, says):
    folder = tmp_path / "run"
    shutil.copytree(honest, folder)
    content = load_checkpoint(folder)
    content["plan"] |= changes
    save_checkpoint(folder / "checkpoint.pt", content)
    assert main(["eval", str(folder)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert any(part in lines[0] for part in says.split("|"))
