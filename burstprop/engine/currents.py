"""Injected currents, tabulated for a window of steps at a time, and those that are set during a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from burstprop.circuit import Population
from burstprop.circuit.stimuli import Current, Steps, is_per_neuron
from burstprop.engine import network as nw
from burstprop.engine.compile.circuit import Compiled
from burstprop.engine.layout import LANES, ROW, WINDOW
from burstprop.errors import BurstpropError
from burstprop.parameters import check_value, quantity

_INJECTED = quantity(0.0, "pA", "injected current", per_neuron=True).metadata


class Currents:
    """The currents into the populations of a compiled circuit."""

    def __init__(self, compiled: Compiled) -> None:
        """Start with the circuit's own currents; nothing is tabulated yet."""
        self._compiled = compiled
        self._set: dict[tuple[str, str], float] = {}
        # where the compiled loop finds the currents of the neurons one by one, and what they were set to
        self._injected = {
            _name(population.name, name): drive
            for population, neurons in compiled.pairs()
            for name, drive in zip(population.neuron.Drive._fields, neurons.drive_per_neuron, strict=True)
            if isinstance(drive, np.ndarray)
        }
        self._steps: dict[str, list[Steps]] = {name: [] for name in self._injected}
        for current in compiled.circuit.currents:
            if isinstance(current.waveform, Steps) and current.waveform.per_neuron:
                self._steps[_name(current.population, current.compartment)].append(current.waveform)
        times = [waveform.times_ms for waveforms in self._steps.values() for waveform in waveforms]
        # a current that begins at the start of a step is felt on the next step
        begun = np.ceil((np.concatenate([*times, np.zeros(0)]) - 1e-6) / compiled.circuit.dt_ms)
        self._begins = np.unique(begun.astype(np.int64) + 1)
        self._own = {name: np.zeros_like(injected) for name, injected in self._injected.items()}
        self._follow_waveforms = {
            (current.population, current.compartment)
            for current in compiled.circuit.currents
            if not is_per_neuron(current.waveform)
        }
        self._window = -1
        self._changed: set[tuple[str, str]] = set()

    def set(self, population: str, compartment: str, current_pa: float | np.ndarray) -> None:
        """Inject a current beside the circuit's own; see `Simulation.set_current`."""
        circuit = self._compiled.circuit
        circuit.compartment(population, compartment)
        what = f"current into {population}.{compartment}"
        values = np.asarray(current_pa)
        dtype = self._compiled.neurons_of(population).drive.dtype
        if values.dtype != np.float64 or values.ndim > 1 or not _fits(values, dtype):
            check_value(what, current_pa, _INJECTED)
            _check_size(what, values, dtype)
        own = self._own.get(_name(population, compartment))
        if own is not None:
            n = circuit.neurons(population).n
            if values.ndim and len(values) != n:
                raise BurstpropError(f"{what}: {len(values)} values for {n} neurons")
            own[:n] = values
        elif values.ndim:
            raise BurstpropError(
                f"{what}: one value per neuron needs Current({population!r}, {compartment!r}, Controlled()) "
                "in the circuit"
            )
        else:
            self._set[population, compartment] = float(current_pa)
            self._changed.add((population, compartment))

    def next_stop(self, step: int) -> int:
        """Return the step after ``step`` at which a current that differs from neuron to neuron changes."""
        if step == 0 and any(own.any() for own in self._own.values()):
            return 1
        k = np.searchsorted(self._begins, step, side="right")
        return int(self._begins[k]) if k < len(self._begins) else nw.FAR

    def tabulate(self, step: int) -> None:
        """Write the currents of the window around ``step`` into the tables of the populations.

        The drive of a step is the current injected at the end of the step before; the first step has none.
        """
        for name, injected in self._injected.items():
            injected[...] = self._own[name] if step > 0 else 0.0
            for waveform in self._steps[name] if step > 0 else ():
                now = np.array([(step - 1) * self._compiled.circuit.dt_ms])
                injected[: waveform.values_pa.shape[1]] += waveform.current(now)[0]
        window = step // WINDOW
        if window == self._window and not self._changed:
            return
        moved = window != self._window
        # the first window begins with a step without current; in all others only waveforms differ
        everything = moved and min(window, self._window) <= 0
        changed = self._changed | self._follow_waveforms if moved else self._changed
        for population, neurons in self._compiled.pairs():
            for name in population.neuron.Drive._fields:
                if everything or (population.name, name) in changed:
                    self._tabulate(population, neurons, name, window)
        self._compiled.arrays["sizes"][nw.DRIVE_FIRST] = window * WINDOW
        self._window = window
        self._changed.clear()

    def _tabulate(self, population: Population, neurons: nw.Neurons, name: str, window: int) -> None:
        """Write the current into one compartment, with a step more: a spike looks at the next one."""
        steps = window * WINDOW + np.arange(WINDOW + 1) - 1
        total = np.full(len(steps), self._set.get((population.name, name), 0.0))
        for current in self._compiled.circuit.currents:
            of_this = (current.population, current.compartment) == (population.name, name)
            if of_this and not is_per_neuron(current.waveform):
                total += _waveform(current, steps * self._compiled.circuit.dt_ms)
        total[steps < 0] = 0.0
        _check_size(f"the current into {population.name}.{name}", total, neurons.drive.dtype)
        names = population.neuron.Drive._fields
        table = neurons.drive.reshape(-1, len(names), ROW)[:, names.index(name)]
        table[: WINDOW // LANES, :LANES] = total[:-1].reshape(-1, LANES)
        table[WINDOW // LANES, 0] = total[-1]

    def take(self) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return what was set: one value for all neurons as a list for JSON, one per neuron as arrays."""
        shared = [[population, compartment, value] for (population, compartment), value in self._set.items()]
        return shared, self._own

    def check(self, shared: list[Any], saved: dict[str, np.ndarray]) -> None:
        """Check what `take` once returned before it is put back.

        Raises
        ------
        KeyError, TypeError, ValueError
            Something is missing, or not what `take` returns.
        """
        _by_compartment(shared)
        for name, own in self._own.items():
            saved[name].reshape(own.shape)

    def put(self, shared: list[Any], saved: dict[str, np.ndarray]) -> None:
        """Put back what `take` returned."""
        self._set = _by_compartment(shared)
        for name, own in self._own.items():
            own[...] = saved[name]
        self._window = -1


def _name(population: str, compartment: str) -> str:
    return f"current/{population}/{compartment}"


def _by_compartment(shared: list[Any]) -> dict[tuple[str, str], float]:
    return {(population, compartment): float(value) for population, compartment, value in shared}


def _waveform(current: Current, t_ms: np.ndarray) -> np.ndarray:
    values = np.asarray(current.waveform.current(t_ms), np.float64)
    if values.shape != t_ms.shape or not np.all(np.isfinite(values)):
        shape = values.shape
        wrong = f"shape {shape}" if shape != t_ms.shape else "a value that is not a finite number"
        raise BurstpropError(
            f"Current to {current.population}.{current.compartment}: its waveform gives {wrong} near "
            f"t = {t_ms[0]:g} ms; give one finite pA per time"
        )
    return values


def _check_size(what: str, current_pa: np.ndarray, dtype: np.dtype[Any]) -> None:
    """Raise BurstpropError for a current that is infinite in this precision, or no number."""
    if _fits(current_pa, dtype):
        return
    largest = float(np.finfo(dtype).max)
    bad = ~(np.abs(current_pa) <= largest)
    raise BurstpropError(
        f"{what} is {current_pa[bad][0]:g} pA: give finite numbers of at most {largest:.3g} pA"
    )


def _fits(current_pa: np.ndarray, dtype: np.dtype[Any]) -> bool:
    """Tell whether all currents are finite in this precision; a comparison with NaN is false."""
    return bool(np.abs(current_pa).max(initial=0.0) <= np.finfo(dtype).max)
