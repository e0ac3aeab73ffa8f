"""Measure how fast a circuit, or the reduced model, runs on this machine.

For a circuit: nanoseconds of wall time per neuron and step, everything included (neurons, background,
synapses, recording), median and minimum over several repeats. A circuit that learns is timed as in its
protocol, with plasticity on for a tenth of the time, and beside it with plasticity off and always on. For the
reduced model: the time and memory of a training step of each rule against backprop on the same network.

examples:
  burstprop bench propagation
  burstprop bench propagation --threads 2 --json
  burstprop bench xor --json
  burstprop bench reduced --json
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from burstprop.cli.arguments import add_name, add_seed, chosen, number, require, whole
from burstprop.errors import BurstpropError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add NAME and how to measure."""
    parser.usage = "burstprop bench NAME [options]"
    add_name(parser, "what to time")
    add_seed(parser)
    parser.add_argument("--threads", type=whole(1), default=1, metavar="K", help="threads (1)")
    parser.add_argument("--repeats", type=whole(1), default=7, metavar="N", help="timed pieces (7)")
    parser.add_argument(
        "--duration-ms", type=number, default=1000.0, metavar="T", help="simulated time of one (1000)"
    )
    parser.add_argument(
        "--dtype", choices=("float32", "float64"), default="float32", help="precision (float32)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no progress display")


def run(args: argparse.Namespace) -> int:
    """Time it and print the figures."""
    result = _reduced(args) if args.name == "reduced" else _circuit(args)
    print(json.dumps(result) if args.json else "\n".join(_lines(result)))
    return 0


def _circuit(args: argparse.Namespace) -> dict[str, Any]:
    from burstprop.bench import bench_circuit

    entry, module, params = chosen(args)
    if not entry.builds:
        raise BurstpropError(f"{entry.name!r} has no circuit to time (no build)")
    result = bench_circuit(
        module.build(params),
        seed=args.seed,
        threads=args.threads,
        repeats=args.repeats,
        duration_ms=args.duration_ms,
        dtype=args.dtype,
        progress=False if args.quiet else None,
    )
    return {"circuit": entry.name, **result}


def _reduced(args: argparse.Namespace) -> dict[str, Any]:
    require("torch", "the reduced model")
    from burstprop.reduced.bench import bench_reduced

    return dict(bench_reduced())


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
