"""List the circuits and comparisons that burstprop ships, and what each claims.

example:
  burstprop list
  burstprop info xor          more about one of them
"""

from __future__ import annotations

import argparse
import shutil
import textwrap

from burstprop.experiments import catalogue


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the list takes no options."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Print one paragraph for each name."""
    del args
    width = min(110, shutil.get_terminal_size((100, 24)).columns)
    known = catalogue.entries()
    column = max((len(name) for name in known), default=0) + 2
    for name, entry in known.items():
        print(f"{name:{column}}{entry.title}")
        more = [entry.claim] if entry.claim else []
        if entry.variants:
            more.append(f"variants: {', '.join(entry.variants)}")
        for text in more:
            print(textwrap.fill(text, width, initial_indent=" " * column, subsequent_indent=" " * column))
    print(
        "\n'burstprop info NAME' shows parameters and circuit, 'burstprop reproduce NAME' runs and checks it."
    )
    return 0
