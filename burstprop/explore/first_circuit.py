"""The circuit that the page opens with: 400 pyramidal neurons, and 100 SOM cells that their bursts drive.

The current into the dendrites sets the burst probability P and leaves the event rate E almost alone; the sine
into the somata moves E.

Claim: from 150 to 317 pA into the dendrites, P rises from about 0.17 to about 0.4 while E stays between 5 and
6 Hz.

Source: Payeur, Guerguiev, Zenke, Richards & Naud (2021), Nature Neuroscience 24,
doi:10.1038/s41593-021-00857-x; Naud & Sprekeler (2018), PNAS 115, E6329.
"""

from __future__ import annotations

from dataclasses import dataclass

from burstprop.circuit import Circuit, Population, Projection
from burstprop.circuit.connectivity import Probability
from burstprop.circuit.stimuli import Background, Constant, Current, Sine
from burstprop.circuit.synapses import facilitating
from burstprop.neurons import PyramidalNeuron, som_interneuron
from burstprop.parameters import quantity, validate


@dataclass(frozen=True)
class Params:
    """Sizes, weights and currents of the circuit."""

    n_pyr: int = quantity(400, "1", "pyramidal neurons", low=1)
    n_som: int = quantity(100, "1", "SOM cells", low=1)
    w_pyr_som: float = quantity(3.0, "1", "pyr -> SOM, facilitating", low=0)
    w_som_pyr: float = quantity(0.3, "1", "SOM -> dendrites of pyr, inhibitory", low=0)
    connection_probability: float = quantity(0.05, "1", "of each pair of neurons", low=0, high=1)
    dendrite_pa: float = quantity(150.0, "pA", "constant current into the dendrites of pyr")
    soma_pa: float = quantity(0.0, "pA", "constant current into the somata of pyr")
    sine_pa: float = quantity(100.0, "pA", "amplitude of the sine into the somata of pyr")
    sine_period_ms: float = quantity(500.0, "ms", "its period", low=0, open_low=True)

    def __post_init__(self) -> None:
        """Check the numbers."""
        validate(self)


def build(params: Params | None = None) -> Circuit:
    """Return the circuit."""
    p = Params() if params is None else params
    joined = Probability(p.connection_probability)
    return Circuit(
        populations=(
            Population("pyr", p.n_pyr, PyramidalNeuron()),
            Population("som", p.n_som, som_interneuron()),
        ),
        projections=(
            Projection("pyr", "som", "soma_exc", p.w_pyr_som, joined, stp=facilitating()),
            Projection("som", "pyr", "dendrite_inh", p.w_som_pyr, joined),
        ),
        backgrounds=(
            Background("pyr", "soma_exc", rate_hz=500.0, weight=0.35),
            Background("pyr", "soma_inh", rate_hz=500.0, weight=0.35),
            Background("som", "soma_exc", rate_hz=500.0, weight=0.4),
            Background("som", "soma_inh", rate_hz=500.0, weight=0.5),
        ),
        currents=(
            Current("pyr", "soma", Constant(p.soma_pa)),
            Current("pyr", "soma", Sine(p.sine_pa, p.sine_period_ms)),
            Current("pyr", "dendrite", Constant(p.dendrite_pa)),
        ),
    )
