"""One realization of the XOR task: settle, test, learn example by example, test again; kept so that it can go
on (`burstprop.simulation.kept_realization`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from burstprop.errors import BurstpropError
from burstprop.recording import Record
from burstprop.simulation import Simulation
from burstprop.simulation.kept_realization import KeptRealization

from .circuit import FEEDFORWARD, PATTERNS, POPULATIONS, TARGETS, Params, build

RATES_EPOCHS = 10
"""Rates of all populations and weights are kept of every tenth epoch."""
BINS = 20
"""Rates of the tests come in at least so many bins an example."""
SHORTEST_BIN_MS = 10.0
READ_OUT = "hidden1->output.soma_exc"
"""The projection whose postsynaptic averages are the output."""
FRAMES: dict[str, tuple[str, ...]] = {
    "examples": ("epoch", "pattern", "target", "output_hz", "cost", "teaching_pa"),
    "rates": ("epoch", "pattern", "population", "event_rate_hz", "burst_rate_hz", "teaching_burst_rate_hz"),
    "tests": ("phase", "time_ms", "pattern", "population", "event_rate_hz", "burst_rate_hz"),
    "outputs": ("phase", "pattern", "target", "output_hz"),
    "weights": ("epoch", "projection", "mean", "sd", "smallest", "largest"),
}


def teaching_current(event_rate_hz: np.ndarray, target: int, params: Params) -> np.ndarray:
    """Return the teaching current (pA) of each output neuron from its averaged event rate (Hz), shape (n,).

    Paper, Methods, "Spiking XOR gate": the nearer a neuron is to the rate that it should leave, the weaker;
    nothing where the target is reached within the tolerance, all of it where the neuron is at the opposite
    end.
    """
    low, high = params.e_min_hz + params.tolerance_hz, params.e_max_hz - params.tolerance_hz
    rate = np.asarray(event_rate_hz, np.float64)
    if target:
        wrong, right, away = rate <= low, rate >= high, rate - params.e_min_hz
    else:
        wrong, right, away = rate >= high, rate <= low, params.e_max_hz - rate
    strength = 1.0 / np.where(wrong | right, 1.0, away)
    strength[right], strength[wrong] = 0.0, 1.0
    return (1.0 if target else -1.0) * params.teaching_pa * strength


def cost(output_hz: float, target: int, params: Params) -> float:
    """Return the cross-entropy (nats) of one example from the mean event rate of the output population."""
    y = (output_hz - params.e_min_hz) / (params.e_max_hz - params.e_min_hz)
    y = min(max(y, params.clip), 1.0 - params.clip)
    return -math.log(y if target else 1.0 - y)


def one(
    params: Params,
    seed: int,
    realization: int,
    progress: Callable[[float], None],
    folder: Path | None,
) -> dict[str, pd.DataFrame]:
    """Run one realization, going on from the checkpoint in ``folder`` where there is one.

    Returns the frames of `FRAMES`, each with the column ``realization`` in front.
    """
    return Realization(params, seed, realization).carry_out(progress, folder)


class Realization(KeptRealization):
    """A simulation of the circuit, how far its protocol is, and what was measured.

    A unit of the protocol is one epoch; the test before (with the settling) counts as the first, the test
    after as the last, so there are ``params.epochs + 2`` of them.
    """

    def __init__(self, params: Params, seed: int, realization: int) -> None:
        """Build the circuit; nothing runs yet."""
        self.params = params
        self.realization = realization
        circuit = build(params, seed=seed, realization=realization)
        self.settle_ms = params.settle_averages * params.tau_avg_ms
        self.teaching_ms = params.teaching_share * params.example_ms
        self.prediction_ms = params.example_ms - self.teaching_ms
        steps = [
            circuit.steps(name, value)
            for name, value in (
                ("settling time", self.settle_ms),
                ("prediction part of an example", self.prediction_ms),
                ("teaching part of an example", self.teaching_ms),
            )
        ]
        if min(steps[1:]) < 1:
            raise BurstpropError(
                f"prediction {self.prediction_ms:g} ms and teaching {self.teaching_ms:g} ms: each part of an "
                f"example must be at least a step of {circuit.dt_ms:g} ms; change teaching_share or raise "
                "example_ms"
            )
        common = math.gcd(*steps)
        longest = max(1, circuit.steps("example", params.example_ms) // BINS)
        self.bin_ms = max(k for k in range(1, common + 1) if common % k == 0 and k <= longest) * circuit.dt_ms
        if self.bin_ms < SHORTEST_BIN_MS:
            raise BurstpropError(
                f"settling {self.settle_ms:g} ms, prediction {self.prediction_ms:g} ms and teaching "
                f"{self.teaching_ms:g} ms have only {self.bin_ms:g} ms as a common divisor, which would be "
                f"the bin of the rates; change settle_averages, example_ms or teaching_share so that it is "
                f"at least {SHORTEST_BIN_MS:g} ms"
            )
        self.simulation = Simulation(
            circuit,
            seed=seed,
            realization=realization,
            record=Record(spikes=False, rates_bin_ms=self.bin_ms),
        )
        for source, target in FEEDFORWARD:
            if not len(self.simulation.weights(f"{source}->{target}.soma_exc")):
                raise BurstpropError(
                    f"Params.in_degree = {params.in_degree:g} of n = {params.n}: no synapse was drawn from "
                    f"{source} to {target}; raise in_degree or n"
                )
        self.total = params.epochs + 2
        self.rows: dict[str, list[list[Any]]] = {name: [] for name in FRAMES}

    def next(self) -> None:
        """Run an epoch, or one of the two tests."""
        if self.done == 0:
            self._settle()
            self._test("before")
        elif self.done <= self.params.epochs:
            self._learn(self.done)
        else:
            self._test("after")
        self.simulation.forget_recording()
        self.done += 1

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return what was measured."""
        out = {}
        for name, columns in FRAMES.items():
            frame = pd.DataFrame(self.rows[name], columns=list(columns))
            frame.insert(0, "realization", self.realization)
            out[name] = frame
        return out

    def _settle(self) -> None:
        self.simulation.advance(self.settle_ms)
        self._weights(0)

    def _test(self, phase: str) -> None:
        """Show the four patterns without plasticity."""
        begin_ms = self.simulation.time_ms
        for pattern, target in zip(PATTERNS, TARGETS, strict=True):
            self._show(pattern)
            self.simulation.advance(self.params.example_ms)
            self.rows["outputs"].append([phase, pattern, target, float(self._output().mean())])
        rates = self.simulation.recording().rates
        rates = rates[rates["time_ms"] > begin_ms + self.bin_ms / 2]
        for time_ms, population, event_hz, burst_hz in zip(
            rates["time_ms"] - begin_ms,
            rates["population"],
            rates["event_rate_hz"],
            rates["burst_rate_hz"],
            strict=True,
        ):
            # bins are named by their end
            pattern = PATTERNS[int((time_ms - self.bin_ms / 2) // self.params.example_ms)]
            self.rows["tests"].append([phase, round(time_ms, 6), pattern, population, event_hz, burst_hz])

    def _learn(self, epoch: int) -> None:
        """Show each pattern, without plasticity, and teach what was wrong."""
        simulation, params = self.simulation, self.params
        begin_ms = simulation.time_ms
        for pattern, target in zip(PATTERNS, TARGETS, strict=True):
            self._show(pattern)
            simulation.advance(self.prediction_ms)
            rates = self._output()
            output_hz = float(rates.mean())
            current = teaching_current(rates, target, params)
            simulation.set_current("output", "dendrite", current)
            simulation.set_plasticity(True)
            simulation.advance(self.teaching_ms)
            simulation.set_plasticity(False)
            simulation.set_current("output", "dendrite", np.zeros(params.n))
            self.rows["examples"].append(
                [epoch, pattern, target, output_hz, cost(output_hz, target, params), float(current.mean())]
            )
        if epoch % RATES_EPOCHS == 0 or epoch == 1:
            self._rates(epoch, begin_ms)
            self._weights(epoch)

    def _show(self, pattern: str) -> None:
        for name, bit in zip(("input1", "input2"), pattern.split(), strict=True):
            current = self.params.input_high_pa if bit == "1" else self.params.input_low_pa
            self.simulation.set_current(name, "soma", current)

    def _output(self) -> np.ndarray:
        return self.simulation.averages(READ_OUT)["event_rate_hz"].to_numpy()

    def _rates(self, epoch: int, begin_ms: float) -> None:
        """Keep the rates of every population in the prediction part of each example, and its bursts while it
        is taught."""
        rates = self.simulation.recording().rates
        rates = rates[rates["time_ms"] > begin_ms + self.bin_ms / 2]
        bins = round(self.params.example_ms / self.bin_ms)
        predicting = round(self.prediction_ms / self.bin_ms)
        shape = (len(PATTERNS), bins, len(POPULATIONS))
        events = rates["event_rate_hz"].to_numpy().reshape(shape)
        bursts = rates["burst_rate_hz"].to_numpy().reshape(shape)
        # the first half of the prediction still shows the change of pattern
        settled = slice(predicting // 2, predicting)
        for k, pattern in enumerate(PATTERNS):
            for j, population in enumerate(POPULATIONS):
                self.rows["rates"].append(
                    [
                        epoch,
                        pattern,
                        population,
                        float(events[k, settled, j].mean()),
                        float(bursts[k, settled, j].mean()),
                        float(bursts[k, predicting:, j].mean()),
                    ]
                )

    def _weights(self, epoch: int) -> None:
        for source, target in FEEDFORWARD:
            name = f"{source}->{target}.soma_exc"
            w = self.simulation.weights(name).astype(np.float64)
            self.rows["weights"].append(
                [epoch, name, *(float(x) for x in (w.mean(), w.std(), w.min(), w.max()))]
            )
