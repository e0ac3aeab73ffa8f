"""Short-term plasticity (extended Tsodyks-Markram) and what a projection listens to.

One state per presynaptic neuron and projection::

    dx/dt = (1 - x)/tau_D        du/dt = (U - u)/tau_F
    at a spike: efficacy = x u (values just before), then x <- x - u x and u <- u + f (1 - u)

The conductance of every target rises by weight * efficacy. Depressing synapses (large U) pass the first spike
of a burst, so they follow events; facilitating ones (small U) pass the later spikes, so they follow bursts.

Scheme: Euler steps of x and u, as in the published program, taken in closed form from spike to spike.

Departures of the published program, both by name: the jump of u at a spike is **U** there (the paper and the
program's text give f = 0.1, which the program never uses): ``jump=None`` means U, which all figures of the
paper need. And u starts at 0.01 there, not at U: ``u_start``, felt in the first 0.3 s only.

Source: Payeur et al. (2021), Nature Neuroscience 24, Methods, "Synapses"; Tsodyks, Pawelzik & Markram (1998),
Neural Computation 10, 821.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from burstprop.parameters import Named, documented, quantity, validate

AXONAL_DELAY_MS = 0.8
"""Axonal delay of Poisson, static and short-term-plastic projections in the published circuits."""
LARGEST_WEIGHT = float(np.finfo(np.float32).max)
"""A larger weight is infinite in single precision."""


@documented
@dataclass(frozen=True)
class ShortTermPlasticity(Named):
    """Extended Tsodyks-Markram synapse; see `depressing` and `facilitating` for the published ones.

    Raises
    ------
    BurstpropError
        A value is out of bounds.

    Examples
    --------
    >>> from burstprop import ShortTermPlasticity
    >>> ShortTermPlasticity(tau_d_ms=100.0, tau_f_ms=100.0, utilisation=0.02).utilisation
    0.02
    """

    tau_d_ms: float = quantity(20.0, "ms", "recovery from depression, tau_D", low=0, open_low=True)
    tau_f_ms: float = quantity(1000.0, "ms", "decay of facilitation, tau_F", low=0, open_low=True)
    utilisation: float = quantity(0.9, "1", "release at rest, U", low=0, high=1)
    jump: float | None = quantity(None, "1", "rise of u at a spike, f; none: U", low=0, high=1, optional=True)
    u_start: float | None = quantity(None, "1", "u at t = 0; none: U", low=0, high=1, optional=True)

    def __post_init__(self) -> None:
        """Check the parameters."""
        validate(self)


def depressing(
    u_start: float | None = None,
    *,
    tau_d_ms: float = 20.0,
    tau_f_ms: float = 1000.0,
    utilisation: float = 0.9,
    jump: float | None = None,
) -> ShortTermPlasticity:
    """Return the depressing synapse of the feedforward path: tau_D 20 ms, tau_F 1000 ms, U 0.9."""
    return ShortTermPlasticity(tau_d_ms, tau_f_ms, utilisation, jump, u_start)


def facilitating(
    u_start: float | None = None,
    *,
    tau_d_ms: float = 100.0,
    tau_f_ms: float = 100.0,
    utilisation: float = 0.02,
    jump: float | None = None,
) -> ShortTermPlasticity:
    """Return the facilitating synapse of the feedback path: tau_D = tau_F = 100 ms, U 0.02."""
    return ShortTermPlasticity(tau_d_ms, tau_f_ms, utilisation, jump, u_start)
