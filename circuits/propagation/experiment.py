"""Two messages through one circuit: a feedforward one in event rates, a feedback one in burst probabilities.

Two layers of pyramidal neurons, a PV/SOM microcircuit between them. After 1 s of settling, a sinusoidal
current goes into the somata of the lower layer (pyr1), another one with a period longer by the square root of
5 into the dendrites of the upper layer (pyr2), for 3 s.

Claim: the event rate E of both layers follows the somatic input of the lower layer, the burst probability P
of the upper layer its dendritic input, each with little trace of the other. P of the lower layer carries
both: the feedback message is what is left of it without its regression on E of the same layer.

Source: Payeur, Guerguiev, Zenke, Richards & Naud (2021), Burst-dependent synaptic plasticity can coordinate
learning in hierarchical circuits, Nature Neuroscience 24, https://doi.org/10.1038/s41593-021-00857-x, Fig. 3
and Methods.

What P of the lower layer carries. Facilitating synapses pass bursts, so what comes down is the burst *rate*
of the upper layer, B = P E, with the feedforward message in its E; and the strong current into the somata of
the lower layer changes its P a little by itself. P of pyr1 therefore follows B of pyr2 closely, and the
feedforward period is twice as strong in it as the feedback period, in the published program's numbers as
here. Who reads E of the same layer beside it gets the feedback message: P less its regression on E has a
fifth of the feedforward period left. The claims say both.

How it is judged. Every mean, amplitude and phase is compared with 25 realizations of the published program,
one by one and all together, by a Mahalanobis distance with their shrunk correlations
(`burstprop.report.agreement`); standard deviations are those of the published realizations and the run
together. A correct program fails one of these comparisons with one seed in a hundred. Phases count only where
the published amplitude is at least four times its SD. The variant ``other_drive`` (half the amplitude into
the somata, twice that into the dendrites) is held against 15 realizations of the published program with these
sines. docs/reference/power.md lists which changes of the circuit the check notices.

Departures of the published program from the paper's text that its figures need, all parameters: the somatic
driving force at dendritic synapses (``dendritic_driving_force``), the jump U of the facilitation at a spike
(``stp_jump``), its start at 0.01 (``stp_u_start``), and sources that spike at most once per step
(``background_counts``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from burstprop.circuit import Circuit, Population, Projection
from burstprop.circuit.connectivity import Probability
from burstprop.circuit.microcircuit import Microcircuit
from burstprop.circuit.stimuli import Constant, Current, Sine
from burstprop.circuit.synapses import ShortTermPlasticity
from burstprop.errors import BurstpropError
from burstprop.experiments import Execution, Experiment
from burstprop.neurons import PyramidalNeuron
from burstprop.parameters import quantity
from burstprop.recording import Record
from burstprop.simulation import Simulation
from burstprop.simulation.long_run import run_kept

from .check import check
from .figure import figure
from .fit import FEWEST_BINS, Protocol
from .reference import DRIVES

RASTER_NEURONS = 25
"""Of each population, in the figure; the spikes of the others are not kept."""


@dataclass(frozen=True)
class Params(Microcircuit):
    """All numbers of the circuit and its protocol, those of the PV/SOM microcircuit first."""

    n_pyr1: int = quantity(4000, "1", "neurons of the lower layer", low=1)
    n_pyr2: int = quantity(4000, "1", "neurons of the upper layer", low=1)
    w_pyr1_pyr2: float = quantity(0.05, "1", "pyr1 -> somata of pyr2, depressing", low=0)
    w_pyr2_pyr1: float = quantity(0.37, "1", "pyr2 -> dendrites of pyr1, facilitating", low=0)
    w_pyr1_pyr1: float = quantity(0.1, "1", "pyr1 -> own dendrites, inhibitory, facilitating", low=0)
    w_pyr2_pyr2: float = quantity(0.1, "1", "pyr2 -> own dendrites, inhibitory, facilitating", low=0)
    bg_soma_exc: float = quantity(0.35, "1", "excitatory background of pyramidal somata", low=0)
    bg_soma_inh: float = quantity(0.35, "1", "inhibitory background of pyramidal somata", low=0)
    bg_dendrite_exc: float = quantity(0.05, "1", "excitatory background of pyramidal dendrites", low=0)
    bg_dendrite_inh: float = quantity(0.05, "1", "inhibitory background of pyramidal dendrites", low=0)
    pyr1_soma_pa: float = quantity(0.0, "pA", "constant current into somata of pyr1")
    pyr1_dendrite_pa: float = quantity(50.0, "pA", "constant current into dendrites of pyr1")
    pyr2_soma_pa: float = quantity(-100.0, "pA", "constant current into somata of pyr2")
    pyr2_dendrite_pa: float = quantity(100.0, "pA", "constant current into dendrites of pyr2")
    depressing_tau_d_ms: float = quantity(20.0, "ms", "depressing synapses, tau_D", low=0, open_low=True)
    depressing_tau_f_ms: float = quantity(1000.0, "ms", "depressing synapses, tau_F", low=0, open_low=True)
    depressing_u: float = quantity(0.9, "1", "depressing synapses, U", low=0, high=1)
    facilitating_tau_d_ms: float = quantity(100.0, "ms", "facilitating synapses, tau_D", low=0, open_low=True)
    facilitating_tau_f_ms: float = quantity(100.0, "ms", "facilitating synapses, tau_F", low=0, open_low=True)
    facilitating_u: float = quantity(0.02, "1", "facilitating synapses, U", low=0, high=1)
    stp_jump: float | None = quantity(
        None, "1", "rise of u at a spike; none: U (the paper's text: 0.1)", low=0, high=1, optional=True
    )
    stp_u_start: float | None = quantity(0.01, "1", "u at t = 0; none: U", low=0, high=1, optional=True)
    feedforward_pa: float = quantity(200.0, "pA", "amplitude of the sine into somata of pyr1")
    feedforward_period_ms: float = quantity(500.0, "ms", "its period", low=0, open_low=True)
    feedback_pa: float = quantity(100.0, "pA", "amplitude of the sine into dendrites of pyr2")
    feedback_period_ms: float = quantity(500.0 * math.sqrt(5.0), "ms", "its period", low=0, open_low=True)
    settling_ms: float = quantity(1000.0, "ms", "before the sines are switched on", low=0)
    stimulation_ms: float = quantity(3000.0, "ms", "with the sines", low=0)
    bin_ms: float = quantity(50.0, "ms", "bin of all rates", low=0, open_low=True)
    burst_window_ms: float = quantity(16.0, "ms", "window of events and bursts", low=0, open_low=True)
    dt_ms: float = quantity(0.1, "ms", "time step", low=0, open_low=True)
    dendritic_driving_force: str = field(
        default="somatic", metadata={"doc": "voltage in the drive of dendritic synapses: somatic or own"}
    )


VARIANTS: dict[str, Params] = {
    "published": Params(),
    "other_drive": Params(feedforward_pa=DRIVES["other_drive"][0], feedback_pa=DRIVES["other_drive"][1]),
}


def build(params: Params | None = None) -> Circuit:
    """Return the circuit, stimuli included."""
    p = Params() if params is None else params
    # Departure: the published program drives dendritic synapses with the somatic voltage, and its figures
    # need it.
    pyramidal = PyramidalNeuron(dendritic_driving_force=p.dendritic_driving_force)
    # Departures: u rises by U at a spike (stp_jump none), not by 0.1 as the paper's text says, and starts at
    # 0.01.
    depressing, facilitating = (
        ShortTermPlasticity(tau_d, tau_f, u, p.stp_jump, p.stp_u_start)
        for tau_d, tau_f, u in (
            (p.depressing_tau_d_ms, p.depressing_tau_f_ms, p.depressing_u),
            (p.facilitating_tau_d_ms, p.facilitating_tau_f_ms, p.facilitating_u),
        )
    )
    # Departure: backgrounds spike at most once per step and source (background_counts bernoulli), with true
    # Poisson counts PV fires at 14.5 instead of 13.2 Hz.
    interneurons = p.between("pyr1", "pyr2", feedforward=depressing, feedback=facilitating)

    def pyramids(name: str, n: int) -> Population:
        return Population(name, n, pyramidal, burst_window_ms=p.burst_window_ms)

    def project(
        source: str, target: str, receptor: str, weight: float, stp: ShortTermPlasticity
    ) -> Projection:
        joined = Probability(p.connection_probability)
        return Projection(source, target, receptor, weight, joined, stp=stp, delay_ms=p.delay_ms)

    return Circuit(
        populations=(pyramids("pyr1", p.n_pyr1), pyramids("pyr2", p.n_pyr2), *interneurons.populations),
        projections=(
            project("pyr1", "pyr2", "soma_exc", p.w_pyr1_pyr2, depressing),
            project("pyr2", "pyr1", "dendrite_exc", p.w_pyr2_pyr1, facilitating),
            project("pyr1", "pyr1", "dendrite_inh", p.w_pyr1_pyr1, facilitating),
            project("pyr2", "pyr2", "dendrite_inh", p.w_pyr2_pyr2, facilitating),
            *interneurons.projections,
        ),
        backgrounds=(
            *(
                p.background(layer, receptor, weight)
                for layer in ("pyr1", "pyr2")
                for receptor, weight in (
                    ("soma_exc", p.bg_soma_exc),
                    ("soma_inh", p.bg_soma_inh),
                    ("dendrite_exc", p.bg_dendrite_exc),
                    ("dendrite_inh", p.bg_dendrite_inh),
                )
            ),
            *interneurons.backgrounds,
        ),
        currents=(
            Current("pyr1", "soma", Constant(p.pyr1_soma_pa)),
            Current("pyr1", "dendrite", Constant(p.pyr1_dendrite_pa)),
            Current("pyr2", "soma", Constant(p.pyr2_soma_pa)),
            Current("pyr2", "dendrite", Constant(p.pyr2_dendrite_pa)),
            Current("pyr1", "soma", feedforward(p)),
            Current("pyr2", "dendrite", feedback(p)),
            *interneurons.currents,
        ),
        dt_ms=p.dt_ms,
    )


def feedforward(params: Params) -> Sine:
    """Return the current into the somata of the lower layer."""
    return Sine(params.feedforward_pa, params.feedforward_period_ms, start_ms=params.settling_ms)


def feedback(params: Params) -> Sine:
    """Return the current into the dendrites of the upper layer."""
    return Sine(params.feedback_pa, params.feedback_period_ms, start_ms=params.settling_ms)


def duration_ms(params: Params) -> float:
    """Return the length of the whole protocol."""
    return params.settling_ms + params.stimulation_ms


def run(params: Params, execution: Execution) -> dict[str, pd.DataFrame]:
    """Run the realizations side by side; realization k of a seed is the same however many there are.

    Returns
    -------
    dict of DataFrame
        ``rates``: the rates of all populations and realizations (`burstprop.recording`); ``spikes``: those of
        the first neurons of each population in the first realization; ``stimuli``: ``time_ms, feedforward_pa,
        feedback_pa``; ``protocol``: one row, what the check has to know of the parameters.

    Raises
    ------
    BurstpropError
        The stimulation is too short for a fit of both periods, or something in the parameters does not fit.
    """
    if params.stimulation_ms < FEWEST_BINS * params.bin_ms:
        raise BurstpropError(
            f"Params.stimulation_ms = {params.stimulation_ms:g} ms: the check fits both periods to bins of "
            f"{params.bin_ms:g} ms and needs at least {FEWEST_BINS} of them; give "
            f"{FEWEST_BINS * params.bin_ms:g} ms or more"
        )
    build(params)  # a mistake in the parameters shows here, not in a worker
    time = np.arange(0.0, duration_ms(params) + 0.5, 1.0)
    protocol = {name: getattr(params, name) for name in (*Protocol._fields, "feedforward_pa", "feedback_pa")}
    return {
        **execution.each(realize, params),
        "stimuli": pd.DataFrame(
            {
                "time_ms": time,
                "feedforward_pa": feedforward(params).current(time),
                "feedback_pa": feedback(params).current(time),
            }
        ),
        "protocol": pd.DataFrame([protocol]),
    }


def realize(
    params: Params,
    seed: int,
    realization: int,
    progress: Callable[[float], None],
    folder: Path | None = None,
) -> dict[str, pd.DataFrame]:
    """Run one realization and return its ``rates``, and in the first one the ``spikes`` of a few neurons."""
    simulation = Simulation(
        build(params),
        seed=seed,
        realization=realization,
        record=Record(spikes=realization == 1, rates_bin_ms=params.bin_ms),
    )
    recording = run_kept(simulation, duration_ms(params), folder, progress)
    spikes = recording.spikes[recording.spikes["neuron_id"] < RASTER_NEURONS]
    return {"rates": recording.rates, "spikes": spikes}


EXPERIMENT = Experiment(
    "propagation",
    Params(),
    build=build,
    run=run,
    check=check,
    figure=figure,
    duration_ms=duration_ms,
    variants=VARIANTS,
    realizations=5,
    quick_realizations=2,
)
