"""Options that several verbs share, so that they read and fail alike."""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable
from typing import Any

from burstprop.errors import BurstpropError, BurstpropWarning
from burstprop.experiments import Experiment, catalogue
from burstprop.system.extras import missing

NS_PER_NEURON_STEP = 2.5
"""Of one thread, on a processor as it is common (`burstprop bench`); for estimates."""
LONG_S, LONGEST_S = 7 * 86400.0, 5 * 365 * 86400.0


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


def folder(text: str) -> str:
    """Convert option text to the name of a folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty: give the name of a folder")
    return text


def check_threads(threads: int | None) -> None:
    """Raise BurstpropError for more threads than this process has cores."""
    from burstprop.system.machine import check_cores

    if threads is not None:
        check_cores(f"--threads {threads}", threads)


def check_time(circuit: Any, duration_ms: float, threads: int) -> None:
    """Raise BurstpropError for a run that would take years, and warn of one that takes many days."""
    from burstprop.system.progress import duration_text

    neurons = sum(population.n for population in circuit.populations)
    seconds = neurons * duration_ms / circuit.dt_ms * NS_PER_NEURON_STEP * 1e-9 / threads
    said = (
        f"{neurons:,} neurons for {duration_ms:g} ms in steps of {circuit.dt_ms:g} ms take about "
        f"{duration_text(seconds)} of computing"
    )
    if seconds > LONGEST_S:
        raise BurstpropError(f"{said}: give a shorter --duration-ms, or a smaller circuit")
    if seconds > LONG_S:
        warnings.warn(said, BurstpropWarning, stacklevel=2)


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
    """Raise BurstpropError before any work where an optional library is missing."""
    import importlib.util

    if importlib.util.find_spec(library) is None:
        raise missing(library, what)


def require_figure() -> None:
    """Raise where figures or the report cannot be made; otherwise draw without a screen."""
    require("matplotlib", "a figure")
    require("jinja2", "a report")
    import matplotlib

    matplotlib.use("Agg")
