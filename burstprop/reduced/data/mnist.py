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
    check_size,
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

    No more is unpacked than the file states, and no more than a largest size.

    Raises
    ------
    BurstpropError
        When the file is no IDX file of unsigned bytes, is too large, is cut off, has bytes left over or is no
        sound gzip file.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            head = file.read(4)
            dimensions = head[3] if len(head) == 4 else 0
            sizes = file.read(4 * dimensions) if head[:3] == b"\0\0\x08" and 1 <= dimensions <= 4 else b""
            if not sizes or len(sizes) < 4 * dimensions:
                raise BurstpropError(
                    f"{path} is no IDX file of unsigned bytes (it begins with {head!r}); download it again"
                )
            shape = struct.unpack(f">{dimensions}I", sizes)
            stated = " x ".join(map(str, shape))
            check_size(path, math.prod(shape), f"states {stated}, that is")
            # a byte more than stated, so that one left over is noticed
            data = np.frombuffer(file.read(math.prod(shape) + 1), np.uint8)
    except (OSError, EOFError, zlib.error) as error:
        raise BurstpropError(f"{path} cannot be read ({error}); download it again") from None
    if len(data) != math.prod(shape):
        found = f"{len(data):,}" if len(data) < math.prod(shape) else f"more than {math.prod(shape):,}"
        raise BurstpropError(f"{path} holds {found} bytes of data, but states {stated}; download it again")
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
