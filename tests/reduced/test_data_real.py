"""Real MNIST, CIFAR-10 and Tiny ImageNet, where BURSTPROP_DATA names their folder."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from image_folders import part_of, real_data

from burstprop.reduced.data import Loader, open_dataset
from burstprop.reduced.data.dataset import ReadOptions, split_training
from burstprop.reduced.data.imagefolder import find_folders, list_files
from burstprop.reduced.train.plan import Plan
from burstprop.reduced.train.settings import setting
from burstprop.reduced.train.training import train


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("real")


def test_mnist(scratch):
    data = open_dataset("mnist", real_data("mnist", scratch))
    assert (len(data.train), len(data.validation), len(data.test)) == (54_998, 5_002, 10_000)
    pixels = data.train.images.double() / 255
    assert pixels.mean().item() == pytest.approx(data.mean[0], abs=1e-3)
    assert pixels.std().item() == pytest.approx(data.sd[0], abs=1e-3)
    # counts of the classes in the test set, as published with the data
    assert torch.bincount(data.test.labels).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]


def test_mnist_is_learned_by_burstprop(scratch):
    """A fifth of an epoch's images, twice: far from the best, but nothing that does not learn gets here."""
    data = open_dataset("mnist", real_data("mnist", scratch))
    few = dataclasses.replace(data, train=data.train.select(np.arange(0, 54_998, 5)))
    plan = Plan("burstprop", dataclasses.replace(setting("burstprop", "mnist"), epochs=2), seed=1)
    assert train(plan, few)["test_error_percent"] < 10


def test_cifar10_folders(scratch):
    """All are listed, and every twelfth of each class decoded."""
    folder = real_data("cifar10", scratch)
    train, test, _ = list_files(find_folders(folder), 32)
    kept, validation = split_training(train, 0.1)
    assert (len(kept), len(validation), len(test)) == (45_000, 5_000, 10_000)
    assert torch.bincount(test.labels).tolist() == [1000] * 10
    part = part_of(folder, 12, scratch / "cifar10-part")
    data = open_dataset("cifar10", part, ReadOptions(workers=2))
    assert (len(data.train), len(data.validation), len(data.test)) == (3_750, 420, 840)
    assert data.classes[:3] == ("airplane", "automobile", "bird")
    # mean and sd of CIFAR-10 itself, as widely published (the images here went through JPEG)
    pixels = data.train.images.double() / 255
    np.testing.assert_allclose(pixels.mean((0, 2, 3)), [0.4914, 0.4822, 0.4465], atol=4e-3)
    np.testing.assert_allclose(pixels.std((0, 2, 3)), [0.2470, 0.2435, 0.2616], atol=4e-3)
    batch = next(Loader(data, "train", 64, seed=1).epoch(0))
    assert batch.images.shape == (64, 3, 32, 32)


def test_tiny_imagenet_folders(scratch):
    """All are listed, and every fifth of each class decoded."""
    folder = real_data("tiny-imagenet-50", scratch)
    train, test, _ = list_files(find_folders(folder), 64)
    kept, validation = split_training(train, 0.1)
    assert (len(kept), len(validation), len(test)) == (22_500, 2_500, 2_500)
    part = part_of(folder, 5, scratch / "tiny-part")
    data = open_dataset("tiny-imagenet", part, ReadOptions(workers=2))
    assert (len(data.train), len(data.validation), len(data.test)) == (4_500, 500, 500)
    assert len(data.classes) == 50
    assert data.train.images.shape[1:] == (3, 64, 64)
    grey = (data.train.images[:, 0] == data.train.images[:, 2]).flatten(1).all(1)
    assert 0 < grey.sum() < 1000  # some images are greyscale
