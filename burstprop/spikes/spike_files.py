"""Reads the spikes in a file: a saved recording, SONATA, or Parquet, known by the name of the file.

====================  ==================================================================================
name                  what is read
====================  ==================================================================================
``NAME.npz``          a recording that `burstprop.Recording.save` wrote
``NAME.h5``           SONATA: ``/spikes/POPULATION/timestamps`` and ``node_ids``, whoever wrote it
``NAME.parquet``      a table with the columns of a spike frame
a folder              its ``spikes.parquet``, as `burstprop.Recording.to_parquet` writes it
====================  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from burstprop.errors import BurstpropError
from burstprop.system.extras import optional
from burstprop.system.npz import read_arrays

KINDS = ".npz (a saved recording), .h5 (SONATA), .parquet, or a folder with spikes.parquet"
TO_MS = {"milliseconds": 1.0, "ms": 1.0, "seconds": 1000.0, "s": 1000.0}
"""Units that a SONATA file may name for its times; it means milliseconds where it names none."""


def spikes_of_file(path: str | Path) -> dict[str, Any] | pd.DataFrame:
    """Return the spikes in a file as columns that `burstprop.spikes.spike_table` knows.

    Populations that are in the file without a spike are categories of ``population``.

    Raises
    ------
    BurstpropError
        There is no such file, it is of another kind or damaged, or the library that reads it is missing.
    """
    path = Path(path)
    if path.is_dir():
        return parquet_frame(path / "spikes.parquet")
    readers: dict[str, Callable[[Path], dict[str, Any] | pd.DataFrame]] = {
        ".npz": _of_recording,
        ".h5": sonata_spikes,
        ".parquet": parquet_frame,
    }
    if path.suffix not in readers:
        raise BurstpropError(f"{str(path)!r} is no file of spikes: give {KINDS}")
    return readers[path.suffix](path)


def sonata_spikes(path: Path) -> pd.DataFrame:
    """Return the spikes of a SONATA file as a spike frame, realization 1.

    Raises
    ------
    BurstpropError
        There is no such file, it is not SONATA, or h5py is missing.
    """
    h5py = optional("h5py", "reading a SONATA file")
    _there(path)
    try:
        with h5py.File(path, "r") as file:
            if "spikes" not in file:
                raise BurstpropError(f"{str(path)!r} is not SONATA: it has no group '/spikes'")
            parts = [_sonata_population(path, name, group) for name, group in file["spikes"].items()]
    except OSError as error:
        raise BurstpropError(f"{str(path)!r} cannot be read as SONATA ({error})") from None
    names = [name for name, _, _ in parts]
    counts = [len(time) for _, time, _ in parts]
    return pd.DataFrame(
        {
            "time_ms": np.concatenate([np.zeros(0), *(time for _, time, _ in parts)]),
            "population": pd.Categorical.from_codes(
                np.repeat(np.arange(len(parts)), counts), pd.Index(names)
            ),
            "neuron_id": np.concatenate([np.zeros(0, np.int64), *(node for _, _, node in parts)]),
            "realization": np.int32(1),
        }
    )


def _sonata_population(path: Path, name: str, group: Any) -> tuple[str, np.ndarray, np.ndarray]:
    try:
        stamps, nodes = group["timestamps"], group["node_ids"]
    except (KeyError, TypeError):
        raise BurstpropError(
            f"{str(path)!r}: '/spikes/{name}' has no timestamps and node_ids, as SONATA asks of a population"
        ) from None
    unit = stamps.attrs.get("units", "milliseconds")
    unit = unit.decode() if isinstance(unit, bytes) else str(unit)
    if unit not in TO_MS:
        raise BurstpropError(
            f"{str(path)!r}: times of {name!r} are in {unit!r}; known are {', '.join(TO_MS)}"
        )
    return name, stamps[:].astype(np.float64) * TO_MS[unit], nodes[:].astype(np.int64)


def parquet_frame(path: Path) -> pd.DataFrame:
    """Return the table in a Parquet file.

    Raises
    ------
    BurstpropError
        There is no such file, it is not Parquet, or pyarrow is missing.
    """
    optional("pyarrow", "reading a Parquet file")
    _there(path)
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BurstpropError(f"{str(path)!r} cannot be read as Parquet ({error})") from None


def _of_recording(path: Path) -> dict[str, Any]:
    arrays = read_arrays(path, "a recording")
    try:
        table = {name: arrays[f"spikes/{name}"] for name in ("time_ms", "neuron_id", "realization")}
        names = [str(name) for name in arrays["spikes/population/names"]]
        codes = pd.Categorical.from_codes(arrays["spikes/population"], pd.Index(names))
    except (KeyError, ValueError) as error:
        raise BurstpropError(f"{str(path)!r} is not a recording saved by burstprop ({error})") from None
    return table | {"population": codes.remove_unused_categories()}


def _there(path: Path) -> None:
    if not path.is_file():
        raise BurstpropError(f"no file {str(path)!r}: give {KINDS}")
