"""The rule is compiled by itself, so that circuits that learn and circuits that do not share the time loop.

The loop calls it by address, as it does the steps of the populations (`burstprop.engine.step.populations`).
"""

from __future__ import annotations

import numba
import numpy as np
from numba import types

from burstprop.engine.network import Handle
from burstprop.engine.step import learning
from burstprop.jit.kernel import COMPILED, address_of, call_at, entry_point, kernel

# places in what the loop is given: addresses of the two functions
RAISE_TRACES, LEARN, LEARNING_SIZE = range(3)


def callable_learning(net: Handle, plastic: bool) -> np.ndarray:
    """Return the addresses of the rule's functions, 0 where no projection is plastic.

    Compiled where they are new. Without compilation 1 stands for an address.
    """
    if not (plastic and COMPILED):
        return np.full(LEARNING_SIZE, int(plastic), np.int64)
    kinds = (numba.typeof(net), types.int64, types.int64)
    entries = [entry_point(function, (), from_python=False) for function in (_raise_traces, _learn)]
    return np.array([address_of(entry, kinds) for entry in entries], np.int64)


def _raise_traces(net, now, t):
    learning.raise_presynaptic_traces(net, now, t)


def _learn(net, now, t):
    learning.learn(net, now, t)


def _raise_traces_python(addresses, net, now, t):
    learning.raise_presynaptic_traces(net, now, t)


def _learn_python(addresses, net, now, t):
    learning.learn(net, now, t)


@kernel
def _raise_traces_compiled(addresses, net, now, t):
    call_at(addresses[RAISE_TRACES], (net, now, t))


@kernel
def _learn_compiled(addresses, net, now, t):
    call_at(addresses[LEARN], (net, now, t))


raise_presynaptic_traces = _raise_traces_compiled if COMPILED else _raise_traces_python
"""``raise_presynaptic_traces(addresses, net, now, t)``: see `burstprop.engine.step.learning`."""
learn = _learn_compiled if COMPILED else _learn_python
"""``learn(addresses, net, now, t)``: see `burstprop.engine.step.learning`."""
