"""Tiny ImageNet: 200 classes of ImageNet (or some of them) at 64 x 64 pixels, decoded once into memory.

500 training images for each class; the 50 labelled validation images of each class serve as test images.
"""

from __future__ import annotations

from pathlib import Path

from burstprop.reduced.data.augmentation import Augmentation
from burstprop.reduced.data.dataset import (
    IMAGENET_MEAN,
    IMAGENET_SD,
    ImageDataset,
    ReadOptions,
    missing,
    need_folder,
    split_training,
)
from burstprop.reduced.data.imagefolder import find_folders, read_folders_into_memory

SIZE = 64
HOW = (
    "download and unpack tiny-imagenet-200.zip (Stanford CS231n) and give its folder, as it is; or any "
    "folder with "
    "train/<class>/*.JPEG and val/<class>/*.JPEG"
)


def read(folder: Path | None, options: ReadOptions) -> ImageDataset:
    """Read Tiny ImageNet; a tenth of the training images is for validation unless told otherwise."""
    folder = need_folder("tiny-imagenet", folder, HOW)
    places = [folder, *(folder / name for name in ("tiny-imagenet-200", "tiny-imagenet", "tiny-imagenet-50"))]
    found = next(filter(None, map(find_folders, places)), None)
    if found is None:
        raise missing(
            "Tiny ImageNet", "folders train/ and val/ of images", [p.resolve() for p in places], HOW
        )
    size = options.image_size or SIZE
    everything, test, classes, broken = read_folders_into_memory("Tiny ImageNet", found, size, options)
    train, validation = split_training(everything, options.validation_fraction or 0.1)
    return ImageDataset(
        name="tiny-imagenet",
        train=train,
        validation=validation,
        test=test,
        classes=classes,
        shape=(3, size, size),
        mean=IMAGENET_MEAN,
        sd=IMAGENET_SD,
        augmentation=Augmentation(padding=size // 8, flip=True),
        source=str(found.train.parent),
        broken=broken,
    )
