"""Lays out the private Poisson backgrounds: two sources share a draw where 16 bits will do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import pdtrc

from burstprop.circuit.stimuli import Background
from burstprop.engine import network as nw
from burstprop.engine.compile.blueprint import Blueprint
from burstprop.engine.compile.neurons import receptor_row
from burstprop.engine.random import stream_key

LARGEST_RATE_ERROR = 1e-4
"""Largest relative error of a rate that rounding its probability to 16 bits may cause."""


class Draw(NamedTuple):
    """One draw of random bits per neuron and step: for one source, or for two."""

    sources: list[Background]
    form: int
    thresholds: list[int]


def build_backgrounds(blueprint: Blueprint, neurons: dict[str, nw.Neurons]) -> dict[str, np.ndarray]:
    """Return the arrays of all backgrounds."""
    draws = _draws(blueprint)
    longest = max([2, *(len(draw.thresholds) + 1 for draw in draws)])
    rows, weights, thresholds, keys = [], [], [], []
    names: list[str] = []
    for draw in draws:
        first = draw.sources[0]
        population, target = blueprint.circuit.neurons(first.population), neurons[first.population]
        receptors = [receptor_row(population, target, source.receptor) for source in draw.sources]
        delay = blueprint.circuit.steps(f"Background to {population.name}: delay_ms", first.delay_ms) + 1
        row_b = receptors[1] if len(receptors) > 1 else -1
        rows.append(
            [blueprint.number[population.name], receptors[0], row_b, target.variables, delay, draw.form]
        )
        weights.append([source.weight for source in draw.sources] + [0.0] * (2 - len(draw.sources)))
        thresholds.append(draw.thresholds + [0] * (longest - len(draw.thresholds)))
        name = f"background {population.name}.{'+'.join(source.receptor for source in draw.sources)}"
        # a second source at the same receptor draws numbers of its own
        earlier = names.count(name)
        names.append(name)
        keys.append(stream_key(blueprint.seed, f"{name} {earlier}" if earlier else name))
    return dict(
        background=np.array(rows, np.int64).reshape(-1, nw.BG_COLUMNS),
        background_weight=np.array(weights, blueprint.dtype).reshape(-1, 2),
        background_threshold=np.array(thresholds, np.int64).reshape(-1, longest),
        background_key=np.array(keys, np.uint64),
    )


def _draws(blueprint: Blueprint) -> list[Draw]:
    """Give each source a draw, or half of one: two of the same population and delay make a pair."""
    draws = []
    pairs: dict[tuple[str, float], list[tuple[Background, int]]] = {}
    for source in blueprint.circuit.backgrounds:
        p = source.rate_hz * blueprint.circuit.dt_ms / 1000.0
        coarse = round(p * 2**16)
        if source.counts == "poisson":
            draws.append(Draw([source], nw.COUNTED_32_BITS, _poisson_levels(p)))
        elif p > 0 and (coarse == 2**16 or abs(coarse / 2**16 - p) > LARGEST_RATE_ERROR * p):
            draws.append(Draw([source], nw.COUNTED_32_BITS, [min(round(p * 2**32), 2**32 - 1)]))
        else:
            pairs.setdefault((source.population, source.delay_ms), []).append((source, coarse))
    for waiting in pairs.values():
        for k in range(0, len(waiting) - 1, 2):
            (a, threshold_a), (b, threshold_b) = waiting[k : k + 2]
            draws.append(Draw([a, b], nw.PAIR_16_BITS, [threshold_a, threshold_b]))
        if len(waiting) % 2:
            source, coarse = waiting[-1]
            draws.append(Draw([source], nw.COUNTED_32_BITS, [min(coarse * 2**16, 2**32 - 1)]))
    return draws


def _poisson_levels(mean: float) -> list[int]:
    """Return the probabilities of at least 1, 2, ... spikes in 32 bits, down to the smallest that counts."""
    levels = []
    for k in range(1, 1000):
        level = round(float(pdtrc(k - 1, mean)) * 2**32)
        if level == 0:
            break
        levels.append(min(level, 2**32 - 1))
    return levels
