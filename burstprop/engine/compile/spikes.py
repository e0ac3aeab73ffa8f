"""Lays out what spikes: the ring of spikes, the traces that tell events from bursts, the sources."""

from __future__ import annotations

import math

import numpy as np

from burstprop.circuit import PoissonPopulation, SpikeSource
from burstprop.engine import network as nw
from burstprop.engine.compile.blueprint import Blueprint
from burstprop.engine.random import stream_key
from burstprop.errors import BurstpropError

NEVER = -(1 << 40)
"""A step so long ago that every trace has decayed."""


def build_populations(blueprint: Blueprint) -> dict[str, np.ndarray]:
    """Return the arrays of all populations, neurons and sources alike, and of their spikes."""
    populations = blueprint.circuit.populations
    n = np.array([p.n for p in populations], np.int64)
    width = np.array([blueprint.lanes(p.name) for p in populations], np.int64)
    first = np.concatenate([[0], np.cumsum(n)])
    spikes = np.concatenate([[0], np.cumsum(width * blueprint.ring)])
    presynaptic, lag = _presynaptic_lags(blueprint)
    heard = int(spikes[-1]) if presynaptic.any() else 0
    of_neuron = int(first[-1]) if presynaptic.any() else 0
    windows = np.array([p.burst_window_ms / blueprint.circuit.dt_ms for p in populations])
    return dict(
        population_n=n,
        population_first=first[:-1],
        population_width=width,
        population_spikes=spikes[:-1],
        population_key=np.array(
            [stream_key(blueprint.seed, f"spike {p.name}") for p in populations], np.uint64
        ),
        population_definition=np.array(
            [nw.TRACE if p.burst_definition == "trace" else nw.INTERVAL for p in populations], np.int64
        ),
        population_decay=1.0 / windows,
        # times are whole steps: half a step decides what "longer than the window" means in floating point
        population_window=windows + 1e-6,
        population_lag=lag,
        population_presynaptic=presynaptic,
        spikes=np.zeros(spikes[-1], np.int32),
        counts=np.zeros((blueprint.threads, blueprint.ring, len(n)), np.int64),
        flags=np.zeros(spikes[-1], np.uint8),
        presynaptic_flags=np.zeros(max(heard, 1), np.uint8),
        neuron_counts=np.zeros((first[-1], 3), np.uint32),
        last=np.full(first[-1], NEVER, np.int64),
        trace=np.zeros(first[-1], np.float64),
        open=np.zeros(first[-1], np.bool_),
        presynaptic_trace=np.zeros(max(of_neuron, 1), np.float64),
        presynaptic_open=np.zeros(max(of_neuron, 1), np.bool_),
    )


def _presynaptic_lags(blueprint: Blueprint) -> tuple[np.ndarray, np.ndarray]:
    """Return which populations have projections that listen to events or bursts, and their lag in steps."""
    lag = np.zeros(len(blueprint.number), np.int64)
    presynaptic = np.zeros(len(blueprint.number), np.bool_)
    for projection in blueprint.circuit.projections:
        if projection.transmits == "spikes":
            continue
        e = blueprint.number[projection.source]
        steps = blueprint.circuit.steps(
            f"projection {projection.name}: trace_lag_ms", projection.trace_lag_ms
        )
        if presynaptic[e] and lag[e] != steps:
            raise BurstpropError(
                f"projections from {projection.source!r} differ in trace_lag_ms; "
                "give those of one source the same"
            )
        presynaptic[e], lag[e] = True, steps
    return presynaptic, lag


def build_poisson_sources(blueprint: Blueprint) -> dict[str, np.ndarray]:
    """Return the arrays of the Poisson populations."""
    dt = blueprint.circuit.dt_ms
    found = [p for p in blueprint.circuit.populations if isinstance(p, PoissonPopulation)]
    return dict(
        poisson_population=np.array([blueprint.number[p.name] for p in found], np.int64),
        poisson_log_miss=np.array([log_miss(p.rate_hz, dt) for p in found], np.float64),
    )


def build_given_spikes(blueprint: Blueprint) -> dict[str, np.ndarray]:
    """Return the arrays of the sources of given spikes, sorted by step and neuron."""
    rows, steps, neurons, firsts = [], [], [], []
    at = 0
    for source in blueprint.circuit.populations:
        if not isinstance(source, SpikeSource):
            continue
        step = source.steps(blueprint.circuit.dt_ms)
        order = np.lexsort((source.neurons, step))
        steps.append(step[order])
        neurons.append(source.neurons[order].astype(np.int32))
        firsts.append(at)
        at += len(step)
        rows.append([blueprint.number[source.name], at])
    return dict(
        given=np.array(rows, np.int64).reshape(-1, nw.GI_COLUMNS),
        given_step=np.concatenate([*steps, np.zeros(0, np.int64)]),
        given_neuron=np.concatenate([*neurons, np.zeros(0, np.int32)]),
        given_next=np.array(firsts, np.int64),
    )


def log_miss(rate_hz: float, dt_ms: float) -> float:
    """Return the logarithm of the probability that a source is silent in a step."""
    return math.log1p(-rate_hz * dt_ms / 1000.0)
