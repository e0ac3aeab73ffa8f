"""A long run of many populations in one compiled call takes no more stack than a short one."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
from burstprop import BurstPoissonNeuron, Circuit, Population, PyramidalNeuron, Record, simulate
from burstprop.neurons import pv_interneuron

models = (PyramidalNeuron(), BurstPoissonNeuron(), pv_interneuron(), PyramidalNeuron(), pv_interneuron())
circuit = Circuit(populations=tuple(Population(f"p{k}", 5, model) for k, model in enumerate(models)))
record = Record(spikes=False, rates_bin_ms=None)
simulate(circuit, 0.1, record=record)  # the compiler itself may take what it likes
simulate(circuit, 3000.0, record=record)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit of the stack to set on Windows")
def test_two_megabytes_of_stack_do():
    limited = f"ulimit -s 2048 && exec {sys.executable} -c '{PROGRAM}'"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stderr)
