"""Runs a compiled circuit: one call of the compiled loop per thread, from one step to another."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba.core import event
from numba.core.errors import TypingError

from burstprop.engine import network as nw
from burstprop.engine.compile.circuit import Compiled
from burstprop.engine.step.called_learning import callable_learning
from burstprop.engine.step.loop import run_thread
from burstprop.engine.step.populations import Populations, callable_populations
from burstprop.errors import BurstpropError
from burstprop.jit.kernel import COMPILED, entry_point
from burstprop.system.interrupts import answering

COMPILING = "compiling, about 10 s, once"


class Runner:
    """A compiled circuit and the compiled loop that runs it."""

    def __init__(self, compiled: Compiled, threads: int) -> None:
        """Find the compiled loop for the models of the circuit; it is compiled by `compile`.

        Raises
        ------
        BurstpropError
            Several threads are asked for without compilation.
        """
        if threads > 1 and not COMPILED:
            raise BurstpropError(
                f"threads = {threads}: without compilation (NUMBA_DISABLE_JIT) a run has one thread"
            )
        self.compiled = compiled
        self.threads = threads
        self._ready = False
        self._net = nw.handle(compiled.arrays)
        self._loop = entry_point(run_thread, ())
        self._populations: Populations | None = None
        self._learning = np.zeros(0, np.int64)
        self._found = not COMPILED

    def replace(self, **arrays: np.ndarray) -> None:
        """Put other arrays in the place of those with these names."""
        self.compiled.arrays.update(arrays)
        nw.point(self._net, self.compiled.arrays, *arrays)

    def compile(self, step: int, say: Callable[[str], None]) -> None:
        """Compile the loop, or read it from the disk, by running no step; ``say`` is told where it compiles.

        Raises
        ------
        BurstpropError
            A neuron model does not compile: says what is wrong with it.
        KeyboardInterrupt
            At once after Ctrl-C or SIGTERM; the compilation goes on in the background.
        """
        if self._ready or not COMPILED:
            return
        with event.install_listener("numba:compile", _Announced(say)):
            try:
                answering(lambda: self._thread(0, step, step))
            except TypingError as error:
                raise _sentence(error) from None
        say("")
        self._ready = True

    def run(self, first: int, stop: int) -> int:
        """Run steps ``first`` to ``stop``; return the step up to which it came.

        That is less than ``stop`` when the spike buffer is full. `compile` comes before: no thread may still
        be compiling while another waits for it at a barrier.
        """
        if self.threads == 1:
            return self._thread(0, first, stop)
        with ThreadPoolExecutor(self.threads - 1) as pool:
            others = [pool.submit(self._thread, t, first, stop) for t in range(1, self.threads)]
            reached = self._thread(0, first, stop)
            assert all(other.result() == reached for other in others)
        return reached

    def _thread(self, t: int, first: int, stop: int) -> int:
        if self._populations is None:
            pairs = [(type(population.neuron), neurons) for population, neurons in self.compiled.pairs()]
            self._learning = callable_learning(self._net, bool(self.compiled.plastic))
            self._populations = callable_populations(self._net, pairs)
        arguments = (self._net, self._populations.table, self._learning, t, first, stop)
        if not self._found:
            # the types never change: found once, they cost a call nothing
            types = tuple(self._loop.typeof_pyval(argument) for argument in arguments)
            self._loop, self._found = self._loop.compile(types), True
        return int(self._loop(*arguments))


class _Announced(event.Listener):
    """Tells the user when the compiler starts; code read from the disk does not start it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say

    def on_start(self, event: Any) -> None:
        self.say(COMPILING)

    def on_end(self, event: Any) -> None:
        pass


def _sentence(error: Exception) -> BurstpropError:
    """Turn the compiler's message about a user's model into a sentence."""
    for line in str(error).splitlines():
        if "[burstprop]" in line:
            return BurstpropError(line.split("[burstprop]", 1)[1].strip())
    return BurstpropError(f"the neuron model does not compile:\n{error}")
