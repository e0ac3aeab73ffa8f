"""What the dendrite costs a deep network, layer by layer, before anything is learned.

Residual networks of 4, 8, 16 and 32 layers of weights of one width, at their start weights, on images of
noise; feedback weights are the forward weights (symmetric): what is left is what dendrites do. One row
for each network, way of teaching and layer: angle of the update to backpropagation's and its size over that,
part of the dendrites that is saturated, linearity, and the events over which bursts must be counted for the
teacher to be heard (`burstprop.reduced.train.diagnostics`). Nothing is trained; it takes about a minute.

    python benchmarks/reduced_dendrites.py
    python benchmarks/reduced_dendrites.py --depths 4,8 --norm group --results DIR

RESULTS/depth_start.csv holds all layers, and what is printed is the layer furthest down and the mean.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import pandas as pd
import torch

from burstprop.errors import BurstpropError
from burstprop.parameters import text_table
from burstprop.reduced import build_network, rule_from_name
from burstprop.reduced.networks import residual_of_depth
from burstprop.reduced.train.diagnostics import diagnose
from burstprop.report.report import provenance
from burstprop.runs.run_code import code_of_run
from burstprop.system.files import writable_folder, write_json, writing

WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "as published": ("burstprop_symmetric", dict(amplified=False)),
    "amplified": ("burstprop_symmetric", {}),
    "amplified, 90 % inhibited": ("burstprop_symmetric", dict(inhibition=0.9)),
    "amplified, 99 % inhibited": ("burstprop_symmetric", dict(inhibition=0.99)),
    "BurstCCN": ("burstccn_tied", {}),
    "fixed random feedback (no dendrites)": ("feedback_alignment", {}),
}
"""Name -> rule and its settings."""
SHOWN = ("update_angle_deg", "update_size", "saturated_fraction", "linearity", "events_needed")
SEED = 1


def look(depth: int, way: str, norm: str, cells: str, images: int) -> pd.DataFrame:
    """Return what `diagnose` finds in every layer of a network at its start."""
    name, settings = WAYS[way]
    rule = rule_from_name(name, teacher="cross_entropy", **settings)
    network = build_network(residual_of_depth(depth, norm=norm, cells=cells), rule, seed=SEED)
    generator = torch.Generator().manual_seed(SEED)
    batch = torch.randn(images, *network.spec.input_shape, generator=generator)
    labels = torch.randint(0, network.spec.classes, (images,), generator=generator)
    frame = diagnose(network, batch, labels)
    frame.insert(0, "teaching", way)
    frame.insert(0, "depth", depth)
    return frame


def summary(frame: pd.DataFrame) -> str:
    """Return the lowest layer's angle and size, and the means over hidden layers, as a table."""
    rows = []
    for (depth, way), own in frame.groupby(["depth", "teaching"], sort=False):
        low, mean = own.iloc[0], own.iloc[:-1][list(SHOWN)].mean()
        rows.append(
            (
                str(depth),
                str(way),
                f"{low['update_angle_deg']:.0f}",
                f"{low['update_size']:.2g}",
                f"{mean['update_angle_deg']:.0f}",
                f"{100 * mean['saturated_fraction']:.1f}",
                f"{low['events_needed']:.2g}",
            )
        )
    head = ("depth", "teaching", "lowest (°)", "size", "mean (°)", "saturated (%)", "events, lowest")
    return text_table(rows, head)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--depths", default="4,8,16,32", help="numbers of layers, with commas between")
    parser.add_argument("--norm", default="batch", help="batch, group or divisive (batch)")
    parser.add_argument("--cells", default="after", help="after the sum of a block, or before it (after)")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--results", metavar="DIR", help="folder of depth_start.csv (nothing is kept)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    depths = [int(depth) for depth in args.depths.split(",")]
    frame = pd.concat(
        [look(depth, way, args.norm, args.cells, args.images) for depth in depths for way in WAYS]
    )
    if args.results:
        folder = writable_folder(args.results)
        with writing(folder / "depth_start.csv") as temporary:
            frame.round(5).to_csv(temporary, index=False)
        known = {name: value for name, value in vars(args).items() if name != "results"}
        options = [word for name, value in known.items() for word in (f"--{name}", str(value))]
        command = ["python", "benchmarks/reduced_dendrites.py", *options]
        made = code_of_run(main, {}) | provenance(command=command, seed=SEED, parameters=known)
        write_json(folder / "depth_start.json", made)
    print(summary(frame))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BurstpropError as error:
        print(f"reduced_dendrites: {error}", file=sys.stderr)
        sys.exit(2)
