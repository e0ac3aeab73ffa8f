"""Runs of a minute that several files of tests look at: each is made once, whichever process comes first."""

import time
from pathlib import Path

import pytest

from burstprop.circuits.xor import experiment as xor
from burstprop.runs.lock import Lock, Locked


def quick_xor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the quick XOR run of seed 1, finished; what reads it again runs nothing.

    The processes of pytest-xdist share the folder above their own.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    folder = shared / "shared-xor-quick"
    place = shared / "shared-xor-quick-lock"
    place.mkdir(exist_ok=True)
    lock = Lock(place, "a test")
    while True:
        try:
            lock.take()
            break
        except Locked:
            time.sleep(0.2)
    try:
        xor.EXPERIMENT.frames(quick=True, seed=1, jobs=1, progress=False, out=folder)
    finally:
        lock.release()
    return folder
