"""Measure how fast a circuit, or the reduced model, runs on this machine.

For a circuit: nanoseconds of wall time per neuron and step, everything included (neurons, background,
synapses, recording), median and minimum over several repeats, and the processor time of all threads together
(ns_processor), which a busy machine does not change. A circuit that learns is timed as in its
protocol, with plasticity on for a tenth of the time, and beside it with plasticity off and always on. For the
reduced model: the processor time and memory of a training step of each rule against backpropagation by
autograd on the same network; --threads are PyTorch's, --repeats are rounds in which every rule makes a step.

examples:
  burstprop bench propagation
  burstprop bench propagation --threads 2 --json
  burstprop bench xor --json
  burstprop bench reduced --threads 1 --repeats 60 --json
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from burstprop.cli.arguments import add_name, add_seed, check_threads, chosen, number, require, whole
from burstprop.errors import BurstpropError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add NAME and how to measure."""
    parser.usage = "burstprop bench NAME [options]"
    add_name(parser, "what to time")
    add_seed(parser)
    parser.add_argument(
        "--threads", type=whole(1), metavar="K", help="threads (1; reduced: PyTorch's own choice)"
    )
    parser.add_argument("--repeats", type=whole(1), metavar="N", help="timed pieces (7; reduced: rounds, 40)")
    parser.add_argument(
        "--duration-ms", type=number, metavar="T", help="simulated time of one (1000); of a circuit only"
    )
    parser.add_argument(
        "--dtype", choices=("float32", "float64"), help="precision (float32); of a circuit only"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no progress display")


def run(args: argparse.Namespace) -> int:
    """Time it and print the figures."""
    check_threads(args.threads)
    result = _reduced(args) if args.name == "reduced" else _circuit(args)
    print(json.dumps(result) if args.json else "\n".join(_lines(result)))
    return 0


def _circuit(args: argparse.Namespace) -> dict[str, Any]:
    from burstprop.simulation.bench import bench_circuit

    entry, experiment, params = chosen(args)
    if experiment.build is None:
        raise BurstpropError(f"{entry.name!r} has no circuit to time (no build)")
    result = bench_circuit(
        experiment.build(params),
        seed=args.seed,
        threads=args.threads or 1,
        repeats=args.repeats or 7,
        duration_ms=args.duration_ms or 1000.0,
        dtype=args.dtype or "float32",
        progress=False if args.quiet else None,
    )
    return {"circuit": entry.name, **result}


def _reduced(args: argparse.Namespace) -> dict[str, Any]:
    circuit_only = {
        "--variant": args.variant,
        "--set": args.settings,
        "--duration-ms": args.duration_ms,
        "--dtype": args.dtype,
    }
    given = [option for option, value in circuit_only.items() if value]
    if given:
        raise BurstpropError(
            f"{', '.join(given)}: of a circuit only; leave out for the reduced model, whose named networks "
            "are timed as they are, in float32 (`python benchmarks/reduced_steps.py --help` for others)"
        )
    require("torch", "the reduced model")
    import torch

    from burstprop.reduced.train.bench import bench_reduced

    if args.threads:
        torch.set_num_threads(args.threads)
    return bench_reduced(rounds=args.repeats or 40, seed=args.seed)


def _lines(result: dict[str, Any], indent: str = "") -> list[str]:
    lines = []
    for name, value in result.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", *_lines(value, indent + "  ")]
        else:
            lines.append(
                f"{indent}{name}: {value:.4g}" if isinstance(value, float) else f"{indent}{name}: {value}"
            )
    return lines
