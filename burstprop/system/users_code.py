"""Which part of a traceback is the user's: the lines of their own file, and what they call."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

import burstprop

ATTRIBUTE = "users_code"
"""Of an exception that comes out of another process: the text that `users_traceback` returned there."""


def users_traceback(error: BaseException) -> str:
    """Return the traceback of an error from the first line of the user's own code on; empty without one."""
    if text := getattr(error, ATTRIBUTE, ""):
        return str(text)
    frames = traceback.extract_tb(error.__traceback__)
    ours = _ours()
    first = next((k for k, frame in enumerate(frames) if _is_users(frame.filename, ours)), None)
    if first is None:
        return ""
    lines = traceback.format_list(frames[first:]) + traceback.format_exception_only(error)
    return "Traceback of your code (most recent call last):\n" + "".join(lines)


def _ours() -> list[Path]:
    """Return the folders of code that is not the user's: burstprop, its circuits, Python, its libraries."""
    package = Path(burstprop.__file__).resolve().parent
    installed = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")]
    return [package, package.parent / "circuits", *installed]


def _is_users(file: str, ours: list[Path]) -> bool:
    if file.startswith("<"):
        return False
    path = Path(file).resolve()
    return "site-packages" not in path.parts and not any(folder in path.parents for folder in ours)
