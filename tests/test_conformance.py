"""What every neuron model of the package must pass: a new model needs a line in `MODELS` and nothing else.

That the compiled step is the oracle's, variable by variable, is tested in engine/test_neuron_kernels.py.
"""

import inspect
import math
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from engine import twins, zoo

from burstprop import neurons
from burstprop.circuit import Circuit, Population
from burstprop.circuit.stimuli import Background, Constant, Current
from burstprop.errors import BurstpropError
from burstprop.jit.model_code import FUNCTIONS
from burstprop.neurons import AdEx, BurstPoissonNeuron, NeuronModel, PyramidalNeuron
from burstprop.parameters import parameter_table
from burstprop.recording import Record
from burstprop.simulation import Simulation

MODELS = {"pyr": PyramidalNeuron, "bp": BurstPoissonNeuron, "pv": AdEx}
"""Each model under the name of its population in the circuit that is compiled for all tests."""
UNITS = {"mV", "ms", "pA", "pF", "nS", "Hz", "1"}


def test_every_model_of_the_package_is_here():
    found = {
        m
        for _, m in inspect.getmembers(neurons, inspect.isclass)
        if issubclass(m, NeuronModel) and m is not NeuronModel
    }
    assert found == set(MODELS.values())


each_model = pytest.mark.parametrize("name", MODELS)


# --- the description ---


@each_model
def test_every_field_has_a_unit_a_meaning_and_bounds(name):
    model = MODELS[name]
    assert is_dataclass(model)
    for field in fields(model):
        if isinstance(field.default, str):  # a choice by name
            assert field.default in (inspect.getdoc(inspect.getmodule(model)) or ""), field.name
            with pytest.raises(BurstpropError, match=f"{model.__name__}.{field.name} = 'nonsense'"):
                model(**{field.name: "nonsense"})
            continue
        assert field.metadata["unit"] in UNITS, field.name
        assert len(field.metadata["doc"]) > 4, field.name
        assert field.metadata["low"] <= field.default <= field.metadata["high"]
        with pytest.raises(BurstpropError, match=f"{model.__name__}.{field.name} = nan"):
            model(**{field.name: math.nan})
        if field.name.startswith(("tau", "c")) and field.metadata["unit"] in ("ms", "pF"):
            with pytest.raises(BurstpropError, match=f"{field.name} = 0 .*must be above 0"):
                model(**{field.name: 0.0})


@each_model
def test_it_cannot_be_changed_and_compares_by_value(name):
    model = MODELS[name]()
    with pytest.raises(AttributeError):
        model.e_l = -60.0
    assert model == MODELS[name]() != replace(model, e_l=-60.0)
    assert str(-70) in parameter_table(model)


@each_model
def test_the_docstring_teaches_the_model(name):
    """Equations, units, scheme, source with DOI, and every departure by the name of its parameter."""
    text = inspect.getdoc(inspect.getmodule(MODELS[name]))
    for words in ("dV", "/dt", "mV", "pA", "Source:", "doi:10.", "Payeur", "departure"):
        assert words.lower() in text.lower(), words
    for part in ("derived", "initial", "step", "margin", "spike"):
        assert inspect.getdoc(getattr(MODELS[name], part)), part
    for kind in ("State", "Constants", "Drive"):
        assert inspect.getdoc(getattr(MODELS[name], kind))
    # the numbers of the text are those of the code
    assert len(text.splitlines()) > 12


@each_model
def test_names_fit_together(name):
    model = MODELS[name]()
    state, constants = model.State, model.constants(0.1)
    assert set(model.receptors.values()) <= set(state._fields)
    assert set(model.voltages) <= set(state._fields)
    assert model.voltages[0].startswith("v")
    assert isinstance(constants, model.Constants)
    assert all(np.isfinite(c) for c in constants)
    start = model.initial(5, np.random.default_rng(0), 0.1)
    assert isinstance(start, state)
    assert all(np.ndim(v) == 0 or np.shape(v) == (5,) for v in start)


@each_model
def test_constants_are_the_only_door_and_take_one_value_per_neuron(name):
    """Every quantity reaches a step, as one number or as one per neuron: by its name, derived, or at the start."""
    model = MODELS[name]()
    used = {word for part in FUNCTIONS for word in getattr(model, part).__code__.co_names}
    for field in fields(model):
        if isinstance(field.default, str) or not field.metadata["per_neuron"]:
            continue
        values = np.full(4, field.default) * np.array([1.0, 1.0, 0.98, 1.0])
        if field.default == 0.0:
            values = np.array([0.0, 0.0, 1.0, 0.0])
        changed = replace(model, **{field.name: values})
        arrays = [c for c in changed.derived(0.1).values() if np.ndim(c)]
        arrays += [getattr(changed.constants(0.1), field.name)] * (field.name in used)
        arrays += [s for s in changed.initial(4, np.random.default_rng(0), 0.1) if np.ndim(s)]
        assert arrays, field.name
        assert all(np.shape(a) == (4,) for a in arrays)


# --- the step, as plain Python ---


def plain(name, dt=0.1, **state):
    model = MODELS[name]()
    kind = np.float64
    constants = model.Constants(*(kind(c) for c in model.constants(dt)))
    start = model.initial(1, np.random.default_rng(0), dt)
    start = model.State(*(kind(np.ravel(v)[0]) for v in start))._replace(
        **{k: kind(v) for k, v in state.items()}
    )
    drive = model.Drive(*[kind(0.0)] * len(model.Drive._fields))
    return model, start, drive, constants


@each_model
def test_functions_are_pure_and_finite_over_the_whole_range(name):
    rng = np.random.default_rng(1)
    for _ in range(200):
        model, s, drive, c = plain(name)
        s = s._replace(**{v: rng.uniform(-100.0, 40.0) for v in model.voltages})
        s = s._replace(**{g: rng.uniform(0.0, 3.0) for g in model.receptors.values()})
        drive = drive._replace(**{k: rng.uniform(-1000.0, 1000.0) for k in drive._fields})
        before = s
        first, second = model.step(s, drive, c), model.step(s, drive, c)
        assert first == second
        assert s == before
        assert all(np.isfinite(v) for v in first)
        assert np.isfinite(model.margin(first, c))
        after = model.spike(first, drive, c, 0.3, 0.7)
        assert all(np.isfinite(v) for v in after)
        assert model.margin(after, c) > 0 or name == "bp"


@each_model
def test_a_conductance_pulls_towards_its_reversal_potential(name):
    for receptor, variable in MODELS[name].receptors.items():
        model, s, drive, c = plain(name)
        voltage = model.voltages[-1] if receptor.startswith("dendrite") else model.voltages[0]
        s = s._replace(**dict.fromkeys(model.voltages, -60.0))
        without = getattr(model.step(s, drive, c), voltage)
        with_input = getattr(model.step(s._replace(**{variable: 1.0}), drive, c), voltage)
        assert np.sign(with_input - without) == (1.0 if receptor.endswith("_exc") else -1.0), receptor


@each_model
def test_current_depolarises_its_compartment(name):
    for k, compartment in enumerate(MODELS[name].Drive._fields):
        model, s, drive, c = plain(name)
        driven = drive._replace(**{compartment: 100.0})
        assert getattr(model.step(s, driven, c), model.voltages[k]) > getattr(
            model.step(s, drive, c), model.voltages[k]
        )


# --- the model in a run ---


def driven(name, seed=1, dtype="float32", threads=1, n=200):
    receptors = MODELS[name].receptors
    backgrounds = tuple(Background(name, r, 500.0, 0.3 if r.startswith("soma") else 0.05) for r in receptors)
    circuit = zoo.circuit(
        populations=zoo.populations(sizes={**dict.fromkeys(MODELS, 1), name: n}),
        projections=(),
        backgrounds=backgrounds,
        currents=tuple(Current(name, c, Constant(300.0)) for c in MODELS[name].Drive._fields),
    )
    simulation = Simulation(
        circuit, seed=seed, dtype=dtype, threads=threads, record=Record(rates_bin_ms=None)
    )
    simulation.advance(300.0)
    rows = twins.spike_rows(simulation.recording(), name, 0.1)
    return rows, {v: simulation.state(name, v) for v in MODELS[name].State._fields}


@each_model
def test_finite_deterministic_and_the_same_for_any_threads(name):
    rows, state = driven(name)
    assert len(rows) > 100
    for options in (dict(), dict(threads=2), dict(threads=3)):
        again, state_again = driven(name, **options)
        assert np.array_equal(again, rows)
        for variable, values in state.items():
            assert np.isfinite(values).all(), variable
            assert values.dtype == np.float32
            assert np.array_equal(values, state_again[variable]), variable
    other, _ = driven(name, seed=2)
    assert not np.array_equal(other, rows)


@each_model
def test_more_current_makes_more_spikes(name):
    counts = []
    for current in (-500.0, 100.0, 300.0, 600.0):
        circuit = zoo.circuit(
            projections=(),
            currents=(Current(name, "soma", Constant(current)),),
            backgrounds=(zoo.DRIVE[0], zoo.DRIVE[4], zoo.DRIVE[7]),
        )
        simulation = Simulation(circuit)
        simulation.advance(200.0)
        counts.append(len(twins.spike_rows(simulation.recording(), name, 0.1)))
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


# --- one value per neuron ---

VARIED = {
    "pyr": dict(
        tau_s=np.linspace(12.0, 20.0, 3), dth=np.array([1.0, 2.0, 3.0]), e_d=np.array([-40.0, -38.0, -36.0])
    ),
    "bp": dict(c_s=np.linspace(300.0, 400.0, 3), refractory_ms=np.array([18.0, 20.0, 25.0])),
    "pv": dict(
        v_t=np.array([-50.0, -48.0, -46.0]), tau_exc=np.array([4.0, 5.0, 6.0]), b=np.array([0.0, 5.0, 20.0])
    ),
}
"""Three kinds of neuron of every model, spread over the population neuron by neuron."""


@pytest.fixture(scope="module")
def heterogeneous():
    """Return the outcome of a circuit in which every model has three kinds of neuron, and of each kind alone."""

    def run(models):
        simulation = Simulation(zoo.circuit(populations=zoo.populations(models=models), projections=()))
        simulation.advance(300.0)
        recording = simulation.recording()
        return {
            name: (
                twins.trains(recording, name, simulation.circuit.population(name).n, 3000, 0.1),
                {v: simulation.state(name, v) for v in MODELS[name].State._fields},
            )
            for name in MODELS
        }

    def kinds(n):
        return np.arange(n) % 3

    sizes = {p.name: p.n for p in zoo.populations()}
    mixed = {
        name: replace(zoo.MODELS[name], **{k: v[kinds(sizes[name])] for k, v in varied.items()})
        for name, varied in VARIED.items()
    }
    alone = [
        run(
            {
                name: replace(zoo.MODELS[name], **{k: float(v[kind]) for k, v in varied.items()})
                for name, varied in VARIED.items()
            }
        )
        for kind in range(3)
    ]
    return run(mixed), alone, kinds


@each_model
def test_a_population_of_several_kinds_is_each_kind_alone(heterogeneous, name):
    (mixed, alone, kinds) = heterogeneous
    spikes, state = mixed[name]
    total = 0
    for kind in range(3):
        of_kind = kinds(spikes.shape[1]) == kind
        spikes_alone, state_alone = alone[kind][name]
        assert np.array_equal(spikes[:, of_kind], spikes_alone[:, of_kind])
        for variable, values in state.items():
            assert np.array_equal(values[of_kind], state_alone[variable][of_kind]), variable
        total += spikes[:, of_kind].sum()
    assert total > 100
    assert not np.array_equal(alone[0][name][0], alone[2][name][0])


def test_circuits_that_do_not_use_it_do_not_pay_for_it():
    """Whether a constant is a number or an array is part of the type that is compiled."""
    alike = Simulation(zoo.circuit())._compiled.populations
    assert not any(
        isinstance(c, np.ndarray) for p in alike for c in (*p.constants_per_neuron, *p.drive_per_neuron)
    )
    mixed = Circuit(populations=(Population("p", 3, AdEx(v_t=np.array([-50.0, -48.0, -46.0]))),))
    (population,) = Simulation(mixed)._compiled.populations
    varied = [
        name
        for name, c in zip(AdEx.Constants._fields, population.constants_per_neuron, strict=True)
        if isinstance(c, np.ndarray)
    ]
    assert varied == ["v_t"]
