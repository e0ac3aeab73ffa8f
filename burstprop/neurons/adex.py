"""Adaptive exponential integrate-and-fire interneurons, with the PV and SOM presets.

Voltages in mV, currents in pA, capacitance in pF, conductances in nS, times in ms; synaptic conductances g in
units of the leak conductance::

    C dV/dt = -g_L (V - E_L) + g_L D exp((V - V_T)/D) - w + g_L [g_exc (E_exc - V) + g_inh (E_inh - V)] + I
    tau_w dw/dt = a (V - E_L) - w
    spike when V > V_spike: V <- V_r, w += b, then refractory

Scheme: forward Euler with currents and w from the V at the start of the step, exact decay of the
conductances, V kept within [V_low, V_high], exp computed as (1 + x/256)^256. Injected current is added after
the threshold test.

Departure of the published program: during the refractory period V is held at E_L, not at V_r.
``refractory_hold`` names the choice, ``"rest"`` (the published program's, the default: the presets need it
for their published rates) or ``"reset"``. Exactly 10 (PV) or 20 (SOM) steps of 0.1 ms after the spike step
are held; conductances and w go on.

Source: Payeur et al. (2021), Nature Neuroscience 24, doi:10.1038/s41593-021-00857-x; Brette & Gerstner
(2005), J. Neurophysiol. 94, 3637.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from burstprop.errors import BurstpropError
from burstprop.neurons.functions import power256
from burstprop.neurons.model import NeuronModel, whole_steps
from burstprop.parameters import PerNeuron, documented, quantity, validate

REFRACTORY_HOLDS = ("rest", "reset")


class AdExState(NamedTuple):
    """Variables of one neuron: mV (v), pA (w), leak units (g), steps left (refractory)."""

    v: float
    w: float
    g_exc: float
    g_inh: float
    refractory: float


class AdExDrive(NamedTuple):
    """Injected current in pA."""

    soma: float


@documented
@dataclass(frozen=True)
class AdEx(NeuronModel):
    """Adaptive exponential integrate-and-fire neuron; the presets are `pv_interneuron` and `som_interneuron`.

    Every quantity takes one number, or an array of shape (n,) with one number per neuron.

    Raises
    ------
    BurstpropError
        A value is out of bounds, or ``refractory_hold`` has no such name.

    Examples
    --------
    >>> from burstprop.neurons import pv_interneuron
    >>> pv_interneuron().c
    100.0
    """

    g_l: PerNeuron = quantity(10.0, "nS", "leak conductance", low=0, open_low=True, per_neuron=True)
    c: PerNeuron = quantity(100.0, "pF", "capacitance", low=0, open_low=True, per_neuron=True)
    e_l: PerNeuron = quantity(-70.0, "mV", "resting potential", per_neuron=True)
    d: PerNeuron = quantity(2.0, "mV", "sharpness of spike initiation", low=0, open_low=True, per_neuron=True)
    v_t: PerNeuron = quantity(-48.0, "mV", "threshold of spike initiation", per_neuron=True)
    v_r: PerNeuron = quantity(-55.0, "mV", "reset", per_neuron=True)
    a: PerNeuron = quantity(0.0, "nS", "subthreshold adaptation", per_neuron=True)
    b: PerNeuron = quantity(0.0, "pA", "adaptation added by a spike", per_neuron=True)
    tau_w: PerNeuron = quantity(
        500.0, "ms", "adaptation time constant", low=0, open_low=True, per_neuron=True
    )
    refractory_ms: PerNeuron = quantity(1.0, "ms", "refractory period", low=0, per_neuron=True)
    v_spike: PerNeuron = quantity(0.0, "mV", "voltage taken as a spike", per_neuron=True)
    v_low: PerNeuron = quantity(-80.0, "mV", "lowest voltage", per_neuron=True)
    v_high: PerNeuron = quantity(20.0, "mV", "highest voltage", per_neuron=True)
    e_exc: PerNeuron = quantity(0.0, "mV", "reversal potential of excitation", per_neuron=True)
    e_inh: PerNeuron = quantity(-80.0, "mV", "reversal potential of inhibition", per_neuron=True)
    tau_exc: PerNeuron = quantity(5.0, "ms", "decay of excitation", low=0, open_low=True, per_neuron=True)
    tau_inh: PerNeuron = quantity(10.0, "ms", "decay of inhibition", low=0, open_low=True, per_neuron=True)
    v_start: PerNeuron = quantity(-70.0, "mV", "mean potential at the start", per_neuron=True)
    v_start_sd: float = quantity(5.0, "mV", "spread of the potential at the start", low=0)
    refractory_hold: str = field(
        default="rest", metadata={"doc": "voltage while refractory: rest (E_L) or reset (V_r)"}
    )

    State = AdExState
    Drive = AdExDrive
    receptors = {"soma_exc": "g_exc", "soma_inh": "g_inh"}  # noqa: RUF012
    voltages = ("v",)

    def __post_init__(self) -> None:
        """Check the parameters."""
        validate(self)
        if self.refractory_hold not in REFRACTORY_HOLDS:
            raise BurstpropError(
                f"AdEx.refractory_hold = {self.refractory_hold!r}: give 'rest' (held at E_L, the published "
                "program's) or 'reset' (held at V_r)"
            )

    def derived(self, dt: float) -> dict[str, Any]:
        """Return what one step of ``dt`` ms needs beside the parameters.

        Raises
        ------
        BurstpropError
            The refractory period is shorter than a step and not 0.
        """
        return dict(
            inv_256_d=1.0 / (256.0 * self.d),
            leak=dt * self.g_l / self.c,
            dt_c=dt / self.c,
            relax_w=dt / self.tau_w,
            decay_exc=np.exp(-dt / self.tau_exc),
            decay_inh=np.exp(-dt / self.tau_inh),
            v_hold=self.e_l if self.refractory_hold == "rest" else self.v_r,
            refractory_steps=whole_steps("AdEx.refractory_ms", self.refractory_ms, dt) + 1.0,
        )

    def initial(self, n: int, rng: np.random.Generator, dt: float) -> AdExState:
        """Return the state at t = 0: V normal around ``v_start``, the rest zero."""
        v: Any = self.v_start + self.v_start_sd * rng.standard_normal(n)  # one value per neuron
        return AdExState(
            v=v,
            w=0.0,
            g_exc=0.0,
            g_inh=0.0,
            refractory=0.0,
        )

    @staticmethod
    def step(s, i, c):
        """Advance by one step."""
        v = s.v + i.soma * c.dt_c
        upstroke = c.d * power256(c.one + (v - c.v_t) * c.inv_256_d)
        new_v = (
            v
            + c.leak * ((c.e_l - v) + upstroke + s.g_exc * (c.e_exc - v) + s.g_inh * (c.e_inh - v))
            - c.dt_c * s.w
        )
        new_v = min(max(new_v, c.v_low), c.v_high)
        left = max(s.refractory - c.one, c.zero)
        return AdExState(
            c.v_hold if left > c.zero else new_v,
            s.w + c.relax_w * (c.a * (v - c.e_l) - s.w) + c.floor,
            s.g_exc * c.decay_exc + c.floor,
            s.g_inh * c.decay_inh + c.floor,
            left,
        )

    @staticmethod
    def margin(s, c):
        """Return the distance to the spike voltage, negative at a spike."""
        return c.v_spike - s.v

    @staticmethod
    def spike(s, i, c, u1, u2):
        """Reset, adapt, start the refractory period."""
        return AdExState(c.v_r, s.w + c.b, s.g_exc, s.g_inh, c.refractory_steps)


def pv_interneuron(**changes: Any) -> AdEx:
    """Return the parvalbumin-positive preset (Payeur et al. 2021); keywords change single parameters."""
    g_l, e_l, d = 10.0, -70.0, 2.0
    preset: dict[str, Any] = dict(
        g_l=g_l, c=100.0, e_l=e_l, d=d, v_r=-55.0, a=0.0, b=0.0, refractory_ms=1.0, v_t=e_l + 200.0 / g_l + d
    )
    return AdEx(**{**preset, **changes})


def som_interneuron(**changes: Any) -> AdEx:
    """Return the somatostatin-positive preset (Payeur et al. 2021); keywords change single parameters."""
    g_l, e_l, d, a = 5.0, -70.0, 4.0, 0.5
    preset: dict[str, Any] = dict(
        g_l=g_l,
        c=100.0,
        e_l=e_l,
        d=d,
        v_r=-65.0,
        a=a,
        b=10.0,
        tau_w=500.0,
        refractory_ms=2.0,
        v_t=e_l + 25.0 / (g_l + a) + d - d * math.log(1.0 + a / g_l),
    )
    return AdEx(**{**preset, **changes})
