"""The arrays that a circuit compiles to, and how a kernel gets at them.

All populations, neurons and sources of spikes alike, are numbered in the order of the circuit. Spikes go
into a ring of steps: those of step n of population e lie in ``spikes`` from
``population_spikes[e] + (n % ring) * population_width[e]`` on, each thread's from its first lane. Arrays
with one number per neuron of every population (``last``, ``trace`` ...) begin for population e at
``population_first[e]``.

Python holds the arrays by name (`ARRAYS` tells type, number of axes, and what becomes of them in a run). A
kernel takes a `Handle`, a list of addresses and shapes, and asks for an array by ``get(net, "state")``: so
fifty arrays cost a call no more than one, and compile in seconds, not in minutes.
"""

from __future__ import annotations

from enum import Enum
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


class Role(Enum):
    """What becomes of an array in a run, and so which modules must handle it."""

    FIXED = "follows from circuit, seed and threads; a run does not change it"
    SAVED = "changes in a run; a saved run holds it as it is"
    RING = "spikes on their way; a saved run holds them in an order that any number of threads can read"
    CALL = "set anew for every call into compiled code: how far it goes, what it records"


class Array(NamedTuple):
    """Type, number of axes and role of an array, and whether it has one number for every synapse.

    What is saved, and how memory is counted, follows from it: a new array is a line in `ARRAYS` and the line
    that makes it.
    """

    kind: str
    axes: int
    role: Role = Role.FIXED
    of_synapses: bool = False


_SAVED, _RING, _CALL = Role.SAVED, Role.RING, Role.CALL

ARRAYS: dict[str, Array] = {
    "sizes": Array("int64", 1, _CALL),
    "control": Array("int64", 1, _CALL),
    "state": Array(REAL, 1, _SAVED),
    # populations
    "population_n": Array("int64", 1),
    "population_first": Array("int64", 1),
    "population_width": Array("int64", 1),
    "population_spikes": Array("int64", 1),
    "population_key": Array("uint64", 1),
    "population_definition": Array("int64", 1),
    "population_decay": Array("float64", 1),
    "population_window": Array("float64", 1),
    "population_lag": Array("int64", 1),
    "population_presynaptic": Array("bool", 1),
    "bounds": Array("int64", 2),
    "spikes": Array("int32", 1, _RING),
    # a thread's own counts lie together: two threads never write to one cache line in turns
    "counts": Array("int64", 3, _RING),
    "flags": Array("uint8", 1, _RING),
    "presynaptic_flags": Array("uint8", 1, _RING),
    "last": Array("int64", 1, _SAVED),
    "trace": Array("float64", 1, _SAVED),
    "open": Array("bool", 1, _SAVED),
    "presynaptic_trace": Array("float64", 1, _SAVED),
    "presynaptic_open": Array("bool", 1, _SAVED),
    "neuron_counts": Array("uint32", 2, _SAVED),
    # Poisson populations
    "poisson_population": Array("int64", 1),
    "poisson_log_miss": Array("float64", 1, _SAVED),
    # given spikes: population and last spike of each source; step and neuron of each spike; which comes next
    "given": Array("int64", 2),
    "given_step": Array("int64", 1),
    "given_neuron": Array("int32", 1),
    "given_next": Array("int64", 1, _SAVED),
    # private backgrounds
    "background": Array("int64", 2),
    "background_weight": Array(REAL, 2),
    "background_threshold": Array("int64", 2),
    "background_key": Array("uint64", 1),
    # projections
    "projection": Array("int64", 2),
    "uniform_weight": Array(REAL, 1, _SAVED),
    "opposed_weight": Array(REAL, 1),
    "indptr": Array("int64", 1),
    "targets": Array(INDEX, 1, of_synapses=True),
    "weights": Array(REAL, 1, _SAVED, of_synapses=True),
    # short-term plasticity
    "stp": Array("int64", 2),
    "stp_constants": Array("float64", 2),
    "stp_x": Array("float64", 1, _SAVED),
    "stp_u": Array("float64", 1, _SAVED),
    "stp_last": Array("int64", 1, _SAVED),
    "efficacy": Array(REAL, 1, _RING),
    # burst-dependent plasticity
    "plastic_on": Array("int64", 1, _SAVED),
    "plastic": Array("int64", 2),
    "rule": Array("float64", 2, _SAVED),
    "e_pre": Array("float64", 1, _SAVED),
    "column_indptr": Array("int64", 1),
    "column_position": Array("uint32", 1, of_synapses=True),
    "column_source": Array(INDEX, 1, of_synapses=True),
    "plastic_target": Array(INDEX, 1, of_synapses=True),
    "share": Array("float64", 1, _CALL),
    "eligibility": Array(REAL, 1, _SAVED, of_synapses=True),
    "average": Array("int64", 2),
    "average_clock": Array("int64", 2, _SAVED),
    "average_constants": Array("float64", 2),
    "average_event": Array("float64", 1, _SAVED),
    "average_burst": Array("float64", 1, _SAVED),
    "average_spike": Array("float64", 1, _SAVED),
    # recording
    "bin_counts": Array("int64", 4, _CALL),
    "keeps_spikes": Array("bool", 1, _CALL),
    "recorded_step": Array("int64", 1, _CALL),
    "recorded_population": Array("int16", 1, _CALL),
    "recorded_neuron": Array("int32", 1, _CALL),
    "sampled_place": Array("int64", 2, _CALL),
    "sampled_values": Array(REAL, 2, _CALL),
}
_ENTRY = 5  # address and up to four lengths
_PLACE = {name: k for k, name in enumerate(ARRAYS)}

# places in "sizes"
(
    THREADS,
    RING,
    SLICE,
    LEAD,
    LEAD_STOP,
    DELAYED,
    DRIVE_FIRST,
    BIN_STEPS,
    BIN_FIRST,
    SAMPLE_EVERY,
    SAMPLE_FIRST,
    N_SIZES,
) = range(12)
# places in "control", a cache line apart
STOP_SLICE, RECORDED_UNTIL, RECORDED, BARRIER, CONTROL_SIZE = range(0, 40, 8)
# columns of "given"
GI_POPULATION, GI_LAST, GI_COLUMNS = range(3)
# columns of "background": first row of either receptor, -1 where there is no second
BG_POPULATION, BG_ROW_A, BG_ROW_B, BG_VARIABLES, BG_DELAY, BG_FORM, BG_COLUMNS = range(7)
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
    PR_DENSE,
    PR_OPPOSED_ROW,
    PR_SYNAPSES,
    PR_PART,
    PR_COLUMNS,
) = range(16)
# which weights a projection passes
ALL_WEIGHTS, POSITIVE_PART, NEGATIVE_PART = 0, 1, -1
# what a projection transmits
SPIKES, EVENTS, BURSTS = range(3)
# columns of "stp" and "stp_constants"
ST_SOURCE, ST_FIRST, ST_EFFICACY, ST_COLUMNS = range(4)
STP_LOG_KEEP_X, STP_LOG_KEEP_U, STP_U, STP_JUMP, STP_CONSTANTS = range(5)
# columns of "plastic" and "rule" (eta: its last value; until the step UNTIL it lies above it, by FALL a step)
(
    PL_PROJECTION,
    PL_E_PRE,
    PL_COLUMN_INDPTR,
    PL_COLUMN,
    PL_AVERAGE,
    PL_HOMEOSTASIS,
    PL_ELIGIBILITY,
    PL_REBASE,
    PL_FEEDBACK,
    PL_SHARE,
    PL_COLUMNS,
) = range(11)
(
    RULE_ETA,
    RULE_ETA_FALL,
    RULE_ETA_UNTIL,
    RULE_DECAY_PRE,
    RULE_E_MIN,
    RULE_E_MAX,
    RULE_W_MAX,
    RULE_FIXED,
    RULE_LOWER_SPIKES,
    RULE_W_MIN,
    RULE_KEEP,
    RULE_COLUMNS,
) = range(12)
# columns of "average", "average_clock" and "average_constants" (decay per step; rise at a spike in Hz)
AV_POPULATION, AV_FIRST, AV_REBASE, AV_COLUMNS = range(4)
CLOCK_HELD, CLOCK_STOP, CLOCK_COLUMNS = range(3)
AVERAGE_DECAY, SPIKE_DECAY, AVERAGE_RISE, SPIKE_RISE, AVERAGE_CONSTANTS = range(5)
FAR = 1 << 60
"""A step, bin or time slice that never comes."""
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
    population: int
    offset: int
    variables: int
    has_afferents: bool


class Handle(NamedTuple):
    """What a kernel gets: the addresses of the arrays, and an example of each type that the run chooses."""

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
        kind, axes = ARRAYS[name].kind, ARRAYS[name].axes
        array = arrays[name]
        expected = chosen.get(kind) or np.dtype(kind)
        if array.dtype != expected or array.ndim != axes or not array.flags.c_contiguous:
            raise TypeError(
                f"{name} is {array.dtype} with {array.ndim} axes, not {expected} with {axes}, contiguous"
            )
        if COMPILED:
            place = _PLACE[name] * _ENTRY
            net.directory[place] = array.__array_interface__["data"][0]
            net.directory[place + 1 : place + 1 + axes] = array.shape


def _get_python(net, name):
    return net.directory[name]


@intrinsic(prefer_literal=True)
def _get_compiled(typingctx, net, name):
    if not isinstance(name, types.StringLiteral):
        raise TypingError("the name of an array must be written out")
    kind, axes = ARRAYS[name.literal_value].kind, ARRAYS[name.literal_value].axes
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
