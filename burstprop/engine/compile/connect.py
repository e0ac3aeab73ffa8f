"""Draws the synapses of a projection: rows by presynaptic neuron, targets ascending within a row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse

from burstprop.circuit.connectivity import FixedInDegree, Matrix, OneToOne, Probability

CHUNK = 1 << 22


class Rows(NamedTuple):
    """Synapses of a projection: ``indptr`` (n_source + 1,), ``targets``, perhaps ``factors`` (synapses,)."""

    indptr: np.ndarray
    targets: np.ndarray
    factors: np.ndarray | None


def draw_rows(
    connectivity: Probability | FixedInDegree | OneToOne | Matrix,
    n_source: int,
    n_target: int,
    *,
    recurrent: bool,
    rng: np.random.Generator,
    dtype: type,
) -> Rows:
    """Draw the synapses; ``recurrent`` leaves out a neuron's connection with itself where they are random."""
    match connectivity:
        case Probability(p=p):
            return _by_probability(p, n_source, n_target, recurrent, rng, dtype)
        case FixedInDegree(k=k):
            return _by_in_degree(k, n_source, n_target, recurrent, rng, dtype)
        case OneToOne():
            return Rows(np.arange(n_source + 1, dtype=np.int64), np.arange(n_target).astype(dtype), None)
        case Matrix(weights=w):
            matrix = w.sorted_indices()
            return Rows(matrix.indptr.astype(np.int64), matrix.indices.astype(dtype), matrix.data)


def _by_probability(
    p: float, n_source: int, n_target: int, recurrent: bool, rng: np.random.Generator, dtype: type
) -> Rows:
    """Jump from synapse to synapse through the matrix read row by row: the gaps are geometric."""
    columns = n_target - 1 if recurrent else n_target
    total = n_source * columns
    pieces, position = [], -1
    while p > 0 and position < total - 1:
        expected = (total - position) * p
        gaps = rng.geometric(p, int(min(CHUNK, expected + 5 * np.sqrt(expected) + 16)))
        # a place beyond the matrix ends the search; where p is tiny the sum must not overflow
        np.minimum(gaps, total + 1, out=gaps)
        cells = position + np.cumsum(gaps, dtype=np.int64)
        position = int(cells[-1])
        pieces.append(cells[cells < total])
    cells = np.concatenate(pieces) if pieces else np.empty(0, np.int64)
    source, target = np.divmod(cells, max(columns, 1))
    if recurrent:
        target += target >= source
    indptr = np.zeros(n_source + 1, np.int64)
    np.cumsum(np.bincount(source, minlength=n_source), out=indptr[1:])
    return Rows(indptr, target.astype(dtype), None)


def _by_in_degree(
    k: int, n_source: int, n_target: int, recurrent: bool, rng: np.random.Generator, dtype: type
) -> Rows:
    """Draw k sources per target; those drawn twice are drawn again until all differ."""
    available = n_source - 1 if recurrent else n_source
    if 2 * k > available:
        sources = np.stack([rng.permutation(available)[:k] for _ in range(n_target)]).astype(np.int32)
    else:
        sources = rng.integers(0, available, (n_target, k), dtype=np.int32)
        open_rows = np.arange(n_target)
        while len(open_rows):
            rows = np.sort(sources[open_rows], axis=1)
            again = np.zeros(rows.shape, bool)
            again[:, 1:] = rows[:, 1:] == rows[:, :-1]
            rows[again] = rng.integers(0, available, int(again.sum()), dtype=np.int32)
            sources[open_rows] = rows
            open_rows = open_rows[again.any(axis=1)]
    if recurrent:
        sources += sources >= np.arange(n_target, dtype=np.int32)[:, None]
    # here a row is a target; scipy's conversion sorts by source and keeps targets ascending
    by_target = scipy.sparse.csr_array(
        (np.ones(n_target * k, np.int8), sources.reshape(-1), np.arange(n_target + 1, dtype=np.int64) * k),
        shape=(n_target, n_source),
    )
    by_source = by_target.tocsc()
    return Rows(by_source.indptr.astype(np.int64), by_source.indices.astype(dtype), None)


def split_rows(rows: Rows, bounds: np.ndarray) -> np.ndarray:
    """Return where each thread's targets begin within each row, shape (n_source * threads + 1,).

    ``bounds`` (threads + 1,) are the first targets of the threads. Row i of thread t is
    ``split[i * threads + t] : split[i * threads + t + 1]``.
    """
    threads = len(bounds) - 1
    n_source = len(rows.indptr) - 1
    if threads == 1:
        return rows.indptr
    owner = np.searchsorted(bounds[1:-1], rows.targets, side="right")
    source = np.repeat(np.arange(n_source), np.diff(rows.indptr))
    split = np.zeros(n_source * threads + 1, np.int64)
    np.cumsum(np.bincount(source * threads + owner, minlength=n_source * threads), out=split[1:])
    return split
