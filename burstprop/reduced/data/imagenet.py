"""ImageNet (ILSVRC 2012), or any photographs in folders: read from their files by worker processes.

Training: a crop of random area and aspect ratio, resized to 224 x 224, and a flip. Testing: the central
crop of 7/8 of the shorter side, resized to 224 x 224. The labelled validation images serve as test images.
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
from burstprop.reduced.data.imagefolder import find_folders, list_files

SIZE = 224
HOW = (
    "download ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar from image-net.org, unpack each class into "
    "train/<class>/*.JPEG, sort the validation images by their classes into val/<class>/*.JPEG, and give "
    "the folder "
    "that holds train/ and val/"
)


def read(folder: Path | None, options: ReadOptions) -> ImageDataset:
    """List ImageNet's images; one training image in a hundred is for validation unless told otherwise."""
    folder = need_folder("imagenet", folder, HOW)
    places = [folder, folder / "imagenet", folder / "ILSVRC2012"]
    found = next(filter(None, map(find_folders, places)), None)
    if found is None:
        looked_for = "folders train/ and val/ with one folder of images for each class"
        raise missing("ImageNet", looked_for, [p.resolve() for p in places], HOW)
    size = options.image_size or SIZE
    everything, test, classes = list_files(found, size)
    train, validation = split_training(everything, options.validation_fraction or 0.01)
    return ImageDataset(
        name="imagenet",
        train=train,
        validation=validation,
        test=test,
        classes=classes,
        shape=(3, size, size),
        mean=IMAGENET_MEAN,
        sd=IMAGENET_SD,
        augmentation=Augmentation(flip=True, least_area=0.08),
        source=str(found.train.parent),
    )
