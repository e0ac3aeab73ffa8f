"""A neuron model of the user's own, in the user's own file: exact, as fast as the package's, and checked."""

import time
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import pytest

from burstprop.circuit import Circuit, Population, Projection
from burstprop.circuit.connectivity import FixedInDegree
from burstprop.circuit.stimuli import Background, Constant, Current
from burstprop.errors import BurstpropError
from burstprop.neurons import AdEx, NeuronModel, pv_interneuron
from burstprop.neurons.functions import power256
from burstprop.parameters import quantity, validate
from burstprop.recording import Record
from burstprop.simulation import Simulation


class MyState(NamedTuple):
    v: float
    w: float
    g_exc: float
    g_inh: float
    refractory: float


class MyDrive(NamedTuple):
    soma: float


@dataclass(frozen=True)
class MyNeuron(NeuronModel):
    """The adaptive exponential neuron as a user would write it from its equations; defaults of the PV preset."""

    g_l: float = quantity(10.0, "nS", "leak conductance", low=0, open_low=True)
    c: float = quantity(100.0, "pF", "capacitance", low=0, open_low=True)
    v_t: float = quantity(-48.0, "mV", "threshold", per_neuron=True)
    v_r: float = quantity(-55.0, "mV", "reset")
    a: float = quantity(0.0, "nS", "subthreshold adaptation")
    b: float = quantity(0.0, "pA", "adaptation added by a spike")
    refractory_ms: float = quantity(1.0, "ms", "refractory period", low=0)

    State, Drive = MyState, MyDrive
    receptors = {"soma_exc": "g_exc", "soma_inh": "g_inh"}  # noqa: RUF012
    voltages = ("v",)

    def __post_init__(self):
        validate(self)

    def derived(self, dt):
        return dict(
            e_l=-70.0, e_exc=0.0, e_inh=-80.0, d=2.0, inv_256_d=1.0 / (256.0 * 2.0),
            leak=dt * self.g_l / self.c, dt_c=dt / self.c, relax_w=dt / 500.0,
            decay_exc=np.exp(-dt / 5.0), decay_inh=np.exp(-dt / 10.0),
            v_low=-80.0, v_high=20.0, v_hold=-70.0,
            refractory_steps=np.round(self.refractory_ms / dt) + 1.0,
        )  # fmt: skip

    def initial(self, n, rng, dt):
        return MyState(v=-70.0 + 5.0 * rng.standard_normal(n), w=0.0, g_exc=0.0, g_inh=0.0, refractory=0.0)

    @staticmethod
    def step(s, i, c):
        v = s.v + i.soma * c.dt_c
        upstroke = c.d * power256(c.one + (v - c.v_t) * c.inv_256_d)
        new_v = (
            v
            + c.leak * ((c.e_l - v) + upstroke + s.g_exc * (c.e_exc - v) + s.g_inh * (c.e_inh - v))
            - c.dt_c * s.w
        )
        new_v = min(max(new_v, c.v_low), c.v_high)
        left = max(s.refractory - c.one, c.zero)
        return MyState(
            c.v_hold if left > c.zero else new_v,
            s.w + c.relax_w * (c.a * (v - c.e_l) - s.w) + c.floor,
            s.g_exc * c.decay_exc + c.floor,
            s.g_inh * c.decay_inh + c.floor,
            left,
        )

    @staticmethod
    def margin(s, c):
        return c.zero - s.v

    @staticmethod
    def spike(s, i, c, u1, u2):
        return MyState(c.v_r, s.w + c.b, s.g_exc, s.g_inh, c.refractory_steps)


def circuit(neuron, n=300, k=20):
    """Return one recurrent population with background; all but the model is the same."""
    return Circuit(
        populations=(Population("p", n, neuron),),
        projections=(Projection("p", "p", "soma_inh", 0.05, FixedInDegree(k)),),
        backgrounds=(Background("p", "soma_exc", 500.0, 0.75), Background("p", "soma_inh", 500.0, 1.125)),
        currents=(Current("p", "soma", Constant(205.0)),),
    )


TWINS = {"built in": pv_interneuron, "the user's": MyNeuron}


def test_results_are_exactly_those_of_the_built_in_twin():
    found = []
    for make in TWINS.values():
        simulation = Simulation(circuit(make(b=10.0, a=0.5)), seed=4, threads=2)
        simulation.advance(300.0)
        spikes = simulation.recording().spikes
        found.append((spikes, [simulation.state("p", v) for v in MyState._fields]))
    assert len(found[0][0]) > 500
    assert found[0][0].equals(found[1][0])
    for ours, theirs in zip(found[0][1], found[1][1], strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.timing
def test_it_runs_at_the_speed_of_the_built_in_twin():
    """CPU time of both, in turns, medians of seven; the machine may be shared."""
    quiet = Record(spikes=False, rates_bin_ms=None)
    runs = {name: Simulation(circuit(make(), n=4000), record=quiet) for name, make in TWINS.items()}
    times = {name: [] for name in runs}
    for k in range(8):
        for name, simulation in runs.items():
            begin = time.thread_time()
            simulation.advance(100.0)
            if k:
                times[name].append(time.thread_time() - begin)
    theirs, ours = (np.median(times[name]) for name in TWINS)
    assert ours / theirs < 1.5, times


def test_one_value_per_neuron_works_for_it_too():
    v_t = np.where(np.arange(300) % 2 == 0, -48.0, -40.0)
    simulation = Simulation(circuit(MyNeuron(v_t=v_t)))
    simulation.advance(200.0)
    ids = simulation.recording().spikes["neuron_id"]
    assert (ids % 2 == 0).sum() > 2 * (ids % 2 == 1).sum()


# --- mistakes in a model ---


def state_of_its_own(name):
    return NamedTuple(f"{name}State", [(f, float) for f in MyState._fields])


def faulty(name, make_step, make_spike=None):
    """Return MyNeuron with another step; ``make_step`` gets the State to return."""
    state = state_of_its_own(name)

    def spike(s, i, c, u1, u2):
        return state(c.v_r, s.w, s.g_exc, s.g_inh, s.refractory)

    def initial(self, n, rng, dt):
        return state(-70.0, 0.0, 0.0, 0.0, 0.0)

    parts = dict(State=state, initial=initial, step=staticmethod(make_step(state)))
    parts["spike"] = staticmethod(make_spike(state) if make_spike else spike)
    return dataclass(frozen=True)(type(name, (MyNeuron,), parts))


def widened(state):
    def step(s, i, c):
        return state(s.v, 0.5 * s.w, s.g_exc, s.g_inh, s.refractory)

    return step


def misspelt(state):
    def step(s, i, c):
        return state(s.volt, s.w, s.g_exc, s.g_inh, s.refractory)

    return step


def of_another_kind(state):
    def step(s, i, c):
        return (s.v, s.w, s.g_exc, s.g_inh, s.refractory)

    return step


MISTAKES = {
    "a literal in the step": (
        widened,
        r"field 'w' of \w+State comes out of the step as float64, not as float32.*literal.*derived",
    ),
    "a field that does not exist": (misspelt, "does not compile(.|\n)*volt"),
    "a plain tuple": (of_another_kind, r"a step and a spike return .*State, and this one returns .*UniTuple"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_in_a_step_is_named(what):
    make_step, words = MISTAKES[what]
    model = faulty("Model" + str(list(MISTAKES).index(what)), make_step)
    simulation = Simulation(Circuit(populations=(Population("p", 10, model()),)))
    with pytest.raises(BurstpropError, match=words):
        simulation.advance(1.0)


def test_a_literal_in_a_step_is_no_mistake_in_double_precision():
    simulation = Simulation(
        Circuit(populations=(Population("p", 10, faulty("Double", widened)()),)), dtype="float64"
    )
    simulation.advance(1.0)
    assert np.isfinite(simulation.state("p", "w")).all()


def define(**parts):
    """Define a model with parts of MyNeuron and the given ones; None leaves a part out."""
    whole = {name: MyNeuron.__dict__[name] for name in MyNeuron.__dict__ if not name.startswith("__")}
    changed = {**whole, "State": state_of_its_own("New"), **parts}
    return type("NewNeuron", (NeuronModel,), {k: v for k, v in changed.items() if v is not None})


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (dict(margin=None), "NewNeuron has no 'margin': a neuron model gives State, Drive"),
        (dict(State=None), "NewNeuron has no 'State'"),
        (dict(State=dict), r"NewNeuron.State = <class 'dict'>: give a NamedTuple"),
        (dict(Constants=dict), r"NewNeuron.Constants: leave it out; .* what `derived\(dt\)` returns"),
        (dict(constants=lambda *_: {}), r"NewNeuron.constants: leave it out"),
        (dict(derived=None), "NewNeuron has no 'derived'"),
        (dict(Drive=NamedTuple("NoDrive", [])), "NewNeuron.Drive = .*NoDrive.*of at least one"),
        (dict(receptors={"soma_exc": "g_ex"}), r"receptors\['soma_exc'\] names 'g_ex'.*did you mean 'g_exc'"),
        (dict(voltages=("u",)), "NewNeuron.voltages names 'u', and NewState has no such field"),
        (
            dict(State=MyState, step=staticmethod(lambda s, i, c: s)),
            "State = MyState is the State of MyNeuron",
        ),
    ],
)
def test_a_model_that_lacks_a_part_is_refused_where_it_is_defined(parts, words):
    with pytest.raises(BurstpropError, match=words):
        define(**parts)


def test_a_model_that_is_no_dataclass_is_refused():
    with pytest.raises(
        BurstpropError, match=r"'p': NewNeuron is not a dataclass; write @dataclass\(frozen=True\)"
    ):
        Population("p", 3, define()())


DERIVED = MyNeuron().derived(0.1)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (dict(initial=lambda *_: (0.0,)), r"NewNeuron.initial returns \(0.0,\): give NewState\(v, w, g_exc"),
        (
            dict(initial=lambda *_: MyState(np.zeros(4), 0.0, 0.0, 0.0, 0.0)),
            r"'p': NewNeuron.initial gives v of shape \(4,\): give a number, or one per neuron, shape \(3,\)",
        ),
        (dict(derived=lambda *_: None), r"NewNeuron.derived returns None: give a dictionary"),
        (
            dict(derived=lambda *_: DERIVED | {"e_l": "x"}),
            "NewNeuron.constants gives e_l = 'x': give a number",
        ),
        (
            dict(derived=lambda *_: DERIVED | {"e_l": np.zeros((3, 1))}),
            r"NewNeuron.constants gives e_l of shape \(3, 1\)",
        ),
    ],
)
def test_what_a_model_returns_is_looked_at_before_a_run(parts, words):
    model = dataclass(frozen=True)(define(**parts))
    with pytest.raises(BurstpropError, match=words):
        Simulation(Circuit(populations=(Population("p", 3, model()),)))


def test_derived_gives_the_same_names_whatever_the_parameters():
    @dataclass(frozen=True)
    class Moody(MyNeuron):
        def derived(self, dt):
            return DERIVED if self.c == 100.0 else {}

    assert Moody().constants(0.1) == MyNeuron().constants(0.1)
    with pytest.raises(BurstpropError, match=r"Moody.derived returns no names, and returned other names"):
        Moody(c=200.0).constants(0.1)


def test_other_defaults_of_a_model_are_no_new_model():
    @dataclass(frozen=True)
    class Slow(AdEx):
        c: float = quantity(200.0, "pF", "capacitance", low=0, open_low=True)

    assert Slow.State is AdEx.State
    assert {f.name: f.default for f in fields(Slow)}["c"] == 200.0


def test_a_subclass_with_another_step_needs_a_state_of_its_own():
    """Its step would not be run: the compiled loop finds a step by the State."""
    with pytest.raises(BurstpropError, match=r"Other.State = AdExState is the State of AdEx.*of its own"):
        type("Other", (AdEx,), {"step": staticmethod(lambda s, i, c: s)})
