"""Order, augmentation and batches: functions of (seed, epoch, image), and right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from image_folders import imagenet_layout, photograph
from PIL import Image

from burstprop.errors import BurstpropError
from burstprop.reduced.data import Augmentation, Loader, open_dataset
from burstprop.reduced.data.augmentation import (
    DRAWS,
    augment_batch,
    centre_crop,
    crop_boxes,
    normalise,
    random_resized_crop,
)
from burstprop.reduced.data.streams import order, uniforms


def test_uniforms_are_uniform_and_independent():
    """Statistics of 230,000 numbers; each bound is five standard errors wide."""
    draws = uniforms(1, 2, np.arange(10_000), 23)
    n = draws.size
    assert 0 <= draws.min() < draws.max() < 1
    assert abs(draws.mean() - 0.5) < 5 / np.sqrt(12 * n)
    assert abs(draws.var() - 1 / 12) < 5 / np.sqrt(180 * n)
    counts = np.bincount((draws.reshape(-1) * 64).astype(int), minlength=64)
    assert ((counts - n / 64) ** 2 / (n / 64)).sum() < 63 + 5 * np.sqrt(2 * 63)
    for a, b in [
        (draws[:-1, 0], draws[1:, 0]),
        (draws[:, 0], draws[:, 1]),
        (draws[:, 0], uniforms(1, 3, np.arange(10_000), 23)[:, 0]),
    ]:
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(len(a))


def test_uniforms_depend_on_the_image_alone():
    everything = uniforms(7, 4, np.arange(100), DRAWS)
    np.testing.assert_array_equal(uniforms(7, 4, np.array([93, 5]), DRAWS), everything[[93, 5]])
    assert (uniforms(8, 4, np.array([5]), DRAWS) != everything[5]).all()
    # a stored number: a change of the generator would change every published run
    assert uniforms(0, 0, np.array([0]), 1)[0, 0] == pytest.approx(0.7009385505194201, abs=0)
    assert order(0, 0, 8).tolist() == [3, 1, 5, 0, 7, 6, 2, 4]


def test_order_is_a_permutation_and_changes():
    first, second = order(1, 0, 1000), order(1, 1, 1000)
    assert sorted(first) == list(range(1000))
    # two random permutations of 1,000 share one place on average (Poisson)
    assert (first == second).sum() < 12
    assert (first == np.arange(1000)).sum() < 12


def test_crop_and_flip_of_a_batch_against_one_by_one():
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (50, 3, 12, 12), dtype=np.uint8))
    draws = uniforms(3, 1, np.arange(50), DRAWS)
    out = augment_batch(images, draws, Augmentation(padding=2, flip=True))
    for image, numbers, got in zip(images.numpy(), draws, out.numpy(), strict=True):
        padded = np.pad(image, ((0, 0), (2, 2), (2, 2)))
        top, left = int(numbers[1] * 5), int(numbers[2] * 5)
        want = padded[:, top : top + 12, left : left + 12]
        np.testing.assert_array_equal(got, want[:, :, ::-1] if numbers[0] < 0.5 else want)
    assert 10 < (draws[:, 0] < 0.5).sum() < 40


def test_crop_boxes_keep_area_and_ratio():
    n = 4000
    height, width = np.full(n, 375.0), np.full(n, 500.0)
    top, left, h, w = crop_boxes(uniforms(0, 0, np.arange(n), DRAWS), height, width, 0.08)
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + h <= 375).all()
    assert (left + w <= 500).all()
    ratio, area = w / h, w * h / (375 * 500)
    assert ratio.min() > 0.74
    assert ratio.max() < 1.35
    assert area.min() > 0.078
    # a crop of the part a of this image's area fits with probability -ln a / (2 ln 4/3) above a = 9/16, so
    # the median of those taken is 0.4202; four standard errors of it are 0.022
    assert np.median(area) == pytest.approx(0.4202, abs=0.022)
    # an image ten times as wide as high: the largest crop in the middle, of ratio 4/3
    top, left, h, w = crop_boxes(np.full((1, DRAWS), 0.999), np.array([30.0]), np.array([300.0]), 0.9)
    assert (top[0], left[0], h[0], w[0]) == (0.0, 130.0, 30.0, 40.0)


def test_resized_crops_in_memory_follow_their_boxes():
    """On an image whose pixels are their coordinates, a crop's pixels are the coordinates of the crop."""
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    images = torch.stack([rows, columns, rows])[None].repeat(20, 1, 1, 1).to(torch.uint8)
    draws = uniforms(5, 0, np.arange(20), DRAWS)
    out = augment_batch(images, draws, Augmentation(least_area=0.3)).numpy()
    top, left, h, w = crop_boxes(draws, np.full(20, 64.0), np.full(20, 64.0), 0.3)
    centre = np.arange(64) + 0.5
    for k in range(20):
        rows_want = np.clip(top[k] + centre * h[k] / 64 - 0.5, 0, 63)
        np.testing.assert_allclose(out[k, 0].mean(1), rows_want, atol=1e-2)
        np.testing.assert_allclose(
            out[k, 1].mean(0), np.clip(left[k] + centre * w[k] / 64 - 0.5, 0, 63), atol=1e-2
        )


def test_normalise():
    images = torch.tensor([[[[0, 255]]]], dtype=torch.uint8)
    got = normalise(images, torch.tensor([0.5]).reshape(-1, 1, 1), torch.tensor([0.25]).reshape(-1, 1, 1))
    assert got.reshape(-1).tolist() == pytest.approx([-2.0, 2.0])


def test_centre_crop_takes_the_middle(tmp_path):
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[:, 50:150] = 255  # the central square is white, all else black
    got = np.asarray(centre_crop(Image.fromarray(pixels), 50, 1.0))
    assert got.shape == (50, 50, 3)
    assert got[:, 1:-1].min() == 255  # the filter reaches a pixel beyond the crop
    # with a part of 7/8 the border of the square is left out
    pixels[:4] = pixels[96:] = 0
    assert np.asarray(centre_crop(Image.fromarray(pixels), 50, 0.875)).min() > 250


def test_reduced_decoding_of_a_large_jpeg_looks_the_same(tmp_path):
    image = photograph(np.random.default_rng(0), 900, 1200, 1)
    image.save(tmp_path / "a.jpg", quality=95)
    draws = uniforms(0, 0, np.arange(1), DRAWS)[0]
    for crop in (
        lambda i: centre_crop(i, 64),
        lambda i: random_resized_crop(i, draws, 64, Augmentation(flip=True, least_area=0.5)),
    ):
        with Image.open(tmp_path / "a.jpg") as reduced:
            fast = np.asarray(crop(reduced)).astype(float)
        with Image.open(tmp_path / "a.jpg") as whole:
            exact = np.asarray(crop(whole.convert("RGB"))).astype(float)
        assert np.abs(fast - exact).mean() < 2.5
        assert np.abs(fast - exact).mean() < 0.05 * np.abs(fast - fast.mean()).mean() + 2.5


def test_loader_resumes_anywhere_and_shares_batches():
    data = open_dataset("digits")
    loader = Loader(data, "train", 32, seed=5, augmentation=Augmentation(padding=1, flip=True))
    whole = list(loader.epoch(3))
    assert sum(len(b.labels) for b in whole) == len(data.train)
    assert len(whole) == loader.steps
    for k, batch in enumerate(loader.epoch(3, first_step=17), start=17):
        assert torch.equal(batch.images, whole[k].images)
        assert torch.equal(batch.labels, whole[k].labels)
    shares = [
        list(
            Loader(data, "train", 32, seed=5, augmentation=loader.augmentation, rank=r, world_size=2).epoch(3)
        )
        for r in range(2)
    ]
    for batch, one, two in zip(whole, *shares, strict=True):
        assert torch.equal(batch.images, torch.cat([one.images, two.images]))
        assert batch.total == one.total == len(batch.labels)
    assert not torch.equal(next(loader.epoch(4)).labels, whole[0].labels)
    with pytest.raises(BurstpropError, match="multiple of the number of processes"):
        Loader(data, "train", 33, world_size=2)


def test_loader_in_order_is_not_augmented():
    data = open_dataset("digits")
    loader = Loader(data, "test", 100, augmentation=Augmentation(flip=True))
    labels = torch.cat([batch.labels for batch in loader.in_order()])
    assert torch.equal(labels, data.test.labels)
    first = next(loader.in_order()).images[0, 0]
    want = (data.test.images[0, 0].float() / 255 - data.mean[0]) / data.sd[0]
    torch.testing.assert_close(first, want)


# on a machine with one core
@pytest.mark.filterwarnings("ignore:This DataLoader will create 2 worker processes")
@pytest.mark.parametrize("workers", [0, 2])
def test_file_loader(tmp_path, workers):
    data = open_dataset("imagenet", imagenet_layout(tmp_path, classes=2, train=6))
    loader = Loader(data, "train", 4, seed=2, workers=workers)
    batches = list(loader.epoch(0))
    assert [len(b.labels) for b in batches] == [4, 4, 2]
    assert batches[0].images.shape == (4, 3, 224, 224)
    # any batch can be had again, by any number of workers
    again = next(iter(Loader(data, "train", 4, seed=2, workers=0).epoch(0, first_step=1)))
    assert torch.equal(again.images, batches[1].images)
    # class 0 has no red, class 1 has, so images and labels belong together (greyscale images tell nothing)
    mean, sd = (torch.tensor(v).reshape(3, 1, 1) for v in (data.mean, data.sd))
    told = 0
    for batch in batches:
        red, _, blue = (batch.images * sd + mean).mean((2, 3)).T
        colourful = (red - blue).abs() > 0.02
        assert torch.equal((red[colourful] > 0.1).long(), batch.labels[colourful])
        told += int(colourful.sum())
    assert told == 8


@pytest.mark.parametrize("workers", [0, 1])
def test_file_loader_names_broken_images(tmp_path, workers):
    data = open_dataset("imagenet", imagenet_layout(tmp_path, classes=2, train=6))
    broken = data.train.path(3)
    with open(broken, "r+b") as file:
        file.truncate(500)
    with pytest.raises(BurstpropError, match="cannot be decoded") as caught:
        list(Loader(data, "train", 4, workers=workers).epoch(0))
    assert broken in str(caught.value)
    told = []
    loader = Loader(
        data,
        "train",
        4,
        workers=workers,
        on_broken="skip",
        on_skipped=lambda path, reason: told.append((path, reason)),
    )
    for epoch in range(2):
        batches = list(loader.epoch(epoch))
        assert sum(len(b.labels) for b in batches) == 9
        assert sum(b.total for b in batches) == 10
    assert [path for path, _ in told] == [broken]  # named once, not in every epoch
    assert list(loader.skipped) == [broken]


def test_a_batch_of_broken_images_keeps_its_place(tmp_path):
    data = open_dataset("imagenet", imagenet_layout(tmp_path, classes=2, train=4))
    for number in range(6):
        with open(data.train.path(number), "r+b") as file:
            file.truncate(300)
    loader = Loader(data, "train", 2, on_broken="skip")
    assert [len(batch.labels) for batch in loader.epoch(0)] == [0, 0, 0]
    assert len(loader.skipped) == 6


def test_augmentation_is_checked():
    with pytest.raises(BurstpropError, match="padding"):
        Augmentation(padding=-1)
    with pytest.raises(BurstpropError, match="exclude each other"):
        Augmentation(padding=4, least_area=0.5)
    with pytest.raises(BurstpropError, match="least_area"):
        Augmentation(least_area=1.5)
