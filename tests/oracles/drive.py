"""One input for every simulator: spike trains, currents, random numbers, start, all as plain arrays."""

from dataclasses import dataclass, field

import numpy as np

from oracles import neurons
from oracles.network import Network, Population, background

START = {
    "pyramidal": neurons.pyramidal_start,
    "burst_poisson": neurons.burst_poisson_start,
    "adex": neurons.adex_start,
}


@dataclass(frozen=True)
class Drive:
    """Input of ``n`` unconnected neurons over ``steps`` steps.

    ``trains`` maps a port ("exc_soma", "inh_soma", "exc_dend", "inh_dend") to the spikes of one private
    source per neuron, boolean (steps, n); they arrive with ``weights[port]`` after ``delay_steps``.
    ``currents`` maps a compartment to pA, (steps, n). ``start``: somatic voltages. ``uniforms``: (steps,
    2, n), Burst-Poisson only.
    """

    steps: int
    n: int
    trains: dict[str, np.ndarray]
    weights: dict[str, float]
    currents: dict[str, np.ndarray]
    start: np.ndarray
    uniforms: np.ndarray | None = None
    dt: float = 0.1
    delay_steps: int = 8
    params: dict[str, float] = field(default_factory=dict)


BACKGROUND = {
    "pyramidal": dict(exc_soma=0.35, inh_soma=0.35, exc_dend=0.05, inh_dend=0.05),
    "burst_poisson": dict(exc_soma=0.35, inh_soma=0.35, exc_dend=0.05, inh_dend=0.05),
    "pv": dict(exc_soma=0.75, inh_soma=1.125),
    "som": dict(exc_soma=0.4, inh_soma=0.5),
}
CURRENTS = {
    "pyramidal": dict(soma=100.0, dend=120.0),
    "burst_poisson": dict(soma=150.0, dend=300.0),
    "pv": dict(soma=205.0),
    "som": dict(soma=20.0),
}
PARAMS = {
    "pyramidal": neurons.PYRAMIDAL,
    "burst_poisson": neurons.BURST_POISSON,
    "pv": neurons.PV,
    "som": neurons.SOM,
}


def make_drive(kind, n=8, ms=400.0, seed=7, dt=0.1, **params):
    """Return a published-like background, constant currents that differ by neuron, and a sine in the soma.

    ``kind``: "pyramidal", "burst_poisson", "pv" or "som"; ``params`` replaces parameters of its preset.
    """
    rng = np.random.default_rng(seed)
    steps = round(ms / dt)
    weights = BACKGROUND[kind]
    t = np.arange(steps) * dt
    spread = np.linspace(-0.5, 1.5, n)
    currents = {c: np.outer(np.ones(steps), level * spread) for c, level in CURRENTS[kind].items()}
    currents["soma"] = currents["soma"] + 50.0 * np.sin(2.0 * np.pi * t / 100.0)[:, None]
    return Drive(
        steps=steps,
        n=n,
        trains={port: rng.random((steps, n)) < 500.0 * dt / 1000.0 for port in weights},
        weights=weights,
        currents=currents,
        start=rng.normal(-70.0, 5.0, n),
        uniforms=rng.random((steps, 2, n)) if kind == "burst_poisson" else None,
        dt=dt,
        params={**PARAMS[kind], **params},
    )


WATCHED = {
    "pyramidal": ("V_s", "V_d", "w_s", "w_d", "th", "g_exc_soma", "g_inh_soma", "g_exc_dend", "g_inh_dend"),
    "burst_poisson": ("V_s", "V_d", "w_s", "w_d", "th", "g_exc_soma", "g_inh_dend"),
    "adex": ("V", "w", "g_exc_soma", "g_inh_soma"),
}


def model_of(kind):
    return "adex" if kind in ("pv", "som") else kind


def samples(kind, drive):
    """Return what the oracle makes of a drive.

    Keys: the state variables of `WATCHED`, (steps, n) at the end of every step, and "spikes", rows of
    (step, neuron) sorted by both.
    """
    model = model_of(kind)
    currents = {c: (lambda t, rows=rows: rows[round(t / drive.dt)]) for c, rows in drive.currents.items()}
    uniforms = None if drive.uniforms is None else (lambda n: drive.uniforms[n])
    population = Population(model, drive.params, START[model](drive.n, drive.start), uniforms, currents)
    populations, projections = {"neurons": population}, []
    for port, trains in drive.trains.items():
        source, projection = background(port, "neurons", port, drive.weights[port], drive.n, trains)
        projection.delay_steps = drive.delay_steps
        populations.update(source)
        projections.append(projection)
    watch = [("neurons", variable) for variable in WATCHED[model]]
    network = Network(populations, projections, drive.dt, watch).run(drive.steps)
    found = {variable: trace for (_, variable), trace in network.samples.items()}
    return {**found, "spikes": network.spikes["neurons"]}
