"""What the parts of a compiled circuit share: numbering, delays, the ring of steps, each thread's share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from burstprop.circuit import Circuit, Population, Projection
from burstprop.engine.layout import STRIP, strips

LONGEST_SLICE = 64
LEAD = 32
"""Steps that a population without afferents takes at once; its state stays in the innermost cache."""


@dataclass(frozen=True)
class Blueprint:
    """A circuit, a seed, a number of threads and a precision, and what follows from them."""

    circuit: Circuit
    seed: int
    threads: int
    dtype: np.dtype[Any]
    number: dict[str, int]
    """The number of every population, by name."""
    projections: tuple[Projection, ...]
    """Those with a delay come first."""
    delays: tuple[int, ...]
    """Steps from a spike to the start of the step that feels it, of every projection."""
    time_slice: int
    """Steps from one meeting of the threads to the next."""
    lead: int
    """Steps that populations without afferents take at once, a multiple of the time slice; 0
    if all have some."""
    ring: int
    """Steps whose spikes are kept, a power of two: as many as the longest delay, or two time slices
    that did not fit into the spike buffer, and beside them those of a time slice and of a lead."""
    with_afferents: frozenset[str]
    """The populations that projections end on."""
    bounds: np.ndarray
    """First lanes of the threads in every population, shape (populations, threads + 1)."""

    @property
    def neuron_populations(self) -> list[Population]:
        """The populations of neurons, in the order of the circuit."""
        return [p for p in self.circuit.populations if isinstance(p, Population)]

    def lanes(self, population: str) -> int:
        """Return the lanes that a step of a population takes in the ring."""
        return strips(self.circuit.population(population).n) * STRIP


def power_of_two(least: int) -> int:
    """Return the smallest power of two that is no less: a remainder by it is one instruction."""
    return 1 << (least - 1).bit_length()


def make_blueprint(circuit: Circuit, seed: int, threads: int, dtype: Any) -> Blueprint:
    """Number, order and divide the parts of a circuit."""
    projections = tuple(sorted(circuit.projections, key=lambda projection: projection.delay_ms == 0.0))
    delays = tuple(_delay_steps(circuit, projection) for projection in projections)
    time_slice = min([*delays, LONGEST_SLICE])
    with_afferents = frozenset(projection.target for projection in projections)
    without = [p for p in circuit.populations if isinstance(p, Population) and p.name not in with_afferents]
    lead = time_slice * max(LEAD // time_slice, 1) if without else 0
    return Blueprint(
        circuit=circuit,
        seed=seed,
        threads=threads,
        dtype=np.dtype(dtype),
        number={p.name: k for k, p in enumerate(circuit.populations)},
        projections=projections,
        delays=delays,
        time_slice=time_slice,
        lead=lead,
        ring=power_of_two(max([*delays, 2 * time_slice]) + time_slice + lead + 1),
        with_afferents=with_afferents,
        bounds=_thread_bounds(circuit, threads),
    )


def _delay_steps(circuit: Circuit, projection: Projection) -> int:
    assert projection.delay_ms is not None, "a Projection fills in the delay that is left out"
    return circuit.steps(f"projection {projection.name}: delay_ms", projection.delay_ms) + 1


def _thread_bounds(circuit: Circuit, threads: int) -> np.ndarray:
    """Give every thread a run of strips that costs the same; Poisson sources belong to thread 0.

    A strip costs about as much as it has variables to step.
    """
    populations = circuit.populations
    sizes = [strips(p.n) if isinstance(p, Population) else 0 for p in populations]
    costs = [len(p.neuron.State._fields) if isinstance(p, Population) else 1 for p in populations]
    before = np.concatenate([[0], np.cumsum(np.multiply(sizes, costs))])
    cuts = np.linspace(0, before[-1], threads + 1)
    bounds = np.empty((len(sizes), threads + 1), np.int64)
    for e, population in enumerate(populations):
        if isinstance(population, Population):
            bounds[e] = np.clip(np.round((cuts - before[e]) / costs[e]), 0, sizes[e]).astype(np.int64) * STRIP
        else:
            bounds[e] = strips(population.n) * STRIP
            bounds[e, 0] = 0
    return bounds
