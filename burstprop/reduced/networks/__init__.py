"""Networks: frozen descriptions, the named ones, and `build_network`, which makes a `Network` that a rule
trains."""

from burstprop.reduced.networks.description import (
    Convolution,
    NetworkSpec,
    Pooling,
    Residual,
    Retina,
    from_dict,
    layer_shapes,
    to_dict,
)
from burstprop.reduced.networks.named import NETWORKS, network_spec, residual_of_depth
from burstprop.reduced.networks.network import Network, ResidualBlock, build_network

__all__ = [
    "NETWORKS",
    "Convolution",
    "Network",
    "NetworkSpec",
    "Pooling",
    "Residual",
    "ResidualBlock",
    "Retina",
    "build_network",
    "from_dict",
    "layer_shapes",
    "network_spec",
    "residual_of_depth",
    "to_dict",
]
