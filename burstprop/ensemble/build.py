"""A circuit as arrays of the rate model: the `Circuit` that `simulate` runs, and the curves of its parts.

Every population becomes its three rates, every projection what it passes times weight and mean in-degree.
Plastic projections keep their weights (how they learn is in `burstprop.ensemble.units`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from burstprop import (
    Circuit,
    FixedInDegree,
    Matrix,
    OneToOne,
    PoissonPopulation,
    Population,
    Probability,
    Projection,
)
from burstprop.circuit.connectivity import AllToAll
from burstprop.ensemble.dynamics import adaptation, compartment, decay_ms, filters
from burstprop.ensemble.isolated import synapses
from burstprop.ensemble.relay import Relay
from burstprop.ensemble.response import LATTICE, Response
from burstprop.ensemble.step import BURSTS, EVENTS, RELAY, SPIKES, Populations, Projections, Receptors, State
from burstprop.errors import BurstpropError

WHAT = {"spikes": SPIKES, "events": EVENTS, "bursts": BURSTS}
NO_ADAPTATION_MS = 100.0


class Model(NamedTuple):
    """Arrays of the rate model of a circuit."""

    names: tuple[str, ...]
    receptors: tuple[tuple[str, str], ...]
    """Population and receptor of each row of ``rec``."""
    pop: Populations
    rec: Receptors
    pro: Projections
    start: np.ndarray
    """Adaptation to begin with, pA."""


def build(circuit: Circuit, responses: dict[str, Response], dt: float) -> Model:
    """Return the arrays of a circuit, given the response of each of its populations of neurons."""
    names = tuple(p.name for p in circuit.populations)
    driven = tuple(dict.fromkeys((p.target, p.receptor) for p in circuit.projections))
    return Model(
        names,
        driven,
        _populations(circuit, responses, dt),
        _receptors(circuit, responses, names, driven),
        _projections(circuit, responses, names, driven, dt),
        np.array([responses[n].middle_adaptation() if n in responses else 0.0 for n in names]),
    )


def in_degree(circuit: Circuit, projection: Projection) -> float:
    """Return the mean number of sources of a target neuron; of a matrix the mean sum of its weights."""
    source, target = circuit.population(projection.source), circuit.population(projection.target)
    others = source.n - (projection.source == projection.target)
    match projection.connectivity:
        case Probability(p=p):
            return p * others
        case FixedInDegree(k=k):
            return float(k)
        case OneToOne():
            return 1.0
        case AllToAll():
            return float(source.n)  # itself too
        case Matrix(weights=w):
            return float(w.sum() / target.n)
    raise AssertionError(projection.connectivity)


def rest(model: Model, dt: float) -> State:
    """Return the state without input, every population adapted as in the middle of what was measured."""
    count, projections = len(model.names), len(model.pro.source)
    ring = int(max([*model.pop.lag, *model.pro.delay, 0])) + 2
    slow = np.zeros((projections, 2))
    plain = model.pro.what == RELAY + 1
    slow[plain, 0], slow[plain, 1] = model.pro.plain[plain, 2], 1.0
    return State(
        model.start.copy(),
        np.zeros((count, 2)),
        slow,
        np.zeros(len(model.receptors)),
        np.zeros((count, ring)),
        np.zeros((count, ring)),
        np.zeros((projections, ring)),
        np.zeros(1, np.int64),
    )


def _populations(circuit: Circuit, responses: dict[str, Response], dt: float) -> Populations:
    count = len(circuit.populations)
    pop = Populations(
        source_hz=np.full(count, -1.0),
        two=np.zeros(count, np.bool_),
        low=np.zeros((count, 2)),
        cell=np.ones((count, 2)),
        tables=np.zeros((count, 3, LATTICE, LATTICE)),
        offset=np.zeros((count, 2, 3)),
        centre=np.zeros((count, 2)),
        adapt_ms=np.full(count, NO_ADAPTATION_MS),
        adapt=np.zeros((count, 3)),
        filtered=np.zeros(count, np.bool_),
        filter=np.ones((count, 3)),
        lag=np.zeros(count, np.int64),
    )
    for k, part in enumerate(circuit.populations):
        if isinstance(part, PoissonPopulation):
            pop.source_hz[k] = part.rate_hz
            continue
        if not isinstance(part, Population):
            raise BurstpropError(
                f"population {part.name!r} is a {type(part).__name__}: the rate model knows neurons and "
                "Poisson sources; replace it by a PoissonPopulation of its rate"
            )
        response = responses[part.name]
        pop.two[k] = len(response.compartments) == 2
        pop.low[k], pop.cell[k], tables = response.lattice()
        pop.tables[k, :, :, : tables.shape[2]] = tables
        pop.offset[k], pop.centre[k] = response.offset, response.centre
        pop.adapt[k] = np.array(response.adaptation)
        if (found := adaptation(part.neuron)) is not None:
            pop.adapt_ms[k] = found.tau_ms
        if pop.two[k] and response.compartments[1] in (known := filters(part.neuron)):
            pop.filtered[k], pop.filter[k] = True, np.array(known[response.compartments[1]])
        pop.lag[k] = round(response.second_spike_ms / dt)
    return pop


def _receptors(
    circuit: Circuit,
    responses: dict[str, Response],
    names: tuple[str, ...],
    driven: tuple[tuple[str, str], ...],
) -> Receptors:
    rows = []
    for target, receptor in driven:
        neuron = circuit.neurons(target).neuron
        place = neuron.Drive._fields.index(compartment(neuron, receptor))
        kappa = responses[target].kappa.get(receptor, np.nan)
        rows.append((names.index(target), place, kappa, decay_ms(neuron, receptor, circuit.dt_ms)))
    table = np.array(rows, np.float64).reshape(-1, 4)
    return Receptors(
        table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2].copy(), table[:, 3].copy()
    )


def _projections(
    circuit: Circuit,
    responses: dict[str, Response],
    names: tuple[str, ...],
    driven: tuple[tuple[str, str], ...],
    dt: float,
) -> Projections:
    count = len(circuit.projections)
    pro = Projections(
        source=np.zeros(count, np.int64),
        receptor=np.zeros(count, np.int64),
        gain=np.zeros(count),
        what=np.zeros(count, np.int64),
        relay=np.zeros((count, 6)),
        plain=np.ones((count, 4)),
        delay=np.zeros(count, np.int64),
    )
    for k, part in enumerate(circuit.projections):
        pro.source[k] = names.index(part.source)
        pro.receptor[k] = driven.index((part.target, part.receptor))
        pro.gain[k] = part.weight * in_degree(circuit, part)
        pro.what[k] = WHAT[part.transmits]
        pro.delay[k] = round((part.delay_ms or 0.0) / dt)
        if part.stp is not None:
            relay = relay_of(circuit, responses, part)
            pro.what[k], pro.relay[k] = RELAY, relay[:6]
            jump = part.stp.utilisation if part.stp.jump is None else part.stp.jump
            pro.plain[k] = part.stp.tau_d_ms, part.stp.tau_f_ms, part.stp.utilisation, jump
    return pro


def relay_of(circuit: Circuit, responses: dict[str, Response], projection: Projection) -> Relay:
    """Return the fitted relay of a projection with short-term plasticity."""
    assert projection.stp is not None
    return responses[projection.source].relays[synapses(circuit).index(projection.stp)]
