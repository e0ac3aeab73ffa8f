"""Residual networks trained with every rule: the long comparisons of depth, in pieces of any length.

A study is a list of runs that was stated beforehand. Each run has a folder, RUNS/<study>/<network>-<rule>-
lr<rate>-seed<N>; a finished one is not run again, one that was stopped (Ctrl-C, or killed) goes on from its
checkpoint. After every run RESULTS/<study>.csv has a row for each finished run, <study>_curves.csv one for
each epoch, <study>_layers.csv one for each layer after the last epoch, and <study>.json says how they were
made.

    python benchmarks/reduced_depth.py --study short --data DIR        4,000 images, minutes
    python benchmarks/reduced_depth.py --study starts                  9 layers, digits, 5 seeds: minutes
    python benchmarks/reduced_depth.py --study constraints --data DIR  8 layers, what each constraint costs
    python benchmarks/reduced_depth.py --study depth-short --data DIR  4 to 32 layers, 5,000 images
    python benchmarks/reduced_depth.py --study rates --data DIR        learning rates, on validation images
    python benchmarks/reduced_depth.py --study cifar10-quick --data DIR resnet-quick, 10 epochs: hours
    python benchmarks/reduced_depth.py --study cifar10-residual --data DIR  resnet-quick, 24 epochs: a day
    python benchmarks/reduced_depth.py --study cifar10-retina --data DIR  resnet-retina, 24 epochs: 12 hours
    python benchmarks/reduced_depth.py --study cifar10-long --data DIR resnet-small, 30 epochs: days
    python benchmarks/reduced_depth.py --study depth --data DIR        4 to 32 layers of one width: days
    python benchmarks/reduced_depth.py --study tiny-imagenet-retina --data DIR
    python benchmarks/reduced_depth.py --study cifar10-quick --data DIR --rules backprop,burstprop --seeds 1

DIR is the folder above the data (or the variable BURSTPROP_DATA). Every rule has the same network, start
weights, images, order, and learning rate; only `rates` tries several, the same ones for every rule.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from burstprop.errors import BurstpropError, Diverged
from burstprop.reduced import network_spec
from burstprop.reduced.data import open_dataset
from burstprop.reduced.data.dataset import ImageDataset, ImagesInMemory, ReadOptions
from burstprop.reduced.networks import residual_of_depth
from burstprop.reduced.train.journal import read_log
from burstprop.reduced.train.plan import Plan
from burstprop.reduced.train.settings import setting
from burstprop.reduced.train.training import Options, train
from burstprop.report.report import provenance
from burstprop.runs.run_code import code_of_run
from burstprop.system.files import writable_folder, write_json, writing

RULES = ("backprop", "burstprop", "burstccn", "feedback_alignment")
ONCE = ("feedback_alignment", "burstprop_fixed", "burstprop_symmetric")


@dataclass(frozen=True)
class Variant:
    """A rule with some of its fields changed, and another normalisation where ``norm`` names one."""

    rule: str
    fields: dict[str, Any] = field(default_factory=dict)
    norm: str | None = None


VARIANTS = {
    "backprop_group": Variant("backprop", norm="group"),
    "backprop_divisive": Variant("backprop", norm="divisive"),
    "burstprop_group": Variant("burstprop", norm="group"),
    "burstprop_divisive": Variant("burstprop", norm="divisive"),
    "burstprop_uninhibited": Variant("burstprop", dict(inhibition=0.0)),
    "burstprop_full_start": Variant("burstprop", dict(feedback_sd=1.0)),
    "burstprop_weak_start": Variant("burstprop", dict(feedback_sd=0.1)),
    "burstccn_full_start": Variant("burstccn", dict(feedback_sd=1.0)),
    "burstccn_weak_start": Variant("burstccn", dict(feedback_sd=0.1)),
    "burstprop_published": Variant("burstprop", dict(inhibition=0.0, amplified=False)),
}
"""What a study may name beside rules: one constraint more, or one less."""
CONSTRAINTS = (
    *RULES,
    "burstprop_published",
    "burstprop_uninhibited",
    "burstprop_symmetric",
    "burstprop_fixed",
    "burstprop_direct",
    "burstccn_tied",
    "backprop_group",
    "burstprop_group",
    "backprop_divisive",
    "burstprop_divisive",
)


@dataclass(frozen=True)
class Study:
    """Runs that were stated beforehand.

    ``images``, ``tests``: training images, and validation and test images, of each class (None: all);
    ``all_tests``: all test images, whatever ``tests`` is. ``rules`` may hold names of `VARIANTS`; those in
    ``once`` have the first seed alone. ``rates``: learning rates (empty: the setting's). ``setting``: its
    name; ``changes``: fields of it that differ.
    """

    dataset: str
    networks: tuple[str, ...]
    rules: tuple[str, ...] = RULES
    seeds: tuple[int, ...] = (1,)
    epochs: int = 30
    images: int | None = None
    tests: int | None = None
    all_tests: bool = False
    rates: tuple[float, ...] = ()
    once: tuple[str, ...] = ()
    setting: str = "residual"
    changes: dict[str, Any] = field(default_factory=dict)
    channels_last: bool = False


STARTS = (
    "backprop",
    "burstprop_symmetric",
    "burstprop_full_start",
    "burstprop_weak_start",
    "burstprop_uninhibited",
    "burstccn_full_start",
    "burstccn_weak_start",
    "burstprop_fixed",
    "feedback_alignment",
)
"""How learned feedback starts (sd that of the forward weights, or a tenth), and what to compare it with."""
DEPTHS = tuple(f"resnet-depth-{depth}" for depth in (4, 8, 16, 32))
CIFAR10_QUICK = Study(
    "cifar10", ("resnet-quick",), rules=("backprop", "burstprop", "burstccn", *ONCE), once=ONCE,
    seeds=(1, 2, 3), epochs=10, setting="quick", channels_last=True,
)  # fmt: skip
STUDIES = {
    "short": Study("cifar10", ("resnet-depth-8",), epochs=3, images=400, tests=100),
    "starts": Study("digits", ("resnet-digits",), rules=STARTS, seeds=(1, 2, 3, 4, 5), epochs=16),
    "constraints": Study(
        "cifar10", ("resnet-depth-8",), rules=CONSTRAINTS, seeds=(1, 2), epochs=5, images=1000, tests=200
    ),
    "depth-short": Study(
        "cifar10", DEPTHS, epochs=8, images=500, tests=100, all_tests=True, setting="quick",
        changes=dict(
            lr=0.1, weight_decay=2e-3, batch_size=32, warmup_epochs=1.0, small_side=16, small_epochs=7
        ),
        channels_last=True,
    ),
    "rates": Study(
        "cifar10", ("resnet-quick",), epochs=3, images=1000, setting="quick",
        changes=dict(batch_size=32, warmup_epochs=0.5, small_epochs=2), rates=(0.05, 0.1, 0.2),
        channels_last=True,
    ),
    "cifar10-quick": CIFAR10_QUICK,
    "cifar10-residual": dataclasses.replace(CIFAR10_QUICK, epochs=24, changes=dict(small_epochs=16)),
    "cifar10-retina": dataclasses.replace(
        CIFAR10_QUICK, networks=("resnet-retina",), epochs=24, setting="retina"
    ),
    "cifar10-long": Study("cifar10", ("resnet-small",), seeds=(1, 2, 3)),
    "depth": Study("cifar10", DEPTHS),
    "tiny-imagenet-retina": Study(
        "tiny-imagenet", ("resnet-retina-64",), rules=("backprop", "burstprop", "feedback_alignment"),
        seeds=(1, 2), setting="retina", channels_last=True,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One run of a study."""

    study: str
    network: str
    rule: str
    rate: float | None
    seed: int

    @property
    def name(self) -> str:
        """Name of its folder below the study's."""
        rate = "" if self.rate is None else f"-lr{self.rate:g}"
        return f"{self.network}-{self.rule}{rate}-seed{self.seed}"

    def plan(self) -> Plan:
        """Return what is trained."""
        study = STUDIES[self.study]
        variant = VARIANTS.get(self.rule, Variant(self.rule))
        chosen = setting(variant.rule, study.dataset, study.setting)
        network = network_spec(self.network)
        if variant.norm is not None:
            network = residual_of_depth(int(self.network.rpartition("-")[2]), norm=variant.norm)
        rule = dataclasses.replace(chosen.rule, **variant.fields)
        changes: dict[str, Any] = {"rule": rule, "network": network, "epochs": study.epochs}
        if self.rate is not None:
            changes["lr"] = self.rate
        if study.epochs < 5:
            changes["warmup_epochs"] = 0.5
        changes |= study.changes
        whole = dataclasses.replace(chosen, **changes)
        return Plan(variant.rule, whole, seed=self.seed, channels_last=study.channels_last)


def jobs(name: str, rules: tuple[str, ...] = (), seeds: tuple[int, ...] = ()) -> list[Job]:
    """Return the runs of a study, seed by seed; of some rules or seeds alone where some are named."""
    study = STUDIES[name]
    chosen = [rule for rule in study.rules if not rules or rule in rules]
    return [
        Job(name, network, rule, rate, seed)
        for seed in study.seeds
        if not seeds or seed in seeds
        for network in study.networks
        for rate in study.rates or (None,)
        for rule in chosen
        if rule not in study.once or seed == study.seeds[0]
    ]


def images_of(study: Study, data: str) -> ImageDataset:
    """Read the dataset, and keep the first images of every class where the study asks for some."""
    whole = open_dataset(study.dataset, None if study.dataset == "digits" else data, ReadOptions())
    if study.images is None:
        return whole
    tests = None if study.all_tests else study.tests
    splits = {"train": study.images, "validation": study.tests, "test": tests}
    first = {split: _first_of_each(whole.split(split), number) for split, number in splits.items()}
    return dataclasses.replace(
        whole, train=first["train"], validation=first["validation"], test=first["test"]
    )


def _first_of_each(images: Any, number: int | None) -> ImagesInMemory:
    """Return the first ``number`` images of every class in the order of the files (None: all)."""
    labels = images.labels
    chosen = [torch.nonzero(labels == label)[:number, 0] for label in labels.unique()]
    return images.select(torch.cat(chosen).sort().values.numpy())


def carry_out(job: Job, dataset: ImageDataset, folder: Path) -> None:
    """Train a run to its end; one that diverges leaves a result that says so."""
    history: list[dict[str, Any]] = []
    options = Options(
        checkpoint_seconds=120, command=f"python benchmarks/reduced_depth.py --study {job.study}"
    )
    try:
        train(job.plan(), dataset, folder, resume=True, options=options, history=history)
    except Diverged as error:
        write_json(folder / "result.json", {"test_error_percent": float("nan"), "trouble": str(error)})


def tables(done: dict[Job, Path]) -> dict[str, pd.DataFrame]:
    """Return rows of runs, of their epochs, and of their layers after the last epoch."""
    frames: dict[str, list[pd.DataFrame]] = {"": [], "_curves": [], "_layers": []}
    for job, folder in done.items():
        head: dict[str, Any] = {
            "network": job.network,
            "rule": job.rule,
            "lr": job.plan().setting.lr,
            "seed": job.seed,
        }
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        kept = ("epochs", "test_error_percent", "validation_error_percent", "seconds", "code", "trouble")
        frames[""].append(pd.DataFrame([head | {name: result.get(name) for name in kept}]))
        layers = read_log(folder, "layer")
        last = layers[layers["epoch"] == layers["epoch"].max()]
        for name, frame in (("_curves", read_log(folder)), ("_layers", last)):
            frames[name].append(frame.assign(**head))
    return {name: pd.concat(found, ignore_index=True) for name, found in frames.items()}


def write(folder: Path, study: str, done: dict[Job, Path]) -> pd.DataFrame:
    """Write the tables of the finished runs; return that of the runs."""
    frames = tables(done)
    for suffix, frame in frames.items():
        with writing(folder / f"{study}{suffix}.csv") as temporary:
            frame.round(5).to_csv(temporary, index=False)
    known = dataclasses.asdict(STUDIES[study]) | {"runs": [job.name for job in done]}
    command = ["python", "benchmarks/reduced_depth.py", "--study", study, "--data", "DIR"]
    made = code_of_run(write, {}) | provenance(command=command, seed=1, parameters=known)
    write_json(folder / f"{study}.json", made)
    return frames[""]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", required=True, choices=tuple(STUDIES))
    parser.add_argument("--data", default=os.environ.get("BURSTPROP_DATA", ""), metavar="DIR")
    parser.add_argument("--rules", default="", help="some of the study's rules, with commas between")
    parser.add_argument("--seeds", type=int, nargs="+", default=(), metavar="N", help="some of its seeds")
    parser.add_argument("--runs", default="results/reduced-depth", metavar="DIR", help="folder of the runs")
    parser.add_argument("--results", metavar="DIR", help="folder of the tables (tables in that of the runs)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--until", metavar="HH:MM", help="begin no run after this time of the day")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    results = writable_folder(args.results or Path(args.runs) / "tables")
    work = jobs(args.study, tuple(filter(None, args.rules.split(","))), tuple(args.seeds))
    folders = {job: Path(args.runs) / args.study / job.name for job in jobs(args.study)}
    done = {job: folder for job, folder in folders.items() if (folder / "result.json").is_file()}
    print(f"{len(done)} runs finished before", file=sys.stderr, flush=True)
    dataset = None
    for job in work:
        if job in done or (args.until and time.strftime("%H:%M") >= args.until):
            continue
        dataset = dataset or images_of(STUDIES[args.study], args.data)
        carry_out(job, dataset, folders[job])
        done[job] = folders[job]
        row = write(results, args.study, done).iloc[-1]
        print(f"{job.name}: test error {row['test_error_percent']:.2f} %", file=sys.stderr, flush=True)
    print(write(results, args.study, done).round(2).to_string(index=False) if done else "no run is finished")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BurstpropError as error:
        print(f"reduced_depth: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        print(f"reduced_depth: stopped by Ctrl-C; the same command goes on ({stop})", file=sys.stderr)
        sys.exit(130)
