"""Handwritten digits that are shipped with burstprop: 1,797 images of 8 x 8 pixels, by 13 people.

Source: Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits, doi 10.24432/C50P49 (CC BY 4.0;
OPTDIGITS.md beside the file). Real, small and offline: a network learns them within seconds. Every fifth
image is a test image.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from burstprop.reduced.data.dataset import ImageDataset, ImagesInMemory, ReadOptions, split_training

MEAN, SD = 0.305, 0.376


def read(folder: Path | None, options: ReadOptions) -> ImageDataset:
    """Read the shipped digits (``folder`` is not used); one training image in eight is for validation."""
    with np.load(Path(__file__).with_name("optdigits.npz"), allow_pickle=False) as file:
        grey = np.round(file["images"].astype(np.float64) * (255 / 16)).astype(np.uint8)
        labels = file["labels"].astype(np.int64)
    everything = ImagesInMemory(torch.from_numpy(grey)[:, None], torch.from_numpy(labels))
    testing = np.arange(len(labels)) % 5 == 4
    fraction = 0.125 if options.validation_fraction is None else options.validation_fraction
    train, validation = split_training(everything.select(np.flatnonzero(~testing)), fraction)
    return ImageDataset(
        name="digits",
        train=train,
        validation=validation,
        test=everything.select(np.flatnonzero(testing)),
        classes=tuple("0123456789"),
        shape=(1, 8, 8),
        mean=(MEAN,),
        sd=(SD,),
        source="shipped with burstprop",
    )
