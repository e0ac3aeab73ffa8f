"""How a circuit answers before it is taught, and what teaching tells its hidden layers, as learning goes on.

A hidden neuron should burst more where its feedback asks for more. What is asked in one example follows from
the rates that the classes lack and the feedback weights; what comes is the surplus of bursts over those that
the neuron expects of its events. `LearningCurve` keeps the means of every example, and turns them into one
row each time that another twelfth of the examples is learned.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burstprop.simulation import Simulation

from .circuit import plastic
from .feedback import LEARNED, sources
from .params import CLASSES, Params

POINTS = 12
"""Points of a curve."""
SIGNAL = ("burst_prob_change", "signal_correlation")
CURVES: dict[str, tuple[str, ...]] = {
    "learning": (
        "examples",
        "error_percent",
        "class_hz",
        "other_hz",
        "hidden_hz",
        "hidden_burst_prob",
        *SIGNAL,
        "alignment",
    ),
    "layers": ("examples", "layer", "event_rate_hz", "burst_prob", *SIGNAL),
}
"""Columns of the frames; `protocol.one` says what they are."""


class LearningCurve:
    """What was measured since the last point.

    Parameters
    ----------
    simulation : Simulation
        Its counts, averages and weights are read.
    params : Params
        Its parameters.
    feedback : list of arrays
        The feedback weights at the start (`burstprop.circuits.digits.feedback.feedback_weights`).
    examples : int
        How many are learned in all.
    """

    def __init__(
        self, simulation: Simulation, params: Params, feedback: list[NDArray[np.float64]], examples: int
    ) -> None:
        """Begin with the first example."""
        self.simulation, self.params, self.examples = simulation, params, examples
        self.sources, self.forward = sources(params), plastic(params)
        self.feedback = [
            self._of_class(rows) if source == "output" else rows
            for source, rows in zip(self.sources, feedback, strict=True)
        ]
        self.stretch: list[list[list[float]]] = []

    def begin(self) -> None:
        """Remember counts and burst probabilities: teaching begins."""
        self._before = [self._counts(layer) for layer in self.params.hidden_layers]
        self._expected = [self._burst_prob(name) for name in self.forward[:-1]]

    def note(self, label: int, output_hz: NDArray[np.float64], lacking_hz: NDArray[np.float64]) -> None:
        """Keep the means of one example: a row of numbers for the output, and one for each hidden layer.

        Parameters
        ----------
        label : int
            The class of the image.
        output_hz, lacking_hz : array of shape (classes,)
            Event rates before teaching, and what they lack.
        """
        others = np.delete(output_hz, label)
        rows = [[float(int(output_hz.argmax()) != label), float(output_hz[label]), float(others.mean())]]
        parts = zip(
            self.params.hidden_layers, self._before, self._expected, self.wanted(lacking_hz), strict=True
        )
        for layer, before, expected, f in parts:
            events, bursts = self._counts(layer) - before
            s = bursts - expected * events
            rows.append(np.array([events, bursts, s, f, s * f, s**2, f**2]).mean(axis=1).tolist())
        self.stretch.append(rows)

    def rows(self, done: int) -> dict[str, list[list[float]]]:
        """Return rows of the frames where ``done`` examples make a point, and begin the next stretch."""
        if not self.stretch or (done < self.examples and self._point(done) == self._point(done - 1)):
            return {}
        output, *hidden = (np.mean(rows, axis=0) for rows in zip(*self.stretch, strict=True))
        self.stretch = []
        signals = [self._signal(means) for means in hidden]
        wrong, own, other = output
        return {
            "learning": [[done, 100.0 * wrong, own, other, *signals[-1], self.alignment()]],
            "layers": [[done, layer, *signal] for layer, signal in enumerate(signals, start=1)],
        }

    def wanted(self, lacking_hz: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return what the feedback should say to each hidden layer, from the first on, shape (hidden,)."""
        found: list[NDArray[np.float64]] = []
        above = lacking_hz
        for source, weights in zip(self.sources[::-1], self._feedback_now()[::-1], strict=True):
            above = (lacking_hz if source == "output" else above) @ weights
            found.insert(0, above)
        return found

    def alignment(self) -> float:
        """Return how the output's weights correlate with the feedback, both averaged over a class."""
        weights = self.simulation.weights(self.forward[-1]).astype(np.float64)
        forward = self._of_class(weights.reshape(self.params.hidden, -1).T)
        back = self._feedback_now()[-1]
        if not forward.std() or not back.std():
            return np.nan
        return float(np.corrcoef(forward.ravel(), back.ravel())[0, 1])

    def _signal(self, means: NDArray[np.float64]) -> list[float]:
        """Return event rate (Hz), burst probability, its change and the correlation of one layer."""
        events, bursts, s, f, sf, ss, ff = means
        seconds = 2.0 * self.params.part_ms / 1000.0
        spread = np.sqrt(max(ff - f * f, 0.0))
        covariance = sf - s * f
        return [
            events / seconds,
            bursts / events if events else np.nan,
            covariance / spread / events if spread and events else np.nan,
            covariance / spread / np.sqrt(ss - s * s) if spread and ss > s * s else np.nan,
        ]

    def _counts(self, layer: str) -> NDArray[np.int64]:
        """Return events and bursts of each neuron of a layer so far, shape (2, hidden)."""
        return np.array([self.simulation.counts(layer, kind) for kind in ("events", "bursts")])

    def _burst_prob(self, name: str) -> NDArray[np.float64]:
        """Return the burst probability that each target of a projection expects of itself."""
        events = self.simulation.average(name, "events").astype(np.float64)
        bursts = self.simulation.average(name, "bursts").astype(np.float64)
        return np.minimum(1.0, bursts / np.maximum(events, 1e-9))

    def _feedback_now(self) -> list[NDArray[np.float64]]:
        """Return the feedback weights as they are, those of the output averaged over a class."""
        if not self.params.learned_feedback:
            return self.feedback
        weights = self.simulation.weights(LEARNED).astype(np.float64)
        return [self._of_class(weights.reshape(-1, self.params.hidden))]

    def _of_class(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean over the output neurons of a class, from shape (neurons, n) to (classes, n)."""
        return rows.reshape(CLASSES, self.params.per_class, -1).mean(axis=1)

    def _point(self, done: int) -> int:
        return POINTS * done // max(1, self.examples)
