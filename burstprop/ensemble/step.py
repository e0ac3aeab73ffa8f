"""The compiled loop of the rate model: all populations and projections of a circuit, step by step.

Arrays come from `burstprop.ensemble.build`; the equations are told in `dynamics` (adaptation, filters),
`response` (curves) and `relay` (short-term plasticity). Conductances decay exactly, the rest are Euler steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from burstprop.jit.kernel import kernel

SPIKES, EVENTS, BURSTS, RELAY, PLAIN = range(5)
"""What a projection passes: a rate, the fitted relay of bursty trains, or the usual mean field."""


class Populations(NamedTuple):
    """One row a population; a Poisson population has ``source_hz`` >= 0 and nothing else."""

    source_hz: np.ndarray
    two: np.ndarray
    """Whether it has two compartments."""
    low: np.ndarray
    cell: np.ndarray
    tables: np.ndarray
    offset: np.ndarray
    centre: np.ndarray
    adapt_ms: np.ndarray
    adapt: np.ndarray
    filtered: np.ndarray
    filter: np.ndarray
    lag: np.ndarray


class Receptors(NamedTuple):
    """One row for each receptor that a projection drives."""

    population: np.ndarray
    compartment: np.ndarray
    kappa: np.ndarray
    tau_ms: np.ndarray


class Projections(NamedTuple):
    """One row a projection; ``gain`` is weight times mean in-degree."""

    source: np.ndarray
    receptor: np.ndarray
    gain: np.ndarray
    what: np.ndarray
    relay: np.ndarray
    plain: np.ndarray
    delay: np.ndarray


class State(NamedTuple):
    """What changes: adaptation (pA), filters (pA), slow rates, conductances, delay lines, steps done."""

    adaptation: np.ndarray
    filter: np.ndarray
    slow: np.ndarray
    g: np.ndarray
    bursts: np.ndarray
    later: np.ndarray
    flux: np.ndarray
    clock: np.ndarray


@kernel
def look_up(table, y, a, two):
    """Return a bilinear interpolation at lattice coordinates; beyond the ends the last value stays."""
    y = min(max(y, 0.0), table.shape[0] - 1.0)
    i = min(int(y), table.shape[0] - 2)
    fy = y - i
    if two:
        a = min(max(a, 0.0), table.shape[1] - 1.0)
        j = min(int(a), table.shape[1] - 2)
        fa = a - j
        return (1 - fy) * ((1 - fa) * table[i, j] + fa * table[i, j + 1]) + fy * (
            (1 - fa) * table[i + 1, j] + fa * table[i + 1, j + 1]
        )
    return (1 - fy) * table[i, 0] + fy * table[i + 1, 0]


@kernel
def answer(p, t, dt, drive, pop, state, rates):
    """Advance population ``p`` by one step: its rates of events, bursts and spikes."""
    if pop.source_hz[p] >= 0.0:
        rates[p, 0], rates[p, 1], rates[p, 2] = pop.source_hz[p], 0.0, pop.source_hz[p]
        return
    if pop.filtered[p]:
        tau, tau_q, ratio = pop.filter[p, 0], pop.filter[p, 1], pop.filter[p, 2]
        v, q = state.filter[p, 0], state.filter[p, 1]
        state.filter[p, 0] = v + dt / tau * (drive[p, 1] - v - ratio * q)
        state.filter[p, 1] = q + dt / tau_q * (v - q)
        drive[p, 1] = (1.0 + ratio) * state.filter[p, 0]
    y, a = drive[p, 0], drive[p, 1]
    away_y, away_a = y - pop.centre[p, 0], a - pop.centre[p, 1]
    o = pop.offset[p]
    y += o[0, 0] + o[0, 1] * away_y + o[0, 2] * away_a
    a += o[1, 0] + o[1, 1] * away_y + o[1, 2] * away_a
    y, a = (y - pop.low[p, 0]) / pop.cell[p, 0], (a - pop.low[p, 1]) / pop.cell[p, 1]
    spikes = np.exp(look_up(pop.tables[p, 0], y, a, pop.two[p]))
    events = spikes / (1.0 + np.exp(-look_up(pop.tables[p, 1], y, a, pop.two[p])))
    bursts = events / (1.0 + np.exp(-look_up(pop.tables[p, 2], y, a, pop.two[p])))
    ring = state.bursts.shape[1]
    state.bursts[p, t % ring], state.later[p, t % ring] = bursts, spikes - events
    at = (t - min(pop.lag[p], t)) % ring
    spikes = events + state.later[p, at]
    rates[p, 0], rates[p, 1], rates[p, 2] = events, state.bursts[p, at], spikes
    settled = pop.adapt[p, 0] + spikes * (pop.adapt[p, 1] + spikes * pop.adapt[p, 2])
    state.adaptation[p] += dt / pop.adapt_ms[p] * (settled - state.adaptation[p])


@kernel
def transmit(k, dt, rates, pro, state):
    """Return what projection ``k`` passes per neuron and second, and advance what its synapses keep."""
    events, bursts, spikes = rates[pro.source[k], 0], rates[pro.source[k], 1], rates[pro.source[k], 2]
    what = pro.what[k]
    if what == SPIKES:
        return spikes
    if what == EVENTS:
        return events
    if what == BURSTS:
        return bursts
    if what == RELAY:
        later, slow, c = spikes - events, state.slow[k, 0], pro.relay[k]
        state.slow[k, 0] += dt * (spikes - slow) * (1.0 / c[4] + c[5] * spikes / 1000.0)
        return c[0] * events + c[1] * later + slow * (c[2] * events + c[3] * later)
    u, x, c = state.slow[k, 0], state.slow[k, 1], pro.plain[k]
    state.slow[k, 0] = u + dt * ((c[2] - u) / c[1] + c[3] * (1.0 - u) * spikes / 1000.0)
    state.slow[k, 1] = x + dt * ((1.0 - x) / c[0] - u * x * spikes / 1000.0)
    return u * x * spikes


def advance(dt, pop, rec, pro, state, current, out, sample_every, sample_drive, sample_g):
    """Advance by ``len(current)`` steps of ``dt`` ms.

    ``current`` (steps, populations, 2) is in pA; ``out`` (steps, populations, 3) takes E, B and S in Hz;
    drives and conductances of every ``sample_every``-th step are sampled.
    """
    drive, rates = np.zeros((len(pop.two), 2)), np.zeros((len(pop.two), 3))
    decay = np.exp(-dt / rec.tau_ms)
    ring = state.flux.shape[1]
    for step in range(len(current)):
        t = state.clock[0]
        for p in range(len(pop.two)):
            drive[p, 0], drive[p, 1] = current[step, p, 0] + state.adaptation[p], current[step, p, 1]
        for r in range(len(rec.tau_ms)):
            drive[rec.population[r], rec.compartment[r]] += rec.kappa[r] * state.g[r]
        for p in range(len(pop.two)):
            answer(p, t, dt, drive, pop, state, rates)
            for j in range(3):
                out[step, p, j] = rates[p, j]
        if step % sample_every == 0:
            sample_drive[step // sample_every] = drive
            sample_g[step // sample_every] = state.g
        for r in range(len(rec.tau_ms)):
            state.g[r] *= decay[r]
        for k in range(len(pro.source)):
            state.flux[k, t % ring] = pro.gain[k] * transmit(k, dt, rates, pro, state) / 1000.0
            r = pro.receptor[k]
            arrived = state.flux[k, (t - min(pro.delay[k], t)) % ring]
            state.g[r] += arrived * rec.tau_ms[r] * (1.0 - decay[r])
        state.clock[0] = t + 1
