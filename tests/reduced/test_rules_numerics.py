"""The change of the burst rates keeps its digits: against float64 and better, where two sweeps have none."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import oracle
import probes
import pytest
import torch
from torch.nn import functional

from burstprop.reduced import build_network, network_spec, rule_from_name
from burstprop.reduced.layers import numerics
from burstprop.reduced.layers.numerics import burst_code, silent_code
from burstprop.reduced.layers.units import units
from burstprop.reduced.rules.burstprop import Burstprop

SEEN: list[torch.Tensor] = []
RATES: list[torch.Tensor] = []


@dataclass(frozen=True)
class Watched(Burstprop):
    """Burstprop that leaves b_t - b of every layer in SEEN, output first, and their inputs in RATES."""

    def output(self, activity, arrival):
        signals = super().output(activity, arrival)
        SEEN.append(signals.error.double() / -activity.scale.double())
        RATES[:] = [activity.inputs]
        return signals

    def hidden(self, activity, arrival):
        signals = super().hidden(activity, arrival)
        SEEN.append(signals.error.double() / -activity.scale.double())
        RATES.insert(0, activity.inputs)
        return signals


@pytest.fixture(params=["fused", "torch"])
def elementwise(request, monkeypatch):
    """The two ways of float32: compiled loops on the CPU, PyTorch's operations on a GPU."""
    if request.param == "torch":
        monkeypatch.setattr(numerics, "_order", lambda *tensors: None)
    return request.param


def _changes(made, images, target):
    SEEN.clear()
    probes.backward(made, images, target)
    return list(reversed(SEEN))


def _errors(found, expected):
    return [float((f.view(e.shape) - e).norm() / e.norm()) for f, e in zip(found, expected, strict=True)]


@pytest.fixture(scope="module")
def trained():
    """A network of sigmoid units trained on ten noisy patterns until they are learned well, and the
    best-learned."""
    torch.manual_seed(0)
    spec = network_spec("digits", layers=(40, 40, 40))
    made = build_network(spec, Watched(feedback="learned"), seed=1)
    patterns = torch.randn(10, 1, 8, 8)
    optimizer = torch.optim.SGD(made.parameter_groups(lr=1.0), momentum=0.9)
    target = torch.arange(10).repeat(10)
    for _ in range(250):
        images = patterns.repeat(10, 1, 1, 1) + 0.3 * torch.randn(100, 1, 8, 8)
        optimizer.zero_grad()
        made.loss(made(images), target).backward()
        optimizer.step()
    images = patterns.repeat(10, 1, 1, 1) + 0.3 * torch.randn(100, 1, 8, 8)
    with torch.no_grad():
        confidence = made(images).gather(1, target[:, None])[:, 0]
    best = confidence.argsort(descending=True)[:16]
    return made, images[best], target[best]


@pytest.mark.usefixtures("elementwise")
def test_best_learned_images_of_a_trained_network(trained):
    made, images, target = trained
    layers = probes.oracle_layers(made)
    rates = oracle.forward(layers, images.flatten(1).numpy().astype(np.longdouble))
    assert 1 - rates[-1][np.arange(16), target.numpy()].min() < 0.05
    expected, _ = oracle.burstprop(layers, rates, probes.one_hot(target, 10))
    expected = [torch.from_numpy(e.astype(float)) for e in expected]
    assert max(_errors(_changes(made, images, target), expected)) < 1e-5
    # what the test guards against: the same two sweeps subtracted in float32
    layers = probes.oracle_layers(made, np.float32)
    rates = oracle.forward(layers, images.flatten(1).numpy())
    subtracted, _ = oracle.burstprop(layers, rates, probes.one_hot(target, 10, np.float32))
    assert max(_errors([torch.from_numpy(e.astype(float)) for e in subtracted], expected)) > 1e-3


@pytest.mark.usefixtures("elementwise")
def test_best_learned_images_in_bfloat16(trained):
    made, images, target = trained
    layers = probes.oracle_layers(made)
    rates = oracle.forward(layers, images.flatten(1).numpy().astype(np.longdouble))
    expected, _ = oracle.burstprop(layers, rates, probes.one_hot(target, 10))
    SEEN.clear()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = made.loss(made(images), target)
    loss.backward()
    assert made.layers()[0].weight.grad.dtype == torch.float32
    errors = _errors(list(reversed(SEEN)), [torch.from_numpy(e.astype(float)) for e in expected])
    assert 1e-4 < max(errors) < 0.05


def _imagenet_sweeps(made, rates, target, kappa, p0=0.2):
    """The equations in float64, the change by another identity: s(u + h) - s(u) = s(u + h) s(-u) (1 -
    exp(-h)).

    (Even in float64, b_t - b formed as a difference would have no more than four digits in the first layer.)
    """
    layers = [
        {name: getattr(layer, name).detach().double() for name in ("weight", "bias")}
        | {name: layer.feedback(name).double() for name in layer.places}
        | {"stride": getattr(layer, "stride", None)}
        for layer in made.layers()
    ]
    a = functional.linear(rates[-1].flatten(1), layers[-1]["weight"], layers[-1]["bias"]).softmax(1)
    t = functional.one_hot(target, 1000).double()
    b, bt = p0 * a, torch.clamp(p0 * (kappa * (t - a) / (a + 1e-8) + 1), max=1) * a
    deltas = [(bt - b) / kappa]
    for number in range(len(layers) - 2, -1, -1):
        above, e = layers[number + 1], rates[number + 1]
        sweep = _through if number == len(layers) - 2 else _transposed
        factor = (e > 0) / (e + 1e-8)
        u, h = (sweep(signal, above, e) * factor for signal in (b, deltas[0]))
        b = torch.sigmoid(u) * e
        deltas.insert(0, e * torch.sigmoid(u + h) * torch.sigmoid(-u) * -torch.expm1(-h))
    return deltas


def _through(signal, above, below):
    return signal @ above["Y"]


def _transposed(signal, above, below):
    """The adjoint of the convolution with Y, by autograd."""
    below = torch.zeros_like(below, requires_grad=True)
    sent = functional.conv2d(below, above["Y"], None, above["stride"])
    return torch.autograd.grad(sent, below, signal.view(sent.shape))[0]


@pytest.mark.usefixtures("elementwise")
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)], ids=["float32", "bfloat16"]
)
def test_imagenet_network_at_the_start(dtype, tolerance):
    """Against float64 sweeps through the same rates, so that the error is that of the feedback alone."""
    rule = Watched(
        teacher="cross_entropy", kappa=1e-5, feedback_sd=0.01, feedback_scale="absolute", amplified=False
    )
    made = build_network("imagenet", rule, seed=1)
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(2))
    target = torch.tensor([3, 700])
    SEEN.clear()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        loss = made.loss(made(images), target)
    loss.backward()
    assert len(SEEN) == 8
    expected = _imagenet_sweeps(made, [inputs.detach().double() for inputs in RATES], target, kappa=1e-5)
    errors = _errors(list(reversed(SEEN)), expected)
    assert max(errors) < tolerance


@pytest.mark.usefixtures("elementwise")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("burst", "sigmoid"),
        ("burst", "relu"),
        ("inhibited", "sigmoid"),
        ("silent", "sigmoid"),
        ("silent", "relu"),
    ],
)
def test_float32_equals_float64(kind, name):
    """The same numbers in float64 run PyTorch's operations."""
    generator = torch.Generator().manual_seed(0)
    rates = torch.rand(50, 40, generator=generator)
    rates[::7] = 0.0 if name == "relu" else 1.0
    arrived = 3 * torch.randn(50, 40, generator=generator)
    error = torch.randn(50, 40, generator=generator) * 10 ** torch.empty(50, 1).uniform_(
        -12, -3, generator=generator
    )
    scale = torch.tensor(0.02)
    results = {}
    for dtype in (torch.float32, torch.float64):
        r, x, g, s = (tensor.to(dtype) for tensor in (rates, arrived, error, scale))
        if kind != "silent":
            burst, change, over = x.clone(), torch.empty_like(r), x.clone()
            burst_code(units(name), r, burst, g, s, change, kind == "inhibited", 4.0)
            burst_code(units(name), r, over, g, s, None, kind == "inhibited", 4.0)
            assert torch.equal(over, change)
            results[dtype] = torch.stack((burst, change))
        else:
            results[dtype] = silent_code(units(name), r, g, s, 0.4, ramp=name == "relu")[None]
    for one, other in zip(results[torch.float32], results[torch.float64], strict=True):
        error_by_row = (one.double() - other).norm(dim=1) / other.norm(dim=1).clamp(min=1e-30)
        assert float(error_by_row.max()) < 2e-6


def test_burst_code_is_finite_at_any_size(elementwise):
    sizes = torch.tensor([0.0, 1e-30, 1e-3, 1.0, 16.0, 18.0, 100.0, 1e4, 1e30])
    values = torch.cat((sizes, -sizes))
    x, g = (axis.contiguous().flatten() for axis in torch.meshgrid(values, values, indexing="ij"))
    for dtype in (torch.float32, torch.float64):
        for name, rate in (("sigmoid", 0.5), ("relu", 1e-6), ("relu", 0.0)):
            rates = torch.full_like(x, rate)
            change = torch.empty_like(rates, dtype=dtype)
            burst_code(
                units(name),
                rates.to(dtype),
                x.to(dtype, copy=True),
                g.to(dtype),
                torch.tensor(1.0, dtype=dtype),
                change,
            )
            assert change.isfinite().all()
            assert float(change.abs().max()) <= rate * (1 + 1e-5)
    r, x, g = torch.full((3,), 0.5), torch.tensor([0.0, 2.0, -8.0]), torch.tensor([1e-12, -4.0, -16.0])
    exact = -0.5 * (torch.sigmoid(x.double() / 2 - g.double() / 2) - torch.sigmoid(x.double() / 2))
    found = torch.empty_like(r)
    burst_code(units("sigmoid"), r, x, g, torch.tensor(1.0), found)
    found = found.double()
    torch.testing.assert_close(found[1:], exact[1:], rtol=1e-6 if elementwise == "fused" else 3e-6, atol=0)
    assert float(found[0]) == pytest.approx(0.5 * 0.25 * 0.5e-12, rel=1e-6)


def test_residual_keeps_its_digits():
    """t - e of an image learned to one in ten million, for sigmoid and softmax units."""
    from burstprop.reduced.layers.losses import residual

    logits = torch.tensor([[16.0, -15.0, -17.0, -16.5]])
    target = torch.tensor([0])
    for output in ("sigmoid", "softmax"):
        found = residual(logits, target, output).double()
        wide = logits.double()
        exact = residual(wide, target, output)
        naive = functional.one_hot(target, 4) - (wide.softmax(1) if output == "softmax" else wide.sigmoid())
        torch.testing.assert_close(exact, naive, rtol=1e-6, atol=1e-15)
        torch.testing.assert_close(found, exact, rtol=1e-5, atol=0)
        lost = functional.one_hot(target, 4) - (
            logits.softmax(1) if output == "softmax" else logits.sigmoid()
        )
        assert abs(float(lost[0, 0]) / float(exact[0, 0]) - 1) > 1e-2


def test_loss_values():
    from burstprop.reduced.layers.losses import image_losses

    logits = torch.tensor([[1.0, -2.0, 0.5], [0.1, 0.2, -3.0]], dtype=torch.float64)
    target = torch.tensor([2, 0])
    hot = functional.one_hot(target, 3).double()
    torch.testing.assert_close(
        image_losses(logits, target, "sigmoid", "squared"), 0.5 * (hot - logits.sigmoid()).square().sum(1)
    )
    e = logits.sigmoid()
    torch.testing.assert_close(
        image_losses(logits, target, "sigmoid", "cross_entropy"),
        -(hot * e.log() + (1 - hot) * (1 - e).log()).sum(1),
    )
    torch.testing.assert_close(
        image_losses(logits, target, "softmax", "cross_entropy"),
        -logits.log_softmax(1).gather(1, target[:, None])[:, 0],
    )
    assert dataclasses.is_dataclass(rule_from_name("burstprop"))
