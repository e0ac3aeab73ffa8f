"""The comparison of learning rules in full: every rule, dataset and seed, in runs that can be resumed.

Each run has a folder, RUNS/<dataset>/<rule>-seed<N>; a finished one is not run again, one that was stopped
(Ctrl-C, or killed) goes on from its checkpoint. The tables are written after every run, so they can be read
while it works: RESULTS/<dataset>.csv (a row for each rule), <dataset>_runs.csv (a row for each run),
<dataset>_curves.csv (a row for each epoch), <dataset>.png, and <dataset>_claims.csv with the bounds.

    python benchmarks/reduced_training.py --dataset mnist --data DIR
    python benchmarks/reduced_training.py --dataset mnist --data DIR --rules backprop,burstprop --seeds 2
    python benchmarks/reduced_training.py --dataset cifar10 --data DIR --epochs 30 --rules backprop,burstprop
    python benchmarks/reduced_training.py --dataset mnist --report       (what is finished; trains nothing)
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path

import pandas as pd

from burstprop.errors import BurstpropError
from burstprop.files import writable_folder, write_json, writing
from burstprop.reduced import comparison
from burstprop.report import claims_frame, claims_text, provenance

HERE = Path(__file__).resolve().parent


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--dataset", default="digits", help="digits, mnist, cifar10 or tiny-imagenet (digits)"
    )
    parser.add_argument("--data", default="", metavar="DIR", help="folder above the data (BURSTPROP_DATA)")
    parser.add_argument(
        "--rules", default="default", help="names with commas between (those of the comparison)"
    )
    parser.add_argument("--seeds", type=int, default=3, help="seeds, from --first-seed on (3)")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=0, help="0: each setting's own")
    parser.add_argument("--threads", type=int, default=1, help="threads of a run (1)")
    parser.add_argument("--runs", default="results/reduced-runs", metavar="DIR", help="folder of the runs")
    parser.add_argument(
        "--results", default=str(HERE / "results" / "reduced"), metavar="DIR", help="folder of the tables"
    )
    parser.add_argument("--until", metavar="HH:MM", help="begin no run after this time of the day")
    parser.add_argument(
        "--report", action="store_true", help="write the tables of the finished runs, train nothing"
    )
    return parser.parse_args()


def tables(rows: list[dict], curves: list[dict]) -> dict[str, pd.DataFrame]:
    """Return the frames of the comparison for the runs there are."""
    results = pd.DataFrame(rows)
    return {"table": comparison.summarise(results), "results": results, "curves": pd.DataFrame(curves)}


def write(results: Path, args: argparse.Namespace, frames: dict[str, pd.DataFrame]) -> str:
    """Write tables, claims and figure; return the text of both tables."""
    name = args.dataset
    claims = comparison.check(frames)
    for suffix, frame in (
        ("", frames["table"].round(4)),
        ("_runs", frames["results"].round(4)),
        ("_curves", frames["curves"].round(5)),
        ("_claims", claims_frame(claims)),
    ):
        with writing(results / f"{name}{suffix}.csv") as temporary:
            frame.to_csv(temporary, index=False)
    with writing(results / f"{name}.png") as temporary:
        comparison.figure(frames).savefig(temporary, dpi=110)
    command = f"python benchmarks/reduced_training.py --dataset {name} --data DIR --seeds {args.seeds}"
    if args.epochs:
        command += f" --epochs {args.epochs}"
    known = provenance(command=command, seed=args.first_seed, parameters={"threads": args.threads})
    write_json(results / f"{name}.json", known)
    return f"{frames['table'].round(3).to_string(index=False)}\n\n{claims_text(claims)}"


def main() -> int:
    args = options()
    params = comparison.Params(datasets=args.dataset, rules=args.rules, data=args.data, epochs=args.epochs)
    work = comparison.plan_jobs(params, args.first_seed, args.seeds, None, quick=False)
    work = [dataclasses.replace(job, folder=str(Path(args.runs) / job.name)) for job in work]
    results = writable_folder(args.results)
    rows: list[dict] = []
    curves: list[dict] = []
    text = "no run is finished"
    for number, job in enumerate(work, start=1):
        finished = (Path(job.folder or "") / "result.json").is_file()
        late = args.until is not None and time.strftime("%H:%M") >= args.until
        if not finished and (args.report or late):
            continue
        began = time.monotonic()
        row, history = comparison.carry_out(job)
        rows.append(row)
        curves += [{"rule": job.rule, "dataset": job.dataset, "seed": job.seed, **line} for line in history]
        text = write(results, args, tables(rows, curves))
        state = "finished before" if finished else f"took {time.monotonic() - began:.0f} s"
        print(
            f"[{number}/{len(work)}] {job.rule} on {job.dataset}, seed {job.seed}: test error "
            f"{row['test_error_percent']:.2f} %, {state}",
            file=sys.stderr,
            flush=True,
        )
    print(text)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BurstpropError as error:
        print(f"reduced_training: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        print(f"reduced_training: stopped by Ctrl-C; the same command goes on ({stop})", file=sys.stderr)
        sys.exit(130)
