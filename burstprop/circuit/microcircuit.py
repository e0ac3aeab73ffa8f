"""The PV/SOM microcircuit between a lower and an upper population of pyramidal neurons.

Two detours through interneurons keep the two messages of a pair of layers readable::

    lower --depressing--> PV --static--| somata of upper       feedforward: what drives the upper layer is
    balanced upper --facilitating--> SOM --static--| dendrites of lower  feedback: what comes down is balanced

Depressing synapses pass the events of the lower layer on to PV cells, which inhibit the somata of the upper
layer; facilitating synapses pass the bursts of the upper layer on to SOM cells, which inhibit the dendrites
of the lower layer. The pyramidal neurons and the projections between them stay the user's own:
`Microcircuit.between` returns what to add.

Source: Payeur, Guerguiev, Zenke, Richards & Naud (2021), Nature Neuroscience 24,
doi:10.1038/s41593-021-00857-x, Fig. 3 and Methods; Naud & Sprekeler (2018), PNAS 115, E6329.

Example
-------
A chain of three layers takes two of them:

>>> from burstprop import Circuit, Microcircuit, Population, PyramidalNeuron
>>> layers = [Population(name, 400, PyramidalNeuron()) for name in ("low", "middle", "high")]
>>> first = Microcircuit().between("low", "middle", pv="pv1", som="som1")
>>> second = Microcircuit().between("middle", "high", pv="pv2", som="som2")
>>> circuit = Circuit(
...     populations=(*layers, *first.populations, *second.populations),
...     projections=(*first.projections, *second.projections),
...     backgrounds=(*first.backgrounds, *second.backgrounds),
...     currents=(*first.currents, *second.currents),
... )
>>> [population.name for population in circuit.populations]
['low', 'middle', 'high', 'pv1', 'som1', 'pv2', 'som2']
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from burstprop.circuit.connectivity import Probability
from burstprop.circuit.populations import Population
from burstprop.circuit.projections import Projection
from burstprop.circuit.stimuli import Background, Constant, Current
from burstprop.circuit.synapses import AXONAL_DELAY_MS, ShortTermPlasticity, depressing, facilitating
from burstprop.neurons import pv_interneuron, som_interneuron
from burstprop.parameters import Named, documented, quantity, validate


class Addition(NamedTuple):
    """What a microcircuit adds to a circuit, under the names of the fields of `burstprop.Circuit`."""

    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    backgrounds: tuple[Background, ...]
    currents: tuple[Current, ...]


@documented
@dataclass(frozen=True)
class Microcircuit(Named):
    """Sizes, weights and inputs of the PV and SOM cells; the defaults are those of the published circuit.

    Weights are peak conductances in units of the target's leak, before the efficacy of short-term plasticity.

    Raises
    ------
    BurstpropError
        A value is out of bounds.

    Examples
    --------
    >>> from burstprop import Microcircuit
    >>> [population.name for population in Microcircuit(n_pv=200).between("lower", "upper").populations]
    ['pv', 'som']
    """

    n_pv: int = quantity(1000, "1", "PV cells", low=1)
    n_som: int = quantity(1000, "1", "SOM cells", low=1)
    connection_probability: float = quantity(
        0.05, "1", "of each pair of neurons, all projections", low=0, high=1
    )
    delay_ms: float = quantity(AXONAL_DELAY_MS, "ms", "axonal delay of projections and backgrounds", low=0)
    w_to_pv: float = quantity(0.05, "1", "lower layer -> PV, depressing", low=0)
    w_from_pv: float = quantity(0.07, "1", "PV -> somata of the upper layer, inhibitory", low=0)
    w_to_som: float = quantity(0.3, "1", "upper layer -> SOM, facilitating", low=0)
    w_from_som: float = quantity(0.035, "1", "SOM -> dendrites of the lower layer, inhibitory", low=0)
    background_rate_hz: float = quantity(500.0, "Hz", "of the one Poisson source per neuron and kind", low=0)
    bg_pv_exc: float = quantity(0.75, "1", "weight of the excitatory background of PV", low=0)
    bg_pv_inh: float = quantity(1.125, "1", "weight of the inhibitory background of PV", low=0)
    bg_som_exc: float = quantity(0.4, "1", "weight of the excitatory background of SOM", low=0)
    bg_som_inh: float = quantity(0.5, "1", "weight of the inhibitory background of SOM", low=0)
    pv_pa: float = quantity(205.0, "pA", "constant current into PV")
    som_pa: float = quantity(0.0, "pA", "constant current into SOM")
    background_counts: str = field(
        default="bernoulli", metadata={"doc": "bernoulli: at most one spike per step and source; poisson"}
    )

    def __post_init__(self) -> None:
        """Check the numbers."""
        validate(self)

    def between(
        self,
        lower: str,
        upper: str,
        *,
        pv: str = "pv",
        som: str = "som",
        feedforward: ShortTermPlasticity | None = None,
        feedback: ShortTermPlasticity | None = None,
    ) -> Addition:
        """Return what to add to a circuit with the pyramidal populations ``lower`` and ``upper``.

        Parameters
        ----------
        lower, upper : str
            Names of populations with a ``soma_inh`` and a ``dendrite_inh`` receptor.
        pv, som : str
            Names for the interneurons; a circuit with two microcircuits needs different ones.
        feedforward, feedback : ShortTermPlasticity, optional
            Short-term plasticity onto PV and onto SOM; by default `depressing` and `facilitating`.
        """
        joined = Probability(self.connection_probability)

        def project(
            source: str, target: str, receptor: str, weight: float, stp: ShortTermPlasticity | None = None
        ) -> Projection:
            return Projection(source, target, receptor, weight, joined, stp=stp, delay_ms=self.delay_ms)

        return Addition(
            populations=(
                Population(pv, self.n_pv, pv_interneuron()),
                Population(som, self.n_som, som_interneuron()),
            ),
            projections=(
                project(lower, pv, "soma_exc", self.w_to_pv, feedforward or depressing()),
                project(pv, upper, "soma_inh", self.w_from_pv),
                project(upper, som, "soma_exc", self.w_to_som, feedback or facilitating()),
                project(som, lower, "dendrite_inh", self.w_from_som),
            ),
            backgrounds=(
                self.background(pv, "soma_exc", self.bg_pv_exc),
                self.background(pv, "soma_inh", self.bg_pv_inh),
                self.background(som, "soma_exc", self.bg_som_exc),
                self.background(som, "soma_inh", self.bg_som_inh),
            ),
            currents=(
                Current(pv, "soma", Constant(self.pv_pa)),
                Current(som, "soma", Constant(self.som_pa)),
            ),
        )

    def background(self, population: str, receptor: str, weight: float) -> Background:
        """Return one private Poisson source per neuron, with the common rate, counts and delay."""
        return Background(
            population,
            receptor,
            self.background_rate_hz,
            weight,
            counts=self.background_counts,
            delay_ms=self.delay_ms,
        )
