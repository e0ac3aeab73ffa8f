"""What the README shows is run: every Python block, as a file of its own; its commands, and those of the pages of
the documentation (whose blocks tests/test_docs.py runs), are those that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from burstprop.cli import VERBS
from burstprop.experiments import catalogue

README = Path(__file__).parents[1] / "README.md"
DOCS = README.parent / "docs"
PAGES = [
    path
    for folder in (".", "start", "tutorials", "how-to", "reference", "explanation", "results")
    for path in sorted((DOCS / folder).glob("*.md"))
]
OWN = README.read_text(encoding="utf-8")
TEXT = "\n".join([OWN, *(page.read_text(encoding="utf-8") for page in PAGES)])
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(TEXT)
SKETCHES = ("    ...\n",)
"""Blocks with these are not whole programs: a body left to the reader."""


def whole():
    return [block for block in BLOCKS if not any(mark in block for mark in SKETCHES)]


def test_most_blocks_are_whole_programs():
    assert len(whole()) >= 5
    assert len(BLOCKS) - len(whole()) <= 2


@pytest.mark.parametrize("block", BLOCK.findall(OWN), ids=lambda block: block.split("\n", 1)[0][:40])
def test_block_runs(block, tmp_path):
    if "burstprop.reduced" in block:
        pytest.importorskip("torch", reason="the reduced model needs PyTorch")
    program = tmp_path / "block.py"
    program.write_text(block, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_block_is_python(block):
    compile(block, "README.md", "exec")


def test_commands_exist():
    commands = re.findall(r"^\s*burstprop (\w+)(?: ([a-z_][a-z_-]*))?", TEXT, re.MULTILINE)
    assert len(commands) >= 10
    known = catalogue.entries()
    for verb, name in commands:
        if verb == "VERB":
            continue
        assert verb in VERBS, verb
        if verb in ("info", "reproduce", "simulate", "bench", "sweep") and name:
            assert name in known, f"burstprop {verb} {name}"


def test_lists_every_circuit():
    table = OWN.partition("## The circuits")[2].partition("##")[0]
    assert set(re.findall(r"^\| `([\w-]+)`", table, re.MULTILINE)) == set(catalogue.entries())


def test_error_shown_is_the_error_raised():
    from burstprop import BurstpropError, Circuit, Population, Projection, PyramidalNeuron
    from burstprop.neurons import som_interneuron

    with pytest.raises(BurstpropError) as caught:
        Circuit(
            populations=(
                Population("pyr", 400, PyramidalNeuron()),
                Population("som", 100, som_interneuron()),
            ),
            projections=(Projection("pyr", "som", "soma_exk", weight=3.0),),
        )
    assert str(caught.value) in TEXT
