"""Run a circuit or comparison as published, check its claims, and write what a colleague needs to judge it.

Prints a table: claim, measured, allowed, reference, result. The output folder then holds the figure (PNG),
the data (CSV), run.json (how it was run, and how to run it again) and report.html, one page with all of it
that can be mailed. Exit code 1 when a claim fails.

examples:
  burstprop reproduce propagation                      into results/propagation
  burstprop reproduce xor --quick                      a smaller version of the same, into results/xor-quick
  burstprop reproduce xor --variant symmetric_feedback
  burstprop reproduce xor --controls                   and, beside it, what each part is needed for
  burstprop reproduce propagation --realizations 2 --seed 7 --set w_pyr1_pyr2=0.06
  burstprop reproduce my_circuit.py                    your own module, with
      Params (a dataclass), check(frames) -> list of Claim, figure(frames) -> Figure, and
      run(params, *, seed, realizations=1, jobs=None, progress=None, out=None, quick=False) -> dict of frames
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burstprop import catalogue
from burstprop.cli.arguments import add_name, add_seed, require_figure, whole
from burstprop.errors import BurstpropError

if TYPE_CHECKING:
    import pandas as pd

    from burstprop.catalogue import Entry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add NAME and what governs the run."""
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
        "--controls", action="store_true", help="run the circuit's controls too, and show them beside it"
    )
    parser.add_argument("--out", metavar="DIR", help="where to write (results/NAME, -VARIANT, -quick)")
    parser.add_argument("--quiet", action="store_true", help="no progress display")


def run(args: argparse.Namespace) -> int:
    """Run, save the data, check, draw, report; return 1 when a claim fails."""
    from burstprop.files import writable_folder
    from burstprop.parameters import parse
    from burstprop.report import claims_text

    entry = catalogue.find(args.name)
    module = catalogue.load(entry)
    # the quick version first: what is set by hand is what is run
    params = parse(catalogue.parameters(entry, module, args.variant, args.quick), args.settings)
    require_figure()
    catalogue.require(entry, module, "reproduce")
    if args.controls:
        require_controls(args, entry, module)
    out = args.out or catalogue.results_folder(entry, args.variant, "quick" if args.quick else None)
    out = writable_folder(out)
    refuse_other_run(out, entry)
    began = time.monotonic()
    how = {"realizations": args.realizations} if args.realizations else {}
    how |= {
        "seed": args.seed,
        "jobs": args.jobs,
        "progress": False if args.quiet else None,
        "out": out,
        "quick": args.quick,
    }
    frames = module.run(params, **how)
    save_frames(out, frames)
    claims = module.check(frames)
    print(claims_text(claims))
    beside = module.controls(frames, **how) if args.controls else {}
    save_frames(out, beside)
    if beside:
        print(f"\n{beside['controls_solved'].to_string(index=False)}")
    # all that is known is written before anything is drawn: a figure that fails loses nothing
    known = save_run(out, args, entry, params, claims, time.monotonic() - began)
    pictures = draw(out, entry, module, frames, beside)
    save_report(out, entry, module, params, claims, beside, pictures, known)
    written = [path.name for path in pictures.values()] + [f"{name}.csv" for name in frames | beside]
    files = [*written, "run.json", "report.html"]
    print(f"\nwritten to {out}: {', '.join(files)}")
    return 0 if all(claim.passed for claim in claims) else 1


def refuse_other_run(out: Path, entry: catalogue.Entry) -> None:
    """Raise BurstpropError where the folder holds a run of another verb or another circuit."""
    from burstprop.run_folder import RUN, read_run

    if not (out / RUN).exists():
        return
    there = read_run(out)
    name = str(there.get("name"))
    if "claims" not in there or Path(name).stem != Path(entry.name).stem:
        raise BurstpropError(
            f"{str(out)!r} holds another run ({there.get('run_again', f'its {RUN} says not which')}): "
            "give another output folder (--out), or delete this one"
        )


def save_frames(out: Path, frames: dict[str, pd.DataFrame]) -> None:
    """Write every frame as CSV, first of all: whatever goes wrong later, the data are there."""
    import pandas as pd

    from burstprop.files import writing

    if not isinstance(frames, dict) or not all(isinstance(frame, pd.DataFrame) for frame in frames.values()):
        raise BurstpropError(
            f"run returned {type(frames).__name__}: it must return a dict of pandas DataFrames"
        )
    for name, frame in frames.items():
        with writing(out / f"{name}.csv") as temporary:
            frame.to_csv(temporary, index=False)


def require_controls(args: argparse.Namespace, entry: Entry, module: Any) -> None:
    """Raise BurstpropError where a circuit has no controls, or other parameters than these belong to."""
    if not hasattr(module, "controls"):
        raise BurstpropError(f"--controls: {entry.name} has none; leave it out")
    if args.variant or args.settings:
        raise BurstpropError(
            "--controls: they differ in one thing from the published circuit; leave out --variant and --set, "
            "or compare variants with `burstprop sweep`"
        )


def draw(
    out: Path,
    entry: Entry,
    module: Any,
    frames: dict[str, pd.DataFrame],
    beside: dict[str, pd.DataFrame],
) -> dict[str, Path]:
    """Write the figure, and that of the controls; return their files by title."""
    from burstprop.files import writing

    figures = {entry.title: (f"{Path(entry.name).stem}.png", module.figure(frames))}
    if beside:
        figures["Controls"] = ("controls.png", module.controls_figure(beside))
    for name, figure in figures.values():
        with writing(out / name) as temporary:
            figure.savefig(temporary, dpi=160)
    return {title: out / name for title, (name, _) in figures.items()}


def save_run(
    out: Path, args: argparse.Namespace, entry: Entry, params: Any, claims: list[Any], seconds: float
) -> dict[str, Any]:
    """Write run.json; return what it says but for the claims."""
    from burstprop.files import write_json
    from burstprop.report import claims_frame, provenance

    known = provenance(
        command=shlex.join(command(args)),
        seed=args.seed,
        parameters=dataclasses.asdict(params),
        name=entry.name,
        variant=args.variant,
        quick=args.quick,
        realizations=args.realizations or "default",
        seconds=round(seconds, 1),
    )
    write_json(out / "run.json", known | {"claims": claims_frame(claims).to_dict("records")})
    return known


def save_report(
    out: Path,
    entry: Entry,
    module: Any,
    params: Any,
    claims: list[Any],
    beside: dict[str, pd.DataFrame],
    pictures: dict[str, Path],
    known: dict[str, Any],
) -> None:
    """Write report.html."""
    from burstprop.parameters import parameter_table
    from burstprop.report import write_report

    tables: dict[str, Any] = {"Controls": beside["controls_solved"]} if beside else {}
    tables |= {"Parameters": parameter_table(params)}
    if hasattr(module, "build"):
        tables["Circuit"] = module.build(params).describe()
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
    words += ["--controls"] if args.controls else []
    return [*words, "--quick"] if args.quick else words
