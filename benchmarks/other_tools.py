"""burstprop beside Brian2, NEST and snnTorch, and a posterior from sbi: runs the examples over several seeds.

    python benchmarks/other_tools.py statistics     needs brian2, nest-simulator and snntorch; minutes
    python benchmarks/other_tools.py posterior      needs sbi; a minute

The first runs ``compare`` of each file in examples/other_tools with five seeds. It writes statistics.csv (a
row for each seed and statistic) and statistics_claims.csv: how far the means of the seeds are apart, and
what was allowed. The second runs fit_with_sbi.py there and draws its posterior. For 50 parameter sets that
the posterior has not seen it counts how many true values lie in the 90 % interval (posterior_claims.csv).
Both write to benchmarks/results/other_tools, with command, versions, machine and date.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from burstprop import Claim
from burstprop.report.report import claims_frame, provenance
from burstprop.runs.run_code import code_of_run
from burstprop.system.files import write_json, writing

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "other_tools"
SEEDS = range(1, 6)
TOOLS = {
    "Brian2": ("adex_in_brian2", "brian2"),
    "NEST": ("interneurons_in_nest", "nest-simulator"),
    "snnTorch": ("leaky_in_snntorch", "snntorch"),
}
ALLOWED_PERCENT = {"Brian2": 3.0, "NEST": 5.0, "snnTorch": 0.0}
"""How far the means over the seeds may be apart. Spreads over neurons of NEST: `SPREAD_PERCENT`."""
SPREAD_PERCENT = 15.0
COARSE_MS, COARSE_SEEDS = 0.1, SEEDS[:2]
"""The step of burstprop for which the difference to NEST is stored too, and not judged."""
TRUTHS, COVERED = 50, (39, 50)
"""True values drawn from the prior, and how many of them a 90 % interval may hold: all but 1 % of chance."""


def example(name: str) -> Any:
    """Import a file of examples/other_tools."""
    folder = str(ROOT / "examples" / "other_tools")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def statistics() -> tuple[pd.DataFrame, list[Claim]]:
    """Run the three comparisons; return all rows, and the claims on their means."""
    parts = []
    for tool, (name, _) in TOOLS.items():
        for seed in SEEDS:
            parts.append(example(name).compare(seed).assign(tool=tool, seed=seed))
            print(parts[-1].to_string(index=False), flush=True)
    for seed in COARSE_SEEDS:
        coarse = example("interneurons_in_nest").compare(seed, dt_ms=COARSE_MS)
        parts.append(coarse.assign(tool=f"NEST, dt_ms = {COARSE_MS:g}", seed=seed))
    table = pd.concat(parts, ignore_index=True)[["tool", "seed", "statistic", "unit", "theirs", "burstprop"]]
    means = table.groupby(["tool", "statistic", "unit"], sort=False)[["theirs", "burstprop"]].mean()
    claims = []
    for (tool, statistic, unit), row in means.iterrows():
        allowed = SPREAD_PERCENT if "spread" in statistic else ALLOWED_PERCENT.get(tool, np.inf)
        claims.append(
            Claim(
                f"{tool}: {statistic}, difference",
                100.0 * (row["burstprop"] / row["theirs"] - 1.0),
                -allowed,
                allowed,
                "%",
                f"{tool.partition(',')[0]}: {row['theirs']:.4g} {unit}".removesuffix(" 1"),
                "" if tool in TOOLS else "steps too large for it",
            )
        )
    return table, claims


def posterior() -> tuple[pd.DataFrame, list[Claim]]:
    """Learn the posterior; return truths with their intervals, and the claims on how many these hold."""
    import torch

    fit = example("fit_with_sbi")
    learned = fit.learn_posterior()
    fit.draw(fit.sample(learned, np.array(fit.TRUE), seed=2), str(RESULTS / "posterior.png"))
    truths = np.random.default_rng(3).uniform(fit.LOW, fit.HIGH, size=(TRUTHS, len(fit.LOW)))
    observed = torch.as_tensor(fit.measure(truths, seed=3), dtype=torch.float32)
    rows = []
    for k, (truth, x) in enumerate(zip(truths, observed, strict=True)):
        samples = learned.sample((1000,), x=x, show_progress_bars=False).numpy()
        low, middle, high = np.quantile(samples, (0.05, 0.5, 0.95), axis=0)
        for name, *numbers in zip(fit.NAMES, truth, low, middle, high, strict=True):
            rows.append((k, name, *numbers))
    table = pd.DataFrame(rows, columns=["set", "parameter", "true", "low", "median", "high"])
    held = (table["low"] <= table["true"]) & (table["true"] <= table["high"])
    claims = [
        Claim(f"{name}: true values in the 90 % interval", held[own.index].sum(), *COVERED, f"of {TRUTHS}")
        for name, own in table.groupby("parameter", sort=False)
    ]
    return table, claims


def main() -> int:
    """Run one part, store it, and print its claims."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("statistics", "posterior"))
    part = parser.parse_args().part
    RESULTS.mkdir(parents=True, exist_ok=True)
    table, claims = {"statistics": statistics, "posterior": posterior}[part]()
    for name, frame in ((part, table), (f"{part}_claims", claims_frame(claims))):
        with writing(RESULTS / f"{name}.csv") as temporary:
            frame.to_csv(temporary, index=False, float_format="%.5g")
    if part == "posterior":
        libraries, functions = ["sbi"], [example("fit_with_sbi").measure]
    else:
        libraries = [package for _, package in TOOLS.values()]
        functions = [example(name).compare for name, _ in TOOLS.values()]
    known = provenance(
        command=f"python benchmarks/other_tools.py {part}",
        seed=1,
        parameters={},
        libraries={name: version(name) for name in libraries},
        parts=[code_of_run(function, {}) for function in functions],
    )
    write_json(RESULTS / f"{part}.json", known)
    print(claims_frame(claims).to_string(index=False))
    return int(any(claim.failed for claim in claims))


if __name__ == "__main__":
    sys.exit(main())
