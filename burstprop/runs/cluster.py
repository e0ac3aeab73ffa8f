"""A dask cluster as a pool of processes for `burstprop.runs.workers`.

Dask sends functions and their arguments as pickles and runs whatever it is sent, and its connections are
neither encrypted nor closed to others unless they are set up so. Who can reach the scheduler's or a worker's
port can run code as the user who started it: use a cluster of machines and people you trust, behind a
firewall or with dask's TLS. burstprop only sends to the address that it is given.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

import burstprop
from burstprop.errors import BurstpropError


@contextlib.contextmanager
def cluster(address: str) -> Iterator[tuple[Executor, int]]:
    """Connect to a cluster, make sure that its workers have this version; give it and its places.

    Raises
    ------
    BurstpropError
        dask is missing, no scheduler answers, it has no worker, or a worker has another version.
    """
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
        executor = client.get_executor(pure=False)
        try:
            yield executor, sum(client.nthreads().values())
        finally:
            executor.shutdown(wait=False)
