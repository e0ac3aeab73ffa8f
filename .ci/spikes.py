"""Print the SHA-256 of the spikes of one small circuit, and the stack that made them."""

import hashlib
import platform
import sys

import numba
import numpy as np
import pandas as pd
import scipy

from burstprop import (
    Background,
    Circuit,
    Constant,
    Current,
    Population,
    Probability,
    Projection,
    PyramidalNeuron,
    simulate,
)
from burstprop.circuit.synapses import depressing, facilitating
from burstprop.neurons import pv_interneuron, som_interneuron

INTERNEURONS = {"pv": (pv_interneuron(), depressing()), "som": (som_interneuron(), facilitating())}
circuit = Circuit(
    populations=(
        Population("pyr", 200, PyramidalNeuron()),
        *(Population(name, 50, neuron) for name, (neuron, _) in INTERNEURONS.items()),
    ),
    projections=(
        *(
            Projection("pyr", name, "soma_exc", 3.0, Probability(0.1), stp=stp)
            for name, (_, stp) in INTERNEURONS.items()
        ),
        Projection("pv", "pyr", "soma_inh", 0.1, Probability(0.1)),
        Projection("som", "pyr", "dendrite_inh", 0.1, Probability(0.1)),
    ),
    backgrounds=tuple(
        Background(name, receptor, 500.0, 0.35)
        for name in ("pyr", "pv", "som")
        for receptor in ("soma_exc", "soma_inh")
    ),
    currents=(Current("pyr", "dendrite", Constant(200.0)), Current("pyr", "soma", Constant(200.0))),
)
spikes = simulate(circuit, 500.0, seed=1).spikes
# steps and numbers of neurons: whole numbers, whatever a frame's columns are made of
steps = np.round(spikes["time_ms"].to_numpy() / 0.1).astype("<i8")
neurons = spikes["neuron_id"].to_numpy().astype("<i8")
names = ",".join(spikes["population"].astype(str)).encode()
digest = hashlib.sha256(steps.tobytes() + neurons.tobytes() + names).hexdigest()
stack = (
    f"numpy {np.__version__}, numba {numba.__version__}, scipy {scipy.__version__}, pandas {pd.__version__}"
)
print(digest)
print(f"{len(spikes)} spikes; Python {platform.python_version()}, {stack}", file=sys.stderr)
