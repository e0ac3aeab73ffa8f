"""What happens in the step of a spike: neurons step and spike, sources spike, spikes become events and bursts.

The trace that tells events from bursts decays with the burst window and rises by 1 at each spike; it is kept as its
value just after the last spike and the step of that spike, so nothing has to decay per step.
"""

from __future__ import annotations

import math

import numpy as np

from burstprop.engine.background import draw_backgrounds
from burstprop.engine.kernel import kernel
from burstprop.engine.layout import LANES, ROW, STRIP, load, per_neuron, sign_bits, store
from burstprop.engine.network import (
    BIN_FIRST,
    BIN_STEPS,
    BURST,
    EVENT,
    INTERVAL,
    RING,
    ST_EFFICACY,
    ST_FIRST,
    ST_SOURCE,
    STP_JUMP,
    STP_LOG_KEEP_U,
    STP_LOG_KEEP_X,
    STP_U,
    get,
)
from burstprop.engine.random import step_key, uniform
from burstprop.neurons.model import margin, spike, step

# a gap of exactly one window belongs to the burst, whatever the last digit of the exponential
_ONE_OVER_E = math.exp(-1.0) * (1.0 - 1e-9)
_NONE = np.uint8(0)


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
    slot = now % sizes[RING]
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
        store(state, row0, lane, after)
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
                store(state, row0, lane, spike(now_state, i, c, u1, u2))
                spikes[place + count] = lane_of_0 + lane
                count += 1
    return count


@kernel
def emit_poisson(net, now):
    """Let the shared Poisson sources, which belong to thread 0, spike: the gaps from source to source are geometric."""
    poisson_emitter = get(net, "poisson_emitter")
    sizes = get(net, "sizes")
    emitter_spikes = get(net, "emitter_spikes")
    emitter_width = get(net, "emitter_width")
    emitter_key = get(net, "emitter_key")
    poisson_log_miss = get(net, "poisson_log_miss")
    emitter_n = get(net, "emitter_n")
    spikes = get(net, "spikes")
    counts = get(net, "counts")
    for k in range(len(poisson_emitter)):
        e = poisson_emitter[k]
        slot = now % sizes[RING]
        place = emitter_spikes[e] + slot * emitter_width[e]
        key = step_key(emitter_key[e], now)
        log_miss = poisson_log_miss[k]
        count, draw = 0, 0
        position = -1.0
        while log_miss < 0.0:
            # 1 - u lies in (0, 1], so the logarithm is finite
            position += 1.0 + math.floor(math.log(1.0 - uniform(key, draw)) / log_miss)
            if position >= emitter_n[e]:
                break
            spikes[place + count] = np.int32(position)
            count += 1
            draw += 1
        counts[0, slot, e] = count


@kernel
def classify(net, now, t):
    """Tell events from bursts among this step's spikes of the neurons of thread ``t``, and count them."""
    sizes = get(net, "sizes")
    counts = get(net, "counts")
    emitter_spikes = get(net, "emitter_spikes")
    emitter_width = get(net, "emitter_width")
    bounds = get(net, "bounds")
    slot = now % sizes[RING]
    for e in range(len(emitter_spikes)):
        count = counts[t, slot, e]
        if count:
            place = emitter_spikes[e] + slot * emitter_width[e] + bounds[e, t]
            _classify_spikes(net, e, place, count, now, t)


@kernel
def _classify_spikes(net, e, place, count, now, t):
    emitter_decay = get(net, "emitter_decay")
    emitter_window = get(net, "emitter_window")
    emitter_lag = get(net, "emitter_lag")
    emitter_definition = get(net, "emitter_definition")
    emitter_presynaptic = get(net, "emitter_presynaptic")
    emitter_first = get(net, "emitter_first")
    spikes = get(net, "spikes")
    last = get(net, "last")
    trace = get(net, "trace")
    open_ = get(net, "open")
    flags = get(net, "flags")
    presynaptic_trace = get(net, "presynaptic_trace")
    presynaptic_flags = get(net, "presynaptic_flags")
    presynaptic_open = get(net, "presynaptic_open")
    sizes = get(net, "sizes")
    bin_counts = get(net, "bin_counts")
    decay, window, lag = emitter_decay[e], emitter_window[e], emitter_lag[e]
    interval = emitter_definition[e] == INTERVAL
    both = emitter_presynaptic[e]
    first = emitter_first[e]
    events, bursts = 0, 0
    for k in range(place, place + count):
        i = first + spikes[k]
        gap = now - last[i]
        kept = math.exp(-decay * gap)
        if interval:
            is_event = gap > window
        else:
            before = trace[i] * kept
            is_event = before < _ONE_OVER_E
            trace[i] = before + 1.0
        flag = EVENT if is_event else (BURST if open_[i] else _NONE)
        open_[i] = is_event
        flags[k] = flag
        events += flag == EVENT
        bursts += flag == BURST
        if both:
            # the presynaptic trace rises a lag after the spike: later, hence larger, and not yet for the very last one
            if interval:
                is_event = gap > window + lag
            else:
                counted = presynaptic_trace[i] if gap > lag else presynaptic_trace[i] - 1.0
                is_event = counted * kept * math.exp(decay * lag) < _ONE_OVER_E
                presynaptic_trace[i] = presynaptic_trace[i] * kept + 1.0
            presynaptic_flags[k] = EVENT if is_event else (BURST if presynaptic_open[i] else _NONE)
            presynaptic_open[i] = is_event
        last[i] = now
    row = now // sizes[BIN_STEPS] - sizes[BIN_FIRST]
    bin_counts[t, row, e, 0] += count
    bin_counts[t, row, e, 1] += events
    bin_counts[t, row, e, 2] += bursts


@kernel
def release(net, now, t):
    """Work out the efficacy of this step's spikes in every projection with short-term plasticity."""
    sizes = get(net, "sizes")
    stp = get(net, "stp")
    counts = get(net, "counts")
    emitter_width = get(net, "emitter_width")
    bounds = get(net, "bounds")
    stp_constants = get(net, "stp_constants")
    spikes = get(net, "spikes")
    emitter_spikes = get(net, "emitter_spikes")
    stp_last = get(net, "stp_last")
    stp_x = get(net, "stp_x")
    stp_u = get(net, "stp_u")
    efficacy = get(net, "efficacy")
    slot = now % sizes[RING]
    for k in range(stp.shape[0]):
        e = stp[k, ST_SOURCE]
        count = counts[t, slot, e]
        if not count:
            continue
        begin = slot * emitter_width[e] + bounds[e, t]
        u_rest, jump = stp_constants[k, STP_U], stp_constants[k, STP_JUMP]
        for j in range(begin, begin + count):
            i = stp[k, ST_FIRST] + spikes[emitter_spikes[e] + j]
            gap = now - stp_last[i]
            # n Euler steps of dx/dt = (1 - x)/tau keep (1 - dt/tau)^n of the distance to 1
            x = 1.0 - (1.0 - stp_x[i]) * math.exp(stp_constants[k, STP_LOG_KEEP_X] * gap)
            u = u_rest - (u_rest - stp_u[i]) * math.exp(stp_constants[k, STP_LOG_KEEP_U] * gap)
            efficacy[stp[k, ST_EFFICACY] + j] = x * u
            stp_x[i] = x - u * x
            stp_u[i] = u + jump * (1.0 - u)
            stp_last[i] = now
