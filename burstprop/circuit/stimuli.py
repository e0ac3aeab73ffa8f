"""What comes from outside: injected currents and Poisson backgrounds.

A current is added to the voltage after the threshold test of its step, as in the published program, so it is
felt one step later. Sine phases count from t = 0 of the run, not from the moment the sine is switched on.

Poisson sources come in two forms, by name. ``counts="bernoulli"``: at most one spike per step, independently,
with probability rate * dt (the published program's, and the default). ``counts="poisson"``: a true Poisson
count per step. It matters: with true counts the propagation circuit gives PV 14.5 instead of 13.2 Hz.

Source: Payeur et al. (2021), Nature Neuroscience 24, Methods.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from burstprop.circuit.synapses import AXONAL_DELAY_MS, LARGEST_WEIGHT
from burstprop.errors import BurstpropError
from burstprop.parameters import Named, check_value, documented, quantity, validate

COUNTS = ("bernoulli", "poisson")
_SLACK_MS = 1e-6
"""Times are multiples of dt written in floating point."""


@documented
@dataclass(frozen=True)
class Constant(Named):
    """The same current from ``start_ms`` until ``stop_ms`` (none: to the end); with a start it is a step.

    Raises
    ------
    BurstpropError
        A value is out of bounds, or it stops before it starts.

    Examples
    --------
    >>> import numpy as np
    >>> from burstprop import Constant
    >>> Constant(200.0, start_ms=100.0).current(np.array([50.0, 150.0])).tolist()
    [0.0, 200.0]
    """

    amplitude_pa: float = quantity(0.0, "pA", "current")
    start_ms: float = quantity(0.0, "ms", "switched on", low=0)
    stop_ms: float | None = quantity(None, "ms", "switched off; none: never", low=0, optional=True)

    def __post_init__(self) -> None:
        """Check the parameters."""
        validate(self)
        _check_interval(self)

    def current(self, t_ms: np.ndarray) -> np.ndarray:
        """Return the current (pA) at times ``t_ms``, shape (n,)."""
        return self.amplitude_pa * _inside(self, t_ms)


@documented
@dataclass(frozen=True)
class Sine(Named):
    """A sinusoidal current, amplitude * sin(2 pi t / period + phase), from ``start_ms`` until ``stop_ms``.

    Raises
    ------
    BurstpropError
        A value is out of bounds, or it stops before it starts.

    Examples
    --------
    >>> import numpy as np
    >>> from burstprop import Sine
    >>> Sine(100.0, period_ms=400.0).current(np.array([0.0, 100.0, 300.0])).round(6).tolist()
    [0.0, 100.0, -100.0]
    """

    amplitude_pa: float = quantity(0.0, "pA", "amplitude")
    period_ms: float = quantity(1000.0, "ms", "period", low=0, open_low=True)
    phase_rad: float = quantity(0.0, "1", "phase at t = 0 of the run")
    start_ms: float = quantity(0.0, "ms", "switched on", low=0)
    stop_ms: float | None = quantity(None, "ms", "switched off; none: never", low=0, optional=True)

    def __post_init__(self) -> None:
        """Check the parameters."""
        validate(self)
        _check_interval(self)

    def current(self, t_ms: np.ndarray) -> np.ndarray:
        """Return the current (pA) at times ``t_ms``, shape (n,)."""
        return (
            self.amplitude_pa
            * np.sin(2 * np.pi * t_ms / self.period_ms + self.phase_rad)
            * _inside(self, t_ms)
        )


@dataclass(frozen=True)
class Controlled(Named):
    """A current, one value per neuron, that `Simulation.set_current` sets during the run; 0 pA until then.

    Examples
    --------
    >>> import numpy as np
    >>> from burstprop import Circuit, Controlled, Current, Population, PyramidalNeuron, Simulation
    >>> pyr = Population("pyr", 3, PyramidalNeuron())
    >>> run = Simulation(Circuit((pyr,), currents=(Current("pyr", "soma", Controlled()),)))
    >>> run.set_current("pyr", "soma", np.array([0.0, 300.0, 600.0]))
    """

    def current(self, t_ms: np.ndarray) -> np.ndarray:
        """Return 0 pA; the simulation adds the current that was set."""
        return np.zeros(t_ms.shape)


@dataclass(frozen=True, eq=False)
class Steps(Named):
    """A current that steps from value to value: for all neurons, or for each its own.

    Value k holds from ``times_ms[k]`` until the next time, the last one to the end; before the first time
    there is none. ``Steps((0, 500, 800), (0, 200, 0))`` is one step; ``Steps(50.0 * np.arange(k), images)``
    shows one image after another; a recorded current is ``Steps(dt_ms * np.arange(k), samples)``.

    Parameters
    ----------
    times_ms : array of shape (k,), ascending
    values_pa : array of shape (k,), or (k, n) with a value for each neuron

    Raises
    ------
    BurstpropError
        Times do not ascend or are negative, a value is not a finite number, or there are not as many of both.

    Examples
    --------
    >>> import numpy as np
    >>> from burstprop import Steps
    >>> Steps((0.0, 500.0, 800.0), (0.0, 200.0, 0.0)).current(np.array([400.0, 600.0])).tolist()
    [0.0, 200.0]
    """

    times_ms: Any
    values_pa: Any

    def __post_init__(self) -> None:
        """Check times and values."""
        for name in ("times_ms", "values_pa"):
            values = np.array(getattr(self, name), np.float64)
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        times, values = self.times_ms, self.values_pa
        if times.ndim != 1 or values.ndim not in (1, 2) or len(times) != len(values) or not len(times):
            raise BurstpropError(
                f"Steps: times_ms has shape {times.shape}, values_pa {values.shape}: give (k,) times and "
                "(k,) or (k, n) values, at least one"
            )
        if not (np.isfinite(times).all() and times[0] >= 0 and (np.diff(times) > 0).all()):
            raise BurstpropError(
                "Steps.times_ms: give finite times from 0 ms on, each later than the one before"
            )
        if not np.isfinite(values).all():
            raise BurstpropError("Steps.values_pa: a value is not a finite number (pA)")

    @property
    def per_neuron(self) -> bool:
        """Whether each neuron has a current of its own."""
        return self.values_pa.ndim == 2

    def check(self, where: str, n: int) -> None:
        """Refuse values for another number of neurons."""
        if self.per_neuron and self.values_pa.shape[1] != n:
            raise BurstpropError(
                f"{where}Steps.values_pa is for {self.values_pa.shape[1]} neurons; give (k,) or (k, {n})"
            )

    def current(self, t_ms: np.ndarray) -> np.ndarray:
        """Return the current (pA) at times ``t_ms``, shape (times,), or (times, n) with a value each."""
        k = np.searchsorted(self.times_ms, np.asarray(t_ms) + _SLACK_MS, side="right") - 1
        there = (k >= 0).reshape(-1, *[1] * (self.values_pa.ndim - 1))
        return np.where(there, self.values_pa[np.maximum(k, 0)], 0.0)


@dataclass(frozen=True)
class Current(Named):
    """A current injected into one compartment of every neuron of a population.

    Parameters
    ----------
    population, compartment : str
        Where: the compartments of a model are the fields of its ``Drive``.
    waveform : Constant, Sine, Steps or Controlled
        Or any object with ``current(t_ms) -> pA`` (arrays of shape (n,)).

    Raises
    ------
    BurstpropError
        From `Circuit`, where there is no such population or compartment.

    Examples
    --------
    >>> from burstprop import Constant, Current
    >>> Current("pyr", "dendrite", Constant(150.0)).compartment
    'dendrite'
    """

    population: str
    compartment: str
    waveform: Constant | Sine | Steps | Controlled


@dataclass(frozen=True)
class Background(Named):
    """One private Poisson source per neuron of a population, into one receptor, through the axonal delay.

    Parameters
    ----------
    population, receptor : str
        Where.
    rate_hz : float
        Mean rate of one source, in Hz, at least 0.
    weight : float
        Conductance added by a spike, in units of the target compartment's leak, at least 0.
    counts : {"bernoulli", "poisson"}
        At most one spike per step (the published program's), or true Poisson counts; see the module.
    delay_ms : float
        Axonal delay in ms.

    Raises
    ------
    BurstpropError
        A value is out of bounds, or ``counts`` has no such name.

    Examples
    --------
    >>> from burstprop import Background
    >>> Background("pyr", "soma_exc", rate_hz=500.0, weight=0.35).counts
    'bernoulli'
    """

    population: str
    receptor: str
    rate_hz: float
    weight: float
    counts: str = "bernoulli"
    delay_ms: float = AXONAL_DELAY_MS

    def __post_init__(self) -> None:
        """Check rate, weight, delay and the form of the counts."""
        where = f"Background to {self.population}.{self.receptor}: "
        check_rate(where, self.rate_hz)
        check_weight(where, self.weight)
        check_counts(where, self.counts)
        check_delay(where, self.delay_ms)


def is_per_neuron(waveform: Any) -> bool:
    """Return whether a waveform may give each neuron a current of its own."""
    return isinstance(waveform, Controlled) or (isinstance(waveform, Steps) and waveform.per_neuron)


def check_rate(where: str, rate_hz: float) -> None:
    """Refuse a rate that is negative or not a number."""
    check_value(f"{where}rate_hz", rate_hz, quantity(0.0, "Hz", "mean rate of one source", low=0).metadata)


def check_source_rate(where: str, rate_hz: float, dt_ms: float) -> None:
    """Refuse a rate of a shared source, at most a spike per step, that is a spike in every step."""
    check_rate(where, rate_hz)
    if rate_hz * dt_ms / 1000.0 >= 1:
        raise BurstpropError(
            f"{where}rate_hz = {rate_hz:g} Hz is a spike in every step of {dt_ms:g} ms; "
            f"give less than {1000.0 / dt_ms:g} Hz"
        )


def check_weight(where: str, weight: float) -> None:
    """Refuse a weight that is negative, not a number, or too large for single precision."""
    if np.ndim(weight) == 0 and np.isfinite(weight) and weight < 0:
        raise BurstpropError(
            f"{where}weight = {weight:g}: a weight is a conductance (in units of the leak) and cannot be "
            "negative; for inhibition connect to a receptor that ends in _inh"
        )
    check_value(
        f"{where}weight", weight, quantity(0.0, "1", "conductance in units of the leak", low=0).metadata
    )
    if weight > LARGEST_WEIGHT:
        raise BurstpropError(
            f"{where}weight = {weight:g}: give a conductance (in units of the leak) of at most "
            f"{LARGEST_WEIGHT:.3g}, the largest number in single precision"
        )


def check_counts(where: str, counts: str) -> None:
    """Refuse an unknown form of Poisson counts."""
    if counts not in COUNTS:
        raise BurstpropError(
            f"{where}counts = {counts!r}: give 'bernoulli' (at most one spike per step, the published "
            "program's) or 'poisson' (true Poisson counts)"
        )


def check_delay(where: str, delay_ms: float) -> None:
    """Refuse a delay that is negative or not a number."""
    check_value(f"{where}delay_ms", delay_ms, quantity(0.0, "ms", "axonal delay", low=0).metadata)


def _inside(waveform: Constant | Sine, t_ms: np.ndarray) -> np.ndarray:
    stop = math.inf if waveform.stop_ms is None else waveform.stop_ms
    return (t_ms >= waveform.start_ms - _SLACK_MS) & (t_ms < stop - _SLACK_MS)


def _check_interval(waveform: Constant | Sine) -> None:
    if waveform.stop_ms is not None and waveform.stop_ms < waveform.start_ms:
        raise BurstpropError(
            f"{type(waveform).__name__}.stop_ms = {waveform.stop_ms:g} ms comes before "
            f"start_ms = {waveform.start_ms:g} ms"
        )
