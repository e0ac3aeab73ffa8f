"""Rates of the propagation circuit against the time step: how far the published 0.1 ms is from the limit.

    python benchmarks/dt_convergence.py --out benchmarks/results/simulator          some minutes, one core

Writes dt_convergence.csv, one row for each time step and population (mean over the realizations and standard
error of the event and burst rate after the first second), and dt_convergence.json, how it was made. Synapses
are the same for all time steps, the background is drawn anew.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd

from burstprop.circuits.propagation.experiment import Params, build
from burstprop.recording import Record
from burstprop.report.report import provenance
from burstprop.runs.run_code import code_of_run
from burstprop.simulation import simulate
from burstprop.system.files import plain, write_json

STEPS_MS = (0.1, 0.05, 0.025, 0.0125)
REALIZATIONS = 3
DURATION_MS = 4000.0
SETTLING_MS = 1000.0
RATES = ("event_rate_hz", "burst_rate_hz")


def measure(dt_ms: float, realization: int) -> pd.DataFrame:
    """Return the mean rates of every population after the settling time."""
    circuit = replace(build(Params()), dt_ms=dt_ms)
    record = Record(spikes=False, rates_bin_ms=50.0)
    rates = simulate(circuit, DURATION_MS, seed=1, realization=realization, record=record).rates
    rates = rates[rates["time_ms"] > SETTLING_MS]
    found = rates.groupby("population", observed=True)[list(RATES)].mean().reset_index()
    return found.assign(dt_ms=dt_ms, realization=realization)


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Return mean and standard error of each rate for every time step and population."""
    grouped = runs.groupby(["population", "dt_ms"], observed=True)[list(RATES)]
    mean, error = grouped.mean(), grouped.sem().add_suffix("_se")
    return mean.join(error).reset_index().round(4)


def page(table: pd.DataFrame) -> str:
    """Return the table of docs/explanation/limits.md: event and burst rate of every population in Hz."""
    populations = list(dict.fromkeys(table["population"]))
    lines = [
        "| dt (ms) | " + " | ".join(f"{name}: events, bursts (Hz)" for name in populations) + " |",
        "| --- |" + " --- |" * len(populations),
    ]
    for dt_ms in STEPS_MS:
        at = table[table["dt_ms"] == dt_ms].set_index("population")
        cells = [", ".join(f"{at.loc[name, rate]:.2f}" for rate in RATES) for name in populations]
        lines.append(f"| {dt_ms:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    runs = pd.concat([measure(dt, k) for dt in STEPS_MS for k in range(1, REALIZATIONS + 1)])
    table = summary(runs)
    print(page(table))
    args.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(args.out / "dt_convergence.csv", index=False)
    made = code_of_run(measure, {"params": Params()}) | provenance(
        command=f"python benchmarks/dt_convergence.py --out {args.out}",
        seed=1,
        parameters={"realizations": REALIZATIONS, "duration_ms": DURATION_MS, "settling_ms": SETTLING_MS},
    )
    write_json(args.out / "dt_convergence.json", plain(made))


if __name__ == "__main__":
    main()
