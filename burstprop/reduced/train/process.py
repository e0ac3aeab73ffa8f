"""What a run changes in the process it runs in, and how it puts that back: `flushed_denormals`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def flushes_denormals() -> bool:
    """Return whether this thread takes results below the smallest normal number (1.2e-38) for zero.

    PyTorch sets this (``torch.set_flush_denormal``) and does not tell it, so one such result is computed.
    """
    return not bool(torch.full((1,), 2e-38).mul(0.5) > 0)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Take denormal numbers for zero, and do afterwards as before.

    Momentum that decays to nothing becomes denormal, and a processor handles such numbers far more slowly.
    """
    before = flushes_denormals()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
