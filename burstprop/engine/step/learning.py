"""The burst-dependent rule: work is done where there is an event or a burst, and nowhere else.

e_pre, Ebar, Bbar and R decay exponentially. They are kept multiplied by exp(+t/tau), so that nothing decays
per step, and divided back every so often (``rebase``, a fixed number of steps counted from t = 0, so that how
a run is cut into pieces cannot matter). Weights lie in rows by presynaptic neuron; a second index, by
postsynaptic neuron, holds the place and the presynaptic neuron of each of its synapses. Their indices are
unsigned, because code for signed ones looks first whether they are negative.
"""

from __future__ import annotations

import math

import numpy as np

from burstprop.engine.network import (
    AV_EMITTER,
    AV_FIRST,
    AV_REBASE,
    AVERAGE_DECAY,
    AVERAGE_RISE,
    BURST,
    EVENT,
    PL_AVERAGE,
    PL_COLUMN,
    PL_COLUMN_INDPTR,
    PL_E_PRE,
    PL_PROJECTION,
    PL_REBASE,
    PLASTIC_ON,
    PR_INDPTR,
    PR_SOURCE,
    PR_TARGET,
    PR_WEIGHT,
    RING,
    RULE_DECAY_PRE,
    RULE_E_MAX,
    RULE_E_MIN,
    RULE_ETA,
    RULE_FIXED,
    RULE_LOWER_SPIKES,
    RULE_W_MAX,
    SPIKE_DECAY,
    SPIKE_RISE,
    THREADS,
    get,
)
from burstprop.jit.kernel import kernel


@kernel
def learn(net, now, t):
    """Change the weights onto the neurons of thread ``t`` for the spikes of step ``now``.

    Then raise the averages.
    """
    sizes = get(net, "sizes")
    average = get(net, "average")
    control = get(net, "control")
    plastic = get(net, "plastic")
    slot = now & (sizes[RING] - 1)
    for a in range(average.shape[0]):
        if now > 0 and now & (average[a, AV_REBASE] - 1) == 0:
            _rebase_averages(net, a, t)
    if control[PLASTIC_ON]:
        for k in range(plastic.shape[0]):
            _potentiate_silent(net, k, now, slot, t)
            _follow_bursts(net, k, now, slot, t)
    for a in range(average.shape[0]):
        _raise_averages(net, a, now, slot, t)


@kernel
def raise_presynaptic_traces(net, now, t):
    """Raise e_pre of the presynaptic neurons of thread ``t`` that have an event in step ``now``."""
    sizes = get(net, "sizes")
    plastic = get(net, "plastic")
    projection = get(net, "projection")
    rule = get(net, "rule")
    bounds = get(net, "bounds")
    emitter_n = get(net, "emitter_n")
    e_pre = get(net, "e_pre")
    counts = get(net, "counts")
    emitter_spikes = get(net, "emitter_spikes")
    emitter_width = get(net, "emitter_width")
    presynaptic_flags = get(net, "presynaptic_flags")
    spikes = get(net, "spikes")
    slot = now & (sizes[RING] - 1)
    for k in range(plastic.shape[0]):
        p = plastic[k, PL_PROJECTION]
        source = projection[p, PR_SOURCE]
        trace = plastic[k, PL_E_PRE]
        since = now & (plastic[k, PL_REBASE] - 1)
        if since == 0 and now > 0:
            kept = math.exp(-rule[k, RULE_DECAY_PRE] * plastic[k, PL_REBASE])
            for i in range(bounds[source, t], min(bounds[source, t + 1], emitter_n[source])):
                e_pre[trace + i] *= kept
        count = counts[t, slot, source]
        if count:
            rise = math.exp(rule[k, RULE_DECAY_PRE] * since)
            begin = emitter_spikes[source] + slot * emitter_width[source] + bounds[source, t]
            for j in range(begin, begin + count):
                if presynaptic_flags[j] & EVENT:
                    e_pre[trace + spikes[j]] += rise


@kernel
def _potentiate_silent(net, k, now, slot, t):
    """At presynaptic events: dw = eta max(0, E_min - R)."""
    plastic = get(net, "plastic")
    projection = get(net, "projection")
    rule = get(net, "rule")
    average = get(net, "average")
    average_constants = get(net, "average_constants")
    average_spike = get(net, "average_spike")
    average_event = get(net, "average_event")
    sizes = get(net, "sizes")
    counts = get(net, "counts")
    emitter_spikes = get(net, "emitter_spikes")
    emitter_width = get(net, "emitter_width")
    bounds = get(net, "bounds")
    presynaptic_flags = get(net, "presynaptic_flags")
    spikes = get(net, "spikes")
    indptr = get(net, "indptr")
    plastic_target = get(net, "plastic_target")
    weights = get(net, "weights")
    p = plastic[k, PL_PROJECTION]
    a = plastic[k, PL_AVERAGE]
    source = projection[p, PR_SOURCE]
    eta, e_min, w_max = rule[k, RULE_ETA], rule[k, RULE_E_MIN], rule[k, RULE_W_MAX]
    all_spikes = rule[k, RULE_LOWER_SPIKES] > 0.0
    since = now & (average[a, AV_REBASE] - 1)
    decay = average_constants[a, SPIKE_DECAY] if all_spikes else average_constants[a, AVERAGE_DECAY]
    rates = average_spike if all_spikes else average_event
    first_target = np.uintp(average[a, AV_FIRST])
    first_synapse, weight = np.uintp(plastic[k, PL_COLUMN]), np.uintp(projection[p, PR_WEIGHT])
    for other in range(sizes[THREADS]):
        count = counts[other, slot, source]
        begin = emitter_spikes[source] + slot * emitter_width[source] + bounds[source, other]
        for j in range(begin, begin + count):
            if not presynaptic_flags[j] & EVENT:
                continue
            row = projection[p, PR_INDPTR] + spikes[j] * sizes[THREADS] + t
            to_hz = math.exp(-since * decay)
            for s in range(np.uintp(indptr[row]), np.uintp(indptr[row + 1])):
                lacking = e_min - rates[first_target + np.uintp(plastic_target[first_synapse + s])] * to_hz
                if lacking > 0.0:
                    weights[weight + s] = min(weights[weight + s] + eta * lacking, w_max)


@kernel
def _follow_bursts(net, k, now, slot, t):
    """At postsynaptic events dw = eta (-Pbar + h) e_pre, at bursts dw = eta (1 + h) e_pre."""
    plastic = get(net, "plastic")
    projection = get(net, "projection")
    counts = get(net, "counts")
    rule = get(net, "rule")
    average = get(net, "average")
    average_constants = get(net, "average_constants")
    emitter_spikes = get(net, "emitter_spikes")
    emitter_width = get(net, "emitter_width")
    bounds = get(net, "bounds")
    flags = get(net, "flags")
    spikes = get(net, "spikes")
    average_event = get(net, "average_event")
    average_burst = get(net, "average_burst")
    column_indptr = get(net, "column_indptr")
    column_position = get(net, "column_position")
    column_source = get(net, "column_source")
    weights = get(net, "weights")
    e_pre = get(net, "e_pre")
    p = plastic[k, PL_PROJECTION]
    a = plastic[k, PL_AVERAGE]
    target = projection[p, PR_TARGET]
    count = counts[t, slot, target]
    if not count:
        return
    eta, e_max, w_max = rule[k, RULE_ETA], rule[k, RULE_E_MAX], rule[k, RULE_W_MAX]
    fixed = rule[k, RULE_FIXED]
    to_hz = math.exp(-(now & (average[a, AV_REBASE] - 1)) * average_constants[a, AVERAGE_DECAY])
    kept = math.exp(-(now & (plastic[k, PL_REBASE] - 1)) * rule[k, RULE_DECAY_PRE])
    trace, weight = np.uintp(plastic[k, PL_E_PRE]), np.uintp(projection[p, PR_WEIGHT])
    columns = plastic[k, PL_COLUMN_INDPTR]
    column = plastic[k, PL_COLUMN]
    begin = emitter_spikes[target] + slot * emitter_width[target] + bounds[target, t]
    for j in range(begin, begin + count):
        flag = flags[j]
        if not flag:
            continue
        i = spikes[j]
        events = average_event[average[a, AV_FIRST] + i] * to_hz
        bursts = average_burst[average[a, AV_FIRST] + i] * to_hz
        if flag == BURST:
            change = 1.0
        elif fixed >= 0.0:
            change = -fixed
        elif events > 0.0:
            change = -min(1.0, bursts / events)
        else:
            # the published program's value for a neuron that has no history yet
            change = 1.0
        if events > e_max:
            change -= (events - e_max) / events
        change *= eta * kept
        first, last = column + column_indptr[columns + i], column + column_indptr[columns + i + 1]
        for c in range(np.uintp(first), np.uintp(last)):
            s = weight + np.uintp(column_position[c])
            w = weights[s] + change * e_pre[trace + np.uintp(column_source[c])]
            weights[s] = min(max(w, 0.0), w_max)


@kernel
def _rebase_averages(net, a, t):
    average = get(net, "average")
    average_constants = get(net, "average_constants")
    bounds = get(net, "bounds")
    emitter_n = get(net, "emitter_n")
    average_event = get(net, "average_event")
    average_burst = get(net, "average_burst")
    average_spike = get(net, "average_spike")
    e, first = average[a, AV_EMITTER], average[a, AV_FIRST]
    kept = math.exp(-average_constants[a, AVERAGE_DECAY] * average[a, AV_REBASE])
    spike_kept = math.exp(-average_constants[a, SPIKE_DECAY] * average[a, AV_REBASE])
    for i in range(first + bounds[e, t], first + min(bounds[e, t + 1], emitter_n[e])):
        average_event[i] *= kept
        average_burst[i] *= kept
        average_spike[i] *= spike_kept


@kernel
def _raise_averages(net, a, now, slot, t):
    average = get(net, "average")
    counts = get(net, "counts")
    average_constants = get(net, "average_constants")
    emitter_spikes = get(net, "emitter_spikes")
    emitter_width = get(net, "emitter_width")
    bounds = get(net, "bounds")
    spikes = get(net, "spikes")
    average_spike = get(net, "average_spike")
    flags = get(net, "flags")
    average_event = get(net, "average_event")
    average_burst = get(net, "average_burst")
    e, first = average[a, AV_EMITTER], average[a, AV_FIRST]
    count = counts[t, slot, e]
    if not count:
        return
    since = now & (average[a, AV_REBASE] - 1)
    rise = average_constants[a, AVERAGE_RISE] * math.exp(average_constants[a, AVERAGE_DECAY] * since)
    spike_rise = average_constants[a, SPIKE_RISE] * math.exp(average_constants[a, SPIKE_DECAY] * since)
    begin = emitter_spikes[e] + slot * emitter_width[e] + bounds[e, t]
    for j in range(begin, begin + count):
        i = first + spikes[j]
        average_spike[i] += spike_rise
        if flags[j] == EVENT:
            average_event[i] += rise
        elif flags[j] == BURST:
            average_burst[i] += rise
