"""Every rule's update against a plain-NumPy implementation of the equations as they stand."""

from __future__ import annotations

import dataclasses

import numpy as np
import oracle
import probes
import pytest
import torch

from burstprop.reduced import RULES, rule_from_name

SIGMOID = [probes.DENSE, probes.CONV]
RELU = [probes.RELU_DENSE, probes.RELU_CONV]


def _compare(spec, rule, find, tolerance=1e-9, dtype=torch.float64):
    made = probes.network(spec, rule, dtype=dtype)
    images, target = probes.batch(spec, dtype=dtype)
    probes.backward(made, images, target)
    layers = probes.oracle_layers(made)
    rates = oracle.forward(
        layers, images.double().numpy().astype(np.longdouble), spec.activation, spec.output
    )
    deltas = find(layers, rates, probes.one_hot(target, spec.classes))
    probes.assert_close(probes.gradients(made), oracle.gradients(layers, rates, deltas), tolerance)
    return made, layers, rates, deltas


def _assert_follow(made, **ratios):
    """A step changes the named feedback weights by these ratios of W's change, and no others."""
    layers = made.layers()[1:]
    before = [
        {name: layer.feedback(name).clone() for name in layer.places} | {"W": layer.weight.detach().clone()}
        for layer in layers
    ]
    with torch.no_grad():
        for parameter in made.parameters():
            parameter -= 3.0 * parameter.grad
    for layer, old in zip(layers, before, strict=True):
        assert set(ratios) <= set(layer.places)
        change = layer.weight - old["W"]
        assert change.abs().max() > 0
        for name in layer.places:
            expected = ratios.get(name, 0.0) * change
            tolerance = 1e-6 * float(old[name].abs().max()) if change.dtype == torch.float32 else 1e-15
            torch.testing.assert_close(layer.feedback(name) - old[name], expected, rtol=1e-9, atol=tolerance)


#: The signal as published, and amplified in every dendrite; settings of the rule, and of the oracle.
SIGNALS = {
    "published": (dict(amplified=False), dict(teaching=None)),
    "amplified": (dict(), dict(teaching=0.2)),
    "strong": (dict(teaching=3.0, inhibition=0.7), dict(teaching=3.0, inhibition=0.7)),
}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("feedback", ["learned", "fixed", "symmetric"])
@pytest.mark.parametrize("spec", SIGMOID, ids=lambda spec: spec.name)
def test_burstprop_sigmoid(spec, feedback, dtype, signal):
    settings, known = SIGNALS[signal]
    rule = rule_from_name("burstprop", feedback=feedback, **settings)
    name = "W" if feedback == "symmetric" else "Y"
    made, *_ = _compare(
        spec,
        rule,
        lambda *a: oracle.burstprop(*a, feedback=name, **known)[0],
        1e-9 if dtype == torch.float64 else 3e-6,
        dtype,
    )
    if feedback == "learned":
        _assert_follow(made, Y=1.0)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("spec", [probes.DENSE, *RELU], ids=lambda spec: spec.name)
def test_burstprop_cross_entropy(spec, dtype, signal):
    settings, known = SIGNALS[signal]
    rule = rule_from_name("burstprop", teacher="cross_entropy", kappa=1e-3, feedback="fixed", **settings)
    _compare(
        spec,
        rule,
        lambda *a: oracle.burstprop(*a, teacher="cross_entropy", units=spec.activation, kappa=1e-3, **known)[
            0
        ],
        1e-9 if dtype == torch.float64 else 1e-5,
        dtype,
    )


def test_burstprop_clip_at_one_burst_per_event():
    """With a large kappa the teacher asks for more than one burst an event; the oracle clips p_t at 1."""
    spec = dataclasses.replace(probes.RELU_DENSE, layers=())
    rule = rule_from_name("burstprop", teacher="cross_entropy", kappa=5.0)
    _, _, rates, deltas = _compare(
        spec, rule, lambda *a: oracle.burstprop(*a, teacher="cross_entropy", kappa=5.0)[0], 1e-9
    )
    clipped = np.isclose((deltas[0] * 0.2 * 5.0 / rates[-1]).astype(float), 0.8)
    assert clipped.sum() >= 2


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("spec", SIGMOID, ids=lambda spec: spec.name)
def test_recurrent_inhibition(spec, dtype):
    """In a convolutional layer Z couples the maps at every pixel, and learns from all pixels."""
    rule = rule_from_name("burstprop_recurrent", recurrent_start=0.4)
    changes = []

    def find(*arguments):
        deltas, change = oracle.burstprop(*arguments)
        changes.extend(change)
        return deltas

    tolerance = 1e-9 if dtype == torch.float64 else 3e-6
    made, *_ = _compare(spec, rule, find, tolerance, dtype)
    found = [(layer.Z.grad.double().numpy(),) for layer in made.layers()[:-1]]
    probes.assert_close(found, [(-change / 6,) for change in changes], tolerance)


def test_recurrent_inhibition_learns_to_cancel_the_dendritic_potential():
    """Descent along Z's gradient alone brings p to 1/2 without a teacher."""
    made = probes.network(probes.DENSE, rule_from_name("burstprop_recurrent", feedback="fixed"))
    images, target = probes.batch(probes.DENSE)

    def uncancelled():
        layers = probes.oracle_layers(made, float)
        rates = oracle.forward(layers, images.numpy())
        _, changes = oracle.burstprop(layers, rates, probes.one_hot(target, 5, float))
        return sum(np.linalg.norm(change) for change in changes)

    before = uncancelled()
    for _ in range(300):
        probes.backward(made, images, target)
        with torch.no_grad():
            for layer in made.layers()[:-1]:
                layer.Z -= 0.5 * layer.Z.grad
    assert uncancelled() < 0.1 * before


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("q", ["tied", "free"])
@pytest.mark.parametrize("spec", SIGMOID, ids=lambda spec: spec.name)
def test_burstccn_sigmoid(spec, q, dtype):
    rule = rule_from_name("burstccn", free_q=q == "free", mismatch=0.3, p0=0.4)
    made, *_ = _compare(
        spec, rule, lambda *a: oracle.burstccn(*a, p0=0.4), 1e-9 if dtype == torch.float64 else 3e-6, dtype
    )
    _assert_follow(made, Y=1.0, **({"Q": -0.4} if q == "free" else {}))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("ramp", [False, True])
@pytest.mark.parametrize("shift", [0.5, 0.0])
@pytest.mark.parametrize("spec", RELU, ids=lambda spec: spec.name)
def test_burstccn_rectified_softmax(spec, shift, ramp, dtype):
    rule = rule_from_name(
        "burstccn", teacher="cross_entropy", p0=0.3, teaching=0.7, shift=shift, feedback_gain=3.0, ramp=ramp,
        free_q=True, mismatch=0.2,
    )  # fmt: skip
    _compare(
        spec,
        rule,
        lambda *a: oracle.burstccn(
            *a, teacher="cross_entropy", units="relu", p0=0.3, s=0.7, h=shift, r=3.0, ramp=ramp
        ),
        1e-9 if dtype == torch.float64 else 1e-5,
        dtype,
    )


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_burstccn_without_shift_takes_rates_that_underflow(output):
    spec = dataclasses.replace(probes.RELU_DENSE, output=output)
    rule = rule_from_name("burstccn", teacher="cross_entropy", shift=0.0)
    made = probes.network(spec, rule, dtype=torch.float32)
    images, target = probes.batch(spec, dtype=torch.float32)
    with torch.no_grad():
        made.layers()[-1].bias[target[0]] = -300.0
    probes.backward(made, images, target)
    for weight, bias in probes.gradients(made):
        assert np.isfinite(weight).all()
        assert np.isfinite(bias).all()


def test_burstccn_without_shift_has_the_size_of_backpropagation():
    """Divided by 2 p0 s, a weak teacher's update is backpropagation's in size too."""
    found = []
    for name, more in (("burstccn_tied", dict(shift=0.0, p0=0.3, teaching=1e-7)), ("backprop", {})):
        made = probes.network(probes.RELU_DENSE, rule_from_name(name, teacher="cross_entropy", **more))
        probes.backward(made, *probes.batch(probes.RELU_DENSE))
        found.append(
            [
                (weight / made.rule.gain(3 - number), bias / made.rule.gain(3 - number))
                for number, (weight, bias) in enumerate(probes.gradients(made))
            ]
        )
    probes.assert_close(*found, 1e-6)


def test_apical_silence_descends_the_apical_potential_without_teacher():
    """dY is proportional to -b^T apic, apic = e (p0 Y + Q) in the layer below, b = p0 e; and it silences
    it."""
    made = probes.network(probes.DENSE, rule_from_name("burstccn_apical_silence", mismatch=1.0, p0=0.4))
    images, target = probes.batch(probes.DENSE)
    probes.backward(made, images, target)
    layers = probes.oracle_layers(made, float)
    rates = oracle.forward(layers, images.numpy())
    for number in (1, 2, 3):
        layer, e = layers[number], rates[number + 1]
        apic = 0.4 * e @ layer["Y"] + e @ layer["Q"]
        np.testing.assert_allclose(made.layers()[number].Y.grad.numpy(), (0.4 * e).T @ apic / 6, rtol=1e-9)
        assert not isinstance(made.layers()[number].Q, torch.nn.Parameter)
    start = np.linalg.norm(apic)
    for _ in range(800):
        probes.backward(made, images, target)
        with torch.no_grad():
            for layer in made.layers()[1:]:
                layer.Y -= 1.0 * layer.Y.grad
    layer = probes.oracle_layers(made, float)[3]
    assert np.linalg.norm(0.4 * e @ layer["Y"] + e @ layer["Q"]) < 0.05 * start


@pytest.mark.parametrize("name", ["backprop", "feedback_alignment", "kolen_pollack", "sign_symmetry"])
@pytest.mark.parametrize(
    ("spec", "teacher"),
    [(spec, "squared") for spec in SIGMOID] + [(spec, "cross_entropy") for spec in [*SIGMOID, *RELU]],
    ids=lambda value: getattr(value, "name", value),
)
def test_linear_feedback(spec, name, teacher):
    def find(layers, rates, t):
        for layer in layers:
            if name == "sign_symmetry" and "Y" in layer:
                layer["Y"] = np.sign(layer["W"]) * np.abs(layer["Y"])
        return oracle.linear_feedback(
            layers,
            rates,
            t,
            teacher=teacher,
            units=spec.activation,
            feedback="W" if name == "backprop" else "Y",
        )

    made, *_ = _compare(spec, rule_from_name(name, teacher=teacher), find)
    _assert_follow(made, **({"Y": 1.0} if name == "kolen_pollack" else {}))


@pytest.mark.parametrize("spec", [probes.DENSE, probes.RELU_CONV], ids=lambda spec: spec.name)
def test_direct_feedback_alignment(spec):
    teacher = "squared" if spec.output == "sigmoid" else "cross_entropy"

    def find(layers, rates, t):
        matrices = [layer.get("B") for layer in layers]
        return oracle.linear_feedback(
            layers, rates, t, teacher=teacher, units=spec.activation, broadcast=matrices
        )

    _compare(spec, rule_from_name("direct_feedback_alignment", teacher=teacher), find)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("spec", [probes.DENSE, probes.RELU_CONV], ids=lambda spec: spec.name)
def test_direct_burstprop(spec, signal):
    changed, known = SIGNALS[signal]
    more = dict(teacher="squared") if spec.output == "sigmoid" else dict(teacher="cross_entropy", kappa=1e-3)

    def find(layers, *others):
        matrices = [layer.get("B") for layer in layers]
        settings = dict(units=spec.activation, broadcast=matrices) | more | known
        return oracle.burstprop(layers, *others, **settings)[0]

    made, *_ = _compare(spec, rule_from_name("burstprop_direct", **more, **changed), find)
    assert all(set(layer.places) == {"B"} for layer in made.layers()[:-1])


def test_every_named_rule_is_compared_here():
    compared = {
        "burstprop", "burstprop_fixed", "burstprop_symmetric", "burstprop_recurrent", "burstccn",
        "burstccn_apical_silence", "backprop", "feedback_alignment", "kolen_pollack", "sign_symmetry",
        "direct_feedback_alignment", "burstprop_direct",
    }  # fmt: skip
    elsewhere = {"node_perturbation", "burstccn_tied", "burstccn_fixed"}  # test_rules_limits.py
    assert set(RULES) == compared | elsewhere
