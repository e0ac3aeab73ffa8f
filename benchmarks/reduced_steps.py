"""The cost of a training step with every rule, against backpropagation by autograd, on this machine.

    python benchmarks/reduced_steps.py                          # table: MLP and CIFAR network, batch 128
    python benchmarks/reduced_steps.py --rounds 100 --threads 1
    python benchmarks/reduced_steps.py --network mnist-3x500 --batch-size 32
    python benchmarks/reduced_steps.py --network resnet-small --batch-size 64 --rounds 20 --threads 1
    python benchmarks/reduced_steps.py --network resnet-quick --channels-last --rounds 20 --threads 1
    python benchmarks/reduced_steps.py --json

Steps of all rules alternate in one process, and a ratio is the median over the rounds of a rule's step over
the autograd step of the same round (process time), so that other programs slow both alike. Between the ratios
stand the quartiles. Memory is the peak of bytes in tensors within a step. Floors, counting products:
burstprop 4/3 of backpropagation where every layer sends feedback (1.22 for the MLP, whose lowest layer does
not), BurstCCN with tied Q 1. Weights Y that take the change of W are formed from it and a fixed
difference in every step (`burstprop.reduced.layers.feedback`): they cost as much memory as fixed ones, and a
pass.
"""

from __future__ import annotations

import argparse
import json

import torch

from burstprop.parameters import text_table
from burstprop.reduced.train.bench import RULES, bench_reduced, step_costs


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", help="a named network; without it, mnist-3x500 and cifar")
    parser.add_argument("--batch-size", type=int, default=128, metavar="N")
    parser.add_argument(
        "--rounds",
        type=int,
        default=40,
        metavar="N",
        help="steps of every rule (40; of the cifar network beside the MLP a quarter, not fewer than 5)",
    )
    parser.add_argument("--rules", nargs="+", metavar="RULE", help="names (all that it can have)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads (PyTorch's own choice)")
    parser.add_argument(
        "--channels-last", action="store_true", help="memory format of --network, autograd's too"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    if args.channels_last and not args.network:
        parser.error("--channels-last goes with --network: a network of dense layers has no maps")
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.network:
        costs = step_costs(
            args.network,
            args.batch_size,
            rules=args.rules,
            rounds=args.rounds,
            channels_last=args.channels_last,
        )
        result = {"threads": torch.get_num_threads(), args.network: costs}
    else:
        result = bench_reduced(rounds=args.rounds, rules=args.rules or RULES)
    if args.json:
        print(json.dumps(result))
        return
    for costs in (value for value in result.values() if isinstance(value, dict)):
        print(f"{costs['network']}, batch {costs['batch_size']}: autograd {costs['autograd_ms']:.2f} ms")
        rows = [
            (
                rule,
                f"{cost['step_ms']:.2f}",
                f"{cost['step_ratio']:.2f}",
                "{:.2f} to {:.2f}".format(*cost["step_ratio_range"]),
                f"{cost['memory_ratio']:.2f}",
            )
            for rule, cost in costs["rules"].items()
        ]
        print(text_table(rows, ("rule", "step (ms)", "step ratio", "quartiles", "memory ratio")), end="\n\n")


if __name__ == "__main__":
    main()
