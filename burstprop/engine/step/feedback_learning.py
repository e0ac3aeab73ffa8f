"""The rule of feedback: work is done where a presynaptic neuron has an event or a burst, and nowhere else.

It is the mirror image of `burstprop.engine.step.learning`: the trace is the postsynaptic neuron's, the
averages are the presynaptic one's. These belong to another thread, which works out what its neurons' events
and bursts change by (``share``) before the threads meet.
"""

from __future__ import annotations

import math

import numpy as np

from burstprop.engine.network import (
    AV_FIRST,
    AVERAGE_DECAY,
    BURST,
    EVENT,
    PL_AVERAGE,
    PL_COLUMN,
    PL_E_PRE,
    PL_PROJECTION,
    PL_REBASE,
    PL_SHARE,
    PR_DENSE,
    PR_INDPTR,
    PR_SOURCE,
    PR_TARGET,
    PR_WEIGHT,
    RULE_DECAY_PRE,
    RULE_FIXED,
    RULE_KEEP,
    RULE_W_MAX,
    RULE_W_MIN,
    THREADS,
    get,
)
from burstprop.engine.ring import place_of, slot_of
from burstprop.engine.step.averages import since_last
from burstprop.jit.kernel import kernel


@kernel
def share_bursts(net, k, now, t):
    """Work out what the events (-Pbar) and bursts (1) of the neurons of thread ``t`` change by."""
    plastic = get(net, "plastic")
    average = get(net, "average")
    average_event = get(net, "average_event")
    average_burst = get(net, "average_burst")
    spikes = get(net, "spikes")
    presynaptic_flags = get(net, "presynaptic_flags")
    share = get(net, "share")
    source = get(net, "projection")[plastic[k, PL_PROJECTION], PR_SOURCE]
    slot = slot_of(net, now)
    count = get(net, "counts")[t, slot, source]
    if not count:
        return
    a, fixed = plastic[k, PL_AVERAGE], get(net, "rule")[k, RULE_FIXED]
    to_hz = math.exp(-since_last(net, a, now) * get(net, "average_constants")[a, AVERAGE_DECAY])
    begin = place_of(net, source, slot, t)
    for j in range(begin, begin + count):
        events = average_event[average[a, AV_FIRST] + spikes[j]] * to_hz
        bursts = average_burst[average[a, AV_FIRST] + spikes[j]] * to_hz
        if presynaptic_flags[j] == BURST:
            change = 1.0
        elif fixed >= 0.0:
            change = -fixed
        elif events > 0.0:
            change = -min(1.0, bursts / events)
        else:
            change = 1.0
        share[plastic[k, PL_SHARE] + spikes[j]] = change


@kernel
def follow_forward(net, k, eta, now, slot, t):
    """At presynaptic events w <- (1 - decay) w - eta Pbar e_post, at bursts w <- w + eta e_post."""
    plastic = get(net, "plastic")
    projection = get(net, "projection")
    rule = get(net, "rule")
    counts = get(net, "counts")
    bounds = get(net, "bounds")
    spikes = get(net, "spikes")
    presynaptic_flags = get(net, "presynaptic_flags")
    share = get(net, "share")
    indptr = get(net, "indptr")
    plastic_target = get(net, "plastic_target")
    weights = get(net, "weights")
    e_post = get(net, "e_pre")
    threads = get(net, "sizes")[THREADS]
    p = plastic[k, PL_PROJECTION]
    source, target, dense = projection[p, PR_SOURCE], projection[p, PR_TARGET], projection[p, PR_DENSE]
    low, high = rule[k, RULE_W_MIN], rule[k, RULE_W_MAX]
    kept = math.exp(-(now & (plastic[k, PL_REBASE] - 1)) * rule[k, RULE_DECAY_PRE])
    trace, weight = np.uintp(plastic[k, PL_E_PRE]), np.uintp(projection[p, PR_WEIGHT])
    first_synapse = np.uintp(plastic[k, PL_COLUMN])
    for other in range(threads):
        begin = place_of(net, source, slot, other)
        for j in range(begin, begin + counts[other, slot, source]):
            flag = presynaptic_flags[j]
            if not flag:
                continue
            keep = rule[k, RULE_KEEP] if flag == EVENT else 1.0
            change = share[plastic[k, PL_SHARE] + spikes[j]] * (eta * kept)
            if dense:
                row = weight + np.uintp(spikes[j]) * np.uintp(dense)
                for i in range(np.uintp(bounds[target, t]), np.uintp(min(bounds[target, t + 1], dense))):
                    w = keep * weights[row + i] + change * e_post[trace + i]
                    weights[row + i] = min(max(w, low), high)
                continue
            at = projection[p, PR_INDPTR] + spikes[j] * threads + t
            for s in range(np.uintp(indptr[at]), np.uintp(indptr[at + 1])):
                post = np.uintp(plastic_target[first_synapse + s])
                w = keep * weights[weight + s] + change * e_post[trace + post]
                weights[weight + s] = min(max(w, low), high)
