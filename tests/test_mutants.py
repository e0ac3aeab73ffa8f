"""The list of faults made on purpose is one that can be carried out: each has its line and its tests."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("mutants", ROOT / "benchmarks" / "mutants.py")
mutants = importlib.util.module_from_spec(SPEC)
sys.modules["mutants"] = mutants  # where its dataclass looks for the names of its types
SPEC.loader.exec_module(mutants)
FAULTS = mutants.faults()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_has_one_place_and_tests_that_are_there(fault):
    assert fault.text() != (ROOT / fault.file).read_text(encoding="utf-8")
    assert fault.tests
    for test in fault.tests:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_every_fault_has_a_name_of_its_own():
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names)
    assert mutants.faults("no fault has this word") == []


def test_a_loaded_package_is_refused(tmp_path, monkeypatch):
    """Forked tests would take it instead of the copy, and every fault would survive."""
    monkeypatch.setitem(sys.modules, "burstprop", sys)
    with pytest.raises(SystemExit, match="burstprop is loaded here"):
        mutants.passes(tmp_path, [])


def test_the_table_is_stored_without_loading_the_package_here(tmp_path, monkeypatch):
    monkeypatch.setattr(mutants, "RESULTS", tmp_path)
    parent = os.getpid()
    monkeypatch.setattr(mutants, "_write", lambda *_: (tmp_path / "by").write_text(str(os.getpid())))
    mutants.store(pd.DataFrame({"outcome": ["killed"]}), "command")
    assert int((tmp_path / "by").read_text()) != parent
