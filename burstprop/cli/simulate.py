"""Run one circuit once, with settings of your own, and record it into a folder.

The folder then holds rates.csv (event and burst rates of all populations), spikes.npz (all that was recorded;
read it with burstprop.Recording.load) and run.json (circuit, parameters, seed, versions, and how to run it
again).

About every minute the run writes a checkpoint. Ctrl-C, or SIGTERM from a batch system, keeps what was
recorded so far and says how to go on; a run that is killed loses what it did since the last checkpoint. A
resumed run gives the same result, bit for bit.

examples:
  burstprop simulate propagation --out trial
  burstprop simulate propagation --set w_pyr1_pyr2=0.06 n_pyr1=2000 --duration-ms 2000 --seed 7 --out weaker
  burstprop simulate propagation --duration-ms 600000 --threads 2 --out long
  burstprop simulate --resume long
  burstprop simulate my_circuit.py --out mine          your own file, with an Experiment that has build
                                                       and, if you like, duration_ms
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burstprop.cli.arguments import (
    add_name,
    add_seed,
    check_threads,
    check_time,
    chosen,
    folder,
    number,
    whole,
)
from burstprop.errors import BurstpropError, BurstpropWarning
from burstprop.experiments import catalogue

if TYPE_CHECKING:
    from burstprop.runs.run import Run

#: What a new run takes where nothing is said; a resumed one goes on with its own.
DEFAULTS = {"seed": 1, "dtype": "float32", "bin_ms": 50.0, "no_spikes": False}
FIXED = ("variant", "settings", "duration_ms", *DEFAULTS, "out", "overwrite")
"""What cannot be changed when a run is resumed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add NAME, what to record, and where."""
    parser.usage = "burstprop simulate NAME --out DIR [options]\n       burstprop simulate --resume DIR"
    add_name(parser, "which circuit", optional=True)
    add_seed(parser)
    parser.set_defaults(seed=None)
    parser.add_argument(
        "--duration-ms", type=number, metavar="T", help="how long (the circuit's own protocol)"
    )
    parser.add_argument(
        "--threads", type=whole(1), default=1, metavar="K", help="threads; no change in the result (1)"
    )
    parser.add_argument("--dtype", choices=("float32", "float64"), help="precision (float32)")
    parser.add_argument("--bin-ms", type=number, metavar="T", help="bin of the rates (50)")
    parser.add_argument("--no-spikes", action="store_true", default=None, help="keep rates only")
    parser.add_argument(
        "--out", metavar="DIR", type=folder, help="where to write (results/NAME, -VARIANT, -simulate)"
    )
    parser.add_argument(
        "--checkpoint-minutes", type=number, default=1.0, metavar="MIN", help="between two checkpoints (1)"
    )
    parser.add_argument(
        "--checkpoint-every-ms",
        type=number,
        metavar="T",
        help="write a checkpoint after so much simulated time instead",
    )
    parser.add_argument(
        "--resume",
        type=folder,
        metavar="DIR",
        help="go on with the run in this folder; takes --threads, the options of checkpoints and --quiet",
    )
    parser.add_argument(
        "--skip-lost",
        action="store_true",
        help="with --resume: go on without recorded files that are missing or damaged; the result says so",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="remove the run that the folder holds, and start anew"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress display")


def run(args: argparse.Namespace) -> int:
    """Run or resume; print where the results are."""
    from burstprop.runs.run import Run

    check_threads(args.threads)
    there = None
    if args.resume is not None:
        there = Run(args.resume, verb="simulate")
        args = _resumed(args, there)
    else:
        given = {name: value for name, value in vars(args).items() if value is not None}
        args = argparse.Namespace(**{**vars(args), **DEFAULTS, **given})
    if args.name is None:
        raise BurstpropError("give the NAME of a circuit (see 'burstprop list'), or --resume DIR")
    entry, experiment, params = chosen(args)
    build = catalogue.need(entry, experiment, "build", "simulate")
    circuit = build(params)
    duration = args.duration_ms
    if duration is None:
        if experiment.duration_ms is None:
            raise BurstpropError(f"{entry.name!r} has no protocol of its own: give --duration-ms")
        duration = experiment.duration_ms(params)
    if duration < args.bin_ms:
        raise BurstpropError(
            f"--duration-ms {duration:g} is less than one bin of the rates, {args.bin_ms:g} ms: "
            f"give a longer duration, or --bin-ms {duration:g} or less"
        )
    check_time(circuit, duration, args.threads)
    simulation = _simulation(args, circuit)
    out = args.resume or args.out or catalogue.results_folder(entry, args.variant, "simulate")
    there = there or _new(Run(out, verb="simulate"), args.overwrite)
    recording = _run(there, simulation, duration, args, _notes(args, entry.name, params, duration))
    last = recording.rates[recording.rates["time_ms"] > 0.5 * duration]
    means = last.groupby("population", observed=True)[["rate_hz", "event_rate_hz", "burst_rate_hz"]].mean()
    print(f"mean rates over the second half of {duration:g} ms (Hz):\n{means.round(3).to_string()}")
    print(f"\nwritten to {out}: {', '.join(sorted(path.name for path in Path(out).iterdir()))}")
    return 0


def _run(
    there: Run, simulation: Any, duration: float, args: argparse.Namespace, notes: dict[str, Any]
) -> Any:
    """Run to the end in the folder, and write the results; after Ctrl-C those so far."""
    from burstprop.simulation.long_run import LongRun

    began = time.monotonic()
    with there.working(asked=notes.pop("asked"), run=simulation.info(), **notes):
        long_run = LongRun(
            simulation,
            there.folder,
            duration,
            label=notes["name"],
            checkpoint_s=60 * args.checkpoint_minutes,
            checkpoint_every_ms=args.checkpoint_every_ms,
            skip_lost=args.skip_lost,
        )
        if not long_run.restore() and args.resume:
            print(
                f"burstprop: {args.resume!r} has no checkpoint: the run starts from the beginning",
                file=sys.stderr,
            )
        try:
            recording = long_run.run(progress=False if args.quiet else None)
        except KeyboardInterrupt:
            _write(there.folder, long_run.recording())
            raise KeyboardInterrupt(
                f"at {simulation.time_ms:g} of {duration:g} ms; what was recorded is in {there.folder}, and "
                f"'burstprop simulate --resume {shlex.quote(str(there.folder))}' goes on"
            ) from None
        files = _write(there.folder, recording)
        lost = {"lost": long_run.lost} if long_run.lost else {}
        there.finish(files, round(time.monotonic() - began, 2), simulated_ms=simulation.time_ms, **lost)
    if long_run.lost:
        warnings.warn(
            f"the result lacks what was recorded in {'; '.join(long_run.lost)}",
            BurstpropWarning,
            stacklevel=2,
        )
    return recording


def _new(there: Run, overwrite: bool) -> Run:
    """Refuse a folder that holds a run, or remove that."""
    if there.status and overwrite:
        there.clear()
    elif there.content:
        unfinished = there.status in ("running", "interrupted", "failed")
        raise BurstpropError(
            f"{str(there.folder)!r} holds a run already: "
            + (f"go on with it (--resume {shlex.quote(str(there.folder))}), or " if unfinished else "")
            + "give another folder, or --overwrite"
        )
    return there


def _write(folder: Path, recording: Any) -> list[str]:
    """Write what was recorded; return the names of the files."""
    from burstprop.runs.frames import write_frames

    frames = {name: getattr(recording, name) for name in ("rates", "states", "weights")}
    files = write_frames(folder, {name: frame for name, frame in frames.items() if len(frame)})
    recording.save(folder / "spikes.npz")
    return [*files, "spikes.npz"]


def _simulation(args: argparse.Namespace, circuit: Any) -> Any:
    from burstprop.recording.recording import Record
    from burstprop.simulation.simulation import Simulation

    record = Record(spikes=not args.no_spikes, rates_bin_ms=args.bin_ms)
    return Simulation(circuit, seed=args.seed, record=record, threads=args.threads, dtype=args.dtype)


def _notes(args: argparse.Namespace, name: str, params: Any, duration: float) -> dict[str, Any]:
    from burstprop.report.report import provenance

    words = ["burstprop", "simulate", args.name]
    words += ["--variant", args.variant] if args.variant else []
    words += ["--set", *args.settings] if args.settings else []
    words += ["--duration-ms", f"{duration:.12g}", "--seed", str(args.seed), "--dtype", args.dtype]
    words += ["--bin-ms", f"{args.bin_ms:.12g}"] + (["--no-spikes"] if args.no_spikes else [])
    words += ["--checkpoint-every-ms", f"{args.checkpoint_every_ms:.12g}"] if args.checkpoint_every_ms else []
    asked = {
        "name": args.name,
        "variant": args.variant,
        "settings": list(args.settings),
        "duration_ms": duration,
        "seed": args.seed,
        "dtype": args.dtype,
        "bin_ms": args.bin_ms,
        "no_spikes": args.no_spikes,
        "checkpoint_every_ms": args.checkpoint_every_ms,
    }
    known = provenance(
        command=shlex.join(words),
        seed=args.seed,
        parameters=dataclasses.asdict(params),
        name=name,
        duration_ms=duration,
        threads=args.threads,
    )
    return known | {"asked": asked}


def _resumed(args: argparse.Namespace, there: Run) -> argparse.Namespace:
    """Return the arguments that the run in the folder was started with; threads and display may be new."""
    from burstprop.runs.run import read_run

    asked = (there.content or read_run(args.resume)).get("asked")
    if not isinstance(asked, dict):
        raise BurstpropError(
            f"{args.resume!r} was not made by 'burstprop simulate': there is nothing to go on with"
        )
    if there.complete:
        raise BurstpropError(f"the run in {args.resume!r} is complete: there is nothing to go on with")
    if args.name is not None and args.name != asked["name"]:
        raise BurstpropError(
            f"{args.resume!r} holds a run of {asked['name']!r}, not of {args.name!r}: leave out NAME, "
            "or give another folder"
        )
    given = [name for name in FIXED if getattr(args, name) not in (None, [], False)]
    if given:
        options = ["--set" if name == "settings" else f"--{name.replace('_', '-')}" for name in given]
        raise BurstpropError(
            f"--resume goes on in its own folder with the settings of the run; leave out {', '.join(options)}"
        )
    if args.checkpoint_every_ms is not None:
        asked = {**asked, "checkpoint_every_ms": args.checkpoint_every_ms}
    return argparse.Namespace(**{**vars(args), **asked})
