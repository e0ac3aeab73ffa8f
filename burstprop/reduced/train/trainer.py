"""The training loop: a `Trainer` holds network, optimizer, loaders and the place where a run is.

`burstprop.reduced.train.training.train` is the usual way to use it.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import math
import re
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from burstprop.errors import BurstpropError, Diverged
from burstprop.reduced.data import DATASETS, ImageDataset, ImagesInMemory, Loader
from burstprop.reduced.data.loading import Batch
from burstprop.reduced.data.streams import LOOK, NOISE, words
from burstprop.reduced.networks import Network, build_network
from burstprop.reduced.train import health
from burstprop.reduced.train.averaging import MovingAverage
from burstprop.reduced.train.checkpoint import CHECKPOINT_FILE, load_checkpoint, save_checkpoint
from burstprop.reduced.train.diagnostics import diagnose
from burstprop.reduced.train.distributed import Group
from burstprop.reduced.train.evaluation import BATCH, Score, evaluate
from burstprop.reduced.train.journal import Journal
from burstprop.reduced.train.options import Options, Stopped, asked_to_stop
from burstprop.reduced.train.plan import Plan, differences
from burstprop.reduced.train.process import flushed_denormals
from burstprop.reduced.train.settings import Setting
from burstprop.reduced.train.small_images import check_small_images, shrunk
from burstprop.runs.run_code import UNKNOWN, code_of_run, said
from burstprop.system.progress import Progress

logger = logging.getLogger("burstprop")
LOOK_AT = 128
"""Validation images on which the layers are diagnosed after an epoch."""
FINITE_EVERY = 50
"""Steps between two checks of the loss on a GPU; each check waits for the GPU."""


@dataclass
class _Sums:
    """Running sums of an epoch, kept on the device."""

    loss: torch.Tensor
    wrong: torch.Tensor
    images: int = 0
    seconds: float = 0.0

    @classmethod
    def zero(cls, device: torch.device) -> _Sums:
        return cls(
            torch.zeros((), dtype=torch.float64, device=device),
            torch.zeros((), dtype=torch.int64, device=device),
        )


def code_of_training(plan: Plan) -> dict[str, str]:
    """Return version and name of the code that trains a plan: see `burstprop.runs.run_code`.

    It is that of this module, of the rule (with what lies beside a rule of one's own) and of the dataset's
    reader, and of all that they import.
    """
    names = (type(plan.setting.rule).__module__, DATASETS[plan.dataset][0])
    modules = [sys.modules[name] if name in sys.modules else importlib.import_module(name) for name in names]
    return code_of_run(Trainer.run, {}, modules)


@dataclass
class Trainer:
    """A run: its network, optimizer, loaders, and where it is. `train` is the usual way to use it."""

    plan: Plan
    dataset: ImageDataset
    out: Path | None = None
    options: Options = field(default_factory=Options)
    group: Group = field(default_factory=Group)

    def __post_init__(self) -> None:
        """Build network, optimizer and loaders."""
        setting, device = self.plan.setting, self.group.device
        spec = self.plan.network(self.dataset)
        check_small_images(spec, setting)
        self.network = build_network(spec, setting.rule, seed=self.plan.seed).to(device)
        if self.plan.channels_last:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = MovingAverage(self.network, setting.average) if setting.average else None
        self.model: torch.nn.Module = self.network
        if self.group.world_size > 1:
            ddp = torch.nn.parallel.DistributedDataParallel
            # its old name up to PyTorch 2.12, of which 2.13 warns
            new = "forward_sync_buffers" in inspect.signature(ddp).parameters
            without: dict[str, Any] = {"forward_sync_buffers" if new else "broadcast_buffers": False}
            self.model = ddp(self.network, **without)
        self.optimizer = _optimizer(self.network, setting)
        self.base_rates = [group["lr"] for group in self.optimizer.param_groups]
        common: dict[str, Any] = dict(
            seed=self.plan.seed, device=device, workers=self.options.workers,
            on_broken=self.options.on_broken, rank=self.group.rank, world_size=self.group.world_size,
            on_skipped=self._skipped,
        )  # fmt: skip
        augmentation = self.plan.augmentation(self.dataset)
        self.loader = Loader(self.dataset, "train", setting.batch_size, augmentation=augmentation, **common)
        batch = (BATCH if self.dataset.shape[1] <= 64 else setting.batch_size) * self.group.world_size
        self.test_loaders = {
            split: Loader(self.dataset, split, batch, **common) for split in ("validation", "test")
        }
        self.epoch, self.step, self.seconds = 0, 0, 0.0
        self.first_loss = math.nan
        self.history: list[dict[str, Any]] = []
        self.broken: dict[str, str] = {}
        """Images left out so far, by all processes and before a resume too, and why they are broken."""
        self.sums = _Sums.zero(device)
        self.journal = Journal(None)
        self.after_epoch: Callable[[Network, int], None] | None = None
        self.warned: dict[str, str] = {}
        """The first warning of each kind, with its epoch, before a resume too."""
        self.codes = [code_of_training(self.plan)]
        """The code that made the run, and where it went on with other code, one after the other."""
        self.stop = False
        self._noise: tuple[int, np.ndarray] = (-1, np.empty(0))
        self._saved = time.monotonic()

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return self.epoch >= self.plan.setting.epochs

    def restore(self) -> int:
        """Go back to where the checkpoint in ``out`` was; return the length of the log there.

        Raises
        ------
        BurstpropError
            When there is none, or it belongs to another plan.
        """
        assert self.out is not None
        content = load_checkpoint(self.out)
        differ = differences(content["plan"], self.plan.to_dict())
        if differ:
            raise BurstpropError(
                f"the run in {str(self.out)!r} was started otherwise ({'; '.join(differ)}); resume it as "
                "it was started, "
                "or train anew in another folder"
            )
        if list(content["classes"]) != list(self.dataset.classes) or content["images"] != len(
            self.loader.images
        ):
            raise BurstpropError(
                f"the run in {str(self.out)!r} saw {content['images']:,} training images of "
                f"{len(content['classes'])} "
                f"classes; in {self.dataset.source} there are {len(self.loader.images):,} of "
                f"{len(self.dataset.classes)}; give the same data"
            )
        if content["threads"] != torch.get_num_threads():
            logger.warning(
                "resumed with %d threads, was %d: sums may differ in their last digits",
                torch.get_num_threads(), content["threads"],
            )  # fmt: skip
        try:
            self.network.load_state_dict(content["network"])
            self.optimizer.load_state_dict(content["optimizer"])
            if self.average is not None:
                self.average.restore(content["average"])
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise BurstpropError(
                f"the run in {str(self.out)!r} was made by another version of burstprop or of its rule "
                f"({reason}): train anew in another folder, or go on with that version"
            ) from None
        self.epoch, self.step, self.seconds = content["epoch"], content["step"], content["seconds"]
        self.first_loss, self.history = content["first_loss"], list(content["history"])
        self._went_on(list(content.get("codes", [UNKNOWN])))
        # the first checkpoints of this format did not keep them
        self.broken, self.warned = dict(content.get("broken", {})), dict(content.get("warned", {}))
        sums, device = content["sums"], self.group.device
        if self.group.is_main:  # the others' shares are in these sums already
            self.sums = _Sums(
                sums["loss"].to(device), sums["wrong"].to(device), sums["images"], sums["seconds"]
            )
        else:
            self.sums.seconds = sums["seconds"]
        return int(content["log_bytes"])

    def _went_on(self, codes: list[dict[str, str]]) -> None:
        """Put the codes of before first; warn where the run goes on with another one."""
        now = self.codes[0]
        if codes[-1] != now:
            logger.warning(
                "the run in %r was made by %s and goes on with %s: its result is of both",
                str(self.out), ", then ".join(map(said, codes)), said(now),
            )  # fmt: skip
        self.codes = codes if codes[-1] == now else [*codes, now]

    def save(self) -> None:
        """Write a checkpoint."""
        self._share_broken()
        sums = dict(
            loss=self.group.total(self.sums.loss.clone()).cpu(),
            wrong=self.group.total(self.sums.wrong.clone()).cpu(),
            images=int(self.group.total(torch.tensor(self.sums.images, device=self.group.device))),
            seconds=self.sums.seconds,
        )
        if self.out is not None and self.group.is_main:
            content = dict(
                plan=self.plan.to_dict(), network=self.network.state_dict(),
                optimizer=self.optimizer.state_dict(), epoch=self.epoch, step=self.step,
                seconds=self.seconds, first_loss=self.first_loss, history=self.history, sums=sums,
                broken=self.broken, warned=self.warned, codes=self.codes,
                average=None if self.average is None else self.average.state(),
                log_bytes=self.journal.bytes_written(), threads=torch.get_num_threads(),
                classes=list(self.dataset.classes), images=len(self.loader.images),
            )  # fmt: skip
            save_checkpoint(self.out / CHECKPOINT_FILE, content)
        self._saved = time.monotonic()

    def run(self) -> dict[str, Any]:
        """Train to the end, test, and return the result.

        The states of PyTorch's random numbers and of its handling of denormal numbers are those of before
        when it ends, however it ends.

        Raises
        ------
        Diverged
            When the loss is no longer a finite number.
        Stopped
            When a signal asked for it; the state is saved.
        """
        setting = self.plan.setting
        total = setting.epochs * self.loader.steps
        label = f"{self.plan.rule} on {self.dataset.name}"
        start = self.epoch * self.loader.steps + self.step
        shown = self.options.progress if self.group.is_main else False
        for path in self.dataset.broken:
            self._skipped(path, "cannot be decoded")
        # the caller's random numbers go on as if there had been no run
        device = self.group.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            with (
                flushed_denormals(),
                Progress(total, label, unit="steps", enabled=shown, start=start) as progress,
                asked_to_stop(self),
            ):
                while not self.finished:
                    self._epoch(progress)
            scores = {split: self._evaluate(split) for split in self.test_loaders}
        self._share_broken()
        return {
            "rule": self.plan.rule,
            "dataset": self.plan.dataset,
            "epochs": setting.epochs,
            "seed": self.plan.seed,
            "test_error_percent": scores["test"].error_percent,
            "validation_error_percent": scores["validation"].error_percent,
            "train_error_percent": self.history[-1]["train_error_percent"],
            "seconds": self.seconds,
            "broken_images": len(self.broken),
            "trouble": "; ".join(dict.fromkeys(self.warned.values())),
            "code": ", then ".join(code["code"] or "unknown" for code in self.codes),
            "checkpoint": None if self.out is None else str(self.out / CHECKPOINT_FILE),
        }

    def _evaluate(self, split: str) -> Score:
        """Test the network, or the moving average of its weights where there is one."""
        self.group.agree(self.network)
        with nullcontext() if self.average is None else self.average.in_place():
            return evaluate(
                self.network, self.test_loaders[split], self.group, self.plan.precision,
                mirrored=self.plan.setting.mirrored,
            )  # fmt: skip

    def _epoch(self, progress: Progress) -> None:
        """Train from the present step to the end of the epoch."""
        self.network.train()
        clock = time.perf_counter()
        for batch in self.loader.epoch(self.epoch, self.step):
            if len(batch.labels):
                self._step(batch)
            now = time.perf_counter()
            self.seconds, self.sums.seconds, clock = (
                self.seconds + now - clock,
                self.sums.seconds + now - clock,
                now,
            )
            self.step += 1
            progress.update(self.epoch * self.loader.steps + self.step)
            stop = self.group.any(self.stop)
            if stop or self.group.any(time.monotonic() - self._saved > self.options.checkpoint_seconds):
                self.save()
            if stop:
                raise Stopped(
                    f"stopped in epoch {self.epoch + 1}, after {self.step} of {self.loader.steps} steps"
                )
        self.epoch, self.step = self.epoch + 1, 0
        self._after_epoch()
        self.sums = _Sums.zero(self.group.device)
        if (
            self.finished
            or time.monotonic() - self._saved > self.options.checkpoint_seconds
            or self.group.world_size > 1
        ):
            self.save()

    def _step(self, batch: Batch) -> None:
        setting = self.plan.setting
        factor = setting.factor(self.epoch + self.step / self.loader.steps)
        for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = rate * factor
        self._seed_noise()
        with torch.autocast(
            self.group.device.type, torch.bfloat16, enabled=self.plan.precision == "bfloat16"
        ):
            logits = self.model(self._laid_out(self._sized(batch.images)))
        target = batch.labels
        if setting.label_smoothing:
            hot = torch.nn.functional.one_hot(target, logits.shape[1]).to(torch.float32)
            target = hot * (1 - setting.label_smoothing) + setting.label_smoothing / logits.shape[1]
        loss = self.network.loss(logits, target)
        self.optimizer.zero_grad()
        # DistributedDataParallel averages over the processes; their shares of the last batch, and of one with
        # broken images, may differ
        share = (
            len(batch.labels) * self.group.world_size / self._images(batch)
            if self.group.world_size > 1
            else 1.0
        )
        (loss * share if share != 1.0 else loss).backward()
        if setting.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), setting.clip_norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        with torch.no_grad():
            self.sums.loss += loss.double() * len(batch.labels)
            self.sums.wrong += (logits.argmax(1) != batch.labels).sum()
        self.sums.images += len(batch.labels)
        if self.group.device.type == "cpu" or self.step % FINITE_EVERY == 0:
            value = float(loss.detach())
            if math.isnan(self.first_loss):
                self.first_loss = value
            if not math.isfinite(value):
                self._diverged(value)

    def _sized(self, images: torch.Tensor) -> torch.Tensor:
        setting = self.plan.setting
        return shrunk(images, setting.small_side) if self.epoch < setting.small_epochs else images

    def _laid_out(self, images: torch.Tensor) -> torch.Tensor:
        return images.contiguous(memory_format=torch.channels_last) if self.plan.channels_last else images

    def _images(self, batch: Batch) -> int:
        """Return the images of a batch over all processes, without broken ones."""
        if self.options.on_broken == "stop" or isinstance(self.loader.images, ImagesInMemory):
            return batch.total  # none was left out, so there is no need to ask the others
        return int(self.group.total(torch.tensor(len(batch.labels), device=self.group.device)))

    def _seed_noise(self) -> None:
        """Make what a rule draws in this step a function of (seed, epoch, step, process)."""
        if self._noise[0] != self.epoch:
            counters = np.arange(self.loader.steps * self.group.world_size)
            self._noise = (self.epoch, words(self.plan.seed, NOISE, self.epoch, counters) >> np.uint64(1))
        self._seed(int(self._noise[1][self.step * self.group.world_size + self.group.rank]))

    def _seed(self, seed: int) -> None:
        """Seed PyTorch's generators of the devices in use."""
        # torch.manual_seed does the same for every kind of device there is, and takes 80 times longer
        torch.default_generator.manual_seed(seed)
        if self.group.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def _diverged(self, loss: float) -> None:
        message = health.divergence(self.network, self.plan, loss, self.epoch + 1, self.step + 1)
        self.journal.write("diverged", epoch=self.epoch + 1, step=self.step + 1, loss=loss, message=message)
        raise Diverged(message)

    def _after_epoch(self) -> None:
        """Evaluate on the validation images, look after the layers, and write the log."""
        sums = self.group.total(torch.stack([self.sums.loss, self.sums.wrong.double()]))
        images = int(self.group.total(torch.tensor(self.sums.images, device=self.group.device)))
        if not math.isfinite(float(sums[0])):
            self._diverged(float(sums[0]))
        score = self._evaluate("validation")
        line = dict(
            epoch=self.epoch,
            train_loss=float(sums[0]) / images,
            train_error_percent=100.0 * float(sums[1]) / images,
            validation_loss=score.loss,
            validation_error_percent=score.error_percent,
            learning_rate=self.plan.setting.lr * self.plan.setting.factor(float(self.epoch - 1)),
            seconds=self.sums.seconds,
            images_per_second=images / max(self.sums.seconds, 1e-9),
        )
        self.history.append(line)
        self.journal.write("epoch", **line)
        if self.options.layers:
            self._look_at_layers()
        if self.group.is_main:
            for warning in health.warnings(
                self.network, self.test_loaders["validation"], line, self.first_loss
            ):
                self._warn(warning)
            self._look_at_classes(score)
        if self.after_epoch is not None:
            self.after_epoch(self.network, self.epoch)

    def _look_at_layers(self) -> None:
        """Log what `diagnose` finds on the first validation images, without what a layer does not have."""
        batch = next(iter(self.test_loaders["validation"].in_order()), None)
        if not self.group.is_main or batch is None or not len(batch.labels):
            return
        # a function of (seed, epoch), like all that is drawn: a resumed run logs what an unbroken one does
        self._seed(int(words(self.plan.seed, LOOK, self.epoch, np.zeros(1))[0] >> np.uint64(1)))
        frame = diagnose(self.network, batch.images[:LOOK_AT], batch.labels[:LOOK_AT])
        for row in frame.to_dict("records"):
            there = {str(name): value for name, value in row.items() if value == value}
            self.journal.write("layer", epoch=self.epoch, **there)

    def _look_at_classes(self, score: Score) -> None:
        """Warn of every class, once, that is not recognised in the last quarter of the epochs.

        Before, after a single epoch, or where all training images were smaller than those of the test, that
        is usual.
        """
        setting = self.plan.setting
        if self.epoch == 1 or 4 * self.epoch < 3 * setting.epochs or self.epoch <= setting.small_epochs:
            return
        kinds = {f"class {name}": name for name in health.unrecognised(score, self.dataset.classes)}
        new = [kind for kind in kinds if kind not in self.warned]
        if new:
            sigmoid = self.network.spec.output == "sigmoid"
            lost = [kinds[kind] for kind in new]
            message = health.class_warning(lost, len(self.dataset.classes), sigmoid)
            self._warn(message, *new)

    def _warn(self, message: str, *kinds: str) -> None:
        """Log a warning; show it when it is the first of its kind (the same but for its numbers)."""
        kinds = kinds or (re.sub(r"[\d.]+", "", message),)
        if not self.warned.keys() >= set(kinds):
            logger.warning("%s on %s, epoch %d: %s", self.plan.rule, self.dataset.name, self.epoch, message)
        for kind in kinds:
            self.warned.setdefault(kind, f"epoch {self.epoch}: {message}")
        before = self.history[-1].get("warnings")
        self.history[-1] = {**self.history[-1], "warnings": f"{before}; {message}" if before else message}
        self.journal.write("warning", epoch=self.epoch, message=message)

    def _skipped(self, path: str, reason: str) -> None:
        """Count a broken image, and log it, the first time that it is met."""
        if path not in self.broken:
            self.broken[path] = reason
            self.journal.write("broken_image", path=path, reason=reason)

    def _share_broken(self) -> None:
        """Count, and log, the broken images that other processes met."""
        for broken in self.group.gather(self.broken):
            for path, reason in broken.items():
                self._skipped(path, reason)


def _optimizer(network: Network, setting: Setting) -> torch.optim.Optimizer:
    groups = network.parameter_groups(setting.lr, setting.weight_decay)
    if setting.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=setting.lr, betas=(setting.momentum, 0.999), fused=True)
    return torch.optim.SGD(groups, lr=setting.lr, momentum=setting.momentum, fused=True)
