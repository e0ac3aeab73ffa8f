"""Data that would unpack to more than they should are refused before they are unpacked."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from image_folders import imagenet_layout
from PIL import Image

from burstprop.errors import BurstpropError
from burstprop.reduced.data import dataset, imagefolder, open_dataset
from burstprop.reduced.data.cifar10 import read_batch
from burstprop.reduced.data.dataset import ReadOptions
from burstprop.reduced.data.mnist import read_idx
from burstprop.reduced.train.checkpoint import load_checkpoint

MIB = 2**20


def peak_of(refused) -> int:
    """Return the most memory in bytes that a call took which has to be refused."""
    tracemalloc.start()
    try:
        with pytest.raises(BurstpropError) as caught:
            refused()
        assert "\n" not in str(caught.value)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def idx(*shape: int) -> bytes:
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    """200 MiB of zeros in 200 kB, that state 60,000 bytes; and a header that states 4e18."""
    bomb = tmp_path / "bomb.gz"
    with gzip.open(bomb, "wb") as file:
        file.write(idx(60_000))
        for _ in range(200):
            file.write(bytes(MIB))
    assert bomb.stat().st_size < MIB
    assert peak_of(lambda: read_idx(bomb)) < 5 * MIB
    with gzip.open(tmp_path / "large.gz", "wb") as file:
        file.write(idx(2**31, 2**31))
    with pytest.raises(BurstpropError, match=r"states 2147483648 x 2147483648, .* at most"):
        read_idx(tmp_path / "large.gz")


def test_an_idx_file_of_the_largest_size_is_the_last_that_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "LARGEST_FILE", 1000)
    for suffix, opened in (("", open), (".gz", gzip.open)):
        for size in (1000, 1001):
            path = tmp_path / f"{size}{suffix}"
            with opened(path, "wb") as file:
                file.write(idx(size) + bytes(size))
        assert read_idx(tmp_path / f"1000{suffix}").shape == (1000,)
        with pytest.raises(BurstpropError, match="at most 1,000 bytes"):
            read_idx(tmp_path / f"1001{suffix}")


def test_a_batch_of_cifar10_has_a_largest_size(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "LARGEST_FILE", 2 * 3073)
    (tmp_path / "good.bin").write_bytes(bytes(2 * 3073))
    assert len(read_batch(tmp_path / "good.bin")) == 2
    (tmp_path / "large.bin").write_bytes(bytes(3 * 3073))
    with pytest.raises(BurstpropError, match="at most 6,146 bytes"):
        read_batch(tmp_path / "large.bin")


def test_an_image_of_too_many_pixels_is_a_broken_one(tmp_path):
    """A white PNG of 16,384 x 8,192 pixels, 400 MB unpacked, in 20 kB; in memory and in worker processes."""
    data = imagenet_layout(tmp_path / "data", classes=2, train=3, val=1, size=(32, 32))
    bomb = data / "train" / "n00000000" / "bomb.png"
    Image.new("1", (16_384, 8_192), 1).save(bomb)
    assert bomb.stat().st_size < MIB
    assert imagefolder.MOST_PIXELS < 16_384 * 8_192
    assert peak_of(lambda: open_dataset("tiny-imagenet", data, ReadOptions(image_size=8))) < 50 * MIB
    kept = open_dataset("tiny-imagenet", data, ReadOptions(image_size=8, on_broken="skip"))
    assert kept.broken == (str(bomb),)


def test_images_are_decoded_up_to_the_most_pixels(tmp_path, monkeypatch):
    """Pillow itself warns of images a little larger, and only then."""
    data = imagenet_layout(tmp_path / "data", classes=2, train=3, val=1, size=(32, 32))
    for most, broken in ((32 * 32, 0), (32 * 32 - 1, 8)):
        monkeypatch.setattr(imagefolder, "MOST_PIXELS", most)
        found = []
        for path in data.rglob("*.JPEG"):
            try:
                imagefolder.decode(str(path), 8)
            except ValueError as error:
                found.append(str(error))
        assert len(found) == broken
        assert all(text.startswith("32 x 32 pixels, and at most 1,023") for text in found)


def test_images_that_do_not_fit_into_memory_are_refused_beforehand(tmp_path):
    data = imagenet_layout(tmp_path / "data", classes=2, train=3, val=1, size=(32, 32))
    with pytest.raises(BurstpropError, match=r"take 18,000 GB, more memory than there is"):
        open_dataset("tiny-imagenet", data, ReadOptions(image_size=1_000_000))


def test_a_compressed_checkpoint_is_not_unpacked(tmp_path):
    """torch.save compresses nothing, so a part that is compressed was put there by somebody else."""
    bomb = tmp_path / "checkpoint.pt"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("checkpoint/data.pkl", bytes(200 * MIB))
    assert bomb.stat().st_size < MIB
    assert peak_of(lambda: load_checkpoint(bomb)) < 5 * MIB
    with pytest.raises(BurstpropError, match="a part of it is compressed"):
        load_checkpoint(bomb)


def test_a_checkpoint_whose_parts_lie_over_one_another_is_refused(tmp_path):
    """Many entries of one archive may name the same stored bytes: more in sum than the file is long."""
    path = tmp_path / "checkpoint.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("checkpoint/data.pkl", np.zeros(MIB, np.uint8).tobytes())
        (one,) = archive.infolist()
        for k in range(50):
            twin = zipfile.ZipInfo(f"checkpoint/data/{k}")
            for name in ("header_offset", "CRC", "compress_size", "file_size"):
                setattr(twin, name, getattr(one, name))
            archive.filelist.append(twin)
            archive.NameToInfo[twin.filename] = twin
    assert path.stat().st_size < 2 * MIB
    with pytest.raises(BurstpropError, match="not a sound checkpoint"):
        load_checkpoint(path)
