"""Voltage traces and spike times of the neuron models and of short-term plasticity by Brian2.

The differential equations of the voltages are given to Brian2 with its units and stepped by its own forward
Euler; what the published scheme does after them (exact decay of conductances and somatic adaptation,
dendritic adaptation from the new voltage) is updated by `run_regularly`, and injected currents are added at
the end of the step. Everything else is what Brian2 does by itself: thresholds, refractory periods of the
interneurons, delays of synapses, summing of what arrives, resets.
"""

import numpy as np

from brian_twin.quiet import brian2_or_skip, known_warnings

UNITS = {
    **dict.fromkeys(
        ["E_L", "V_r", "th_0", "dth", "E_d", "D_d", "D", "V_T", "hold", "V_peak", "V_min", "V_max"], "mV"
    ),
    **dict.fromkeys(["tau_th", "tau_s", "tau_ws", "tau_d", "tau_wd", "box", "tau_w", "tau_ref"], "ms"),
    **dict.fromkeys(["C_s", "C_d", "C"], "pF"),
    **dict.fromkeys(["g_s", "g_d", "b_ws", "c_d", "b"], "pA"),
    **dict.fromkeys(["a_w", "g_L", "a"], "nS"),
    **dict.fromkeys(["delay_min", "delay_range"], "ms"),
}
STATE_UNITS = {
    **dict.fromkeys(["V_s", "V_d", "w_d", "th", "V"], "mV"),
    **dict.fromkeys(["w_s", "w"], "pA"),
}

CONDUCTANCES = """
g_exc_soma : 1
g_inh_soma : 1
g_exc_dend : 1
g_inh_dend : 1
"""
DECAY_CONDUCTANCES = """
g_exc_soma *= exp(-dt/(5*ms))
g_inh_soma *= exp(-dt/(10*ms))
g_exc_dend *= exp(-dt/(5*ms))
g_inh_dend *= exp(-dt/(10*ms))
"""
TWO_COMPARTMENTS = (
    """
I_syn_soma = (C_s/tau_s)*(g_exc_soma*(0*mV - V_s) + g_inh_soma*(-80*mV - V_s)) : amp
I_syn_dend = (C_d/tau_d)*(g_exc_dend*(0*mV - {at}) + g_inh_dend*(-80*mV - {at})) : amp
w_s : amp
w_d : volt
th : volt
"""
    + CONDUCTANCES
)
DECAY_TWO_COMPARTMENTS = (
    DECAY_CONDUCTANCES
    + """
w_s *= exp(-dt/tau_ws)
w_d += dt/tau_wd*((V_d - E_L) - w_d)
th += dt/tau_th*(th_0 - th)
"""
)
INJECT_TWO_COMPARTMENTS = """
V_s += dt/C_s*I_soma(t, i)
V_d += dt/C_d*I_dend(t, i)
"""

PYRAMIDAL = """
dV_s/dt = (-(C_s/tau_s)*(V_s - E_L) + g_s*f + w_s + I_syn_soma)/C_s : volt
dV_d/dt = (-(C_d/tau_d)*(V_d - E_L) + g_d*f + c_d*K + a_w*w_d + I_syn_dend)/C_d : volt
f = 1/(1 + exp(-(V_d - E_d)/D_d)) : 1
K = int(t_in_timesteps <= box_until) : 1
box_until : integer
"""
PYRAMIDAL_RESET = """
V_s = V_r
w_s += b_ws
th += dth
box_until = t_in_timesteps + box_steps
"""

BURST_POISSON = """
dV_s/dt = (-(C_s/tau_s)*(V_s - E_L) + w_s + I_syn_soma)/C_s : volt
dV_d/dt = (-(C_d/tau_d)*(V_d - E_L) + a_w*w_d + I_syn_dend)/C_d : volt
event : integer
again : integer
free_from : integer
second_at : integer
"""
BURST_POISSON_TEST = """
event = int(V_s > th)*int(t_in_timesteps >= free_from)
again = int(t_in_timesteps == second_at)
"""
BURST_POISSON_RESET = """
V_s = event*V_r + (1 - event)*V_s
w_s += event*b_ws
th += event*dth
free_from = t_in_timesteps + refractory_steps + 1
"""
BURST_POISSON_DRAW = """
follows = event*int(chance(t, i) < 1/(1 + exp(-(V_d - E_d)/D_d)))
wait = wait_min + int(floor(when(t, i)*(wait_span + 1)))
second_at = follows*(t_in_timesteps + wait) + (1 - follows)*second_at
event = 0
again = 0
"""

ADEX = """
dV/dt = (-g_L*(V - E_L) + g_L*D*(1 + (V - V_T)/D/256)**256 - w + I_syn)/C : volt
dw/dt = (a*(V - E_L) - w)/tau_w : amp
I_syn = g_L*(g_exc_soma*(0*mV - V) + g_inh_soma*(-80*mV - V)) : amp
g_exc_soma : 1
g_inh_soma : 1
"""
ADEX_AFTER = """
V = clip(V, V_min, V_max)
V = V*int(not_refractory) + hold*(1 - int(not_refractory))
g_exc_soma *= exp(-dt/(5*ms))
g_inh_soma *= exp(-dt/(10*ms))
"""


def _with_units(b, params):
    """Return the numbers of ``params`` as Brian2 quantities (what is not a number is left out)."""
    return {
        name: value * getattr(b, UNITS[name]) for name, value in params.items() if not isinstance(value, str)
    }


def _pyramidal(b, drive, space, dt):
    at = {"somatic": "V_s", "own": "V_d"}[drive.params["driving_force"]]
    space["box_steps"] = round(drive.params["box"] / drive.dt)
    group = b.NeuronGroup(
        drive.n,
        PYRAMIDAL + TWO_COMPARTMENTS.format(at=at),
        threshold="V_s > th",
        reset=PYRAMIDAL_RESET,
        method="euler",
        namespace=space,
        dt=dt,
    )
    group.box_until = -1
    group.run_regularly(DECAY_TWO_COMPARTMENTS, when="groups", order=1)
    group.run_regularly(INJECT_TWO_COMPARTMENTS, when="end")
    return group


def _burst_poisson(b, drive, space, dt):
    at = {"somatic": "V_s", "own": "V_d"}[drive.params["driving_force"]]
    space["refractory_steps"] = round(drive.params["tau_ref"] / drive.dt)
    space["wait_min"] = round(drive.params["delay_min"] / drive.dt)
    space["wait_span"] = round(drive.params["delay_range"] / drive.dt)
    space["chance"] = b.TimedArray(drive.uniforms[:, 0], dt=dt)
    space["when"] = b.TimedArray(drive.uniforms[:, 1], dt=dt)
    group = b.NeuronGroup(
        drive.n,
        BURST_POISSON + TWO_COMPARTMENTS.format(at=at),
        threshold="event + again > 0",
        reset=BURST_POISSON_RESET,
        method="euler",
        namespace=space,
        dt=dt,
    )
    group.second_at = -1
    group.run_regularly(DECAY_TWO_COMPARTMENTS, when="groups", order=1)
    group.run_regularly(BURST_POISSON_TEST, when="groups", order=2)
    group.run_regularly(INJECT_TWO_COMPARTMENTS, when="end", order=0)
    group.run_regularly(BURST_POISSON_DRAW, when="end", order=1)
    return group


def _adex(b, drive, space, dt):
    group = b.NeuronGroup(
        drive.n,
        ADEX,
        threshold="V > V_peak",
        reset="V = V_r; w += b",
        # Brian2 counts from the step of the spike: held for k steps after it is a period of k + 1 steps
        refractory=(drive.params["tau_ref"] + drive.dt) * b.ms,
        method="euler",
        namespace=space,
        dt=dt,
    )
    group.run_regularly(ADEX_AFTER, when="groups", order=1)
    group.run_regularly("V += dt/C*I_soma(t, i)", when="end")
    return group


BUILD = {"pyramidal": _pyramidal, "burst_poisson": _burst_poisson, "pv": _adex, "som": _adex}


def _generator(b, trains, dt):
    """Return the given spikes, boolean (steps, n), as a Brian2 group."""
    step, neuron = np.nonzero(trains)
    return b.SpikeGeneratorGroup(trains.shape[1], neuron, step * dt, dt=dt)


def samples(kind, drive, watch):
    """Return what Brian2 makes of a drive (of oracles.drive), in ms, mV, pA and leak conductances.

    ``kind``: "pyramidal", "burst_poisson", "pv" or "som". Keys: the names in ``watch``, (steps, n) at the
    end of every step, and "spikes", rows of (step, neuron) sorted by both.
    """
    b = brian2_or_skip()
    with known_warnings():
        dt = drive.dt * b.ms
        space = {**_with_units(b, drive.params), "ms": b.ms, "mV": b.mV}
        for compartment, current in drive.currents.items():
            space["I_" + compartment] = b.TimedArray(current * b.pA, dt=dt)
        group = BUILD[kind](b, drive, space, dt)
        if kind in ("pv", "som"):
            group.V = drive.start * b.mV
        else:
            group.V_s, group.V_d = drive.start * b.mV, -70.0 * b.mV
            group.w_d, group.th = 0.1 * b.mV, -50.0 * b.mV
        network = b.Network(group)
        for port, trains in drive.trains.items():
            source = _generator(b, trains, dt)
            synapses = b.Synapses(
                source,
                group,
                on_pre=f"g_{port}_post += weight",
                delay=drive.delay_steps * dt,
                namespace={"weight": drive.weights[port]},
            )
            synapses.connect(j="i")
            network.add(source, synapses)
        spikes = b.SpikeMonitor(group)
        state = b.StateMonitor(group, list(watch), record=True, dt=dt, when="end", order=10)
        network.add(spikes, state)
        network.run(drive.steps * dt, namespace={})
        unit = {name: float(getattr(b, STATE_UNITS[name])) if name in STATE_UNITS else 1.0 for name in watch}
        found = {name: np.asarray(getattr(state, name)).T / unit[name] for name in watch}
        at = np.column_stack([np.rint(np.asarray(spikes.t / dt)).astype(int), np.asarray(spikes.i)])
    found["spikes"] = at[np.lexsort((at[:, 1], at[:, 0]))]
    return found


def efficacies(trains, tau_D, tau_F, U, f=None, dt=0.1):
    """Return x u just before each spike of ``trains``, boolean (steps, n); 0 where there is none."""
    b = brian2_or_skip()
    with known_warnings():
        step = dt * b.ms
        source = _generator(b, trains, step)
        target = b.NeuronGroup(trains.shape[1], "efficacy : 1", dt=step)
        synapses = b.Synapses(
            source,
            target,
            "dx/dt = (1 - x)/tau_D : 1 (clock-driven)\ndu/dt = (U - u)/tau_F : 1 (clock-driven)",
            on_pre="efficacy_post = x*u\nx -= u*x\nu += f*(1 - u)",
            method="euler",
            namespace=dict(tau_D=tau_D * b.ms, tau_F=tau_F * b.ms, U=U, f=U if f is None else f),
            dt=step,
        )
        synapses.connect(j="i")
        synapses.x, synapses.u = 1.0, U
        clear = target.run_regularly("efficacy = 0", when="start")
        monitor = b.StateMonitor(target, "efficacy", record=True, dt=step, when="end")
        network = b.Network(source, target, synapses, monitor)
        network.run(len(trains) * step, namespace={})
        del clear
        return np.asarray(monitor.efficacy).T
