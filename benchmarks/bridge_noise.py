"""How sure one teaching phase is: its weight change against neurons per population and teaching time.

    python benchmarks/bridge_noise.py --out benchmarks/results/bridge

takes XOR circuits before learning, 100 sources per projection whatever their size, and measures the change of
each teaching phase as ``burstprop reproduce bridge`` does: noise of one phase over the mean change, and the
mean change against minus the gradient and against rate units. One row a layer goes into noise.csv, how it was
made into noise.json. About 6 minutes of processor time; what is done is kept in RUNS, and the command goes on
from there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from burstprop.circuits.bridge.alignment import changes, cosines, predictions, settled
from burstprop.circuits.xor.circuit import Params
from burstprop.circuits.xor.rates import RateRealization, curves
from burstprop.parameters import quantity, validate
from burstprop.report.report import provenance
from burstprop.runs.sweep import run_many, work_counted
from burstprop.system.files import write_json, write_text

RUNS = Path("results/bridge_noise")
SEED = 1


@dataclass(frozen=True)
class Size:
    """One circuit of the table."""

    neurons: int = quantity(500, "1", "of every population", low=100)
    teaching_ms: float = quantity(800.0, "ms", "of an example of 8 s", low=50.0, high=7000.0)
    repetitions: int = quantity(6, "1", "teaching phases of each pattern", low=2)

    def __post_init__(self) -> None:
        """Check the numbers."""
        validate(self)


SIZES = [Size(neurons=n) for n in (250, 500, 1000)] + [
    Size(teaching_ms=t) for t in (200.0, 400.0, 1600.0, 3200.0)
]


def one(
    params: Size, seed: int, realization: int, progress: Callable[[float], None], folder: Path | None
) -> dict[str, pd.DataFrame]:
    """Measure one circuit."""
    del folder
    published = Params()
    share = params.teaching_ms / published.example_ms
    circuit = replace(published, n=params.neurons, teaching_share=share)
    learned = RateRealization(circuit, seed, realization, curves(circuit))
    learned.settle()
    stage = settled(learned, circuit, 0)
    measured = changes(stage, circuit, repetitions=params.repetitions, seed=seed, progress=progress)
    found = cosines(measured, predictions(stage, circuit))
    rows = []
    for layer, own in found.groupby("layer", sort=False):
        by = own.set_index("against")
        rows.append(
            {
                "neurons": params.neurons,
                "teaching_ms": params.teaching_ms,
                "layer": layer,
                "noise_over_signal": by.loc["trial", "size"],
                "cosine_gradient": by.loc["minus_gradient", "cosine"],
                "cosine_rate_units": by.loc["rate", "cosine"],
                "size_over_rate_units": by.loc["rate", "size"],
            }
        )
    progress(1.0)
    return {"noise": pd.DataFrame(rows)}


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=Path, default=RUNS, help=f"folder of the parts ({RUNS})")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    tasks = [{"params": size, "seed": SEED, "realization": 1} for size in SIZES]
    names = [f"{size.neurons} neurons, {size.teaching_ms:g} ms" for size in SIZES]
    with work_counted() as work:
        found = run_many(one, tasks, jobs=1, out=args.runs, names=names)
    table = pd.concat([frames["noise"] for frames in found], ignore_index=True).drop(
        columns="realization", errors="ignore"
    )
    args.out.mkdir(parents=True, exist_ok=True)
    write_text(args.out / "noise.csv", table.to_csv(index=False, float_format="%.4g"))
    known = provenance(
        command=f"python benchmarks/bridge_noise.py --out {args.out}",
        seed=SEED,
        parameters={"circuits": [asdict(size) for size in SIZES]},
        parts=work,
    )
    write_json(args.out / "noise.json", known)


if __name__ == "__main__":
    main()
