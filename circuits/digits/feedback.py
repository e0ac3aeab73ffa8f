"""Feedback of the digits: random weights, bursts that carry the teacher down, events that cancel them.

A source has a row of numbers, one for each neuron of the hidden layer that it reaches. Its bursts excite the
dendrites where a number is positive and inhibit them where it is negative. Its events do the opposite, p0
times as much. At the burst probability p0, which the source has without a teacher, the two cancel: what is
left is what the teacher changed (the cancelling of BurstCCN, Greedy et al. 2022). All neurons of a class
share one row.

With ``dale`` numbers are positive, and SOM cells bring the inhibition (`interneurons`).

Two controls take that apart. ``scrambled``: each output neuron draws a row. The neurons of a class are taught
alike, so that the mean of their rows still tells the class, a quarter as strongly where they are sixteen.
``classless``: that mean is taken away, and nothing about the class is left.

Two paths lead to a hidden layer that is not the last. ``"direct"``: the output reaches every hidden layer, as
in direct feedback alignment (Nøkland 2016, arXiv:1609.01596). ``"layered"``: the output reaches the last one,
and each hidden layer the one below it, as in the paper's circuits. Direct is the default: a class is many
neurons of which a typical error moves the burst probability by a half, a hidden neuron is one, moved by a
tenth, and its feedback is a conductance that shunts the dendrite whether or not it says anything. A second
step down therefore has less signal in as much noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burstprop.circuit import Projection
from burstprop.circuit.connectivity import AllToAll, Matrix, Tied
from burstprop.circuit.plasticity import FeedbackRule

from .interneurons import cancelling
from .params import CLASSES, Params

LEARNED = "bursts->dendrite_exc"
"""The projection that holds the feedback weights where they learn; the three others follow it."""
SCALE = 8.0
"""Feedback weights are larger than signed output weights by about so much; so are their changes."""
INHIBITION_OVER_EXCITATION = (57.0 * 5.0) / (23.0 * 10.0)
"""Of conductances with the same mean current: driving forces at -57 mV (57 and 23 mV), decays 5 and 10 ms."""


def sources(params: Params) -> list[str]:
    """Return the population that sends feedback to each hidden layer, from the first layer on."""
    if params.feedback_path == "direct":
        return ["output"] * params.layers
    return [*params.hidden_layers[1:], "output"]


def feedback_weights(params: Params, seed: int, realization: int) -> list[NDArray[np.float64]]:
    """Draw the feedback weights in leaks, signed: for each hidden layer, shape (source neurons, hidden)."""
    draw = np.random.default_rng([seed, realization, 2])
    found = []
    for source in sources(params):
        if source != "output":
            found.append(params.feedback_between * draw.normal(size=(params.hidden, params.hidden)))
            continue
        if params.scrambled or params.classless:
            rows = draw.normal(size=(CLASSES * params.per_class, params.hidden))
            if params.classless:
                of_class = rows.reshape(CLASSES, params.per_class, params.hidden)
                rows = (of_class - of_class.mean(axis=1, keepdims=True)).reshape(rows.shape)
        else:
            shape = (CLASSES, params.hidden)
            # gamma of the same spread: most weights small, none negative
            of_class = draw.gamma(0.5, 2.0**0.5, shape) if params.dale else draw.normal(size=shape)
            rows = np.repeat(of_class, params.per_class, axis=0)
        found.append(params.feedback * rows / params.per_class)
    return found


def feedback(params: Params, seed: int, realization: int) -> list[Projection]:
    """Return the projections that carry the feedback to all hidden layers."""
    if params.learned_feedback:
        return _learned(params)
    found = []
    drawn = feedback_weights(params, seed, realization)
    if params.dale:
        found += cancelling(
            params.hidden_layers, [params.p0 * INHIBITION_OVER_EXCITATION * rows for rows in drawn]
        )
    for source, target, weights in zip(sources(params), params.hidden_layers, drawn, strict=True):
        found += _fixed(params, source, target, weights)
    return found


def _fixed(params: Params, source: str, target: str, weights: NDArray[np.float64]) -> list[Projection]:
    """Return four projections: bursts with the sign of the weight, and events that cancel them."""
    ratio = INHIBITION_OVER_EXCITATION
    expected = params.p0 if source == "output" else params.p_hidden
    above, below = np.maximum(weights, 0.0), np.maximum(-weights, 0.0)
    parts = [("bursts", "dendrite_exc", above), ("bursts", "dendrite_inh", ratio * below)]
    if params.cancelling and not params.dale:
        parts += [
            ("events", "dendrite_inh", expected * ratio * above),
            ("events", "dendrite_exc", expected * below),
        ]
    return [
        Projection(
            source,
            target,
            receptor,
            1.0,
            Matrix(matrix),
            transmits=kind,
            name=f"{kind}->{receptor}" if target == "hidden" else f"{kind}->{target}.{receptor}",
        )
        for kind, receptor, matrix in parts
        if matrix.any()
    ]


def _learned(params: Params) -> list[Projection]:
    """Return the same four projections, which share weights that learn; `feedback_weights` starts them."""
    ratio = INHIBITION_OVER_EXCITATION
    rule = FeedbackRule(
        eta=SCALE * params.eta_output / params.hidden,
        w_max=8.0 * params.feedback / params.per_class,
        fixed_burst_prob=params.p0,
        decay=params.feedback_decay,
        signed=True,
    )
    own = Projection(
        "output", "hidden", "dendrite_exc", 0.0, AllToAll(), transmits="bursts", rule=rule, name=LEARNED
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
            Tied(LEARNED, part),
            transmits=kind,
            name=f"{kind}->{receptor}",
        )
        for kind, receptor, factor, part in parts
    ]
