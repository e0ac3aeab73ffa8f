"""The named networks: the published ones, and residual networks for 32, 64 and 224 pixels."""

from __future__ import annotations

import dataclasses
from typing import Any

from burstprop.errors import BurstpropError, near
from burstprop.reduced.networks.description import Convolution, Layer, NetworkSpec, Pooling, Residual, Retina


def _cifar(first: int, second: int, third: int, dense: int) -> tuple[Convolution | int, ...]:
    return Convolution(first, 5, 2), Convolution(second, 5, 2), Convolution(third, 3), dense


def _imagenet(*widths: int) -> tuple[tuple[int, int, int], ...]:
    kernels = ((9, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 2), (3, 1))
    return tuple((width, *kernel) for width, kernel in zip(widths, kernels, strict=True))


def _rectified(name: str, side: int, layers: tuple[Any, ...], classes: int) -> NetworkSpec:
    hidden = tuple(layer if isinstance(layer, int) else Convolution(*layer) for layer in layers)
    return NetworkSpec(
        name, (3, side, side), hidden, classes, activation="relu", output="softmax", gain=1.0,
        output_gain=0.263, output_bias=0.0,
    )  # fmt: skip


def _residual(
    name: str, side: int, layers: tuple[Layer, ...], classes: int, channels: int = 3
) -> NetworkSpec:
    """Return a rectified network that ends in pooling over the whole map."""
    hidden = (*layers, Pooling("average"))
    return NetworkSpec(
        name, (channels, side, side), hidden, classes, activation="relu", output="softmax", gain=1.0,
        output_gain=1.0, output_bias=0.0,
    )  # fmt: skip


def _conv(channels: int, stride: int = 1, norm: str = "batch", pool: int = 1) -> Convolution:
    return Convolution(channels, 3, stride, 1, norm=norm, pool=pool)


def _small(first_stride: int) -> tuple[Layer, ...]:
    """Two blocks of two layers, each after a layer that halves the map: 0.53 million weights."""
    return (
        _conv(32, first_stride),
        _conv(64, 2),
        Residual((_conv(64), _conv(64))),
        _conv(128, 2),
        Residual((_conv(128), _conv(128))),
    )


def _quick(*first: Layer) -> tuple[Layer, ...]:
    """Pooling before the norms, so that few cells are costly: 0.64 million weights, 38 million products.

    ``first``: layers that leave about 16 x 16 places and 32 maps.
    """
    return (
        *first,
        _conv(32),
        _conv(128, pool=2),
        _conv(128),
        _conv(128, pool=2),
        Residual((_conv(128),) * 2),
    )


def _wide(stride: int) -> Layer:
    """Return a first layer of `_quick` that sees 5 x 5 pixels."""
    return Convolution(32, 5, stride, 2, norm="batch", pool=2)


def _seeing(stride: int) -> tuple[Layer, ...]:
    """Return first layers of `_quick` behind a retina: 3 x 3 pixels are then enough."""
    return Retina(), _conv(32, stride, pool=2)


def _digits() -> tuple[Layer, ...]:
    """Nine layers of weights for 8 x 8 pixels, 5,952 weights: trains in seconds."""
    block = Residual((_conv(8), _conv(8)))
    return (_conv(8), _conv(8), _conv(8), block, _conv(12, 2), Residual((_conv(12), _conv(12))))


def _eighteen(stem: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """He et al. 2016, table 1: a stem and eight blocks of two layers, 64 to 512 maps."""
    blocks: list[Layer] = []
    for stage, width in enumerate((64, 128, 256, 512)):
        for number in range(2):
            stride = 2 if stage and not number else 1
            blocks.append(Residual((_conv(width, stride), _conv(width))))
    return (*stem, *blocks)


def residual_of_depth(
    depth: int, *, width: int = 16, norm: str = "batch", cells: str = "after"
) -> NetworkSpec:
    """Return a residual network of ``depth`` layers of weights of one width, for images of 32 x 32 pixels.

    A convolution that halves the map, (depth - 2)/2 blocks of two, pooling, output.

    Raises
    ------
    BurstpropError
        For a depth that is odd or below 4.
    """
    if depth < 4 or depth % 2:
        raise BurstpropError(f"depth = {depth} layers: give an even number of at least 4")
    block = Residual((_conv(width, norm=norm), _conv(width, norm=norm)), cells)
    return _residual(f"resnet-depth-{depth}", 32, (_conv(width, 2, norm), *[block] * ((depth - 2) // 2)), 10)


#: ``cifar`` and ``imagenet`` are the published networks for learned feedback, ``...-fixed`` those for fixed
#: feedback, ``imagenet-burstccn`` BurstCCN's. An output gain of 0.263 is the published sd of 0.01 for 384
#: inputs. ``resnet-quick``, ``resnet-retina`` and ``resnet-small`` are for 32 x 32 pixels; they and
#: ``resnet18`` exist for other sizes.
NETWORKS: dict[str, NetworkSpec] = {
    spec.name: spec
    for spec in (
        NetworkSpec("digits", (1, 8, 8), (128, 128), 10),
        NetworkSpec("mnist-3x500", (1, 28, 28), (500, 500, 500), 10),
        NetworkSpec("cifar", (3, 32, 32), _cifar(64, 128, 256, 1024), 10),
        NetworkSpec("cifar-fixed", (3, 32, 32), _cifar(64, 256, 256, 1480), 10),
        _rectified(
            "tiny-imagenet", 64, ((64, 5, 2), (128, 3, 2), (128, 3, 1), (256, 3, 2), (256, 3, 1)), 200
        ),
        _rectified("imagenet", 224, _imagenet(48, 48, 96, 96, 192, 192, 384), 1000),
        _rectified("imagenet-fixed", 224, _imagenet(48, 96, 96, 192, 192, 384, 470), 1000),
        _rectified("imagenet-burstccn", 224, (*_imagenet(48, 96, 96, 192, 192, 384, 470), 1500), 1000),
        _residual("resnet-digits", 8, _digits(), 10, channels=1),
        _residual("resnet-quick", 32, _quick(_wide(1)), 10),
        _residual("resnet-retina", 32, _quick(*_seeing(1)), 10),
        _residual("resnet-quick-64", 64, _quick(_wide(2)), 200),
        _residual("resnet-retina-64", 64, _quick(*_seeing(2)), 200),
        _residual("resnet-small", 32, _small(1), 10),
        _residual("resnet-small-64", 64, _small(2), 200),
        _residual("resnet18-64", 64, _eighteen((_conv(64, 2),)), 200),
        _residual(
            "resnet18",
            224,
            _eighteen((Convolution(64, 7, 2, 3, norm="batch"), Pooling("max", 3, 2, 1))),
            1000,
        ),
        *(residual_of_depth(depth) for depth in (4, 8, 16, 32)),
    )
}


def network_spec(name: str, **changes: Any) -> NetworkSpec:
    """Return the named description, with fields changed; raises BurstpropError with the known names."""
    if name not in NETWORKS:
        raise BurstpropError(f"network = {name!r}: {near(name, NETWORKS)}")
    return dataclasses.replace(NETWORKS[name], **changes)
