"""The burst-dependent learning rule and its traces.

e_pre is the presynaptic trace: it decays with tau_pre and rises by 1 at each presynaptic event. Ebar and Bbar
are exponential moving averages (tau_avg, in Hz) of the postsynaptic event and burst trains::

    at a postsynaptic event:  dw = eta (-Pbar + h) e_pre ,  Pbar = min(1, Bbar/Ebar), -1 where Ebar = 0
    at a postsynaptic burst:  dw = eta ( 1 + h) e_pre
    h = -(Ebar - E_max)/Ebar if Ebar > E_max else 0
    at a presynaptic event:   dw = eta max(0, E_min - R)
    0 <= w <= w_max

An event says that the neuron was active, a burst that its dendrite was, too. Pbar is the probability that the
neuron's own history predicts, so weights rise where bursts are more frequent than expected and fall where
they are rarer.

Order in a step: the presynaptic event is transmitted with the weight before any change; presynaptic
homeostasis; e_pre rises; changes at postsynaptic events and bursts with the averages of before; the averages
rise. Traces decay exactly.

Departure of the published program: R, in the lower homeostatic term, reads as Ebar in the paper. In the
program it is the rate of *all* spikes of the postsynaptic neuron, averaged over 30 s and starting at 0.1 Hz.
``lower_rate`` names the choice: ``"spikes"`` (the default, which the published figures need: with the other
XOR is not learned) or ``"events"`` (Ebar).

A form with a fixed Pbar exists as well: ``fixed_burst_prob=0.15`` replaces the moving ratio.

Three options go beyond the paper. A burst follows its event by 5 to 15 ms, in which e_pre of the synapse that
caused the event decays, so that with a short tau_pre such a synapse is depressed more than it is
potentiated; ``burst_credit="event"`` takes e_pre of the event for the burst, too. ``tau_homeostasis_ms``
gives the homeostatic terms (E_max, and R) an average of their own: Pbar may then follow fast, or be learned
only while nothing teaches (`burstprop.circuit.protocol.AveragingChange`), while rates are watched slowly and
always. ``decay`` lets a weight lose a share at each postsynaptic event, before the rest; with the same decay
in a `FeedbackRule`, feedback comes to follow the forward weights.

Source: Payeur et al. (2021), Nature Neuroscience 24, equations 1-2 and Methods, "Plasticity rule".
"""

from __future__ import annotations

from dataclasses import dataclass, field

from burstprop.errors import BurstpropError
from burstprop.parameters import Named, check_value, documented, quantity, validate

LOWER_RATES = ("spikes", "events")
BURST_CREDITS = ("burst", "event")
ETA = quantity(8e-3, "1", "learning rate", low=0)


@documented
@dataclass(frozen=True)
class BurstDependentRule(Named):
    """Burst-dependent plasticity of a projection that transmits events.

    Raises
    ------
    BurstpropError
        A value is out of bounds, or ``lower_rate`` has no such name.

    Examples
    --------
    >>> from burstprop import BurstDependentRule, Projection
    >>> plastic = Projection(
    ...     "input", "post", "soma_exc", weight=0.08, transmits="events", rule=BurstDependentRule(eta=0.004)
    ... )
    >>> plastic.rule.eta
    0.004
    """

    eta: float = ETA
    tau_pre_ms: float = quantity(100.0, "ms", "decay of the presynaptic trace", low=0, open_low=True)
    tau_avg_ms: float = quantity(2000.0, "ms", "moving average of events and bursts", low=0, open_low=True)
    e_min_hz: float = quantity(2.0, "Hz", "rate under which presynaptic events potentiate", low=0)
    e_max_hz: float = quantity(10.0, "Hz", "event rate above which the rule depresses", low=0)
    w_max: float = quantity(1.0, "1", "largest weight", low=0, open_low=True)
    fixed_burst_prob: float | None = quantity(
        None, "1", "Pbar held at this value", low=0, high=1, optional=True
    )
    lower_tau_ms: float = quantity(
        30000.0, "ms", "average of R where lower_rate is 'spikes'", low=0, open_low=True
    )
    lower_start_hz: float = quantity(0.1, "Hz", "R at t = 0 where lower_rate is 'spikes'", low=0)
    lower_rate: str = field(
        default="spikes",
        metadata={"doc": "R of the lower homeostatic term: spikes (all of them) or events (Ebar)"},
    )
    tau_homeostasis_ms: float | None = quantity(
        None,
        "ms",
        "moving average of E_max and R, held by no protocol; none: those of Pbar",
        low=0,
        open_low=True,
        optional=True,
    )
    burst_credit: str = field(
        default="burst", metadata={"doc": "e_pre that a burst takes: of the burst, or of its event"}
    )
    decay: float = quantity(0.0, "1", "share of a weight lost at a postsynaptic event", low=0, high=1)

    def __post_init__(self) -> None:
        """Check the parameters."""
        validate(self)
        if self.lower_rate not in LOWER_RATES:
            raise BurstpropError(
                f"BurstDependentRule.lower_rate = {self.lower_rate!r}: give 'spikes' (all spikes over "
                "lower_tau_ms, the published program's) or 'events' (Ebar, as the paper reads)"
            )
        if self.burst_credit not in BURST_CREDITS:
            raise BurstpropError(
                f"BurstDependentRule.burst_credit = {self.burst_credit!r}: give 'burst' (e_pre at the burst, "
                "as published) or 'event' (e_pre at the event that the burst belongs to)"
            )


@documented
@dataclass(frozen=True)
class FeedbackRule(Named):
    """Plasticity of a feedback projection, which transmits bursts or events of the neurons that are taught.

    The mirror image of the burst-dependent rule: what a synapse changes by is the same, with the sides
    changed, so that feedback comes to follow the forward weights, both decaying (Kolen & Pollack 1994; Akrout
    et al. 2019, arXiv:1904.05391). With e_post the trace of the postsynaptic neuron's events::

        at a presynaptic event:  w <- (1 - decay) w - eta Pbar e_post ,  Pbar of the presynaptic neuron
        at a presynaptic burst:  w <- w + eta e_post

    Pbar is as in `BurstDependentRule`. Weights stay within 0 and w_max; where they are ``signed``, within
    -w_max and w_max: the projection then passes the positive part, and `burstprop.circuit.connectivity.Tied`
    projections pass the others.

    Raises
    ------
    BurstpropError
        A value is out of bounds.

    Examples
    --------
    >>> from burstprop import AllToAll, FeedbackRule, Projection
    >>> rule = FeedbackRule(eta=0.004, decay=1e-4, signed=True)
    >>> learned = Projection("out", "hid", "dendrite_exc", 0.0, AllToAll(), "bursts", rule=rule)
    >>> learned.rule.decay
    0.0001
    """

    eta: float = ETA
    tau_post_ms: float = quantity(100.0, "ms", "decay of the postsynaptic trace", low=0, open_low=True)
    tau_avg_ms: float = quantity(2000.0, "ms", "moving average of events and bursts", low=0, open_low=True)
    w_max: float = quantity(1.0, "1", "largest weight", low=0, open_low=True)
    fixed_burst_prob: float | None = quantity(
        None, "1", "Pbar held at this value", low=0, high=1, optional=True
    )
    decay: float = quantity(0.0, "1", "share of a weight lost at a presynaptic event", low=0, high=1)
    signed: bool = quantity(False, "", "weights may be negative")

    def __post_init__(self) -> None:
        """Check the parameters."""
        validate(self)


Rule = BurstDependentRule | FeedbackRule


def check_eta(where: str, eta: float) -> None:
    """Refuse a learning rate that is negative or not a number."""
    check_value(f"{where}eta", eta, ETA.metadata)
