"""CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test colour images of ten classes, 32 x 32 pixels.

Read from the binary version (data_batch_1.bin to data_batch_5.bin and test_batch.bin: records of one byte
for the class and 3,072 for the red, green and blue planes) or from image folders, train/<class>/*.png and
test/<class>/*.png (or JPEG), which are decoded once into memory.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from burstprop.errors import BurstpropError
from burstprop.reduced.data.augmentation import Augmentation
from burstprop.reduced.data.dataset import (
    IMAGENET_MEAN,
    IMAGENET_SD,
    ImageDataset,
    ImagesInMemory,
    ReadOptions,
    check_size,
    missing,
    need_folder,
    split_training,
)
from burstprop.reduced.data.imagefolder import find_folders, read_folders_into_memory

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BATCHES = tuple(f"data_batch_{k}.bin" for k in range(1, 6))
RECORD = 1 + 3 * 32 * 32
SIZE = 32
HOW = (
    "download the 'binary version' of CIFAR-10 (cifar-10-binary.tar.gz, suitable for C programs) from its "
    "home page, unpack "
    "it and give the folder cifar-10-batches-bin; or give a folder with train/<class>/*.png and "
    "test/<class>/*.png (JPEG is "
    "fine). The 'python version' is pickled and is not read."
)


def read_batch(path: Path) -> ImagesInMemory:
    """Return the images of one binary batch.

    Raises
    ------
    BurstpropError
        When the file is missing, too large, no whole number of records, or names a class beyond nine.
    """
    check_size(path, path.stat().st_size)
    raw = np.fromfile(path, np.uint8)
    if len(raw) == 0 or len(raw) % RECORD:
        raise BurstpropError(
            f"{path} holds {len(raw):,} bytes, which is not a whole number of records of {RECORD} bytes; "
            "download it again"
        )
    records = raw.reshape(-1, RECORD)
    if records[:, 0].max() > 9:
        raise BurstpropError(
            f"{path} names the class {records[:, 0].max()}, but there are 0 to 9; download it again"
        )
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, SIZE, SIZE).copy())
    return ImagesInMemory(images, torch.from_numpy(records[:, 0].astype(np.int64)))


def _read_binary(folder: Path) -> tuple[ImagesInMemory, ImagesInMemory]:
    absent = [name for name in (*BATCHES, "test_batch.bin") if not (folder / name).is_file()]
    if absent:
        raise missing("CIFAR-10", " and ".join(absent), [folder.resolve()], HOW)
    parts = [read_batch(folder / name) for name in BATCHES]
    images = torch.cat([part.images for part in parts])
    return ImagesInMemory(images, torch.cat([part.labels for part in parts])), read_batch(
        folder / "test_batch.bin"
    )


def read(folder: Path | None, options: ReadOptions) -> ImageDataset:
    """Read CIFAR-10 from a folder; a tenth of the training images is for validation unless told otherwise."""
    folder = need_folder("cifar10", folder, HOW)
    below = (".", "cifar-10-batches-bin", "cifar10", "cifar10/cifar-10-batches-bin")
    places = [folder / place for place in below]
    broken: tuple[str, ...] = ()
    classes: tuple[str, ...] = CLASSES
    for place in places:
        if any((place / name).is_file() for name in (*BATCHES, "test_batch.bin")):
            everything, test = _read_binary(place)
            break
        found = find_folders(place)
        if found is not None:
            everything, test, classes, broken = read_folders_into_memory("CIFAR-10", found, SIZE, options)
            break
    else:
        looked_for = "data_batch_1.bin ... test_batch.bin, and no folders train/ and test/ with classes,"
        raise missing("CIFAR-10", looked_for, [p.resolve() for p in places], HOW)
    train, validation = split_training(everything, options.validation_fraction or 0.1)
    return ImageDataset(
        name="cifar10",
        train=train,
        validation=validation,
        test=test,
        classes=classes,
        shape=(3, SIZE, SIZE),
        mean=IMAGENET_MEAN,
        sd=IMAGENET_SD,
        augmentation=Augmentation(padding=4, flip=True),
        source=str(place),
        broken=broken,
    )
