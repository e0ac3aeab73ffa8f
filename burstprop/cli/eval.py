"""Test a trained network on a split of its dataset: error, loss, and which class is taken for which.

examples:
  burstprop eval run3                                    test images, error of every class
  burstprop eval mnist --data ~/data/mnist --json
  burstprop eval mnist --data ~/data/mnist --split validation
  torchrun --nproc-per-node 4 -m burstprop eval imagenet --data ~/data/imagenet
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from burstprop.cli.arguments import check_threads, require
from burstprop.cli.train import add_loading, add_machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the run to test and the data to test it on."""
    parser.usage = "burstprop eval RUN [options]"
    parser.add_argument(
        "run_folder", metavar="RUN", help="folder of a run (--out of 'burstprop train'), or its checkpoint"
    )
    parser.add_argument("--data", metavar="DIR", help="folder of the data, or one above it; digits need none")
    parser.add_argument(
        "--rule", metavar="RULE",
        help="path.py:ClassName of the rule, for a run with a rule of your own that you did not train here",
    )  # fmt: skip
    parser.add_argument("--split", default="test", help="test, validation or train (test)")
    add_loading(parser)
    add_machine(parser)
    parser.add_argument("--backend", default="auto", help="of several processes: gloo or nccl (auto)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--quiet", action="store_true", help="no progress display")


def run(args: argparse.Namespace) -> int:
    """Evaluate, and print the result."""
    require("torch", "testing a network")
    import torch

    from burstprop.cli.train import check_data, default_workers
    from burstprop.reduced.train.distributed import join
    from burstprop.reduced.train.evaluation import evaluate_checkpoint, read_trained

    check_threads(args.threads)
    if args.threads:
        torch.set_num_threads(args.threads)
    path = Path(args.run_folder)
    name = read_trained(path, args.rule)[1].dataset
    check_data(name, args.data)
    with join(args.device, args.backend) as group:
        result, classes = evaluate_checkpoint(
            path,
            args.data,
            args.split,
            rule=args.rule,
            group=group,
            workers=default_workers(args.workers, name),
            on_broken=args.on_broken_image,
            progress=False if args.quiet or not group.is_main else None,
        )
        if not group.is_main:
            return 0
    if args.json:
        print(json.dumps(result))
        return 0
    print(
        f"{result['rule']} on {result['dataset']} after {result['epochs']} epochs: "
        f"{result['error_percent']:.2f} % "
        f"of {result['images']:,} {result['split']} images wrong, loss {result['loss']:.4g}"
    )
    if result["rule_edited"]:
        print("the rule's file was edited after the training: this is the rule as it is now")
    if result["broken_images"]:
        print(f"{result['broken_images']} broken images left out")
    print()
    print(classes.to_string(index=False, float_format=lambda value: f"{value:.2f}"))
    return 0
