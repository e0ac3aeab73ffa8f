"""How much memory a circuit takes, computed before any of it is allocated.

What stands while the circuit runs is counted as `burstprop.engine.network` lays it out; on top comes what
drawing the synapses of the largest projection takes for a moment. What is recorded is not counted.
"""

from __future__ import annotations

from burstprop.circuit.connectivity import AllToAll, FixedInDegree, Matrix, OneToOne, Probability, Tied
from burstprop.circuit.populations import Population
from burstprop.circuit.projections import Projection
from burstprop.engine.compile.blueprint import Blueprint
from burstprop.engine.layout import ROW, blocks
from burstprop.system.memory import fits

RING_BYTES = 6
"""One place in the ring: the neuron, and its flags for the two kinds of projections."""
NEURON_BYTES = 38
"""One neuron besides its state: time of its last spike, traces, counts."""
SYNAPSE_BYTES = 4
PLASTIC_BYTES = 16
"""One synapse that learns, besides its target: weight, place among the synapses of its target, neurons."""
WEIGHT_BYTES = 4
"""One synapse of an all-to-all projection that learns; without a rule such a synapse takes nothing."""
DRAWING_BYTES = 24
"""One synapse of the projection that is being drawn."""


def memory_needed(blueprint: Blueprint) -> dict[str, float]:
    """Return the bytes of every part of a circuit, by its name in words."""
    populations = {p.name: p for p in blueprint.circuit.populations}
    needed: dict[str, float] = {}
    for name, population in populations.items():
        state = 0
        if isinstance(population, Population):
            state = (
                blocks(population.n) * len(population.neuron.State._fields) * ROW * blueprint.dtype.itemsize
            )
        needed[f"population {name!r} ({population.n:,} neurons)"] = state + NEURON_BYTES * population.n
        needed[f"spikes of {name!r} on their way ({blueprint.ring:,} steps)"] = (
            float(blueprint.ring) * blueprint.lanes(name) * RING_BYTES
        )
    drawing = 0.0
    for projection in blueprint.projections:
        n = synapses(projection, populations[projection.source].n, populations[projection.target].n)
        dense, learns = isinstance(projection.connectivity, AllToAll), projection.rule is not None
        own = 0 if dense else SYNAPSE_BYTES
        if learns:
            own += WEIGHT_BYTES if dense else PLASTIC_BYTES
        needed[f"projection {projection.name} ({n:,.0f} synapses)"] = float(own * n)
        drawing = max(drawing, 0.0 if dense else DRAWING_BYTES * n)
    needed["drawing the synapses"] = drawing
    return needed


def synapses(projection: Projection, n_source: int, n_target: int) -> float:
    """Return the number of synapses that a projection has on average."""
    match projection.connectivity:
        case Probability(p=p):
            return p * n_source * n_target
        case FixedInDegree(k=k):
            return float(k) * n_target
        case OneToOne():
            return float(n_target)
        case Tied():
            return 0.0
        case AllToAll():
            return float(n_source) * n_target
        case Matrix(weights=w):
            return float(w.nnz)


def check_memory(blueprint: Blueprint) -> None:
    """Refuse a circuit that does not fit into the memory that is free.

    Raises
    ------
    BurstpropError
        It does not fit; the message says how much it needs, what for, and how much is free.
    """
    fits("the circuit", memory_needed(blueprint))
