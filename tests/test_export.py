"""What other tools are given is what was recorded, and find_bursts reads it back."""

import importlib.util
import json

import numpy as np
import pandas as pd
import pytest

from burstprop import (
    Background,
    BurstDependentRule,
    Circuit,
    Constant,
    Current,
    Population,
    Projection,
    PyramidalNeuron,
    Record,
    Recording,
    SpikeSource,
    StateRecord,
    find_bursts,
    simulate,
)
from burstprop.errors import BurstpropError
from burstprop.recording import export
from burstprop.system import extras
from burstprop.system.files import plain

CIRCUIT = Circuit(
    populations=(Population("low", 20, PyramidalNeuron()), Population("high", 12, PyramidalNeuron())),
    projections=(Projection("low", "high", "soma_exc", 0.1, transmits="events", rule=BurstDependentRule()),),
    backgrounds=(Background("low", "soma_exc", rate_hz=500.0, weight=0.35),),
    currents=(
        Current("low", "soma", Constant(400.0)),
        Current("low", "dendrite", Constant(400.0)),
        Current("high", "soma", Constant(-500.0)),
    ),
)
KEYS = ["population", "neuron_id", "realization", "time_ms"]


@pytest.fixture(scope="module")
def recording():
    record = Record(
        rates_bin_ms=50.0,
        states=(StateRecord("low", ("v_s", "v_d"), (0, 3)), StateRecord("high", ("w_s",), (1,))),
        weights_every_ms=100.0,
    )
    parts = [simulate(CIRCUIT, 400.0, realization=k, record=record) for k in (1, 2)]
    whole = Recording.concatenate(parts)
    assert len(whole.spikes) > 100
    assert set(whole.spikes["population"]) == {"low"}, "the other one is silent, and has to be there too"
    return whole


def needs(library):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")


def events(spikes):
    found = find_bursts(spikes).astype({"population": str})
    return found.sort_values(KEYS, ignore_index=True)


def assert_same_events(recording, other):
    ours, theirs = events(recording.spikes), events(other)
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, atol=1e-9)
    assert theirs["burst"].any()


def test_pynapple_gives_the_same_events_and_knows_silent_neurons(recording):
    needs("pynapple")
    group = recording.to_pynapple()
    assert len(group) == 2 * (20 + 12)
    assert group.time_support.values.tolist() == [[0.0, 0.4]]
    assert_same_events(recording, group)


def test_neo_gives_the_same_events_and_knows_silent_neurons(recording):
    needs("neo")
    block = recording.to_neo()
    assert [len(segment.spiketrains) for segment in block.segments] == [32, 32]
    assert {float(train.t_stop.rescale("ms")) for train in block.segments[0].spiketrains} == {400.0}
    assert_same_events(recording, block)
    first = recording.spikes[recording.spikes["realization"] == 1]
    assert len(find_bursts(block.segments[0])) == len(find_bursts(first))
    assert len(find_bursts(list(block.segments[0].spiketrains))) == len(find_bursts(first))


def test_nwb_gives_the_same_events_and_rates_from_the_file(recording, tmp_path):
    needs("pynwb")
    import pynwb

    path = recording.to_nwb(tmp_path / "run.nwb")
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        file = io.read()
        assert len(file.units) == 64
        assert_same_events(recording, file)
        assert_same_events(recording, file.units)
        series = file.processing["rates"]["event_rate_hz of realization 2"]
        own = recording.rates[recording.rates["realization"] == 2]
        wide = own.pivot_table(index="time_ms", columns="population", values="event_rate_hz", observed=False)
        np.testing.assert_allclose(series.data[:], wide)
        np.testing.assert_allclose(series.timestamps[:] * 1000.0, wide.index)
        assert '"seed": 1' in file.notes


def test_xarray_holds_every_number_of_the_frames(recording):
    needs("xarray")
    tree = recording.to_xarray()
    for name, column, values in (
        ("rates", "population", export.RATES),
        ("weights", "projection", export.WEIGHTS),
    ):
        frame = getattr(recording, name)
        for value in values:
            array = tree[name][value].dropna("time_ms", how="all")
            assert array.sizes["realization"] == 2
            for row in frame.dropna(subset=[value]).itertuples():
                place = {"realization": row.realization, "time_ms": row.time_ms, column: getattr(row, column)}
                assert float(array.sel(place)) == getattr(row, value)
    v_s = tree["states/low"]["v_s"]
    assert v_s.dims == ("realization", "time_ms", "neuron_id")
    own = recording.states.query("population == 'low' and neuron_id == 3 and realization == 2")
    np.testing.assert_array_equal(v_s.sel(realization=2, neuron_id=3), own["v_s"])
    assert "v_s" not in tree["states/high"]
    assert tree["spikes"].sizes["spike"] == len(recording.spikes)
    assert tree.attrs["seed"] == 1


def test_sonata_is_a_file_of_the_specification(recording, tmp_path):
    needs("h5py")
    import h5py

    with pytest.raises(BurstpropError, match=r"realizations \[1, 2\] in one recording: say realization=1"):
        recording.to_sonata(tmp_path / "run.h5")
    path = recording.to_sonata(tmp_path / "run.h5", realization=2)
    with h5py.File(path) as file:
        assert sorted(file["spikes"]) == ["high", "low"]
        assert file["spikes/low/timestamps"].attrs["units"] == "milliseconds"
        assert len(file["spikes/high/node_ids"]) == 0
        time, node = file["spikes/low/timestamps"][:], file["spikes/low/node_ids"][:]
    assert (np.diff(time) >= 0).all()
    own = recording.spikes[recording.spikes["realization"] == 2]
    assert_same_events(
        Recording(own, *[own] * 3),
        {
            "time_ms": time,
            "neuron_id": node,
            "population": ["low"] * len(time),
            "realization": [2] * len(time),
        },
    )


def test_libsonata_reads_the_file(recording, tmp_path):
    libsonata = pytest.importorskip("libsonata", reason="libsonata is not installed")
    path = recording.to_sonata(tmp_path / "run.h5", realization=1)
    reader = libsonata.SpikeReader(str(path))
    assert sorted(reader.get_population_names()) == ["high", "low"]
    low = reader["low"]
    assert low.sorting == "by_time"
    own = recording.spikes[recording.spikes["realization"] == 1].sort_values(["time_ms", "neuron_id"])
    assert [(node, time) for node, time in low.get()] == list(
        zip(own["neuron_id"], own["time_ms"], strict=True)
    )


def test_parquet_holds_every_frame(recording, tmp_path):
    needs("pyarrow")
    folder = recording.to_parquet(tmp_path / "run")
    assert sorted(path.name for path in folder.iterdir()) == [
        "info.json",
        "rates.parquet",
        "spikes.parquet",
        "states.parquet",
        "weights.parquet",
    ]
    for name in export.FRAMES:
        frame = pd.read_parquet(folder / f"{name}.parquet")
        pd.testing.assert_frame_equal(frame, getattr(recording, name), check_categorical=False)


def test_parquet_comes_back_whole(recording, tmp_path):
    needs("pyarrow")
    folder = recording.to_parquet(tmp_path / "run")
    again = Recording.load(folder)
    for name in export.FRAMES:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(recording, name), check_categorical=False)
    assert again.info == json.loads(json.dumps(plain(recording.info)))
    assert_same_events(recording, folder)
    assert_same_events(recording, folder / "spikes.parquet")
    second = recording.spikes.query("realization == 2")
    second.to_parquet(tmp_path / "second.parquet")
    source = SpikeSource.of("in", tmp_path / "second.parquet", 20, population="low")
    np.testing.assert_array_equal(source.times_ms, np.sort(second["time_ms"]))
    (folder / "rates.parquet").write_bytes(b"PAR1")
    with pytest.raises(BurstpropError, match=r"rates.parquet' cannot be read as Parquet"):
        Recording.load(folder)
    (folder / "rates.parquet").unlink()
    with pytest.raises(BurstpropError, match=r"no file '.*rates.parquet'"):
        Recording.load(folder)
    recording.spikes.to_parquet(folder / "rates.parquet")
    with pytest.raises(BurstpropError, match=r"rates.parquet lacks rate_hz, event_rate_hz"):
        Recording.load(folder)


def test_sonata_comes_back_and_drives_a_circuit(recording, tmp_path):
    needs("h5py")
    path = recording.to_sonata(tmp_path / "run.h5", realization=2)
    own = recording.spikes[recording.spikes["realization"] == 2].sort_values(["time_ms", "neuron_id"])
    again = Recording.load(path)
    columns = ["time_ms", "neuron_id"]
    np.testing.assert_array_equal(again.spikes[columns], own[columns])
    assert again.info == {"spikes_of": ["high", "low"]}
    assert len(again.rates) == len(again.states) == len(again.weights) == 0
    low = SpikeSource.of("in", str(path), 20, population="low")
    np.testing.assert_array_equal(low.times_ms, own["time_ms"])
    np.testing.assert_array_equal(np.sort(low.neurons), np.sort(own["neuron_id"]))
    assert len(SpikeSource.of("in", path, 12, population="high").times_ms) == 0, "silent, and in the file"
    circuit = Circuit((low, Population("quiet", 1, PyramidalNeuron())))
    driven = simulate(circuit, 400.0, record=Record(spikes=("in",))).spikes
    np.testing.assert_allclose(driven["time_ms"], own["time_ms"], atol=1e-9)


def test_sonata_of_others_is_read_in_its_own_unit_or_refused(tmp_path):
    needs("h5py")
    import h5py

    path = tmp_path / "theirs.h5"
    with h5py.File(path, "w") as file:
        file["spikes/v1/timestamps"], file["spikes/v1/node_ids"] = [0.25, 0.001], np.array([3, 0], np.uint64)
        file["spikes/v1/timestamps"].attrs["units"] = np.bytes_("seconds")
    assert SpikeSource.of("v1", path).times_ms.tolist() == [1.0, 250.0]
    with h5py.File(path, "a") as file:
        file["spikes/v1/timestamps"].attrs["units"] = "fortnights"
    with pytest.raises(BurstpropError, match=r"times of 'v1' are in 'fortnights'; known are milliseconds"):
        find_bursts(path)
    with h5py.File(path, "a") as file:
        del file["spikes/v1/node_ids"]
    with pytest.raises(BurstpropError, match=r"'/spikes/v1' has no timestamps and node_ids"):
        find_bursts(path)
    with h5py.File(path, "a") as file:
        del file["spikes"]
    with pytest.raises(BurstpropError, match="is not SONATA: it has no group '/spikes'"):
        find_bursts(path)
    path.write_bytes(b"no HDF5")
    with pytest.raises(BurstpropError, match="cannot be read as SONATA"):
        find_bursts(path)
    with pytest.raises(BurstpropError, match=r"is no file of spikes: give \.npz"):
        find_bursts(tmp_path / "spikes.csv")


def test_trains_leave_out_populations_that_were_not_recorded():
    kept = simulate(CIRCUIT, 100.0, record=Record(spikes=("high",)))
    assert {train.population for train in export.trains(kept)} == {"high"}
    assert len(list(export.trains(kept))) == 12
    silent = simulate(CIRCUIT, 1.0)
    assert len(list(export.trains(silent))) == 32
    nameless = Recording(kept.spikes, kept.rates, kept.states, kept.weights)
    with pytest.raises(BurstpropError, match="does not say which populations it holds"):
        list(export.trains(nameless))


def test_trains_of_which_only_some_say_their_population_are_refused():
    needs("neo")
    import neo

    one = neo.SpikeTrain([1.0], units="ms", t_stop=10.0, population="a")
    other = neo.SpikeTrain([1.0], units="ms", t_stop=10.0)
    with pytest.raises(BurstpropError, match="1 of 2 spike trains say their population"):
        find_bursts([one, other])
    assert find_bursts([other, other])["neuron_id"].tolist() == [0, 1]


@pytest.mark.parametrize("library", ["xarray", "pynapple", "neo", "pynwb", "h5py", "pyarrow"])
def test_a_missing_library_names_the_extra(recording, tmp_path, monkeypatch, library):
    def nothing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(extras.importlib, "import_module", nothing)
    name = {"pynwb": "nwb", "h5py": "sonata", "pyarrow": "parquet"}.get(library, library)
    path = [tmp_path / "x"] if name in ("nwb", "sonata", "parquet") else []
    with pytest.raises(BurstpropError, match=rf'needs {library}, .* pip install "burstprop\[{name}\]"'):
        getattr(recording, f"to_{name}")(*path)
    assert not (tmp_path / "x").exists()
