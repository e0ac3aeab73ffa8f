"""How many images a second the data path gives, and what part of a training step that is.

For every dataset that is there (and photographs of 500 x 375 pixels that it makes itself) it prints images
a second of the data path alone, of the training step alone (on one batch, again and again), and the part of
the training time that waits for data: the path must not be what limits training.

    python benchmarks/reduced_data.py --data DIR --json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from burstprop.circuits.rules.experiment import found_below
from burstprop.errors import BurstpropError
from burstprop.reduced.data import ImageDataset, ImagesInMemory, Loader, open_dataset
from burstprop.reduced.train.plan import Plan
from burstprop.reduced.train.settings import setting
from burstprop.reduced.train.trainer import Trainer
from burstprop.report.report import provenance
from burstprop.runs.run_code import code_of_run


def photographs(folder: Path, count: int = 256) -> Path:
    """Make JPEG photographs of ImageNet's usual size in its layout."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for part, number in (("train", count), ("val", 8)):
        for label in range(4):
            place = folder / part / f"n{label:08d}"
            place.mkdir(parents=True)
            for k in range(number // 4):
                coarse = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
                image = Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC)
                image.save(place / f"{k}.JPEG", quality=90)
    return folder


def clock_of(dataset: ImageDataset) -> Callable[[], float]:
    """Return processor time, or the wall clock where worker processes decode."""
    return time.process_time if isinstance(dataset.train, ImagesInMemory) else time.perf_counter


def images_per_second(dataset: ImageDataset, batch_size: int, workers: int, seconds: float) -> float:
    """Return the images a second of the data path alone."""
    loader = Loader(dataset, "train", batch_size, seed=1, workers=workers)
    clock = clock_of(dataset)
    images, epoch, began = 0, 0, clock()
    while clock() - began < seconds:
        for batch in loader.epoch(epoch):
            images += len(batch.labels)
            if clock() - began > seconds:
                break
        epoch += 1
    return images / (clock() - began)


def trained_per_second(dataset: ImageDataset, rule: str, seconds: float) -> tuple[float, int]:
    """Return the images a second of the training step alone, on one batch, and the batch size."""
    trainer = Trainer(Plan(rule, setting(rule, dataset.name), seed=1), dataset)
    batch = next(iter(trainer.loader.epoch(0)))
    clock = clock_of(dataset)
    trainer._step(batch)
    steps, began = 0, clock()
    while clock() - began < seconds:
        trainer._step(batch)
        steps += 1
    return steps * len(batch.labels) / (clock() - began), trainer.loader.batch_size


def measure(dataset: ImageDataset, rule: str, workers: int, seconds: float) -> dict[str, float | str]:
    trained, batch_size = trained_per_second(dataset, rule, seconds)
    given = images_per_second(dataset, batch_size, workers, seconds)
    # decoding processes work beside the training step; images in memory are prepared between two steps
    beside = not isinstance(dataset.train, ImagesInMemory)
    waiting = max(0.0, 1 - given / trained) if beside else (1 / given) / (1 / given + 1 / trained)
    return {
        "dataset": dataset.name,
        "batch_size": batch_size,
        "workers": workers if beside else 0,
        "data_images_per_s": round(given),
        f"{rule}_images_per_s": round(trained),
        "waiting_percent": round(100 * waiting, 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="", metavar="DIR", help="folder above the data (BURSTPROP_DATA)")
    parser.add_argument(
        "--rule", default="backprop", help="rule of the training step (backprop, the fastest)"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that decode photographs (1)")
    parser.add_argument("--seconds", type=float, default=3.0, help="time of each measurement (3 s)")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch (1)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rows = [measure(open_dataset("digits"), args.rule, 0, args.seconds)]
    for name in found_below(args.data):
        rows.append(measure(open_dataset(name, args.data), args.rule, 0, args.seconds))
    with tempfile.TemporaryDirectory() as folder:
        dataset = open_dataset("imagenet", photographs(Path(folder)))
        rows.append(measure(dataset, args.rule, args.workers, args.seconds))
    if args.json:
        # what is stored names no folder of this machine
        words = ["DIR" if args.data and word == args.data else word for word in sys.argv[1:]]
        command = ["python", "benchmarks/reduced_data.py", *words]
        known = code_of_run(main, {})
        parameters = vars(args) | {"data": "DIR" if args.data else ""}
        known |= provenance(command=command, seed=1, parameters=parameters, datasets=rows)
        print(json.dumps(known, indent=2))
        return 0
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BurstpropError as error:
        print(f"reduced_data: {error}", file=sys.stderr)
        sys.exit(2)
