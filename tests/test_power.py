"""What the checks notice: the stored tables are as expected, the page is made from them, and cheap rows are run."""

import importlib.util
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("power", ROOT / "benchmarks" / "power.py")
power = importlib.util.module_from_spec(SPEC)
sys.modules["power"] = power  # where its dataclass looks for its own module
SPEC.loader.exec_module(power)
pytestmark = pytest.mark.slow

#: Written down as expected to be noticed, and not noticed by two realizations when they were run: D² 18.3, bound 18.6.
MISSED = {("transfer", "weight of the recurrent inhibition halved")}
STORED = sorted(path.stem for path in power.RESULTS.glob("*.csv"))


@pytest.mark.parametrize("name", STORED)
def test_stored_tables_hold_every_change_and_what_was_expected(name):
    table = pd.read_csv(power.RESULTS / f"{name}.csv")
    assert table["change"].tolist() == [change.words for change in power.CHANGES[name]]
    missed = {(name, words) for words in table.loc[table["noticed"] != table["expected"], "change"]}
    assert missed == {(of, words) for of, words in MISSED if of == name}
    assert not table["noticed"][0], "a program that nothing was changed in passes"


def test_the_page_is_made_from_the_tables():
    assert power.DOCS.read_text(encoding="utf-8") == power.docs()


def changed(name, words):
    (change,) = [change for change in power.CHANGES[name] if change.words == words]
    return change


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("propagation", "w_pyr2_pyr1 + 5 %"),
        ("propagation", "w_from_som + 10 %"),
        ("propagation", "tau_F of the depressing synapses 1000 -> 100 ms"),
        ("transfer", "tau_s doubled"),
        ("xor", "nothing"),
        ("xor", "shuffled_feedback"),
        ("xor", "fed_alike"),
        ("xor", "no_feedback_inhibition"),
    ],
)
def test_a_change_is_noticed_at_the_smallest_size_that_shows_it(name, words):
    change = changed(name, words)
    assert power.row(name, change)["noticed"] == change.noticed
