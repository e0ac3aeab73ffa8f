"""Event rate and burst probability of Burst-Poisson neurons in closed form.

The soma and the dendrite are linear between spikes, so what a neuron's inputs do to both is known: mean and
variance of the membrane potential that Poisson trains of given rates and weights make (Campbell). With
A = E_rev - V* the driving force, g the total conductance (leak 1) and h the answer of the membrane to one
spike::

    y = sum g_r A_r + I/G + (E_L - V*)
    s^2 = sum_r L_r A_r^2 O_rr + 2 sum shared A_e A_i O_ei  (+ common noise)
    L = sum over sources of rate x weight^2,  O_ab = integral of h_a h_b,  everything over g

**Events.** ln E0 is a polynomial in x = (y/g)/s, ln s and ln g, fitted to isolated populations at random
inputs; a burst lengthens the refractory time, E = E0/(1 + d E0 P), d fitted.

**Bursts.** At an event the dendrite's potential is normal, so
P = sigmoid((Vbar - E_d)/(D_d sqrt(1 + pi s^2/(8 D_d^2)))): no simulation but for two numbers, the somatic
voltage V*_d that drives dendritic synapses at events, and the variance that is there without any noise.

``shared``: a source that excites and inhibits the same neuron cancels part of its own noise. ``common``: the
neurons of one population spike together where they share inputs (`burstprop.ensemble.synchrony`), and that
noise does not average out over sources. ``regular``: a refractory neuron's train has less noise than a
Poisson train.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from burstprop.ensemble import membrane
from burstprop.ensemble.isolated import Drive, Effort, Kind, inputs, measure
from burstprop.jit.kernel import compiled

X_RANGE = (-2.3, -0.1)
"""Where random inputs are drawn: beyond it a neuron is silent, or depolarised past its threshold."""
DESIGNS = 60
"""Random inputs measured for each kind of population."""
TERMS = tuple(
    (i, j, k)
    for i, j, k in product(range(4), range(3), range(3))
    if i + j + k <= 2 or j + k == 0 or (j + k == 1 and i + j + k <= 3)
)
"""Powers of x, ln s and ln g in ln E0."""
_POWERS = np.array(TERMS, np.int64)


@dataclass(frozen=True)
class Somatic:
    """Inputs of a soma, arrays of one value per neuron: conductances, noise sums (1/s), current (pA)."""

    g_exc: np.ndarray
    g_inh: np.ndarray
    l_exc: np.ndarray
    l_inh: np.ndarray
    shared: np.ndarray
    current_pa: np.ndarray | float
    common: membrane.Pair = None
    regular: membrane.Pair = None
    """Noise beyond that of independent Poisson trains, see `membrane`."""


@dataclass(frozen=True)
class BurstPoissonCurves:
    """Closed forms of one neuron; see the module's text. Fitted numbers come from `fit_burst_poisson`."""

    neuron: Any
    coefficients: np.ndarray
    dead_time_s: float
    v_dendrite_mv: float
    rest_variance: float
    x_range: tuple[float, float]
    residuals: dict[str, float]

    def coordinates(self, soma: Somatic) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return x, ln s and ln g of the soma's membrane potential."""
        inputs = soma.g_exc, soma.g_inh, soma.l_exc, soma.l_inh, soma.shared, soma.current_pa
        x, ln_s, ln_g = membrane.soma(self.neuron, inputs, soma.common, soma.regular)
        return x, ln_s, ln_g

    def events(self, soma: Somatic) -> np.ndarray:
        """Return the event rate without bursts, E0 (Hz), one per neuron."""
        return np.exp(self.log_events(*self.coordinates(soma)))

    def with_bursts(self, first: np.ndarray, burst_prob: np.ndarray) -> np.ndarray:
        """Return the event rate (Hz), which bursts lower: E0/(1 + d E0 P)."""
        return first / (1.0 + self.dead_time_s * first * burst_prob)

    def log_events(self, x: np.ndarray, ln_s: np.ndarray, ln_g: np.ndarray) -> np.ndarray:
        """Return ln E0; beyond the measured x it goes on with the slope of the end."""
        arrays = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (x, ln_s, ln_g)))
        flat = [np.ascontiguousarray(v.ravel()) for v in arrays]
        out = np.empty(arrays[0].size)
        compiled(_log_events)(*flat, self.coefficients, _POWERS, *self.x_range, out)
        return out.reshape(arrays[0].shape)

    def dendrite(
        self,
        g_exc: np.ndarray,
        g_inh: np.ndarray,
        l_exc: np.ndarray,
        l_inh: np.ndarray,
        shared: np.ndarray,
        current_pa: np.ndarray | float,
        common: membrane.Pair = None,
        regular: membrane.Pair = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean (mV) and variance (mV^2) of the dendritic potential at events."""
        inputs = g_exc, g_inh, l_exc, l_inh, shared, current_pa
        mean, variance = membrane.dendrite(self.neuron, self.v_dendrite_mv, inputs, common, regular)
        return mean, self.rest_variance + variance

    def burst_prob(self, mean_mv: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return the probability that an event is a burst."""
        n = self.neuron
        width = n.d_d * np.sqrt(1.0 + np.pi * variance / (8.0 * n.d_d**2))
        return 1.0 / (1.0 + np.exp(-(mean_mv - n.e_d) / width))


def fit_burst_poisson(
    kinds: list[Kind], effort: Effort | None = None, *, seed: int = 1, cache: bool = True, told: Any = None
) -> tuple[BurstPoissonCurves, pd.DataFrame]:
    """Measure isolated populations of each kind at random inputs and fit the closed forms.

    The inputs are Poisson trains as a feedforward and a feedback layer of some hundred neurons would send
    them, and currents; the kinds differ in their backgrounds only.
    """
    effort = effort or Effort(n=400, settle_ms=500.0, time_ms=3000.0)
    rng = np.random.default_rng(seed)
    frames = []
    for kind in kinds:
        if told:
            told(f"Burst-Poisson neuron: {DESIGNS} random inputs")
        answers = measure(kind, [_design_of(rng, kind) for _ in range(DESIGNS)], effort, cache=cache)
        frames.append(answers.assign(kind=kinds.index(kind)))
    answers = pd.concat(frames, ignore_index=True)
    return _fit(kinds, answers), answers


def _design_of(rng: np.random.Generator, kind: Kind) -> Drive:
    """Return random inputs: two populations of 100 sources that excite and inhibit, bursts that come back."""
    blank = _blank(kind.neuron)
    while True:
        trains: list[tuple[str, float, float]] = []
        for _ in range(2):
            rate = 100.0 * rng.uniform(1.2, 11.0)
            trains += [("soma_exc", rate, rng.uniform(0.02, 0.5)), ("soma_inh", rate, 0.25)]
        if rng.random() < 0.6:
            bursts = 100.0 * rng.uniform(0.02, 5.0)
            trains += [
                ("dendrite_exc", bursts, rng.uniform(0.02, 0.3)),
                ("dendrite_inh", bursts, rng.uniform(0.02, 0.3)),
            ]
        drive = Drive({"dendrite": rng.uniform(-900.0, 1400.0)}, {}, tuple(trains))
        soma = sums(kind, pd.DataFrame([inputs(kind, drive)]), "soma")
        x = blank.coordinates(Somatic(**soma, shared=np.zeros(1), current_pa=np.zeros(1)))[0][0]
        if X_RANGE[0] <= x <= X_RANGE[1]:
            return drive


def _blank(neuron: Any) -> BurstPoissonCurves:
    return BurstPoissonCurves(neuron, np.zeros(len(TERMS)), 0.0, membrane.V_SOMA_MV, 1.0, (-1e9, 1e9), {})


def sums(kind: Kind, answers: pd.DataFrame, compartment: str) -> dict[str, Any]:
    """Return the noise sums of measured inputs, backgrounds included, and their mean conductances."""
    found = {}
    for sign, tau in (("exc", kind.neuron.tau_exc), ("inh", kind.neuron.tau_inh)):
        receptor = f"{compartment}_{sign}"
        own = [(rate, w, counts) for r, rate, w, counts in kind.backgrounds if r == receptor]
        thin = [1.0 - rate * kind.dt_ms / 1000.0 if counts == "bernoulli" else 1.0 for rate, _, counts in own]
        found[f"g_{sign}"] = (
            answers[f"g_{receptor}"].to_numpy() + sum(r * w for r, w, _ in own) * tau / 1000.0
        )
        found[f"l_{sign}"] = answers[f"l_{receptor}"].to_numpy() + sum(
            r * w**2 * q for (r, w, _), q in zip(own, thin, strict=True)
        )
    return found


def _fit(kinds: list[Kind], answers: pd.DataFrame) -> BurstPoissonCurves:
    neuron = kinds[0].neuron
    blank = _blank(neuron)
    events, bursts = answers["event_rate_hz"].to_numpy(), answers["burst_rate_hz"].to_numpy()
    counted = answers["events"].to_numpy()
    p = bursts / np.maximum(events, 1e-9)
    zero = np.zeros(len(answers))
    parts = {c: _together(kinds, answers, c) for c in ("soma", "dendrite")}
    soma = Somatic(**parts["soma"], shared=zero, current_pa=answers["I_soma"].to_numpy())
    x, ln_s, ln_g = blank.coordinates(soma)
    used = counted >= 200
    design = _design(x, ln_s, ln_g)[used]
    weights = np.sqrt(1.0 / (1.0 / counted[used] + 0.02**2))

    def events_left(dead: float) -> tuple[np.ndarray, np.ndarray]:
        first = events[used] / (1.0 - dead * events[used] * p[used])
        coefficients = np.linalg.lstsq(design * weights[:, None], np.log(first) * weights, rcond=None)[0]
        return coefficients, (design @ coefficients - np.log(first)) * weights

    dead = least_squares(lambda d: events_left(float(d[0]))[1], [0.0065], x_scale=0.001, diff_step=0.01).x[0]
    coefficients, left = events_left(float(dead))

    def bursts_left(free: np.ndarray) -> np.ndarray:
        curve = BurstPoissonCurves(neuron, coefficients, dead, free[0], free[1], (-1e9, 1e9), {})
        mean, variance = curve.dendrite(
            **parts["dendrite"], shared=zero, current_pa=answers["I_dendrite"].to_numpy()
        )
        return (curve.burst_prob(mean, np.maximum(variance, 0.0)) - p)[used]

    free = least_squares(bursts_left, [-52.4, 1.0]).x
    away = bursts_left(free)
    relative = np.expm1(left / weights)
    return BurstPoissonCurves(
        neuron,
        coefficients,
        float(dead),
        float(free[0]),
        float(free[1]),
        (float(x[used].min()), float(x[used].max())),
        {
            "events_rms": float(np.sqrt(np.mean(relative**2))),
            "events_largest": float(np.abs(relative).max()),
            "burst_prob_rms": float(np.sqrt(np.mean(away**2))),
            "burst_prob_largest": float(np.abs(away).max()),
            "points": float(used.sum()),
        },
    )


def _together(kinds: list[Kind], answers: pd.DataFrame, compartment: str) -> dict[str, Any]:
    parts = [sums(kind, answers[answers["kind"] == k], compartment) for k, kind in enumerate(kinds)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _design(x: np.ndarray, ln_s: np.ndarray, ln_g: np.ndarray) -> np.ndarray:
    powers = [[np.ones_like(x + ln_s + ln_g), v, v * v, v * v * v] for v in (x, ln_s, ln_g)]
    return np.stack(
        [
            np.broadcast_to(powers[0][i] * powers[1][j] * powers[2][k], powers[0][0].shape)
            for i, j, k in TERMS
        ],
        axis=-1,
    )


def _log_events(x, ln_s, ln_g, coefficients, powers, low, high, out):
    """Evaluate the polynomial; beyond ``low`` and ``high`` a straight line in x that does not fall."""
    by_x, by_s, by_g = np.ones(4), np.ones(4), np.ones(4)
    for i in range(len(out)):
        held, total, slope = min(max(x[i], low), high), 0.0, 0.0
        for k in range(1, 4):
            by_x[k] = by_x[k - 1] * held
            by_s[k] = by_s[k - 1] * ln_s[i]
            by_g[k] = by_g[k - 1] * ln_g[i]
        for t in range(len(coefficients)):
            a, b, c = powers[t, 0], powers[t, 1], powers[t, 2]
            rest = coefficients[t] * by_s[b] * by_g[c]
            total += rest * by_x[a]
            if a > 0:
                slope += rest * a * by_x[a - 1]
        out[i] = total + max(slope, 0.0) * (x[i] - held)
