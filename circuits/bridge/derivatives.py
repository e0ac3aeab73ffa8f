"""Is the gradient that of the spiking circuit? Its output by the mean weight of each pathway, by differences.

All weights of a pathway are raised and lowered by the same step; the spiking circuit shows the four patterns
with each, without plasticity, and the mean event rate of its output is counted. Beside it, with the same
synapses: the derivative by hand (`burstprop.ensemble.gradient`), which holds what a layer has in common, and
differences in rate units where that follows the weights too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from burstprop.circuit import Circuit
from burstprop.ensemble.gradient import differences, gradient
from burstprop.recording import Record
from burstprop.simulation import Simulation

from ..xor.circuit import PATTERNS
from ..xor.rates import RateRealization
from .alignment import LAYERS, PATHWAYS, Stage, cosine, length, with_weights

STEP = 0.03
"""Of the mean weight, up and down."""
SETTLE_MS = 600.0
COUNTED_MS = 5000.0


def derivatives(stage: Stage, *, seed: int, progress: Callable[[float], None]) -> pd.DataFrame:
    """Return dE/dw of the output (Hz): columns ``epoch, pathway, pattern, spiking, rate, rate_following``."""
    run, rows = stage.run, []
    by_hand = {
        pattern: gradient(
            run.units, run.units.rates(soma_pa=run.input_pa(pattern)), lambda hz: 1.0, mean=True
        )
        for pattern in PATTERNS
    }
    for k, pathway in enumerate(PATHWAYS):
        weight = run.units.synapses[pathway].weight
        before, counted = weight.copy(), []
        for sign in (-1.0, 1.0):
            weight[:] = before + sign * STEP
            circuit = with_weights(run.units, run.units.circuit, stage.spikes_hz)
            counted.append(output_hz(circuit, run, seed))
        weight[:] = before
        for pattern, low, high in zip(PATTERNS, *counted, strict=True):
            following = differences(
                run.units, lambda hz: hz, pathway, soma_pa=run.input_pa(pattern), step=STEP
            )
            spiking = (high - low) / (2 * STEP)
            rows.append((stage.epoch, pathway, pattern, spiking, by_hand[pattern][pathway], following))
        progress((k + 1) / len(PATHWAYS))
    return pd.DataFrame(rows, columns=["epoch", "pathway", "pattern", "spiking", "rate", "rate_following"])


def output_hz(circuit: Circuit, run: RateRealization, seed: int) -> list[float]:
    """Return the mean event rate of the spiking circuit's output for each pattern."""
    simulation = Simulation(circuit, seed=seed, record=Record(spikes=False, rates_bin_ms=50.0))
    found = []
    for pattern in PATTERNS:
        for name, input_pa in run.input_pa(pattern).items():
            simulation.set_current(name, "soma", input_pa)
        simulation.advance(SETTLE_MS)
        simulation.forget_recording()
        simulation.advance(COUNTED_MS)
        rates = simulation.recording().rates
        found.append(float(rates.loc[rates["population"] == "output", "event_rate_hz"].mean()))
        simulation.forget_recording()
    return found


def agreement(table: pd.DataFrame, rates: str = "rate") -> pd.DataFrame:
    """Return ``epoch, layer, cosine, size`` of spiking derivatives over those of the rate units.

    ``rates`` is the column of the rate units: ``"rate"``, or ``"rate_following"``.
    """
    rows: list[list[Any]] = []
    for epoch, own in table.groupby("epoch"):
        for layer, pathways in LAYERS.items():
            part = own[own["pathway"].isin(pathways)]
            a, b = part["spiking"].to_numpy(), part[rates].to_numpy(np.float64)
            rows.append([epoch, layer, cosine(a, b), length(a) / max(length(b), 1e-12)])
    return pd.DataFrame(rows, columns=["epoch", "layer", "cosine", "size"])
