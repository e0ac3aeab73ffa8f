"""docs/explanation/depth.md says what the stored tables say."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "reduced"
PAGE = (ROOT / "docs" / "explanation" / "depth.md").read_text(encoding="utf-8")


def test_what_dendrites_cost_at_the_start():
    frame = pd.read_csv(RESULTS / "depth_start.csv")
    rows = re.findall(
        r"^\| (\d+) \| (.+?) \| (\d+)° \| (\S+) \| (\d+)° \| (\S*).*? \| (\S*) ?\|$", PAGE, re.M
    )
    assert len(rows) == 18
    for depth, way, lowest, size, mean, saturated, events in rows:
        own = frame[(frame["depth"] == int(depth)) & (frame["teaching"] == way)]
        low, hidden = own.iloc[0], own.iloc[:-1]
        assert float(lowest) == pytest.approx(low["update_angle_deg"], abs=0.51), (depth, way)
        # the table holds sizes with two digits, the file with five decimals
        assert float(size) == pytest.approx(low["update_size"], rel=0.06, abs=6e-6), (depth, way)
        assert float(mean) == pytest.approx(hidden["update_angle_deg"].mean(), abs=0.51), (depth, way)
        if saturated:
            assert float(saturated) == pytest.approx(100 * hidden["saturated_fraction"].mean(), abs=0.051)
            assert float(events) == pytest.approx(low["events_needed"], rel=0.06), (depth, way)


@pytest.mark.parametrize(
    ("study", "table"),
    [
        ("constraints", "table"),
        ("starts", "seeds_table"),
        ("depth-short", "depth_table"),
        ("cifar10-quick", "seeds_table"),
        ("cifar10-residual", "seeds_table"),
        ("cifar10-retina", "seeds_table"),
    ],
)
def test_tables_of_the_page(study, table):
    made = runpy.run_path(str(ROOT / "docs" / "make" / "depth.py"))
    runs, layers = (pd.read_csv(RESULTS / f"{study}{suffix}.csv") for suffix in ("", "_layers"))
    assert made[table](runs, layers) in PAGE


def test_the_course_of_learning_has_every_rule_and_epoch():
    made = runpy.run_path(str(ROOT / "docs" / "make" / "depth.py"))
    curves, layers = (
        pd.read_csv(RESULTS / f"cifar10-quick{suffix}.csv") for suffix in ("_curves", "_layers")
    )
    training, validation, *_ = made["draw_course"](curves, layers).axes
    for axis, column in ((training, "train_error_percent"), (validation, "validation_error_percent")):
        assert len(axis.get_lines()) == curves["rule"].nunique()
        drawn = sorted(y for line in axis.get_lines() for y in line.get_ydata())
        expected = curves.groupby(["rule", "epoch"])[column].mean()
        assert drawn == pytest.approx(sorted(expected))
        assert axis.get_ylim()[1] > expected.max()
