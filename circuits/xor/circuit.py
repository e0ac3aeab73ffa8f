"""The circuit of the XOR task and its numbers: five populations, who drives whom, and which way feedback
goes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse

from burstprop.circuit import Circuit, Population, Projection
from burstprop.circuit.connectivity import Connectivity, Matrix, Probability
from burstprop.circuit.plasticity import BurstDependentRule
from burstprop.circuit.stimuli import Background, Constant, Controlled, Current
from burstprop.errors import BurstpropError
from burstprop.neurons import BurstPoissonNeuron
from burstprop.parameters import quantity, validate

POPULATIONS = ("input1", "input2", "hidden1", "hidden2", "output")
PATTERNS = ("0 0", "1 0", "0 1", "1 1")
"""Input 1 and input 2; with a blank, so that a table does not read them as numbers."""
TARGETS = (0, 1, 1, 0)
FEEDFORWARD = (
    ("input1", "hidden1"),
    ("input2", "hidden1"),
    ("input1", "hidden2"),
    ("input2", "hidden2"),
    ("hidden1", "output"),
    ("hidden2", "output"),
)


LEVELS = ("spiking", "ensemble")


@dataclass(frozen=True)
class Params:
    """Circuit and protocol; the defaults are the published numbers."""

    n: int = quantity(500, "1", "neurons in each of the five populations", low=2)
    in_degree: float = quantity(
        100.0, "1", "mean number of sources of a neuron in each projection", low=0, open_low=True
    )

    input_rate_hz: float = quantity(500.0, "Hz", "background of input somata", low=0)
    input_exc: float = quantity(0.35, "1", "its excitatory weight", low=0)
    input_inh: float = quantity(0.35, "1", "its inhibitory weight", low=0)
    hidden_rate_hz: float = quantity(150.0, "Hz", "background of hidden somata", low=0)
    hidden_exc: float = quantity(0.385, "1", "its excitatory weight", low=0)
    hidden_inh: float = quantity(0.49, "1", "its inhibitory weight", low=0)
    output_rate_hz: float = quantity(150.0, "Hz", "background of output somata", low=0)
    output_exc: float = quantity(0.35, "1", "its excitatory weight", low=0)
    output_inh: float = quantity(0.35, "1", "its inhibitory weight", low=0)
    dendrite_rate_hz: float = quantity(500.0, "Hz", "background of all dendrites", low=0)
    dendrite_exc: float = quantity(0.05, "1", "its excitatory weight", low=0)
    dendrite_inh: float = quantity(0.05, "1", "its inhibitory weight", low=0)

    w_start: float = quantity(0.234, "1", "plastic feedforward weights at the start", low=0)
    w_inh: float = quantity(0.25, "1", "weight of feedforward inhibition (transmits events)", low=0)
    w_max: float = quantity(1.0, "1", "largest plastic weight", low=0, open_low=True)
    eta_hidden: float = quantity(8e-3, "1", "learning rate of input to hidden", low=0)
    eta_output: float = quantity(4e-3, "1", "learning rate of hidden to output", low=0)
    tau_pre_ms: float = quantity(100.0, "ms", "decay of the presynaptic trace", low=0, open_low=True)
    tau_avg_ms: float = quantity(2000.0, "ms", "moving averages of events and bursts", low=0, open_low=True)
    e_min_hz: float = quantity(2.0, "Hz", "event rate that means 0", low=0)
    e_max_hz: float = quantity(10.0, "Hz", "event rate that means 1", low=0)

    feedback1_exc: float = quantity(0.26, "1", "excitation of hidden1 dendrites by output bursts", low=0)
    feedback1_inh: float = quantity(0.06, "1", "inhibition of hidden1 dendrites by output bursts", low=0)
    feedback2_exc: float = quantity(0.026, "1", "excitation of hidden2 dendrites by output bursts", low=0)
    feedback2_inh: float = quantity(0.27, "1", "inhibition of hidden2 dendrites by output bursts", low=0)
    feedback_shuffled: bool = quantity(False, "", "every hidden neuron draws whose feedback weights it gets")
    hidden1_dendrite_pa: float = quantity(0.0, "pA", "constant current into hidden1 dendrites")
    hidden2_dendrite_pa: float = quantity(500.0, "pA", "constant current into hidden2 dendrites")
    output_dendrite_pa: float = quantity(400.0, "pA", "constant current into output dendrites")

    input_high_pa: float = quantity(150.0, "pA", "somatic current of an input that is 1")
    input_low_pa: float = quantity(-350.0, "pA", "somatic current of an input that is 0")
    settle_averages: float = quantity(3.0, "1", "settling time in units of tau_avg", low=0)
    example_ms: float = quantity(8000.0, "ms", "length of an example", low=0, open_low=True)
    teaching_share: float = quantity(
        0.1, "1", "share of the example that teaches", low=0, high=1, open_low=True, open_high=True
    )
    epochs: int = quantity(500, "1", "how often the four patterns are learned", low=1)
    teaching_pa: float = quantity(1000.0, "pA", "largest teaching current into output dendrites", low=0)
    tolerance_hz: float = quantity(1.0, "Hz", "distance from the target that is near enough", low=0)
    clip: float = quantity(0.01, "1", "smallest output probability in the cost", low=1e-9, high=0.5)

    level: str = field(
        default="spiking", metadata={"doc": "spiking, or ensemble: one rate unit per neuron, in seconds"}
    )

    def __post_init__(self) -> None:
        """Check the numbers, and that they fit together."""
        validate(self)
        if self.level not in LEVELS:
            raise BurstpropError(
                f"Params.level = {self.level!r}: give 'spiking' (the circuit) or 'ensemble' (one rate unit "
                "per neuron, seconds a realization)"
            )
        if self.in_degree > self.n:
            raise BurstpropError(
                f"Params.in_degree = {self.in_degree:g}: a neuron cannot have more sources than the n = "
                f"{self.n} neurons of a population; lower in_degree or raise n"
            )
        if self.e_max_hz <= self.e_min_hz:
            raise BurstpropError(
                f"Params.e_max_hz = {self.e_max_hz:g} Hz: must be above e_min_hz = {self.e_min_hz:g} Hz"
            )

    @property
    def probability(self) -> float:
        """Connection probability: ``in_degree`` out of ``n``."""
        return self.in_degree / self.n


def build(params: Params, *, seed: int = 1, realization: int = 1) -> Circuit:
    """Return the circuit; seed and realization matter only where the feedback is shuffled, which is drawn
    here."""
    neuron = BurstPoissonNeuron(dendritic_driving_force="somatic")
    pairs = Probability(params.probability)
    projections = []
    for source, target in FEEDFORWARD:
        eta = params.eta_output if target == "output" else params.eta_hidden
        rule = BurstDependentRule(
            eta=eta,
            tau_pre_ms=params.tau_pre_ms,
            tau_avg_ms=params.tau_avg_ms,
            e_min_hz=params.e_min_hz,
            e_max_hz=params.e_max_hz,
            w_max=params.w_max,
        )
        projections += [
            Projection(source, target, "soma_exc", params.w_start, pairs, "events", rule=rule),
            Projection(source, target, "soma_inh", params.w_inh, pairs, "events"),
        ]
    for target, receptor, weight, connectivity in _feedback(params, (seed, realization)):
        projections.append(Projection("output", target, receptor, weight, connectivity, "bursts"))
    return Circuit(
        populations=tuple(Population(name, params.n, neuron) for name in POPULATIONS),
        projections=tuple(projections),
        backgrounds=tuple(_backgrounds(params)),
        currents=(
            Current("hidden1", "dendrite", Constant(params.hidden1_dendrite_pa)),
            Current("hidden2", "dendrite", Constant(params.hidden2_dendrite_pa)),
            Current("output", "dendrite", Constant(params.output_dendrite_pa)),
            Current("output", "dendrite", Controlled()),
        ),
        plastic=False,
    )


def _backgrounds(params: Params) -> list[Background]:
    found = []
    for name in POPULATIONS:
        layer = name.rstrip("12")
        rate = getattr(params, f"{layer}_rate_hz")
        for kind in ("exc", "inh"):
            found += [
                Background(name, f"soma_{kind}", rate, getattr(params, f"{layer}_{kind}")),
                Background(
                    name, f"dendrite_{kind}", params.dendrite_rate_hz, getattr(params, f"dendrite_{kind}")
                ),
            ]
    return found


def _feedback(params: Params, key: tuple[int, int]) -> list[tuple[str, str, float, Connectivity]]:
    """Return target, receptor, weight and connectivity of the four feedback projections."""
    weights = {
        (target, kind): getattr(params, f"feedback{target[-1]}_{kind}")
        for target in ("hidden1", "hidden2")
        for kind in ("exc", "inh")
    }
    if not params.feedback_shuffled:
        pairs = Probability(params.probability)
        return [(target, f"dendrite_{kind}", w, pairs) for (target, kind), w in weights.items()]
    rng = np.random.default_rng([*key, 2021])
    found: list[tuple[str, str, float, Connectivity]] = []
    for target in ("hidden1", "hidden2"):
        like_first = rng.random(params.n) < 0.5
        for kind in ("exc", "inh"):
            of_neuron = np.where(like_first, weights["hidden1", kind], weights["hidden2", kind])
            there = rng.random((params.n, params.n)) < params.probability
            found.append((target, f"dendrite_{kind}", 1.0, Matrix(scipy.sparse.csr_array(there * of_neuron))))
    return found
