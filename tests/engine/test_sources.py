"""Poisson sources: the engine draws what the hash says, and what the hash says is Poisson.

Statistics use fixed seeds. Every assertion on a p-value fails by chance with probability `ALPHA`; there are
about 120 of them, so that a correct implementation with other seeds fails one run of this file in 10,000.
"""

import numpy as np
import pytest
from scipy import stats

from burstprop.circuit import PoissonPopulation, Projection, RateChange
from burstprop.circuit.connectivity import OneToOne
from burstprop.circuit.stimuli import Background
from burstprop.engine.layout import LANES
from burstprop.engine.random import stream_key
from burstprop.recording import Record
from burstprop.simulation import Simulation
from engine import probes, twins

ALPHA = 1e-6
DT = 0.1


def likely(p_value):
    return p_value > ALPHA


def two_sided(z):
    return 2.0 * stats.norm.sf(abs(z))


def spread(counts, mean, variance):
    """Return the p-value (two-sided) of the spread of many counts with this mean and variance."""
    chi2 = ((counts - mean) ** 2 / variance).sum()
    p = stats.chi2.sf(chi2, counts.size)
    return 2.0 * min(p, 1.0 - p)


def correlation(x, y, mean, variance):
    """Return the p-value of no correlation between two arrays of draws with this mean and variance."""
    return two_sided(((x - mean) * (y - mean)).sum() / (variance * np.sqrt(x.size)))


# --- the hash ---


def draws(seed, name, steps, lanes):
    return np.array([twins.bits(stream_key(seed, name), step, np.arange(lanes)) for step in range(steps)])


@pytest.fixture(scope="module")
def streams():
    """Return 32 random bits of 4000 steps and 1000 lanes, of two streams and of another seed."""
    return draws(1, "one", 4000, 1000), draws(1, "two", 4000, 1000), draws(2, "one", 4000, 1000)


def test_every_byte_is_uniform(streams):
    for shift in (0, 8, 16, 24):
        counts = np.bincount(((streams[0] >> np.uint32(shift)) & np.uint32(0xFF)).ravel(), minlength=256)
        assert likely(stats.chisquare(counts).pvalue), shift


def test_every_bit_is_independent_of_every_other_and_of_its_neighbours(streams):
    """Correlations of all pairs of bits: within a draw, with the next lane, the next step, another stream and seed."""
    x = streams[0]
    with_itself = (x, x)
    with_others = [(x[:, :-1], x[:, 1:]), (x[:-1], x[1:]), (x, streams[1]), (x, streams[2])]
    for k, (first, second) in enumerate([with_itself, *with_others]):
        planes = [
            2 * np.unpackbits(np.ascontiguousarray(a[:150]).view(np.uint8).reshape(-1, 4), axis=1)
            - np.float32(1)
            for a in (first, second)
        ]
        # not planes[0].T @ planes[1], which would start as many threads as there are cores
        products = np.einsum("ki,kj->ij", *planes)
        z = products / np.sqrt(len(planes[0]))
        if k == 0:
            z = z[np.triu_indices(32, 1)]
        # the largest of many: Bonferroni
        assert likely(two_sided(np.abs(z).max()) * z.size), k


def test_sources_of_neurons_near_each_other_are_not_measurably_correlated(streams):
    """Sources of 500 Hz of neurons up to 64 apart: correlations below 3e-3.

    The standard error is 5e-4. With 20 million draws a correlation of 1.3e-3 is found in the upper half at a
    distance of 3: the price of a hash with two multiplications, and far below what any circuit could feel.
    """
    p = 3277 / 2**16
    for half in ((streams[0] & np.uint32(0xFFFF)) < 3277, (streams[0] >> np.uint32(16)) < 3277):
        packed = np.ascontiguousarray(half.T)
        both = [np.count_nonzero(packed[lag:] & packed[:-lag]) / packed[lag:].size for lag in range(1, 65)]
        correlations = (np.array(both) - p * p) / (p * (1.0 - p))
        assert np.abs(correlations).max() < 3e-3


def test_keys_of_streams_differ_by_name_and_seed():
    keys = {int(stream_key(seed, f"stream {k}")) for seed in range(20) for k in range(50)}
    assert len(keys) == 1000


# --- private backgrounds ---

FORMS = {
    "16 bits": dict(rate_hz=500.0, counts="bernoulli"),
    "32 bits": dict(rate_hz=5.0, counts="bernoulli"),
    "true Poisson": dict(rate_hz=5000.0, counts="poisson"),
}


def background_circuit(n, receptors, **about):
    backgrounds = tuple(Background("out", r, weight=1.0, **about) for r in receptors)
    return probes.circuit(1, n, backgrounds=backgrounds)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("receptors", ["a", "ab", "abc"])
def test_the_engine_draws_what_the_hash_says(form, receptors):
    """On both sides of a border between blocks, each receptor, each step; one, two and three sources of a neuron."""
    n, steps = LANES + 70, 400
    simulation = Simulation(background_circuit(n, receptors, **FORMS[form]), dtype="float64")
    expected = dict.fromkeys(receptors, 0.0)
    for about, delay, trains in twins._backgrounds(simulation):
        assert delay == 8
        expected[about.receptor] = sum(np.asarray(trains(step), float) for step in range(steps - 9))
    simulation.advance(steps * DT)
    for receptor in receptors:
        assert np.array_equal(simulation.state("out", receptor), expected[receptor]), receptor
    assert sum(e.sum() for e in expected.values()) > 5


@pytest.mark.parametrize(
    ("rate_hz", "counts"),
    [(500.0, "bernoulli"), (150.0, "bernoulli"), (5.0, "bernoulli"), (500.0, "poisson"), (5.0, "poisson")],
)
def test_rate_variance_and_independence_of_backgrounds(rate_hz, counts):
    """4000 neurons with three sources each over 1 s: counts per neuron, and between the sources of a neuron."""
    n, steps = 4000, 10000
    circuit = background_circuit(n, "abc", rate_hz=rate_hz, counts=counts)
    simulation = Simulation(circuit, record=Record(spikes=False, rates_bin_ms=None), dtype="float64")
    simulation.advance((steps + 9) * DT)
    p = rate_hz * DT / 1000.0
    mean, variance = steps * p, steps * p * (1.0 - p if counts == "bernoulli" else 1.0)
    found = {r: simulation.state("out", r) for r in "abc"}
    for count in found.values():
        assert likely(two_sided((count.sum() - n * mean) / np.sqrt(n * variance)))
        assert abs(count.mean() / mean - 1.0) < 0.02
        if mean > 100:
            assert likely(spread(count, mean, variance))
        assert likely(correlation(count[:-1], count[1:], mean, variance))
    for first, second in ("ab", "bc", "ac"):
        assert likely(correlation(found[first], found[second], mean, variance))


def test_backgrounds_of_the_two_halves_of_a_hash_are_independent_step_by_step(streams):
    low, high = (streams[0] & np.uint32(0xFFFF)) < 3277, (streams[0] >> np.uint32(16)) < 3277
    p = 3277 / 2**16
    for one, two in ((low, high), (low[:-1], low[1:]), (low[:, :-1], low[:, 1:]), (low[:-1], high[1:])):
        assert likely(correlation(one, two, p, p * (1 - p)))
    for counts, size in ((low.sum(axis=0), 4000), (low.sum(axis=1), 1000), (high.sum(axis=1), 1000)):
        assert likely(spread(counts, size * p, size * p * (1 - p)))


def test_true_poisson_counts_have_the_poisson_distribution():
    """Mean 0.5 per step: what arrives in every step at 300 neurons, against the Poisson probabilities of 0, 1, 2 ..."""
    circuit = background_circuit(300, "a", **FORMS["true Poisson"])
    simulation = Simulation(circuit, dtype="float64")
    (_, _, trains) = next(twins._backgrounds(simulation))
    counts = np.concatenate([trains(step) for step in range(2000)])
    expected = stats.poisson.pmf(np.arange(7), 0.5) * counts.size
    observed = np.bincount(counts, minlength=7)[:7]
    rest = counts.size - expected.sum(), counts.size - observed.sum()
    chi2 = ((observed - expected) ** 2 / expected).sum() + (rest[1] - rest[0]) ** 2 / rest[0]
    assert likely(stats.chi2.sf(chi2, 7))


def test_bernoulli_sources_spike_at_most_once_per_step_and_every_step_at_the_limit():
    circuit = background_circuit(70, "a", rate_hz=10000.0, counts="bernoulli")
    simulation = Simulation(circuit, dtype="float64")
    simulation.advance(2.9)
    assert (simulation.state("out", "a") == 20).all()


def test_a_background_passes_its_own_delay():
    circuit = probes.circuit(
        1,
        5,
        backgrounds=tuple(
            Background("out", r, 10000.0, 1.0, delay_ms=ms) for r, ms in (("a", 0.0), ("b", 0.8), ("c", 3.0))
        ),
    )
    simulation = Simulation(circuit, dtype="float64")
    simulation.advance(5.0)
    assert [simulation.state("out", r)[0] for r in "abc"] == [49, 41, 19]


def test_two_backgrounds_at_one_receptor_are_independent():
    """Alone, in pairs, with two delays, and as true Poisson counts: no two sources share their numbers."""
    n, steps = 4000, 2000
    about = [
        dict(rate_hz=500.0, delay_ms=0.8), dict(rate_hz=500.0, delay_ms=0.5), dict(rate_hz=333.0), dict(rate_hz=334.0),
        dict(rate_hz=400.0, counts="poisson"), dict(rate_hz=401.0, counts="poisson"),
    ]  # fmt: skip
    backgrounds = tuple(Background("out", "a", weight=2.0**k, **kind) for k, kind in enumerate(about))
    simulation = Simulation(probes.circuit(1, n, backgrounds=backgrounds), dtype="float64")
    keys = simulation._compiled.arrays["background_key"]
    assert len(set(keys.tolist())) == len(keys)
    found = {b.weight: t for b, _, t in twins._backgrounds(simulation)}
    trains = [
        np.array([found[2.0**k](step)[:200] for step in range(steps)], float) for k in range(len(about))
    ]
    for k in range(len(about)):
        for m in range(k):
            x, y = trains[k] - trains[k].mean(), trains[m] - trains[m].mean()
            assert likely(two_sided((x * y).sum() / np.sqrt((x**2).mean() * (y**2).mean() * x.size))), (k, m)


# --- shared sources ---


@pytest.mark.parametrize("rate_hz", [5.0, 500.0])
def test_rate_variance_and_independence_of_a_poisson_population(rate_hz):
    n, steps = 1500, 4000
    source = PoissonPopulation("src", n, rate_hz)
    circuit = probes.circuit(1, n, (Projection("src", "out", "a", 1.0, OneToOne()),), sources=(source,))
    simulation = Simulation(circuit, dtype="float64")
    simulation.advance(steps * DT)
    recording = simulation.recording()
    x = twins.trains(recording, "src", n, steps, DT)
    assert x.sum() == len(recording.spikes)  # never twice in a step
    p = rate_hz * DT / 1000.0
    variance = p * (1.0 - p)
    assert likely(two_sided((x.sum() - x.size * p) / np.sqrt(x.size * variance)))
    assert likely(spread(x.sum(axis=1), n * p, n * variance)) or rate_hz < 10
    assert likely(spread(x.sum(axis=0), steps * p, steps * variance)) or rate_hz < 10
    for lag in (1, 2, 8):
        assert likely(correlation(x[:-lag], x[lag:], p, variance))
        assert likely(correlation(x[:, :-lag], x[:, lag:], p, variance))
    half = np.bincount(np.flatnonzero(x) % n // 150, minlength=10)  # early and late sources alike
    assert likely(stats.chisquare(half).pvalue)
    # what arrives is what was recorded, through the axonal delay
    assert np.array_equal(simulation.state("out", "a"), x[:-9].sum(axis=0))
    rates = recording.rates
    in_bins = x.reshape(-1, 500, n).sum(axis=(1, 2)) / n / 0.05
    np.testing.assert_allclose(rates[rates["population"] == "src"]["rate_hz"], in_bins, rtol=1e-12)


def test_shared_sources_jump_by_the_geometric_gaps_of_the_hash():
    """The next source that spikes lies floor(ln(1 - u) / ln(1 - p)) + 1 further on, u the next number of the step."""
    n, steps, rate_hz = 900, 300, 300.0
    simulation = Simulation(
        probes.circuit(1, 1, sources=(PoissonPopulation("src", n, rate_hz),)), dtype="float64"
    )
    key = simulation._compiled.arrays["population_key"][2]
    simulation.advance(steps * DT)
    found = twins.trains(simulation.recording(), "src", n, steps, DT)
    expected = np.zeros((steps, n), bool)
    for step in range(steps):
        u = twins.bits(key, step, np.arange(200)) / 2.0**32
        places = np.cumsum(1 + np.floor(np.log(1.0 - u) / np.log1p(-rate_hz * DT / 1000.0))) - 1
        assert places[-1] >= n
        expected[step, places[places < n].astype(int)] = True
    assert np.array_equal(found, expected)


def test_a_poisson_population_of_one_and_one_of_rate_zero():
    sources = (PoissonPopulation("one", 1, 500.0), PoissonPopulation("silent", 50, 0.0))
    simulation = Simulation(probes.circuit(1, 1, sources=sources), dtype="float64")
    simulation.advance(1000.0)
    spikes = simulation.recording().spikes
    assert set(spikes["population"]) == {"one"}
    assert likely(two_sided((len(spikes) - 500) / np.sqrt(500 * 0.95)))


def test_a_rate_changes_when_it_should():
    source = PoissonPopulation("src", 1000, 100.0)
    circuit = probes.circuit(1, 1, sources=(source,))
    object.__setattr__(circuit, "protocol", (RateChange(50.0, "src", 0.0), RateChange(80.0, "src", 400.0)))
    simulation = Simulation(circuit, dtype="float64")
    simulation.advance(120.0)
    t = simulation.recording().spikes["time_ms"].to_numpy()
    assert not ((t > 49.95) & (t < 79.95)).any()
    for begin, end, rate in ((0.0, 50.0, 100.0), (80.0, 120.0, 400.0)):
        count = ((t > begin - 0.05) & (t < end - 0.05)).sum()
        expected = 1000 * rate * (end - begin) / 1000.0
        assert likely(two_sided((count - expected) / np.sqrt(expected))), (count, expected)


def test_populations_and_realizations_draw_different_numbers():
    circuit = probes.circuit(
        1, 100, sources=(PoissonPopulation("x", 200, 200.0), PoissonPopulation("y", 200, 200.0))
    )
    found = []
    for realization in (1, 2):
        simulation = Simulation(circuit, realization=realization, dtype="float64")
        simulation.advance(100.0)
        found += [twins.trains(simulation.recording(), p, 200, 1000, DT) for p in "xy"]
    p = 0.02
    for k in range(4):
        for m in range(k):
            assert likely(correlation(found[k], found[m], p, p * (1 - p)))
