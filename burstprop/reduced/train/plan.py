"""What a training run is: everything that its result depends on, and nothing else.

A `Plan` goes into the checkpoint and the run's run.json as plain text and numbers, and comes back from there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from burstprop.errors import BurstpropError
from burstprop.reduced import networks
from burstprop.reduced.data.augmentation import Augmentation
from burstprop.reduced.data.dataset import ImageDataset
from burstprop.reduced.networks import NetworkSpec
from burstprop.reduced.rules import load_class, resolved_name, rule_from_name, source_digest
from burstprop.reduced.train import rule_files
from burstprop.reduced.train.settings import Setting

PRECISIONS = ("float32", "bfloat16")
LATER = (
    "optimizer", "clip_norm", "average", "channels_last", "small_side", "small_epochs", "mirrored",
    "padding",
)  # fmt: skip
"""Fields that files of earlier versions lack. A record leaves them out while they have their defaults, so a
run of an earlier version still counts as the same run."""
RENAMED = {
    "hidden_rate": "hidden_lr",
    "output_rate": "output_lr",
    "recurrent_rate": "recurrent_lr",
    "silence_rate": "silence_lr",
}
"""Settings of rules that files of earlier versions hold under another name."""


@dataclass(frozen=True)
class Plan:
    """A training run.

    Attributes
    ----------
    rule : str
        Name of the rule; for one of one's own ``path.py:ClassName``, its path made absolute here.
    setting : Setting
        Rule, network, learning rate, schedule, batch size, epochs.
    seed : int
        Of the weights, of the order of the images, of their augmentation and of noise that a rule draws.
    validation_fraction : float, optional
        Part of the training images kept for validation; None: the dataset's own.
    augment : bool
        Whether training images are augmented in the dataset's usual way.
    image_size : int, optional
        Side of the images of a folder dataset in pixels; None: the dataset's own.
    precision : str
        ``"float32"``, or ``"bfloat16"`` for mixed precision.
    channels_last : bool
        Whether images and maps are kept with the channels of a pixel side by side in memory.
    """

    rule: str
    setting: Setting
    seed: int = 0
    validation_fraction: float | None = None
    augment: bool = True
    image_size: int | None = None
    precision: str = "float32"
    channels_last: bool = False

    def __post_init__(self) -> None:
        """Check seed, precision and epochs, and make the rule's path absolute; raises BurstpropError."""
        object.__setattr__(self, "rule", resolved_name(self.rule))
        if not 0 <= self.seed < 2**63:
            raise BurstpropError(f"seed = {self.seed}: must be at least 0 and below 2**63 ({2**63})")
        if self.precision not in PRECISIONS:
            raise BurstpropError(f"precision = {self.precision!r}: give one of {', '.join(PRECISIONS)}")
        if self.setting.epochs < 1:
            raise BurstpropError(f"epochs = {self.setting.epochs}: must be at least 1")

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return self.setting.dataset

    def augmentation(self, dataset: ImageDataset) -> Augmentation:
        """Return what is done to training images.

        Raises
        ------
        BurstpropError
            Where the setting pads images that the dataset crops at random sizes.
        """
        if self.augment:
            usual, padding = dataset.augmentation, self.setting.padding
            if padding is None:
                return usual
            if usual.least_area is not None:
                raise BurstpropError(
                    f"Setting.padding = {padding} pixels: dataset {dataset.name!r} crops at random sizes; "
                    "give padding=none"
                )
            return dataclasses.replace(usual, padding=padding)
        # photographs of many sizes need some crop: the largest one that fits
        return Augmentation(least_area=1.0) if dataset.augmentation.least_area else Augmentation()

    def network(self, dataset: ImageDataset) -> NetworkSpec:
        """Return the network with the classes and the image size of the data."""
        return dataclasses.replace(
            self.setting.network, classes=len(dataset.classes), input_shape=dataset.shape
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as a dictionary of text, numbers, lists and dictionaries."""
        setting = _told(self.setting, "rule", "network")
        mine = _told(self, "setting")
        rule = {f.name: getattr(self.setting.rule, f.name) for f in dataclasses.fields(self.setting.rule)}
        network = networks.to_dict(self.setting.network)
        content = {**mine, "setting": setting, "rule_settings": rule, "network": network}
        digest = source_digest(self.setting.rule)
        # so that a run is not resumed after its rule was edited
        return content if digest is None else {**content, "rule_source_sha256": digest}

    @classmethod
    def from_dict(cls, content: dict[str, Any], rule: str | None = None) -> Plan:
        """Return the plan that `to_dict` came from.

        Parameters
        ----------
        content : dict
            From a checkpoint, whoever wrote that.
        rule : str, optional
            Name of the rule, from the user. Where it is left out and it names code of one's own, that
            is executed only if `burstprop.reduced.train.rule_files` says that this user has trained with it.

        Raises
        ------
        BurstpropError
            For code that may not be executed, and for a dictionary that describes no plan.
        """
        with _described():
            content = dict(content)
            digest = content.pop("rule_source_sha256", None)
            name = content["rule"] = str(content["rule"]) if rule is None else resolved_name(rule)
            if rule is None:
                rule_files.check(name, digest)
        if ":" in name:
            load_class(name)  # here, so that an error in the user's own file stays the user's own
        with _described():
            network = networks.from_dict(content.pop("network"))
            made = rule_from_name(name, **_now(content.pop("rule_settings")))
            setting = Setting(rule=made, network=network, **content.pop("setting"))
            return cls(setting=setting, **content)


@contextmanager
def _described() -> Iterator[None]:
    """Raise BurstpropError for what goes wrong where a dictionary holds something else than a plan."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BurstpropError(
            f"the checkpoint holds no plan that this version of burstprop reads ({type(error).__name__}: "
            f"{error}); go on with the version that wrote it"
        ) from None


def _told(owner: Plan | Setting, *but: str) -> dict[str, Any]:
    """Return the fields of a plan or setting, without some and without `LATER` ones at their default."""
    return {
        field.name: getattr(owner, field.name)
        for field in dataclasses.fields(owner)
        if field.name not in but and not (field.name in LATER and getattr(owner, field.name) == field.default)
    }


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return in words where the dictionaries of two plans differ."""
    one, two = _flat(old), _flat(new)
    names = list(dict.fromkeys([*two, *one]))
    return [
        f"{name}: {one.get(name)} there, {two.get(name)} here"
        for name in names
        if one.get(name) != two.get(name)
    ]


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= _flat(_now(value), f"{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def _now(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings under the names that they have now."""
    return {RENAMED.get(name, name): value for name, value in settings.items()}
