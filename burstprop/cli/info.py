"""Show one circuit or comparison in full: its claim, its parameters with units, and the circuit they build.

Every table is printed from the code that runs. Settings change the tables as they would change a run.

examples:
  burstprop info propagation
  burstprop info xor --variant symmetric_feedback
  burstprop info propagation --set w_pyr1_pyr2=0.06
"""

from __future__ import annotations

import argparse
import dataclasses

from burstprop.cli.arguments import add_name, chosen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add NAME, ``--variant`` and ``--set``."""
    parser.usage = "burstprop info NAME [options]"
    add_name(parser, "what to show")


def run(args: argparse.Namespace) -> int:
    """Print docstring, parameter table, variants and circuit."""
    from burstprop.parameters import parameter_table

    entry, experiment, params = chosen(args)
    print(entry.text.strip())
    print(f"\nParameters{f' of variant {args.variant}' if args.variant else ''}\n\n{parameter_table(params)}")
    if experiment.variants:
        default = experiment.params
        print("\nVariants, and the parameters they change")
        for name, variant in experiment.variants.items():
            changes = [
                f"{field.name}={getattr(variant, field.name)}"
                for field in dataclasses.fields(variant)
                if getattr(variant, field.name) != getattr(default, field.name)
            ]
            print(f"  {name}: {', '.join(changes) or 'the default'}")
    if experiment.build:
        print(f"\nCircuit\n\n{experiment.build(params).describe()}")
    return 0
