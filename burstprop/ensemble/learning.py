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

    def learn(self, rates: Rates, time_ms: float, soma_pa: dict[str, float] | None = None) -> None:
        """Let all plastic synapses learn for ``time_ms`` at constant rates."""
        bins = max(1, round(time_ms / BIN_MS))
        dt = time_ms / bins
        drawn = {name: self._draw(rates, name, bins, dt) for name in self._taking_part()}
        factors = {name: self._factors(rates, name, *drawn[name], dt) for name in self.targets}
        causal = {
            name: self._causal(rates, name, factors[name][1], time_ms, soma_pa or {}) for name in self.targets
        }
        traces = {name: self._trace(rates, name, drawn[name][0], dt) for name in self._taking_part()}
        kernel = entry_point(_learn, ())
        for s in self.plastic:
            rule: Any = s.projection.rule
            source, target = s.projection.source, s.projection.target
            lower = np.maximum(0.0, rule.e_min_hz - self.averages[target].spikes)
            kernel(
                s.start,
                s.source,
                s.weight,
                factors[target][0],
                traces[source],
                lower,
                drawn[source][0].sum(axis=1),
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
            events = np.repeat(expected, bins, axis=1)
            return events, events * p
        # at most one event a bin: a neuron is refractory for 20 ms and adapted for 100
        chance = self.rng.random((2, len(expected), bins), dtype=np.float32)
        events = (chance[0] < expected).astype(np.float64)
        return events, events * (chance[1] < p)

    def _factors(
        self, rates: Rates, name: str, events: np.ndarray, bursts: np.ndarray, dt: float
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Return what every neuron's events and bursts ask of its synapses in each bin, and mean Pbar and h.

        The averages go on by the way.
        """
        own, rule = self.averages[name], self.rule
        keep, keep_slow = np.exp(-dt / rule.tau_avg_ms), np.exp(-dt / rule.lower_tau_ms)
        factors, mean_p, mean_h = np.empty_like(events), np.zeros(len(events)), np.zeros(len(events))
        for k in range(events.shape[1]):
            e, b = events[:, k], bursts[:, k]
            expected = np.full(len(e), -1.0)  # of a neuron that never had an event
            known = own.events > 0
            expected[known] = np.minimum(1.0, own.bursts[known] / own.events[known])
            h = rule.e_max_hz / np.maximum(own.events, rule.e_max_hz) - 1.0
            factors[:, k] = b * (1.0 + h) + e * (h - expected)
            mean_p += expected / events.shape[1]
            mean_h += h / events.shape[1]
            own.events = own.events * keep + e * 1000.0 / rule.tau_avg_ms
            own.bursts = own.bursts * keep + b * 1000.0 / rule.tau_avg_ms
            own.spikes = own.spikes * keep_slow + (e + b) * 1000.0 / rule.lower_tau_ms
        return factors, (mean_p, mean_h)

    def _trace(self, rates: Rates, name: str, events: np.ndarray, dt: float) -> np.ndarray:
        """Return the presynaptic trace in each bin, its mean over the bin, shape (n, bins)."""
        tau, e = self.rule.tau_pre_ms, rates.events[name]
        level = e * tau / 1000.0
        if self.noise:
            spread = np.sqrt(fano(e) * e * tau / 2000.0)
            level = np.maximum(level + spread * self.rng.standard_normal(len(e)), 0.0)
        keep = np.exp(-dt / tau)
        share = tau / dt * (1.0 - keep)
        traces = np.empty_like(events)
        for k in range(events.shape[1]):
            traces[:, k] = level * share + events[:, k] * (1.0 - share)
            level = level * keep + events[:, k] * share
        return traces

    def _causal(
        self,
        rates: Rates,
        name: str,
        averages: tuple[np.ndarray, np.ndarray],
        time_ms: float,
        soma_pa: dict[str, float],
    ) -> np.ndarray:
        """Return the change that a synapse makes by helping to fire the neuron, over w_ij E_j (s)."""
        units, p = self.units, rates.burst_prob[name]
        expected, h = averages
        late = np.exp(-BURST_DELAY_MS / self.rule.tau_pre_ms)
        slope = units.slope(name, rates, soma_pa.get(name, 0.0))
        tau_s = units.curves.neuron.tau_exc / 1000.0
        return (late * p * (1 + h) - expected + h) * time_ms / 1000.0 * slope * tau_s


def fano(event_rate_hz: np.ndarray) -> np.ndarray:
    """Return the variance over the mean of a neuron's event count over seconds."""
    return 1.0 / (1.0 + event_rate_hz / REGULAR_HZ)


def _learn(start, source, weight, factors, traces, lower, counts, causal, rate, eta, w_max):
    """Change the weights of one projection, row by row of its targets."""
    bins = factors.shape[1]
    for i in range(len(start) - 1):
        for k in range(start[i], start[i + 1]):
            j = source[k]
            total = lower[i] * counts[j] + causal[i] * weight[k] * rate[j]
            for t in range(bins):
                total += factors[i, t] * traces[j, t]
            weight[k] = min(max(weight[k] + eta * total, 0.0), w_max)
