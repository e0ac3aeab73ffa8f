"""A long run of many populations in one compiled call takes no more stack than a short one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

PROGRAM = """
from burstprop import Record, simulate
from engine import zoo

circuit = zoo.circuit(populations=zoo.populations(sizes=dict(pyr=5, bp=5, pv=5)), projections=(), backgrounds=())
record = Record(spikes=False, rates_bin_ms=None)
simulate(circuit, 0.1, record=record)  # the compiler itself may take what it likes
simulate(circuit, 5000.0, record=record)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit of the stack to set on Windows")
def test_two_megabytes_of_stack_do():
    limited = f"ulimit -s 2048 && exec {sys.executable} -c '{PROGRAM}'"
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        ["bash", "-c", limited], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
