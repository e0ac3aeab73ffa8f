"""What a run keeps as it goes: spikes out of the ring, and samples of state variables."""

from __future__ import annotations

from burstprop.engine.network import (
    RECORDED,
    RECORDED_UNTIL,
    SAMPLE_EVERY,
    SAMPLE_FIRST,
    STOP_SLICE,
    THREADS,
    get,
)
from burstprop.engine.ring import place_of, slot_of
from burstprop.jit.kernel import kernel


@kernel
def record_spikes(net, until, slice_number):
    """Copy the spikes of the last steps out of the ring; where they do not fit, ask all threads to stop."""
    control = get(net, "control")
    recorded_step = get(net, "recorded_step")
    sizes = get(net, "sizes")
    population_n = get(net, "population_n")
    keeps_spikes = get(net, "keeps_spikes")
    counts = get(net, "counts")
    recorded_population = get(net, "recorded_population")
    recorded_neuron = get(net, "recorded_neuron")
    spikes = get(net, "spikes")
    first, place, room = control[RECORDED_UNTIL], control[RECORDED], len(recorded_step)
    for now in range(first, until):
        slot = slot_of(net, now)
        for e in range(len(population_n)):
            if not keeps_spikes[e]:
                continue
            for t in range(sizes[THREADS]):
                count = counts[t, slot, e]
                if place + count > room:
                    # the others may already be in the next time slice; all stop at its end, or where the
                    # lead of populations without afferents ends
                    control[STOP_SLICE] = min(control[STOP_SLICE], slice_number + 1)
                    return
                begin = place_of(net, e, slot, t)
                for k in range(begin, begin + count):
                    recorded_step[place] = now
                    recorded_population[place] = e
                    recorded_neuron[place] = spikes[k]
                    place += 1
    control[RECORDED] = place
    control[RECORDED_UNTIL] = until


@kernel
def sample_states(net, now, t):
    """Sample the state variables of the chosen neurons after this step."""
    sizes = get(net, "sizes")
    sampled_place = get(net, "sampled_place")
    bounds = get(net, "bounds")
    sampled_values = get(net, "sampled_values")
    state = get(net, "state")
    if (now + 1) % sizes[SAMPLE_EVERY]:
        return
    row = (now + 1) // sizes[SAMPLE_EVERY] - sizes[SAMPLE_FIRST]
    for k in range(sampled_place.shape[0]):
        e, neuron = sampled_place[k, 0], sampled_place[k, 1]
        if bounds[e, t] <= neuron < bounds[e, t + 1]:
            sampled_values[row, k] = state[sampled_place[k, 2]]
