"""One step of the three neuron models, vectorised over the neurons of a population.

``step(state, params, dt, injected)`` changes the dict of arrays ``state`` in place and returns the mask of
the neurons that spiked. ``injected`` maps a compartment ("soma", "dend"; the one-compartment model has
"soma") to a current in pA, a number or one value per neuron. A parameter is a number or one value per
neuron.

Conductances are in units of the leak of their compartment. Whoever calls adds the weight of an arriving spike
to ``g_exc_soma``, ``g_inh_soma``, ``g_exc_dend``, ``g_inh_dend`` after the step.
"""

import functools

import numpy as np

E_EXC, E_INH = 0.0, -80.0
TAU_EXC, TAU_INH = 5.0, 10.0

PYRAMIDAL = dict(
    E_L=-70.0, V_r=-70.0, th_0=-50.0, tau_th=27.0, dth=2.0,
    C_s=370.0, tau_s=16.0, g_s=1300.0, tau_ws=100.0, b_ws=-200.0,
    C_d=170.0, tau_d=7.0, g_d=1200.0, tau_wd=30.0, a_w=-13.0, c_d=2600.0, box=2.0, E_d=-38.0, D_d=6.0,
    driving_force="somatic",
)  # fmt: skip
"""Two-compartment neuron; ``driving_force`` names the voltage in the current of the dendritic synapses: the
"somatic" one (published figures) or the dendrite's "own"."""

BURST_POISSON = {
    **{k: v for k, v in PYRAMIDAL.items() if k not in ("g_s", "g_d", "c_d", "box")},
    "E_d": -57.0,
    "tau_ref": 20.0,
    "delay_min": 5.0,
    "delay_range": 10.0,
}


def adex_threshold(E_L, g_L, D, a, rheobase):
    """Return the V_T at which a constant current of ``rheobase`` pA just removes the resting state.

    The steady-state current (g_L + a)(V - E_L) - g_L D exp((V - V_T)/D) peaks at V = V_T + D ln(1 + a/g_L).
    """
    return E_L + rheobase / (g_L + a) + D - D * np.log(1.0 + a / g_L)


def _adex(g_L, C, E_L, D, V_r, a, b, tau_w, tau_ref, rheobase):
    return dict(
        g_L=g_L, C=C, E_L=E_L, D=D, V_r=V_r, a=a, b=b, tau_w=tau_w, tau_ref=tau_ref,
        V_T=adex_threshold(E_L, g_L, D, a, rheobase), V_peak=0.0, V_min=-80.0, V_max=20.0, hold=E_L,
    )  # fmt: skip


PV = _adex(10.0, 100.0, -70.0, 2.0, -55.0, 0.0, 0.0, 500.0, 1.0, rheobase=200.0)
SOM = _adex(5.0, 100.0, -70.0, 4.0, -65.0, 0.5, 10.0, 500.0, 2.0, rheobase=25.0)


def sigmoid(V, E_d, D_d):
    return 1.0 / (1.0 + np.exp(-(V - E_d) / D_d))


def steps_of(time, dt):
    """Return a duration in whole steps; it must be a multiple of dt."""
    return _whole_steps(time, dt) if np.ndim(time) == 0 else _whole_steps.__wrapped__(time, dt)


@functools.cache  # asked for in every step
def _whole_steps(time, dt):
    n = np.rint(np.asarray(time) / dt).astype(np.int64)
    assert np.allclose(n * dt, time), f"{time} ms is not a multiple of {dt} ms"
    return n


def _two_compartments(n, soma):
    zeros = dict.fromkeys(["w_s", "g_exc_soma", "g_inh_soma", "g_exc_dend", "g_inh_dend"], 0.0)
    start = dict(V_s=soma, V_d=-70.0, w_d=0.1, th=-50.0, **zeros)
    return {name: np.full(n, value, dtype=np.float64) for name, value in start.items()}


def pyramidal_start(n, soma=-70.0):
    """Return the published start; ``soma`` is the somatic voltage, a number or one per neuron."""
    return {**_two_compartments(n, soma), "box_left": np.zeros(n, dtype=np.int64)}


def burst_poisson_start(n, soma=-70.0):
    counters = {"refractory_left": np.zeros(n, dtype=np.int64), "burst_in": np.zeros(n, dtype=np.int64)}
    return {**_two_compartments(n, soma), **counters}


def adex_start(n, soma=-70.0):
    start = dict(V=soma, w=0.0, g_exc_soma=0.0, g_inh_soma=0.0)
    state = {name: np.full(n, value, dtype=np.float64) for name, value in start.items()}
    return {**state, "refractory_left": np.zeros(n, dtype=np.int64)}


def _synaptic_currents(s, p):
    """Return the synaptic currents into soma and dendrite, pA, from the state as it stands."""
    at_dendrite = {"somatic": s["V_s"], "own": s["V_d"]}[p["driving_force"]]
    soma = s["g_exc_soma"] * (E_EXC - s["V_s"]) + s["g_inh_soma"] * (E_INH - s["V_s"])
    dend = s["g_exc_dend"] * (E_EXC - at_dendrite) + s["g_inh_dend"] * (E_INH - at_dendrite)
    return p["C_s"] / p["tau_s"] * soma, p["C_d"] / p["tau_d"] * dend


def _decay_conductances(s, dt):
    for name in s:
        if name.startswith("g_exc"):
            s[name] = s[name] * np.exp(-dt / TAU_EXC)
        elif name.startswith("g_inh"):
            s[name] = s[name] * np.exp(-dt / TAU_INH)


def _adaptation_and_threshold(s, p, dt):
    s["w_s"] = s["w_s"] * np.exp(-dt / p["tau_ws"])
    s["w_d"] = s["w_d"] + dt / p["tau_wd"] * ((s["V_d"] - p["E_L"]) - s["w_d"])  # the new V_d
    s["th"] = s["th"] + dt / p["tau_th"] * (p["th_0"] - s["th"])


def _somatic_spike(s, p, spikes):
    s["V_s"] = np.where(spikes, p["V_r"], s["V_s"])
    s["w_s"] = np.where(spikes, s["w_s"] + p["b_ws"], s["w_s"])
    s["th"] = np.where(spikes, s["th"] + p["dth"], s["th"])


def _inject(s, p, dt, injected):
    s["V_s"] = s["V_s"] + dt / p["C_s"] * injected.get("soma", 0.0)
    s["V_d"] = s["V_d"] + dt / p["C_d"] * injected.get("dend", 0.0)


def pyramidal_step(state, params, dt, injected):
    s, p = state, params
    syn_soma, syn_dend = _synaptic_currents(s, p)
    active = sigmoid(s["V_d"], p["E_d"], p["D_d"])
    K = s["box_left"] > 0
    I_soma = -p["C_s"] / p["tau_s"] * (s["V_s"] - p["E_L"]) + p["g_s"] * active + s["w_s"] + syn_soma
    I_dend = -p["C_d"] / p["tau_d"] * (s["V_d"] - p["E_L"]) + p["g_d"] * active + p["c_d"] * K
    I_dend = I_dend + p["a_w"] * s["w_d"] + syn_dend

    _decay_conductances(s, dt)
    s["V_s"] = s["V_s"] + dt / p["C_s"] * I_soma
    s["V_d"] = s["V_d"] + dt / p["C_d"] * I_dend
    s["box_left"] = np.maximum(s["box_left"] - 1, 0)
    _adaptation_and_threshold(s, p, dt)

    spikes = s["V_s"] > s["th"]
    _somatic_spike(s, p, spikes)
    s["box_left"] = np.where(spikes, steps_of(p["box"], dt), s["box_left"])
    _inject(s, p, dt, injected)
    return spikes


def burst_poisson_step(state, params, dt, injected, uniforms):
    """Step the Burst-Poisson neuron.

    ``uniforms`` holds two numbers in [0, 1) per neuron, shape (2, n): at an event the first decides whether a
    second spike follows, the second when.
    """
    s, p = state, params
    syn_soma, syn_dend = _synaptic_currents(s, p)
    I_soma = -p["C_s"] / p["tau_s"] * (s["V_s"] - p["E_L"]) + s["w_s"] + syn_soma
    I_dend = -p["C_d"] / p["tau_d"] * (s["V_d"] - p["E_L"]) + p["a_w"] * s["w_d"] + syn_dend

    _decay_conductances(s, dt)
    s["V_s"] = s["V_s"] + dt / p["C_s"] * I_soma
    s["V_d"] = s["V_d"] + dt / p["C_d"] * I_dend
    _adaptation_and_threshold(s, p, dt)

    barred = s["refractory_left"] > 0
    s["refractory_left"] = np.maximum(s["refractory_left"] - 1, 0)
    event = ~barred & (s["V_s"] > s["th"])
    second = s["burst_in"] == 1
    s["burst_in"] = np.maximum(s["burst_in"] - 1, 0)
    _somatic_spike(s, p, event)
    s["refractory_left"] = np.where(event | second, steps_of(p["tau_ref"], dt), s["refractory_left"])
    _inject(s, p, dt, injected)

    bursts = event & (uniforms[0] < sigmoid(s["V_d"], p["E_d"], p["D_d"]))
    # whole steps, both ends included: with 0.1 ms one of 50, 51 ... 150 steps, 10 ms in the mean
    drawn = np.floor(uniforms[1] * (steps_of(p["delay_range"], dt) + 1)).astype(np.int64)
    s["burst_in"] = np.where(bursts, steps_of(p["delay_min"], dt) + drawn, s["burst_in"])
    return event | second


def adex_step(state, params, dt, injected):
    s, p = state, params
    syn = p["g_L"] * (s["g_exc_soma"] * (E_EXC - s["V"]) + s["g_inh_soma"] * (E_INH - s["V"]))
    upstroke = p["g_L"] * p["D"] * (1.0 + (s["V"] - p["V_T"]) / p["D"] / 256.0) ** 256
    I = -p["g_L"] * (s["V"] - p["E_L"]) + upstroke - s["w"] + syn  # noqa: E741
    dw = p["a"] * (s["V"] - p["E_L"]) - s["w"]

    _decay_conductances(s, dt)
    V = np.clip(s["V"] + dt / p["C"] * I, p["V_min"], p["V_max"])
    s["w"] = s["w"] + dt / p["tau_w"] * dw
    s["V"] = np.where(s["refractory_left"] > 0, p["hold"], V)
    s["refractory_left"] = np.maximum(s["refractory_left"] - 1, 0)

    spikes = s["V"] > p["V_peak"]
    s["V"] = np.where(spikes, p["V_r"], s["V"])
    s["w"] = np.where(spikes, s["w"] + p["b"], s["w"])
    s["refractory_left"] = np.where(spikes, steps_of(p["tau_ref"], dt), s["refractory_left"])
    s["V"] = s["V"] + dt / p["C"] * injected.get("soma", 0.0)
    return spikes
