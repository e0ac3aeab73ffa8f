"""A circuit: populations, projections, backgrounds, currents, and what changes during a run.

Everything here is a description: frozen, checked, printable; nothing is random and nothing holds state. `simulate` runs
it.

Example
-------
>>> from burstprop import Background, Circuit, Constant, Current, Population, Probability, Projection, PyramidalNeuron
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

import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from burstprop.connectivity import Connectivity, Matrix, OneToOne, Probability, describe_connectivity
from burstprop.errors import BurstpropError, near
from burstprop.neurons.model import NeuronModel
from burstprop.parameters import text_table
from burstprop.plasticity import BurstDependentRule
from burstprop.stimuli import Background, Current, check_counts, check_delay, check_rate, check_weight
from burstprop.synapses import AXONAL_DELAY_MS, ShortTermPlasticity

TRANSMITS = ("spikes", "events", "bursts")
BURST_DEFINITIONS = ("trace", "interval")


@dataclass(frozen=True)
class Population:
    """``n`` neurons of one model.

    ``burst_definition`` names how spikes become events and bursts (`burstprop.bursts`): ``"trace"`` (a trace that
    decays with ``burst_window_ms``, threshold 1/e) or ``"interval"`` (a gap longer than ``burst_window_ms``).
    """

    name: str
    n: int
    neuron: NeuronModel
    burst_definition: str = "trace"
    burst_window_ms: float = 16.0

    def __post_init__(self) -> None:
        """Check the size, the model and the definition of bursts."""
        _check_population(self)
        if not isinstance(self.neuron, NeuronModel):
            raise BurstpropError(
                f"population {self.name!r}: neuron = {self.neuron!r} is no neuron model; give for example "
                "PyramidalNeuron() (an instance, with brackets)"
            )
        for f in fields(self.neuron):  # type: ignore[arg-type]
            value = getattr(self.neuron, f.name)
            if np.ndim(value) and np.shape(value) != (self.n,):
                raise BurstpropError(
                    f"population {self.name!r}: {type(self.neuron).__name__}.{f.name} has {np.shape(value)[0]} values for "
                    f"{self.n} neurons; give one number, or {self.n}"
                )


@dataclass(frozen=True)
class PoissonPopulation:
    """``n`` Poisson sources of ``rate_hz`` each that projections can share."""

    name: str
    n: int
    rate_hz: float
    counts: str = "bernoulli"
    burst_definition: str = "trace"
    burst_window_ms: float = 16.0

    def __post_init__(self) -> None:
        """Check the size and the rate."""
        _check_population(self)
        check_rate(f"population {self.name!r}: ", self.rate_hz)
        check_counts(f"population {self.name!r}: ", self.counts)
        if self.counts == "poisson":
            raise BurstpropError(
                f"population {self.name!r}: counts = 'poisson' is for private backgrounds; a shared source spikes at most "
                "once per step, like a neuron"
            )


@dataclass(frozen=True)
class Projection:
    """Synapses from one population to one receptor of another.

    Parameters
    ----------
    source, target : str
        Names of populations.
    receptor : str
        Receptor of the target's model, for example ``"soma_exc"``.
    weight : float
        Peak conductance of a spike, in units of the target compartment's leak, before the STP efficacy.
    connectivity : Probability, FixedInDegree, OneToOne or Matrix
    transmits : {"spikes", "events", "bursts"}
        Which of the source's spikes pass: all, the first of each event, or the second (once per burst).
    stp : ShortTermPlasticity, optional
    rule : BurstDependentRule, optional
        Makes the projection plastic; it then transmits events.
    delay_ms : float, optional
        Axonal delay; left out: 0.8 ms for spikes, none for events and bursts.
    trace_lag_ms : float
        The trace that tells events from bursts is raised this long after a spike, so the presynaptic window of event,
        burst and plastic projections is longer by it (0.8 ms in the published program).
    name : str, optional
        Left out: ``source->target.receptor``.
    """

    source: str
    target: str
    receptor: str
    weight: float
    connectivity: Connectivity = field(default_factory=Probability)
    transmits: str = "spikes"
    stp: ShortTermPlasticity | None = None
    rule: BurstDependentRule | None = None
    delay_ms: float | None = None
    trace_lag_ms: float = AXONAL_DELAY_MS
    name: str = ""

    def __post_init__(self) -> None:
        """Check weight and delay; fill in delay and name where they are left out."""
        where = f"projection {self.source}->{self.target}.{self.receptor}: "
        check_weight(where, self.weight)
        if self.transmits not in TRANSMITS:
            raise BurstpropError(f"{where}transmits = {self.transmits!r}: give one of {', '.join(TRANSMITS)}")
        if self.rule is not None:
            if self.transmits != "events":
                raise BurstpropError(
                    f"{where}a plastic projection transmits events; write transmits='events'"
                )
            if self.stp is not None:
                raise BurstpropError(
                    f"{where}a plastic projection has no short-term plasticity; leave out stp or rule"
                )
            largest = self.weight
            if isinstance(self.connectivity, Matrix):
                largest *= self.connectivity.weights.data.max(initial=0.0)
            if largest > self.rule.w_max:
                raise BurstpropError(
                    f"{where}weight = {largest:g} is above the rule's w_max = {self.rule.w_max:g}"
                )
        if self.stp is not None and self.transmits != "spikes":
            raise BurstpropError(
                f"{where}short-term plasticity works on spikes; leave out stp or write transmits='spikes'"
            )
        if not isinstance(self.connectivity, Connectivity):
            raise BurstpropError(
                f"{where}connectivity = {self.connectivity!r}: give Probability(p), FixedInDegree(k), OneToOne() or "
                "Matrix(sparse_matrix)"
            )
        if self.delay_ms is None:
            object.__setattr__(self, "delay_ms", AXONAL_DELAY_MS if self.transmits == "spikes" else 0.0)
        check_delay(where, self.delay_ms)  # type: ignore[arg-type]
        check_delay(where + "trace lag, ", self.trace_lag_ms)
        if self.transmits != "spikes" and self.delay_ms != 0.0:
            raise BurstpropError(
                f"{where}delay_ms = {self.delay_ms:g} ms: projections of events and bursts have no delay"
            )
        if not self.name:
            object.__setattr__(self, "name", f"{self.source}->{self.target}.{self.receptor}")


@dataclass(frozen=True)
class WeightChange:
    """From ``at_ms`` on, the (uniform) weight of a projection is ``weight``."""

    at_ms: float
    projection: str
    weight: float

    def __post_init__(self) -> None:
        """Check time and weight."""
        _check_time(self)
        check_weight(f"WeightChange of {self.projection}: ", self.weight)


@dataclass(frozen=True)
class RateChange:
    """From ``at_ms`` on, the sources of a Poisson population have ``rate_hz``."""

    at_ms: float
    population: str
    rate_hz: float

    def __post_init__(self) -> None:
        """Check time and rate."""
        _check_time(self)
        check_rate(f"RateChange of {self.population}: ", self.rate_hz)


@dataclass(frozen=True)
class PlasticityChange:
    """From ``at_ms`` on, plastic projections learn, or do not."""

    at_ms: float
    on: bool

    def __post_init__(self) -> None:
        """Check the time."""
        _check_time(self)


Change = WeightChange | RateChange | PlasticityChange


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
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not (np.isfinite(self.dt_ms) and self.dt_ms > 0):
            raise BurstpropError(
                f"Circuit.dt_ms = {self.dt_ms!r} ms: give a positive time step; the circuits of the paper use 0.1"
            )
        if not self.populations:
            raise BurstpropError("Circuit.populations is empty: a circuit needs at least one Population")
        _unique("population", (p.name for p in self.populations))
        _unique("projection", (p.name for p in self.projections))
        for projection in self.projections:
            self._check_projection(projection)
        for background in self.backgrounds:
            where = f"Background to {background.population}.{background.receptor}: "
            self._receptor(where, background.population, background.receptor)
            self.steps(where + "delay_ms", background.delay_ms)
            if background.counts == "bernoulli" and background.rate_hz * self.dt_ms / 1000.0 > 1:
                raise BurstpropError(
                    f"{where}rate_hz = {background.rate_hz:g} Hz is more than one spike per step of {self.dt_ms:g} ms; give at "
                    f"most {1000.0 / self.dt_ms:g} Hz, or counts='poisson'"
                )
        for current in self.currents:
            self.compartment(current.population, current.compartment)
            if not hasattr(current.waveform, "current"):
                raise BurstpropError(
                    f"Current to {current.population}.{current.compartment}: waveform = {current.waveform!r} has no method "
                    "current(t_ms); give Constant(pA), Sine(...), or an object of your own with that method"
                )
        self._check_protocol()

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
                f"Current to {population}.{compartment}: no compartment {compartment!r}: {near(compartment, known)}"
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
            raise BurstpropError(
                f"{what} = {time_ms:g} ms is no multiple of dt_ms = {self.dt_ms:g} ms; the nearest are "
                f"{math.floor(time_ms / self.dt_ms) * self.dt_ms:g} and {math.ceil(time_ms / self.dt_ms) * self.dt_ms:g} ms"
            )
        return steps

    def describe(self) -> str:
        """Return the circuit as text tables: populations, projections, backgrounds, currents, protocol."""
        parts = [
            (
                f"Populations (dt = {self.dt_ms:g} ms)",
                ("name", "n", "model"),
                [_population_row(p) for p in self.populations],
            ),
            (
                "Projections (weight: conductance in units of the leak)",
                (
                    "source",
                    "target",
                    "receptor",
                    "weight",
                    "connectivity",
                    "transmits",
                    "short-term plasticity",
                    "delay_ms",
                    "rule",
                ),
                [_projection_row(p) for p in self.projections],
            ),
            (
                "Backgrounds (one Poisson source per neuron)",
                ("population", "receptor", "rate_hz", "weight", "counts"),
                [
                    (b.population, b.receptor, f"{b.rate_hz:g}", f"{b.weight:g}", b.counts)
                    for b in self.backgrounds
                ],
            ),
            (
                "Currents",
                ("population", "compartment", "waveform"),
                [(c.population, c.compartment, _short(c.waveform)) for c in self.currents],
            ),
            ("Protocol", ("at_ms", "change"), [(f"{c.at_ms:g}", _short(c)) for c in self.protocol]),
        ]
        return "\n\n".join(f"{title}\n{text_table(rows, header)}" for title, header, rows in parts if rows)

    def fingerprint(self) -> str:
        """Return a hash of everything that the circuit says; a saved run is resumed only with the same one."""
        digest = hashlib.sha256()
        _hash_into(digest, self)
        return digest.hexdigest()

    def _receptor(self, where: str, population: str, receptor: str) -> None:
        known = self.neurons(population).neuron.receptors
        if receptor not in known:
            raise BurstpropError(
                f"{where}no receptor {receptor!r} in {population!r}: {near(receptor, known)}"
            )

    def _check_projection(self, projection: Projection) -> None:
        where = f"projection {projection.name}: "
        source, target = self.population(projection.source), self.neurons(projection.target)
        self._receptor(where, projection.target, projection.receptor)
        self.steps(where + "delay_ms", projection.delay_ms)  # type: ignore[arg-type]
        self.steps(where + "trace_lag_ms", projection.trace_lag_ms)
        connectivity = projection.connectivity
        if isinstance(connectivity, OneToOne) and source.n != target.n:
            raise BurstpropError(
                f"{where}one-to-one between {source.n} and {target.n} neurons; give both the same size"
            )
        if isinstance(connectivity, Matrix) and connectivity.weights.shape != (source.n, target.n):
            raise BurstpropError(
                f"{where}the matrix has shape {connectivity.weights.shape}; give (n_source, n_target) = {(source.n, target.n)}"
            )
        available = source.n - (projection.source == projection.target)
        degree = getattr(connectivity, "k", 0)
        if degree > available:
            raise BurstpropError(
                f"{where}in-degree {degree} with only {available} sources; give at most {available}"
            )

    def _check_protocol(self) -> None:
        for change in self.protocol:
            self.steps(f"{type(change).__name__}.at_ms", change.at_ms)
            if isinstance(change, WeightChange):
                projection = self.projection(change.projection)
                if isinstance(projection.connectivity, Matrix) or projection.rule is not None:
                    raise BurstpropError(
                        f"WeightChange of {change.projection}: its synapses have weights of their own (a matrix, or a rule)"
                    )
            elif isinstance(change, RateChange):
                if not isinstance(self.population(change.population), PoissonPopulation):
                    raise BurstpropError(
                        f"RateChange of {change.population}: only a PoissonPopulation has a rate to set"
                    )


def _population_row(population: Population | PoissonPopulation) -> tuple[str, ...]:
    if isinstance(population, PoissonPopulation):
        return population.name, str(population.n), f"Poisson sources, {population.rate_hz:g} Hz"
    return population.name, str(population.n), _short(population.neuron)


def _projection_row(p: Projection) -> tuple[str, ...]:
    stp = (
        ""
        if p.stp is None
        else f"tau_D {p.stp.tau_d_ms:g}, tau_F {p.stp.tau_f_ms:g}, U {p.stp.utilisation:g}"
    )
    return (
        p.source,
        p.target,
        p.receptor,
        f"{p.weight:g}",
        describe_connectivity(p.connectivity),
        p.transmits,
        stp,
        f"{p.delay_ms:g}",
        "" if p.rule is None else _short(p.rule),
    )


def _short(obj: Any) -> str:
    """Return a description as one line that shows only what differs from the defaults."""
    if not is_dataclass(obj):
        return repr(obj)
    shown = []
    for f in fields(obj):
        value = getattr(obj, f.name)
        if np.ndim(value):
            shown.append(f"{f.name}=<per neuron>")
        elif value != f.default:
            shown.append(f"{f.name}={value:g}" if isinstance(value, float) else f"{f.name}={value!r}")
    return f"{type(obj).__name__}({', '.join(shown)})"


def _check_population(population: Population | PoissonPopulation) -> None:
    where = f"population {population.name!r}"
    if not population.name or not isinstance(population.name, str):
        raise BurstpropError(f"{where}: a population needs a name")
    if isinstance(population.n, bool) or not isinstance(population.n, int | np.integer) or population.n < 1:
        raise BurstpropError(f"{where}: n = {population.n!r} neurons; give a whole number of at least 1")
    if population.burst_definition not in BURST_DEFINITIONS:
        raise BurstpropError(
            f"{where}: burst_definition = {population.burst_definition!r}; give 'trace' (the circuits of the paper) or "
            "'interval' (its single-synapse protocols)"
        )
    window = population.burst_window_ms
    if not (np.isfinite(window) and window > 0):
        raise BurstpropError(
            f"{where}: burst_window_ms = {window!r} ms; give a positive number, 16 in the paper"
        )


def _check_time(change: Change) -> None:
    if not (np.isfinite(change.at_ms) and change.at_ms >= 0):
        raise BurstpropError(
            f"{type(change).__name__}.at_ms = {change.at_ms!r} ms: give a time from the start of the run on"
        )


def _unique(what: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise BurstpropError(
                f"{count} {what}s are called {name!r}; give each a name of its own (name=...)"
            )


def _hash_into(digest: Any, obj: Any) -> None:
    if is_dataclass(obj) and not isinstance(obj, type):
        digest.update(type(obj).__qualname__.encode())
        for f in fields(obj):
            digest.update(f.name.encode())
            _hash_into(digest, getattr(obj, f.name))
    elif isinstance(obj, tuple):
        for item in obj:
            _hash_into(digest, item)
    elif isinstance(obj, np.ndarray):
        digest.update(repr((obj.dtype.str, obj.shape)).encode() + np.ascontiguousarray(obj).tobytes())
    elif hasattr(obj, "indptr"):
        for array in (obj.indptr, obj.indices, obj.data):
            _hash_into(digest, np.asarray(array))
    else:
        digest.update(repr(obj).encode())
