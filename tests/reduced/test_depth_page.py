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
