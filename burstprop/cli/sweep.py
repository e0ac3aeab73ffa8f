"""Make many runs: every combination of settings and seeds, on all cores or on a cluster, finished ones
skipped.

Every run gets a folder of its own with its data (CSV) and run.json. The output folder also holds results.csv,
one row for every run and claim, and one CSV for each kind of data, with all finished runs of the folder in
it, those of earlier commands too; every row says which settings and seed it belongs to. Call the same command
again after Ctrl-C, a crash or with more values: what is finished is not run again.

Seeds are written as in Python: 1:6 are the seeds 1, 2, 3, 4, 5; also 1:10:2, or a list 1,2,7.

examples:
  burstprop sweep xor --set eta_hidden=4e-3,8e-3 --seeds 1:6 --out sweep
  burstprop sweep propagation --set w_pyr1_pyr2=0.04,0.05 w_from_som=0.03,0.04 --seeds 1:3 --out grid --jobs 2
  burstprop sweep my_experiment.py --set soma_pa=100,200 --out mine    your own file, as for 'reproduce'

on a SLURM cluster, as an array of jobs (--out on a disk that all nodes share), in a file for sbatch:
  #!/bin/bash
  #SBATCH --array=1-20 --cpus-per-task=4 --time=08:00:00 --signal=TERM@60
  srun burstprop sweep xor --seeds 1:101 --out sweep --shard $SLURM_ARRAY_TASK_ID/20 --jobs 4 --quiet
SIGTERM, a minute before the time is over, stops a job as Ctrl-C does; submit the file again, and it goes on.

on a dask cluster, with the same burstprop installed on every machine:
  dask scheduler                                   prints its address
  dask worker tcp://10.0.0.1:8786 --nthreads 1     once for every core
  burstprop sweep xor --seeds 1:101 --out sweep --dask tcp://10.0.0.1:8786
Dask runs what it is sent, for everybody who reaches its ports: use a network of people you trust.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burstprop.cli.arguments import add_name, folder, whole
from burstprop.errors import BurstpropError
from burstprop.experiments import Experiment, catalogue

if TYPE_CHECKING:
    import pandas as pd


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add NAME, the values to combine, and where the runs are made."""
    parser.usage = "burstprop sweep NAME --seeds A:B --out DIR [options]"
    add_name(parser, "what to run")
    parser.add_argument("--seeds", metavar="A:B", default="1", help="seeds A to B - 1, or a list (1)")
    parser.add_argument(
        "--realizations",
        type=whole(1),
        metavar="N",
        help="in each run (1; of a circuit whose claims are about a sample of them, as published)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="the smaller version of each run; --set changes the parameters of that version",
    )
    parser.add_argument("--out", type=folder, metavar="DIR", required=True, help="where to write")
    parser.add_argument(
        "--shard",
        type=shard,
        metavar="I/N",
        help="make only every N-th run, from the I-th on: one job of a SLURM array for each I",
    )
    parser.add_argument("--jobs", type=whole(1), metavar="N", help="processes side by side (one per core)")
    parser.add_argument("--dask", metavar="ADDRESS", help="scheduler of a dask cluster that does the work")
    parser.add_argument("--quiet", action="store_true", help="no progress display")


def run(args: argparse.Namespace) -> int:
    """Make the runs that are missing, then put all results together; return 1 when a run failed."""
    from burstprop.report.report import provenance
    from burstprop.runs.run import Run
    from burstprop.runs.sweep import folder_names, run_many
    from burstprop.system.files import writable_folder

    entry = catalogue.find(args.name)
    experiment = catalogue.load(entry)
    catalogue.need(entry, experiment, "run", "sweep")
    chosen = choices(args.settings, args.variant)
    seeds = seed_list(args.seeds)
    realizations = args.realizations or experiment.sweep_realizations
    labels, tasks, notes = [], [], []
    for picked in itertools.product(*chosen.values()):
        params, values = settled(entry, experiment, dict(zip(chosen, picked, strict=True)), args.quick)
        for seed in seeds:
            label = values | {"seed": seed}
            labels.append(label)
            tasks.append(
                {
                    "name": entry.name,
                    "params": params,
                    "seed": seed,
                    "realizations": realizations,
                    "quick": args.quick,
                }
            )
            command = single(args, dict(zip(chosen, picked, strict=True)), seed, realizations)
            known = provenance(command=command, seed=seed, parameters=dataclasses.asdict(params))
            notes.append(known | {"label": label})
    names = folder_names(labels)
    out = writable_folder(args.out)
    refuse_other_runs(out, entry)
    mine = (
        list(range(len(tasks)))[args.shard[0] - 1 :: args.shard[1]] if args.shard else list(range(len(tasks)))
    )
    part = f"; shard {args.shard[0]} of {args.shard[1]}: {len(mine)} of them" if args.shard else ""
    there = sum(Run(out / names[k]).complete for k in mine)
    skipped = f"; {there} finished before, skipped" if there else ""
    print(f"{len(tasks)} runs: {summary(chosen, seeds)}, into {args.out}{part}{skipped}", file=sys.stderr)
    results = run_many(
        one_run,
        [tasks[k] for k in mine],
        names=[names[k] for k in mine],
        notes=[notes[k] for k in mine],
        jobs=args.jobs,
        out=out,
        label=f"sweep {args.name}",
        progress=False if args.quiet else None,
        dask=args.dask,
        keep_going=True,
        modules=[catalogue.source(entry)],
    )
    failed = {names[k]: r for k, r in zip(mine, results, strict=True) if isinstance(r, BurstpropError)}
    for name, error in failed.items():
        print(f"burstprop: {name}: {error}", file=sys.stderr)
    collect(out, entry, names, {name: tasks[0][name] for name in ("realizations", "quick")})
    return 1 if failed else 0


def refuse_other_runs(out: Path, entry: catalogue.Entry) -> None:
    """Raise BurstpropError where the folder holds a run, or a sweep of something else; else mark it."""
    from burstprop.runs.run import RUN_FILE, Run
    from burstprop.system.files import write_json

    content = Run(out, verb="sweep").content
    name = Path(entry.name).stem
    if content and (content.get("verb"), content.get("name")) != ("sweep", name):
        which = content.get("run_again") or f"of {content.get('name', 'something else')}"
        raise BurstpropError(f"{str(out)!r} holds another run ({which}): give another output folder (--out)")
    write_json(
        out / RUN_FILE,
        {"status": "running", "verb": "sweep", "name": name, "files": content.get("files", {})},
    )


def one_run(
    name: str,
    params: Any,
    seed: int,
    realizations: int,
    quick: bool,
    progress: Callable[[float], None],
    folder: Path | None,
) -> dict[str, pd.DataFrame]:
    """Make one run of a sweep and return its frames, and its claims as one more."""
    from burstprop.report.report import claims_frame

    experiment = catalogue.load(catalogue.find(name))
    frames = experiment.frames(
        params, seed=seed, realizations=realizations, jobs=1, progress=progress, out=folder, quick=quick
    )
    return {**frames, "claims": claims_frame(experiment.claims(frames))}


def collect(out: Path, entry: catalogue.Entry, names: list[str], like: dict[str, Any]) -> None:
    """Put all finished runs of the folder together: results.csv and one CSV for each kind of data.

    Runs of earlier commands take part where they have as many realizations and are as quick. Prints how many
    runs hold each claim, and how many were left out.
    """
    from burstprop.runs.frames import write_frames
    from burstprop.runs.pieces import pieces
    from burstprop.runs.run import RUN_FILE
    from burstprop.runs.sweep import finished_runs, gather, load_frames
    from burstprop.system.files import write_json

    runs, left_out = finished_runs(out, names, like)
    if not runs:
        return
    labels = complete_labels([run.content for run in runs])
    together = gather([load_frames(run) for run in runs], labels)
    together["results"] = together.pop("claims")
    files = write_frames(out, together)
    held = {"status": "complete", "verb": "sweep", "name": Path(entry.name).stem, "runs": len(runs)}
    write_json(out / RUN_FILE, held | {"files": pieces(out, files)})
    claims = together["results"]
    if len(claims):
        width = max(len(claim) for claim in claims["claim"])
        for claim, verdicts in claims.groupby("claim", sort=False)["verdict"]:
            holds, judged = (verdicts == "pass").sum(), (verdicts != "not judged").sum()
            left = f" ({len(verdicts) - judged} more not judged)" if judged < len(verdicts) else ""
            print(f"{claim:{width}}  holds in {holds} of {judged} runs{left}")
    missing = "".join(f", {count} {why} left out" for why, count in left_out.items())
    print(f"\n{len(runs)} finished runs gathered{missing}")
    print(f"written to {out}: {', '.join(files)}, one folder a run")


def complete_labels(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the labels of all runs with the same columns: what one did not set is its parameter's value."""
    names = list(dict.fromkeys(name for run in runs for name in run["label"] if name != "seed"))
    return [
        {name: run["label"].get(name, run["parameters"].get(name)) for name in names}
        | {"seed": run["label"]["seed"]}
        for run in runs
    ]


def shard(text: str) -> tuple[int, int]:
    """Convert option text ``I/N`` to the number of a shard, from 1, and how many there are."""
    first, slash, second = text.partition("/")
    if not (slash and first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second)):
        raise argparse.ArgumentTypeError(f"{text!r}: write I/N, for example 1/20 for the first of twenty")
    return int(first), int(second)


def choices(settings: list[str], variant: str | None) -> dict[str, list[str]]:
    """Return the texts to combine, by name, from ``NAME=V1,V2`` and ``--variant A,B``.

    Raises
    ------
    BurstpropError
        A setting without values, the same name twice, or a variant that is set.
    """
    chosen: dict[str, list[str]] = {}
    if variant:
        chosen["variant"] = [name.strip() for name in variant.split(",")]
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip()
        values = [value.strip() for value in text.split(",")]
        if not equals or not all(values):
            raise BurstpropError(f"--set {setting!r}: write NAME=VALUE,VALUE, for example eta=4e-3,8e-3")
        if name == "variant":
            raise BurstpropError(
                f"--set {setting!r}: a variant is no parameter; write --variant {text.strip()}"
            )
        if name in chosen:
            raise BurstpropError(f"--set {name!r} is given twice: write all its values in one, {name}=V1,V2")
        chosen[name] = values
    return chosen


def settled(
    entry: catalogue.Entry, experiment: Experiment, picked: dict[str, str], quick: bool
) -> tuple[Any, dict[str, Any]]:
    """Return the parameters of one combination, and its values as numbers for the columns of the results."""
    from burstprop.parameters import parse

    settings = {name: text for name, text in picked.items() if name != "variant"}
    base = catalogue.parameters(entry, experiment, picked.get("variant"), quick)
    params = parse(base, [f"{name}={text}" for name, text in settings.items()])
    values = {"variant": picked["variant"]} if "variant" in picked else {}
    return params, values | {name: getattr(params, name) for name in settings}


def seed_list(text: str) -> list[int]:
    """Return the seeds of ``A:B`` (B left out, as in Python), ``A:B:STEP`` or ``A,B,C``.

    Raises
    ------
    BurstpropError
        It is none of these, or empty.
    """
    try:
        if ":" in text:
            seeds = list(range(*(int(part) for part in text.split(":"))))
        else:
            seeds = [int(part) for part in text.split(",")]
    except (ValueError, TypeError):
        seeds = []
    if not seeds or min(seeds) < 0:
        raise BurstpropError(f"--seeds {text!r}: write 1:6 for the seeds 1, 2, 3, 4, 5, or a list 1,2,7")
    return seeds


def single(args: argparse.Namespace, picked: dict[str, str], seed: int, realizations: int) -> list[str]:
    """Return the words of the command line that makes one of the runs by itself."""
    words = ["burstprop", "reproduce", args.name]
    if "variant" in picked:
        words += ["--variant", picked["variant"]]
    settings = [f"{name}={text}" for name, text in picked.items() if name != "variant"]
    if settings:
        words += ["--set", *settings]
    words += ["--seed", str(seed), "--realizations", str(realizations)]
    return [*words, "--quick"] if args.quick else words


def summary(chosen: dict[str, list[str]], seeds: list[int]) -> str:
    """Describe the combinations in words."""
    parts = [f"{name} = {', '.join(values)}" for name, values in chosen.items()]
    listed = ", ".join(map(str, seeds)) if len(seeds) <= 8 else f"{seeds[0]}, {seeds[1]} ... {seeds[-1]}"
    return "; ".join([*parts, f"seed{'s' * (len(seeds) > 1)} {listed}"])
