"""What can be turned in a circuit while it runs: currents, weights, short-term plasticity, learning.

A `Knob` is one number of a description. `turned` gives the circuit that has it at another value; `turn` does
the same to a run that is under way, where it can. Short-term plasticity cannot change under way: `turn` says
so, and the run starts again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from burstprop.circuit import Circuit, Population
from burstprop.circuit.connectivity import Matrix
from burstprop.circuit.stimuli import Constant, Current

if TYPE_CHECKING:
    from burstprop.simulation import Simulation

KINDS = {"current": "Currents", "weight": "Weights", "stp": "Short-term plasticity"}


@dataclass(frozen=True)
class Knob:
    """One number of a circuit, with the range that a slider offers.

    ``part`` is a population or a projection, ``field`` a compartment, ``weight``, or a field of
    `burstprop.ShortTermPlasticity`.
    """

    kind: str
    part: str
    field: str
    unit: str
    value: float
    low: float
    high: float
    step: float

    @property
    def title(self) -> str:
        """What the knob is called on the page."""
        words = {"utilisation": "U", "tau_d_ms": "tau_D", "tau_f_ms": "tau_F", "weight": ""}
        field = words.get(self.field, self.field)
        return f"{self.part}{' ' * bool(field)}{field}{f' ({self.unit})' * (self.unit != '1')}"


def knobs(circuit: Circuit) -> list[Knob]:
    """Return all knobs of a circuit, in the order of its parts."""
    return [*_currents(circuit), *_weights(circuit), *_short_term_plasticity(circuit)]


def turned(circuit: Circuit, knob: Knob, value: float) -> Circuit:
    """Return the circuit with a knob at another value."""
    if knob.kind == "current":
        kept = [c for c in circuit.currents if not _is_constant(c, knob.part, knob.field)]
        new = Current(knob.part, knob.field, Constant(value))
        return dataclasses.replace(circuit, currents=(*kept, new))
    projections = []
    for projection in circuit.projections:
        if projection.name == knob.part:
            if knob.kind == "stp" and projection.stp is not None:
                stp = dataclasses.replace(projection.stp, **{knob.field: value})
                projection = dataclasses.replace(projection, stp=stp)
            else:
                projection = dataclasses.replace(projection, weight=value)
        projections.append(projection)
    return dataclasses.replace(circuit, projections=tuple(projections))


def turn(simulation: Simulation, knob: Knob, value: float) -> bool:
    """Turn a knob of a run from its next step on; return whether that can be done without a new start."""
    if knob.kind == "current":
        own = constant_pa(simulation.circuit, knob.part, knob.field)
        simulation.set_current(knob.part, knob.field, value - own)
    elif knob.kind == "weight":
        simulation.set_weight(knob.part, value)
    else:
        return False
    return True


def constant_pa(circuit: Circuit, population: str, compartment: str) -> float:
    """Return the sum of the constant currents into a compartment, in pA."""
    return float(
        sum(
            current.waveform.amplitude_pa
            for current in circuit.currents
            if _is_constant(current, population, compartment) and isinstance(current.waveform, Constant)
        )
    )


def learns(circuit: Circuit) -> bool:
    """Whether any projection is plastic."""
    return any(projection.rule is not None for projection in circuit.projections)


def _is_constant(current: Current, population: str, compartment: str) -> bool:
    waveform = current.waveform
    return (
        (current.population, current.compartment) == (population, compartment)
        and isinstance(waveform, Constant)
        and waveform.start_ms == 0
        and waveform.stop_ms is None
    )


def _currents(circuit: Circuit) -> Iterable[Knob]:
    for population in circuit.populations:
        if isinstance(population, Population):
            for compartment in population.neuron.Drive._fields:
                value = constant_pa(circuit, population.name, compartment)
                low, high = min(-400.0, value - 400.0), max(600.0, value + 400.0)
                yield Knob("current", population.name, compartment, "pA", value, low, high, 1.0)


def _weights(circuit: Circuit) -> Iterable[Knob]:
    for p in circuit.projections:
        if p.rule is None and not isinstance(p.connectivity, Matrix):
            high = 4 * p.weight or 1.0
            yield Knob("weight", p.name, "weight", "1", p.weight, 0.0, high, high / 200)


def _short_term_plasticity(circuit: Circuit) -> Iterable[Knob]:
    for p in circuit.projections:
        if p.stp is not None:
            yield Knob("stp", p.name, "utilisation", "1", p.stp.utilisation, 0.0, 1.0, 0.01)
            for field in ("tau_d_ms", "tau_f_ms"):
                value = getattr(p.stp, field)
                yield Knob("stp", p.name, field, "ms", value, 1.0, max(2000.0, 2 * value), 1.0)
