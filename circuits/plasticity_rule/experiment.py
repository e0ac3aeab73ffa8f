"""The burst-dependent rule in a population: burst probability steers the weights, the input's bursts do not.

Claim: raising the burst probability of the postsynaptic population potentiates its input synapses, lowering
it depresses them, and the bursts of the input population do not matter.

An input population projects to a postsynaptic one through plastic synapses that transmit events. The
dendrites of the postsynaptic population get 100 shared Poisson sources of 1 Hz, whose weight sets the burst
probability. Protocol: settling for 4 tau_avg without plasticity, then with plasticity segments of 25 s in
which that weight is 0.25 times 1, 1.5, 1, 0.55, 1; in a last one, at 1, the dendrites of the *input* get 40
pA more, and it bursts more.

Frames: ``plasticity_rule`` (realization, time_ms at the end of bins of 2.5 s, mean_weight, event and burst
rates of both populations), ``segments`` (start and end of each segment).

How it is judged. In every realization the mean weight has to go the way that the claim says, in each segment.
The mean rates of each segment (without its first 5 s) and its weight change are also held against one
realization of the published program, one by one and all together (`burstprop.report.agreement`), with a rate
of false alarms of 1 %. One realization has no spread, so standard deviations and correlations are those of
five stored realizations of this circuit with a seed of their own (``own_figures.csv``) and the run together.

Departures that the published figures need: the dendritic synapses feel the somatic voltage in their driving
force, and R of the lower homeostatic term is the rate of all spikes over 30 s
(`burstprop.circuit.plasticity`).

Source: Payeur, Guerguiev, Zenke, Richards & Naud (2021), Burst-dependent synaptic plasticity can coordinate
learning in hierarchical circuits, Nature Neuroscience 24, https://doi.org/10.1038/s41593-021-00857-x, Fig.
2E-G and Methods.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from burstprop.circuit import (
    Circuit,
    PlasticityChange,
    PoissonPopulation,
    Population,
    Projection,
    WeightChange,
)
from burstprop.circuit.connectivity import Probability
from burstprop.circuit.plasticity import BurstDependentRule
from burstprop.circuit.stimuli import Constant, Current
from burstprop.errors import BurstpropError
from burstprop.experiments import Execution, Experiment
from burstprop.neurons import PyramidalNeuron
from burstprop.parameters import quantity, validate
from burstprop.recording import Record
from burstprop.simulation import Simulation
from burstprop.simulation.long_run import run_kept

from .check import LEFT_MS, SKIPPED_MS, check
from .figure import figure

DENDRITIC = "dendritic->post.dendrite_exc"


@dataclass(frozen=True)
class Params:
    """All numbers of the circuit and its protocol; the defaults are the published ones."""

    n: int = quantity(1000, "1", "neurons of the input and of the postsynaptic population", low=1)
    probability: float = quantity(0.2, "1", "connection probability, input to post", low=0, high=1)
    w_start: float = quantity(0.08, "1", "plastic weights at the start", low=0)
    w_max: float = quantity(1.0, "1", "largest plastic weight", low=0, open_low=True)
    eta: float = quantity(3.5e-3, "1", "learning rate", low=0)
    tau_pre_ms: float = quantity(100.0, "ms", "decay of the presynaptic trace", low=0, open_low=True)
    tau_avg_ms: float = quantity(5000.0, "ms", "moving averages of events and bursts", low=0, open_low=True)
    e_min_hz: float = quantity(2.0, "Hz", "rate under which presynaptic events potentiate", low=0)
    e_max_hz: float = quantity(12.0, "Hz", "event rate above which the rule depresses", low=0)
    n_dendritic: int = quantity(100, "1", "shared sources that drive the postsynaptic dendrites", low=1)
    dendritic_rate_hz: float = quantity(1.0, "Hz", "rate of each", low=0)
    dendritic_probability: float = quantity(0.2, "1", "their connection probability", low=0, high=1)
    dendritic_weight: float = quantity(0.25, "1", "their weight", low=0)
    raised: float = quantity(1.5, "1", "factor of that weight in the second segment", low=0)
    lowered: float = quantity(0.55, "1", "factor of that weight in the fourth segment", low=0)
    n_sources: int = quantity(25_000, "1", "sources of either kind that drive the input", low=1)
    source_rate_hz: float = quantity(5.0, "Hz", "rate of each", low=0)
    exc_in_degree: float = quantity(100.0, "1", "mean number of excitatory ones of an input neuron", low=0)
    inh_in_degree: float = quantity(30.0, "1", "mean number of inhibitory ones", low=0)
    exc_soma: float = quantity(0.17, "1", "weight of the excitatory ones on the soma", low=0)
    exc_dendrite: float = quantity(0.0425, "1", "weight of the excitatory ones on the dendrite", low=0)
    inh_soma: float = quantity(0.26, "1", "weight of the inhibitory ones on the soma", low=0)
    inh_dendrite: float = quantity(0.065, "1", "weight of the inhibitory ones on the dendrite", low=0)
    post_dendrite_pa: float = quantity(50.0, "pA", "constant current into postsynaptic dendrites")
    input_dendrite_pa: float = quantity(40.0, "pA", "current into input dendrites in the last segment")
    settle_averages: float = quantity(4.0, "1", "settling time in units of tau_avg", low=0, open_low=True)
    segment_ms: float = quantity(25_000.0, "ms", "length of a segment", low=0, open_low=True)
    bin_ms: float = quantity(2500.0, "ms", "bin of all rates and weights", low=0, open_low=True)

    def __post_init__(self) -> None:
        """Check the numbers, and that bins end where the check reads the weights."""
        validate(self)
        unjudged = SKIPPED_MS + LEFT_MS
        if self.segment_ms <= unjudged:
            raise BurstpropError(
                f"Params.segment_ms = {self.segment_ms:g} ms: must be above {unjudged:g} ms, since its "
                f"first {SKIPPED_MS:g} ms and its last {LEFT_MS:g} ms are not judged"
            )
        settle = self.settle_averages * self.tau_avg_ms
        if any(
            abs(t / self.bin_ms - round(t / self.bin_ms)) > 1e-6 for t in (settle, self.segment_ms, LEFT_MS)
        ):
            common = math.gcd(*(round(10 * t) for t in (settle, self.segment_ms, LEFT_MS))) / 10
            raise BurstpropError(
                f"Params.bin_ms = {self.bin_ms:g} ms: must divide the settling time (settle_averages * "
                f"tau_avg_ms = {settle:g} ms), segment_ms = {self.segment_ms:g} ms, and {LEFT_MS:g} ms; "
                f"give {common:g} ms or a part of it, or other times"
            )


def segments(params: Params) -> pd.DataFrame:
    """Return the protocol: ``segment, start_ms, stop_ms, dendritic_factor, input_pa``; plasticity is off in
    the first row."""
    settle = params.settle_averages * params.tau_avg_ms
    stops = settle + params.segment_ms * np.arange(7)
    return pd.DataFrame(
        {
            "segment": ["settling", "baseline", "raised", "back", "lowered", "back again", "input bursts"],
            "start_ms": [0.0, *stops[:-1]],
            "stop_ms": stops,
            "dendritic_factor": [1.0, 1.0, params.raised, 1.0, params.lowered, 1.0, 1.0],
            "input_pa": [0.0] * 6 + [params.input_dendrite_pa],
        }
    )


def build(params: Params | None = None) -> Circuit:
    """Return the circuit with its protocol."""
    p = Params() if params is None else params
    neuron = PyramidalNeuron(dendritic_driving_force="somatic")
    parts = segments(p)
    rule = BurstDependentRule(
        eta=p.eta,
        tau_pre_ms=p.tau_pre_ms,
        tau_avg_ms=p.tau_avg_ms,
        e_min_hz=p.e_min_hz,
        e_max_hz=p.e_max_hz,
        w_max=p.w_max,
    )
    exc, inh = (Probability(min(1.0, k / p.n_sources)) for k in (p.exc_in_degree, p.inh_in_degree))
    return Circuit(
        populations=(
            Population("input", p.n, neuron),
            # the published program starts these at rest, without spread
            Population("post", p.n, replace(neuron, v_start_sd=0.0)),
            PoissonPopulation("dendritic", p.n_dendritic, p.dendritic_rate_hz),
            PoissonPopulation("exc", p.n_sources, p.source_rate_hz),
            PoissonPopulation("inh", p.n_sources, p.source_rate_hz),
        ),
        projections=(
            Projection(
                "input", "post", "soma_exc", p.w_start, Probability(p.probability), "events", rule=rule
            ),
            Projection(
                "dendritic", "post", "dendrite_exc", p.dendritic_weight, Probability(p.dendritic_probability)
            ),
            Projection("exc", "input", "soma_exc", p.exc_soma, exc),
            Projection("exc", "input", "dendrite_exc", p.exc_dendrite, exc),
            Projection("inh", "input", "soma_inh", p.inh_soma, inh),
            Projection("inh", "input", "dendrite_inh", p.inh_dendrite, inh),
        ),
        currents=(
            Current("post", "dendrite", Constant(p.post_dendrite_pa)),
            Current("input", "dendrite", Constant(p.input_dendrite_pa, parts["start_ms"].iloc[-1])),
        ),
        protocol=(
            PlasticityChange(parts["stop_ms"].iloc[0], True),
            *(
                WeightChange(start, DENDRITIC, p.dendritic_weight * factor)
                for start, factor in zip(parts["start_ms"][1:], parts["dendritic_factor"][1:], strict=True)
            ),
        ),
        plastic=False,
    )


def run(params: Params, execution: Execution) -> dict[str, pd.DataFrame]:
    """Run the realizations side by side; realization k of a seed is the same however many there are.

    Raises
    ------
    BurstpropError
        The parameters do not fit together.
    """
    build(params)  # a mistake in the parameters shows here, not in a worker
    return {**execution.each(realize, params), "segments": segments(params)}


def realize(
    params: Params,
    seed: int,
    realization: int,
    progress: Callable[[float], None],
    folder: Path | None = None,
) -> dict[str, pd.DataFrame]:
    """Run one realization and return its frame ``plasticity_rule``."""
    simulation = Simulation(
        build(params),
        seed=seed,
        realization=realization,
        record=Record(spikes=False, rates_bin_ms=params.bin_ms, weights_every_ms=params.bin_ms),
    )
    recording = run_kept(simulation, float(segments(params)["stop_ms"].iloc[-1]), folder, progress)
    rates = recording.rates.set_index("time_ms")
    post, source = (rates[rates["population"] == name] for name in ("post", "input"))
    frame = pd.DataFrame(
        {
            "realization": realization,
            "time_ms": post.index,
            "mean_weight": recording.weights.set_index("time_ms")["mean"].reindex(post.index).to_numpy(),
            "event_rate_hz": post["event_rate_hz"].to_numpy(),
            "burst_rate_hz": post["burst_rate_hz"].to_numpy(),
            "input_event_rate_hz": source["event_rate_hz"].to_numpy(),
            "input_burst_rate_hz": source["burst_rate_hz"].to_numpy(),
        }
    )
    return {"plasticity_rule": frame}


EXPERIMENT = Experiment(
    "plasticity_rule",
    Params(),
    build=build,
    run=run,
    check=check,
    figure=figure,
    realizations=20,
    quick_realizations=2,
)
