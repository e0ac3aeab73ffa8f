"""What the tests of the rules share: small networks, a copy of one for the oracle, angles."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from burstprop.reduced import Convolution, NetworkSpec, build_network

DENSE = NetworkSpec("dense", (12,), (9, 8, 7), 5)
CONV = NetworkSpec("conv", (2, 11, 11), (Convolution(4, 3, 2), Convolution(5, 3), 9), 5)
RELU_DENSE = NetworkSpec(
    "relu-dense",
    (12,),
    (9, 8, 7),
    5,
    activation="relu",
    output="softmax",
    gain=1.0,
    output_gain=1.0,
    output_bias=0.0,
)
RELU_CONV = NetworkSpec(
    "relu-conv", (2, 11, 11), (Convolution(4, 3, 2), Convolution(5, 3), 9), 5, activation="relu",
    output="softmax", gain=1.0, output_gain=1.0, output_bias=0.0,
)  # fmt: skip


def network(spec, rule, seed=3, dtype=torch.float64):
    """A network with biases that are not zero, so that every term of the equations counts."""
    made = build_network(spec, rule, seed=seed).to(dtype)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in made.layers():
            layer.bias += 0.3 * torch.randn(layer.bias.shape, generator=generator).to(dtype)
    return made


def batch(spec, count=6, seed=5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, *spec.input_shape, generator=generator).to(dtype)
    return images, torch.randint(0, spec.classes, (count,), generator=generator)


def oracle_layers(made, kind=np.longdouble):
    layers = []
    for layer in made.layers():
        copy = {
            "W": layer.weight,
            "bias": layer.bias,
            **{name: layer.feedback(name) for name in layer.places},
        }
        copy = {name: value.detach().double().numpy().astype(kind) for name, value in copy.items()}
        if layer.weight.dim() == 4:
            copy["stride"] = layer.stride[0]
        layers.append(copy)
    return layers


def one_hot(target, classes, kind=np.longdouble):
    return np.eye(classes, dtype=kind)[target.numpy()]


def backward(made, images, target):
    made.zero_grad()
    loss = made.loss(made(images), target)
    loss.backward()
    return loss


def gradients(made):
    return [(layer.weight.grad.double().numpy(), layer.bias.grad.double().numpy()) for layer in made.layers()]


def assert_close(found, expected, tolerance):
    """Relative error of every layer's weights and biases, by the norm."""
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        for a, b in zip(one, other, strict=True):
            error = np.linalg.norm((a - b).astype(float)) / np.linalg.norm(b.astype(float))
            assert error < tolerance, f"layer {number}: relative error {error:.2g}"


def angle(a, b):
    """Angle between two tensors in degrees, exact for small ones too."""
    a, b = a.detach().flatten().double(), b.detach().flatten().double()
    a, b = a / a.norm(), b / b.norm()
    return float(torch.rad2deg(2 * torch.atan2((a - b).norm(), (a + b).norm())))


def set_symmetric(made):
    """Make every feedback weight Y the forward weight."""
    for layer in made.layers():
        if "Y" in layer.places:
            layer.set_feedback("Y", layer.weight)


def autograd_twin(made):
    """The same network of PyTorch's own layers, for backpropagation by autograd."""
    modules: list[nn.Module] = []
    for module in made.body:
        if not hasattr(module, "rule"):
            modules.append(module)
            continue
        shape = module.weight.shape
        if len(shape) == 4:
            twin: nn.Module = nn.Conv2d(
                shape[1], shape[0], shape[2], module.stride, module.padding, dtype=module.weight.dtype
            )
        else:
            twin = nn.Linear(shape[1], shape[0], dtype=module.weight.dtype)
        twin.load_state_dict({"weight": module.weight.detach(), "bias": module.bias.detach()})
        modules.append(twin)
        if not module.is_output:
            modules.append(nn.Sigmoid() if made.spec.activation == "sigmoid" else nn.ReLU())
    return nn.Sequential(*modules)
