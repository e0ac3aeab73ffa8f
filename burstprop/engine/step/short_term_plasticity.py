"""Short-term plasticity: the efficacy of a spike, the same for all targets of its neuron in a projection."""

from __future__ import annotations

import math

from burstprop.engine.network import (
    ST_EFFICACY,
    ST_FIRST,
    ST_SOURCE,
    STP_JUMP,
    STP_LOG_KEEP_U,
    STP_LOG_KEEP_X,
    STP_U,
    get,
)
from burstprop.engine.ring import lane_of, slot_of
from burstprop.jit.kernel import kernel


@kernel
def release(net, now, t):
    """Work out the efficacy of this step's spikes in every projection with short-term plasticity."""
    stp = get(net, "stp")
    counts = get(net, "counts")
    stp_constants = get(net, "stp_constants")
    spikes = get(net, "spikes")
    population_spikes = get(net, "population_spikes")
    stp_last = get(net, "stp_last")
    stp_x = get(net, "stp_x")
    stp_u = get(net, "stp_u")
    efficacy = get(net, "efficacy")
    slot = slot_of(net, now)
    for k in range(stp.shape[0]):
        e = stp[k, ST_SOURCE]
        count = counts[t, slot, e]
        if not count:
            continue
        begin = lane_of(net, e, slot, t)
        u_rest, jump = stp_constants[k, STP_U], stp_constants[k, STP_JUMP]
        for j in range(begin, begin + count):
            i = stp[k, ST_FIRST] + spikes[population_spikes[e] + j]
            gap = now - stp_last[i]
            # n Euler steps of dx/dt = (1 - x)/tau keep (1 - dt/tau)^n of the distance to 1
            x = 1.0 - (1.0 - stp_x[i]) * math.exp(stp_constants[k, STP_LOG_KEEP_X] * gap)
            u = u_rest - (u_rest - stp_u[i]) * math.exp(stp_constants[k, STP_LOG_KEEP_U] * gap)
            efficacy[stp[k, ST_EFFICACY] + j] = x * u
            stp_x[i] = x - u * x
            stp_u[i] = u + jump * (1.0 - u)
            stp_last[i] = now
