"""A user's own neuron in a file of its own, for the rate model: leaky integrate-and-fire, one receptor."""

from dataclasses import dataclass
from typing import NamedTuple

from burstprop import NeuronModel
from burstprop.parameters import quantity, validate


class LIFState(NamedTuple):
    v: float
    g_exc: float


class LIFDrive(NamedTuple):
    soma: float


@dataclass(frozen=True)
class LIF(NeuronModel):
    """Leaky integrate-and-fire."""

    tau_ms: float = quantity(20.0, "ms", "membrane time constant", low=0, open_low=True)
    c_pf: float = quantity(200.0, "pF", "capacitance", low=0, open_low=True)

    State, Drive = LIFState, LIFDrive
    receptors = {"soma_exc": "g_exc"}  # noqa: RUF012
    voltages = ("v",)

    def __post_init__(self):
        validate(self)

    def derived(self, dt):
        leak, decay, dt_c = dt / self.tau_ms, 1 - dt / 5.0, dt / self.c_pf
        return dict(leak=leak, decay=decay, dt_c=dt_c, e_l=-70.0, e_exc=0.0, threshold=-50.0)

    def initial(self, n, rng, dt):
        return LIFState(v=-70.0 + 20.0 * rng.random(n), g_exc=0.0)

    @staticmethod
    def step(s, i, c):
        v = s.v + i.soma * c.dt_c
        return LIFState(v + c.leak * ((c.e_l - v) + s.g_exc * (c.e_exc - v)), s.g_exc * c.decay)

    @staticmethod
    def margin(s, c):
        return c.threshold - s.v

    @staticmethod
    def spike(s, i, c, u1, u2):
        return LIFState(c.e_l, s.g_exc)
