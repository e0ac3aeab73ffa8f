"""The comparison of learning rules in full: every rule, dataset and seed, in runs that can be resumed.

Each run has a folder, RUNS/<dataset>/<rule>-seed<N>; a finished one is not run again, one that was stopped
(Ctrl-C, or killed) goes on from its checkpoint. The tables are made from all runs of the dataset that are
finished in RUNS with the present setting, also those of earlier commands, so a part of the rules or seeds
can be run at a time. They are written after every run, so they can be read while it works:
RESULTS/<dataset>.csv (a row for each rule), <dataset>_runs.csv (a row for each run), <dataset>_curves.csv
(a row for each epoch), <dataset>.png, <dataset>_claims.csv with the bounds, and <dataset>.json, how it was
run and the command that makes these runs again. RESULTS is RUNS/tables unless --results names another folder.
Tables there are not replaced by tables that lack one of their runs.

    python benchmarks/reduced_training.py --dataset mnist --data DIR
    python benchmarks/reduced_training.py --dataset mnist --data DIR --rules backprop,burstprop --seeds 2
    python benchmarks/reduced_training.py --dataset cifar10 --data DIR --epochs 30 --runs results/long
    python benchmarks/reduced_training.py --dataset mnist --report       (what is finished; trains nothing)
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
import time
from pathlib import Path

import pandas as pd

from burstprop.circuits.rules import experiment as comparison
from burstprop.errors import BurstpropError
from burstprop.reduced.train.checkpoint import load_checkpoint
from burstprop.report.report import claims_frame, claims_text, provenance
from burstprop.runs.run_code import code_of_run
from burstprop.system.files import writable_folder, write_json, writing

Run = tuple[dict, list[dict]]  # a row of the table of runs, and its epochs


def options(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--dataset", default="digits", choices=tuple(comparison.RULES_OF), help="which images (digits)"
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
    parser.add_argument("--results", metavar="DIR", help="folder of the tables (tables in that of the runs)")
    parser.add_argument("--until", metavar="HH:MM", help="begin no run after this time of the day")
    parser.add_argument(
        "--report", action="store_true", help="write the tables of the finished runs, train nothing"
    )
    return parser.parse_args(words)


def runs_there(args: argparse.Namespace) -> dict[str, Run]:
    """Return the runs of the dataset that are finished as planned now, by name; say which are otherwise."""
    found = {}
    for result in sorted((Path(args.runs) / args.dataset).glob("*/result.json")):
        plan = load_checkpoint(result.parent)["plan"]
        job = comparison.Job(plan["rule"], args.dataset, plan["seed"], args.epochs, None, str(result.parent))
        try:
            done, why = comparison.finished(job), "it was run with another setting or number of epochs"
        except BurstpropError as error:
            done, why = None, str(error)
        if done is None:
            print(f"left out of the tables: {result.parent} ({why})", file=sys.stderr)
        else:
            found[job.name] = done
    return found


def tables(done: dict[str, Run]) -> dict[str, pd.DataFrame]:
    """Return the frames of the comparison: seed by seed, rules in their usual order."""

    def place(run: Run) -> tuple:
        row = run[0]
        usual = comparison.RULES_OF[row["dataset"]]
        return row["seed"], usual.index(row["rule"]) if row["rule"] in usual else len(usual), row["rule"]

    runs = sorted(done.values(), key=place)
    results = pd.DataFrame([row for row, _ in runs])
    head = ("rule", "dataset", "seed")
    curves = pd.DataFrame(
        [{name: row[name] for name in head} | line for row, lines in runs for line in lines]
    )
    return {"table": comparison.summarise(results), "results": results, "curves": curves}


def lost(results: Path, dataset: str, kept: set[tuple[str, int, int]]) -> list[str]:
    """Return in words the stored runs that are not among ``kept`` (rule, seed, epochs)."""
    path = results / f"{dataset}_runs.csv"
    if not path.is_file():
        return []
    stored = pd.read_csv(path)
    runs = zip(stored["rule"], stored["seed"], stored["epochs"], strict=True)
    return [f"{run[0]} seed {run[1]} ({run[2]} epochs)" for run in runs if run not in kept]


def keys(done: dict[str, Run]) -> set[tuple[str, int, int]]:
    """Return (rule, seed, epochs) of runs."""
    return {(row["rule"], row["seed"], row["epochs"]) for row, _ in done.values()}


def would_lose(results: Path, dataset: str, names: list[str]) -> BurstpropError:
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return BurstpropError(
        f"the tables of {dataset} in {results} hold runs that the new ones would lack: {shown}; run these "
        "too, or write the tables elsewhere (--results DIR)"
    )


def again(results: pd.DataFrame, args: argparse.Namespace) -> str:
    """Return the command that makes the runs of a table, no more and no fewer.

    Several commands, one after the other, where rules have other seeds or a rule's seeds have a gap.
    """
    seeds = {rule: tuple(sorted(own["seed"])) for rule, own in results.groupby("rule", sort=False)}
    commands = []
    for these in dict.fromkeys(seeds.values()):
        rules = ",".join(str(rule) for rule, own in seeds.items() if own == these)
        for first, number in stretches(these):
            words = ["python", "benchmarks/reduced_training.py", "--dataset", args.dataset]
            words += [] if args.dataset == "digits" else ["--data", "DIR"]
            words += ["--rules", rules, "--seeds", str(number)]
            words += [] if first == 1 else ["--first-seed", str(first)]
            words += ["--epochs", str(args.epochs)] if args.epochs else []
            words += [] if args.threads == 1 else ["--threads", str(args.threads)]
            commands.append(shlex.join(words))
    return " && ".join(commands)


def stretches(seeds: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the first and the number of every stretch of rising numbers without a gap."""
    starts = [k for k, seed in enumerate(seeds) if k == 0 or seed != seeds[k - 1] + 1]
    return [
        (int(seeds[start]), end - start) for start, end in zip(starts, [*starts[1:], len(seeds)], strict=True)
    ]


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
    first = int(frames["results"]["seed"].min())
    command = again(frames["results"], args)
    known = code_of_run(main, {})
    known |= provenance(command=command, seed=first, parameters={"threads": args.threads})
    write_json(results / f"{name}.json", known)
    return f"{frames['table'].round(3).to_string(index=False)}\n\n{claims_text(claims)}"


def main(words: list[str] | None = None) -> int:
    args = options(words)
    params = comparison.Params(datasets=args.dataset, rules=args.rules, data=args.data, epochs=args.epochs)
    work = comparison.plan_jobs(params, args.first_seed, args.seeds, None, quick=False)
    work = [
        dataclasses.replace(job, folder=str(Path(args.runs) / job.name), threads=args.threads) for job in work
    ]
    results = writable_folder(args.results or Path(args.runs) / "tables")
    done = runs_there(args)
    to_do = [] if args.report else [job for job in work if job.name not in done]
    coming = {(job.rule, job.seed, comparison.planned(job).setting.epochs) for job in to_do}
    missing = lost(results, args.dataset, keys(done) | coming)
    if missing:
        raise would_lose(results, args.dataset, missing)
    comparison.check_data(to_do)
    print(f"{len(done)} runs finished before, {len(to_do)} to do", file=sys.stderr, flush=True)
    for number, job in enumerate(to_do, start=1):
        if args.until is not None and time.strftime("%H:%M") >= args.until:
            break
        began = time.monotonic()
        done[job.name] = comparison.carry_out(job)
        if not lost(results, args.dataset, keys(done)):
            write(results, args, tables(done))
        print(
            f"[{number}/{len(to_do)}] {job.rule} on {job.dataset}, seed {job.seed}: test error "
            f"{done[job.name][0]['test_error_percent']:.2f} %, took {time.monotonic() - began:.0f} s",
            file=sys.stderr,
            flush=True,
        )
    missing = lost(results, args.dataset, keys(done))
    if missing:
        raise would_lose(results, args.dataset, missing)
    print(write(results, args, tables(done)) if done else "no run is finished")
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
