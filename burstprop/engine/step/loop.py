"""The time loop that every thread runs, compiled: all that happens between two changes of the protocol.

A spike with an axonal delay of d steps is added to a conductance at the end of the d-th step after its own,
that is, at the start of the next one. Up to then its targets do not depend on it, so threads, which own
neurons, meet only once a time slice (the shortest such delay; 9 steps for 0.8 ms). Projections without a
delay (events, bursts, plastic ones) are felt on the next step; with them threads meet after every step.

A population without afferents depends on no other: it takes ``lead`` steps at once, and its spikes wait in
the ring until the others come to the steps that they belong to.
"""

from __future__ import annotations

import numpy as np

from burstprop.engine.network import DELAYED, LEAD, LEAD_STOP, SLICE, STOP_SLICE, THREADS, get
from burstprop.engine.step.barrier import wait
from burstprop.engine.step.called_learning import LEARN, learn, raise_presynaptic_traces
from burstprop.engine.step.delivery import FETCH_DISTANCE, deliver, fetch_rows
from burstprop.engine.step.events import classify
from burstprop.engine.step.given_spikes import emit_given
from burstprop.engine.step.poisson_sources import emit_poisson
from burstprop.engine.step.populations import advance
from burstprop.engine.step.record import record_spikes, sample_states
from burstprop.engine.step.short_term_plasticity import release
from burstprop.jit.kernel import kernel

_ZERO = np.int64(0)
"""A literal 0 has a type of its own, for which what is called would be compiled once more."""


def run_thread(net, populations, learning, t, first_step, last_step):
    """Run steps ``first_step`` to ``last_step`` for thread ``t``; return the step up to which it came.

    ``learning`` holds the addresses of the rule's functions, 0 where no projection is plastic. The run stops
    early, after the same step in all threads, when the spike buffer is full.
    """
    sizes = get(net, "sizes")
    control = get(net, "control")
    delayed, projections = sizes[DELAYED], get(net, "projection").shape[0]
    slice_number = _ZERO
    now = first_step
    lead = first_step
    while now < last_step:
        slice_start = now
        if now == lead:
            lead = _next_lead(sizes, now, last_step)
            if sizes[LEAD]:
                advance(net, populations, False, now, lead, t)
        until = min(now + sizes[SLICE], lead)
        for step in range(now, now + FETCH_DISTANCE):
            fetch_rows(net, _ZERO, delayed, step, slice_start, t)
        while now < until:
            fetch_rows(net, _ZERO, delayed, now + FETCH_DISTANCE, slice_start, t)
            deliver(net, _ZERO, delayed, now, t)
            advance(net, populations, True, now, now + 1, t)
            if t == 0:
                emit_poisson(net, now)
                emit_given(net, now)
            classify(net, now, t)
            sample_states(net, now, t)
            release(net, now, t)
            if learning[LEARN]:
                raise_presynaptic_traces(learning, net, now, t)
            now += 1
        wait(control, sizes[THREADS])
        if delayed < projections:
            fetch_rows(net, delayed, projections, now, now, t)
        if t == 0:
            record_spikes(net, now, slice_number)
        if delayed < projections:
            deliver(net, delayed, projections, now, t)
            if learning[LEARN]:
                learn(learning, net, now - 1, t)
            wait(control, sizes[THREADS])
        if slice_number >= control[STOP_SLICE] and now == lead:
            break
        slice_number += 1
    return now


@kernel
def _next_lead(sizes, now, last_step):
    """Return the step to which populations without afferents run, at most to the next sample of their states.

    Without such populations it is the end of the time slice.
    """
    if sizes[LEAD] == 0:
        return min(now + sizes[SLICE], last_step)
    every = sizes[LEAD_STOP]
    return min(now + sizes[LEAD], (now // every + 1) * every, last_step)
