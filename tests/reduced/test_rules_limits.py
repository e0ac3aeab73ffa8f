"""Where every rule's update tends to backpropagation's, and how fast."""

from __future__ import annotations

import dataclasses

import numpy as np
import probes
import pytest
import torch

from burstprop.reduced import build_network, rule_from_name
from burstprop.reduced.train.settings import setting


def _backprop(made, images, target):
    """Gradients of the same weights by autograd through PyTorch's own layers."""
    twin = probes.autograd_twin(made)
    output = twin(images)
    rates = (
        torch.nn.functional.one_hot(target, made.spec.classes).to(output.dtype)
        if target.dim() == 1
        else target
    )
    if made.spec.output == "softmax":
        loss = -(rates * output.log_softmax(1)).sum(1).mean()
    elif made.rule.teacher == "cross_entropy":
        loss = (
            torch.nn.functional.binary_cross_entropy_with_logits(output, rates, reduction="none")
            .sum(1)
            .mean()
        )
    else:
        loss = 0.5 * (output.sigmoid() - rates).square().sum(1).mean()
    loss.backward()
    return [module.weight.grad for module in twin if hasattr(module, "weight")]


def _angles(made, images, target):
    probes.backward(made, images, target)
    expected = _backprop(made, images, target)
    return [probes.angle(layer.weight.grad, e) for layer, e in zip(made.layers(), expected, strict=True)]


def _soft_target(made, images, target, size):
    """A target at ``size`` times the distance of the right one: the error's size, at the same network."""
    with torch.no_grad():
        logits = made(images)
        e = logits.softmax(1) if made.spec.output == "softmax" else logits.sigmoid()
    return e + size * (torch.nn.functional.one_hot(target, made.spec.classes) - e)


@pytest.mark.parametrize("spec", [probes.DENSE, probes.CONV, probes.RELU_CONV], ids=lambda spec: spec.name)
@pytest.mark.parametrize("name", ["backprop", "feedback_alignment", "kolen_pollack", "sign_symmetry"])
def test_rules_with_linear_feedback_are_backpropagation_when_symmetric(name, spec):
    teacher = "cross_entropy" if spec.output == "softmax" else "squared"
    made = probes.network(spec, rule_from_name(name, teacher=teacher))
    probes.set_symmetric(made)
    assert max(_angles(made, *probes.batch(spec))) < 1e-6


@pytest.mark.parametrize("name", ["feedback_alignment", "burstprop_fixed", "burstccn_fixed"])
def test_fixed_random_feedback_is_not_backpropagation(name):
    made = probes.network(probes.DENSE, name)
    angles = _angles(made, *probes.batch(probes.DENSE))
    assert min(angles[:-1]) > 20
    assert angles[-1] < 1e-6


@pytest.mark.parametrize("spec", [probes.DENSE, probes.CONV], ids=lambda spec: spec.name)
def test_burstccn_tied_tends_to_backpropagation_as_the_error_squared(spec):
    made = probes.network(spec, "burstccn_tied")
    images, target = probes.batch(spec)
    angles = np.array(
        [_angles(made, images, _soft_target(made, images, target, size)) for size in (1.0, 0.1)]
    )
    assert angles[0].max() < 0.5
    np.testing.assert_allclose(angles[0, :-1] / angles[1, :-1], 100, rtol=0.1)
    assert angles[:, -1].max() < 1e-6


@pytest.mark.parametrize("spec", [probes.DENSE, probes.RELU_CONV], ids=lambda spec: spec.name)
def test_burstccn_tied_is_at_angle_zero_for_a_weak_teacher(spec):
    """tanh(x) is x up to x^3/3: the angle falls as s squared (to that of the 1e-8 beside the rates of
    rectified units)."""
    angles = []
    for strength in (1e-2, 1e-3, 1e-6):
        rule = rule_from_name("burstccn_tied", teacher="cross_entropy", teaching=strength)
        angles.append(max(_angles(probes.network(spec, rule), *probes.batch(spec))))
    assert angles[0] < 0.5
    assert angles[0] / angles[1] == pytest.approx(100, rel=0.15)
    assert angles[2] < 1e-4


@pytest.mark.parametrize("name", ["burstccn", "burstprop"])
def test_the_teacher_of_residual_networks_moves_no_weights_of_all_classes_together(name):
    """The softmax does not see what all classes share, so nothing would undo a sum that is not zero."""

    def shared(rule):
        made = probes.network(probes.RELU_DENSE, rule)
        probes.backward(made, *probes.batch(probes.RELU_DENSE))
        change = list(made.layers())[-1].weight.grad
        return float(change.sum(0).norm() / change.norm())

    rule = setting(name, "cifar10", "quick").rule
    assert shared(rule) < 0.01
    if name == "burstccn":
        assert shared(rule_from_name(name, teacher="cross_entropy", teaching=0.5)) > 0.05


def test_burstccn_update_has_the_size_of_backpropagation():
    """Divided by p0 s and the feedback scale, a weak teacher's update is backpropagation's in size too."""
    for p0 in (0.5, 0.3):
        for teacher, spec in (("squared", probes.DENSE), ("cross_entropy", probes.RELU_CONV)):
            rule = rule_from_name("burstccn_tied", teaching=1e-7, p0=p0, teacher=teacher, feedback_gain=7.0)
            made = probes.network(spec, rule)
            images, target = probes.batch(spec)
            probes.backward(made, images, target)
            for number, (layer, e) in enumerate(
                zip(made.layers(), _backprop(made, images, target), strict=True)
            ):
                above = len(made.layers()) - 1 - number
                torch.testing.assert_close(
                    layer.weight.grad / rule.gain(above), e, rtol=1e-4, atol=1e-5 * float(e.abs().max())
                )


@pytest.mark.parametrize("teacher", ["squared", "cross_entropy"])
def test_burstprop_tends_to_the_linear_teaching_at_its_operating_point(teacher):
    """For a small error, b_t - b is e p (1 - p)(1 - e) dx with p as without a teacher: angle linear in the
    error."""
    spec = probes.DENSE
    made = probes.network(spec, rule_from_name("burstprop_symmetric", teacher=teacher))
    images, target = probes.batch(spec)

    def linear(target):
        layers, rates = made.layers(), [images]
        for layer in layers:
            rates.append((rates[-1] @ layer.weight.T + layer.bias).sigmoid())
        e = rates[-1]
        b, d = 0.2 * e, 0.2 * (target - e) * (e * (1 - e) if teacher == "squared" else e / (e + 1e-8))
        expected = [d.T @ rates[-2]]
        for number in range(len(layers) - 2, -1, -1):
            e, above = rates[number + 1], layers[number + 1].weight
            p = ((b @ above) * (1 - e)).sigmoid()
            d = e * p * (1 - p) * (1 - e) * (d @ above)
            b = p * e
            expected.insert(0, d.T @ rates[number])
        return expected

    angles = []
    for size in (1.0, 0.1, 0.01):
        soft = _soft_target(made, images, target, size)
        probes.backward(made, images, soft)
        angles.append(
            [
                probes.angle(-layer.weight.grad, e)
                for layer, e in zip(made.layers(), linear(soft), strict=True)
            ]
        )
    angles = np.array(angles)
    assert angles[0, :-1].max() < 3
    np.testing.assert_allclose(angles[1, :-1] / angles[2, :-1], 10, rtol=0.15)
    assert angles[:, -1].max() < 1e-6


@pytest.mark.parametrize("recurrent", [False, True], ids=["plain", "recurrent"])
@pytest.mark.parametrize("spec", [probes.DENSE, probes.CONV], ids=lambda spec: spec.name)
def test_burstprop_tends_to_backpropagation_as_the_feedback_squared(spec, recurrent):
    """p (1 - p) = 1/4 - (p - 1/2)^2, and p - 1/2 is proportional to the feedback, which the weights scale;
    to Z too, which is scaled alike."""
    angles = []
    for gain in (0.4, 0.2, 0.1):
        spec = dataclasses.replace(spec, gain=gain, output_gain=gain)
        rule = rule_from_name("burstprop_symmetric", recurrent=recurrent, recurrent_start=gain)
        made = build_network(spec, rule, seed=3).double()
        images, target = probes.batch(spec)
        angles.append(_angles(made, images, _soft_target(made, images, target, 1e-4))[:-1])
    angles = np.array(angles)
    assert angles[0].max() < 2
    np.testing.assert_allclose(angles[1] / angles[2], 4, rtol=0.15)


def test_recurrent_inhibition_brings_burstprop_to_backpropagation():
    """Where Z cancels all of the dendritic potential but a share, p - 1/2 is proportional to the share, and
    the angle to its square, however large the feedback is."""

    def cancel(activity, arrival):
        before = arrival.burst.sigmoid() * activity.rates
        wanted = (1 - share) * arrival.burst * (1 - activity.rates)
        activity.layer.Z.copy_(torch.linalg.lstsq(before, wanted, driver="gelsd").solution.t())

    spec = dataclasses.replace(probes.DENSE, output_gain=3.6, output_bias=0.0)  # much feedback to all layers
    made = probes.network(spec, rule_from_name("burstprop_symmetric", recurrent=True))
    for layer in made.layers()[:-1]:
        layer.observer = cancel
    images, target = probes.batch(spec)
    soft = _soft_target(made, images, target, 1e-6)
    angles = []
    for share in (1.0, 0.1, 0.01):  # noqa: B007 - `cancel` reads it
        angles.append(_angles(made, images, soft)[:-1])
    angles = np.array(angles)
    assert angles[0].min() > 0.5
    np.testing.assert_allclose(angles[1] / angles[2], 100, rtol=0.15)


@pytest.mark.parametrize("spec", [probes.RELU_DENSE, probes.RELU_CONV], ids=lambda spec: spec.name)
def test_rectified_burstprop_tends_to_backpropagation_as_the_feedback_squared(spec):
    """p (1 - p) = 1/4 - (p - 1/2)^2 here too, but p - 1/2 is proportional to b Y / e: b must be small beside
    the rates of the layer below.

    Hidden layers have b = p e of the layer above, which its weights scale, and Y = W once more: b Y / e is
    proportional to the gain squared. In the last one b = p0 e of the softmax, whatever the rates are; so the
    images keep its rates, and the output weights fall as the gain squared. The angle falls as the fourth
    power.
    """
    angles = []
    for gain in (0.1, 0.05):
        spec = dataclasses.replace(spec, gain=gain, output_gain=10 * gain**2)
        rule = rule_from_name("burstprop_symmetric", teacher="cross_entropy")
        made = build_network(spec, rule, seed=3).double()
        images, target = probes.batch(spec)
        images /= gain**3
        angles.append(_angles(made, images, _soft_target(made, images, target, 1e-4))[:-1])
    angles = np.array(angles)
    assert angles[0].max() < 1
    np.testing.assert_allclose(angles[0] / angles[1], 16, rtol=0.15)


@pytest.mark.parametrize("amplified", [True, False])
def test_burstprop_update_has_the_size_of_backpropagation(amplified):
    """For weak feedback and small errors, and as published p0 4^-k times that."""
    spec = dataclasses.replace(probes.DENSE, gain=0.02, output_gain=0.02)
    rule = rule_from_name("burstprop_symmetric", amplified=amplified)
    made = build_network(spec, rule, seed=3).double()
    images, target = probes.batch(spec)
    soft = _soft_target(made, images, target, 1e-4)
    probes.backward(made, images, soft)
    for number, (layer, e) in enumerate(zip(made.layers(), _backprop(made, images, soft), strict=True)):
        size = 1.0 if amplified else 0.2 * 0.25 ** (3 - number)
        assert float(layer.weight.grad.norm() / e.norm()) == pytest.approx(size, rel=1e-3)


@pytest.mark.parametrize(
    "spec",
    [
        dataclasses.replace(probes.DENSE, layers=(9,)),
        dataclasses.replace(probes.CONV, layers=probes.CONV.layers[:1]),
        dataclasses.replace(probes.RELU_DENSE, layers=(9,)),
    ],
    ids=lambda spec: spec.name,
)
def test_direct_feedback_alignment_of_one_hidden_layer_is_backpropagation_when_symmetric(spec):
    """The angle is that of B to the output weights, and falls in proportion to their difference."""
    teacher = "cross_entropy" if spec.output == "softmax" else "squared"
    made = probes.network(spec, rule_from_name("direct_feedback_alignment", teacher=teacher))
    images, target = probes.batch(spec)
    hidden, top = made.layers()
    random, angles = hidden.B.clone(), []
    for size in (0.0, 1e-2, 1e-3):
        hidden.B.copy_(top.weight.detach() + size * random)
        angles.append(_angles(made, images, target))
    assert max(angles[0]) < 1e-6
    assert angles[1][0] / angles[2][0] == pytest.approx(10, rel=0.05)


def test_direct_feedback_alignment_tends_to_backpropagation_as_the_weights_squared():
    """With B the product of the weights above, the rule leaves out their slopes. A sigmoid's is 1/4 - (e -
    1/2)^2, and e - 1/2 is proportional to the weights."""
    angles = []
    for gain in (0.2, 0.1, 0.05):
        spec = dataclasses.replace(probes.DENSE, gain=gain, output_gain=gain)
        made = build_network(spec, "direct_feedback_alignment", seed=3).double()
        *hidden, top = made.layers()
        product = top.weight.detach()
        for layer in reversed(hidden):
            layer.set_feedback("B", product)
            product = product @ layer.weight.detach()
        angles.append(_angles(made, *probes.batch(spec)))
    angles = np.array(angles)
    assert angles[:, -2:].max() < 1e-6
    assert angles[0].max() < 5
    np.testing.assert_allclose(angles[1, :-2] / angles[2, :-2], 4, rtol=0.15)


def test_node_perturbation_is_backpropagation_on_average():
    """The mean of K noisy updates has an angle to the gradient that falls as 1/sqrt(K)."""
    spec = dataclasses.replace(probes.DENSE, input_shape=(4,), layers=(3,), classes=2)
    made = probes.network(spec, rule_from_name("node_perturbation", noise_sd=1e-4))
    images, target = probes.batch(spec, count=2)
    expected = torch.cat([e.flatten() for e in _backprop(made, images, target)])
    torch.manual_seed(0)
    count, repeats = 20000, 20
    angles = {}
    for size in (count // 100, count):
        found = []
        for _ in range(repeats if size < count else 1):
            many, targets = images.repeat(size, 1), target.repeat(size)
            probes.backward(made, many, targets)
            found.append(
                probes.angle(torch.cat([layer.weight.grad.flatten() for layer in made.layers()]), expected)
            )
        angles[size] = np.mean(found)
    # independent noise of 5 units for each of 2 images: 10 directions, of which one is the gradient's
    assert angles[count] < 3
    assert 4 < angles[count // 100] / angles[count] < 25


def test_kolen_pollack_weights_meet_the_forward_weights():
    """Y takes the change of W, so Y - W shrinks by the decay alone: (1 - lr decay)^steps."""
    for name in ("kolen_pollack", "burstprop", "burstccn"):
        made = probes.network(probes.DENSE, name)
        images, target = probes.batch(probes.DENSE)
        start = [(layer.feedback("Y") - layer.weight).detach() for layer in made.layers()[1:]]
        optimizer = torch.optim.SGD(made.parameter_groups(lr=0.1, weight_decay=0.05))
        for _ in range(200):
            probes.backward(made, images, target)
            optimizer.step()
        for layer, first in zip(made.layers()[1:], start, strict=True):
            torch.testing.assert_close(
                layer.feedback("Y") - layer.weight, first * (1 - 0.1 * 0.05) ** 200, rtol=1e-6, atol=1e-12
            )


def test_fixed_weights_stay():
    for name in ("feedback_alignment", "burstprop_fixed", "burstccn_fixed", "direct_feedback_alignment"):
        made = probes.network(probes.DENSE, name)
        before = {key: value.clone() for key, value in made.named_buffers()}
        assert before
        optimizer = torch.optim.SGD(made.parameter_groups(lr=0.1, weight_decay=0.05), momentum=0.9)
        for _ in range(5):
            probes.backward(made, *probes.batch(probes.RELU_DENSE))
            optimizer.step()
        assert all(torch.equal(value, before[key]) for key, value in made.named_buffers())
