"""Settings by name: for every rule and dataset one default, chosen on validation data, and the published ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from burstprop.errors import BurstpropError, near
from burstprop.parameters import quantity, validate
from burstprop.reduced.networks import NetworkSpec, network_spec
from burstprop.reduced.rules import Rule, rule_from_name

DATASETS = ("digits", "mnist", "cifar10", "tiny-imagenet", "imagenet")
SCHEDULES = ("constant", "linear", "cosine", "step")


@dataclass(frozen=True)
class Setting:
    """All that a training run needs beside data, seed and number of epochs.

    ``lr`` is the optimizer's learning rate of a mean over the batch (SGD with ``momentum``); layers' rates are
    relative to it (`Network.parameter_groups`). ``schedule``: ``constant``, ``linear`` to 0, ``cosine`` to 0, or
    ``step`` (divided by 10 every ``step_epochs``), after ``warmup_epochs`` of linear warm-up.
    """

    rule: Rule
    network: NetworkSpec
    name: str = "default"
    dataset: str = "digits"
    lr: float = quantity(0.1, "1", "learning rate", low=0.0, open_low=True)
    momentum: float = quantity(0.9, "1", "momentum", low=0.0, high=1.0)
    weight_decay: float = quantity(0.0, "1", "share of the weights lost a step, over lr", low=0.0)
    batch_size: int = quantity(32, "1", "images a step", low=1)
    epochs: int = quantity(20, "1", "passes through the training images", low=0)
    schedule: str = field(default="linear", metadata={"doc": "course of the learning rate"})
    warmup_epochs: float = quantity(0.0, "1", "epochs of linear warm-up", low=0.0)
    step_epochs: int = quantity(30, "1", "epochs between the divisions of schedule step", low=1)
    label_smoothing: float = quantity(0.0, "1", "share of the target spread over all classes", low=0.0, high=1.0)

    def __post_init__(self) -> None:
        """Check every field; raises BurstpropError."""
        validate(self)
        if self.schedule not in SCHEDULES:
            raise BurstpropError(f"Setting.schedule = {self.schedule!r}: give one of {', '.join(SCHEDULES)}")

    def factor(self, progress: float) -> float:
        """Return the learning rate over ``lr`` at ``progress`` epochs (a fraction within an epoch is meant so)."""
        raise NotImplementedError


def setting(rule: str, dataset: str = "digits", name: str = "default") -> Setting:
    """Return the setting ``name`` (``default`` or ``published``) of a rule for a dataset.

    ``rule`` is a name of `RULES`, or names a class of one's own, which takes the defaults of backprop's settings.

    Raises
    ------
    BurstpropError
        For an unknown name; known ones are listed.
    """
    if dataset not in DATASETS:
        raise BurstpropError(f"dataset = {dataset!r}: {near(dataset, DATASETS)}")
    network = network_spec({"digits": "digits", "mnist": "mnist-3x500"}.get(dataset, "digits"))
    return Setting(rule_from_name(rule), network, name, dataset)
