"""The complete files that the texts name are run as a reader would run them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from burstprop.cli import main

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
SHORT = ["--set", "duration_ms=400", "--set", "n=100", "--jobs", "1"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("my_circuit", "burst_prob"), ("my_neuron", "lif"), ("my_rule", r"loss .* -> 0\.")],
)
def test_example_runs_as_a_program(name, words, tmp_path):
    if name == "my_rule":
        pytest.importorskip("torch", reason="the reduced model needs PyTorch")
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(words, done.stdout), done.stdout


def test_experiment_is_reproduced_by_its_path(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="a figure needs the extra 'plot'")
    out = tmp_path / "out"
    assert main(["reproduce", str(EXAMPLES / "my_experiment.py"), *SHORT, "--out", str(out)]) == 0
    assert "2 of 2 claims hold" in capsys.readouterr().out
    assert {"my_experiment.png", "rates.csv", "run.json", "report.html"} <= {
        path.name for path in out.iterdir()
    }


def test_circuit_is_simulated_by_its_path(tmp_path):
    out = tmp_path / "out"
    words = ["simulate", str(EXAMPLES / "my_circuit.py"), "--duration-ms", "50", "--set", "n_pyr=20"]
    assert main([*words, "--out", str(out)]) == 0
    assert (out / "rates.csv").is_file()


def test_every_example_that_a_text_names_is_there():
    texts = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        name
        for text in texts
        for name in re.findall(r"examples/((?:\w+/)?\w+\.py)", text.read_text(encoding="utf-8"))
    }
    assert named >= {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*.py")}
    assert all((EXAMPLES / name).is_file() for name in named)
