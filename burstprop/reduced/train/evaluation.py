"""Test a network on a split of a dataset; `evaluate_checkpoint` is what ``burstprop eval`` does."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from burstprop.errors import BurstpropError
from burstprop.reduced.data import Loader, open_dataset
from burstprop.reduced.data.dataset import ReadOptions
from burstprop.reduced.networks import Network, build_network
from burstprop.reduced.rules import source_digest
from burstprop.reduced.train import rule_files
from burstprop.reduced.train.averaging import averaged
from burstprop.reduced.train.checkpoint import load_checkpoint
from burstprop.reduced.train.distributed import Group
from burstprop.reduced.train.plan import Plan

logger = logging.getLogger("burstprop")
BATCH = 500


@dataclass(frozen=True)
class Score:
    """Result of an evaluation."""

    loss: float
    """Mean loss of an image."""
    error_percent: float
    """Images whose class is not that of the most active output unit."""
    images: int
    confusion: torch.Tensor
    """Images of each class (rows) taken for each class (columns), int64."""


@torch.no_grad()
def evaluate(
    network: Network,
    loader: Loader,
    group: Group | None = None,
    precision: str = "float32",
    *,
    mirrored: bool = False,
) -> Score:
    """Return how well a network does on the images of a loader, over all processes of a group.

    ``mirrored``: the logits are means over an image and its mirror image.

    Raises
    ------
    BurstpropError
        When not one image could be read.
    """
    classes = len(loader.dataset.classes)
    confusion = torch.zeros(classes, classes, dtype=torch.float64, device=loader.device)
    loss = torch.zeros(1, dtype=torch.float64, device=loader.device)
    training = network.training
    network.eval()
    for batch in loader.in_order():
        if not len(batch.labels):
            continue
        with torch.autocast(loader.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            logits = network(batch.images)
            if mirrored:
                logits = (logits + network(batch.images.flip(-1))) / 2
        loss += network.loss(logits, batch.labels).double() * len(batch.labels)
        pairs = batch.labels * classes + logits.argmax(1)
        confusion += torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    network.train(training)
    if group is not None:
        confusion, loss = group.total(confusion), group.total(loss)
    images = int(confusion.sum())
    if images == 0:
        raise BurstpropError(f"{loader.dataset.name}: no image of split {loader.split!r} could be read")
    wrong = images - int(confusion.diagonal().sum())
    return Score(float(loss) / images, 100.0 * wrong / images, images, confusion.long().cpu())


def class_frame(score: Score, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return for every class its images, its error in percent, and the class it is most often taken for."""
    counts = score.confusion
    totals = counts.sum(1)
    others = counts - torch.diag(counts.diagonal())
    confused = others.argmax(1)
    return pd.DataFrame(
        {
            "class": classes,
            "images": totals.numpy(),
            "error_percent": (100.0 * others.sum(1) / totals.clamp(min=1)).numpy(),
            "most_often_taken_for": [
                classes[int(k)] if int(others[row, k]) else "" for row, k in enumerate(confused)
            ],
        }
    )


def evaluate_checkpoint(
    path: Path,
    data: str | Path | None,
    split: str = "test",
    *,
    rule: str | None = None,
    group: Group | None = None,
    workers: int = 0,
    on_broken: str = "stop",
    progress: bool | None = False,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Evaluate a trained network on a split of its dataset.

    Parameters
    ----------
    path : path
        Checkpoint, or the folder of the run.
    data : path, optional
        Folder of the data.
    split : str
        ``"test"``, ``"validation"`` or ``"train"`` (not augmented).
    rule : str, optional
        Name of the rule, for a rule of one's own that the user has not trained with here; see
        `burstprop.reduced.train.rule_files`.

    Returns
    -------
    dict
        rule, dataset, split, images, loss, error_percent, epochs, broken_images (left out), rule_edited
        (whether the rule's file has changed since the training), checkpoint.
    frame
        The same by class; see `class_frame`.

    Raises
    ------
    BurstpropError
        For a checkpoint or data that cannot be used, a rule that may not be executed, or data with other
        classes.
    """
    content, plan = read_trained(path, rule)
    edited = source_digest(plan.setting.rule) != content["plan"].get("rule_source_sha256")
    if edited:
        logger.warning(
            "the rule's file %r was edited after the training: the network is tested with the rule as it is "
            "now",
            str(rule_files.file_of(plan.rule)),
        )
    group = group or Group()
    options = ReadOptions(plan.validation_fraction, max(1, workers), on_broken, progress, plan.image_size)
    dataset = open_dataset(plan.dataset, data, options)
    if list(dataset.classes) != list(content["classes"]):
        raise BurstpropError(
            f"the network was trained on {len(content['classes'])} classes, the data in {dataset.source} "
            "have "
            f"{len(dataset.classes)} or others; give the folder it was trained on (--data DIR)"
        )
    network = build_network(plan.network(dataset), plan.setting.rule, seed=plan.seed)
    try:
        network.load_state_dict(content["network"])
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise BurstpropError(
            f"{str(path)!r} was made by another version of burstprop or of its rule ({reason}): use that "
            "version, or train anew"
        ) from None
    network.to(group.device)
    batch_size = BATCH if dataset.shape[1] <= 64 else plan.setting.batch_size
    loader = Loader(
        dataset, split, batch_size * group.world_size, device=group.device, workers=workers,
        on_broken=on_broken, rank=group.rank, world_size=group.world_size,
    )  # fmt: skip
    with averaged(network, content.get("average")):
        score = evaluate(network, loader, group, plan.precision, mirrored=plan.setting.mirrored)
    summary = dataclasses.asdict(score)
    del summary["confusion"]
    head = {"rule": plan.rule, "dataset": plan.dataset, "split": split, "epochs": content["epoch"]}
    skipped = {path for paths in group.gather(list(loader.skipped)) for path in paths}
    broken = len(dataset.broken) + len(skipped)
    tail = {"broken_images": broken, "rule_edited": edited, "checkpoint": str(path)}
    return {**head, **summary, **tail}, class_frame(score, dataset.classes)


def read_trained(path: Path, rule: str | None = None) -> tuple[dict[str, Any], Plan]:
    """Return a checkpoint and the plan in it; raises BurstpropError as `load_checkpoint` and `Plan` do."""
    content = load_checkpoint(path)
    return content, Plan.from_dict(content["plan"], rule)
