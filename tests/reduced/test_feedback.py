"""Weights that follow the forward weights are what a second parameter with the same gradient would be."""

from __future__ import annotations

import functools

import numpy as np
import probes
import pytest
import torch
from torch import nn

from burstprop.errors import BurstpropError
from burstprop.reduced import Conv2d, Dense, build_network, rule_from_name
from burstprop.reduced.layers import fused
from burstprop.reduced.layers.feedback import FeedbackWeight
from burstprop.reduced.layers.losses import teaching_loss
from burstprop.reduced.layers.numerics import burst_code
from burstprop.reduced.layers.units import units

OPTIMIZERS = {
    "momentum": lambda groups: torch.optim.SGD(groups, momentum=0.9),
    "nesterov": lambda groups: torch.optim.SGD(groups, momentum=0.8, nesterov=True),
    "fused": lambda groups: torch.optim.SGD(groups, momentum=0.9, fused=True),
    "adamw": torch.optim.AdamW,
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("rule", ["burstprop", "burstprop_recurrent", "kolen_pollack", "burstccn"])
@pytest.mark.parametrize("spec", [probes.DENSE, probes.CONV], ids=lambda spec: spec.name)
def test_twenty_steps_equal_those_of_two_parameters(spec, rule, optimizer):
    """Every Y as a parameter beside W, given W's gradient, rate and decay, in plain PyTorch."""
    made = probes.network(spec, rule)
    lr, decay = (0.003, 0.5) if optimizer == "adamw" else (0.05, 0.03)
    own = OPTIMIZERS[optimizer](made.parameter_groups(lr, decay))
    layers = made.layers()[1:]
    twins = [nn.Parameter(layer.feedback("Y").clone()) for layer in layers]
    start = [twin.detach().clone() for twin in twins]
    rates = {id(p): group for group in own.param_groups for p in group["params"]}
    theirs = OPTIMIZERS[optimizer](
        [
            {"params": [twin], **{key: rates[id(layer.weight)][key] for key in ("lr", "weight_decay")}}
            for twin, layer in zip(twins, layers, strict=True)
        ]
    )
    for step in range(20):
        own.zero_grad()
        images, target = probes.batch(spec, seed=step)
        made.loss(made(images), target).backward()
        for twin, layer in zip(twins, layers, strict=True):
            twin.grad = layer.weight.grad.clone()
        own.step()
        theirs.step()
        for twin, layer in zip(twins, layers, strict=True):
            torch.testing.assert_close(layer.feedback("Y"), twin.detach(), rtol=1e-9, atol=1e-11)
    trained = [twin.detach() for twin in twins]
    assert all(float((a - b).abs().max()) > 1e-3 for a, b in zip(start, trained, strict=True))
    assert all(float(layer.Y_share.detach()) < 0.999 for layer in layers)  # decay took its part


def test_twenty_steps_in_single_precision():
    """The same to 1e-6 in float32, for Y and for Q with its -p0."""
    made = build_network(probes.DENSE, rule_from_name("burstccn", free_q=True, mismatch=0.3, p0=0.4), seed=2)
    own = torch.optim.SGD(made.parameter_groups(0.01, 0.1), momentum=0.9, fused=True)
    layers = made.layers()[1:]
    pairs = [(layer, name, ratio) for layer in layers for name, ratio in (("Y", 1.0), ("Q", -0.4))]
    twins = [nn.Parameter(layer.feedback(name).clone()) for layer, name, _ in pairs]
    groups = {id(p): group for group in own.param_groups for p in group["params"]}
    theirs = torch.optim.SGD(
        [
            {"params": [twin], **{key: groups[id(layer.weight)][key] for key in ("lr", "weight_decay")}}
            for twin, (layer, _, _) in zip(twins, pairs, strict=True)
        ],
        momentum=0.9,
    )
    for step in range(20):
        own.zero_grad()
        made.loss(*_outputs(made, step)).backward()
        for twin, (layer, _, ratio) in zip(twins, pairs, strict=True):
            twin.grad = ratio * layer.weight.grad
        own.step()
        theirs.step()
    for twin, (layer, name, _) in zip(twins, pairs, strict=True):
        torch.testing.assert_close(layer.feedback(name), twin.detach(), rtol=0, atol=1e-6)


def _outputs(made, seed):
    images, target = probes.batch(made.spec, seed=seed, dtype=torch.float32)
    return made(images), target


def test_a_following_weight_has_no_gradient_and_no_momentum_of_its_own():
    made = build_network(probes.DENSE, "burstprop", seed=1)
    optimizer = torch.optim.SGD(made.parameter_groups(0.1, 0.01), momentum=0.9)
    probes.backward(made, *probes.batch(probes.DENSE, dtype=torch.float32))
    optimizer.step()
    for layer in made.layers()[1:]:
        assert torch.equal(layer.Y_share.grad, torch.zeros(1, 1))
    held = sum(v.numel() for state in optimizer.state.values() for v in state.values())
    forward = sum(layer.weight.numel() + layer.bias.numel() + 1 for layer in made.layers()) - 1
    assert held == forward
    by_parameter = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    for layer in made.layers()[1:]:
        assert by_parameter[id(layer.Y_share)] is by_parameter[id(layer.weight)]


@pytest.mark.parametrize("rule", ["burstprop", "burstprop_fixed", "burstccn_apical_silence"])
def test_feedback_is_read_and_written_by_name(rule):
    made = build_network(probes.DENSE, rule, seed=1)
    layer = made.layers()[1]
    value = torch.randn_like(layer.weight)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if name.endswith("_share"):
                parameter.fill_(0.3)  # as after much decay
    layer.set_feedback("Y", value)
    torch.testing.assert_close(layer.feedback("Y"), value, rtol=0, atol=1e-6)
    again = build_network(probes.DENSE, rule, seed=7)
    again.load_state_dict(made.state_dict())
    assert torch.equal(again.layers()[1].feedback("Y"), layer.feedback("Y"))
    for broken in (lambda: layer.feedback("y"), lambda: layer.set_feedback("y", value)):
        with pytest.raises(BurstpropError, match=r"no feedback weights 'y'; known: (Q, )?Y"):
            broken()


def test_a_weight_that_follows_is_not_learned_too():
    with pytest.raises(BurstpropError, match=r"learned=True and follows=-0\.5"):
        FeedbackWeight(torch.zeros(2, 2), learned=True, follows=-0.5)


def test_a_result_written_over_its_input_is_the_same_in_every_chunk():
    size = 2 * fused._CHUNK + 77
    rng = np.random.default_rng(0)
    rates, arrived, error = (torch.from_numpy(v.astype(np.float32)) for v in rng.random((3, size)))
    code = functools.partial(burst_code, units("sigmoid"), error=error, scale=torch.tensor(0.01))
    burst, change, over = arrived.clone(), torch.empty(size), arrived.clone()
    code(rates, burst, change=change)
    code(rates, over, change=None)
    assert torch.equal(over, change)
    torch.testing.assert_close(burst, rates * torch.sigmoid(arrived * (1 - rates)), rtol=1e-6, atol=0)


def test_bursts_that_two_layers_hear_are_not_written_over():
    """Both lowest layers get the same burst rates from the sum above; each must see what the other saw."""
    rule = rule_from_name("burstprop_fixed")
    generator = torch.Generator().manual_seed(0)
    left = Conv2d(2, 3, 3, rule, lowest=True, generator=generator)
    right = Conv2d(2, 3, 3, rule, lowest=True, generator=generator)
    right.load_state_dict(left.state_dict())
    top = Conv2d(3, 4, 2, rule, generator=generator, feedback_generator=generator)
    images = torch.randn(5, 2, 4, 4, generator=generator)
    out = Dense(4, 3, rule, output="sigmoid", generator=generator, feedback_generator=generator)
    hidden = left(images) + right(images)
    logits = out(top(hidden).flatten(1))
    teaching_loss(logits, torch.tensor([0, 1, 2, 0, 1]), "sigmoid", "squared").backward()
    assert float(left.weight.grad.abs().max()) > 0
    assert torch.equal(left.weight.grad, right.weight.grad)
