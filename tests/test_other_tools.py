"""Brian2, NEST and snnTorch measure what burstprop measures, and sbi finds the parameters that made the data.

Each example runs in a process of its own, smaller than the file asks for: what is stored comes from
``python benchmarks/other_tools.py``, and the last tests look at that.
"""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
STORED = ROOT / "benchmarks" / "results" / "other_tools"
COMPARED = {
    # example: library, what is made smaller, how far both may be apart
    "adex_in_brian2": ("brian2", {}, 0.03),
    # 100 neurons for a second: the mean rates of two runs differ by 5 % (one SD)
    "interneurons_in_nest": ("nest", {"N": 100, "DURATION_MS": 1500.0, "DT_MS": 0.05}, 0.25),
    "leaky_in_snntorch": ("snntorch", {"STEPS": 200}, 0.0),
}


def run(program: str, cwd: Path) -> str:
    begin = f"import sys; sys.path.insert(0, {str(ROOT / 'examples' / 'other_tools')!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + program], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", COMPARED)
def test_both_measure_the_same(name, tmp_path):
    library, smaller, allowed = COMPARED[name]
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"this example compares with {library}, which is not installed")
    changes = "".join(f"m.{constant} = {value}\n" for constant, value in smaller.items())
    step = ", m.DT_MS" if "DT_MS" in smaller else ""
    program = f"import {name} as m\n{changes}print('TABLE'); print(m.compare(1{step}).to_csv(index=False))"
    out = run(program, tmp_path)
    table = pd.read_csv(io.StringIO(out.partition("TABLE\n")[2]), index_col="statistic")
    for statistic, row in table.iterrows():
        assert row["theirs"] > 0
        assert row["burstprop"] == pytest.approx(row["theirs"], rel=allowed, abs=0), statistic


def test_sbi_finds_the_parameters_again(tmp_path):
    if importlib.util.find_spec("sbi") is None:
        pytest.skip("this example needs sbi, which is not installed")
    program = """import fit_with_sbi as m
import numpy as np
samples = m.sample(m.learn_posterior(300), np.array(m.TRUE), seed=2)
m.draw(samples, "posterior.png")
print("SAID", *np.median(samples, axis=0), *samples.std(axis=0))"""
    said = run(program, tmp_path).partition("SAID ")[2].split()
    tau_ws, b_ws, tau_sd, b_sd = map(float, said)
    assert tau_ws == pytest.approx(100.0, abs=50.0)
    assert b_ws == pytest.approx(-200.0, abs=90.0)
    # the prior's are 66 ms and 101 pA
    assert tau_sd < 45.0
    assert b_sd < 75.0
    assert (tmp_path / "posterior.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("part", ["statistics", "posterior"])
def test_what_is_stored_was_allowed(part):
    claims = pd.read_csv(STORED / f"{part}_claims.csv")
    judged = claims[claims["verdict"] != "not judged"]
    assert len(judged) == {"statistics": 11, "posterior": 2}[part]
    assert judged["passed"].all()


def test_pages_quote_what_is_stored():
    both = pd.concat(pd.read_csv(STORED / f"{part}_claims.csv") for part in ("statistics", "posterior"))
    measured = both.set_index("claim")["measured"]

    def apart(claim, digits=1):
        return f"{abs(measured[claim + ', difference']):.{digits}f} %"

    page = (ROOT / "docs" / "how-to" / "coming_from_other_tools.md").read_text(encoding="utf-8")
    brian = [apart(f"Brian2: {what}") for what in ("mean rate of 20 currents", "slope of rate over current")]
    assert f"mean rate {brian[0]}, slope {brian[1]} apart" in page
    rates = [apart(f"NEST: {name}: rate") for name in ("pv", "som")]
    cv = [apart(f"NEST: {name}: CV of the intervals") for name in ("pv", "som")]
    said = f"rates {rates[0]} (PV) and {rates[1]} (SOM), CV of the intervals {cv[0]} and {cv[1]} apart"
    assert said in page
    assert measured["snnTorch: part of all neurons and steps that agree, difference"] == 0.0
    assert f"spike {apart('NEST, dt_ms = 0.1: pv: rate', 0)} less than in NEST" in page
    page = (ROOT / "docs" / "how-to" / "fit_parameters.md").read_text(encoding="utf-8")
    for name in ("tau_ws (ms)", "b_ws (pA)"):
        held = measured[f"{name}: true values in the 90 % interval"]
        assert f"{held:.0f} of 50 ({name.split()[0]})" in page
