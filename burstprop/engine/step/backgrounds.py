"""Private Poisson backgrounds: every neuron's sources are drawn in every step, in vector code.

A source of 500 Hz needs 16 random bits (500.03 Hz), so one 32-bit hash serves two receptors. Where 16 bits
would miss the rate by more than 1 in 10,000 (rates of a few Hz), a source takes 32. A true Poisson count
compares 32 bits with the probabilities of at least one, two, ... spikes; a single source is the case where
there is no second.
"""

from __future__ import annotations

import numpy as np

from burstprop.engine.layout import LANES, ROW
from burstprop.engine.network import (
    BG_DELAY,
    BG_FORM,
    BG_POPULATION,
    BG_ROW_A,
    BG_ROW_B,
    BG_VARIABLES,
    PAIR_16_BITS,
    get,
)
from burstprop.engine.random import first_product, hash32, key_words, mixed, next_product, step_key
from burstprop.jit.kernel import kernel

_U = np.uint32
_LOW16, _HALF = _U(0xFFFF), _U(16)


@kernel
def draw_backgrounds(net, population, block, lanes, step):
    """Add what this step's background spikes bring to the conductances of lanes of one block of a population.

    The block is advanced right after, while its conductances are in the innermost cache.
    """
    background = get(net, "background")
    background_key = get(net, "background_key")
    for g in range(background.shape[0]):
        emitted = step - background[g, BG_DELAY]
        if background[g, BG_POPULATION] != population or emitted < 0:
            continue
        low, high = key_words(step_key(background_key[g], emitted))
        stride = background[g, BG_VARIABLES] * ROW
        form = background[g, BG_FORM]
        row_a = background[g, BG_ROW_A] + block * stride
        lane0 = _U(block * LANES)
        if form == PAIR_16_BITS:
            row_b = background[g, BG_ROW_B] + block * stride
            _pair(net, g, lanes, row_a, row_b, lane0, low, high)
        else:
            _counted(net, g, lanes, row_a, lane0, low, high)


@kernel
def _pair(net, g, lanes, row_a, row_b, lane0, low, high):
    state = get(net, "state")
    background_weight = get(net, "background_weight")
    background_threshold = get(net, "background_threshold")
    weight_a, weight_b = background_weight[g, 0], background_weight[g, 1]
    # signed, because AVX2 compares no others; 16 bits are positive either way
    below_a, below_b = np.int32(background_threshold[g, 0]), np.int32(background_threshold[g, 1])
    zero = type(net.real)(0)
    a, b = np.uintp(row_a), np.uintp(row_b)
    product = first_product(low, _U(lane0 + _U(lanes[0])))
    for lane in range(np.uintp(lanes[0]), np.uintp(lanes[1])):
        bits = mixed(product, high)
        product = next_product(product)
        # a sum, not a choice of sums: that becomes a masked store, which takes AMD processors many cycles
        state[a + lane] += weight_a if np.int32(bits & _LOW16) < below_a else zero
        state[b + lane] += weight_b if np.int32(bits >> _HALF) < below_b else zero


@kernel
def _counted(net, g, lanes, row, lane0, low, high):
    state = get(net, "state")
    background_weight = get(net, "background_weight")
    background_threshold = get(net, "background_threshold")
    weight = background_weight[g, 0]
    zero = type(net.real)(0)
    a = np.uintp(row)
    for k in range(background_threshold.shape[1]):
        below = _U(background_threshold[g, k])
        if below == _U(0):
            break
        for lane in range(np.uintp(lanes[0]), np.uintp(lanes[1])):
            state[a + lane] += weight if hash32(low, high, _U(lane0 + _U(lane))) < below else zero
