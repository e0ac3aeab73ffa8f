"""The synapses of rate units: drawn as the circuit says, or taken from a simulation, stored by target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from burstprop import Circuit, Matrix, Probability, Projection, Simulation
from burstprop.errors import BurstpropError


@dataclass
class Synapses:
    """The synapses of one projection: target ``i`` has those from ``start[i]`` to ``start[i + 1]``."""

    projection: Projection
    start: np.ndarray
    source: np.ndarray
    """Unsigned: a kernel looks up signed indices in half again the time."""
    weight: np.ndarray
    same: np.ndarray | None = None
    """For excitation: the inhibitory weight of the same pair, 0 where there is none."""

    @property
    def target(self) -> np.ndarray:
        """The target of every synapse."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))


def find_same(excitation: Synapses, inhibition: Synapses) -> None:
    """Find for each excitatory synapse the inhibitory weight of the same pair of neurons."""
    pairs = 1 + int(max(excitation.source.max(initial=0), inhibition.source.max(initial=0)))
    keys = inhibition.target * pairs + inhibition.source
    mine = excitation.target * pairs + excitation.source
    at = np.clip(np.searchsorted(keys, mine), 0, max(len(keys) - 1, 0))
    hit = keys[at] == mine if len(keys) else np.zeros(len(mine), bool)
    excitation.same = np.where(hit, inhibition.weight[at] if len(keys) else 0.0, 0.0).astype(np.float32)


def drawn(circuit: Circuit, projection: Projection, rng: np.random.Generator) -> Synapses:
    """Return the synapses of a projection, drawn.

    Raises
    ------
    BurstpropError
        A connectivity other than `Probability` and `Matrix`.
    """
    n_source, n_target = circuit.population(projection.source).n, circuit.population(projection.target).n
    match projection.connectivity:
        case Probability(p=p):
            there = rng.random((n_target, n_source)) < p
            target, source = np.nonzero(there)
            weight = np.full(len(target), float(projection.weight))
        case Matrix(weights=w):
            matrix = w.T.tocsr().tocoo()
            order = np.lexsort((matrix.col, matrix.row))
            target, source = matrix.row[order], matrix.col[order]
            weight = projection.weight * matrix.data[order]
        case _:
            raise BurstpropError(
                f"projection {projection.name}: rate units draw Probability(p) and take Matrix(w); "
                "give one of them"
            )
    return _by_target(projection, target, source, weight, n_target)


def taken(simulation: Simulation, projection: Projection, n: dict[str, int]) -> Synapses:
    """Return the synapses of a simulation with their present weights; ``n`` neurons by population."""
    frame = simulation.synapses(projection.name).sort_values(["target_id", "source_id"], kind="stable")
    return _by_target(
        projection,
        frame["target_id"].to_numpy(),
        frame["source_id"].to_numpy(),
        frame["weight"].to_numpy(np.float64),
        n[projection.target],
    )


def _by_target(
    projection: Projection, target: np.ndarray, source: np.ndarray, weight: np.ndarray, n_target: int
) -> Synapses:
    start = np.concatenate([[0], np.cumsum(np.bincount(target, minlength=n_target))]).astype(np.int64)
    return Synapses(projection, start, source.astype(np.uint32), weight.astype(np.float32))
