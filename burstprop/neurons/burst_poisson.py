"""The Burst-Poisson pyramidal neuron: the soma fires events, a coin biased by the dendrite makes bursts.

As `burstprop.neurons.pyramidal` without the dendrite-to-soma current, the dendritic nonlinearity and the
back-propagating spike (voltages in mV, currents in pA, times in ms, conductances in units of the leak
C/tau)::

    C_s dV_s/dt = -(C_s/tau_s)(V_s - E_L) + w_s + I_syn,s + I_s
    C_d dV_d/dt = -(C_d/tau_d)(V_d - E_L) + a_w w_d + I_syn,d + I_d
    tau_ws dw_s/dt = -w_s ; tau_wd dw_d/dt = (V_d - E_L) - w_d ; tau_th dth/dt = th_0 - th

V_s > th outside the refractory period is an *event*: a spike, V_s <- V_r, th += dth, w_s += b_ws, refractory
for 20 ms (the voltage goes on integrating, only spiking is barred). With probability
f(V_d) = 1/(1 + exp(-(V_d - E_d)/D_d)), V_d at the end of this step (its injected current included), a second
spike follows after 5 ms + Uniform(0, 10) ms; it restarts the 20 ms and changes nothing else. (A current that
`Simulation.set_current` sets between two steps counts from the later one on.)

The departure on the driving force of dendritic synapses is the same as in the two-compartment neuron and has
the same name, ``dendritic_driving_force`` ("own" by default, "somatic" in the circuits of the paper).

Source: Payeur et al. (2021), Nature Neuroscience 24, Methods, "Spiking XOR gate";
doi:10.1038/s41593-021-00857-x.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from burstprop.errors import BurstpropError
from burstprop.neurons.functions import sigmoid
from burstprop.neurons.model import NeuronModel, whole_steps
from burstprop.neurons.pyramidal import DRIVING_FORCES
from burstprop.parameters import PerNeuron, documented, quantity, validate


class BurstPoissonState(NamedTuple):
    """Variables of one neuron: mV, pA (w_s), leak units (g), steps left (refractory, burst_at).

    The second spike comes when ``refractory`` has counted down to ``burst_at``, never where that is -1. One
    countdown serves both, because the second spike falls into the refractory period.
    """

    v_s: float
    v_d: float
    w_s: float
    w_d: float
    th: float
    g_s_exc: float
    g_s_inh: float
    g_d_exc: float
    g_d_inh: float
    refractory: float
    burst_at: float


class BurstPoissonDrive(NamedTuple):
    """Injected current in pA."""

    soma: float
    dendrite: float


@documented
@dataclass(frozen=True)
class BurstPoissonNeuron(NeuronModel):
    """Burst-Poisson pyramidal neuron; the defaults are those of the XOR circuit of Payeur et al. (2021).

    Every quantity takes one number, or an array of shape (n,) with one number per neuron.

    Raises
    ------
    BurstpropError
        A value is out of bounds, the second spike of a burst could come after the refractory period, or
        ``dendritic_driving_force`` has no such name.

    Examples
    --------
    >>> from burstprop import BurstPoissonNeuron
    >>> BurstPoissonNeuron(e_d=-55.0).e_d
    -55.0
    """

    e_l: PerNeuron = quantity(-70.0, "mV", "resting potential", per_neuron=True)
    v_r: PerNeuron = quantity(-70.0, "mV", "somatic reset", per_neuron=True)
    th_0: PerNeuron = quantity(-50.0, "mV", "resting threshold", per_neuron=True)
    tau_th: PerNeuron = quantity(
        27.0, "ms", "relaxation of the threshold", low=0, open_low=True, per_neuron=True
    )
    dth: PerNeuron = quantity(2.0, "mV", "rise of the threshold at an event", low=0, per_neuron=True)
    c_s: PerNeuron = quantity(370.0, "pF", "somatic capacitance", low=0, open_low=True, per_neuron=True)
    tau_s: PerNeuron = quantity(
        16.0, "ms", "somatic membrane time constant", low=0, open_low=True, per_neuron=True
    )
    tau_ws: PerNeuron = quantity(
        100.0, "ms", "decay of the somatic adaptation", low=0, open_low=True, per_neuron=True
    )
    b_ws: PerNeuron = quantity(-200.0, "pA", "somatic adaptation added by an event", high=0, per_neuron=True)
    c_d: PerNeuron = quantity(170.0, "pF", "dendritic capacitance", low=0, open_low=True, per_neuron=True)
    tau_d: PerNeuron = quantity(
        7.0, "ms", "dendritic membrane time constant", low=0, open_low=True, per_neuron=True
    )
    tau_wd: PerNeuron = quantity(30.0, "ms", "dendritic adaptation", low=0, open_low=True, per_neuron=True)
    a_w: PerNeuron = quantity(-13.0, "nS", "strength of the dendritic adaptation", high=0, per_neuron=True)
    e_d: PerNeuron = quantity(-57.0, "mV", "dendritic voltage at burst probability 1/2", per_neuron=True)
    d_d: PerNeuron = quantity(
        6.0, "mV", "width of the burst-probability curve", low=0, open_low=True, per_neuron=True
    )
    refractory_ms: PerNeuron = quantity(20.0, "ms", "refractory period after a spike", low=0, per_neuron=True)
    burst_first_ms: PerNeuron = quantity(
        5.0, "ms", "shortest interval to the second spike", low=0, per_neuron=True
    )
    burst_span_ms: PerNeuron = quantity(10.0, "ms", "spread of that interval", low=0, per_neuron=True)
    e_exc: PerNeuron = quantity(0.0, "mV", "reversal potential of excitation", per_neuron=True)
    e_inh: PerNeuron = quantity(-80.0, "mV", "reversal potential of inhibition", per_neuron=True)
    tau_exc: PerNeuron = quantity(5.0, "ms", "decay of excitation", low=0, open_low=True, per_neuron=True)
    tau_inh: PerNeuron = quantity(10.0, "ms", "decay of inhibition", low=0, open_low=True, per_neuron=True)
    v_start: PerNeuron = quantity(-70.0, "mV", "mean somatic potential at the start", per_neuron=True)
    v_start_sd: float = quantity(5.0, "mV", "spread of the somatic potential at the start", low=0)
    dendritic_driving_force: str = field(
        default="own", metadata={"doc": "voltage in the drive of dendritic synapses: own or somatic"}
    )

    State = BurstPoissonState
    Drive = BurstPoissonDrive
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
                f"BurstPoissonNeuron.dendritic_driving_force = {self.dendritic_driving_force!r}: give 'own' "
                "(the dendrite's voltage, the physical one) or 'somatic' (the published program's)"
            )
        times = {
            name: np.asarray(getattr(self, name))
            for name in ("burst_first_ms", "burst_span_ms", "refractory_ms")
        }
        lengths = {name: len(time) for name, time in times.items() if time.ndim}
        if 0 in lengths.values() or len(set(lengths.values())) > 1:
            raise BurstpropError(
                f"BurstPoissonNeuron: {', '.join(f'{name} has {n}' for name, n in lengths.items())} values: "
                "give one number, or an array of one per neuron"
            )
        longest = np.max(times["burst_first_ms"] + times["burst_span_ms"] - times["refractory_ms"])
        if longest > 1e-9:  # 0.1 + 0.2 is no more than 0.3
            raise BurstpropError(
                f"BurstPoissonNeuron: burst_first_ms + burst_span_ms exceeds refractory_ms by {longest:g} "
                "ms: the second spike must come while the neuron is refractory; lengthen refractory_ms"
            )

    def derived(self, dt: float) -> dict[str, Any]:
        """Return what one step of ``dt`` ms needs beside the parameters.

        Raises
        ------
        BurstpropError
            The second spike could fall on the step of the first, or its spread is shorter than a step and
            not 0.
        """
        return dict(
            leak_s=dt / self.tau_s,
            leak_d=dt / self.tau_d,
            dt_c_s=dt / self.c_s,
            dt_c_d=dt / self.c_d,
            w_d_d=dt * self.a_w / self.c_d,
            inv_d_d=1.0 / self.d_d,
            decay_ws=np.exp(-dt / self.tau_ws),
            relax_wd=dt / self.tau_wd,
            relax_th=dt / self.tau_th,
            decay_exc=np.exp(-dt / self.tau_exc),
            decay_inh=np.exp(-dt / self.tau_inh),
            own=float(self.dendritic_driving_force == "own"),
            # counted down before the test for a spike, so one more than the steps that are barred
            refractory_steps=np.round(self.refractory_ms / dt) + 1,
            # on the step of the first there is no second spike
            burst_first=whole_steps("BurstPoissonNeuron.burst_first_ms", self.burst_first_ms, dt, least=1),
            burst_span=whole_steps("BurstPoissonNeuron.burst_span_ms", self.burst_span_ms, dt),
        )

    def initial(self, n: int, rng: np.random.Generator, dt: float) -> BurstPoissonState:
        """Return the state at t = 0: V_s normal around ``v_start``, the rest at rest (w_d 0.1 mV)."""
        v_s: Any = self.v_start + self.v_start_sd * rng.standard_normal(n)  # one value per neuron
        return BurstPoissonState(
            v_s=v_s,
            v_d=self.e_l,
            w_s=0.0,
            w_d=0.1,
            th=self.th_0,
            g_s_exc=0.0,
            g_s_inh=0.0,
            g_d_exc=0.0,
            g_d_inh=0.0,
            refractory=0.0,
            burst_at=-1.0,
        )

    @staticmethod
    def step(s, i, c):
        """Advance by one step."""
        v_s = s.v_s + i.soma * c.dt_c_s
        v_d = s.v_d + i.dendrite * c.dt_c_d
        v_syn = v_d if c.own > c.zero else v_s
        new_v_s = (
            v_s
            + c.leak_s * ((c.e_l - v_s) + s.g_s_exc * (c.e_exc - v_s) + s.g_s_inh * (c.e_inh - v_s))
            + c.dt_c_s * s.w_s
        )
        new_v_d = (
            v_d
            + c.leak_d * ((c.e_l - v_d) + s.g_d_exc * (c.e_exc - v_syn) + s.g_d_inh * (c.e_inh - v_syn))
            + c.w_d_d * s.w_d
        )
        return BurstPoissonState(
            new_v_s,
            new_v_d,
            s.w_s * c.decay_ws + c.floor,
            s.w_d + c.relax_wd * ((new_v_d - c.e_l) - s.w_d),
            s.th + c.relax_th * (c.th_0 - s.th),
            s.g_s_exc * c.decay_exc + c.floor,
            s.g_s_inh * c.decay_inh + c.floor,
            s.g_d_exc * c.decay_exc + c.floor,
            s.g_d_inh * c.decay_inh + c.floor,
            max(s.refractory - c.one, c.zero),
            s.burst_at,
        )

    @staticmethod
    def margin(s, c):
        """Return a negative number at an event (over threshold, not refractory) and at a due second spike."""
        event = s.th - s.v_s if s.refractory <= c.zero else c.one
        return event if s.refractory != s.burst_at else -c.one

    @staticmethod
    def spike(s, i, c, u1, u2):
        """Fire the due second spike, or an event that schedules one with probability f(V_d)."""
        second = s.refractory == s.burst_at
        # the current of this step is in V_d when it ends (see `burstprop.circuit.stimuli`)
        v_d = s.v_d + i.dendrite * c.dt_c_d
        bursts = u1 < sigmoid((v_d - c.e_d) * c.inv_d_d)
        # in single precision u2 may round to 1
        wait = c.burst_first + min(np.floor(u2 * (c.burst_span + c.one)), c.burst_span)
        return BurstPoissonState(
            s.v_s if second else c.v_r,
            s.v_d,
            s.w_s if second else s.w_s + c.b_ws,
            s.w_d,
            s.th if second else s.th + c.dth,
            s.g_s_exc,
            s.g_s_inh,
            s.g_d_exc,
            s.g_d_inh,
            c.refractory_steps,
            c.refractory_steps - wait if bursts and not second else -c.one,
        )
