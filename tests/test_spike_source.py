"""Spikes in: given spikes drive a circuit, whoever recorded them; currents that step, for all or one by one."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from engine import probes

from burstprop import (
    AllToAll,
    BurstDependentRule,
    BurstpropError,
    Circuit,
    Current,
    OneToOne,
    Population,
    Probability,
    Projection,
    Record,
    Recording,
    Simulation,
    SpikeSource,
    Steps,
    simulate,
)
from burstprop.circuit.synapses import depressing, facilitating
from burstprop.neurons import BurstPoissonNeuron

N, STEPS_RUN = 70, 3000
RNG = np.random.default_rng(3)
STEP, NEURON = np.nonzero(RNG.random((STEPS_RUN, N)) < 0.003)
TIMES = STEP * 0.1
SOURCE = SpikeSource("src", N, TIMES, NEURON)


def plastic_circuit(source=SOURCE, n=600):
    rule = BurstDependentRule(eta=0.05, w_max=0.4)
    return Circuit(
        populations=(source, Population("bp", n, BurstPoissonNeuron())),
        projections=(
            Projection("src", "bp", "soma_exc", 0.1, AllToAll(), "events", rule=rule),
            Projection("src", "bp", "dendrite_exc", 0.2, Probability(0.2), stp=facilitating()),
        ),
        currents=(Current("bp", "dendrite", Steps((0.0, 100.0), (200.0, 500.0))),),
    )


def test_given_spikes_come_when_they_should_and_only_then():
    recording = simulate(probes.circuit(1, 1, sources=(SOURCE,)), 350.0)
    spikes = recording.spikes
    assert set(spikes["population"]) == {"src"}
    np.testing.assert_allclose(spikes["time_ms"], TIMES, atol=1e-9)
    np.testing.assert_array_equal(spikes["neuron_id"], NEURON)
    backwards = SpikeSource("src", N, TIMES[::-1], NEURON[::-1])
    np.testing.assert_array_equal(backwards.times_ms, TIMES)
    with pytest.raises(ValueError, match="read-only"):
        SOURCE.times_ms[0] = 1.0


def test_given_spikes_learn_the_same_for_any_threads_pieces_and_resume(tmp_path):
    record = Record(rates_bin_ms=10.0)
    whole = Simulation(plastic_circuit(), record=record)
    whole.advance(300.0)
    pieces = Simulation(plastic_circuit(), record=record, threads=3)
    for duration in (0.1, 99.9, 0.8, 49.2):
        pieces.advance(duration)
    resumed = Simulation(plastic_circuit(), record=record, threads=1)
    resumed.restore(pieces.save(tmp_path / "run.npz"))
    recordings = [pieces.recording(), None]
    for simulation in (pieces, resumed):
        simulation.advance(150.0)
        np.testing.assert_array_equal(
            simulation.weights("src->bp.soma_exc"), whole.weights("src->bp.soma_exc")
        )
    recordings[1] = resumed.recording()
    expected = whole.recording()
    assert whole.weights("src->bp.soma_exc").std() > 0.005
    assert (expected.spikes["population"] == "bp").sum() > 1000
    pd.testing.assert_frame_equal(pieces.recording().spikes, expected.spikes)
    pd.testing.assert_frame_equal(Recording.concatenate(recordings).rates, expected.rates)


def test_what_burstprop_recorded_comes_again_in_the_same_steps(tmp_path):
    first = simulate(plastic_circuit(), 100.0)
    path = first.save(tmp_path / "first.npz")
    for spikes in (first, first.spikes, path, str(path)):
        again = SpikeSource.of("src", spikes, N, population="src")
        np.testing.assert_array_equal(again.steps(0.1), STEP[STEP < 1000])
        np.testing.assert_array_equal(again.neurons, NEURON[STEP < 1000])
    with pytest.raises(BurstpropError, match=r"holds 2 populations \(.*choose one \(population=\.\.\.\)"):
        SpikeSource.of("src", first)
    with pytest.raises(BurstpropError, match=r"no population 'sra'.*did you mean 'src'"):
        SpikeSource.of("src", first, population="sra")


MONITOR = SimpleNamespace(i=NEURON, t=TIMES / 1000.0)
NEST = {"senders": NEURON + 5, "times": TIMES}
TRAINS = [TIMES[k == NEURON] for k in range(N)]


class Units(dict):
    """The units of an NWB file, as far as it matters."""

    colnames = ("spike_times", "quality")


@pytest.mark.parametrize(
    ("spikes", "options"),
    [
        (MONITOR, {}),
        (NEST, dict(first_neuron=5)),
        (pd.DataFrame({"time_ms": TIMES, "neuron_id": NEURON}), {}),
        (TRAINS, {}),
        ([train / 1000.0 for train in TRAINS], dict(time_unit="s")),
        (Units(spike_times=[train / 1000.0 for train in TRAINS]), {}),
    ],
    ids=["Brian2", "NEST", "frame", "trains", "trains in s", "NWB"],
)
def test_anybodys_spikes_are_read(spikes, options):
    found = SpikeSource.of("src", spikes, **options)
    assert found.n == N
    np.testing.assert_array_equal(found.steps(0.1), STEP)
    np.testing.assert_array_equal(found.neurons, NEURON)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((3, [1.0, 2.0], [0, 3]), "a spike is of neuron 3, and n = 3"),
        ((3, [1.0, -2.0], [0, 1]), "a spike is at -2 ms"),
        ((3, [1.0, np.nan], [0, 1]), "has time nan"),
        ((3, [1.0], [0, 1]), r"spike times have shape \(1,\) and neurons \(2,\)"),
        ((3, [1.0, 2.0], [0.5, 1.0]), "neurons are whole numbers"),
    ],
)
def test_wrong_spikes_are_refused(arguments, words):
    with pytest.raises(BurstpropError, match=words):
        SpikeSource("src", *arguments)


def test_two_spikes_of_a_neuron_in_one_step_are_refused():
    source = SpikeSource("src", 2, [1.0, 1.04, 1.04], [1, 1, 0])
    with pytest.raises(BurstpropError, match=r"1 spikes share a step of 0\.1 ms.*neuron 1 at 1 ms"):
        probes.circuit(1, 1, sources=(source,))
    probes.circuit(1, 1, sources=(source,), dt_ms=0.02)
    with pytest.raises(BurstpropError, match="'src' is a SpikeSource and receives nothing"):
        probes.circuit(1, 1, (Projection("in", "src", "a", 1.0),), sources=(SOURCE,))


# --- currents ---


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("pieces", [[200], [1, 49, 1, 1, 148]])
def test_each_neuron_gets_the_current_of_its_own_column(threads, pieces):
    """Relays fire while they get more than half a pA; what is injected at t is felt one step later."""
    n = 130
    times = np.array([0.0, 5.0, 5.1, 12.3])
    values = (np.random.default_rng(2).random((4, n)) < 0.5).astype(float)
    described = probes.circuit(n, n, (Projection("in", "out", "a", 1.0, OneToOne(), delay_ms=0.1),))
    described = Circuit(
        described.populations,
        described.projections,
        currents=(*described.currents, Current("in", "soma", Steps(times, values))),
    )
    simulation = Simulation(described, threads=threads)
    for steps in pieces:
        simulation.advance(steps * 0.1)
    spikes = simulation.recording().spikes
    found = np.zeros((200, n))
    found[np.rint(spikes["time_ms"] / 0.1).astype(int), spikes["neuron_id"]] = 1.0
    expected = np.zeros((200, n))
    for k, (first, last) in enumerate(((1, 51), (51, 52), (52, 124), (124, 200))):
        expected[first:last] = values[k]
    np.testing.assert_array_equal(found, expected)
    simulation.set_current("in", "soma", np.ones(n) - values[3])
    simulation.advance(0.1)
    assert (simulation.recording().spikes["time_ms"] > 19.95).sum() == n


def test_a_stepped_current_is_zero_before_and_constant_after():
    steps = Steps((5.0, 8.0), (2.0, -1.0))
    np.testing.assert_array_equal(
        steps.current(np.array([0.0, 4.9, 5.0, 7.999, 8.0, 1e6])), [0, 0, 2, 2, -1, -1]
    )
    assert (
        "2 steps from 5 to 8 ms"
        in Circuit(
            (Population("bp", 3, BurstPoissonNeuron()),), currents=(Current("bp", "soma", steps),)
        ).describe()
    )


@pytest.mark.parametrize(
    ("times", "values", "words"),
    [
        ((1.0, 1.0), (0.0, 1.0), "each later than the one before"),
        ((-1.0, 1.0), (0.0, 1.0), "from 0 ms on"),
        ((1.0,), (np.inf,), "not a finite number"),
        ((1.0, 2.0), (1.0,), r"times_ms has shape \(2,\)"),
        ((), (), "at least one"),
    ],
)
def test_wrong_steps_are_refused(times, values, words):
    with pytest.raises(BurstpropError, match=words):
        Steps(times, values)


def test_steps_for_another_number_of_neurons_are_refused():
    with pytest.raises(BurstpropError, match=r"Steps\.values_pa is for 4 neurons; give \(k,\) or \(k, 3\)"):
        Circuit(
            (Population("bp", 3, BurstPoissonNeuron()),),
            currents=(Current("bp", "soma", Steps((0.0,), np.ones((1, 4)))),),
        )


def test_presets_of_short_term_plasticity_take_other_numbers():
    changed = depressing(utilisation=0.5, tau_d_ms=30.0, u_start=0.1)
    assert (changed.utilisation, changed.tau_d_ms, changed.tau_f_ms, changed.u_start) == (
        0.5,
        30.0,
        1000.0,
        0.1,
    )
    assert facilitating() == facilitating(tau_f_ms=100.0) != facilitating(jump=0.1)
