"""The burst-dependent rule in rate form, on the synapses of rate units.

What the rule needs of a neuron are moving averages of its events and bursts (Ebar, Bbar, over tau_avg), of
all its spikes (R, over 30 s), and the trace e_pre of its sources. Between changes of input all rates are
constant, so the averages relax exponentially; what makes them differ from their mean is that they count few
spikes. Without plasticity that noise is drawn at once (an Ornstein-Uhlenbeck step with the variance
F E/(2 tau_avg) that counting gives, F its Fano factor); while plasticity is on, events and bursts of each
neuron are drawn in bins of 50 ms, and every synapse changes by::

    dw_ij = eta sum_t [ b_i (1 + h_i) + e_i (h_i - Pbar_i) ](t) epre_j(t)
            + eta max(0, E_min - R_i) sum_t e_j(t)
            + eta (0.905 P_i - Pbar_i + h_i (1 + P_i)) T (dE_i/dg) w_ij tau_s E_j

The last part is causal: a source's own spike helps to fire the neuron, so the trace that an event meets is
above its mean, and has decayed by exp(-10/100) when the burst comes. It is small, and all there is without a
teacher.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from burstprop.circuit.plasticity import BurstDependentRule
from burstprop.ensemble.units import Rates, Units
from burstprop.errors import BurstpropError
from burstprop.jit.kernel import entry_point

BIN_MS = 50.0
REGULAR_HZ = 5.9
"""Refractory and adapting neurons count more evenly than Poisson: variance over mean of a neuron's events in
2 s is 1/(1 + E/5.9 Hz), within 4 % of isolated populations of 3 to 16 Hz (0.63, 0.53, 0.48, 0.26)."""
BURST_DELAY_MS = 10.0
"""Mean interval from an event to its burst."""


@dataclass
class Averages:
    """Moving averages of one population, Hz, one value per neuron."""

    events: np.ndarray
    bursts: np.ndarray
    spikes: np.ndarray


class Learner:
    """Averages and weights of rate units in time.

    Parameters
    ----------
    units : Units
        Their synapses are changed in place.
    seed : int
        Of the noise.
    noise : bool
        Whether averages, traces and spikes are drawn; without it all are their means.
    """

    def __init__(self, units: Units, *, seed: int = 1, noise: bool = True) -> None:
        """Begin with averages as a simulation begins: no events yet, R at its start."""
        self.units, self.noise = units, noise
        self._ask, self._decay, self._learn = (entry_point(f, ()) for f in (_ask, _decay, _learn))
        self.rng = np.random.default_rng([seed, 99])
        self.plastic = [s for s in units.synapses.values() if s.projection.rule is not None]
        if not self.plastic:
            raise BurstpropError("no projection of the circuit has a rule: there is nothing that learns")
        self.rule: BurstDependentRule = self.plastic[0].projection.rule  # type: ignore[assignment]
        for s in self.plastic:
            rule: Any = s.projection.rule
            same = ("tau_avg_ms", "tau_pre_ms", "lower_rate", "fixed_burst_prob")
            if any(getattr(rule, name) != getattr(self.rule, name) for name in same):
                raise BurstpropError(
                    f"projection {s.projection.name}: its rule differs in one of {', '.join(same)} "
                    f"from that of {self.plastic[0].projection.name}; rate units keep one "
                    "set of averages per population"
                )
        if self.rule.fixed_burst_prob is not None or self.rule.lower_rate != "spikes":
            raise BurstpropError(
                "rate units learn with moving burst probability and R of all spikes "
                "(fixed_burst_prob=None, lower_rate='spikes'); simulate the circuit for the other forms"
            )
        self.targets = list(dict.fromkeys(s.projection.target for s in self.plastic))
        self.averages = {
            name: Averages(
                np.zeros(units.n[name]),
                np.zeros(units.n[name]),
                np.full(units.n[name], self.rule.lower_start_hz),
            )
            for name in self.targets
        }

    def wait(self, rates: Rates, time_ms: float) -> None:
        """Let the averages go on without plasticity for ``time_ms`` at constant rates."""
        tau, slow = self.rule.tau_avg_ms, self.rule.lower_tau_ms
        keep, keep_slow = np.exp(-time_ms / tau), np.exp(-time_ms / slow)
        for name in self.targets:
            own, e, p = self.averages[name], rates.events[name], rates.burst_prob[name]
            own.events = e + (own.events - e) * keep
            own.bursts = e * p + (own.bursts - e * p) * keep
            own.spikes = e * (1 + p) + (own.spikes - e * (1 + p)) * keep_slow
            if self.noise:
                left = (1.0 - keep**2) / (2.0 * tau / 1000.0)
                counted = np.sqrt(fano(e) * e * left) * self.rng.standard_normal(len(e))
                coin = np.sqrt(p * (1 - p) * e * left) * self.rng.standard_normal(len(e))
                own.events = np.maximum(own.events + counted, 1e-3)
                own.bursts = np.clip(own.bursts + p * counted + coin, 0.0, None)

    def learn(self, rates: Rates, time_ms: float) -> None:
        """Let all plastic synapses learn for ``time_ms`` at constant rates."""
        bins = max(1, round(time_ms / BIN_MS))
        dt = time_ms / bins
        drawn = {name: self._draw(rates, name, bins, dt) for name in self._taking_part()}
        factors = {name: self._factors(name, *drawn[name], dt) for name in self.targets}
        causal = {name: self._causal(rates, name, factors[name][1], time_ms) for name in self.targets}
        traces = {name: self._trace(rates, name, drawn[name][0], dt) for name in self._taking_part()}
        for s in self.plastic:
            rule: Any = s.projection.rule
            source, target = s.projection.source, s.projection.target
            lower = np.maximum(0.0, rule.e_min_hz - self.averages[target].spikes)
            self._learn(
                s.start,
                s.source,
                s.weight,
                factors[target][0],
                np.ascontiguousarray(traces[source].T),
                lower,
                drawn[source][0].sum(axis=1, dtype=np.float64),
                causal[target],
                rates.events[source],
                rule.eta,
                rule.w_max,
            )

    def _taking_part(self) -> list[str]:
        return list(dict.fromkeys([*self.targets, *(s.projection.source for s in self.plastic)]))

    def _draw(self, rates: Rates, name: str, bins: int, dt: float) -> tuple[np.ndarray, np.ndarray]:
        """Return events and bursts of every neuron in every bin, shape (n, bins)."""
        expected, p = rates.events[name][:, None] * dt / 1000.0, rates.burst_prob[name][:, None]
        if not self.noise:
            events = np.repeat(expected.astype(np.float32), bins, axis=1)
            return events, events * p.astype(np.float32)
        # at most one event a bin: a neuron is refractory for 20 ms and adapted for 100
        chance = self.rng.random((2, len(expected), bins), dtype=np.float32)
        events = chance[0] < expected
        return events.astype(np.float32), (events & (chance[1] < p)).astype(np.float32)

    def _factors(
        self, name: str, events: np.ndarray, bursts: np.ndarray, dt: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what every neuron's events and bursts ask of its synapses in each bin, and mean Pbar and h.

        The averages go on by the way.
        """
        own, rule = self.averages[name], self.rule
        factors, means = np.empty_like(events), np.zeros((2, len(events)))
        keep = [np.exp(-dt / rule.tau_avg_ms), np.exp(-dt / rule.lower_tau_ms)]
        # one event raises an average by 1/tau
        raised = [1000.0 / rule.tau_avg_ms, 1000.0 / rule.lower_tau_ms]
        state = np.array([own.events, own.bursts, own.spikes])
        self._ask(events, bursts, state, factors, means, *keep, *raised, rule.e_max_hz)
        own.events, own.bursts, own.spikes = state
        return factors, means

    def _trace(self, rates: Rates, name: str, events: np.ndarray, dt: float) -> np.ndarray:
        """Return the presynaptic trace at a moment of each bin, shape (n, bins); without noise its mean."""
        tau, e = self.rule.tau_pre_ms, rates.events[name]
        level = e * tau / 1000.0
        if self.noise:
            spread = np.sqrt(fano(e) * e * tau / 2000.0)
            level = np.maximum(level + spread * self.rng.standard_normal(len(e)), 0.0)
        traces = np.empty_like(events)
        if self.noise:
            moments = self.rng.random((2, *events.shape), dtype=np.float32)
            faded = np.exp(moments[1] * np.float32(-dt / tau))
        else:
            moments, faded = np.zeros((2, 0, 0), np.float32), np.zeros((0, 0), np.float32)
        self._decay(events, level, traces, moments, faded, dt, tau)
        return traces

    def _causal(self, rates: Rates, name: str, means: np.ndarray, time_ms: float) -> np.ndarray:
        """Return the change that a synapse makes by helping to fire the neuron, over w_ij E_j (s)."""
        units, p = self.units, rates.burst_prob[name]
        expected, h = means
        late = np.exp(-BURST_DELAY_MS / self.rule.tau_pre_ms)
        slope = units.slope(name, rates)
        tau_s = units.curves.neuron.tau_exc / 1000.0
        return (late * p * (1 + h) - expected + h) * time_ms / 1000.0 * slope * tau_s


def fano(event_rate_hz: np.ndarray) -> np.ndarray:
    """Return the variance over the mean of a neuron's event count over seconds."""
    return 1.0 / (1.0 + event_rate_hz / REGULAR_HZ)


def _ask(events, bursts, state, factors, means, keep, keep_slow, raised, raised_slow, e_max):
    """Let the averages of one population (rows Ebar, Bbar, R) count its events and bursts, bin by bin."""
    bins = events.shape[1]
    for i in range(events.shape[0]):
        events_hz, bursts_hz, spikes_hz = state[0, i], state[1, i], state[2, i]
        for t in range(bins):
            e, b = np.float64(events[i, t]), np.float64(bursts[i, t])
            # -1 of a neuron that never had an event
            expected = min(1.0, bursts_hz / events_hz) if events_hz > 0.0 else -1.0
            h = e_max / max(events_hz, e_max) - 1.0
            factors[i, t] = b * (1.0 + h) + e * (h - expected)
            means[0, i] += expected / bins
            means[1, i] += h / bins
            events_hz = events_hz * keep + e * raised
            bursts_hz = bursts_hz * keep + b * raised
            spikes_hz = spikes_hz * keep_slow + (e + b) * raised_slow
        state[0, i], state[1, i], state[2, i] = events_hz, bursts_hz, spikes_hz


def _decay(events, level, traces, moments, faded, dt, tau):
    """Let the traces of one population decay.

    With ``moments`` (2, n, bins; shares of a bin) the first says when the bin's event is, the second when the
    trace is looked at: an average over the bin would have less noise than what a synapse meets. ``faded`` is
    what is left of the trace from the bin's beginning to the second moment.
    """
    keep, drawn = np.exp(-dt / tau), moments.shape[1] > 0
    share = tau / dt * (1.0 - keep)
    for i in range(events.shape[0]):
        now = level[i]
        for t in range(events.shape[1]):
            e = np.float64(events[i, t])
            if not drawn:
                traces[i, t] = now * share + e * (1.0 - share)
                now = now * keep + e * share
                continue
            traces[i, t] = now * faded[i, t]
            now *= keep
            if e > 0.0:
                at, seen = moments[0, i, t] * dt, moments[1, i, t] * dt
                if at < seen:
                    traces[i, t] += e * np.exp((at - seen) / tau)
                now += e * np.exp((at - dt) / tau)


def _learn(start, source, weight, factors, traces, lower, counts, causal, rate, eta, w_max):
    """Change the weights of one projection; ``traces`` (bins, sources), ``factors`` (targets, bins)."""
    asked = np.empty(traces.shape[1], np.float32)
    for i in range(len(start) - 1):
        # of all sources at once, in their order: synapses look up one number
        for j in range(len(asked)):
            asked[j] = lower[i] * counts[j]
        for t in range(factors.shape[1]):
            if factors[i, t] != 0.0:
                for j in range(len(asked)):
                    asked[j] += factors[i, t] * traces[t, j]
        for k in range(start[i], start[i + 1]):
            total = asked[source[k]] + causal[i] * weight[k] * rate[source[k]]
            weight[k] = min(max(weight[k] + eta * total, 0.0), w_max)
