"""Draws the stored figures again from their stored tables, in the style that figures have now.

    python benchmarks/redraw.py

reads benchmarks/results/propagation, xor, digits-spiking and reduced, runs nothing, changes no number, and
writes each PNG beside the tables that it shows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from burstprop.circuits.digits.experiment import EXPERIMENT as DIGITS
from burstprop.circuits.propagation.experiment import EXPERIMENT as PROPAGATION
from burstprop.circuits.rules.figure import draw
from burstprop.circuits.xor.experiment import EXPERIMENT as XOR
from burstprop.system.files import writing

RESULTS = Path(__file__).parent / "results"


def frames(folder: Path, **names: str) -> dict[str, pd.DataFrame]:
    """Return the stored tables of a folder by the names that a figure knows them by."""
    return {name: pd.read_csv(folder / f"{file}.csv") for name, file in names.items()}


def write(
    path: Path, figure: Callable[[dict[str, pd.DataFrame]], Any], tables: dict[str, Any], dpi: int
) -> None:
    """Draw and write one figure, completely or not at all."""
    with writing(path) as temporary:
        figure(tables).savefig(temporary, dpi=dpi)
    print(path)


def main() -> None:
    """Draw all."""
    assert PROPAGATION.figure is not None
    assert XOR.figure is not None
    assert XOR.controls is not None
    assert XOR.extended is not None
    propagation, xor, reduced = (RESULTS / name for name in ("propagation", "xor", "reduced"))
    tables = frames(propagation, **{name: name for name in ("rates", "spikes", "stimuli", "protocol")})
    write(propagation / "propagation.png", PROPAGATION.figure, tables, 160)
    names = ("xor", "outputs", "protocol", "rates", "tests", "weights", "examples")
    write(xor / "xor.png", XOR.figure, frames(xor, **{name: name for name in names}), 160)
    write(xor / "controls.png", XOR.controls.figure, frames(xor, controls="controls"), 160)
    write(xor / "controls_quick.png", XOR.controls.figure, frames(xor, controls="controls_quick"), 160)
    write(xor / "extended.png", XOR.extended.figure, frames(xor, extended="extended"), 160)
    assert DIGITS.figure is not None
    digits = RESULTS / "digits-spiking"
    shown = ("learning", "answers", "weights", "response", "raster")
    write(digits / "digits-spiking.png", DIGITS.figure, frames(digits, **{name: name for name in shown}), 160)
    for runs in sorted(reduced.glob("*_runs.csv")):
        name = runs.name.removesuffix("_runs.csv")
        tables = frames(reduced, results=f"{name}_runs", curves=f"{name}_curves")
        write(reduced / f"{name}.png", draw, tables, 110)


if __name__ == "__main__":
    main()
