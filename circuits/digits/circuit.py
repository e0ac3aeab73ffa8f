"""Layers of single Burst-Poisson neurons: pixels, one or more hidden layers, some neurons for each class.

Feedforward synapses are plastic, all to all, and transmit events. Each adds the same inhibition as its
neighbours (`Opposed`), so that a weight less this constant is a signed weight; with ``dale`` interneurons
bring it (`interneurons`). `feedback` has what comes back from the output.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burstprop.circuit import Circuit, Population, Projection
from burstprop.circuit.connectivity import AllToAll
from burstprop.circuit.plasticity import BurstDependentRule
from burstprop.circuit.projections import Opposed
from burstprop.circuit.stimuli import Background, Constant, Controlled, Current
from burstprop.neurons import BurstPoissonNeuron

from .feedback import LEARNED, feedback, feedback_weights
from .interneurons import inhibition, interneurons
from .params import CLASSES, Params

HOMEOSTASIS_MS = 5000.0
"""Average of a hidden neuron's event rate where that of Pbar is as short as a phase."""
SUM_OF_WEIGHTS = 25.0
"""Of the weights from a hidden layer onto one neuron, in leaks."""


def plastic(params: Params) -> list[str]:
    """Return the names of the plastic projections, from that onto the first hidden layer to the output's."""
    chain = ["input", *params.hidden_layers, "output"]
    return [f"{source}->{target}.soma_exc" for source, target in pairwise(chain)]


def build(params: Params, *, seed: int = 1, realization: int = 1) -> Circuit:
    """Return the circuit. Seed and realization draw the feedback weights; `start_weights` the others."""
    inputs, outputs = params.pixels * params.per_pixel, CLASSES * params.per_class
    layers = params.hidden_layers
    timing: dict[str, Any] = {
        "refractory_ms": params.refractory_ms,
        "burst_first_ms": params.burst_first_ms,
        "burst_span_ms": params.burst_span_ms,
    }
    hidden = BurstPoissonNeuron(b_ws=0.0, c_d=1214.0, tau_d=50.0, d_d=3.0, **timing)
    output = BurstPoissonNeuron(b_ws=0.0, d_d=3.0, **timing)
    mean = SUM_OF_WEIGHTS / params.hidden
    between = params.inhibition_between * mean
    # of every synapse onto a layer, from the first hidden one on
    constants = [params.inhibition, *[between] * (params.layers - 1), mean]
    cells, backgrounds, currents = interneurons(params) if params.dale else ([], [], [])
    opposed = [0.0] * len(constants) if params.dale else constants
    return Circuit(
        populations=(
            Population("input", inputs, BurstPoissonNeuron(b_ws=-50.0, **timing)),
            *(Population(layer, params.hidden, hidden) for layer in layers),
            Population("output", outputs, output),
            *cells,
        ),
        projections=(
            _forward("input", layers[0], params.w_hidden, opposed[0], _hidden_rule(params, 1.0)),
            *(
                _forward(below, layer, mean, constant, _hidden_rule(params, mean / params.w_hidden))
                for (below, layer), constant in zip(pairwise(layers), opposed[1:-1], strict=True)
            ),
            _forward(layers[-1], "output", mean, opposed[-1], _output_rule(params)),
            *(inhibition(params, constants) if params.dale else []),
            *feedback(params, seed, realization),
        ),
        backgrounds=(
            Background("input", "soma_exc", 500.0, 0.35),
            Background("input", "soma_inh", 500.0, 0.35),
            *(
                Background(layer, receptor, 150.0, weight)
                for layer in layers
                for receptor, weight in (("soma_exc", 0.385), ("soma_inh", 0.49))
            ),
            Background("output", "soma_exc", 150.0, params.output_noise),
            Background("output", "soma_inh", 150.0, params.output_noise),
            *(
                Background(population, receptor, 500.0, 0.05)
                for population in (*layers, "output")
                for receptor in ("dendrite_exc", "dendrite_inh")
            ),
            *backgrounds,
        ),
        currents=(
            Current("input", "soma", Controlled()),
            *(Current(layer, "dendrite", Constant(450.0)) for layer in layers),
            Current("output", "soma", Constant(300.0)),
            Current("output", "dendrite", Constant(250.0)),
            Current("output", "dendrite", Controlled()),
            *currents,
        ),
        plastic=False,
        dt_ms=params.dt_ms,
    )


def image_current(params: Params, grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the current (pA) into each input neuron for the grey values of an image, shape (pixels,)."""
    current = params.image_low_pa + (params.image_high_pa - params.image_low_pa) * grey
    return np.repeat(current, params.per_pixel)


def start_weights(params: Params, seed: int, realization: int) -> dict[str, NDArray[np.float64]]:
    """Draw the plastic weights at the start, shape (source, target): forward ones from gamma distributions.

    Their coefficient of variation is 1.4 onto hidden neurons (for a pixel, where they come from the input),
    which makes different neurons, and 0.5 onto the output.
    """
    outputs = CLASSES * params.per_class
    draw = np.random.default_rng([seed, realization, 1])
    mean = SUM_OF_WEIGHTS / params.hidden
    lower, *between, upper = plastic(params)
    # the neurons of a pixel share it, so that their number does not change how different hidden neurons are
    of_pixels = np.repeat(
        draw.gamma(0.5, params.w_hidden / 0.5, (params.pixels, params.hidden)), params.per_pixel, axis=0
    )
    of_output = draw.gamma(4.0, mean / 4.0, (params.hidden, outputs))
    start = {lower: np.minimum(of_pixels, params.w_max), upper: np.minimum(of_output, 4.0 * mean)}
    highest = params.w_max / params.w_hidden * mean
    for name in between:
        start[name] = np.minimum(draw.gamma(0.5, mean / 0.5, (params.hidden, params.hidden)), highest)
    if params.learned_feedback:
        (start[LEARNED],) = feedback_weights(params, seed, realization)
    return start


def _hidden_rule(params: Params, scale: float) -> BurstDependentRule:
    """Return the rule of weights onto a hidden layer that are ``scale`` times those of the input."""
    return BurstDependentRule(
        eta=scale * params.eta_hidden,
        tau_avg_ms=params.tau_avg_ms,
        tau_homeostasis_ms=HOMEOSTASIS_MS if params.two_phases else None,
        e_min_hz=params.e_min_hz,
        lower_rate="events",
        e_max_hz=params.e_max_hz,
        w_max=scale * params.w_max,
        burst_credit=params.burst_credit,
    )


def _output_rule(params: Params) -> BurstDependentRule:
    return BurstDependentRule(
        eta=params.eta_output / params.hidden,
        e_min_hz=0.0,
        e_max_hz=1e6,
        w_max=4.0 * SUM_OF_WEIGHTS / params.hidden,
        fixed_burst_prob=params.p0,
        burst_credit=params.burst_credit,
        decay=params.feedback_decay if params.learned_feedback else 0.0,
    )


def _forward(
    source: str, target: str, weight: float, constant: float, rule: BurstDependentRule
) -> Projection:
    return Projection(
        source,
        target,
        "soma_exc",
        weight,
        AllToAll(),
        transmits="events",
        rule=rule,
        opposed=Opposed("soma_inh", constant) if constant else None,
    )
