"""Reading datasets: what is read is what was written, and broken or missing data are named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from image_folders import imagenet_layout, write_idx
from PIL import Image

from burstprop.errors import BurstpropError
from burstprop.reduced.data import ImageFiles, ImagesInMemory, Loader, open_dataset
from burstprop.reduced.data.cifar10 import BATCHES
from burstprop.reduced.data.dataset import ReadOptions, hold_out
from burstprop.reduced.data.mnist import FILES, read_idx


def small_mnist(folder: Path, suffix: str, images: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    pixels, labels = rng.integers(0, 256, (images, 28, 28)), np.arange(images) % 10
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(FILES, (pixels, labels, pixels[:20], labels[:20]), strict=True):
        write_idx(folder / f"{name}{suffix}", array)
    return pixels, labels


def test_digits_are_real_and_disjoint():
    data = open_dataset("digits")
    parts = [data.train, data.validation, data.test]
    assert sum(map(len, parts)) == 1797
    assert len(data.test) == 359
    assert data.shape == (1, 8, 8)
    assert sorted(set(data.test.labels.tolist())) == list(range(10))
    # mean and standard deviation are those of the images
    pixels = torch.cat([part.images for part in parts]).double() / 255
    assert pixels.mean().item() == pytest.approx(data.mean[0], abs=1e-3)
    assert pixels.std().item() == pytest.approx(data.sd[0], abs=1e-3)
    # no image stands in two parts (two pairs of the 1,797 images are equal to each other in the original too)
    seen = [{image.numpy().tobytes() for image in part.images} for part in parts]
    assert len(seen[0] & seen[2]) + len(seen[0] & seen[1]) + len(seen[1] & seen[2]) == 0


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("place", [".", "mnist", "MNIST/raw", "mnist/MNIST/raw"])
def test_mnist_reads_what_was_written(tmp_path, suffix, place):
    pixels, labels = small_mnist(tmp_path / place, suffix)
    data = open_dataset("mnist", tmp_path)
    assert len(data.train) == 50  # one in twelve, at least one of each class, is for validation
    assert len(data.validation) == 10
    held = hold_out(torch.from_numpy(labels), 1 / 12)[1]
    np.testing.assert_array_equal(data.validation.images[:, 0].numpy(), pixels[held])
    np.testing.assert_array_equal(data.test.images[:, 0].numpy(), pixels[:20])
    np.testing.assert_array_equal(data.test.labels.numpy(), labels[:20])


def test_mnist_missing_says_what_where_and_how(tmp_path):
    with pytest.raises(BurstpropError) as caught:
        open_dataset("mnist", tmp_path)
    text = str(caught.value)
    assert "train-images-idx3-ubyte" in text
    assert str(tmp_path / "mnist") in text
    assert "download" in text
    small_mnist(tmp_path, "")
    (tmp_path / FILES[1]).unlink()
    with pytest.raises(BurstpropError, match=f"found no {FILES[1]}"):
        open_dataset("mnist", tmp_path)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda raw: raw[:-7], "holds 47,033 bytes of data, but states 60 x 28 x 28"),
        (lambda raw: b"PK" + raw[2:], "is no IDX file"),
        (lambda raw: raw[:3], "is no IDX file"),
    ],
)
def test_damaged_idx_is_named(tmp_path, damage, says):
    small_mnist(tmp_path, "")
    path = tmp_path / FILES[0]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BurstpropError, match=says) as caught:
        open_dataset("mnist", tmp_path)
    assert str(path) in str(caught.value)


def test_cut_gzip_is_named(tmp_path):
    write_idx(tmp_path / "a.gz", np.zeros((4, 2)))
    (tmp_path / "a.gz").write_bytes((tmp_path / "a.gz").read_bytes()[:-9])
    with pytest.raises(BurstpropError, match="cannot be read"):
        read_idx(tmp_path / "a.gz")


@pytest.mark.parametrize("part", [0, 2])
def test_mnist_without_images_is_named(tmp_path, part):
    small_mnist(tmp_path, "")
    write_idx(tmp_path / FILES[part], np.zeros((0, 28, 28)))
    write_idx(tmp_path / FILES[part + 1], np.zeros(0))
    with pytest.raises(BurstpropError, match=f"{FILES[part]} holds no image"):
        open_dataset("mnist", tmp_path)


def test_mnist_labels_of_other_images(tmp_path):
    small_mnist(tmp_path, "")
    write_idx(tmp_path / FILES[1], np.zeros(59))
    with pytest.raises(BurstpropError, match="do not belong together"):
        open_dataset("mnist", tmp_path)


def small_cifar(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    images, labels = rng.integers(0, 256, (6, 20, 3072)), np.arange(120).reshape(6, 20) % 10
    folder.mkdir(parents=True, exist_ok=True)
    for k, name in enumerate((*BATCHES, "test_batch.bin")):
        records = np.concatenate([labels[k][:, None], images[k]], axis=1).astype(np.uint8)
        (folder / name).write_bytes(records.tobytes())
    return images, labels


@pytest.mark.parametrize("place", [".", "cifar10", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"])
def test_cifar10_binary_reads_what_was_written(tmp_path, place):
    images, labels = small_cifar(tmp_path / place)
    data = open_dataset("cifar10", tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (90, 10, 20)
    np.testing.assert_array_equal(data.test.images.reshape(20, -1).numpy(), images[5])
    np.testing.assert_array_equal(data.test.labels.numpy(), labels[5])
    kept = hold_out(torch.from_numpy(labels[:5].reshape(-1)), 0.1)[0]
    np.testing.assert_array_equal(
        data.train.images.reshape(90, -1).numpy(), images[:5].reshape(100, -1)[kept]
    )


def test_cifar10_cut_or_incomplete_is_named(tmp_path):
    small_cifar(tmp_path)
    (tmp_path / "data_batch_3.bin").write_bytes((tmp_path / "data_batch_3.bin").read_bytes()[:-1])
    with pytest.raises(BurstpropError, match=r"data_batch_3\.bin holds 61,459 bytes"):
        open_dataset("cifar10", tmp_path)
    (tmp_path / "data_batch_4.bin").unlink()
    with pytest.raises(BurstpropError, match=r"found no data_batch_4\.bin"):
        open_dataset("cifar10", tmp_path)
    with pytest.raises(BurstpropError, match="needs its data folder"):
        open_dataset("cifar10")


def test_image_folder_becomes_memory_for_cifar(tmp_path):
    imagenet_layout(tmp_path, classes=2, train=5, val=2, size=(32, 32))
    data = open_dataset("cifar10", tmp_path)
    assert isinstance(data.train, ImagesInMemory)
    assert data.train.images.shape == (8, 3, 32, 32)
    assert data.classes == ("n00000000", "n00000001")
    # the fourth image of a class is greyscale: equal channels
    grey = data.train.images[3].int()
    assert (grey[0] - grey[1]).abs().max() == 0
    assert (data.train.images[0].int()[0] - data.train.images[0].int()[2]).abs().max() > 30


def test_tiny_imagenet_as_downloaded(tmp_path):
    imagenet_layout(tmp_path, classes=3, train=4, val=2, size=(64, 64))
    lines = []
    for folder in sorted((tmp_path / "train").iterdir()):
        images = sorted(folder.iterdir())
        (folder / "images").mkdir()
        for image in images:
            image.rename(folder / "images" / image.name)
        (folder / f"{folder.name}_boxes.txt").write_text("")
    (tmp_path / "val" / "images").mkdir()
    for folder in sorted((tmp_path / "val").glob("n*")):
        for image in sorted(folder.iterdir()):
            image.rename(tmp_path / "val" / "images" / image.name)
            lines.append(f"{image.name}\t{folder.name}\t0\t0\t62\t62\n")
        folder.rmdir()
    (tmp_path / "val" / "val_annotations.txt").write_text("".join(lines))
    (tmp_path / "test" / "images").mkdir(parents=True)  # no labels there: not used
    data = open_dataset("tiny-imagenet", tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (9, 3, 6)
    assert data.test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.shape == (3, 64, 64)


def test_imagenet_stays_in_files(tmp_path):
    imagenet_layout(tmp_path, classes=3, train=5)
    data = open_dataset("imagenet", tmp_path)
    assert isinstance(data.train, ImageFiles)
    assert (len(data.train), len(data.validation), len(data.test)) == (12, 3, 9)
    assert data.shape == (3, 224, 224)
    assert not set(data.train.paths) & set(data.validation.paths)


def test_folder_layout_errors(tmp_path):
    with pytest.raises(BurstpropError, match="found no folders train/ and val/") as caught:
        open_dataset("imagenet", tmp_path)
    assert "ILSVRC2012_img_train.tar" in str(caught.value)
    with pytest.raises(BurstpropError, match="does not exist"):
        open_dataset("imagenet", tmp_path / "nowhere")
    imagenet_layout(tmp_path, classes=2, train=2)
    (tmp_path / "val" / "n00000009").mkdir()
    with pytest.raises(BurstpropError, match="hold no image"):
        open_dataset("imagenet", tmp_path)
    (tmp_path / "val" / "n00000001" / "n00000001_0.JPEG").rename(tmp_path / "val" / "n00000009" / "a.JPEG")
    with pytest.raises(BurstpropError, match="'n00000009', which has no training images"):
        open_dataset("imagenet", tmp_path)


def test_broken_image_stops_or_is_skipped(tmp_path):
    imagenet_layout(tmp_path, classes=2, train=5, val=2, size=(64, 64))
    broken = tmp_path / "train" / "n00000001" / "n00000001_2.JPEG"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(BurstpropError, match="cannot be decoded") as caught:
        open_dataset("tiny-imagenet", tmp_path)
    assert str(broken) in str(caught.value)
    assert "--on-broken-image skip" in str(caught.value)
    data = open_dataset("tiny-imagenet", tmp_path, ReadOptions(on_broken="skip"))
    assert data.broken == (str(broken),)
    assert len(data.train) + len(data.validation) == 9
    assert (data.train.labels == 1).sum() == 3


def test_what_is_left_out_of_image_folders_is_said_once(tmp_path, caplog):
    imagenet_layout(tmp_path, classes=3, train=4, val=1, size=(32, 32))
    train = tmp_path / "train"
    first = sorted((train / "n00000001").iterdir())
    # read: other formats, and folders within a class's folder
    for k, name in enumerate(("a.gif", "b.TIFF", "c.pgm")):
        with Image.open(first[k]) as image:
            image.convert("L").save(train / "n00000001" / name)
    (train / "n00000002" / "more" / "still").mkdir(parents=True)
    first[3].rename(train / "n00000002" / "more" / "still" / "d.JPEG")
    # left out: an image beside the class folders, a film, a class without test images
    (tmp_path / "train" / "astray.png").write_bytes(b"")
    (train / "n00000000" / "film.mov").write_bytes(b"")
    (train / "n00000000" / "boxes.txt").write_text("")
    (train / "n00000000" / ".hidden").write_text("")
    shutil.rmtree(tmp_path / "val" / "n00000002")
    data = open_dataset("cifar10", tmp_path)
    assert torch.bincount(torch.cat([data.train.labels, data.validation.labels])).tolist() == [4, 6, 5]
    of_training, of_testing = (record.getMessage() for record in caplog.records)
    assert f"images in no class folder, left out: 1 (the first: '{train / 'astray.png'}')" in of_training
    assert f", left out: 1 (the first: '{train / 'n00000000' / 'film.mov'}')" in of_training
    assert "boxes" not in of_training
    assert of_testing == f"{tmp_path / 'val'}: classes without images here: 1 (the first: 'n00000002')"


def test_sound_folders_bring_no_warning(tmp_path, caplog):
    open_dataset("cifar10", imagenet_layout(tmp_path, classes=2, train=2, val=1, size=(32, 32)))
    assert not caplog.records


def test_lines_of_the_annotations(tmp_path):
    imagenet_layout(tmp_path, classes=1, train=2, val=1, size=(64, 64))
    (tmp_path / "val" / "n00000000").rename(tmp_path / "val" / "images")
    line = "n00000000_0.JPEG\tn00000000\t0\t0\t62\t62\n"
    annotations = tmp_path / "val" / "val_annotations.txt"
    annotations.write_text(f"{line}\n  \n")
    assert len(open_dataset("tiny-imagenet", tmp_path).test) == 1
    annotations.write_text(f"{line}n00000000_1.JPEG n00000000\n")
    with pytest.raises(BurstpropError, match=r"line 2: 'n00000000_1\.JPEG n00000000' is not a file name and"):
        open_dataset("tiny-imagenet", tmp_path)


def grey_values(tmp_path: Path, *images: Image.Image, suffix: str = ".png") -> Path:
    """Make a folder dataset of one class whose training and test images are these."""
    for part in ("train", "val"):
        (tmp_path / part / "a").mkdir(parents=True)
        for k, image in enumerate(images):
            image.save(tmp_path / part / "a" / f"{k}{suffix}")
    return tmp_path


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".pgm"])
def test_grey_values_of_16_bits_become_8_bits(tmp_path, suffix):
    values = np.linspace(0, 65535, 32 * 32).reshape(32, 32).round().astype(np.uint16)
    data = open_dataset("cifar10", grey_values(tmp_path, *[Image.fromarray(values)] * 2, suffix=suffix))
    np.testing.assert_array_equal(data.test.images[0].numpy(), np.stack([np.round(values / 257)] * 3))
    assert data.test.images.min() == 0
    assert data.test.images.max() == 255


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_grey_values_of_unknown_range_are_broken(tmp_path, kind):
    sound = Image.fromarray(np.full((32, 32), 1000, np.uint16))
    strange = Image.fromarray(np.full((32, 32), 1000, kind))
    grey_values(tmp_path, sound, sound, strange, suffix=".tif")
    with pytest.raises(BurstpropError, match=r"2\.tif cannot be decoded .*black and white are not known"):
        open_dataset("cifar10", tmp_path)
    data = open_dataset("cifar10", tmp_path, ReadOptions(on_broken="skip"))
    assert [Path(path).name for path in data.broken] == ["2.tif", "2.tif"]


def test_more_pixels_than_pillow_allows_are_broken(tmp_path, monkeypatch):
    grey_values(tmp_path, *[Image.new("L", (32, 32))] * 2, Image.new("L", (64, 64)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 32 * 32)
    with pytest.raises(BurstpropError, match=r"2\.png cannot be decoded .*exceeds limit"):
        open_dataset("cifar10", tmp_path)
    assert len(open_dataset("cifar10", tmp_path, ReadOptions(on_broken="skip")).test) == 2
    loader = Loader(
        open_dataset("imagenet", tmp_path, ReadOptions(image_size=8)), "test", 3, on_broken="skip"
    )
    assert [len(batch.labels) for batch in loader.in_order()] == [2]


def test_unknown_names_list_near_ones():
    with pytest.raises(BurstpropError, match="did you mean 'mnist'"):
        open_dataset("mnits")
    with pytest.raises(BurstpropError, match="validation_fraction = 1"):
        ReadOptions(validation_fraction=1.0)
    with pytest.raises(BurstpropError, match="on_broken"):
        ReadOptions(on_broken="ignore")


def test_hold_out_takes_the_last_of_every_class():
    labels = torch.tensor([0, 1, 0, 1, 0, 1, 0, 0, 1, 0])  # six of class 0, four of class 1
    train, validation = hold_out(labels, 0.34)
    assert validation.tolist() == [7, 8, 9]
    assert train.tolist() == [0, 1, 2, 3, 4, 5, 6]
    with pytest.raises(BurstpropError, match="leaves no image to train on"):
        hold_out(torch.tensor([0, 0, 1]), 0.1)
