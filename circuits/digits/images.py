"""Images as currents into the input neurons: grey values from 0 to 1, and what to learn and to test on."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burstprop.errors import BurstpropError

DATASETS = ("digits", "mnist")
FOLDS = 8
"""Parts of the training images; a realization holds one of them back for validation."""


@dataclass(frozen=True)
class Images:
    """Grey images and their classes.

    Parameters
    ----------
    grey : array of shape (images, pixels)
        Between 0 (background) and 1.
    labels : array of shape (images,)
        The class of each image.
    """

    grey: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def select(self, chosen: NDArray[np.bool_]) -> Images:
        """Return the images where ``chosen``, shape (images,), is true."""
        return Images(self.grey[chosen], self.labels[chosen])

    def first(self, count: int) -> Images:
        """Return the first images, all where ``count`` is 0."""
        return Images(self.grey[:count], self.labels[:count]) if count else self


def order_of(images: Images, examples: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Return which image each example shows: pass after pass through all of them, each in an order drawn."""
    passes = -(-examples // max(1, len(images)))
    orders = [draw.permutation(len(images)) for _ in range(passes)]
    return np.concatenate([*orders, np.zeros(0, np.int64)])[:examples]


def moved(grey: NDArray[np.float32], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a square image moved by a part of a pixel, or more; what comes in from outside is black.

    Parameters
    ----------
    grey : array of shape (pixels,)
        The image, row by row.
    shift : array of shape (2,)
        Pixels down and to the right. Between pixels, grey values are interpolated linearly.
    """
    if not shift.any():
        return grey.astype(np.float64)
    side = math.isqrt(len(grey))
    place = np.arange(side)
    # weights[axis, to, from]: a pixel takes its grey from the two pixels that come to lie around it
    weights = np.maximum(0.0, 1.0 - np.abs(place[:, None] - place - shift[:, None, None]))
    # sums of products instead of a matrix product: the same bits on every machine
    rows = (weights[0][:, :, None] * grey.reshape(side, side)).sum(axis=1)
    return (rows[:, None, :] * weights[1]).sum(axis=2).ravel()  # type: ignore[no-any-return]


def learned_and_tested(dataset: str, split: str, side: int, fold: int = 0) -> tuple[Images, Images]:
    """Return the images to learn and those to test on.

    Parameters
    ----------
    dataset : str
        One of `DATASETS`. MNIST lies in the folder that the environment variable BURSTPROP_DATA names.
    split : {"validation", "test"}
        ``"validation"`` tests on one fold of the training images and learns the others: settings are chosen
        there. The images are drawn, so that writers are mixed as in the test images. ``"test"`` learns all
        training images.
    side : int
        Pixels of a side; a larger image is averaged over squares. 0 keeps the images as they are.
    fold : int
        Which of the `FOLDS` folds to hold back, counted from 0 and again from 0 after the last.

    Raises
    ------
    BurstpropError
        There are no such images, or a side that does not divide theirs.
    """
    from burstprop.reduced.data import open_dataset

    folder = os.environ.get("BURSTPROP_DATA") if dataset != "digits" else None
    if dataset != "digits" and not folder:
        raise BurstpropError(
            f"Params.dataset = {dataset!r}: set the environment variable BURSTPROP_DATA to the folder that "
            "holds its files, or take dataset=digits, which is shipped"
        )
    data = open_dataset(dataset, folder)
    some, others, test = (_grey(data.split(name), side) for name in ("train", "validation", "test"))
    train = Images(np.vstack([some.grey, others.grey]), np.concatenate([some.labels, others.labels]))
    if split == "test":
        return train, test
    held = np.zeros(len(train), bool)
    # drawn, because the digits come in sequences that repeat; the same images whatever the seed of a run
    size = len(train) // FOLDS
    first = fold % FOLDS * size
    held[np.random.default_rng(0).permutation(len(train))[first : first + size]] = True
    return train.select(~held), train.select(held)


def _grey(images: object, side: int) -> Images:
    pixels = np.asarray(images.images, np.float32)[:, 0] / 255.0  # type: ignore[attr-defined]
    height = pixels.shape[1]
    if side and side != height:
        if height % side:
            raise BurstpropError(
                f"Params.side = {side} pixels does not divide the {height} pixels of an image: give one of "
                f"{', '.join(str(s) for s in range(1, height + 1) if height % s == 0)}"
            )
        step = height // side
        pixels = pixels.reshape(len(pixels), side, step, side, step).mean(axis=(2, 4))
    return Images(pixels.reshape(len(pixels), -1), np.asarray(images.labels, np.int64))  # type: ignore[attr-defined]
