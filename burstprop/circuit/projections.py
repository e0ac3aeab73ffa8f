"""Projections: the synapses from one population to one receptor of another.

Source of the delays: Payeur et al. (2021), Nature Neuroscience 24, doi:10.1038/s41593-021-00857-x, Methods.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from burstprop.circuit.connectivity import Connectivity, Matrix, Probability, Tied
from burstprop.circuit.plasticity import FeedbackRule, Rule
from burstprop.circuit.stimuli import check_delay, check_weight
from burstprop.circuit.synapses import AXONAL_DELAY_MS, ShortTermPlasticity
from burstprop.errors import BurstpropError
from burstprop.parameters import Named

TRANSMITS = ("spikes", "events", "bursts")


@dataclass(frozen=True)
class Opposed(Named):
    """A fixed conductance that every synapse of a projection adds to a second receptor with each spike.

    With the excitation of a plastic projection and inhibition here, a synapse has a signed weight: its own
    less a constant.

    Parameters
    ----------
    receptor : str
        Receptor of the same target.
    weight : float
        Conductance in units of the target compartment's leak, before the STP efficacy.

    Raises
    ------
    BurstpropError
        The weight is negative or no number; from `Circuit`, where the target has no such receptor.

    Examples
    --------
    >>> from burstprop import AllToAll, BurstDependentRule, Projection
    >>> from burstprop.circuit import Opposed
    >>> against = Opposed("soma_inh", 0.2)
    >>> joined, rule = AllToAll(), BurstDependentRule()
    >>> Projection("in", "hid", "soma_exc", 0.2, joined, "events", rule=rule, opposed=against).opposed.weight
    0.2
    """

    receptor: str
    weight: float

    def __post_init__(self) -> None:
        """Check the weight."""
        check_weight(f"Opposed to {self.receptor}: ", self.weight)


@dataclass(frozen=True)
class Projection(Named):
    """Synapses from one population to one receptor of another.

    Parameters
    ----------
    source, target : str
        Names of populations.
    receptor : str
        Receptor of the target's model, for example ``"soma_exc"``.
    weight : float
        Peak conductance of a spike, in units of the target compartment's leak, before the STP efficacy.
    connectivity : Probability, FixedInDegree, OneToOne, AllToAll, Tied or Matrix
    transmits : {"spikes", "events", "bursts"}
        Which of the source's spikes pass: all, the first of each event, or the second (once per burst).
    stp : ShortTermPlasticity, optional
    rule : BurstDependentRule or FeedbackRule, optional
        Makes the projection plastic; with the first it transmits events, with the second events or bursts.
    opposed : Opposed, optional
        What the same spikes add to a second receptor of the same targets, the same for all synapses.
    delay_ms : float, optional
        Axonal delay; by default 0.8 ms for spikes, none for events and bursts.
    trace_lag_ms : float
        The trace that tells events from bursts is raised this long after a spike, so the presynaptic window
        of event, burst and plastic projections is longer by it (0.8 ms in the published program).
    name : str, optional
        By default ``source->target.receptor``.

    Raises
    ------
    BurstpropError
        A value is out of bounds, or two arguments do not go together.

    Examples
    --------
    >>> from burstprop import Probability, Projection
    >>> from burstprop.circuit.synapses import depressing
    >>> joined = Probability(0.05)
    >>> Projection("pyr", "pv", "soma_exc", 0.05, connectivity=joined, stp=depressing()).delay_ms
    0.8
    """

    source: str
    target: str
    receptor: str
    weight: float
    connectivity: Connectivity = field(default_factory=Probability)
    transmits: str = "spikes"
    stp: ShortTermPlasticity | None = None
    rule: Rule | None = None
    opposed: Opposed | None = None
    delay_ms: float | None = None
    trace_lag_ms: float = AXONAL_DELAY_MS
    name: str = ""

    def __post_init__(self) -> None:
        """Check weight and delay; fill in delay and name where they are left out."""
        where = f"projection {self.source}->{self.target}.{self.receptor}: "
        check_weight(where, self.weight)
        largest = self.weight
        if isinstance(self.connectivity, Matrix):
            largest *= float(self.connectivity.weights.data.max(initial=0.0))
            check_weight(f"{where}the largest of the matrix times ", largest)
        if self.transmits not in TRANSMITS:
            raise BurstpropError(f"{where}transmits = {self.transmits!r}: give one of {', '.join(TRANSMITS)}")
        for name, kind, example in (
            ("stp", ShortTermPlasticity, "depressing(), facilitating() or ShortTermPlasticity(...)"),
            ("rule", Rule, "BurstDependentRule(...) or FeedbackRule(...)"),
            ("opposed", Opposed, "Opposed(receptor, weight)"),
        ):
            given = getattr(self, name)
            if given is not None and not isinstance(given, kind):
                raise BurstpropError(f"{where}{name} = {given!r}: give {example}")
        if self.rule is not None:
            if isinstance(self.rule, FeedbackRule):
                if self.transmits == "spikes":
                    raise BurstpropError(
                        f"{where}a FeedbackRule learns from events and bursts; write transmits='bursts' or "
                        "'events'"
                    )
            elif self.transmits != "events":
                raise BurstpropError(
                    f"{where}a plastic projection transmits events; write transmits='events'"
                )
            if self.stp is not None:
                raise BurstpropError(
                    f"{where}a plastic projection has no short-term plasticity; leave out stp or rule"
                )
            if largest > self.rule.w_max:
                raise BurstpropError(
                    f"{where}weight = {largest:g} is above the rule's w_max = {self.rule.w_max:g}"
                )
        if self.stp is not None and self.transmits != "spikes":
            raise BurstpropError(
                f"{where}short-term plasticity works on spikes; leave out stp or write transmits='spikes'"
            )
        if not isinstance(self.connectivity, Connectivity):
            raise BurstpropError(
                f"{where}connectivity = {self.connectivity!r}: give Probability(p), FixedInDegree(k), "
                "OneToOne(), AllToAll(), Tied(projection) or Matrix(sparse_matrix)"
            )
        if isinstance(self.connectivity, Tied) and self.rule is not None:
            raise BurstpropError(
                f"{where}its weights are those of another projection; give the rule to that one"
            )
        delay_ms = self.delay_ms
        if delay_ms is None:
            delay_ms = AXONAL_DELAY_MS if self.transmits == "spikes" else 0.0
            object.__setattr__(self, "delay_ms", delay_ms)
        check_delay(where, delay_ms)
        check_delay(where + "trace lag, ", self.trace_lag_ms)
        if self.transmits != "spikes" and delay_ms != 0.0:
            raise BurstpropError(
                f"{where}delay_ms = {delay_ms:g} ms: projections of events and bursts have no delay"
            )
        if not self.name:
            object.__setattr__(self, "name", f"{self.source}->{self.target}.{self.receptor}")
