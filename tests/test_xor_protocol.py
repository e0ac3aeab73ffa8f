"""The protocol of the XOR circuit: how long each stretch of it is, and what the circuit runs under in it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from burstprop import Simulation
from burstprop.circuits.xor import experiment as xor
from burstprop.circuits.xor import protocol

INPUTS_PA = ((-350.0, -350.0), (150.0, -350.0), (-350.0, 150.0), (150.0, 150.0))
"""Of the patterns 00, 10, 01, 11, in this order."""
TARGETS = (0, 1, 1, 0)
POPULATIONS = ("input1", "input2", "hidden1", "hidden2", "output")
EPOCHS = 2


class Stretch(NamedTuple):
    """A stretch of time simulated in one piece, and what it ran under."""

    duration_ms: float
    inputs_pa: tuple[float, float]
    plastic: bool
    teaching_pa: np.ndarray


class Watched:
    """Stands in for a `Simulation`: runs nothing, and writes down what it was told to run, under what."""

    def __init__(self, circuit, *, seed, realization, record):
        self.bin_ms = record.rates_bin_ms
        self.plastic = circuit.plastic
        self.currents = {}
        self.time_ms = self.forgotten_ms = 0.0
        self.stretches = []

    def advance(self, duration_ms):
        inputs = tuple(self.currents.get((name, "soma"), 0.0) for name in ("input1", "input2"))
        teaching = np.array(self.currents.get(("output", "dendrite"), np.zeros(500)))
        self.stretches.append(Stretch(duration_ms, inputs, self.plastic, teaching))
        self.time_ms += duration_ms

    def set_current(self, population, compartment, current_pa):
        self.currents[population, compartment] = current_pa

    def set_plasticity(self, on):
        self.plastic = on

    def averages(self, projection):
        assert projection in ("hidden1->output.soma_exc", "hidden2->output.soma_exc")
        return pd.DataFrame({"event_rate_hz": output_rates(len(self.stretches))})

    def weights(self, projection):
        return np.ones(3, np.float32)

    def recording(self):
        """Return rates that tell the bin, named by its end, and the population."""
        ends = np.arange(round(self.forgotten_ms / self.bin_ms), round(self.time_ms / self.bin_ms)) + 1.0
        rows = [
            {"time_ms": end * self.bin_ms, "population": name, "event_rate_hz": end, "burst_rate_hz": end + j}
            for end in ends
            for j, name in enumerate(POPULATIONS)
        ]
        return SimpleNamespace(rates=pd.DataFrame(rows))

    def forget_recording(self):
        self.forgotten_ms = self.time_ms


def output_rates(stretches):
    """Return the averaged event rates of the output neurons after so many stretches: no two are alike."""
    return np.repeat([4.0 + 0.05 * stretches, 12.0], 250)


@pytest.fixture
def watched(monkeypatch):
    """Return a realization of two epochs of the published protocol, all of it told to a stand-in."""
    monkeypatch.setattr(protocol, "Simulation", Watched)
    run = protocol.Realization(replace(xor.Params(), epochs=EPOCHS), 1, 1)
    done = []
    for unit in run.units():
        done.append(unit)
        assert run.simulation.forgotten_ms == run.simulation.time_ms, "a long run forgets what it recorded"
    assert done == list(range(1, EPOCHS + 3))
    return run


def test_published_protocol_stretch_by_stretch(watched):
    stretches = watched.simulation.stretches
    shown = [(INPUTS_PA[k], TARGETS[k]) for k in range(4)]
    expected = [Stretch(6000.0, (0.0, 0.0), False, np.zeros(500))]
    expected += [Stretch(8000.0, inputs, False, np.zeros(500)) for inputs, _ in shown]
    for inputs, target in EPOCHS * shown:
        expected.append(Stretch(7200.0, inputs, False, np.zeros(500)))
        # what counts is the average of each neuron by itself, when the prediction ends
        between, high = output_rates(len(expected))[[0, -1]]
        assert 3 < between < 9 < high
        teaching = (1000 / (between - 2), 0.0) if target else (-1000 / (10 - between), -1000.0)
        expected.append(Stretch(800.0, inputs, True, np.repeat(teaching, 250)))
    expected += [Stretch(8000.0, inputs, False, np.zeros(500)) for inputs, _ in shown]
    assert [s[:3] for s in stretches] == [s[:3] for s in expected]
    for k, (stretch, wanted) in enumerate(zip(stretches, expected, strict=True)):
        np.testing.assert_allclose(stretch.teaching_pa, wanted.teaching_pa, rtol=1e-12, err_msg=f"{k}")
    taught = [s.teaching_pa for s in stretches if s.plastic]
    assert [np.sign(current.mean()) for current in taught] == [-1, 1, 1, -1] * EPOCHS


def test_outputs_and_costs_are_read_where_the_prediction_ends(watched):
    frames = watched.frames()
    examples = frames["examples"]
    # settling and four patterns before; then every other stretch is a prediction
    ends = [6 + 2 * k for k in range(4 * EPOCHS)]
    np.testing.assert_allclose(examples["output_hz"], [output_rates(k).mean() for k in ends])
    np.testing.assert_allclose(
        examples["teaching_pa"],
        [s.teaching_pa.mean() for s in watched.simulation.stretches if s.plastic],
    )
    y = (examples["output_hz"] - 2) / 8
    np.testing.assert_allclose(examples["cost"], -np.log(np.where(examples["target"] == 1, y, 1 - y)))
    outputs = frames["outputs"]
    assert outputs["phase"].tolist() == 4 * ["before"] + 4 * ["after"]
    ends = [2, 3, 4, 5, *(6 + 8 * EPOCHS + k for k in range(4))]
    np.testing.assert_allclose(outputs["output_hz"], [output_rates(k).mean() for k in ends])


def test_rates_are_those_of_the_prediction_and_bursts_also_of_the_teaching(watched):
    assert watched.bin_ms == 400.0
    rates = watched.frames()["rates"]
    assert rates["epoch"].unique().tolist() == [1]
    assert rates["population"].tolist() == 4 * list(POPULATIONS)
    # 6 s of settling and 32 s of test are 95 bins; an example is 18 of prediction, of which the first half
    # is left out, and 2 of teaching
    first = 95 + np.repeat(20 * np.arange(4), 5)
    j = np.tile(np.arange(5), 4)
    np.testing.assert_allclose(rates["event_rate_hz"], first + np.arange(10, 19).mean())
    np.testing.assert_allclose(rates["burst_rate_hz"], first + np.arange(10, 19).mean() + j)
    np.testing.assert_allclose(rates["teaching_burst_rate_hz"], first + 19.5 + j)


def test_weights_move_while_it_is_taught_and_at_no_other_time(monkeypatch):
    moved = []

    class Weighed(Simulation):
        def advance(self, duration_ms):
            names = [p.name for p in self.circuit.projections]
            before = [self.weights(name) for name in names]
            super().advance(duration_ms)
            changed = {
                name for name, old in zip(names, before, strict=True) if (self.weights(name) != old).any()
            }
            moved.append((duration_ms, changed))

    monkeypatch.setattr(protocol, "Simulation", Weighed)
    tiny = xor.Params(n=64, in_degree=32.0, tau_avg_ms=200.0, example_ms=400.0, teaching_share=0.25, epochs=2)
    run = protocol.Realization(tiny, 1, 1)
    list(run.units())
    plastic = {p.name for p in run.simulation.circuit.projections if p.rule is not None}
    tests = 4 * [(400.0, set())]
    learned = 8 * [(300.0, set()), (100.0, plastic)]
    assert moved == [(600.0, set()), *tests, *learned, *tests]
