"""What is done to an image before a network sees it: crops and flips in training, a centre crop in testing.

Small images are augmented as whole batches of tensors, on the device they live on. Photographs of many
sizes are cropped one by one where they are decoded, in the worker processes, with Pillow. Both take their
random numbers from `burstprop.reduced.data.streams`, so an image's crop depends on (seed, epoch, image)
alone.

A crop after padding and a flip are those of He et al. 2016 (doi 10.1109/CVPR.2016.90); the crop of random
area (8 to 100 %) and aspect ratio (3/4 to 4/3), resized, and the centre crop of 7/8 of the shorter side,
those of Szegedy et al. 2015 (doi 10.1109/CVPR.2015.7298594) and of most work on ImageNet since.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from burstprop.errors import BurstpropError
from burstprop.parameters import quantity, validate

if TYPE_CHECKING:
    from PIL.Image import Image

TRIES = 10
DRAWS = 2 * TRIES + 3
"""Random numbers an image takes: a flip, a position (2), area and aspect ratio for each try of a crop."""

CENTRE = 0.875
"""The centre crop's side as a part of the shorter side: 224 of 256."""


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training image.

    Raises
    ------
    BurstpropError
        For a negative padding, an area outside (0, 1], or padding together with crops of random area.
    """

    padding: int = quantity(0, "pixels", "zeros put around the image before a crop of the old size", low=0)
    flip: bool = quantity(False, "", "mirror left and right for half of the images")
    least_area: float | None = quantity(
        None, "1", "least part of the area in a crop that is then resized (None: no such crop)",
        low=0.0, high=1.0, open_low=True, optional=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Check the fields."""
        validate(self)
        if self.padding and self.least_area is not None:
            raise BurstpropError(
                f"Augmentation: padding = {self.padding} pixels and least_area = {self.least_area:g} "
                "exclude each other; "
                "give one of the two"
            )

    @property
    def nothing(self) -> bool:
        """Whether images are left as they are."""
        return not self.flip and not self.padding and self.least_area is None


def crop_boxes(
    draws: np.ndarray, height: np.ndarray, width: np.ndarray, least_area: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return top, left, height, width (pixels, float64, one per image) of crops of random area and ratio.

    Each try draws an area, uniform from ``least_area`` to 1 of the image's, and an aspect ratio,
    log-uniform from 3/4 to 4/3. The first try that fits is taken; when none does, the largest central crop
    within those ratios.

    Parameters
    ----------
    draws : array, (images, DRAWS)
        Numbers in [0, 1) from `streams.uniforms`.
    height, width : array, (images,)
        Sizes of the images in pixels.
    least_area : float
        Least part of the area.
    """
    area = (height * width)[:, None] * (least_area + (1 - least_area) * draws[:, 3 : 3 + TRIES])
    ratio = np.exp(math.log(4 / 3) * (2 * draws[:, 3 + TRIES :] - 1))
    w, h = np.round(np.sqrt(area * ratio)), np.round(np.sqrt(area / ratio))
    fits = (w >= 1) & (h >= 1) & (w <= width[:, None]) & (h <= height[:, None])
    first = (np.arange(len(draws)), fits.argmax(axis=1))
    none = ~fits.any(axis=1)
    crop_h = np.where(none, np.minimum(height, np.round(width * 4 / 3)), h[first])
    crop_w = np.where(none, np.minimum(width, np.round(height * 4 / 3)), w[first])
    random = np.where(none[:, None], 0.5, draws[:, 1:3])
    top = np.floor(random[:, 0] * (height - crop_h + 1))
    left = np.floor(random[:, 1] * (width - crop_w + 1))
    return top, left, crop_h, crop_w


def augment_batch(images: torch.Tensor, draws: np.ndarray, augmentation: Augmentation) -> torch.Tensor:
    """Return a batch of augmented images.

    Parameters
    ----------
    images : uint8 tensor, (images, channels, height, width)
        Raw pixels; zero is black.
    draws : array, (images, DRAWS)
        Numbers in [0, 1) from `streams.uniforms`.
    augmentation : Augmentation
        What to do.

    Returns
    -------
    tensor of the same shape
        uint8, or float32 (same scale) where crops were resized.
    """
    n, _, height, width = images.shape
    if augmentation.padding:
        pad = augmentation.padding
        # every crop is a view into this one; indexing copies the chosen ones
        crops = functional.pad(images, (pad, pad, pad, pad)).unfold(2, height, 1).unfold(3, width, 1)
        shift = torch.from_numpy((draws[:, 1:3] * (2 * pad + 1)).astype(np.int64)).to(images.device)
        images = crops[torch.arange(n, device=images.device), :, shift[:, 0], shift[:, 1]]
    if augmentation.least_area is not None:
        images = _resized_crops(images, draws, augmentation.least_area)
    if augmentation.flip:
        flip = torch.from_numpy(draws[:, 0] < 0.5).to(images.device)
        images = torch.where(flip[:, None, None, None], images.flip(3), images)
    return images


def _resized_crops(images: torch.Tensor, draws: np.ndarray, least_area: float) -> torch.Tensor:
    """Crop and resize back to the old size, bilinear; float32."""
    n, _, height, width = images.shape
    top, left, h, w = crop_boxes(draws, np.full(n, height), np.full(n, width), least_area)
    theta = np.zeros((n, 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 0, 2] = w / width, (2 * left + w) / width - 1
    theta[:, 1, 1], theta[:, 1, 2] = h / height, (2 * top + h) / height - 1
    grid = functional.affine_grid(
        torch.from_numpy(theta).to(images.device), list(images.shape), align_corners=False
    )
    return functional.grid_sample(
        images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
    )


def normalise(images: torch.Tensor, mean: torch.Tensor, sd: torch.Tensor) -> torch.Tensor:
    """Return ``(images / 255 - mean) / sd`` as float32; ``mean`` and ``sd`` have shape (channels, 1, 1)."""
    return torch.addcmul(-mean / sd, images.to(torch.float32), 1 / (255 * sd))


def random_resized_crop(image: Image, draws: np.ndarray, size: int, augmentation: Augmentation) -> Image:
    """Return a random crop of a Pillow image, resized to ``size`` pixels a side and perhaps flipped.

    A JPEG is decoded at a half, quarter or eighth of its size where the crop still has more pixels than are
    asked for.
    """
    from PIL import Image as PillowImage

    width, height = image.size
    box = crop_boxes(draws[None], np.array([height]), np.array([width]), augmentation.least_area or 1.0)
    top, left, h, w = (float(b[0]) for b in box)
    image = _decoded(image, min(h, w), size)
    fx, fy = image.width / width, image.height / height
    corners = (left * fx, top * fy, min((left + w) * fx, image.width), min((top + h) * fy, image.height))
    image = image.resize((size, size), PillowImage.Resampling.BILINEAR, box=corners)
    if augmentation.flip and draws[0] < 0.5:
        image = image.transpose(PillowImage.Transpose.FLIP_LEFT_RIGHT)
    return image


def centre_crop(image: Image, size: int, part: float = CENTRE) -> Image:
    """Return the central square, ``part`` of the shorter side, resized to ``size`` pixels a side."""
    from PIL import Image as PillowImage

    image = _decoded(image, part * min(image.size), size)
    side = part * min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    corners = (left, top, left + side, top + side)
    if image.size == (size, size) and part == 1.0:
        return image
    return image.resize((size, size), PillowImage.Resampling.BILINEAR, box=corners)


def _decoded(image: Any, side: float, size: int) -> Image:
    """Decode to RGB, a JPEG no finer than a crop of ``side`` pixels needs that becomes ``size`` pixels.

    Grey values of 16 bits are scaled from 0..65535 to 0..255.

    Raises
    ------
    ValueError
        For grey values whose range is not known: floats, and whole numbers of more than 16 bits.
    """
    if image.format == "JPEG" and side >= 2 * size:
        shrink = size / side
        image.draft("RGB", (math.ceil(image.width * shrink), math.ceil(image.height * shrink)))
    if image.mode == "F" or image.mode.startswith("I"):  # convert() would cut them off at 255
        return _grey_8_bit(image).convert("RGB")
    return image.convert("RGB")


def _grey_8_bit(image: Any) -> Image:
    """Return an image of 16-bit grey values (Pillow's modes I;16 and, from PNG and PGM, I) with 8 bits."""
    from PIL import Image as PillowImage

    known = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))
    if not known:
        kind = "floats" if image.mode == "F" else "whole numbers of more than 16 bits"
        raise ValueError(
            f"its grey values are {kind} (mode {image.mode}), whose black and white are not known: save it "
            "with 8 or 16 bits"
        )
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(f"its grey values are {values.min()} to {values.max()}, beyond 0 to 65535")
    return PillowImage.fromarray(np.round(values / 257).astype(np.uint8))
