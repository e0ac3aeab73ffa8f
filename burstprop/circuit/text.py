"""A circuit as text tables, as `Circuit.describe` gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from burstprop.circuit.connectivity import describe_connectivity
from burstprop.circuit.parts import Parts
from burstprop.circuit.populations import PoissonPopulation, Population, Source, SpikeSource
from burstprop.circuit.projections import Projection
from burstprop.circuit.stimuli import Background, Steps
from burstprop.circuit.synapses import ShortTermPlasticity
from burstprop.parameters import text_table

_PROJECTION = (
    "source",
    "target",
    "receptor",
    "weight",
    "connectivity",
    "transmits",
    "short-term plasticity",
    "delay_ms",
    "rule",
)


def circuit_tables(circuit: Parts) -> str:
    """Return populations, projections, backgrounds, currents and protocol, each as an aligned table."""
    tables = [
        _table(
            f"Populations (dt = {circuit.dt_ms:g} ms)",
            ("name", "n", "model"),
            [_population_row(p) for p in circuit.populations],
        ),
        _table(
            "Projections (weight: conductance in units of the leak)",
            _PROJECTION,
            [_projection_row(p) for p in circuit.projections],
        ),
        _table(
            "Backgrounds (one Poisson source per neuron)",
            ("population", "receptor", "rate_hz", "weight", "counts"),
            [_background_row(b) for b in circuit.backgrounds],
        ),
        _table(
            "Currents",
            ("population", "compartment", "waveform"),
            [(c.population, c.compartment, _short(c.waveform)) for c in circuit.currents],
        ),
        _table("Protocol", ("at_ms", "change"), [(f"{c.at_ms:g}", _short(c)) for c in circuit.protocol]),
    ]
    return "\n\n".join(table for table in tables if table)


def _table(title: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return f"{title}\n{text_table(rows, header)}" if rows else ""


def _population_row(population: Population | Source) -> tuple[str, ...]:
    if isinstance(population, PoissonPopulation):
        return population.name, str(population.n), f"Poisson sources, {population.rate_hz:g} Hz"
    if isinstance(population, SpikeSource):
        return population.name, str(population.n), f"{len(population.times_ms)} given spikes"
    return population.name, str(population.n), _short(population.neuron)


def _projection_row(p: Projection) -> tuple[str, ...]:
    return (
        p.source,
        p.target,
        p.receptor,
        f"{p.weight:g}",
        describe_connectivity(p.connectivity),
        p.transmits,
        "" if p.stp is None else _short_term_plasticity(p.stp),
        f"{p.delay_ms:g}",
        "" if p.rule is None else _short(p.rule),
    )


def _short_term_plasticity(stp: ShortTermPlasticity) -> str:
    """Return all parameters; one that is left out prints as U."""
    jump, u_start = ("U" if value is None else f"{value:g}" for value in (stp.jump, stp.u_start))
    return (
        f"tau_D = {stp.tau_d_ms:g} ms, tau_F = {stp.tau_f_ms:g} ms, U = {stp.utilisation:g}, "
        f"f = {jump}, u(0) = {u_start}"
    )


def _background_row(b: Background) -> tuple[str, ...]:
    return b.population, b.receptor, f"{b.rate_hz:g}", f"{b.weight:g}", b.counts


def _short(obj: Any) -> str:
    """Return a description as one line that shows only what differs from the defaults."""
    if isinstance(obj, Steps):
        each = ", one value per neuron" if obj.per_neuron else ""
        return f"{len(obj.times_ms)} steps from {obj.times_ms[0]:g} to {obj.times_ms[-1]:g} ms{each}"
    if not is_dataclass(obj):
        return repr(obj)
    shown = []
    for f in fields(obj):
        value = getattr(obj, f.name)
        if np.ndim(value):
            shown.append(f"{f.name}=<per neuron>")
        elif value != f.default:
            shown.append(f"{f.name}={value:g}" if isinstance(value, float) else f"{f.name}={value!r}")
    return f"{type(obj).__name__}({', '.join(shown)})"
