"""A realization whose protocol goes unit by unit, and that goes on after a stop to the same bits.

A unit is what the experiment says: an epoch, an image. About every minute the state of the simulation and
what was measured so far are written into the realization's folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from burstprop.runs.checkpoints import Checkpoints
from burstprop.simulation.simulation import Simulation


class KeptRealization:
    """A simulation, how far its protocol is, and what was measured.

    Attributes
    ----------
    simulation : Simulation
    done, total : int
        Units of the protocol that are done, and all of them.
    rows : dict of list
        Rows measured so far, by name of the frame: numbers and text.
    """

    simulation: Simulation
    total: int
    done: int = 0
    rows: dict[str, list[list[Any]]]

    def next(self) -> None:
        """Carry out the next unit, and count it in ``done``."""
        raise NotImplementedError

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return what was measured."""
        raise NotImplementedError

    def more_to_keep(self) -> dict[str, Any]:
        """Return what a checkpoint must hold beside simulation and rows (JSON)."""
        return {}

    def take_back(self, kept: Mapping[str, Any]) -> None:
        """Take over what `more_to_keep` returned when the checkpoint was made."""

    def units(self, until: int | None = None) -> Iterator[int]:
        """Carry out units until so many are done (None: all); yield after each how many are."""
        while self.done < (self.total if until is None else until):
            self.next()
            yield self.done

    def carry_out(self, progress: Callable[[float], None], folder: Path | None) -> dict[str, pd.DataFrame]:
        """Go on from the checkpoint in ``folder`` where there is one, and to the end; return the frames.

        ``progress`` takes the share that is done.

        Raises
        ------
        BurstpropError
            The checkpoint cannot be read, or a file of it is lost.
        """
        self.work(self.total, progress, folder)
        return self.frames()

    def work(self, until: int, progress: Callable[[float], None], folder: Path | None) -> None:
        """Go on as `carry_out` does, until so many units are done.

        ``progress`` takes the share of these that is done.
        """
        checkpoints = None if folder is None else Checkpoints(folder)
        if checkpoints is not None:
            self.resume(checkpoints)
        self.simulation.compile(getattr(progress, "say", lambda doing: None))
        progress(self.done / until)
        for done in self.units(until):
            progress(done / until)
            if checkpoints is not None and checkpoints.due():
                self.keep(checkpoints)

    def keep(self, checkpoints: Checkpoints) -> None:
        """Make a checkpoint."""
        name = f"simulation-{self.done:06d}.npz"
        self.simulation.save(checkpoints.folder / name)
        content = {"done": self.done, "simulation": name, "rows": self.rows, **self.more_to_keep()}
        checkpoints.keep(content, [name])

    def resume(self, checkpoints: Checkpoints) -> None:
        """Go on from the last checkpoint; without one, from the start.

        Raises
        ------
        BurstpropError
            The checkpoint cannot be read, or a file of it is lost.
        """
        content = checkpoints.whole("the realization", "simulation-*.npz")
        if content is None:
            return
        self.simulation.restore(checkpoints.folder / content["simulation"])
        self.done, self.rows = content["done"], content["rows"]
        self.take_back(content)
