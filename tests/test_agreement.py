"""The comparison of a run with a reference: its rate of false alarms, its power, and what sets its bounds."""

import numpy as np
import pandas as pd
import pytest

from burstprop.report.agreement import FEWEST_FOR_SPREAD, agreement, agreement_claims

FIGURES = 12
RNG = np.random.default_rng(7)
MIXED = np.eye(FIGURES) + 0.4 * RNG.normal(size=(FIGURES, FIGURES)) / np.sqrt(FIGURES)


def sample(rng, n, shift=0.0, scale=1.0):
    """Return n realizations of correlated figures with means and spreads of very different size."""
    sizes = 10.0 ** np.arange(-3, FIGURES - 3)
    values = (scale * rng.normal(size=(n, FIGURES)) @ MIXED + shift) * sizes + 5 * sizes
    return pd.DataFrame(values, columns=[f"figure {k}" for k in range(FIGURES)])


def failed(found):
    low_spread = not found.smallest_spread <= found.spread <= found.largest_spread
    single = found.single.query("measured < low or measured > high")
    return [
        *(["distance"] if found.distance > found.largest_distance else []),
        *(["spread"] if np.isfinite(found.spread) and low_spread else []),
        *single.index,
    ]


def alarms(rate, repeats, n):
    """Return how many of so many pairs of samples are told apart."""
    rng = np.random.default_rng(11)
    pairs = [(sample(rng, 25), sample(rng, n)) for _ in range(repeats)]
    return sum(bool(failed(agreement(*pair, false_alarms=rate))) for pair in pairs)


@pytest.mark.parametrize("n", [1, 5])
def test_two_samples_of_one_program_are_told_apart_as_often_as_stated(n):
    # 10 % stated, 25 repeats: more than 7 alarms in two of a thousand
    assert alarms(0.1, 25, n) <= 7


def test_a_small_shift_of_all_figures_is_noticed_where_single_bounds_are_too_wide():
    rng = np.random.default_rng(3)
    signs = np.sign(RNG.normal(size=FIGURES))
    found = [
        failed(agreement(sample(rng, 25), sample(rng, 5, shift=0.8 * signs), false_alarms=0.01))
        for _ in range(8)
    ]
    by_distance = sum("distance" in names for names in found)
    by_a_single_bound = sum(any(name.startswith("figure") for name in names) for names in found)
    assert by_distance >= 5
    assert by_distance > by_a_single_bound


def test_another_spread_is_noticed_from_five_realizations_on():
    rng = np.random.default_rng(5)
    theirs = sample(rng, 25)
    wide = agreement(theirs, sample(rng, 5, scale=2.5), false_alarms=0.01)
    assert "spread" in failed(wide)
    assert np.isnan(agreement(theirs, sample(rng, FEWEST_FOR_SPREAD - 1), false_alarms=0.01).spread)


def test_a_run_does_not_set_its_own_bounds():
    """A wide run among 25 narrow reference realizations moves a single bound little, that of the distance not."""
    rng = np.random.default_rng(6)
    theirs = sample(rng, 25)
    narrow, wide = (agreement(theirs, sample(rng, 2, scale=s), false_alarms=0.01) for s in (0.1, 10.0))
    assert wide.largest_distance == narrow.largest_distance
    ours_alone = 6366.0 * 10.0  # Student's t with one degree of freedom, times the spread of the wide run
    width = (wide.single["high"] - wide.single["low"]) / (10.0 ** np.arange(-3, FIGURES - 3))
    assert (width < 0.01 * ours_alone).all()


def test_one_reference_realization_takes_its_spread_from_a_third_sample():
    rng = np.random.default_rng(8)
    one, stored = sample(rng, 1), sample(rng, 20)
    assert not failed(agreement(one, sample(rng, 2), false_alarms=0.01, spread=stored))
    assert failed(agreement(one, sample(rng, 2, shift=5.0), false_alarms=0.01, spread=stored))
    with pytest.raises(ValueError, match="how far apart"):
        agreement(one, sample(rng, 1), false_alarms=0.01)


def test_the_claims_name_every_figure_and_say_what_is_not_judged():
    rng = np.random.default_rng(9)
    found = agreement(sample(rng, 25), sample(rng, 2), false_alarms=0.01)
    claims = agreement_claims(
        found, title="all", sample="stored", unit=lambda name: "Hz", reference=lambda name: f"of {name}"
    )
    assert [c.claim for c in claims[:2]] == [
        "all: squared distance from them, for each figure",
        "all: SD over theirs, geometric mean",
    ]
    assert claims[1].not_judged == "needs 5 realizations"
    assert [c.claim for c in claims[2:]] == list(found.single.index)
    assert {c.unit for c in claims[2:]} == {"Hz"}
