"""A spiking circuit that learns XOR with bursts as the error signal.

Claim: two layers of plastic synapses onto bursting neurons learn the exclusive or of two inputs from teaching
currents into the output's dendrites alone: bursts, sent back to the hidden populations, tell the hidden
synapses what to do. After learning the event rate of the output is high for 10 and 01, low for 00 and 11, and
the cost is far under chance.

Five populations of 500 Burst-Poisson neurons: two inputs, two hidden populations, one output. Feedforward
excitation is plastic and transmits events, beside fixed inhibition that does the same; feedback from the
output transmits bursts into the hidden dendrites, mostly excitation to hidden1, mostly inhibition to hidden2
(which gets a constant current instead).

Protocol. Settling for 3 tau_avg; the four patterns 8 s each without plasticity; 500 epochs of the four
patterns in the order 00, 10, 01, 11. Each example: 7.2 s in which the circuit predicts (no plasticity), then
0.8 s with plasticity and, into the dendrite of each output neuron, a current that depends on how far its
averaged event rate is from the target; then the four patterns again without plasticity. The cost of an
example is the cross-entropy of the mean event rate of the output population, scaled from E_min..E_max to
0..1; that of an epoch the sum over the four patterns, 4 ln 2 = 2.77 by guessing.

Frames: ``xor`` (realization, epoch, cost, event rate of the output for each pattern, at the end of the
prediction), ``examples`` (every example, with the mean teaching current), ``rates`` (event and burst rates of
all populations, every tenth epoch: in the second half of the prediction, and bursts while it is taught),
``tests`` (rates of all populations over time in the tests before and after), ``outputs`` (averaged output at
the end of each test pattern), ``weights``, and ``protocol``, one row with what the check has to know of the
parameters.

Controls, each a variant that takes one thing away: ``frozen_hidden`` (no plasticity in the hidden layer),
``no_teaching`` (no teaching current), ``no_feedback`` (feedback weights zero), ``shuffled_feedback`` (every
hidden neuron draws which of the two kinds of feedback weights it gets), ``exchanged_feedback`` (hidden1 gets
the feedback weights of hidden2 and the other way round; currents stay), ``fed_alike`` (hidden2 gets what
hidden1 gets, and no current). Extended data: ``symmetric_feedback`` (fed alike, both learning rates halved),
``example_4s`` (tau_avg 2 s, examples of 4 s), ``tau_avg_500ms`` (tau_avg 0.5 s, examples of 8 s),
``no_feedback_inhibition``. The controls are run and shown beside the circuit by ``--controls``, the variants
of the extended data by ``--extended``, any others by a sweep; all can be resumed::

    burstprop reproduce xor --controls
    burstprop reproduce xor --extended
    burstprop sweep xor --variant published,symmetric_feedback,example_4s --seeds 1:6 --out extended

A variant run alone is held against the claims of the published circuit: one that fails says what the part
is needed for.

``--quick`` runs a smaller circuit that learns faster (`quick_version`), one realization of it; what ``--set``
changes are then the numbers of that circuit. Feedback in other proportions is learned with as well, so what
is learned does not tell whose feedback it was; the rates and bursts of hidden and output populations before
learning do. Quick runs are held against those of 12 stored ones with a seed of their own
(``own_figures.csv``, `burstprop.report.agreement`).

The dendritic synapses feel the somatic voltage in their driving force, as in the published program.

Source: Payeur, Guerguiev, Zenke, Richards & Naud (2021), Burst-dependent synaptic plasticity can coordinate
learning in hierarchical circuits, Nature Neuroscience 24, https://doi.org/10.1038/s41593-021-00857-x, Fig. 4
and Methods.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from burstprop.experiments import Beside, Execution, Experiment

from .check import check, rates_in_tests, solved
from .circuit import PATTERNS, Params, build
from .figure import compare, costs_and_outputs, figure
from .protocol import one

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUICK_EPOCHS = 140

FED_ALIKE = Params(feedback2_exc=0.26, feedback2_inh=0.06, hidden2_dendrite_pa=0.0)
VARIANTS: dict[str, Params] = {
    "published": Params(),
    "frozen_hidden": Params(eta_hidden=0.0),
    "no_teaching": Params(teaching_pa=0.0),
    "no_feedback": Params(feedback1_exc=0.0, feedback1_inh=0.0, feedback2_exc=0.0, feedback2_inh=0.0),
    "shuffled_feedback": Params(feedback_shuffled=True),
    "exchanged_feedback": Params(
        feedback1_exc=0.026, feedback1_inh=0.27, feedback2_exc=0.26, feedback2_inh=0.06
    ),
    "fed_alike": FED_ALIKE,
    "symmetric_feedback": replace(FED_ALIKE, eta_hidden=4e-3, eta_output=2e-3),
    "example_4s": Params(example_ms=4000.0),
    "tau_avg_500ms": Params(tau_avg_ms=500.0),
    "no_feedback_inhibition": Params(feedback1_inh=0.0, feedback2_inh=0.0),
}

CONTROLS = (
    "frozen_hidden",
    "no_teaching",
    "no_feedback",
    "shuffled_feedback",
    "exchanged_feedback",
    "fed_alike",
)
"""Variants that take one thing away from the published circuit."""
EXTENDED = ("symmetric_feedback", "example_4s", "tau_avg_500ms", "no_feedback_inhibition")
"""Variants of the extended data."""


def quick_version(params: Params) -> Params:
    """Return a smaller circuit that learns the same task faster.

    Fewer neurons, shorter examples with a larger share of teaching, stronger teaching, larger steps of
    learning.
    """
    return replace(
        params,
        n=min(params.n, 200),
        in_degree=min(params.in_degree, 100.0),
        tau_avg_ms=round(0.4 * params.tau_avg_ms, 1),
        example_ms=round(0.3 * params.example_ms, 1),
        teaching_share=1 / 3,
        epochs=min(params.epochs, QUICK_EPOCHS),
        teaching_pa=3 * params.teaching_pa,
        eta_hidden=2 * params.eta_hidden,
        eta_output=2 * params.eta_output,
    )


def run(params: Params, execution: Execution) -> dict[str, pd.DataFrame]:
    """Run the learning protocol and return the frames that the module names.

    Raises
    ------
    BurstpropError
        The parameters do not fit together, or the folder of the execution holds another run.
    """
    return _with_epochs(params, execution.each(_one_of(params.level), params), execution.quick)


def _one_of(level: str) -> Callable[..., dict[str, pd.DataFrame]]:
    """Return what runs one realization: the spiking circuit, or rate units."""
    if level == "ensemble":
        from .rates import one_of_rates

        return one_of_rates
    return one


def controls(frames: dict[str, pd.DataFrame], execution: Execution) -> dict[str, pd.DataFrame]:
    """Run all `CONTROLS`, and return them beside the published circuit, whose ``frames`` `run` has returned.

    They run at the level of ``frames``: spiking, or rate units. Where the execution is quick, `quick_version`
    of each is run. Returns ``controls`` (variant, and the columns of ``xor``), ``controls_rates`` (variant,
    and the rates of all populations in the tests before and after learning) and ``controls_solved`` (variant,
    and the columns of `solved`).
    """
    return _beside("controls", CONTROLS, frames, execution)


def controls_figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return the learning curves of the published circuit and its controls, from the frames of `controls`."""
    return compare(frames["controls"])


def extended(frames: dict[str, pd.DataFrame], execution: Execution) -> dict[str, pd.DataFrame]:
    """Run all variants of `EXTENDED` as `controls` runs the controls; the frames are ``extended``,
    ``extended_rates`` and ``extended_solved``."""
    return _beside("extended", EXTENDED, frames, execution)


def extended_figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return costs and outputs of the variants of the extended data, from the frames of `extended`."""
    return costs_and_outputs(frames["extended"])


def _beside(
    title: str, names: tuple[str, ...], frames: dict[str, pd.DataFrame], execution: Execution
) -> dict[str, pd.DataFrame]:
    """Run variants; return their frames, called after ``title``, those of the published circuit first."""
    level = frames["protocol"]["level"].iloc[0]
    variants = {name: replace(VARIANTS[name], level=level) for name in names}
    if execution.quick:
        variants = {name: quick_version(params) for name, params in variants.items()}

    def tables(name: str, own: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        whole = _with_epochs(variants[name], own, execution.quick) if name in variants else own
        return {
            title: whole["xor"],
            f"{title}_rates": rates_in_tests(whole["tests"]),
            f"{title}_solved": solved(whole),
        }

    return execution.beside(title, _one_of(level), ("published", frames), variants, tables)


def _with_epochs(params: Params, frames: dict[str, pd.DataFrame], quick: bool) -> dict[str, pd.DataFrame]:
    """Return the frames of all realizations with ``xor`` and ``protocol``."""
    protocol = {
        "midpoint_hz": (params.e_min_hz + params.e_max_hz) / 2,
        "published": replace(params, level="spiking") == Params(),
        "quick": quick,
        "level": params.level,
    }
    return {"xor": by_epoch(frames["examples"]), **frames, "protocol": pd.DataFrame([protocol])}


def by_epoch(examples: pd.DataFrame) -> pd.DataFrame:
    """Return the frame ``xor``: realization, epoch, cost, and the output's event rate for each pattern."""
    wide = examples.pivot_table(index=["realization", "epoch"], columns="pattern", values="output_hz")
    wide = wide[list(PATTERNS)].rename(columns={p: f"event_rate_{p.replace(' ', '')}_hz" for p in PATTERNS})
    wide.columns.name = None
    wide.insert(0, "cost", examples.groupby(["realization", "epoch"])["cost"].sum())
    return wide.reset_index()


EXPERIMENT = Experiment(
    "xor",
    Params(),
    build=build,
    run=run,
    check=check,
    figure=figure,
    variants=VARIANTS,
    quick=quick_version,
    realizations=5,
    controls=Beside(controls, controls_figure),
    extended=Beside(extended, extended_figure),
)
