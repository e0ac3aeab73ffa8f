"""A file with the state of a simulation: arrays, and beside them what they belong to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from burstprop.errors import BurstpropError
from burstprop.files import plain
from burstprop.npz import read_arrays, write_arrays


def write_checkpoint(path: str | Path, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> Path:
    """Write arrays and what they belong to, completely or not at all.

    Raises
    ------
    BurstpropError
        The file cannot be written.
    """
    return write_arrays(path, arrays | {"meta": np.array(json.dumps(plain(meta)))}, compress=False)


def read_checkpoint(
    path: str | Path, expected: dict[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `write_checkpoint` wrote, where it belongs to what is ``expected``.

    Raises
    ------
    BurstpropError
        The file is missing, truncated or altered, or belongs to something else.
    """
    arrays = read_arrays(path, "a saved simulation")
    try:
        meta = json.loads(str(arrays.pop("meta")))
        for what, value in expected.items():
            if meta.get(what) != value:
                raise BurstpropError(
                    f"{str(path)!r} was saved with another {what} ({meta.get(what)}, not {value}): resume it "
                    "with the circuit, the settings and the version of burstprop it was started with"
                )
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise no_checkpoint(path, error) from None
    return arrays, meta


def no_checkpoint(path: str | Path, error: Exception) -> BurstpropError:
    """Return the refusal of a file that holds something else."""
    return BurstpropError(f"{str(path)!r} is not a simulation saved by burstprop ({error})")
