"""Frames in the folder of a run: one CSV each, read back with every number as it was written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from burstprop.system.files import writing


def stored_form(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame as it will be read again: single precision as double, a plain index."""
    single = {name: np.float64 for name, kind in frame.dtypes.items() if kind == np.float32}
    return frame.astype(single).reset_index(drop=True)


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame completely or not at all.

    Raises
    ------
    BurstpropError
        The file cannot be written.
    """
    with writing(path) as temporary:
        frame.to_csv(temporary, index=False)


def write_frames(folder: Path, frames: Mapping[str, pd.DataFrame]) -> list[str]:
    """Write every frame as NAME.csv and return the names of the files."""
    for name, frame in frames.items():
        write_csv(folder / f"{name}.csv", frame)
    return [f"{name}.csv" for name in frames]


def read_csv(path: Path) -> pd.DataFrame:
    """Read a frame with every number exactly as it was written."""
    # exact by default from pandas 3.1 on, which warns when asked for it
    version = tuple(int(part) for part in pd.__version__.split(".")[:2])
    exact: Any = {} if version >= (3, 1) else {"float_precision": "round_trip"}
    return pd.read_csv(path, **exact)
