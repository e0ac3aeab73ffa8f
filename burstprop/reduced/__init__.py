"""The reduced, rate-based model: deep networks on PyTorch that learn with bursts.

The pieces, and how they are used::

    network = build_network("mnist-3x500", rule_from_name("burstprop"), seed=1)
    optimizer = torch.optim.SGD(network.parameter_groups(lr=0.1, weight_decay=1e-6), momentum=0.9)
    loss = network.loss(network(images), labels)
    loss.backward()          # every .grad, those of learned feedback weights too, now holds the rule's update
    optimizer.step()

`Network` is an ordinary ``nn.Module``; mixed precision, DistributedDataParallel (call ``ddp.module.loss``),
gradient accumulation and any optimizer work (with weight decay and feedback weights that learn: one whose
steps are linear in the gradient, or AdamW, see `burstprop.reduced.layers.feedback`). ``network(images)``
returns logits; rates are ``output_rates(logits, spec.output)``. `layers_figure` draws the log of a run.

Needs PyTorch (``pip install burstprop[train]``); importing ``burstprop`` alone does not import it.
"""

# first, and whatever the rule: numba must be loaded before a run lets denormal numbers be flushed to zero
import burstprop.reduced.layers.fused as fused  # noqa: F401
from burstprop.reduced.layers import Cells, Conv2d, Dense, DivisiveNorm, RuleLayer
from burstprop.reduced.layers.units import output_rates
from burstprop.reduced.networks import (
    NETWORKS,
    Convolution,
    Network,
    NetworkSpec,
    Pooling,
    Residual,
    Retina,
    build_network,
    network_spec,
)
from burstprop.reduced.rules import RULES, Rule, rule_from_name, rule_name
from burstprop.reduced.train.settings import Setting, setting
from burstprop.reduced.train.training_figure import layers_figure

__all__ = [
    "NETWORKS",
    "RULES",
    "Cells",
    "Conv2d",
    "Convolution",
    "Dense",
    "DivisiveNorm",
    "Network",
    "NetworkSpec",
    "Pooling",
    "Residual",
    "Retina",
    "Rule",
    "RuleLayer",
    "Setting",
    "build_network",
    "layers_figure",
    "network_spec",
    "output_rates",
    "rule_from_name",
    "rule_name",
    "setting",
]
