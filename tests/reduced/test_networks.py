"""Named networks, start weights, learning rates by layer, rules by name and settings."""

from __future__ import annotations

import dataclasses
import math
import textwrap

import probes
import pytest
import torch

from burstprop.errors import BurstpropError
from burstprop.reduced import (
    NETWORKS,
    RULES,
    Convolution,
    NetworkSpec,
    Rule,
    build_network,
    network_spec,
    rule_from_name,
    rule_name,
    setting,
)
from burstprop.reduced.networks import layer_shapes
from burstprop.reduced.rules import source_digest
from burstprop.reduced.train.settings import DATASETS, NAMES, Setting


def test_published_shapes():
    assert layer_shapes(NETWORKS["cifar"]) == [(3, 32, 32), (64, 14, 14), (128, 5, 5), (256, 3, 3), (1024,)]
    assert [shape[0] for shape in layer_shapes(NETWORKS["cifar-fixed"])[1:]] == [64, 256, 256, 1480]
    sides = [224, 54, 26, 22, 10, 8, 3, 1]
    assert [shape[1] for shape in layer_shapes(NETWORKS["imagenet"])] == sides
    assert [shape[0] for shape in layer_shapes(NETWORKS["imagenet"])] == [3, 48, 48, 96, 96, 192, 192, 384]
    assert [shape[0] for shape in layer_shapes(NETWORKS["imagenet-fixed"])] == [
        3,
        48,
        96,
        96,
        192,
        192,
        384,
        470,
    ]
    assert layer_shapes(NETWORKS["imagenet-burstccn"])[-2:] == [(470, 1, 1), (1500,)]
    assert NETWORKS["mnist-3x500"].layers == (500, 500, 500)
    for spec in NETWORKS.values():
        with torch.device("meta"):
            assert layer_shapes(spec)[-1]


def test_start_weights_have_their_scale_and_do_not_depend_on_the_rule():
    spec = network_spec("mnist-3x500")
    made = build_network(spec, "burstprop", seed=4)
    for layer, gain in zip(made.layers(), (3.6, 3.6, 3.6, 0.36), strict=True):
        out, inputs = layer.weight.shape
        assert float(layer.weight.detach().std()) == pytest.approx(
            gain * math.sqrt(2 / (out + inputs)), rel=0.05
        )
    assert torch.equal(made.layers()[-1].bias, torch.full((10,), -2.2))
    output = (
        build_network("imagenet", rule_from_name("backprop", teacher="cross_entropy"))
        .layers()[-1]
        .weight.detach()
    )
    assert float(output.std()) == pytest.approx(0.01, rel=0.01)
    conv = (
        build_network("imagenet", rule_from_name("backprop", teacher="cross_entropy"))
        .layers()[1]
        .weight.detach()
    )
    assert float(conv.std()) == pytest.approx(math.sqrt(2 / (48 * 9)), rel=0.02)
    other = build_network(spec, "direct_feedback_alignment", seed=4)
    assert all(torch.equal(a.weight, b.weight) for a, b in zip(made.layers(), other.layers(), strict=True))
    third = build_network(spec, "burstprop", seed=5)
    assert not torch.equal(made.layers()[1].weight, third.layers()[1].weight)
    again = build_network(spec, "burstprop", seed=4)
    assert all(
        torch.equal(a, b)
        for a, b in zip(made.state_dict().values(), again.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize(
    ("scale", "sd"), [("weight", 0.36 * math.sqrt(2 / 510)), ("fan_out", 10**-0.5), ("absolute", 1)]
)
def test_feedback_scale(scale, sd):
    rule = rule_from_name("burstprop_fixed", feedback_sd=2.0, feedback_scale=scale)
    feedback = build_network("mnist-3x500", rule).layers()[-1].feedback("Y")
    assert float(feedback.std()) == pytest.approx(2 * sd, rel=0.06)


def test_learning_rates_do_not_depend_on_the_size_of_the_signals():
    rule = rule_from_name("burstprop", p0=0.2, hidden_lr=2.0, output_lr=0.5, depth_ratio=3.0)
    made = build_network("mnist-3x500", rule)
    groups = made.parameter_groups(lr=0.1, weight_decay=1e-3)
    rates = {group["name"]: group["lr"] for group in groups}
    expected = {
        "layer3": 0.5,
        "layer2": 2,
        "layer1": 2 * 3,
        "layer0": 2 * 9,
    }
    assert rates == pytest.approx({name: 0.1 * rate for name, rate in expected.items()})
    assert all(group["lr"] * group["weight_decay"] == pytest.approx(0.1 * 1e-3) for group in groups)
    counted = [id(p) for group in groups for p in group["params"]]
    assert sorted(counted) == sorted(id(p) for p in made.parameters())
    assert [g["name"] for g in build_network("digits", "backprop").parameter_groups(0.1)] == [
        "layer0+layer1+layer2"
    ]
    recurrent = build_network(
        "digits", rule_from_name("burstprop_recurrent", recurrent_lr=7.0)
    ).parameter_groups(1.0)
    assert {g["name"]: g["lr"] for g in recurrent}["layer0.Z+layer1.Z"] == 7.0


def test_impossible_networks():
    with pytest.raises(BurstpropError, match="kernel of 9 pixels on 8 x 8"):
        NetworkSpec("small", (1, 8, 8), (Convolution(4, 9),), 3)
    with pytest.raises(BurstpropError, match="layer 1 is a convolution, its input is"):
        NetworkSpec("mixed", (1, 8, 8), (10, Convolution(4, 3)), 3)
    with pytest.raises(BurstpropError, match=r"network = 'cifra'.*did you mean 'cifar'"):
        network_spec("cifra")


class TestRulesByName:
    def test_names_there_and_back(self):
        for name in RULES:
            assert rule_name(rule_from_name(name)) == name

    def test_a_description_gives_the_rule_back(self):
        """It holds the settings alone, and all of them: a rule made from it is the same."""
        for name in RULES:
            rule = rule_from_name(name, hidden_lr=3.0)
            settings = rule.describe()
            assert settings["hidden_lr"] == 3.0
            assert rule_from_name(name, **settings) == rule

    def test_unknown_names_and_values(self):
        with pytest.raises(BurstpropError, match=r"did you mean.*'burstprop'"):
            rule_from_name("burstprob")
        with pytest.raises(BurstpropError, match=r"has no field 'p1'.*'p0'"):
            rule_from_name("burstprop", p1=0.3)
        with pytest.raises(BurstpropError, match=r"p0 = 1.5: must be above 0 and at most 1"):
            rule_from_name("burstprop", p0=1.5)
        with pytest.raises(BurstpropError, match=r"p0 = 0: must be above 0 and at most 1"):
            rule_from_name("burstprop", p0=0)
        with pytest.raises(
            BurstpropError, match="feedback = 'random': give one of learned, fixed, symmetric"
        ):
            rule_from_name("burstprop", feedback="random")
        with pytest.raises(BurstpropError, match="teacher = 'mse'"):
            rule_from_name("backprop", teacher="mse")
        with pytest.raises(BurstpropError, match="no file"):
            rule_from_name("nowhere/rule.py:Mine")
        with pytest.raises(BurstpropError, match="no module 'nowhere'"):
            rule_from_name("nowhere:Mine")
        with pytest.raises(BurstpropError, match="is not a subclass"):
            rule_from_name("math:pi")
        with pytest.raises(BurstpropError, match="has no class 'Mine'"):
            rule_from_name("math:Mine")

    def test_rule_in_a_file_of_ones_own(self, tmp_path):
        """Its methods are called, its settings checked, its own defaults kept, and it learns."""
        file = tmp_path / "my_rule.py"
        file.write_text(
            textwrap.dedent(
                '''
                import dataclasses
                from dataclasses import dataclass
                from burstprop.parameters import quantity
                from burstprop.reduced.rules import Rule

                @dataclass(frozen=True)
                class Halved(Rule):
                    """Backpropagation that loses a part of the error in every layer."""

                    kept: float = quantity(0.5, "1", "part of the error that goes on", low=0.0, high=1.0)
                    output_lr: float = quantity(0.7, "1", "learning rate of the output layer", low=0.0)

                    def descend(self, activity, signals):
                        sent = super().descend(activity, signals)
                        return dataclasses.replace(sent, error=sent.error * self.kept)

                    def gain(self, hidden_above):
                        return self.kept**hidden_above
                '''
            )
        )
        name = f"{file}:Halved"
        made = probes.network(probes.CONV, rule_from_name(name, kept=0.25))
        exact = probes.network(probes.CONV, "backprop")
        images, target = probes.batch(probes.CONV)
        for network in (made, exact):
            probes.backward(network, images, target)
        for number, (one, other) in enumerate(zip(made.layers(), exact.layers(), strict=True)):
            torch.testing.assert_close(one.weight.grad, 0.25 ** (3 - number) * other.weight.grad)
        assert rule_from_name(name) == rule_from_name(name)
        with pytest.raises(BurstpropError, match="kept = 2: must be between 0 and 1"):
            rule_from_name(name, kept=2.0)
        chosen = setting(name, "digits")
        assert chosen.rule.output_lr == 0.7
        assert chosen.lr == setting("backprop", "digits").lr
        assert issubclass(type(chosen.rule), Rule)

    @pytest.mark.parametrize("name", ["Plain", "function", "number"])
    def test_what_is_no_rule_says_so_everywhere(self, tmp_path, name):
        file = tmp_path / "no_rule.py"
        file.write_text("class Plain: ...\ndef function(): ...\nnumber = 3\n")
        for ask in (rule_from_name, setting):
            with pytest.raises(BurstpropError, match=f"no_rule.py:{name}' is not a subclass of"):
                ask(f"{file}:{name}")

    @pytest.mark.parametrize("name", [":Mine", ".:Mine", "..rules:Mine"])
    def test_a_class_without_a_place(self, name):
        with pytest.raises(BurstpropError, match="write path/to/file"):
            setting(name)

    def test_a_file_that_was_edited_is_read_again(self, tmp_path):
        """Within the second, with as many bytes; what was made before stays what it was."""
        file = tmp_path / "edited.py"
        text = "from burstprop.reduced import Rule\nclass Mine(Rule):\n    word = 'one'\n"
        file.write_text(text)
        first = rule_from_name(f"{file}:Mine")
        file.write_text(text.replace("one", "two"))
        second = rule_from_name(f"{file}:Mine")
        assert (first.word, second.word) == ("one", "two")
        assert source_digest(first) != source_digest(second)
        file.write_text(text)
        assert rule_from_name(f"{file}:Mine") == first
        assert source_digest(rule_from_name("burstprop")) is None

    def test_a_file_with_a_mistake_says_so(self, tmp_path):
        file = tmp_path / "broken_rule.py"
        file.write_text("import no_such_module_at_all\n")
        for _ in range(2):
            with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
                rule_from_name(f"{file}:Mine")


class TestSettings:
    def test_every_rule_and_dataset_has_one(self):
        for rule in RULES:
            for dataset in DATASETS:
                for name in NAMES:
                    chosen = setting(rule, dataset, name)
                    assert rule_name(chosen.rule) == rule
                    assert (chosen.name, chosen.dataset) == (name, dataset)
                    assert chosen.network.output == ("softmax" if "imagenet" in dataset else "sigmoid")

    def test_published_numbers(self):
        """Numbers of the papers, per image: a sum over 32 images at 0.1 is a mean at 3.2."""
        chosen = setting("burstprop", "mnist", "published")
        network = build_network(chosen.network, chosen.rule)
        rates = {g["name"]: g["lr"] for g in network.parameter_groups(chosen.lr)}
        assert rates == pytest.approx({"layer0+layer1+layer2": 0.1 * 32, "layer3": 0.01 * 32})
        assert float(network.layers()[-1].feedback("Y").std()) == pytest.approx(1.0, rel=0.05)
        assert float(network.layers()[-1].bias.detach().abs().max()) == 0.0
        assert (chosen.momentum, chosen.batch_size, chosen.rule.p0) == (0.8, 32, 0.2)
        assert chosen.lr * chosen.weight_decay == pytest.approx(1e-6)
        assert setting("burstprop_fixed", "cifar10", "published").network.layers[-1] == 1480
        imagenet = setting("burstccn", "imagenet", "published")
        assert (imagenet.lr, imagenet.label_smoothing, imagenet.rule.feedback_gain) == (0.008, 0.1, 500.0)

    @pytest.mark.parametrize("stem", ["burstprop_mine", "burstccn_mine", "mine"])
    def test_a_rule_of_ones_own_gets_backprops_published_setting(self, tmp_path, stem):
        """Whatever its file is called."""
        file = tmp_path / f"{stem}.py"
        file.write_text("from burstprop.reduced import Rule\nclass Mine(Rule): ...\n")
        for dataset in DATASETS:
            mine = setting(f"{file}:Mine", dataset, "published")
            theirs = setting("backprop", dataset, "published")
            assert dataclasses.replace(mine, rule=theirs.rule) == theirs
            assert mine.rule.describe() == theirs.rule.describe()

    def test_schedules(self):
        base = setting("backprop", "digits")
        linear = dataclasses.replace(base, epochs=10, schedule="linear")
        assert [linear.factor(e) for e in (0, 2.5, 10)] == pytest.approx([1, 0.75, 0])
        warm = dataclasses.replace(linear, warmup_epochs=2.0)
        assert [warm.factor(e) for e in (0, 1, 2, 6, 10)] == pytest.approx([0, 0.5, 1, 0.5, 0])
        cosine = dataclasses.replace(base, epochs=10, schedule="cosine")
        assert [cosine.factor(e) for e in (0, 5, 10)] == pytest.approx([1, 0.5, 0])
        step = dataclasses.replace(base, epochs=90, schedule="step")
        assert [step.factor(e) for e in (0, 29.9, 30, 75)] == pytest.approx([1, 1, 0.1, 0.01])
        assert dataclasses.replace(base, schedule="constant").factor(7.0) == 1.0

    def test_errors(self):
        with pytest.raises(BurstpropError, match=r"dataset = 'mnits'.*'mnist'"):
            setting("burstprop", "mnits")
        with pytest.raises(BurstpropError, match=r"setting = 'publish'.*'published'"):
            setting("burstprop", "mnist", "publish")
        with pytest.raises(BurstpropError, match="did you mean"):
            setting("burstprob", "mnist")
        with pytest.raises(BurstpropError, match="schedule = 'exp'"):
            Setting(rule_from_name("backprop"), network_spec("digits"), schedule="exp")
