"""One synapse between two given spike trains: how the burst-dependent rule turns them into a weight change.

A spike is classed by the interval before it. More than ``burst_window_ms`` after the spike before it, it is
an *event*; the first spike that follows within the window makes that event a *burst*; the spikes after that
count for nothing until the next event. Three quantities decay exponentially between spikes:

- ``e_pre``, the presynaptic trace, time constant ``tau_pre_ms``, +1 at each presynaptic event;
- ``Ebar`` and ``Bbar``, moving averages (Hz) of the postsynaptic event and burst trains, time constant
  ``tau_avg_ms``, each raised by ``1/tau_avg`` when there is an event, or a burst.

The weight changes only when the postsynaptic neuron has an event or a burst::

    at a postsynaptic event:  dw = -eta (Bbar / Ebar) e_pre
    at a postsynaptic burst:  dw = +eta e_pre

The sum tells whether bursts come more or less often than they did in the recent past. There are no
homeostatic terms, bounds or delays: this is the rule on its own, as the single-synapse protocols of Fig. 2B-D
use it.

Scheme. Spikes are classed by their own times, and take effect in the step of ``dt_ms`` that holds them. In a
step, e_pre takes the presynaptic event first, the weight then changes with the averages of before, and the
averages come last. Nothing but decay happens between spikes, so the program goes from spike to spike and its
cost grows with their number alone. ``decay`` names how a quantity with time constant tau decays over one
step: ``"euler"`` multiplies by ``1 - dt/tau`` (the published program), ``"exact"`` by ``exp(-dt/tau)``.

Source: Payeur, Guerguiev, Zenke, Richards & Naud (2021), Burst-dependent synaptic plasticity can coordinate
learning in hierarchical circuits, Nature Neuroscience 24, https://doi.org/10.1038/s41593-021-00857-x, Fig. 2
and Methods. Two departures from the rule in circuits, both those of the published protocols: events and
bursts are told apart by the interval, not by a trace of spikes, and Bbar/Ebar is not limited to 1.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from burstprop.errors import BurstpropError, near
from burstprop.jit.kernel import entry_point, kernel
from burstprop.parameters import documented, quantity, validate
from burstprop.spikes.spike_trains import Trains, to_trains

DECAYS = ("euler", "exact")
KINDS = ("event", "burst", "other")
TOLERANCE = 1e-6  # of a step
NEVER = 2**62
LONG_AGO = -math.inf  # the time of the spike before the first one


@documented
@dataclasses.dataclass(frozen=True)
class SingleSynapse:
    """The burst-dependent rule at one synapse, as the single-synapse protocols use it.

    Raises
    ------
    BurstpropError
        If a value is outside its bounds, the decay has no such name, or dt is too long for the Euler decay.
    """

    eta: float = quantity(0.1, "1", "learning rate: weight change of a burst at e_pre = 1", low=0.0)
    tau_pre_ms: float = quantity(50.0, "ms", "time constant of the presynaptic trace", low=0.0, open_low=True)
    tau_avg_ms: float = quantity(
        15000.0, "ms", "time constant of the moving averages of event and burst rate", low=0.0, open_low=True
    )
    burst_window_ms: float = quantity(
        16.0, "ms", "longest interval inside a burst; a spike after a longer one is an event", low=0.0
    )
    dt_ms: float = quantity(1.0, "ms", "time step", low=0.0, open_low=True)
    decay: str = dataclasses.field(
        default="euler", metadata={"doc": "decay over one step: euler (1 - dt/tau) or exact (exp(-dt/tau))"}
    )

    def __post_init__(self) -> None:
        """Check the values; see the class."""
        validate(self)
        name = type(self).__name__
        if self.decay not in DECAYS:
            raise BurstpropError(f"{name}.decay = {self.decay!r}: {near(str(self.decay), DECAYS)}")
        tau = min(self.tau_pre_ms, self.tau_avg_ms)
        if self.decay == "euler" and self.dt_ms >= tau:
            raise BurstpropError(
                f"{name}.dt_ms = {self.dt_ms:g} ms: the Euler decay needs a step below the shortest time "
                f"constant, {tau:g} ms; take a shorter step or decay='exact'"
            )

    def constants(self) -> Constants:
        """Return what the kernel takes."""
        ratios = self.dt_ms / self.tau_pre_ms, self.dt_ms / self.tau_avg_ms
        logs = [-ratio if self.decay == "exact" else math.log1p(-ratio) for ratio in ratios]
        # a time that is a whole number of steps, or of windows, may fall just short of it in floating point
        window = self.burst_window_ms + TOLERANCE * self.dt_ms
        # averages are raised at the end of a step, so the jump does not decay in the step that follows
        increment = 1000.0 / self.tau_avg_ms * math.exp(-logs[1])
        return Constants(self.dt_ms, logs[0], logs[1], window, self.eta, increment)


class Constants(NamedTuple):
    """What the kernel takes of a `SingleSynapse`, decays as logarithms of the factor per step."""

    dt_ms: float
    log_pre: float
    log_avg: float
    window_ms: float
    eta: float
    increment_hz: float


@kernel
def _kind(interval_ms: float, in_burst: bool, window_ms: float) -> int:
    """Return 0 for an event, 1 for the first spike of a burst after its event, 2 for any other spike."""
    if interval_ms > window_ms:
        return 0
    return 2 if in_burst else 1


@kernel
def _step(train: Trains, index: int, last: int, dt_ms: float) -> int:
    """Return the time step of a spike, or one that never comes where the train has ended."""
    return math.floor(train.times_ms[index] / dt_ms + TOLERANCE) if index < last else NEVER


def _follow_pairs(
    pre: Trains, post: Trains, constants: Constants, event_rates: Any, burst_rates: Any, history: Any
) -> Any:
    """Go through the spikes of every pair of trains; return the weight changes, NaN where Ebar has become 0.

    ``history`` has one row for each spike of all pairs, or none at all: time, 0 for pre or 1 for post, kind,
    e_pre, Ebar and Bbar as the spike meets them (e_pre with its own event), weight change.
    """
    weights = np.zeros(len(event_rates))
    row = 0
    for pair in range(len(weights)):
        i, last_i = pre.offsets[pair], pre.offsets[pair + 1]
        j, last_j = post.offsets[pair], post.offsets[pair + 1]
        event_rate, burst_rate, trace = event_rates[pair], burst_rates[pair], 0.0
        now, last_pre, last_post = 0, LONG_AGO, LONG_AGO
        pre_burst, post_burst = False, False
        pre_step, post_step = _step(pre, i, last_i, constants.dt_ms), _step(post, j, last_j, constants.dt_ms)
        while i < last_i or j < last_j:
            is_post = post_step < pre_step
            step = min(pre_step, post_step)
            time = post.times_ms[j] if is_post else pre.times_ms[i]
            trace *= math.exp(constants.log_pre * (step - now))
            decay = math.exp(constants.log_avg * (step - now))
            event_rate *= decay
            burst_rate *= decay
            now = step
            event_before, burst_before, change = event_rate, burst_rate, 0.0
            if is_post:
                j += 1
                post_step = _step(post, j, last_j, constants.dt_ms)
                kind = _kind(time - last_post, post_burst, constants.window_ms)
                last_post, post_burst = time, kind != 0
                if kind == 0:
                    burst_prob = burst_rate / event_rate if event_rate > 0.0 else math.nan
                    change = -constants.eta * burst_prob * trace
                    event_rate += constants.increment_hz
                elif kind == 1:
                    change = constants.eta * trace
                    burst_rate += constants.increment_hz
                weights[pair] += change
            else:
                i += 1
                pre_step = _step(pre, i, last_i, constants.dt_ms)
                kind = _kind(time - last_pre, pre_burst, constants.window_ms)
                last_pre, pre_burst = time, kind != 0
                if kind == 0:
                    trace += 1.0
            if len(history) > 0:
                history[row, 0] = time
                history[row, 1] = 1.0 if is_post else 0.0
                history[row, 2] = kind
                history[row, 3] = trace
                history[row, 4] = event_before
                history[row, 5] = burst_before
                history[row, 6] = change
                row += 1
    return weights


def _starting(name: str, rate_hz: ArrayLike, pairs: int, *, positive: bool) -> NDArray[np.float64]:
    """Return a starting average as one value per pair, checked."""
    rates = np.asarray(rate_hz, dtype=np.float64)
    allowed = "above 0 Hz (Bbar / Ebar is not defined at 0)" if positive else "at least 0 Hz"
    if rates.ndim > 1 or (rates.ndim == 1 and len(rates) != pairs):
        raise BurstpropError(
            f"{name} has shape {rates.shape}: give one number in Hz, or one per pair ({pairs})"
        )
    bad = ~np.isfinite(rates) | (rates <= 0.0 if positive else rates < 0.0)
    if np.any(bad):
        raise BurstpropError(f"{name} = {rates[bad].flat[0]:g} Hz: must be finite and {allowed}")
    return np.broadcast_to(rates, (pairs,)).astype(np.float64)


def weight_changes(
    synapse: SingleSynapse, pre: Trains, post: Trains, *, event_rate_hz: ArrayLike, burst_rate_hz: ArrayLike
) -> NDArray[np.float64]:
    """Return the weight change of many pairs of spike trains, from w = 0.

    Parameters
    ----------
    synapse : SingleSynapse
        The rule.
    pre, post : Trains
        Presynaptic and postsynaptic trains (`burstprop.spikes.spike_trains`), train k of one with k of the
        other.
    event_rate_hz, burst_rate_hz : float or array of shape (pairs,)
        Ebar and Bbar at t = 0, in Hz: what the postsynaptic neuron did before.

    Returns
    -------
    array of shape (pairs,)
        The weight changes.

    Raises
    ------
    BurstpropError
        If the numbers of trains differ, a starting average is out of range, or Ebar has decayed to 0 (after
        hundreds of ``tau_avg_ms`` without an event) when an event asks for Bbar / Ebar.
    """
    return _run(synapse, pre, post, event_rate_hz, burst_rate_hz, np.empty((0, 7)))


def _run(
    synapse: SingleSynapse,
    pre: Trains,
    post: Trains,
    event_rate_hz: ArrayLike,
    burst_rate_hz: ArrayLike,
    history: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Check what the kernel is given, run it, check what it returns."""
    pairs = len(pre.offsets) - 1
    if len(post.offsets) - 1 != pairs:
        raise BurstpropError(
            f"{pairs} presynaptic trains, {len(post.offsets) - 1} postsynaptic ones: give pairs"
        )
    event = _starting("event_rate_hz", event_rate_hz, pairs, positive=True)
    burst = _starting("burst_rate_hz", burst_rate_hz, pairs, positive=False)
    change = entry_point(_follow_pairs, ())(pre, post, synapse.constants(), event, burst, history)
    if np.any(np.isnan(change)):
        raise BurstpropError(
            f"pair {np.flatnonzero(np.isnan(change))[0]}: Ebar has decayed to 0 before a postsynaptic event, "
            f"so Bbar / Ebar is not defined; tau_avg_ms = {synapse.tau_avg_ms:g} ms is too short for the "
            "silence in the train, give a longer one"
        )
    return change


def follow(
    synapse: SingleSynapse,
    pre_ms: ArrayLike,
    post_ms: ArrayLike,
    *,
    event_rate_hz: float,
    burst_rate_hz: float,
) -> pd.DataFrame:
    """Follow the rule through one pair of spike trains; return one row per spike.

    Parameters
    ----------
    synapse : SingleSynapse
        The rule.
    pre_ms, post_ms : arrays of shape (spikes,)
        Spike times in ms, increasing.
    event_rate_hz, burst_rate_hz : float
        Ebar and Bbar at t = 0, in Hz.

    Returns
    -------
    DataFrame
        ``time_ms``, ``train`` (pre or post), ``kind`` (event; burst, the spike that makes its event a burst;
        or other), ``e_pre`` (with this spike, where it is a presynaptic event), ``event_rate_hz`` and
        ``burst_rate_hz`` (the averages this spike meets), ``burst_prob`` (their ratio), ``dw`` and ``w``
        (after the spike). The last ``w`` is what `weight_changes` returns.

    Raises
    ------
    BurstpropError
        As `burstprop.spikes.spike_trains.to_trains` and `weight_changes`.
    """
    pre, post = to_trains([pre_ms]), to_trains([post_ms])
    history = np.zeros((len(pre.times_ms) + len(post.times_ms), 7))
    _run(synapse, pre, post, event_rate_hz, burst_rate_hz, history)
    time, is_post, kind, trace, event_rate, burst_rate, change = history.T
    burst_prob = np.full(len(time), np.nan)
    np.divide(burst_rate, event_rate, out=burst_prob, where=event_rate > 0.0)
    return pd.DataFrame(
        {
            "time_ms": time,
            "train": np.where(is_post == 1.0, "post", "pre"),
            "kind": np.array(KINDS)[kind.astype(np.int64)],
            "e_pre": trace,
            "event_rate_hz": event_rate,
            "burst_rate_hz": burst_rate,
            "burst_prob": burst_prob,
            "dw": change,
            "w": np.cumsum(change),
        }
    )
