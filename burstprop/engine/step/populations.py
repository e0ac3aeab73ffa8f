"""Each population's step is compiled by itself: once for a model, whatever circuit the model is part of.

The time loop would be compiled anew for every tuple of models if it called their steps by name. It calls them
by address instead. What a population needs (`burstprop.engine.network.Neurons`) differs in type from model to
model; it is put into memory when a run begins, and the population's step reads it from there. So a new
circuit compiles only the models that no circuit before it had. A call by address costs a few nanoseconds for
each population and time step.

Without compilation the loop calls `advance_neurons` with the populations themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

from burstprop.engine.network import Handle, Neurons
from burstprop.engine.step.neurons import advance_neurons
from burstprop.jit.kernel import COMPILED, address_of, call_at, entry_point, kernel

# columns of the table of populations
FUNCTION, STORED, HAS_AFFERENTS, POPULATION_COLUMNS = range(4)


class Populations(NamedTuple):
    """The populations of neurons as the time loop takes them."""

    table: Any
    """A row a population: address of its step, address of its numbers, whether it has afferents. Without
    compilation the populations themselves."""
    stored: list[np.ndarray]
    """The memory that the table points to."""


def callable_populations(net: Handle, populations: Iterable[tuple[type, Neurons]]) -> Populations:
    """Return populations, given with the class of their model, as the time loop calls them.

    Models that are new are compiled. The addresses are valid as long as the arrays of the populations, and
    what is returned, live.
    """
    if not COMPILED:
        return Populations(tuple(neurons for _, neurons in populations), [])
    rows, stored = [], []
    for model, neurons in populations:
        kind = _Stored(numba.typeof(neurons))
        step = entry_point(_advance_stored, [model], from_python=False)
        any_index = numba.typeof(net._replace(index=None))
        function = address_of(step, (any_index, kind, types.int64, types.int64, types.int64))
        context = step.targetctx
        words = -(-context.get_abi_sizeof(context.get_value_type(kind.neurons)) // 8)
        memory = np.zeros(words, np.int64)
        entry_point(_put, [model])(neurons, memory)
        stored.append(memory)
        rows.append((function, memory.ctypes.data, neurons.has_afferents))
    return Populations(np.array(rows, np.int64).reshape(-1, POPULATION_COLUMNS), stored)


def _advance_python(net, populations, with_afferents, first_step, last_step, t):
    for neurons in populations:
        if neurons.has_afferents == with_afferents:
            advance_neurons(net, neurons, first_step, last_step, t)


@kernel
def _advance_compiled(net, populations, with_afferents, first_step, last_step, t):
    # neurons know nothing of synapses: whatever the type of a target's place, their step is the same
    any_index = Handle(net.directory, net.real, None)
    for k in range(populations.shape[0]):
        if populations[k, HAS_AFFERENTS] == with_afferents:
            call_at(populations[k, FUNCTION], (any_index, populations[k, STORED], first_step, last_step, t))


advance = _advance_compiled if COMPILED else _advance_python
"""``advance(net, populations, with_afferents, first_step, last_step, t)``: advance the populations that have
afferents, or those that have none."""


class _Stored(types.Type):
    """The address of a population's numbers; the type tells which numbers these are."""

    def __init__(self, neurons: types.Type) -> None:
        self.neurons = neurons
        super().__init__(f"Stored({neurons})")

    @property
    def key(self) -> types.Type:
        """Two models may have the same name."""
        return self.neurons


@register_model(_Stored)
class _StoredModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, kind: _Stored) -> None:
        super().__init__(dmm, kind, ir.IntType(64))


def _advance_stored(net, stored, first_step, last_step, t):
    advance_neurons(net, _get(stored), first_step, last_step, t)


def _put(neurons, memory):
    _store(neurons, memory)


@intrinsic
def _get(typingctx, stored):
    def codegen(context, builder, signature, args):
        kind = context.get_value_type(signature.return_type)
        return builder.load(builder.inttoptr(args[0], kind.as_pointer()))

    return stored.neurons(stored), codegen


@intrinsic
def _store(typingctx, neurons, memory):
    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[1])(context, builder, args[1]).data
        builder.store(args[0], builder.bitcast(data, args[0].type.as_pointer()))
        return context.get_dummy_value()

    return types.none(neurons, memory), codegen
