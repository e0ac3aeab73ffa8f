"""Options that several verbs share, so that they read and fail alike."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

from burstprop.experiments import Experiment, catalogue
from burstprop.system.extras import missing


def whole(low: int) -> Callable[[str], int]:
    """Return a converter of option text to a whole number of at least ``low``."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low:
            raise argparse.ArgumentTypeError(f"{text!r}: give a whole number, at least {low}")
        return value

    return convert


def number(text: str) -> float:
    """Convert option text to a positive number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text!r}: give a positive number")
    return value


def add_name(parser: argparse.ArgumentParser, what: str, *, optional: bool = False) -> None:
    """Add NAME, ``--variant`` and ``--set``, which together choose an experiment and its parameters."""
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="?" if optional else None,  # type: ignore[arg-type]
        help=f"{what}: a name from 'burstprop list', or your own .py file",
    )
    parser.add_argument("--variant", metavar="NAME", help="a named variant (see 'burstprop info NAME')")
    parser.add_argument(
        "--set",
        dest="settings",
        metavar="NAME=VALUE",
        nargs="+",
        action="extend",
        default=[],
        help="change parameters, in the unit that 'burstprop info NAME' shows",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add ``--seed``."""
    parser.add_argument(
        "--seed", type=whole(0), default=1, metavar="N", help="seed of all random numbers (1)"
    )


def chosen(args: argparse.Namespace) -> tuple[catalogue.Entry, Experiment, Any]:
    """Return entry, experiment and parameters that NAME, ``--variant`` and ``--set`` choose.

    Raises
    ------
    BurstpropError
        An unknown name, variant or parameter (lists the near ones), or a value out of bounds.
    """
    from burstprop.parameters import parse

    entry = catalogue.find(args.name)
    experiment = catalogue.load(entry)
    return entry, experiment, parse(catalogue.parameters(entry, experiment, args.variant), args.settings)


def require(library: str, what: str) -> None:
    """Raise, before any work is done, where an optional library is not installed."""
    import importlib.util

    if importlib.util.find_spec(library) is None:
        raise missing(library, what)


def require_figure() -> None:
    """Raise where figures cannot be drawn, or no page holds them; otherwise draw them without a screen."""
    require("matplotlib", "a figure")
    require("jinja2", "a report")
    import matplotlib

    matplotlib.use("Agg")
