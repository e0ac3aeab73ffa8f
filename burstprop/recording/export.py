"""A recording in the forms that other tools read; each needs its own library and says so where it is missing.

==================  ==================  ==============================================================
function            extra               what for
==================  ==================  ==============================================================
`to_xarray`         ``xarray``          labelled arrays of rates, states and weights
`to_pynapple`       ``pynapple``        spikes for tuning curves, decoding, perievent analysis
`to_neo`            ``neo``             spikes for Elephant
`to_nwb`            ``nwb``             spikes and rates in a file of Neurodata Without Borders
`to_sonata`         ``sonata``          spikes in a file that BMTK, NEST and NEURON take as input
`to_parquet`        ``parquet``         all frames, for any table program
==================  ==================  ==============================================================

Every neuron of the recorded populations is there, silent ones too, with its ``population``, ``neuron_id`` and
``realization``. pynapple and NWB count seconds, and are given seconds; everything else counts milliseconds.
`burstprop.find_bursts` and `burstprop.SpikeSource.of` read pynapple, Neo, NWB, SONATA and Parquet,
`burstprop.Recording.load` SONATA and Parquet.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

import burstprop
from burstprop.errors import BurstpropError
from burstprop.system.extras import optional
from burstprop.system.files import plain, writable_folder, write_json, writing

if TYPE_CHECKING:
    import neo
    import pynapple
    import xarray

    from burstprop.recording import Recording

FRAMES = ("spikes", "rates", "states", "weights")
RATES = ("rate_hz", "event_rate_hz", "burst_rate_hz", "burst_prob")
WEIGHTS = ("mean", "sd", "smallest", "largest")


class Train(NamedTuple):
    """The spikes of one neuron in one realization, in ms, in order of time."""

    population: str
    neuron_id: int
    realization: int
    times_ms: np.ndarray


def to_xarray(recording: Recording) -> xarray.DataTree:
    """Return a recording as a tree of xarray datasets.

    Parameters
    ----------
    recording : Recording

    Returns
    -------
    xarray.DataTree
        ``rates`` with the dimensions (realization, time_ms, population), ``states/POPULATION`` with
        (realization, time_ms, neuron_id), ``weights`` with (realization, time_ms, projection), ``spikes``
        with (spike); the ``info`` of the recording as attributes of the root.

    Raises
    ------
    BurstpropError
        xarray is not installed.
    """
    xr = optional("xarray", "to_xarray")
    groups: dict[str, Any] = {}
    for name, column, values in (("rates", "population", RATES), ("weights", "projection", WEIGHTS)):
        frame = getattr(recording, name).astype({column: str})
        groups[name] = _dataset(frame, ["realization", "time_ms", column], values)
    states = recording.states.astype({"population": str})
    for population, own in states.groupby("population"):
        variables = [name for name in own.columns[4:] if own[name].notna().any()]
        groups[f"states/{population}"] = _dataset(own, ["realization", "time_ms", "neuron_id"], variables)
    spikes = recording.spikes.astype({"population": str})
    groups["spikes"] = xr.Dataset({name: ("spike", spikes[name].to_numpy()) for name in spikes.columns})
    root = xr.Dataset(attrs={name: _attribute(value) for name, value in recording.info.items()})
    return xr.DataTree.from_dict({"/": root, **groups})


def to_pynapple(recording: Recording) -> pynapple.TsGroup:
    """Return the spikes as a pynapple group of time stamps, in s.

    Parameters
    ----------
    recording : Recording

    Returns
    -------
    pynapple.TsGroup
        One member a neuron and realization, with ``population``, ``neuron_id`` and ``realization``; its time
        support is the run.

    Raises
    ------
    BurstpropError
        pynapple is not installed, or the recording does not say what was recorded.
    """
    nap = optional("pynapple", "to_pynapple")
    found = list(trains(recording))
    run = nap.IntervalSet(0.0, _duration_ms(recording) / 1000.0)
    members = {k: nap.Ts(train.times_ms / 1000.0, time_support=run) for k, train in enumerate(found)}
    metadata = {name: [getattr(train, name) for train in found] for name in Train._fields[:3]}
    return nap.TsGroup(members, time_support=run, metadata=metadata)


def to_neo(recording: Recording) -> neo.Block:
    """Return the spikes as a Neo block.

    Parameters
    ----------
    recording : Recording

    Returns
    -------
    neo.Block
        One segment a realization, one spike train (ms) a neuron, annotated with ``population``, ``neuron_id``
        and ``realization``.

    Raises
    ------
    BurstpropError
        Neo is not installed, or the recording does not say what was recorded.
    """
    neo = optional("neo", "to_neo")
    block = neo.Block(name="burstprop")
    stop = _duration_ms(recording)
    segments: dict[int, Any] = {}
    for train in trains(recording):
        if train.realization not in segments:
            segments[train.realization] = neo.Segment(name=f"realization {train.realization}")
            block.segments.append(segments[train.realization])
        named = {name: getattr(train, name) for name in Train._fields[:3]}
        spikes = neo.SpikeTrain(train.times_ms, units="ms", t_start=0.0, t_stop=stop, **named)
        segments[train.realization].spiketrains.append(spikes)
    return block


def to_nwb(recording: Recording, path: str | Path, *, session_start: datetime.datetime | None = None) -> Path:
    """Write spikes and rates to a file of Neurodata Without Borders, completely or not at all.

    Parameters
    ----------
    recording : Recording
    path : path
        Name of the file, ``.nwb``.
    session_start : datetime, optional
        Date of t = 0, which NWB requires; by default now.

    Returns
    -------
    Path
        The file: ``units`` has one row a neuron and realization (s), the processing module ``rates`` a time
        series of each rate and realization with one column a population (Hz; burst_prob without unit), the
        notes the ``info`` of the recording as JSON.

    Raises
    ------
    BurstpropError
        pynwb is not installed, the file cannot be written, or the recording does not say what was recorded.
    """
    nwb = optional("pynwb", "to_nwb")
    run = json.dumps(plain(recording.info))
    file = nwb.NWBFile(
        session_description="simulation with burstprop",
        identifier=f"{recording.info.get('circuit', '')} seed {recording.info.get('seed', '')}",
        session_start_time=session_start or datetime.datetime.now(datetime.UTC),
        source_script=f"burstprop {burstprop.__version__}",
        source_script_file_name="burstprop",
        notes=run,
    )
    file.add_unit_column("population", "population of the neuron")
    file.add_unit_column("neuron_id", "number of the neuron in its population, from 0 on")
    file.add_unit_column("realization", "realization of the circuit")
    for train in trains(recording):
        named = {name: getattr(train, name) for name in Train._fields[:3]}
        file.add_unit(spike_times=train.times_ms / 1000.0, **named)
    if len(recording.rates):
        module = file.create_processing_module(
            "rates", "means over the neurons, in bins that end at the time"
        )
        for realization, frame in recording.rates.groupby("realization"):
            for value in RATES:
                wide = frame.pivot_table(
                    index="time_ms", columns="population", values=value, observed=False, dropna=False
                )
                module.add(
                    nwb.TimeSeries(
                        name=f"{value} of realization {realization}",
                        description=f"populations in the order of the columns: {', '.join(wide.columns)}",
                        data=wide.to_numpy(),
                        unit="1" if value == "burst_prob" else "Hz",
                        timestamps=wide.index.to_numpy() / 1000.0,
                    )
                )
    with writing(Path(path)) as temporary, nwb.NWBHDF5IO(str(temporary), "w") as io:
        io.write(file)
    return Path(path)


def to_sonata(recording: Recording, path: str | Path, *, realization: int | None = None) -> Path:
    """Write the spikes of one realization to a SONATA file, completely or not at all.

    Parameters
    ----------
    recording : Recording
    path : path
        Name of the file, ``.h5``.
    realization : int, optional
        Which one; may be omitted where there is only one.

    Returns
    -------
    Path
        The file: ``/spikes/POPULATION`` with ``timestamps`` (ms) and ``node_ids``, sorted by time.

    Raises
    ------
    BurstpropError
        h5py is not installed, the file cannot be written, or there are several realizations.
    """
    h5py = optional("h5py", "to_sonata")
    known = _realizations(recording)
    if realization is None and len(known) > 1:
        raise BurstpropError(f"to_sonata: realizations {known} in one recording: say realization={known[0]}")
    spikes = recording.spikes
    spikes = spikes[spikes["realization"] == (known[0] if realization is None else realization)]
    orders = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="u1")
    with writing(Path(path)) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["magic"] = np.uint32(0x0A7A)
        file.attrs["version"] = np.array([0, 1], np.uint32)
        for population in _recorded(recording):
            own = spikes[spikes["population"] == population].sort_values(["time_ms", "neuron_id"])
            group = file.create_group(f"spikes/{population}")
            group.attrs.create("sorting", 2, dtype=orders)
            group["timestamps"] = own["time_ms"].to_numpy(np.float64)
            group["timestamps"].attrs["units"] = "milliseconds"
            group["node_ids"] = own["neuron_id"].to_numpy(np.uint64)
    return Path(path)


def to_parquet(recording: Recording, folder: str | Path) -> Path:
    """Write all frames to Parquet files, and ``info`` beside them.

    Parameters
    ----------
    recording : Recording
    folder : path
        Made where it does not exist.

    Returns
    -------
    Path
        The folder with ``spikes.parquet``, ``rates.parquet``, ``states.parquet``, ``weights.parquet`` and
        ``info.json``.

    Raises
    ------
    BurstpropError
        pyarrow is not installed, or the folder cannot be written.
    """
    optional("pyarrow", "to_parquet")
    folder = writable_folder(folder)
    for name in FRAMES:
        with writing(folder / f"{name}.parquet") as temporary:
            getattr(recording, name).to_parquet(temporary, index=False)
    write_json(folder / "info.json", recording.info)
    return folder


def trains(recording: Recording) -> Iterator[Train]:
    """Give the spike train of every neuron of the recorded populations, silent ones too.

    Raises
    ------
    BurstpropError
        The recording does not say what was recorded.
    """
    for realization in _realizations(recording):
        for population, size in _recorded(recording).items():
            spikes = recording.spikes
            own = spikes[(spikes["population"] == population) & (spikes["realization"] == realization)]
            own = own.sort_values(["neuron_id", "time_ms"])
            time = own["time_ms"].to_numpy(np.float64)
            ends = np.searchsorted(own["neuron_id"].to_numpy(), np.arange(size + 1))
            for k in range(size):
                yield Train(population, k, realization, time[ends[k] : ends[k + 1]])


def _recorded(recording: Recording) -> dict[str, int]:
    """Return the sizes of the populations whose spikes were kept."""
    sizes, kept = (recording.info.get(name) for name in ("populations", "spikes_of"))
    if sizes is None or kept is None:
        raise BurstpropError(
            "the recording does not say which populations it holds (info['populations'], info['spikes_of']): "
            "give one that simulate returned"
        )
    return {name: int(sizes[name]) for name in kept}


def _realizations(recording: Recording) -> list[int]:
    """Return the realizations that any frame knows, or the one of the run where nothing happened."""
    found = {int(k) for name in FRAMES for k in getattr(recording, name)["realization"].unique()}
    return sorted(found) or [int(recording.info.get("realization", 1))]


def _duration_ms(recording: Recording) -> float:
    """Return the end of the run; a recording made of pieces may go on beyond the last piece's own time."""
    last = [frame["time_ms"].max() for name in FRAMES if len(frame := getattr(recording, name))]
    return float(max([recording.info.get("duration_ms", 0.0), *last]))


def _dataset(frame: pd.DataFrame, dimensions: list[str], values: Any) -> Any:
    return frame.set_index(dimensions)[list(values)].to_xarray()


def _attribute(value: Any) -> Any:
    """Return what an attribute of a netCDF file can hold."""
    return (
        value
        if isinstance(value, int | float | str) and not isinstance(value, bool)
        else json.dumps(plain(value))
    )
