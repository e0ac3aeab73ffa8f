"""Pixels, a hidden layer and one output, joined as the published circuit joins two layers.

All excitatory neurons are two-compartment pyramidal neurons. Between two layers lies the published
microcircuit (`burstprop.circuit.microcircuit`): depressing synapses onto PV cells, which inhibit the somata
of the upper layer; facilitating synapses onto SOM cells, which inhibit the dendrites of the lower one, beside
facilitating excitation of these dendrites by the upper layer. Facilitating inhibition among the neurons of a
layer stays as published, too. What is new is that the excitation from layer to layer is plastic: it transmits
events, as plastic synapses of the paper do.

The input has two groups of neurons for each group of pixels: one is driven where the pixels are brighter than
in most images, the other where they are darker. So all images drive the input about alike. Neurons of the
hidden layer start with weights that are all the same: what they answer then says nearly nothing about the
digit.

Weights, except of what learns, are those of the published circuit of 4,000 and 1,000 neurons, larger as a
neuron has fewer sources: the sum over the sources stays.

Departure: SOM cells between the hidden layer and the input are left out, because the input does not learn.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from burstprop.circuit import Circuit, Population, Projection
from burstprop.circuit.connectivity import Probability
from burstprop.circuit.microcircuit import Addition, Microcircuit
from burstprop.circuit.plasticity import BurstDependentRule
from burstprop.circuit.stimuli import Constant, Controlled, Current
from burstprop.circuit.synapses import facilitating
from burstprop.errors import BurstpropError
from burstprop.neurons import PyramidalNeuron
from burstprop.parameters import quantity, validate

from ..digits.params import PIXELS

LAYERS = ("input", "hidden", "output")
LOWER, UPPER = "input->hidden.soma_exc", "hidden->output.soma_exc"
"""The two plastic projections."""
SIGNS = 2
"""Groups of input neurons for a group of pixels: brighter, darker."""
PYRAMIDAL_SOURCES, INTERNEURON_SOURCES = 200, 50
"""Sources of a neuron in the published circuit, on average: 5 percent of 4,000 and of 1,000."""


@dataclass(frozen=True)
class Params:
    """Digits, circuit, protocol and rule."""

    low_digit: int = quantity(2, "1", "digit that the output answers with a low rate", low=0, high=9)
    high_digit: int = quantity(4, "1", "digit that it answers with a high rate", low=0, high=9)
    split: str = field(
        default="test", metadata={"doc": "validation: learn and test inside the training images; test"}
    )
    side: int = quantity(4, "1", "groups of pixels along a side of the image", low=1)
    tested: int = quantity(0, "1", "images to test on, the first of the split; 0: all", low=0)
    examples: int = quantity(160, "1", "images that are taught, drawn from those to learn", low=1)
    per_group: int = quantity(15, "1", "input neurons for a group of pixels and a sign", low=1)
    hidden: int = quantity(200, "1", "hidden neurons", low=1)
    output: int = quantity(100, "1", "output neurons", low=1)
    interneurons: int = quantity(50, "1", "cells of each population of interneurons", low=1)
    connection_probability: float = quantity(
        0.5, "1", "of each pair of neurons, all projections", low=0, high=1, open_low=True
    )
    w_hidden: float = quantity(0.1, "1", "input -> hidden at the start, as for 200 sources", low=0)
    w_output: float = quantity(0.1, "1", "hidden -> output at the start, as for 200 sources", low=0)
    w_max: float = quantity(4.0, "1", "largest plastic weight, in weights at the start", low=1)
    eta_hidden: float = quantity(0.24, "1", "learning rate input -> hidden, in weights at the start", low=0)
    eta_output: float = quantity(0.02, "1", "learning rate hidden -> output, in weights at the start", low=0)
    tau_avg_ms: float = quantity(500.0, "ms", "moving averages of events and bursts", low=0, open_low=True)
    e_min_hz: float = quantity(2.0, "Hz", "rate under which presynaptic events potentiate", low=0)
    e_max_hz: float = quantity(10.0, "Hz", "event rate above which the rule depresses", low=0)
    w_feedback: float = quantity(
        0.25, "1", "output -> dendrites of the hidden layer, facilitating, as for 200 sources", low=0
    )
    w_to_pv: float = quantity(
        0.02, "1", "hidden -> PV of the output, depressing, as for 200 sources (published: 0.05)", low=0
    )
    w_to_som: float = quantity(0.3, "1", "output -> SOM, facilitating, as for 200 sources", low=0)
    w_from_som: float = quantity(0.035, "1", "SOM -> dendrites of the hidden layer, as for 50", low=0)
    w_within: float = quantity(
        0.1, "1", "a layer -> its own dendrites, inhibitory, facilitating, as for 200 sources", low=0
    )
    hidden_soma_pa: float = quantity(-400.0, "pA", "constant current into hidden somata")
    hidden_dendrite_pa: float = quantity(20.0, "pA", "constant current into hidden dendrites")
    output_soma_pa: float = quantity(-550.0, "pA", "constant current into output somata")
    output_dendrite_pa: float = quantity(20.0, "pA", "constant current into output dendrites")
    contrast_pa: float = quantity(
        400.0, "pA", "current into an input soma for one SD of its pixels' brightness", low=0
    )
    calibrated: int = quantity(
        40, "1", "learned images, shown as in the test, whose rates tell a high answer from a low one", low=4
    )
    high_hz: float = quantity(8.0, "Hz", "event rate wanted of the output for the high digit", low=0)
    low_hz: float = quantity(4.0, "Hz", "event rate wanted of the output for the low digit", low=0)
    teaching_gain: float = quantity(100.0, "pA/Hz", "teaching current for a missing Hz", low=0)
    teaching_pa: float = quantity(250.0, "pA", "largest teaching current", low=0)
    first_ms: float = quantity(
        300.0, "ms", "beginning of an image that is not read: the image before is still felt", low=0
    )
    reading_ms: float = quantity(300.0, "ms", "an image is read before it is taught", low=0, open_low=True)
    teaching_ms: float = quantity(400.0, "ms", "an image is taught", low=0, open_low=True)
    test_ms: float = quantity(1000.0, "ms", "a test image is read", low=0, open_low=True)

    def __post_init__(self) -> None:
        """Check the numbers, and that they fit together."""
        validate(self)
        if self.split not in ("validation", "test"):
            raise BurstpropError(f"Params.split = {self.split!r}: give one of validation, test")
        if self.low_digit == self.high_digit:
            raise BurstpropError(
                f"Params.high_digit = {self.high_digit}: is also the low_digit; give two different digits"
            )
        if self.high_hz <= self.low_hz:
            raise BurstpropError(
                f"Params.high_hz = {self.high_hz:g} Hz: must be above low_hz = {self.low_hz:g} Hz"
            )
        if PIXELS["digits"] % self.side:
            raise BurstpropError(
                f"Params.side = {self.side}: an image has {PIXELS['digits']} pixels along a side; give 1, 2, "
                "4 or 8"
            )

    @property
    def inputs(self) -> int:
        """Input neurons."""
        return SIGNS * self.side**2 * self.per_group


def build(params: Params) -> Circuit:
    """Return the circuit."""
    sizes = dict(zip(LAYERS, (params.inputs, params.hidden, params.output), strict=True))
    pyramidal = PyramidalNeuron(dendritic_driving_force="somatic")
    interneurons = [
        _interneurons(params, sizes, ("input", "hidden"), ("pv1", "som1"), w_to_pv=Microcircuit().w_to_pv),
        _interneurons(params, sizes, ("hidden", "output"), ("pv2", "som2"), w_to_pv=params.w_to_pv),
    ]
    background = Microcircuit().background
    return Circuit(
        populations=(
            *(Population(name, n, pyramidal) for name, n in sizes.items()),
            *(population for added in interneurons for population in added.populations),
        ),
        projections=(
            _plastic(params, sizes, "input", "hidden", params.w_hidden, params.eta_hidden),
            _plastic(params, sizes, "hidden", "output", params.w_output, params.eta_output),
            _facilitating(params, sizes, "output", "hidden", "dendrite_exc", params.w_feedback),
            _facilitating(params, sizes, "hidden", "hidden", "dendrite_inh", params.w_within),
            _facilitating(params, sizes, "output", "output", "dendrite_inh", params.w_within),
            *(projection for added in interneurons for projection in added.projections),
        ),
        backgrounds=(
            *(
                background(name, f"{compartment}_{kind}", weight)
                for name in LAYERS
                for compartment, weight in (("soma", 0.35), ("dendrite", 0.05))
                for kind in ("exc", "inh")
            ),
            *(source for added in interneurons for source in added.backgrounds),
        ),
        currents=(
            Current("input", "soma", Controlled()),
            Current("hidden", "soma", Constant(params.hidden_soma_pa)),
            Current("hidden", "dendrite", Constant(params.hidden_dendrite_pa)),
            Current("output", "soma", Constant(params.output_soma_pa)),
            Current("output", "dendrite", Constant(params.output_dendrite_pa)),
            *(current for added in interneurons for current in added.currents),
        ),
        plastic=False,
    )


def weight_here(params: Params, weight: float, published_sources: int, sources: int) -> float:
    """Return a weight of a published circuit for neurons with another number of sources, by their sum."""
    return weight * published_sources / (params.connection_probability * sources)


def _plastic(
    params: Params, sizes: dict[str, int], source: str, target: str, weight: float, eta: float
) -> Projection:
    start = weight_here(params, weight, PYRAMIDAL_SOURCES, sizes[source])
    rule = BurstDependentRule(
        eta=eta * start,
        tau_avg_ms=params.tau_avg_ms,
        e_min_hz=params.e_min_hz,
        e_max_hz=params.e_max_hz,
        w_max=params.w_max * start,
        # no neuron counts as silent before its average of 30 s is one
        lower_start_hz=params.e_max_hz,
    )
    joined = Probability(params.connection_probability)
    return Projection(source, target, "soma_exc", start, joined, "events", rule=rule)


def _facilitating(
    params: Params, sizes: dict[str, int], source: str, target: str, receptor: str, weight: float
) -> Projection:
    here = weight_here(params, weight, PYRAMIDAL_SOURCES, sizes[source])
    joined = Probability(params.connection_probability)
    return Projection(source, target, receptor, here, joined, stp=facilitating())


def _interneurons(
    params: Params, sizes: dict[str, int], layers: tuple[str, str], names: tuple[str, str], w_to_pv: float
) -> Addition:
    """Return the PV and SOM cells between two layers, so named; above the input there are no SOM cells."""
    (lower, upper), (pv, som) = layers, names
    published = Microcircuit()
    added = Microcircuit(
        n_pv=params.interneurons,
        n_som=params.interneurons,
        connection_probability=params.connection_probability,
        w_to_pv=weight_here(params, w_to_pv, PYRAMIDAL_SOURCES, sizes[lower]),
        w_from_pv=weight_here(params, published.w_from_pv, INTERNEURON_SOURCES, params.interneurons),
        w_to_som=weight_here(params, params.w_to_som, PYRAMIDAL_SOURCES, sizes[upper]),
        w_from_som=weight_here(params, params.w_from_som, INTERNEURON_SOURCES, params.interneurons),
    ).between(lower, upper, pv=pv, som=som)
    without = {som} if lower == "input" else set()
    return Addition(
        tuple(p for p in added.populations if p.name not in without),
        tuple(p for p in added.projections if not {p.source, p.target} & without),
        tuple(b for b in added.backgrounds if b.population not in without),
        tuple(c for c in added.currents if c.population not in without),
    )
