"""Where the variables of neurons lie in memory."""

import numpy as np
import pytest

from burstprop.engine.layout import CACHE_LINE, LANES, ROW
from burstprop.neurons import BurstPoissonNeuron, PyramidalNeuron, pv_interneuron

SETS, WAYS = 64, 8
"""Of an innermost cache of 32 KiB."""


@pytest.mark.parametrize("model", [BurstPoissonNeuron(), PyramidalNeuron(), pv_interneuron()])
@pytest.mark.parametrize("n", [400, 500, LANES])
def test_a_block_of_neurons_fits_into_the_innermost_cache(model, n):
    lines = []
    for variable in range(len(model.State._fields)):
        first = 4 * variable * ROW
        lines.append(np.arange(first // CACHE_LINE, (first + 4 * n - 1) // CACHE_LINE + 1))
    in_set = np.bincount(np.concatenate(lines) % SETS, minlength=SETS)
    assert in_set.max() <= WAYS
