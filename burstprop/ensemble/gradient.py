"""The gradient that learning should follow: how a cost of the output's mean event rate changes with weights.

By hand, layer by layer, through the closed forms: with f the event rate of a neuron as a function of its
conductances and noise sums (`burst_poisson.Somatic`)::

    dE_i/dw_ij = r_j (tau f_g + 2 w_ij f_l + w'_ij f_s)
    dE_i/dr_j  = w_ij tau f_g + w_ij^2 f_l + w_ij w'_ij f_s  (+ the same of inhibition)

w' is the inhibitory weight of the same pair. A source that is faster is also more regular, and that lowers
the noise that it gives. Burst probabilities are held (they change events by a few
percent), and so is what a layer has in common (`synchrony`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from burstprop.ensemble.burst_poisson import Somatic
from burstprop.ensemble.connections import Synapses
from burstprop.ensemble.synchrony import common_power, refractory
from burstprop.ensemble.units import Rates, Units

PARTS = {"l_exc": 0, "l_inh": 1, "shared": 2}
"""Where an input stands in `Somatic.regular`."""
NUDGE = {"g_exc": 1e-3, "g_inh": 1e-3, "l_exc": 0.05, "l_inh": 0.05, "shared": 0.05}


def gradient(
    units: Units,
    rates: Rates,
    cost_slope: Callable[[float], float],
    *,
    output: str = "output",
    mean: bool = False,
) -> dict[str, Any]:
    """Return dC/dw of every plastic projection.

    Parameters
    ----------
    units : Units
    rates : Rates
        What ``units.rates`` gave for the pattern, with these weights.
    cost_slope : callable
        dC/dE of the mean event rate of the output (Hz).
    output : str
        The population whose mean event rate the cost is of.
    mean : bool
        One number a projection, by the mean weight (the same change of all); otherwise one a synapse, in the
        order of ``units.synapses``.
    """
    n = units.n[output]
    wanted = {name: np.zeros(units.n[name]) for name in units.names}
    wanted[output] = np.full(n, cost_slope(float(rates.events[output].mean())) / n)
    found: dict[str, Any] = {}
    for name in reversed(units.up):
        if name in units.private or not wanted[name].any():
            continue
        slopes = _slopes(units, name, rates)
        for source, own_slopes in slopes.items():
            wanted[source] += float(wanted[name] @ own_slopes["regular"]) / units.n[source]
        for sign in ("exc", "inh"):
            for s in units.into(name, f"soma_{sign}"):
                by_weight, by_rate = _through(units, s, sign, slopes[s.projection.source], rates)
                target, source = s.target, s.projection.source
                wanted[source] += np.bincount(
                    s.source, weights=wanted[name][target] * by_rate, minlength=units.n[source]
                )
                if s.projection.rule is not None:
                    own = wanted[name][target] * by_weight
                    found[s.projection.name] = float(own.sum()) if mean else own
    for s in units.synapses.values():
        if s.projection.rule is not None and s.projection.name not in found:
            found[s.projection.name] = 0.0 if mean else np.zeros(len(s.weight))
    return found


def _slopes(units: Units, name: str, rates: Rates) -> dict[str, dict[str, np.ndarray]]:
    """Return for each source the derivatives of a population's event rates by what it adds to the inputs."""
    soma = rates.soma[name]
    pairs = [s for sign in ("exc", "inh") for s in units.into(name, f"soma_{sign}")]
    sources = list(dict.fromkeys(s.projection.source for s in pairs))

    def events(changed: Somatic) -> np.ndarray:
        return units.curves.with_bursts(units.curves.events(changed), rates.burst_prob[name])

    def nudged(source: int, key: str, step: float) -> Somatic:
        changed = replace(soma, **{key: getattr(soma, key) + step})
        if key in PARTS and soma.regular:  # the noise of this source's trains is not that of Poisson ones
            powers, parts = soma.regular
            parts = parts.copy()
            parts[source, PARTS[key]] += step
            changed = replace(changed, regular=(powers, parts))
        return changed

    def with_rate(source: int, mean_hz: float) -> Somatic:
        """Return the inputs where the trains of a source are as regular as those of another mean rate."""
        g = 1.0 + float(np.mean(soma.g_exc + soma.g_inh))
        assert soma.regular is not None
        powers = soma.regular[0].copy()
        powers[source] = common_power(units.curves.neuron, g, refractory(units.curves.neuron, mean_hz))
        return replace(soma, regular=(powers, soma.regular[1]))

    found = {}
    for k, source in enumerate(sources):
        found[source] = {
            key: (events(nudged(k, key, step)) - events(nudged(k, key, -step))) / (2 * step)
            for key, step in NUDGE.items()
        }
        mean = float(rates.events[source].mean())
        found[source]["regular"] = (events(with_rate(k, mean + 0.1)) - events(with_rate(k, mean - 0.1))) / 0.2
    return found


def _through(
    units: Units, s: Synapses, sign: str, slopes: dict[str, np.ndarray], rates: Rates
) -> tuple[np.ndarray, np.ndarray]:
    """Return dE_i/dw_ij and dE_i/dr_j of every synapse; what a pair shares counts with its excitation."""
    tau = getattr(units.curves.neuron, f"tau_{sign}") / 1000.0
    target = s.target
    w, r = s.weight.astype(np.float64), rates.events[s.projection.source][s.source]
    same = np.zeros(len(w)) if s.same is None else s.same
    f_g, f_l, f_s = slopes[f"g_{sign}"][target], slopes[f"l_{sign}"][target], slopes["shared"][target]
    by_weight = r * (tau * f_g + 2 * w * f_l + same * f_s)
    return by_weight, w * tau * f_g + w**2 * f_l + w * same * f_s


def differences(
    units: Units,
    cost: Callable[[float], float],
    projection: str,
    *,
    output: str = "output",
    soma_pa: dict[str, float] | None = None,
    step: float = 0.02,
) -> float:
    """Return dC/d(mean weight) of a projection by central differences, everything else following."""
    s = units.synapses[projection]
    before, values = s.weight.copy(), []
    try:
        for sign in (-1.0, 1.0):
            s.weight[:] = before + sign * step
            values.append(cost(float(units.rates(soma_pa=soma_pa).events[output].mean())))
    finally:
        s.weight[:] = before
    return (values[1] - values[0]) / (2 * step)
