"""Runs for the tests of `burstprop.runs.sweep`; a module, so that worker processes can import it."""

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

from burstprop.errors import BurstpropError
from burstprop.system.files import writing


def walk(steps, seed, progress, folder, log=None):
    """A random walk: float32 and text columns, and a missing value."""
    if log:
        with open(log, "a", encoding="ascii") as file:
            file.write(f"{steps},{seed},{os.getpid()}\n")
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.normal(size=steps)).astype(np.float32)
    x[0] = np.nan
    frame = pd.DataFrame({"time_ms": np.arange(steps) * 0.1, "population": "pyr1", "x": x, "seed": -1})
    progress(1.0)
    return {"walk": frame, "end": frame.tail(1)}


def square(x, progress, folder):
    assert folder is None
    progress(0.5)
    return x * x


def process(x, progress, folder):
    time.sleep(0.3)
    return os.getpid()


def broken(x, progress, folder):
    if x == 2:
        raise BurstpropError("the voltage of pyr1 is not a number at 3.5 ms")
    return {"x": pd.DataFrame({"x": [x]})}


def no_frames(x, progress, folder):
    return x


def slow(k, seconds, progress, folder):
    """Announce itself, work in small pieces, keep a checkpoint; run 0 is quick."""
    mark = Path(folder) / "checkpoint"
    began = int(mark.read_text()) if mark.exists() else 0
    for step in range(began, 0 if k == 0 else int(seconds * 20)):
        time.sleep(0.0 if os.environ.get("BURSTPROP_TEST_HURRY") else 0.05)
        with writing(mark) as temporary:  # it may be killed at any time
            temporary.write_text(str(step + 1))
        progress(step / (seconds * 20))
    if mark.exists():
        mark.unlink()
    return {"x": pd.DataFrame({"k": [k], "resumed": [began > 0], "pid": [os.getpid()]})}


def nested(k, progress, folder):
    """Runs inside a run: joblib keeps them in the worker."""
    from burstprop.runs.sweep import run_many

    return run_many(square, [{"x": k}, {"x": k + 1}], jobs=2, progress=progress)


def threads(x, progress, folder):
    from burstprop.system.machine import threads_at_hand

    time.sleep(0.2)
    return threads_at_hand()


def killed(x, progress, folder):
    import signal

    os.kill(os.getpid(), signal.SIGKILL)
