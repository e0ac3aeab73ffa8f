"""Images in folders: one folder for each class, greyscale or colour, decoded with Pillow.

JPEG, PNG, GIF (its first picture), TIFF, BMP, PPM and the other formats of `EXTENSIONS`. Images in folders
within a class's folder belong to the class. What looks like data and is left out is named in one warning.

Layouts understood: ``train/<class>/*.JPEG`` with ``test/`` or ``val/<class>/*.JPEG`` beside it (ImageNet
after sorting its validation images into folders, and most others), and Tiny ImageNet as it is downloaded:
``train/<class>/images/*.JPEG``,
``val/images/*.JPEG`` and ``val/val_annotations.txt``. The labelled validation images of ImageNet and Tiny
ImageNet serve as test images here; the validation split is taken from the training images.
"""

from __future__ import annotations

import logging
import math
import os
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from burstprop.errors import BurstpropError
from burstprop.reduced.data.augmentation import centre_crop
from burstprop.reduced.data.dataset import ImageFiles, ImagesInMemory, ReadOptions

if TYPE_CHECKING:
    from PIL.Image import Image

logger = logging.getLogger("burstprop")
EXTENSIONS = (
    ".jpeg", ".jpg", ".jpe", ".jfif", ".png", ".gif", ".tiff", ".tif", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm",
    ".webp", ".jp2", ".tga",
)  # fmt: skip
MOST_PIXELS = 80_000_000
"""Most pixels of an image; decoded it takes three bytes for each. Pillow warns from 89 million on."""
TEST_NAMES = ("test", "val", "validation")
BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error)
"""What `open_image`, and Pillow for what it gives, raises for a file that is not a sound image."""


@dataclass(frozen=True)
class Folders:
    """Where the training and the test images of a folder dataset are."""

    train: Path
    test: Path


def find_folders(folder: Path) -> Folders | None:
    """Return the training and test folder below ``folder``, or None if it has no such layout."""
    if not (folder / "train").is_dir():
        return None
    for name in TEST_NAMES:
        if (folder / name).is_dir() and _has_labels(folder / name):
            return Folders(folder / "train", folder / name)
    return None


def _has_labels(folder: Path) -> bool:
    """Whether the images of a test folder have classes (Tiny ImageNet's test/ has none)."""
    if (folder / "val_annotations.txt").is_file():
        return True
    with os.scandir(folder) as entries:
        return any(entry.is_dir() and entry.name != "images" for entry in entries)


def _image_paths(folder: Path, others: list[str]) -> list[str]:
    """Return the images of a class, folder by folder; add to ``others`` what has no image's name.

    Hidden files and folders, and text (bounding boxes, licences), are no data and pass without a word.
    """
    paths = []
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(EXTENSIONS):
                paths.append(os.path.join(place, name))
            elif not name.startswith(".") and not name.lower().endswith(".txt"):
                others.append(os.path.join(place, name))
    return paths


def _annotated(path: Path) -> dict[str, list[str]]:
    """Return the paths of every class that Tiny ImageNet's val_annotations.txt names."""
    by_class: dict[str, list[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        fields = line.split("\t")
        if len(fields) < 2:
            raise BurstpropError(
                f"{path}, line {number}: {line[:80]!r} is not a file name and class with a tab between them; "
                "correct the line or unpack the data again"
            )
        by_class.setdefault(fields[1], []).append(os.path.join(path.parent, "images", fields[0]))
    return by_class


def _warn_of(left_out: list[tuple[list[str], str]], folder: Path) -> None:
    """Say in one warning what is there, or expected, and not used: how many, the first, and what it is."""
    told = [f"{what}: {len(names):,} (the first: {names[0]!r})" for names, what in left_out if names]
    if told:
        logger.warning("%s: %s", folder, "; ".join(told))


def list_images(
    folder: Path, classes: tuple[str, ...] | None = None
) -> tuple[list[str], list[int], tuple[str, ...]]:
    """Return the paths of all images below a folder, their labels, and the classes (folder names, sorted).

    Parameters
    ----------
    folder : path
        Holds one folder for each class, or Tiny ImageNet's ``images`` and ``val_annotations.txt``.
    classes : tuple of str, optional
        The classes of the training images, which label those of a test folder.

    Raises
    ------
    BurstpropError
        For a folder without images, an empty class, a test class that has no training images, or a line of
        val_annotations.txt that cannot be read.

    Warns
    -----
    In the log, with number and first name: of images outside class folders, of files of other kinds within
    them, and of classes that are trained and not tested.
    """
    by_class: dict[str, list[str]] = {}
    outside: list[str] = []
    others: list[str] = []
    if (folder / "val_annotations.txt").is_file():
        by_class = _annotated(folder / "val_annotations.txt")
    else:
        for place in sorted(folder.iterdir()):
            if place.is_dir():
                by_class[place.name] = _image_paths(place, others)
            elif place.name.lower().endswith(EXTENSIONS):
                outside.append(str(place))
    names = classes or tuple(sorted(by_class))
    if not by_class:
        raise BurstpropError(
            f"{folder.resolve()} holds no folder of images; it needs one folder for each class"
        )
    empty = [name for name, paths in by_class.items() if not paths]
    if empty:
        raise BurstpropError(
            f"{folder.resolve()}: {len(empty)} of {len(by_class)} class folders hold no image "
            f"({', '.join(EXTENSIONS)}), the first of them {empty[0]!r}; unpack the data again or remove "
            "the folder"
        )
    strange = sorted(set(by_class) - set(names))
    if strange:
        raise BurstpropError(
            f"{folder.resolve()} has the class {strange[0]!r}, which has no training images "
            f"({len(strange)} such of {len(by_class)}); training and test folders do not belong together"
        )
    _warn_of(
        [
            (outside, "images in no class folder, left out"),
            (others, f"files that are no images by their names ({', '.join(EXTENSIONS)}), left out"),
            ([name for name in names if name not in by_class], "classes without images here"),
        ],
        folder,
    )
    paths, labels = [], []
    for name in sorted(by_class):
        paths += by_class[name]
        labels += [names.index(name)] * len(by_class[name])
    return paths, labels, names


def list_files(folders: Folders, size: int) -> tuple[ImageFiles, ImageFiles, tuple[str, ...]]:
    """Return the training and the test images as files, and the classes."""
    paths, labels, classes = list_images(folders.train)
    test_paths, test_labels, _ = list_images(folders.test, classes)
    train = ImageFiles(np.array([os.fsencode(p) for p in paths]), torch.tensor(labels), size)
    return (
        train,
        ImageFiles(np.array([os.fsencode(p) for p in test_paths]), torch.tensor(test_labels), size),
        classes,
    )


def broken_image(path: str, error: BaseException) -> BurstpropError:
    """Return the error that stops a run at an image that cannot be decoded."""
    return BurstpropError(
        f"image {path} cannot be decoded ({type(error).__name__}: {error}); restore or remove it, or go on "
        "without such "
        "images with --on-broken-image skip"
    )


@contextmanager
def open_image(path: str) -> Iterator[Image]:
    """Open an image file with Pillow.

    Raises
    ------
    ValueError
        For more than `MOST_PIXELS` pixels; nothing of such an image is decoded. Pillow's own error, for twice
        as many, is no kind of ValueError or OSError.
    """
    from PIL import Image as PillowImage

    try:
        with PillowImage.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(
                    f"{image.width} x {image.height} pixels, and at most {MOST_PIXELS:,} are decoded"
                )
            yield image
    except (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning) as error:
        raise ValueError(str(error)) from None


def decode(path: str, size: int) -> np.ndarray:
    """Return an image as uint8 (3, size, size): RGB, the largest central square, resized where needed."""
    with open_image(path) as image:
        return np.asarray(centre_crop(image, size, 1.0)).transpose(2, 0, 1)


def decode_all(label: str, files: ImageFiles, options: ReadOptions) -> tuple[ImagesInMemory, list[str]]:
    """Decode files into memory; return the images and the paths of the broken ones left out.

    Raises
    ------
    BurstpropError
        For more than fits into memory; at the first broken image, unless these are to be skipped; when none
        is left.
    """
    from burstprop.system.progress import Progress

    shape = (len(files), 3, files.size, files.size)
    try:
        images = np.empty(shape, np.uint8)
    except (MemoryError, ValueError):  # the latter for sizes beyond 64 bits
        raise BurstpropError(
            f"{label}: {len(files):,} images of {files.size} x {files.size} pixels take "
            f"{math.prod(shape) / 1e9:,.0f} GB, more memory than there is: a smaller image_size "
            "(--image-size) takes less, and --dataset imagenet reads its images one by one"
        ) from None

    def fill(k: int) -> tuple[int, Exception | None]:
        try:
            images[k] = decode(files.path(k), files.size)
        except BROKEN as error:
            return k, error
        return k, None

    sound = np.ones(len(files), bool)
    progress = Progress(len(files), f"decoding {label}", unit="images", enabled=options.progress)
    with progress, ThreadPoolExecutor(options.workers) as pool:
        for done, (k, error) in enumerate(pool.map(fill, range(len(files))), start=1):
            if error is not None:
                if options.on_broken == "stop":
                    pool.shutdown(cancel_futures=True)
                    raise broken_image(files.path(k), error)
                sound[k] = False
            if done % 64 == 0 or done == len(files):
                progress.update(done)
    broken = [files.path(int(k)) for k in np.flatnonzero(~sound)]
    if not sound.any():
        raise BurstpropError(
            f"{label}: none of {len(files):,} images can be decoded, the first of them {broken[0]}"
        )
    keep = images if sound.all() else images[sound]
    return ImagesInMemory(torch.from_numpy(keep), files.labels[torch.from_numpy(sound)]), broken


def read_folders_into_memory(
    label: str, folders: Folders, size: int, options: ReadOptions
) -> tuple[ImagesInMemory, ImagesInMemory, tuple[str, ...], tuple[str, ...]]:
    """Decode a dataset of small images; return training and test images, classes and broken images."""
    train_files, test_files, classes = list_files(folders, size)
    train, broken_train = decode_all(f"{label}, training images", train_files, options)
    test, broken_test = decode_all(f"{label}, test images", test_files, options)
    return train, test, classes, (*broken_train, *broken_test)
