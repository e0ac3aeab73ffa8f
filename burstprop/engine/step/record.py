"""What a run keeps as it goes: spikes out of the ring, and samples of state variables."""

from __future__ import annotations

from burstprop.engine.network import (
    RECORDED,
    RECORDED_UNTIL,
    STOP_BLOCK,
    THREADS,
    TRACE_EVERY,
    TRACE_FIRST,
    get,
)
from burstprop.engine.ring import place_of, slot_of
from burstprop.jit.kernel import kernel


@kernel
def record_spikes(net, until, block):
    """Copy the spikes of the last steps out of the ring; where they do not fit, ask all threads to stop."""
    control = get(net, "control")
    recorded_step = get(net, "recorded_step")
    sizes = get(net, "sizes")
    emitter_n = get(net, "emitter_n")
    record_spikes = get(net, "record_spikes")
    counts = get(net, "counts")
    recorded_emitter = get(net, "recorded_emitter")
    recorded_neuron = get(net, "recorded_neuron")
    spikes = get(net, "spikes")
    first, place, room = control[RECORDED_UNTIL], control[RECORDED], len(recorded_step)
    for now in range(first, until):
        slot = slot_of(net, now)
        for e in range(len(emitter_n)):
            if not record_spikes[e]:
                continue
            for t in range(sizes[THREADS]):
                count = counts[t, slot, e]
                if place + count > room:
                    # the others may already be in the next block; they all stop at its end, or where what
                    # runs ahead ends
                    control[STOP_BLOCK] = min(control[STOP_BLOCK], block + 1)
                    return
                begin = place_of(net, e, slot, t)
                for k in range(begin, begin + count):
                    recorded_step[place] = now
                    recorded_emitter[place] = e
                    recorded_neuron[place] = spikes[k]
                    place += 1
    control[RECORDED] = place
    control[RECORDED_UNTIL] = until


@kernel
def sample_states(net, now, t):
    """Sample the state variables of the chosen neurons after this step."""
    sizes = get(net, "sizes")
    trace_place = get(net, "trace_place")
    bounds = get(net, "bounds")
    trace_values = get(net, "trace_values")
    state = get(net, "state")
    if (now + 1) % sizes[TRACE_EVERY]:
        return
    row = (now + 1) // sizes[TRACE_EVERY] - sizes[TRACE_FIRST]
    for k in range(trace_place.shape[0]):
        e, neuron = trace_place[k, 0], trace_place[k, 1]
        if bounds[e, t] <= neuron < bounds[e, t + 1]:
            trace_values[row, k] = state[trace_place[k, 2]]
