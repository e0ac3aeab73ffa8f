"""Images for the reduced model: digits (shipped), MNIST, CIFAR-10, Tiny ImageNet and ImageNet.

`open_dataset` is the one door. It gives an `ImageDataset` with three splits, ``train``, ``validation`` and
``test``. The validation split is always taken from the training data, so that no setting need be chosen on
the test data. Small images live in memory as one uint8 tensor (`ImagesInMemory`); ImageNet's stay in their
files and are decoded by worker processes (`ImageFiles`). `Loader` turns either into batches of normalised
float tensors.

Nothing random is kept anywhere: the order of the images in an epoch and the augmentation of each image are
functions of (seed, epoch, number of the image), see `burstprop.reduced.data.streams`. This is why a resumed
run, a run with another number of workers and a run on several machines see the very same images.
"""

from burstprop.reduced.data.augmentation import Augmentation
from burstprop.reduced.data.dataset import DATASETS, ImageDataset, ImageFiles, ImagesInMemory, open_dataset
from burstprop.reduced.data.loading import Loader

__all__ = [
    "DATASETS",
    "Augmentation",
    "ImageDataset",
    "ImageFiles",
    "ImagesInMemory",
    "Loader",
    "open_dataset",
]
