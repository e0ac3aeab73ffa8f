"""MNIST (LeCun, Cortes & Burges 1998): 60,000 training and 10,000 test images of digits, 28 x 28 pixels.

Read from the IDX files, gzipped or not. An IDX file begins with two zero bytes, the code of the element
type, the number of dimensions, and each dimension as a big-endian 32-bit number; the elements follow.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch

from burstprop.errors import BurstpropError
from burstprop.reduced.data.dataset import (
    ImageDataset,
    ImagesInMemory,
    ReadOptions,
    missing,
    need_folder,
    split_training,
)

MEAN, SD = 0.131, 0.308
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
PLACES = (".", "mnist", "MNIST/raw", "raw", "mnist/MNIST/raw")
HOW = (
    "download the four files "
    + ", ".join(f"{name}.gz" for name in FILES)
    + " (from a mirror of MNIST, or with torchvision.datasets.MNIST(DIR, download=True), which puts them "
    "in DIR/MNIST/raw), "
    "and give their folder or the one above it"
)


def read_idx(path: Path) -> np.ndarray:
    """Return the bytes of an IDX file as a uint8 array of the stated shape.

    Raises
    ------
    BurstpropError
        When the file is no IDX file of unsigned bytes, is cut off, has bytes left over or is no sound gzip
        file.
    """
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise BurstpropError(f"{path} cannot be read ({error}); download it again") from None
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != 8 or not 1 <= raw[3] <= 4 or len(raw) < 4 + 4 * raw[3]:
        raise BurstpropError(
            f"{path} is no IDX file of unsigned bytes (it begins with {raw[:4]!r}); download it again"
        )
    shape = struct.unpack(f">{raw[3]}I", raw[4 : 4 + 4 * raw[3]])
    data = np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3])
    if len(data) != math.prod(shape):
        raise BurstpropError(
            f"{path} holds {len(data):,} bytes of data, but states {' x '.join(map(str, shape))}; download "
            "it again"
        )
    return data.reshape(shape)


def _find(folder: Path) -> list[Path]:
    lacking: list[str] = []
    for place in PLACES:
        found = []
        for name in FILES:
            for candidate in (folder / place / name, folder / place / f"{name}.gz"):
                if candidate.is_file():
                    found.append(candidate)
                    break
        if len(found) == len(FILES):
            return found
        if found:
            there = {path.name.removesuffix(".gz") for path in found}
            lacking = [name for name in FILES if name not in there]
    looked_for = f"{' and '.join(lacking or FILES)} (with or without .gz)"
    raise missing("MNIST", looked_for, [(folder / place).resolve() for place in PLACES], HOW)


def _part(images_path: Path, labels_path: Path) -> ImagesInMemory:
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise BurstpropError(
            f"{images_path} holds an array of shape {images.shape} and {labels_path} one of {labels.shape}: "
            "images and labels do not belong together; download both again"
        )
    if images.size == 0:
        raise BurstpropError(
            f"{images_path} holds no image (an array of shape {images.shape}); download it again"
        )
    if labels.max(initial=0) > 9:
        raise BurstpropError(
            f"{labels_path} holds the label {labels.max()}, but digits are 0 to 9; download it again"
        )
    return ImagesInMemory(torch.from_numpy(images.copy())[:, None], torch.from_numpy(labels.astype(np.int64)))


def read(folder: Path | None, options: ReadOptions) -> ImageDataset:
    """Read MNIST; 5,000 of the 60,000 training images are for validation unless told otherwise."""
    paths = _find(need_folder("mnist", folder, HOW))
    everything, test = _part(*paths[:2]), _part(*paths[2:])
    fraction = 1 / 12 if options.validation_fraction is None else options.validation_fraction
    train, validation = split_training(everything, fraction)
    _, _, height, width = everything.images.shape
    return ImageDataset(
        name="mnist",
        train=train,
        validation=validation,
        test=test,
        classes=tuple("0123456789"),
        shape=(1, height, width),
        mean=(MEAN,),
        sd=(SD,),
        source=str(paths[0].parent),
    )
