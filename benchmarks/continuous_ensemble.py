"""The published time-continuous ensemble model (784-200-10) on MNIST, with its published numbers.

    python benchmarks/continuous_ensemble.py --data DIR --out benchmarks/results/bridge --images 20000

shows so many training images once, one after the other as published (there: 25 times 60,000), and writes the
error on the 10,000 test images along the way into continuous.csv, with how it was made in continuous.json.
About 3 ms an image on one core.
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

CHECKED = 1000, 2000, 5000
"""Images after which the error is measured, and from the last of them on as often."""
SEED = 1


def learn(images: np.ndarray, labels: np.ndarray, tests: np.ndarray, answers: np.ndarray) -> pd.DataFrame:
    """Return ``images, test_error_percent, mean_event_rate, processor_s`` along the way.

    ``images`` and ``tests`` have the shape (images, pixels), values 0 to 1.
    """
    params = Continuous()
    network = Network(images.shape[1], 10, params, SEED)
    targets, rows, began = np.eye(10), [], time.process_time()
    for k, (image, label) in enumerate(zip(images, labels, strict=True), start=1):
        network.show(image, targets[label])
        if k in CHECKED or k % CHECKED[-1] == 0 or k == len(images):
            error = 100.0 * float(np.mean(network.answer(tests) != answers))
            rate = float(network.average[0][0].mean())
            rows.append((k, error, rate, time.process_time() - began))
            print(f"{k} images: test error {error:.2f} %, mean event rate {rate:.2f}", flush=True)
    return pd.DataFrame(rows, columns=["images", "test_error_percent", "mean_event_rate", "processor_s"])


def main() -> None:
    """Learn and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("BURSTPROP_DATA"), help="folder above MNIST")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=20_000, help="training images, each shown once (20000)")
    args = parser.parse_args()
    dataset = open_dataset("mnist", args.data)
    order = np.random.default_rng(SEED).permutation(len(dataset.train))[: args.images]
    train, test = dataset.train.select(order), dataset.test
    assert isinstance(train, ImagesInMemory)
    assert isinstance(test, ImagesInMemory)
    pixels = [part.images.numpy().reshape(len(part), -1) / 255.0 for part in (train, test)]
    table = learn(pixels[0], train.labels.numpy(), pixels[1], test.labels.numpy())
    args.out.mkdir(parents=True, exist_ok=True)
    write_text(args.out / "continuous.csv", table.to_csv(index=False, float_format="%.6g"))
    made = code_of_run(learn, {"params": Continuous()}) | provenance(
        command=f"python benchmarks/continuous_ensemble.py --out {args.out} --images {args.images}",
        seed=SEED,
        parameters=dataclasses.asdict(Continuous()),
        images=args.images,
    )
    write_json(args.out / "continuous.json", made)


if __name__ == "__main__":
    main()
