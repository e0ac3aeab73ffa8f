"""A circuit of your own: pyramidal neurons under dendritic inhibition, and two inputs that can be told apart.

Run it with ``python my_circuit.py``; or leave it to the command line, which finds `EXPERIMENT`::

    burstprop info my_circuit.py
    burstprop simulate my_circuit.py --set dendrite_pa=250 --out stronger
    burstprop bench my_circuit.py
"""

from __future__ import annotations

from dataclasses import dataclass

from burstprop import (
    Background,
    Circuit,
    Constant,
    Current,
    Experiment,
    Population,
    Probability,
    Projection,
    PyramidalNeuron,
    Record,
    Sine,
    simulate,
)
from burstprop.circuit.synapses import facilitating
from burstprop.neurons import som_interneuron
from burstprop.parameters import quantity, validate


@dataclass(frozen=True)
class Params:
    """What can be changed from outside, with unit and bounds."""

    n_pyr: int = quantity(400, "1", "pyramidal neurons", low=1)
    n_som: int = quantity(100, "1", "SOM interneurons", low=1)
    dendrite_pa: float = quantity(150.0, "pA", "constant current into the dendrites")
    soma_pa: float = quantity(100.0, "pA", "amplitude of the sine into the somata")
    w_pyr_som: float = quantity(3.0, "1", "pyr -> som, facilitating", low=0)
    w_som_pyr: float = quantity(0.3, "1", "som -> dendrites of pyr", low=0)

    def __post_init__(self) -> None:
        """Check the parameters."""
        validate(self)


def build(params: Params) -> Circuit:
    """Return the circuit: a description, in which nothing is random yet."""
    joined = Probability(0.05)
    return Circuit(
        populations=(
            Population("pyr", params.n_pyr, PyramidalNeuron()),
            Population("som", params.n_som, som_interneuron()),
        ),
        projections=(
            Projection("pyr", "som", "soma_exc", params.w_pyr_som, joined, stp=facilitating()),
            Projection("som", "pyr", "dendrite_inh", params.w_som_pyr, joined),
        ),
        backgrounds=(
            Background("pyr", "soma_exc", rate_hz=500.0, weight=0.35),
            Background("pyr", "soma_inh", rate_hz=500.0, weight=0.35),
            Background("som", "soma_exc", rate_hz=500.0, weight=0.4),
            Background("som", "soma_inh", rate_hz=500.0, weight=0.5),
        ),
        currents=(
            Current("pyr", "dendrite", Constant(params.dendrite_pa)),
            Current("pyr", "soma", Sine(params.soma_pa, period_ms=500.0, start_ms=300.0)),
        ),
    )


def duration_ms(params: Params) -> float:
    """Return how long it runs where nothing else is said."""
    return 1000.0


EXPERIMENT = Experiment("my_circuit", Params(), build=build, duration_ms=duration_ms)

if __name__ == "__main__":
    circuit = build(Params())
    print(circuit.describe())
    recording = simulate(circuit, 1000.0, seed=1, record=Record(rates_bin_ms=50.0))
    pyr = recording.rates[recording.rates["population"] == "pyr"]
    print(pyr[["time_ms", "event_rate_hz", "burst_prob"]].to_string(index=False))
