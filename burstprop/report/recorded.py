"""What figures and tables take of a recording, so that they need not know the class."""

from __future__ import annotations

from typing import Any, Protocol

import pandas as pd


class Recorded(Protocol):
    """Frames of a run, as `burstprop.Recording` has them, and how it was made."""

    spikes: pd.DataFrame
    rates: pd.DataFrame
    states: pd.DataFrame
    weights: pd.DataFrame
    info: dict[str, Any]
