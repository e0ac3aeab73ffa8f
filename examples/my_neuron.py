"""A neuron model of your own: leaky integrate-and-fire with one excitatory conductance.

    tau dV/dt = (E_L - V) + g (E_exc - V) + tau I/C
    tau_exc dg/dt = -g
    spike and V <- E_L at V > threshold

A model is a frozen dataclass of parameters, a NamedTuple each for state and injected current, and three pure
functions of one neuron, whose ``c`` holds the parameters under their names. numba compiles them into the same
loop as the built-in models, and caches them on disk. `burstprop.neurons.model` says what each part is. Run it
with ``python my_neuron.py``.
"""

# pyright: basic
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from burstprop import Background, Circuit, Constant, Current, NeuronModel, Population, simulate
from burstprop.parameters import PerNeuron, quantity, validate


class LIFState(NamedTuple):
    """Variables of one neuron: mV, units of the leak conductance."""

    v: float
    g_exc: float


class LIFDrive(NamedTuple):
    """Injected current in pA."""

    soma: float


@dataclass(frozen=True)
class LIF(NeuronModel):
    """Leaky integrate-and-fire neuron."""

    tau_ms: PerNeuron = quantity(20.0, "ms", "membrane time constant", low=0, open_low=True, per_neuron=True)
    c_pf: PerNeuron = quantity(200.0, "pF", "capacitance", low=0, open_low=True, per_neuron=True)
    e_l: PerNeuron = quantity(-70.0, "mV", "resting potential and reset", per_neuron=True)
    threshold: PerNeuron = quantity(-50.0, "mV", "threshold", per_neuron=True)

    State, Drive = LIFState, LIFDrive
    receptors = {"soma_exc": "g_exc"}  # noqa: RUF012
    voltages = ("v",)

    def __post_init__(self) -> None:
        """Check the parameters."""
        validate(self)

    def derived(self, dt: float) -> dict[str, Any]:
        """Return what one step of ``dt`` ms needs beside the parameters.

        No number stands in the step itself: 0.5 would be a float64, and slow.
        """
        return dict(leak=dt / self.tau_ms, decay=np.exp(-dt / 5.0), dt_c=dt / self.c_pf, e_exc=0.0)

    def initial(self, n: int, rng: np.random.Generator, dt: float) -> LIFState:
        """Return the state at t = 0: one number, or one for each of the ``n`` neurons."""
        return LIFState(v=self.e_l + rng.standard_normal(n), g_exc=0.0)  # type: ignore[arg-type]

    @staticmethod
    def step(s, i, c):
        """Advance by one step."""
        v = s.v + i.soma * c.dt_c
        return LIFState(v + c.leak * ((c.e_l - v) + s.g_exc * (c.e_exc - v)), s.g_exc * c.decay)

    @staticmethod
    def margin(s, c):
        """Return the distance to the threshold, negative at a spike."""
        return c.threshold - s.v

    @staticmethod
    def spike(s, i, c, u1, u2):
        """Reset."""
        return LIFState(c.e_l, s.g_exc)


if __name__ == "__main__":
    uneven = LIF(tau_ms=np.linspace(15.0, 25.0, 1000))
    circuit = Circuit(
        populations=(Population("lif", 1000, uneven),),
        backgrounds=(Background("lif", "soma_exc", rate_hz=500.0, weight=0.01),),
        currents=(Current("lif", "soma", Constant(200.0)),),
    )
    print(simulate(circuit, 500.0, seed=1).rates.tail())
