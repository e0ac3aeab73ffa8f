"""Interneurons that read bursts, in NEST and in burstprop: the same spikes in, the same statistics out.

Bursting pyramidal cells of burstprop are recorded, and their spikes are given to both simulators. There they
drive adaptive exponential neurons through short-term plastic synapses: PV cells through depressing ones,
which pass events, SOM cells through facilitating ones, which pass bursts. Every neuron has background input
of its own, which each simulator draws for itself. What corresponds:

=============================================  ====================================================
burstprop                                      NEST
=============================================  ====================================================
`AdEx`, refractory_hold="reset", v_low=-200    ``aeif_cond_exp``
weight, in units of the leak conductance       weight in nS: times ``g_L``
`ShortTermPlasticity`                          ``tsodyks2_synapse`` (U, tau_rec, tau_fac, u = U)
`SpikeSource`                                  ``spike_generator``, through a ``parrot_neuron``
`Background`                                   ``poisson_generator``; every target has its own spikes
=============================================  ====================================================

NEST adapts its steps to the upstroke of a spike. burstprop takes equal steps, so the comparison takes small
ones, ``DT_MS``: with 0.1 ms these PV cells spike 6 to 9 % less. `compare` runs both and returns what they
measured. Run it with ``python interneurons_in_nest.py``; it needs NEST 3 (``pip install nest-simulator``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nest
import numpy as np
import pandas as pd

from burstprop import (
    Background,
    Circuit,
    Constant,
    Current,
    Matrix,
    Population,
    Projection,
    PyramidalNeuron,
    ShortTermPlasticity,
    SpikeSource,
    simulate,
)
from burstprop.circuit.synapses import depressing, facilitating
from burstprop.neurons import AdEx, pv_interneuron, som_interneuron

N_PYR, N = 200, 200
DURATION_MS, SETTLING_MS = 5000.0, 500.0
DT_MS = 0.025
SAME_REST = {"refractory_hold": "reset", "v_low": -200.0, "v_start_sd": 0.0}
CELLS: dict[str, AdEx] = {
    "pv": replace(pv_interneuron(), **SAME_REST),
    "som": replace(som_interneuron(), **SAME_REST),
}
SYNAPSES: dict[str, tuple[float, ShortTermPlasticity]] = {
    "pv": (0.5, depressing()),
    "som": (3.0, facilitating()),
}
BACKGROUNDS = {"pv": (0.75, 1.125), "som": (0.4, 0.5)}
"""Weights of excitation and inhibition from 500 Hz of background."""
CURRENTS_PA = {"pv": 150.0, "som": 0.0}


def pyramidal_spikes(seed: int) -> pd.DataFrame:
    """Return the spikes of bursting pyramidal cells."""
    circuit = Circuit(
        populations=(Population("pyr", N_PYR, PyramidalNeuron()),),
        backgrounds=tuple(
            Background("pyr", receptor, rate_hz=500.0, weight=0.35) for receptor in ("soma_exc", "soma_inh")
        ),
        currents=(Current("pyr", "soma", Constant(150.0)), Current("pyr", "dendrite", Constant(200.0))),
    )
    return simulate(circuit, DURATION_MS, seed=seed).spikes


def in_burstprop(
    spikes: pd.DataFrame, joined: dict[str, np.ndarray], seed: int, dt_ms: float = DT_MS
) -> pd.DataFrame:
    """Return the spikes of both populations: ``time_ms, population, neuron_id``."""
    circuit = Circuit(
        populations=(
            SpikeSource.of("pyr", spikes, N_PYR),
            *(Population(name, N, cell) for name, cell in CELLS.items()),
        ),
        projections=tuple(
            Projection("pyr", name, "soma_exc", weight, Matrix(joined[name]), stp=stp)
            for name, (weight, stp) in SYNAPSES.items()
        ),
        backgrounds=tuple(
            Background(name, receptor, rate_hz=500.0, weight=weight)
            for name, weights in BACKGROUNDS.items()
            for receptor, weight in zip(("soma_exc", "soma_inh"), weights, strict=True)
        ),
        currents=tuple(Current(name, "soma", Constant(pa)) for name, pa in CURRENTS_PA.items()),
        dt_ms=dt_ms,
    )
    found = simulate(circuit, DURATION_MS, seed=seed).spikes
    return found[found["population"] != "pyr"]


def in_nest(spikes: pd.DataFrame, joined: dict[str, np.ndarray], seed: int) -> pd.DataFrame:
    """Return the same from NEST."""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.WARNING
    nest.set(resolution=0.1, rng_seed=seed)
    trains = [
        {
            "spike_times": np.round(own["time_ms"].to_numpy() + 0.1, 1)
        }  # NEST stamps a spike at the end of its step
        for _, own in spikes.groupby(pd.Categorical(spikes["neuron_id"], range(N_PYR)), observed=False)
    ]
    given, sources = nest.Create("spike_generator", N_PYR, params=trains), nest.Create("parrot_neuron", N_PYR)
    nest.Connect(given, sources, "one_to_one", {"delay": 0.1})
    recorders = {}
    for name, cell in CELLS.items():
        neurons = nest.Create("aeif_cond_exp", N, params=parameters(cell, CURRENTS_PA[name]))
        weight, stp = SYNAPSES[name]
        pre, post = np.nonzero(joined[name])
        nest.Connect(
            np.array(sources)[pre],
            np.array(neurons)[post],
            "one_to_one",
            {
                "synapse_model": "tsodyks2_synapse",
                "weight": np.full(len(pre), weight * cell.g_l),
                "delay": np.full(len(pre), 0.7),  # the way to the parrot took 0.1 ms of 0.8
                **{
                    "U": stp.utilisation,
                    "u": stp.utilisation,
                    "tau_rec": stp.tau_d_ms,
                    "tau_fac": stp.tau_f_ms,
                },
            },
        )
        for sign, strength in zip((1.0, -1.0), BACKGROUNDS[name], strict=True):
            noise = nest.Create("poisson_generator", params={"rate": 500.0})
            nest.Connect(noise, neurons, "all_to_all", {"weight": sign * strength * cell.g_l, "delay": 0.8})
        recorders[name] = nest.Create("spike_recorder"), neurons[0].global_id
        nest.Connect(neurons, recorders[name][0])
    nest.Simulate(DURATION_MS)
    tables = []
    for name, (recorder, first) in recorders.items():
        found = {"time_ms": recorder.events["times"], "neuron_id": recorder.events["senders"] - first}
        tables.append(pd.DataFrame(found | {"population": name}))
    return pd.concat(tables, ignore_index=True)


def parameters(cell: AdEx, current_pa: float) -> dict[str, Any]:
    """Return the parameters of ``aeif_cond_exp`` for a cell of burstprop."""
    return {
        **{
            "C_m": cell.c,
            "g_L": cell.g_l,
            "E_L": cell.e_l,
            "V_m": cell.e_l,
            "V_th": cell.v_t,
            "Delta_T": cell.d,
        },
        **{"V_peak": cell.v_spike, "V_reset": cell.v_r, "t_ref": cell.refractory_ms, "I_e": current_pa},
        **{"a": cell.a, "b": cell.b, "tau_w": cell.tau_w},
        **{"E_ex": cell.e_exc, "E_in": cell.e_inh, "tau_syn_ex": cell.tau_exc, "tau_syn_in": cell.tau_inh},
    }


def statistics(spikes: pd.DataFrame, population: str) -> list[float]:
    """Return rate (Hz), its spread over the neurons (Hz), and mean CV of the intervals."""
    own = spikes[(spikes["population"] == population) & (spikes["time_ms"] > SETTLING_MS)]
    trains = [np.sort(train.to_numpy()) for _, train in own.groupby("neuron_id")["time_ms"]]
    rates = np.zeros(N)
    rates[: len(trains)] = [len(train) for train in trains]
    rates /= (DURATION_MS - SETTLING_MS) / 1000.0
    intervals = [np.diff(train) for train in trains if len(train) > 5]
    return [rates.mean(), rates.std(), float(np.mean([i.std() / i.mean() for i in intervals]))]


def compare(seed: int = 1, dt_ms: float = DT_MS) -> pd.DataFrame:
    """Return the statistics of both, a row each: ``statistic, unit, theirs, burstprop``."""
    spikes = pyramidal_spikes(seed)
    rng = np.random.default_rng(seed)
    joined = {name: (rng.random((N_PYR, N)) < 0.1).astype(float) for name in CELLS}
    theirs, ours = in_nest(spikes, joined, seed), in_burstprop(spikes, joined, seed, dt_ms)
    names = (("rate", "Hz"), ("spread of the rate over neurons", "Hz"), ("CV of the intervals", "1"))
    rows = [
        (f"{population}: {name}", unit, a, b)
        for population in CELLS
        for (name, unit), a, b in zip(
            names, statistics(theirs, population), statistics(ours, population), strict=True
        )
    ]
    return pd.DataFrame(rows, columns=["statistic", "unit", "theirs", "burstprop"])


if __name__ == "__main__":
    print(compare().to_string(index=False))
