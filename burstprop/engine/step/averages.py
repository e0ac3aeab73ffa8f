"""The moving averages of events, bursts and spikes that the rules learn from.

They decay exponentially and are kept multiplied by exp(+t/tau), so that nothing decays per step, and divided
back every so often (``rebase``, a fixed number of steps, so that how a run is cut into pieces cannot matter).

Each kind of average has a clock of its own, because a protocol may hold it: while it is held neither does it
decay nor do spikes raise it. The clock is the number of steps less those that it was held for
(``CLOCK_HELD``); it stops at ``CLOCK_STOP``, which is far away while the average goes on.
"""

from __future__ import annotations

import math

from burstprop.engine.network import (
    AV_FIRST,
    AV_POPULATION,
    AV_REBASE,
    AVERAGE_DECAY,
    AVERAGE_RISE,
    BURST,
    CLOCK_HELD,
    CLOCK_STOP,
    EVENT,
    SPIKE_DECAY,
    SPIKE_RISE,
    get,
)
from burstprop.engine.ring import place_of
from burstprop.jit.kernel import kernel


@kernel
def since_rebase(net, a, now):
    """Return the steps since averages ``a`` were last divided back, as step ``now`` finds them.

    Averages that are held on a step on which they would be divided back still have all steps before them.
    """
    clock = get(net, "average_clock")
    rebase = get(net, "average")[a, AV_REBASE]
    at, stop = now - clock[a, CLOCK_HELD], clock[a, CLOCK_STOP]
    if at < stop:
        return at & (rebase - 1)
    return _since(stop, rebase)


@kernel
def since_last(net, a, now):
    """Return the same before the averages that are due on step ``now`` have been divided back."""
    clock = get(net, "average_clock")
    return _since(min(now - clock[a, CLOCK_HELD], clock[a, CLOCK_STOP]), get(net, "average")[a, AV_REBASE])


@kernel
def _since(at, rebase):
    return ((at - 1) & (rebase - 1)) + 1 if at > 0 else 0


@kernel
def rebase_averages(net, now, t):
    """Divide back the averages that are due, of the neurons of thread ``t``."""
    average = get(net, "average")
    clock = get(net, "average_clock")
    average_constants = get(net, "average_constants")
    bounds = get(net, "bounds")
    population_n = get(net, "population_n")
    average_event = get(net, "average_event")
    average_burst = get(net, "average_burst")
    average_spike = get(net, "average_spike")
    for a in range(average.shape[0]):
        rebase = average[a, AV_REBASE]
        at = now - clock[a, CLOCK_HELD]
        if at == 0 or at & (rebase - 1) or at >= clock[a, CLOCK_STOP]:
            continue
        e, first = average[a, AV_POPULATION], average[a, AV_FIRST]
        kept = math.exp(-average_constants[a, AVERAGE_DECAY] * rebase)
        spike_kept = math.exp(-average_constants[a, SPIKE_DECAY] * rebase)
        for i in range(first + bounds[e, t], first + min(bounds[e, t + 1], population_n[e])):
            average_event[i] *= kept
            average_burst[i] *= kept
            average_spike[i] *= spike_kept


@kernel
def raise_averages(net, now, slot, t):
    """Let the spikes of step ``now`` of the neurons of thread ``t`` raise the averages that go on."""
    average = get(net, "average")
    clock = get(net, "average_clock")
    counts = get(net, "counts")
    average_constants = get(net, "average_constants")
    spikes = get(net, "spikes")
    average_spike = get(net, "average_spike")
    flags = get(net, "flags")
    average_event = get(net, "average_event")
    average_burst = get(net, "average_burst")
    for a in range(average.shape[0]):
        e, first = average[a, AV_POPULATION], average[a, AV_FIRST]
        count = counts[t, slot, e]
        if not count or now - clock[a, CLOCK_HELD] >= clock[a, CLOCK_STOP]:
            continue
        since = since_rebase(net, a, now)
        rise = average_constants[a, AVERAGE_RISE] * math.exp(average_constants[a, AVERAGE_DECAY] * since)
        spike_rise = average_constants[a, SPIKE_RISE] * math.exp(average_constants[a, SPIKE_DECAY] * since)
        begin = place_of(net, e, slot, t)
        for j in range(begin, begin + count):
            i = first + spikes[j]
            average_spike[i] += spike_rise
            if flags[j] == EVENT:
                average_event[i] += rise
            elif flags[j] == BURST:
                average_burst[i] += rise
