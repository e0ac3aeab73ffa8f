"""One training step of the seven-layer ImageNet network: 224 x 224 pixels, batch 128, 1,000 classes.

Prints for every rule the processor time of a step after a first one, its ratio to backpropagation, and the
peak memory of the process. Random pixels: the time of a step does not depend on what the images show.

    python benchmarks/reduced_imagenet.py --json
    python benchmarks/reduced_imagenet.py --rules backprop,burstprop,burstccn --steps 3
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from typing import Any

import torch

from burstprop.errors import BurstpropError
from burstprop.reduced import build_network, setting
from burstprop.report.report import provenance
from burstprop.runs.run_code import code_of_run


def measure(rule: str, batch: int, steps: int, threads: int) -> dict[str, Any]:
    """Return the time and memory of a step, in a process of its own."""
    torch.set_num_threads(threads)
    chosen = setting(rule, "imagenet")
    network = build_network(chosen.network, chosen.rule, seed=1)
    optimizer = torch.optim.SGD(
        network.parameter_groups(chosen.lr, chosen.weight_decay), lr=chosen.lr, momentum=chosen.momentum
    )
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(batch, *chosen.network.input_shape, generator=generator)
    labels = torch.randint(chosen.network.classes, (batch,), generator=generator)
    seconds = []
    for _ in range(steps + 1):
        began = time.process_time()
        optimizer.zero_grad()
        loss = network.loss(network(images), labels)
        loss.backward()
        optimizer.step()
        seconds.append(time.process_time() - began)
    if not all(
        bool(torch.isfinite(weight.grad).all()) for weight in network.parameters() if weight.grad is not None
    ):
        raise BurstpropError(f"{rule}: an update is not finite")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rule": rule, "step_s": min(seconds[1:]), "loss": float(loss.detach()), "peak_memory_MiB": memory}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rules", default="backprop,burstprop,burstccn,feedback_alignment")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument(
        "--steps", type=int, default=2, help="timed steps after a first one; the least counts (2)"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = []
    context = multiprocessing.get_context("spawn")
    for rule in args.rules.split(","):
        with context.Pool(1) as pool:  # a process for each, for the memory of each
            rows.append(pool.apply(measure, (rule, args.batch, args.steps, args.threads)))
    for row in rows:
        row["step_ratio"] = row["step_s"] / rows[0]["step_s"]
        row["memory_ratio"] = row["peak_memory_MiB"] / rows[0]["peak_memory_MiB"]
    if args.json:
        command = ["python", "benchmarks/reduced_imagenet.py", *sys.argv[1:]]
        known = code_of_run(main, {})
        known |= provenance(command=command, seed=1, parameters=vars(args), rules=rows)
        print(json.dumps(known, indent=2))
        return 0
    for row in rows:
        print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BurstpropError as error:
        print(f"reduced_imagenet: {error}", file=sys.stderr)
        sys.exit(2)
