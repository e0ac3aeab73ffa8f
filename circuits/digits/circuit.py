"""Three layers of single Burst-Poisson neurons: pixels, a hidden layer, and some neurons for each class.

Feedforward synapses are plastic and transmit events. Each adds the same inhibition as its neighbours
(`Opposed`), so that a weight less this constant is a signed weight. Feedback is fixed and random: a class has
one row of numbers, its neurons' bursts excite the hidden dendrites where a number is positive and inhibit
them where it is negative. Their events do the opposite, p0 times as much. At the burst probability p0, which
the output has without a teacher, the two cancel: what is left is what the teacher changed
(the cancelling of BurstCCN, Greedy et al. 2022).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burstprop.circuit import Circuit, Population, Projection
from burstprop.circuit.connectivity import AllToAll, Matrix, Tied
from burstprop.circuit.plasticity import BurstDependentRule, FeedbackRule
from burstprop.circuit.projections import Opposed
from burstprop.circuit.stimuli import Background, Constant, Controlled, Current
from burstprop.errors import BurstpropError
from burstprop.neurons import BurstPoissonNeuron
from burstprop.parameters import quantity, validate

from .images import DATASETS
from .teacher import TEACHERS

CLASSES = 10
PIXELS = {"digits": 8, "mnist": 28}
LOWER, UPPER = "input->hidden.soma_exc", "hidden->output.soma_exc"
"""The two plastic projections."""
FEEDBACK = "bursts->dendrite_exc"
"""The projection that holds the feedback weights where they learn; the three others follow it."""
FEEDBACK_SCALE = 8.0
"""Feedback weights are larger than signed output weights by about so much; so are their changes."""
INHIBITION_OVER_EXCITATION = (57.0 * 5.0) / (23.0 * 10.0)
"""Of conductances with the same mean current: driving forces at -57 mV (57 and 23 mV), decays 5 and 10 ms."""
HOMEOSTASIS_MS = 5000.0
"""Average of a hidden neuron's event rate where that of Pbar is as short as a phase."""
MEAN_OUTPUT_WEIGHT = 25.0
"""Sum of the weights onto an output neuron, in leaks."""


@dataclass(frozen=True)
class Params:
    """Images, circuit, protocol and rule."""

    dataset: str = field(default="digits", metadata={"doc": "digits (shipped) or mnist"})
    split: str = field(
        default="test", metadata={"doc": "validation: learn and test inside the training images; test"}
    )
    side: int = quantity(0, "1", "pixels of a side after averaging; 0: those of the images", low=0)
    learned: int = quantity(0, "1", "images to learn, the first of the split; 0: all", low=0)
    tested: int = quantity(0, "1", "images to test on, the first of the split; 0: all", low=0)
    hidden: int = quantity(100, "1", "hidden neurons", low=1)
    per_pixel: int = quantity(4, "1", "input neurons of a pixel", low=1)
    per_class: int = quantity(16, "1", "output neurons of a class", low=1)
    epochs: float = quantity(6.0, "1", "times that every image is learned", low=0)
    eta_hidden: float = quantity(4e-3, "1", "learning rate input -> hidden, falls to a tenth", low=0)
    eta_output: float = quantity(
        0.6, "1", "learning rate hidden -> output times hidden, falls to a tenth", low=0
    )
    final_eta: float = quantity(0.1, "1", "learning rates at the end, of those at the start", low=0)
    tau_avg_ms: float = quantity(
        5000.0, "ms", "moving average of a hidden neuron's events and bursts", low=0, open_low=True
    )
    e_min_hz: float = quantity(2.0, "Hz", "event rate below which hidden synapses potentiate", low=0)
    e_max_hz: float = quantity(15.0, "Hz", "event rate above which hidden synapses depress", low=0)
    w_hidden: float = quantity(0.15, "1", "mean weight input -> hidden at the start", low=0)
    inhibition: float = quantity(0.17, "1", "constant inhibition of an input -> hidden synapse", low=0)
    w_max: float = quantity(1.5, "1", "largest weight input -> hidden", low=0, open_low=True)
    feedback: float = quantity(20.0, "1", "feedback weights of a class, SD of their sum in leaks", low=0)
    cancelling: bool = quantity(True, "", "events of the output cancel its bursts at p0")
    scrambled: bool = quantity(False, "", "each output neuron, not each class, draws a row of feedback")
    learned_feedback: bool = quantity(
        False, "", "feedback learns as the output's weights do, and both decay (Kolen-Pollack)"
    )
    feedback_decay: float = quantity(
        1e-4,
        "1",
        "share lost at an output event, of the output's weights and of learned feedback",
        low=0,
        high=1,
    )
    output_noise: float = quantity(
        0.35, "1", "weight of both backgrounds (150 Hz) of the output somata", low=0
    )
    p0: float = quantity(0.215, "1", "burst probability of the output without a teacher", low=0, high=1)
    image_low_pa: float = quantity(-800.0, "pA", "current into the input neurons of a black pixel")
    image_high_pa: float = quantity(800.0, "pA", "current into the input neurons of a white pixel")
    teaching_gain: float = quantity(60.0, "pA/Hz", "teaching current for a missing Hz", low=0)
    teaching_pa: float = quantity(600.0, "pA", "largest teaching current", low=0)
    target_hz: float = quantity(12.0, "Hz", "event rate wanted of the image's class", low=0)
    other_hz: float = quantity(3.0, "Hz", "event rate wanted of the other classes", low=0)
    teacher: str = field(
        default="softmax", metadata={"doc": "what lacks: of the softmax of the rates, or of the rates"}
    )
    softness_hz: float = quantity(
        1.5, "Hz", "difference of rates that makes a class e times as likely", low=0, open_low=True
    )
    two_phases: bool = quantity(False, "", "Pbar of a hidden neuron is that of the untaught part alone")
    skip_ms: float = quantity(
        60.0, "ms", "beginning of an image that is not read: the image before is still felt", low=0
    )
    first_ms: float = quantity(200.0, "ms", "an image is seen before it is taught", low=0, open_low=True)
    part_ms: float = quantity(
        200.0, "ms", "an image is taught, twice; between readings of a test image", low=0, open_low=True
    )
    reading_ms: float = quantity(1200.0, "ms", "how long a test image is shown", low=0, open_low=True)
    refractory_ms: float = quantity(28.0, "ms", "refractory period of all neurons", low=0)
    burst_first_ms: float = quantity(2.0, "ms", "shortest interval to a second spike", low=0)
    burst_span_ms: float = quantity(4.0, "ms", "spread of that interval", low=0)
    burst_credit: str = field(
        default="burst", metadata={"doc": "e_pre that a burst uses: at the burst, or the event"}
    )
    dt_ms: float = quantity(0.4, "ms", "time step", low=0, open_low=True)

    def __post_init__(self) -> None:
        """Check the numbers, and that the names are known."""
        validate(self)
        names = (("dataset", DATASETS), ("split", ("validation", "test")), ("teacher", TEACHERS))
        for name, known in names:
            if getattr(self, name) not in known:
                raise BurstpropError(
                    f"Params.{name} = {getattr(self, name)!r}: give one of {', '.join(known)}"
                )
        if self.skip_ms >= self.first_ms:
            raise BurstpropError(
                f"Params.skip_ms = {self.skip_ms:g} ms: the first_ms = {self.first_ms:g} ms of an image that "
                "are not taught are read after it; give less"
            )
        readings = (self.reading_ms - self.first_ms) / self.part_ms
        if readings < 1 or abs(readings - round(readings)) > 1e-9:
            raise BurstpropError(
                f"Params.reading_ms = {self.reading_ms:g} ms: the output is read after first_ms = "
                f"{self.first_ms:g} ms and every part_ms = {self.part_ms:g} ms from then on; give "
                f"{self.first_ms + self.part_ms:g} ms, or more by a multiple of part_ms"
            )

    @property
    def pixels(self) -> int:
        """Pixels of an image."""
        return (self.side or PIXELS[self.dataset]) ** 2


def build(params: Params, *, seed: int = 1, realization: int = 1) -> Circuit:
    """Return the circuit. Seed and realization draw the feedback weights; `start_weights` the others."""
    inputs, outputs = params.pixels * params.per_pixel, CLASSES * params.per_class
    timing: dict[str, Any] = {
        "refractory_ms": params.refractory_ms,
        "burst_first_ms": params.burst_first_ms,
        "burst_span_ms": params.burst_span_ms,
    }
    mean = MEAN_OUTPUT_WEIGHT / params.hidden
    hidden = BurstPoissonNeuron(b_ws=0.0, c_d=1214.0, tau_d=50.0, d_d=3.0, **timing)
    output = BurstPoissonNeuron(b_ws=0.0, d_d=3.0, **timing)
    lower = BurstDependentRule(
        eta=params.eta_hidden,
        tau_avg_ms=params.tau_avg_ms,
        tau_homeostasis_ms=HOMEOSTASIS_MS if params.two_phases else None,
        e_min_hz=params.e_min_hz,
        lower_rate="events",
        e_max_hz=params.e_max_hz,
        w_max=params.w_max,
        burst_credit=params.burst_credit,
    )
    upper = BurstDependentRule(
        eta=params.eta_output / params.hidden,
        e_min_hz=0.0,
        e_max_hz=1e6,
        w_max=4.0 * MEAN_OUTPUT_WEIGHT / params.hidden,
        fixed_burst_prob=params.p0,
        burst_credit=params.burst_credit,
        decay=params.feedback_decay if params.learned_feedback else 0.0,
    )
    return Circuit(
        populations=(
            Population("input", inputs, BurstPoissonNeuron(b_ws=-50.0, **timing)),
            Population("hidden", params.hidden, hidden),
            Population("output", outputs, output),
        ),
        projections=(
            _forward("input", "hidden", params.w_hidden, params.inhibition, lower),
            _forward("hidden", "output", mean, mean, upper),
            *_feedback(params, feedback_weights(params, seed, realization)),
        ),
        backgrounds=(
            Background("input", "soma_exc", 500.0, 0.35),
            Background("input", "soma_inh", 500.0, 0.35),
            Background("hidden", "soma_exc", 150.0, 0.385),
            Background("hidden", "soma_inh", 150.0, 0.49),
            Background("output", "soma_exc", 150.0, params.output_noise),
            Background("output", "soma_inh", 150.0, params.output_noise),
            *(
                Background(population, receptor, 500.0, 0.05)
                for population in ("hidden", "output")
                for receptor in ("dendrite_exc", "dendrite_inh")
            ),
        ),
        currents=(
            Current("input", "soma", Controlled()),
            Current("hidden", "dendrite", Constant(450.0)),
            Current("output", "soma", Constant(300.0)),
            Current("output", "dendrite", Constant(250.0)),
            Current("output", "dendrite", Controlled()),
        ),
        plastic=False,
        dt_ms=params.dt_ms,
    )


def start_weights(params: Params, seed: int, realization: int) -> dict[str, NDArray[np.float64]]:
    """Draw the plastic weights at the start, shape (source, target): forward ones from gamma distributions.

    Their coefficient of variation is 1.4 for a pixel and a hidden neuron, where it makes different neurons,
    and 0.5 for the output.
    """
    outputs = CLASSES * params.per_class
    draw = np.random.default_rng([seed, realization, 1])
    mean = MEAN_OUTPUT_WEIGHT / params.hidden
    # the neurons of a pixel share it, so that their number does not change how different hidden neurons are
    lower = np.repeat(
        draw.gamma(0.5, params.w_hidden / 0.5, (params.pixels, params.hidden)), params.per_pixel, axis=0
    )
    upper = draw.gamma(4.0, mean / 4.0, (params.hidden, outputs))
    start = {LOWER: np.minimum(lower, params.w_max), UPPER: np.minimum(upper, 4.0 * mean)}
    if params.learned_feedback:
        start[FEEDBACK] = feedback_weights(params, seed, realization)
    return start


def feedback_weights(params: Params, seed: int, realization: int) -> NDArray[np.float64]:
    """Draw the feedback weights in leaks, shape (output neurons, hidden neurons), signed."""
    draw = np.random.default_rng([seed, realization, 2])
    if params.scrambled:
        rows = draw.normal(size=(CLASSES * params.per_class, params.hidden))
    else:
        rows = np.repeat(draw.normal(size=(CLASSES, params.hidden)), params.per_class, axis=0)
    return params.feedback * rows / params.per_class


def _forward(
    source: str, target: str, weight: float, inhibition: float, rule: BurstDependentRule
) -> Projection:
    return Projection(
        source,
        target,
        "soma_exc",
        weight,
        AllToAll(),
        transmits="events",
        rule=rule,
        opposed=Opposed("soma_inh", inhibition),
    )


def _feedback(params: Params, weights: NDArray[np.float64]) -> list[Projection]:
    """Return four projections: bursts with the sign of the weight, and events that cancel them at p0."""
    ratio = INHIBITION_OVER_EXCITATION
    if params.learned_feedback:
        return _learned_feedback(params, ratio)
    above, below = np.maximum(weights, 0.0), np.maximum(-weights, 0.0)
    parts = [("bursts", "dendrite_exc", above), ("bursts", "dendrite_inh", ratio * below)]
    if params.cancelling:
        parts += [
            ("events", "dendrite_inh", params.p0 * ratio * above),
            ("events", "dendrite_exc", params.p0 * below),
        ]
    return [
        Projection(
            "output", "hidden", receptor, 1.0, Matrix(matrix), transmits=kind, name=f"{kind}->{receptor}"
        )
        for kind, receptor, matrix in parts
        if matrix.any()
    ]


def _learned_feedback(params: Params, ratio: float) -> list[Projection]:
    """Return the same four projections, which share weights that learn; `feedback_weights` starts them."""
    rule = FeedbackRule(
        eta=FEEDBACK_SCALE * params.eta_output / params.hidden,
        w_max=8.0 * params.feedback / params.per_class,
        fixed_burst_prob=params.p0,
        decay=params.feedback_decay,
        signed=True,
    )
    own = Projection(
        "output", "hidden", "dendrite_exc", 0.0, AllToAll(), transmits="bursts", rule=rule, name=FEEDBACK
    )
    parts = [("bursts", "dendrite_inh", ratio, "negative")]
    if params.cancelling:
        parts += [
            ("events", "dendrite_inh", params.p0 * ratio, "positive"),
            ("events", "dendrite_exc", params.p0, "negative"),
        ]
    return [own] + [
        Projection(
            "output",
            "hidden",
            receptor,
            factor,
            Tied(FEEDBACK, part),
            transmits=kind,
            name=f"{kind}->{receptor}",
        )
        for kind, receptor, factor, part in parts
    ]
