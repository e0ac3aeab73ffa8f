"""What a dataset is, and the table of those known: `open_dataset` reads one by its name."""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from burstprop.errors import BurstpropError, near
from burstprop.reduced.data.augmentation import Augmentation

LARGEST_FILE = 2**31
"""Largest file in bytes, unpacked, that is read into memory as a whole; EMNIST's largest has 5.5e8."""
IMAGENET_MEAN, IMAGENET_SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's red, green and blue, the usual ones for CIFAR-10 and ImageNet."""


@dataclass(frozen=True)
class ImagesInMemory:
    """Images of one size as a uint8 tensor (images, channels, height, width), and their labels (int64)."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def select(self, indices: np.ndarray) -> ImagesInMemory:
        """Return the images of these numbers."""
        chosen = torch.from_numpy(indices)
        return ImagesInMemory(self.images[chosen], self.labels[chosen])


@dataclass(frozen=True)
class ImageFiles:
    """Images that stay in their files and are decoded by worker processes, with their labels (int64)."""

    paths: np.ndarray
    """Paths as an array of bytes: not a million Python objects that every worker process would copy."""
    labels: torch.Tensor
    size: int
    """Side of the square that a network sees, in pixels."""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def path(self, number: int) -> str:
        """Return the path of an image."""
        return os.fsdecode(self.paths[number])

    def select(self, indices: np.ndarray) -> ImageFiles:
        """Return the files of these numbers."""
        return ImageFiles(self.paths[indices], self.labels[torch.from_numpy(indices)], self.size)


Images = ImagesInMemory | ImageFiles


@dataclass(frozen=True)
class ImageDataset:
    """The three splits of a dataset, its classes, and how its images are prepared."""

    name: str
    train: Images
    validation: Images
    """Taken from the training data; settings are chosen on it."""
    test: Images
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    """Channels, height and width of an image."""
    mean: tuple[float, ...]
    """Mean of each channel, on a scale from 0 to 1."""
    sd: tuple[float, ...]
    augmentation: Augmentation = field(default_factory=Augmentation)
    """The usual augmentation of its training images."""
    source: str = ""
    """Folder it was read from."""
    broken: tuple[str, ...] = ()
    """Images left out because they could not be decoded."""

    def split(self, name: str) -> Images:
        """Return ``train``, ``validation`` or ``test`` by name."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        if name not in splits:
            raise BurstpropError(f"split {name!r} of a dataset: {near(name, splits)}")
        return splits[name]


@dataclass(frozen=True)
class ReadOptions:
    """What the reader of a dataset may be told."""

    validation_fraction: float | None = None
    """Part of the training images of every class that is kept for validation; None: the dataset's own."""
    workers: int = 1
    """Threads that decode image files into memory."""
    on_broken: str = "stop"
    """``"stop"`` or ``"skip"``: what to do with an image that cannot be decoded."""
    progress: bool | None = False
    """Whether to show the progress of decoding; None: on a terminal."""
    image_size: int | None = None
    """Side in pixels of the images of a folder dataset; None: the dataset's own."""

    def __post_init__(self) -> None:
        """Check the fields."""
        fraction = self.validation_fraction
        if fraction is not None and not 0 < fraction < 1:
            raise BurstpropError(
                f"validation_fraction = {fraction:g}: must be above 0 and below 1 (a part of the training "
                "images of every "
                "class; there is always one, so that no setting is chosen on the test images)"
            )
        if self.on_broken not in ("stop", "skip"):
            raise BurstpropError(f"on_broken = {self.on_broken!r}: {near(self.on_broken, ['stop', 'skip'])}")
        if self.workers < 1:
            raise BurstpropError(f"workers = {self.workers}: must be at least 1 (threads that decode images)")
        if self.image_size is not None and self.image_size < 8:
            raise BurstpropError(f"image_size = {self.image_size} pixels: must be at least 8")


DATASETS: dict[str, tuple[str, str]] = {
    "digits": ("burstprop.reduced.data.digits", "1,797 handwritten digits, 8 x 8, shipped with burstprop"),
    "mnist": (
        "burstprop.reduced.data.mnist",
        "70,000 handwritten digits, 28 x 28 (IDX files, gzipped or not)",
    ),
    "cifar10": (
        "burstprop.reduced.data.cifar10",
        "60,000 images of 10 classes, 32 x 32 (binary batches or folders)",
    ),
    "tiny-imagenet": (
        "burstprop.reduced.data.tiny_imagenet",
        "200 classes or some of them, 64 x 64 (image folders)",
    ),
    "imagenet": ("burstprop.reduced.data.imagenet", "photographs in folders, cropped to 224 x 224"),
}
"""Name of every dataset -> the module whose ``read(folder, options)`` reads it, and what it is."""
ANY_SIZE = ("tiny-imagenet", "imagenet")
"""Datasets whose images are brought to the size that is asked for."""


def open_dataset(
    name: str, folder: str | Path | None = None, options: ReadOptions | None = None
) -> ImageDataset:
    """Read a dataset.

    Parameters
    ----------
    name : str
        One of `DATASETS`.
    folder : path, optional
        Folder that holds the data, or a folder above it. The digits are shipped and take none.
    options : ReadOptions, optional
        Validation split, decoding threads, broken images, image size.

    Raises
    ------
    BurstpropError
        For an unknown name, or an image size that the dataset does not take; for missing or broken data,
        saying what was looked for, where, and how to get it.
    """
    options = options or ReadOptions()
    if name not in DATASETS:
        raise BurstpropError(f"dataset {name!r} is not known: {near(name, DATASETS)}")
    if options.image_size is not None and name not in ANY_SIZE:
        raise BurstpropError(
            f"image_size = {options.image_size} pixels: images of {name!r} have one size; leave out "
            f"--image-size, or name a dataset of images of any size (--dataset {' or '.join(ANY_SIZE)})"
        )
    path = None if folder is None else Path(folder).expanduser()
    if path is not None and name != "digits" and not path.is_dir():
        raise BurstpropError(
            f"data folder {str(path)!r} of dataset {name!r} "
            f"{'is not a folder' if path.exists() else 'does not exist'}; "
            "give the folder that holds the data (--data DIR)"
        )
    return importlib.import_module(DATASETS[name][0]).read(path, options)


def hold_out(labels: torch.Tensor, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the images to train on and of those kept for validation.

    The last images of every class, in the order of the files, are kept: at least one of each class, the
    same ones for every seed.

    Raises
    ------
    BurstpropError
        When a class would have no image left to train on.
    """
    array = labels.numpy()
    by_class = np.argsort(array, kind="stable")
    counts = np.bincount(array)
    kept = []
    for end, count in zip(np.cumsum(counts), counts, strict=True):
        number = max(1, math.floor(count * fraction + 0.5)) if count else 0
        if count and number >= count:
            raise BurstpropError(
                f"validation_fraction = {fraction:g} leaves no image to train on in a class of {count}; "
                "use more images or a smaller fraction"
            )
        kept.append(by_class[end - number : end])
    validation = np.sort(np.concatenate(kept))
    return np.setdiff1d(np.arange(len(array)), validation), validation


def split_training(images: Images, fraction: float) -> tuple[Images, Images]:
    """Return the training and the validation split of the training data; see `hold_out`."""
    train, validation = hold_out(images.labels, fraction)
    return images.select(train), images.select(validation)


def check_size(path: Path, size: int, stated: str = "holds") -> None:
    """Raise BurstpropError for a file of more bytes, unpacked, than `LARGEST_FILE`."""
    if size > LARGEST_FILE:
        raise BurstpropError(
            f"{path} {stated} {size:,} bytes, but at most {LARGEST_FILE:,} bytes are read into memory: get "
            "it again, or unpack it into images (--dataset imagenet reads them one by one)"
        )


def missing(name: str, looked_for: str, places: Sequence[Path], how: str) -> BurstpropError:
    """Return the error for data that are not there: what was looked for, where, and how to get it."""
    where = "\n  ".join(str(place) for place in places)
    return BurstpropError(f"{name}: found no {looked_for} in\n  {where}\nHow to get it: {how}")


def need_folder(name: str, folder: Path | None, how: str) -> Path:
    """Return the folder, or say that one must be given and what belongs into it."""
    if folder is None:
        raise BurstpropError(f"dataset {name!r} needs its data folder: give --data DIR. How to get it: {how}")
    return folder
