"""Settings by name: for every rule and dataset the default, chosen on validation images, and the published.

They are data, one TOML file for each dataset in ``burstprop/reduced/settings``. Comments there say what they
were chosen on. A file has the tables ``default`` and ``published``. In each, ``run`` holds fields of
`Setting`, ``rule`` holds fields of the rule, and ``changes`` lists what single rules change of them, named or
by pattern (``burstccn*``), in that order. ``network`` is a name of `NETWORKS`, or a table of a name and the
fields of `NetworkSpec` that differ.

The published settings of burstprop leave whole classes unlearned, and backpropagation's fare no better with
them: a start gain of 3.6 in the output layer puts single output units near a rate of 0.9 for every image,
summed gradients and momentum throw them to 1e-4 within ten steps, and there e (1 - e), and with it all
learning, vanishes. The defaults start the output layer small (gain 0.36, bias -2.2, the logit of 0.1), give
every layer a learning rate for the size of its signals (p0 4^-k), and let rates fall in a straight line.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any

from burstprop.errors import BurstpropError, near
from burstprop.parameters import quantity, validate
from burstprop.reduced.networks import NetworkSpec, Residual, network_spec
from burstprop.reduced.rules import RULES, Rule, load_class, rule_from_name

DATASETS = ("digits", "mnist", "cifar10", "tiny-imagenet", "imagenet")
OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("constant", "linear", "cosine", "step")
NAMES = ("default", "published")


@dataclass(frozen=True)
class Setting:
    """All that a training run needs beside data and seed.

    ``lr`` is the learning rate of ``optimizer`` for gradients that are means over a batch; layers' rates are
    relative to it (`Network.parameter_groups`). ``optimizer``: ``sgd`` with ``momentum``, or ``adamw``, of
    which ``momentum`` is the first beta. ``schedule``: ``constant``, ``linear`` to 0,
    ``cosine`` to 0, or ``step`` (divided by 10 every ``step_epochs``), each after ``warmup_epochs`` of rising
    in a straight line from 0.
    """

    rule: Rule = field(metadata={"option": "--rule"})
    network: NetworkSpec = field(metadata={"option": "--network"})
    name: str = field(default="default", metadata={"option": "--setting"})
    dataset: str = field(default="digits", metadata={"option": "--dataset"})
    lr: float = quantity(0.1, "1", "learning rate", low=0.0, open_low=True)
    momentum: float = quantity(0.9, "1", "momentum", low=0.0, high=1.0)
    weight_decay: float = quantity(
        0.0, "1", "share of the weights lost a step, over lr (with SGD over lr / (1 - momentum))", low=0.0
    )
    batch_size: int = quantity(32, "1", "images a step", low=1)
    epochs: int = quantity(20, "1", "passes through the training images", low=0)
    schedule: str = field(default="linear", metadata={"doc": "course of the learning rate"})
    warmup_epochs: float = quantity(0.0, "1", "epochs of linear warm-up", low=0.0)
    step_epochs: int = quantity(30, "1", "epochs between the divisions of schedule step", low=1)
    label_smoothing: float = quantity(
        0.0, "1", "share of the target spread over all classes", low=0.0, high=1.0
    )
    optimizer: str = field(default="sgd", metadata={"doc": "sgd (with momentum) or adamw"})
    clip_norm: float = quantity(0.0, "1", "largest norm of all gradients together (0: any)", low=0.0)
    average: float = quantity(
        0.0, "1", "decay a step of the moving average of the weights that is tested (0: none)", low=0.0,
        high=1.0,
    )  # fmt: skip
    padding: int | None = quantity(
        None, "pixels", "zeros around a training image before a crop of the old size; none: the dataset's",
        low=0, optional=True, whole=True,
    )  # fmt: skip
    small_side: int = quantity(0, "pixels", "side of the training images of the first small_epochs", low=0)
    small_epochs: int = quantity(0, "1", "epochs at the start on images of small_side pixels", low=0)
    mirrored: bool = quantity(False, "", "test on the mean logits of an image and its mirror image")

    def __post_init__(self) -> None:
        """Check every field; raises BurstpropError."""
        validate(self)
        if self.optimizer not in OPTIMIZERS:
            raise BurstpropError(
                f"Setting.optimizer = {self.optimizer!r}: give one of {', '.join(OPTIMIZERS)}"
            )
        if bool(self.small_side) != bool(self.small_epochs):
            raise BurstpropError(
                f"Setting.small_side = {self.small_side} pixels and small_epochs = {self.small_epochs}: give "
                "both, or neither"
            )
        if self.average == 1.0:
            raise BurstpropError("Setting.average = 1: must be below 1 (an average that never moves)")
        if self.schedule not in SCHEDULES:
            raise BurstpropError(f"Setting.schedule = {self.schedule!r}: give one of {', '.join(SCHEDULES)}")

    def factor(self, epoch: float) -> float:
        """Return the learning rate over ``lr`` after ``epoch`` passes which may be a
        fraction."""
        if epoch < self.warmup_epochs:
            return epoch / self.warmup_epochs
        done = (epoch - self.warmup_epochs) / max(self.epochs - self.warmup_epochs, 1e-9)
        if self.schedule == "linear":
            return max(0.0, 1.0 - done)
        if self.schedule == "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
        if self.schedule == "step":
            return 0.1 ** int(epoch // self.step_epochs)
        return 1.0


def setting(rule: str, dataset: str = "digits", name: str = "default") -> Setting:
    """Return the setting ``name`` (``default``, ``published``, or, for residual networks on images of some
    size, ``residual``, and, for one core, ``quick`` and ``retina``) of a rule for a dataset.

    ``rule`` is a name of `RULES`, or names a class of one's own (``path/to/file.py:ClassName``), which trains
    with the setting ``name`` of backprop unless its class changes the default of a field.

    Raises
    ------
    BurstpropError
        For an unknown name (known ones are listed), or a class that is no rule.
    """
    settings = _settings(dataset)
    if ":" not in rule and rule not in RULES:
        rule_from_name(rule)  # raises, with the names that are near
    if name not in settings:
        raise BurstpropError(f"setting = {name!r} for dataset {dataset!r}: {near(name, settings)}")
    run, fields = _stored(rule if rule in RULES else "backprop", settings[name])
    network = run.pop("network")
    spec = network_spec(network) if isinstance(network, str) else network_spec(**network)
    return Setting(_rule(rule, fields), spec, name, dataset, **run)


def usual_name(network: str | None, dataset: str) -> str:
    """Return the name of the setting that a named network trains with on a dataset; None is the default's.

    It is one made for this network where there is one (``quick``), else ``residual`` for a network of blocks.

    Raises
    ------
    BurstpropError
        For a network that is not known.
    """
    if network is None:
        return "default"
    blocks = any(isinstance(layer, Residual) for layer in network_spec(network).layers)
    own = (
        name
        for name, stored in _settings(dataset).items()
        if name not in NAMES and stored["run"]["network"] == network
    )
    return next(own, "residual" if blocks else "default")


def _settings(dataset: str) -> dict[str, Any]:
    """Return what the dataset's file holds, by name."""
    if dataset not in DATASETS:
        raise BurstpropError(f"dataset = {dataset!r}: {near(dataset, DATASETS)}")
    file = resources.files("burstprop.reduced") / "settings" / f"{dataset}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _stored(rule: str, stored: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of `Setting` and those of the rule that a stored setting holds for a known rule."""
    run, fields = dict(stored["run"]), dict(stored.get("rule", {}))
    for change in stored.get("changes", []):
        if any(fnmatchcase(rule, pattern) for pattern in change["rules"]):
            run |= change.get("run", {})
            fields |= change.get("rule", {})
    return run, fields


def _rule(rule: str, fields: dict[str, Any]) -> Rule:
    """Return the rule with ``fields`` where its own class does not set another default."""
    if ":" in rule:
        own = {field.name: field.default for field in dataclasses.fields(load_class(rule))}
        base = {field.name: field.default for field in dataclasses.fields(Rule)}
        fields = {key: value for key, value in fields.items() if own[key] == base[key]}
    return rule_from_name(rule, **fields)
