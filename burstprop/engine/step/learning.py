"""The burst-dependent rule: work is done where there is an event or a burst, and nowhere else.

e_pre, Ebar, Bbar and R decay exponentially. They are kept multiplied by exp(+t/tau), so that nothing decays
per step, and divided back every so often (``rebase``, a fixed number of steps counted from t = 0, so that how
a run is cut into pieces cannot matter); `burstprop.engine.step.averages` holds the averages. Weights lie in
rows by presynaptic neuron; a second index, by postsynaptic neuron, holds the place and the presynaptic neuron
of each of its synapses (all to all, both follow from the numbers of the neurons). Their indices are unsigned,
because code for signed ones looks first whether they are negative.
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
    PL_COLUMN_INDPTR,
    PL_E_PRE,
    PL_ELIGIBILITY,
    PL_FEEDBACK,
    PL_HOMEOSTASIS,
    PL_PROJECTION,
    PL_REBASE,
    PR_DENSE,
    PR_INDPTR,
    PR_SOURCE,
    PR_TARGET,
    PR_WEIGHT,
    RULE_DECAY_PRE,
    RULE_E_MAX,
    RULE_E_MIN,
    RULE_ETA,
    RULE_ETA_FALL,
    RULE_ETA_UNTIL,
    RULE_FIXED,
    RULE_KEEP,
    RULE_LOWER_SPIKES,
    RULE_W_MAX,
    SPIKE_DECAY,
    THREADS,
    get,
)
from burstprop.engine.ring import place_of, slot_of
from burstprop.engine.step.averages import raise_averages, rebase_averages, since_rebase
from burstprop.engine.step.feedback_learning import follow_forward, share_bursts
from burstprop.jit.kernel import kernel


@kernel
def learn(net, now, t):
    """Change the weights onto the neurons of thread ``t`` for the spikes of step ``now``.

    Then raise the averages.
    """
    on = get(net, "plastic_on")[0] > 0
    plastic = get(net, "plastic")
    slot = slot_of(net, now)
    rebase_averages(net, now, t)
    for k in range(plastic.shape[0]):
        if plastic[k, PL_FEEDBACK]:
            if on:
                follow_forward(net, k, _learning_rate(net, k, now), now, slot, t)
            continue
        if on:
            _potentiate_silent(net, k, now, slot, t)
        if on or plastic[k, PL_ELIGIBILITY] >= 0:
            _follow_bursts(net, k, on, now, slot, t)
    raise_averages(net, now, slot, t)


@kernel
def raise_presynaptic_traces(net, now, t):
    """Raise the traces of the neurons of thread ``t`` that have an event in step ``now``.

    Of presynaptic neurons, and for feedback of postsynaptic ones.
    """
    plastic = get(net, "plastic")
    projection = get(net, "projection")
    rule = get(net, "rule")
    bounds = get(net, "bounds")
    population_n = get(net, "population_n")
    e_pre = get(net, "e_pre")
    counts = get(net, "counts")
    flags = get(net, "flags")
    presynaptic_flags = get(net, "presynaptic_flags")
    spikes = get(net, "spikes")
    slot = slot_of(net, now)
    for k in range(plastic.shape[0]):
        p, feedback = plastic[k, PL_PROJECTION], plastic[k, PL_FEEDBACK]
        if feedback:
            share_bursts(net, k, now, t)
        source = projection[p, PR_TARGET] if feedback else projection[p, PR_SOURCE]
        trace = plastic[k, PL_E_PRE]
        since = now & (plastic[k, PL_REBASE] - 1)
        if since == 0 and now > 0:
            kept = math.exp(-rule[k, RULE_DECAY_PRE] * plastic[k, PL_REBASE])
            for i in range(bounds[source, t], min(bounds[source, t + 1], population_n[source])):
                e_pre[trace + i] *= kept
        count = counts[t, slot, source]
        if count:
            rise = math.exp(rule[k, RULE_DECAY_PRE] * since)
            begin = place_of(net, source, slot, t)
            for j in range(begin, begin + count):
                if (flags[j] if feedback else presynaptic_flags[j]) & EVENT:
                    e_pre[trace + spikes[j]] += rise


@kernel
def _learning_rate(net, k, now):
    """Return eta of plastic projection ``k`` in step ``now``: its last value, or on the way there."""
    rule = get(net, "rule")
    return rule[k, RULE_ETA] + rule[k, RULE_ETA_FALL] * max(rule[k, RULE_ETA_UNTIL] - now, 0.0)


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
    bounds = get(net, "bounds")
    presynaptic_flags = get(net, "presynaptic_flags")
    spikes = get(net, "spikes")
    indptr = get(net, "indptr")
    plastic_target = get(net, "plastic_target")
    weights = get(net, "weights")
    eta, e_min, w_max = _learning_rate(net, k, now), rule[k, RULE_E_MIN], rule[k, RULE_W_MAX]
    if e_min <= 0.0:
        return
    p = plastic[k, PL_PROJECTION]
    a = plastic[k, PL_HOMEOSTASIS]
    source, target, dense = projection[p, PR_SOURCE], projection[p, PR_TARGET], projection[p, PR_DENSE]
    spiking = 0
    for other in range(sizes[THREADS]):
        spiking += counts[other, slot, source]
    if spiking == 0:
        return
    all_spikes = rule[k, RULE_LOWER_SPIKES] > 0.0
    since = since_rebase(net, a, now)
    decay = average_constants[a, SPIKE_DECAY] if all_spikes else average_constants[a, AVERAGE_DECAY]
    rates = average_spike if all_spikes else average_event
    to_hz = math.exp(-since * decay)
    first_target = np.uintp(average[a, AV_FIRST])
    first_synapse, weight = np.uintp(plastic[k, PL_COLUMN]), np.uintp(projection[p, PR_WEIGHT])
    if dense:
        # neuron by neuron, since few of them are silent
        for i in range(np.uintp(bounds[target, t]), np.uintp(min(bounds[target, t + 1], dense))):
            lacking = e_min - rates[first_target + i] * to_hz
            if lacking > 0.0:
                _potentiate_column(net, source, slot, weight + i, dense, eta * lacking, w_max)
        return
    for other in range(sizes[THREADS]):
        count = counts[other, slot, source]
        begin = place_of(net, source, slot, other)
        for j in range(begin, begin + count):
            if not presynaptic_flags[j] & EVENT:
                continue
            row = projection[p, PR_INDPTR] + spikes[j] * sizes[THREADS] + t
            for s in range(np.uintp(indptr[row]), np.uintp(indptr[row + 1])):
                lacking = e_min - rates[first_target + np.uintp(plastic_target[first_synapse + s])] * to_hz
                if lacking > 0.0:
                    weights[weight + s] = min(weights[weight + s] + eta * lacking, w_max)


@kernel
def _potentiate_column(net, source, slot, weight, dense, change, w_max):
    """Add ``change`` to the weights, all to all, of the presynaptic events of a slot onto one neuron.

    ``weight`` is where that of presynaptic neuron 0 lies.
    """
    counts = get(net, "counts")
    presynaptic_flags = get(net, "presynaptic_flags")
    spikes = get(net, "spikes")
    weights = get(net, "weights")
    for other in range(get(net, "sizes")[THREADS]):
        begin = place_of(net, source, slot, other)
        for j in range(begin, begin + counts[other, slot, source]):
            if presynaptic_flags[j] & EVENT:
                at = weight + np.uintp(spikes[j]) * np.uintp(dense)
                weights[at] = min(weights[at] + change, w_max)


@kernel
def _follow_bursts(net, k, on, now, slot, t):
    """At postsynaptic events dw = eta (-Pbar + h) e_pre, at bursts dw = eta (1 + h) e_pre.

    Where a burst is credited with the e_pre of its event, that is remembered at every event, also while
    plasticity is off.
    """
    plastic = get(net, "plastic")
    projection = get(net, "projection")
    counts = get(net, "counts")
    rule = get(net, "rule")
    average = get(net, "average")
    average_constants = get(net, "average_constants")
    average_event = get(net, "average_event")
    average_burst = get(net, "average_burst")
    flags = get(net, "flags")
    spikes = get(net, "spikes")
    target = projection[plastic[k, PL_PROJECTION], PR_TARGET]
    count = counts[t, slot, target]
    if not count:
        return
    a, h = plastic[k, PL_AVERAGE], plastic[k, PL_HOMEOSTASIS]
    to_hz = math.exp(-since_rebase(net, a, now) * average_constants[a, AVERAGE_DECAY])
    to_slow_hz = math.exp(-since_rebase(net, h, now) * average_constants[h, AVERAGE_DECAY])
    kept = math.exp(-(now & (plastic[k, PL_REBASE] - 1)) * rule[k, RULE_DECAY_PRE])
    eta, e_max, fixed = _learning_rate(net, k, now), rule[k, RULE_E_MAX], rule[k, RULE_FIXED]
    remembers, forgets = plastic[k, PL_ELIGIBILITY] >= 0, rule[k, RULE_KEEP] < 1.0
    begin = place_of(net, target, slot, t)
    for j in range(begin, begin + count):
        flag = flags[j]
        if not flag:
            continue
        i = spikes[j]
        if remembers and flag == EVENT:
            _remember(net, k, i, kept)
        if not on:
            continue
        if flag == EVENT and forgets:
            _forget(net, k, i)
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
        active = average_event[average[h, AV_FIRST] + i] * to_slow_hz
        if active > e_max:
            change -= (active - e_max) / active
        if remembers:
            _change_by_memory(net, k, i, change * eta)
        else:
            _change(net, k, i, change * (eta * kept))


@kernel
def _change(net, k, i, change):
    """Add ``change`` times e_pre, as it is kept, to all weights onto neuron ``i``."""
    plastic = get(net, "plastic")
    projection = get(net, "projection")
    column_position = get(net, "column_position")
    column_source = get(net, "column_source")
    weights = get(net, "weights")
    e_pre = get(net, "e_pre")
    p = plastic[k, PL_PROJECTION]
    w_max, dense = get(net, "rule")[k, RULE_W_MAX], projection[p, PR_DENSE]
    trace, weight = np.uintp(plastic[k, PL_E_PRE]), np.uintp(projection[p, PR_WEIGHT])
    first, last = _column(net, k, i)
    if dense:
        for c in range(np.uintp(last - first)):
            s = weight + c * np.uintp(dense) + np.uintp(i)
            w = weights[s] + change * e_pre[trace + c]
            weights[s] = min(max(w, 0.0), w_max)
        return
    for c in range(np.uintp(first), np.uintp(last)):
        s = weight + np.uintp(column_position[c])
        w = weights[s] + change * e_pre[trace + np.uintp(column_source[c])]
        weights[s] = min(max(w, 0.0), w_max)


@kernel
def _forget(net, k, i):
    """Let all weights onto neuron ``i`` decay by their share."""
    plastic = get(net, "plastic")
    projection = get(net, "projection")
    column_position = get(net, "column_position")
    weights = get(net, "weights")
    p = plastic[k, PL_PROJECTION]
    keep, dense = get(net, "rule")[k, RULE_KEEP], np.uintp(projection[p, PR_DENSE])
    weight = np.uintp(projection[p, PR_WEIGHT])
    first, last = _column(net, k, i)
    for c in range(np.uintp(last - first)):
        at = c * dense + np.uintp(i) if dense else np.uintp(column_position[np.uintp(first) + c])
        weights[weight + at] *= keep


@kernel
def _remember(net, k, i, kept):
    """Keep e_pre of all synapses onto neuron ``i`` for the burst that may follow its present event."""
    plastic = get(net, "plastic")
    column_source = get(net, "column_source")
    eligibility = get(net, "eligibility")
    e_pre = get(net, "e_pre")
    dense = get(net, "projection")[plastic[k, PL_PROJECTION], PR_DENSE]
    trace, memory = np.uintp(plastic[k, PL_E_PRE]), np.uintp(plastic[k, PL_ELIGIBILITY])
    first, last = _column(net, k, i)
    place = memory + np.uintp(first - plastic[k, PL_COLUMN])
    for c in range(np.uintp(last - first)):
        source = c if dense else np.uintp(column_source[np.uintp(first) + c])
        eligibility[place + c] = e_pre[trace + source] * kept


@kernel
def _change_by_memory(net, k, i, change):
    """Add ``change`` times the e_pre that is remembered to all weights onto neuron ``i``."""
    plastic = get(net, "plastic")
    projection = get(net, "projection")
    column_position = get(net, "column_position")
    eligibility = get(net, "eligibility")
    weights = get(net, "weights")
    p = plastic[k, PL_PROJECTION]
    w_max, dense = get(net, "rule")[k, RULE_W_MAX], np.uintp(projection[p, PR_DENSE])
    memory, weight = np.uintp(plastic[k, PL_ELIGIBILITY]), np.uintp(projection[p, PR_WEIGHT])
    first, last = _column(net, k, i)
    place = memory + np.uintp(first - plastic[k, PL_COLUMN])
    for c in range(np.uintp(last - first)):
        at = c * dense + np.uintp(i) if dense else np.uintp(column_position[np.uintp(first) + c])
        w = weights[weight + at] + change * eligibility[place + c]
        weights[weight + at] = min(max(w, 0.0), w_max)


@kernel
def _column(net, k, i):
    """Return where the synapses onto neuron ``i`` begin and end among those of all columns.

    All-to-all projections have no columns; theirs are counted as if they had.
    """
    plastic = get(net, "plastic")
    projection = get(net, "projection")
    p, column = plastic[k, PL_PROJECTION], plastic[k, PL_COLUMN]
    if projection[p, PR_DENSE]:
        n_source = get(net, "population_n")[projection[p, PR_SOURCE]]
        return column + i * n_source, column + (i + 1) * n_source
    column_indptr = get(net, "column_indptr")
    at = plastic[k, PL_COLUMN_INDPTR] + i
    return column + column_indptr[at], column + column_indptr[at + 1]
