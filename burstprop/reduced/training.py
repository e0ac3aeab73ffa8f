"""`train`: run a `Plan` to its end, or until it is stopped, and go on from where it stopped.

A run is a function of its plan. Order, augmentation and a rule's noise are derived from (seed, epoch, step,
image), so a run that was stopped with Ctrl-C, or killed, and resumed ends with the same bits as one that
was not (with the same number of threads on the same kind of machine). The folder of a run holds

    run.json        plan, versions, machine, command
    log.jsonl       one JSON object a line: epochs, layers, warnings (see `burstprop.reduced.journal`)
    checkpoint.pt   all that is needed to go on
    result.json     at the end: what ``burstprop train --json`` prints
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from burstprop.errors import BurstpropError
from burstprop.files import writable_folder, write_json
from burstprop.reduced.checkpoint import NAME
from burstprop.reduced.data import ImageDataset
from burstprop.reduced.distributed import Group
from burstprop.reduced.journal import Journal
from burstprop.reduced.networks import Network
from burstprop.reduced.options import Options, Stopped
from burstprop.reduced.plan import Plan
from burstprop.reduced.trainer import Trainer

__all__ = ["Options", "Stopped", "Trainer", "train"]


def train(
    plan: Plan,
    dataset: ImageDataset,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    options: Options | None = None,
    group: Group | None = None,
    history: list[dict[str, Any]] | None = None,
    after_epoch: Callable[[Network, int], None] | None = None,
) -> dict[str, Any]:
    """Train a network and return the result.

    Parameters
    ----------
    plan : Plan
        What is trained.
    dataset : ImageDataset
        From `burstprop.reduced.data.open_dataset`.
    out : path, optional
        Folder of the run; None keeps nothing.
    resume : bool
        Go on from the checkpoint in ``out`` where there is one.
    options : Options, optional
        How the run is carried out.
    group : Group, optional
        The processes that train together; see `burstprop.reduced.distributed.join`.
    history : list, optional
        Takes one dictionary for each epoch (train_loss, validation_error_percent ...), also of a run that
        fails.

    Returns
    -------
    dict
        rule, dataset, epochs, seed, test_error_percent, validation_error_percent, train_error_percent,
        seconds (training alone), broken_images, checkpoint.

    Raises
    ------
    BurstpropError
        For a folder that holds another run, or that cannot be written.
    Diverged
        When the loss is no longer a finite number.
    Stopped
        When Ctrl-C or a termination signal asked for it; the state is saved.
    """
    options, group = options or Options(), group or Group()
    folder = None
    if out is not None:
        folder = writable_folder(out)
        if (folder / NAME).exists() and not resume:
            raise BurstpropError(
                f"{str(folder)!r} already holds a run; go on with it (--resume), or give another folder "
                "(--out DIR)"
            )
    group.wait()
    trainer = Trainer(plan, dataset, folder, options, group)
    resumed = resume and folder is not None and (folder / NAME).exists()
    kept = trainer.restore() if resumed else 0
    trainer.journal = Journal(folder if group.leads else None, kept, options.tensorboard, trainer.epoch)
    trainer.after_epoch = after_epoch
    try:
        if resumed:
            trainer.journal.write("resume", after_epoch=trainer.epoch, after_step=trainer.step)
        else:
            _begin(trainer)
        result = trainer.run()
        trainer.journal.write("end", **result)
        if folder is not None and group.leads:
            write_json(folder / "result.json", result)
        return result
    finally:
        trainer.journal.close()
        if history is not None:
            history += trainer.history


def _begin(trainer: Trainer) -> None:
    """Write the record of a run and the first line of its log; leave a checkpoint to resume from at once."""
    from burstprop.report import provenance

    plan = trainer.plan
    for path in trainer.dataset.broken:
        trainer._skipped(path, "cannot be decoded")
    trainer.journal.write("start", plan=plan.record(), images=len(trainer.loader.images))
    if trainer.out is not None and trainer.group.leads:
        command = trainer.options.command or "burstprop.reduced.training.train"
        record = provenance(
            command=command, seed=plan.seed, parameters=plan.record(), threads=torch.get_num_threads()
        )
        source = {"folder": trainer.dataset.source, "classes": len(trainer.dataset.classes)}
        write_json(trainer.out / "run.json", {**record, "data": {"name": trainer.dataset.name, **source}})
    trainer.save()
