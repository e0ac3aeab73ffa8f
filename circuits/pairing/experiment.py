"""One synapse under the burst-dependent rule: three pairing protocols, and a change of sign in each.

Claim: depression turns into potentiation as the frequency of coincident (periodic) trains or the rate of
independent (Poisson) trains rises, and as the burst probability of Burst-Poisson trains rises; the point
where the sign switches moves with the history of bursting.

- *Periodic*: both neurons fire the same sequences of five spikes. The switch comes at one over the burst
  window, where spikes begin to form bursts.
- *Poisson*: a postsynaptic neuron that burst more before (a larger Bbar/Ebar at the start) switches at a
  higher rate.
- *Burst-Poisson*: random events, a given share of which are bursts. The change grows with the burst
  probability, and its sign switches where the burst probability is what it was before.

Source: Payeur, Guerguiev, Zenke, Richards & Naud (2021), Burst-dependent synaptic plasticity can coordinate
learning in hierarchical circuits, Nature Neuroscience 24, https://doi.org/10.1038/s41593-021-00857-x,
Fig. 2B-D and Methods.

The rule is `burstprop.spikes.single_synapse`, the trains are `burstprop.spikes.spike_trains`, the lines drawn
beside the simulation `burstprop.circuits.pairing.theory`. There are no populations here, and so no circuit to
build.

How it is run. Periodic: the averages go on between the sequences; e_pre needs no reset, since in the pause it
decays by e^-200. Poisson: both histories are given the same trains, so that the shift of the switch is not
blurred by the draw. The published figure shows mean and SD of 20 realizations; 200 here, because they take
seconds and place the switches to about 1 Hz. The published program decays by Euler steps (variant ``euler``,
the default); ``exact`` differs little.

Bounds of the checks are four standard errors, or stated beside the claim: a correct program fails one of them
by chance with about one seed in a thousand.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from burstprop.errors import BurstpropError
from burstprop.experiments import Execution, Experiment
from burstprop.report import plotting
from burstprop.system.progress import Progress

from .check import check
from .protocols import Condition, Params, conditions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REALIZATIONS = 200
"""Also in each run of a sweep: one has no spread."""
CURVE_POINTS = 200
BISECTIONS = 10
VARIANTS: dict[str, Params] = {"euler": Params(), "exact": Params(decay="exact")}


def run(params: Params, execution: Execution) -> dict[str, pd.DataFrame]:
    """Run the three protocols; all of it takes seconds on one core, so that nothing is kept in between.

    Returns
    -------
    dict of DataFrame
        ``pairing``: ``protocol, condition, x, mean_dw, sd_dw, realizations, closed_form_dw``, where x is the
        frequency or rate in Hz, or the burst probability; ``realizations``: ``protocol, condition, x,
        realization, dw``; ``closed_form``: ``protocol, condition, x, dw``, the closed forms on a fine grid;
        ``switch``: ``protocol, switch_hz``, of the protocol without randomness.

    Raises
    ------
    BurstpropError
        If the seed or the number of realizations is too small, or a protocol's numbers do not fit together.
    """
    seed, realizations = execution.seed, execution.realizations
    if realizations < 2:
        raise BurstpropError(f"realizations = {realizations}: the spread needs at least 2")
    if seed < 0:
        raise BurstpropError(f"seed = {seed}: must be at least 0")
    lines = conditions(params)
    for line in lines:
        # the extreme of each line with no train at all: what cannot be drawn is refused before anything runs
        line.changes(float(line.x[-1]), (seed, 0), 0)
    summary, draws, curves = [], [], []
    done = 0
    with Progress(
        sum(len(line.x) for line in lines), "pairing", "conditions", enabled=execution.progress
    ) as shown:
        for line in lines:
            label = {"protocol": line.protocol, "condition": line.condition}
            for index, x in enumerate(line.x):
                dw = line.changes(float(x), (seed, index), realizations)
                spread = dw.std(ddof=1) if len(dw) > 1 else np.nan
                numbers = {"mean_dw": dw.mean(), "sd_dw": spread, "realizations": len(dw)}
                summary.append({**label, "x": x, **numbers, "closed_form_dw": line.closed_form(float(x))})
                draws.append(pd.DataFrame({**label, "x": x, "realization": np.arange(len(dw)), "dw": dw}))
                done += 1
                shown.update(done)
            fine = np.linspace(line.x[0], line.x[-1], CURVE_POINTS)
            theory = [line.closed_form(float(x)) for x in fine]
            curves.append(pd.DataFrame({**label, "x": fine, "dw": theory}))
    return {
        "pairing": pd.DataFrame(summary),
        "realizations": pd.concat(draws, ignore_index=True),
        "closed_form": pd.concat(curves, ignore_index=True),
        "switch": pd.DataFrame([{"protocol": lines[0].protocol, "switch_hz": switch_hz(lines[0])}]),
    }


def switch_hz(line: Condition) -> float:
    """Return where a protocol without randomness first turns from depression to potentiation; NaN if nowhere.

    Between the two frequencies of the line where it does, by bisection.
    """

    def grows(x: float) -> bool:
        return bool(line.changes(x, (0, 0), 1)[0] >= 0.0)

    signs = [grows(float(x)) for x in line.x]
    place = next((k for k in range(1, len(signs)) if signs[k] and not signs[k - 1]), None)
    if place is None:
        return math.nan
    low, high = float(line.x[place - 1]), float(line.x[place])
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if grows(middle) else (middle, high)
    return 0.5 * (low + high)


# title, axis, and how a condition reads in the legend
PANELS = {
    "periodic": ("Periodic trains", "frequency (Hz)", "coincident trains"),
    "poisson": ("Poisson trains", "rate (Hz)", "burst probability before {}"),
    "burst_poisson": ("Burst-Poisson trains", "burst probability", "event rate {} Hz"),
}
COLOURS = (plotting.BLUE, plotting.VERMILION)


def figure(frames: dict[str, pd.DataFrame]) -> Figure:
    """Return the three panels: mean and SD over realizations as points, the closed form as a line."""
    shown, axes = plotting.figure(1, 3, width=9.0, height=3.0)
    for axis, protocol in zip(axes, PANELS, strict=True):
        summary, curves = (
            frames[name][frames[name]["protocol"] == protocol] for name in ("pairing", "closed_form")
        )
        title, label, legend = PANELS[protocol]
        # in words once: in the others they would lie on points
        plotting.level(axis, 0.0, "no change" if axis is axes[0] else "")
        for colour, condition in zip(COLOURS, summary["condition"].unique(), strict=False):
            points, curve = (frame[frame["condition"] == condition] for frame in (summary, curves))
            axis.plot(curve["x"], curve["dw"], color=colour, linewidth=1.2, alpha=0.7)
            name = legend.format(str(condition).partition("=")[2])
            style = {"fmt": "o", "markersize": 3, "capsize": 1.5, "elinewidth": 0.8}
            axis.errorbar(points["x"], points["mean_dw"], points["sd_dw"], color=colour, label=name, **style)
        plotting.title(axis, title)
        axis.set_xlabel(label)
        axis.legend(frameon=False, fontsize=7, loc="upper left")
    axes[0].set_ylabel("weight change (weight at the start: 0)")
    plotting.panel_letters(axes)
    realizations = int(frames["pairing"]["realizations"].max())
    points = f"points: mean and SD of {realizations} realizations (A needs one)"
    note = f"{points}; lines: closed form; dashed: no change"
    shown.supxlabel(note, x=0.99, ha="right", fontsize=7.5, color=plotting.GREY)
    return shown


EXPERIMENT = Experiment(
    "pairing",
    Params(),
    run=run,
    check=check,
    figure=figure,
    variants=VARIANTS,
    realizations=REALIZATIONS,
    quick_realizations=REALIZATIONS,
    sweep_realizations=REALIZATIONS,
)
