"""Draws the synapses of all projections and lays them out: rows by presynaptic neuron, thread by thread."""

from __future__ import annotations

from typing import Any

import numpy as np

from burstprop.circuit import Projection
from burstprop.circuit.connectivity import AllToAll, Tied
from burstprop.circuit.plasticity import FeedbackRule
from burstprop.circuit.projections import TRANSMITS
from burstprop.engine import network as nw
from burstprop.engine.compile.blueprint import Blueprint
from burstprop.engine.compile.connect import Rows, draw_rows, split_rows
from burstprop.engine.compile.neurons import receptor_row
from burstprop.engine.layout import offset_of
from burstprop.engine.random import generator

PART = {"all": nw.ALL_WEIGHTS, "positive": nw.POSITIVE_PART, "negative": nw.NEGATIVE_PART}


def build_projections(
    blueprint: Blueprint, neurons: dict[str, nw.Neurons]
) -> tuple[dict[str, np.ndarray], list[Rows | None]]:
    """Return the arrays of all projections, and the synapses as drawn (None: all to all, without an index).

    The column of efficacies is left to `build_short_term_plasticity`.
    """
    index = _index_type(blueprint, neurons)
    table = np.zeros((len(blueprint.projections), nw.PR_COLUMNS), np.int64)
    drawn: list[Rows | None] = []
    indptrs, targets, weights = [], [], []
    at_indptr = at_synapse = at_weight = 0
    for k, projection in enumerate(blueprint.projections):
        row = table[k]
        target, compiled = blueprint.circuit.neurons(projection.target), neurons[projection.target]
        row[nw.PR_SOURCE] = blueprint.number[projection.source]
        row[nw.PR_TARGET] = blueprint.number[projection.target]
        row[nw.PR_TRANSMITS] = TRANSMITS.index(projection.transmits)
        row[nw.PR_ROW] = receptor_row(target, compiled, projection.receptor)
        row[nw.PR_VARIABLES] = compiled.variables
        row[nw.PR_DELAY] = blueprint.delays[k]
        other = projection.opposed
        row[nw.PR_OPPOSED_ROW] = -1 if other is None else receptor_row(target, compiled, other.receptor)
        if isinstance(projection.connectivity, Tied):
            row[nw.PR_PART] = PART[projection.connectivity.part]
            drawn.append(None)
            continue
        rows = None if isinstance(projection.connectivity, AllToAll) else _draw(blueprint, projection)
        n_source = blueprint.circuit.population(projection.source).n
        synapses = n_source * target.n if rows is None else len(rows.targets)
        own = _own_weights(projection, rows, synapses, blueprint.dtype)
        row[nw.PR_UNIFORM] = own is None
        row[nw.PR_INDPTR] = at_indptr
        row[nw.PR_SYNAPSE] = at_synapse
        row[nw.PR_SYNAPSES] = synapses
        row[nw.PR_WEIGHT] = -1 if own is None else at_weight
        row[nw.PR_DENSE] = target.n if rows is None else 0
        if isinstance(projection.rule, FeedbackRule) and projection.rule.signed:
            row[nw.PR_PART] = nw.POSITIVE_PART
        if own is not None:
            weights.append(own)
            at_weight += len(own)
        drawn.append(rows)
        if rows is None:
            continue
        split = split_rows(rows, blueprint.bounds[blueprint.number[projection.target]])
        at_indptr += len(split)
        at_synapse += len(rows.targets)
        targets.append(offset_of(rows.targets.astype(np.int64), compiled.variables).astype(index))
        indptrs.append(split)
    _tie(blueprint, table)
    # a weight of its own is stored as it is, and the factor of such a projection is 1
    uniform = [
        p.weight if row[nw.PR_UNIFORM] or isinstance(p.connectivity, Tied) else 1.0
        for p, row in zip(blueprint.projections, table, strict=True)
    ]
    opposed = [0.0 if p.opposed is None else p.opposed.weight for p in blueprint.projections]
    arrays = dict(
        projection=table,
        uniform_weight=np.array(uniform, blueprint.dtype),
        opposed_weight=np.array(opposed, blueprint.dtype),
        indptr=np.concatenate([*indptrs, np.zeros(0, np.int64)]),
        targets=np.concatenate([*targets, np.zeros(0, index)]),
        weights=np.concatenate([*weights, np.zeros(0, blueprint.dtype)]),
    )
    return arrays, drawn


def _tie(blueprint: Blueprint, table: np.ndarray) -> None:
    """Point tied projections to the synapses and weights of those that they are tied to."""
    number = {p.name: k for k, p in enumerate(blueprint.projections)}
    shared = [nw.PR_UNIFORM, nw.PR_INDPTR, nw.PR_SYNAPSE, nw.PR_SYNAPSES, nw.PR_WEIGHT, nw.PR_DENSE]
    for row, projection in zip(table, blueprint.projections, strict=True):
        if isinstance(projection.connectivity, Tied):
            row[shared] = table[number[projection.connectivity.projection]][shared]


def _index_type(blueprint: Blueprint, neurons: dict[str, nw.Neurons]) -> Any:
    """Return the type of targets, which are distances in the state: 16 bits where they fit.

    Only populations that are connected count: the loop is compiled anew for another type.
    """
    connected = {name for p in blueprint.projections for name in (p.source, p.target)}
    reached = {p.target for p in blueprint.projections}
    distances = [
        offset_of(p.n - 1, neurons[p.name].variables)
        for p in blueprint.neuron_populations
        if p.name in reached
    ]
    sizes = [p.n for p in blueprint.circuit.populations if p.name in connected]
    fits = max(distances, default=0) < 2**16 and max(sizes, default=0) <= 2**16
    return np.uint16 if fits else np.uint32


def _draw(blueprint: Blueprint, projection: Projection) -> Rows:
    assert not isinstance(projection.connectivity, AllToAll | Tied), "there is nothing to draw"
    n_source = blueprint.circuit.population(projection.source).n
    n_target = blueprint.circuit.neurons(projection.target).n
    return draw_rows(
        projection.connectivity,
        n_source,
        n_target,
        recurrent=projection.source == projection.target,
        rng=generator(blueprint.seed, f"connect {projection.name}"),
        dtype=np.uint16 if n_target <= 2**16 else np.uint32,
    )


def _own_weights(
    projection: Projection, rows: Rows | None, synapses: int, dtype: np.dtype[Any]
) -> np.ndarray | None:
    """Return the weights of the synapses where they have some of their own (a matrix, or a rule)."""
    if rows is not None and rows.factors is not None:
        return np.asarray(projection.weight * rows.factors, dtype)
    if projection.rule is not None:
        return np.broadcast_to(np.asarray(projection.weight, dtype), synapses)
    return None
