"""Several processes that train one network together: started by ``torchrun``, joined by `join`.

Every process holds the whole network, takes its share of every batch, and the gradients, that is, the
updates of the rule, are averaged (DistributedDataParallel). Since the shares and their augmentation are
functions of (seed, epoch, image), two processes do what one does with the same batch, up to the order of
the sums.

    torchrun --nproc-per-node 4 -m burstprop train --rule burstprop --dataset imagenet --data DIR ...
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from burstprop.errors import BurstpropError

BACKENDS = ("auto", "gloo", "nccl")
_joins = itertools.count(1)
"""Numbers the groups of this process: all processes join alike."""
Value = TypeVar("Value")


@dataclass(frozen=True)
class Group:
    """The processes that train together, and which of them this one is."""

    rank: int = 0
    world_size: int = 1
    device: torch.device = torch.device("cpu")  # noqa: RUF009 - a constant

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and messages."""
        return self.rank == 0

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum of ``values`` over all processes."""
        if self.world_size > 1:
            dist.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Return whether the flag is up in any process."""
        if self.world_size == 1:
            return flag
        return bool(self.total(torch.tensor(float(flag), device=self.device)) > 0)

    @torch.no_grad()
    def agree(self, network: torch.nn.Module) -> None:
        """Give all processes the mean of their statistics of batch normalisation, each of its own images."""
        if self.world_size == 1:
            return
        for module in network.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.track_running_stats:
                for statistic in (module.running_mean, module.running_var):
                    assert statistic is not None
                    self.total(statistic).div_(self.world_size)

    def gather(self, value: Value) -> list[Value]:
        """Return what every process gives, in the order of their ranks; all wait for one another."""
        if self.world_size == 1:
            return [value]
        values: list[Any] = [None] * self.world_size
        dist.all_gather_object(values, value)
        return values


@contextmanager
def join(device: str = "auto", backend: str = "auto") -> Iterator[Group]:
    """Join the processes that ``torchrun`` started; without it, this process trains alone.

    A program that has trained in several processes ends with `leave`.

    Parameters
    ----------
    device : str
        ``"auto"`` (a GPU where there is one), ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    backend : str
        ``"gloo"`` (CPU), ``"nccl"`` (GPU), or ``"auto"``.

    Raises
    ------
    BurstpropError
        For a device that is not there, an unknown backend, nccl without a GPU, or a backend without
        ``torchrun``.
    """
    if backend not in BACKENDS:
        raise BurstpropError(f"backend {backend!r}: give one of {', '.join(BACKENDS)}")
    chosen = _device(device)
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        if backend != "auto":
            raise BurstpropError(
                f"backend {backend!r} is what several processes talk through, and this one is alone: start "
                "them with torchrun (torchrun --nproc-per-node N -m burstprop ...), or leave out --backend"
            )
        yield Group(device=chosen)
        return
    if backend == "auto":
        backend = "nccl" if chosen.type == "cuda" else "gloo"
    if backend == "nccl" and chosen.type != "cuda":
        raise BurstpropError("backend nccl needs GPUs; on the CPU use --backend gloo")
    if chosen.type == "cuda" and device in ("auto", "cuda"):
        chosen = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(chosen)
    store, rank, world_size = next(rendezvous("env://"))
    # The store outlives a group. Without a name of its own, a second group of the same processes may read
    # where the first one listened, and waits for ever.
    named = dist.PrefixStore(f"join-{next(_joins)}", store)
    dist.init_process_group(backend, store=named, rank=rank, world_size=world_size)
    try:
        yield Group(rank, world_size, chosen)
    finally:
        dist.destroy_process_group()


def leave(group: Group) -> None:
    """End the process at once where several trained together; everything must be written.

    DistributedDataParallel leaves the threads of gloo alive (PyTorch 2.13, also after
    `destroy_process_group`), and an interpreter that takes itself apart beside them sometimes aborts.
    """
    if group.world_size > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise BurstpropError(f"device {name!r}: give auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise BurstpropError(f"device {name!r}: PyTorch finds no CUDA GPU here; use --device cpu")
    return device
