"""The published time-continuous model: nothing happens without a teacher, and the teacher's change is a gradient."""

import dataclasses

import numpy as np
import pytest

from burstprop.circuits.bridge.continuous import Continuous, Network, softmax
from burstprop.errors import BurstpropError


def settled(params=None, seed=2):
    params = params or Continuous(hidden=12, tau_avg=0.5)
    network = Network(20, 4, params, seed)
    image = np.random.default_rng(seed).uniform(0, 1, 20)
    drive = network.w1 @ image + network.n1
    network.advance(drive, 500)
    return network, image, drive


def loss(network, image, target):
    e1 = np.exp(network.w1 @ image + network.n1)
    return -np.sum(target * np.log(softmax(network.w2 @ e1 + network.n2)))


def gradient(network, image, target, name, step=1e-6):
    w, found = getattr(network, name), np.zeros_like(getattr(network, name))
    for index in np.ndindex(w.shape):
        values = []
        for sign in (-1, 1):
            w[index] += sign * step
            values.append(loss(network, image, target))
            w[index] -= sign * step
        found[index] = (values[1] - values[0]) / (2 * step)
    return found.ravel()


def cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def test_without_a_teacher_averages_settle_and_nothing_is_learned():
    network, image, drive = settled()
    expected = np.exp(drive)
    before = network.w2.copy()
    asked = network.advance(drive, 1, square=float(image @ image))
    state = network.state
    np.testing.assert_allclose(state.e1, expected, rtol=1e-9)
    np.testing.assert_allclose(state.mean1, expected, rtol=1e-6)
    np.testing.assert_allclose(state.mean_b2 / state.mean2, 0.5, rtol=1e-9)
    np.testing.assert_allclose(network.w2, before, atol=1e-12)
    np.testing.assert_allclose(asked, 0.0, atol=1e-9)


def test_rates_that_are_too_high_come_down():
    network, image, drive = settled(Continuous(hidden=12, tau_avg=0.5, e_max=0.5))
    before, high = network.w1.copy(), np.exp(drive) > 0.5
    network.follow(image, network.advance(drive, 1, square=float(image @ image)))
    assert high.any()
    assert np.all((network.w1 - before)[high] <= 0)
    assert np.all((network.w1 - before)[high].sum(axis=1) < 0)


def test_the_drive_follows_the_weights_while_an_image_is_taught():
    network, image, _ = settled()
    image[3] = 0.0  # a dark pixel changes no weight
    drive = network.w1 @ image + network.n1
    before = network.w1.copy()
    target = np.array([0.0, 0.0, 1.0, 0.0])
    network.follow(image, network.advance(drive, 5, target, square=float(image @ image)))
    np.testing.assert_allclose(drive, network.w1 @ image + network.n1, rtol=1e-9)
    np.testing.assert_array_equal(network.w1[:, 3], before[:, 3])
    assert np.abs(network.w1 - before).max() > 1e-7


def test_a_teacher_near_the_output_teaches_the_gradient():
    network, image, drive = settled()
    network.y = np.asfortranarray(network.w2.T)
    network.advance(drive, 500)
    e2 = softmax(network.state.z2)
    target = e2 + 1e-4 * np.array([1.0, -1.0, 0.5, -0.5])
    expected = {name: gradient(network, image, target, name) for name in ("w1", "w2")}
    before = {name: getattr(network, name).copy() for name in expected}
    network.params = dataclasses.replace(network.params, tau_avg=1e9)  # averages stay as they have settled
    network.advance(drive, 1, target)  # bursts reach the dendrites a step later
    network.follow(image, network.advance(drive, 1, target, square=float(image @ image)))
    for name, g in expected.items():
        change = (getattr(network, name) - before[name]).ravel()
        assert cosine(change, -g) > 0.999, name
    rate = network.params.dt / network.params.tau_w
    np.testing.assert_allclose((network.w2 - before["w2"]).ravel(), -0.5 * rate * expected["w2"], rtol=0.02)


def test_an_image_is_learned_and_numbers_are_checked():
    network, image, _ = settled(Continuous(hidden=12, tau_w=5.0))
    target = np.array([0.0, 0.0, 1.0, 0.0])
    before = loss(network, image, target)
    for _ in range(30):
        network.show(image, target)
    assert loss(network, image, target) < 0.5 * before
    assert network.answer(image[None])[0] == 2
    with pytest.raises(BurstpropError, match="tau_avg"):
        Continuous(tau_avg=0.0)
