"""Sources of given spikes spike; they belong to thread 0."""

from __future__ import annotations

from burstprop.engine.network import GI_LAST, GI_POPULATION, get
from burstprop.engine.ring import place_of, slot_of
from burstprop.jit.kernel import kernel


@kernel
def emit_given(net, now):
    """Write the given spikes of step ``now`` into the ring; they are sorted by step and neuron."""
    given = get(net, "given")
    given_step = get(net, "given_step")
    given_neuron = get(net, "given_neuron")
    given_next = get(net, "given_next")
    spikes = get(net, "spikes")
    counts = get(net, "counts")
    slot = slot_of(net, now)
    for k in range(given.shape[0]):
        e = given[k, GI_POPULATION]
        place, first = place_of(net, e, slot, 0), given_next[k]
        j = first
        while j < given[k, GI_LAST] and given_step[j] == now:
            spikes[place + j - first] = given_neuron[j]
            j += 1
        counts[0, slot, e] = j - first
        given_next[k] = j
