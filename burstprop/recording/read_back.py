"""Recordings from the files that `burstprop.recording.export` writes: a folder of Parquet, and SONATA."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from burstprop.errors import BurstpropError
from burstprop.spikes.spike_files import parquet_frame, sonata_spikes

COLUMNS = {
    "spikes": ("time_ms", "population", "neuron_id", "realization"),
    "rates": (
        "time_ms",
        "population",
        "rate_hz",
        "event_rate_hz",
        "burst_rate_hz",
        "burst_prob",
        "realization",
    ),
    "states": ("time_ms", "population", "neuron_id", "realization"),
    "weights": ("time_ms", "projection", "mean", "sd", "smallest", "largest", "realization"),
}
"""Columns that each frame has; states have one more for each variable."""


def from_parquet(folder: Path) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Return the frames and ``info`` that `burstprop.recording.export.to_parquet` wrote into a folder.

    Raises
    ------
    BurstpropError
        A file is missing or damaged, a frame lacks a column, or pyarrow is not installed.
    """
    frames = {}
    for name, columns in COLUMNS.items():
        frame = parquet_frame(folder / f"{name}.parquet")
        lacking = [column for column in columns if column not in frame]
        if lacking:
            raise BurstpropError(
                f"{str(folder)!r} is no recording: {name}.parquet lacks {', '.join(lacking)}"
            )
        named = {column: "category" for column in ("population", "projection") if column in frame}
        frames[name] = frame.astype(named)
    try:
        info = json.loads((folder / "info.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BurstpropError(f"{str(folder)!r} is no recording: info.json cannot be read ({error})") from None
    return frames, info


def from_sonata(path: Path) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Return the spikes of a SONATA file, and empty frames for what it cannot hold.

    ``info`` says which populations the file has. It cannot say how large they are.

    Raises
    ------
    BurstpropError
        There is no such file, it is not SONATA, or h5py is not installed.
    """
    empty = {
        name: pd.DataFrame({column: np.zeros(0) for column in columns})
        for name, columns in COLUMNS.items()
        if name != "spikes"
    }
    spikes = sonata_spikes(path)
    return {"spikes": spikes, **empty}, {"spikes_of": list(spikes["population"].cat.categories)}
