"""Training on smaller images at first: a part of the arithmetic, and at the end nearly the same error.

A convolution at 24 x 24 pixels takes 9/16 of its time at 32 x 32. A network that ends in pooling over the
whole map has the same weights for both, so its first epochs (``small_epochs`` of a `Setting`) may go through
images of ``small_side`` pixels (progressive resizing; Touvron et al. 2019, arXiv 1906.06423, look at what a
change of size does). Tests are at full size throughout.
"""

from __future__ import annotations

import dataclasses

from torch import Tensor
from torch.nn import functional

from burstprop.errors import BurstpropError
from burstprop.reduced.networks import NetworkSpec, build_network
from burstprop.reduced.train.settings import Setting


def check_small_images(spec: NetworkSpec, setting: Setting) -> None:
    """Raise BurstpropError where a network cannot train on the setting's smaller images.

    ``spec`` is the network with the image size of the data.
    """
    side = setting.small_side
    if not side:
        return
    if side >= spec.input_shape[1]:
        raise BurstpropError(
            f"small_side = {side} pixels: the images have {spec.input_shape[1]}; give fewer, or 0 for none"
        )
    small = dataclasses.replace(spec, input_shape=(spec.input_shape[0], side, side))
    full, other = (build_network(one, setting.rule).state_dict() for one in (spec, small))
    for name, tensor in full.items():
        if tensor.shape != other[name].shape:
            raise BurstpropError(
                f"small_side = {side} pixels: {name} of network {spec.name!r} has shape "
                f"{tuple(tensor.shape)} for full images and {tuple(other[name].shape)} for these; end the "
                "network with pooling over the whole map, take a rule without direct feedback, or give "
                "small_side=0 small_epochs=0"
            )


def shrunk(images: Tensor, side: int) -> Tensor:
    """Return images (N x channels x height x width) of ``side`` x ``side`` pixels, bilinear."""
    return functional.interpolate(images, (side, side), mode="bilinear", align_corners=False)
