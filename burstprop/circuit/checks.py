"""Whether the parts of a circuit fit together: names, receptors, compartments, sizes, delays, protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from burstprop.circuit.connectivity import FixedInDegree, Matrix, OneToOne, Tied
from burstprop.circuit.parts import Parts
from burstprop.circuit.plasticity import Rule
from burstprop.circuit.populations import PoissonPopulation, Population, SpikeSource
from burstprop.circuit.projections import Projection
from burstprop.circuit.protocol import (
    CHANGES,
    AveragingChange,
    Change,
    LearningRateChange,
    RateChange,
    WeightChange,
)
from burstprop.circuit.stimuli import Background, Current, Steps, check_source_rate
from burstprop.errors import BurstpropError, near
from burstprop.parameters import check_value, quantity

KINDS: dict[str, tuple[type, ...]] = {
    "populations": (Population, PoissonPopulation, SpikeSource),
    "projections": (Projection,),
    "backgrounds": (Background,),
    "currents": (Current,),
    "protocol": CHANGES,
}
"""The kinds of parts that each field of a circuit holds."""

LEAST_STEP_MS = 1e-9
"""The shortest time step: a second then has 1e12 steps, and 64 bits count up to 9e18."""


def check_circuit(circuit: Parts) -> None:
    """Check all parts against each other.

    Raises
    ------
    BurstpropError
        A part does not fit; the message names the first such part, and what is known.
    """
    step = quantity(0.1, "ms", "time step, 0.1 in the paper", low=0, open_low=True)
    check_value("Circuit.dt_ms", circuit.dt_ms, step.metadata)
    if circuit.dt_ms < LEAST_STEP_MS:
        raise BurstpropError(
            f"Circuit.dt_ms = {circuit.dt_ms:g} ms: must be at least {LEAST_STEP_MS:g} ms; with shorter "
            "steps a duration is more steps than can be counted"
        )
    if not circuit.populations:
        raise BurstpropError("Circuit.populations is empty: a circuit needs at least one Population")
    for name, kinds in KINDS.items():
        for part in getattr(circuit, name):
            if not isinstance(part, kinds):
                raise BurstpropError(
                    f"Circuit.{name} holds {part!r}: give {' or '.join(kind.__name__ for kind in kinds)}"
                )
    _check_unique("population", (p.name for p in circuit.populations))
    _check_unique("projection", (p.name for p in circuit.projections))
    for population in circuit.populations:
        if isinstance(population, PoissonPopulation):
            check_source_rate(f"population {population.name!r}: ", population.rate_hz, circuit.dt_ms)
        if isinstance(population, SpikeSource):
            _check_given_spikes(population, circuit.dt_ms)
    for projection in circuit.projections:
        _check_projection(circuit, projection)
    for background in circuit.backgrounds:
        _check_background(circuit, background)
    for current in circuit.currents:
        _check_current(circuit, current)
    for change in circuit.protocol:
        _check_change(circuit, change)
    if not any(isinstance(population, Population) for population in circuit.populations):
        names = ", ".join(repr(population.name) for population in circuit.populations)
        raise BurstpropError(
            f"Circuit.populations holds sources alone ({names}): a circuit needs at least one Population, "
            "such as Population('pyr', 100, PyramidalNeuron())"
        )


def _check_unique(what: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise BurstpropError(
                f"{count} {what}s are called {name!r}; give each a name of its own (name=...)"
            )


def _check_given_spikes(source: SpikeSource, dt_ms: float) -> None:
    steps = source.steps(dt_ms)
    order = np.lexsort((steps, source.neurons))
    same = (np.diff(steps[order]) == 0) & (np.diff(source.neurons[order]) == 0)
    if same.any():
        first = order[np.flatnonzero(same)[0]]
        raise BurstpropError(
            f"population {source.name!r}: {np.count_nonzero(same)} spikes share a step of {dt_ms:g} ms with "
            f"another of the same neuron (the first of neuron {source.neurons[first]} at "
            f"{source.times_ms[first]:g} ms); drop them, or give a smaller dt_ms"
        )


def _check_receptor(circuit: Parts, where: str, population: str, receptor: str) -> None:
    known = circuit.neurons(population).neuron.receptors
    if receptor not in known:
        raise BurstpropError(f"{where}no receptor {receptor!r} in {population!r}: {near(receptor, known)}")


def _check_projection(circuit: Parts, projection: Projection) -> None:
    where = f"projection {projection.name}: "
    source, target = circuit.population(projection.source), circuit.neurons(projection.target)
    _check_receptor(circuit, where, projection.target, projection.receptor)
    if projection.opposed is not None:
        _check_receptor(circuit, f"{where}opposed: ", projection.target, projection.opposed.receptor)
        if projection.opposed.receptor == projection.receptor:
            raise BurstpropError(
                f"{where}opposed.receptor = {projection.receptor!r} is the projection's own; give the one of "
                "the opposite sign"
            )
    assert projection.delay_ms is not None, "a Projection fills in the delay that is left out"
    circuit.steps(where + "delay_ms", projection.delay_ms)
    if projection.transmits != "spikes":
        circuit.steps(where + "trace_lag_ms", projection.trace_lag_ms)
    connectivity = projection.connectivity
    if isinstance(connectivity, OneToOne) and source.n != target.n:
        raise BurstpropError(
            f"{where}one-to-one between {source.n} and {target.n} neurons; give both the same size"
        )
    if isinstance(connectivity, Matrix) and connectivity.weights.shape != (source.n, target.n):
        raise BurstpropError(
            f"{where}the matrix has shape {connectivity.weights.shape}; "
            f"give (n_source, n_target) = {(source.n, target.n)}"
        )
    if isinstance(connectivity, Tied):
        _check_tied(circuit, where, projection, connectivity)
    if isinstance(connectivity, FixedInDegree):
        available = source.n - (projection.source == projection.target)
        if connectivity.k > available:
            raise BurstpropError(
                f"{where}in-degree {connectivity.k} with only {available} sources; give at most {available}"
            )


def _check_tied(circuit: Parts, where: str, projection: Projection, tied: Tied) -> None:
    master = circuit.projection(tied.projection)
    if (master.source, master.target) != (projection.source, projection.target):
        raise BurstpropError(
            f"{where}tied to {master.name!r}, which goes from {master.source!r} to {master.target!r}; both "
            "must join the same populations"
        )
    if master.rule is None and not isinstance(master.connectivity, Matrix):
        raise BurstpropError(
            f"{where}tied to {master.name!r}, which has no weight for each synapse (a matrix, or a rule)"
        )


def _check_background(circuit: Parts, background: Background) -> None:
    where = f"Background to {background.population}.{background.receptor}: "
    _check_receptor(circuit, where, background.population, background.receptor)
    circuit.steps(where + "delay_ms", background.delay_ms)
    if background.counts == "bernoulli" and background.rate_hz * circuit.dt_ms / 1000.0 > 1:
        raise BurstpropError(
            f"{where}rate_hz = {background.rate_hz:g} Hz is more than one spike per step of "
            f"{circuit.dt_ms:g} ms; give at most {1000.0 / circuit.dt_ms:g} Hz, or counts='poisson'"
        )


def _check_current(circuit: Parts, current: Current) -> None:
    circuit.compartment(current.population, current.compartment)
    if isinstance(current.waveform, Steps):
        current.waveform.check(
            f"Current to {current.population}.{current.compartment}: ", circuit.neurons(current.population).n
        )
    if not hasattr(current.waveform, "current"):
        raise BurstpropError(
            f"Current to {current.population}.{current.compartment}: waveform = {current.waveform!r} has no "
            "method current(t_ms); give Constant(pA), Sine(...), Steps(...), or an object with that method"
        )


def check_plastic(circuit: Parts, projection: str, where: str = "projection ") -> Rule:
    """Return the rule of a projection.

    Raises
    ------
    BurstpropError
        It has none: names those that have.
    """
    rule = circuit.projection(projection).rule
    if rule is None:
        plastic = [p.name for p in circuit.projections if p.rule is not None]
        raise BurstpropError(f"{where}{projection!r} is not plastic: {near(projection, plastic)}")
    return rule


def _check_change(circuit: Parts, change: Change) -> None:
    circuit.steps(f"{type(change).__name__}.at_ms", change.at_ms)
    match change:
        case WeightChange():
            projection = circuit.projection(change.projection)
            if isinstance(projection.connectivity, Matrix | Tied) or projection.rule is not None:
                raise BurstpropError(
                    f"WeightChange of {change.projection}: its synapses have weights of their own "
                    "(a matrix, or a rule)"
                )
        case LearningRateChange():
            circuit.steps("LearningRateChange.over_ms", change.over_ms)
            check_plastic(circuit, change.projection, "LearningRateChange of ")
        case AveragingChange():
            if change.projection is not None:
                check_plastic(circuit, change.projection, "AveragingChange of ")
        case RateChange():
            if not isinstance(circuit.population(change.population), PoissonPopulation):
                raise BurstpropError(
                    f"RateChange of {change.population}: only a PoissonPopulation has a rate to set"
                )
            check_source_rate(f"RateChange of {change.population}: ", change.rate_hz, circuit.dt_ms)
