"""Neurons step and spike: all that a neuron model does in a time step."""

from __future__ import annotations

import numpy as np

from burstprop.engine.background import draw_backgrounds
from burstprop.engine.kernel import kernel
from burstprop.engine.layout import LANES, ROW, STRIP, load, per_neuron, sign_bits, store
from burstprop.engine.network import RING, get
from burstprop.engine.random import step_key, uniform
from burstprop.neurons.model import margin, spike, step


@kernel
def advance_neurons(net, neurons, now, drive_row, t):
    """Advance the neurons of one population that thread ``t`` owns, and collect those that spike."""
    bounds = get(net, "bounds")
    sizes = get(net, "sizes")
    emitter_spikes = get(net, "emitter_spikes")
    emitter_width = get(net, "emitter_width")
    state = get(net, "state")
    counts = get(net, "counts")
    e = neurons.emitter
    first, last = bounds[e, t], bounds[e, t + 1]
    slot = now & (sizes[RING] - 1)
    place = emitter_spikes[e] + slot * emitter_width[e] + first
    count = 0
    drive = load(
        neurons.drive_proto,
        neurons.drive,
        np.uintp((drive_row // LANES) * len(neurons.drive_proto) * ROW),
        np.uintp(drive_row % LANES),
    )
    for block in range(first // LANES, (last + LANES - 1) // LANES):
        low, high = max(first - block * LANES, 0), min(last - block * LANES, LANES)
        base = neurons.offset + block * neurons.variables * ROW
        draw_backgrounds(net, e, block, (low, high), now)
        if _advance_block(state, neurons, drive, base, block * LANES, low, high) < 0:
            count += _collect(net, neurons, drive, now, base, block * LANES, low, high, place + count)
    counts[t, slot, e] = count


@kernel
def _advance_block(state, neurons, drive, base, lane0, low, high):
    """Step the lanes of a block; the result is negative if one of them spikes."""
    row0, lane_of_0 = np.uintp(base), np.uintp(lane0)
    crossed = np.int32(0)
    for lane in range(np.uintp(low), np.uintp(high)):
        c = per_neuron(neurons.constants, neurons.constants_per_neuron, lane_of_0 + lane)
        i = per_neuron(drive, neurons.drive_per_neuron, lane_of_0 + lane)
        after = step(load(neurons.state_proto, state, row0, lane), i, c)
        store(neurons.state_proto, state, row0, lane, after)
        crossed = np.int32(crossed | sign_bits(margin(after, c)))
    return crossed


@kernel
def _collect(net, neurons, drive, now, base, lane0, low, high, place):
    """Reset the neurons of a block that spike, and write them into the ring; return how many."""
    emitter_n = get(net, "emitter_n")
    state = get(net, "state")
    emitter_key = get(net, "emitter_key")
    spikes = get(net, "spikes")
    real = type(net.real)
    count = 0
    row0, lane_of_0 = np.uintp(base), np.uintp(lane0)
    lanes_left = emitter_n[neurons.emitter] - lane0
    for strip in range(low, high, STRIP):
        crossed = np.int32(0)
        for lane in range(np.uintp(strip), np.uintp(strip + STRIP)):
            c = per_neuron(neurons.constants, neurons.constants_per_neuron, lane_of_0 + lane)
            crossed = np.int32(crossed | sign_bits(margin(load(neurons.state_proto, state, row0, lane), c)))
        if crossed >= 0:
            continue
        for lane in range(np.uintp(strip), np.uintp(min(strip + STRIP, lanes_left))):
            c = per_neuron(neurons.constants, neurons.constants_per_neuron, lane_of_0 + lane)
            now_state = load(neurons.state_proto, state, row0, lane)
            if sign_bits(margin(now_state, c)) < 0:
                i = per_neuron(drive, neurons.drive_per_neuron, lane_of_0 + lane)
                key = step_key(emitter_key[neurons.emitter], now)
                u1 = real(uniform(key, 2 * (lane_of_0 + lane)))
                u2 = real(uniform(key, 2 * (lane_of_0 + lane) + 1))
                store(neurons.state_proto, state, row0, lane, spike(now_state, i, c, u1, u2))
                spikes[place + count] = lane_of_0 + lane
                count += 1
    return count
