"""A layer of snnTorch in burstprop: the same weights and the same input spikes give the same spikes.

snnTorch's ``Leaky`` with reset by subtraction is, in steps of the simulation::

    U[t] = beta U[t-1] + W x[t] - threshold S[t-1]
    S[t] = 1 where U[t] > threshold

The class `Leaky` below says the same in burstprop. Weights of either sign become two projections, since a
synapse has one sign. `compare` runs both and returns what they measured. Run it with
``python leaky_in_snntorch.py``; it needs snnTorch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import snntorch
import torch
from snntorch import spikegen

from burstprop import Circuit, Matrix, NeuronModel, Population, Projection, SpikeSource, simulate
from burstprop.parameters import quantity, validate

STEPS, N_INPUT, N_OUTPUT = 1000, 100, 50


class LeakyState(NamedTuple):
    """Membrane of one neuron, and what its synapses added since the last step."""

    u: float
    excitation: float
    inhibition: float


class LeakyDrive(NamedTuple):
    """Injected current, added to the membrane in each step."""

    soma: float


@dataclass(frozen=True)
class Leaky(NeuronModel):
    """Leaky integrate-and-fire neuron in steps, reset by subtraction, as ``snntorch.Leaky``."""

    beta: float = quantity(0.9, "1", "what is left of the membrane after one step", low=0, high=1)
    threshold: float = quantity(1.0, "1", "threshold", low=0, open_low=True)

    State, Drive = LeakyState, LeakyDrive
    receptors = {"soma_exc": "excitation", "soma_inh": "inhibition"}  # noqa: RUF012
    voltages = ("u",)

    def __post_init__(self) -> None:
        """Check the parameters."""
        validate(self)

    def derived(self, dt: float) -> dict[str, float]:
        """Return what one step needs beside the parameters: the next step multiplies the reset by beta."""
        return {"reset": self.threshold / self.beta}

    def initial(self, n: int, rng: np.random.Generator, dt: float) -> LeakyState:
        """Return the state at t = 0."""
        return LeakyState(0.0, 0.0, 0.0)

    @staticmethod
    def step(s, i, c):
        """Advance by one step."""
        return LeakyState(c.beta * s.u + s.excitation - s.inhibition + i.soma, c.zero, c.zero)

    @staticmethod
    def margin(s, c):
        """Return the distance to the threshold, negative at a spike."""
        return c.threshold - s.u

    @staticmethod
    def spike(s, i, c, u1, u2):
        """Take the threshold off the membrane."""
        return LeakyState(s.u - c.reset, s.excitation, s.inhibition)


def in_snntorch(spikes: torch.Tensor, layer: torch.nn.Linear) -> np.ndarray:
    """Return the spikes of the layer, shape (steps, neurons)."""
    neuron = snntorch.Leaky(beta=0.9, reset_mechanism="subtract")
    membrane, out = neuron.init_leaky(), []
    with torch.no_grad():
        for x in spikes:
            spike, membrane = neuron(layer(x), membrane)
            out.append(spike)
    return torch.stack(out).numpy().astype(float)


def in_burstprop(spikes: torch.Tensor, layer: torch.nn.Linear) -> np.ndarray:
    """Return the same from a circuit; one step of snnTorch is one step of 1 ms."""
    times, neurons = np.nonzero(spikes.numpy())
    weights = layer.weight.detach().numpy().T
    circuit = Circuit(
        populations=(
            SpikeSource("input", N_INPUT, times.astype(float), neurons),
            Population("output", N_OUTPUT, Leaky()),
        ),
        projections=tuple(
            Projection(
                "input", "output", receptor, 1.0, Matrix(np.maximum(sign * weights, 0.0)), delay_ms=1.0
            )
            for receptor, sign in (("soma_exc", 1.0), ("soma_inh", -1.0))
        ),
        dt_ms=1.0,
    )
    found = simulate(circuit, STEPS + 2.0, seed=1).spikes
    found = found[found["population"] == "output"]
    raster = np.zeros((STEPS + 2, N_OUTPUT))
    raster[found["time_ms"].round().astype(int), found["neuron_id"]] = 1.0
    return raster[2:]  # a spike is on its way for one step, and is felt in the step after its arrival


def compare(seed: int = 1) -> pd.DataFrame:
    """Return the statistics of both, a row each: ``statistic, unit, theirs, burstprop``."""
    torch.manual_seed(seed)
    layer = torch.nn.Linear(N_INPUT, N_OUTPUT, bias=False)
    torch.nn.init.normal_(layer.weight, 0.03, 0.15)
    spikes = spikegen.rate(torch.full((N_INPUT,), 0.05), num_steps=STEPS)
    rasters = [in_snntorch(spikes, layer), in_burstprop(spikes, layer)]
    mean = [raster.mean() for raster in rasters]
    spread = [raster.mean(axis=0).std() for raster in rasters]
    same = float((rasters[0] == rasters[1]).mean())
    return pd.DataFrame(
        [
            ("spikes a step and neuron, mean", "1", *mean),
            ("spikes a step and neuron, spread over neurons", "1", *spread),
            ("part of all neurons and steps that agree", "1", 1.0, same),
        ],
        columns=["statistic", "unit", "theirs", "burstprop"],
    )


if __name__ == "__main__":
    print(compare().to_string(index=False))
