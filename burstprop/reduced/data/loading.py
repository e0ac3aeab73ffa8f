"""From images to batches: `Loader`.

Images in memory are gathered, augmented and normalised as whole batches, on the device. Files are decoded
and cropped by worker processes, which send uint8 pixels; normalisation is left to the device.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from burstprop.errors import BurstpropError
from burstprop.reduced.data.augmentation import (
    DRAWS,
    Augmentation,
    augment_batch,
    centre_crop,
    normalise,
    random_resized_crop,
)
from burstprop.reduced.data.dataset import ImageDataset, ImageFiles, Images, ImagesInMemory
from burstprop.reduced.data.imagefolder import BROKEN, open_image
from burstprop.reduced.data.streams import order, uniforms

logger = logging.getLogger("burstprop")


@dataclass(frozen=True)
class Batch:
    """One process's share of a batch; empty where not one of its images can be decoded."""

    images: torch.Tensor
    """Normalised, float32, (images, channels, height, width)."""
    labels: torch.Tensor
    """int64, (images,)."""
    total: int
    """Images in the whole batch, over all processes (before broken ones are left out)."""


@dataclass
class Loader:
    """Batches of one split of a dataset.

    Attributes
    ----------
    dataset : ImageDataset
        Tells mean, standard deviation and augmentation.
    split : str
        ``"train"``, ``"validation"`` or ``"test"``.
    batch_size : int
        Images in a batch, over all processes together.
    seed : int
        Of order and augmentation.
    augmentation : Augmentation, optional
        Instead of the dataset's own (training alone).
    device : torch.device
        Where the batches are wanted.
    workers : int
        Processes that decode files; 0 decodes in this process. Images in memory need none.
    on_broken : str
        ``"stop"`` or ``"skip"``: what to do with a file that cannot be decoded.
    rank, world_size : int
        This process and the number of processes: process ``rank`` gets the ``rank``-th share of every batch.
    on_skipped : callable, optional
        Called with (path, reason) once for every broken file that is left out.
    """

    dataset: ImageDataset
    split: str
    batch_size: int
    seed: int = 0
    augmentation: Augmentation | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    workers: int = 0
    on_broken: str = "stop"
    rank: int = 0
    world_size: int = 1
    on_skipped: Callable[[str, str], None] | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        if self.batch_size < 1 or self.batch_size % self.world_size:
            raise BurstpropError(
                f"batch_size = {self.batch_size} images: must be at least 1 and a multiple of the number "
                "of processes "
                f"({self.world_size}), so that every process gets the same share"
            )
        self.images: Images = self.dataset.split(self.split)
        if self.augmentation is None:
            self.augmentation = self.dataset.augmentation
        shape = (-1, 1, 1)
        self._mean = torch.tensor(self.dataset.mean).reshape(shape).to(self.device)
        self._sd = torch.tensor(self.dataset.sd).reshape(shape).to(self.device)
        if isinstance(self.images, ImagesInMemory):
            self.images = ImagesInMemory(
                self.images.images.to(self.device), self.images.labels.to(self.device)
            )
        self.skipped: dict[str, str] = {}
        """Broken files met so far, and why they cannot be decoded."""

    @property
    def steps(self) -> int:
        """Batches in an epoch; the last one may be smaller, but has an image for every process."""
        whole, rest = divmod(len(self.images), self.batch_size)
        return whole + (rest >= self.world_size)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """Go through the images once, in the order of this epoch, augmented, from batch ``first_step`` on."""
        numbers = order(self.seed, epoch, len(self.images))
        batches = [
            numbers[k * self.batch_size : (k + 1) * self.batch_size] for k in range(first_step, self.steps)
        ]
        return self._batches(batches, epoch)

    def in_order(self) -> Iterator[Batch]:
        """Go through this process's share of the images once, in the order of the files, not augmented."""
        numbers = np.arange(len(self.images))
        return self._batches(
            [numbers[k : k + self.batch_size] for k in range(0, len(numbers), self.batch_size)], None
        )

    def _batches(self, batches: list[np.ndarray], epoch: int | None) -> Iterator[Batch]:
        shares = [np.array_split(batch, self.world_size)[self.rank] for batch in batches]
        pairs: Iterator[tuple[torch.Tensor, torch.Tensor]]
        if isinstance(self.images, ImagesInMemory):
            pairs = (self._from_memory(share, epoch) for share in shares)
        else:
            pairs = self._from_files(shares, epoch)
        for whole, (images, labels) in zip(batches, pairs, strict=True):
            if self.world_size > 1 and epoch is not None and not len(labels):
                raise BurstpropError(
                    "not one image of this process's share of a batch can be decoded; remove the broken ones "
                    f"({len(self.skipped)} so far) or use a larger batch"
                )
            yield Batch(normalise(images, self._mean, self._sd), labels, len(whole))

    def _from_memory(self, share: np.ndarray, epoch: int | None) -> tuple[torch.Tensor, torch.Tensor]:
        assert isinstance(self.images, ImagesInMemory)
        assert self.augmentation is not None
        chosen = torch.from_numpy(share).to(self.device)
        images, labels = self.images.images[chosen], self.images.labels[chosen]
        if epoch is not None and not self.augmentation.nothing:
            images = augment_batch(images, uniforms(self.seed, epoch, share, DRAWS), self.augmentation)
        return images, labels

    def _from_files(
        self, shares: list[np.ndarray], epoch: int | None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        assert isinstance(self.images, ImageFiles)
        assert self.augmentation is not None
        decoder = _Decoder(self.images, self.augmentation, self.seed, epoch)
        loader: Any = torch.utils.data.DataLoader(
            decoder,
            batch_sampler=_Plan(shares),
            num_workers=min(self.workers, max(len(shares), 1)),
            collate_fn=_collate,
            pin_memory=self.device.type == "cuda",
        )
        for images, labels, broken in loader:
            for path, reason in broken:
                self._broken(path, reason)
            yield images.to(self.device, non_blocking=True), labels.to(self.device, non_blocking=True)

    def _broken(self, path: str, reason: str) -> None:
        if self.on_broken == "stop":
            raise BurstpropError(
                f"image {path} cannot be decoded ({reason}); restore or remove it, or go on without such "
                "images with "
                "--on-broken-image skip"
            )
        if path not in self.skipped:
            self.skipped[path] = reason
            logger.warning("image %s cannot be decoded (%s): left out", path, reason)
            if self.on_skipped is not None:
                self.on_skipped(path, reason)


class _Plan:
    """The shares of the batches, as a DataLoader wants them."""

    def __init__(self, shares: list[np.ndarray]) -> None:
        self.shares = shares

    def __iter__(self) -> Iterator[list[int]]:
        return (share.tolist() for share in self.shares)

    def __len__(self) -> int:
        return len(self.shares)


@dataclass(frozen=True)
class _Decoder(torch.utils.data.Dataset[Any]):
    """What a worker process does with the number of an image: decode, crop, and perhaps flip it."""

    files: ImageFiles
    augmentation: Augmentation
    seed: int
    epoch: int | None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[np.ndarray, int] | tuple[str, str]:
        path = self.files.path(number)
        try:
            with open_image(path) as image:
                if self.epoch is None:
                    square = centre_crop(image, self.files.size)
                else:
                    draws = uniforms(self.seed, self.epoch, np.array([number]), DRAWS)[0]
                    square = random_resized_crop(image, draws, self.files.size, self.augmentation)
                return np.asarray(square).transpose(2, 0, 1), int(self.files.labels[number])
        except BROKEN as error:
            return path, f"{type(error).__name__}: {error}"


def _collate(items: Sequence[tuple[Any, Any]]) -> tuple[torch.Tensor, torch.Tensor, list[tuple[str, str]]]:
    """Stack what could be decoded; list what could not."""
    sound = [item for item in items if not isinstance(item[0], str)]
    broken = [item for item in items if isinstance(item[0], str)]
    images = torch.from_numpy(np.stack([image for image, _ in sound])) if sound else torch.empty(0)
    return images, torch.tensor([label for _, label in sound], dtype=torch.int64), broken
