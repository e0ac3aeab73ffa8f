"""Extended Tsodyks-Markram short-term plasticity and the axonal delay, one step per call."""

from collections import deque

import numpy as np

DEPRESSING = dict(tau_D=20.0, tau_F=1000.0, U=0.9)
FACILITATING = dict(tau_D=100.0, tau_F=100.0, U=0.02)


class ShortTermPlasticity:
    """One pair x, u per presynaptic neuron, Euler steps.

    ``f`` is the jump of u at a spike; None means U, with which the published figures were made.
    """

    def __init__(self, n, dt, tau_D, tau_F, U, f=None, u_start=None):
        self.dt, self.tau_D, self.tau_F, self.U = dt, tau_D, tau_F, U
        self.f = U if f is None else f
        self.x = np.ones(n)
        self.u = np.full(n, U if u_start is None else u_start, dtype=np.float64)

    def step(self, spikes):
        """Advance by one step and return the efficacy of the neurons that spike in it, 0 for the others."""
        self.x, self.u = (
            self.x + self.dt * (1.0 - self.x) / self.tau_D,
            self.u + self.dt * (self.U - self.u) / self.tau_F,
        )
        efficacy = np.where(spikes, self.x * self.u, 0.0)
        x, u = self.x.copy(), self.u.copy()
        self.x = np.where(spikes, x - u * x, x)
        self.u = np.where(spikes, u + self.f * (1.0 - u), u)
        return efficacy


class Delay:
    """Holds what is sent for a number of steps; what is sent with delay 0 comes out at once."""

    def __init__(self, n, steps):
        self.line = deque(np.zeros(n) for _ in range(steps))

    def step(self, sent):
        self.line.append(np.asarray(sent, dtype=np.float64))
        return self.line.popleft()
