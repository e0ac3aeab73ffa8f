"""What an example of the spiking digits costs: processor time of learning an image, and of the loop alone.

    python benchmarks/digits_cost.py
    python benchmarks/digits_cost.py --against OTHER/bin/python     and in another environment, after this one

Prints, for hidden layers of 50, 100 and 200 neurons, milliseconds of processor time an example and for 300 ms
of it: the median of `PIECES` pieces of `EXAMPLES` examples each. *Loop* is what the same time costs without a
protocol and without plasticity. Times of a shared machine are worth something only beside one another.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

HIDDEN = (50, 100, 200)
PIECES = 7
EXAMPLES = 10


def piece(work: Callable[[], None]) -> float:
    """Return the processor time of one example (ms), of so many."""
    began = time.process_time()
    for _ in range(EXAMPLES):
        work()
    return (time.process_time() - began) / EXAMPLES * 1000.0


def measure() -> dict[str, list[float]]:
    """Return the processor time of every piece (ms an example) and the length of an example (ms)."""
    from burstprop.circuits.digits import Params
    from burstprop.circuits.digits.protocol import Realization
    from burstprop.system.interrupts import terminable

    with terminable():  # as in every run: an `advance` then need not set the handlers of signals
        return _measured({hidden: Realization(Params(hidden=hidden), 1, 1) for hidden in HIDDEN})


def _measured(runs: dict[int, Any]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    example_ms = 0.0
    for run in runs.values():
        run.next()
        began = run.simulation.time_ms
        run.next()
        example_ms = run.simulation.time_ms - began
    for _ in range(PIECES):
        for hidden, run in runs.items():
            found.setdefault(f"{hidden} hidden", []).append(piece(run.next))
            advance = run.simulation.advance
            found.setdefault(f"{hidden} hidden, loop", []).append(piece(partial(advance, example_ms)))
    return {"example_ms": [example_ms], **found}


def main() -> None:
    """Measure here, and where ``--against`` says, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--against", metavar="PYTHON", help="the Python of another environment")
    parser.add_argument("--json", action="store_true", help="print what was measured, piece by piece")
    args = parser.parse_args()
    found = measure()
    if args.json:
        print(json.dumps(found))
        return
    other = {}
    if args.against:
        command = [args.against, __file__, "--json"]
        other = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    length = found.pop("example_ms")[0]
    print(f"processor time (ms); an example lasts {length:g} ms", file=sys.stdout)
    for name, pieces in found.items():
        here = float(np.median(pieces))
        words = f"{name:18} {here:6.2f} an example, {here * 300.0 / length:5.2f} for 300 ms"
        if other:
            there = float(np.median(other[name])) / other["example_ms"][0] * length
            words += f"; {here / there:.2f} of the other's"
        print(words)


if __name__ == "__main__":
    main()
