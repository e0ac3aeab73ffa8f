"""Memory of training: weights are counted as they are built, and what cannot fit is refused before it is built."""

import dataclasses

import pytest

from burstprop.errors import BurstpropError
from burstprop.reduced import build_network, network_spec
from burstprop.reduced.data import open_dataset
from burstprop.reduced.train.memory import count_weights, memory_needed
from burstprop.reduced.train.plan import Plan
from burstprop.reduced.train.settings import setting
from burstprop.reduced.train.training import train
from burstprop.system import memory


@pytest.mark.parametrize("name", ["cifar", "resnet-small", "resnet-depth-8"])
def test_weights_are_counted_as_they_are_built(name):
    network = build_network(
        name, setting("burstprop", "cifar10", "default" if name == "cifar" else "residual").rule
    )
    assert count_weights(network.spec) == sum(layer.weight.numel() for layer in network.layers())


def test_optimizer_and_batch_count():
    usual = setting("burstprop")
    weights, rates = memory_needed(usual, 32).values()
    assert weights == 4 * 3 * count_weights(usual.network)
    assert rates == 4 * 32 * (64 + sum(usual.network.layers) + 10)
    with_averages = dataclasses.replace(usual, optimizer="adamw", average=0.9)
    assert sum(memory_needed(with_averages, 32).values()) == weights * 5 / 3 + rates


def refused(change, match):
    plan = Plan("burstprop", dataclasses.replace(setting("burstprop"), **change), seed=1)
    with pytest.raises(BurstpropError, match=match):
        train(plan, open_dataset("digits"))


def test_what_cannot_be_trained_is_refused_before_it_is_built(monkeypatch):
    refused({"batch_size": 10**9}, r"batch_size = 1,000,000,000 images: digits has 1,\d{3} to train on")
    huge = network_spec("digits", layers=(10**7, 10**7))
    refused({"network": huge}, r"needs about 1,200,0\d\d GB of memory and .* are free \(100,000,7")
    monkeypatch.setattr(memory, "free_memory", lambda: 1e5)
    refused({}, "'digits' with batches of 32 images needs about")
