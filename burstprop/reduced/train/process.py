"""What a run does to its process and takes from it: denormal numbers, and memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from burstprop.errors import BurstpropError


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


@contextmanager
def enough_memory(needs: str) -> Iterator[None]:
    """Raise BurstpropError where memory is lacking, that of a GPU too; ``needs`` says what for."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # PyTorch raises a RuntimeError for the processor's memory, and a class of its own for a GPU's
        lines = str(error).strip().splitlines()
        lacking = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not lacking and "can't allocate memory" not in str(error):
            raise
        raise BurstpropError(
            f"not enough memory for {needs}{f' ({lines[0][:200]})' if lines else ''}: use smaller batches "
            "(--set batch_size=N), a smaller network (--network) or a machine with more"
        ) from error
