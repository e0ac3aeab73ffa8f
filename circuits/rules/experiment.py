"""The reduced model: learning rules compared on the same networks and images.

Claim: with learned feedback weights, burst-dependent learning (burstprop) and its single-phase relative
(BurstCCN) reach the test error of backpropagation; with fixed random feedback, burstprop does as well as
feedback alignment; on images of many classes learned feedback is clearly better than feedback alignment.

Every rule trains the same network, from the same start weights, on the same images in the same order, with
one default setting that was chosen on validation images. The digits are shipped. MNIST, CIFAR-10 and Tiny
ImageNet take part when their folders are found below the folder that ``--set data=DIR`` or the environment
variable BURSTPROP_DATA names; with the published networks on two cores they take hours, in runs that can be
stopped and resumed (``--set datasets=digits`` leaves them out). A rule of your own takes part by ``--set
rules=backprop,burstprop,my_rule.py:MyRule``.

Two pairs are one rule each, by construction, and their rows are equal but for rounding: BurstCCN
(Kolen-Pollack) and Kolen-Pollack, tied BurstCCN and backpropagation; the table says so (``same_as``). Two
rules are compared by paired differences over seeds with a 95 % interval; the number of seeds is fixed
beforehand and the same for all rules. On the digits one test image is 0.28 points.

Source: Payeur, Guerguiev, Zenke, Richards & Naud 2021, doi 10.1038/s41593-021-00857-x; Greedy, Zhu,
Pemberton, Mellor & Costa 2022 (NeurIPS). Numbers of the bounds: stated beforehand, for these networks and
numbers of epochs.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from burstprop.errors import BurstpropError, BurstpropWarning, Diverged
from burstprop.experiments import Execution, Experiment
from burstprop.parameters import quantity, validate
from burstprop.system.progress import Shown

from .check import check

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from burstprop.reduced.train.plan import Plan

DENSE_RULES = (
    "backprop",
    "burstprop",
    "burstprop_recurrent",
    "burstprop_symmetric",
    "burstprop_fixed",
    "burstccn",
    "burstccn_tied",
    "burstccn_apical_silence",
    "burstccn_fixed",
    "kolen_pollack",
    "sign_symmetry",
    "feedback_alignment",
    "direct_feedback_alignment",
    "node_perturbation",
)
CONVOLUTIONAL_RULES = ("backprop", "burstprop", "burstprop_fixed", "burstccn", "feedback_alignment")
QUICK_RULES = ("backprop", "burstprop", "burstprop_fixed", "burstccn", "feedback_alignment")
RULES_OF = {
    "digits": DENSE_RULES,
    "mnist": DENSE_RULES,
    "cifar10": CONVOLUTIONAL_RULES,
    "tiny-imagenet": CONVOLUTIONAL_RULES,
}
SEEDS = 3
"""The same for all rules, and fixed before any of them is run."""
NAMED = 3
"""Runs of other code that a warning names."""
_KEPT = ("epochs", "test_error_percent", "validation_error_percent", "train_error_percent", "seconds")


@dataclass(frozen=True)
class Params:
    """What is compared, and how long it trains."""

    datasets: str = field(
        default="available",
        metadata={"doc": "names with commas between; 'available': digits and those found below data"},
    )
    rules: str = field(
        default="default",
        metadata={"doc": "names with commas between, also path.py:ClassName; 'default': by dataset"},
    )
    data: str = field(
        default="", metadata={"doc": "folder above the data; empty: the variable BURSTPROP_DATA"}
    )
    epochs: int = quantity(0, "1", "passes through the training images (0: each setting's own)", low=0)

    def __post_init__(self) -> None:
        """Check the number of epochs; raises BurstpropError."""
        validate(self)


@dataclass(frozen=True)
class Job:
    """One run of the comparison."""

    rule: str
    dataset: str
    seed: int
    epochs: int
    data: str | None
    folder: str | None
    threads: int = 1
    progress: bool | None = False

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        rule = self.rule.replace(":", "-") if ":" not in self.rule else Path(self.rule.replace(":", "-")).name
        return f"{self.dataset}/{rule}-seed{self.seed}"


def run(params: Params, execution: Execution) -> dict[str, pd.DataFrame]:
    """Train every rule on every dataset, with every seed, and return what came out.

    Realizations are seeds, one after the other from that of the execution on. A run keeps its folder,
    ``runs/<dataset>/<rule>-seed<seed>`` in that of the execution; one that is finished is not run again, one
    that was stopped goes on.

    Returns
    -------
    dict of frames
        ``table`` (rule, dataset, seeds, test_error_percent: mean, sd, min, max, and the mean validation
        error),
        ``results`` (one row for each run, with the code that made it), ``curves`` (one for each epoch of each
        run).

    Raises
    ------
    BurstpropError
        Before any run begins, for a rule or dataset that is not known or named twice, or data that are
        missing or broken.
    """
    progress = execution.progress
    out = None if execution.out is None else Path(execution.out)
    work = plan_jobs(params, execution.seed, execution.realizations, out, execution.quick)
    check_data(work, None if callable(progress) else progress)
    results, curves = [], []
    for job, (result, history) in zip(work, _carry_out(work, execution.jobs, progress), strict=True):
        results.append(result)
        curves += [{"rule": job.rule, "dataset": job.dataset, "seed": job.seed, **line} for line in history]
    frame = pd.DataFrame(results)
    _warn_of_other_code(work, frame["code"].tolist())
    return {"table": summarise(frame), "results": frame, "curves": pd.DataFrame(curves)}


def _warn_of_other_code(work: list[Job], makers: list[str]) -> None:
    """Warn where runs that were finished before were made by other code than would make them now."""
    from burstprop.reduced.train.trainer import code_of_training

    others = [
        f"{job.name} by {maker}, now {now}"
        for job, maker in zip(work, makers, strict=True)
        if maker != (now := code_of_training(planned(job))["code"])
    ]
    if others:
        more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        warnings.warn(
            f"{len(others)} of {len(work)} runs were made, or begun, by other code than this "
            f"({'; '.join(others[:NAMED])}{more}): they are used as they are; for results of one code give "
            "another output folder (--out), or delete these",
            BurstpropWarning,
            stacklevel=3,
        )


def plan_jobs(params: Params, seed: int, seeds: int, out: str | Path | None, quick: bool) -> list[Job]:
    """Return the runs: dataset by dataset, seed by seed, so that an unfinished comparison has whole seeds.

    Raises
    ------
    BurstpropError
        For a rule or dataset that is not known, or two that would be one run; where nothing is left to run.
    """
    from burstprop.reduced.rules import resolved_name

    folder = params.data or os.environ.get("BURSTPROP_DATA") or ""
    work = []
    for dataset in _names(resolved(params, quick).datasets):
        data = None if dataset == "digits" else folder or None  # the digits are shipped
        if params.rules != "default":
            rules = _names(params.rules)
        else:
            rules = QUICK_RULES if quick else RULES_OF.get(dataset, CONVOLUTIONAL_RULES)
        for number in range(seeds):
            for rule in rules:
                job = Job(resolved_name(rule), dataset, seed + number, params.epochs, data, None)
                place = None if out is None else str(Path(out) / "runs" / job.name)
                work.append(dataclasses.replace(job, folder=place))
    if not work:
        raise BurstpropError(
            f"Params: datasets = {params.datasets!r} and rules = {params.rules!r} leave nothing to run"
        )
    names = [job.name for job in work]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BurstpropError(
            f"Params: datasets = {params.datasets!r} and rules = {params.rules!r} hold the run {twice!r} "
            "more than once: name each dataset and rule once, and give rules of your own different file names"
        )
    for job in work:
        planned(job)
    return work


def resolved(params: Params, quick: bool = False) -> Params:
    """Return the parameters with the datasets named that are available here, if that is what they say."""
    if params.datasets != "available":
        return params
    below = [] if quick else found_below(params.data or os.environ.get("BURSTPROP_DATA") or "")
    return dataclasses.replace(params, datasets=",".join(["digits", *below]))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def check_data(work: list[Job], progress: bool | None = False) -> None:
    """Read each dataset that a run needs which is not finished, so that none ends after hours for its lack.

    Raises
    ------
    BurstpropError
        For data that are missing or broken: what was looked for, where, and how to get it or do without.
    """
    from burstprop.reduced.data import open_dataset
    from burstprop.reduced.data.dataset import ReadOptions

    waiting = [job for job in work if job.folder is None or not (Path(job.folder) / "result.json").is_file()]
    for dataset, data in dict.fromkeys((job.dataset, job.data) for job in waiting):
        try:
            open_dataset(dataset, data, ReadOptions(progress=progress))
        except BurstpropError as error:
            others = ",".join(dict.fromkeys(job.dataset for job in work if job.dataset != dataset))
            without = f"\nHow to do without: datasets={others}" if others else ""
            raise BurstpropError(f"{error}{without}") from None


def found_below(folder: str) -> list[str]:
    """Return the datasets that have a folder below ``folder`` in which `open_dataset` looks.

    Nothing for an empty name. Whether a folder holds what it should is for `open_dataset` to say.
    """
    if not folder:
        return []
    places = {
        "mnist": ("mnist", "MNIST/raw"),
        "cifar10": ("cifar10", "cifar-10-batches-bin"),
        "tiny-imagenet": ("tiny-imagenet-200", "tiny-imagenet", "tiny-imagenet-50"),
    }
    return [name for name, below in places.items() if any((Path(folder) / place).is_dir() for place in below)]


def _carry_out(
    work: list[Job], jobs: int | None, progress: Shown
) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Run all, side by side or one after the other, in the order of ``work``."""
    from burstprop.runs.sweep import run_many

    names = [job.name for job in work]
    return run_many(
        _one, [{"job": job} for job in work], names=names, jobs=jobs, label="runs", progress=progress
    )


def _one(job: Job, progress: Any, folder: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Carry out one run, which keeps its own folder."""
    del progress, folder
    return carry_out(job)


def planned(job: Job) -> Plan:
    """Return the plan of a run; raises BurstpropError for a rule or dataset that is not known."""
    from burstprop.reduced.train.plan import Plan
    from burstprop.reduced.train.settings import setting

    chosen = setting(job.rule, job.dataset)
    if job.epochs:
        chosen = dataclasses.replace(chosen, epochs=job.epochs)
    return Plan(job.rule, chosen, seed=job.seed)


def finished(job: Job) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """Return result and epochs of a run that is finished as it is planned now; None of any other."""
    from burstprop.reduced.train.checkpoint import load_checkpoint
    from burstprop.reduced.train.plan import differences

    if job.folder is None or not (Path(job.folder) / "result.json").is_file():
        return None
    content = load_checkpoint(Path(job.folder))
    if differences(content["plan"], planned(job).to_dict()):
        return None
    result = json.loads((Path(job.folder) / "result.json").read_text(encoding="utf-8"))
    return _row(job, result, content["history"]), content["history"]


def carry_out(job: Job) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Carry out one run, or read what it left when it is finished; return its result and its epochs.

    A run that diverges has the test error NaN and says why.
    """
    import torch

    from burstprop.reduced.data import open_dataset
    from burstprop.reduced.data.dataset import ReadOptions
    from burstprop.reduced.train.trainer import code_of_training
    from burstprop.reduced.train.training import Options, train

    done = finished(job)
    if done is not None:
        return done
    plan = planned(job)
    threads = torch.get_num_threads()
    torch.set_num_threads(job.threads)
    try:
        dataset = open_dataset(job.dataset, job.data, ReadOptions(progress=job.progress))
        history: list[dict[str, Any]] = []
        try:
            options = Options(progress=job.progress, command="burstprop reproduce reduced")
            result = train(plan, dataset, job.folder, resume=True, options=options, history=history)
        except Diverged as error:
            nothing = {**dict.fromkeys(_KEPT, math.nan), "epochs": plan.setting.epochs}
            result = {**nothing, "code": code_of_training(plan)["code"], "trouble": str(error)}
    finally:
        torch.set_num_threads(threads)
    return _row(job, result, history), history


def _row(job: Job, result: dict[str, Any], history: list[dict[str, Any]]) -> dict[str, Any]:
    trouble = result.get("trouble") or next((line["warnings"] for line in history if "warnings" in line), "")
    head = {"rule": job.rule, "dataset": job.dataset, "seed": job.seed}
    tail = {"code": result.get("code", "unknown"), "trouble": trouble}
    return {**head, **{name: result[name] for name in _KEPT}, **tail}


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """Return mean, sd, least and largest test error of every rule and dataset over the seeds, percent.

    ``same_as`` names the first rule whose errors on training, validation and test images are the same with
    every seed: such a row is no evidence of its own.
    """
    groups = results.groupby(["dataset", "rule"], sort=False)
    frame = groups["test_error_percent"].agg(["count", "mean", "std", "min", "max"]).reset_index()
    frame.columns = pd.Index(["dataset", "rule", "seeds", "test_error_percent", "sd", "least", "largest"])
    validation = groups[["validation_error_percent", "epochs", "seconds"]].mean().reset_index()
    same = {
        (dataset, rule): name
        for dataset, own in results.groupby("dataset", sort=False)
        for rule, name in _same_rows(own).items()
    }
    twins = [same.get(pair, "") for pair in zip(frame["dataset"], frame["rule"], strict=True)]
    return frame.merge(validation, on=["dataset", "rule"]).assign(same_as=twins)


def _same_rows(results: pd.DataFrame) -> dict[str, str]:
    """Return, by rule, the first rule that has the same errors with every seed."""
    columns = ["train_error_percent", "validation_error_percent", "test_error_percent"]
    first: dict[bytes, str] = {}
    found = {}
    for rule, own in results.groupby("rule", sort=False):
        errors = own.sort_values("seed")[["seed", *columns]].to_numpy(float).tobytes()
        if first.setdefault(errors, str(rule)) != rule:
            found[str(rule)] = first[errors]
    return found


def figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Draw test errors of all rules and validation errors over training, one column for each dataset."""
    from .figure import draw

    return draw(frames)


EXPERIMENT = Experiment(
    "reduced", Params(), run=run, check=check, figure=figure, resolved=resolved, realizations=SEEDS
)
