"""What limits spiking digits that have learned: errors on images that were learned and on others, by readout.

    python benchmarks/digits_limits.py --out benchmarks/results/digits-spiking      some minutes, one core

`burstprop.circuits.digits` learns the training images but for one fold (seed 11, realization 1: fold 0).
Plasticity is off from then on. All that it learned, and those held back, are shown for 1.2 s each. Test
images stay untouched. Three readouts of the same events answer:

circuit   the class with most output events, as everywhere;
weights   the hidden events through the output's weights, averaged over a class: linear, and without the
          output's own noise;
perfect   logistic regression on the hidden events of the images that were learned.

A readout that errs on learned images is limited by noise, or by how it answers; one that errs only on the
others has learned the images by heart.

Writes limits_digits.csv (one row a readout, kind of images and reading time) and limits_digits.json, how it
was made.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from digits_reading import READINGS_MS, SEED, counts, error, fitted

from burstprop.circuits.digits.params import CLASSES, Params
from burstprop.circuits.digits.protocol import Realization
from burstprop.report.report import provenance
from burstprop.runs.run_code import code_of_run
from burstprop.system.files import plain, write_json, write_text

REALIZATION = 1


def measure() -> pd.DataFrame:
    """Learn, show, and return the errors: ``images, readout, reading_ms, error_percent``."""
    run = Realization(Params(split="validation"), SEED, REALIZATION)
    while run.done < run.examples:
        run.next()
    weights = run.simulation.weights(run.forward[-1]).astype(np.float64)
    of_class = weights.reshape(run.params.hidden, CLASSES, -1).mean(axis=2)
    kinds = {"learned": run.learned, "held back": run.tested}
    seen = {
        kind: counts(run.simulation, run.params, images, ("hidden", "output"), run.params.skip_ms)
        for kind, images in kinds.items()
    }
    rows = []
    for k, reading_ms in enumerate(READINGS_MS):
        layer, mean, spread = fitted(seen["learned"]["hidden"][k], run.learned.labels)
        for kind, images in kinds.items():
            hidden, output = seen[kind]["hidden"][k], seen[kind]["output"][k]
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
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    table = measure()
    print(table.pivot(index=["images", "readout"], columns="reading_ms", values="error_percent").to_string())
    args.out.mkdir(parents=True, exist_ok=True)
    write_text(args.out / "limits_digits.csv", table.to_csv(index=False))
    made = code_of_run(measure, {"params": Params()}) | provenance(
        command=f"python benchmarks/digits_limits.py --out {args.out}",
        seed=SEED,
        parameters={"readings_ms": READINGS_MS, "realization": REALIZATION, "split": "validation"},
    )
    write_json(args.out / "limits_digits.json", plain(made))


if __name__ == "__main__":
    main()
