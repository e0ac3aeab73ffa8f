"""Builds the rate model of a circuit: measures its parts where the circuit goes, as the model predicts it.

No number of the circuit's own simulation is used. Three steps, repeated until nothing changes:

1. curves on a grid of currents (`isolated.measure`, `response.fit_response`), the grid grown until every
   drive of the predicted run lies inside;
2. kappa, the driving force of each receptor, at the predicted mean conductances;
3. network noise: at operating points of the predicted run the population is measured again with Poisson
   trains of the predicted rates and weights in place of mean conductances, and the drive gets the correction
   that the difference asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from burstprop import Circuit, Population
from burstprop.ensemble.calibrate import correct, fit_driving_forces, operating_points
from burstprop.ensemble.dynamics import adaptation
from burstprop.ensemble.isolated import Effort, Kind, grid, measure
from burstprop.ensemble.model import Ensemble, Trajectory, drives
from burstprop.ensemble.response import fit_response
from burstprop.errors import BurstpropError

SPACING_PA = (100.0, 50.0)
"""Steps of the grid of currents: first compartment, second."""
ROOM = (2, 2)
"""Steps of the grid beyond the currents of the circuit to begin with."""
WIDEST = 60
"""Points of an axis beyond which something is wrong with the circuit, not with the grid."""
ROUNDS = 2
"""Of network noise: the second one starts from a run that knows the first."""


def ensemble(
    circuit: Circuit,
    *,
    horizon_ms: float | None = None,
    effort: Effort | None = None,
    noise: bool = True,
    cache: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Ensemble:
    """Return the rate model of a circuit, measuring its parts where they are not on disk yet.

    Parameters
    ----------
    circuit : Circuit
        The one that `simulate` runs.
    horizon_ms : float, optional
        The grid grows to where the circuit goes in this time; left out, to its latest onset and two periods.
    effort : Effort, optional
        Neurons and time of each measured point.
    noise : bool
        Whether network noise is measured; False leaves it out.
    cache : bool
        Use and fill the store on disk.
    progress : callable, optional
        Told in words what is measured.

    Raises
    ------
    BurstpropError
        A population's drive runs away from any grid, or a part has no rate model.
    """
    told = progress or (lambda words: None)
    horizon = _horizon(circuit) if horizon_ms is None else horizon_ms
    return _Builder(circuit, horizon, effort or Effort(), cache, told).build(noise)


class _Builder:
    """Measures the parts of a circuit and fits them, round by round."""

    def __init__(
        self, circuit: Circuit, horizon_ms: float, effort: Effort, cache: bool, told: Callable[[str], None]
    ) -> None:
        self.circuit, self.horizon, self.cache, self.told = circuit, horizon_ms, cache, told
        self.names = [p.name for p in circuit.populations if isinstance(p, Population)]
        self.kinds = {name: Kind.of(circuit, name) for name in self.names}
        self.efforts = {name: _settled(effort, kind) for name, kind in self.kinds.items()}
        self.edges = {name: self._first_edges(name) for name in self.names}
        self.answers: dict[str, pd.DataFrame] = {}
        self.extra: dict[str, pd.DataFrame | None] = dict.fromkeys(self.names)

    def build(self, noise: bool) -> Ensemble:
        for name in self.names:
            self._measure_grid(name)
        rates = self._guess()
        for name in self.names:
            self.extra[name] = fit_driving_forces(self, name, rates)
        model = self._fit({})
        for round_ in range(ROUNDS):
            model = self._grow(model)
            trajectory = model.trajectory(self.horizon, check=False)
            offsets: dict[str, tuple[np.ndarray, np.ndarray]] = {}
            if not round_:
                means = _means(trajectory)
                for name in self.names:
                    self.extra[name] = fit_driving_forces(self, name, means)
                model = self._grow(self._fit({}))
                trajectory = model.trajectory(self.horizon, check=False)
            if not noise:
                break
            for name in self.names:
                self.told(f"{name}: network noise at operating points, round {round_ + 1}")
                points = operating_points(self, model, trajectory, name)
                if points:
                    offsets[name] = correct(
                        model.responses[name],
                        measure(self.kinds[name], points, self.efforts[name], cache=self.cache),
                    )
            model = self._fit(offsets)
        return replace(self._grow(model), noise=noise)

    def _first_edges(self, name: str) -> list[list[int]]:
        """Return the first and last step of the grid of each compartment, from the circuit's currents."""
        times = np.arange(0.0, self.horizon, 5.0)
        edges = []
        for k, compartment in enumerate(self.kinds[name].neuron.Drive._fields):
            total = np.zeros(len(times))
            for current in self.circuit.currents:
                if (current.population, current.compartment) == (name, compartment):
                    total += np.asarray(current.waveform.current(times), float)
            low, high = total.min() / SPACING_PA[k > 0], total.max() / SPACING_PA[k > 0]
            edges.append([int(np.floor(low)) - ROOM[k > 0], int(np.ceil(high)) + ROOM[k > 0]])
        return edges

    def _measure_grid(self, name: str) -> None:
        kind = self.kinds[name]
        axes = [
            np.arange(low, high + 1) * SPACING_PA[k > 0] for k, (low, high) in enumerate(self.edges[name])
        ]
        for compartment, axis in zip(kind.neuron.Drive._fields, axes, strict=True):
            if len(axis) > WIDEST:
                raise BurstpropError(
                    f"population {name!r}: the drive of its {compartment} runs away, the grid would go from "
                    f"{axis[0]:g} to {axis[-1]:g} pA: the rate model of this circuit has no bounded "
                    "activity; look at its recurrent excitation"
                )
        points = grid(kind.neuron.Drive._fields, *axes)
        self.told(f"{name}: curves at {len(points)} drives")
        self.answers[name] = measure(kind, points, self.efforts[name], cache=self.cache)

    def _fit(self, offsets: dict[str, tuple[np.ndarray, np.ndarray]]) -> Ensemble:
        responses = {}
        for name in self.names:
            response = fit_response(self.kinds[name], self.answers[name], self.extra[name])
            responses[name] = response.with_offset(*offsets[name]) if name in offsets else response
        return Ensemble(self.circuit, responses, self.answers)

    def _grow(self, model: Ensemble) -> Ensemble:
        """Return the model with grids that hold the predicted run."""
        for _ in range(WIDEST):
            trajectory = model.trajectory(self.horizon, check=False)
            grown = [name for name in self.names if self._widen(model, trajectory, name)]
            if not grown:
                return model
            for name in grown:
                self._measure_grid(name)
            offsets = {name: (r.offset, r.centre) for name, r in model.responses.items()}
            model = self._fit(offsets)
        raise AssertionError("a grid that grows hits its widest first")

    def _widen(self, model: Ensemble, trajectory: Trajectory, name: str) -> bool:
        response = model.responses[name]
        drive = drives(trajectory, name, response)
        outside = drive[~response.inside(drive)]
        if not len(outside):
            return False
        measured = response.measured
        if len(response.compartments) == 1:
            low, high = measured[:, 0].min(), measured[:, 0].max()
            below, above = low - outside[:, 0].min(), outside[:, 0].max() - high
            _move(self.edges[name][0], below, above, SPACING_PA[0])
            return True
        a_low, a_high = measured[:, 1].min(), measured[:, 1].max()
        _move(self.edges[name][1], a_low - outside[:, 1].min(), outside[:, 1].max() - a_high, SPACING_PA[1])
        low, high = response.bounds(outside[:, 1])  # sheared by adaptation
        below, above = low - outside[:, 0], outside[:, 0] - high
        _move(self.edges[name][0], below.max(), above.max(), SPACING_PA[0])
        return True

    def _guess(self) -> dict[str, tuple[float, float, float]]:
        """Return rates to begin with: those of each population alone, at the currents of t = 0."""
        found = {}
        for p in self.circuit.populations:
            if not isinstance(p, Population):
                rate = float(getattr(p, "rate_hz", 0.0))
                found[p.name] = (rate, 0.0, rate)
                continue
            middle = self.answers[p.name].iloc[len(self.answers[p.name]) // 2]
            found[p.name] = (middle["event_rate_hz"], middle["burst_rate_hz"], middle["rate_hz"])
        return found


def _means(trajectory: Trajectory) -> dict[str, tuple[float, float, float]]:
    mean = trajectory.rates.mean(axis=0)
    return {name: tuple(map(float, mean[k])) for k, name in enumerate(trajectory.names)}  # type: ignore[misc]


def _move(edge: list[int], below: float, above: float, spacing: float) -> None:
    """Move the ends of an axis by the steps that are missing, at most three at a time."""
    if below > 0:
        edge[0] -= min(3, int(np.ceil(below / spacing)))
    if above > 0:
        edge[1] += min(3, int(np.ceil(above / spacing)))


def _settled(effort: Effort, kind: Kind) -> Effort:
    """Return an effort that waits for the slowest adaptation: five time constants."""
    slow = adaptation(kind.neuron)
    if slow is None or 5 * slow.tau_ms <= effort.settle_ms:
        return effort
    return replace(effort, settle_ms=round(5 * slow.tau_ms / 50.0) * 50.0)


def _horizon(circuit: Circuit) -> float:
    longest = 2000.0
    for current in circuit.currents:
        onset = getattr(current.waveform, "start_ms", 0.0)
        longest = max(longest, onset + 2 * getattr(current.waveform, "period_ms", 500.0))
    for change in circuit.protocol:
        longest = max(longest, change.at_ms + 1000.0)
    return float(np.ceil(longest / 100.0) * 100.0)
