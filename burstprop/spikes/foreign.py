"""Spike trains of Neo, pynapple and NWB as columns; known by what they have, so no library is imported.

What each train says of itself under the names ``population``, ``neuron_id`` and ``realization`` is kept
(`burstprop.recording.export` writes them). Trains without a ``neuron_id`` are numbered: by their key in
pynapple, by their id in NWB, by their place in Neo, where segments are realizations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from burstprop.errors import BurstpropError

KEPT = ("population", "neuron_id", "realization")
Train = tuple[np.ndarray, Mapping[str, Any]]
"""Spike times in ms, and what the train says of itself."""


def train_columns(spikes: Any) -> dict[str, np.ndarray] | None:
    """Return the columns of a spike table, or None where ``spikes`` is nothing known here.

    Takes a pynapple ``TsGroup``; a Neo ``Block``, ``Segment``, or list of ``SpikeTrain``; an ``NWBFile`` or
    its ``units``.

    Raises
    ------
    BurstpropError
        Only some of the trains say their population, neuron_id or realization; an NWB file without units.
    """
    for known, read in _READERS:
        if known(spikes):
            return _table(list(read(spikes)))
    return None


def _pynapple(group: Any) -> Iterable[Train]:
    metadata = {name: group.get_info(name) for name in KEPT if name in group.metadata_columns}
    for key in group:
        yield (
            group[key].t * 1000.0,
            {"neuron_id": key} | {name: column[key] for name, column in metadata.items()},
        )


def _neo(container: Any) -> Iterable[Train]:
    if hasattr(container, "segments"):
        for number, segment in enumerate(container.segments, start=1):
            for time, said in _neo(segment):
                yield time, {"realization": number} | dict(said)
        return
    for number, train in enumerate(getattr(container, "spiketrains", container)):
        yield np.asarray(train.rescale("ms").magnitude), {"neuron_id": number} | dict(train.annotations)


def _nwb(table: Any) -> Iterable[Train]:
    units = getattr(table, "units", table)
    if units is None:
        raise BurstpropError("the NWB file has no units: there is no spike in it")
    columns = {name: units[name] for name in KEPT if name in units.colnames}
    for row, number in enumerate(units.id[:]):
        said = {"neuron_id": int(number)} | {name: column[row] for name, column in columns.items()}
        yield np.asarray(units["spike_times"][row]) * 1000.0, said


def _is_neo(spikes: Any) -> bool:
    if isinstance(spikes, list | tuple):
        return bool(spikes) and all(_is_neo_train(train) for train in spikes)
    return hasattr(spikes, "segments") or hasattr(spikes, "spiketrains")


def _is_neo_train(train: Any) -> bool:
    return hasattr(train, "rescale") and hasattr(train, "annotations")


def _is_nwb(spikes: Any) -> bool:
    return hasattr(spikes, "session_start_time") or "spike_times" in getattr(spikes, "colnames", ())


def _is_pynapple(spikes: Any) -> bool:
    return hasattr(spikes, "time_support") and hasattr(spikes, "get_info")


_READERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Iterable[Train]]], ...] = (
    (_is_pynapple, _pynapple),
    (_is_neo, _neo),
    (_is_nwb, _nwb),
)


def _table(trains: list[Train]) -> dict[str, np.ndarray]:
    counts = [len(time) for time, _ in trains]
    columns = {"time_ms": np.concatenate([time for time, _ in trains]) if trains else np.zeros(0)}
    for name in KEPT:
        said = [of[name] for _, of in trains if name in of]
        if said and len(said) < len(trains):
            raise BurstpropError(
                f"{len(said)} of {len(trains)} spike trains say their {name}: give it to all, or to none"
            )
        if said or name == "neuron_id":
            columns[name] = np.repeat(np.asarray(said), counts) if said else np.zeros(0, np.int64)
    return columns
