"""A population's curves: what rates it answers to a drive, fitted to isolated populations.

The drive is one number a compartment, in pA::

    y_c = I_c + sum over receptors r of c: kappa_r g_r     (the somatic one plus the mean adaptation A)

kappa_r (pA per unit of conductance) is the driving force that a mean conductance works with: fitted, and not
what the mean voltage gives, because a neuron decides on spikes while it is near threshold. Three quantities
are functions of the drive: ln S (all spikes), logit of E/S (the share of spikes that are events) and logit P
(burst probability, B = P E).

Each is a polynomial whose degree is chosen by leave-one-out, tabulated on a fine lattice; a single
compartment whose curve is not a polynomial (a sharp onset) is interpolated monotonically. `Response.inside`
says whether a drive lies where it was measured; nothing is extrapolated in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator
from scipy.optimize import least_squares

from burstprop.ensemble.dynamics import compartment
from burstprop.ensemble.relay import Relay, fit_relay
from burstprop.errors import BurstpropError

SCALE_PA = 100.0
DEGREES = range(1, 6)
FEWEST_SPIKES = 20
"""Points with fewer are too noisy for a fit in logarithms."""
PIECEWISE = 0.03
"""Leave-one-out error of ln S above which a single compartment is interpolated."""
LATTICE = 121
QUANTITIES = ("log_spikes", "logit_event", "logit_burst")


@dataclass(frozen=True)
class Curve:
    """One quantity as a polynomial of the drive, or as an interpolation in one drive."""

    exponents: np.ndarray
    coefficients: np.ndarray
    error: float
    """Leave-one-out rms."""
    slope: np.ndarray
    """Of the straight line through all points, per 100 pA."""
    pieces: PchipInterpolator | None = None

    def __call__(self, *drive: np.ndarray) -> np.ndarray:
        """Return the quantity at drives in pA, one array a compartment."""
        if self.pieces is not None:
            low, high = self.pieces.x[[0, -1]]
            return self.pieces(np.clip(np.asarray(drive[0], float), low, high))
        scaled = [np.asarray(axis, float) / SCALE_PA for axis in drive]
        return _design(scaled, self.exponents) @ self.coefficients


@dataclass(frozen=True)
class Response:
    """The curves of one kind of population and where they hold."""

    compartments: tuple[str, ...]
    kappa: dict[str, float]
    curves: dict[str, Curve]
    adaptation: tuple[float, float, float]
    """Mean adaptation (pA) as c0 + c1 S + c2 S^2 of the rate of all spikes (Hz)."""
    second_spike_ms: float
    relays: tuple[Relay, ...]
    measured: np.ndarray
    """Drives of the grid, shape (points, compartments), pA."""
    edges: tuple[np.ndarray, np.ndarray]
    """Drives at the smallest and at the largest first current, by second drive."""
    residuals: dict[str, float]
    offset: np.ndarray = field(default_factory=lambda: np.zeros((2, 3)))
    """Correction of the drive for network noise: rows compartments; columns constant and slopes."""
    centre: np.ndarray = field(default_factory=lambda: np.zeros(2))

    def bounds(self, second: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Return between which first drives (pA) it was measured, given the second ones."""
        if second is None:
            return self.edges[0][0, 0], self.edges[1][0, 0]
        low, high = (np.interp(second, edge[:, 1], edge[:, 0]) for edge in self.edges)
        return low, high

    def inside(self, drive: np.ndarray, slack_pa: float = 12.0) -> np.ndarray:
        """Return for each drive, shape (n, compartments), whether it lies where it was measured."""
        drive = np.asarray(drive, float)
        second = drive[:, 1] if drive.shape[1] == 2 else None
        low, high = self.bounds(second)
        found = (drive[:, 0] >= low - slack_pa) & (drive[:, 0] <= high + slack_pa)
        if second is not None:
            ends = self.edges[0][[0, -1], 1]
            found &= (second >= ends[0] - slack_pa) & (second <= ends[1] + slack_pa)
        return found

    def corrected(self, drive: np.ndarray) -> np.ndarray:
        """Return the drive with the correction for network noise, shape (n, compartments)."""
        away = drive - self.centre[: drive.shape[1]]
        count = drive.shape[1]
        return drive + self.offset[:count, 0] + away @ self.offset[:count, 1 : 1 + count].T

    def quantities(self, drive: np.ndarray) -> np.ndarray:
        """Return ln S, logit E/S and logit P, shape (3, n), at drives of shape (n, compartments), pA.

        Beyond what was measured each goes on as the straight line that fits all of it: a rough guess that
        tells the growing grid where to go.
        """
        held = np.array(drive, float)
        if held.shape[1] == 2:
            ends = self.edges[0][[0, -1], 1]
            held[:, 1] = np.clip(held[:, 1], *ends)
        held[:, 0] = np.clip(held[:, 0], *self.bounds(held[:, 1] if held.shape[1] == 2 else None))
        beyond = (drive - held) / SCALE_PA
        return np.array(
            [curve(*held.T) + beyond @ curve.slope for curve in (self.curves[q] for q in QUANTITIES)]
        )

    def rates(self, drive: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return E (Hz), P and S (Hz) at drives of shape (n, compartments), pA."""
        log_spikes, logit_event, logit_burst = self.quantities(self.corrected(np.asarray(drive, float)))
        spikes = np.exp(log_spikes)
        return spikes * _sigmoid(logit_event), _sigmoid(logit_burst), spikes

    def middle_adaptation(self) -> float:
        """Return the adaptation (pA) at the middle of what was measured."""
        spikes = float(self.rates(self.measured.mean(axis=0, keepdims=True))[2][0])
        c = self.adaptation
        return c[0] + spikes * (c[1] + spikes * c[2])

    def lattice(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return low ends and steps of the lattice, shape (2,), and the tables, shape (3, n, n or 1)."""
        low, high = self.measured.min(axis=0), self.measured.max(axis=0)
        room = 0.25 * (high - low)
        axes = [np.linspace(a - r, b + r, LATTICE) for a, b, r in zip(low, high, room, strict=True)]
        mesh = np.meshgrid(*axes, indexing="ij")
        tables = self.quantities(np.column_stack([m.ravel() for m in mesh])).reshape(3, LATTICE, -1)
        step = [axis[1] - axis[0] for axis in axes]
        lows = [axis[0] for axis in axes]
        if len(axes) == 1:
            step, lows = [*step, 1.0], [*lows, 0.0]
        return np.array(lows), np.array(step), tables

    def with_offset(self, offset: np.ndarray, centre: np.ndarray) -> Response:
        """Return it with another correction for network noise."""
        return replace(self, offset=offset, centre=centre)


def fit_response(kind: Any, answers: pd.DataFrame, at_conductance: pd.DataFrame | None = None) -> Response:
    """Fit the curves of a kind of population.

    Parameters
    ----------
    kind : burstprop.ensemble.isolated.Kind
    answers : DataFrame
        A grid of currents without conductances, as `isolated.measure` returns it.
    at_conductance : DataFrame, optional
        Points with mean conductances: they decide kappa of the receptors that they drive.

    Raises
    ------
    BurstpropError
        Too few points answered with spikes.
    """
    compartments = kind.neuron.Drive._fields
    if len(compartments) > 2:
        raise BurstpropError(
            f"{type(kind.neuron).__name__} has {len(compartments)} compartments that take current "
            f"({', '.join(compartments)}): the rate model has curves of one or two"
        )
    used = answers[_spikes(answers) >= FEWEST_SPIKES]
    fewest = 2 if len(compartments) == 1 else 10
    if len(used) < fewest:
        raise BurstpropError(
            f"{type(kind.neuron).__name__}: only {len(used)} of {len(answers)} drives gave at least "
            f"{FEWEST_SPIKES} spikes; a fit needs {fewest}: give larger currents, or a longer measurement"
        )
    drive = _drive(used, compartments)
    curves = _fit_curves(answers, used, compartments)
    kappa = {} if at_conductance is None else _fit_kappa(kind, curves, at_conductance)
    spikes = used["rate_hz"].to_numpy()
    degree = 2 if np.ptp(used["adaptation_pa"]) > 0 else 0
    powers = np.polynomial.polynomial.polyfit(spikes, used["adaptation_pa"].to_numpy(), degree)
    relays = tuple(fit_relay(used, k, synapse) for k, synapse in enumerate(kind.synapses))
    return Response(
        compartments,
        kappa,
        curves,
        (*map(float, powers), *[0.0] * (2 - degree)),  # type: ignore[arg-type]
        float(np.average(used["second_spike_ms"], weights=used["burst_rate_hz"] + 1e-9)),
        relays,
        _drive(answers, compartments),
        _edges(answers, compartments),
        _residuals(curves, drive, used),
    )


def _drive(frame: pd.DataFrame, compartments: tuple[str, ...]) -> np.ndarray:
    drive = frame[[f"I_{name}" for name in compartments]].to_numpy(np.float64).copy()
    drive[:, 0] += frame["adaptation_pa"].to_numpy()
    return drive


def _edges(answers: pd.DataFrame, compartments: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    current, drive = answers[f"I_{compartments[0]}"].to_numpy(), _drive(answers, compartments)
    first, last = drive[current == current.min()], drive[current == current.max()]
    return first[np.argsort(first[:, -1])], last[np.argsort(last[:, -1])]


def _quantities(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    e, b, s = (frame[f"{name}rate_hz"].to_numpy(np.float64) for name in ("event_", "burst_", ""))
    share, p = (np.clip(part / np.maximum(whole, 1e-9), 1e-4, 1 - 1e-4) for part, whole in ((e, s), (b, e)))
    return np.log(np.maximum(s, 1e-3)), np.log(share / (1 - share)), np.log(p / (1 - p))


def _spikes(answers: pd.DataFrame) -> np.ndarray:
    """Return how many spikes each answer counts."""
    rate = answers["event_rate_hz"].to_numpy(np.float64)
    seconds = np.max(answers["events"].to_numpy() / np.maximum(rate, 1e-9))
    return seconds * answers["rate_hz"].to_numpy()


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def _design(axes: list[np.ndarray], exponents: np.ndarray) -> np.ndarray:
    columns = [np.prod([axis**k for axis, k in zip(axes, row, strict=True)], axis=0) for row in exponents]
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


def _fit_curves(answers: pd.DataFrame, used: pd.DataFrame, compartments: tuple[str, ...]) -> dict[str, Curve]:
    weights, drive = np.sqrt(_spikes(used)), _drive(used, compartments)
    if len(compartments) == 2 or len(used) == len(answers):
        curves = {
            name: _fit(drive, values, weights)
            for name, values in zip(QUANTITIES, _quantities(used), strict=True)
        }
        if len(compartments) == 2 or curves["log_spikes"].error <= PIECEWISE:
            return curves
    # a sharp onset: silent drives belong to the curve too
    everything = answers.sort_values(f"I_{compartments[0]}")
    at = _drive(everything, compartments)[:, 0]
    return {
        name: _interpolate(at, values)
        for name, values in zip(QUANTITIES, _quantities(everything), strict=True)
    }


def _interpolate(drive: np.ndarray, values: np.ndarray) -> Curve:
    slope = np.array([(values[-1] - values[0]) / (drive[-1] - drive[0]) * SCALE_PA])
    return Curve(np.zeros((1, 1)), values[:1], np.nan, slope, PchipInterpolator(drive, values))


def _fit(drive: np.ndarray, values: np.ndarray, weights: np.ndarray) -> Curve:
    """Return the weighted polynomial of the degree with the smallest leave-one-out error."""
    axes = [axis / SCALE_PA for axis in drive.T]
    line = np.column_stack([np.ones(len(values)), *axes]) * weights[:, None]
    slope = np.linalg.lstsq(line, weights * values, rcond=None)[0][1:]
    best: Curve | None = None
    for degree in DEGREES:
        exponents = np.array([row for row in np.ndindex(*[degree + 1] * len(axes)) if sum(row) <= degree])
        if 2 * len(exponents) > len(values):
            break
        design = _design(axes, exponents) * weights[:, None]
        inverse = np.linalg.pinv(design)
        hat = np.einsum("ij,ji->i", design, inverse)
        coefficients = inverse @ (weights * values)
        away = (values - design @ coefficients / weights) / np.maximum(1 - hat, 1e-6)
        error = float(np.sqrt(np.average(away**2, weights=weights**2)))
        if best is None or error < best.error:
            best = Curve(exponents, coefficients, error, slope)
    assert best is not None
    return best


def _fit_kappa(kind: Any, curves: dict[str, Curve], points: pd.DataFrame) -> dict[str, float]:
    compartments = kind.neuron.Drive._fields
    driven = [r for r in kind.neuron.receptors if (points[f"g_{r}"] > 0).any()]
    base = _drive(points, compartments)
    g = points[[f"g_{r}" for r in driven]].to_numpy()
    index = [compartments.index(compartment(kind.neuron, r)) for r in driven]
    spikes, _, burst = _quantities(points)
    precise = np.sqrt(_spikes(points) + 1.0)

    def away(kappa: np.ndarray) -> np.ndarray:
        drive = base.copy()
        for k, c in enumerate(index):
            drive[:, c] += kappa[k] * g[:, k]
        parts = [(curves["log_spikes"](*drive.T) - spikes) * precise]
        if len(compartments) > 1:
            p = 1 / (1 + np.exp(-burst))
            parts.append((curves["logit_burst"](*drive.T) - burst) * precise * np.sqrt(p * (1 - p)))
        return np.concatenate(parts)

    start = np.array(
        [500.0 if g[:, k].max() and not r.endswith("inh") else -300.0 for k, r in enumerate(driven)]
    )
    found = least_squares(away, start, x_scale=100.0)
    return {r: float(value) for r, value in zip(driven, found.x, strict=True)}


def _residuals(curves: dict[str, Curve], drive: np.ndarray, used: pd.DataFrame) -> dict[str, float]:
    fitted = [curves[name](*drive.T) for name in QUANTITIES]
    spikes, event, burst = _quantities(used)
    s = np.exp(fitted[0] - spikes) - 1
    e = np.exp(fitted[0] - spikes) * _sigmoid(fitted[1]) / _sigmoid(event) - 1
    p = _sigmoid(fitted[2]) - _sigmoid(burst)
    return {
        "events_rms": float(np.sqrt(np.mean(e**2))),
        "events_largest": float(np.abs(e).max()),
        "burst_prob_rms": float(np.sqrt(np.mean(p**2))),
        "burst_prob_largest": float(np.abs(p).max()),
        "spikes_rms": float(np.sqrt(np.mean(s**2))),
        "counting": float(1 / np.sqrt(_spikes(used).mean())),
        "points": float(len(used)),
    }
