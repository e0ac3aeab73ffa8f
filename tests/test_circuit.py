"""A circuit that does not fit together is refused with the field, the value with its unit, and the way out."""

import functools
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from engine import zoo
from scipy.interpolate import CubicSpline

from burstprop.circuit import (
    Circuit,
    PlasticityChange,
    PoissonPopulation,
    Population,
    Projection,
    RateChange,
    WeightChange,
)
from burstprop.circuit.connectivity import FixedInDegree, Matrix, OneToOne, Probability
from burstprop.circuit.plasticity import BurstDependentRule
from burstprop.circuit.stimuli import Background, Constant, Current, Sine
from burstprop.circuit.synapses import ShortTermPlasticity, depressing
from burstprop.errors import BurstpropError
from burstprop.neurons import AdEx, BurstPoissonNeuron, PyramidalNeuron, pv_interneuron
from burstprop.recording import Record

NAN = float("nan")


def part(**changes):
    """Return a projection from pyr to pv with some fields changed."""
    fields = dict(source="pyr", target="pv", receptor="soma_exc", weight=0.1, connectivity=Probability(0.1))
    return Projection(**{**fields, **changes})


def background(**changes):
    return Background(**{**dict(population="pyr", receptor="soma_exc", rate_hz=500.0, weight=0.3), **changes})


def misnamed(kind, **names):
    return lambda: kind(**names)


PARTS = {
    # populations
    "no neurons": (lambda: Population("p", 0, pv_interneuron()), "'p': n = 0 neurons.*at least 1"),
    "half a neuron": (lambda: Population("p", 1.5, pv_interneuron()), "n = 1.5 neurons.*whole number"),
    "no name": (lambda: Population("", 3, pv_interneuron()), "needs a name"),
    "a class": (lambda: Population("p", 3, AdEx), "not a neuron model.*an instance, with brackets"),
    "a definition": (
        lambda: Population("p", 3, AdEx(), burst_definition="isi"), "burst_definition = 'isi'.*'trace'.*'interval'"
    ),
    "a window": (lambda: Population("p", 3, AdEx(), burst_window_ms=0.0), "burst_window_ms = 0 ms: must be above 0 ms"),
    "a window in words": (lambda: Population("p", 3, AdEx(), burst_window_ms="16"), "'p': burst_window_ms = '16': give a number"),
    "wrong length": (
        lambda: Population("p", 3, AdEx(v_t=np.full(4, -50.0))), r"AdEx.v_t has 4 values for 3 neurons.*one number, or 3"
    ),
    "negative rate of sources": (lambda: PoissonPopulation("s", 5, -1.0), "'s': rate_hz = -1 Hz.*at least 0"),
    "true counts of shared sources": (lambda: PoissonPopulation("s", 5, 1.0, counts="poisson"), "at most once per step"),
    # neurons
    "no time constant": (lambda: PyramidalNeuron(tau_s=0.0), "PyramidalNeuron.tau_s = 0 ms.*above 0 ms"),
    "one bad value of many": (
        lambda: PyramidalNeuron(tau_s=np.array([16.0, -1.0])), r"tau_s = -1 \(neuron 1\) ms: must be above 0 ms"
    ),
    "NaN parameter": (lambda: AdEx(e_l=NAN), "AdEx.e_l = nan mV"),
    "text for a number": (lambda: AdEx(e_l="-70"), "AdEx.e_l = '-70'.*number in mV"),
    "a matrix for a number": (lambda: AdEx(e_l=np.zeros((2, 2))), r"shape \(2, 2\).*one per neuron"),
    "sign of the adaptation": (lambda: PyramidalNeuron(b_ws=200.0), "b_ws = 200 pA.*at most 0 pA"),
    "driving force": (lambda: PyramidalNeuron(dendritic_driving_force="soma"), "'soma'.*'own'.*'somatic'"),
    "hold": (lambda: pv_interneuron(refractory_hold="no"), "'no'.*'rest'.*'reset'"),
    "values in a list": (
        lambda: Population("p", 2, BurstPoissonNeuron(tau_s=[5.0, 4.0])),
        r"'p': BurstPoissonNeuron.tau_s = \[5.0, 4.0\]: give one number, or an array",
    ),
    "times of different lengths": (
        lambda: BurstPoissonNeuron(burst_first_ms=np.full(2, 5.0), burst_span_ms=np.full(3, 1.0)),
        "burst_first_ms has 2, burst_span_ms has 3 values: give one number, or an array of one per neuron",
    ),
    "times of none": (lambda: BurstPoissonNeuron(burst_first_ms=np.zeros(0)), "burst_first_ms has 0 values"),
    "a spike of no step": (lambda: PyramidalNeuron(bap_ms=0.04).constants(0.1), "bap_ms = 0.04 ms rounds to no step of dt_ms = 0.1 ms"),
    "a refractory period of no step": (
        lambda: AdEx(refractory_ms=np.array([0.0, 1.0, 0.04])).constants(0.1), "AdEx.refractory_ms = 0.04 ms rounds to no step"
    ),
    "a spread of no step": (
        lambda: BurstPoissonNeuron(burst_span_ms=0.04).constants(0.1), "burst_span_ms = 0.04 ms rounds to no step"
    ),
    "second spike too late": (lambda: BurstPoissonNeuron(refractory_ms=10.0), "exceeds refractory_ms by 5 ms"),
    # projections
    "negative weight": (lambda: part(weight=-0.1), r"pyr->pv.soma_exc: weight = -0.1.*cannot be negative.*_inh"),
    "NaN weight": (lambda: part(weight=NAN), "weight = nan"),
    "infinite weight": (lambda: part(weight=float("inf")), "weight = inf"),
    "transmits": (lambda: part(transmits="spike"), "transmits = 'spike'.*spikes, events, bursts"),
    "probability over 1": (lambda: Probability(1.5), r"Probability.p = 1.5: must be between 0 and 1"),
    "negative probability": (lambda: Probability(-0.1), "Probability.p = -0.1"),
    "NaN probability": (lambda: Probability(NAN), "Probability.p = nan"),
    "half a source": (lambda: FixedInDegree(1.5), "FixedInDegree.k = 1.5.*whole number"),
    "a number for a connectivity": (lambda: part(connectivity=0.1), r"connectivity = 0.1: give Probability\(p\)"),
    "a name for short-term plasticity": (lambda: part(stp="depressing"), r"stp = 'depressing': give depressing\(\)"),
    "a function for it": (lambda: part(stp=depressing), r"stp = <function depressing.*give depressing\(\)"),
    "a name for a rule": (
        lambda: part(rule="burst", transmits="events"), r"rule = 'burst': give BurstDependentRule\(...\)"
    ),
    "a wrong name in a projection": (lambda: part(weigth=0.1), "no field 'weigth': did you mean 'weight'"),
    "a wrong name in a rule": (misnamed(BurstDependentRule, etta=0.1), "no field 'etta': did you mean 'eta'"),
    "a wrong name in a record": (misnamed(Record, state=()), "no field 'state': did you mean 'states'"),
    "a wrong name in a circuit": (misnamed(Circuit, population=()), "no field 'population': did you mean 'populations'"),
    "negative matrix": (lambda: Matrix(np.array([[0.0, -1.0]])), "a weight is -1.*_inh"),
    "NaN matrix": (lambda: Matrix(scipy.sparse.coo_array(np.array([[NAN]]))), "not a finite number"),
    "matrix of one axis": (lambda: Matrix(np.zeros(3)), r"shape \(3,\): give two axes"),
    "a list for a matrix": (lambda: Matrix([[1.0]]), "not a list"),
    "negative delay": (lambda: part(delay_ms=-1.0), "delay_ms = -1 ms.*at least 0 ms"),
    "delayed events": (lambda: part(transmits="events", delay_ms=1.0), "delay_ms = 1 ms.*have no delay"),
    "events with short-term plasticity": (lambda: part(transmits="events", stp=depressing()), "works on spikes"),
    "a rule on spikes": (lambda: part(rule=BurstDependentRule()), "transmits='events'"),
    "weight above the bound": (
        lambda: part(rule=BurstDependentRule(), transmits="events", weight=2.0), "weight = 2 is above.*w_max = 1"
    ),
    "utilisation over 1": (lambda: ShortTermPlasticity(utilisation=1.1), "utilisation = 1.1.*between 0 and 1"),
    # input
    "NaN current": (lambda: Constant(NAN), "Constant.amplitude_pa = nan pA"),
    "infinite sine": (lambda: Sine(float("inf")), "Sine.amplitude_pa = inf pA"),
    "no period": (lambda: Sine(1.0, 0.0), "Sine.period_ms = 0 ms.*above 0 ms"),
    "stops before it starts": (lambda: Constant(1.0, 5.0, 2.0), "stop_ms = 2 ms comes before start_ms = 5 ms"),
    "negative rate": (lambda: background(rate_hz=-5.0), "Background to pyr.soma_exc: rate_hz = -5 Hz"),
    "negative background weight": (lambda: background(weight=-0.3), "weight = -0.3.*cannot be negative"),
    "unknown counts": (lambda: background(counts="binomial"), "counts = 'binomial'.*'bernoulli'.*'poisson'"),
    # protocol
    "before the start": (lambda: RateChange(-1.0, "s", 3.0), "RateChange.at_ms = -1 ms"),
    "NaN time": (lambda: PlasticityChange(NAN, True), "PlasticityChange.at_ms = nan"),
    "negative new weight": (lambda: WeightChange(1.0, "x", -1.0), "WeightChange of x: weight = -1"),
}  # fmt: skip


def test_times_that_only_rounding_makes_too_long_are_accepted():
    assert 0.1 + 0.2 > 0.3
    assert BurstPoissonNeuron(burst_first_ms=0.1, burst_span_ms=0.2, refractory_ms=0.3)


def test_a_time_of_no_step_may_be_zero():
    assert PyramidalNeuron(bap_ms=0.0).constants(0.1).bap_steps == 0.0
    assert AdEx(refractory_ms=0.0).constants(0.1).refractory_steps == 1.0


@pytest.mark.parametrize("what", PARTS)
def test_a_bad_part_is_refused(what):
    make, words = PARTS[what]
    with pytest.raises(BurstpropError, match=words):
        make()


SOURCES = PoissonPopulation("src", 50, 5.0)
WHOLE = {
    "no populations": (dict(populations=()), "at least one Population"),
    "two of one name": (dict(populations=2 * zoo.populations()), "2 populations are called 'pyr'.*of its own"),
    "no time step": (dict(dt_ms=0.0), "Circuit.dt_ms = 0 ms: must be above 0 ms"),
    "a time step in words": (dict(dt_ms="0.1"), "Circuit.dt_ms = '0.1': give a number in ms"),
    "a tuple of one without its comma": (
        dict(populations=zoo.populations()[0]), "Circuit.populations = Population.*: give a tuple.*comma"
    ),
    "a projection for a population": (
        dict(populations=(part(),)), "Circuit.populations holds Projection.*: give Population or PoissonPopulation"
    ),
    "a spike of the sources in every step": (
        dict(populations=(PoissonPopulation("s", 1, 10000.0),)),
        "'s': rate_hz = 10000 Hz is a spike in every step.*less than 10000 Hz",
    ),
    "a change to that": (
        dict(populations=(*zoo.populations(), SOURCES), protocol=(RateChange(1.0, "src", 10000.0),)),
        "RateChange of src: rate_hz = 10000 Hz is a spike in every step",
    ),
    "NaN time step": (dict(dt_ms=NAN), "Circuit.dt_ms = nan ms"),
    "dt that does not divide a delay": (
        dict(projections=(part(delay_ms=0.85),)), "pyr->pv.soma_exc: delay_ms = 0.85 ms is not a multiple of dt_ms = 0.1 ms; "
        "the nearest are 0.8 and 0.9 ms"
    ),
    "dt that does not divide the axonal delay": (dict(projections=(part(),), dt_ms=0.3), "0.8 ms is not a multiple"),
    "dt that does not divide a lag": (
        dict(projections=(part(transmits="events", trace_lag_ms=0.75),)), "trace_lag_ms = 0.75 ms is not a multiple"
    ),
    "dt that does not divide a background's delay": (dict(backgrounds=(background(delay_ms=0.25),)), "delay_ms = 0.25 ms"),
    "dt that does not divide a change": (dict(protocol=(PlasticityChange(0.05, True),)), "at_ms = 0.05 ms is not a multiple"),
    "unknown source": (dict(projections=(part(source="pyt"),)), "'pyt'.*did you mean 'pyr'"),
    "unknown target": (dict(projections=(part(target="sst"),)), "'sst'.*known: bp, pv, pyr"),
    "unknown receptor": (dict(projections=(part(receptor="soma_ex"),)), "no receptor 'soma_ex' in 'pv'.*'soma_exc'"),
    "receptor of another model": (dict(projections=(part(receptor="dendrite_exc"),)), "no receptor 'dendrite_exc' in 'pv'"),
    "onto sources": (dict(populations=(*zoo.populations(), SOURCES), projections=(part(target="src"),)), "'src'"),
    "the same projection twice": (dict(projections=(part(), part(weight=0.2))), "2 projections are called.*name="),
    "one-to-one of two sizes": (dict(projections=(part(connectivity=OneToOne()),)), "one-to-one between 150 and 70"),
    "matrix of another shape": (
        dict(projections=(part(connectivity=Matrix(np.ones((3, 3)))),)), r"shape \(3, 3\).*\(150, 70\)"
    ),
    "in-degree of too many": (dict(projections=(part(connectivity=FixedInDegree(151)),)), "in-degree 151 with only 150"),
    "in-degree of all but itself": (
        dict(projections=(part(target="pyr", connectivity=FixedInDegree(150)),)), "only 149 sources.*at most 149"
    ),
    "background to nobody": (dict(backgrounds=(background(population="som"),)), "'som'"),
    "background to no receptor": (dict(backgrounds=(background(receptor="exc"),)), "no receptor 'exc'"),
    "more than a spike per step": (
        dict(backgrounds=(background(rate_hz=20000.0),)), "20000 Hz is more than one spike per step.*10000 Hz.*counts='poisson'"
    ),
    "current to nobody": (dict(currents=(Current("x", "soma", Constant(1.0)),)), "'x'"),
    "current to no compartment": (
        dict(currents=(Current("pyr", "dendrit", Constant(1.0)),)), "no compartment 'dendrit'.*'dendrite'"
    ),
    "a number for a waveform": (dict(currents=(Current("pyr", "soma", 3.0),)), r"pyr.soma.*3.0.*Constant"),
    "change of no projection": (dict(protocol=(WeightChange(1.0, "x", 0.1),)), "no projection 'x'"),
    "weight of a matrix": (
        dict(
            projections=(part(connectivity=Matrix(np.ones((150, 70)))),),
            protocol=(WeightChange(1.0, "pyr->pv.soma_exc", 0.1),),
        ),
        "weights of their own",
    ),
    "rate of neurons": (dict(protocol=(RateChange(1.0, "pyr", 3.0),)), "only a PoissonPopulation"),
}  # fmt: skip


@pytest.mark.parametrize("what", WHOLE)
def test_parts_that_do_not_fit_are_refused(what):
    changes, words = WHOLE[what]
    with pytest.raises(BurstpropError, match=words):
        zoo.circuit(**{**dict(projections=(), backgrounds=(), currents=()), **changes})


@pytest.mark.parametrize(
    ("circuit", "words"),
    [
        (
            lambda: zoo.circuit(
                projections=(
                    part(transmits="events"), part(target="bp", transmits="bursts", trace_lag_ms=0.0),
                )
            ),
            "'pyr' differ in trace_lag_ms",
        ),
        (lambda: zoo.circuit(projections=(part(stp=ShortTermPlasticity(tau_d_ms=0.1)),)), "longer than dt_ms = 0.1 ms"),
    ],
)  # fmt: skip
def test_what_only_a_run_can_tell_is_refused_before_it_starts(circuit, words):
    from burstprop.simulation import Simulation

    with pytest.raises(BurstpropError, match=words):
        Simulation(circuit())


def test_the_lag_of_a_trace_matters_only_where_there_is_one():
    assert zoo.circuit(projections=(part(delay_ms=0.5),), backgrounds=(), dt_ms=0.5).projections


# --- a circuit as text, and its fingerprint ---


def test_the_tables_show_every_part():
    circuit = zoo.circuit(
        populations=(*zoo.populations(models={"pv": pv_interneuron(v_t=np.linspace(-50, -46, 70))}), SOURCES),
        projections=(
            *zoo.projections(),
            *zoo.without_delay(),
            Projection("src", "pyr", "soma_exc", 0.1, FixedInDegree(7)),
        ),
        protocol=(RateChange(100.0, "src", 3.0),),
    )
    text = circuit.describe()
    for words in (
        "Populations (dt = 0.1 ms)", "PyramidalNeuron(dendritic_driving_force='somatic')", "v_t=<per neuron>",
        "Poisson sources, 5 Hz", "p = 0.2", "in-degree 7", "tau_D = 20 ms, tau_F = 1000 ms, U = 0.9, f = U, u(0) = 0.01",
        "bursts", "events",
        "Sine(amplitude_pa=150", "bernoulli", "RateChange",
    ):  # fmt: skip
        assert words in text, words
    assert all(line == line.rstrip() for line in text.splitlines())


def test_the_tables_show_every_parameter_of_short_term_plasticity():
    values = dict(tau_d_ms=21.5, tau_f_ms=333.0, utilisation=0.25, jump=0.125, u_start=0.01)
    assert set(values) == {f.name for f in fields(ShortTermPlasticity)}
    text = zoo.circuit(projections=(part(stp=ShortTermPlasticity(**values)),)).describe()
    assert "tau_D = 21.5 ms, tau_F = 333 ms, U = 0.25, f = 0.125, u(0) = 0.01" in text


def test_the_fingerprint_changes_with_everything_and_only_with_that():
    same = {zoo.circuit().fingerprint() for _ in range(2)}
    assert len(same) == 1
    changed = [
        zoo.circuit(dt_ms=0.05),
        zoo.circuit(plastic=False),
        zoo.circuit(projections=zoo.projections()[:-1]),
        zoo.circuit(currents=zoo.CURRENTS[::-1]),
        zoo.circuit(populations=zoo.populations(models={"pv": pv_interneuron(v_t=-48.5)})),
        zoo.circuit(populations=zoo.populations(models={"pv": pv_interneuron(v_t=np.full(70, -48.0))})),
        zoo.circuit(projections=(part(connectivity=Matrix(np.ones((150, 70)))),)),
        zoo.circuit(projections=(part(connectivity=Matrix(2 * np.ones((150, 70)))),)),
    ]
    assert len({c.fingerprint() for c in changed} - same) == len(changed)


class Held:
    """A waveform of a user's, any object with ``current``: holds whatever it is given, and has no repr."""

    def __init__(self, **held):
        self.__dict__.update(held)

    def current(self, t_ms):
        return np.zeros(t_ms.shape)


class Slotted:
    __slots__ = ("__slope",)

    def __init__(self, slope):
        self.__slope = slope


def held(**values):
    return zoo.circuit(currents=(Current("pyr", "soma", Held(**values)),)).fingerprint()


def test_the_fingerprint_knows_waveforms_of_the_user_by_what_they_hold():
    contents = [
        lambda: dict(slope=1.0),
        lambda: dict(slope=2.0),
        lambda: dict(points=[(1, 23)]),
        lambda: dict(points=[(12, 3)]),
        lambda: dict(points=[12, 3]),
        lambda: dict(table=np.arange(5000.0)),
        lambda: dict(table=[np.arange(5000.0)]),
        lambda: dict(table=[np.where(np.arange(5000) == 2500, 0.0, np.arange(5000.0))]),
        lambda: dict(parts=[Held(slope=1.0)]),
        lambda: dict(parts={"first": Held(slope=1.0)}),
        lambda: dict(parts={"first": Held(slope=2.0)}),
        lambda: dict(part=Slotted(1.0)),
        lambda: dict(part=Slotted(2.0)),
        lambda: dict(shape=np.sinc),
        lambda: dict(shape=np.sin),
        lambda: dict(spline=CubicSpline([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])),
        lambda: dict(spline=CubicSpline([0.0, 1.0, 2.0], [0.0, 2.0, 0.0])),
        lambda: dict(note="ends at 0x10"),
    ]
    made = [(held(**make()), held(**make())) for make in contents]
    assert all(one == other for one, other in made)
    assert len({one for one, _ in made}) == len(contents)


def test_the_fingerprint_is_the_same_in_every_process():
    made = "held(slope=1.5, parts=[Held(a=1), Slotted(2)], names={'on', 'off', 'up', 'down'})"
    code = f"padding = [object() for _ in range(1000)]; from test_circuit import Held, Slotted, held; print({made})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = held(slope=1.5, parts=[Held(a=1), Slotted(2)], names={"on", "off", "up", "down"})
    assert done.stdout.strip() == here


@pytest.mark.parametrize(
    "value",
    [
        lambda t_ms: t_ms,
        Held(slope=1.0).current,
        functools.partial(lambda slope, t_ms: slope * t_ms, 2.0),
        np.random.default_rng(1),
        iter([1.0, 2.0]),
        object(),
        pd.Series(np.arange(5000.0)),
        np.array([Held()]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_only_its_address_tells_apart_is_refused_before_a_run(value):
    from burstprop.simulation import Simulation

    circuit = zoo.circuit(currents=(Current("pyr", "soma", Held(inner=[value])),))
    with pytest.raises(BurstpropError, match=r"Held.inner holds a .* frozen dataclass .* __repr__"):
        Simulation(circuit)


def test_a_description_cannot_be_changed_afterwards():
    circuit = zoo.circuit()
    for thing, name in (
        (circuit, "dt_ms"),
        (circuit.populations[0], "n"),
        (circuit.projections[0], "weight"),
    ):
        with pytest.raises(AttributeError):
            setattr(thing, name, 5)
