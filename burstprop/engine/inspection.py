"""Looks into a compiled circuit: states, synapses, weights, averages, memory, and whether it has diverged."""

from __future__ import annotations

import numpy as np
import pandas as pd

from burstprop.circuit.checks import check_plastic
from burstprop.circuit.connectivity import Tied
from burstprop.engine import network as nw
from burstprop.engine.compile.circuit import Compiled
from burstprop.engine.compile.learning import average_key
from burstprop.engine.layout import neuron_at, row_view
from burstprop.errors import BurstpropError, Diverged, near

COUNTED = ("spikes", "events", "bursts")
"""What is counted and averaged, in the order of the columns of ``neuron_counts``."""
LARGEST_VOLTAGE_MV = 1e5
"""A membrane potential beyond 100 V means that the run has diverged."""


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
    source, target = endpoints(compiled, projection)
    return pd.DataFrame({"source_id": source, "target_id": target, "weight": weights(compiled, projection)})


def endpoints(compiled: Compiled, projection: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the source and the target neuron of every synapse, in the order of `weights`."""
    description = compiled.circuit.projection(projection)
    n = compiled.circuit.population(description.source).n
    arrays = compiled.arrays
    row = arrays["projection"][compiled.projection[projection]]
    if row[nw.PR_DENSE]:
        return np.repeat(np.arange(n), row[nw.PR_DENSE]), np.tile(np.arange(row[nw.PR_DENSE]), n)
    threads = int(arrays["sizes"][nw.THREADS])
    row_ends = arrays["indptr"][row[nw.PR_INDPTR] :][: n * threads + 1 : threads]
    found = arrays["targets"][row[nw.PR_SYNAPSE] :][: row_ends[-1]].astype(np.int64)
    return np.repeat(np.arange(n), np.diff(row_ends)), neuron_at(found, int(row[nw.PR_VARIABLES]))


def weights(compiled: Compiled, projection: str) -> np.ndarray:
    """Return the weights of a projection, shape (synapses,), in the order of `synapses`."""
    compiled.circuit.projection(projection)
    arrays = compiled.arrays
    p = compiled.projection[projection]
    if arrays["projection"][p, nw.PR_UNIFORM]:
        return np.full(synapse_count(compiled, projection), arrays["uniform_weight"][p])
    own, part = own_weights(compiled, projection), arrays["projection"][p, nw.PR_PART]
    if not isinstance(compiled.circuit.projection(projection).connectivity, Tied):
        return own.copy()
    return arrays["uniform_weight"][p] * (np.maximum(part * own, 0.0) if part else own)


def own_weights(compiled: Compiled, projection: str) -> np.ndarray:
    """Return where the weights of a projection lie that has one for each synapse, shape (synapses,)."""
    at = compiled.arrays["projection"][compiled.projection[projection], nw.PR_WEIGHT]
    return compiled.arrays["weights"][at : at + synapse_count(compiled, projection)]


def synapse_count(compiled: Compiled, projection: str) -> int:
    """Return the number of synapses of a projection."""
    return int(compiled.arrays["projection"][compiled.projection[projection], nw.PR_SYNAPSES])


def counts(compiled: Compiled, population: str, of: str) -> np.ndarray:
    """Return how many spikes, events or bursts every neuron of a population had since t = 0, shape (n,)."""
    if of not in COUNTED:
        raise BurstpropError(f"counts of {of!r}: {near(of, COUNTED)}")
    n = compiled.circuit.population(population).n
    first = compiled.arrays["population_first"][compiled.number[population]]
    return compiled.arrays["neuron_counts"][first : first + n, COUNTED.index(of)].astype(np.int64)


def average(compiled: Compiled, projection: str, of: str, step: int) -> np.ndarray:
    """Return one moving average that a plastic projection learns from (Hz), as step ``step`` finds it.

    It is of the target's neurons, of the source's with a `FeedbackRule`. ``of`` is "events" (Ebar), "bursts"
    (Bbar) or "spikes" (R); shape (n,).
    """
    if of not in COUNTED:
        raise BurstpropError(f"average of {of!r}: {near(of, COUNTED)}")
    check_plastic(compiled.circuit, projection)
    arrays, key = compiled.arrays, average_key(compiled.circuit.projection(projection))
    a = compiled.averages[key]
    held, stop = arrays["average_clock"][a]
    clock = min(step - held, stop)
    since = (clock - 1) % arrays["average"][a, nw.AV_REBASE] + 1 if clock > 0 else 0
    decay = arrays["average_constants"][a, nw.SPIKE_DECAY if of == "spikes" else nw.AVERAGE_DECAY]
    first = arrays["average"][a, nw.AV_FIRST]
    values = arrays[f"average_{of.removesuffix('s')}"]
    return values[first : first + compiled.circuit.population(key.population).n] * np.exp(-since * decay)


def averages(compiled: Compiled, projection: str, step: int) -> pd.DataFrame:
    """Return the moving averages of the target of a plastic projection, as the step ``step`` finds them.

    Frame ``neuron_id, event_rate_hz, burst_rate_hz, spike_rate_hz``: Ebar, Bbar and the slow average of all
    spikes (R).
    """
    rates = {
        f"{of.removesuffix('s')}_rate_hz": average(compiled, projection, of, step)
        for of in ("events", "bursts", "spikes")
    }
    return pd.DataFrame({"neuron_id": np.arange(len(rates["event_rate_hz"]))} | rates)


def learning_rate(compiled: Compiled, projection: str, step: int) -> float:
    """Return eta of a plastic projection as step ``step`` finds it."""
    check_plastic(compiled.circuit, projection)
    rule = compiled.arrays["rule"][compiled.plastic[projection]]
    return float(rule[nw.RULE_ETA] + rule[nw.RULE_ETA_FALL] * max(rule[nw.RULE_ETA_UNTIL] - step, 0.0))


def sizes(compiled: Compiled) -> dict[str, float]:
    """Return the numbers of neurons and synapses and the bytes that they take, recordings left out.

    Those of the neurons hold their state, traces and counts, tens of bytes each, and the spikes on their way,
    room for all neurons in every step of the ring: where delays are long, or several kinds of short-term
    plasticity listen to a population, these are most of it.
    """
    of_neurons = of_synapses = 0
    for name, array in compiled.arrays.items():
        if nw.ARRAYS[name].of_synapses:
            of_synapses += array.nbytes
        elif nw.ARRAYS[name].role is not nw.Role.CALL:
            of_neurons += array.nbytes
    return {
        "neurons": sum(population.n for population, _ in compiled.pairs()),
        "synapses": sum(
            synapse_count(compiled, p.name)
            for p in compiled.circuit.projections
            if not isinstance(p.connectivity, Tied)
        ),
        "neuron_bytes": of_neurons,
        "synapse_bytes": of_synapses,
    }


def check_finite(compiled: Compiled, first: int, last: int) -> None:
    """Check the variables of all neurons after steps ``first`` to ``last`` have been run.

    A model may keep its voltage within bounds while the variable that drives it is not a number any more, so
    all variables are checked.

    Raises
    ------
    Diverged
        A voltage is beyond all bounds, or a variable no finite number: says in which population and when.
    """
    # one pass over everything nearly always suffices; a comparison with NaN is false
    found = compiled.arrays["state"]
    if max(found.max(initial=0.0), -found.min(initial=0.0)) <= LARGEST_VOLTAGE_MV:
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
                beyond = f"beyond {LARGEST_VOLTAGE_MV:g} mV or not a number"
                what = beyond if is_voltage else "not a finite number"
                raise Diverged(
                    f"population {population.name!r} diverged between t = {first * dt:g} and "
                    f"{last * dt:g} ms: {variable} of {len(bad)} neurons is {what} (the first, neuron "
                    f"{bad[0]}: {values[bad[0]]:g}); look for a weight, a current or a dt_ms ({dt:g} ms) "
                    "that is too large"
                )
