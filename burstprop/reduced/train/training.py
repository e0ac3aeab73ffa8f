"""`train`: run a `Plan` to its end, or until it is stopped, and go on from where it stopped.

A run is a function of its plan. Order, augmentation and a rule's noise are derived from (seed, epoch, step,
image), so a run that was stopped with Ctrl-C, or killed, and resumed ends with the same bits as one that
was not (with the same number of threads on the same kind of machine). The folder of a run holds

    run.json        plan, versions, machine, command
    log.jsonl       one JSON object a line: epochs, layers, warnings (see `burstprop.reduced.train.journal`)
    checkpoint.pt   all that is needed to go on
    result.json     at the end: what ``burstprop train --json`` prints
    training.png    at the end of ``burstprop train``: `burstprop.reduced.layers_figure` of the log
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from burstprop.errors import BurstpropError
from burstprop.reduced.data import ImageDataset
from burstprop.reduced.networks import Network
from burstprop.reduced.rules import source_digest
from burstprop.reduced.train import rule_files
from burstprop.reduced.train.checkpoint import CHECKPOINT_FILE
from burstprop.reduced.train.distributed import Group
from burstprop.reduced.train.journal import Journal
from burstprop.reduced.train.memory import check_memory
from burstprop.reduced.train.options import Options, Stopped
from burstprop.reduced.train.plan import Plan
from burstprop.reduced.train.process import enough_memory
from burstprop.reduced.train.trainer import Trainer
from burstprop.runs.lock import Lock, Locked
from burstprop.runs.run import RUN_FILE, note_status
from burstprop.system.files import remove_partial, writable_folder, write_json

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
        The processes that train together; see `burstprop.reduced.train.distributed.join`.
    history : list, optional
        Takes one dictionary for each epoch (train_loss, validation_error_percent ...), also of a run that
        fails.
    after_epoch : callable, optional
        Called with the network and the number of finished epochs after every epoch, in every process.

    Returns
    -------
    dict
        rule, dataset, epochs, seed, test_error_percent, validation_error_percent, train_error_percent,
        seconds (training alone), broken_images, trouble (the first warning of each kind; empty for a run that
        is well), code (names of the code that made it, see `code_of_training`), checkpoint.

    Raises
    ------
    BurstpropError
        For a folder that holds another run, or that cannot be written; in every process, when they would not
        resume at the same place; for a log for TensorBoard without a folder; for batches of more images than
        there are, or more than the memory holds.
    Diverged
        When the loss is no longer a finite number.
    Stopped
        When Ctrl-C or a termination signal asked for it; the state is saved.
    """
    group = group or Group()
    with _held(None if out is None else writable_folder(out), group) as begin:
        return _train(plan, dataset, out, resume, options, group, history, after_epoch, begin)


@contextlib.contextmanager
def _held(folder: Path | None, group: Group) -> Iterator[Callable[[], None]]:
    """Hold the lock of the folder, in the leading process, and say in run.json how the run ended.

    Gives what says that the run has begun: one that is refused leaves the folder as it was.

    Raises
    ------
    Locked
        In every process, where another run works in the folder.
    """
    lock = None if folder is None or not group.is_main else Lock(folder, "burstprop train")
    taken = ""
    try:
        if lock is not None:
            lock.take()
    except Locked as error:
        taken = str(error)
    begun: list[Path] = []

    def begin() -> None:
        if lock is not None:
            begun.append(lock.path.parent)
            remove_partial(begun[0])
            note_status(begun[0], "running")

    status = "failed"
    try:
        for message in filter(None, group.gather(taken)):
            raise Locked(message)
        yield begin
        status = "complete"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        for path in begun:
            note_status(path, status)
        if lock is not None:
            lock.release()


def _train(
    plan: Plan,
    dataset: ImageDataset,
    out: str | Path | None,
    resume: bool,
    options: Options | None,
    group: Group,
    history: list[dict[str, Any]] | None,
    after_epoch: Callable[[Network, int], None] | None,
    begin: Callable[[], None],
) -> dict[str, Any]:
    options = options or Options()
    if options.tensorboard and out is None:
        raise BurstpropError("the log for TensorBoard (--tensorboard) needs the folder of the run: --out DIR")
    folder = None if out is None else writable_folder(out)
    if folder is not None and group.is_main:
        rule_files.note(plan.rule, source_digest(plan.setting.rule))
    resumed = _to_resume(folder, resume, group)
    spec = plan.setting.network
    _check_batches(plan, dataset, group)
    needs = f"the network {spec.name!r} with batches of {plan.setting.batch_size} images"
    with enough_memory(needs):
        trainer = Trainer(plan, dataset, folder, options, group)
    kept = trainer.restore() if resumed else 0
    _same_in_all(group, f"after epoch {trainer.epoch}, step {trainer.step}", folder)
    trainer.journal = Journal(folder if group.is_main else None, kept, options.tensorboard, trainer.epoch)
    trainer.after_epoch = after_epoch
    begin()
    try:
        if resumed:
            trainer.journal.write(
                "resume", after_epoch=trainer.epoch, after_step=trainer.step, **trainer.codes[-1]
            )
        else:
            _begin(trainer)
        with enough_memory(needs):
            result = trainer.run()
        trainer.journal.write("end", **result)
        if folder is not None and group.is_main:
            write_json(folder / "result.json", result)
        return result
    finally:
        trainer.journal.close()
        if history is not None:
            history += trainer.history


def _check_batches(plan: Plan, dataset: ImageDataset, group: Group) -> None:
    """Refuse batches of more images than there are, or than the memory holds; raises BurstpropError."""
    size, images = plan.setting.batch_size, len(dataset.split("train"))
    if size > images:
        raise BurstpropError(
            f"batch_size = {size:,} images: {dataset.name} has {images:,} to train on; give at most that "
            "(--set batch_size=N)"
        )
    if group.device.type == "cpu":
        check_memory(plan.setting, -(-size // group.world_size))


def _to_resume(folder: Path | None, resume: bool, group: Group) -> bool:
    """Return whether there is a checkpoint to go on from, for all processes; raises BurstpropError.

    No process gets on before all have looked, since the leading one then writes a checkpoint.
    """
    there = folder is not None and (folder / CHECKPOINT_FILE).exists()
    if any(group.gather(there)) and not resume:
        holder = f"{str(folder)!r}" if there else "the folder of another process"
        raise BurstpropError(
            f"{holder} already holds a run; go on with it (--resume), or give another folder (--out DIR)"
        )
    _same_in_all(group, "from a checkpoint" if there else "at the start", folder)
    return there


def _same_in_all(group: Group, place: str, folder: Path | None) -> None:
    """Raise BurstpropError in every process where they would not begin at one place."""
    places = group.gather(place)
    if len(set(places)) > 1:
        told = ", ".join(f"process {rank} {there}" for rank, there in enumerate(places))
        raise BurstpropError(
            f"the processes would not go on from the same place ({told}); this one, process {group.rank}, "
            f"looked in {str(folder)!r}: give all of them one shared folder (--out DIR), or copy the "
            f"{CHECKPOINT_FILE} of process 0 into the folder of each machine"
        )


def _begin(trainer: Trainer) -> None:
    """Write run.json and the first line of the log; leave a checkpoint to resume from at once."""
    from burstprop.report.report import provenance

    plan = trainer.plan
    (code,) = trainer.codes
    trainer.journal.write("start", plan=plan.to_dict(), images=len(trainer.loader.images), **code)
    if trainer.out is not None and trainer.group.is_main:
        command = trainer.options.command or "burstprop.reduced.train.training.train"
        known = provenance(
            command=command,
            seed=plan.seed,
            parameters=plan.to_dict(),
            threads=torch.get_num_threads(),
            status="running",
            verb="train",
        )
        source = {"folder": trainer.dataset.source, "classes": len(trainer.dataset.classes)}
        write_json(
            trainer.out / RUN_FILE, {**known, **code, "data": {"name": trainer.dataset.name, **source}}
        )
    trainer.save()
