"""The propagation circuit (two-layer microcircuit, Fig. 3 of the paper) in the oracle's own simulator.

    python -m oracles.propagation --sine       (in the folder tests; a few minutes)

runs it once at its published size, 1 s of settling and 3 s with the sinusoidal currents, and prints the mean
rates beside those of the published program. It shows whether the reading of the model gives the published
rates.
"""

import argparse

import numpy as np
from scipy import sparse

from oracles import neurons
from oracles.network import Network, Population, Projection, background
from oracles.synapses import DEPRESSING, FACILITATING

PUBLISHED = {
    ("pyr1", "events"): 5.510,
    ("pyr1", "bursts"): 1.476,
    ("pyr2", "events"): 5.649,
    ("pyr2", "bursts"): 1.609,
    ("pv", "spikes"): 13.219,
    ("som", "spikes"): 16.535,
}
"""Means of the published program over 1000-4000 ms and five realizations, Hz."""
BACKGROUNDS = [
    *[(p, port, w) for p in ("pyr1", "pyr2")
      for port, w in (("exc_soma", 0.35), ("inh_soma", 0.35), ("exc_dend", 0.05), ("inh_dend", 0.05))],
    ("som", "exc_soma", 0.4), ("som", "inh_soma", 0.5), ("pv", "exc_soma", 0.75), ("pv", "inh_soma", 1.125),
]  # fmt: skip
PROJECTIONS = [
    ("pyr1", "pyr2", "exc_soma", DEPRESSING, 0.05),
    ("pyr1", "pv", "exc_soma", DEPRESSING, 0.05),
    ("pv", "pyr2", "inh_soma", None, 0.07),
    ("pyr2", "pyr1", "exc_dend", FACILITATING, 0.37),
    ("pyr2", "som", "exc_soma", FACILITATING, 0.3),
    ("som", "pyr1", "inh_dend", None, 0.035),
    ("pyr1", "pyr1", "inh_dend", FACILITATING, 0.1),
    ("pyr2", "pyr2", "inh_dend", FACILITATING, 0.1),
]
CONSTANT = {("pyr1", "dend"): 50.0, ("pyr2", "soma"): -100.0, ("pyr2", "dend"): 100.0, ("pv", "soma"): 205.0}
SINES = {("pyr1", "soma"): (200.0, 500.0), ("pyr2", "dend"): (100.0, 500.0 * np.sqrt(5.0))}


def current(key, sine_from):
    def at(t):
        I = CONSTANT.get(key, 0.0)  # noqa: E741
        if key in SINES and t >= sine_from:
            amplitude, period = SINES[key]
            I = I + amplitude * np.sin(2.0 * np.pi * t / period)  # noqa: E741
        return I

    return at


def bernoulli(rng, size, rate, dt):
    """Return the published background: at most one spike per step and source."""
    return lambda _: rng.random(size, dtype=np.float32) < rate * dt / 1000.0


def build(seed=1, scale=1.0, p=0.05, dt=0.1, sine_from=np.inf):
    """Return the network; ``scale`` shrinks the populations and raises p so that in-degrees stay."""
    rng = np.random.default_rng(seed)
    size = {name: round(n * scale) for name, n in dict(pyr1=4000, pyr2=4000, pv=1000, som=1000).items()}
    populations, projections = {}, []
    for name, n in size.items():
        soma = rng.normal(-70.0, 5.0, n)
        currents = {c: current((name, c), sine_from) for c in ("soma", "dend")}
        if name.startswith("pyr"):
            start = neurons.pyramidal_start(n, soma)
            populations[name] = Population("pyramidal", neurons.PYRAMIDAL, start, currents=currents)
        else:
            params = neurons.PV if name == "pv" else neurons.SOM
            populations[name] = Population("adex", params, neurons.adex_start(n, soma), currents=currents)
    for post, port, weight in BACKGROUNDS:
        train = bernoulli(rng, size[post], 500.0, dt)
        source, projection = background(f"{post}_{port}", post, port, weight, size[post], train)
        populations.update(source)
        projections.append(projection)
    for pre, post, port, stp, weight in PROJECTIONS:
        joined = rng.random((size[pre], size[post]), dtype=np.float32) < p / scale
        if pre == post:
            np.fill_diagonal(joined, False)
        w = sparse.csr_matrix(joined) * weight
        projections.append(Projection(pre, post, port, w, "stp" if stp else "static", options=stp or {}))
    return Network(populations, projections, dt)


def rates(network, begin, end):
    """Return per population the spike, event and burst rate per neuron in Hz between two times in ms."""
    found = {}
    for name in ("pyr1", "pyr2", "pv", "som"):
        for kind in ("spikes", "events", "bursts"):
            t = getattr(network, kind)[name][:, 0] * network.dt
            n = network.populations[name].size
            found[name, kind] = ((t >= begin) & (t < end)).sum() / n / (end - begin) * 1000.0
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ms", type=float, default=3000.0, help="time after the 1000 ms of settling")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sine", action="store_true", help="with the sinusoidal currents after settling")
    args = parser.parse_args()
    network = build(args.seed, sine_from=1000.0 if args.sine else np.inf)
    network.run(round((1000.0 + args.ms) / network.dt))
    found = rates(network, 1000.0, 1000.0 + args.ms)
    print("mean rates after settling (Hz), published program's in brackets")
    for name in ("pyr1", "pyr2", "pv", "som"):
        for kind in ("spikes", "events", "bursts"):
            published = PUBLISHED.get((name, kind))
            print(
                f"  {name:5s} {kind:7s}{found[name, kind]:8.3f}",
                "" if published is None else f"({published})",
            )


if __name__ == "__main__":
    main()
