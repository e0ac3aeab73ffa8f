"""Where the runs of `burstprop.runs.sweep.run_many` are made: in this process, on its cores, or on a dask
cluster.

Everything goes through `stream`, which yields each result as it arrives and, when closed early, ends the
work.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import burstprop
from burstprop.errors import BurstpropError
from burstprop.runs.run_folder import begun, note_seconds
from burstprop.system.machine import cpu_model, versions

INTERVAL_S = 0.5
NOTE_S = 2.0

#: Index, function, keyword arguments, folder for checkpoints.
Call = tuple[int, Callable[..., Any], dict[str, Any], Path | None]
#: Index, result or BurstpropError, where it was made and how long it took.
Outcome = tuple[int, Any, dict[str, Any]]
#: Takes the share of a run, or of all, that is done, and how much of it was done before; None: not known yet.
Told = Callable[[float, float | None], None]


def stream(
    calls: list[Call], jobs: int | None, dask: str | None, show: Told
) -> Generator[Outcome, None, None]:
    """Yield outcomes as runs end; ``show`` is told how many are done, those under way as fractions, and how
    much of that other processes did before.

    Raises
    ------
    BurstpropError
        joblib or dask is missing, or the cluster does not answer.
    """
    if dask is None and (jobs == 1 or len(calls) <= 1):
        starts = [0.0] * len(calls)
        for done, call in enumerate(calls):
            yield _call(*call, partial(_shown, show, starts, done))
            show(done + 1, sum(starts))
        return
    joblib = _joblib("dask" if dask else "plot")
    backend = _dask_backend(dask) if dask else joblib.parallel_config(backend="loky")
    with tempfile.TemporaryDirectory(prefix="burstprop-") as board, backend:
        pool = joblib.Parallel(
            n_jobs=-1 if dask else min(jobs or joblib.cpu_count(), len(calls)),
            return_as="generator_unordered",
            batch_size=1,
            max_nbytes=None,
        )
        place = _remote_call if dask else _local_call
        outcomes = pool(joblib.delayed(place)(*call, f"{board}/{call[0]}", os.getpid()) for call in calls)
        with _watched(board, show) as finished, contextlib.closing(_ended_quietly(outcomes)) as arriving:
            for outcome in arriving:
                finished(outcome[0])
                yield outcome


def _shown(show: Told, starts: list[float], done: int, share: float, start: float | None) -> None:
    starts[done] = start or 0.0
    show(done + share, sum(starts))


class _Share:
    """What a run is given as ``progress``: tells its share with that where it began, and notes its time.

    Where the run finds something in its folder to go on from, it began at the first share that it tells.
    """

    def __init__(self, tell: Told, folder: Path | None) -> None:
        self.tell = tell
        self.folder = folder
        self.start = None if folder is not None and begun(folder) else 0.0
        self.began = self.next = time.monotonic()

    def __call__(self, share: float) -> None:
        share = min(1.0, max(0.0, float(share)))
        if self.start is None:
            self.start = share
        self.tell(share, self.start)
        now = time.monotonic()
        if self.folder is not None and now >= self.next:
            self.next = now + NOTE_S
            note_seconds(self.folder, now - self.began)


def _call(
    k: int,
    function: Callable[..., Any],
    task: dict[str, Any],
    folder: Path | None,
    tell: Told,
) -> Outcome:
    began = time.monotonic()
    if folder is not None:
        note_seconds(folder, 0.0)  # its turn has come: what it leaves behind from now on is by this code
    result: Any
    try:
        result = function(**task, progress=_Share(tell, folder), folder=folder)
    except BurstpropError as error:
        result = error
    seconds = round(time.monotonic() - began, 2)
    how = {"seconds": seconds, "host": platform.node(), "cpu": cpu_model(), "versions": versions()}
    return k, result, how


def _local_call(
    k: int, function: Callable[..., Any], task: dict[str, Any], folder: Path | None, report: str, parent: int
) -> Outcome:
    """Run in a worker process: Ctrl-C is the parent's to handle, and no worker outlives its parent."""
    if os.getpid() != parent:  # joblib stays in this process where it is itself inside a worker
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _end_with(parent)
    return _call(k, function, task, folder, _FractionFile(report))


def _remote_call(
    k: int, function: Callable[..., Any], task: dict[str, Any], folder: Path | None, report: str, parent: int
) -> Outcome:
    """Run on a cluster, whose machines may share no disk with this one."""
    del parent
    if folder is None:
        return _call(k, function, task, None, _FractionFile(report))
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    outcome = _call(k, function, task, folder, _FractionFile(report))
    if made:
        with contextlib.suppress(OSError):  # it holds a checkpoint that a failed run left
            folder.rmdir()
    return outcome


_parents: set[int] = set()


def _end_with(parent: int) -> None:
    """End this worker process when its parent was killed, so that no orphan works on in a run's folder."""
    if parent in _parents:
        return
    _parents.add(parent)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class _FractionFile:
    """Tells the parent through a small file how far a run is and where it began; cheap to call too often."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.next = 0.0

    def __call__(self, share: float, start: float | None) -> None:
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + INTERVAL_S
        # On a cluster without a common disk this fails, and the progress line counts finished runs only.
        with contextlib.suppress(OSError):
            with open(f"{self.path}.new", "w", encoding="ascii") as file:
                file.write(f"{share!r} {start or 0.0!r}")
            os.replace(f"{self.path}.new", self.path)


@contextlib.contextmanager
def _watched(board: str, show: Told) -> Iterator[Callable[[int], None]]:
    """Show finished runs plus the fractions of those under way, from a thread of its own."""
    done: set[str] = set()
    told: dict[str, tuple[float, float]] = {}
    stop = threading.Event()

    def read(path: Path) -> None:
        with contextlib.suppress(OSError, ValueError):
            share, start = path.read_text(encoding="ascii").split()
            told[path.name] = float(share), float(start)

    def finished(k: int) -> None:
        read(Path(board, str(k)))  # it may have ended before it was looked at
        done.add(str(k))

    def watch() -> None:
        while not stop.wait(INTERVAL_S):
            for path in list(Path(board).iterdir()):
                if path.suffix == "" and path.name not in done:
                    read(path)
            known = told.copy()
            ended = done.copy()
            share = len(ended) + sum(share for name, (share, _) in known.items() if name not in ended)
            show(share, sum(start for _, start in known.values()) if known or ended else None)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield finished
    finally:
        stop.set()
        thread.join()


def _ended_quietly(outcomes: Any) -> Generator[Outcome, None, None]:
    """Pass on what arrives; when closed early, end the pool without joblib's advice about closing early."""
    try:
        # Not `yield from`, which would close the pool before the warning is silenced.
        for outcome in outcomes:  # noqa: UP028
            yield outcome
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcomes.close()


def _joblib(extra: str) -> Any:
    try:
        import joblib
    except ModuleNotFoundError:
        raise BurstpropError(
            "runs side by side need joblib, which is not installed: "
            f'pip install "burstprop[{extra}]", or use one job'
        ) from None
    return joblib


@contextlib.contextmanager
def _dask_backend(address: str) -> Iterator[None]:
    """Connect to a cluster, make sure that its workers have this version, and send joblib's calls there."""
    try:
        import distributed
    except ModuleNotFoundError:
        raise BurstpropError(
            'a cluster needs dask, which is not installed: pip install "burstprop[dask]"'
        ) from None

    class Client(distributed.Client):
        def start(self, **how: Any) -> None:
            # One that did not start closes when it is collected, and takes a lock of dask's for that. If that
            # happens while another client starts and holds the lock, both wait for ever: so close it at once.
            try:
                super().start(**how)
            except BaseException:
                self.close()
                raise

    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise BurstpropError(
            f"no dask scheduler answers at {address!r} ({error}): start it with 'dask scheduler' and workers "
            f"with 'dask worker {address}', or give the address that it printed"
        ) from None
    with client:
        versions = client.run(importlib.metadata.version, "burstprop", on_error="return")
        if not versions:
            raise BurstpropError(
                f"the dask scheduler at {address!r} has no worker: start one with 'dask worker {address}'"
            )
        for worker, version in versions.items():
            if version != burstprop.__version__:
                there = "no burstprop" if isinstance(version, Exception) else f"burstprop {version}"
                raise BurstpropError(
                    f"dask worker {worker} has {there}, here it is {burstprop.__version__}: "
                    "install the same version there"
                )
        with _joblib("dask").parallel_config(backend="dask", client=client):
            yield
