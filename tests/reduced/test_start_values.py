"""How large the numbers are that rules draw: feedback weights at the start, and noise; and what follows W."""

from __future__ import annotations

import numpy as np
import probes
import pytest
import torch

from burstprop.reduced import NetworkSpec, build_network, rule_from_name

WIDE = NetworkSpec("wide", (200,), (300, 400), 10)
RANDOM = 0.012
"""Relative tolerance of an sd: five times its sampling error for 90,000 weights."""


def sd(values: torch.Tensor) -> float:
    return float(values.double().std())


def hidden(made):
    """The second hidden layer: 400 x 300 weights, with feedback to the first."""
    return made.layers()[1]


@pytest.mark.parametrize("mismatch", [0.02, 0.3])
@pytest.mark.parametrize("feedback", ["kolen_pollack", "fixed", "apical_silence"])
def test_q_departs_from_y_by_the_mismatch(feedback, mismatch):
    rule = rule_from_name("burstccn", feedback=feedback, free_q=True, mismatch=mismatch, p0=0.3)
    layer = hidden(build_network(WIDE, rule, seed=1))
    silent = rule.p0 * layer.feedback("Y")
    assert sd(layer.feedback("Q") + silent) / sd(silent) == pytest.approx(mismatch, rel=RANDOM)
    assert abs(float((layer.feedback("Q") + silent).mean())) < 5 * mismatch * sd(silent) / 300


@pytest.mark.parametrize("factor", [1.0, 3.0])
@pytest.mark.parametrize("scale", ["weight", "fan_out", "absolute"])
@pytest.mark.parametrize("rule", ["burstprop_fixed", "burstccn_fixed", "feedback_alignment"])
def test_feedback_starts_with_the_stated_sd(rule, scale, factor):
    made = build_network(WIDE, rule_from_name(rule, feedback_scale=scale, feedback_sd=factor), seed=2)
    layer = hidden(made)
    unit = {"weight": sd(layer.weight.detach()), "fan_out": 400**-0.5, "absolute": 1.0}[scale]
    assert sd(layer.feedback("Y")) == pytest.approx(factor * unit, rel=RANDOM)


@pytest.mark.parametrize("factor", [1.0, 2.5])
def test_direct_feedback_starts_with_sd_over_the_root_of_the_classes(factor):
    spec = NetworkSpec("direct", (4,), (9000, 9), 10)
    made = build_network(spec, rule_from_name("direct_feedback_alignment", feedback_sd=factor), seed=3)
    wide, narrow, output = made.layers()
    direct = wide.feedback("B")
    assert direct.shape == (10, 9000)
    assert sd(direct) == pytest.approx(factor / np.sqrt(10), rel=RANDOM)
    assert abs(float(direct.mean())) < 5 * factor / np.sqrt(10) / 300
    assert not torch.equal(direct[:, :9], narrow.feedback("B"))
    assert not output.places


def steps(made, optimizer, count=4):
    for step in range(count):
        images, target = probes.batch(probes.DENSE, seed=step)
        optimizer.zero_grad()
        made.loss(made(images), target).backward()
        optimizer.step()


@pytest.mark.parametrize("decay", [0.0, 0.02])
@pytest.mark.parametrize("feedback", ["kolen_pollack", "symmetric", "fixed"])
def test_what_y_and_q_take_of_the_change_of_w(feedback, decay):
    """Y takes the change of W, Q that times -p0, and decay shrinks what they differ by at the start."""
    rate, count, p0 = 5.0, 4, 0.3
    rule = rule_from_name("burstccn", feedback=feedback, free_q=True, mismatch=0.5, p0=p0)
    made = probes.network(probes.DENSE, rule)
    layers = made.layers()[1:]
    before = [(layer.weight.detach().clone(), *_pathways(layer)) for layer in layers]
    steps(made, torch.optim.SGD(made.parameters(), lr=rate, weight_decay=decay), count)
    share = (1 - rate * decay) ** count
    for layer, (w, y, q) in zip(layers, before, strict=True):
        now = layer.weight.detach()
        assert float((now - w).norm()) > 1e-3 * float(w.norm())
        y_now, q_now = _pathways(layer)
        if feedback == "fixed":
            assert torch.equal(y_now, y)
            assert torch.equal(q_now, q)
            continue
        if feedback == "symmetric":
            assert torch.equal(y_now, now)
        else:
            torch.testing.assert_close(y_now, now + share * (y - w), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(q_now, -p0 * now + share * (q + p0 * w), rtol=1e-12, atol=1e-14)


def _pathways(layer) -> tuple[torch.Tensor, torch.Tensor]:
    y = layer.feedback("Y") if "Y" in layer.places else layer.weight
    return y.detach().clone(), layer.feedback("Q").detach().clone()


@pytest.mark.parametrize("noise_sd", [0.01, 0.5])
def test_node_perturbation_disturbs_with_the_stated_sd(noise_sd):
    torch.manual_seed(4)
    somatic = torch.ones(300, 300)
    noise = rule_from_name("node_perturbation", noise_sd=noise_sd).disturb(somatic)
    assert sd(noise) == pytest.approx(noise_sd, rel=RANDOM)
    torch.testing.assert_close(somatic, 1 + noise)


@pytest.mark.parametrize("noise_sd", [1e-3, 1e-2])
def test_node_perturbation_is_on_average_the_gradient_in_size_too(noise_sd):
    """One image 20,000 times, each with its own noise: projected on the gradient, 1 within 1 % (one sd)."""
    torch.manual_seed(5)
    images, target = probes.batch(probes.DENSE, count=1)
    made = probes.network(probes.DENSE, rule_from_name("node_perturbation", noise_sd=noise_sd))
    probes.backward(made, images.expand(20_000, -1), target.expand(20_000))
    noisy = [layer.weight.grad for layer in made.layers()]
    exact = probes.network(probes.DENSE, "backprop")
    probes.backward(exact, images, target)
    gradient = [layer.weight.grad for layer in exact.layers()]
    product = sum(float((a * b).sum()) for a, b in zip(noisy, gradient, strict=True))
    assert product / sum(float(b.square().sum()) for b in gradient) == pytest.approx(1.0, abs=0.05)
