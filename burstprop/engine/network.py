"""The arrays that a circuit compiles to, and how a kernel gets at them.

*Emitters* are all populations, neurons and Poisson sources alike, numbered in the order of the circuit.
Spikes go into a ring of steps: those of step n of emitter e lie in ``spikes`` from
``emitter_spikes[e] + (n % ring) * emitter_width[e]`` on, each thread's from the first lane that it owns.
Arrays with one number per neuron of every emitter (``last``, ``trace`` ...) begin for emitter e at
``emitter_first[e]``.

Python holds the arrays by name (`ARRAYS` tells type and number of axes). A kernel takes a `Handle`, a list of
addresses and shapes, and asks for an array by ``get(net, "state")``: so fifty arrays cost a call no more than
one, and the compiler, which would otherwise spend minutes on passing them around, seconds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import from_dtype

from burstprop.jit.kernel import COMPILED

REAL, INDEX = "real", "index"
"""Types that the run chooses: float32 or float64, and uint16 or uint32 for a neuron's number and a
target's place in the state."""

ARRAYS: dict[str, tuple[str, int]] = {
    "sizes": ("int64", 1),
    "control": ("int64", 1),
    "state": (REAL, 1),
    # emitters
    "emitter_n": ("int64", 1),
    "emitter_first": ("int64", 1),
    "emitter_width": ("int64", 1),
    "emitter_spikes": ("int64", 1),
    "emitter_key": ("uint64", 1),
    "emitter_definition": ("int64", 1),
    "emitter_decay": ("float64", 1),
    "emitter_window": ("float64", 1),
    "emitter_lag": ("int64", 1),
    "emitter_presynaptic": ("bool", 1),
    "bounds": ("int64", 2),
    "spikes": ("int32", 1),
    # a thread's own counts lie together: two threads never write to one cache line in turns
    "counts": ("int64", 3),
    "flags": ("uint8", 1),
    "presynaptic_flags": ("uint8", 1),
    "last": ("int64", 1),
    "trace": ("float64", 1),
    "open": ("bool", 1),
    "presynaptic_trace": ("float64", 1),
    "presynaptic_open": ("bool", 1),
    # Poisson populations
    "poisson_emitter": ("int64", 1),
    "poisson_log_miss": ("float64", 1),
    # private backgrounds
    "background": ("int64", 2),
    "background_weight": (REAL, 2),
    "background_threshold": ("int64", 2),
    "background_key": ("uint64", 1),
    # projections
    "projection": ("int64", 2),
    "uniform_weight": (REAL, 1),
    "indptr": ("int64", 1),
    "targets": (INDEX, 1),
    "weights": (REAL, 1),
    # short-term plasticity
    "stp": ("int64", 2),
    "stp_constants": ("float64", 2),
    "stp_x": ("float64", 1),
    "stp_u": ("float64", 1),
    "stp_last": ("int64", 1),
    "efficacy": (REAL, 1),
    # burst-dependent plasticity
    "plastic": ("int64", 2),
    "rule": ("float64", 2),
    "e_pre": ("float64", 1),
    "column_indptr": ("int64", 1),
    "column_position": ("uint32", 1),
    "column_source": (INDEX, 1),
    "plastic_target": (INDEX, 1),
    "average": ("int64", 2),
    "average_constants": ("float64", 2),
    "average_event": ("float64", 1),
    "average_burst": ("float64", 1),
    "average_spike": ("float64", 1),
    # recording
    "bin_counts": ("int64", 4),
    "record_spikes": ("bool", 1),
    "recorded_step": ("int64", 1),
    "recorded_emitter": ("int16", 1),
    "recorded_neuron": ("int32", 1),
    "trace_place": ("int64", 2),
    "trace_values": (REAL, 2),
}
_ENTRY = 5  # address and up to four lengths
_PLACE = {name: k for k, name in enumerate(ARRAYS)}

# places in "sizes"
(
    THREADS,
    RING,
    BLOCK,
    AHEAD,
    AHEAD_STOP,
    DELAYED,
    DRIVE_FIRST,
    BIN_STEPS,
    BIN_FIRST,
    TRACE_EVERY,
    TRACE_FIRST,
    N_SIZES,
) = range(12)
# places in "control", a cache line apart
STOP_BLOCK, RECORDED_UNTIL, RECORDED, BARRIER, PLASTIC_ON, CONTROL_SIZE = range(0, 48, 8)
# columns of "background": first row of either receptor, -1 where there is no second
BG_EMITTER, BG_ROW_A, BG_ROW_B, BG_VARIABLES, BG_DELAY, BG_FORM, BG_COLUMNS = range(7)
# forms of a background
PAIR_16_BITS, COUNTED_32_BITS = range(2)
# columns of "projection"
(
    PR_SOURCE,
    PR_TARGET,
    PR_TRANSMITS,
    PR_ROW,
    PR_VARIABLES,
    PR_DELAY,
    PR_UNIFORM,
    PR_INDPTR,
    PR_SYNAPSE,
    PR_WEIGHT,
    PR_EFFICACY,
    PR_COLUMNS,
) = range(12)
# what a projection transmits
SPIKES, EVENTS, BURSTS = range(3)
# columns of "stp" and "stp_constants"
ST_SOURCE, ST_FIRST, ST_EFFICACY, ST_COLUMNS = range(4)
STP_LOG_KEEP_X, STP_LOG_KEEP_U, STP_U, STP_JUMP, STP_CONSTANTS = range(5)
# columns of "plastic" and "rule"
PL_PROJECTION, PL_E_PRE, PL_COLUMN_INDPTR, PL_COLUMN, PL_AVERAGE, PL_REBASE, PL_COLUMNS = range(7)
(
    RULE_ETA,
    RULE_DECAY_PRE,
    RULE_E_MIN,
    RULE_E_MAX,
    RULE_W_MAX,
    RULE_FIXED,
    RULE_LOWER_SPIKES,
    RULE_COLUMNS,
) = range(8)
# columns of "average" and "average_constants" (decay per step; rise at a spike in Hz)
AV_EMITTER, AV_FIRST, AV_REBASE, AV_COLUMNS = range(4)
AVERAGE_DECAY, SPIKE_DECAY, AVERAGE_RISE, SPIKE_RISE, AVERAGE_CONSTANTS = range(5)
FAR = 1 << 60
"""A step, bin or block that never comes."""
# definitions of a burst
TRACE, INTERVAL = range(2)
# bits of a spike's flag
EVENT, BURST = np.uint8(1), np.uint8(2)


class Neurons(NamedTuple):
    """One population of neurons: its numbers differ in type from model to model, so each has its own."""

    state_proto: Any
    constants: Any
    constants_per_neuron: tuple
    drive_proto: Any
    drive: np.ndarray
    drive_per_neuron: tuple
    emitter: int
    offset: int
    variables: int
    has_afferents: bool


class Handle(NamedTuple):
    """What a kernel gets: where the arrays are, and an example of either chosen type."""

    directory: Any
    real: Any
    index: Any


def handle(arrays: dict[str, np.ndarray]) -> Handle:
    """Return the handle of a complete set of arrays; it is valid as long as they live."""
    real, index = arrays["state"].dtype, arrays["targets"].dtype
    directory: Any = np.zeros(len(ARRAYS) * _ENTRY, np.int64) if COMPILED else arrays
    made = Handle(directory, real.type(0), index.type(0))
    point(made, arrays, *ARRAYS)
    return made


def point(net: Handle, arrays: dict[str, np.ndarray], *names: str) -> None:
    """Let a handle point to the arrays of these names, which have been replaced."""
    chosen = {REAL: np.dtype(type(net.real)), INDEX: np.dtype(type(net.index))}
    for name in names:
        kind, axes = ARRAYS[name]
        array = arrays[name]
        expected = chosen.get(kind) or np.dtype(kind)
        if array.dtype != expected or array.ndim != axes or not array.flags.c_contiguous:
            raise TypeError(
                f"{name} is {array.dtype} with {array.ndim} axes, not {expected} with {axes}, contiguous"
            )
        if COMPILED:
            place = _PLACE[name] * _ENTRY
            net.directory[place] = array.ctypes.data
            net.directory[place + 1 : place + 1 + axes] = array.shape


def _get_python(net, name):
    return net.directory[name]


@intrinsic(prefer_literal=True)
def _get_compiled(typingctx, net, name):
    if not isinstance(name, types.StringLiteral):
        raise TypingError("the name of an array must be written out")
    kind, axes = ARRAYS[name.literal_value]
    place = _PLACE[name.literal_value] * _ENTRY
    dtype = {REAL: net.types[1], INDEX: net.types[2]}.get(kind) or from_dtype(np.dtype(kind))
    array_type = types.Array(dtype, axes, "C")

    def codegen(context, builder, signature, args):
        word = context.get_value_type(types.intp)
        directory = builder.extract_value(args[0], 0)
        data = context.make_array(signature.args[0].types[0])(context, builder, directory).data

        def entry(k):
            return builder.load(builder.gep(data, [ir.Constant(word, place + k)]))

        shape = [entry(1 + k) for k in range(axes)]
        size = ir.Constant(word, context.get_abi_sizeof(context.get_data_type(dtype)))
        strides = [size]
        for length in reversed(shape[1:]):
            strides.insert(0, builder.mul(strides[0], length))
        array = context.make_array(array_type)(context, builder)
        pointer = builder.inttoptr(entry(0), array.data.type)
        populate_array(array, data=pointer, shape=shape, strides=strides, itemsize=size, meminfo=None)
        return array._getvalue()

    return array_type(net, name), codegen


get = _get_compiled if COMPILED else _get_python
"""``get(net, "state")``: the array of that name, for a kernel; the name must be written out."""
