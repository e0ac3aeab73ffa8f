"""Makes circuits/propagation/reference.py from propagation.csv, which lies beside this program.

    python tests/reference/fit_propagation.py > circuits/propagation/reference.py

The figures are those of `burstprop.circuits.propagation.fit`, by which a run is judged too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from burstprop.circuits.propagation.fit import SIGNALS, Protocol, figures, over_realizations

PUBLISHED = Protocol(
    settling_ms=1000.0,
    bin_ms=50.0,
    feedforward_period_ms=500.0,
    feedback_period_ms=500.0 * np.sqrt(5.0),
)
HEAD = '''"""The propagation circuit in the published program: figures and time course of five realizations.

Made by tests/reference/fit_propagation.py from tests/reference/propagation.csv; change it there.
"""

from __future__ import annotations

REALIZATIONS = {realizations}

# signal, figure (see burstprop.circuits.propagation.fit) -> mean and SD over the realizations
FIGURES: dict[tuple[str, str], tuple[float, float]] = {{
{rows}
}}

# ends of the bins in ms, and the mean over the realizations of each signal
# fmt: off
TIME_MS = ({first}, {last}, {step})
SERIES: dict[str, tuple[float, ...]] = {{
{series}
}}
# fmt: on
'''


def published_rates() -> pd.DataFrame:
    """Return the published rates, with the burst probability."""
    rates = pd.read_csv(Path(__file__).with_name("propagation.csv"))
    rates["burst_prob"] = rates["burst_rate_hz"] / rates["event_rate_hz"].replace(0.0, np.nan)
    return rates[rates["time_ms"] > 0]


def module_text() -> str:
    """Return the text of the module."""
    rates = published_rates()
    table = over_realizations(figures(rates, PUBLISHED))
    rows = [f'    ("{s}", "{f}"): ({row.mean:.5g}, {row.sd:.3g}),' for (s, f), row in _rows(table)]
    series = []
    for signal, (population, column) in SIGNALS.items():
        values = rates[rates["population"] == population].groupby("time_ms")[column].mean()
        words = [f"{value:.4g}" for value in values]
        lines = [", ".join(words[k : k + 12]) + "," for k in range(0, len(words), 12)]
        series.append(f'    "{signal}": (\n' + "\n".join(f"        {line}" for line in lines) + "\n    ),")
    time = np.unique(rates["time_ms"])
    return HEAD.format(
        realizations=rates["realization"].nunique(),
        rows="\n".join(rows),
        first=f"{time[0]:g}",
        last=f"{time[-1]:g}",
        step=f"{time[1] - time[0]:g}",
        series="\n".join(series),
    )


def _rows(table: pd.DataFrame) -> list:
    return list(zip(table.index, table[["mean", "sd"]].itertuples(index=False), strict=True))


if __name__ == "__main__":
    print(module_text(), end="")
