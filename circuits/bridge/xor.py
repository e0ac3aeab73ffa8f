"""XOR in rates: one unit per neuron learns it, six mean weights do not; curves beside the spiking ones.

The curves of the spiking circuit are those of ``burstprop reproduce xor --controls --extended``, five
realizations each (`SPIKING`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from burstprop.ensemble.burst_poisson import BurstPoissonCurves

from ..xor.check import CHANCE
from ..xor.circuit import Params
from ..xor.experiment import VARIANTS
from ..xor.rates import RateRealization, curves

SPIKING: dict[str, tuple[float, float]] = {
    "published": (0.90, 196.0),
    "frozen_hidden": (2.62, math.nan),
    "no_teaching": (3.95, math.nan),
    "no_feedback": (2.63, math.nan),
    "shuffled_feedback": (1.02, 260.0),
    "exchanged_feedback": (1.67, math.nan),
    "fed_alike": (0.96, 153.0),
    "symmetric_feedback": (0.90, 250.0),
    "example_4s": (1.03, 343.0),
    "tau_avg_500ms": (1.47, math.nan),
}
"""Cost of the last 20 epochs, and epoch of half chance, of the spiking circuit (mean of 5)."""
SPIKING_CURVE = (
    (1, 2.862),
    (10, 2.758),
    (50, 2.683),
    (100, 2.300),
    (150, 1.747),
    (200, 1.335),
    (250, 1.107),
    (300, 1.009),
    (350, 0.943),
    (400, 0.927),
    (450, 0.895),
    (490, 0.901),
)
"""Epoch and cost (mean of eleven epochs around it and of five realizations) of the spiking circuit."""
SPIKING_RATES_100 = {
    "hidden1": (1.98, 3.72, 2.89, 2.38),
    "hidden2": (4.53, 8.28, 8.04, 9.90),
    "output": (5.05, 7.48, 6.74, 6.69),
}
"""Event rates (Hz) at epoch 100 for 00, 10, 01, 11."""
SPIKING_WEIGHTS_100 = {
    "input1->hidden1.soma_exc": 0.218,
    "input1->hidden2.soma_exc": 0.271,
    "input2->hidden1.soma_exc": 0.191,
    "input2->hidden2.soma_exc": 0.270,
    "hidden1->output.soma_exc": 0.285,
    "hidden2->output.soma_exc": 0.230,
}
AROUND = 5


def learning_curve(run: RateRealization) -> pd.DataFrame:
    """Return ``epoch, cost`` of what was learned so far."""
    examples = pd.DataFrame(run.rows["examples"], columns=["epoch", "p", "t", "hz", "cost", "pa"])
    return examples.groupby("epoch")["cost"].sum().reset_index()


def mean_weights(params: Params, closed_forms: BurstPoissonCurves, epochs: int) -> pd.DataFrame:
    """Learn with six mean weights, every population one unit: ``epoch, cost``.

    A hundred units all connected to each other are alike and stay alike; what a pair of neurons shares is
    scaled to the circuit's connection probability.
    """
    n = round(params.in_degree)
    run = RateRealization(
        replace(params, n=n, in_degree=float(n)), 1, 1, closed_forms, noise=False, common=False
    )
    for s in run.units.synapses.values():
        if s.same is not None:
            s.same *= params.probability
    run.settle()
    for _ in range(epochs):
        run.learn()
    return learning_curve(run)


def variant(
    name: str,
    epochs: int,
    seed: int,
    realization: int,
    progress: Callable[[float], None],
    folder: Path | None = None,
) -> dict[str, pd.DataFrame]:
    """Learn with one variant in rates: frame ``xor``, ``variant, realization, epoch, cost``."""
    del folder
    params = VARIANTS[name]
    run = RateRealization(params, seed, realization, curves(params))
    run.settle()
    for k in range(epochs):
        run.learn()
        progress((k + 1) / epochs)
    frame = learning_curve(run)
    frame.insert(0, "variant", name)
    frame.insert(1, "realization", realization)
    return {"xor": frame}


def near(curve: pd.DataFrame, epoch: int) -> float:
    """Return the mean cost of eleven epochs around one (as many as there are)."""
    part = curve[(curve["epoch"] - epoch).abs() <= AROUND]
    return float(part["cost"].mean()) if len(part) else math.nan


def half_chance(curve: pd.DataFrame) -> float:
    """Return the first epoch from which the mean over ten epochs is under half of chance; NaN if none."""
    by_epoch = curve.groupby("epoch")["cost"].mean()
    under = by_epoch.rolling(10).mean() < CHANCE / 2
    first: Any = under.idxmax()
    return float(first) if under.any() else math.nan


def state_at_100(run: RateRealization) -> pd.DataFrame:
    """Return rates and mean weights beside the spiking ones: ``what, rate, spiking``."""
    rates = pd.DataFrame(
        run.rows["rates"], columns=["epoch", "pattern", "population", "event_hz", "burst_hz", "taught_hz"]
    )
    rates = rates[rates["epoch"] == 100]
    rows = []
    for name, values in SPIKING_RATES_100.items():
        own = rates[rates["population"] == name]
        for pattern, hz, spiking in zip(own["pattern"], own["event_hz"], values, strict=True):
            rows.append((f"events of {name}, {pattern} (Hz)", float(hz), spiking))
    weights = pd.DataFrame(
        run.rows["weights"], columns=["epoch", "projection", "mean", "sd", "smallest", "largest"]
    )
    at_100: Any = weights[weights["epoch"] == 100].set_index("projection")["mean"]
    rows += [(f"weight {p}", float(at_100[p]), w) for p, w in SPIKING_WEIGHTS_100.items()]
    return pd.DataFrame(rows, columns=["what", "rate", "spiking"])


def specialised(run: RateRealization) -> dict[str, float]:
    """Return how different the neurons of hidden1 are: SD of their mean input weight, and the correlation of
    the two inputs' mean weights over neurons."""
    means = []
    for source in ("input1", "input2"):
        s = run.units.synapses[f"{source}->hidden1.soma_exc"]
        count = np.maximum(np.diff(s.start), 1)
        means.append(np.add.reduceat(s.weight, s.start[:-1]) / count)
    return {
        "sd": float(np.std(means[0])),
        "correlation": float(np.corrcoef(means[0], means[1])[0, 1]),
    }
