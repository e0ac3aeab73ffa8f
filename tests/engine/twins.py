"""The oracle's twin of a simulation: the same synapses, start, noise and currents, run by
``oracles.network``.

What is drawn (synapses, start, background spikes, uniform numbers) is taken from the simulation; what is
computed is not.
"""

import numpy as np
from oracles import network as oracle

from burstprop.circuit import PoissonPopulation, SpikeSource
from burstprop.engine import network as nw
from burstprop.engine.layout import ROW
from burstprop.recording import Record, StateRecord
from burstprop.simulation import Simulation

COMPARTMENTS = {"soma": "soma", "dendrite": "dend"}
TWO_COMPARTMENTS = dict(
    v_s="V_s", v_d="V_d", w_s="w_s", w_d="w_d", th="th",
    g_s_exc="g_exc_soma", g_s_inh="g_inh_soma", g_d_exc="g_exc_dend", g_d_inh="g_inh_dend",
)  # fmt: skip
VARIABLES = {
    "pyramidal": TWO_COMPARTMENTS,
    "burst_poisson": TWO_COMPARTMENTS,
    "adex": dict(v="V", w="w", g_exc="g_exc_soma", g_inh="g_inh_soma"),
}
MODEL = {"PyramidalNeuron": "pyramidal", "BurstPoissonNeuron": "burst_poisson", "AdEx": "adex"}
SHARED_PARAMETERS = dict(
    e_l="E_L", v_r="V_r", th_0="th_0", tau_th="tau_th", dth="dth", c_s="C_s", tau_s="tau_s", tau_ws="tau_ws",
    b_ws="b_ws", c_d="C_d", tau_d="tau_d", tau_wd="tau_wd", a_w="a_w", e_d="E_d", d_d="D_d",
)  # fmt: skip
PARAMETERS = {
    "pyramidal": {**SHARED_PARAMETERS, "g_s": "g_s", "g_d": "g_d", "bap": "c_d", "bap_ms": "box"},
    "burst_poisson": {
        **SHARED_PARAMETERS, "refractory_ms": "tau_ref", "burst_first_ms": "delay_min", "burst_span_ms": "delay_range",
    },
    "adex": dict(
        g_l="g_L", c="C", e_l="E_L", d="D", v_t="V_T", v_r="V_r", a="a", b="b", tau_w="tau_w",
        refractory_ms="tau_ref", v_spike="V_peak", v_low="V_min", v_high="V_max",
    ),
}  # fmt: skip


# --- random numbers, written a second time from the description of the hash ---


def step_key(key, step):
    """Return the 64-bit key of a step: splitmix64 of the stream's key plus the step times the golden ratio."""
    mask = (1 << 64) - 1
    z = (int(key) + int(step) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def bits(key, step, lanes):
    """Return 32 random bits for each lane of a step, as uint32."""
    key = step_key(key, step)
    x = (np.asarray(lanes, np.uint32) + np.uint32(key & 0xFFFFFFFF)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15)) ^ np.uint32(key >> 32)) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def uniforms(key, step, n):
    """Return the two numbers in [0, 1) that each of n neurons has in a step, shape (2, n)."""
    return (bits(key, step, np.arange(2 * n)) / 2.0**32).reshape(n, 2).T


# --- the twin ---


def port(receptor):
    """Return the oracle's name of a receptor: exc_soma for soma_exc."""
    compartment, kind = receptor.split("_")
    return f"{kind}_{COMPARTMENTS[compartment]}"


def parameters(neuron):
    """Return a model's parameters under the oracle's names."""
    names = PARAMETERS[MODEL[type(neuron).__name__]]
    found = {theirs: getattr(neuron, ours) for ours, theirs in names.items()}
    if hasattr(neuron, "dendritic_driving_force"):
        return {**found, "driving_force": neuron.dendritic_driving_force}
    return {**found, "hold": neuron.e_l if neuron.refractory_hold == "rest" else neuron.v_r}


def _start(simulation, population):
    model = MODEL[type(population.neuron).__name__]
    names = VARIABLES[model]
    state = {theirs: simulation.state(population.name, ours).astype(float) for ours, theirs in names.items()}
    counters = {
        "pyramidal": ("box_left",),
        "adex": ("refractory_left",),
        "burst_poisson": ("refractory_left", "burst_in"),
    }
    return {**state, **{name: np.zeros(population.n, np.int64) for name in counters[model]}}


def _currents(circuit, population):
    def total(compartment):
        waveforms = [
            c.waveform
            for c in circuit.currents
            if (c.population, c.compartment) == (population.name, compartment)
        ]
        return lambda t: sum(w.current(np.array([t]))[0] for w in waveforms)

    return {COMPARTMENTS[c]: total(c) for c in population.neuron.Drive._fields}


def _backgrounds(simulation):
    """Yield population, receptor, weight, delay in steps and the trains of every private background."""
    arrays, circuit = simulation._compiled.arrays, simulation.circuit
    waiting = {(b.population, b.receptor, b.weight): b for b in circuit.backgrounds}
    for row, key, thresholds, weights in zip(
        *(arrays[f"background{name}"] for name in ("", "_key", "_threshold", "_weight")), strict=True
    ):
        population = circuit.populations[row[nw.BG_POPULATION]]
        neurons = simulation._compiled.populations[simulation._compiled.neurons[population.name]]
        lanes = np.arange(population.n)
        for k, first in enumerate((row[nw.BG_ROW_A], row[nw.BG_ROW_B])):
            if first < 0:
                continue
            variable = population.neuron.State._fields[(first - neurons.offset) // ROW]
            receptor = {v: r for r, v in population.neuron.receptors.items()}[variable]
            about = waiting.pop((population.name, receptor, float(weights[k])))
            yield about, row[nw.BG_DELAY] - 1, _trains(row[nw.BG_FORM], key, thresholds, k, lanes)
    assert not waiting


def _trains(form, key, thresholds, k, lanes):
    if form == nw.PAIR_16_BITS:
        shift, limit = np.uint32(16 * k), np.uint32(thresholds[k])
        return lambda n: ((bits(key, n, lanes) >> shift) & np.uint32(0xFFFF)) < limit
    levels = thresholds[thresholds > 0].astype(np.uint32)
    return lambda n: (bits(key, n, lanes)[:, None] < levels).sum(axis=1)


def _projection(simulation, projection):
    circuit = simulation.circuit
    n = circuit.population(projection.source).n, circuit.population(projection.target).n
    synapses = simulation.synapses(projection.name)
    weights, mask = np.zeros(n), np.zeros(n, bool)
    weights[synapses["source_id"], synapses["target_id"]] = synapses["weight"]
    mask[synapses["source_id"], synapses["target_id"]] = True
    about = dict(
        pre=projection.source,
        post=projection.target,
        port=port(projection.receptor),
        weights=weights,
        delay_steps=circuit.steps("delay_ms", projection.delay_ms),
        trace_raise_steps=circuit.steps("trace_lag_ms", projection.trace_lag_ms),
    )
    if projection.rule is not None:
        return oracle.Projection(kind="plastic", mask=mask, options=_rule(projection.rule), **about)
    if projection.stp is not None:
        s = projection.stp
        options = dict(tau_D=s.tau_d_ms, tau_F=s.tau_f_ms, U=s.utilisation, f=s.jump, u_start=s.u_start)
        return oracle.Projection(kind="stp", options=options, **about)
    kind = {"spikes": "static", "events": "event", "bursts": "burst"}[projection.transmits]
    return oracle.Projection(kind=kind, **about)


def _rule(rule):
    return dict(
        eta=rule.eta, tau_pre=rule.tau_pre_ms, tau_avg=rule.tau_avg_ms, E_min=rule.e_min_hz, E_max=rule.e_max_hz,
        w_max=rule.w_max, rate_of=rule.lower_rate, tau_rate=rule.lower_tau_ms, rate_start=rule.lower_start_hz,
        fixed_Pbar=rule.fixed_burst_prob,
    )  # fmt: skip


def twin(simulation, sources=None, watch=()):
    """Return the oracle's network for a simulation that has not run yet.

    ``sources`` gives the trains of shared Poisson populations, boolean (steps, n); ``watch``: pairs
    (population, variable in burstprop's name) to record.
    """
    assert simulation.step == 0
    circuit, keys = simulation.circuit, simulation._compiled.arrays["population_key"]
    populations = {}
    for e, p in enumerate(circuit.populations):
        if isinstance(p, SpikeSource):
            at = np.rint(p.times_ms / circuit.dt_ms)
            populations[p.name] = oracle.Source(
                p.n, lambda step, p=p, at=at: np.bincount(p.neurons[at == step], minlength=p.n) > 0
            )
            continue
        if isinstance(p, PoissonPopulation):
            populations[p.name] = oracle.Source(p.n, sources[p.name])
            continue
        model = MODEL[type(p.neuron).__name__]
        draws = (
            (lambda step, key=keys[e], n=p.n: uniforms(key, step, n)) if model == "burst_poisson" else None
        )
        populations[p.name] = oracle.Population(
            model, parameters(p.neuron), _start(simulation, p), draws, _currents(circuit, p)
        )
    projections = [_projection(simulation, p) for p in circuit.projections]
    for k, (about, delay, trains) in enumerate(_backgrounds(simulation)):
        source, projection = oracle.background(
            f"background {k}", about.population, port(about.receptor), about.weight, len(trains(0)), trains
        )
        projection.delay_steps = delay
        populations.update(source)
        projections.append(projection)
    names = {
        p.name: VARIABLES[MODEL[type(p.neuron).__name__]] for p in circuit.populations if hasattr(p, "neuron")
    }
    return oracle.Network(populations, projections, circuit.dt_ms, [(p, names[p][v]) for p, v in watch])


def spike_rows(recording, population, dt):
    """Return the recorded spikes of a population as the oracle does: rows of (step, neuron), sorted."""
    spikes = recording.spikes[recording.spikes["population"] == population]
    rows = np.column_stack([np.rint(spikes["time_ms"] / dt), spikes["neuron_id"]]).astype(np.int64)
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]


def trains(recording, population, n, steps, dt):
    """Return the recorded spikes of a population as a boolean array (steps, n)."""
    out = np.zeros((steps, n), bool)
    step, neuron = spike_rows(recording, population, dt).T
    out[step, neuron] = True
    return out


# --- samples of states ---


def samples(recording, population, variable, steps):
    """Return a recorded variable, (steps, neurons)."""
    frame = recording.states[recording.states["population"] == population]
    wide = frame.pivot(index="time_ms", columns="neuron_id", values=variable)
    assert len(wide) == steps
    return wide.to_numpy()


def recorded(circuit, dtype, neurons):
    """Return a simulation that records every variable of some neurons of every population after every step."""
    states = tuple(
        StateRecord(p.name, p.neuron.State._fields, tuple(n for n in neurons if n < p.n))
        for p in circuit.populations
    )
    record = Record(rates_bin_ms=None, states=states, states_every_ms=circuit.dt_ms)
    return Simulation(circuit, record=record, dtype=dtype)


def as_the_oracle_holds_it(recording, circuit, population, variable, steps):
    """Return a variable at the end of every step as the oracle has it, all but the last step.

    There the current of a step and the spikes that arrive in it are in the state when the step ends; here
    they are added at the start of the next one.
    """
    found = samples(recording, population, variable, steps)
    neuron, dt = circuit.neurons(population).neuron, circuit.dt_ms
    if variable.startswith("g_"):
        return found[1:] / np.exp(-dt / (neuron.tau_exc if "exc" in variable else neuron.tau_inh))
    if variable in neuron.voltages:
        compartment = "dendrite" if variable == "v_d" else "soma"
        capacitance = neuron.c_d if variable == "v_d" else getattr(neuron, "c_s", None) or neuron.c
        current = np.zeros(steps)
        for c in circuit.currents:
            if (c.population, c.compartment) == (population, compartment):
                current += c.waveform.current(np.arange(steps) * dt)
        found = found + (dt / capacitance * current)[:, None]
    return found[:-1]
