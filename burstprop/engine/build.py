"""Compiles a circuit, a seed and a number of threads into the arrays of `burstprop.engine.network`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import pdtrc

from burstprop.circuit import Circuit, PoissonPopulation, Population, Projection
from burstprop.engine import network as nw
from burstprop.engine.connect import Rows, draw_rows, split_rows
from burstprop.engine.layout import LANES, ROW, STRIP, aligned, allocate, blocks, offset_of, strips
from burstprop.engine.random import generator, stream_key
from burstprop.errors import BurstpropError
from burstprop.stimuli import Background, Controlled
from burstprop.synapses import ShortTermPlasticity

WINDOW = 8 * LANES
"""Steps of one call into compiled code; currents are tabulated for so many."""
REBASE_STEPS = 5000
NEVER = -(1 << 40)
"""A step so long ago that every trace has decayed."""
FAR = 1 << 60


@dataclass
class Compiled:
    """A circuit as arrays, with what is needed to read them."""

    arrays: dict[str, np.ndarray]
    populations: tuple[nw.Neurons, ...]
    emitter: dict[str, int]
    neurons: dict[str, int]
    projection: dict[str, int]
    projection_order: list[int]
    plastic: dict[str, int]
    averages: dict[tuple[str, float, float], int]


def compile_circuit(circuit: Circuit, seed: int, threads: int, dtype: Any) -> Compiled:
    """Draw the synapses and lay out all arrays. ``dtype`` is float32 or float64."""
    dtype = np.dtype(dtype)
    emitter = {p.name: k for k, p in enumerate(circuit.populations)}
    order = sorted(range(len(circuit.projections)), key=lambda k: circuit.projections[k].delay_ms == 0.0)
    ordered = [circuit.projections[k] for k in order]
    delays = [circuit.steps(f"projection {p.name}: delay_ms", p.delay_ms) + 1 for p in ordered]  # type: ignore[arg-type]
    block = min([*delays, 64])
    ring = max([*delays, 2 * block]) + block + 1
    bounds = _thread_bounds(circuit, threads)
    sources = _emitters(circuit, emitter, ring, threads, bounds, seed)
    neurons, state = _neurons(circuit, emitter, seed, dtype)
    by_name = {p.name: n for p, n in zip(_neuron_populations(circuit), neurons, strict=True)}
    synapses, rows_of = _projections(circuit, ordered, delays, emitter, sources, by_name, bounds, seed, dtype)
    stp = _short_term_plasticity(circuit, ordered, emitter, sources, synapses["projection"], ring, dtype)
    plasticity, plastic, averages = _plasticity(circuit, ordered, emitter, rows_of, threads)
    control = np.zeros(nw.CONTROL_SIZE, np.int64)
    control[nw.STOP_BLOCK] = FAR
    control[nw.PLASTIC_ON] = circuit.plastic
    sizes = np.zeros(nw.N_SIZES, np.int64)
    sizes[nw.THREADS], sizes[nw.RING], sizes[nw.BLOCK] = threads, ring, block
    sizes[nw.DELAYED] = sum(d > 1 for d in delays)
    sizes[nw.BIN_STEPS] = sizes[nw.TRACE_EVERY] = FAR
    arrays = dict(
        sizes=sizes,
        control=control,
        state=state,
        bounds=bounds,
        **sources,
        **_poisson_populations(circuit, emitter),
        **_backgrounds(circuit, emitter, by_name, seed, dtype),
        **synapses,
        **stp,
        **plasticity,
        bin_counts=np.zeros((1, len(emitter), threads, 3), np.int64),
        record_spikes=np.zeros(len(emitter), np.bool_),
        recorded_step=np.zeros(0, np.int64),
        recorded_emitter=np.zeros(0, np.int16),
        recorded_neuron=np.zeros(0, np.int32),
        trace_place=np.zeros((0, 3), np.int64),
        trace_values=np.zeros((0, 0), dtype),
    )
    return Compiled(
        arrays=arrays,
        populations=tuple(neurons),
        emitter=emitter,
        neurons={p.name: k for k, p in enumerate(_neuron_populations(circuit))},
        projection={p.name: k for k, p in enumerate(ordered)},
        projection_order=order,
        plastic=plastic,
        averages=averages,
    )


def _neuron_populations(circuit: Circuit) -> list[Population]:
    return [p for p in circuit.populations if isinstance(p, Population)]


def _thread_bounds(circuit: Circuit, threads: int) -> np.ndarray:
    """Give every thread a run of strips that costs the same; Poisson sources belong to thread 0.

    A strip costs about as much as it has variables to step.
    """
    sizes = np.array([strips(p.n) if isinstance(p, Population) else 0 for p in circuit.populations])
    cost = np.array([len(p.neuron.State._fields) if isinstance(p, Population) else 1 for p in circuit.populations])
    before = np.concatenate([[0], np.cumsum(sizes * cost)])
    cuts = np.linspace(0, before[-1], threads + 1)
    bounds = np.empty((len(sizes), threads + 1), np.int64)
    for e, population in enumerate(circuit.populations):
        if isinstance(population, Population):
            bounds[e] = np.clip(np.round((cuts - before[e]) / cost[e]), 0, sizes[e]).astype(np.int64) * STRIP
        else:
            bounds[e] = strips(population.n) * STRIP
            bounds[e, 0] = 0
    return bounds


def _emitters(
    circuit: Circuit, emitter: dict[str, int], ring: int, threads: int, bounds: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    n = np.array([p.n for p in circuit.populations], np.int64)
    width = np.array([strips(p.n) * STRIP for p in circuit.populations], np.int64)
    first = np.concatenate([[0], np.cumsum(n)])
    spikes = np.concatenate([[0], np.cumsum(width * ring)])
    listened = [p for p in circuit.projections if p.transmits != "spikes"]
    lag = np.zeros(len(n), np.int64)
    presynaptic = np.zeros(len(n), np.bool_)
    for projection in listened:
        e = emitter[projection.source]
        steps = circuit.steps(f"projection {projection.name}: trace_lag_ms", projection.trace_lag_ms)
        if presynaptic[e] and lag[e] != steps:
            raise BurstpropError(
                f"projections from {projection.source!r} differ in trace_lag_ms; give those of one source the same"
            )
        presynaptic[e], lag[e] = True, steps
    heard = int(spikes[-1]) if presynaptic.any() else 0
    of_neuron = int(first[-1]) if presynaptic.any() else 0
    windows = np.array([p.burst_window_ms / circuit.dt_ms for p in circuit.populations])
    return dict(
        emitter_n=n,
        emitter_first=first[:-1],
        emitter_width=width,
        emitter_spikes=spikes[:-1],
        emitter_key=np.array([stream_key(seed, f"spike {p.name}") for p in circuit.populations], np.uint64),
        emitter_definition=np.array(
            [nw.TRACE if p.burst_definition == "trace" else nw.INTERVAL for p in circuit.populations],
            np.int64,
        ),
        emitter_decay=1.0 / windows,
        # times are whole steps: half a step decides what "longer than the window" means in floating point
        emitter_window=windows + 1e-6,
        emitter_lag=lag,
        emitter_presynaptic=presynaptic,
        spikes=np.zeros(spikes[-1], np.int32),
        counts=np.zeros((ring, len(n), threads), np.int64),
        flags=np.zeros(spikes[-1], np.uint8),
        presynaptic_flags=np.zeros(max(heard, 1), np.uint8),
        last=np.full(first[-1], NEVER, np.int64),
        trace=np.zeros(first[-1], np.float64),
        open=np.zeros(first[-1], np.bool_),
        presynaptic_trace=np.zeros(max(of_neuron, 1), np.float64),
        presynaptic_open=np.zeros(max(of_neuron, 1), np.bool_),
    )


def _neurons(
    circuit: Circuit, emitter: dict[str, int], seed: int, dtype: np.dtype
) -> tuple[list[nw.Neurons], np.ndarray]:
    one: Any = dtype.type
    out, states, offset = [], [], 0
    for population in _neuron_populations(circuit):
        model, n = population.neuron, population.n
        initial = model.initial(n, generator(seed, f"start {population.name}"), circuit.dt_ms)
        constants = model.constants(circuit.dt_ms)
        shared, own = [], []
        for value in constants:
            if np.ndim(value):
                lanes = np.empty(blocks(n) * LANES, dtype)
                lanes[:n], lanes[n:] = value, value[0]
                shared.append(one(0))
                own.append(lanes)
            else:
                shared.append(one(value))
                own.append(one(0))
        state = allocate(initial, n, dtype)
        variables = len(initial)
        controlled = {
            c.compartment
            for c in circuit.currents
            if c.population == population.name and isinstance(c.waveform, Controlled)
        }
        out.append(
            nw.Neurons(
                state_proto=model.State(*[one(0)] * variables),
                constants=model.Constants(*shared),
                constants_per_neuron=tuple(own),
                drive_proto=model.Drive(*[one(0)] * len(model.Drive._fields)),
                drive=np.zeros(WINDOW // LANES * len(model.Drive._fields) * ROW, dtype),
                drive_per_neuron=tuple(
                    np.zeros(blocks(n) * LANES, dtype) if name in controlled else one(0)
                    for name in model.Drive._fields
                ),
                emitter=emitter[population.name],
                offset=offset,
                variables=variables,
            )
        )
        states.append(state)
        offset += len(state)
    return out, aligned(np.concatenate([*states, np.zeros(0, dtype)]))


def _poisson_populations(circuit: Circuit, emitter: dict[str, int]) -> dict[str, np.ndarray]:
    found = [p for p in circuit.populations if isinstance(p, PoissonPopulation)]
    for p in found:
        if p.rate_hz * circuit.dt_ms / 1000.0 >= 1:
            raise BurstpropError(
                f"population {p.name!r}: rate_hz = {p.rate_hz:g} Hz is a spike in every step of {circuit.dt_ms:g} ms; give less "
                f"than {1000.0 / circuit.dt_ms:g} Hz"
            )
    return dict(
        poisson_emitter=np.array([emitter[p.name] for p in found], np.int64),
        poisson_log_miss=np.array([log_miss(p.rate_hz, circuit.dt_ms) for p in found], np.float64),
    )


def log_miss(rate_hz: float, dt_ms: float) -> float:
    """Return the logarithm of the probability that a source is silent in a step."""
    return math.log1p(-rate_hz * dt_ms / 1000.0)


def _backgrounds(
    circuit: Circuit, emitter: dict[str, int], neurons: dict[str, nw.Neurons], seed: int, dtype: np.dtype
) -> dict[str, np.ndarray]:
    rows, weights, thresholds, keys, names = [], [], [], [], []

    def add(sources: list[Background], form: int, levels: list[int]) -> None:
        target = neurons[sources[0].population]
        population = circuit.neurons(sources[0].population)
        receptor_rows = [_receptor_row(population, target, b.receptor) for b in sources]
        delay = circuit.steps(f"Background to {population.name}: delay_ms", sources[0].delay_ms) + 1
        b_row = receptor_rows[1] if len(sources) > 1 else -1
        rows.append([emitter[population.name], receptor_rows[0], b_row, target.variables, delay, form])
        weights.append([b.weight for b in sources] + [0.0] * (2 - len(sources)))
        thresholds.append(levels)
        name = f"background {population.name}.{'+'.join(b.receptor for b in sources)}"
        # a second source at the same receptor draws numbers of its own
        earlier = names.count(name)
        names.append(name)
        keys.append(stream_key(seed, f"{name} {earlier}" if earlier else name))

    pairs: dict[tuple[str, float], list[tuple[Background, int]]] = {}
    for background in circuit.backgrounds:
        p = background.rate_hz * circuit.dt_ms / 1000.0
        coarse = round(p * 2**16)
        if background.counts == "poisson":
            add([background], nw.COUNTED_32_BITS, _poisson_levels(p))
        elif p > 0 and (coarse == 2**16 or abs(coarse / 2**16 - p) > 1e-4 * p):
            add([background], nw.COUNTED_32_BITS, [min(round(p * 2**32), 2**32 - 1)])
        else:
            pairs.setdefault((background.population, background.delay_ms), []).append((background, coarse))
    for waiting in pairs.values():
        for k in range(0, len(waiting) - 1, 2):
            add([b for b, _ in waiting[k : k + 2]], nw.PAIR_16_BITS, [c for _, c in waiting[k : k + 2]])
        if len(waiting) % 2:
            background, coarse = waiting[-1]
            add([background], nw.COUNTED_32_BITS, [min(coarse * 2**16, 2**32 - 1)])
    longest = max([2, *(len(t) + 1 for t in thresholds)])
    return dict(
        background=np.array(rows, np.int64).reshape(-1, nw.BG_COLUMNS),
        background_weight=np.array(weights, dtype).reshape(-1, 2),
        background_threshold=np.array([t + [0] * (longest - len(t)) for t in thresholds], np.int64).reshape(
            -1, longest
        ),
        background_key=np.array(keys, np.uint64),
    )


def _poisson_levels(mean: float) -> list[int]:
    """Return the probabilities of at least 1, 2, ... spikes, as 32-bit integers, down to the smallest that counts."""
    levels = []
    for k in range(1, 1000):
        level = round(float(pdtrc(k - 1, mean)) * 2**32)
        if level == 0:
            break
        levels.append(min(level, 2**32 - 1))
    return levels


def _receptor_row(population: Population, target: nw.Neurons, receptor: str) -> int:
    field = population.neuron.receptors[receptor]
    return target.offset + population.neuron.State._fields.index(field) * ROW


def _projections(
    circuit: Circuit,
    ordered: list[Projection],
    delays: list[int],
    emitter: dict[str, int],
    sources: dict[str, np.ndarray],
    neurons: dict[str, nw.Neurons],
    bounds: np.ndarray,
    seed: int,
    dtype: np.dtype,
) -> tuple[dict[str, np.ndarray], list[Rows]]:
    # targets are stored as distances in the state, in 16 bits where they fit
    largest = max((offset_of(p.n - 1, neurons[p.name].variables) for p in _neuron_populations(circuit)), default=0)
    index = np.uint16 if largest < 2**16 and all(p.n <= 2**16 for p in circuit.populations) else np.uint32
    table = np.zeros((len(ordered), nw.PR_COLUMNS), np.int64)
    all_rows, indptrs, weights, offsets = [], [], [], []
    at_indptr = at_synapse = at_weight = 0
    for k, projection in enumerate(ordered):
        source, target = circuit.population(projection.source), circuit.neurons(projection.target)
        rows = draw_rows(
            projection.connectivity,
            source.n,
            target.n,
            recurrent=projection.source == projection.target,
            rng=generator(seed, f"connect {projection.name}"),
            dtype=np.uint16 if target.n <= 2**16 else np.uint32,
        )
        split = split_rows(rows, bounds[emitter[projection.target]])
        own = rows.factors is not None or projection.rule is not None
        if own:
            factors = 1.0 if rows.factors is None else rows.factors
            weights.append(
                np.broadcast_to(np.asarray(projection.weight * factors, dtype), rows.targets.shape)
            )
        table[k, nw.PR_SOURCE] = emitter[projection.source]
        table[k, nw.PR_TARGET] = emitter[projection.target]
        table[k, nw.PR_TRANSMITS] = ("spikes", "events", "bursts").index(projection.transmits)
        table[k, nw.PR_ROW] = _receptor_row(target, neurons[target.name], projection.receptor)
        table[k, nw.PR_VARIABLES] = neurons[target.name].variables
        table[k, nw.PR_DELAY] = delays[k]
        table[k, nw.PR_UNIFORM] = not own
        table[k, nw.PR_INDPTR] = at_indptr
        table[k, nw.PR_SYNAPSE] = at_synapse
        table[k, nw.PR_WEIGHT] = at_weight if own else -1
        table[k, nw.PR_EFFICACY] = -1
        at_indptr += len(split)
        at_synapse += len(rows.targets)
        at_weight += len(rows.targets) if own else 0
        all_rows.append(rows)
        offsets.append(offset_of(rows.targets.astype(np.int64), neurons[target.name].variables).astype(index))
        indptrs.append(split)
    # a weight of its own is stored as it is; the uniform factor of such a projection is 1
    uniform = np.array([p.weight if table[k, nw.PR_UNIFORM] else 1.0 for k, p in enumerate(ordered)], dtype)
    return (
        dict(
            projection=table,
            uniform_weight=uniform,
            indptr=np.concatenate([*indptrs, np.zeros(0, np.int64)]),
            targets=np.concatenate([*offsets, np.zeros(0, index)]),
            weights=np.concatenate([*weights, np.zeros(0, dtype)]),
        ),
        all_rows,
    )


def _short_term_plasticity(
    circuit: Circuit,
    ordered: list[Projection],
    emitter: dict[str, int],
    sources: dict[str, np.ndarray],
    table: np.ndarray,
    ring: int,
    dtype: np.dtype,
) -> dict[str, np.ndarray]:
    rows, constants, u_start = [], [], []
    first = at_efficacy = 0
    made: dict[tuple[int, ShortTermPlasticity], int] = {}
    dt = circuit.dt_ms
    for k, projection in enumerate(ordered):
        stp = projection.stp
        if stp is None:
            continue
        if dt >= min(stp.tau_d_ms, stp.tau_f_ms):
            raise BurstpropError(
                f"projection {projection.name}: tau_d_ms and tau_f_ms must be longer than dt_ms = {dt:g} ms (Euler steps)"
            )
        e = emitter[projection.source]
        n = circuit.population(projection.source).n
        if (e, stp) in made:
            # synapses of one source and one kind do the same
            table[k, nw.PR_EFFICACY] = made[e, stp]
            continue
        made[e, stp] = at_efficacy
        rows.append([e, first, at_efficacy])
        jump = stp.utilisation if stp.jump is None else stp.jump
        constants.append(
            [math.log1p(-dt / stp.tau_d_ms), math.log1p(-dt / stp.tau_f_ms), stp.utilisation, jump]
        )
        u_start.append(np.full(n, stp.utilisation if stp.u_start is None else stp.u_start))
        table[k, nw.PR_EFFICACY] = at_efficacy
        first += n
        at_efficacy += int(sources["emitter_width"][e]) * ring
    return dict(
        stp=np.array(rows, np.int64).reshape(-1, nw.ST_COLUMNS),
        stp_constants=np.array(constants, np.float64).reshape(-1, nw.STP_CONSTANTS),
        stp_x=np.ones(first),
        stp_u=np.concatenate([*u_start, np.zeros(0)]),
        # a step is taken before the spikes of the step, from t = 0 on
        stp_last=np.full(first, -1, np.int64),
        efficacy=np.zeros(at_efficacy, dtype),
    )


def _plasticity(
    circuit: Circuit, ordered: list[Projection], emitter: dict[str, int], rows_of: list[Rows], threads: int
) -> tuple[dict[str, np.ndarray], dict[str, int], dict[tuple[str, float, float], int]]:
    dt = circuit.dt_ms
    plastic: dict[str, int] = {}
    averages: dict[tuple[str, float, float], int] = {}
    table, rules, indptrs, positions, column_sources, targets = [], [], [], [], [], []
    average_rows, average_constants, spike_start = [], [], []
    at_pre = at_indptr = at_column = at_average = 0
    for k, projection in enumerate(ordered):
        rule = projection.rule
        if rule is None:
            continue
        source, target = circuit.population(projection.source), circuit.neurons(projection.target)
        key = (target.name, rule.tau_avg_ms, rule.lower_tau_ms)
        if key not in averages:
            averages[key] = len(average_rows)
            average_rows.append(
                [emitter[target.name], at_average, _rebase(min(rule.tau_avg_ms, rule.lower_tau_ms), dt)]
            )
            average_constants.append(
                [
                    dt / rule.tau_avg_ms,
                    dt / rule.lower_tau_ms,
                    1000.0 / rule.tau_avg_ms,
                    1000.0 / rule.lower_tau_ms,
                ]
            )
            spike_start.append(np.full(target.n, rule.lower_start_hz))
            at_average += target.n
        rows = rows_of[k]
        by_target = np.argsort(rows.targets, kind="stable")
        indptr = np.zeros(target.n + 1, np.int64)
        np.cumsum(np.bincount(rows.targets, minlength=target.n), out=indptr[1:])
        row_of_synapse = np.repeat(np.arange(source.n, dtype=np.int64), np.diff(rows.indptr))
        table.append([k, at_pre, at_indptr, at_column, averages[key], _rebase(rule.tau_pre_ms, dt)])
        rules.append(
            [
                rule.eta,
                dt / rule.tau_pre_ms,
                rule.e_min_hz,
                rule.e_max_hz,
                rule.w_max,
                -1.0 if rule.fixed_burst_prob is None else rule.fixed_burst_prob,
                float(rule.lower_rate == "spikes"),
            ]
        )
        plastic[projection.name] = len(plastic)
        indptrs.append(indptr)
        positions.append(by_target.astype(np.int32))
        column_sources.append(row_of_synapse[by_target].astype(np.uint32))
        targets.append(rows.targets.astype(np.uint32))
        at_pre += source.n
        at_indptr += len(indptr)
        at_column += len(by_target)
    arrays = dict(
        plastic=np.array(table, np.int64).reshape(-1, nw.PL_COLUMNS),
        rule=np.array(rules, np.float64).reshape(-1, nw.RULE_COLUMNS),
        e_pre=np.zeros(at_pre),
        column_indptr=np.concatenate([*indptrs, np.zeros(0, np.int64)]),
        column_position=np.concatenate([*positions, np.zeros(0, np.int32)]),
        column_source=np.concatenate([*column_sources, np.zeros(0, np.uint32)]),
        plastic_target=np.concatenate([*targets, np.zeros(0, np.uint32)]),
        average=np.array(average_rows, np.int64).reshape(-1, nw.AV_COLUMNS),
        average_constants=np.array(average_constants, np.float64).reshape(-1, nw.AVERAGE_CONSTANTS),
        average_event=np.zeros(at_average),
        average_burst=np.zeros(at_average),
        average_spike=np.concatenate([*spike_start, np.zeros(0)]),
    )
    return arrays, plastic, averages


def _rebase(tau_ms: float, dt: float) -> int:
    """Return after how many steps a scaled trace is divided back: well before exp(t/tau) is large."""
    return max(1, min(REBASE_STEPS, int(10 * tau_ms / dt)))
