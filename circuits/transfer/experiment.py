"""Transfer functions of a population: event rate of somatic, burst probability of dendritic current.

A population of pyramidal neurons with the background of the propagation circuit and nothing else gets
constant currents into somata and dendrites. One curve is its event rate E against the somatic current at
several dendritic ones, the other its burst probability P against the dendritic current at several somatic
ones. Each curve is fitted by a sigmoid::

    y(I) = bottom + (top - bottom) / (1 + exp(-(I - midpoint)/width)),    bottom = 0 for E

which are the transfer functions of the reduced, rate-level model: e = sigmoid(somatic input), p =
sigmoid(dendritic input), once currents are counted from the midpoint in units of the width, and rates in
units of the top.

Claim: E rises with the somatic current and depends little on the dendritic one; P is a sigmoid of the
dendritic current and depends little on the somatic one, within the currents of the propagation circuit. So
either input has a channel of its own.

Source: Payeur, Guerguiev, Zenke, Richards & Naud (2021), Burst-dependent synaptic plasticity can coordinate
learning in hierarchical circuits, Nature Neuroscience 24, https://doi.org/10.1038/s41593-021-00857-x, Fig. 1
and Methods; Naud & Sprekeler (2018), PNAS 115, E6329, https://doi.org/10.1073/pnas.1720995115.

What "little" means is measured: of the variance of E over all pairs of a somatic current (-200 to 200 pA, the
swing of the propagation circuit) and a dendritic one, the share that the somatic current explains, and
likewise for P and the dendritic current. The rest is real. Where the dendrite turns most events into bursts,
E falls by a fifth without and by a third with 200 pA into the somata, because a burst takes time and adapts
the soma. P rises with the somatic current, because fast firing puts two events within the burst window: with
a silent dendrite from 5 % at -400 pA to nearly 50 % at 1200 pA, far outside what the circuits use.

The variant ``published`` is a circuit of the published program (Fig. S10): 4,000 neurons with shared Poisson
sources and inhibition of their own dendrites, at three somatic currents, the dendritic current stepped upward
every second. Event rate and burst probability of every level are held against three realizations of that
program (``published.csv``; without the inhibition, ``--set w_recurrent=0``, against one), one by one and all
together, with a rate of false alarms of 1 % (`burstprop.report.agreement`).

Above 400 pA into the dendrites P falls again: the dendrite stays up, and the neuron fires trains. The curves
end there; a higher ``dendrite_high_pa`` shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from burstprop.circuit import Circuit, PoissonPopulation, Population, Projection
from burstprop.circuit.connectivity import Probability
from burstprop.circuit.stimuli import Background, Constant, Current
from burstprop.circuit.synapses import facilitating
from burstprop.errors import BurstpropError
from burstprop.experiments import Execution, Experiment
from burstprop.neurons import PyramidalNeuron
from burstprop.parameters import quantity, replace, validate
from burstprop.recording import Record
from burstprop.simulation import simulate

from ..propagation import experiment as propagation
from .check import check, fits
from .figure import figure

PUBLISHED = propagation.Params()
RECURRENT = facilitating(u_start=0.01)


@dataclass(frozen=True)
class Params:
    """The population, its background, and the currents of the curves."""

    n: int = quantity(500, "1", "neurons of the population", low=1)
    soma_pa: float = quantity(0.0, "pA", "current into somata, of a single run")
    dendrite_pa: float = quantity(50.0, "pA", "current into dendrites, of a single run")
    soma_low_pa: float = quantity(-400.0, "pA", "E curve: lowest current into somata")
    soma_high_pa: float = quantity(1200.0, "pA", "E curve: highest current into somata")
    soma_points: int = quantity(17, "1", "E curve: currents into somata", low=5)
    dendrite_level_low_pa: float = quantity(-100.0, "pA", "E curve: lowest current into dendrites")
    dendrite_level_high_pa: float = quantity(200.0, "pA", "E curve: highest current into dendrites")
    dendrite_levels: int = quantity(3, "1", "E curve: currents into dendrites", low=2)
    dendrite_low_pa: float = quantity(-300.0, "pA", "P curve: lowest current into dendrites")
    dendrite_high_pa: float = quantity(400.0, "pA", "P curve: highest current into dendrites")
    dendrite_points: int = quantity(15, "1", "P curve: currents into dendrites", low=5)
    soma_level_low_pa: float = quantity(-200.0, "pA", "P curve: lowest current into somata")
    soma_level_high_pa: float = quantity(200.0, "pA", "P curve: highest current into somata")
    soma_levels: int = quantity(3, "1", "P curve: currents into somata", low=2)
    background_rate_hz: float = quantity(
        PUBLISHED.background_rate_hz, "Hz", "of the one Poisson source per neuron and kind", low=0
    )
    bg_soma_exc: float = quantity(PUBLISHED.bg_soma_exc, "1", "excitatory background of somata", low=0)
    bg_soma_inh: float = quantity(PUBLISHED.bg_soma_inh, "1", "inhibitory background of somata", low=0)
    bg_dendrite_exc: float = quantity(
        PUBLISHED.bg_dendrite_exc, "1", "excitatory background of dendrites", low=0
    )
    bg_dendrite_inh: float = quantity(
        PUBLISHED.bg_dendrite_inh, "1", "inhibitory background of dendrites", low=0
    )
    settling_ms: float = quantity(500.0, "ms", "before anything is counted", low=0)
    counting_ms: float = quantity(
        2000.0, "ms", "in which events and bursts are counted", low=0, open_low=True
    )
    bin_ms: float = quantity(50.0, "ms", "bin of the rates", low=0, open_low=True)
    burst_window_ms: float = quantity(16.0, "ms", "window of events and bursts", low=0, open_low=True)
    dt_ms: float = quantity(0.1, "ms", "time step", low=0, open_low=True)
    background_counts: str = field(
        default="bernoulli", metadata={"doc": "bernoulli: at most one spike per step and source; poisson"}
    )
    dendritic_driving_force: str = field(
        default="somatic", metadata={"doc": "voltage in the drive of dendritic synapses: somatic or own"}
    )
    tau_s_ms: float = quantity(16.0, "ms", "somatic membrane time constant", low=0, open_low=True)
    steps: bool = quantity(
        False, "", "one run for each somatic current of the P curve, dendritic ones step by step"
    )
    n_sources: int = quantity(
        0, "1", "shared Poisson neurons of either kind; 0: a private source for each", low=0
    )
    exc_in_degree: float = quantity(100.0, "1", "mean number of shared excitatory ones of a neuron", low=0)
    inh_in_degree: float = quantity(30.0, "1", "mean number of shared inhibitory ones of a neuron", low=0)
    w_recurrent: float = quantity(0.0, "1", "inhibition of the population's own dendrites", low=0)
    recurrent_probability: float = quantity(0.05, "1", "its connection probability", low=0, high=1)

    def __post_init__(self) -> None:
        """Check the numbers, and that each low bound lies below its high one."""
        validate(self)
        for name in ("soma", "dendrite", "soma_level", "dendrite_level"):
            low, high = getattr(self, f"{name}_low_pa"), getattr(self, f"{name}_high_pa")
            if not low < high:
                raise BurstpropError(
                    f"Params.{name}_low_pa = {low:g} pA: must be below {name}_high_pa, {high:g} pA"
                )
        if self.counting_ms < self.bin_ms:
            raise BurstpropError(
                f"Params.counting_ms = {self.counting_ms:g} ms: give at least one bin, {self.bin_ms:g} ms"
            )


def build(params: Params | None = None) -> Circuit:
    """Return the population with its background, at one pair of currents (``soma_pa``, ``dendrite_pa``)."""
    p = Params() if params is None else params
    # Departures of the published program, as in the propagation circuit: somatic driving force at dendritic
    # synapses, sources that spike at most once per step.
    neuron = PyramidalNeuron(dendritic_driving_force=p.dendritic_driving_force, tau_s=p.tau_s_ms)
    population = Population("pyr", p.n, neuron, burst_window_ms=p.burst_window_ms)
    sources, connections, backgrounds = _drive(p)
    steps = np.linspace(p.dendrite_low_pa, p.dendrite_high_pa, p.dendrite_points)
    dendrite = (
        [(steps[0], 0.0), *((rise, k * level_ms(p)) for k, rise in enumerate(np.diff(steps), start=1))]
        if p.steps
        else [(p.dendrite_pa, 0.0)]
    )
    return Circuit(
        populations=(population, *sources),
        projections=connections,
        backgrounds=backgrounds,
        currents=(
            Current("pyr", "soma", Constant(p.soma_pa)),
            *(Current("pyr", "dendrite", Constant(float(rise), start)) for rise, start in dendrite),
        ),
        dt_ms=p.dt_ms,
    )


def _drive(
    p: Params,
) -> tuple[tuple[PoissonPopulation, ...], tuple[Projection, ...], tuple[Background, ...]]:
    """Return shared sources, projections and private backgrounds."""
    weights = {
        "soma_exc": p.bg_soma_exc,
        "soma_inh": p.bg_soma_inh,
        "dendrite_exc": p.bg_dendrite_exc,
        "dendrite_inh": p.bg_dendrite_inh,
    }
    recurrent = Projection(
        "pyr", "pyr", "dendrite_inh", p.w_recurrent, Probability(p.recurrent_probability), stp=RECURRENT
    )
    projections = (recurrent,) if p.w_recurrent else ()
    if not p.n_sources:
        return (
            (),
            projections,
            tuple(
                Background("pyr", receptor, p.background_rate_hz, weight, counts=p.background_counts)
                for receptor, weight in weights.items()
            ),
        )
    in_degree = {"exc": p.exc_in_degree, "inh": p.inh_in_degree}
    sources = tuple(PoissonPopulation(kind, p.n_sources, p.background_rate_hz) for kind in in_degree)
    shared = tuple(
        Projection(kind, "pyr", receptor, weight, Probability(in_degree[kind] / p.n_sources))
        for receptor, weight in weights.items()
        for kind in in_degree
        if receptor.endswith(kind)
    )
    return sources, (*shared, *projections), ()


def level_ms(params: Params) -> float:
    """Return how long each dendritic current of the steps lasts."""
    return params.settling_ms + params.counting_ms


def duration_ms(params: Params) -> float:
    """Return the length of a single run."""
    return level_ms(params) * (params.dendrite_points if params.steps else 1)


def conditions(params: Params) -> list[tuple[str, float, float]]:
    """Return curve, somatic and dendritic current of every point of the curves."""
    soma = np.linspace(params.soma_low_pa, params.soma_high_pa, params.soma_points)
    dendrite = np.linspace(params.dendrite_low_pa, params.dendrite_high_pa, params.dendrite_points)
    soma_levels = np.linspace(params.soma_level_low_pa, params.soma_level_high_pa, params.soma_levels)
    dendrite_levels = np.linspace(
        params.dendrite_level_low_pa, params.dendrite_level_high_pa, params.dendrite_levels
    )
    return [
        *(("event_rate", float(s), float(d)) for d in dendrite_levels for s in soma),
        *(("burst_prob", float(s), float(d)) for s in soma_levels for d in dendrite),
    ]


def run(params: Params, execution: Execution) -> dict[str, pd.DataFrame]:
    """Run every point of the curves, in populations of their own.

    Returns
    -------
    dict of DataFrame
        ``curves``: ``curve, soma_pa, dendrite_pa, events, bursts, event_rate_hz, event_rate_se_hz,
        burst_prob, burst_prob_se`` (all realizations together, standard errors of independent events);
        ``transfer``: the sigmoid of each curve, ``curve, level_pa, bottom, top, midpoint_pa, width_pa,
        r_squared, line_r_squared``. Where ``params.steps``, in place of these ``levels``: ``realization,
        soma_pa, dendrite_pa, event_rate_hz, burst_rate_hz, burst_prob, recurrent_weight``.
    """
    build(params)  # a mistake in the parameters shows here, not in a worker
    if params.steps:
        return execution.each(realize_steps, params)
    counted = execution.each(realize, params)["counts"]
    numbers = ["events", "bursts", "seconds"]
    curves = counted.groupby("point")[numbers].sum().reset_index(drop=True)
    points = pd.DataFrame(conditions(params), columns=["curve", "soma_pa", "dendrite_pa"])
    events, bursts, seconds = (curves[name].to_numpy(np.float64) for name in numbers)
    prob = np.divide(bursts, events, out=np.full(len(points), np.nan), where=events > 0)
    shrunk = (bursts + 1.0) / (events + 2.0)  # a standard error that is never 0
    curves = points.assign(
        events=events.astype(int),
        bursts=bursts.astype(int),
        event_rate_hz=events / seconds,
        event_rate_se_hz=np.sqrt(np.maximum(events, 1.0)) / seconds,
        burst_prob=prob,
        burst_prob_se=np.sqrt(shrunk * (1.0 - shrunk) / (events + 2.0)),
    )
    return {"curves": curves, "transfer": fits(curves)}


def realize(
    params: Params,
    seed: int,
    realization: int,
    progress: Callable[[float], None],
    folder: Path | None = None,
) -> dict[str, pd.DataFrame]:
    """Run one population at every point; every point of every realization has noise of its own.

    Returns ``counts``: ``point, events, bursts, seconds``, after the settling; seconds are neuron-seconds.
    """
    del folder  # nothing to keep in between
    points = conditions(params)
    rows = []
    for point, (_, soma_pa, dendrite_pa) in enumerate(points):
        here = replace(params, soma_pa=soma_pa, dendrite_pa=dendrite_pa)
        rows.append((point, *count(here, seed, 1 + (realization - 1) * len(points) + point)))
        progress((point + 1) / len(points))
    return {"counts": pd.DataFrame(rows, columns=["point", "events", "bursts", "seconds"])}


def realize_steps(
    params: Params,
    seed: int,
    realization: int,
    progress: Callable[[float], None],
    folder: Path | None = None,
) -> dict[str, pd.DataFrame]:
    """Run one population for each somatic current, the dendritic ones upward; return its ``levels``."""
    del folder  # nothing to keep in between
    somatic = np.linspace(params.soma_level_low_pa, params.soma_level_high_pa, params.soma_levels)
    dendritic = np.linspace(params.dendrite_low_pa, params.dendrite_high_pa, params.dendrite_points)
    levels = []
    for k, soma_pa in enumerate(somatic):
        recording = simulate(
            build(replace(params, soma_pa=float(soma_pa))),
            duration_ms(params),
            seed=seed,
            realization=1 + (realization - 1) * len(somatic) + k,
            record=Record(spikes=False, rates_bin_ms=params.bin_ms),
            progress=False,
        )
        rates = recording.rates[recording.rates["population"] == "pyr"]
        middle = rates["time_ms"] - 0.5 * params.bin_ms
        counted = rates[middle % level_ms(params) > params.settling_ms]
        step = (middle[counted.index] // level_ms(params)).astype(int)
        means = counted.groupby(step)[["event_rate_hz", "burst_rate_hz"]].mean()
        levels.append(means.assign(soma_pa=soma_pa, dendrite_pa=dendritic[means.index]))
        progress((k + 1) / len(somatic))
    frame = pd.concat(levels, ignore_index=True)
    frame["burst_prob"] = frame["burst_rate_hz"] / frame["event_rate_hz"]
    return {"levels": frame.assign(recurrent_weight=params.w_recurrent)}


def count(params: Params, seed: int, realization: int) -> tuple[int, int, float]:
    """Return events and bursts of one run after the settling, and the neuron-seconds they fell in."""
    recording = simulate(
        build(params),
        duration_ms(params),
        seed=seed,
        realization=realization,
        record=Record(spikes=False, rates_bin_ms=params.bin_ms),
        progress=False,
    )
    rates = recording.rates[recording.rates["time_ms"] > params.settling_ms + 0.5 * params.bin_ms]
    seconds = params.n * len(rates) * params.bin_ms / 1000.0
    events, bursts = (rates[name].mean() * seconds for name in ("event_rate_hz", "burst_rate_hz"))
    return round(events), round(bursts), seconds


VARIANTS: dict[str, Params] = {
    "curves": Params(),
    "published": Params(
        n=4000,
        steps=True,
        n_sources=25_000,
        background_rate_hz=5.0,
        bg_soma_exc=0.17,
        bg_soma_inh=0.26,
        bg_dendrite_exc=0.043,
        bg_dendrite_inh=0.07,
        w_recurrent=0.02,
        soma_level_low_pa=0.0,
        soma_level_high_pa=200.0,
        dendrite_low_pa=-100.0,
        dendrite_high_pa=350.0,
        dendrite_points=10,
        settling_ms=500.0,
        counting_ms=500.0,
        bin_ms=20.0,
    ),
}
EXPERIMENT = Experiment(
    "transfer",
    Params(),
    build=build,
    run=run,
    check=check,
    figure=figure,
    duration_ms=duration_ms,
    variants=VARIANTS,
    realizations=2,
    quick_realizations=1,
)
