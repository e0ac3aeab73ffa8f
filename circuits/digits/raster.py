"""One image shown twice after learning, without and with the teacher: who fires when, and who bursts.

The weights stay as they are. Events and bursts are read from the counts of every neuron, every `STEP_MS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from burstprop.simulation import Simulation

POPULATIONS = ("input", "hidden", "output")
STEP_MS = 2.0


def raster(
    simulation: Simulation,
    parts_ms: tuple[float, ...],
    show: Callable[[], None],
    teach: Callable[[Any], None],
) -> pd.DataFrame:
    """Show an image in parts without and then, from the second part on, with the teacher.

    Parameters
    ----------
    simulation : Simulation
        Its plasticity is off. It goes on from where it stands.
    parts_ms : tuple of float
        Length of each part (ms), a multiple of `STEP_MS`; the first is not taught.
    show, teach : callable
        Set the currents of the image, and of the teacher, who is told the event rates (Hz) of the output
        neurons in the part before, shape (neurons,).

    Returns
    -------
    DataFrame
        ``taught, time_ms, population, neuron, kind``: an event or a burst of one neuron.
    """
    rows: list[list[Any]] = []
    for taught in (False, True):
        show()
        time_ms, last_ms = 0.0, 0.0
        begin = simulation.counts("output", "events")
        for part_ms in parts_ms:
            if taught and time_ms:
                end = simulation.counts("output", "events")
                teach((end - begin) / (last_ms / 1000.0))
                begin = end
            last_ms = part_ms
            for _ in range(round(part_ms / STEP_MS)):
                before = _counts(simulation)
                simulation.advance(STEP_MS)
                time_ms += STEP_MS
                for (population, kind), count in _counts(simulation).items():
                    for neuron in np.flatnonzero(count - before[population, kind]):
                        rows.append([taught, time_ms, population, int(neuron), kind])
    return pd.DataFrame(rows, columns=["taught", "time_ms", "population", "neuron", "kind"])


def _counts(simulation: Simulation) -> dict[tuple[str, str], Any]:
    return {
        (population, kind): simulation.counts(population, f"{kind}s").astype(np.int64)
        for population in POPULATIONS
        for kind in ("event", "burst")
    }
