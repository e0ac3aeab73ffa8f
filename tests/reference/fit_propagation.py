"""Makes the tables of circuits/propagation from the rates that lie beside this program.

    python tests/reference/fit_propagation.py

writes ``published_figures.csv`` and ``published_series.csv``. The figures are those of
`burstprop.circuits.propagation.fit`, by which a run is judged too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from burstprop.circuits.propagation.fit import SIGNALS, Protocol, figures, side_by_side

HERE = Path(__file__).parent
INTO = HERE.parents[1] / "circuits" / "propagation"
PUBLISHED = Protocol(
    settling_ms=1000.0,
    bin_ms=50.0,
    feedforward_period_ms=500.0,
    feedback_period_ms=500.0 * np.sqrt(5.0),
)
FILES = {
    "published": ("propagation.csv", "propagation_more.csv"),
    "other_drive": ("propagation_other_drive.csv",),
}


def published_rates(drive: str = "published") -> pd.DataFrame:
    """Return the published rates of all realizations, with the burst probability."""
    rates = pd.concat([pd.read_csv(HERE / name) for name in FILES[drive]], ignore_index=True)
    rates["burst_prob"] = rates["burst_rate_hz"] / rates["event_rate_hz"].replace(0.0, np.nan)
    return rates[rates["time_ms"] > 0]


def tables() -> dict[str, str]:
    """Return the text of each table by the name of its file."""
    judged, series = [], []
    for drive in FILES:
        rates = published_rates(drive)
        wide = side_by_side(figures(rates, PUBLISHED)).reset_index()
        judged.append(wide.assign(drive=drive))
        means = {
            signal: rates[rates["population"] == population].groupby("time_ms")[column].mean()
            for signal, (population, column) in SIGNALS.items()
        }
        series.append(pd.DataFrame(means).reset_index().assign(drive=drive))
    return {
        "published_figures.csv": pd.concat(judged).to_csv(index=False, float_format="%.6g"),
        "published_series.csv": pd.concat(series).to_csv(index=False, float_format="%.4g"),
    }


if __name__ == "__main__":
    for name, text in tables().items():
        (INTO / name).write_text(text, encoding="utf-8")
