"""What a training step costs with each rule, against backpropagation through autograd.

One step is zeroing the gradients, forward, loss, backward, and SGD with momentum. Autograd trains a network
of PyTorch's own layers (`nn.Linear`, `nn.Conv2d`, `nn.Sigmoid`) of the same shape with the same optimizer.
Steps of all rules alternate in one process, and each is compared with the autograd step of its own round, so
that what else runs on the machine falls on all alike. Time is process time (all threads); memory is the peak
of bytes in tensors within a step, with weights, feedback weights, gradients and momentum.
"""

from __future__ import annotations

import copy
import dataclasses
import statistics
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from burstprop.errors import BurstpropError
from burstprop.reduced.layers import Cells, Conv2d, RuleLayer
from burstprop.reduced.networks import Network, build_network, network_spec
from burstprop.reduced.rules import rule_from_name

RULES = (
    "backprop",
    "feedback_alignment",
    "kolen_pollack",
    "burstprop",
    "burstprop_fixed",
    "burstprop_symmetric",
    "burstprop_recurrent",
    "burstccn",
    "burstccn_fixed",
    "burstccn_tied",
)
"""Rules measured; ``burstprop`` and ``burstccn`` learn their feedback weights, which follow the forward
weights."""

WARM_UP = 3


def autograd_network(network: Network) -> nn.Sequential:
    """Return PyTorch's own layers with the weights of ``network``; its output is rates (sigmoid) or logits
    (softmax)."""
    twins: list[nn.Module] = []
    for module in copy.deepcopy(network.body):
        twin = _of_autograd(module)
        twins += twin if isinstance(module, RuleLayer) and isinstance(twin, nn.Sequential) else [twin]
    return nn.Sequential(*twins)


def _of_autograd(module: nn.Module) -> nn.Module:
    """Return a module with PyTorch's own layers in place of rule layers, however deep inside."""
    if isinstance(module, Cells):
        return nn.Sigmoid() if module.units.name == "sigmoid" else nn.ReLU(inplace=module.inplace)
    if not isinstance(module, RuleLayer):
        for name, child in module.named_children():
            setattr(module, name, _of_autograd(child))
        return module
    shape, bias = module.weight.shape, module.bias is not None
    if isinstance(module, Conv2d):
        own: nn.Module = nn.Conv2d(
            shape[1] * module.groups,
            shape[0],
            shape[2],
            module.stride,
            module.padding,
            1,
            module.groups,
            bias,
        )
    else:
        own = nn.Linear(shape[1], shape[0], bias)
    own.load_state_dict({name: module.state_dict()[name] for name in ("weight", "bias")[: 1 + bias]})
    own.to(module.weight.dtype)
    if module.units.name in ("none", "softmax"):
        return own
    return nn.Sequential(own, nn.Sigmoid() if module.units.name == "sigmoid" else nn.ReLU())


@dataclass(frozen=True)
class Step:
    """A training step on one batch: call it."""

    model: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: torch.optim.Optimizer
    images: Tensor
    target: Tensor

    def __call__(self) -> None:
        """Run the step."""
        self.optimizer.zero_grad()
        self.loss(self.model(self.images), self.target).backward()
        self.optimizer.step()

    def peak_bytes(self) -> int:
        """Run the step once more and return the largest sum of bytes in tensors meanwhile."""
        self.optimizer.zero_grad()
        held = [*self.model.parameters(), *self.model.buffers(), self.images, self.target]
        held += [
            value for state in self.optimizer.state.values() for value in state.values() if value is not None
        ]
        with _Balance() as balance:
            self()
        return balance.peak + sum(tensor.untyped_storage().nbytes() for tensor in held)


class _Balance(TorchDispatchMode):
    """Adds up the bytes of storages that operations make, less those that are freed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation, and look at what it returns."""
        inputs = {
            tensor.untyped_storage()._cdata
            for tensor in tree_leaves((args, kwargs))
            if isinstance(tensor, Tensor)
        }
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                key = storage._cdata
                if key not in inputs and key not in self.known:
                    self.known.add(key)
                    self.now += storage.nbytes()
                    self.peak = max(self.peak, self.now)
                    weakref.finalize(storage, self._free, key, storage.nbytes())
        return result

    def _free(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size


def autograd_step(network: Network, images: Tensor, target: Tensor) -> Step:
    """Return a step of backpropagation by autograd for half the squared error (sigmoid) or cross-entropy
    (softmax)."""
    model = autograd_network(network)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, fused=True)
    if network.spec.output == "softmax":
        return Step(model, functional.cross_entropy, optimizer, images, target)
    rates = functional.one_hot(target, network.spec.classes).float()
    return Step(
        model, lambda output, rates: 0.5 * (output - rates).square().sum(1).mean(), optimizer, images, rates
    )


def rule_step(network: Network, images: Tensor, target: Tensor) -> Step:
    """Return a training step of a network with its rule."""
    optimizer = torch.optim.SGD(network.parameter_groups(lr=1e-3), momentum=0.9, fused=True)
    return Step(network, network.loss, optimizer, images, target)


def step_costs(
    network: str,
    batch_size: int,
    *,
    rules: Sequence[str] | None = None,
    rounds: int = 40,
    seed: int = 0,
    channels_last: bool = False,
) -> dict[str, Any]:
    """Return time and memory of a step of every rule on a named network, and their ratios to autograd's.

    Parameters
    ----------
    network : str
        A name of `NETWORKS`.
    batch_size : int
        Images a step.
    rules : sequence of str, optional
        Names of rules; None: `RULES`, of a rectified network without recurrent inhibition, which it cannot
        have.
    rounds : int
        Timed steps of every rule, at least 2.
    seed : int
        Of weights and images.
    channels_last : bool
        Whether images, maps and weights are kept with the channels of a pixel side by side, autograd's too.

    Returns
    -------
    dict
        ``network``, ``batch_size``, ``rounds``, ``channels_last``, ``autograd_ms`` (median), and ``rules``:
        for every rule ``step_ms`` (median), ``step_ratio`` (median over the rounds of its step over
        autograd's in the same round), ``step_ratio_range`` (quartiles), ``memory_ratio``.

    Raises
    ------
    BurstpropError
        For an unknown network or rule, or fewer than 2 rounds.
    """
    if rounds < 2:
        raise BurstpropError(f"rounds = {rounds}: must be at least 2 (quartiles are taken over them)")
    spec = network_spec(network)
    teacher = {"teacher": "cross_entropy"} if spec.output == "softmax" else {}
    if rules is None:
        rules = [rule for rule in RULES if spec.activation == "sigmoid" or rule != "burstprop_recurrent"]
    networks = {name: build_network(network, rule_from_name(name, **teacher), seed=seed) for name in rules}
    first = networks[rules[0]]
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(batch_size, *first.spec.input_shape, generator=generator)
    target = torch.randint(0, first.spec.classes, (batch_size,), generator=generator)
    steps = {"autograd": autograd_step(first, images, target)}
    steps |= {name: rule_step(made, images, target) for name, made in networks.items()}
    if channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
        for name, step in steps.items():
            step.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            steps[name] = dataclasses.replace(step, images=images)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(WARM_UP + rounds):
        for name, step in steps.items():
            start = time.process_time()
            step()
            if turn >= WARM_UP:
                seconds[name].append(time.process_time() - start)
    bytes_ = {name: step.peak_bytes() for name, step in steps.items()}
    result: dict[str, Any] = {}
    for name in rules:
        ratios = [mine / its for mine, its in zip(seconds[name], seconds["autograd"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        result[name] = {
            "step_ms": round(1e3 * statistics.median(seconds[name]), 3),
            "step_ratio": round(middle, 3),
            "step_ratio_range": [round(low, 3), round(high, 3)],
            "memory_ratio": round(bytes_[name] / bytes_["autograd"], 3),
        }
    autograd_ms = round(1e3 * statistics.median(seconds["autograd"]), 3)
    head: dict[str, Any] = {"network": network, "batch_size": batch_size, "rounds": rounds}
    head["channels_last"] = channels_last
    return {**head, "autograd_ms": autograd_ms, "rules": result}


def bench_reduced(*, rounds: int = 40, rules: Sequence[str] = RULES, seed: int = 0) -> dict[str, Any]:
    """Return what ``burstprop bench reduced --json`` prints: ``mlp`` (784-3x500-10, batch 128) and ``cifar``.

    ``cifar`` is the published convolutional network at batch 128, which gets a quarter of the rounds but not
    fewer than 5. The number of threads is PyTorch's. See `step_costs` for what is in them.
    """
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "mlp": step_costs("mnist-3x500", 128, rules=rules, rounds=rounds, seed=seed),
        "cifar": step_costs("cifar", 128, rules=rules, rounds=max(5, rounds // 4), seed=seed),
    }
