"""A spiking circuit that learns handwritten digits by bursts.

Claim: single Burst-Poisson neurons, without ensembles, learn real images by the burst-dependent rule. The
test error is at most 9 percent, and a plastic hidden layer errs less than a frozen one and than one without
feedback.

Three layers, all to all: four input neurons for each of the 8 x 8 pixels, 100 hidden neurons (in one layer,
or in more: ``--set layers=2``), 16 output neurons for each class. Images are currents into the input somata.
A teacher's current into the output dendrites tells a class what its rate lacks beside those of the others
(`teacher`), and bursts carry that down (`feedback`). An example lasts 600 ms, and nothing is reset
(`protocol`). The images are the shipped digits, or, with ``--set dataset=mnist``, those of MNIST, found
through the environment variable BURSTPROP_DATA.

Frames: ``learning``, ``layers``, ``answers``, ``weights``, ``response``, ``raster`` (see `protocol.one`).
``--controls`` runs `CONTROLS` beside the circuit, and the same layers without spikes (`without_spikes`);
``--extended`` runs `EXTENDED`, hidden layers of other sizes among them. Settings were chosen on validation
images (``--set split=validation``).

``--quick`` learns 200 images, once, with 30 hidden neurons.

Source: the circuit is new; its neurons and rule are those of Payeur et al. (2021), Nature Neuroscience 24,
doi:10.1038/s41593-021-00857-x; the cancelling feedback is that of Greedy et al. (2022, NeurIPS).
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from burstprop.experiments import Beside, Execution, Experiment

from .check import check, errors, solved
from .circuit import build
from .figure import controls_figure, extended_figure, figure
from .params import Params
from .protocol import one
from .without_spikes import without_spikes

MNIST = Params(
    dataset="mnist",
    side=14,
    learned=10_000,
    tested=1_000,
    epochs=1.0,
    per_pixel=2,
    image_high_pa=2000.0,
    w_hidden=0.12,
    inhibition=0.12,
    w_max=1.2,
)
"""A sixth of MNIST, once. Few pixels are white: strong currents, and hidden neurons at 8 Hz untrained."""
WHOLE_MNIST = replace(
    MNIST,
    side=28,
    per_pixel=1,
    hidden=300,
    learned=0,
    tested=0,
    epochs=3.0,
    w_hidden=0.06,
    inhibition=0.06,
    w_max=0.6,
    eta_hidden=2e-3,
    e_max_hz=8.0,
)
"""All of MNIST, three times: twice the input neurons at half the weights, and lower hidden rates."""
VARIANTS: dict[str, Params] = {
    "learned": Params(),
    "frozen_hidden": Params(eta_hidden=0.0, inhibition=0.15),
    "no_feedback": Params(feedback=0.0),
    "scrambled_feedback": Params(scrambled=True),
    "classless_feedback": Params(classless=True),
    "no_cancelling": Params(cancelling=False),
    "published_timing": Params(refractory_ms=20.0, burst_first_ms=5.0, burst_span_ms=10.0),
    "two_phases": Params(two_phases=True, first_ms=600.0, tau_avg_ms=300.0, cancelling=False),
    "learned_feedback": Params(learned_feedback=True),
    "event_credit": Params(burst_credit="event"),
    "teacher_of_rates": Params(teacher="rates"),
    "hidden_50": Params(hidden=50),
    "hidden_50_frozen": Params(hidden=50, eta_hidden=0.0, inhibition=0.15),
    "hidden_200": Params(hidden=200),
    "hidden_200_frozen": Params(hidden=200, eta_hidden=0.0),
    "two_layers": Params(hidden=50, layers=2),
    "two_layers_layered": Params(hidden=50, layers=2, feedback_path="layered"),
    "three_layers": Params(hidden=33, layers=3),
    "rates_up_to_4": Params(e_max_hz=4.0),
    "rates_up_to_8": Params(e_max_hz=8.0),
    "rates_up_to_30": Params(e_max_hz=30.0),
    "learned_feedback_up_to_8": Params(learned_feedback=True, e_max_hz=8.0),
    "classless_feedback_up_to_8": Params(classless=True, e_max_hz=8.0),
    "dale": Params(dale=True, inhibition=0.15),
    "dale_frozen": Params(dale=True, inhibition=0.15, eta_hidden=0.0),
    "mnist": MNIST,
    "mnist_frozen": replace(MNIST, eta_hidden=0.0),
    "whole_mnist": WHOLE_MNIST,
    "whole_mnist_frozen": replace(WHOLE_MNIST, eta_hidden=0.0, eta_output=0.3, e_max_hz=15.0),
}
CONTROLS = ("frozen_hidden",)
"""Variants whose hidden layer learns nothing; `EXTENDED` has those that learn otherwise."""
EXTENDED = (
    "hidden_50",
    "hidden_200",
    "no_feedback",
    "scrambled_feedback",
    "classless_feedback",
    "hidden_50_frozen",
    "no_cancelling",
    "published_timing",
    "two_phases",
)
"""Variants of other sizes, and those that learn without what they need.

The other `VARIANTS` run by name, with ``--variant``.
"""


def quick_version(params: Params) -> Params:
    """Return a smaller circuit that learns fewer images, once."""
    return replace(
        params,
        hidden=min(params.hidden, 30),
        per_class=min(params.per_class, 10),
        learned=200,
        tested=40,
        epochs=min(params.epochs, 1.0),
        reading_ms=params.first_ms + 2.0 * params.part_ms,
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
    of `check.errors`), ``controls_solved`` (variant, and those of `check.solved`) and
    ``controls_without_spikes`` (see `without_spikes`).
    """
    params = quick_version(Params()) if execution.quick else Params()
    rates = without_spikes(params, execution.seed, execution.realizations)
    return _beside("controls", CONTROLS, frames, execution) | {"controls_without_spikes": rates}


def extended(frames: dict[str, pd.DataFrame], execution: Execution) -> dict[str, pd.DataFrame]:
    """Run all variants of `EXTENDED` as `controls` runs the controls; the frames are ``extended``,
    ``extended_errors`` and ``extended_solved``."""
    return _beside("extended", EXTENDED, frames, execution)


def _beside(
    title: str, names: tuple[str, ...], frames: dict[str, pd.DataFrame], execution: Execution
) -> dict[str, pd.DataFrame]:
    """Run variants; return their frames, called after ``title``, those of the circuit itself first."""
    variants = {name: quick_version(VARIANTS[name]) if execution.quick else VARIANTS[name] for name in names}
    return execution.beside(
        title,
        one,
        ("learned", frames),
        variants,
        lambda name, own: {
            title: own["learning"],
            f"{title}_errors": errors(own["answers"]),
            f"{title}_solved": solved(own),
        },
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
    controls=Beside(controls, controls_figure),
    extended=Beside(extended, extended_figure),
)
