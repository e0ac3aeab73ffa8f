"""Brian2 against the oracles: two readings of the same equations, written apart from each other."""

import numpy as np
import pytest
from oracles import drive as oracle
from oracles.synapses import DEPRESSING, FACILITATING, ShortTermPlasticity

from brian_twin import samples as brian


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("pyramidal", {}),
        ("pyramidal", {"driving_force": "own"}),
        ("burst_poisson", {}),
        ("pv", {}),
        ("som", {}),
    ],
)
def test_same_traces_and_spikes(kind, params):
    drive = oracle.make_drive(kind, **params)
    expected = oracle.samples(kind, drive)
    watch = oracle.WATCHED[oracle.model_of(kind)]
    found = brian.samples(kind, drive, watch)
    assert np.array_equal(found["spikes"], expected["spikes"])
    assert len(expected["spikes"]) > 10
    for name in watch:
        np.testing.assert_allclose(found[name], expected[name], rtol=0.0, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("preset", [DEPRESSING, FACILITATING])
@pytest.mark.parametrize("f", [None, 0.1])
def test_same_efficacies(preset, f):
    trains = np.random.default_rng(11).random((3000, 5)) < 0.004
    stp = ShortTermPlasticity(5, 0.1, **preset, f=f)
    expected = np.array([stp.step(spikes) for spikes in trains])
    np.testing.assert_allclose(brian.efficacies(trains, **preset, f=f), expected, rtol=0.0, atol=1e-12)
    assert np.count_nonzero(expected) == trains.sum() > 20
