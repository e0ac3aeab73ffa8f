"""The parts of a circuit and the look-ups by name that its checks and its text need.

`burstprop.circuit.Circuit` adds the checks and the text, so that neither imports it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from burstprop.circuit.populations import Population, Source
from burstprop.circuit.projections import Projection
from burstprop.circuit.protocol import Change
from burstprop.circuit.stimuli import Background, Current
from burstprop.errors import BurstpropError, near
from burstprop.parameters import Named


@dataclass(frozen=True)
class Parts(Named):
    """What a circuit is made of, unchecked."""

    populations: tuple[Population | Source, ...]
    projections: tuple[Projection, ...] = ()
    backgrounds: tuple[Background, ...] = ()
    currents: tuple[Current, ...] = ()
    protocol: tuple[Change, ...] = ()
    plastic: bool = True
    dt_ms: float = 0.1

    def population(self, name: str) -> Population | Source:
        """Return the population of that name."""
        for population in self.populations:
            if population.name == name:
                return population
        raise BurstpropError(f"no population {name!r}: {near(name, [p.name for p in self.populations])}")

    def neurons(self, name: str) -> Population:
        """Return the population of neurons of that name (not sources)."""
        population = self.population(name)
        if not isinstance(population, Population):
            names = [p.name for p in self.populations if isinstance(p, Population)]
            kind = type(population).__name__
            raise BurstpropError(f"population {name!r} is a {kind} and receives nothing: {near(name, names)}")
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
            If the time is not a multiple of dt.
        """
        steps = round(time_ms / self.dt_ms)
        if not math.isclose(steps * self.dt_ms, time_ms, rel_tol=1e-9, abs_tol=1e-9):
            below, above = math.floor(time_ms / self.dt_ms), math.ceil(time_ms / self.dt_ms)
            raise BurstpropError(
                f"{what} = {time_ms:g} ms is not a multiple of dt_ms = {self.dt_ms:g} ms; the nearest are "
                f"{below * self.dt_ms:g} and {above * self.dt_ms:g} ms"
            )
        return steps
