"""The propagation circuit in the published program: figures of every realization, mean time course.

Made by tests/reference/fit_propagation.py from the rates beside it, which the published program printed: 25
realizations with the published sines, 15 with other ones (half the amplitude into the somata of the lower
layer, twice that into the dendrites of the upper one).
"""

from __future__ import annotations

import functools
from pathlib import Path

import pandas as pd

#: Amplitudes of the sines (pA): into somata of pyr1, into dendrites of pyr2.
DRIVES = {"published": (200.0, 100.0), "other_drive": (100.0, 200.0)}


@functools.cache
def published_figures(drive: str = "published") -> pd.DataFrame:
    """Return a row for each realization, a column for each figure, ``"SIGNAL: FIGURE"``; see `fit`."""
    table = pd.read_csv(Path(__file__).with_name("published_figures.csv"))
    return table[table["drive"] == drive].drop(columns="drive").set_index("realization")


@functools.cache
def published_series(drive: str = "published") -> pd.DataFrame:
    """Return the mean over the realizations of each signal: ``time_ms`` (end of the bin), and the signals."""
    table = pd.read_csv(Path(__file__).with_name("published_series.csv"))
    return table[table["drive"] == drive].drop(columns="drive").reset_index(drop=True)
