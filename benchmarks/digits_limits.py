"""What limits spiking digits that have learned: errors on images that were learned and on others, by readout.

    python benchmarks/digits_limits.py --out benchmarks/results/digits-spiking      some minutes, one core
    python benchmarks/digits_limits.py --variant whole_mnist --keep KEPT --out DIR

The second takes two hours and goes on from its checkpoint in KEPT. It finds its images through the variable
BURSTPROP_DATA of the environment.

A variant of `burstprop.circuits.digits` learns the training images but for one fold (seed 11, realization 1:
fold 0). Plasticity is off from then on. What it learned (at most 10,000 images), and all that was held back,
are shown for 1.2 s each. Test images stay untouched. Three readouts of the same events answer:

circuit   the class with most output events, as everywhere;
weights   the events of the last hidden layer through the output's weights, averaged over a class: linear, and
          without the output's own noise;
perfect   logistic regression on these events, for the images that were learned.

A readout that errs on learned images is limited by noise, or by how it answers; one that errs only on the
others has learned the images by heart.

Writes limits_VARIANT.csv (one row a readout, kind of images and reading time) and limits_VARIANT.json, how it
was made.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from digits_reading import READINGS_MS, SEED, counts, error, fitted

from burstprop.circuits.digits.experiment import VARIANTS
from burstprop.circuits.digits.params import CLASSES, Params
from burstprop.circuits.digits.protocol import Realization
from burstprop.report.report import provenance
from burstprop.runs.run import Run, identity
from burstprop.runs.run_code import code_of_run
from burstprop.system.files import plain, write_json, write_text
from burstprop.system.progress import Progress

REALIZATION = 1
LARGEST = 10_000
"""Images of those that were learned that are shown again."""


def learned(params: Params, folder: Path | None) -> Realization:
    """Return a realization that has learned; with a folder, it goes on from the checkpoint there."""
    run = Realization(params, SEED, REALIZATION)
    with Progress(run.examples, "learning", "examples") as progress:
        run.work(run.examples, lambda share: progress.update(share * run.examples), folder)
    return run


def measure(params: Params, folder: Path | None) -> pd.DataFrame:
    """Learn, show, and return the errors: ``images, readout, reading_ms, error_percent``.

    Raises
    ------
    BurstpropError
        ``folder``, where checkpoints are kept, holds another run.
    """
    if folder is None:
        return errors(learned(params, None))
    task = identity({"params": params, "seed": SEED, "realization": REALIZATION})
    start = time.monotonic()
    with Run(folder, task).working(code_of_run(measure, {"params": params}), again=True) as kept:
        table = errors(learned(params, folder))
        kept.finish((), time.monotonic() - start)
    return table


def errors(run: Realization) -> pd.DataFrame:
    """Show images to a circuit that has learned, and return the errors of its readouts."""
    params, last = run.params, run.params.hidden_layers[-1]
    weights = run.simulation.weights(run.forward[-1]).astype(np.float64)
    of_class = weights.reshape(params.hidden, CLASSES, -1).mean(axis=2)
    kinds = {"learned": run.learned.first(LARGEST), "held back": run.tested}
    seen = {
        kind: counts(run.simulation, params, images, (last, "output"), params.skip_ms)
        for kind, images in kinds.items()
    }
    rows = []
    for k, reading_ms in enumerate(READINGS_MS):
        layer, mean, spread = fitted(seen["learned"][last][k], kinds["learned"].labels)
        for kind, images in kinds.items():
            hidden, output = seen[kind][last][k], seen[kind]["output"][k]
            answers = {
                "circuit": output.reshape(len(images), CLASSES, -1).sum(axis=2).argmax(axis=1),
                "weights": (hidden @ of_class).argmax(axis=1),
            }
            wrong = {name: 100.0 * float((a != images.labels).mean()) for name, a in answers.items()}
            wrong["perfect"] = error(layer, (hidden - mean) / spread, images.labels)
            rows += [[kind, readout, reading_ms, percent] for readout, percent in wrong.items()]
    return pd.DataFrame(rows, columns=["images", "readout", "reading_ms", "error_percent"]).round(3)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--variant", choices=tuple(VARIANTS), default="learned", metavar="NAME", help="of digits-spiking"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="KEPT", help="folder of the checkpoint, from which it goes on"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    params = replace(VARIANTS[args.variant], split="validation")
    table = measure(params, args.keep)
    print(table.pivot(index=["images", "readout"], columns="reading_ms", values="error_percent").to_string())
    args.out.mkdir(parents=True, exist_ok=True)
    write_text(args.out / f"limits_{args.variant}.csv", table.to_csv(index=False))
    made = code_of_run(measure, {"params": params}) | provenance(
        command=f"python benchmarks/digits_limits.py --variant {args.variant} --out {args.out}",
        seed=SEED,
        parameters={"readings_ms": READINGS_MS, "realization": REALIZATION, "split": "validation"},
    )
    write_json(args.out / f"limits_{args.variant}.json", plain(made))


if __name__ == "__main__":
    main()
