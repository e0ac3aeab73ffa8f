"""An adaptive exponential neuron in Brian2 and in burstprop: the same currents in, the same rates out.

Equations in Brian2 are text with units; in burstprop a model is a class, and its parameters are plain numbers
in ms, mV, pA, pF and nS. Both take forward Euler steps of 0.1 ms here. They differ in how they compute the
exponential of the upstroke. `compare` runs both and returns what they measured. Run it with
``python adex_in_brian2.py``; it needs Brian2.
"""

from __future__ import annotations

import brian2 as b
import numpy as np
import pandas as pd

from burstprop import AdEx, Circuit, Controlled, Current, Population, Simulation

N, DURATION_MS = 20, 1000.0


def in_brian2(currents_pa: np.ndarray) -> np.ndarray:
    """Return the rate of each neuron, Hz."""
    b.prefs.codegen.target = "numpy"
    b.defaultclock.dt = 0.1 * b.ms
    group = b.NeuronGroup(
        N,
        """dv/dt = (-10*nS*(v + 70*mV) + 10*nS*2*mV*exp((v + 48*mV)/(2*mV)) - w + I)/(100*pF) : volt
           dw/dt = -w/(500*ms) : amp
           I : amp""",
        threshold="v > 0*mV",
        reset="v = -55*mV; w += 20*pA",
        method="euler",
    )
    group.v, group.I = -70 * b.mV, currents_pa * b.pA
    monitor = b.SpikeMonitor(group)
    b.Network(group, monitor).run(DURATION_MS * b.ms)
    return np.array(monitor.count) / (DURATION_MS / 1000.0)


def in_burstprop(currents_pa: np.ndarray) -> np.ndarray:
    """Return the rate of each neuron, Hz."""
    neuron = AdEx(b=20.0, refractory_ms=0.0, v_start_sd=0.0, v_low=-200.0)
    circuit = Circuit((Population("adex", N, neuron),), currents=(Current("adex", "soma", Controlled()),))
    simulation = Simulation(circuit, seed=1)
    simulation.set_current("adex", "soma", currents_pa)
    simulation.advance(DURATION_MS)
    spikes = simulation.recording().spikes
    return np.bincount(spikes["neuron_id"], minlength=N) / (DURATION_MS / 1000.0)


def compare(seed: int = 1) -> pd.DataFrame:
    """Return the statistics of both, a row each: ``statistic, unit, theirs, burstprop``."""
    currents_pa = np.random.default_rng(seed).uniform(260.0, 500.0, N)
    theirs, ours = in_brian2(currents_pa), in_burstprop(currents_pa)
    slopes = [np.polyfit(currents_pa, rates, 1)[0] for rates in (theirs, ours)]
    rows = [
        ("mean rate of 20 currents", "Hz", theirs.mean(), ours.mean()),
        ("slope of rate over current", "Hz/pA", *slopes),
    ]
    return pd.DataFrame(rows, columns=["statistic", "unit", "theirs", "burstprop"])


if __name__ == "__main__":
    print(compare().to_string(index=False))
