"""Compare two checkouts, or two numbers of threads, in short pieces that take turns.

    python benchmarks/in_turns.py propagation --against OTHER/.venv/bin/python
    python benchmarks/in_turns.py propagation --threads 2,1

Two processes hold the same circuit and simulate a piece each, one after the other, many times. Neighbours on
a shared machine slow down both alike, so the ratio of two pieces that follow each other is steady where the
times themselves vary by half. The ratio printed is that of the first to the second: this checkout to the
other one, or the first number of threads to the second. Processor time is compared between checkouts, wall
time between numbers of threads.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from typing import Any

from burstprop.report.report import provenance

WORKER = """
import importlib, sys, time
from burstprop import Record, Simulation

circuit, piece_ms, threads = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
module = importlib.import_module("burstprop.circuits." + circuit)
simulation = Simulation(
    module.build(module.Params()), seed=1, record=Record(rates_bin_ms=10.0), threads=threads
)
simulation.advance(500.0)
print("ready", flush=True)
for clock in sys.stdin:
    now = getattr(time, clock.strip())
    begin = now()
    simulation.advance(piece_ms)
    print(now() - begin, flush=True)
    simulation.forget_recording()
"""


def worker(python: str, circuit: str, piece_ms: float, threads: int) -> subprocess.Popen[str]:
    """Start a process that simulates a piece for every line it is given."""
    words = [python, "-c", WORKER, circuit, str(piece_ms), str(threads)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline().strip() != "ready":
        raise SystemExit(f"{python} does not simulate {circuit}: see above")
    return process


def timed(process: subprocess.Popen[str], clock: str) -> float:
    """Return the seconds of one piece."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(clock + "\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def in_turns(first: subprocess.Popen[str], second: subprocess.Popen[str], clock: str, turns: int) -> Any:
    """Return the seconds of all pieces, as two lists."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(turns):
        # who begins changes, so that neither always follows the other's use of the cache
        for k in (0, 1) if turn % 2 else (1, 0):
            times[k].append(timed((first, second)[k], clock))
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("circuit", choices=("propagation", "xor"))
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--against", metavar="PYTHON", help="the interpreter of the other checkout")
    which.add_argument("--threads", metavar="N,M", help="two numbers of threads of this checkout")
    parser.add_argument("--piece-ms", type=float, default=100.0, metavar="MS", help="simulated piece (100)")
    parser.add_argument("--turns", type=int, default=200, metavar="N", help="pieces of each (200)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    pythons, threads, clock = [sys.executable] * 2, [1, 1], "process_time"
    if args.against:
        pythons[1] = args.against
    else:
        threads, clock = [int(word) for word in args.threads.split(",")], "perf_counter"
    first, second = (
        worker(python, args.circuit, args.piece_ms, number)
        for python, number in zip(pythons, threads, strict=True)
    )
    times = in_turns(first, second, clock, args.turns)
    for process in (first, second):
        process.communicate()
    ratios = [a / b for a, b in zip(*times, strict=True)]
    quartiles = statistics.quantiles(ratios, n=4)
    known = {
        "ratio_median": round(statistics.median(ratios), 4),
        "ratio_quartiles": [round(quartiles[0], 4), round(quartiles[2], 4)],
        "ratio_of_minima": round(min(times[0]) / min(times[1]), 4),
        "turns": args.turns,
    }
    if args.json:
        command = ["python", "benchmarks/in_turns.py", *sys.argv[1:]]
        print(json.dumps(provenance(command=command, seed=1, parameters=vars(args), **known), indent=2))
        return
    low, high = known["ratio_quartiles"]
    print(
        f"{args.circuit}: median ratio {known['ratio_median']:.3f} (quartiles {low:.3f} to {high:.3f}), "
        f"of the minima {known['ratio_of_minima']:.3f}, {args.turns} turns"
    )


if __name__ == "__main__":
    main()
