"""The rate model of a circuit in time: `Ensemble.run` gives the rates of all its populations.

`burstprop.ensemble.builder` makes it from measurements. A run refuses to leave what was measured.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from burstprop import Circuit, Record, Recording, __version__
from burstprop.circuit.protocol import RateChange, WeightChange
from burstprop.ensemble.build import Model, build, in_degree, rest
from burstprop.ensemble.response import Response
from burstprop.ensemble.step import advance
from burstprop.errors import BurstpropError
from burstprop.jit.kernel import entry_point
from burstprop.parameters import check_value, quantity

DT_MS = 0.4
SETTLE_MS = 3000.0
TRACE_MS = 4.0


@dataclass(frozen=True)
class Ensemble:
    """The rate model of one circuit; see the module's text."""

    circuit: Circuit
    responses: dict[str, Response]
    answers: dict[str, pd.DataFrame]
    """What was measured of each population: the grid."""
    noise: bool = True
    dt_ms: float = DT_MS

    def run(self, duration_ms: float, *, record: Record | None = None, check: bool = True) -> Recording:
        """Return the rates over ``duration_ms`` from the state that the currents of t = 0 settle in.

        Parameters
        ----------
        duration_ms : float
        record : Record, optional
            Only ``rates_bin_ms`` counts; 50 ms where left out.
        check : bool
            Refuse a run that leaves what was measured.

        Raises
        ------
        BurstpropError
            A drive leaves the measured grid: says which population, when, and how far.
        """
        bin_ms = (record or Record()).rates_bin_ms or 50.0
        frame = self.trajectory(duration_ms, check=check)
        return Recording(
            spikes=pd.DataFrame(columns=["time_ms", "population", "neuron_id", "realization"]),
            rates=binned(frame, self.circuit, bin_ms, self.dt_ms),
            states=pd.DataFrame(),
            weights=pd.DataFrame(),
            info={
                "circuit": self.circuit.fingerprint(),
                "model": "ensemble",
                "dt_ms": self.dt_ms,
                "duration_ms": duration_ms,
                "burstprop": __version__,
            },
        )

    @functools.cached_property
    def arrays(self) -> Model:
        """The arrays of the rate model."""
        return build(self.circuit, self.responses, self.dt_ms)

    def trajectory(self, duration_ms: float, *, check: bool = True, model: Model | None = None) -> Trajectory:
        """Return all rates, drives and conductances in time (see `run`); ``model`` replaces the arrays."""
        length = quantity(0.0, "ms", "how long to run", low=0, open_low=True)
        check_value("duration_ms", duration_ms, length.metadata)
        found = _integrate(self.circuit, model or self.arrays, duration_ms, self.dt_ms)
        if check:
            outside = _outside(self, found)
            if outside:
                raise BurstpropError(
                    f"{'; '.join(outside)}: the curves were measured up to there; build the ensemble with "
                    f"horizon_ms = {duration_ms:g} so that the grid grows to where the circuit goes"
                )
        return found


@dataclass(frozen=True)
class Trajectory:
    """Rates (steps, populations, 3: E, B, S in Hz), and every few steps drives (pA) and conductances."""

    names: tuple[str, ...]
    receptors: tuple[tuple[str, str], ...]
    rates: np.ndarray
    drives: np.ndarray
    g: np.ndarray
    sample_ms: np.ndarray


def binned(trajectory: Trajectory, circuit: Circuit, bin_ms: float, dt_ms: float) -> pd.DataFrame:
    """Return the rates as `burstprop.recording` names them, in bins that end at ``time_ms``."""
    steps = round(bin_ms / dt_ms)
    bins = len(trajectory.rates) // steps
    if bins < 1 or not np.isclose(steps * dt_ms, bin_ms):
        raise BurstpropError(
            f"Record.rates_bin_ms = {bin_ms:g} ms: give a multiple of the rate model's step of {dt_ms:g} ms "
            "that is not longer than the run"
        )
    mean = trajectory.rates[: bins * steps].reshape(bins, steps, -1, 3).mean(axis=1)
    count = len(trajectory.names)
    events, bursts, spikes = (mean[:, :, j].ravel() for j in range(3))
    burst_prob = np.divide(bursts, events, out=np.full_like(events, np.nan), where=events > 0)
    return pd.DataFrame(
        {
            "time_ms": np.repeat((np.arange(bins) + 1) * bin_ms, count),
            "population": pd.Categorical.from_codes(
                np.tile(np.arange(count), bins), pd.Index(trajectory.names)
            ),
            "rate_hz": spikes,
            "event_rate_hz": events,
            "burst_rate_hz": bursts,
            "burst_prob": burst_prob,
            "realization": 1,
        }
    )


def _integrate(circuit: Circuit, model: Model, duration_ms: float, dt: float) -> Trajectory:
    kernel = entry_point(advance, ())
    if circuit.protocol:  # its changes are made in a copy
        model = model._replace(
            pop=model.pop._replace(source_hz=model.pop.source_hz.copy()),
            pro=model.pro._replace(gain=model.pro.gain.copy()),
        )
    state = rest(model, dt)
    count, every = len(model.names), round(TRACE_MS / dt)

    def piece(current: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        kept = -(-len(current) // every)
        out = np.zeros((len(current), count, 3))
        drives, g = np.zeros((kept, count, 2)), np.zeros((kept, len(model.receptors)))
        kernel(dt, model.pop, model.rec, model.pro, state, current, out, every, drives, g)
        return out, drives, g

    start = _currents(circuit, model, np.zeros(1))
    piece(np.repeat(start, round(SETTLE_MS / dt), axis=0))
    steps = round(duration_ms / dt)
    parts = []
    for begin, end in _segments(circuit, model, steps, dt):
        parts.append(piece(_currents(circuit, model, np.arange(begin, end) * dt)))
    rates, drives, g = (np.concatenate(part) for part in zip(*parts, strict=True))
    if not np.isfinite(rates).all():
        step, who = np.argwhere(~np.isfinite(rates))[0][:2]
        raise BurstpropError(
            f"population {model.names[who]!r}: its rate is not a number at {step * dt:g} ms; the rate model "
            "of this circuit has no bounded activity"
        )
    return Trajectory(model.names, model.receptors, rates, drives, g, np.arange(len(drives)) * TRACE_MS)


def _segments(circuit: Circuit, model: Model, steps: int, dt: float) -> Any:
    """Yield first and last step between changes of the protocol, which are made on the way."""
    begin = 0
    changes = sorted(circuit.protocol, key=lambda change: change.at_ms)
    for change in changes:
        # every piece begins with a sampled step
        end = min(steps, round(change.at_ms / TRACE_MS) * round(TRACE_MS / dt))
        if end > begin:
            yield begin, end
            begin = end
        match change:
            case WeightChange():
                k = [p.name for p in circuit.projections].index(change.projection)
                model.pro.gain[k] = change.weight * in_degree(circuit, circuit.projections[k])
            case RateChange():
                model.pop.source_hz[model.names.index(change.population)] = change.rate_hz
    if steps > begin:
        yield begin, steps


def _currents(circuit: Circuit, model: Model, time_ms: np.ndarray) -> np.ndarray:
    current = np.zeros((len(time_ms), len(model.names), 2))
    for part in circuit.currents:
        k = model.names.index(part.population)
        current[:, k, circuit.compartment(part.population, part.compartment)] += part.waveform.current(
            time_ms
        )
    return current


def drives(trajectory: Trajectory, name: str, response: Response) -> np.ndarray:
    """Return the drives of a population along a run, corrected for network noise, (n, compartments), pA."""
    drive = trajectory.drives[:, trajectory.names.index(name), : len(response.compartments)]
    return response.corrected(drive)


def _outside(model: Ensemble, trajectory: Trajectory) -> list[str]:
    found = []
    for name, response in model.responses.items():
        drive = drives(trajectory, name, response)
        outside = np.flatnonzero(~response.inside(drive))
        if len(outside):
            worst = drive[outside[0]]
            values = ", ".join(
                f"{c} {value:.0f} pA (measured {low:.0f} to {high:.0f})"
                for c, value, low, high in zip(
                    response.compartments,
                    worst,
                    response.measured.min(axis=0),
                    response.measured.max(axis=0),
                    strict=True,
                )
            )
            found.append(
                f"population {name!r} leaves the measured grid at {trajectory.sample_ms[outside[0]]:g} ms "
                f"with a drive of {values}"
            )
    return found
