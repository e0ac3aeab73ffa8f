"""The memory that is free, and the refusal of work that would not fit into it."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping
from pathlib import Path

from burstprop.errors import BurstpropError

NAMED = 3
"""The largest parts that a refusal names."""


def free_memory() -> float:
    """Return the free memory in bytes; infinite where the system does not tell.

    The least of what the machine has left, and of what a container or a job of a batch system may still take.
    """
    found = [math.inf]
    with contextlib.suppress(OSError, ValueError):
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        found += [1024.0 * int(kilobytes) for kilobytes in re.findall(r"^MemAvailable:\s*(\d+)", text, re.M)]
    for group in _memory_groups():
        with contextlib.suppress(OSError, ValueError):
            limit = int((group / "memory.max").read_text(encoding="ascii"))  # "max" is not a number: no limit
            used = int((group / "memory.current").read_text(encoding="ascii"))
            statistics = (group / "memory.stat").read_text(encoding="ascii")
            # what is held of files is given back when it is needed
            files = sum(int(size) for size in re.findall(r"^inactive_file (\d+)", statistics, re.M))
            found.append(float(max(limit - used + files, 0)))
    return min(found)


def _memory_groups() -> list[Path]:
    """Return the folders of the control groups that this process is in, on Linux."""
    root = Path("/sys/fs/cgroup")
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    own = [root / line.removeprefix("0::/") for line in lines if line.startswith("0::/")]
    return [folder for group in own for folder in (group, *group.parents) if folder.is_relative_to(root)]


def fits(what: str, needed: Mapping[str, float]) -> None:
    """Refuse work that does not fit into the memory that is free.

    Parameters
    ----------
    what : str
        What is going to be done, in words.
    needed : mapping
        Bytes of every part, by its name in words.

    Raises
    ------
    BurstpropError
        It does not fit; the message says how much it needs, what for, and how much is free.
    """
    total, free = sum(needed.values()), free_memory()
    if total <= free:
        return
    largest = sorted(needed, key=lambda name: -needed[name])[:NAMED]
    parts = "; ".join(f"{name}: {gigabytes(needed[name])}" for name in largest)
    raise BurstpropError(
        f"{what} needs about {gigabytes(total)} of memory and {gigabytes(free)} are free ({parts}): "
        "make these smaller, or run it on a larger machine"
    )


def gigabytes(size: float) -> str:
    """Return a number of bytes as text, in a unit that fits."""
    return f"{size / 1e9:,.0f} GB" if size >= 1e10 else f"{size / 1e9:.2g} GB"
