"""Neurons step and spike: all that a neuron model does in a time step."""

from __future__ import annotations

import numpy as np

from burstprop.engine.layout import LANES, ROW, STRIP, load, per_neuron, sign_bits, store
from burstprop.engine.network import DRIVE_FIRST, get
from burstprop.engine.random import step_key, uniform
from burstprop.engine.ring import place_of, slot_of
from burstprop.engine.step.backgrounds import draw_backgrounds
from burstprop.jit.kernel import inlined_kernel, kernel
from burstprop.neurons.model import margin, spike, step

GROUP = 16
"""Lanes of a strip in which a neuron that spikes is looked for at once."""


@inlined_kernel
def advance_neurons(net, neurons, first_step, last_step, t):
    """Advance the neurons of one population that thread ``t`` owns, and collect those that spike.

    A block of neurons takes all steps before the next one begins: what it needs is then still in the
    innermost cache.
    """
    bounds = get(net, "bounds")
    state = get(net, "state")
    counts = get(net, "counts")
    e = neurons.population
    first, last = bounds[e, t], bounds[e, t + 1]
    for now in range(first_step, last_step):
        counts[t, slot_of(net, now), e] = 0
    for block in range(first // LANES, (last + LANES - 1) // LANES):
        low, high = max(first - block * LANES, 0), min(last - block * LANES, LANES)
        base = neurons.offset + block * neurons.variables * ROW
        for now in range(first_step, last_step):
            drive = _drive(net, neurons, now)
            draw_backgrounds(net, e, block, (low, high), now)
            spiking = _advance_block(state, neurons, drive, base, block * LANES, low, high)
            if spiking:
                slot = slot_of(net, now)
                place = place_of(net, e, slot, t) + counts[t, slot, e]
                injected = _drive(net, neurons, now + 1)
                counts[t, slot, e] += _collect(
                    net, neurons, injected, now, base, block * LANES, low, high, spiking, place
                )


@kernel
def _drive(net, neurons, now):
    """Return what was injected at the end of the step before ``now``."""
    row = now - get(net, "sizes")[DRIVE_FIRST]
    return load(
        neurons.drive_proto,
        neurons.drive,
        np.uintp((row // LANES) * len(neurons.drive_proto) * ROW),
        np.uintp(row % LANES),
    )


@inlined_kernel
def _advance_block(state, neurons, drive, base, lane0, low, high):
    """Step the lanes of a block; bit k of the result says that a neuron of its strip k spikes."""
    row0, lane_of_0 = np.uintp(base), np.uintp(lane0)
    spiking = 0
    for strip in range(low, high, STRIP):
        crossed = np.int32(0)
        for lane in range(np.uintp(strip), np.uintp(strip) + np.uintp(STRIP)):
            c = per_neuron(neurons.constants, neurons.constants_per_neuron, lane_of_0 + lane)
            i = per_neuron(drive, neurons.drive_per_neuron, lane_of_0 + lane)
            after = step(load(neurons.state_proto, state, row0, lane), i, c)
            store(neurons.state_proto, state, row0, lane, after)
            crossed = np.int32(crossed | sign_bits(margin(after, c)))
        if crossed < 0:
            spiking |= 1 << (strip // STRIP)
    return spiking


@inlined_kernel
def _collect(net, neurons, drive, now, base, lane0, low, high, spiking, place):
    """Reset the neurons of a block that spike, and write them into the ring; return how many.

    ``spiking`` is what `_advance_block` returned, ``drive`` what is injected at the end of the step.
    """
    population_n = get(net, "population_n")
    state = get(net, "state")
    population_key = get(net, "population_key")
    spikes = get(net, "spikes")
    real = type(net.real)
    count = 0
    row0, lane_of_0 = np.uintp(base), np.uintp(lane0)
    lanes_left = population_n[neurons.population] - lane0
    for strip in range(low, high, STRIP):
        if not spiking & (1 << (strip // STRIP)):
            continue
        for group in range(strip, min(strip + STRIP, lanes_left), GROUP):
            if not _any_spikes(state, neurons, row0, lane_of_0, group):
                continue
            for lane in range(np.uintp(group), np.uintp(min(group + GROUP, lanes_left))):
                c = per_neuron(neurons.constants, neurons.constants_per_neuron, lane_of_0 + lane)
                now_state = load(neurons.state_proto, state, row0, lane)
                if sign_bits(margin(now_state, c)) < 0:
                    i = per_neuron(drive, neurons.drive_per_neuron, lane_of_0 + lane)
                    key = step_key(population_key[neurons.population], now)
                    u1 = real(uniform(key, 2 * (lane_of_0 + lane)))
                    u2 = real(uniform(key, 2 * (lane_of_0 + lane) + 1))
                    store(neurons.state_proto, state, row0, lane, spike(now_state, i, c, u1, u2))
                    spikes[place + count] = lane_of_0 + lane
                    count += 1
    return count


@inlined_kernel
def _any_spikes(state, neurons, row0, lane_of_0, group):
    """Tell whether one of `GROUP` lanes spikes: in vector code, as the look at one after the other is not."""
    crossed = np.int32(0)
    for lane in range(np.uintp(group), np.uintp(group) + np.uintp(GROUP)):
        c = per_neuron(neurons.constants, neurons.constants_per_neuron, lane_of_0 + lane)
        after = load(neurons.state_proto, state, row0, lane)
        crossed = np.int32(crossed | sign_bits(margin(after, c)))
    return crossed < 0
