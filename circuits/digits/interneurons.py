"""Dale's law in the digits: cells that excite, and others that inhibit.

Without it every feedforward synapse has a constant inhibition beside it (`Opposed`), and the output's events
inhibit dendrites themselves: one cell both excites and inhibits. With ``dale`` three groups of fast-spiking
interneurons do that.

- PV cells of the hidden layer follow the events of the input, those of the output the events of the layer
  below. They inhibit all somata alike, as the constant inhibitions of all synapses together do.
- SOM cells follow the output's events, class by class, and inhibit hidden dendrites: they cancel the bursts
  that come without a teacher. They spike as PV cells do: the published SOM cells adapt for half a second,
  which is as long as an image is shown.
- Feedback weights are positive, since bursts can only excite. Their spread between classes is what tells the
  class; their mean says the same to all.

How many spikes a group has for one event of a source was measured (``PV_GAIN``, ``SOM_GAIN``), and weights
onto its targets are divided by it. With sources between 3 and 11 Hz that number varies by a fifth for PV
cells, by a tenth for SOM cells.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from burstprop.circuit import Population, Projection
from burstprop.circuit.connectivity import AllToAll, Matrix
from burstprop.circuit.stimuli import Background, Constant, Current
from burstprop.neurons import pv_interneuron

from .params import CLASSES, Params

PV_CELLS = 40
"""For each layer that they inhibit."""
SOM_CELLS = 8
"""For each class."""
INPUT_HZ, HIDDEN_HZ = 1700.0 / 256, 10.0
"""Event rates of input and hidden neurons, where interneurons work best."""
PV_DRIVE = 43.0
"""At these rates: weight onto a PV cell times all events (leaks/s)."""
PV_GAIN = 24.0
"""Spikes of all PV cells of a layer for one event of a source, over the weight of that event onto them."""
SOM_WEIGHT, SOM_GAIN = 9.6, 44.8
"""Weight of an output event onto a SOM cell of its class (leaks), and spikes of all these for one event; both
are divided by the output neurons of a class."""


def pv(layer: str) -> str:
    """Return the name of the PV cells that inhibit ``layer``."""
    return f"pv_{layer}"


def interneurons(params: Params) -> tuple[list[Population], list[Background], list[Current]]:
    """Return the interneurons with the noise and the current that keep them near their threshold."""
    groups = {pv(layer): PV_CELLS for layer in [*params.hidden_layers, "output"]}
    groups["som"] = CLASSES * SOM_CELLS
    bias = {name: (100.0, 0.3) if name == "som" else (150.0, 0.15) for name in groups}
    return (
        [Population(name, n, pv_interneuron()) for name, n in groups.items()],
        [
            Background(name, receptor, 500.0, weight)
            for name, (_, weight) in bias.items()
            for receptor in ("soma_exc", "soma_inh")
        ],
        [Current(name, "soma", Constant(current)) for name, (current, _) in bias.items()],
    )


def inhibition(params: Params, constants: list[float]) -> list[Projection]:
    """Return the way over PV cells that does what a constant inhibition of every synapse does.

    Parameters
    ----------
    params : Params
        The circuit.
    constants : list of float
        That constant (leaks) for each layer above the input, from the first hidden one on.
    """
    found = []
    for (source, target), constant in zip(
        pairwise(["input", *params.hidden_layers, "output"]), constants, strict=True
    ):
        events_hz = (
            INPUT_HZ * params.pixels * params.per_pixel if source == "input" else HIDDEN_HZ * params.hidden
        )
        onto = PV_DRIVE / events_hz
        found += [
            Projection(source, pv(target), "soma_exc", onto, AllToAll(), transmits="events"),
            Projection(pv(target), target, "soma_inh", constant / (PV_GAIN * onto), AllToAll()),
        ]
    return found


def cancelling(targets: list[str], weights: list[NDArray[np.float64]]) -> list[Projection]:
    """Return the way over SOM cells by which output events inhibit hidden dendrites.

    Parameters
    ----------
    targets : list of str
        Hidden layers.
    weights : list of array of shape (outputs, hidden)
        Inhibition (leaks) that an event of each output neuron is to bring, alike for those of a class.
    """
    per_class = len(weights[0]) // CLASSES
    own = np.repeat(np.repeat(np.eye(CLASSES), per_class, axis=0), SOM_CELLS, axis=1)
    return [
        Projection("output", "som", "soma_exc", SOM_WEIGHT / per_class, Matrix(own), transmits="events"),
        *(
            Projection(
                "som",
                target,
                "dendrite_inh",
                per_class / SOM_GAIN,
                Matrix(np.repeat(rows[::per_class], SOM_CELLS, axis=0)),
            )
            for target, rows in zip(targets, weights, strict=True)
        ),
    ]
