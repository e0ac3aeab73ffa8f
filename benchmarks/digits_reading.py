"""What the events of spiking digits carry: errors of a perfect linear readout against reading time and rate.

    python benchmarks/digits_reading.py --out benchmarks/results/digits-spiking      some minutes, one core
    python benchmarks/digits_reading.py --dataset mnist --out benchmarks/results/digits-spiking
    python benchmarks/digits_reading.py --dataset whole_mnist --out benchmarks/results/digits-spiking

``mnist`` has 14 x 14 pixels, ``whole_mnist`` 28 x 28 and 300 hidden neurons. They find their images
through the environment variable BURSTPROP_DATA.

Images are shown to the circuit of `burstprop.circuits.digits` with an untrained hidden layer and no output.
Event counts of the input neurons, and of the hidden neurons, are read by logistic regression in double
precision, without noise and without bounds. No readout by neurons can be expected to do better, whatever it
learns by. Its weight decay is chosen on a part of the images that are learned. Tested are images held back
from the training images (`burstprop.circuits.digits.images`, fold 0 and on); test images stay untouched.

Writes reading_DATASET.csv (one row for each input code, population, reading time and fold) and
reading_DATASET.json, how it was made.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from burstprop.circuit import Circuit
from burstprop.circuit.connectivity import Matrix
from burstprop.circuits.digits.circuit import build, image_current, plastic, start_weights
from burstprop.circuits.digits.experiment import MNIST, WHOLE_MNIST
from burstprop.circuits.digits.images import Images, learned_and_tested
from burstprop.circuits.digits.params import Params
from burstprop.recording import Record
from burstprop.report.report import provenance
from burstprop.runs.run_code import code_of_run
from burstprop.simulation import Simulation
from burstprop.system.files import plain, write_json, write_text

SKIP_MS = 100.0
READINGS_MS = (200.0, 600.0, 1200.0)
DECAYS = (1e-3, 1e-2, 1e-1)
SEED = 11


@dataclass(frozen=True)
class Code:
    """How pixels become events: neurons of a pixel, and the current of a white one (pA)."""

    per_pixel: int
    image_high_pa: float

    def params(self, base: Params) -> Params:
        """Return the circuit's parameters with this code; the mean drive of the hidden layer stays."""
        scale = base.per_pixel / self.per_pixel
        return replace(
            base,
            per_pixel=self.per_pixel,
            image_high_pa=self.image_high_pa,
            w_hidden=base.w_hidden * scale,
            inhibition=base.inhibition * scale,
            w_max=base.w_max * scale,
        )


@dataclass(frozen=True)
class Sample:
    """What is shown: a circuit, ways of coding, images to learn and to test on (0: all), folds."""

    circuit: Params
    codes: tuple[Code, ...]
    learned: int = 0
    tested: int = 0
    folds: int = 3


SAMPLES = {
    "digits": Sample(Params(), (Code(1, 800.0), Code(4, 800.0), Code(4, 2000.0))),
    "mnist": Sample(MNIST, (Code(1, 2000.0), Code(2, 2000.0)), 2500, 500, 1),
    "whole_mnist": Sample(WHOLE_MNIST, (Code(1, 2000.0),), 10_000, 2500, 1),
}


def without_output(params: Params, realization: int) -> Circuit:
    """Return the circuit's input and hidden layer, with the weights that learning starts from."""
    whole = build(params, seed=SEED, realization=realization)
    weights = start_weights(params, SEED, realization)[plastic(params)[0]]
    lower = replace(whole.projections[0], rule=None, weight=1.0, connectivity=Matrix(weights))
    return replace(
        whole,
        populations=whole.populations[:2],
        projections=(lower,),
        backgrounds=tuple(b for b in whole.backgrounds if b.population != "output"),
        currents=tuple(c for c in whole.currents if c.population != "output"),
    )


def counts(
    simulation: Simulation, params: Params, images: Images, populations: tuple[str, ...], skip_ms: float
) -> dict[str, NDArray[np.float64]]:
    """Show every image; return the events from ``skip_ms`` to each reading, (readings, images, neurons)."""
    found: dict[str, list[list[NDArray[np.int64]]]] = {name: [] for name in populations}
    for grey in images.grey:
        simulation.set_current("input", "soma", image_current(params, grey))
        simulation.advance(skip_ms)
        begin = {name: simulation.counts(name, "events") for name in found}
        shown_ms = skip_ms
        for rows in found.values():
            rows.append([])
        for reading_ms in READINGS_MS:
            simulation.advance(reading_ms - shown_ms)
            shown_ms = reading_ms
            for name, rows in found.items():
                rows[-1].append(simulation.counts(name, "events") - begin[name])
    return {name: np.array(rows, np.float64).swapaxes(0, 1) for name, rows in found.items()}


def readout(learned: NDArray[np.float64], labels: NDArray[np.int64], decay: float) -> torch.nn.Linear:
    """Return logistic regression on counts, shape (images, neurons), with a quadratic penalty."""
    layer = torch.nn.Linear(learned.shape[1], 10, dtype=torch.float64)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    x, y = torch.from_numpy(learned), torch.from_numpy(labels)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=100)

    def cost() -> torch.Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(layer(x), y) + decay * layer.weight.square().sum()
        value.backward()
        return value

    optimizer.step(cost)
    return layer


def error(layer: torch.nn.Linear, counts_: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the share of wrong answers in percent."""
    with torch.no_grad():
        return 100.0 * float((layer(torch.from_numpy(counts_)).argmax(dim=1).numpy() != labels).mean())


def fitted(
    learned: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[torch.nn.Linear, NDArray[np.float64], float]:
    """Return the readout with the decay that does best on a fifth of the learned images.

    It reads counts less a mean over a spread, which are returned beside it.
    """
    mean, spread = learned.mean(axis=0), float(learned.std()) + 1e-9
    x = (learned - mean) / spread
    fifth = np.arange(len(x)) % 5 == 0
    tried = {d: error(readout(x[~fifth], labels[~fifth], d), x[fifth], labels[fifth]) for d in DECAYS}
    return readout(x, labels, min(DECAYS, key=tried.__getitem__)), mean, spread


def best_error(
    learned: NDArray[np.float64],
    labels: NDArray[np.int64],
    tested: NDArray[np.float64],
    tested_labels: NDArray[np.int64],
) -> float:
    """Return the test error (percent) of the readout that `fitted` finds."""
    layer, mean, spread = fitted(learned, labels)
    return error(layer, (tested - mean) / spread, tested_labels)


def measure(sample: Sample, code: Code, fold: int) -> pd.DataFrame:
    """Return errors and rates of one input code and fold, one row a population and reading time."""
    params = code.params(replace(sample.circuit, split="validation"))
    parts = learned_and_tested(params.dataset, params.split, params.side, fold)
    learned, tested = parts[0].first(sample.learned), parts[1].first(sample.tested)
    simulation = Simulation(
        without_output(params, fold + 1),
        seed=SEED,
        realization=fold + 1,
        record=Record(spikes=False, rates_bin_ms=None),
    )
    simulation.advance(1000.0)
    seen, asked = (
        counts(simulation, params, images, ("input", "hidden"), SKIP_MS) for images in (learned, tested)
    )
    grey = best_error(
        learned.grey.astype(np.float64), learned.labels, tested.grey.astype(np.float64), tested.labels
    )
    rows = [
        [
            code.per_pixel,
            code.image_high_pa,
            name,
            reading_ms,
            fold,
            1000.0 * seen[name][k].mean() / (reading_ms - SKIP_MS),
            best_error(seen[name][k], learned.labels, asked[name][k], tested.labels),
            grey,
        ]
        for name in seen
        for k, reading_ms in enumerate(READINGS_MS)
    ]
    columns = ["per_pixel", "image_high_pa", "population", "reading_ms", "fold", "event_rate_hz"]
    return pd.DataFrame(rows, columns=[*columns, "error_percent", "error_of_grey_percent"])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dataset", choices=tuple(SAMPLES), default="digits")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    sample = SAMPLES[args.dataset]
    table = pd.concat(
        [measure(sample, code, fold) for code in sample.codes for fold in range(sample.folds)]
    ).round(3)
    keys = ["per_pixel", "image_high_pa", "population", "reading_ms"]
    print(table.groupby(keys)[["event_rate_hz", "error_percent"]].mean().round(1).to_string())
    args.out.mkdir(parents=True, exist_ok=True)
    write_text(args.out / f"reading_{args.dataset}.csv", table.to_csv(index=False))
    made = code_of_run(measure, {"params": sample.circuit}) | provenance(
        command=f"python benchmarks/digits_reading.py --dataset {args.dataset} --out {args.out}",
        seed=SEED,
        parameters={
            "readings_ms": READINGS_MS,
            "skip_ms": SKIP_MS,
            "decays": DECAYS,
            "sample": asdict(sample),
        },
    )
    write_json(args.out / f"reading_{args.dataset}.json", plain(made))


if __name__ == "__main__":
    main()
