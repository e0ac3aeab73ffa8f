"""The two-compartment pyramidal neuron: soma, and a dendrite whose spikes turn events into bursts.

Voltages in mV, currents in pA, capacitances in pF, conductances of the adaptation in nS, times in ms;
synaptic conductances g in units of the compartment's leak conductance C/tau::

    C_s dV_s/dt = -(C_s/tau_s)(V_s - E_L) + g_s f(V_d) + w_s + I_syn,s + I_s
    C_d dV_d/dt = -(C_d/tau_d)(V_d - E_L) + g_d f(V_d) + c_d K(t - t_spike) + a_w w_d + I_syn,d + I_d
    f(V) = 1 / (1 + exp(-(V - E_d)/D_d))
    tau_ws dw_s/dt = -w_s                       at a spike w_s += b_ws
    tau_wd dw_d/dt = (V_d - E_L) - w_d
    tau_th dth/dt = th_0 - th                   at a spike th += dth
    I_syn,X = (C_X/tau_X) [g_exc (E_exc - V) + g_inh (E_inh - V)]

A spike is fired when V_s > th; then V_s is set to V_r. There is no refractory period. K is 1 for the 2 ms
after a spike (the back-propagating action potential) and 0 otherwise; a new spike restarts it.

Scheme: forward Euler for V_s, V_d, w_d and th; exact decay for w_s and the conductances. Currents use the
state at the start of the step; w_d uses the new V_d. Injected current is added after the threshold test, so
it is felt one step later.

Departure of the published program: V in the driving force of the *dendritic* synapses is the somatic voltage
there. The paper's equations read as the dendrite's own. ``dendritic_driving_force`` names the choice:
``"own"`` (the default, the physical one) or ``"somatic"`` (what the published figures need, and what the
circuits of the paper declare).

Source: Payeur, Guerguiev, Zenke, Richards & Naud (2021), Nature Neuroscience 24,
doi:10.1038/s41593-021-00857-x; Naud & Sprekeler (2018), PNAS 115, E6329, doi:10.1073/pnas.1720995115.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from burstprop.errors import BurstpropError
from burstprop.neurons.functions import sigmoid
from burstprop.neurons.model import NeuronModel, whole_steps
from burstprop.parameters import PerNeuron, documented, quantity, validate

DRIVING_FORCES = ("own", "somatic")


class PyramidalState(NamedTuple):
    """Variables of one neuron: mV, pA (w_s), mV (w_d, th), leak units (g), steps left (bap)."""

    v_s: float
    v_d: float
    w_s: float
    w_d: float
    th: float
    g_s_exc: float
    g_s_inh: float
    g_d_exc: float
    g_d_inh: float
    bap: float


class PyramidalDrive(NamedTuple):
    """Injected current in pA."""

    soma: float
    dendrite: float


@documented
@dataclass(frozen=True)
class PyramidalNeuron(NeuronModel):
    """Two-compartment pyramidal neuron; the defaults are those of Payeur et al. (2021).

    Every quantity takes one number, or an array of shape (n,) with one number per neuron.

    Raises
    ------
    BurstpropError
        A value is out of bounds, or ``dendritic_driving_force`` has no such name.

    Examples
    --------
    >>> from burstprop import PyramidalNeuron
    >>> PyramidalNeuron(tau_s=18.0).tau_s
    18.0
    """

    e_l: PerNeuron = quantity(-70.0, "mV", "resting potential", per_neuron=True)
    v_r: PerNeuron = quantity(-70.0, "mV", "somatic reset", per_neuron=True)
    th_0: PerNeuron = quantity(-50.0, "mV", "resting threshold", per_neuron=True)
    tau_th: PerNeuron = quantity(
        27.0, "ms", "relaxation of the threshold", low=0, open_low=True, per_neuron=True
    )
    dth: PerNeuron = quantity(2.0, "mV", "rise of the threshold at a spike", low=0, per_neuron=True)
    c_s: PerNeuron = quantity(370.0, "pF", "somatic capacitance", low=0, open_low=True, per_neuron=True)
    tau_s: PerNeuron = quantity(
        16.0, "ms", "somatic membrane time constant", low=0, open_low=True, per_neuron=True
    )
    g_s: PerNeuron = quantity(
        1300.0, "pA", "dendrite-to-soma current of the dendritic spike", low=0, per_neuron=True
    )
    tau_ws: PerNeuron = quantity(
        100.0, "ms", "decay of the somatic adaptation", low=0, open_low=True, per_neuron=True
    )
    b_ws: PerNeuron = quantity(-200.0, "pA", "somatic adaptation added by a spike", high=0, per_neuron=True)
    c_d: PerNeuron = quantity(170.0, "pF", "dendritic capacitance", low=0, open_low=True, per_neuron=True)
    tau_d: PerNeuron = quantity(
        7.0, "ms", "dendritic membrane time constant", low=0, open_low=True, per_neuron=True
    )
    g_d: PerNeuron = quantity(1200.0, "pA", "regenerative dendritic current", low=0, per_neuron=True)
    tau_wd: PerNeuron = quantity(30.0, "ms", "dendritic adaptation", low=0, open_low=True, per_neuron=True)
    a_w: PerNeuron = quantity(-13.0, "nS", "strength of the dendritic adaptation", high=0, per_neuron=True)
    bap: PerNeuron = quantity(
        2600.0, "pA", "c_d: current of the back-propagating spike", low=0, per_neuron=True
    )
    bap_ms: PerNeuron = quantity(2.0, "ms", "duration of the back-propagating spike", low=0, per_neuron=True)
    e_d: PerNeuron = quantity(-38.0, "mV", "midpoint of the dendritic nonlinearity", per_neuron=True)
    d_d: PerNeuron = quantity(
        6.0, "mV", "width of the dendritic nonlinearity", low=0, open_low=True, per_neuron=True
    )
    e_exc: PerNeuron = quantity(0.0, "mV", "reversal potential of excitation", per_neuron=True)
    e_inh: PerNeuron = quantity(-80.0, "mV", "reversal potential of inhibition", per_neuron=True)
    tau_exc: PerNeuron = quantity(5.0, "ms", "decay of excitation", low=0, open_low=True, per_neuron=True)
    tau_inh: PerNeuron = quantity(10.0, "ms", "decay of inhibition", low=0, open_low=True, per_neuron=True)
    v_start: PerNeuron = quantity(-70.0, "mV", "mean somatic potential at the start", per_neuron=True)
    v_start_sd: float = quantity(5.0, "mV", "spread of the somatic potential at the start", low=0)
    dendritic_driving_force: str = field(
        default="own", metadata={"doc": "voltage in the drive of dendritic synapses: own or somatic"}
    )

    State = PyramidalState
    Drive = PyramidalDrive
    receptors = {  # noqa: RUF012
        "soma_exc": "g_s_exc",
        "soma_inh": "g_s_inh",
        "dendrite_exc": "g_d_exc",
        "dendrite_inh": "g_d_inh",
    }
    voltages = ("v_s", "v_d")

    def __post_init__(self) -> None:
        """Check the parameters."""
        validate(self)
        if self.dendritic_driving_force not in DRIVING_FORCES:
            raise BurstpropError(
                f"PyramidalNeuron.dendritic_driving_force = {self.dendritic_driving_force!r}: give 'own' "
                "(the dendrite's voltage, the physical one) or 'somatic' (the published program's)"
            )

    def derived(self, dt: float) -> dict[str, Any]:
        """Return what one step of ``dt`` ms needs beside the parameters.

        Raises
        ------
        BurstpropError
            The back-propagating spike is shorter than a step and not 0.
        """
        return dict(
            leak_s=dt / self.tau_s,
            leak_d=dt / self.tau_d,
            dt_c_s=dt / self.c_s,
            dt_c_d=dt / self.c_d,
            spike_s=dt * self.g_s / self.c_s,
            spike_d=dt * self.g_d / self.c_d,
            bap_d=dt * self.bap / self.c_d,
            w_d_d=dt * self.a_w / self.c_d,
            inv_d_d=1.0 / self.d_d,
            decay_ws=np.exp(-dt / self.tau_ws),
            relax_wd=dt / self.tau_wd,
            relax_th=dt / self.tau_th,
            decay_exc=np.exp(-dt / self.tau_exc),
            decay_inh=np.exp(-dt / self.tau_inh),
            own=float(self.dendritic_driving_force == "own"),
            bap_steps=whole_steps("PyramidalNeuron.bap_ms", self.bap_ms, dt),
        )

    def initial(self, n: int, rng: np.random.Generator, dt: float) -> PyramidalState:
        """Return the state at t = 0: V_s normal around ``v_start``, the rest at rest (w_d 0.1 mV)."""
        v_s: Any = self.v_start + self.v_start_sd * rng.standard_normal(n)  # one value per neuron
        return PyramidalState(
            v_s=v_s,
            v_d=self.e_l,
            w_s=0.0,
            w_d=0.1,
            th=self.th_0,
            g_s_exc=0.0,
            g_s_inh=0.0,
            g_d_exc=0.0,
            g_d_inh=0.0,
            bap=0.0,
        )

    @staticmethod
    def step(s, i, c):
        """Advance by one step."""
        v_s = s.v_s + i.soma * c.dt_c_s
        v_d = s.v_d + i.dendrite * c.dt_c_d
        v_syn = v_d if c.own > c.zero else v_s
        f = sigmoid((v_d - c.e_d) * c.inv_d_d)
        new_v_s = (
            v_s
            + c.leak_s * ((c.e_l - v_s) + s.g_s_exc * (c.e_exc - v_s) + s.g_s_inh * (c.e_inh - v_s))
            + c.spike_s * f
            + c.dt_c_s * s.w_s
        )
        new_v_d = (
            v_d
            + c.leak_d * ((c.e_l - v_d) + s.g_d_exc * (c.e_exc - v_syn) + s.g_d_inh * (c.e_inh - v_syn))
            + c.spike_d * f
            + c.bap_d * min(s.bap, c.one)
            + c.w_d_d * s.w_d
        )
        return PyramidalState(
            new_v_s,
            new_v_d,
            s.w_s * c.decay_ws + c.floor,
            s.w_d + c.relax_wd * ((new_v_d - c.e_l) - s.w_d),
            s.th + c.relax_th * (c.th_0 - s.th),
            s.g_s_exc * c.decay_exc + c.floor,
            s.g_s_inh * c.decay_inh + c.floor,
            s.g_d_exc * c.decay_exc + c.floor,
            s.g_d_inh * c.decay_inh + c.floor,
            max(s.bap - c.one, c.zero),
        )

    @staticmethod
    def margin(s, c):
        """Return the distance to the threshold, negative at a spike."""
        return s.th - s.v_s

    @staticmethod
    def spike(s, i, c, u1, u2):
        """Reset the soma, raise threshold and adaptation, start the back-propagating spike."""
        return PyramidalState(
            c.v_r,
            s.v_d,
            s.w_s + c.b_ws,
            s.w_d,
            s.th + c.dth,
            s.g_s_exc,
            s.g_s_inh,
            s.g_d_exc,
            s.g_d_inh,
            c.bap_steps,
        )
