"""The published time-continuous model: nothing happens without a teacher, and the teacher's change is a gradient."""

import numpy as np
import pytest

from burstprop.circuits.bridge.continuous import Continuous, Network, softmax
from burstprop.errors import BurstpropError


def settled(params=None, seed=2):
    params = params or Continuous(hidden=12, tau_avg=0.5)
    network = Network(20, 4, params, seed)
    image = np.random.default_rng(seed).uniform(0, 1, 20)
    drive = network.w1 @ image + network.n1
    for _ in range(500):
        network._step(drive, None)
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
    e1, p1, e2, p2 = network._step(drive, None)
    np.testing.assert_allclose(e1, np.exp(drive), rtol=1e-9)
    np.testing.assert_allclose(network.average[0][0], e1, rtol=1e-6)
    np.testing.assert_allclose(network.average[1][1] / network.average[1][0], 0.5, rtol=1e-9)
    before = network.w1.copy(), network.w2.copy()
    network._learn(image, e1, p1, e2, p2)
    np.testing.assert_allclose(network.w2, before[1], atol=1e-12)
    np.testing.assert_allclose(network.w1, before[0], atol=1e-9)


def test_rates_that_are_too_high_come_down():
    network, image, drive = settled(Continuous(hidden=12, tau_avg=0.5, e_max=0.5))
    before = network.w1.copy()
    network._learn(image, *network._step(drive, None))
    high = np.exp(drive) > 0.5
    assert high.any()
    assert np.all((network.w1 - before)[high] <= 0)
    assert np.all((network.w1 - before)[high].sum(axis=1) < 0)


def test_a_teacher_near_the_output_teaches_the_gradient():
    network, image, drive = settled()
    network.y = network.w2.T.copy()
    for _ in range(500):
        network._step(drive, None)
    e2 = softmax(network.z2)
    target = e2 + 1e-4 * np.array([1.0, -1.0, 0.5, -0.5])
    expected = {name: gradient(network, image, target, name) for name in ("w1", "w2")}
    before = {name: getattr(network, name).copy() for name in expected}
    network.average = tuple([own[0].copy(), own[1].copy()] for own in network.average)
    kept = [own[1] / own[0] for own in network.average]
    e1, p1, e2, p2 = network._step(drive, target)
    e1, p1, e2, p2 = network._step(drive, target)  # bursts reach the dendrites a step later
    for own, p in zip(network.average, kept, strict=True):
        own[1][:] = p * own[0]
    network._learn(image, e1, p1, e2, p2)
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
