"""Run one circuit once, with settings of your own, and record it into a folder.

The folder then holds rates.csv (event and burst rates of all populations), spikes.npz (all that was recorded;
read it with burstprop.Recording.load) and run.json (circuit, parameters, seed, versions, and how to run it
again).

Ctrl-C keeps what was recorded so far and says how to go on. With --checkpoint-every-ms a run that is killed
loses at most that much. A resumed run gives the same result, bit for bit.

examples:
  burstprop simulate propagation --out trial
  burstprop simulate propagation --set w_pyr1_pyr2=0.06 n_pyr1=2000 --duration-ms 2000 --seed 7 --out trial
  burstprop simulate propagation --duration-ms 600000 --checkpoint-every-ms 10000 --threads 2 --out long
  burstprop simulate --resume long
  burstprop simulate my_circuit.py --out mine          your own file, with an Experiment that has build
                                                       and, if you like, duration_ms
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from typing import Any

from burstprop.cli.arguments import add_name, add_seed, chosen, number, whole
from burstprop.errors import BurstpropError
from burstprop.experiments import catalogue

#: What a new run takes where nothing is said; a resumed one goes on with its own.
DEFAULTS = {"seed": 1, "dtype": "float32", "bin_ms": 50.0, "no_spikes": False}
FIXED = ("variant", "settings", "duration_ms", *DEFAULTS, "out")
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
    parser.add_argument("--out", metavar="DIR", help="where to write (results/NAME, -VARIANT, -simulate)")
    parser.add_argument(
        "--checkpoint-every-ms", type=number, metavar="T", help="write a checkpoint that often"
    )
    parser.add_argument(
        "--resume",
        metavar="DIR",
        help="go on with the run in this folder; takes --threads, --checkpoint-every-ms and --quiet",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress display")


def run(args: argparse.Namespace) -> int:
    """Run or resume; print where the results are."""
    from burstprop.simulation.long_run import LongRun

    if args.resume is not None:
        args = _resumed(args)
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
    out = args.resume or args.out or catalogue.results_folder(entry, args.variant, "simulate")
    notes = _notes(args, entry.name, params, duration)
    long_run = LongRun(
        _simulation(args, circuit),
        out,
        duration,
        notes,
        checkpoint_every_ms=args.checkpoint_every_ms,
        resume=args.resume is not None,
    )
    recording = long_run.run(progress=False if args.quiet else None)
    last = recording.rates[recording.rates["time_ms"] > 0.5 * duration]
    means = last.groupby("population", observed=True)[["rate_hz", "event_rate_hz", "burst_rate_hz"]].mean()
    print(f"mean rates over the second half of {duration:g} ms (Hz):\n{means.round(3).to_string()}")
    print(f"\nwritten to {out}: {', '.join(sorted(path.name for path in long_run.folder.iterdir()))}")
    return 0


def _simulation(args: argparse.Namespace, circuit: Any) -> Any:
    from burstprop.recording import Record
    from burstprop.simulation import Simulation

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


def _resumed(args: argparse.Namespace) -> argparse.Namespace:
    """Return the arguments that the run in the folder was started with; threads and display may be new."""
    from burstprop.simulation.long_run import read_run

    notes = read_run(args.resume)
    asked = notes.get("asked")
    if not isinstance(asked, dict):
        raise BurstpropError(
            f"{args.resume!r} was not made by 'burstprop simulate': there is nothing to go on with"
        )
    if args.name is not None and args.name != asked["name"]:
        raise BurstpropError(
            f"{args.resume!r} holds a run of {asked['name']!r}, not of {args.name!r}: leave out NAME, "
            "or give another folder"
        )
    given = [name for name in FIXED if getattr(args, name) not in (None, [])]
    if given:
        options = ["--set" if name == "settings" else f"--{name.replace('_', '-')}" for name in given]
        raise BurstpropError(
            f"--resume goes on in its own folder with the settings of the run; leave out {', '.join(options)}"
        )
    if args.checkpoint_every_ms is not None:
        asked = {**asked, "checkpoint_every_ms": args.checkpoint_every_ms}
    return argparse.Namespace(**{**vars(args), **asked})
