"""One run, one folder: complete under its name, or marked unfinished, never in between.

A run works in ``NAME.unfinished`` (where it may keep checkpoints) and its folder is renamed to ``NAME`` in
one step when every file in it is written. ``task.json`` says what was asked for; a folder that holds
something else under the same name is an error, not a result. ``run.json`` says what came out and how, and
which code worked on it how long, in how many parts; ``parts.json`` says so while it is unfinished.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from burstprop.errors import BurstpropError
from burstprop.runs.run_code import UNKNOWN
from burstprop.system.files import plain, writable_folder, write_json, writing

UNFINISHED = ".unfinished"
RUN = "run.json"
TASK = "task.json"
PARTS = "parts.json"


def identity(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a task asks for as JSON content; descriptions become their fields, with their type's name.

    Raises
    ------
    BurstpropError
        Something in it has no JSON form, so that a later call could not tell whether it asks for the same.
    """
    try:
        content = {str(name): _described(value) for name, value in task.items()}
        return json.loads(json.dumps(content))
    except TypeError as error:
        raise BurstpropError(
            f"a task that is kept in a folder must be made of numbers, text and descriptions: {error}"
        ) from None


def _described(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _described(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__qualname__, **fields}
    if isinstance(value, Mapping):
        return {str(key): _described(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_described(item) for item in value]
    return plain(value)


def stored_form(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame as it will be read again: single precision as double, a plain index."""
    single = {name: np.float64 for name, kind in frame.dtypes.items() if kind == np.float32}
    return frame.astype(single).reset_index(drop=True)


def read_csv(path: Path) -> pd.DataFrame:
    """Read a frame with every number exactly as it was written."""
    # exact by default from pandas 3.1 on, which warns when asked for it
    version = tuple(int(part) for part in pd.__version__.split(".")[:2])
    exact: Any = {} if version >= (3, 1) else {"float_precision": "round_trip"}
    return pd.read_csv(path, **exact)


def read_run(folder: str | Path) -> dict[str, Any]:
    """Return what ``run.json`` of a folder says.

    Raises
    ------
    BurstpropError
        There is none, or it cannot be read.
    """
    path = Path(folder) / RUN
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise BurstpropError(
            f"{str(folder)!r} holds no run (no {RUN} in it): give the folder of 'burstprop simulate --out'"
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise BurstpropError(f"{str(path)!r} cannot be read: it is truncated or altered ({error})") from None


def begun(folder: Path) -> bool:
    """Return whether a run finds something in its folder to go on from."""
    own = (path for path in folder.iterdir() if path.name not in (TASK, PARTS) and path.name[0] != ".")
    # a folder with no file anywhere in it was made for what never came
    return any(path.is_file() or any(inner.is_file() for inner in path.rglob("*")) for path in own)


def note_seconds(folder: Path, seconds: float) -> None:
    """Write down how long this process has worked on the unfinished run in ``folder``.

    A full disk is no error, and on a cluster that shares no disk with the caller there is nothing to write it
    into.
    """
    path = folder / PARTS
    with contextlib.suppress(FileNotFoundError, BurstpropError):
        *before, own = json.loads(path.read_text(encoding="utf-8"))
        write_json(path, [*before, own | {"seconds": max(0.01, round(seconds, 2))}])


class RunFolder:
    """The folder of one run.

    Parameters
    ----------
    parent : Path
        Where the folders of all runs are.
    name : str
        The run's name.
    task : dict
        What `identity` returned for it.

    Raises
    ------
    BurstpropError
        A folder of that name holds another run, or cannot be read.
    """

    def __init__(self, parent: Path, name: str, task: dict[str, Any]) -> None:
        """Find out whether it is finished; see the class."""
        self.path = parent / name
        self.work = parent / f"{name}{UNFINISHED}"
        self.task = task
        self._worked: list[dict[str, Any]] = []
        for folder in (self.path, self.work):
            if folder.exists():
                self._check(folder)

    @property
    def finished(self) -> bool:
        """Whether the run is complete."""
        return self.path.exists()

    def open(self, code: Mapping[str, str]) -> Path:
        """Make the folder to work in, with what was asked for and which code works on it now; return it."""
        self._worked = [*self.parts(), {**code, "seconds": 0.0}]
        self._make()
        write_json(self.work / PARTS, self._worked)
        return self.work

    def parts(self) -> list[dict[str, Any]]:
        """Return which code (`burstprop.runs.run_code`) worked on it for how many seconds, in the order of
        time.

        Empty where nothing is there that was worked on.
        """
        try:
            if self.finished:
                run = json.loads((self.path / RUN).read_text(encoding="utf-8"))
                return list(run.get("parts", [{**UNKNOWN, "seconds": run.get("seconds", 0.0)}]))
            if not self.work.exists() or not begun(self.work):
                return []
            if not (self.work / PARTS).exists():
                return [{**UNKNOWN, "seconds": 0.0}]
            parts = json.loads((self.work / PARTS).read_text(encoding="utf-8"))
            # stopped before its turn came: nothing of the run is by that code
            return [part for part in parts if part["seconds"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._unreadable(self.path if self.finished else self.work, error) from None

    def save(self, frames: Mapping[str, pd.DataFrame], notes: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
        """Write frames (CSV) and notes (run.json), give the folder its name, return the frames as stored.

        ``notes["seconds"]`` are those of this process; ``run.json`` says the sum of all that worked on it.

        Raises
        ------
        BurstpropError
            The result is no mapping of names to frames, or cannot be written.
        """
        if not isinstance(frames, Mapping) or not all(isinstance(f, pd.DataFrame) for f in frames.values()):
            raise BurstpropError(
                f"run '{self.path.name}' returned {type(frames).__name__}: "
                "a run that is kept must return a dict of pandas DataFrames"
            )
        self._make()
        stored = {name: stored_form(frame) for name, frame in frames.items()}
        for name, frame in stored.items():
            with writing(self.work / f"{name}.csv") as temporary:
                frame.to_csv(temporary, index=False)
        parts = [*self._worked[:-1], self._worked[-1] | {"seconds": notes["seconds"]}]
        seconds = round(sum(part["seconds"] for part in parts), 2)
        write_json(self.work / RUN, {**notes, "seconds": seconds, "parts": parts, "frames": list(stored)})
        (self.work / PARTS).unlink(missing_ok=True)
        os.rename(self.work, self.path)
        return stored

    def load(self) -> dict[str, pd.DataFrame]:
        """Return the frames of a finished run.

        Raises
        ------
        BurstpropError
            A file is missing or cannot be read.
        """
        try:
            names = json.loads((self.path / RUN).read_text(encoding="utf-8"))["frames"]
            return {name: read_csv(self.path / f"{name}.csv") for name in names}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._unreadable(self.path, error) from None

    def tidy(self) -> None:
        """Remove the folder of a run that was never made or left nothing to go on from."""
        if self.work.exists() and (self.work / TASK).exists() and not begun(self.work):
            shutil.rmtree(self.work)

    def _make(self) -> None:
        writable_folder(self.work)
        write_json(self.work / TASK, self.task)

    def _check(self, folder: Path) -> None:
        try:
            there = json.loads((folder / TASK).read_text(encoding="utf-8"))
        except FileNotFoundError:
            if folder == self.work and not any(folder.iterdir()):
                return  # killed between making the folder and writing into it
            raise self._unreadable(folder, FileNotFoundError("no task.json")) from None
        except (OSError, ValueError) as error:
            raise self._unreadable(folder, error) from None
        difference = _difference(there, self.task)
        if difference:
            raise BurstpropError(
                f"{str(folder)!r} holds another run ({difference}): "
                "give another output folder, or delete this one"
            )

    def _unreadable(self, folder: Path, error: Exception) -> BurstpropError:
        return BurstpropError(
            f"{str(folder)!r} cannot be read as a run ({error}): delete it, and the run is made again"
        )


def _difference(there: Any, here: Any, path: str = "") -> str:
    """Return the first difference of two JSON contents in words, empty where they agree."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in sorted(there.keys() | here.keys()):
            place = f"{path}.{name}" if path else name
            if name not in there or name not in here:
                return f"{place} is only {'here' if name in here else 'there'}"
            words = _difference(there[name], here[name], place)
            if words:
                return words
        return ""
    return "" if there == here else f"{path} is {there!r} there and {here!r} here"
