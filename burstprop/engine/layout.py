"""How the state of a population lies in memory, and how a kernel reads and writes one neuron of it.

Neurons come in *blocks* of 512. Within a block, variable ``k`` of lane ``l`` is at ``k * ROW + l``: one row
a variable, so a loop over lanes is a loop over contiguous memory. ``ROW`` is a compile-time constant, which
tells the compiler that rows do not overlap. A block of a dozen variables fits into the innermost cache,
and its rows begin in alternate halves of the cache's sets. Longer rows would all begin in the same half, and
evict one another. Kernels work on *strips* of 64 lanes. Lanes past the last neuron hold neurons
without synapses (they get the current and the background of the others) that are never looked at.

`load` gathers the variables of one neuron as the model's NamedTuple, `store` puts them back, and `per_neuron`
adds to a NamedTuple of scalars those of its fields that differ from neuron to neuron. They are compiled into
plain loads and stores.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from burstprop.jit.kernel import COMPILED

LANES = 512
"""Neurons in a block."""
STRIP = 64
"""Lanes that a kernel handles between two looks at the threshold."""
CACHE_LINE = 64
"""Bytes."""
ROW = LANES + 16
"""Distance of two variables of one neuron, in numbers; half of 4096 bytes plus a cache line in float32."""
WINDOW = 16 * LANES
"""Steps for which currents are tabulated, as many as one call into compiled code takes at most."""


def blocks(n: int) -> int:
    """Return the number of blocks that ``n`` neurons take."""
    return -(-n // LANES)


def strips(n: int) -> int:
    """Return the number of strips that ``n`` neurons take."""
    return -(-n // STRIP)


def offset_of(neuron: Any, variables: int) -> Any:
    """Return the distance of a variable of ``neuron`` (a number or an array) from that of neuron 0."""
    return neuron // LANES * (variables * ROW) + neuron % LANES


def neuron_at(offset: np.ndarray, variables: int) -> np.ndarray:
    """Return the neurons that lie at these distances; the inverse of `offset_of`."""
    return offset // (variables * ROW) * LANES + offset % (variables * ROW)


def allocate(values: Any, n: int, dtype: np.dtype) -> np.ndarray:
    """Lay out initial values, a NamedTuple of arrays of shape (n,) or numbers, as one flat array.

    Lanes past ``n`` repeat the first neuron.
    """
    state = np.zeros((blocks(n), len(values), ROW), dtype)
    for k, value in enumerate(values):
        lanes = np.empty(blocks(n) * LANES, dtype)
        lanes[:n] = value
        lanes[n:] = lanes[0]
        state[:, k, :LANES] = lanes.reshape(-1, LANES)
    return state.reshape(-1)


def aligned(array: np.ndarray) -> np.ndarray:
    """Return a copy that begins on a cache line: a vector load across two lines takes twice as long."""
    spare = CACHE_LINE // array.itemsize
    room = np.empty(len(array) + spare, array.dtype)
    first = -room.ctypes.data % CACHE_LINE // array.itemsize
    out = room[first : first + len(array)]
    out[...] = array
    return out


def row_view(state: np.ndarray, n_variables: int, k: int, n: int) -> np.ndarray:
    """Return a copy of variable ``k`` of all ``n`` neurons, shape (n,)."""
    return state.reshape(-1, n_variables, ROW)[:, k, :LANES].reshape(-1)[:n].copy()


def _load_python(proto, array, base, lane):
    return type(proto)(*(array[base + k * ROW + lane] for k in range(len(proto))))


def _store_python(proto, array, base, lane, value):
    for k, number in enumerate(value):
        array[base + k * ROW + lane] = number


def _per_neuron_python(scalars, extra, lane):
    return type(scalars)(
        *(s + x[lane] if isinstance(x, np.ndarray) else s for s, x in zip(scalars, extra, strict=True))
    )


def _sign_bits_python(value):
    return np.int32(-1 if np.signbit(value) else 0)


@intrinsic
def _load(typingctx, proto, array, base, lane):
    if not isinstance(proto, types.BaseNamedTuple):
        raise TypingError(f"[burstprop] a State must be a NamedTuple, not {proto}")
    result = types.BaseTuple.from_types([array.dtype] * len(proto), proto.instance_class)

    def codegen(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[1], args[1], args[2], args[3])
        values = [
            builder.load(builder.gep(pointer, [ir.Constant(ir.IntType(64), k * ROW)]))
            for k in range(len(proto))
        ]
        return context.make_tuple(builder, result, values)

    return result(proto, array, types.uintp, types.uintp), codegen


@intrinsic
def _store(typingctx, proto, array, base, lane, value):
    if getattr(value, "instance_class", None) is not proto.instance_class:
        name = proto.instance_class.__name__
        raise TypingError(f"[burstprop] a step and a spike return a {name}, and this one returns a {value}")
    for name, kind in zip(value.fields, value.types, strict=True):
        if kind != array.dtype:
            raise TypingError(
                f"[burstprop] field {name!r} of {value.instance_class.__name__} comes out of the step as "
                f"{kind}, not as {array.dtype}: a literal such as 0.5 or 2 in the step widens it; return it "
                "from derived"
            )

    def codegen(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[1], args[1], args[2], args[3])
        for k, number in enumerate(cgutils.unpack_tuple(builder, args[4])):
            builder.store(number, builder.gep(pointer, [ir.Constant(ir.IntType(64), k * ROW)]))
        return context.get_dummy_value()

    return types.none(proto, array, types.uintp, types.uintp, value), codegen


@intrinsic
def _per_neuron(typingctx, scalars, extra, lane):
    def codegen(context, builder, signature, args):
        out = []
        numbers = cgutils.unpack_tuple(builder, args[0])
        others = cgutils.unpack_tuple(builder, args[1])
        for number, other, kind in zip(numbers, others, signature.args[1], strict=True):
            if isinstance(kind, types.Array):
                data = context.make_array(kind)(context, builder, other).data
                number = builder.fadd(number, builder.load(builder.gep(data, [args[2]])))
            out.append(number)
        return context.make_tuple(builder, signature.return_type, out)

    return scalars(scalars, extra, types.uintp), codegen


@intrinsic
def _sign_bits(typingctx, value):
    width = value.bitwidth

    def codegen(context, builder, signature, args):
        bits = builder.bitcast(args[0], ir.IntType(width))
        if width == 64:
            bits = builder.trunc(builder.lshr(bits, ir.Constant(ir.IntType(64), 32)), ir.IntType(32))
        return bits

    return types.int32(value), codegen


def _prefetch_python(array, index):
    pass


@intrinsic
def _prefetch(typingctx, array, index):
    """Bring one element into the cache without waiting for it."""

    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        byte = ir.IntType(8).as_pointer()
        i32 = ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32]), "llvm.prefetch.p0"
        )
        pointer = builder.bitcast(builder.gep(data, [args[1]]), byte)
        builder.call(function, [pointer, ir.Constant(i32, 0), ir.Constant(i32, 2), ir.Constant(i32, 1)])
        return context.get_dummy_value()

    return types.none(array, types.intp), codegen


def _pointer(context, builder, array_type, array, base, lane):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [builder.add(base, lane)])


load = _load if COMPILED else _load_python
"""``load(proto, array, base, lane)``: the variables of a neuron, as a NamedTuple like ``proto``."""
store = _store if COMPILED else _store_python
"""``store(proto, array, base, lane, value)``: put a neuron back, of the type of ``proto``."""
per_neuron = _per_neuron if COMPILED else _per_neuron_python
"""``per_neuron(scalars, extra, lane)``: ``scalars``, plus the arrays among ``extra`` at ``lane``."""
sign_bits = _sign_bits if COMPILED else _sign_bits_python
"""``sign_bits(value)``: an int32 that is negative exactly where ``value`` is."""
prefetch = _prefetch if COMPILED else _prefetch_python
"""``prefetch(array, index)``: ask for an element before it is needed."""
