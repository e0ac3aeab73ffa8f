"""Looks into a compiled circuit: states, synapses, weights, averages, memory, and whether it has diverged."""

from __future__ import annotations

import numpy as np
import pandas as pd

from burstprop.engine import network as nw
from burstprop.engine.compile.circuit import Compiled
from burstprop.engine.compile.learning import average_key
from burstprop.engine.layout import neuron_at, row_view
from burstprop.errors import BurstpropError, Diverged, near

LARGEST_VOLTAGE_MV = 1e5
"""A membrane potential of 100 V is no membrane potential any more."""

_SYNAPSE_ARRAYS = {"targets", "weights", "column_position", "column_source", "plastic_target"}
_RECORDING_ARRAYS = {
    "recorded_step",
    "recorded_emitter",
    "recorded_neuron",
    "bin_counts",
    "trace_values",
}


def state(compiled: Compiled, population: str, variable: str) -> np.ndarray:
    """Return a state variable of all neurons of a population, shape (n,)."""
    model = compiled.circuit.neurons(population)
    known = model.neuron.State._fields
    if variable not in known:
        raise BurstpropError(f"{population!r} has no variable {variable!r}: {near(variable, known)}")
    neurons = compiled.neurons_of(population)
    return row_view(compiled.state_of(population), neurons.variables, known.index(variable), model.n)


def synapses(compiled: Compiled, projection: str) -> pd.DataFrame:
    """Return the synapses of a projection as a frame ``source_id, target_id, weight``."""
    description = compiled.circuit.projection(projection)
    n = compiled.circuit.population(description.source).n
    arrays = compiled.arrays
    row = arrays["projection"][compiled.projection[projection]]
    threads = int(arrays["sizes"][nw.THREADS])
    row_ends = arrays["indptr"][row[nw.PR_INDPTR] :][: n * threads + 1 : threads]
    first, last = _synapse_range(compiled, projection)
    return pd.DataFrame(
        {
            "source_id": np.repeat(np.arange(n), np.diff(row_ends)),
            "target_id": neuron_at(arrays["targets"][first:last].astype(np.int64), int(row[nw.PR_VARIABLES])),
            "weight": weights(compiled, projection),
        }
    )


def weights(compiled: Compiled, projection: str) -> np.ndarray:
    """Return the weights of a projection, shape (synapses,), in the order of `synapses`."""
    compiled.circuit.projection(projection)
    arrays = compiled.arrays
    p = compiled.projection[projection]
    first, last = _synapse_range(compiled, projection)
    if arrays["projection"][p, nw.PR_UNIFORM]:
        return np.full(last - first, arrays["uniform_weight"][p])
    at = arrays["projection"][p, nw.PR_WEIGHT]
    return arrays["weights"][at : at + last - first].copy()


def averages(compiled: Compiled, projection: str, step: int) -> pd.DataFrame:
    """Return the moving averages of the target of a plastic projection, as the step ``step`` finds them.

    Frame ``neuron_id, event_rate_hz, burst_rate_hz, spike_rate_hz``: Ebar, Bbar and the slow average of all
    spikes (R).
    """
    circuit, arrays = compiled.circuit, compiled.arrays
    rule = circuit.projection(projection).rule
    if rule is None:
        plastic = [p.name for p in circuit.projections if p.rule is not None]
        raise BurstpropError(f"projection {projection!r} is not plastic: {near(projection, plastic)}")
    target = circuit.population(circuit.projection(projection).target)
    a = compiled.averages[average_key(target.name, rule)]
    since = max(step - 1, 0) % arrays["average"][a, nw.AV_REBASE] + (step > 0)
    kept = np.exp(-since * arrays["average_constants"][a, nw.AVERAGE_DECAY])
    spike_kept = np.exp(-since * arrays["average_constants"][a, nw.SPIKE_DECAY])
    first = arrays["average"][a, nw.AV_FIRST]
    part = slice(first, first + target.n)
    return pd.DataFrame(
        {
            "neuron_id": np.arange(target.n),
            "event_rate_hz": arrays["average_event"][part] * kept,
            "burst_rate_hz": arrays["average_burst"][part] * kept,
            "spike_rate_hz": arrays["average_spike"][part] * spike_kept,
        }
    )


def sizes(compiled: Compiled) -> dict[str, float]:
    """Return the numbers of neurons and synapses and the bytes that they take, recordings left out."""
    nbytes = {name: array.nbytes for name, array in compiled.arrays.items()}
    others = nbytes.keys() - _SYNAPSE_ARRAYS - _RECORDING_ARRAYS
    return {
        "neurons": sum(population.n for population, _ in compiled.pairs()),
        "synapses": len(compiled.arrays["targets"]),
        "neuron_bytes": sum(nbytes[name] for name in others),
        "synapse_bytes": sum(nbytes[name] for name in _SYNAPSE_ARRAYS),
    }


def check_finite(compiled: Compiled, first: int, last: int) -> None:
    """Check the variables of all neurons after steps ``first`` to ``last`` have been run.

    A voltage may be held within bounds while the variable that drives it is no number any more, so all are
    looked at.

    Raises
    ------
    Diverged
        A voltage is beyond all bounds, or a variable no finite number: says in which population and when.
    """
    # one look at everything nearly always does; a comparison with NaN is false
    if np.abs(compiled.arrays["state"]).max(initial=0.0) <= LARGEST_VOLTAGE_MV:
        return
    dt = compiled.circuit.dt_ms
    for population, neurons in compiled.pairs():
        model = population.neuron
        own = compiled.state_of(population.name)
        for k, variable in enumerate(model.State._fields):
            values = row_view(own, neurons.variables, k, population.n)
            is_voltage = variable in model.voltages
            # written so that NaN counts as out of range
            bad = np.flatnonzero(
                ~(np.abs(values) <= (LARGEST_VOLTAGE_MV if is_voltage else np.finfo(own.dtype).max))
            )
            if len(bad):
                what = f"beyond {LARGEST_VOLTAGE_MV:g} mV or no number" if is_voltage else "no finite number"
                raise Diverged(
                    f"population {population.name!r} diverged between t = {first * dt:g} and "
                    f"{last * dt:g} ms: {variable} of {len(bad)} neurons is {what} (the first, neuron "
                    f"{bad[0]}: {values[bad[0]]:g}); look for a weight, a current or a dt_ms ({dt:g} ms) "
                    "that is too large"
                )


def _synapse_range(compiled: Compiled, projection: str) -> tuple[int, int]:
    firsts = [*compiled.arrays["projection"][:, nw.PR_SYNAPSE], len(compiled.arrays["targets"])]
    p = compiled.projection[projection]
    return int(firsts[p]), int(firsts[p + 1])
