"""Lays out the burst-dependent rule: its constants, its traces, and the synapses by postsynaptic neuron."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from burstprop.circuit import Projection
from burstprop.circuit.plasticity import BurstDependentRule, FeedbackRule, Rule
from burstprop.engine import network as nw
from burstprop.engine.compile.blueprint import Blueprint, power_of_two
from burstprop.engine.compile.connect import Rows

LONGEST_REBASE = 4096
"""Scaled traces are divided back at least this often; a power of two."""


class AverageKey(NamedTuple):
    """What an average is taken of; projections with the same key share it."""

    population: str
    tau_avg_ms: float
    lower_tau_ms: float
    lower_start_hz: float
    of_homeostasis: bool


class Learning(NamedTuple):
    """The arrays, and the rows that plastic projections and averages have in their tables."""

    arrays: dict[str, np.ndarray]
    plastic: dict[str, int]
    averages: dict[AverageKey, int]


def build_learning(blueprint: Blueprint, rows_of: list[Rows | None], index: np.dtype[Any]) -> Learning:
    """Return the arrays of all plastic projections; ``rows_of`` are the synapses of all projections.

    None are those of an all-to-all projection. ``index`` is the type of neurons' numbers.
    """
    dt = blueprint.circuit.dt_ms
    averages, average_arrays = _averages(blueprint)
    plastic: dict[str, int] = {}
    table, rules, indptrs, positions, sources, targets = [], [], [], [], [], []
    at_pre = at_indptr = at_column = at_eligibility = at_share = 0
    for k, projection in enumerate(blueprint.projections):
        rule = projection.rule
        if rule is None:
            continue
        rows = rows_of[k]
        n_source = blueprint.circuit.population(projection.source).n
        n_target = blueprint.circuit.neurons(projection.target).n
        feedback = isinstance(rule, FeedbackRule)
        remembers = isinstance(rule, BurstDependentRule) and rule.burst_credit == "event"
        row = np.zeros(nw.PL_COLUMNS, np.int64)
        row[nw.PL_PROJECTION], row[nw.PL_E_PRE] = k, at_pre
        row[nw.PL_COLUMN_INDPTR], row[nw.PL_COLUMN] = at_indptr, at_column
        row[nw.PL_AVERAGE] = averages[average_key(projection)]
        row[nw.PL_HOMEOSTASIS] = averages[homeostasis_key(projection)]
        row[nw.PL_ELIGIBILITY] = at_eligibility if remembers else -1
        row[nw.PL_REBASE] = _rebase(
            rule.tau_post_ms if isinstance(rule, FeedbackRule) else rule.tau_pre_ms, dt
        )
        row[nw.PL_FEEDBACK], row[nw.PL_SHARE] = feedback, at_share
        table.append(row)
        rules.append(_constants(rule, dt))
        plastic[projection.name] = len(plastic)
        at_pre += n_target if feedback else n_source
        at_share += n_source if feedback else 0
        if remembers:
            at_eligibility += n_source * n_target if rows is None else len(rows.targets)
        if rows is None:
            continue
        indptr, position, source = _by_target(rows, n_source, n_target)
        indptrs.append(indptr)
        positions.append(position.astype(np.uint32))
        sources.append(source.astype(index))
        targets.append(rows.targets.astype(index))
        at_indptr += len(indptr)
        at_column += len(source)
    arrays = dict(
        plastic=np.array(table, np.int64).reshape(-1, nw.PL_COLUMNS),
        rule=np.array(rules, np.float64).reshape(-1, nw.RULE_COLUMNS),
        e_pre=np.zeros(at_pre),
        share=np.zeros(at_share),
        eligibility=np.zeros(at_eligibility, blueprint.dtype),
        column_indptr=np.concatenate([*indptrs, np.zeros(0, np.int64)]),
        column_position=np.concatenate([*positions, np.zeros(0, np.uint32)]),
        column_source=np.concatenate([*sources, np.zeros(0, index)]),
        plastic_target=np.concatenate([*targets, np.zeros(0, index)]),
    )
    return Learning(arrays | average_arrays, plastic, averages)


def _averages(blueprint: Blueprint) -> tuple[dict[AverageKey, int], dict[str, np.ndarray]]:
    """Lay out the moving averages that the rules learn from, one of a kind for each postsynaptic neuron."""
    dt = blueprint.circuit.dt_ms
    averages: dict[AverageKey, int] = {}
    rows: list[list[int]] = []
    constants: list[list[float]] = []
    spike_start: list[np.ndarray] = []
    at = 0
    for projection in blueprint.projections:
        if projection.rule is None:
            continue
        for key in (average_key(projection), homeostasis_key(projection)):
            if key in averages:
                continue
            averages[key] = len(rows)
            tau, lower_tau = key.tau_avg_ms, key.lower_tau_ms
            rows.append([blueprint.number[key.population], at, _rebase(min(tau, lower_tau), dt)])
            constants.append([dt / tau, dt / lower_tau, 1000.0 / tau, 1000.0 / lower_tau])
            n = blueprint.circuit.population(key.population).n
            spike_start.append(np.full(n, key.lower_start_hz))
            at += n
    return averages, dict(
        average=np.array(rows, np.int64).reshape(-1, nw.AV_COLUMNS),
        average_constants=np.array(constants, np.float64).reshape(-1, nw.AVERAGE_CONSTANTS),
        average_clock=np.array([[0, nw.FAR]] * len(rows), np.int64).reshape(-1, nw.CLOCK_COLUMNS),
        average_event=np.zeros(at),
        average_burst=np.zeros(at),
        average_spike=np.concatenate([*spike_start, np.zeros(0)]),
    )


def average_key(projection: Projection) -> AverageKey:
    """Return the key of the averages that the rule of a plastic projection takes Pbar from."""
    rule = projection.rule
    if isinstance(rule, FeedbackRule):
        # the average of all spikes is not looked at
        return AverageKey(projection.source, rule.tau_avg_ms, rule.tau_avg_ms, 0.0, False)
    assert rule is not None, "the projection is plastic"
    return AverageKey(projection.target, rule.tau_avg_ms, rule.lower_tau_ms, rule.lower_start_hz, False)


def homeostasis_key(projection: Projection) -> AverageKey:
    """Return the key of the averages that the homeostatic terms of a rule use."""
    key, rule = average_key(projection), projection.rule
    if not isinstance(rule, BurstDependentRule) or rule.tau_homeostasis_ms is None:
        return key
    return key._replace(tau_avg_ms=rule.tau_homeostasis_ms, of_homeostasis=True)


def _constants(rule: Rule, dt_ms: float) -> np.ndarray:
    out = np.zeros(nw.RULE_COLUMNS)
    out[nw.RULE_ETA], out[nw.RULE_KEEP], out[nw.RULE_W_MAX] = rule.eta, 1.0 - rule.decay, rule.w_max
    out[nw.RULE_FIXED] = -1.0 if rule.fixed_burst_prob is None else rule.fixed_burst_prob
    if isinstance(rule, FeedbackRule):
        out[nw.RULE_DECAY_PRE] = dt_ms / rule.tau_post_ms
        out[nw.RULE_W_MIN] = -rule.w_max if rule.signed else 0.0
        return out
    out[nw.RULE_DECAY_PRE] = dt_ms / rule.tau_pre_ms
    out[nw.RULE_E_MIN], out[nw.RULE_E_MAX] = rule.e_min_hz, rule.e_max_hz
    out[nw.RULE_LOWER_SPIKES] = rule.lower_rate == "spikes"
    return out


def _by_target(rows: Rows, n_source: int, n_target: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Index synapses by postsynaptic neuron: where each begins, places in the rows, presynaptic neurons."""
    by_target = np.argsort(rows.targets, kind="stable")
    indptr = np.zeros(n_target + 1, np.int64)
    np.cumsum(np.bincount(rows.targets, minlength=n_target), out=indptr[1:])
    source = np.repeat(np.arange(n_source, dtype=np.int64), np.diff(rows.indptr))
    return indptr, by_target, source[by_target]


def _rebase(tau_ms: float, dt_ms: float) -> int:
    """Return how many steps a scaled trace may run before it is divided back, while exp(t/tau) is small.

    It is a power of two, because a remainder by it is then one instruction.
    """
    return min(LONGEST_REBASE, power_of_two(max(1, int(5 * tau_ms / dt_ms))))
