"""The published microcircuit learns to tell two digits apart by bursts.

Claim: three layers of two-compartment pyramidal neurons, joined by short-term plasticity and PV and SOM cells
as in the published circuit, learn to answer one handwritten digit with a high rate and another with a low
one. The aim is 90 percent of right answers to test images, and less than 75 with a frozen hidden layer. Three
realizations reach 88 percent; a frozen hidden layer is at chance.

The paper shows that this microcircuit carries two messages (`propagation`), and lets another circuit learn:
the one of `xor` has neurons whose bursts are drawn by chance, and synapses that transmit events or bursts by
definition. Here bursts come from dendritic potentials, feedback comes through facilitating synapses and SOM
cells, and what is learned are images.

The input has two groups of neurons for each of 4 x 4 groups of pixels, one for bright and one for dark: 480
neurons. The hidden layer has 200 neurons, the output 100, three populations of interneurons 50 cells each
(`circuit`). An example lasts a second (`protocol`). The digits are 2 and 4: without spikes logistic
regression on the groups of pixels tells them apart without an error, while the sum of all brightness does
not.

Frames: ``learning``, ``answers``, ``weights``, ``response`` (see `protocol.one`). ``--controls`` runs
`CONTROLS` beside the circuit. Settings were chosen on validation images (``--set split=validation``).

``--quick`` is taught 80 images, once, and tested on 20.

Source: the circuit is new. Neurons, microcircuit and rule are those of Payeur et al. (2021), Nature
Neuroscience 24, doi:10.1038/s41593-021-00857-x.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from burstprop.experiments import Beside, Execution, Experiment

from .check import check, solved
from .circuit import Params, build
from .figure import controls_figure, figure
from .protocol import one

VARIANTS: dict[str, Params] = {
    "learned": Params(),
    "frozen_hidden": Params(eta_hidden=0.0),
    "no_feedback": Params(w_feedback=0.0, w_to_som=0.0),
}
CONTROLS = ("frozen_hidden", "no_feedback")


def quick_version(params: Params) -> Params:
    """Return the same circuit, taught and tested on fewer images."""
    return replace(params, examples=min(params.examples, 80), tested=20)


def run(params: Params, execution: Execution) -> dict[str, pd.DataFrame]:
    """Learn and test in every realization; see the module for the frames."""
    return execution.each(one, params)


def controls(frames: dict[str, pd.DataFrame], execution: Execution) -> dict[str, pd.DataFrame]:
    """Run all `CONTROLS` and return them beside the circuit, whose ``frames`` `run` has returned.

    Returns ``controls`` (variant, and the columns of ``learning``) and ``controls_solved`` (variant, and the
    columns of `check.solved`).
    """
    variants = {
        name: quick_version(VARIANTS[name]) if execution.quick else VARIANTS[name] for name in CONTROLS
    }
    return execution.beside(
        "controls",
        one,
        ("learned", frames),
        variants,
        lambda name, own: {"controls": own["learning"], "controls_solved": solved(own)},
    )


EXPERIMENT = Experiment(
    "digits-microcircuit",
    Params(),
    build=build,
    run=run,
    check=check,
    figure=figure,
    variants=VARIANTS,
    quick=quick_version,
    realizations=3,
    controls=Beside(controls, controls_figure),
)
