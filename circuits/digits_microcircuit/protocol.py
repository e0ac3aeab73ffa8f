"""One realization: see an image, answer, be taught, see the next; then be tested. Kept so that it can go on.

An example lasts a second and nothing is reset between examples. The circuit sees the image for 600 ms. The
rate of the output in the last 300 ms is its answer. Then a current into all output dendrites, in proportion
to what this rate lacks of the one that is wanted, teaches for 400 ms, while the synapses learn. In the test
there is no teaching current and no plasticity, and an image is read for longer. Without teaching between the
images all rates are somewhat lower. So some learned images are shown in the same way before the test. The
rate that is as many SD above theirs for the low digit as below theirs for the high one divides the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from burstprop.recording import Record
from burstprop.simulation import Simulation
from burstprop.simulation.kept_realization import KeptRealization

from ..digits.images import Images, learned_and_tested, order_of
from .circuit import LOWER, Params, build

POINTS = 10
"""Points of the learning curve."""
SETTLE_MS = 2000.0
SMALLEST_SD = 0.03
"""Added to the SD of a group of pixels, so that one that is always black is not noise made large."""
LARGEST_CONTRAST = 2.0
"""SD of brightness beyond which an input neuron gets no more current."""
FRAMES: dict[str, tuple[str, ...]] = {
    "learning": (
        "examples",
        "error_percent",
        "low_digit_hz",
        "high_digit_hz",
        "hidden_hz",
        "hidden_burst_prob",
        "burst_prob_taught_low",
        "burst_prob_taught_high",
    ),
    "answers": ("image", "label", "wanted_high", "output_hz", "answered_high"),
}


def one(
    params: Params, seed: int, realization: int, progress: Callable[[float], None], folder: Path | None
) -> dict[str, pd.DataFrame]:
    """Run one realization, going on from the checkpoint in ``folder`` where there is one.

    Returns
    -------
    dict of DataFrame
        ``learning``: for each stretch of examples the error before teaching (percent), the output's event
        rate (Hz) for either digit, event rate and burst probability of the hidden layer before teaching, and
        how much its burst probability changes while the low or the high digit is taught. ``answers``: the
        output's rate for every test image. ``weights``: what the hidden layer prefers after learning, for
        each group of pixels the mean weight of its bright neurons less that of its dark ones, over the mean
        of all; and the difference of the two digits' contrast there. ``response``: event rate of every hidden
        neuron for either digit in the test.
    """
    return Realization(params, seed, realization).carry_out(progress, folder)


class Contrast:
    """Brightness of groups of pixels in SD from its mean over the images to learn, shape (groups,)."""

    def __init__(self, learned: Images) -> None:
        """Measure mean and SD."""
        grey = learned.grey.astype(np.float64)
        self._mean, self._sd = grey.mean(axis=0), grey.std(axis=0) + SMALLEST_SD

    def __call__(self, grey: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the contrast of an image, or of several, shape (..., groups)."""
        return np.clip((grey - self._mean) / self._sd, -LARGEST_CONTRAST, LARGEST_CONTRAST)


class Realization(KeptRealization):
    """A simulation, how far its protocol is, and what was measured.

    A unit is one image: each training image as drawn, those that calibrate the answer, the test images.
    """

    def __init__(self, params: Params, seed: int, realization: int) -> None:
        """Build the circuit and read the images; nothing runs yet."""
        self.params = params
        digits = (params.low_digit, params.high_digit)
        parts = learned_and_tested("digits", params.split, params.side, realization - 1)
        self.learned, tested = (part.select(np.isin(part.labels, digits)) for part in parts)
        self.tested = tested.first(params.tested)
        self.contrast = Contrast(self.learned)
        self.simulation = Simulation(
            build(params), seed=seed, realization=realization, record=Record(spikes=False, rates_bin_ms=None)
        )
        self.calibrating = self._some_of_both(params.calibrated)
        self.total = params.examples + len(self.calibrating) + len(self.tested)
        self.order = order_of(self.learned, params.examples, np.random.default_rng([seed, realization, 1]))
        self.rows: dict[str, list[list[Any]]] = {name: [] for name in FRAMES}
        self.stretch: list[list[float]] = []
        self.calibration: list[tuple[bool, float]] = []
        self.response = np.zeros((2, params.hidden))

    def next(self) -> None:
        """Learn or test the next image."""
        if self.done == 0:
            self.simulation.advance(SETTLE_MS)
        shown = self.done - self.params.examples
        if shown < 0:
            self._learn(int(self.order[self.done]))
        elif shown < len(self.calibrating):
            self.calibration.append(self._answer(self.learned, int(self.calibrating[shown])))
        else:
            self._test(shown - len(self.calibrating))
        self.done += 1
        if self.stretch and (
            self.done == self.params.examples or self._point(self.done) > self._point(self.done - 1)
        ):
            self._summarise()

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return what was measured; see `one`."""
        found = {name: pd.DataFrame(self.rows[name], columns=list(FRAMES[name])) for name in FRAMES}
        found["weights"] = pd.DataFrame(
            {
                "group": np.arange(self.params.side**2),
                "signed_weight": self._signed_weights(),
                "digits_differ_by": self._difference(),
            }
        )
        shown = np.maximum([(self.tested.labels == digit).sum() for digit in self._digits()], 1)
        rates = self.response / shown[:, None] / ((self.params.first_ms + self.params.test_ms) / 1000.0)
        found["response"] = pd.DataFrame(
            {
                "label": np.repeat(self._digits(), self.params.hidden),
                "neuron": np.tile(np.arange(self.params.hidden), 2),
                "event_rate_hz": rates.ravel(),
            }
        )
        return found

    def more_to_keep(self) -> dict[str, Any]:
        """Return what was measured and is not in rows yet."""
        return {
            "stretch": self.stretch,
            "calibration": self.calibration,
            "response": self.response.tolist(),
        }

    def take_back(self, kept: Mapping[str, Any]) -> None:
        """Take over what `more_to_keep` returned."""
        self.stretch = kept["stretch"]
        self.calibration = [(high, rate_hz) for high, rate_hz in kept["calibration"]]
        self.response = np.array(kept["response"])

    def _learn(self, image: int) -> None:
        simulation, params = self.simulation, self.params
        high = self._show(self.learned, image)
        simulation.advance(params.first_ms)
        before = self._read(params.reading_ms)
        self._teach((params.high_hz if high else params.low_hz) - before["output"])
        simulation.set_plasticity(True)
        taught = self._read(params.teaching_ms)
        simulation.set_plasticity(False)
        self._teach(0.0)
        self.stretch.append(
            [float(high), before["output"], before["hidden"], before["burst_prob"], taught["burst_prob"]]
        )

    def _test(self, image: int) -> None:
        events = self.simulation.counts("hidden", "events")
        high, output_hz = self._answer(self.tested, image)
        self.response[int(high)] += self.simulation.counts("hidden", "events") - events
        label = int(self.tested.labels[image])
        self.rows["answers"].append([image, label, high, output_hz, output_hz > self._boundary_hz()])

    def _answer(self, images: Images, image: int) -> tuple[bool, float]:
        """Show an image without teaching; return whether it is the high digit, and the output's rate (Hz)."""
        high = self._show(images, image)
        self.simulation.advance(self.params.first_ms)
        return high, self._read(self.params.test_ms)["output"]

    def _boundary_hz(self) -> float:
        """Return the rate that is as many SD above the low digit's calibrating rates as below the others."""
        low, high = (np.array([rate for is_high, rate in self.calibration if is_high is of]) for of in _BOTH)
        spread = low.std() + high.std()
        share = low.std() / spread if spread else 0.5
        return float(low.mean() + share * (high.mean() - low.mean()))

    def _some_of_both(self, count: int) -> NDArray[np.int64]:
        """Return the first images to learn of either digit, half of ``count`` each."""
        of_digit = [np.flatnonzero(self.learned.labels == digit)[: count // 2] for digit in self._digits()]
        return np.stack(of_digit, axis=1).ravel()

    def _show(self, images: Images, image: int) -> bool:
        """Set the input currents of an image; return whether it is the high digit."""
        contrast = self.contrast(images.grey[image])
        current = self.params.contrast_pa * np.concatenate([contrast, -contrast])
        self.simulation.set_current("input", "soma", np.repeat(current, self.params.per_group))
        return int(images.labels[image]) == self.params.high_digit

    def _teach(self, missing_hz: float) -> None:
        largest = self.params.teaching_pa
        current = float(np.clip(self.params.teaching_gain * missing_hz, -largest, largest))
        self.simulation.set_current("output", "dendrite", current)

    def _read(self, duration_ms: float) -> dict[str, float]:
        """Run on; return mean event rates (Hz) of output and hidden layer, and its burst probability."""
        simulation = self.simulation
        before = [simulation.counts(*what).sum() for what in _COUNTED]
        simulation.advance(duration_ms)
        output, hidden, bursts = (
            simulation.counts(*what).sum() - earlier for what, earlier in zip(_COUNTED, before, strict=True)
        )
        seconds = duration_ms / 1000.0
        return {
            "output": float(output / self.params.output / seconds),
            "hidden": float(hidden / self.params.hidden / seconds),
            "burst_prob": float(bursts / max(hidden, 1)),
        }

    def _summarise(self) -> None:
        """Turn the examples since the last point into one row of ``learning``."""
        high, output, hidden, before, taught = np.array(self.stretch).T
        is_high = high > 0.0
        wrong = (output > (self.params.high_hz + self.params.low_hz) / 2.0) != is_high
        self.rows["learning"].append(
            [
                self.done,
                100.0 * float(wrong.mean()),
                _mean(output[~is_high]),
                _mean(output[is_high]),
                float(hidden.mean()),
                float(before.mean()),
                _mean((taught - before)[~is_high]),
                _mean((taught - before)[is_high]),
            ]
        )
        self.stretch = []

    def _point(self, done: int) -> int:
        return POINTS * done // self.params.examples

    def _digits(self) -> tuple[int, int]:
        return self.params.low_digit, self.params.high_digit

    def _difference(self) -> NDArray[np.float64]:
        """Return the mean contrast of the high digit less that of the low one, shape (groups,)."""
        low, high = (
            self.contrast(self.learned.grey[self.learned.labels == digit]).mean(axis=0)
            for digit in self._digits()
        )
        return high - low

    def _signed_weights(self) -> NDArray[np.float64]:
        """Return the mean weight of bright less dark neurons of each group over the mean, shape (groups,)."""
        weights = self.simulation.weights(LOWER).astype(np.float64)
        group = self.simulation.synapses(LOWER)["source_id"].to_numpy() // self.params.per_group
        bright, dark = (np.bincount(group, weights) / np.bincount(group)).reshape(2, -1)
        return (bright - dark) / weights.mean()


_BOTH = (False, True)
_COUNTED = (("output", "events"), ("hidden", "events"), ("hidden", "bursts"))


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else np.nan
