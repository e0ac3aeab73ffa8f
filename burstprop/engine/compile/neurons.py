"""Lay out the neurons: states at t = 0, constants, tables of currents."""

from __future__ import annotations

from typing import Any

import numpy as np

from burstprop.circuit import Circuit, Population
from burstprop.circuit.stimuli import is_per_neuron
from burstprop.engine import network as nw
from burstprop.engine.compile.blueprint import Blueprint
from burstprop.engine.layout import LANES, ROW, WINDOW, aligned, allocate, blocks
from burstprop.engine.random import generator
from burstprop.errors import BurstpropError


def build_neurons(blueprint: Blueprint) -> tuple[dict[str, nw.Neurons], np.ndarray]:
    """Return the populations of neurons by name, and the state of them all."""
    neurons: dict[str, nw.Neurons] = {}
    states: list[np.ndarray] = []
    offset = 0
    for population in blueprint.neuron_populations:
        neurons[population.name], state = _population(blueprint, population, offset)
        states.append(state)
        offset += len(state)
    return neurons, aligned(np.concatenate([*states, np.zeros(0, blueprint.dtype)]))


def _population(blueprint: Blueprint, population: Population, offset: int) -> tuple[nw.Neurons, np.ndarray]:
    model, n, dt = population.neuron, population.n, blueprint.circuit.dt_ms
    one: Any = blueprint.dtype.type
    # the constants first: among them are the parameters themselves, which a message then names
    constants = model.constants(dt)
    _check_values(population, "constants", constants, model.Constants, blueprint.dtype)
    initial = model.initial(n, generator(blueprint.seed, f"start {population.name}"), dt)
    _check_values(population, "initial", initial, model.State, blueprint.dtype)
    shared, own = _constants(constants, n, blueprint.dtype)
    currents = model.Drive._fields
    controlled = _controlled(blueprint.circuit, population.name)
    return nw.Neurons(
        state_proto=model.State(*[one(0)] * len(initial)),
        constants=model.Constants(*shared),
        constants_per_neuron=tuple(own),
        drive_proto=model.Drive(*[one(0)] * len(currents)),
        drive=np.zeros((WINDOW // LANES + 1) * len(currents) * ROW, blueprint.dtype),
        drive_per_neuron=tuple(
            np.zeros(blocks(n) * LANES, blueprint.dtype) if name in controlled else () for name in currents
        ),
        population=blueprint.number[population.name],
        offset=offset,
        variables=len(initial),
        has_afferents=population.name in blueprint.with_afferents,
    ), allocate(initial, n, blueprint.dtype)


def _check_values(population: Population, method: str, values: Any, kind: Any, dtype: np.dtype[Any]) -> None:
    """Refuse an array of the wrong length, or too large a number, from a method of a model."""
    where = f"population {population.name!r}: {type(population.neuron).__name__}.{method}"
    if not isinstance(values, tuple) or len(values) != len(kind._fields):
        raise BurstpropError(f"{where} returns {values!r}: give {kind.__name__}({', '.join(kind._fields)})")
    for name, value in zip(kind._fields, values, strict=True):
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise BurstpropError(f"{where} gives {name} = {value!r}: give a number, or one per neuron")
        if array.shape not in ((), (population.n,)):
            raise BurstpropError(
                f"{where} gives {name} of shape {array.shape}: give a number, or one per neuron, shape "
                f"({population.n},)"
            )
        largest = float(np.finfo(dtype).max)
        too_large = array[np.isfinite(array) & (np.abs(array) > largest)]
        if too_large.size:
            raise BurstpropError(
                f"{where} gives {name} = {too_large[0]:g}: {dtype} ends at {largest:.1e}; give a smaller "
                "parameter, or a larger dt_ms"
            )


def _constants(constants: Any, n: int, dtype: np.dtype[Any]) -> tuple[list[Any], list[Any]]:
    """Split constants into numbers that all neurons share, and arrays that are added to a shared 0.

    Where there is no array stands an empty tuple, which takes no place among a kernel's arguments.
    """
    one: Any = dtype.type
    shared: list[Any] = []
    own: list[Any] = []
    for value in constants:
        if np.ndim(value):
            lanes = np.empty(blocks(n) * LANES, dtype)
            lanes[:n], lanes[n:] = value, value[0]
            shared.append(one(0))
            own.append(lanes)
        else:
            shared.append(one(value))
            own.append(())
    return shared, own


def _controlled(circuit: Circuit, population: str) -> set[str]:
    """Return the compartments into which each neuron may get a current of its own."""
    return {
        current.compartment
        for current in circuit.currents
        if current.population == population and is_per_neuron(current.waveform)
    }


def receptor_row(population: Population, neurons: nw.Neurons, receptor: str) -> int:
    """Return where the conductance of a receptor begins in the state."""
    variable = population.neuron.receptors[receptor]
    return neurons.offset + population.neuron.State._fields.index(variable) * ROW
