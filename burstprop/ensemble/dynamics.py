"""What of a neuron is a variable of the rate model and not part of its curve: adaptation, dendritic filter.

A population's curve is open-loop: a function of the drive *after* adaptation. The adaptation A (pA, negative)
follows the rate S of all spikes::

    tau dA/dt = W(S) - A,    W the measured mean in a stationary state

and a compartment beside the soma answers its drive J through the linear part of its own equation. For a
dendrite with membrane time tau, adaptation time tau_q and strength c (ratio of adaptation to leak)::

    tau dv/dt = J - v - c q,   tau_q dq/dt = v - q,   drive that counts: (1 + c) v   (equal to J when at rest)

Both are read off the parameters of the neurons of `burstprop.neurons`. A neuron of the user's own has
neither, unless its class names them: ``ensemble_adaptation = ("w", tau_ms, -1.0)`` (field of its State, time
constant, sign of the current) and ``ensemble_filters = {"dendrite": (tau_ms, tau_q_ms, c)}``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from burstprop.errors import BurstpropError
from burstprop.neurons import AdEx, BurstPoissonNeuron, PyramidalNeuron


class Adaptation(NamedTuple):
    """A state variable that acts as a current on the soma: its name, time constant (ms) and sign."""

    variable: str
    tau_ms: float
    sign: float


class Filter(NamedTuple):
    """Linear answer of a compartment: membrane and adaptation time (ms), adaptation over leak."""

    tau_ms: float
    tau_q_ms: float
    ratio: float


def adaptation(neuron: Any) -> Adaptation | None:
    """Return the adaptation of a neuron, or None."""
    match neuron:
        case PyramidalNeuron() | BurstPoissonNeuron():
            return Adaptation("w_s", _one(neuron, "tau_ws"), 1.0)
        case AdEx():
            return Adaptation("w", _one(neuron, "tau_w"), -1.0) if np.any([neuron.a, neuron.b]) else None
    named = getattr(neuron, "ensemble_adaptation", None)
    return None if named is None else Adaptation(*named)


def filters(neuron: Any) -> dict[str, Filter]:
    """Return the filter of each compartment that has one."""
    match neuron:
        case PyramidalNeuron() | BurstPoissonNeuron():
            leak = _one(neuron, "c_d") / _one(neuron, "tau_d")
            ratio = -_one(neuron, "a_w") / leak
            return {"dendrite": Filter(_one(neuron, "tau_d"), _one(neuron, "tau_wd"), ratio)}
        case AdEx():
            return {}
    return {name: Filter(*values) for name, values in getattr(neuron, "ensemble_filters", {}).items()}


def compartment(neuron: Any, receptor: str) -> str:
    """Return the compartment that a receptor drives: the one its name begins with, else the first."""
    fields = neuron.Drive._fields
    return next((name for name in fields if receptor.startswith(name)), fields[0])


def decay_ms(neuron: Any, receptor: str, dt: float) -> float:
    """Return the decay time of a receptor's conductance, found by one step of the model.

    Raises
    ------
    BurstpropError
        The conductance does not decay in a step.
    """
    variables = neuron.State._fields
    state = neuron.initial(1, np.random.default_rng(0), dt)
    state = neuron.State(*(np.float64(np.ravel(value)[0]) for value in state))
    state = state._replace(**{neuron.receptors[receptor]: np.float64(1.0)})
    constants = neuron.constants(dt)
    constants = neuron.Constants(*(np.float64(np.ravel(value)[0]) for value in constants))
    drive = neuron.Drive(*(np.float64(0.0) for _ in neuron.Drive._fields))
    after = neuron.step(state, drive, constants)[variables.index(neuron.receptors[receptor])]
    if not 0 < after < 1:
        raise BurstpropError(
            f"{type(neuron).__name__}: the conductance of receptor {receptor!r} goes from 1 to {after:g} in "
            "a step without input; the rate model needs one that decays exponentially"
        )
    return float(-dt / np.log(after))


def _one(neuron: Any, name: str) -> float:
    value = getattr(neuron, name)
    if np.ndim(value):
        raise BurstpropError(
            f"{type(neuron).__name__}.{name} has one value per neuron: a rate model describes neurons that "
            "are alike; give one number, or split the population"
        )
    return float(value)
