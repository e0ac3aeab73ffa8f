"""The propagation part of the bridge alone: six configurations predicted from isolated populations.

    python benchmarks/bridge_propagation.py --out benchmarks/results/bridge

makes the parts of ``burstprop reproduce bridge --set xor_epochs=500`` that need no learning and keeps them in
RUNS. That command goes on with them where RUNS is the folder ``realizations`` of its output. Their tables and
how they were made (run.json) go into OUT.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import pandas as pd

from burstprop.circuits.bridge.experiment import Params, Part, one
from burstprop.circuits.bridge.propagation import CONFIGURATIONS
from burstprop.report.report import provenance
from burstprop.runs.frames import write_frames
from burstprop.runs.run import RUN_FILE
from burstprop.runs.sweep import run_many, work_counted
from burstprop.system.files import write_json

RUNS = Path("results/bridge/realizations")


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=Path, default=RUNS, help=f"folder of the parts ({RUNS})")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    params = Params(xor_epochs=500)
    tasks = [
        {"params": Part(params, "propagation", name), "seed": 1, "realization": 1} for name in CONFIGURATIONS
    ]
    with work_counted() as work:
        found = run_many(
            one, tasks, jobs=1, out=args.runs, names=[f"propagation {name}-1" for name in CONFIGURATIONS]
        )
    # the rates in time are for the figure of the whole
    names = dict.fromkeys(name for frames in found for name in frames if name != "series")
    together = {
        name: pd.concat([frames[name] for frames in found if name in frames], ignore_index=True)
        for name in names
    }
    args.out.mkdir(parents=True, exist_ok=True)
    write_frames(args.out, together)
    known = provenance(
        command=f"python benchmarks/bridge_propagation.py --out {args.out}",
        seed=1,
        parameters=dataclasses.asdict(params),
        parts=work,
    )
    write_json(args.out / RUN_FILE, known)


if __name__ == "__main__":
    main()
