"""Delivery of all-to-all projections: no index, whole rows of neurons that lie next to each other.

Where all synapses have one weight, every target gets the same: the spikes of a step are summed first, and the
sum is added to every target once. So such a projection costs its targets, not its synapses.
"""

from __future__ import annotations

import numpy as np

from burstprop.engine.layout import LANES, ROW
from burstprop.engine.network import (
    BURST,
    BURSTS,
    EVENT,
    EVENTS,
    PR_DENSE,
    PR_EFFICACY,
    PR_OPPOSED_ROW,
    PR_PART,
    PR_ROW,
    PR_SOURCE,
    PR_TARGET,
    PR_TRANSMITS,
    PR_UNIFORM,
    PR_VARIABLES,
    PR_WEIGHT,
    THREADS,
    get,
)
from burstprop.engine.ring import lane_of
from burstprop.jit.kernel import kernel


@kernel
def deliver_dense(net, p, slot, t):
    """Add what the spikes of a slot bring through projection ``p`` to the neurons of thread ``t``."""
    projection = get(net, "projection")
    counts = get(net, "counts")
    spikes = get(net, "spikes")
    presynaptic_flags = get(net, "presynaptic_flags")
    efficacy = get(net, "efficacy")
    weight = get(net, "uniform_weight")[p]
    source, transmits = projection[p, PR_SOURCE], projection[p, PR_TRANSMITS]
    first_spike = get(net, "population_spikes")[source]
    to_efficacy, uniform = projection[p, PR_EFFICACY], projection[p, PR_UNIFORM]
    one = type(net.real)(1)
    released = type(net.real)(0)
    # over the spikes of all threads, in the order of their neurons: the sum depends on nothing else
    for other in range(get(net, "sizes")[THREADS]):
        begin = lane_of(net, source, slot, other)
        for k in range(begin, begin + counts[other, slot, source]):
            place = first_spike + k
            if transmits == EVENTS and presynaptic_flags[place] != EVENT:
                continue
            if transmits == BURSTS and presynaptic_flags[place] != BURST:
                continue
            share = efficacy[to_efficacy + k] if to_efficacy >= 0 else one
            released += share
            if not uniform:
                row = projection[p, PR_WEIGHT] + spikes[place] * projection[p, PR_DENSE]
                _add_row(net, p, row, weight * share, t)
    if released > 0:
        if uniform:
            _add_everywhere(net, p, projection[p, PR_ROW], weight * released, t)
        if projection[p, PR_OPPOSED_ROW] >= 0:
            opposed = get(net, "opposed_weight")[p] * released
            _add_everywhere(net, p, projection[p, PR_OPPOSED_ROW], opposed, t)


@kernel
def _add_row(net, p, row, amount, t):
    """Add ``amount`` times the weights of one presynaptic neuron, which begin at ``row``."""
    projection = get(net, "projection")
    bounds = get(net, "bounds")
    state = get(net, "state")
    weights = get(net, "weights")
    target, stride = projection[p, PR_TARGET], projection[p, PR_VARIABLES] * ROW
    first, last = bounds[target, t], min(bounds[target, t + 1], projection[p, PR_DENSE])
    part, zero = type(net.real)(projection[p, PR_PART]), type(net.real)(0)
    for block in range(first // LANES, (last + LANES - 1) // LANES):
        low, high = max(first - block * LANES, 0), min(last - block * LANES, LANES)
        base = np.uintp(projection[p, PR_ROW] + block * stride)
        weight = np.uintp(row + block * LANES)
        if part == zero:
            for lane in range(np.uintp(low), np.uintp(high)):
                state[base + lane] += amount * weights[weight + lane]
        else:
            for lane in range(np.uintp(low), np.uintp(high)):
                state[base + lane] += amount * max(part * weights[weight + lane], zero)


@kernel
def _add_everywhere(net, p, row, amount, t):
    """Add ``amount`` to the variable that begins at ``row`` of all targets."""
    projection = get(net, "projection")
    bounds = get(net, "bounds")
    state = get(net, "state")
    target, stride = projection[p, PR_TARGET], projection[p, PR_VARIABLES] * ROW
    first, last = bounds[target, t], min(bounds[target, t + 1], projection[p, PR_DENSE])
    for block in range(first // LANES, (last + LANES - 1) // LANES):
        low, high = max(first - block * LANES, 0), min(last - block * LANES, LANES)
        base = np.uintp(row + block * stride)
        for lane in range(np.uintp(low), np.uintp(high)):
            state[base + lane] += amount
