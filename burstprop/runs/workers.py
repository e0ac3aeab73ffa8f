"""Where the runs of `burstprop.runs.sweep.run_many` are made: in this process, on its cores, or on a cluster.

Everything goes through `stream`, which yields each result as it arrives and, when closed early, ends the
work. There is one pool of processes, and one loop that fills it, for the cores and for dask.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from burstprop.errors import BurstpropError
from burstprop.runs.run import note_seconds
from burstprop.runs.share import Share, ShareFile, Tell, Told, watched
from burstprop.system.interrupts import STOPS, deferred_stop
from burstprop.system.machine import cores, cpu_model, threads_at_hand, use_threads, versions


@dataclass(frozen=True)
class Call:
    """One run to make."""

    number: int
    function: Callable[..., Any]
    task: dict[str, Any]
    folder: Path | None
    """For checkpoints."""
    threads: int = 1
    """Of each simulation in it."""


IDLE_S = 60.0
"""A worker process that has had nothing to do for so long ends."""

#: Number of the call, result or BurstpropError, where it was made and how long it took.
Outcome = tuple[int, Any, dict[str, Any]]

_at_work = False
"""Whether this process makes runs for another one; runs inside a run are then made one after the other."""


def stream(
    calls: Iterator[Call], count: int, jobs: int | None, dask: str | None, show: Tell
) -> Generator[Outcome, None, None]:
    """Yield outcomes as runs end.

    Parameters
    ----------
    calls : iterator of Call
        Taken one by one, as soon as there is a free place for it.
    count : int
        How many there are at most.
    jobs : int, optional
        Places; one per core where not given.
    dask : str, optional
        Address of a scheduler, whose cluster then has the places.
    show : callable
        Is told how many are done, those under way as fractions, and how much of that was done before.

    Raises
    ------
    BurstpropError
        joblib or dask is missing, the cluster does not answer, or a worker process died.
    """
    places = min(jobs or cores(), count)
    if dask is None and (places <= 1 or _at_work):
        yield from _one_by_one(calls, jobs or cores(), show)
        return
    with tempfile.TemporaryDirectory(prefix="burstprop-") as board, contextlib.ExitStack() as pool:
        if dask is None:
            executor, place = pool.enter_context(_processes(places)), _local_call
        else:
            from burstprop.runs.cluster import cluster

            executor, places = pool.enter_context(cluster(dask))
            place = _remote_call
        with watched(board, show) as finished:
            for outcome in _outcomes(executor, places, place, spread(calls, count, places), board):
                finished(outcome[0])
                yield outcome


def spread(calls: Iterator[Call], count: int, places: int) -> Iterator[Call]:
    """Give the runs of the last, unfilled round of places the threads that would be idle."""
    rest = count % places
    for k, call in enumerate(calls):
        yield replace(call, threads=places // rest) if rest and k >= count - rest else call


def _one_by_one(calls: Iterator[Call], threads: int, show: Tell) -> Iterator[Outcome]:
    threads = threads_at_hand() if _at_work else threads
    starts: list[float] = []

    def tell(told: Told) -> None:
        starts[-1] = told.start or 0.0
        show(Told(len(starts) - 1 + told.share, sum(starts), told.doing))

    for call in calls:
        starts.append(0.0)
        yield _call(replace(call, threads=threads), tell)
        show(Told(len(starts), sum(starts)))


def _outcomes(
    executor: Executor,
    places: int,
    place: Callable[..., Outcome],
    calls: Iterator[Call],
    board: str,
) -> Iterator[Outcome]:
    """Keep all places busy; yield what arrives."""
    running: set[Future[Outcome]] = set()
    for call in calls:
        running.add(executor.submit(place, call, f"{board}/{call.number}"))
        if len(running) >= places:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                yield future.result()
    while running:
        ended, running = wait(running, return_when=FIRST_COMPLETED)
        for future in ended:
            yield future.result()


@contextlib.contextmanager
def _processes(places: int) -> Iterator[Executor]:
    """Give worker processes of this machine; end them at once where the work is stopped."""
    try:
        import joblib  # noqa: F401 - its pool is all that is used, and another import might find that alone
        from joblib.externals.loky import get_reusable_executor
        from joblib.externals.loky.process_executor import TerminatedWorkerError
    except ModuleNotFoundError:
        raise BurstpropError(
            "runs side by side need joblib, which is not installed: "
            'pip install "burstprop[plot]", or use one job'
        ) from None
    # the threads of libraries of linear algebra beside each other would only be in each other's way
    executor = get_reusable_executor(
        places, timeout=IDLE_S, env={"OMP_NUM_THREADS": "1"}, initializer=_ready, initargs=(os.getpid(),)
    )
    try:
        yield executor
    except TerminatedWorkerError:
        executor.shutdown(kill_workers=True)
        raise BurstpropError(
            "a worker process was ended from outside, as a system does that runs out of memory: "
            f"{places} runs side by side may be too many, use fewer jobs (--jobs)"
        ) from None
    except BaseException:  # also a generator that is closed early
        executor.shutdown(kill_workers=True)
        raise


def _call(call: Call, tell: Tell) -> Outcome:
    began = time.monotonic()
    if call.folder is not None:
        note_seconds(call.folder, 0.0)  # its turn has come: what it leaves behind from now on is by this code
    result: Any
    try:
        with use_threads(call.threads):
            progress = Share(tell, call.folder)
            result = call.function(**call.task, progress=progress, folder=call.folder)
    except BurstpropError as error:
        result = error
    seconds = round(time.monotonic() - began, 2)
    how = {"seconds": seconds, "host": platform.node(), "cpu": cpu_model(), "versions": versions()}
    how["date"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return call.number, result, how


def _ready(parent: int) -> None:
    """Prepare a worker process: signals are the parent's to handle, and no worker outlives its parent."""
    global _at_work
    _at_work = True
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _local_call(call: Call, report: str) -> Outcome:
    # a worker goes on ignoring signals; an `advance` finds the handlers set and need not set them
    with deferred_stop():
        return _call(call, ShareFile(report))


def _remote_call(call: Call, report: str) -> Outcome:
    """Run on a cluster, whose machines may share no disk with this one."""
    global _at_work
    _at_work = True
    if call.folder is None:
        return _call(call, ShareFile(report))
    made = not call.folder.exists()
    call.folder.mkdir(parents=True, exist_ok=True)
    outcome = _call(call, ShareFile(report))
    if made:
        with contextlib.suppress(OSError):  # it holds a checkpoint that a failed run left
            call.folder.rmdir()
    return outcome
