"""A circuit: populations, projections, backgrounds, currents, and what changes during a run.

Everything here is a description: frozen, checked, printable; nothing is random and nothing holds state.
`simulate` runs it. The parts are described in `burstprop.populations`, `burstprop.projections`,
`burstprop.stimuli` and `burstprop.protocol`.

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

import math
from collections.abc import Iterable
from dataclasses import dataclass

from burstprop.circuit_checks import check_circuit
from burstprop.circuit_text import circuit_tables
from burstprop.errors import BurstpropError, near
from burstprop.fingerprint import fingerprint
from burstprop.populations import PoissonPopulation, Population
from burstprop.projections import Projection
from burstprop.protocol import Change, PlasticityChange, RateChange, WeightChange
from burstprop.stimuli import Background, Current

__all__ = [
    "Change",
    "Circuit",
    "PlasticityChange",
    "PoissonPopulation",
    "Population",
    "Projection",
    "RateChange",
    "WeightChange",
]


@dataclass(frozen=True)
class Circuit:
    """A whole circuit, checked when it is made.

    Parameters
    ----------
    populations : sequence of Population and PoissonPopulation
    projections : sequence of Projection
    backgrounds : sequence of Background
    currents : sequence of Current
    protocol : sequence of WeightChange, RateChange and PlasticityChange
        What changes during a run, at times counted from its start.
    plastic : bool
        Whether plastic projections learn from the start.
    dt_ms : float
        Time step; every delay must be a multiple of it.

    Raises
    ------
    BurstpropError
        Naming what does not fit, and what is known.
    """

    populations: tuple[Population | PoissonPopulation, ...]
    projections: tuple[Projection, ...] = ()
    backgrounds: tuple[Background, ...] = ()
    currents: tuple[Current, ...] = ()
    protocol: tuple[Change, ...] = ()
    plastic: bool = True
    dt_ms: float = 0.1

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

    def population(self, name: str) -> Population | PoissonPopulation:
        """Return the population of that name."""
        for population in self.populations:
            if population.name == name:
                return population
        raise BurstpropError(f"no population {name!r}: {near(name, [p.name for p in self.populations])}")

    def neurons(self, name: str) -> Population:
        """Return the population of neurons of that name (not Poisson sources)."""
        population = self.population(name)
        if not isinstance(population, Population):
            names = [p.name for p in self.populations if isinstance(p, Population)]
            raise BurstpropError(
                f"population {name!r} is a Poisson population and receives nothing: {near(name, names)}"
            )
        return population

    def projection(self, name: str) -> Projection:
        """Return the projection of that name."""
        for projection in self.projections:
            if projection.name == name:
                return projection
        raise BurstpropError(f"no projection {name!r}: {near(name, [p.name for p in self.projections])}")

    def compartment(self, population: str, compartment: str) -> int:
        """Return the index of a compartment that current can be injected into."""
        known = self.neurons(population).neuron.Drive._fields
        if compartment not in known:
            raise BurstpropError(
                f"Current to {population}.{compartment}: no compartment {compartment!r}: "
                f"{near(compartment, known)}"
            )
        return known.index(compartment)

    def steps(self, what: str, time_ms: float) -> int:
        """Return a time in steps.

        Raises
        ------
        BurstpropError
            If the time is no multiple of dt.
        """
        steps = round(time_ms / self.dt_ms)
        if not math.isclose(steps * self.dt_ms, time_ms, rel_tol=1e-9, abs_tol=1e-9):
            below, above = math.floor(time_ms / self.dt_ms), math.ceil(time_ms / self.dt_ms)
            raise BurstpropError(
                f"{what} = {time_ms:g} ms is no multiple of dt_ms = {self.dt_ms:g} ms; the nearest are "
                f"{below * self.dt_ms:g} and {above * self.dt_ms:g} ms"
            )
        return steps

    def describe(self) -> str:
        """Return the circuit as text tables: populations, projections, backgrounds, currents, protocol."""
        return circuit_tables(self)

    def fingerprint(self) -> str:
        """Return a hash of everything that the circuit says; a saved run goes on only with the same one."""
        return fingerprint(self)
