"""Reads spikes of any program or file into one frame: burstprop, Brian2, NEST, Neo, pynapple, NWB and others.

Columns are known by name: ``time_ms, neuron_id`` (burstprop; ``population`` and ``realization`` where there
are several), ``i, t`` (Brian2, with or without units), ``senders, times`` (NEST, ms).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from burstprop.errors import BurstpropError
from burstprop.spikes.foreign import train_columns
from burstprop.spikes.spike_files import spikes_of_file


def spike_table(spikes: Any, time_unit: str | None = None) -> pd.DataFrame:
    """Return spikes as ``time_ms, population, neuron_id, realization`` (the names as categories).

    Raises
    ------
    BurstpropError
        Columns are missing, of different lengths, or hold no usable numbers; the time unit is in doubt.
    """
    if time_unit not in (None, "ms", "s"):
        raise BurstpropError(f"time_unit = {time_unit!r}: give 'ms' or 's'")
    columns = _columns(spikes)
    time = _times(columns, time_unit)
    neuron = _neurons(columns)
    if time.shape != neuron.shape or time.ndim != 1:
        raise BurstpropError(
            f"spike times have shape {time.shape} and neurons {neuron.shape}: give two columns of one length"
        )
    if not np.isfinite(time).all():
        at = np.flatnonzero(~np.isfinite(time))[0]
        raise BurstpropError(f"spike {at} has time {time[at]}: every spike needs a finite time")
    if len(time) and time.min() < 0:
        raise BurstpropError(f"a spike is at {time.min():g} ms: times count from the start of the run, 0 ms")
    table = pd.DataFrame({"time_ms": time, "neuron_id": neuron})
    defaults: tuple[tuple[str, Any], ...] = (("population", "all"), ("realization", 1))
    for name, default in defaults:
        if name not in columns:
            table[name] = pd.Categorical.from_codes(np.zeros(len(time), np.int8), pd.Index([default]))
            continue
        values = columns[name]
        if len(values) != len(time):
            raise BurstpropError(f"column {name!r} has {len(values)} rows, the spikes {len(time)}")
        table[name] = values if _categorical(values) else pd.Categorical(values)
        if table[name].isna().any():
            raise BurstpropError(f"column {name!r} has empty cells: every spike needs its {name}")
    return table[["time_ms", "population", "neuron_id", "realization"]]


def _categorical(values: Any) -> bool:
    return isinstance(getattr(values, "dtype", None), pd.CategoricalDtype)


def _columns(spikes: Any) -> dict[str, Any]:
    if isinstance(spikes, pd.DataFrame):
        return {str(name): spikes[name].array for name in spikes.columns}
    if isinstance(spikes, str | Path):
        found = spikes_of_file(spikes)
        return _columns(found) if isinstance(found, pd.DataFrame) else found
    trains = train_columns(spikes)
    if trains is not None:
        return dict(trains)
    if isinstance(spikes, Mapping):
        return {str(name): values for name, values in spikes.items()}
    if hasattr(spikes, "i") and hasattr(spikes, "t"):
        return {"i": spikes.i, "t": spikes.t}
    raise BurstpropError(
        f"spikes are a {type(spikes).__name__}: give a DataFrame or dict with the columns "
        "time_ms and neuron_id (burstprop), i and t (Brian2), or senders and times (NEST), a TsGroup of "
        "pynapple, a Block or Segment of Neo, an NWBFile, or the path of a file: .npz, .h5 (SONATA), .parquet"
    )


def _times(columns: dict[str, Any], time_unit: str | None) -> np.ndarray:
    found = [name for name in ("time_ms", "t", "times") if name in columns]
    if len(found) != 1:
        raise BurstpropError(
            f"spikes have the columns {', '.join(columns) or 'none'}: exactly one of time_ms (burstprop), "
            "t (Brian2) and times (NEST) must hold the spike times"
        )
    name = found[0]
    values = columns[name]
    plain = _numbers(name, values).astype(np.float64)
    if name == "time_ms":
        if time_unit == "s":
            raise BurstpropError("column time_ms is in ms by its name: leave time_unit out, or name it t")
        return plain
    if hasattr(values, "dim"):  # a Brian2 quantity, in SI units inside
        if str(values.dim) != "s":
            raise BurstpropError(f"t has the dimension {values.dim}: give times, as in monitor.t")
        return plain * 1000.0
    unit = time_unit or ("ms" if name == "times" else "s")
    if name == "t" and time_unit is None:
        _refuse_milliseconds(plain, _neurons(columns))
    return plain * (1000.0 if unit == "s" else 1.0)


def _refuse_milliseconds(time: np.ndarray, neuron: np.ndarray) -> None:
    """Refuse times in seconds if no two spikes of a neuron lie within one second: they are milliseconds."""
    if time.shape != neuron.shape or len(time) < 2:
        return
    order = np.lexsort((time, neuron))
    interval = np.diff(time[order])[np.diff(neuron[order]) == 0]
    if len(interval) and interval.min() >= 1.0:
        raise BurstpropError(
            "t holds plain numbers, and read as seconds no neuron has two spikes within one second: "
            "say time_unit='ms' or time_unit='s'"
        )


def _neurons(columns: dict[str, Any]) -> np.ndarray:
    found = [name for name in ("neuron_id", "i", "senders") if name in columns]
    if len(found) != 1:
        raise BurstpropError(
            f"spikes have the columns {', '.join(columns) or 'none'}: exactly one of neuron_id (burstprop), "
            "i (Brian2) and senders (NEST) must hold the neurons"
        )
    values = _numbers(found[0], columns[found[0]])
    whole = values.astype(np.int64)
    if values.dtype.kind == "f" and not np.array_equal(whole, values):
        at = np.flatnonzero(whole != values)[0]
        raise BurstpropError(f"spike {at} is of neuron {values[at]}: neurons are whole numbers from 0 on")
    if len(whole) and whole.min() < 0:
        raise BurstpropError(f"a spike is of neuron {whole.min()}: neurons are whole numbers from 0 on")
    return whole


def _numbers(name: str, values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(array.shape)
    if array.dtype.kind not in "iuf":
        raise BurstpropError(f"column {name!r} holds {array.dtype}: give plain numbers")
    return array
