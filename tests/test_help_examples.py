"""Every example in every ``--help`` is carried out up to the work itself, which is replaced by a stop.

So names, variants, settings, files and combinations of options are those that exist. The work takes minutes
to hours, is tested elsewhere, and needs data for some: only `train` and `eval` of the digits really run, for
one epoch, as `simulate --resume` does with a run that was stopped.
"""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from burstprop.cli import VERBS, Parser, introduction, main

EXAMPLES = Path(__file__).parents[1] / "examples"
CIRCUIT = str(Path(__file__).with_name("spiking_circuit.py"))
#: Where each verb has come to its work.
WORK = {
    "reproduce": "burstprop.runs.sweep.run_many",
    "sweep": "burstprop.runs.sweep.run_many",
    "simulate": "burstprop.simulation.long_run.LongRun.run",
    "train": "burstprop.reduced.train.training.train",
    "explore": "burstprop.explore.server.serve",
    "bench": "burstprop.simulation.bench.bench_circuit",
    "bench reduced": "burstprop.reduced.train.bench.bench_reduced",
}
NEEDS_DATA = "eval mnist", "eval imagenet"
"""A network that was trained on data that are not shipped: only the options are looked at."""


class Reached(BaseException):
    """The verb has come to its work."""


def examples_of(verb: str) -> list[str]:
    """Return the commands below ``examples:`` in the help of a verb, without what is said beside them."""
    text = importlib.import_module(VERBS[verb][0]).__doc__
    block = re.split(r"^examples?:\n", text, flags=re.MULTILINE)[1].partition("\n\n")[0]
    commands = [re.split(r"\s{2,}", line.strip())[0] for line in block.splitlines()]
    return [command for command in commands if re.match(r"(burstprop|torchrun) ", command)]


COMMANDS = [command for verb in VERBS for command in examples_of(verb)]
INTRODUCED = re.findall(r"^  (burstprop (?!VERB).*?)(?: {2,}.*)?$", introduction(), re.MULTILINE)


def test_every_verb_has_examples_of_itself():
    for verb in VERBS:
        assert any(f"burstprop {verb}" in command for command in examples_of(verb)), verb
    assert len(INTRODUCED) >= 6


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Work in a folder that holds the files which the examples name."""
    for path in EXAMPLES.glob("*.py"):
        shutil.copy(path, tmp_path)
        monkeypatch.delitem(sys.modules, path.stem, raising=False)  # of the example before, elsewhere
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for path in EXAMPLES.glob("*.py"):
        sys.modules.pop(path.stem, None)


def stop_at(monkeypatch, name):
    def work(*args, **how):
        raise Reached

    module, _, attribute = name.rpartition(".")
    try:
        owner = importlib.import_module(module)
    except ModuleNotFoundError:
        module, _, inside = module.rpartition(".")
        owner = getattr(importlib.import_module(module), inside)
    monkeypatch.setattr(owner, attribute, work)


@pytest.mark.parametrize("command", dict.fromkeys([*COMMANDS, *INTRODUCED]))
def test_an_example_gets_as_far_as_its_work(command, place, monkeypatch, capsys):
    words = shlex.split(command.partition("burstprop ")[2], comments=False)
    verb = words[0]
    if verb in ("train", "eval") or words[:2] == ["bench", "reduced"]:
        pytest.importorskip("torch", reason="the reduced model needs PyTorch")
    if verb == "explore":
        pytest.importorskip("bokeh", reason="a page with sliders needs the extra 'explore'")
    if " ".join(words[:2]) in NEEDS_DATA:
        parser = Parser(prog=verb)
        importlib.import_module(VERBS[verb][0]).add_arguments(parser)
        assert parser.parse(words[1:]).data
        return
    if command == "burstprop simulate --resume long":
        stopped_run("long", monkeypatch)
        assert main([*words, "--quiet"]) == 0
        return
    if verb == "eval":
        assert main(["train", "--epochs", "1", "--quiet", "--threads", "1", "--out", words[1]]) == 0
        assert main([*words, "--quiet", "--threads", "1"]) == 0
        return
    if verb in ("list", "info"):
        assert main(words) == 0
        return
    if verb == "train" and "--data" in words:
        monkeypatch.setattr("burstprop.reduced.data.open_dataset", lambda *args: None)
    name = "bench reduced" if words[:2] == ["bench", "reduced"] else verb
    stop_at(monkeypatch, WORK[name])
    with pytest.raises(Reached):
        main(words)
    assert "Traceback" not in capsys.readouterr().err


def stopped_run(folder, monkeypatch):
    """Leave a run of `simulate` that was stopped after its first checkpoint."""
    from burstprop.runs.checkpoints import Checkpoints

    keep = Checkpoints.keep

    def keep_and_stop(self, *args):
        keep(self, *args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "keep", keep_and_stop)
        words = ["simulate", CIRCUIT, "--duration-ms", "200", "--checkpoint-every-ms", "50", "--quiet"]
        assert main([*words, "--out", folder]) == 130
