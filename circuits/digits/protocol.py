"""One realization: see an image, be taught, see the next; then be tested. Kept so that it can go on.

An example lasts 600 ms and nothing is reset between examples. For 200 ms the circuit sees the image; each
time it is moved by a part of a pixel that is drawn, up to ``moved_pixels`` (a test image never is). Then a
current into the dendrites of each class's neurons tells what their event rate lacks (`teacher`), and the
synapses learn for 200 ms; the current is set anew, and they learn for another 200 ms. In the test there is no
teacher and no plasticity; the feedback stays. The class whose neurons had most events so far, the first 60 ms
left out, is the answer.
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

from .circuit import build, image_current, plastic, start_weights
from .feedback import feedback_weights
from .images import Images, learned_and_tested, moved, order_of
from .learning_curve import CURVES, LearningCurve
from .params import CLASSES, Params
from .raster import raster
from .teacher import lacking_hz

SETTLE_MS = 1000.0
SHOWN = 16
"""Hidden neurons whose input weights are kept."""
UNMOVED = np.zeros(2)
FRAMES: dict[str, tuple[str, ...]] = {
    **CURVES,
    "answers": ("image", "label", "reading_ms", "answer"),
}


def one(
    params: Params, seed: int, realization: int, progress: Callable[[float], None], folder: Path | None
) -> dict[str, pd.DataFrame]:
    """Run one realization, going on from the checkpoint in ``folder`` where there is one.

    Returns
    -------
    dict of DataFrame
        ``learning``: for each stretch of examples the error of the untaught first part (percent), event rates
        (Hz) of the image's class, of the others and of the last hidden layer, burst probability of that
        layer, and what the teacher does there: ``burst_prob_change``, its change for one SD of what the
        feedback should say, and ``signal_correlation``, the correlation of one neuron's surplus of bursts in
        one example with it; and ``alignment``, the correlation of the output's weights with the feedback,
        class by class. ``layers``: rates and signal of every hidden layer, numbered from the input on; what
        layered feedback should say to a layer is what it should say to the layer above, through the feedback
        weights between them. ``answers``: the answer to every test image after every reading. ``weights``:
        input weights of some hidden neurons before and after. ``response``: event rate of the neurons of the
        first hidden layer for each class in the test. ``raster``: spikes of the first realization for one
        image, untaught and taught (`raster.raster`).
    """
    return Realization(params, seed, realization).carry_out(progress, folder)


class Realization(KeptRealization):
    """A simulation, how far its protocol is, and what was measured.

    A unit is one image: settling and `learn` of each training image in a drawn order, then `test`.
    """

    def __init__(self, params: Params, seed: int, realization: int) -> None:
        """Build the circuit and read the images; nothing runs yet."""
        self.params, self.realization = params, realization
        learned, tested = learned_and_tested(params.dataset, params.split, params.side, realization - 1)
        self.learned, self.tested = learned.first(params.learned), tested.first(params.tested)
        self.simulation = Simulation(
            build(params, seed=seed, realization=realization),
            seed=seed,
            realization=realization,
            record=Record(spikes=False, rates_bin_ms=None),
        )
        self.examples = round(params.epochs * len(self.learned))
        self.total = self.examples + len(self.tested)
        self.order = order_of(self.learned, self.examples, np.random.default_rng([seed, realization, 3]))
        self.shifts = np.random.default_rng([seed, realization, 4]).uniform(
            -params.moved_pixels, params.moved_pixels, (self.examples, 2)
        )
        self.start = start_weights(params, seed, realization)
        self.forward = plastic(params)
        self.curve = LearningCurve(
            self.simulation, params, feedback_weights(params, seed, realization), self.examples
        )
        self.rows: dict[str, list[list[Any]]] = {name: [] for name in FRAMES}
        self.response = np.zeros((CLASSES, params.hidden))
        self.shown = np.zeros(CLASSES)

    def next(self) -> None:
        """Learn or test the next image."""
        if self.done == 0:
            self._settle()
        if self.done < self.examples:
            self._learn(int(self.order[self.done]), self.shifts[self.done])
        else:
            self._test(self.done - self.examples)
        self.done += 1
        for name, rows in self.curve.rows(self.done).items():
            self.rows[name] += rows

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return what was measured; see `one`."""
        found = {name: pd.DataFrame(self.rows[name], columns=list(FRAMES[name])) for name in FRAMES}
        lower = self.forward[0]
        now = self.simulation.weights(lower).astype(np.float64).reshape(self.start[lower].shape)
        kept = range(min(SHOWN, self.params.hidden))
        found["weights"] = pd.DataFrame(
            [
                [when, neuron, pixel, weight - self.params.inhibition]
                for when, matrix in (("before", self.start[lower]), ("after", now))
                for neuron in kept
                for pixel, weight in enumerate(self._by_pixel(matrix)[:, neuron])
            ],
            columns=["when", "neuron", "pixel", "signed_weight"],
        )
        rates = self.response / np.maximum(self.shown, 1)[:, None] / (self.params.reading_ms / 1000.0)
        label, neuron = np.indices(rates.shape)
        found["response"] = pd.DataFrame(
            {"label": label.ravel(), "neuron": neuron.ravel(), "event_rate_hz": rates.ravel()}
        )
        shown = self._raster(found["answers"])
        found["raster"] = shown if self.realization == 1 else shown.iloc[:0]
        return found

    def more_to_keep(self) -> dict[str, Any]:
        """Return what was measured and is not in rows yet."""
        return {
            "stretch": self.curve.stretch,
            "response": self.response.tolist(),
            "shown": self.shown.tolist(),
        }

    def take_back(self, kept: Mapping[str, Any]) -> None:
        """Take over what `more_to_keep` returned."""
        self.curve.stretch = kept["stretch"]
        self.response, self.shown = np.array(kept["response"]), np.array(kept["shown"])

    def _settle(self) -> None:
        simulation, params = self.simulation, self.params
        for name, weights in self.start.items():
            simulation.set_weights(name, weights)
        simulation.advance(SETTLE_MS)
        duration = max(1, self.examples) * (params.first_ms + 2.0 * params.part_ms)
        for name in self.start:
            eta = params.final_eta * simulation.learning_rate(name)
            simulation.set_eta(name, eta, over_ms=duration)

    def _learn(self, image: int, shift: NDArray[np.float64] = UNMOVED) -> None:
        simulation, params = self.simulation, self.params
        label = int(self.learned.labels[image])
        self.show(self.learned, image, shift)
        first = self._read_first_part()
        lacking = self._lacking(first, label)
        self.curve.begin()
        simulation.set_plasticity(True)
        if params.two_phases:
            self._average(False)
        self._teach(lacking)
        second = self._read(params.part_ms)
        self._teach(self._lacking(second, label))
        simulation.advance(params.part_ms)
        simulation.set_plasticity(False)
        self._average(True)
        self._teach(np.zeros(CLASSES))
        self.curve.note(label, first, lacking)

    def _test(self, image: int) -> None:
        simulation, params = self.simulation, self.params
        label = int(self.tested.labels[image])
        before = simulation.counts("hidden", "events")
        self.show(self.tested, image)
        shown_ms, total = params.first_ms, self._read_first_part() * (params.first_ms - params.skip_ms)
        while shown_ms < params.reading_ms - 1e-9:
            total += self._read(params.part_ms) * params.part_ms
            shown_ms += params.part_ms
            self.rows["answers"].append([image, label, shown_ms, int(total.argmax())])
        self.response[label] += simulation.counts("hidden", "events") - before
        self.shown[label] += 1

    def _raster(self, answers: pd.DataFrame) -> pd.DataFrame:
        """Show the first test image whose last answer is wrong (without one, the first) once more."""
        last = answers[answers["reading_ms"] == self.params.reading_ms]
        wrong = last.loc[last["answer"] != last["label"], "image"]
        image = int(wrong.iloc[0]) if len(wrong) else 0
        label = int(self.tested.labels[image])
        return raster(
            self.simulation,
            (self.params.first_ms, self.params.part_ms, self.params.part_ms),
            lambda: self.show(self.tested, image),
            lambda events: self._teach(self._lacking(self._by_class(events), label)),
        ).assign(image=image, label=label)

    def _lacking(self, rates_hz: NDArray[np.float64], label: int) -> NDArray[np.float64]:
        params = self.params
        return lacking_hz(
            params.teacher,
            rates_hz,
            label,
            target_hz=params.target_hz,
            other_hz=params.other_hz,
            softness_hz=params.softness_hz,
        )

    def show(self, images: Images, image: int, shift: NDArray[np.float64] = UNMOVED) -> None:
        """Set the currents of an image, moved by ``shift`` (pixels down, right), into the input somata."""
        grey = moved(images.grey[image], shift)
        self.simulation.set_current("input", "soma", image_current(self.params, grey))

    def _teach(self, missing_hz: NDArray[np.float64]) -> None:
        largest = self.params.teaching_pa
        current = np.clip(self.params.teaching_gain * missing_hz, -largest, largest)
        self.simulation.set_current("output", "dendrite", np.repeat(current, self.params.per_class))

    def _read_first_part(self) -> NDArray[np.float64]:
        """Run the first part of an image; return the event rate of every class after its beginning."""
        self.simulation.advance(self.params.skip_ms)
        return self._read(self.params.first_ms - self.params.skip_ms)

    def _read(self, duration_ms: float) -> NDArray[np.float64]:
        """Run on; return the event rate (Hz) of every class meanwhile, shape (classes,)."""
        before = self.simulation.counts("output", "events")
        self.simulation.advance(duration_ms)
        events = self.simulation.counts("output", "events") - before
        return self._by_class(events / (duration_ms / 1000.0))

    @staticmethod
    def _by_class(of_neurons: NDArray[np.float64]) -> NDArray[np.float64]:
        return of_neurons.reshape(CLASSES, -1).mean(axis=1)

    def _average(self, on: bool) -> None:
        """Let the averages of all hidden neurons go on, or hold them."""
        for name in self.forward[:-1]:
            self.simulation.set_averaging(on, name)

    def _by_pixel(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return matrix.reshape(self.params.pixels, self.params.per_pixel, -1).mean(axis=1)
