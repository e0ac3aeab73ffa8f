"""The same images and the same three layers without spikes: what the architecture could do.

Units have rates, no noise, and see the grey values themselves. `RULES` names what teaches them: logistic
regression (no hidden layer), backpropagation, the same with a hidden layer that stays as it was drawn, and
the burst-dependent rule in rates (`burstprop.reduced`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .images import Images, learned_and_tested
from .params import CLASSES, Params

RULES = {
    "logistic_regression": ("backprop", False),
    "backprop": ("backprop", True),
    "frozen_hidden": ("backprop", True),
    "burstprop": ("burstprop", True),
}
"""Rule of the reduced model, and whether there is a hidden layer."""
EPOCHS = 60
BATCH = 32
LEARNING_RATE = 1.0


def without_spikes(params: Params, seed: int, realizations: int) -> pd.DataFrame:
    """Learn the images with every rule of `RULES`, `EPOCHS` times.

    Returns
    -------
    DataFrame
        ``rule, realization, error_percent``: of the images to test.
    """
    parts = learned_and_tested(params.dataset, params.split, params.side)
    learned, tested = parts[0].first(params.learned), parts[1].first(params.tested)
    rows = [
        [name, k, _error(name, params.hidden, learned, tested, seed + k - 1)]
        for name in RULES
        for k in range(1, realizations + 1)
    ]
    return pd.DataFrame(rows, columns=["rule", "realization", "error_percent"])


def _error(name: str, hidden: int, learned: Images, tested: Images, seed: int) -> float:
    """Return the test error (percent) of one network after learning."""
    import torch

    from burstprop.reduced import NetworkSpec, build_network, rule_from_name

    rule, deep = RULES[name]
    pixels = learned.grey.shape[1]
    spec = NetworkSpec(name, (pixels,), (hidden,) if deep else (), CLASSES)
    network = build_network(spec, rule_from_name(rule), seed=seed)
    kept = {id(weights) for weights in network.body[0].parameters()} if name == "frozen_hidden" else set()
    groups = [
        group | {"params": [weights for weights in group["params"] if id(weights) not in kept]}
        for group in network.parameter_groups(lr=LEARNING_RATE, weight_decay=1e-4)
    ]
    optimizer = torch.optim.SGD(groups, lr=LEARNING_RATE)
    images, labels = torch.from_numpy(learned.grey), torch.from_numpy(learned.labels)
    draw = np.random.default_rng([seed, 4])
    for _ in range(EPOCHS):
        for batch in torch.from_numpy(draw.permutation(len(learned))).split(BATCH):
            optimizer.zero_grad()
            network.loss(network(images[batch]), labels[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        answers = network(torch.from_numpy(tested.grey)).argmax(dim=1).numpy()
    return 100.0 * float((answers != tested.labels).mean())
