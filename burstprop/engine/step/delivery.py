"""Carries spikes that were emitted a delay ago into the conductances of their targets.

A thread adds only to the neurons it owns, spikes in ascending order of the presynaptic neuron, so the sum of
a target is the same whatever the number of threads.
"""

from __future__ import annotations

import numpy as np

from burstprop.engine.layout import prefetch
from burstprop.engine.network import (
    BURST,
    BURSTS,
    EVENT,
    EVENTS,
    PR_DELAY,
    PR_DENSE,
    PR_EFFICACY,
    PR_INDPTR,
    PR_OPPOSED_ROW,
    PR_PART,
    PR_ROW,
    PR_SOURCE,
    PR_SYNAPSE,
    PR_TRANSMITS,
    PR_UNIFORM,
    PR_WEIGHT,
    THREADS,
    get,
)
from burstprop.engine.ring import lane_of, place_of, slot_of
from burstprop.engine.step.dense import deliver_dense
from burstprop.jit.kernel import kernel

_TARGETS_PER_LINE, _WEIGHTS_PER_LINE = 32, 16
"""Synapses whose targets (of 16 bits), or weights (of 32 bits), share a cache line."""
FETCH_DISTANCE = 2
"""Steps between asking for a row and using it."""


@kernel
def fetch_rows(net, first, last, step, complete, t):
    """Ask for the synapses, onto thread ``t``, that projections ``first`` to ``last`` need at ``step``.

    Rows come from far away in memory: asked for together, they are waited for together. Only spikes of steps
    before ``complete`` are all known.
    """
    projection = get(net, "projection")
    sizes = get(net, "sizes")
    counts = get(net, "counts")
    spikes = get(net, "spikes")
    indptr = get(net, "indptr")
    targets = get(net, "targets")
    weights = get(net, "weights")
    for p in range(first, last):
        emitted = step - projection[p, PR_DELAY]
        if emitted < 0 or emitted >= complete or projection[p, PR_DENSE]:
            continue
        source = projection[p, PR_SOURCE]
        slot = slot_of(net, emitted)
        synapse, weight = projection[p, PR_SYNAPSE], projection[p, PR_WEIGHT]
        for other in range(sizes[THREADS]):
            begin = place_of(net, source, slot, other)
            for k in range(begin, begin + counts[other, slot, source]):
                row = projection[p, PR_INDPTR] + spikes[k] * sizes[THREADS] + t
                begin_row, end_row = indptr[row], indptr[row + 1]
                for s in range(begin_row, end_row, _TARGETS_PER_LINE):
                    prefetch(targets, synapse + s)
                if not projection[p, PR_UNIFORM]:
                    for s in range(begin_row, end_row, _WEIGHTS_PER_LINE):
                        prefetch(weights, weight + s)


@kernel
def deliver(net, first, last, step, t):
    """Add what projections ``first`` to ``last`` bring to thread ``t`` at the start of ``step``."""
    projection = get(net, "projection")
    sizes = get(net, "sizes")
    counts = get(net, "counts")
    for p in range(first, last):
        emitted = step - projection[p, PR_DELAY]
        if emitted < 0:
            continue
        source = projection[p, PR_SOURCE]
        slot = slot_of(net, emitted)
        if projection[p, PR_DENSE]:
            deliver_dense(net, p, slot, t)
            continue
        for other in range(sizes[THREADS]):
            count = counts[other, slot, source]
            if count:
                begin = lane_of(net, source, slot, other)
                _deliver_spikes(net, p, source, begin, count, t)


@kernel
def _deliver_spikes(net, p, source, begin, count, t):
    projection = get(net, "projection")
    population_spikes = get(net, "population_spikes")
    uniform_weight = get(net, "uniform_weight")
    opposed_weight = get(net, "opposed_weight")
    state = get(net, "state")
    targets = get(net, "targets")
    weights = get(net, "weights")
    presynaptic_flags = get(net, "presynaptic_flags")
    spikes = get(net, "spikes")
    sizes = get(net, "sizes")
    indptr = get(net, "indptr")
    efficacy = get(net, "efficacy")
    threads = sizes[THREADS]
    transmits = projection[p, PR_TRANSMITS]
    to_efficacy = projection[p, PR_EFFICACY]
    uniform, part = projection[p, PR_UNIFORM], projection[p, PR_PART]
    rows = projection[p, PR_INDPTR] + t
    first_target = np.uintp(projection[p, PR_SYNAPSE])
    first_spike = population_spikes[source]
    weight = uniform_weight[p]
    base, opposed = np.uintp(projection[p, PR_ROW]), projection[p, PR_OPPOSED_ROW]
    for k in range(begin, begin + count):
        place = first_spike + k
        if transmits == EVENTS and presynaptic_flags[place] != EVENT:
            continue
        if transmits == BURSTS and presynaptic_flags[place] != BURST:
            continue
        row = rows + spikes[place] * threads
        first, last = np.uintp(indptr[row]), np.uintp(indptr[row + 1])
        amount = weight
        if to_efficacy >= 0:
            amount = weight * efficacy[to_efficacy + k]
        if uniform:
            for s in range(first, last):
                state[base + np.uintp(targets[first_target + s])] += amount
        elif part == 0:
            first_weight = np.uintp(projection[p, PR_WEIGHT])
            for s in range(first, last):
                state[base + np.uintp(targets[first_target + s])] += amount * weights[first_weight + s]
        else:
            first_weight = np.uintp(projection[p, PR_WEIGHT])
            sign, zero = type(net.real)(part), type(net.real)(0)
            for s in range(first, last):
                passing = amount * max(sign * weights[first_weight + s], zero)
                state[base + np.uintp(targets[first_target + s])] += passing
        if opposed >= 0:
            share = opposed_weight[p] * (efficacy[to_efficacy + k] if to_efficacy >= 0 else type(net.real)(1))
            for s in range(first, last):
                state[np.uintp(opposed) + np.uintp(targets[first_target + s])] += share
