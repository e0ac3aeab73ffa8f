"""Run a circuit or comparison as published, check its claims, and write what a colleague needs to judge it.

Prints a table: claim, measured, allowed, reference, result. The output folder then holds the figure (PNG),
the data (CSV), run.json (how it was run, and how to run it again) and report.html, one page with all of it
that can be mailed. Exit code 1 when a claim fails. A claim that so few realizations cannot decide is "not
judged": it counts neither way, and the last line of the table says how many there are.

Finished realizations are kept, and long ones write a checkpoint about every minute: the same command goes on
after Ctrl-C, SIGTERM or a crash, and with more --realizations makes those that are missing. A folder that
holds another run (seed, settings, circuit, a sweep) is refused; --overwrite removes that.

examples:
  burstprop reproduce propagation                      into results/propagation
  burstprop reproduce xor --quick                      a smaller version of the same, into results/xor-quick
  burstprop reproduce xor --variant symmetric_feedback
  burstprop reproduce xor --controls                   and, beside it, what each part is needed for
  burstprop reproduce xor --extended                   and the variants of the extended data
  burstprop reproduce propagation --realizations 2 --seed 7 --set w_pyr1_pyr2=0.06
  burstprop reproduce my_experiment.py                 your own file, with an Experiment that has run(params,
                                                       execution), and check and figure if you like
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burstprop.cli.arguments import add_name, add_seed, folder, require_figure, whole
from burstprop.errors import BurstpropError
from burstprop.experiments import Experiment, catalogue

if TYPE_CHECKING:
    import pandas as pd

    from burstprop.experiments.catalogue import Entry
    from burstprop.runs.run import Run

SETS = ("controls", "extended")
"""Variants that an experiment may have beside it: its parts of these names run and draw them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add NAME and the options of the run."""
    parser.usage = "burstprop reproduce NAME [options]"
    add_name(parser, "what to reproduce")
    add_seed(parser)
    parser.add_argument("--realizations", type=whole(1), metavar="N", help="how many (as published)")
    parser.add_argument("--jobs", type=whole(1), metavar="N", help="processes side by side (one per core)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a smaller version of the same, in minutes; --set changes the parameters of that version",
    )
    parser.add_argument(
        "--level", help="spiking or ensemble, where a circuit has a form in rates (xor): --set level=..."
    )
    parser.add_argument(
        "--controls", action="store_true", help="run the circuit's controls too, and show them beside it"
    )
    parser.add_argument(
        "--extended", action="store_true", help="the same with the variants of the paper's extended data"
    )
    parser.add_argument(
        "--out", type=folder, metavar="DIR", help="where to write (results/NAME, -VARIANT, -quick)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="remove another run that the folder holds, and start anew"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress display")


def run(args: argparse.Namespace) -> int:
    """Run, save the data, check, draw, report; return 1 when a claim fails."""
    from burstprop.parameters import parse
    from burstprop.report.report import claims_frame, claims_text, provenance
    from burstprop.runs.run import Run
    from burstprop.runs.run_code import code_of_run
    from burstprop.runs.sweep import work_counted

    entry = catalogue.find(args.name)
    experiment = catalogue.load(entry)
    if args.level:
        args.settings = [*(args.settings or []), f"level={args.level}"]
    # the quick version first: what is set by hand is what is run
    params = parse(catalogue.parameters(entry, experiment, args.variant, args.quick), args.settings)
    run_of = catalogue.need(entry, experiment, "run", "reproduce")
    if experiment.figure:
        require_figure()
    sets = [name for name in SETS if getattr(args, name)]
    for name in sets:
        require_set(name, args, entry, experiment)
    params = resolve(args, experiment, params)
    out = Path(args.out or catalogue.results_folder(entry, args.variant, "quick" if args.quick else None))
    execution = experiment.execution(
        seed=args.seed,
        realizations=args.realizations,
        jobs=args.jobs,
        progress=False if args.quiet else None,
        out=out,
        quick=args.quick,
    )
    there = Run(out, verb="reproduce")
    task = asked(args, entry, params)
    known = provenance(
        command=shlex.join(command(args)),
        seed=args.seed,
        parameters=dataclasses.asdict(params),
        name=entry.name,
        variant=args.variant,
        quick=args.quick,
        realizations=args.realizations or "default",
    )
    code = code_of_run(run_of, {"params": params}, [catalogue.source(entry)])
    began = time.monotonic()
    refuse = partial(refuse_other_run, there, task, args.overwrite)
    with work_counted() as work, there.working(code, again=True, check=refuse, asked=task, **known):
        frames = run_of(params, execution)
        save_frames(out, frames)
        claims = experiment.claims(frames)
        print(claims_text(claims))
        beside: dict[str, pd.DataFrame] = {}
        for name in sets:
            beside |= getattr(experiment, name).run(frames, execution)
            save_frames(out, beside)
            print(f"\n{beside[f'{name}_solved'].to_string(index=False)}")
        # all that is known is written before anything is drawn: a figure that fails loses nothing
        known |= worked(work) | {"seconds": round(time.monotonic() - began, 1)}
        there.write("running", **known, claims=claims_frame(claims).to_dict("records"))
        pictures = draw(out, entry, experiment, frames, beside, sets)
        tables = {name.capitalize(): beside[f"{name}_solved"] for name in sets}
        save_report(out, entry, experiment, params, claims, tables, pictures, known)
        written = [path.name for path in pictures.values()] + [f"{name}.csv" for name in frames | beside]
        there.finish([*written, "report.html"], known["seconds"])
    print(f"\nwritten to {out}: {', '.join([*written, 'run.json', 'report.html'])}")
    return 1 if any(claim.failed for claim in claims) else 0


def asked(args: argparse.Namespace, entry: Entry, params: Any) -> dict[str, Any]:
    """Return what makes it the same run again; more realizations, or controls beside it, go on with it."""
    from burstprop.runs.run import identity

    name = Path(entry.name).stem
    known = {"name": name, "variant": args.variant, "seed": args.seed, "quick": args.quick}
    return identity({**known, "parameters": params})


def resolve(args: argparse.Namespace, experiment: Experiment, params: Any) -> Any:
    """Return the parameters with what depends on this machine named, as does the command to run it again."""
    if experiment.resolved is None:
        return params
    here = experiment.resolved(params, args.quick)
    changed = {
        field.name: getattr(here, field.name)
        for field in dataclasses.fields(here)
        if getattr(here, field.name) != getattr(params, field.name)
    }
    kept = [text for text in args.settings if text.partition("=")[0].strip() not in changed]
    args.settings = kept + [f"{name}={value}" for name, value in changed.items()]
    return here


def refuse_other_run(there: Run, task: dict[str, Any], overwrite: bool) -> None:
    """Raise BurstpropError where the folder holds another run, or remove that."""
    from burstprop.runs.run import difference_of

    content = there.content
    if not content:
        return
    same = content.get("verb") == "reproduce" and "asked" in content
    difference = difference_of(content["asked"], task) if same else ""
    if same and not difference:
        return
    if overwrite:
        there.clear()
        return
    which = content.get("run_again", f"its {there.file} says not which")
    raise BurstpropError(
        f"{str(there.folder)!r} holds another run ({which}){': ' if difference else ''}{difference}; "
        "give another output folder (--out), or remove that run (--overwrite)"
    )


def save_frames(out: Path, frames: dict[str, pd.DataFrame]) -> None:
    """Write every frame as CSV, first of all: whatever goes wrong later, the data are there."""
    import pandas as pd

    from burstprop.runs.frames import write_frames

    if not isinstance(frames, dict) or not all(isinstance(frame, pd.DataFrame) for frame in frames.values()):
        raise BurstpropError(
            f"run returned {type(frames).__name__}: it must return a dict of pandas DataFrames"
        )
    write_frames(out, frames)


def require_set(name: str, args: argparse.Namespace, entry: Entry, experiment: Experiment) -> None:
    """Raise BurstpropError where a circuit has no such variants, or other parameters than these belong to."""
    if getattr(experiment, name) is None:
        raise BurstpropError(f"--{name}: {entry.name} has none; leave it out")
    # a circuit in rates has its controls in rates
    if args.variant or any(not setting.startswith("level=") for setting in args.settings or []):
        raise BurstpropError(
            f"--{name}: they are told apart from the published circuit; leave out --variant and --set, "
            "or compare variants with `burstprop sweep`"
        )


def draw(
    out: Path,
    entry: Entry,
    experiment: Experiment,
    frames: dict[str, pd.DataFrame],
    beside: dict[str, pd.DataFrame],
    sets: list[str],
) -> dict[str, Path]:
    """Write the figure, and that of each set of variants; return their files by title."""
    from burstprop.system.files import writing

    figures = {}
    if experiment.figure:
        figures[entry.title] = (f"{Path(entry.name).stem}.png", experiment.figure(frames))
    for name in sets:
        figures[name.capitalize()] = (f"{name}.png", getattr(experiment, name).figure(beside))
    for name, figure in figures.values():
        with writing(out / name) as temporary:
            figure.savefig(temporary, dpi=160)
    return {title: out / name for title, (name, _) in figures.items()}


def worked(work: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how long all work took that went into the realizations, now or before, and who did it."""
    from burstprop.runs.run_code import said

    if not work:
        return {}
    return {
        "realization_seconds": round(sum(part["seconds"] for part in work), 1),
        "realizations_made_by": "; ".join(dict.fromkeys(said(part) for part in work)),
    }


def save_report(
    out: Path,
    entry: Entry,
    experiment: Experiment,
    params: Any,
    claims: list[Any],
    solved: dict[str, pd.DataFrame],
    pictures: dict[str, Path],
    known: dict[str, Any],
) -> None:
    """Write report.html, with the tables of the sets of variants by title."""
    from burstprop.parameters import parameter_table
    from burstprop.report.report import write_report

    tables: dict[str, Any] = {**solved, "Parameters": parameter_table(params)}
    if experiment.build:
        tables["Circuit"] = experiment.build(params).describe()
    write_report(
        out,
        title=entry.title.rstrip("."),
        text=entry.text.strip().partition("\n")[2],
        claims=claims,
        figures=pictures,
        tables=tables,
        provenance=known,
    )


def command(args: argparse.Namespace) -> list[str]:
    """Return the words of the command line that runs this again."""
    words = ["burstprop", "reproduce", args.name]
    if args.variant:
        words += ["--variant", args.variant]
    if args.settings:
        words += ["--set", *args.settings]
    words += ["--seed", str(args.seed)]
    if args.realizations:
        words += ["--realizations", str(args.realizations)]
    words += [f"--{name}" for name in SETS if getattr(args, name)]
    return [*words, "--quick"] if args.quick else words
