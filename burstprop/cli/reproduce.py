"""Run a circuit or comparison as published, check its claims, and write what a colleague needs to judge it.

Prints a table: claim, measured, allowed, reference, result. The output folder then holds the figure (PNG),
the data (CSV), run.json (how it was run, and how to run it again) and report.html, one page with all of it
that can be mailed. Exit code 1 when a claim fails.

examples:
  burstprop reproduce propagation                      into results/propagation
  burstprop reproduce xor --quick --out trial          a smaller version of the same
  burstprop reproduce xor --variant symmetric_feedback
  burstprop reproduce propagation --realizations 2 --seed 7 --set w_pyr1_pyr2=0.06
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burstprop.cli.arguments import add_name, add_seed, chosen, require_figure, whole

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
    parser.add_argument("--quick", action="store_true", help="a smaller version of the same, in minutes")
    parser.add_argument("--out", metavar="DIR", help="where to write (results/NAME)")
    parser.add_argument("--quiet", action="store_true", help="no progress display")


def run(args: argparse.Namespace) -> int:
    """Run, save the data, check, draw, report; return 1 when a claim fails."""
    from burstprop.files import writable_folder
    from burstprop.report import claims_text

    entry, module, params = chosen(args)
    require_figure()
    stem = Path(entry.name).stem
    out = writable_folder(args.out or Path("results") / "-".join(filter(None, (stem, args.variant))))
    began = time.monotonic()
    how = {"realizations": args.realizations} if args.realizations else {}
    frames = module.run(
        params,
        seed=args.seed,
        jobs=args.jobs,
        progress=False if args.quiet else None,
        out=out,
        quick=args.quick,
        **how,
    )
    seconds = time.monotonic() - began
    save_frames(out, frames)
    claims = module.check(frames)
    save_report(out, args, entry, module, params, frames, claims, seconds)
    print(claims_text(claims))
    files = [f"{stem}.png", *(f"{name}.csv" for name in frames), "run.json", "report.html"]
    print(f"\nwritten to {out}: {', '.join(files)}")
    return 0 if all(claim.passed for claim in claims) else 1


def save_frames(out: Path, frames: dict[str, pd.DataFrame]) -> None:
    """Write every frame as CSV, first of all: whatever goes wrong later, the data are there."""
    from burstprop.files import writing

    for name, frame in frames.items():
        with writing(out / f"{name}.csv") as temporary:
            frame.to_csv(temporary, index=False)


def save_report(
    out: Path,
    args: argparse.Namespace,
    entry: Entry,
    module: Any,
    params: Any,
    frames: dict[str, pd.DataFrame],
    claims: list[Any],
    seconds: float,
) -> None:
    """Write figure, run.json and report.html."""
    from burstprop.files import write_json, writing
    from burstprop.parameters import parameter_table
    from burstprop.report import claims_frame, provenance, write_report

    stem = Path(entry.name).stem
    picture = out / f"{stem}.png"
    figure = module.figure(frames)
    with writing(picture) as temporary:
        figure.savefig(temporary, dpi=160)
    known = provenance(
        command=shlex.join(command(args)),
        seed=args.seed,
        parameters=dataclasses.asdict(params),
        name=entry.name,
        variant=args.variant,
        quick=args.quick,
        realizations=args.realizations or "as published",
        seconds=round(seconds, 1),
    )
    tables = {"Parameters": parameter_table(params)}
    if hasattr(module, "build"):
        tables["Circuit"] = module.build(params).describe()
    write_json(out / "run.json", known | {"claims": claims_frame(claims).to_dict("records")})
    write_report(
        out,
        title=entry.title.rstrip("."),
        text=entry.text.strip().partition("\n")[2],
        claims=claims,
        figures={entry.title: picture},
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
    return [*words, "--quick"] if args.quick else words
