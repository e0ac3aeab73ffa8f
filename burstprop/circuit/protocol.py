"""What changes during a run, at times counted from its start."""

from __future__ import annotations

from dataclasses import dataclass

from burstprop.circuit.plasticity import check_eta
from burstprop.circuit.stimuli import check_rate, check_weight
from burstprop.parameters import Named, check_value, quantity


@dataclass(frozen=True)
class WeightChange(Named):
    """From ``at_ms`` on, the (uniform) weight of a projection is ``weight``.

    Parameters
    ----------
    at_ms : float
        Counted from the start of the run.
    projection : str
    weight : float
        Conductance in units of the leak, at least 0.

    Raises
    ------
    BurstpropError
        The time or the weight is negative or no number; from `Circuit`, where there is no such projection, or
        its synapses have weights of their own.

    Examples
    --------
    >>> from burstprop.circuit import WeightChange
    >>> WeightChange(500.0, "pyr->som.soma_exc", 0.0).weight
    0.0
    """

    at_ms: float
    projection: str
    weight: float

    def __post_init__(self) -> None:
        """Check time and weight."""
        _check_time(self)
        check_weight(f"WeightChange of {self.projection}: ", self.weight)


@dataclass(frozen=True)
class RateChange(Named):
    """From ``at_ms`` on, the sources of a Poisson population have ``rate_hz``.

    Parameters
    ----------
    at_ms : float
        Counted from the start of the run.
    population : str
    rate_hz : float
        Rate of each source.

    Raises
    ------
    BurstpropError
        The time or the rate is negative or no number; from `Circuit`, where there is no such population.

    Examples
    --------
    >>> from burstprop.circuit import RateChange
    >>> RateChange(500.0, "input", 20.0).rate_hz
    20.0
    """

    at_ms: float
    population: str
    rate_hz: float

    def __post_init__(self) -> None:
        """Check time and rate."""
        _check_time(self)
        check_rate(f"RateChange of {self.population}: ", self.rate_hz)


@dataclass(frozen=True)
class PlasticityChange(Named):
    """From ``at_ms`` on, plastic projections learn, or do not.

    Parameters
    ----------
    at_ms : float
        Counted from the start of the run.
    on : bool

    Raises
    ------
    BurstpropError
        The time is negative or no number.

    Examples
    --------
    >>> from burstprop.circuit import PlasticityChange
    >>> PlasticityChange(500.0, on=False).on
    False
    """

    at_ms: float
    on: bool

    def __post_init__(self) -> None:
        """Check the time."""
        _check_time(self)


@dataclass(frozen=True)
class LearningRateChange(Named):
    """From ``at_ms`` on, the learning rate of a plastic projection goes to ``eta``.

    It goes there at once, or in a straight line that takes ``over_ms``: a schedule is several of these, or
    one.

    Parameters
    ----------
    at_ms : float
        Counted from the start of the run.
    projection : str
    eta : float
        Learning rate, at least 0.
    over_ms : float
        How long the change takes.

    Raises
    ------
    BurstpropError
        A time or the learning rate is negative or no number; from `Circuit`, where there is no such plastic
        projection.

    Examples
    --------
    >>> from burstprop.circuit import LearningRateChange
    >>> LearningRateChange(500.0, "in->hid.soma_exc", eta=4e-4, over_ms=1000.0).over_ms
    1000.0
    """

    at_ms: float
    projection: str
    eta: float
    over_ms: float = 0.0

    def __post_init__(self) -> None:
        """Check times and learning rate."""
        _check_time(self)
        check_eta(f"LearningRateChange of {self.projection}: ", self.eta)
        duration = quantity(0.0, "ms", "how long the change takes", low=0)
        check_value("LearningRateChange.over_ms", self.over_ms, duration.metadata)


@dataclass(frozen=True)
class AveragingChange(Named):
    """From ``at_ms`` on, the averages that rules take Pbar from go on, or are held as they are.

    Those of ``projection`` and of all that share them (same target and time constants); left out: all. An
    average of its own for homeostasis (``tau_homeostasis_ms``) always goes on.

    Parameters
    ----------
    at_ms : float
        Counted from the start of the run.
    on : bool
    projection : str, optional

    Raises
    ------
    BurstpropError
        The time is negative or no number; from `Circuit`, where there is no such plastic projection.

    Examples
    --------
    >>> from burstprop.circuit import AveragingChange
    >>> AveragingChange(500.0, on=False).on
    False
    """

    at_ms: float
    on: bool
    projection: str | None = None

    def __post_init__(self) -> None:
        """Check the time."""
        _check_time(self)


Change = WeightChange | RateChange | PlasticityChange | LearningRateChange | AveragingChange
CHANGES = (WeightChange, RateChange, PlasticityChange, LearningRateChange, AveragingChange)
"""The kinds of `Change`."""


def _check_time(change: Change) -> None:
    time = quantity(0.0, "ms", "counted from the start of the run", low=0)
    check_value(f"{type(change).__name__}.at_ms", change.at_ms, time.metadata)
