"""A run of a circuit: the same bits whatever the threads and pieces; saved, resumed, interrupted; what memory it takes."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from engine import probes, without_jit, zoo

from burstprop.circuit import Circuit, PoissonPopulation, Population, Projection, RateChange, WeightChange
from burstprop.circuit.connectivity import FixedInDegree, OneToOne, Probability
from burstprop.circuit.stimuli import Background, Constant, Controlled, Current, Sine
from burstprop.engine import handover
from burstprop.engine import network as nw
from burstprop.engine.layout import LANES, WINDOW
from burstprop.errors import BurstpropError, Diverged
from burstprop.neurons import PyramidalNeuron, som_interneuron
from burstprop.recording import Record, Recording, StateRecord
from burstprop.simulation import Simulation, simulate

TESTS = Path(__file__).parent
MS = 1000.0
"""More than one window of steps that are compiled into one call."""
RECORD = Record(
    rates_bin_ms=7.3,
    states=(
        StateRecord("pyr", ("v_s", "v_d", "g_s_exc"), (0, 64, LANES - 1, LANES)),
        StateRecord("pv", ("v",), (3,)),
    ),
    states_every_ms=0.7,
)
WATCH = Record(states=(StateRecord("bp", ("v_s",), (0, 129)),), states_every_ms=0.1)


def big(extra=(), **changes):
    """Return a circuit with something of everything, its neurons in several blocks and strips."""
    populations = (*zoo.populations(sizes=dict(pyr=LANES + 76)), PoissonPopulation("src", 200, 40.0))
    fields = dict(
        populations=populations,
        projections=(
            *zoo.projections(0.05),
            Projection("src", "pyr", "soma_exc", 0.03, FixedInDegree(20)),
            *extra,
        ),
        currents=(*zoo.CURRENTS, Current("bp", "dendrite", Sine(100.0, 91.0, start_ms=33.0, stop_ms=480.0))),
        protocol=(WeightChange(100.0, "pv->pyr.soma_inh", 0.05), RateChange(333.3, "src", 90.0)),
    )
    return zoo.circuit(**{**fields, **changes})


def one_without_afferents(projections, *extra):
    """Return the circuit without what ends on the largest population, which then leads the others."""
    others = tuple(p for p in projections if p.target != "pyr")
    return big(projections=(*others, *extra), protocol=())


ALONE = {
    "alone, delayed": zoo.projections(0.05),
    "alone, without delay": (*zoo.projections(0.05), *zoo.without_delay(0.05)),
}


CIRCUITS = {
    "delayed": lambda: big(),
    "without delay": lambda: big(zoo.without_delay(0.05)),
    **{name: functools.partial(one_without_afferents, projections) for name, projections in ALONE.items()},
}


def populations_of(circuit):
    return [p for p in circuit.populations if isinstance(p, Population)]


def outcome(simulation):
    """Return everything that a run leaves: the frames, and the state of every neuron."""
    recording = simulation.recording()
    state = {
        (p.name, v): simulation.state(p.name, v)
        for p in simulation.circuit.populations
        if isinstance(p, Population)
        for v in p.neuron.State._fields
    }
    return recording, state


def assert_same(found, expected):
    for name in ("spikes", "rates", "states"):
        pd.testing.assert_frame_equal(getattr(found[0], name), getattr(expected[0], name), check_exact=True)
    for key, values in expected[1].items():
        assert np.array_equal(found[1][key].view(np.uint32), values.view(np.uint32)), key


@pytest.fixture(scope="module", params=CIRCUITS)
def reference(request):
    """Return a circuit and the outcome of running it in one go on one thread."""
    circuit = CIRCUITS[request.param]()
    simulation = Simulation(circuit, record=RECORD, seed=5)
    simulation.advance(MS)
    found = outcome(simulation)
    assert len(found[0].spikes) > 5000
    assert MS / 0.1 > WINDOW
    return circuit, found


# --- the same bits ---


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_change_a_bit(reference, threads):
    circuit, expected = reference
    simulation = Simulation(circuit, record=RECORD, seed=5, threads=threads)
    simulation.advance(MS)
    assert_same(outcome(simulation), expected)


@pytest.mark.parametrize("threads", [1, 2])
def test_pieces_do_not_change_a_bit(reference, threads):
    circuit, expected = reference
    simulation = Simulation(circuit, record=RECORD, seed=5, threads=threads)
    done, pieces = 0, [1, 1, 7, 8, 9, 10, 63, 0, 500, 73, 1, 3000]
    for steps in pieces:
        simulation.advance(steps * 0.1)
        done += steps
        assert simulation.step == done
    simulation.advance(MS - done * 0.1)
    assert_same(outcome(simulation), expected)


@pytest.mark.parametrize(("threads", "later", "at_ms"), [(1, 3, 301.7), (3, 1, 401.7), (2, 2, 0.9)])
def test_save_and_restore_in_the_middle_do_not_change_a_bit(reference, tmp_path, threads, later, at_ms):
    circuit, expected = reference
    first = Simulation(circuit, record=RECORD, seed=5, threads=threads)
    first.advance(at_ms)
    first.save(tmp_path / "run.npz")
    second = Simulation(circuit, record=RECORD, seed=5, threads=later)
    second.restore(tmp_path / "run.npz")
    assert second.time_ms == pytest.approx(at_ms)
    second.advance(MS - at_ms)
    joined = Recording.concatenate([first.recording(), second.recording()])
    found = outcome(second)
    assert_same((joined, found[1]), expected)


def test_a_run_at_its_start_and_at_its_end_is_saved_too(tmp_path):
    circuit = zoo.circuit()
    runs = [Simulation(circuit) for _ in range(3)]
    runs[0].save(tmp_path / "start.npz")
    for run in runs[:2]:
        run.advance(30.0)
    runs[1].save(tmp_path / "end.npz")
    runs[2].restore(tmp_path / "start.npz")
    runs[2].advance(30.0)
    assert_same(outcome(runs[2]), outcome(runs[0]))
    runs[2].restore(tmp_path / "end.npz")
    runs[2].advance(0.0)
    assert outcome(runs[2])[1].keys() == outcome(runs[1])[1].keys()
    assert np.array_equal(runs[2].state("pyr", "v_s"), runs[1].state("pyr", "v_s"))


def test_seed_and_realization_decide_and_nothing_else():
    circuit = zoo.circuit()
    found = []
    for options in (dict(seed=1), dict(seed=1), dict(seed=2), dict(seed=1, realization=2)):
        simulation = Simulation(circuit, **options)
        simulation.advance(100.0)
        found.append(simulation.recording().spikes.drop(columns="realization"))
    assert found[0].equals(found[1])
    assert not found[0].equals(found[2])
    assert not found[0].equals(found[3])
    assert (
        len(
            {
                int(simulation.synapses("pyr->pyr.dendrite_inh")["target_id"].sum())
                for simulation in (
                    Simulation(circuit, seed=1),
                    Simulation(circuit, seed=2),
                    Simulation(circuit, realization=2),
                )
            }
        )
        == 3
    )


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [1, 50])
def test_a_spike_record_that_fills_up_loses_nothing(reference, monkeypatch, threads, size):
    circuit, expected = reference
    monkeypatch.setattr(handover, "SPIKE_BUFFER", size)
    simulation = Simulation(circuit, record=RECORD, seed=5, threads=threads)
    simulation.advance(MS)
    assert_same(outcome(simulation), expected)
    assert len(simulation._compiled.arrays["recorded_step"]) > size


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("every_ms", [None, 0.7, 4.3])
@pytest.mark.parametrize("size", [1, handover.SPIKE_BUFFER])
@pytest.mark.parametrize("name", ALONE)
def test_a_population_without_afferents_is_one_that_hears_nothing(monkeypatch, name, size, every_ms, threads):
    """It leads the others; with synapses of weight 0 onto it, it has to keep step with them."""
    monkeypatch.setattr(handover, "SPIKE_BUFFER", size)
    states = dict(states=RECORD.states, states_every_ms=every_ms) if every_ms else {}
    nothing = Projection("pv", "pyr", "soma_inh", 0.0, Probability(0.05), name="nothing")
    found = []
    for extra in ((), (nothing,)):
        circuit = one_without_afferents(ALONE[name], *extra)
        simulation = Simulation(circuit, record=Record(**states), seed=5, threads=threads)
        simulation.advance(MS / 4)
        sizes = simulation._compiled.arrays["sizes"]
        found.append(((sizes[nw.LEAD], sizes[nw.SLICE]), outcome(simulation)))
    ((lead, time_slice), alone), ((in_step, _), heard) = found
    assert lead > (9 if time_slice > 1 else 1)
    assert in_step == 0
    assert_same(alone, heard)


def test_what_is_recorded_does_not_change_the_run(reference):
    circuit, expected = reference
    simulation = Simulation(circuit, record=Record(spikes=("pv",), rates_bin_ms=None), seed=5)
    simulation.advance(MS)
    recording, state = outcome(simulation)
    for key, values in expected[1].items():
        assert np.array_equal(state[key], values)
    theirs = expected[0].spikes
    ours = recording.spikes[["time_ms", "neuron_id"]]
    assert np.array_equal(ours, theirs[theirs["population"] == "pv"][["time_ms", "neuron_id"]])
    assert len(recording.rates) == len(recording.states) == 0


# --- what can be changed in a run ---


def test_a_change_in_the_protocol_is_a_change_by_hand():
    by_protocol = Simulation(big(), seed=5)
    by_protocol.advance(400.0)
    by_hand = Simulation(big(protocol=()), seed=5)
    by_hand.advance(100.0)
    by_hand.set_weight("pv->pyr.soma_inh", 0.05)
    by_hand.advance(233.3)
    by_hand.set_rate("src", 90.0)
    by_hand.advance(66.7)
    pd.testing.assert_frame_equal(by_protocol.recording().spikes, by_hand.recording().spikes)


def test_a_current_set_by_hand_is_one_of_the_circuit_and_survives_a_save(tmp_path):
    described = zoo.circuit(
        currents=(*zoo.CURRENTS, Current("pyr", "dendrite", Constant(80.0, start_ms=20.0)))
    )
    expected = simulate(described, 60.0).spikes
    simulation = Simulation(zoo.circuit())
    simulation.advance(20.1)  # the current of a step is added at its end
    simulation.set_current("pyr", "dendrite", 80.0)
    simulation.advance(10.0)
    simulation.save(tmp_path / "run.npz")
    resumed = Simulation(zoo.circuit())
    resumed.restore(tmp_path / "run.npz")
    resumed.advance(29.9)
    joined = Recording.concatenate([simulation.recording(), resumed.recording()])
    pd.testing.assert_frame_equal(joined.spikes, expected)


def test_currents_one_per_neuron_survive_a_save(tmp_path):
    projections = (Projection("in", "out", "a", 1.0, OneToOne(), delay_ms=0.1),)
    circuit = probes.circuit(100, 100, projections)
    pattern = (np.arange(100) % 3 == 0).astype(float)
    first = Simulation(circuit, dtype="float64")
    first.set_current("in", "soma", pattern)
    first.advance(1.0)
    first.save(tmp_path / "run.npz")
    second = Simulation(circuit, dtype="float64", threads=2)
    second.restore(tmp_path / "run.npz")
    second.advance(1.0)
    # of 20 steps, the first has no current and what the last two send is still on its way
    assert np.array_equal(second.state("out", "a"), 17.0 * pattern)


@pytest.mark.parametrize("pieces", [[30], [1, 29], [0, 2, 28]])
def test_a_current_set_before_the_start_is_felt_on_the_second_step(pieces):
    """Whether for all neurons or neuron by neuron, as one of the circuit."""
    found = []
    for current, by_hand in (
        (Constant(300.0), None),
        (Controlled(), 300.0),
        (Controlled(), np.full(130, 300.0)),
    ):
        simulation = Simulation(zoo.circuit(currents=(Current("bp", "soma", current),)), record=WATCH)
        if by_hand is not None:
            simulation.set_current("bp", "soma", by_hand)
        for steps in pieces:
            simulation.advance(steps * 0.1)
        found.append(simulation.recording().states)
    for frame in found[1:]:
        pd.testing.assert_frame_equal(frame, found[0], check_exact=True)


# --- what cannot be resumed ---


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return the path of a saved run of the zoo at 20 ms."""
    simulation = Simulation(zoo.circuit(), seed=1)
    simulation.advance(20.0)
    return simulation.save(tmp_path_factory.mktemp("saved") / "run.npz")


@pytest.mark.parametrize(
    ("word", "options"),
    [
        ("circuit", dict(circuit=zoo.circuit(dt_ms=0.05))),
        ("circuit", dict(circuit=zoo.circuit(projections=()))),
        ("circuit", dict(circuit=zoo.circuit(populations=zoo.populations(sizes=dict(pv=71))))),
        ("seed", dict(seed=2)),
        ("realization", dict(realization=2)),
        ("dtype", dict(dtype="float64")),
        (r"Record.rates_bin_ms \(50 ms, not 10 ms\)", dict(record=Record(rates_bin_ms=10.0))),
        (r"Record.rates_bin_ms \(50 ms, not None\)", dict(record=Record(rates_bin_ms=None))),
    ],
)
def test_another_run_is_not_resumed(saved, word, options):
    simulation = Simulation(**{"circuit": zoo.circuit(), "seed": 1, **options})
    before = outcome(simulation)[1]
    with pytest.raises(BurstpropError, match=f"saved with another {word}.*started with"):
        simulation.restore(saved)
    assert simulation.step == 0
    for key, values in outcome(simulation)[1].items():
        assert np.array_equal(values, before[key])


CODE = """
from dataclasses import dataclass
from typing import NamedTuple
import numba
from burstprop.neurons import AdEx
BOUND = 1.0
@numba.njit
def bounded(v): return min(v, BOUND)
class LIFState(NamedTuple):
    v: float
@dataclass(frozen=True)
class LIF(AdEx):
    State, receptors = LIFState, {}
    def derived(self, dt): return AdEx.derived(self, dt) | dict(leak=0.1)
    def initial(self, n, rng, dt): return LIFState(0.0)
    @staticmethod
    def step(s, i, c): return LIFState(bounded(s.v))
    @staticmethod
    def margin(s, c): return c.zero - s.v
    @staticmethod
    def spike(s, i, c, u1, u2): return s
class Ramp:
    def current(self, t_ms): return 1.0 * t_ms
"""
EDITS = {
    "the step": ("(bounded(s.v))", "(s.v)", "model of population 'lif'"),
    "the constants": ("leak=0.1", "leak=0.2", "model of population 'lif'"),
    "what it calls": ("min(v, BOUND)", "max(v, BOUND)", "model of population 'lif'"),
    "a number": ("BOUND = 1.0", "BOUND = 2.0", "model of population 'lif'"),
    "the waveform": ("1.0 * t_ms", "2.0 * t_ms", "waveform of the current into lif.soma"),
}


def written_circuit(name, text, in_a_file, folder):
    """Return a circuit of the model and the waveform of a text, typed in or from a file."""
    made = {"__name__": name}
    path = folder / f"{name}.py"
    if in_a_file:
        path.write_text(text)
    exec(compile(text, str(path) if in_a_file else "<typed>", "exec"), made)
    return Circuit(
        populations=(Population("lif", 3, made["LIF"]()),), currents=(Current("lif", "soma", made["Ramp"]()),)
    )


@pytest.mark.parametrize("in_a_file", [True, False])
@pytest.mark.parametrize("what", EDITS)
def test_a_run_does_not_go_on_with_another_text_of_a_model_or_a_waveform(tmp_path, what, in_a_file):
    old, new, word = EDITS[what]
    circuit = written_circuit("first", CODE, in_a_file, tmp_path)
    path = Simulation(circuit).save(tmp_path / "run.npz")
    edited = written_circuit("second", CODE.replace(old, new), in_a_file, tmp_path)
    assert edited.fingerprint() == circuit.fingerprint()
    with pytest.raises(BurstpropError, match=f"saved with another {word}.*started with"):
        Simulation(edited).restore(path)
    Simulation(written_circuit("third", CODE, in_a_file, tmp_path)).restore(path)


def test_a_run_goes_on_when_a_comment_or_a_line_above_has_changed(tmp_path):
    path = Simulation(written_circuit("first", CODE, True, tmp_path)).save(tmp_path / "run.npz")
    commented = "\n" + CODE.replace("return s\n", "return s  # nothing\n")
    assert commented.count("# nothing") == 1
    Simulation(written_circuit("second", commented, True, tmp_path)).restore(path)


def test_restore_forgets_what_was_recorded(tmp_path):
    record = Record(rates_bin_ms=10.0)
    simulation = Simulation(zoo.circuit(), record=record)
    simulation.advance(20.0)
    simulation.save(tmp_path / "run.npz")
    simulation.advance(20.0)
    simulation.restore(tmp_path / "run.npz")
    simulation.advance(20.0)
    found = simulation.recording()
    expected = simulate(zoo.circuit(), 40.0, record=record)
    for name in ("spikes", "rates"):
        frame = getattr(expected, name)
        later = frame[frame["time_ms"] > (19.95 if name == "spikes" else 20.0)].reset_index(drop=True)
        assert len(later) > 5
        pd.testing.assert_frame_equal(getattr(found, name), later)


def unharmed(simulation, before):
    assert simulation.step == 0
    return all(np.array_equal(values, before[key]) for key, values in outcome(simulation)[1].items())


def test_a_truncated_or_altered_file_is_refused(saved, tmp_path):
    """Cut anywhere, or with any byte changed, the file is refused, or (in an unused byte of zip's) read as it was."""
    content = saved.read_bytes()
    simulation = Simulation(zoo.circuit(), seed=1)
    before = outcome(simulation)[1]
    whole = Simulation(zoo.circuit(), seed=1)
    whole.restore(saved)
    expected = outcome(whole)[1]
    bad = tmp_path / "bad.npz"
    for length in (0, 1, 30, 1000, len(content) // 2, len(content) - 23, len(content) - 1):
        bad.write_bytes(content[:length])
        with pytest.raises(BurstpropError, match=r"bad\.npz.*(truncated|altered)"):
            simulation.restore(bad)
        assert unharmed(simulation, before)
    rng = np.random.default_rng(0)
    refused = 0
    heads = rng.integers(0, 600, 40), rng.integers(len(content) - 3000, len(content), 60)
    for place in np.concatenate([*heads, rng.integers(0, len(content), 100)]):
        altered = bytearray(content)
        altered[place] ^= 0x41
        bad.write_bytes(altered)
        try:
            simulation.restore(bad)
        except BurstpropError as error:
            assert "bad.npz" in str(error)
            assert unharmed(simulation, before)
            refused += 1
        else:
            assert all(np.array_equal(v, expected[k]) for k, v in outcome(simulation)[1].items()), place
            simulation = Simulation(zoo.circuit(), seed=1)
    assert refused > 100


def contents(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def assert_refused(path, arrays, words):
    """Write the arrays, and see that a simulation refuses them and stays as it was."""
    np.savez(path, **arrays)
    simulation = Simulation(zoo.circuit(), seed=1)
    before = outcome(simulation)[1]
    with pytest.raises(BurstpropError, match=words):
        simulation.restore(path)
    assert unharmed(simulation, before)


@pytest.mark.parametrize("ring", [None, 8])
def test_a_file_whose_steps_are_counted_otherwise_is_refused(saved, tmp_path, ring):
    """Another version of burstprop may keep spikes for another number of steps."""
    arrays = contents(saved)
    meta = json.loads(str(arrays["meta"]))
    assert meta.pop("ring_steps") > 8
    arrays["meta"] = np.array(json.dumps(meta | ({"ring_steps": ring} if ring else {})))
    words = f"saved with another ring_steps.*{ring}.*version of burstprop"
    assert_refused(tmp_path / "other.npz", arrays, words)


@pytest.mark.parametrize("change", ["missing", "shape", "kind", "meta", "nothing"])
def test_a_whole_file_of_something_else_is_refused(saved, tmp_path, change):
    arrays = contents(saved)
    match change:
        case "missing":
            del arrays["stp_u"]
        case "shape":
            arrays["stp_u"] = arrays["stp_u"][:-1]
        case "kind":
            arrays["state"] = np.full(arrays["state"].shape, "x")
        case "meta":
            meta = json.loads(str(arrays["meta"]))
            del meta["step"]
            arrays["meta"] = np.array(json.dumps(meta))
        case "nothing":
            arrays = {"x": np.arange(3)}
    assert_refused(tmp_path / "other.npz", arrays, r"other\.npz.*not a simulation")


def test_a_pickle_and_a_missing_file_are_refused(tmp_path):
    simulation = Simulation(zoo.circuit())
    with pytest.raises(BurstpropError, match=r"no file .*none\.npz.*give the path"):
        simulation.restore(tmp_path / "none.npz")
    np.savez(tmp_path / "pickle.npz", meta=np.array([{"step": 3}], dtype=object))
    with pytest.raises(BurstpropError, match=r"pickle\.npz"):
        simulation.restore(tmp_path / "pickle.npz")


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    simulation = Simulation(zoo.circuit())
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file" / "run.npz", tmp_path / "nowhere" / "run.npz"):
        for save in (simulation.save, simulation.recording().save):
            with pytest.raises(BurstpropError, match=r"run\.npz.*could not be written.*another folder"):
                save(path)
    assert os.listdir(tmp_path) == ["file"]


# --- bad requests ---


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(seed=-1), "seed = -1.*at least 0"),
        (dict(seed=1.5), "seed = 1.5.*whole number"),
        (dict(threads=0), "threads = 0.*at least 1"),
        (dict(dtype="float16"), "dtype = 'float16'.*float32"),
        (dict(realization="x"), "realization = 'x'.*number"),
    ],
)
def test_bad_options_of_a_run(options, words):
    with pytest.raises(BurstpropError, match=words):
        Simulation(zoo.circuit(), **options)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda s: s.advance(0.25),
            r"duration_ms = 0.25 ms is not a multiple of dt_ms = 0.1 ms.*0.2 and 0.3",
        ),
        (lambda s: s.advance(-1.0), "duration_ms = -1 ms.*at least 0"),
        (lambda s: s.advance(float("nan")), "duration_ms = nan"),
        (lambda s: s.set_current("pyr", "soma", float("nan")), "current into pyr.soma = nan pA"),
        (lambda s: s.set_current("pyr", "some", 1.0), "no compartment 'some'.*'soma'"),
        (lambda s: s.set_current("pyt", "soma", 1.0), "'pyt'.*'pyr'"),
        (
            lambda s: s.set_current("pyr", "soma", np.ones(150)),
            r"needs Current\('pyr', 'soma', Controlled\(\)\)",
        ),
        (lambda s: s.set_weight("pyr->pv.soma_exc", -0.1), "weight = -0.1.*cannot be negative"),
        (lambda s: s.set_weight("pyr->pv.soma_inh", 0.1), "'pyr->pv.soma_exc'"),
        (lambda s: s.set_rate("pyr", 10.0), "only a PoissonPopulation"),
        (lambda s: s.state("pyr", "v"), "no variable 'v'.*v_s"),
        (lambda s: s.state("pyramidal", "v_s"), "'pyramidal'.*pyr"),
        (lambda s: s.synapses("pyr"), "no projection 'pyr'"),
        (lambda s: s.averages("pyr->pv.soma_exc"), "not plastic"),
    ],
)
def test_bad_requests_in_a_run(call, words):
    simulation = Simulation(zoo.circuit())
    with pytest.raises(BurstpropError, match=words):
        call(simulation)
    assert simulation.step == 0


def test_a_rate_of_a_spike_in_every_step():
    simulation = Simulation(probes.circuit(1, 1, sources=(PoissonPopulation("src", 4, 5.0),)))
    with pytest.raises(BurstpropError, match=r"'src': rate_hz = 20000 Hz is a spike in every step of 0.1 ms"):
        simulation.set_rate("src", 20000.0)


def test_one_current_per_neuron_of_the_wrong_length():
    simulation = Simulation(probes.circuit(5, 5), dtype="float64")
    with pytest.raises(BurstpropError, match=r"current into in\.soma: 4 values for 5 neurons"):
        simulation.set_current("in", "soma", np.ones(4))


class Broken:
    """A waveform that becomes NaN after 20 ms, or has the wrong shape."""

    def __init__(self, shape=False):
        self.shape = shape

    def current(self, t_ms):
        return np.zeros(3) if self.shape else np.where(t_ms > 20.0, np.nan, 1.0)


@pytest.mark.parametrize(("shape", "words"), [(False, "not a finite number"), (True, r"shape \(3,\)")])
def test_a_waveform_without_a_number_is_named(shape, words):
    circuit = zoo.circuit(currents=(Current("pv", "soma", Broken(shape)),))
    simulation = Simulation(circuit)
    with pytest.raises(BurstpropError, match=f"Current to pv.soma.*{words}"):
        simulation.advance(30.0)


def test_divergence_stops_and_says_where_and_when():
    circuit = zoo.circuit(
        populations=zoo.populations(models={"pyr": PyramidalNeuron()}),
        projections=(Projection("bp", "pyr", "dendrite_inh", 1e6, Probability(0.5)),),
    )
    simulation = Simulation(circuit)
    with pytest.raises(
        Diverged, match=r"population 'pyr' diverged between t = 0 and \S+ ms: v_d of \d+ neurons.*weight"
    ):
        simulation.advance(2000.0)
    assert simulation.time_ms < 1000.0
    assert len(simulation.recording().spikes) > 0  # what was recorded is kept
    assert issubclass(Diverged, BurstpropError)


def test_a_variable_that_diverges_behind_a_bounded_voltage_is_found():
    """The adaptation explodes because its time constant is under half a step; the voltage is clipped."""
    models = {"pv": som_interneuron(tau_w=0.04)}
    simulation = Simulation(zoo.circuit(populations=zoo.populations(models=models), projections=()))
    with pytest.raises(
        Diverged, match=r"population 'pv' diverged.*: w of \d+ neurons is not a finite number.*dt_ms"
    ):
        simulation.advance(1000.0)


# --- Ctrl-C ---

LONG_RUN = """
import sys
from burstprop.simulation import Simulation
from engine import zoo
simulation = Simulation(zoo.circuit(), threads=int(sys.argv[2]))
simulation.advance(0.1)
print("running", flush=True)
try:
    simulation.advance(1e9)
except KeyboardInterrupt:
    simulation.save(sys.argv[1] + "/run.npz")
    simulation.recording().save(sys.argv[1] + "/recording.npz")
    print(simulation.time_ms, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_keeps_what_was_recorded_and_the_run_goes_on(tmp_path, threads):
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", LONG_RUN, str(tmp_path), str(threads)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert process.stdout.readline() == "running\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    reached = float(process.communicate(timeout=120)[0])
    assert process.returncode == 0
    kept = Recording.load(tmp_path / "recording.npz")
    resumed = Simulation(zoo.circuit())
    resumed.restore(tmp_path / "run.npz")
    assert resumed.time_ms == reached > 0.1
    resumed.advance(100.0)
    expected = simulate(zoo.circuit(), min(reached, 2000.0)).spikes
    pd.testing.assert_frame_equal(kept.spikes.iloc[: len(expected)], expected)
    assert kept.spikes["time_ms"].iloc[-1] > reached - 20.0


# --- without compilation ---


@pytest.fixture(scope="module")
def plain_runs(tmp_path_factory):
    """Return the folder of what plain Python ran, all in one process."""
    folder = tmp_path_factory.mktemp("plain")
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        [sys.executable, "-W", "error", "-m", "engine.without_jit", str(folder)],
        check=True, cwd=TESTS, env={**os.environ, "PYTHONPATH": path, "NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip
    return folder


@pytest.mark.parametrize("name", without_jit.PROJECTIONS)
def test_the_engine_as_plain_python_is_the_compiled_one(plain_runs, name):
    plain, compiled = Recording.load(plain_runs / f"{name}.npz"), without_jit.run(name)
    assert set(compiled.spikes["population"]) == {"pyr", "bp", "pv", "src"}
    pd.testing.assert_frame_equal(plain.spikes, compiled.spikes, check_dtype=False)
    pd.testing.assert_frame_equal(plain.rates, compiled.rates, check_exact=True, check_dtype=False)
    pd.testing.assert_frame_equal(plain.states, compiled.states, rtol=1e-12, atol=1e-12, check_dtype=False)
    pd.testing.assert_frame_equal(plain.weights, compiled.weights, rtol=1e-12, check_dtype=False)
    assert (name == "learning") == (len(compiled.weights) > 0)


# --- memory ---


def test_bytes_grow_with_neurons_and_synapses_and_nothing_else():
    def sizes(scale, k):
        circuit = zoo.circuit(
            populations=zoo.populations(sizes={n: LANES * scale for n in zoo.MODELS}),
            projections=(Projection("pv", "pyr", "soma_inh", 0.1, FixedInDegree(k)),),
        )
        return Simulation(circuit).sizes()

    small, large, dense = sizes(1, 50), sizes(4, 50), sizes(4, 200)
    assert small["neurons"] == 3 * LANES
    assert large["synapses"] == 4 * small["synapses"] == 4 * LANES * 50
    assert large["neuron_bytes"] < 4.05 * small["neuron_bytes"]
    # 26 variables of three neurons, and the ring of their spikes
    assert small["neuron_bytes"] / small["neurons"] < 400
    assert dense["neuron_bytes"] == large["neuron_bytes"]
    assert dense["synapse_bytes"] == 4 * large["synapse_bytes"] == 2 * dense["synapses"]


def test_a_run_that_records_nothing_takes_no_memory_however_long():
    simulation = Simulation(zoo.circuit(), record=Record(spikes=False, rates_bin_ms=None))
    simulation.advance(500.0)
    peaks = []
    for duration in (1000.0, 8000.0):
        tracemalloc.start()
        simulation.advance(duration)
        peaks.append(tracemalloc.get_traced_memory())
        tracemalloc.stop()
    for now, peak in peaks:
        assert now < 50_000
        assert peak < 500_000


def test_recorded_spikes_take_fourteen_bytes_each_and_are_forgotten_on_request():
    simulation = Simulation(zoo.circuit())
    simulation.advance(500.0)
    tracemalloc.start()
    begin = tracemalloc.get_traced_memory()[0]
    simulation.advance(20_000.0)
    taken = tracemalloc.get_traced_memory()[0] - begin
    tracemalloc.stop()
    n = sum(len(step) for step, _, _ in simulation._recorder._spikes)
    assert n > 50_000
    assert taken < 16 * n + 100_000
    simulation.forget_recording()
    assert len(simulation.recording().spikes) == 0


# --- speed that must not break ---


def cpu_seconds(circuit, ms, repeats=5):
    """Return the median CPU time of advancing by ``ms``, after as long a start."""
    simulation = Simulation(circuit, record=Record(spikes=False, rates_bin_ms=None))
    simulation.advance(ms)
    times = []
    for _ in range(repeats):
        begin = time.thread_time()
        simulation.advance(ms)
        times.append(time.thread_time() - begin)
    return simulation, float(np.median(times))


def silent(sizes):
    """Return the circuit of all models without any input."""
    return zoo.circuit(populations=zoo.populations(sizes=sizes), projections=(), backgrounds=(), currents=())


@pytest.mark.timing
def test_a_silent_circuit_is_no_slower_than_a_driven_one():
    sizes = dict(pyr=1000, bp=1000, pv=500)
    driven = zoo.circuit(populations=zoo.populations(sizes=sizes), projections=())
    _, without = cpu_seconds(silent(sizes), 1000.0)
    _, with_input = cpu_seconds(driven, 1000.0)
    assert without < 1.5 * with_input, (without, with_input)


def test_a_silent_circuit_has_no_denormal_numbers():
    """Numbers that decay for seconds without input must not become denormal, which costs up to 80 times."""
    simulation = Simulation(silent(dict(pyr=100, bp=100, pv=100)))
    simulation.advance(6000.0)
    tiny = np.finfo(np.float32).tiny
    for p in zoo.MODELS:
        for v in zoo.MODELS[p].State._fields:
            values = np.abs(simulation.state(p, v))
            assert ((values == 0.0) | (values >= tiny)).all(), (p, v, values.min())


def test_a_background_that_stops_leaves_no_denormal_conductance():
    """After the last spike a conductance decays for 2 s, 400 time constants."""
    circuit = zoo.circuit(
        projections=(), currents=(), backgrounds=(Background("pyr", "soma_exc", 0.02, 0.3),)
    )
    simulation = Simulation(circuit)
    simulation.advance(5000.0)
    values = simulation.state("pyr", "g_s_exc")
    assert (values > 1e-30).all()
    assert (values < 1e-20).any()
