"""More current into the dendrites makes more bursts, not more events.

Claim: a stronger dendritic current raises the burst probability of a population by more than a tenth, and
leaves its event rate within 2 Hz.

The first line is the title of the report, the paragraph that starts with ``Claim`` what it shows on top. Run
it with ``burstprop reproduce my_experiment.py``; sweep over a parameter with
``burstprop sweep my_experiment.py --set strong_pa=250,350 --seeds 1:4 --out sweep``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from burstprop import (
    Background,
    Circuit,
    Claim,
    Constant,
    Current,
    Experiment,
    Population,
    PyramidalNeuron,
    simulate,
)
from burstprop.experiments import Execution
from burstprop.parameters import quantity, validate

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Params:
    """The parameters: ``--set NAME=VALUE`` changes them, ``burstprop info`` prints them."""

    n: int = quantity(200, "1", "neurons", low=1)
    soma_pa: float = quantity(100.0, "pA", "current into the somata")
    weak_pa: float = quantity(100.0, "pA", "current into the dendrites, weak")
    strong_pa: float = quantity(300.0, "pA", "current into the dendrites, strong")
    duration_ms: float = quantity(2000.0, "ms", "length of each run", low=200)

    def __post_init__(self) -> None:
        """Check the parameters."""
        validate(self)


def build(params: Params) -> Circuit:
    """Return the circuit with the weak current."""
    return Circuit(
        populations=(Population("pyr", params.n, PyramidalNeuron()),),
        backgrounds=(
            Background("pyr", "soma_exc", rate_hz=500.0, weight=0.35),
            Background("pyr", "soma_inh", rate_hz=500.0, weight=0.35),
        ),
        currents=(
            Current("pyr", "soma", Constant(params.soma_pa)),
            Current("pyr", "dendrite", Constant(params.weak_pa)),
        ),
    )


def one(
    params: Params, seed: int, realization: int, progress: Callable[[float], None], folder: Path | None
) -> dict[str, pd.DataFrame]:
    """Run one realization: both currents, one after the other."""
    rows: list[pd.DataFrame] = []
    for done, current in enumerate((params.weak_pa, params.strong_pa), start=1):
        circuit = build(replace(params, weak_pa=current))
        rates = simulate(circuit, params.duration_ms, seed=seed, realization=realization).rates
        settled = rates[rates["time_ms"] > 100.0]
        rows.append(settled.assign(dendrite_pa=current, realization=realization))
        progress(done / 2)
    return {"rates": pd.concat(rows, ignore_index=True)}


def run(params: Params, execution: Execution) -> dict[str, pd.DataFrame]:
    """Run all realizations side by side; what is finished is kept and not run again."""
    return execution.each(one, params)


def check(frames: dict[str, pd.DataFrame]) -> list[Claim]:
    """Return what was measured, between the bounds that were stated before the run."""
    mean = frames["rates"].groupby("dendrite_pa")[["event_rate_hz", "burst_prob"]].mean()
    rise = mean.iloc[-1] - mean.iloc[0]
    return [
        Claim("rise of the burst probability", float(rise["burst_prob"]), 0.1, 1.0, "", "a tenth"),
        Claim("change of the event rate", float(rise["event_rate_hz"]), -2.0, 2.0, "Hz", "2 Hz"),
    ]


def figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return event rate and burst probability over the dendritic current."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(7.0, 3.0), layout="constrained")
    mean = frames["rates"].groupby("dendrite_pa")[["event_rate_hz", "burst_prob"]].mean()
    labels = ("event rate (Hz)", "burst probability")
    for axis, column, label in zip(drawn.subplots(1, 2), mean.columns, labels, strict=True):
        axis.plot(mean.index.to_numpy(), mean[column].to_numpy(), "o-")
        axis.set(xlabel="dendritic current (pA)", ylabel=label)
        axis.set_ylim(bottom=0.0)
    return drawn


EXPERIMENT = Experiment(
    "my_experiment", Params(), build=build, run=run, check=check, figure=figure, realizations=2
)
