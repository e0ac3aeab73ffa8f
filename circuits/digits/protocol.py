"""One realization: see an image, be taught, see the next; then be tested. Kept so that it can go on.

An example lasts 600 ms and nothing is reset between examples. For 200 ms the circuit sees the image. Then a
current into the dendrites of each class's neurons tells what their event rate lacks (`teacher`), and the
synapses learn for 200 ms; the current is set anew, and they learn for another 200 ms. In the test there is no
teacher and no plasticity; the feedback stays. The class whose neurons had most events so far, the first
60 ms left out, is the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from burstprop.recording import Record
from burstprop.runs.checkpoints import Checkpoints
from burstprop.simulation import Simulation

from .circuit import CLASSES, FEEDBACK, LOWER, UPPER, Params, build, feedback_weights, start_weights
from .images import Images, learned_and_tested
from .raster import raster
from .teacher import lacking_hz

POINTS = 12
"""Points of the learning curve."""
SETTLE_MS = 1000.0
SHOWN = 16
"""Hidden neurons whose input weights are kept."""
FRAMES: dict[str, tuple[str, ...]] = {
    "learning": (
        "examples",
        "error_percent",
        "class_hz",
        "other_hz",
        "hidden_hz",
        "hidden_burst_prob",
        "burst_prob_change",
        "signal_correlation",
        "alignment",
    ),
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
        (Hz) of the image's class, of the others and of the hidden layer, burst probability of the hidden
        layer, and what the teacher does there: ``burst_prob_change``, its change for one SD of what the
        feedback should say, and ``signal_correlation``, the correlation of one neuron's surplus of bursts in
        one example with it; and ``alignment``, the correlation of the output's weights with the feedback,
        class by class. ``answers``: the answer to every test image after every reading. ``weights``:
        input weights of some hidden neurons before and after. ``response``: event rate of the hidden neurons
        for each class in the test. ``raster``: spikes of the first realization for one image, untaught and
        taught (`raster.raster`).
    """
    run = Realization(params, seed, realization)
    checkpoints = None if folder is None else Checkpoints(folder)
    if checkpoints is not None:
        run.resume(checkpoints)
    run.simulation.compile(getattr(progress, "say", lambda doing: None))
    progress(run.done / run.total)
    while run.done < run.total:
        run.next()
        progress(run.done / run.total)
        if checkpoints is not None and checkpoints.due():
            run.keep(checkpoints)
    return run.frames()


class Realization:
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
        draw = np.random.default_rng([seed, realization, 3])
        passes = -(-self.examples // max(1, len(self.learned)))
        orders = [draw.permutation(len(self.learned)) for _ in range(passes)]
        self.order = np.concatenate([*orders, np.zeros(0, np.int64)])[: self.examples]
        drawn = feedback_weights(params, seed, realization)
        self.feedback = drawn.reshape(CLASSES, params.per_class, params.hidden).mean(axis=1)
        self.start = start_weights(params, seed, realization)
        self.done = 0
        self.rows: dict[str, list[list[Any]]] = {name: [] for name in FRAMES}
        self.stretch: list[list[float]] = []
        self.response = np.zeros((CLASSES, params.hidden))
        self.shown = np.zeros(CLASSES)

    def next(self) -> None:
        """Learn or test the next image."""
        if self.done == 0:
            self._settle()
        if self.done < self.examples:
            self._learn(int(self.order[self.done]))
        else:
            self._test(self.done - self.examples)
        self.done += 1
        if self.stretch and (
            self.done == self.examples or self._point(self.done) > self._point(self.done - 1)
        ):
            self._summarise()

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return what was measured; see `one`."""
        found = {name: pd.DataFrame(self.rows[name], columns=list(FRAMES[name])) for name in FRAMES}
        now = self._lower()
        kept = range(min(SHOWN, self.params.hidden))
        found["weights"] = pd.DataFrame(
            [
                [when, neuron, pixel, weight - self.params.inhibition]
                for when, matrix in (("before", self.start[LOWER]), ("after", now))
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

    def keep(self, checkpoints: Checkpoints) -> None:
        """Make a checkpoint."""
        name = f"simulation-{self.done:06d}.npz"
        self.simulation.save(checkpoints.folder / name)
        content = {
            "done": self.done,
            "simulation": name,
            "rows": self.rows,
            "stretch": self.stretch,
            "response": self.response.tolist(),
            "shown": self.shown.tolist(),
        }
        checkpoints.keep(content, [name])

    def resume(self, checkpoints: Checkpoints) -> None:
        """Go on from the last checkpoint; without one, from the start.

        Raises
        ------
        BurstpropError
            The checkpoint cannot be read, or a file of it is lost.
        """
        content = checkpoints.whole("the realization", "simulation-*.npz")
        if content is None:
            return
        self.simulation.restore(checkpoints.folder / content["simulation"])
        self.done, self.rows, self.stretch = content["done"], content["rows"], content["stretch"]
        self.response, self.shown = np.array(content["response"]), np.array(content["shown"])

    def _settle(self) -> None:
        simulation, params = self.simulation, self.params
        for name, weights in self.start.items():
            simulation.set_weights(name, weights)
        simulation.advance(SETTLE_MS)
        duration = max(1, self.examples) * (params.first_ms + 2.0 * params.part_ms)
        for name in self.start:
            eta = params.final_eta * simulation.learning_rate(name)
            simulation.set_eta(name, eta, over_ms=duration)

    def _learn(self, image: int) -> None:
        simulation, params = self.simulation, self.params
        label = int(self.learned.labels[image])
        self._show(self.learned, image)
        first = self._read_first_part()
        events, bursts = simulation.counts("hidden", "events"), simulation.counts("hidden", "bursts")
        expected = self._burst_prob()
        simulation.set_plasticity(True)
        if params.two_phases:
            simulation.set_averaging(False, LOWER)
        self._teach(self._lacking(first, label))
        second = self._read(params.part_ms)
        self._teach(self._lacking(second, label))
        simulation.advance(params.part_ms)
        simulation.set_plasticity(False)
        simulation.set_averaging(True, LOWER)
        self._teach(np.zeros(CLASSES))
        events = simulation.counts("hidden", "events") - events
        bursts = simulation.counts("hidden", "bursts") - bursts
        self._note(label, first, self._lacking(first, label), events, bursts, expected)

    def _test(self, image: int) -> None:
        simulation, params = self.simulation, self.params
        label = int(self.tested.labels[image])
        before = simulation.counts("hidden", "events")
        self._show(self.tested, image)
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
            lambda: self._show(self.tested, image),
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

    def _show(self, images: Images, image: int) -> None:
        low, high = self.params.image_low_pa, self.params.image_high_pa
        current = low + (high - low) * images.grey[image].astype(np.float64)
        self.simulation.set_current("input", "soma", np.repeat(current, self.params.per_pixel))

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

    def _burst_prob(self) -> NDArray[np.float64]:
        """Return the burst probability that each hidden neuron expects of itself, shape (hidden,)."""
        events = self.simulation.average(LOWER, "events").astype(np.float64)
        bursts = self.simulation.average(LOWER, "bursts").astype(np.float64)
        return np.minimum(1.0, bursts / np.maximum(events, 1e-9))

    def _note(
        self,
        label: int,
        output: NDArray[np.float64],
        missing_hz: NDArray[np.float64],
        events: NDArray[np.int64],
        bursts: NDArray[np.int64],
        expected: NDArray[np.float64],
    ) -> None:
        """Keep the sums of one example that `_summarise` makes means and a correlation of."""
        wanted = missing_hz @ self._feedback()
        surplus = bursts - expected * events
        others = np.delete(output, label)
        self.stretch.append(
            [
                float(int(output.argmax()) != label),
                float(output[label]),
                float(others.mean()),
                float(events.mean()),
                float(bursts.mean()),
                *(float(x.mean()) for x in (surplus, wanted, surplus * wanted, surplus**2, wanted**2)),
            ]
        )

    def _summarise(self) -> None:
        """Turn the examples since the last point into one row of ``learning``."""
        wrong, own, other, events, bursts, s, f, sf, ss, ff = np.mean(self.stretch, axis=0)
        seconds = 2.0 * self.params.part_ms / 1000.0
        spread = np.sqrt(max(ff - f * f, 0.0))
        covariance = sf - s * f
        self.rows["learning"].append(
            [
                self.done,
                100.0 * wrong,
                own,
                other,
                events / seconds,
                bursts / events if events else np.nan,
                covariance / spread / events if spread and events else np.nan,
                covariance / spread / np.sqrt(ss - s * s) if spread and ss > s * s else np.nan,
                self._alignment(),
            ]
        )
        self.stretch = []

    def _point(self, done: int) -> int:
        return POINTS * done // max(1, self.examples)

    def _alignment(self) -> float:
        """Return how the output's weights correlate with the feedback, both averaged over a class."""
        params = self.params
        shape = (params.hidden, CLASSES, params.per_class)
        forward = self.simulation.weights(UPPER).astype(np.float64).reshape(shape).mean(axis=2)
        back = self._feedback()
        if not forward.std() or not back.std():
            return np.nan
        return float(np.corrcoef(forward.T.ravel(), back.ravel())[0, 1])

    def _feedback(self) -> NDArray[np.float64]:
        """Return the feedback weights as they are, averaged over a class, shape (classes, hidden)."""
        if not self.params.learned_feedback:
            return self.feedback
        weights = self.simulation.weights(FEEDBACK).astype(np.float64)
        return weights.reshape(CLASSES, -1, self.params.hidden).mean(axis=1)

    def _lower(self) -> NDArray[np.float64]:
        shape = self.start[LOWER].shape
        return self.simulation.weights(LOWER).astype(np.float64).reshape(shape)

    def _by_pixel(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return matrix.reshape(self.params.pixels, self.params.per_pixel, -1).mean(axis=1)
