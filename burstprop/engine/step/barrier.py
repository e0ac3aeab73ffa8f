"""A barrier for threads that run compiled code: an atomic counter that each thread raises and then watches.

A spin barrier takes a fraction of a microsecond, so threads can meet after every step. A thread that has
waited long gives its core away, so more threads than cores are slow, not stuck.
"""

from __future__ import annotations

import sys

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from burstprop.engine.network import BARRIER
from burstprop.jit.kernel import COMPILED, kernel

SPINS_BEFORE_YIELD = 20_000
_YIELD_SYMBOL = "SwitchToThread" if sys.platform == "win32" else "sched_yield"


def _element(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


@intrinsic
def _atomic_add(typingctx, array, index, value):
    def codegen(context, builder, signature, args):
        pointer = _element(context, builder, signature.args[0], args[0], args[1])
        return builder.atomic_rmw("add", pointer, args[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), codegen


@intrinsic
def _atomic_load(typingctx, array, index):
    def codegen(context, builder, signature, args):
        pointer = _element(context, builder, signature.args[0], args[0], args[1])
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(array, types.intp), codegen


@intrinsic
def _yield_core(typingctx):
    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(ir.IntType(32), [])
        module = builder.module
        function = module.globals.get(_YIELD_SYMBOL) or ir.Function(module, kind, _YIELD_SYMBOL)
        builder.call(function, [])
        return context.get_dummy_value()

    return types.none(), codegen


def _wait_python(control, threads):
    if threads > 1:
        raise RuntimeError("without compilation a run has one thread")


@kernel
def _wait_compiled(control, threads):
    if threads == 1:
        return
    ticket = _atomic_add(control, BARRIER, 1)
    goal = (ticket // threads + 1) * threads
    spins = 0
    while _atomic_load(control, BARRIER) < goal:
        spins += 1
        if spins > SPINS_BEFORE_YIELD:
            _yield_core()


wait = _wait_compiled if COMPILED else _wait_python
"""``wait(control, threads)``: return when all threads have called it."""
