"""Where a spike lies in the ring of steps: the one place that computes its address.

The spikes of step n of a population lie in *slot* n modulo the length of the ring. Within the slot each
thread writes from the first lane that it owns, so threads share no address. The efficacies of short-term
plasticity lie in the same order, from an origin of their own.

Kernels take `slot_of`, `lane_of` and `place_of`; Python takes `lane_in`, which is the same line.
"""

from __future__ import annotations

from burstprop.engine.network import RING, get
from burstprop.jit.kernel import kernel


def _lane(width, bounds, e, slot, t):
    return slot * width[e] + bounds[e, t]


_lane_compiled = kernel(_lane)


@kernel
def slot_of(net, step):
    """Return the slot of a step; the ring is a power of two long."""
    return step & (get(net, "sizes")[RING] - 1)


@kernel
def lane_of(net, e, slot, t):
    """Return where thread ``t`` writes population ``e`` in a slot, from the population's first spike on."""
    return _lane_compiled(get(net, "population_width"), get(net, "bounds"), e, slot, t)


@kernel
def place_of(net, e, slot, t):
    """Return where thread ``t`` writes population ``e`` in a slot of the array ``spikes``."""
    return get(net, "population_spikes")[e] + lane_of(net, e, slot, t)


def lane_in(arrays, e, slot, t):
    """Return `lane_of` for arrays in Python; ``e``, ``slot`` and ``t`` may be arrays of one shape."""
    return _lane(arrays["population_width"], arrays["bounds"], e, slot, t)
