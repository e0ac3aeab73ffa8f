"""The default of every parameter, against a table of its own, read from the paper and its program.

Tests against the oracles take their numbers from the model, so a wrong default would go with them.
"""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields

import numpy as np
import pytest

from burstprop import neurons
from burstprop.circuit import Projection
from burstprop.circuit.plasticity import BurstDependentRule
from burstprop.circuit.populations import PoissonPopulation, Population
from burstprop.circuit.stimuli import Background
from burstprop.circuit.synapses import depressing, facilitating
from burstprop.neurons import AdEx, BurstPoissonNeuron, PyramidalNeuron, pv_interneuron, som_interneuron
from burstprop.spikes.single_synapse import SingleSynapse

# mV, ms, pA, pF, nS, Hz
SYNAPTIC = dict(e_exc=0.0, e_inh=-80.0, tau_exc=5.0, tau_inh=10.0, v_start=-70.0, v_start_sd=5.0)
TWO_COMPARTMENTS = dict(
    e_l=-70.0, v_r=-70.0, th_0=-50.0, tau_th=27.0, dth=2.0, c_s=370.0, tau_s=16.0, tau_ws=100.0, b_ws=-200.0,
    c_d=170.0, tau_d=7.0, tau_wd=30.0, a_w=-13.0, d_d=6.0, dendritic_driving_force="own", **SYNAPTIC,
)  # fmt: skip
INTERNEURON = dict(
    c=100.0, e_l=-70.0, tau_w=500.0, v_spike=0.0, v_low=-80.0, v_high=20.0, refractory_hold="rest", **SYNAPTIC
)
PV = dict(g_l=10.0, d=2.0, v_t=-48.0, v_r=-55.0, a=0.0, b=0.0, refractory_ms=1.0, **INTERNEURON)
SOM = dict(
    g_l=5.0, d=4.0, v_t=-61.835786173761766, v_r=-65.0, a=0.5, b=10.0, refractory_ms=2.0, **INTERNEURON
)
MODELS = {
    "pyramidal": (
        PyramidalNeuron,
        dict(g_s=1300.0, g_d=1200.0, bap=2600.0, bap_ms=2.0, e_d=-38.0, **TWO_COMPARTMENTS),
    ),
    "Burst-Poisson": (
        BurstPoissonNeuron,
        dict(e_d=-57.0, refractory_ms=20.0, burst_first_ms=5.0, burst_span_ms=10.0, **TWO_COMPARTMENTS),
    ),
    "AdEx": (AdEx, PV),
    "PV": (pv_interneuron, PV),
    "SOM": (som_interneuron, SOM),
    "depressing": (
        depressing,
        dict(tau_d_ms=20.0, tau_f_ms=1000.0, utilisation=0.9, jump=None, u_start=None),
    ),
    "facilitating": (
        facilitating,
        dict(tau_d_ms=100.0, tau_f_ms=100.0, utilisation=0.02, jump=None, u_start=None),
    ),
    "rule": (
        BurstDependentRule,
        dict(
            eta=8e-3, tau_pre_ms=100.0, tau_avg_ms=2000.0, e_min_hz=2.0, e_max_hz=10.0, w_max=1.0, fixed_burst_prob=None,
            lower_tau_ms=30_000.0, lower_start_hz=0.1, lower_rate="spikes", tau_homeostasis_ms=None, burst_credit="burst", decay=0.0,
        ),
    ),
    "single synapse": (
        SingleSynapse,
        dict(
            eta=0.1, tau_pre_ms=50.0, tau_avg_ms=15_000.0, burst_window_ms=16.0, dt_ms=1.0, decay="euler",
        ),
    ),
}  # fmt: skip


def test_every_neuron_model_has_its_table():
    found = {
        model
        for _, model in inspect.getmembers(neurons, inspect.isclass)
        if issubclass(model, neurons.NeuronModel) and model is not neurons.NeuronModel
    }
    assert found <= {make for make, _ in MODELS.values()}


@pytest.mark.parametrize("name", MODELS)
def test_defaults_are_those_of_the_table(name):
    make, table = MODELS[name]
    made = make()
    found = {field.name: getattr(made, field.name) for field in fields(made)}
    assert found.keys() == table.keys()
    for field, expected in table.items():
        if isinstance(expected, float):
            assert np.isclose(found[field], expected, rtol=1e-12, atol=0.0), field
        else:
            assert found[field] == expected, field


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        (Population, dict(burst_definition="trace", burst_window_ms=16.0)),
        (PoissonPopulation, dict(counts="bernoulli", burst_definition="trace", burst_window_ms=16.0)),
        (Background, dict(counts="bernoulli", delay_ms=0.8)),
        (
            Projection,
            dict(
                transmits="spikes",
                stp=None,
                rule=None,
                opposed=None,
                delay_ms=None,
                trace_lag_ms=0.8,
                name="",
            ),
        ),
    ],
)
def test_defaults_of_the_parts_of_a_circuit(kind, table):
    assert {f.name: f.default for f in fields(kind) if f.default is not MISSING} == table


def test_delays_that_are_left_out():
    delays = {
        t: Projection("a", "b", "soma_exc", 0.1, transmits=t).delay_ms for t in ("spikes", "events", "bursts")
    }
    assert delays == {"spikes": 0.8, "events": 0.0, "bursts": 0.0}
