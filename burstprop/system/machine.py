"""Processor and library versions, for provenance, and how many threads there are to use."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import re
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

import burstprop
from burstprop.errors import BurstpropError

LIBRARIES = ("numpy", "numba", "scipy", "pandas", "matplotlib", "joblib", "torch")


def cpu_model() -> str:
    """Return the name of the processor and, where the system tells, its widest vector instructions."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^flags\s*:\s*(.+)$", text, re.MULTILINE)
    known = flags.group(1).split() if flags else []
    vector = next((label for flag, label in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in known), "")
    return (name.group(1) if name else platform.machine()) + (f" ({vector})" if vector else "")


def cores() -> int:
    """Return the number of cores that this process may use; of all cores where the system does not tell."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_cores(said: str, number: int, a_core: int = 1) -> None:
    """Refuse threads or processes that would only wait for one another.

    Parameters
    ----------
    said : str
        The number as its user gave it: ``"--threads 64"``.
    number : int
        How many are asked for.
    a_core : int
        How many share a core before they are refused.

    Raises
    ------
    BurstpropError
        For more than ``a_core`` of them for each core of this process.
    """
    if number > a_core * cores():
        raise BurstpropError(
            f"{said}: this process may use {cores()} core{'s' * (cores() > 1)}, and so many would only wait "
            f"for one another; give {cores()} or less"
        )


_threads: ContextVar[int] = ContextVar("threads", default=1)


def threads_at_hand() -> int:
    """Return the default number of threads of a simulation: 1, or what `use_threads` sets."""
    return _threads.get()


@contextlib.contextmanager
def use_threads(threads: int) -> Iterator[None]:
    """Set the default number of threads inside this context; results do not depend on it."""
    token = _threads.set(threads)
    try:
        yield
    finally:
        _threads.reset(token)


def versions() -> dict[str, str]:
    """Return the versions of burstprop, Python and the installed libraries, without importing them."""
    found = {"burstprop": burstprop.__version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
