"""A circuit: populations, projections, backgrounds, currents, and what changes during a run.

Everything here is a description: frozen, checked, printable; nothing is random and nothing holds state.
`simulate` runs it. The parts are described in `burstprop.circuit.populations`,
`burstprop.circuit.projections`, `burstprop.circuit.stimuli` and `burstprop.circuit.protocol`.

Example
-------
>>> from burstprop import Background, Circuit, Constant, Current, Population, Projection, PyramidalNeuron
>>> from burstprop import Probability
>>> circuit = Circuit(
...     populations=(Population("pyr", 200, PyramidalNeuron()),),
...     projections=(Projection("pyr", "pyr", "dendrite_inh", weight=0.1, connectivity=Probability(0.1)),),
...     backgrounds=(Background("pyr", "soma_exc", rate_hz=500.0, weight=0.35),),
...     currents=(Current("pyr", "dendrite", Constant(50.0)),),
... )
>>> print(circuit.describe().splitlines()[0])
Populations (dt = 0.1 ms)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from burstprop.circuit.checks import check_circuit
from burstprop.circuit.parts import Parts
from burstprop.circuit.text import circuit_tables
from burstprop.errors import BurstpropError
from burstprop.fingerprint import fingerprint
from burstprop.system.extras import optional

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Circuit(Parts):
    """A whole circuit, checked when it is made.

    Parameters
    ----------
    populations : sequence of Population, PoissonPopulation and SpikeSource
    projections : sequence of Projection
    backgrounds : sequence of Background
    currents : sequence of Current
    protocol : sequence of Change (`burstprop.circuit.protocol`)
        What changes during a run, at times counted from its start.
    plastic : bool
        Whether plastic projections learn from the start.
    dt_ms : float
        Time step; every delay must be a multiple of it.

    Raises
    ------
    BurstpropError
        A part does not fit; the message names it, and what is known.

    Examples
    --------
    >>> from burstprop import Circuit, Constant, Current, Population, PyramidalNeuron
    >>> pyr = Population("pyr", 200, PyramidalNeuron())
    >>> circuit = Circuit((pyr,), currents=(Current("pyr", "dendrite", Constant(50.0)),))
    >>> circuit.population("pyr").n
    200
    """

    def __post_init__(self) -> None:
        """Check that all names, receptors, sizes and delays fit together."""
        for name in ("populations", "projections", "backgrounds", "currents", "protocol"):
            parts = getattr(self, name)
            if isinstance(parts, str) or not isinstance(parts, Iterable):
                raise BurstpropError(
                    f"Circuit.{name} = {parts!r}: give a tuple; a tuple of one is written with a comma, (a,)"
                )
            object.__setattr__(self, name, tuple(parts))
        check_circuit(self)

    def describe(self) -> str:
        """Return the circuit as text tables: populations, projections, backgrounds, currents, protocol."""
        return circuit_tables(self)

    def draw(self) -> Figure:
        """Return a sketch as a matplotlib figure: populations, compartments, signs, what is plastic.

        Raises
        ------
        BurstpropError
            matplotlib is not installed.
        """
        optional("matplotlib", "Circuit.draw")
        from burstprop.circuit.sketch import draw

        return draw(self)

    def _repr_html_(self) -> str | None:
        """Return drawing and tables for a notebook."""
        from burstprop.report.notebook import circuit_html

        def drawing() -> str:
            from burstprop.circuit.sketch import svg

            return svg(self)

        return circuit_html(self.describe(), drawing)

    def fingerprint(self) -> str:
        """Return a hash of the whole description; a saved run resumes only with the same hash."""
        return fingerprint(self)
