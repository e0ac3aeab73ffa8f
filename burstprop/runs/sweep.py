"""Many runs of one function: on the cores of this machine or on a cluster, finished ones skipped.

Each run is a call ``function(**task, progress=..., folder=...)`` that knows nothing of the others.
``progress`` is a callable that takes the share done, 0 to 1; a run that goes on from a checkpoint tells the
share of that first, before it works, and it does not count for the remaining time. ``folder`` is where the
run may keep checkpoints, None where nothing is kept. The function must be importable by the worker processes
(a function at the top of a module).

The results do not depend on how many run side by side, in which order, or where: a run has its seed in its
task.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from burstprop.errors import BurstpropError, BurstpropWarning
from burstprop.runs.frames import read_csv, stored_form, write_frames
from burstprop.runs.lock import Locked
from burstprop.runs.run import RUN_FILE, Run, identity, part_made
from burstprop.runs.run_code import code_of_run, said
from burstprop.runs.share import Told
from burstprop.runs.workers import Call, stream
from burstprop.system.files import writable_folder
from burstprop.system.progress import Progress, Shown

LONGEST_NAME = 120
LONGEST_VALUE = 40
NAMED = 3
"""A warning names so many runs at most."""

_work: ContextVar[list[dict[str, Any]] | None] = ContextVar("work", default=None)


@contextlib.contextmanager
def work_counted() -> Iterator[list[dict[str, Any]]]:
    """Collect the work in all runs that `run_many` returns meanwhile, whenever it was done.

    Gives a list of parts: ``seconds``, and by which code (``burstprop``, ``code``;
    `burstprop.runs.run_code`).
    """
    parts: list[dict[str, Any]] = []
    token = _work.set(parts)
    try:
        yield parts
    finally:
        _work.reset(token)


def combinations(**choices: Sequence[Any]) -> list[dict[str, Any]]:
    """Return one task for every combination of the choices, the last one running fastest.

    Examples
    --------
    >>> combinations(eta=[1, 2], seed=[7])
    [{'eta': 1, 'seed': 7}, {'eta': 2, 'seed': 7}]
    """
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


def run_many(
    function: Callable[..., Any],
    tasks: Sequence[Mapping[str, Any]],
    *,
    jobs: int | None = None,
    out: str | os.PathLike[str] | None = None,
    label: str = "runs",
    progress: Shown = None,
    dask: str | None = None,
    names: Sequence[str] | None = None,
    notes: Sequence[Mapping[str, Any]] | None = None,
    keep_going: bool = False,
    modules: Sequence[ModuleType] = (),
) -> list[Any]:
    """Call ``function`` once for every task and return the results in the order of the tasks.

    Parameters
    ----------
    function : callable
        ``function(**task, progress=..., folder=...)``, see the module. Where ``out`` is given it must return
        a dict of pandas DataFrames.
    tasks : sequence of mappings
        Keyword arguments of each run.
    jobs : int, optional
        Processes side by side; by default one per core. 1 runs everything in this process.
    out : path, optional
        One folder a run, complete when that run ends. Runs whose folder is there are not run again.
    label : str
        Start of the progress line.
    progress : bool or callable, optional
        See `burstprop.system.progress.Progress`.
    dask : str, optional
        Address of a dask scheduler (``tcp://host:8786``): its workers run the tasks, not this machine.
    names : sequence of str, optional
        Folder names; by default made of the task's numbers and words.
    notes : sequence of mappings, optional
        What each run's ``run.json`` says beside the wall time, `burstprop.report.report.provenance` for
        example.
    keep_going : bool
        A run that ends with a `BurstpropError` does not end the others: its result is the error.
    modules : sequence of modules
        What the function loads by name, so that its code is known to count too: see
        `burstprop.runs.run_code`.

    Returns
    -------
    list
        What the function returned, or the `BurstpropError` with ``keep_going``. The same, bit for bit,
        whether a run was made now or read from its folder (with ``out``, single precision columns become
        double).

    Raises
    ------
    BurstpropError
        joblib or dask is missing, the cluster does not answer, a folder holds another run, or a run failed.
    KeyboardInterrupt
        Stopped by Ctrl-C; the message says what is kept. Worker processes have been ended.

    Warns
    -----
    BurstpropWarning
        Runs in ``out`` were made, or begun, by other code than this. They are used as they are.
    """
    if jobs is not None and jobs < 1:
        raise BurstpropError(f"jobs = {jobs}: give the number of processes side by side, at least 1")
    names = folder_names(tasks) if names is None else names
    runs = _runs(tasks, names, out)
    counted = _work.get()
    codes = [code_of_run(function, task, modules) for task in tasks] if runs or counted is not None else []
    worked = [run.parts() for run in runs]
    _warn_of_other_code(runs, worked, codes)
    results: dict[int, Any] = {k: load_frames(run) for k, run in enumerate(runs) if run.complete}
    todo = [k for k in range(len(tasks)) if k not in results]
    before = len(results)
    parts = {k: worked[k] for k in results}
    busy: dict[int, Locked] = {}
    with Progress(max(len(tasks), 1), label, "runs", progress, start=before) as display:

        def show(told: Told) -> None:
            display.say(told.doing)
            display.update(before + told.share, None if told.start is None else before + told.start)

        def calls() -> Iterator[Call]:
            for k in todo:
                folder = None
                if runs:
                    try:
                        folder = runs[k].open(codes[k], **(notes[k] if notes else {}))
                    except Locked as error:
                        busy[k] = error
                        continue
                    if runs[k].complete:  # by another process, since we looked
                        runs[k].release()
                        busy[k] = Locked("")
                        continue
                yield Call(k, function, dict(tasks[k]), folder)

        arriving = stream(calls(), len(todo), jobs, dask, show)
        outer = _work.set(None)  # runs inside a run count with it
        try:
            for k, outcome, how in arriving:
                if isinstance(outcome, BurstpropError):
                    if runs:
                        runs[k].close("failed", error=str(outcome))
                    if not keep_going:
                        raise type(outcome)(f"{names[k]}: {outcome}") from outcome
                elif runs:
                    outcome = save_frames(runs[k], outcome, how)
                    parts[k] = runs[k].parts()
                elif codes:
                    parts[k] = [part_made(codes[k], how)]
                results[k] = outcome
            for k, locked in busy.items():
                runs[k].refresh()
                if not runs[k].complete and not keep_going:
                    raise locked
                results[k] = load_frames(runs[k]) if runs[k].complete else locked
                parts[k] = runs[k].parts()
        except KeyboardInterrupt as stop:
            # a run that says where it stopped raises a class of its own
            where_in_it = "" if type(stop) is KeyboardInterrupt else f"{stop}; "
            kept = f"{where_in_it}{len(results)} of {len(tasks)} runs are finished"
            where = f" and kept in {os.fspath(out)}; the same command goes on from there" if out else ""
            raise KeyboardInterrupt(kept + where) from None
        finally:
            _work.reset(outer)
            arriving.close()
            for run in runs:
                run.close("interrupted")
    if counted is not None:
        counted += [part for k in sorted(parts) for part in parts[k]]
    return [results[k] for k in range(len(tasks))]


def save_frames(
    run: Run, frames: Mapping[str, pd.DataFrame], how: Mapping[str, Any]
) -> dict[str, pd.DataFrame]:
    """Write the frames of an open run (CSV), say that it is complete, and return them as stored.

    ``how["seconds"]`` are those of this process; ``run.json`` says the sum of all that worked on it.

    Raises
    ------
    BurstpropError
        The result is not a mapping of names to frames, or cannot be written.
    """
    if not isinstance(frames, Mapping) or not all(isinstance(f, pd.DataFrame) for f in frames.values()):
        raise BurstpropError(
            f"run '{run.name}' returned {type(frames).__name__}: "
            "a run that is kept must return a dict of pandas DataFrames"
        )
    run.folder.mkdir(parents=True, exist_ok=True)
    stored = {name: stored_form(frame) for name, frame in frames.items()}
    files = write_frames(run.folder, stored)
    run.finish(files, **how, frames=list(stored))
    return stored


def finished_runs(
    out: str | os.PathLike[str], names: Sequence[str], like: Mapping[str, Any]
) -> tuple[list[Run], dict[str, int]]:
    """Return all complete runs in a folder, and how many others there are, by what they are.

    Parameters
    ----------
    out : path
        The folder of `run_many`.
    names : sequence of str
        The names of runs that come first, in this order; the others follow by name.
    like : mapping
        What the tasks of the runs have to agree in; those with other values are left out.
    """
    found, left_out = [], Counter[str]()
    place = {name: k for k, name in enumerate(names)}
    folders = [path for path in Path(out).iterdir() if (path / RUN_FILE).is_file()]
    for path in sorted(folders, key=lambda path: (place.get(path.name, len(place)), path.name)):
        run = Run(path)
        task = run.content.get("task") or {}
        if not run.complete:
            left_out[{"running": "unfinished", "": "unreadable"}.get(run.status, run.status)] += 1
        elif any(task.get(name) != value for name, value in like.items()):
            left_out["made otherwise"] += 1
        else:
            found.append(run)
    return found, dict(left_out)


def load_frames(run: Run) -> dict[str, pd.DataFrame]:
    """Return the frames of a complete run.

    Raises
    ------
    BurstpropError
        A file is missing, altered, or cannot be read.
    """
    run.check_files()
    try:
        return {name: read_csv(run.folder / f"{name}.csv") for name in run.content["frames"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise run.unreadable(error) from None


def folder_names(tasks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a folder name for each task, made of its numbers and words, safe as one part of a path.

    What a folder cannot be called becomes an underscore. A name that is too long, leaves out a long text, or
    would be that of two tasks is shortened and ends in eight digits that stand for the whole task.
    """
    names, partial = [], set()
    for k, task in enumerate(tasks):
        plain_values = {name: value for name, value in task.items() if isinstance(value, str | int | float)}
        short = {name: value for name, value in plain_values.items() if len(str(value)) < LONGEST_VALUE}
        if len(short) < len(plain_values):
            partial.add(k)
        words = ",".join(f"{name}={value}" for name, value in short.items())
        names.append(re.sub(r"[^\w.=,+-]", "_", words))
    written = Counter(names)
    for k, name in enumerate(list(names)):
        if not name or k in partial or len(name) > LONGEST_NAME or written[name] > 1:
            text = json.dumps(identity(tasks[k]), sort_keys=True)
            names[k] = f"{name[:LONGEST_NAME]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}".lstrip("-")
    return names


def gather(
    results: Sequence[Mapping[str, pd.DataFrame]], labels: Sequence[Mapping[str, Any]]
) -> dict[str, pd.DataFrame]:
    """Put the frames of many runs together, by name, each row labelled with the run it comes from.

    Parameters
    ----------
    results : sequence of mappings
        Frames by name, one mapping a run.
    labels : sequence of mappings
        The columns to put in front, one mapping a run; they replace a column of the same name.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for frames, label in zip(results, labels, strict=True):
        for name, frame in frames.items():
            rest = stored_form(frame).drop(columns=[column for column in label if column in frame])
            front = pd.DataFrame({column: [value] * len(frame) for column, value in label.items()})
            parts.setdefault(name, []).append(pd.concat([front, rest], axis=1))
    return {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}


def _runs(
    tasks: Sequence[Mapping[str, Any]], names: Sequence[str], out: str | os.PathLike[str] | None
) -> list[Run]:
    if out is None:
        return []
    if len(set(names)) < len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise BurstpropError(f"two runs have the name {twice!r}: ask for each run once")
    wanted = [identity(task) for task in tasks]
    # absolute: the workers of a cluster were started somewhere else
    parent = writable_folder(out).absolute()
    return [Run(parent / name, task) for name, task in zip(names, wanted, strict=True)]


def _warn_of_other_code(
    runs: Sequence[Run],
    worked: Sequence[Sequence[Mapping[str, Any]]],
    codes: Sequence[Mapping[str, str]],
) -> None:
    """Warn where runs that are there were made, or begun, by other code than would make them now."""
    others = []
    for run, parts, code in zip(runs, worked, codes, strict=False):
        makers = [said(part) for part in parts]
        if set(makers) - {said(code)}:
            others.append(f"{run.name} by {', then '.join(dict.fromkeys(makers))}, now {said(code)}")
    if others:
        more = [f"and {len(others) - NAMED} more"] if len(others) > NAMED else []
        warnings.warn(
            f"{len(others)} of {len(runs)} runs in {str(runs[0].folder.parent)!r} were made, or begun, "
            f"by other code than this ({'; '.join(others[:NAMED] + more)}): they are used as they are; for "
            "results of one code give another output folder (--out), or delete these",
            BurstpropWarning,
            stacklevel=3,
        )
