"""Train a deep network of the reduced model with a learning rule, test it, and keep it.

A rule is a name or a class of your own, path.py:ClassName. Every rule has one default setting for each
dataset (network, learning rate, schedule ...), chosen on validation images; --setting published takes the
published one, and a residual network (--network resnet-small, resnet18 ...) comes with one for such. A part
of the training images is always kept for validation. The folder of the run (--out) holds run.json,
log.jsonl (one JSON object for each epoch and layer), checkpoint.pt, result.json and, where matplotlib is
installed, training.png: the learning curve and, for each layer over the epochs, the angles of feedback to
forward weights and of the update to backpropagation's, burst probabilities and their saturation, the
feedback's linearity and dead units. Ctrl-C saves the state and stops; --resume goes on, to the same bits as
without the stop, also after the process was killed.

examples:
  burstprop train                                              burstprop on the digits, in seconds
  burstprop train --rule feedback_alignment --seed 3 --out run3
  burstprop train --rule burstprop --dataset mnist --data ~/data/mnist --epochs 20 --out mnist
  burstprop train --rule burstprop --dataset mnist --data ~/data/mnist --epochs 20 --out mnist --resume
  burstprop train --rule burstprop --dataset cifar10 --data ~/data/cifar10 --network resnet-small --out resnet
  burstprop train --setting published                          watch it lose whole classes
  burstprop train --rule my_rule.py:BlendedFeedback --set lr=0.05 --set-rule blend=0.8
  burstprop train --dataset imagenet --data ~/data/imagenet --workers 8 --on-broken-image skip --out imagenet
  torchrun --nproc-per-node 4 -m burstprop train --dataset cifar10 --data ~/data/cifar10 --out cifar

exit codes: 0 done, 2 bad use, missing data or a run that diverged, 130 stopped by Ctrl-C (its state is
saved).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burstprop.cli.arguments import add_seed, check_threads, folder, require, whole
from burstprop.errors import BurstpropError

if TYPE_CHECKING:
    from burstprop.reduced.train.plan import Plan

logger = logging.getLogger("burstprop")
WORKERS_A_CORE = 16
"""Decoding processes at most: some wait for the disk."""
RULES = (
    "backprop, burstprop (learned feedback), burstprop_fixed, burstprop_symmetric, burstccn and its "
    "variants, "
    "feedback_alignment and more; an unknown name lists them all"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to train, how, and into which folder."""
    parser.usage = "burstprop train [options]"
    what = parser.add_argument_group("what is trained")
    what.add_argument("--rule", default="burstprop", metavar="RULE", help=f"{RULES} (burstprop)")
    what.add_argument(
        "--dataset",
        default="digits",
        metavar="NAME",
        help="digits (shipped), mnist, cifar10, tiny-imagenet or imagenet (digits)",
    )
    what.add_argument("--data", metavar="DIR", help="folder of the data, or one above it; digits need none")
    what.add_argument(
        "--setting", metavar="NAME",
        help="default, published, residual, quick, retina (that made for a residual --network, else default)",
    )  # fmt: skip
    what.add_argument(
        "--network", metavar="NAME", help="another network than the setting's: resnet-quick, resnet-small ..."
    )
    what.add_argument(
        "--epochs", type=whole(1), metavar="N", help="passes through the images (the setting's)"
    )
    add_seed(what)  # type: ignore[arg-type]
    what.add_argument(
        "--set", dest="settings", metavar="NAME=VALUE", nargs="+", action="extend", default=[],
        help="change the setting: lr, momentum, weight_decay, batch_size, schedule, warmup_epochs, "
        "label_smoothing, optimizer (sgd or adamw), clip_norm, average (of the weights that is tested) ...",
    )  # fmt: skip
    what.add_argument(
        "--set-rule", dest="rule_settings", metavar="NAME=VALUE", nargs="+", action="extend", default=[],
        help="change the rule's settings, for example hidden_lr=2 or p0=0.3",
    )  # fmt: skip
    images = parser.add_argument_group("images")
    images.add_argument(
        "--validation-fraction", type=float, metavar="F",
        help="part of the training images of every class kept for validation (mnist: 1/12)",
    )  # fmt: skip
    images.add_argument(
        "--image-size", type=whole(8), metavar="PIXELS", help="side of (Tiny) ImageNet's images"
    )
    images.add_argument("--no-augmentation", action="store_true", help="train on the images as they are")
    add_loading(images)
    run_ = parser.add_argument_group("the run")
    run_.add_argument(
        "--out", type=folder, metavar="DIR", help="folder of the run (nothing is kept without it)"
    )
    run_.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint in --out, if there is one"
    )
    run_.add_argument(
        "--checkpoint-minutes", type=float, default=1.0, metavar="MIN", help="between two checkpoints (1)"
    )
    run_.add_argument("--tensorboard", action="store_true", help="write the log for TensorBoard too")
    run_.add_argument("--no-layers", action="store_true", help="log no diagnostics of the layers")
    run_.add_argument("--precision", default="float32", help="float32 or bfloat16, mixed (float32)")
    run_.add_argument(
        "--channels-last", action="store_true", help="keep the channels of a pixel side by side in memory"
    )
    add_machine(run_)
    run_.add_argument("--backend", default="auto", help="of several processes: gloo or nccl (auto)")
    run_.add_argument("--json", action="store_true", help="print one JSON object at the end and nothing else")
    run_.add_argument("--quiet", action="store_true", help="no progress display")


def add_loading(parser: Any) -> None:
    """Add the options of reading images, which `burstprop eval` has too."""
    parser.add_argument(
        "--workers", type=whole(0), metavar="N", help="processes that decode images (one per core)"
    )
    parser.add_argument(
        "--on-broken-image", default="stop", metavar="WHAT",
        help="an image that cannot be decoded: stop, or skip it, name and count it (stop)",
    )  # fmt: skip


def add_machine(parser: Any) -> None:
    """Add the options of the machine, which `burstprop eval` has too."""
    parser.add_argument(
        "--device", default="auto", metavar="D", help="cpu, cuda, cuda:N (auto: a GPU if any)"
    )
    parser.add_argument("--threads", type=whole(1), metavar="N", help="threads of PyTorch on the CPU")


def run(args: argparse.Namespace) -> int:
    """Train, and print the result."""
    require("torch", "training")
    import torch

    from burstprop.reduced.data import open_dataset
    from burstprop.reduced.data.dataset import ReadOptions
    from burstprop.reduced.train.distributed import join, leave
    from burstprop.reduced.train.training import Options, Stopped, train

    if args.resume and not args.out:
        raise BurstpropError("--resume needs the folder of the run: give --out DIR")
    if args.resume and not (Path(args.out) / "checkpoint.pt").exists():
        print(
            f"burstprop: {args.out!r} has no checkpoint: the run starts from the beginning", file=sys.stderr
        )
    if args.tensorboard and not args.out:
        raise BurstpropError("--tensorboard needs the folder of the run, for its log: give --out DIR")
    if not args.checkpoint_minutes > 0:
        raise BurstpropError(f"--checkpoint-minutes {args.checkpoint_minutes:g}: must be above 0 min")
    check_threads(args.threads)
    if args.threads:
        torch.set_num_threads(args.threads)
    plan = make_plan(args)
    check_data(plan.dataset, args.data)
    workers = default_workers(args.workers, plan.dataset)
    progress = False if args.quiet else None
    fraction, size = plan.validation_fraction, plan.image_size
    with join(args.device, args.backend) as group:
        reading = ReadOptions(
            fraction, max(1, workers), args.on_broken_image, progress if group.is_main else False, size
        )
        dataset = open_dataset(plan.dataset, args.data, reading)
        options = Options(
            workers=workers,
            on_broken=args.on_broken_image,
            checkpoint_seconds=60 * args.checkpoint_minutes,
            tensorboard=args.tensorboard,
            progress=progress,
            layers=not args.no_layers,
            command=shlex.join(["burstprop", *sys.argv[1:]]),
        )
        try:
            result = train(plan, dataset, args.out, resume=args.resume, options=options, group=group)
        except Stopped as stop:
            again = (
                f"; go on with --resume --out {shlex.quote(args.out)}" if args.out else ", nothing is kept"
            )
            raise KeyboardInterrupt(f"{stop}{again}") from None
        if group.is_main:
            if args.out:
                draw(Path(args.out))
            print(json.dumps(result) if args.json else report(result))
    leave(group)
    return 0


def make_plan(args: argparse.Namespace) -> Plan:
    """Return the plan that the options describe.

    Raises
    ------
    BurstpropError
        For an unknown rule, dataset, setting or network, or a value out of bounds.
    """
    from burstprop.parameters import parse
    from burstprop.reduced.networks import network_spec
    from burstprop.reduced.train.plan import Plan
    from burstprop.reduced.train.settings import setting, usual_name

    chosen = setting(args.rule, args.dataset, args.setting or usual_name(args.network, args.dataset))
    chosen = parse(chosen, args.settings)
    changes: dict[str, Any] = {"rule": parse(chosen.rule, args.rule_settings)}
    if args.network:
        changes["network"] = network_spec(args.network)
    if args.epochs:
        changes["epochs"] = args.epochs
    return Plan(
        rule=args.rule,
        setting=dataclasses.replace(chosen, **changes),
        seed=args.seed,
        validation_fraction=args.validation_fraction,
        augment=not args.no_augmentation,
        image_size=args.image_size,
        precision=args.precision,
        channels_last=args.channels_last,
    )


def check_data(dataset: str, data: str | None) -> None:
    """Raise BurstpropError for a folder (``--data``) that would not be looked at."""
    if dataset == "digits" and data is not None:
        raise BurstpropError(
            f"--data {data}: the digits are shipped with burstprop and are read from nowhere else; leave out "
            "--data, or name the dataset that is there (--dataset NAME)"
        )


def default_workers(given: int | None, dataset: str) -> int:
    """Return the number of decoding processes: as given, or one for each core where images are files.

    Raises
    ------
    BurstpropError
        So many that they would only wait for one another.
    """
    from burstprop.system.machine import check_cores, cores

    if given is not None:
        check_cores(f"--workers {given}", given, WORKERS_A_CORE)
        return given
    if dataset in ("digits", "mnist"):
        return 0
    return cores()


def draw(folder: Path) -> None:
    """Draw a run into its folder; a figure that fails is a warning, and the run still counts."""
    from burstprop.reduced import layers_figure
    from burstprop.reduced.train.journal import read_log
    from burstprop.reduced.train.training_figure import FIGURE_FILE
    from burstprop.system.files import writing

    try:
        require("matplotlib", "a figure")
        with writing(folder / FIGURE_FILE) as temporary:
            layers_figure(read_log(folder, "layer"), read_log(folder)).savefig(temporary, dpi=160)
    except BurstpropError as error:
        logger.warning("no %s: %s", FIGURE_FILE, error)
    except Exception as error:  # whatever is wrong with the picture, days of training are not
        logger.warning("no %s: it could not be drawn (%s: %s)", FIGURE_FILE, type(error).__name__, error)


def report(result: dict[str, Any]) -> str:
    """Return the result for a reader."""
    lines = [
        f"{result['rule']} on {result['dataset']}, {result['epochs']} epochs, seed {result['seed']}",
        f"  test error        {result['test_error_percent']:6.2f} %",
        f"  validation error  {result['validation_error_percent']:6.2f} %",
        f"  training error    {result['train_error_percent']:6.2f} %  (last epoch, augmented where the "
        "dataset is)",
        f"  trained for       {result['seconds']:.1f} s",
    ]
    if result["broken_images"]:
        lines.append(f"  left out          {result['broken_images']} broken images (named in log.jsonl)")
    if result["checkpoint"]:
        folder = Path(result["checkpoint"]).parent
        files = ", ".join(sorted(path.name for path in folder.iterdir()))
        lines.append(f"  written to        {folder}: {files}")
    return "\n".join(lines)
