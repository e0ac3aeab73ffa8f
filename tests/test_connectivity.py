"""Who is connected to whom: numbers, places and independence of the drawn synapses."""

import numpy as np
import pytest
import scipy.sparse
from engine import zoo
from scipy import stats

from burstprop.circuit import Projection
from burstprop.circuit.connectivity import FixedInDegree, Matrix, OneToOne, Probability, describe_connectivity
from burstprop.engine.compile.connect import draw_rows, split_rows
from burstprop.simulation import Simulation

ALPHA = 1e-6
"""Chance of one p-value being refused in a correct implementation; there are about 20 (fixed seeds)."""


def draw(connectivity, n_source, n_target, recurrent=False, seed=0):
    """Return the drawn synapses as a boolean matrix (n_source, n_target), no pair twice."""
    rng = np.random.default_rng(seed)
    rows = draw_rows(connectivity, n_source, n_target, recurrent=recurrent, rng=rng, dtype=np.uint16)
    assert rows.targets.dtype == np.uint16
    assert rows.indptr[0] == 0
    assert rows.indptr[-1] == len(rows.targets)
    matrix = np.zeros((n_source, n_target), int)
    np.add.at(matrix, (np.repeat(np.arange(n_source), np.diff(rows.indptr)), rows.targets), 1)
    assert matrix.max(initial=0) <= 1
    for row in np.split(rows.targets, rows.indptr[1:-1]):
        assert (np.diff(row.astype(int)) > 0).all()
    return matrix.astype(bool)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("p", [0.002, 0.05, 0.6])
def test_pairs_are_connected_with_the_probability_and_independently(p, recurrent):
    n = 800
    joined = draw(Probability(p), n, n, recurrent)
    pairs = n * (n - recurrent)
    assert 2 * stats.norm.sf(abs(joined.sum() - pairs * p) / np.sqrt(pairs * p * (1 - p))) > ALPHA
    if recurrent:
        assert not joined.diagonal().any()
    for axis in (0, 1):
        degrees, mean = joined.sum(axis=axis), (n - recurrent) * p
        chi2 = ((degrees - mean) ** 2 / (mean * (1 - p))).sum()
        assert min(stats.chi2.sf(chi2, n), stats.chi2.cdf(chi2, n)) > ALPHA / 2
    # neighbours in the matrix, across rows and columns, are independent
    for x, y in ((joined[:-1], joined[1:]), (joined[:, :-1], joined[:, 1:])):
        both = np.count_nonzero(x & y)
        assert 2 * stats.norm.sf(abs(both - x.size * p * p) / np.sqrt(x.size * p * p + 1)) > ALPHA
    # and no region is preferred
    tiles = joined.reshape(8, 100, 8, 100).sum(axis=(1, 3)).ravel()
    assert stats.chisquare(tiles).pvalue > ALPHA or recurrent


@pytest.mark.parametrize(("p", "expected"), [(0.0, 0), (1.0, 1)])
def test_none_and_all(p, expected):
    assert draw(Probability(p), 30, 40).sum() == expected * 30 * 40
    assert draw(Probability(p), 30, 30, recurrent=True).sum() == expected * 30 * 29


def test_a_probability_whose_gaps_are_longer_than_numbers_reach():
    assert draw(Probability(1e-19), 50, 50).sum() == 0


def test_sizes_of_one():
    assert draw(Probability(1.0), 1, 1).sum() == 1
    assert draw(Probability(1.0), 1, 1, recurrent=True).sum() == 0
    assert draw(FixedInDegree(0), 5, 5).sum() == 0


@pytest.mark.parametrize("k", [1, 30, 250, 299])
@pytest.mark.parametrize("recurrent", [False, True])
def test_in_degrees_are_exact_and_sources_uniform(k, recurrent):
    joined = draw(FixedInDegree(k), 300, 300, recurrent)
    assert (joined.sum(axis=0) == k).all()
    if recurrent:
        assert not joined.diagonal().any()
        return
    # out-degrees are sums of 300 independent draws with probability k/300, tied by their total
    p = k / 300
    chi2 = ((joined.sum(axis=1) - k) ** 2 / (300 * p * (1 - p))).sum() * 299 / 300
    assert min(stats.chi2.sf(chi2, 299), stats.chi2.cdf(chi2, 299)) > ALPHA / 2


def test_one_to_one_and_a_matrix():
    assert np.array_equal(draw(OneToOne(), 7, 7), np.eye(7, dtype=bool))
    weights = scipy.sparse.random_array((20, 30), density=0.2, rng=np.random.default_rng(1), format="coo")
    assert np.array_equal(draw(Matrix(weights), 20, 30), weights.toarray() > 0)
    # an own diagonal stays, a stored zero is a synapse, duplicates are summed
    own = scipy.sparse.coo_array(
        (np.array([1.0, 2.0, 0.0]), (np.array([0, 0, 1]), np.array([0, 0, 1]))), shape=(2, 2)
    )
    matrix = Matrix(own)
    assert np.array_equal(draw(matrix, 2, 2, recurrent=True), np.eye(2, dtype=bool))
    assert list(matrix.weights.data) == [3.0, 0.0]
    assert list(own.data) == [1.0, 2.0, 0.0]  # the user's matrix is left as it was


def test_the_users_matrix_is_copied():
    weights = scipy.sparse.csr_array(np.eye(3))
    matrix = Matrix(weights)
    weights.data[:] = 5.0
    assert list(matrix.weights.data) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_rows_are_split_at_the_borders_of_the_threads(threads):
    rng = np.random.default_rng(0)
    rows = draw_rows(Probability(0.1), 50, 640, recurrent=False, rng=rng, dtype=np.uint16)
    bounds = np.linspace(0, 640, threads + 1).astype(int)
    split = split_rows(rows, bounds)
    for i in range(50):
        parts = [rows.targets[split[i * threads + t] : split[i * threads + t + 1]] for t in range(threads)]
        assert np.array_equal(np.concatenate(parts), rows.targets[rows.indptr[i] : rows.indptr[i + 1]])
        for t, part in enumerate(parts):
            assert ((part >= bounds[t]) & (part < bounds[t + 1])).all()


def test_a_projection_is_drawn_the_same_whatever_else_the_circuit_holds():
    one = Projection("pyr", "pv", "soma_exc", 0.1, Probability(0.1))
    other = Projection("bp", "pyr", "soma_exc", 0.1, Probability(0.3))
    found = [Simulation(zoo.circuit(projections=p)).synapses(one.name) for p in ((one,), (other, one))]
    assert found[0].equals(found[1])
    named = Projection("pyr", "pv", "soma_exc", 0.1, Probability(0.1), name="another")
    assert not Simulation(zoo.circuit(projections=(named,))).synapses("another").equals(found[0])


@pytest.mark.parametrize(
    ("connectivity", "words"),
    [(Probability(0.05), "p = 0.05"), (FixedInDegree(3), "in-degree 3"), (OneToOne(), "one to one"),
     (Matrix(np.eye(4)), "matrix, 4 synapses")],
)  # fmt: skip
def test_as_text(connectivity, words):
    assert describe_connectivity(connectivity) == words
