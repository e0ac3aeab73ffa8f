"""The time loop that every thread runs, compiled: all that happens between two changes of the protocol.

A spike with an axonal delay of d steps is added to a conductance at the end of the d-th step after its own, that is, at
the start of the next one. Up to then its targets do not depend on it, so threads, which own neurons, meet only once
every ``block`` steps (the shortest such time; 9 for 0.8 ms). Projections without a delay (events, bursts, plastic ones)
are felt on the next step; with them threads meet after every step.
"""

from __future__ import annotations

from numba import literal_unroll

from burstprop.engine.barrier import wait
from burstprop.engine.delivery import FETCH_AHEAD, deliver, fetch_rows
from burstprop.engine.emission import advance_neurons, classify, emit_poisson, release
from burstprop.engine.kernel import kernel
from burstprop.engine.learning import learn, raise_presynaptic_traces
from burstprop.engine.network import (
    BLOCK,
    DELAYED,
    DRIVE_FIRST,
    RECORDED,
    RECORDED_UNTIL,
    RING,
    STOP_BLOCK,
    THREADS,
    TRACE_EVERY,
    TRACE_FIRST,
    get,
)


def run_thread(net, populations, learning, t, first_step, last_step):
    """Run steps ``first_step`` to ``last_step`` for thread ``t``; return the step up to which it came.

    ``learning`` is None where no projection is plastic, and the compiler then leaves the rule out. The run stops early,
    after the same step in all threads, when the spike record is full.
    """
    sizes = get(net, "sizes")
    control = get(net, "control")
    delayed, projections = sizes[DELAYED], get(net, "projection").shape[0]
    block = 0
    now = first_step
    while now < last_step:
        block_start = now
        until = min(now + sizes[BLOCK], last_step)
        for step in range(now, now + FETCH_AHEAD):
            fetch_rows(net, 0, delayed, step, block_start, t)
        while now < until:
            fetch_rows(net, 0, delayed, now + FETCH_AHEAD, block_start, t)
            deliver(net, 0, delayed, now, t)
            _advance(net, populations, now, now - sizes[DRIVE_FIRST], t)
            if t == 0:
                emit_poisson(net, now)
            classify(net, now, t)
            _keep_traces(net, now, t)
            release(net, now, t)
            if learning is not None:
                raise_presynaptic_traces(net, now, t)
            now += 1
        wait(control, sizes[THREADS])
        if t == 0:
            _record(net, now, block)
        if delayed < projections:
            fetch_rows(net, delayed, projections, now, now, t)
            deliver(net, delayed, projections, now, t)
            if learning is not None:
                learn(net, now - 1, t)
            wait(control, sizes[THREADS])
        if block >= control[STOP_BLOCK]:
            break
        block += 1
    return now


@kernel
def _advance(net, populations, now, drive_row, t):
    """Advance all populations by one step.

    A function of its own, because each turn of an unrolled loop takes stack that is freed only on return.
    """
    for neurons in literal_unroll(populations):
        advance_neurons(net, neurons, now, drive_row, t)


@kernel
def _record(net, until, block):
    """Copy the spikes of the last steps out of the ring; where they do not fit, ask all threads to stop."""
    control = get(net, "control")
    recorded_step = get(net, "recorded_step")
    sizes = get(net, "sizes")
    emitter_n = get(net, "emitter_n")
    record_spikes = get(net, "record_spikes")
    emitter_spikes = get(net, "emitter_spikes")
    emitter_width = get(net, "emitter_width")
    bounds = get(net, "bounds")
    counts = get(net, "counts")
    recorded_emitter = get(net, "recorded_emitter")
    recorded_neuron = get(net, "recorded_neuron")
    spikes = get(net, "spikes")
    first, place, room = control[RECORDED_UNTIL], control[RECORDED], len(recorded_step)
    for now in range(first, until):
        slot = now % sizes[RING]
        for e in range(len(emitter_n)):
            if not record_spikes[e]:
                continue
            for t in range(sizes[THREADS]):
                count = counts[t, slot, e]
                if place + count > room:
                    # the others may already be in the next block; they all stop at its end
                    control[STOP_BLOCK] = min(control[STOP_BLOCK], block + 1)
                    return
                begin = emitter_spikes[e] + slot * emitter_width[e] + bounds[e, t]
                for k in range(begin, begin + count):
                    recorded_step[place] = now
                    recorded_emitter[place] = e
                    recorded_neuron[place] = spikes[k]
                    place += 1
    control[RECORDED] = place
    control[RECORDED_UNTIL] = until


@kernel
def _keep_traces(net, now, t):
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
