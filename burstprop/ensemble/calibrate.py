"""Driving forces and network noise, measured on isolated populations where the model predicts a circuit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from burstprop.ensemble.build import in_degree
from burstprop.ensemble.dynamics import compartment, decay_ms
from burstprop.ensemble.isolated import Drive, measure, synapses
from burstprop.ensemble.relay import fit_relay
from burstprop.ensemble.response import Response

Means = dict[str, tuple[float, float, float]]
"""Mean rates E, B and S (Hz) of each population."""
LEVELS = (0.5, 1.0, 1.5)
"""Mean conductances at which driving forces are measured, in units of the predicted one."""
POINTS = 9
"""Operating points at which network noise is measured."""


def fit_driving_forces(builder: Any, name: str, rates: Means) -> pd.DataFrame | None:
    """Measure a population with mean conductances around those that ``rates`` (E, B, S in Hz) give.

    The constant currents make up for the conductances, so that the drive stays in the middle of the grid.
    Returns None for a population that no projection reaches.
    """
    circuit, kind = builder.circuit, builder.kinds[name]
    mean = _mean_conductances(builder, name, rates)
    if not mean:
        return None
    compartments = kind.neuron.Drive._fields
    grid = builder.answers[name]
    middle = {c: float(np.median(grid[f"I_{c}"])) for c in compartments}
    reach = {c: 0.25 * float(np.ptp(grid[f"I_{c}"])) for c in compartments}
    combinations = [{r: level * g} for r, g in mean.items() for level in LEVELS]
    combinations += [{r: level * g for r, g in mean.items()} for level in (0.7, 1.3)]
    drives = []
    for conductances in combinations:
        for sign in (-1.0, 1.0):
            current = {c: middle[c] + sign * reach[c] for c in compartments}
            for receptor, g in conductances.items():
                c = compartment(kind.neuron, receptor)
                current[c] -= _rough_kappa(kind, receptor, circuit.dt_ms) * g
            drives.append(Drive({c: 25.0 * round(pa / 25.0) for c, pa in current.items()}, conductances))
    builder.told(f"{name}: driving forces at {len(drives)} drives")
    return measure(kind, drives, builder.efforts[name], cache=builder.cache)


def operating_points(builder: Any, model: Any, trajectory: Any, name: str) -> list[Drive]:
    """Return drives along a predicted run, with Poisson trains in place of the mean conductances.

    Chosen far apart from each other (each next one is the farthest from those there are). A stationary
    measurement has its own adaptation, so the somatic current makes up for the difference.
    """
    circuit, kind = builder.circuit, builder.kinds[name]
    response: Response = model.responses[name]
    own = [k for k, (target, _) in enumerate(trajectory.receptors) if target == name]
    if not own:
        return []
    drive = trajectory.drives[:, trajectory.names.index(name), : len(response.compartments)]
    g = trajectory.g[:, own]
    features = np.column_stack([drive / 100.0, g / np.maximum(g.max(axis=0), 1e-9)])
    chosen = [int(np.argmin(np.abs(features - features.mean(axis=0)).sum(axis=1)))]
    while len(chosen) < min(POINTS, len(features)):
        away = np.min([np.abs(features - features[k]).sum(axis=1) for k in chosen], axis=0)
        chosen.append(int(np.argmax(away)))
    shares = _weights(builder, model, name, trajectory)
    drives = []
    for k in chosen:
        settled = _stationary_adaptation(response, drive[k])
        currents = dict(zip(response.compartments, map(float, drive[k]), strict=True))
        currents[response.compartments[0]] -= settled
        trains: list[tuple[str, float, float]] = []
        for index, own_index in enumerate(own):
            receptor = trajectory.receptors[own_index][1]
            c = compartment(kind.neuron, receptor)
            mean = float(g[k, index])
            currents[c] -= response.kappa[receptor] * mean
            tau = decay_ms(kind.neuron, receptor, circuit.dt_ms)
            # one train for each projection into this receptor, by its share of the conductance
            for share, weight in shares[receptor]:
                trains.append((receptor, share * mean * 1000.0 / (tau * weight), weight))
        drives.append(Drive(currents, {}, tuple(trains)))
    return drives


def correct(response: Response, answers: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the correction of the drive, and the point it is counted from, that makes the curves agree.

    Least squares of ln E and logit P over the points, in units of their counting errors.
    """
    count = len(response.compartments)
    drive = answers[[f"I_{c}" for c in response.compartments]].to_numpy(np.float64).copy()
    drive[:, 0] += answers["adaptation_pa"].to_numpy()
    for receptor, kappa in response.kappa.items():
        c = response.compartments.index(_place(response, receptor))
        drive[:, c] += kappa * answers[f"g_{receptor}"].to_numpy()
    centre = np.zeros(2)
    centre[:count] = drive.mean(axis=0)
    events = np.maximum(answers["event_rate_hz"].to_numpy(), 1e-3)
    spikes = answers["rate_hz"].to_numpy()
    burst = np.clip(answers["burst_rate_hz"].to_numpy() / events, 1e-4, 1 - 1e-4)
    precise = np.sqrt(answers["events"].to_numpy() + 1.0)
    slopes = 1 + count if len(answers) >= 6 else 1

    def unpack(flat: np.ndarray) -> np.ndarray:
        offset = np.zeros((2, 3))
        offset[:count, :slopes] = flat.reshape(count, slopes) * np.array([100.0, 1.0, 1.0])[:slopes]
        return offset

    def away(flat: np.ndarray) -> np.ndarray:
        e, p, s = response.with_offset(unpack(flat), centre).rates(drive)
        first = np.log(e / events) if count > 1 else np.log(np.maximum(s, 1e-3) / np.maximum(spikes, 1e-3))
        parts = [first * precise, 3.0 * flat]
        if count > 1:
            parts.append((p - burst) / np.sqrt(burst * (1 - burst)) * precise)
        return np.concatenate(parts)

    found = least_squares(away, np.zeros(count * slopes))
    return unpack(found.x), centre


def _place(response: Response, receptor: str) -> str:
    return next((c for c in response.compartments if receptor.startswith(c)), response.compartments[0])


def _stationary_adaptation(response: Response, drive: np.ndarray) -> float:
    """Return the adaptation of a stationary population whose open-loop drive is this."""
    spikes = float(response.rates(drive[None])[2][0])
    c = response.adaptation
    return c[0] + spikes * (c[1] + spikes * c[2])


def _rough_kappa(kind: Any, receptor: str, dt: float) -> float:
    """Return a driving force to begin with, by one step of the model near threshold (-53 mV)."""
    neuron = kind.neuron
    state = neuron.initial(1, np.random.default_rng(0), dt)
    state = neuron.State(*(np.float64(np.ravel(value)[0]) for value in state))
    near = state._replace(**dict.fromkeys(neuron.voltages, np.float64(-53.0)))
    constants = neuron.Constants(*(np.float64(np.ravel(value)[0]) for value in neuron.constants(dt)))
    still = neuron.Drive(*(np.float64(0.0) for _ in neuron.Drive._fields))
    place = neuron.Drive._fields.index(compartment(neuron, receptor))
    voltage = neuron.voltages[min(place, len(neuron.voltages) - 1)]

    def moved(state: Any, drive: Any) -> float:
        return float(getattr(neuron.step(state, drive, constants), voltage))

    base = moved(near, still)
    by_g = moved(near._replace(**{neuron.receptors[receptor]: np.float64(0.01)}), still) - base
    by_pa = moved(near, still._replace(**{neuron.Drive._fields[place]: np.float64(1.0)})) - base
    return by_g / 0.01 / by_pa if by_pa else 0.0


def _projections_into(circuit: Any, name: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for projection in circuit.projections:
        if projection.target == name and projection.weight > 0:
            found.setdefault(projection.receptor, []).append(projection)
    return found


def _passed(builder: Any, projection: Any, rates: Means) -> tuple[float, float]:
    """Return what a projection passes per source neuron (1/s) and the mean squared over squared mean."""
    events, bursts, spikes = rates[projection.source]
    if projection.stp is None:
        return {"spikes": spikes, "events": events, "bursts": bursts}[projection.transmits], 1.0
    answers = builder.answers[projection.source]
    k = synapses(builder.circuit).index(projection.stp)
    c = fit_relay(answers, k, projection.stp)
    later = spikes - events
    rate = c.events * events + c.later * later + spikes * (c.slow_events * events + c.slow_later * later)
    return max(rate, 0.0), c.noise


def _mean_conductances(builder: Any, name: str, rates: Means) -> dict[str, float]:
    circuit, kind = builder.circuit, builder.kinds[name]
    found = {}
    for receptor, projections in _projections_into(circuit, name).items():
        tau = decay_ms(kind.neuron, receptor, circuit.dt_ms)
        flux = sum(p.weight * in_degree(circuit, p) * _passed(builder, p, rates)[0] for p in projections)
        if flux > 0:
            # two digits: a small change of the prediction is no new measurement
            found[receptor] = float(f"{flux * tau / 1000.0:.2g}")
    return found


def _weights(builder: Any, model: Any, name: str, trajectory: Any) -> dict[str, list[tuple[float, float]]]:
    """Return for each receptor the share of its conductance and the weight of a spike, per projection."""
    circuit = builder.circuit
    mean = trajectory.rates.mean(axis=0)
    rates: Means = {
        who: (float(mean[k][0]), float(mean[k][1]), float(mean[k][2]))
        for k, who in enumerate(trajectory.names)
    }
    found = {}
    for receptor, projections in _projections_into(circuit, name).items():
        flux, weights = [], []
        for p in projections:
            passed, noise = _passed(builder, p, rates)
            sent = {"spikes": rates[p.source][2], "events": rates[p.source][0], "bursts": rates[p.source][1]}
            spikes = max(sent[p.transmits], 1e-9)
            flux.append(p.weight * in_degree(circuit, p) * passed)
            # the weight whose Poisson train has the mean and the variance of what arrives
            weights.append(p.weight * (passed / spikes) * noise if p.stp else p.weight)
        total = sum(flux)
        found[receptor] = [
            (part / total, weight) for part, weight in zip(flux, weights, strict=True) if part > 0
        ]
    return found
