"""Spikes become events and bursts as they come.

The trace that tells events from bursts decays with the burst window and rises by 1 at each spike; it is kept
as its value just after the last spike and the step of that spike, so nothing has to decay per step.
"""

from __future__ import annotations

import math

import numpy as np

from burstprop.engine.network import BIN_FIRST, BIN_STEPS, BURST, EVENT, INTERVAL, get
from burstprop.engine.ring import place_of, slot_of
from burstprop.jit.kernel import kernel

# a gap of exactly one window belongs to the burst, whatever the exponential's last digit
_ONE_OVER_E = math.exp(-1.0) * (1.0 - 1e-9)
_NONE = np.uint8(0)


@kernel
def classify(net, now, t):
    """Tell events from bursts among this step's spikes of the neurons of thread ``t``, and count them."""
    counts = get(net, "counts")
    slot = slot_of(net, now)
    for e in range(counts.shape[2]):
        count = counts[t, slot, e]
        if count:
            _classify_spikes(net, e, place_of(net, e, slot, t), count, now, t)


@kernel
def _classify_spikes(net, e, place, count, now, t):
    population_decay = get(net, "population_decay")
    population_window = get(net, "population_window")
    population_lag = get(net, "population_lag")
    population_definition = get(net, "population_definition")
    population_presynaptic = get(net, "population_presynaptic")
    population_first = get(net, "population_first")
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
    neuron_counts = get(net, "neuron_counts")
    decay, window, lag = population_decay[e], population_window[e], population_lag[e]
    interval = population_definition[e] == INTERVAL
    both = population_presynaptic[e]
    first = population_first[e]
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
        neuron_counts[i, 0] += 1
        neuron_counts[i, 1] += flag == EVENT
        neuron_counts[i, 2] += flag == BURST
        if both:
            # the presynaptic trace rises a lag after the spike: later, hence larger, and for the very last
            # spike perhaps not yet
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
