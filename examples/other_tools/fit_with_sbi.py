"""Which adaptation has this pyramidal neuron? A posterior from event rate and burst probability, with sbi.

Two parameters are unknown: how much a spike adds to the somatic adaptation (b_ws), and how slowly that decays
(tau_ws). Measured are event rate E and burst probability P of 40 neurons at two dendritic currents. One
simulation tries all parameter sets at once: each has 40 neurons of one large population, whose parameters are
arrays. Run it with ``python fit_with_sbi.py``; it needs sbi (``pip install sbi``) and draws posterior.png.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from sbi.inference import NPE
from sbi.utils import BoxUniform

from burstprop import (
    Background,
    Circuit,
    Constant,
    Current,
    Population,
    PyramidalNeuron,
    Record,
    Steps,
    find_bursts,
    simulate,
)

NAMES = ("tau_ws (ms)", "b_ws (pA)")
LOW, HIGH = (20.0, -400.0), (250.0, -50.0)
"""Bounds of the prior, which is uniform between them."""
TRUE = (100.0, -200.0)
"""The values of Payeur et al. (2021)."""
NEURONS = 40
SETTLING_MS, PHASE_MS = 500.0, 1500.0
DENDRITIC_PA = (100.0, 300.0)


def measure(theta: np.ndarray, seed: int) -> np.ndarray:
    """Return what is measured of each parameter set.

    Parameters
    ----------
    theta : array of shape (sets, 2)
        tau_ws in ms and b_ws in pA.
    seed : int

    Returns
    -------
    array of shape (sets, 4)
        E (Hz) and P at each of the dendritic currents.
    """
    tau_ws, b_ws = np.repeat(theta, NEURONS, axis=0).T
    n = len(tau_ws)
    circuit = Circuit(
        populations=(Population("pyr", n, PyramidalNeuron(tau_ws=tau_ws, b_ws=b_ws)),),
        backgrounds=tuple(Background("pyr", where, 500.0, 0.35) for where in ("soma_exc", "soma_inh")),
        currents=(
            Current("pyr", "soma", Constant(150.0)),
            Current("pyr", "dendrite", Steps((0.0, SETTLING_MS + PHASE_MS), DENDRITIC_PA)),
        ),
    )
    stop = 2 * (SETTLING_MS + PHASE_MS)
    events = find_bursts(simulate(circuit, stop, seed=seed, record=Record(rates_bin_ms=None)).spikes)
    measured = []
    for start in (SETTLING_MS, 2 * SETTLING_MS + PHASE_MS):
        own = events[(events["time_ms"] >= start) & (events["time_ms"] < start + PHASE_MS)]
        number, is_burst = own["neuron_id"] // NEURONS, own["burst"]
        counts = np.bincount(number, minlength=len(theta))
        bursts = np.bincount(number, weights=is_burst, minlength=len(theta))
        measured += [counts / NEURONS / (PHASE_MS / 1000.0), bursts / np.maximum(counts, 1)]
    return np.stack(measured, axis=1)


def learn_posterior(sets: int = 2000, seed: int = 1):
    """Return sbi's posterior, learned from ``sets`` parameter sets that are drawn from the prior."""
    torch.manual_seed(seed)
    prior = BoxUniform(torch.tensor(LOW), torch.tensor(HIGH))
    theta = prior.sample((sets,))
    x = torch.as_tensor(measure(theta.numpy().astype(float), seed), dtype=torch.float32)
    inference = NPE(prior, density_estimator="maf", show_progress_bars=False)
    inference.append_simulations(theta, x).train(max_num_epochs=200)
    return inference.build_posterior()


def sample(posterior, theta: np.ndarray, seed: int, samples: int = 1000) -> np.ndarray:
    """Measure neurons with parameters ``theta``, and return what the posterior says of them, (samples, 2)."""
    observed = torch.as_tensor(measure(theta[np.newaxis], seed)[0], dtype=torch.float32)
    return posterior.sample((samples,), x=observed, show_progress_bars=False).numpy()


def draw(samples: np.ndarray, path: str) -> None:
    """Draw the posterior, with the value that made the data."""
    from burstprop.report.plotting import figure

    drawn, axis = figure(1, 1, width=4.2, height=3.4)
    axis.plot(*samples.T, ".", color="#0072b2", markersize=2, alpha=0.4, label="posterior, samples")
    axis.plot(*TRUE, "x", color="black", markersize=9, markeredgewidth=2, label="true value")
    axis.set(xlabel=NAMES[0], ylabel=NAMES[1], xlim=(LOW[0], HIGH[0]), ylim=(LOW[1], HIGH[1]))
    axis.set_title("axes: the range of the prior", fontsize=8)
    axis.legend(frameon=False, fontsize=8)
    drawn.savefig(path, dpi=130, metadata={"Software": None})


def main(sets: int = 2000) -> None:
    """Learn the posterior, and ask it for the parameters of neurons that it has not seen."""
    samples = sample(learn_posterior(sets), np.array(TRUE), seed=2)
    for name, true, *around in zip(
        NAMES, TRUE, *np.quantile(samples, (0.05, 0.5, 0.95), axis=0), strict=True
    ):
        low, median, high = around
        print(f"{name}: true {true:g}, median {median:.0f}, 90 % between {low:.0f} and {high:.0f}")
    draw(samples, "posterior.png")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
