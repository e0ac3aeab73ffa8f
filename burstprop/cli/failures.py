"""What the command line says, and its exit code, where something raises that is no `BurstpropError`.

A full disk and too little memory are one line. An error in the user's own file is the traceback of their
code, from its first line on, and an exit code of its own. Anything else is a fault of burstprop.
"""

from __future__ import annotations

import errno
import sys
import traceback

from burstprop.system.users_code import users_traceback

USERS_CODE = 3
FAULT = 70
BAD_USE = 2
_FULL = (errno.ENOSPC, errno.EDQUOT)


def tell(error: Exception) -> int:
    """Print what went wrong on the error stream and return the exit code."""
    if _out_of_memory(error):
        line = str(error).strip().partition("\n")[0]
        print(
            f"burstprop: out of memory ({line or 'no more could be had'}): make the circuit, the batches or "
            "the number of jobs smaller, or use a machine with more",
            file=sys.stderr,
        )
        return BAD_USE
    if isinstance(error, OSError) and error.errno in _FULL:
        where = f" at {error.filename!r}" if error.filename else ""
        print(
            f"burstprop: the disk is full{where} ({error.strerror}): make room, and go on with the same "
            "command (--resume where the verb has it)",
            file=sys.stderr,
        )
        return BAD_USE
    if text := users_traceback(error):
        print(f"{text}burstprop: this error is in your own code", file=sys.stderr)
        return USERS_CODE
    traceback.print_exception(error)
    print("burstprop: this is a fault of burstprop, please report it with the lines above", file=sys.stderr)
    return FAULT


def _out_of_memory(error: Exception) -> bool:
    # PyTorch's allocators raise a RuntimeError of their own
    text = str(error)
    known = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in text for words in known)
    )
