"""Rule layers as parts of ordinary PyTorch code."""

from __future__ import annotations

import oracle
import probes
import pytest
import torch
from torch import nn

from burstprop.errors import BurstpropError
from burstprop.reduced import Conv2d, Dense, build_network, rule_from_name
from burstprop.reduced.layers.losses import teaching_loss
from burstprop.reduced.rules import RULES


def _sequence(rule, *between, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return nn.Sequential(
        Conv2d(1, 4, 3, rule, lowest=True, generator=generator, feedback_generator=generator, gain=2.0),
        *between,
        nn.Flatten(),
        Dense(36, 7, rule, generator=generator, feedback_generator=generator, gain=2.0),
        Dense(7, 3, rule, output="sigmoid", generator=generator, feedback_generator=generator),
    ).to(dtype)


def _images(count=5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 1, 8, 8, generator=generator).to(dtype), torch.arange(count) % 3


def test_pooling_between_layers_passes_bursts_and_errors_as_gradients():
    """The layer below a pooling layer hears b Y and d Y from the places that won, and nothing elsewhere."""
    model = _sequence(rule_from_name("burstprop_fixed", amplified=False), nn.MaxPool2d(2))
    images, target = _images()
    teaching_loss(model(images), target, "sigmoid", "squared").backward()
    conv, hidden, top = (module for module in model if hasattr(module, "rule"))
    with torch.no_grad():
        e1 = torch.conv2d(images, conv.weight, conv.bias).sigmoid()
        pooled, where = nn.functional.max_pool2d(e1, 2, return_indices=True)
        e2 = (pooled.flatten(1) @ hidden.weight.T + hidden.bias).sigmoid()
        e3 = (e2 @ top.weight.T + top.bias).sigmoid()
        t = torch.nn.functional.one_hot(target, 3)
        b, bt = 0.2 * e3, 0.2 * ((t - e3) * (1 - e3) + 1) * e3
        x, xt = b @ top.Y, bt @ top.Y
        b, bt = (x * (1 - e2)).sigmoid() * e2, (xt * (1 - e2)).sigmoid() * e2
        x, xt = (
            nn.functional.max_unpool2d((signal @ hidden.Y).view_as(pooled), where, 2) for signal in (b, bt)
        )
        change = (xt * (1 - e1)).sigmoid() * e1 - (x * (1 - e1)).sigmoid() * e1
    torch.testing.assert_close(conv.bias.grad, -change.sum((0, 2, 3)) / 5, rtol=1e-7, atol=1e-18)


def test_two_branches_add_their_feedback():
    """A layer that two others read hears the sum of both, as b and as d."""
    rule = rule_from_name("burstprop_fixed", amplified=False)
    generator = torch.Generator().manual_seed(0)
    low = Dense(6, 5, rule, lowest=True, generator=generator).double()
    left, right = (
        Dense(5, 4, rule, generator=generator, feedback_generator=generator).double() for _ in range(2)
    )
    top = Dense(4, 3, rule, output="sigmoid", generator=generator, feedback_generator=generator).double()
    images, target = torch.randn(4, 6, generator=generator).double(), torch.tensor([0, 1, 2, 0])
    hidden = low(images)
    joined = 0.5 * left(hidden) + 0.5 * right(hidden)
    teaching_loss(top(joined), target, "sigmoid", "squared").backward()
    with torch.no_grad():
        e1 = (images @ low.weight.T + low.bias).sigmoid()
        branches = [(e1 @ layer.weight.T + layer.bias).sigmoid() for layer in (left, right)]
        e3 = (0.5 * (branches[0] + branches[1]) @ top.weight.T + top.bias).sigmoid()
        t = torch.nn.functional.one_hot(target, 3)
        sweeps = []
        for b in (0.2 * e3, 0.2 * ((t - e3) * (1 - e3) + 1) * e3):
            x = 0.5 * b @ top.Y
            bursts = [(x * (1 - e)).sigmoid() * e for e in branches]
            sweeps.append(sum(burst @ layer.Y for burst, layer in zip(bursts, (left, right), strict=True)))
        change = (sweeps[1] * (1 - e1)).sigmoid() * e1 - (sweeps[0] * (1 - e1)).sigmoid() * e1
    torch.testing.assert_close(low.bias.grad, -change.sum(0) / 4, rtol=1e-7, atol=1e-18)


def _two_heads(name):
    """A trunk, and two output layers that read it."""
    rule = rule_from_name(name)
    generator = torch.Generator().manual_seed(0)
    common = dict(classes=3, generator=generator, feedback_generator=generator, gain=2.0)
    trunk = Dense(6, 5, rule, lowest=True, **common)
    return trunk.double(), [Dense(5, 3, rule, output="sigmoid", **common).double() for _ in range(2)]


def _two_losses(name, weights, order=(0, 1)):
    """Gradient of the trunk's weights by a weighted sum of the heads' losses."""
    trunk, heads = _two_heads(name)
    images = torch.randn(4, 6, generator=torch.Generator().manual_seed(1)).double()
    target = torch.tensor([0, 1, 2, 0])
    hidden = trunk(images)
    logits = {k: heads[k](hidden) for k in order}
    losses = [
        w * teaching_loss(logits[k], target + k & 1, "sigmoid", "squared") for k, w in enumerate(weights)
    ]
    sum(losses).backward()
    return trunk.weight.grad


@pytest.mark.parametrize("name", ["burstprop", "burstccn", "backprop", "feedback_alignment"])
def test_two_losses_of_the_same_weight_meet_in_a_layer(name):
    forth, back = (_two_losses(name, (1.0, 1.0), order) for order in ((0, 1), (1, 0)))
    torch.testing.assert_close(forth, back, rtol=1e-9, atol=1e-16)
    assert not torch.allclose(forth, _two_losses(name, (1.0, 0.0)) if name == "backprop" else 0 * forth)


@pytest.mark.parametrize("name", ["burstprop", "burstccn", "direct_feedback_alignment"])
def test_losses_of_different_weight_have_no_common_teacher(name):
    with pytest.raises(BurstpropError, match=r"different weight, 0.025 and 0.25 an image, meet here"):
        _two_losses(name, (1.0, 0.1))
    if name == "direct_feedback_alignment":
        with pytest.raises(BurstpropError, match="two losses that broadcast, meet here"):
            _two_losses(name, (1.0, 1.0))


def test_losses_of_different_weight_meet_where_only_gradients_travel():
    both, one, other = (_two_losses("backprop", weights) for weights in ((1.0, 0.1), (1.0, 0.0), (0.0, 0.1)))
    torch.testing.assert_close(both, one + other)


@pytest.mark.parametrize("name", ["burstprop", "direct_feedback_alignment"])
def test_a_sweep_that_ended_above_leaves_nothing_behind(name):
    made = probes.network(probes.DENSE, name)
    images, target = probes.batch(probes.DENSE)
    probes.backward(made, images, target)
    expected = [p.grad.clone() for p in made.parameters()]
    made.zero_grad()
    loss = made.loss(made(images), target)
    torch.autograd.grad(loss, [made.layers()[-1].weight], retain_graph=True)
    loss.backward()
    for p, e in zip(made.parameters(), expected, strict=True):
        assert torch.equal(p.grad, e)


def test_bursts_pass_through_a_module_with_a_hook():
    made = probes.network(probes.DENSE, "burstprop")
    images, target = probes.batch(probes.DENSE)
    probes.backward(made, images, target)
    expected = [p.grad.clone() for p in made.parameters()]
    heard = []
    made.layers()[1].register_full_backward_hook(lambda *signals: heard.append(signals))
    probes.backward(made, images, target)
    assert len(heard) == 1
    for p, e in zip(made.parameters(), expected, strict=True):
        assert torch.equal(p.grad, e)


@pytest.mark.parametrize("name", sorted(RULES))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spec", [probes.DENSE, probes.RELU_DENSE], ids=["sigmoid", "relu"])
def test_a_loss_times_nothing_teaches_nothing_and_one_to_climb_the_opposite(name, dtype, spec):
    if spec is probes.RELU_DENSE and name == "burstprop_recurrent":
        pytest.skip("recurrent inhibition is for sigmoid units")
    teacher = "cross_entropy" if spec.output == "softmax" else "squared"
    made = probes.network(spec, rule_from_name(name, teacher=teacher), dtype=dtype)
    images, target = probes.batch(spec, dtype=dtype)

    def grads(weight):
        torch.manual_seed(1)
        made.zero_grad()
        (weight * made.loss(made(images), target)).backward()
        return [p.grad for layer in made.layers() for p in (layer.weight, layer.bias)]

    up, down = grads(1.0), grads(-1.0)
    for one, other, none in zip(up, down, grads(0.0), strict=True):
        torch.testing.assert_close(other, -one, rtol=1e-5, atol=1e-12)
        assert not none.any()


@pytest.mark.parametrize(
    "name", ["burstprop", "burstccn", "direct_feedback_alignment", "backprop", "kolen_pollack"]
)
def test_named_network_equals_the_same_layers_in_sequential(name):
    made = probes.network(probes.DENSE, name)
    images, target = probes.batch(probes.DENSE)
    probes.backward(made, images, target)
    plain = nn.Sequential(*made.body)
    expected = [(layer.weight.grad.clone(), layer.bias.grad.clone()) for layer in made.layers()]
    plain.zero_grad()
    logits = plain(images)
    # an ordinary loss: its mean over the images is what a layer takes a gradient to be without being told
    (0.5 * (torch.nn.functional.one_hot(target, 5) - logits.sigmoid()).square().sum(1).mean()).backward()
    for layer, (weight, bias) in zip(made.layers(), expected, strict=True):
        torch.testing.assert_close(layer.weight.grad, weight, rtol=1e-9, atol=1e-14)
        torch.testing.assert_close(layer.bias.grad, bias, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    "name", ["burstprop", "burstccn", "burstprop_recurrent", "direct_feedback_alignment"]
)
def test_gradients_scale_with_the_loss_and_add_over_parts_of_a_batch(name):
    """A gradient scaler's factor and gradient accumulation: teaching is not linear, its average is."""
    made = probes.network(probes.CONV, name)
    images, target = probes.batch(probes.CONV, count=8)

    def grads(*losses):
        made.zero_grad()
        for loss in losses:
            loss().backward()
        return [p.grad.clone() for p in made.parameters()]

    whole = grads(lambda: made.loss(made(images), target))
    scaled = grads(lambda: 1024 * made.loss(made(images), target))
    parts = grads(*(lambda k=k: 0.5 * made.loss(made(images[k : k + 4]), target[k : k + 4]) for k in (0, 4)))
    for a, b, c in zip(whole, scaled, parts, strict=True):
        torch.testing.assert_close(b, 1024 * a, rtol=1e-9, atol=1e-14)
        torch.testing.assert_close(c, a, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("spec", [probes.DENSE, probes.CONV, probes.RELU_CONV], ids=lambda spec: spec.name)
def test_gradcheck(spec):
    """The backprop rule is the loss's derivative; by finite differences, weights, biases and images."""
    teacher = "cross_entropy" if spec.output == "softmax" else "squared"
    made = build_network(spec, rule_from_name("backprop", teacher=teacher), seed=3).double()
    images, target = probes.batch(spec, count=2)
    names = [name for name, _ in made.named_parameters()]

    def loss(images, *values):
        return made.loss(
            torch.func.functional_call(made, dict(zip(names, values, strict=True)), (images,)), target
        )

    values = [value.detach().clone().requires_grad_() for value in made.parameters()]
    assert torch.autograd.gradcheck(loss, (images.requires_grad_(), *values), fast_mode=True)


def test_works_with_optimizers_and_a_trained_layer_below():
    """Any optimizer; and a layer that is not a rule layer, below, learns from the error it gets."""
    for optimizer_class, lr in (
        (torch.optim.SGD, 1.0),
        (torch.optim.Adam, 0.01),
        (torch.optim.RMSprop, 0.003),
    ):
        torch.manual_seed(0)
        rule = rule_from_name("burstprop")
        images = torch.randn(30, 6)
        target = images[:, :3].argmax(1)
        model = nn.Sequential(
            nn.Linear(6, 20), nn.Tanh(), Dense(20, 20, rule), Dense(20, 3, rule, output="sigmoid")
        )
        first = model[0].weight.detach().clone()
        optimizer = optimizer_class(model.parameters(), lr=lr)
        losses = []
        for _ in range(200):
            optimizer.zero_grad()
            loss = teaching_loss(model(images), target, "sigmoid", "squared")
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.7 * losses[0]
        assert not torch.equal(first, model[0].weight)


@pytest.mark.parametrize("name", sorted(set(RULES) - {"node_perturbation"}))
def test_bfloat16_autocast_gives_float32_updates_near_the_exact_ones(name):
    """Node perturbation is left out: a difference of two losses has no digits left in bfloat16.

    What apical silence leaves of two pathways that cancel has fewer digits than either.
    """
    made = probes.network(probes.CONV, name, dtype=torch.float32)
    images, target = probes.batch(probes.CONV, count=8, dtype=torch.float32)
    probes.backward(made, images, target)
    exact = [p.grad.clone() for p in made.parameters()]
    made.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = made(images)
        assert logits.dtype == torch.float32
        made.loss(logits, target).backward()
    errors = [
        float((p.grad - e).norm() / e.norm())
        for p, e in zip(made.parameters(), exact, strict=True)
        if e.any()
    ]
    assert 1e-5 < max(errors) < (0.15 if name == "burstccn_apical_silence" else 0.05)
    assert all(p.grad.dtype == torch.float32 for p in made.parameters())


@pytest.mark.parametrize("name", ["burstprop", "burstprop_recurrent", "burstccn"])
def test_float16_with_a_gradient_scaler_gives_float32_updates_near_the_exact_ones(name):
    """What travels is multiplied by the loss's scale, so that small errors are not lost below 6e-8, and a
    teacher changes bursts by as much as without."""
    made = probes.network(probes.CONV, name, dtype=torch.float32)
    images, target = probes.batch(probes.CONV, count=8, dtype=torch.float32)
    probes.backward(made, images, target)
    exact = [p.grad.clone() for p in made.parameters()]
    made.zero_grad()
    scaler = torch.amp.GradScaler("cpu", init_scale=65536.0)
    with torch.autocast("cpu", dtype=torch.float16):
        loss = made.loss(made(images), target)
    scaler.scale(loss).backward()
    scaler.unscale_(torch.optim.SGD(made.parameters(), lr=0.0))
    for p, e in zip(made.parameters(), exact, strict=True):
        assert p.grad.dtype == torch.float32
        assert float((p.grad - e).norm()) <= 1e-2 * float(e.norm())


@pytest.mark.filterwarnings("ignore")  # of PyTorch, while it traces
def test_a_compiled_network_gives_the_same_updates():
    made = probes.network(probes.CONV, "burstprop")
    images, target = probes.batch(probes.CONV)
    probes.backward(made, images, target)
    expected = [p.grad.clone() for p in made.parameters()]
    made.zero_grad()
    compiled = torch.compile(made, backend="aot_eager")
    made.loss(compiled(images), target).backward()
    for p, e in zip(made.parameters(), expected, strict=True):
        torch.testing.assert_close(p.grad, e, rtol=1e-9, atol=1e-15)


def test_float32_and_channels_last_inputs_give_the_same_update():
    made = probes.network(probes.CONV, "burstprop", dtype=torch.float32)
    images, target = probes.batch(probes.CONV, dtype=torch.float32)
    probes.backward(made, images, target)
    expected = [p.grad.clone() for p in made.parameters()]
    probes.backward(made, images.to(memory_format=torch.channels_last), target)
    for p, e in zip(made.parameters(), expected, strict=True):
        torch.testing.assert_close(p.grad, e, rtol=1e-4, atol=1e-7 * float(e.abs().max()) + 1e-12)


def test_node_perturbation_measures_only_in_training():
    made = probes.network(probes.DENSE, rule_from_name("node_perturbation", noise_sd=0.5))
    images, target = probes.batch(probes.DENSE)
    layers = probes.oracle_layers(made, float)
    clean = oracle.forward(layers, images.numpy())[-1]
    assert made(images).shape == (6, 5)
    torch.testing.assert_close(made(images).sigmoid().detach(), torch.from_numpy(clean))
    made.eval()
    torch.testing.assert_close(made(images).sigmoid().detach(), torch.from_numpy(clean))
    made.train()
    torch.manual_seed(7)
    probes.backward(made, images, target)
    first = made.layers()[0].weight.grad.clone()
    torch.manual_seed(7)
    probes.backward(made, images, target)
    assert torch.equal(first, made.layers()[0].weight.grad)


def test_no_memory_is_kept_between_steps():
    """The nodes that messages are handed to die with the graph."""
    import gc
    import weakref

    for name in ("burstprop", "node_perturbation"):
        made = probes.network(probes.CONV, name)
        images, target = probes.batch(probes.CONV)
        gc.collect()
        gc.disable()
        try:
            logits = made(images)
            watched = weakref.ref(logits)
            loss = made.loss(logits, target)
            loss.backward()
            del logits, loss
            assert watched() is None
        finally:
            gc.enable()


class TestErrors:
    def test_top_layer_without_the_rule(self):
        model = nn.Sequential(Dense(6, 5, rule_from_name("burstprop"), lowest=True), nn.Linear(5, 3))
        with pytest.raises(BurstpropError, match=r"sent nothing but a gradient.*Burstprop needs rule layers"):
            model(torch.randn(4, 6)).sum().backward()

    def test_layer_built_as_the_lowest_is_not(self):
        rule = rule_from_name("burstprop")
        model = nn.Sequential(nn.Linear(6, 5), Dense(5, 3, rule, output="sigmoid", lowest=True))
        with pytest.raises(BurstpropError, match="lowest=False"):
            model(torch.randn(4, 6)).sum().backward()

    def test_second_derivative(self):
        made = probes.network(probes.DENSE, "burstprop")
        images, target = probes.batch(probes.DENSE)
        with pytest.raises(BurstpropError, match="no second derivative"):
            made.loss(made(images), target).backward(create_graph=True)

    def test_output_and_teacher(self):
        with pytest.raises(BurstpropError, match="'sigmoid', 'softmax' or None"):
            Dense(3, 2, rule_from_name("backprop"), output="linear")
        with pytest.raises(BurstpropError, match="teacher='cross_entropy'"):
            Dense(3, 2, rule_from_name("backprop"), output="softmax")
        with pytest.raises(BurstpropError, match=r"units = 'tanh'.*known"):
            Dense(3, 2, rule_from_name("backprop"), activation="tanh")
        with pytest.raises(BurstpropError, match="output='softmax'"):
            Dense(3, 2, rule_from_name("backprop"), activation="softmax")

    def test_inputs_of_other_axes(self):
        rule = rule_from_name("backprop")
        with pytest.raises(BurstpropError, match=r"\(4, 7, 6\): give images x inputs, with 6 inputs"):
            Dense(6, 5, rule)(torch.randn(4, 7, 6))
        with pytest.raises(BurstpropError, match="give images x channels x height x width, with 3 channels"):
            Conv2d(3, 5, 3, rule)(torch.randn(3, 7, 6))

    def test_feedback_weights_of_another_shape(self):
        for name in ("burstprop", "burstprop_fixed"):
            layer = Dense(6, 5, rule_from_name(name))
            for value in (torch.zeros(1), torch.zeros(6, 5)):
                with pytest.raises(BurstpropError, match=r"'Y' have shape \(5, 6\), and the value has"):
                    layer.set_feedback("Y", value)

    def test_node_perturbation_without_noise_or_a_second_pass(self):
        made = probes.network(probes.DENSE, "node_perturbation")
        images, target = probes.batch(probes.DENSE)
        with pytest.raises(BurstpropError, match="6 logits for 3 images"):
            teaching_loss(made.body(images), target, "sigmoid", "squared")
        made.eval()
        loss = made.loss(made(images), target)
        with pytest.raises(BurstpropError, match=r"training mode only: call train\(\)"):
            loss.backward()

    def test_target_of_the_wrong_shape(self):
        made = probes.network(probes.DENSE, "burstprop")
        images, target = probes.batch(probes.DENSE)
        with pytest.raises(BurstpropError, match="6 class indices, or rates of shape 6 x 5"):
            made.loss(made(images), target[:3])
        with pytest.raises(BurstpropError, match=r"classes 5 to 5: .* 5 units, 0 to 4"):
            made.loss(made(images), target + 5 - target)
        with pytest.raises(
            BurstpropError, match=r"6 numbers of torch.float32: give class indices as integers"
        ):
            made.loss(made(images), target.float())

    @pytest.mark.parametrize("spec", [probes.DENSE, probes.RELU_DENSE], ids=["sigmoid", "softmax"])
    def test_targets_of_any_integer_kind(self, spec):
        teacher = "squared" if spec is probes.DENSE else "cross_entropy"
        made = probes.network(spec, rule_from_name("burstprop", teacher=teacher))
        images, target = probes.batch(spec)
        logits = made(images)
        rates = nn.functional.one_hot(target, 5)
        expected = made.loss(logits, target)
        for same in (target.int(), target.to(torch.uint8), rates, rates.bool(), rates.double()):
            torch.testing.assert_close(made.loss(logits, same), expected)

    def test_broadcast_needs_sizes(self):
        rule = rule_from_name("direct_feedback_alignment")
        with pytest.raises(BurstpropError, match="classes="):
            Dense(3, 2, rule)
        with pytest.raises(BurstpropError, match="output_size="):
            Conv2d(3, 2, 3, rule, classes=4)

    def test_recurrent_inhibition_of_rectified_units(self):
        with pytest.raises(BurstpropError, match="recurrent=False"):
            build_network(probes.RELU_DENSE, rule_from_name("burstprop_recurrent", teacher="cross_entropy"))
