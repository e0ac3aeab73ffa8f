"""Lays out short-term plasticity: one state per presynaptic neuron and kind of synapse."""

from __future__ import annotations

import math

import numpy as np

from burstprop.circuit.synapses import ShortTermPlasticity
from burstprop.engine import network as nw
from burstprop.engine.compile.blueprint import Blueprint
from burstprop.errors import BurstpropError


def build_short_term_plasticity(blueprint: Blueprint) -> tuple[dict[str, np.ndarray], list[int]]:
    """Return the arrays, and for every projection where its efficacies begin (-1: it has none)."""
    dt = blueprint.circuit.dt_ms
    rows, constants, u_start, places = [], [], [], []
    made: dict[tuple[str, ShortTermPlasticity], int] = {}
    first = at_efficacy = 0
    for projection in blueprint.projections:
        stp, source = projection.stp, projection.source
        if stp is None:
            places.append(-1)
            continue
        if dt >= min(stp.tau_d_ms, stp.tau_f_ms):
            raise BurstpropError(
                f"projection {projection.name}: tau_d_ms and tau_f_ms must be longer than dt_ms = {dt:g} ms "
                "(Euler steps)"
            )
        # synapses of one source and one kind do the same
        if (source, stp) not in made:
            made[source, stp] = at_efficacy
            n = blueprint.circuit.population(source).n
            rows.append([blueprint.number[source], first, at_efficacy])
            constants.append(_constants(stp, dt))
            u_start.append(np.full(n, stp.utilisation if stp.u_start is None else stp.u_start))
            first += n
            at_efficacy += blueprint.lanes(source) * blueprint.ring
        places.append(made[source, stp])
    arrays = dict(
        stp=np.array(rows, np.int64).reshape(-1, nw.ST_COLUMNS),
        stp_constants=np.array(constants, np.float64).reshape(-1, nw.STP_CONSTANTS),
        stp_x=np.ones(first),
        stp_u=np.concatenate([*u_start, np.zeros(0)]),
        # a step is taken before the spikes of the step, from t = 0 on
        stp_last=np.full(first, -1, np.int64),
        efficacy=np.zeros(at_efficacy, blueprint.dtype),
    )
    return arrays, places


def _constants(stp: ShortTermPlasticity, dt_ms: float) -> list[float]:
    return [
        math.log1p(-dt_ms / stp.tau_d_ms),
        math.log1p(-dt_ms / stp.tau_f_ms),
        stp.utilisation,
        stp.utilisation if stp.jump is None else stp.jump,
    ]
