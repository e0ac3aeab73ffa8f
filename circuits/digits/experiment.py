"""A spiking circuit that learns handwritten digits by bursts.

Claim: single Burst-Poisson neurons, without ensembles, learn real images by the burst-dependent rule. The
test error is at most 15 percent, and a plastic hidden layer errs less than a frozen one, than one without
feedback and than one with scrambled feedback.

Three layers, all to all: four input neurons for each of the 8 x 8 pixels, 100 hidden neurons, 40 output
neurons for each class. Images are currents into the input somata; a teacher's current into the output
dendrites says how far a class is from the wanted rate; bursts carry that down (`circuit`). An example lasts
300 ms, and nothing is reset (`protocol`). The images are the shipped digits, or, with ``--set
dataset=mnist``, those of MNIST, found through the environment variable BURSTPROP_DATA.

Frames: ``learning``, ``answers``, ``weights``, ``response`` (see `protocol.one`). ``--controls`` runs
`CONTROLS` beside the circuit and judges it against them. Settings were chosen on validation images (``--set
split=validation``), test images were used once.

``--quick`` learns 200 images, once, with 30 hidden neurons.

Source: the circuit is new; its neurons and rule are those of Payeur et al. (2021), Nature Neuroscience 24,
doi:10.1038/s41593-021-00857-x; the cancelling feedback is that of Greedy et al. (2022, NeurIPS).
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from burstprop.experiments import Beside, Execution, Experiment
from burstprop.runs.sweep import gather

from .check import check, errors, solved
from .circuit import Params, build
from .figure import compare, figure
from .protocol import one

VARIANTS: dict[str, Params] = {
    "learned": Params(),
    "frozen_hidden": Params(eta_hidden=0.0),
    "no_feedback": Params(feedback=0.0),
    "scrambled_feedback": Params(scrambled=True),
    "no_cancelling": Params(cancelling=False),
    "published_timing": Params(refractory_ms=20.0, burst_first_ms=5.0, burst_span_ms=10.0),
    "event_credit": Params(burst_credit="event"),
    "hidden_50": Params(hidden=50),
    "hidden_50_frozen": Params(hidden=50, eta_hidden=0.0),
    "hidden_200": Params(hidden=200),
}
CONTROLS = ("frozen_hidden", "no_feedback", "scrambled_feedback", "no_cancelling")
"""Variants that take one thing away."""


def quick_version(params: Params) -> Params:
    """Return a smaller circuit that learns fewer images, once."""
    return replace(
        params,
        hidden=min(params.hidden, 30),
        per_class=min(params.per_class, 10),
        learned=200,
        tested=40,
        epochs=min(params.epochs, 1.0),
        reading_ms=600.0,
    )


def run(params: Params, execution: Execution) -> dict[str, pd.DataFrame]:
    """Learn and test in every realization; see the module for the frames.

    Raises
    ------
    BurstpropError
        The images are not there, or the folder of the execution holds another run.
    """
    return execution.each(one, params)


def controls(frames: dict[str, pd.DataFrame], execution: Execution) -> dict[str, pd.DataFrame]:
    """Run all `CONTROLS` and return them beside the circuit, whose ``frames`` `run` has returned.

    Returns ``controls`` (variant, and the columns of ``learning``), ``controls_errors`` (variant, and those
    of `check.errors`) and ``controls_solved`` (variant, and those of `check.solved`).
    """
    variants = {name: VARIANTS[name] for name in CONTROLS}
    if execution.quick:
        variants = {name: quick_version(params) for name, params in variants.items()}
    together = {"learned": frames} | execution.each_of(one, variants)
    labels = [{"variant": name} for name in together]
    return gather(
        [
            {
                "controls": own["learning"],
                "controls_errors": errors(own["answers"]),
                "controls_solved": solved(own),
            }
            for own in together.values()
        ],
        labels,
    )


EXPERIMENT = Experiment(
    "digits-spiking",
    Params(),
    build=build,
    run=run,
    check=check,
    figure=figure,
    variants=VARIANTS,
    quick=quick_version,
    realizations=3,
    controls=Beside(controls, compare),
)
