"""How long burstprop takes to start: import, help, and the first simulated step, with and without compiled
code.

    python benchmarks/start_up.py

Each figure is the wall time of a whole process. "cold" has an empty cache of compiled code, "warm" the one
that the cold start left.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

FIRST_STEP = """
from burstprop.circuits.propagation import experiment as propagation
from burstprop import simulate

simulate(propagation.build(), 0.1)
"""


def seconds(words: list[str], environment: dict[str, str]) -> float:
    """Return the wall time of one process."""
    begin = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="processes of each kind (5)")
    args = parser.parse_args()
    python = sys.executable
    for name, words in (
        ("python -c pass", [python, "-c", "pass"]),
        ("import burstprop", [python, "-c", "import burstprop"]),
        ("burstprop --help", [python, "-m", "burstprop", "--help"]),
    ):
        values = [seconds(words, dict(os.environ)) for _ in range(args.repeats)]
        print(f"{name:35} {statistics.median(values):6.2f} s")
    cold, warm = [], []
    for _ in range(max(1, args.repeats // 2)):
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
            cold.append(seconds([python, "-c", FIRST_STEP], environment))
            warm += [seconds([python, "-c", FIRST_STEP], environment) for _ in range(3)]
    print(f"{'first step of propagation, cold':35} {statistics.median(cold):6.2f} s")
    print(f"{'first step of propagation, warm':35} {statistics.median(warm):6.2f} s")


if __name__ == "__main__":
    main()
