"""A circuit of Burst-Poisson neurons as one rate unit per neuron, with its drawn synapses.

A mean over a population has nothing that can specialise; the circuit that learns XOR does it with neurons
that become different. So here every neuron is a unit: its event rate and burst probability follow in closed
form (`burstprop.ensemble.burst_poisson`) from the rates of its own sources through its own weights. Events go
up (to somata), bursts come back (to dendrites); both ways are free of circles, and a neuron's bursts lower
its events a little, so a few sweeps settle all rates.

`burstprop.ensemble.connections` holds the synapses.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from burstprop import Circuit, Simulation
from burstprop.ensemble.burst_poisson import BurstPoissonCurves, Somatic, sums
from burstprop.ensemble.connections import Synapses, drawn, find_same, taken
from burstprop.ensemble.isolated import Drive, Effort, Kind, inputs, measure
from burstprop.ensemble.synchrony import (
    FREQUENCY_HZ,
    burst_jitter,
    coherent_power,
    common_power,
    population_gain,
    refractory,
)
from burstprop.errors import BurstpropError
from burstprop.jit.kernel import entry_point
from burstprop.neurons import BurstPoissonNeuron

SWEEPS = 4
"""Of all rates from nothing; bursts change events by a few percent, so each sweep adds more than a digit."""
NUDGE = 0.02
"""Of the conductance, for its slope."""
INPUT_EFFORT = Effort(n=2000, settle_ms=500.0, time_ms=5000.0)


@dataclass
class Rates:
    """Rates of every population, arrays of one value per neuron."""

    events: dict[str, np.ndarray] = field(default_factory=dict)
    burst_prob: dict[str, np.ndarray] = field(default_factory=dict)
    first: dict[str, np.ndarray] = field(default_factory=dict)
    """Event rates that there would be without bursts."""
    together: dict[str, np.ndarray] = field(default_factory=dict)
    """What each population's neurons do together (`synchrony`): the answer of its mean rate to the own noise
    of every population (0 to its own), by frequency, complex, shape (populations, frequencies)."""
    own: dict[str, np.ndarray] = field(default_factory=dict)
    """How much less noise a neuron's own events have than a Poisson train, by frequency."""
    soma: dict[str, Somatic] = field(default_factory=dict)
    """What went into the somata of each population."""

    def bursts(self, name: str) -> np.ndarray:
        """Return burst rates (Hz)."""
        return self.events[name] * self.burst_prob[name]

    def noise(self) -> np.ndarray:
        """Return the spectrum of each population's own noise in its mean rate (Hz), as ``together``."""
        # a sum is half the work of a mean, and this is asked for at every layer
        return np.array([e.sum() / len(e) ** 2 * (1.0 + self.own[name]) for name, e in self.events.items()])

    def synchrony(self, name: str) -> np.ndarray:
        """Return the spectrum of what a population's neurons do together, over that of Poisson trains."""
        events = self.events[name]
        together = np.sum(np.abs(self.together[name]) ** 2 * self.noise(), axis=0)
        return together * len(events) / max(float(events.mean()), 1e-9)


class Units:
    """Rate units of a circuit; see the module's text.

    Parameters
    ----------
    circuit : Circuit
        Burst-Poisson populations; projections of events to somata and of bursts to dendrites.
    curves : BurstPoissonCurves
    seed : int
        Draws the synapses, where ``simulation`` is not given.
    simulation : Simulation, optional
        Take its synapses and present weights.
    common : bool
        Whether sources that spike together add noise (`burst_poisson`).

    Raises
    ------
    BurstpropError
        A part of the circuit that units do not know.
    """

    def __init__(
        self,
        circuit: Circuit,
        curves: BurstPoissonCurves,
        *,
        seed: int = 1,
        simulation: Simulation | None = None,
        common: bool = True,
        cache: bool = True,
    ) -> None:
        """Draw or take the synapses; measure the populations that receive nothing."""
        self.circuit, self.curves, self.common, self.cache = circuit, curves, common, cache
        self.names = [p.name for p in circuit.populations]
        self.n = {p.name: int(p.n) for p in circuit.populations}
        for part in circuit.populations:
            if not isinstance(getattr(part, "neuron", None), BurstPoissonNeuron):
                raise BurstpropError(
                    f"population {part.name!r}: rate units are in closed form for BurstPoissonNeuron "
                    "only; use ensemble(circuit) for other neurons"
                )
        rng = np.random.default_rng([seed, 77])
        self.synapses = {
            p.name: drawn(circuit, p, rng) if simulation is None else taken(simulation, p, self.n)
            for p in circuit.projections
        }
        self._into: dict[tuple[str, str], list[Synapses]] = {}
        for s in self.synapses.values():
            self._into.setdefault((s.projection.target, s.projection.receptor), []).append(s)
        for name in self.names:
            for compartment in ("soma", "dendrite"):
                inhibition = {s.projection.source: s for s in self.into(name, f"{compartment}_inh")}
                for s in self.into(name, f"{compartment}_exc"):
                    if s.projection.source in inhibition:
                        find_same(s, inhibition[s.projection.source])
        self.up, self.down = _orders(circuit)
        self.private = {p for p in self.names if not any(q.target == p for q in circuit.projections)}
        """Populations that receive nothing: measured, not computed."""
        self.currents = {name: {"soma": 0.0, "dendrite": 0.0} for name in self.names}
        for current in circuit.currents:
            value = float(np.asarray(current.waveform.current(np.zeros(1)))[0])
            self.currents[current.population][current.compartment] += value
        self.back = {name: _background(Kind.of(circuit, name)) for name in self.names}
        self._inputs: dict[tuple[str, float], tuple[float, float]] = {}
        self._fixed: dict[tuple[str, int], np.ndarray] = {}
        self._rows = entry_point(_rows, ())

    def into(self, name: str, receptor: str) -> list[Synapses]:
        """Return the synapses of all projections into a receptor."""
        return self._into.get((name, receptor), [])

    def rates(
        self,
        soma_pa: dict[str, float] | None = None,
        dendrite_pa: dict[str, np.ndarray | float] | None = None,
        start: Rates | None = None,
    ) -> Rates:
        """Return the stationary rates of all neurons.

        Parameters
        ----------
        soma_pa, dendrite_pa : dict, optional
            Currents beside the circuit's own, one per population or (dendrite) one per neuron.
        start : Rates, optional
            Rates near the result (the same input a few weight changes ago): one sweep is enough then.
        """
        soma_pa = soma_pa or {}
        found = Rates()
        for name in self.names:
            found.burst_prob[name] = start.burst_prob[name] if start else np.full(self.n[name], 0.3)
            found.events[name] = start.events[name] if start else np.zeros(self.n[name])
            found.own[name] = np.zeros(len(FREQUENCY_HZ))
            found.together[name] = np.zeros((len(self.names), len(FREQUENCY_HZ)), np.complex128)
        for _ in range(1 if start else SWEEPS):
            for name in self.up:
                current = self.currents[name]["soma"] + soma_pa.get(name, 0.0)
                if name in self.private:
                    events, burst_prob = self._input(name, current)
                    found.first[name] = np.full(self.n[name], np.nan)
                    found.events[name] = np.full(self.n[name], events)
                    found.burst_prob[name] = np.full(self.n[name], burst_prob)
                    found.own[name] = refractory(self.curves.neuron, events)
                    continue
                parts = self._parts(name, "soma", found.events)
                total = self._total(name, "soma", parts, found)
                found.soma[name] = Somatic(**total, current_pa=current)
                found.first[name] = self.curves.events(found.soma[name])
                found.events[name] = self.curves.with_bursts(found.first[name], found.burst_prob[name])
                found.own[name] = refractory(self.curves.neuron, float(found.events[name].mean()))
                if self.common:
                    found.together[name] = self._together(name, parts, found)
            found = self.taught(found, dendrite_pa or {})
        return found

    def taught(self, rates: Rates, dendrite_pa: dict[str, np.ndarray | float]) -> Rates:
        """Return the rates with other currents into dendrites (beside the circuit's own).

        Bursts change at once, and events by what their own neuron's bursts take from them; what that does
        to the events of the next layer is left to the next `rates`.
        """
        found = Rates(
            dict(rates.events),
            dict(rates.burst_prob),
            dict(rates.first),
            dict(rates.together),
            rates.own,
            rates.soma,
        )
        sent = {name: found.bursts(name) for name in self.names}
        for name in self.down:
            if name in self.private:
                continue
            current = self.currents[name]["dendrite"] + np.asarray(dendrite_pa.get(name, 0.0))
            total = self._total(name, "dendrite", self._parts(name, "dendrite", sent), found)
            found.burst_prob[name] = self.curves.burst_prob(
                *self.curves.dendrite(**total, current_pa=current)
            )
            found.events[name] = self.curves.with_bursts(found.first[name], found.burst_prob[name])
            sent[name] = found.bursts(name)
        return found

    def slope(self, name: str, rates: Rates) -> np.ndarray:
        """Return dE/dg of the somatic excitation, Hz per unit of conductance, one per neuron."""
        soma = rates.soma[name]
        more = self.curves.events(replace(soma, g_exc=soma.g_exc + NUDGE))
        p = rates.burst_prob[name]
        return (self.curves.with_bursts(more, p) - self.curves.with_bursts(rates.first[name], p)) / NUDGE

    def _parts(self, name: str, compartment: str, sent: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return for each source population what it adds: rows w r, w^2 r of exc and inh, w w' r."""
        parts: dict[str, np.ndarray] = {}
        for row, sign in enumerate(("exc", "inh")):
            for s in self.into(name, f"{compartment}_{sign}"):
                source = s.projection.source
                own = parts.setdefault(source, np.zeros((5, self.n[name])))
                if source in self.private and s.projection.rule is None:
                    # all its rates are the same, and the weights stay
                    own += sent[source][0] * self._by_rate(s, row)
                else:
                    self._add_rows(s, sent[source], row, own)
        return parts

    def _by_rate(self, s: Synapses, row: int) -> np.ndarray:
        key = (s.projection.name, row)
        if key not in self._fixed:
            self._fixed[key] = np.zeros((5, self.n[s.projection.target]))
            self._add_rows(s, np.ones(self.n[s.projection.source]), row, self._fixed[key])
        return self._fixed[key]

    def _add_rows(self, s: Synapses, sent: np.ndarray, row: int, out: np.ndarray) -> None:
        same = s.weight if s.same is None else s.same
        self._rows(s.start, s.source, s.weight, same, s.same is not None, sent, row, out)

    def _total(
        self, name: str, compartment: str, parts: dict[str, np.ndarray], rates: Rates
    ) -> dict[str, Any]:
        """Return the inputs of a compartment as `burst_poisson` takes them, backgrounds included."""
        back, neuron = self.back[name][compartment], self.curves.neuron
        rows = np.sum(list(parts.values()), axis=0) if parts else np.zeros((5, self.n[name]))
        g_exc = back["g_exc"] + rows[0] * neuron.tau_exc / 1000.0
        g_inh = back["g_inh"] + rows[1] * neuron.tau_inh / 1000.0
        g = 1.0 + float(np.mean(g_exc + g_inh)) if compartment == "soma" else None
        answers, weights, powers = [], [], []
        for source, own in parts.items():
            # a burst is an event that the coin chose, some milliseconds later
            coin = float(rates.burst_prob[source].mean()) if compartment == "dendrite" else 1.0
            late = burst_jitter(neuron) if compartment == "dendrite" else 1.0
            mean = float(rates.events[source].mean()) * coin
            if mean > 0 and rates.together[source].any():
                answers.append(rates.together[source] * coin * late)
                weights += [own[0] / mean, own[1] / mean]
            powers.append(common_power(neuron, g, rates.own[source] * coin * late**2))
        return {
            "g_exc": g_exc,
            "g_inh": g_inh,
            "l_exc": back["l_exc"] + rows[2],
            "l_inh": back["l_inh"] + rows[3],
            "shared": rows[4],
            "common": (np.array(weights), coherent_power(neuron, g, np.array(answers), rates.noise()))
            if answers
            else None,
            "regular": (np.array(powers), np.array([own[2:] for own in parts.values()])) if parts else None,
        }

    def _together(self, name: str, parts: dict[str, np.ndarray], rates: Rates) -> np.ndarray:
        """Return the answer of a population's mean rate to the own noise of every population.

        Linear response to the sources' mean rates, by frequency (`synchrony`).
        """
        soma = replace(rates.soma[name], common=None)
        p = rates.burst_prob[name]
        pair = [
            self.curves.with_bursts(self.curves.events(replace(soma, current_pa=soma.current_pa + step)), p)
            for step in (-5.0, 5.0)
        ]
        means = np.array([max(float(rates.events[q].mean()), 1e-9) for q in parts])
        weights = np.array([own[:2] for own in parts.values()]) / means[:, None, None]
        gain = population_gain(
            self.curves.neuron,
            rates.events[name],
            (pair[1] - pair[0]) / 10.0,
            1.0 + soma.g_exc + soma.g_inh,
            weights[:, 0],
            weights[:, 1],
        )
        found = np.zeros_like(rates.together[name])
        for answer, source in zip(gain, parts, strict=True):
            found += answer * rates.together[source]
            found[self.names.index(source)] += answer
        return found

    def _input(self, name: str, soma_pa: float) -> tuple[float, float]:
        key = (name, round(soma_pa, 6))
        if key not in self._inputs:
            kind = Kind.of(self.circuit, name)
            drive = Drive({"soma": soma_pa, "dendrite": self.currents[name]["dendrite"]})
            row = measure(kind, [drive], INPUT_EFFORT, cache=self.cache).iloc[0]
            events = float(row["event_rate_hz"])
            self._inputs[key] = events, float(row["burst_rate_hz"]) / max(events, 1e-9)
        return self._inputs[key]


def _rows(start, source, weight, same, shared, rate, row, out):
    """Add over each target's synapses: w r and w^2 r to rows ``row`` and ``row + 2``, w w' r to the last."""
    for i in range(len(start) - 1):
        linear, square, both = 0.0, 0.0, 0.0
        for k in range(start[i], start[i + 1]):
            w = np.float64(weight[k])
            passed = w * rate[source[k]]
            linear += passed
            square += w * passed
            if shared:
                both += same[k] * passed
        out[row, i] += linear
        out[row + 2, i] += square
        out[4, i] += both


def _orders(circuit: Circuit) -> tuple[list[str], list[str]]:
    """Return the populations sources first by events to somata, and by bursts to dendrites.

    Raises
    ------
    BurstpropError
        A projection of another kind, or a circle.
    """
    found = []
    for compartment, what in (("soma", "events"), ("dendrite", "bursts")):
        edges: dict[str, set[str]] = {p.name: set() for p in circuit.populations}
        for p in circuit.projections:
            if p.receptor.startswith(compartment):
                if p.transmits != what:
                    raise BurstpropError(
                        f"projection {p.name} transmits {p.transmits}: rate units know events to somata and "
                        "bursts to dendrites; use ensemble(circuit) for others"
                    )
                edges[p.target].add(p.source)
        order: list[str] = []
        while len(order) < len(edges):
            ready = [name for name in edges if name not in order and edges[name] <= set(order)]
            if not ready:
                raise BurstpropError(
                    f"{what} run in a circle through {', '.join(n for n in edges if n not in order)}: rate "
                    "units need layers; use ensemble(circuit)"
                )
            order += ready
        found.append(order)
    return found[0], found[1]


def _background(kind: Kind) -> dict[str, dict[str, float]]:
    row = pd.DataFrame([inputs(kind, Drive())])
    return {
        c: {key: float(value[0]) for key, value in sums(kind, row, c).items()} for c in ("soma", "dendrite")
    }
