"""What is kept of a run: the frames, their columns and times, and the file they are saved to."""

import json

import numpy as np
import pandas as pd
import pytest
from engine import probes, zoo

from burstprop.circuit.plasticity import BurstDependentRule
from burstprop.errors import BurstpropError
from burstprop.neurons import PyramidalNeuron
from burstprop.recording import Record, Recording, StateRecord
from burstprop.simulation import Simulation, simulate

SPIKES = ["time_ms", "population", "neuron_id", "realization"]
RATES = ["time_ms", "population", "rate_hz", "event_rate_hz", "burst_rate_hz", "burst_prob", "realization"]


@pytest.fixture(scope="module")
def recording():
    """Return 120 ms of the zoo with some of everything, realization 3."""
    states = (StateRecord("pyr", ("v_s", "th"), (7, 2)), StateRecord("pv", ("v",), (0,)))
    record = Record(rates_bin_ms=20.0, states=states, states_every_ms=0.5)
    return simulate(zoo.circuit(), 120.0, record=record, realization=3)


def test_frames_have_the_stated_columns(recording):
    assert list(recording.spikes) == SPIKES
    assert list(recording.rates) == RATES
    assert list(recording.states)[:4] == ["time_ms", "population", "neuron_id", "realization"]
    for frame in (recording.spikes, recording.rates, recording.states):
        assert (frame["realization"] == 3).all()
        assert frame["population"].dtype == "category"
        assert len(frame) > 5
    assert len(recording.weights) == 0


def test_spikes_are_in_order_and_on_the_grid(recording):
    spikes = recording.spikes
    assert spikes["time_ms"].is_monotonic_increasing
    steps = spikes["time_ms"] / 0.1
    assert np.abs(steps - steps.round()).max() < 1e-9
    assert spikes["time_ms"].between(0.0, 119.95).all()
    for name, n in dict(pyr=150, bp=130, pv=70).items():
        ids = spikes[spikes["population"] == name]["neuron_id"]
        assert ids.between(0, n - 1).all()
        # a neuron spikes at most once per step
        assert not spikes[spikes["population"] == name].duplicated(["time_ms", "neuron_id"]).any()


def test_rates_are_those_of_the_spikes(recording):
    for name, n in dict(pyr=150, bp=130, pv=70).items():
        rates = recording.rates[recording.rates["population"] == name]
        assert list(rates["time_ms"]) == [20.0, 40.0, 60.0, 80.0, 100.0, 120.0]
        of_name = recording.spikes[recording.spikes["population"] == name]
        counts, _ = np.histogram(of_name["time_ms"] + 0.05, bins=np.arange(0.0, 121.0, 20.0))
        np.testing.assert_allclose(rates["rate_hz"], counts / n / 0.02, rtol=1e-12)
        with_events = rates[rates["event_rate_hz"] > 0]
        np.testing.assert_allclose(
            with_events["burst_prob"], with_events["burst_rate_hz"] / with_events["event_rate_hz"], rtol=1e-12
        )
        assert rates[rates["event_rate_hz"] == 0]["burst_prob"].isna().all()


def test_states_are_those_after_the_step_that_ends_then(recording):
    simulation = Simulation(zoo.circuit(), realization=3)
    states = recording.states
    for t in (0.5, 7.0, 119.5):
        simulation.advance(t - simulation.time_ms)
        now = states[np.isclose(states["time_ms"], t)].set_index(["population", "neuron_id"])
        assert now.loc[("pyr", 7), "v_s"] == simulation.state("pyr", "v_s")[7]
        assert now.loc[("pyr", 2), "th"] == simulation.state("pyr", "th")[2]
        assert now.loc[("pv", 0), "v"] == simulation.state("pv", "v")[0]
    assert len(states) == 240 * 3
    assert states[states["population"] == "pv"]["v_s"].isna().all()


def test_bins_that_have_not_ended_are_kept_for_later():
    simulation = Simulation(zoo.circuit(), record=Record(rates_bin_ms=50.0))
    simulation.advance(49.9)
    assert len(simulation.recording().rates) == 0
    simulation.advance(0.1)
    assert list(simulation.recording().rates["time_ms"]) == [50.0] * 3
    total = len(simulation.recording().spikes)
    rates = simulation.recording().rates.set_index("population")["rate_hz"]
    assert sum(rates[n] * size * 0.05 for n, size in dict(pyr=150, bp=130, pv=70).items()) == pytest.approx(
        total
    )


def test_an_empty_recording_has_its_columns():
    for record in (Record(spikes=False, rates_bin_ms=None), Record()):
        recording = Simulation(zoo.circuit(), record=record).recording()
        assert list(recording.spikes) == SPIKES
        assert list(recording.rates) == RATES
        assert list(recording.states)[:3] == ["time_ms", "population", "neuron_id"]
        assert all(
            len(f) == 0 for f in (recording.spikes, recording.rates, recording.states, recording.weights)
        )


def test_info_says_what_was_run(recording):
    info = recording.info
    assert info["circuit"] == zoo.circuit().fingerprint()
    assert info["populations"] == dict(pyr=150, bp=130, pv=70)
    assert (info["seed"], info["realization"], info["dtype"]) == (1, 3, "float32")
    assert "threads" not in info  # they do not change a bit of the file either
    assert (info["dt_ms"], info["duration_ms"]) == (0.1, pytest.approx(120.0))
    assert {"burstprop", "numba", "numpy"} <= info.keys()
    json.dumps(info)


# --- pieces ---


def test_what_is_forgotten_and_joined_again_is_the_whole():
    whole, pieces = Simulation(zoo.circuit()), Simulation(zoo.circuit())
    whole.advance(200.0)
    parts = []
    for duration in (33.3, 66.7, 100.0):
        pieces.advance(duration)
        parts.append(pieces.recording())
        pieces.forget_recording()
    assert len(pieces.recording().spikes) == 0
    joined = Recording.concatenate(parts)
    for name in ("spikes", "rates"):
        pd.testing.assert_frame_equal(getattr(joined, name), getattr(whole.recording(), name))
    assert joined.info["duration_ms"] == pytest.approx(200.0)


def test_realizations_are_joined_with_their_numbers():
    parts = [simulate(zoo.circuit(), 50.0, realization=r) for r in (1, 2)]
    joined = Recording.concatenate(parts)
    assert set(joined.spikes["realization"]) == {1, 2}
    assert joined.spikes["population"].dtype == "category"
    assert len(joined.spikes) == sum(len(p.spikes) for p in parts)


# --- the file ---


def same(a, b):
    for name in ("spikes", "rates", "states", "weights"):
        pd.testing.assert_frame_equal(getattr(a, name), getattr(b, name), check_exact=True)
    assert a.info == b.info


def test_saved_and_loaded_is_the_same(recording, tmp_path):
    same(Recording.load(recording.save(tmp_path / "r.npz")), recording)
    empty = Simulation(zoo.circuit()).recording()
    same(Recording.load(empty.save(tmp_path / "empty.npz")), empty)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty.npz", "r.npz"]


def test_the_file_holds_no_pickle(recording, tmp_path):
    with np.load(recording.save(tmp_path / "r.npz"), allow_pickle=False) as file:
        assert all(file[name].dtype.kind in "iufU" for name in file.files)


def test_truncated_and_altered_recordings_are_refused(recording, tmp_path):
    content = recording.save(tmp_path / "r.npz").read_bytes()
    bad = tmp_path / "bad.npz"
    for length in (0, 5, 500, len(content) // 2, len(content) - 10):
        bad.write_bytes(content[:length])
        with pytest.raises(BurstpropError, match=r"bad\.npz.*a recording.*(truncated|altered)"):
            Recording.load(bad)
    refused = 0
    for place in np.random.default_rng(0).integers(0, len(content), 60):
        altered = bytearray(content)
        altered[place] ^= 0x41
        bad.write_bytes(altered)
        try:
            found = Recording.load(bad)
        except BurstpropError as error:
            refused += "bad.npz" in str(error)
        else:
            same(found, recording)
    assert refused > 30


@pytest.mark.parametrize("change", ["missing column", "lengths", "codes", "info", "nothing"])
def test_whole_files_of_something_else_are_refused(recording, tmp_path, change):
    with np.load(recording.save(tmp_path / "r.npz")) as file:
        arrays = {name: file[name] for name in file.files}
    match change:
        case "missing column":
            del arrays["spikes/neuron_id"]
        case "lengths":
            arrays["spikes/neuron_id"] = arrays["spikes/neuron_id"][:-1]
        case "codes":
            arrays["spikes/population"] = arrays["spikes/population"] + np.int8(7)
        case "info":
            arrays["info"] = np.array("{")
        case "nothing":
            arrays = {"x": np.arange(3)}
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(BurstpropError, match=r"other\.npz.*not a recording saved by burstprop"):
        Recording.load(tmp_path / "other.npz")


def test_missing_files_and_folders_are_refused(recording, tmp_path):
    with pytest.raises(BurstpropError, match=r"no file .*none\.npz.*give the path of a recording"):
        Recording.load(tmp_path / "none.npz")
    with pytest.raises(BurstpropError, match=r"no file"):
        Recording.load(tmp_path)
    with pytest.raises(BurstpropError, match=r"could not be written"):
        recording.save(tmp_path / "nowhere" / "r.npz")


# --- what cannot be recorded ---

WATCHED = (StateRecord("pyr", ("v_s",)),)
BAD = {
    "spikes of nobody": (Record(spikes=("pyr", "sst")), "Record.spikes: no population 'sst'.*known: bp, pv, pyr"),
    "no bin": (Record(rates_bin_ms=0.0), "Record.rates_bin_ms = 0 ms: must be above 0 ms"),
    "NaN bin": (Record(rates_bin_ms=float("nan")), "Record.rates_bin_ms = nan"),
    "a bin that is not a multiple of dt": (Record(rates_bin_ms=0.25), "Record.rates_bin_ms = 0.25 ms is not a multiple"),
    "a bin of no step": (Record(rates_bin_ms=1e-10), "Record.rates_bin_ms = 1e-10 ms: give at least one step"),
    "a bin in words": (Record(rates_bin_ms="50"), "Record.rates_bin_ms = '50': give a number in ms"),
    "states never": (Record(states=WATCHED, states_every_ms=None), "Record.states_every_ms = None"),
    "states between steps": (
        Record(states=WATCHED, states_every_ms=0.05), "Record.states_every_ms = 0.05 ms is not a multiple"
    ),
    "a name for several": (Record(spikes="pyr"), r"Record.spikes = 'pyr': give .*as \('pyr',\)"),
    "one state record": (Record(states=WATCHED[0]), r"Record.states = StateRecord.*: give several StateRecord"),
    "no state record": (Record(states=("pyr",)), "Record.states holds 'pyr': give StateRecord"),
    "a name for several variables": (
        Record(states=(StateRecord("pyr", "th"),)), r"StateRecord.variables = 'th': give .*as \('v_s',\)"
    ),
    "a number for several neurons": (
        Record(states=(StateRecord("pyr", ("th",), 3),)), r"StateRecord.neurons = 3: give .*as \(0,\)"
    ),
    "half a neuron": (Record(states=(StateRecord("pyr", ("th",), (0.5,)),)), "no neuron 0.5 in 'pyr'"),
    "a neuron twice": (
        Record(states=(*WATCHED, StateRecord("pyr", ("th", "v_s"), (1, 0)))),
        "'v_s' of neuron 0 of 'pyr' is asked for twice",
    ),
    "weights between steps": (Record(weights_every_ms=0.05), "Record.weights_every_ms = 0.05 ms"),
    "states of nobody": (Record(states=(StateRecord("pyt", ("v_s",)),)), "'pyt'.*did you mean 'pyr'"),
    "no such variable": (
        Record(states=(StateRecord("pyr", ("v",)),)), "Record.states: 'pyr' has no variable 'v'.*v_s"
    ),
    "no such neuron": (
        Record(states=(StateRecord("pyr", ("v_s",), (150,)),)), "no neuron 150 in 'pyr'; give 0 to 149"
    ),
    "a negative neuron": (Record(states=(StateRecord("pyr", ("v_s",), (-1,)),)), "no neuron -1"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_does_not_exist_cannot_be_recorded(what):
    record, words = BAD[what]
    with pytest.raises(BurstpropError, match=words):
        Simulation(zoo.circuit(), record=record)


def test_how_often_states_are_sampled_matters_only_where_there_are_some():
    simulation = Simulation(zoo.circuit(projections=(), dt_ms=0.4), record=Record(states_every_ms=1.0))
    simulation.advance(0.8)
    assert len(simulation.recording().states) == 0


def test_nothing_is_not_joined():
    with pytest.raises(BurstpropError, match=r"Recording.concatenate: there is nothing to join"):
        Recording.concatenate([])


def test_weights_are_summarised_where_asked():
    """A projection that learns; its own tests are elsewhere."""
    from burstprop.circuit import Circuit, Population, Projection
    from burstprop.circuit.connectivity import FixedInDegree

    projection = Projection(
        "pyr",
        "pyr",
        "soma_exc",
        0.2,
        FixedInDegree(5),
        transmits="events",
        rule=BurstDependentRule(e_min_hz=5.0),
    )
    circuit = Circuit(
        populations=(Population("pyr", 30, PyramidalNeuron()),),
        projections=(projection,),
        backgrounds=zoo.DRIVE[:2],
    )
    simulation = Simulation(circuit, record=Record(weights_every_ms=25.0))
    simulation.advance(110.0)
    weights = simulation.recording().weights
    assert list(weights) == ["time_ms", "projection", "mean", "sd", "smallest", "largest", "realization"]
    assert list(weights["time_ms"]) == [25.0, 50.0, 75.0, 100.0]
    assert set(weights["projection"]) == {"pyr->pyr.soma_exc"}
    assert weights["mean"].iloc[-1] > 0.2
    assert (weights["smallest"] <= weights["mean"]).all()
    simulation.advance(15.0)
    now = simulation.weights("pyr->pyr.soma_exc")
    last = simulation.recording().weights.iloc[-1]
    assert (last["mean"], last["largest"]) == (pytest.approx(now.mean()), pytest.approx(now.max()))


def test_memory_of_a_recording_of_states_is_its_samples():
    simulation = probes.replay(probes.circuit(1, 50), np.zeros((100, 1), bool), watch=("a", "b"))
    assert sum(values.nbytes for _, values in simulation._recorder._states) == 101 * 50 * 2 * 8
