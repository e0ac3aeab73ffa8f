"""How far apart realizations of a circuit are, where the published program printed too few to tell.

Makes the realizations of a seed that nothing else uses, takes from each the figures that the circuit's check
compares, and writes them into the circuit's folder, with how they were made: ``own_figures.csv`` and
``own_figures.json``. The check takes standard deviations and correlations from there. The seed was
fixed before the first of them was run; their number was cut, for want of time, before a result was looked at.
Finished realizations are kept in RUNS, so the command may be stopped
and called again.

    python benchmarks/own_spread.py plasticity_rule
    python benchmarks/own_spread.py xor
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
from pathlib import Path

from burstprop.experiments import catalogue
from burstprop.parameters import replace
from burstprop.report.report import provenance
from burstprop.runs.sweep import work_counted
from burstprop.system.files import write_json, write_text

SEED = 101
REALIZATIONS = {"plasticity_rule": 5, "xor": 12}
QUICK = {"xor"}
"""The smaller version is what is compared."""
CHANGES = {"xor": {"epochs": 1}}
"""What is compared there is before learning."""
CIRCUITS = Path(__file__).parents[1] / "circuits"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=tuple(REALIZATIONS))
    parser.add_argument("--runs", default="results/own-spread", metavar="DIR", help="folder of the runs")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side (1)")
    args = parser.parse_args()
    experiment = catalogue.load(catalogue.find(args.name))
    check = importlib.import_module(f"burstprop.circuits.{args.name}.check")
    quick, count = args.name in QUICK, REALIZATIONS[args.name]
    published = catalogue.parameters(catalogue.find(args.name), experiment, None, quick)
    params = replace(published, **CHANGES.get(args.name, {}))
    out = Path(args.runs) / args.name
    with work_counted() as work:
        frames = experiment.frames(
            params, seed=SEED, realizations=count, quick=quick, jobs=args.jobs, out=out
        )
    table = check.own_figures(frames)
    write_text(CIRCUITS / args.name / "own_figures.csv", table.to_csv(float_format="%.6g"))
    known = provenance(
        command=f"python benchmarks/own_spread.py {args.name}",
        seed=SEED,
        parameters=dataclasses.asdict(params),
        realizations=count,
        quick=quick,
        parts=work,
    )
    write_json(CIRCUITS / args.name / "own_figures.json", known)
    print(table.describe().T.to_string())


if __name__ == "__main__":
    main()
