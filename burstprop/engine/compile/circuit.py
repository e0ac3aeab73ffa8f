"""Compiles a circuit, a seed and a number of threads into the arrays of `burstprop.engine.network`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from burstprop.circuit import Circuit, Population
from burstprop.engine import network as nw
from burstprop.engine.compile.backgrounds import build_backgrounds
from burstprop.engine.compile.blueprint import Blueprint, make_blueprint
from burstprop.engine.compile.learning import AverageKey, build_learning
from burstprop.engine.compile.memory import check_memory
from burstprop.engine.compile.neurons import build_neurons
from burstprop.engine.compile.projections import build_projections
from burstprop.engine.compile.short_term_plasticity import build_short_term_plasticity
from burstprop.engine.compile.spikes import build_given_spikes, build_poisson_sources, build_populations
from burstprop.engine.layout import ROW, blocks


@dataclass(frozen=True)
class Compiled:
    """A circuit as arrays, with what is needed to read them."""

    circuit: Circuit
    arrays: dict[str, np.ndarray]
    populations: tuple[nw.Neurons, ...]
    """The populations of neurons."""
    number: dict[str, int]
    """The number of every population."""
    neurons: dict[str, int]
    """The place in ``populations`` of every population of neurons."""
    projection: dict[str, int]
    """The row in the table of projections of every projection."""
    plastic: dict[str, int]
    """The row in the table of plastic projections of every plastic one."""
    averages: dict[AverageKey, int]
    """The row in the table of averages of every kind of them."""

    def pairs(self) -> list[tuple[Population, nw.Neurons]]:
        """Return all populations of neurons, as described and as compiled."""
        described = [p for p in self.circuit.populations if isinstance(p, Population)]
        return list(zip(described, self.populations, strict=True))

    def neurons_of(self, population: str) -> nw.Neurons:
        """Return a population of neurons as compiled."""
        return self.populations[self.neurons[population]]

    def state_of(self, population: str) -> np.ndarray:
        """Return the slice of the state that belongs to a population of neurons."""
        neurons = self.neurons_of(population)
        size = blocks(self.circuit.neurons(population).n) * neurons.variables * ROW
        return self.arrays["state"][neurons.offset : neurons.offset + size]


def compile_circuit(circuit: Circuit, seed: int, threads: int, dtype: Any) -> Compiled:
    """Draw the synapses and lay out all arrays. ``dtype`` is float32 or float64.

    Raises
    ------
    BurstpropError
        It does not fit into the memory that is free; nothing has been drawn by then.
    """
    blueprint = make_blueprint(circuit, seed, threads, dtype)
    check_memory(blueprint)
    call = dict(sizes=_sizes(blueprint), control=_control(), **_nothing_recorded(blueprint))
    neurons, state = build_neurons(blueprint)
    synapses, rows = build_projections(blueprint, neurons)
    plasticity, efficacy_places = build_short_term_plasticity(blueprint)
    synapses["projection"][:, nw.PR_EFFICACY] = efficacy_places
    learning = build_learning(blueprint, rows, synapses["targets"].dtype)
    return Compiled(
        circuit=circuit,
        arrays=dict(
            **call,
            state=state,
            bounds=blueprint.bounds,
            **build_populations(blueprint),
            **build_poisson_sources(blueprint),
            **build_given_spikes(blueprint),
            **build_backgrounds(blueprint, neurons),
            **synapses,
            **plasticity,
            plastic_on=np.array([circuit.plastic], np.int64),
            **learning.arrays,
        ),
        populations=tuple(neurons.values()),
        number=blueprint.number,
        neurons={name: k for k, name in enumerate(neurons)},
        projection={p.name: k for k, p in enumerate(blueprint.projections)},
        plastic=learning.plastic,
        averages=learning.averages,
    )


def _sizes(blueprint: Blueprint) -> np.ndarray:
    sizes = np.zeros(nw.N_SIZES, np.int64)
    sizes[nw.THREADS], sizes[nw.RING] = blueprint.threads, blueprint.ring
    sizes[nw.SLICE], sizes[nw.LEAD] = blueprint.time_slice, blueprint.lead
    sizes[nw.DELAYED] = sum(delay > 1 for delay in blueprint.delays)
    sizes[nw.BIN_STEPS] = sizes[nw.SAMPLE_EVERY] = sizes[nw.LEAD_STOP] = nw.FAR
    return sizes


def _control() -> np.ndarray:
    control = np.zeros(nw.CONTROL_SIZE, np.int64)
    control[nw.STOP_SLICE] = nw.FAR
    return control


def _nothing_recorded(blueprint: Blueprint) -> dict[str, np.ndarray]:
    return dict(
        bin_counts=np.zeros((blueprint.threads, 1, len(blueprint.number), 3), np.int64),
        keeps_spikes=np.zeros(len(blueprint.number), np.bool_),
        recorded_step=np.zeros(0, np.int64),
        recorded_population=np.zeros(0, np.int16),
        recorded_neuron=np.zeros(0, np.int32),
        sampled_place=np.zeros((0, 3), np.int64),
        sampled_values=np.zeros((0, 0), blueprint.dtype),
    )
