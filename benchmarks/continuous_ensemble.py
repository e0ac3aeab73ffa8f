"""The published time-continuous ensemble model (784-200-10) on MNIST, with its published numbers.

    python benchmarks/continuous_ensemble.py --data DIR --out benchmarks/results/bridge --images 600000

shows so many training images, one after the other as published (there: 25 times 60,000, each pass in another
order), and writes the error on the 10,000 test images along the way into continuous.csv, with how it was made
in continuous.json. ``--slower 10`` learns ten times more slowly (tau_w), into continuous_slower_10.csv. About
half a millisecond an image on one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

from burstprop.circuits.bridge.continuous import Continuous, Network
from burstprop.reduced.data import open_dataset
from burstprop.reduced.data.dataset import ImagesInMemory
from burstprop.report.report import provenance
from burstprop.runs.run_code import code_of_run
from burstprop.system.files import write_json, write_text

CHECKED = 1000, 3000, 10_000, 30_000, 60_000
"""Images after which the error is measured, and from the last of them on as often."""
SEED = 1


def learn(
    images: np.ndarray,
    labels: np.ndarray,
    tests: np.ndarray,
    answers: np.ndarray,
    count: int,
    params: Continuous,
) -> pd.DataFrame:
    """Return ``images, test_error_percent, mean_event_rate, processor_s`` along the way.

    ``images`` and ``tests`` have the shape (images, pixels), values 0 to 255.
    """
    network = Network(images.shape[1], 10, params, SEED)
    targets, rows, began, shown = np.eye(10), [], time.process_time(), 0
    for one_pass in range(-(-count // len(images))):
        order = np.random.default_rng([SEED, one_pass]).permutation(len(images))
        for k in order[: count - shown]:
            network.show(images[k] / 255.0, targets[labels[k]])
            shown += 1
            if shown in CHECKED or shown % CHECKED[-1] == 0 or shown == count:
                error = 100.0 * float(np.mean(network.answer(tests / 255.0) != answers))
                rate = float(network.state.mean1.mean())
                rows.append((shown, error, rate, time.process_time() - began))
                print(f"{shown} images: test error {error:.2f} %, mean event rate {rate:.2f}", flush=True)
    return pd.DataFrame(rows, columns=["images", "test_error_percent", "mean_event_rate", "processor_s"])


def main() -> None:
    """Learn and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("BURSTPROP_DATA"), help="folder above MNIST")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=60_000, help="training images shown (60000)")
    parser.add_argument("--slower", type=float, default=1.0, help="learn so many times more slowly (1)")
    args = parser.parse_args()
    params = Continuous(tau_w=args.slower * Continuous().tau_w)
    name = "continuous" if args.slower == 1.0 else f"continuous_slower_{args.slower:g}"
    dataset = open_dataset("mnist", args.data)
    train, test = dataset.train, dataset.test
    assert isinstance(train, ImagesInMemory)
    assert isinstance(test, ImagesInMemory)
    pixels = [part.images.numpy().reshape(len(part), -1) for part in (train, test)]
    table = learn(pixels[0], train.labels.numpy(), pixels[1], test.labels.numpy(), args.images, params)
    args.out.mkdir(parents=True, exist_ok=True)
    write_text(args.out / f"{name}.csv", table.to_csv(index=False, float_format="%.6g"))
    slower = "" if args.slower == 1.0 else f" --slower {args.slower:g}"
    made = code_of_run(learn, {"params": params}) | provenance(
        command=f"python benchmarks/continuous_ensemble.py --out {args.out} --images {args.images}{slower}",
        seed=SEED,
        parameters=dataclasses.asdict(params),
        images=args.images,
    )
    write_json(args.out / f"{name}.json", made)


if __name__ == "__main__":
    main()
