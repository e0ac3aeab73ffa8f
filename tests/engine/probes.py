"""Two neuron models for looking at one kernel at a time: a relay that spikes when told to, and a counter of what arrives."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from burstprop.circuit import Circuit, Population
from burstprop.circuit.stimuli import Controlled, Current
from burstprop.neurons.model import NeuronModel
from burstprop.parameters import quantity
from burstprop.recording import Record, StateRecord
from burstprop.simulation import Simulation


class RelayState(NamedTuple):
    v: float


class RelayDrive(NamedTuple):
    soma: float


@dataclass(frozen=True)
class Relay(NeuronModel):
    """Spikes in every step in which more than half a pA is injected."""

    half: float = quantity(0.5, "pA", "threshold")

    State = RelayState
    Drive = RelayDrive
    receptors = {"soma_exc": "v"}  # noqa: RUF012
    voltages = ("v",)

    def derived(self, dt):
        return {}

    def initial(self, n, rng, dt):
        return RelayState(0.0)

    @staticmethod
    def step(s, i, c):
        return RelayState(i.soma)

    @staticmethod
    def margin(s, c):
        return c.half - s.v

    @staticmethod
    def spike(s, i, c, u1, u2):
        return RelayState(c.zero)


class CounterState(NamedTuple):
    a: float
    b: float
    c: float
    d: float


class CounterDrive(NamedTuple):
    soma: float


@dataclass(frozen=True)
class Counter(NeuronModel):
    """Never spikes and never forgets: each receptor holds the sum of all that arrived at it."""

    State = CounterState
    Drive = CounterDrive
    receptors = {"a": "a", "b": "b", "c": "c", "d": "d"}  # noqa: RUF012
    voltages = ("a",)

    def derived(self, dt):
        return {}

    def initial(self, n, rng, dt):
        return CounterState(0.0, 0.0, 0.0, 0.0)

    @staticmethod
    def step(s, i, c):
        return s

    @staticmethod
    def margin(s, c):
        return c.one

    @staticmethod
    def spike(s, i, c, u1, u2):
        return s


def circuit(relays, counters, projections=(), backgrounds=(), sources=(), *, dt_ms=0.1, **of_relay):
    """Return a circuit of relays "in" and counters "out", to which ``sources`` may add Poisson populations."""
    return Circuit(
        populations=(
            Population("in", relays, Relay(), **of_relay),
            Population("out", counters, Counter()),
            *sources,
        ),
        projections=projections,
        backgrounds=backgrounds,
        currents=(Current("in", "soma", Controlled()),),
        dt_ms=dt_ms,
    )


def replay(described, spikes, *, watch=(), dtype="float64", rates_bin_ms=None, **options):
    """Let the relays fire the given spikes, boolean (steps, relays), and return the simulation after them.

    They begin on the second step: what is injected at t = 0 is felt one step later.
    ``watch`` names receptors of all counters to record after every step; `arrivals` reads them.
    """
    dt, n = described.dt_ms, described.population("out").n
    record = Record(
        rates_bin_ms=rates_bin_ms,
        states=(StateRecord("out", tuple(watch), tuple(range(n))),) if watch else (),
        states_every_ms=dt,
    )
    simulation = Simulation(described, record=record, dtype=dtype, **options)
    simulation.advance(dt)
    for row in spikes:
        simulation.set_current("in", "soma", row.astype(float))
        simulation.advance(dt)
    return simulation


def arrivals(simulation, receptor):
    """Return what arrived at a receptor of every counter at the start of every step of `replay`, (steps, counters)."""
    frame = simulation.recording().states
    total = frame.pivot(index="time_ms", columns="neuron_id", values=receptor).to_numpy()
    return np.diff(total, axis=0)
