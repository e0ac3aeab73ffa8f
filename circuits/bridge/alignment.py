"""Does the spiking circuit follow the gradient? Its weight changes beside those of rates, rules and gradient.

The weights come from rate units that have learned for so many epochs; a spiking circuit with exactly these
synapses shows the four patterns without plasticity until its averages are settled, then learns from each
pattern's teaching phase, and is put back after each. Beside it, with the same synapses: minus the gradient
(by hand), the change that rate units predict (mean over draws of their noise), the bare two-phase rule
``eta E (P_taught - P_predicted) E_pre tau_pre T``, and the reduced rule with constants read off the curves.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from burstprop.circuit import Circuit, Projection
from burstprop.circuit.connectivity import Matrix
from burstprop.circuit.plasticity import BurstDependentRule
from burstprop.ensemble.gradient import gradient
from burstprop.ensemble.learning import Averages
from burstprop.ensemble.units import Rates, Units
from burstprop.recording import Record
from burstprop.simulation import Simulation

from ..xor.circuit import FEEDFORWARD, PATTERNS, TARGETS, Params
from ..xor.protocol import READ_OUT, cost, teaching_current
from ..xor.rates import RateRealization

PATHWAYS = tuple(f"{source}->{target}.soma_exc" for source, target in FEEDFORWARD)
LAYERS = {
    "hidden1": [p for p in PATHWAYS if "->hidden1" in p],
    "hidden2": [p for p in PATHWAYS if "->hidden2" in p],
    "output": [p for p in PATHWAYS if "->output" in p],
    "all": list(PATHWAYS),
}
SETTLING_EPOCHS = 7
"""Of the four patterns without plasticity, until R is stationary: of its start 0.1 % is left."""
DRAWS = 24
"""Draws of the noise over which the change of rate units is averaged."""


@dataclass(frozen=True)
class Stage:
    """Rate units after so many epochs of learning, and their averages once they are settled (`settled`)."""

    epoch: int
    run: RateRealization
    averages: dict[str, Averages]

    @property
    def spikes_hz(self) -> dict[str, float]:
        """Mean rate of all spikes by population: where the slow average R of a neuron begins."""
        return {name: float(np.mean(a.spikes)) for name, a in self.averages.items()}


def settled(run: RateRealization, params: Params, epoch: int) -> Stage:
    """Return the stage of rate units: the patterns are shown and taught without plasticity, as in spikes."""
    units, learner = run.units, run.learner
    kept = {name: replace(a) for name, a in learner.averages.items()}
    teaching_ms = params.teaching_share * params.example_ms
    shown = [
        (target, units.rates(soma_pa=run.input_pa(pattern)))
        for pattern, target in zip(PATTERNS, TARGETS, strict=True)
    ]
    for _ in range(SETTLING_EPOCHS):
        for target, rates in shown:
            learner.wait(rates, params.example_ms - teaching_ms)
            current = teaching_current(learner.averages["output"].events, target, params)
            learner.wait(units.taught(rates, {"output": current}), teaching_ms)
    found, learner.averages = learner.averages, kept
    return Stage(epoch, run, found)


def with_weights(units: Units, circuit: Circuit, spike_rate_hz: Mapping[str, float]) -> Circuit:
    """Return the circuit with exactly the synapses of rate units.

    The slow average R of each rule starts at the mean spike rate of its target, where it would settle.
    """
    projections = []
    for s in units.synapses.values():
        p: Projection = s.projection
        n_target, n_source = len(s.start) - 1, units.n[p.source]
        # a weight of exactly 0 would be no synapse
        by_target = scipy.sparse.csr_array(
            (np.maximum(s.weight, 1e-9), s.source, s.start), shape=(n_target, n_source)
        )
        rule = p.rule
        if isinstance(rule, BurstDependentRule):
            rule = replace(rule, lower_start_hz=float(spike_rate_hz[p.target]))
        matrix = Matrix(by_target.T.tocsr())
        projections.append(replace(p, weight=1.0, connectivity=matrix, rule=rule, name=p.name))
    return replace(circuit, projections=tuple(projections))


def changes(
    stage: Stage, params: Params, *, repetitions: int, seed: int, progress: Callable[[float], None]
) -> pd.DataFrame:
    """Return mean weight changes over eta: ``epoch, repetition, pathway, pattern, spiking``.

    ``spiking`` is the change of the spiking circuit in one teaching phase, ``without_teacher`` the same phase
    without teaching current.
    """
    run = stage.run
    circuit = with_weights(run.units, run.units.circuit, stage.spikes_hz)
    simulation = Simulation(circuit, seed=seed, record=Record(spikes=False, rates_bin_ms=None))
    teaching_ms = params.teaching_share * params.example_ms
    prediction_ms = params.example_ms - teaching_ms
    rows: list[list[Any]] = []
    total = SETTLING_EPOCHS + repetitions
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "before.npz"
        for k in range(total):
            for pattern, target in zip(PATTERNS, TARGETS, strict=True):
                for name, input_pa in run.input_pa(pattern).items():
                    simulation.set_current(name, "soma", input_pa)
                simulation.advance(prediction_ms)
                output = simulation.averages(READ_OUT)["event_rate_hz"].to_numpy()
                taught = teaching_current(output, target, params)
                if k >= SETTLING_EPOCHS:
                    simulation.save(kept)
                    before = {p: float(simulation.weights(p).astype(np.float64).mean()) for p in PATHWAYS}
                    found = []
                    for current in (taught, np.zeros(params.n)):
                        simulation.set_current("output", "dendrite", current)
                        simulation.set_plasticity(True)
                        simulation.advance(teaching_ms)
                        found.append(
                            {
                                p: (simulation.weights(p).astype(np.float64).mean() - before[p])
                                / _eta(run.units, p)
                                for p in PATHWAYS
                            }
                        )
                        simulation.restore(kept)
                    rows += [
                        [stage.epoch, k - SETTLING_EPOCHS, p, pattern, found[0][p], found[1][p]]
                        for p in PATHWAYS
                    ]
                simulation.set_plasticity(False)
                simulation.set_current("output", "dendrite", taught)
                simulation.advance(teaching_ms)
                simulation.set_current("output", "dendrite", np.zeros(params.n))
            progress((k + 1) / total)
    columns = ["epoch", "repetition", "pathway", "pattern", "spiking", "without_teacher"]
    return pd.DataFrame(rows, columns=columns)


def predictions(stage: Stage, params: Params) -> pd.DataFrame:
    """Return what gradient, rate units and rules say of the same synapses.

    Columns ``epoch, pathway, pattern, minus_gradient, rate, two_phase, reduced``, over eta where it is a
    change.
    """
    run = stage.run
    rows: list[list[Any]] = []
    teaching_ms = params.teaching_share * params.example_ms
    constants: Any = reduced_constants(run)
    for pattern, target in zip(PATTERNS, TARGETS, strict=True):
        rates = run.units.rates(soma_pa=run.input_pa(pattern))

        def slope(e: float, target: int = target) -> float:
            return (cost(e + 1e-3, target, params) - cost(e - 1e-3, target, params)) / 2e-3

        by_hand = gradient(run.units, rates, slope, mean=True)
        predicted = _mean_change(stage, rates, params, target, teaching_ms)
        expected = np.maximum(rates.events["output"], 1e-3)
        taught = run.units.taught(rates, {"output": teaching_current(expected, target, params)})
        for p in PATHWAYS:
            source, name = p.split("->")[0], p.split("->")[1].split(".")[0]
            pre = float(rates.events[source].mean()) * params.tau_pre_ms / 1000.0
            post = float(rates.events[name].mean())
            change = float((taught.burst_prob[name] - rates.burst_prob[name]).mean())
            seconds = teaching_ms / 1000.0
            reduced = constants.loc[name, "slope_per_hz"] * float(
                (taught.bursts("output") - rates.bursts("output")).mean()
            )
            rows.append(
                [
                    stage.epoch,
                    p,
                    pattern,
                    -by_hand[p],
                    predicted[p],
                    post * change * pre * seconds,
                    post * reduced * pre * seconds,
                ]
            )
    columns = ["epoch", "pathway", "pattern", "minus_gradient", "rate", "two_phase", "reduced"]
    return pd.DataFrame(rows, columns=columns)


def reduced_constants(run: RateRealization) -> pd.DataFrame:
    """Return what the reduced rule needs of each layer, read off the curves at the present weights.

    Index population; ``event_rate_hz``, ``baseline`` (burst probability without teacher), ``slope_per_hz``
    (change of burst probability by a Hz of the output's burst rate; of the output, by its own), and ``gain``
    (change of its events by a Hz of events of the layer before).
    """
    rows = []
    patterns = [run.units.rates(soma_pa=run.input_pa(pattern)) for pattern in PATTERNS]
    for name in ("hidden1", "hidden2", "output"):
        events = np.mean([r.events[name].mean() for r in patterns])
        baseline = np.mean([r.burst_prob[name].mean() for r in patterns])
        slopes, gains = [], []
        for rates in patterns:
            if name == "output":
                slopes.append(1.0 / float(rates.events[name].mean()))
            else:
                pair = [run.units.taught(rates, {"output": pa}) for pa in (-20.0, 20.0)]
                moved = float((pair[1].burst_prob[name] - pair[0].burst_prob[name]).mean())
                sent = float((pair[1].bursts("output") - pair[0].bursts("output")).mean())
                slopes.append(moved / sent)
            slope = run.units.slope(name, rates)
            weight = np.mean([run.units.synapses[p].weight.sum() / run.units.n[name] for p in LAYERS[name]])
            tau = run.units.curves.neuron.tau_exc / 1000.0
            gains.append(float(slope.mean()) * weight * tau)
        rows.append([name, events, baseline, np.mean(slopes), np.mean(gains)])
    columns = ["population", "event_rate_hz", "baseline", "slope_per_hz", "gain"]
    return pd.DataFrame(rows, columns=columns).set_index("population")


def cosines(measured: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """Return cosines and ratios of size over patterns and pathways, by epoch and layer.

    ``epoch, layer, against, cosine, size``: the spiking change (mean over repetitions) against each column of
    ``predicted``; ``size`` is its length over the other's. ``against = "trial"``: one repetition against the
    mean, ``size`` its spread over the length of the mean.
    """
    keys = ["epoch", "pathway", "pattern"]
    mean = measured.groupby(keys)[["spiking", "without_teacher"]].mean().reset_index()
    both = mean.merge(predicted, on=keys)
    rows: list[list[Any]] = []
    for epoch, own in both.groupby("epoch"):
        trials = measured[measured["epoch"] == epoch]
        for layer, pathways in LAYERS.items():
            part = own[own["pathway"].isin(pathways)]
            a = part["spiking"].to_numpy()
            for against in ("minus_gradient", "rate", "two_phase", "reduced", "without_teacher"):
                b = part[against].to_numpy()
                rows.append([epoch, layer, against, cosine(a, b), length(a) / max(length(b), 1e-12)])
            spread = trials[trials["pathway"].isin(pathways)].groupby(["pathway", "pattern"])["spiking"]
            noise = float(np.sqrt(spread.var(ddof=1).sum()))
            rows.append([epoch, layer, "trial", np.nan, noise / max(length(a), 1e-12)])
            b, c = part["two_phase"].to_numpy(), part["minus_gradient"].to_numpy()
            rows.append([epoch, layer, "two_phase against minus_gradient", cosine(b, c), np.nan])
            b = part["reduced"].to_numpy()
            rows.append([epoch, layer, "reduced against minus_gradient", cosine(b, c), np.nan])
    return pd.DataFrame(rows, columns=["epoch", "layer", "against", "cosine", "size"])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine of two changes."""
    return float(a @ b / max(length(a) * length(b), 1e-15))


def length(a: np.ndarray) -> float:
    """Return the Euclidean length of a change."""
    return float(np.sqrt(a @ a))


def _eta(units: Units, projection: str) -> float:
    rule = units.synapses[projection].projection.rule
    assert rule is not None
    return float(rule.eta)


def _mean_change(
    stage: Stage, rates: Rates, params: Params, target: int, teaching_ms: float
) -> dict[str, float]:
    """Return the mean change of every pathway over draws of the noise; weights and averages are put back."""
    units, learner = stage.run.units, stage.run.learner
    kept = learner.averages
    before = {p: units.synapses[p].weight.copy() for p in PATHWAYS}
    total = dict.fromkeys(PATHWAYS, 0.0)
    for _ in range(DRAWS):
        learner.averages = {name: replace(a) for name, a in stage.averages.items()}
        learner.wait(rates, params.example_ms - teaching_ms)
        current = teaching_current(learner.averages["output"].events, target, params)
        learner.learn(units.taught(rates, {"output": current}), teaching_ms)
        for p in PATHWAYS:
            weight = units.synapses[p].weight
            total[p] += float((weight.astype(np.float64) - before[p]).mean()) / _eta(units, p) / DRAWS
            weight[:] = before[p]
    learner.averages = kept
    return total
