"""The XOR task with one rate unit per neuron in place of the spiking circuit: the same protocol and frames.

Rates of all neurons follow in closed form from their drawn synapses (`burstprop.ensemble.units`), averages
and weights go on as the protocol says (`burstprop.ensemble.learning`), with the noise that counting few
spikes gives. A realization takes seconds where the spiking circuit takes minutes.

At the change of a pattern events settle in 0.2 s of 8; here they have settled at once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from burstprop.ensemble.burst_poisson import BurstPoissonCurves, fit_burst_poisson
from burstprop.ensemble.isolated import Kind
from burstprop.ensemble.learning import Learner
from burstprop.ensemble.units import Rates, Units

from .circuit import FEEDFORWARD, PATTERNS, POPULATIONS, TARGETS, Params, build
from .protocol import FRAMES, RATES_EPOCHS, cost, teaching_current


def curves(params: Params, *, cache: bool = True, told: Any = None) -> BurstPoissonCurves:
    """Return the closed forms of the neurons, measured with the backgrounds of the learning layers."""
    circuit = build(params)
    kinds = [Kind.of(circuit, name) for name in ("hidden1", "output")]
    return fit_burst_poisson(kinds, cache=cache, told=told)[0]


class RateRealization:
    """Rate units of the circuit and how far the protocol is; see `protocol.Realization`."""

    def __init__(
        self,
        params: Params,
        seed: int,
        realization: int,
        closed_forms: BurstPoissonCurves | None = None,
        *,
        noise: bool = True,
        common: bool = True,
    ) -> None:
        """Draw the synapses; ``noise`` and ``common`` are those of `Learner` and `Units`."""
        self.params, self.realization = params, realization
        circuit = build(params, seed=seed, realization=realization)
        stream = 1000 * seed + realization
        self.units = Units(circuit, closed_forms or curves(params), seed=stream, common=common)
        self.learner = Learner(self.units, seed=stream, noise=noise)
        self.teaching_ms = params.teaching_share * params.example_ms
        self.prediction_ms = params.example_ms - self.teaching_ms
        self.last: dict[str, Rates] = {}
        self.rows: dict[str, list[list[Any]]] = {name: [] for name in FRAMES}
        self.epoch = 0

    def settle(self) -> None:
        """Settle without input current, then show the four patterns without plasticity."""
        self.learner.wait(self.units.rates(), self.params.settle_averages * self.params.tau_avg_ms)
        self._weights(0)
        self.test("before")

    def predict(self, pattern: str) -> Rates:
        """Return the rates of a pattern with the present weights."""
        self.last[pattern] = self.units.rates(soma_pa=self.input_pa(pattern), start=self.last.get(pattern))
        return self.last[pattern]

    def input_pa(self, pattern: str) -> dict[str, float]:
        """Return the somatic current of either input."""
        params = self.params
        return {
            name: params.input_high_pa if bit == "1" else params.input_low_pa
            for name, bit in zip(("input1", "input2"), pattern.split(), strict=True)
        }

    def learn(self) -> None:
        """Show each pattern, and teach what was wrong."""
        self.epoch += 1
        kept = self.epoch % RATES_EPOCHS == 0 or self.epoch == 1
        for pattern, target in zip(PATTERNS, TARGETS, strict=True):
            rates = self.predict(pattern)
            self.learner.wait(rates, self.prediction_ms)
            output = self.learner.averages["output"].events
            current = teaching_current(output, target, self.params)
            taught = self.units.taught(rates, {"output": current})
            output_hz = float(output.mean())
            self.rows["examples"].append(
                [
                    self.epoch,
                    pattern,
                    target,
                    output_hz,
                    cost(output_hz, target, self.params),
                    float(current.mean()),
                ]
            )
            if kept:
                for name in POPULATIONS:
                    mean = [
                        float(r.mean()) for r in (rates.events[name], rates.bursts(name), taught.bursts(name))
                    ]
                    self.rows["rates"].append([self.epoch, pattern, name, *mean])
            self.learner.learn(taught, self.teaching_ms)
        if kept:
            self._weights(self.epoch)

    def test(self, phase: str) -> None:
        """Show the four patterns without plasticity."""
        for k, (pattern, target) in enumerate(zip(PATTERNS, TARGETS, strict=True)):
            rates = self.predict(pattern)
            self.learner.wait(rates, self.params.example_ms)
            output_hz = float(self.learner.averages["output"].events.mean())
            self.rows["outputs"].append([phase, pattern, target, output_hz])
            for name in POPULATIONS:
                self.rows["tests"].append(
                    [
                        phase,
                        (k + 1) * self.params.example_ms,
                        pattern,
                        name,
                        float(rates.events[name].mean()),
                        float(rates.bursts(name).mean()),
                    ]
                )

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return what was measured, as `protocol.Realization.frames`."""
        out = {}
        for name, columns in FRAMES.items():
            out[name] = pd.DataFrame(self.rows[name], columns=list(columns))
            out[name].insert(0, "realization", self.realization)
        return out

    def _weights(self, epoch: int) -> None:
        for source, target in FEEDFORWARD:
            name = f"{source}->{target}.soma_exc"
            w = self.units.synapses[name].weight
            row = [float(np.mean(w)), float(np.std(w)), float(np.min(w)), float(np.max(w))]
            self.rows["weights"].append([epoch, name, *row])


def one_of_rates(
    params: Params,
    seed: int,
    realization: int,
    progress: Callable[[float], None],
    folder: Path | None = None,
) -> dict[str, pd.DataFrame]:
    """Run one realization of rate units and return the frames of `protocol.one`."""
    del folder  # seconds: nothing to keep in between
    run = RateRealization(params, seed, realization)
    run.settle()
    for k in range(params.epochs):
        run.learn()
        progress((k + 1) / params.epochs)
    run.test("after")
    return run.frames()
