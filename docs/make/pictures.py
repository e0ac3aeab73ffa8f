"""Draw the pictures of the README from descriptions and stored results, into docs/pictures.

Run ``python docs/make/pictures.py``. The sketch is drawn from the circuit, propagation and XOR from frames in
``benchmarks/results`` that ``burstprop reproduce propagation`` and ``burstprop reproduce xor`` wrote.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from burstprop.circuit.sketch import draw
from burstprop.circuits.propagation.experiment import EXPERIMENT, feedback, feedforward
from burstprop.report.plotting import BLACK, GREY, band, colour, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PICTURES = ROOT / "docs" / "pictures"
GUESSING = 4 * np.log(2.0)
"""Cost of an epoch of XOR for answers that are always one half: four patterns, nats."""


def propagation() -> Figure:
    """Return E and P of both layers, with the current that each of them should follow."""
    rates = pd.read_csv(RESULTS / "propagation" / "rates.csv")
    p = EXPERIMENT.params
    time = np.arange(p.settling_ms, p.settling_ms + p.stimulation_ms, 5.0)
    somatic, dendritic = (wave(p).current(time) for wave in (feedforward, feedback))
    drawn, axes = figure(1, 2, width=8.0, height=2.6)
    panels = (
        ("event_rate_hz", "event rate E (Hz)", 1.0, somatic, "current into somata of pyr1"),
        (
            "burst_prob",
            "burst probability P (%)",
            100.0,
            dendritic,
            "current into dendrites of pyr2",
        ),
    )
    for axis, (column, label, factor, current, words) in zip(axes, panels, strict=True):
        for population in ("pyr1", "pyr2"):
            own = rates[(rates["population"] == population) & (rates["time_ms"] > p.settling_ms)]
            shown = own.assign(y=own[column] * factor)
            band(shown, axis, "time_ms", "y", colour(population), population)
        low, high = axis.get_ylim()
        middle, reach = (low + high) / 2, (high - low) / 3
        scaled = middle + reach * current / abs(current).max()
        axis.plot(time, scaled, "--", color=GREY, linewidth=1.0, label=f"{words} (scaled)")
        axis.set(xlabel="time (ms)", ylabel=label)
        axis.legend(frameon=False, fontsize=7, loc="upper right")
        axis.set_ylim(low, high + 0.35 * (high - low))
    return drawn


def xor() -> Figure:
    """Return the cost of each realization over the epochs, and what guessing costs."""
    cost = pd.read_csv(RESULTS / "xor" / "xor.csv")
    drawn, axis = figure(1, 1, width=4.5, height=2.6)
    for number, (_, one) in enumerate(cost.groupby("realization")):
        axis.plot(
            one["epoch"],
            one["cost"],
            color=colour("hidden1"),
            linewidth=0.6,
            label=None if number else "one realization",
        )
    mean = cost.groupby("epoch")["cost"].mean()
    axis.plot(mean.index.to_numpy(), mean.to_numpy(), color=BLACK, linewidth=1.4, label="mean")
    axis.axhline(GUESSING, linestyle="--", color=GREY, linewidth=1.0, label="guessing")
    axis.set(xlabel="epoch", ylabel="cost (nats)")
    axis.set_ylim(bottom=0.0)
    axis.legend(frameon=False, fontsize=7)
    return drawn


def main() -> None:
    """Write every picture."""
    PICTURES.mkdir(exist_ok=True)
    drawn = {"circuit": draw(EXPERIMENT.build(EXPERIMENT.params)), "propagation": propagation(), "xor": xor()}
    for name, picture in drawn.items():
        picture.savefig(PICTURES / f"{name}.png", dpi=130, metadata={"Software": None})
        print(f"written: {PICTURES / name}.png")


if __name__ == "__main__":
    main()
