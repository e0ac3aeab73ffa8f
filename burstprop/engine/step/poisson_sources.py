"""Shared Poisson sources spike; they belong to thread 0."""

from __future__ import annotations

import math

import numpy as np

from burstprop.engine.network import get
from burstprop.engine.random import step_key, uniform
from burstprop.engine.ring import place_of, slot_of
from burstprop.jit.kernel import kernel


@kernel
def emit_poisson(net, now):
    """Draw the sources that spike in step ``now``: the gaps from one to the next are geometric."""
    poisson_population = get(net, "poisson_population")
    population_key = get(net, "population_key")
    poisson_log_miss = get(net, "poisson_log_miss")
    population_n = get(net, "population_n")
    spikes = get(net, "spikes")
    counts = get(net, "counts")
    for k in range(len(poisson_population)):
        e = poisson_population[k]
        slot = slot_of(net, now)
        place = place_of(net, e, slot, 0)
        key = step_key(population_key[e], now)
        log_miss = poisson_log_miss[k]
        count, draw = 0, 0
        position = -1.0
        while log_miss < 0.0:
            # 1 - u lies in (0, 1], so the logarithm is finite
            position += 1.0 + math.floor(math.log(1.0 - uniform(key, draw)) / log_miss)
            if position >= population_n[e]:
                break
            spikes[place + count] = np.int32(position)
            count += 1
            draw += 1
        counts[0, slot, e] = count
