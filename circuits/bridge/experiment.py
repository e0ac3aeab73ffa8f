"""From the spiking circuit to rates, to the gradient, to the reduced rule: the bridge, measured.

Claim: rates measured on isolated populations predict the propagation circuit in time, the XOR circuit's
learning and the weight change of each teaching phase; the gradient of the same rate model shows where the
published circuit climbs and where it moves against it.

No number of a circuit's output is used to fit anything. In five parts:

Curves: event rate, burst probability and later spikes of isolated populations, fitted; residuals are told.

Propagation: the rate model of the circuit of Fig. 3 in six configurations beside the simulated one: means,
amplitudes and phases of all populations; and the errors with one ingredient changed at a time.

XOR: one rate unit per neuron, with drawn connectivity and the noise of averages, learns as the spiking
circuit does; six mean weights do not learn it. It is solved by neurons that become different within a
population, which a population average has no place for.

Alignment: spiking circuits with the weights of rate units after some epochs; each teaching phase changes
them, and they are put back. The change is held against minus the gradient of the cost, against what the rate
units predict, and against the reduced rule. In the published design (hidden2 fed with the opposite sign)
hidden1 and the output climb and hidden2 moves against the gradient; whether all follow it when both hidden
populations are fed alike is a claim of the check. The gradient itself is checked in the spiking circuit, by
differences: the output with all weights of a pathway a little larger and smaller.

Constants: what the reduced rule needs (burst probability without teacher, its slope by bursts from above,
ratio of the layers), read off the curves.

Frames: ``curves``, ``propagation``, ``series``, ``ablations``, ``xor``, ``state``, ``alignment``,
``changes``, ``derivatives``, ``constants``, ``numbers``.

The long learning runs are left out unless asked for: ``--set xor_epochs=500`` follows the whole learning
curve, ``--set xor_variants=1`` with it learns the controls and the variants of the extended data too.

Source: Payeur, Guerguiev, Zenke, Richards & Naud (2021), Burst-dependent synaptic plasticity can coordinate
learning in hierarchical circuits, Nature Neuroscience 24, https://doi.org/10.1038/s41593-021-00857-x; how the
rate model is made: `burstprop.ensemble`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from burstprop.circuit import Circuit
from burstprop.ensemble.isolated import Effort
from burstprop.experiments.experiment import Execution, Experiment
from burstprop.parameters import quantity, validate

from ..propagation.experiment import build as build_propagation
from ..xor.circuit import Params as XorParams
from ..xor.experiment import VARIANTS as XOR_VARIANTS
from ..xor.rates import RateRealization, curves
from .alignment import changes, cosines, predictions, reduced_constants, settled
from .check import check
from .derivatives import derivatives
from .figure import figure
from .propagation import CONFIGURATIONS, ablations, compare, curve_table, predict, summary
from .xor import SPIKING, learning_curve, mean_weights, specialised, state_at_100, variant

Frames = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Params:
    """How much is measured; the circuits themselves are those of their own experiments."""

    n: int = quantity(1000, "1", "neurons of a measured population", low=50)
    time_ms: float = quantity(2000.0, "ms", "time that a measured population is counted", low=200.0)
    configurations: int = quantity(6, "1", "configurations of the propagation circuit", low=1, high=6)
    xor_epochs: int = quantity(110, "1", "epochs of XOR in rates (the published circuit: 500)", low=10)
    xor_variants: bool = quantity(False, "", "learn controls and extended variants in rates as well")
    late_epoch: int = quantity(100, "1", "last epoch at which alignment is measured", low=1)
    stages: int = quantity(3, "1", "epochs at which it is measured, evenly from 0 to the last", low=2)
    repetitions: int = quantity(6, "1", "teaching phases of each pattern in the spiking circuit", low=2)

    def __post_init__(self) -> None:
        """Check the numbers."""
        validate(self)


@dataclass(frozen=True)
class Part:
    """One part of the bridge, which runs in a process of its own."""

    params: Params
    kind: str
    name: str


def build(params: Params) -> Circuit:
    """Return the circuit of Fig. 3, the first that is predicted."""
    del params
    return build_propagation()


def quick_version(params: Params) -> Params:
    """Return a smaller version: one configuration, fewer epochs and repetitions."""
    return replace(params, configurations=1, xor_epochs=12, late_epoch=10, stages=2, repetitions=2)


def run(params: Params, execution: Execution) -> Frames:
    """Run all parts side by side and return the frames that the module's text names."""
    names = list(CONFIGURATIONS)[: params.configurations]
    parts = {f"propagation {name}": Part(params, "propagation", name) for name in names}
    parts |= {f"alignment {name}": Part(params, "alignment", name) for name in ("published", "fed_alike")}
    parts["derivatives published"] = Part(params, "derivatives", "published")
    parts["xor units"] = Part(params, "units", "published")
    parts["xor mean weights"] = Part(params, "mean weights", "published")
    if params.xor_variants:
        parts |= {f"xor {name}": Part(params, "variant", name) for name in SPIKING if name != "published"}
    found = execution.each_of(one, parts)
    together: dict[str, list[pd.DataFrame]] = {}
    for frames in found.values():
        for name, frame in frames.items():
            together.setdefault(name, []).append(frame)
    return {name: pd.concat(frames, ignore_index=True) for name, frames in together.items()}


def one(
    params: Part, seed: int, realization: int, progress: Callable[[float], None], folder: Path | None
) -> Frames:
    """Run one part."""
    del folder
    began = time.process_time()
    frames = {
        "propagation": _propagation,
        "alignment": _alignment,
        "derivatives": _derivatives,
        "units": _units,
        "mean weights": _mean_weights,
        "variant": _variant,
    }[params.kind](params, seed, realization, progress)
    seconds = time.process_time() - began
    frames["numbers"] = pd.DataFrame(
        [(f"processor time of {params.kind}, {params.name}", seconds, "s"), *frames.pop("numbers", [])],
        columns=["what", "value", "unit"],
    )
    progress(1.0)
    return frames


def _propagation(part: Part, seed: int, realization: int, progress: Callable[[float], None]) -> Any:
    del seed, realization
    effort = Effort(n=part.params.n, time_ms=part.params.time_ms)
    circuit = CONFIGURATIONS[part.name]
    told: list[str] = []

    def count(words: str) -> None:
        told.append(words)
        progress(min(0.95, len(told) / 40.0))

    model, rates, spiking = predict(circuit, effort, count)
    table = compare(part.name, rates, spiking, circuit)
    model.run(4000.0)
    began = time.process_time()
    model.run(4000.0)
    seconds = time.process_time() - began
    frames: Any = {
        "propagation": table,
        "series": pd.concat(
            [
                rates.assign(source="rate model", configuration=part.name),
                spiking.assign(source="spiking", configuration=part.name),
            ],
            ignore_index=True,
        ),
        "numbers": [
            (f"{name}, {part.name}", value, "deg" if name.startswith("phase") else "1")
            for name, value in summary(table).items()
        ],
    }
    if part.name == "figure":
        frames["ablations"] = ablations(model, circuit, spiking)
        frames["curves"] = curve_table(model)
        frames["numbers"].append(("processor time of 4 s of the propagation circuit in rates", seconds, "s"))
    return frames


def _alignment(part: Part, seed: int, realization: int, progress: Callable[[float], None]) -> Any:
    del realization
    params = XOR_VARIANTS[part.name]
    closed = curves(params)
    learned = RateRealization(params, seed, 1, closed)
    learned.settle()
    spread = np.linspace(0, part.params.late_epoch, part.params.stages).round().astype(int)
    epochs = sorted(set(spread.tolist())) if part.name == "published" else [0]
    measured, predicted, constants = [], [], []
    for k, epoch in enumerate(epochs):
        while learned.epoch < epoch:
            learned.learn()
        stage = settled(learned, params, epoch)
        constants.append(reduced_constants(learned).reset_index().assign(epoch=epoch, variant=part.name))
        predicted.append(predictions(stage, params))
        measured.append(
            changes(
                stage,
                params,
                repetitions=part.params.repetitions,
                seed=seed,
                progress=partial(_share, progress, k, len(epochs)),
            )
        )
    all_measured, all_predicted = pd.concat(measured), pd.concat(predicted)
    keys = ["epoch", "pathway", "pattern"]
    return {
        "alignment": cosines(all_measured, all_predicted).assign(variant=part.name),
        "changes": all_measured.groupby(keys)[["spiking", "without_teacher"]]
        .mean()
        .reset_index()
        .merge(all_predicted, on=keys)
        .assign(variant=part.name),
        "constants": pd.concat(constants, ignore_index=True),
        "numbers": [(f"Burst-Poisson neuron: {name}", value, "1") for name, value in closed.residuals.items()]
        if part.name == "published"
        else [],
    }


def _derivatives(part: Part, seed: int, realization: int, progress: Callable[[float], None]) -> Any:
    del realization
    params = XOR_VARIANTS[part.name]
    learned = RateRealization(params, seed, 1, curves(params))
    learned.settle()
    return {"derivatives": derivatives(settled(learned, params, 0), seed=seed, progress=progress)}


def _share(progress: Callable[[float], None], done: int, of: int, share: float) -> None:
    progress((done + share) / of)


def _units(part: Part, seed: int, realization: int, progress: Callable[[float], None]) -> Any:
    params = XorParams()
    learned = RateRealization(params, seed, realization, curves(params))
    began = time.process_time()
    learned.settle()
    epochs = part.params.xor_epochs
    for k in range(epochs):
        learned.learn()
        progress((k + 1) / epochs)
    seconds = time.process_time() - began
    different = specialised(learned)
    frames: Any = {
        "xor": learning_curve(learned).assign(variant="published", level="units"),
        "numbers": [
            ("processor time of an epoch of XOR in rates", seconds / epochs, "s"),
            ("spread of the mean input weights of hidden1 over its neurons", different["sd"], "1"),
            ("correlation of the two inputs' weights over neurons of hidden1", different["correlation"], "1"),
        ],
    }
    if epochs >= 100:
        frames["state"] = state_at_100(learned)
    return frames


def _mean_weights(part: Part, seed: int, realization: int, progress: Callable[[float], None]) -> Any:
    del seed, realization, progress
    params = XorParams()
    curve = mean_weights(params, curves(params), max(part.params.xor_epochs, 60))
    return {"xor": curve.assign(variant="published", level="six mean weights")}


def _variant(part: Part, seed: int, realization: int, progress: Callable[[float], None]) -> Any:
    frames = variant(part.name, part.params.xor_epochs, seed, realization, progress)
    return {"xor": frames["xor"].drop(columns="realization").assign(level="units")}


EXPERIMENT = Experiment(
    "bridge",
    Params(),
    build=build,
    run=run,
    check=check,
    figure=figure,
    quick=quick_version,
)
