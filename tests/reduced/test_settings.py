"""The stored settings: complete, without a rule that nobody knows, and with the numbers that were published."""

from __future__ import annotations

import dataclasses
import tomllib
from fnmatch import fnmatchcase
from importlib import resources

import pytest

from burstprop.errors import BurstpropError
from burstprop.reduced.networks import NETWORKS
from burstprop.reduced.rules import RULES
from burstprop.reduced.train.settings import DATASETS, NAMES, setting, usual_name

FILES = {
    file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8"))
    for file in (resources.files("burstprop.reduced") / "settings").iterdir()
}


def test_every_dataset_has_a_file_and_every_file_a_dataset():
    assert set(FILES) == set(DATASETS)


@pytest.mark.parametrize("dataset", FILES)
def test_a_file_holds_nothing_that_is_not_used(dataset):
    sized = set() if dataset == "mnist" else {"residual"}
    one_core = {"quick", "retina"} if dataset in ("cifar10", "tiny-imagenet") else set()
    assert set(FILES[dataset]) == set(NAMES) | sized | one_core
    for stored in FILES[dataset].values():
        assert set(stored) <= {"run", "rule", "changes"}
        for change in stored.get("changes", []):
            assert set(change) <= {"rules", "run", "rule"}
            for pattern in change["rules"]:
                assert any(fnmatchcase(rule, pattern) for rule in RULES), pattern


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_both_settings_of_every_dataset(rule, dataset):
    for name in NAMES:
        found = setting(rule, dataset, name)
        assert (found.name, found.dataset) == (name, dataset)
        assert found.network.name in NETWORKS


RESIDUAL = [
    ("digits", "residual"),
    ("cifar10", "residual"),
    ("cifar10", "quick"),
    ("cifar10", "retina"),
    ("tiny-imagenet", "residual"),
    ("tiny-imagenet", "quick"),
    ("tiny-imagenet", "retina"),
    ("imagenet", "residual"),
]


@pytest.mark.parametrize(("dataset", "name"), RESIDUAL)
def test_residual_networks_have_one_setting_of_their_own(dataset, name):
    """The same for every rule, but for burstprop's inhibition of the dendrite."""
    usual = setting("backprop", dataset, name)
    assert usual_name(usual.network.name, dataset) == name
    assert usual_name("cifar", dataset) == usual_name(None, dataset) == "default"
    for rule in RULES:
        found = setting(rule, dataset, name)
        assert dataclasses.replace(found, rule=usual.rule) == usual
        assert getattr(found.rule, "inhibition", 0.9) == (0.0 if rule == "burstprop_recurrent" else 0.9)
    with pytest.raises(BurstpropError, match="setting = 'residual' for dataset 'mnist'"):
        setting("backprop", "mnist", "residual")


def test_published_numbers():
    """Payeur et al. 2021, MNIST, with rates for means over a batch of 32; Greedy et al., MNIST and ImageNet."""
    burstprop = setting("burstprop", "mnist", "published")
    assert burstprop.lr * burstprop.rule.hidden_lr == pytest.approx(32 * 0.1)
    assert burstprop.lr * burstprop.rule.output_lr == pytest.approx(32 * 0.01)
    assert burstprop.lr * burstprop.weight_decay == pytest.approx(1e-6)
    assert (burstprop.momentum, burstprop.batch_size, burstprop.rule.p0) == (0.8, 32, 0.2)
    assert (burstprop.network.gain, burstprop.network.layers) == (3.6, (500, 500, 500))
    burstccn = setting("burstccn", "mnist", "published")
    assert (burstccn.lr, burstccn.momentum, burstccn.rule.p0, burstccn.rule.teaching) == (0.1, 0.0, 0.5, 0.5)
    photographs = setting("burstccn", "imagenet", "published")
    assert (photographs.lr, photographs.schedule, photographs.warmup_epochs) == (0.008, "cosine", 5.0)
    assert (photographs.label_smoothing, photographs.weight_decay) == (0.1, 5e-5)
    assert (photographs.rule.teaching, photographs.rule.feedback_gain) == (1e-3, 500.0)
