"""The published time-continuous ensemble model: events and bursts of ensembles in time, no phases but by the
teacher.

Two layers of ensembles above an image. Potentials follow their input, events are a function of them, and
feedback sets the burst probability of the hidden layer (all couplings see the state of the step before)::

    tau_z dz1/dt = -z1 + W1 e0 + n1,  e1 = exp(z1)        tau_u du/dt = -u + beta Y b2,  p1 = sigmoid(u)
    tau_z dz2/dt = -z2 + W2 e1 + n2,  e2 = softmax(z2)    p2 = 1/2, taught 1/2 + 1/2 tanh((t - <e2>)/<e2>)
    tau_avg d<e>/dt = e - <e>, the same for b = p e;      pbar = <b>/<e>

While it is taught, every weight changes by ``dt/tau_w [(p - pbar) e e_pre - lambda (1 - e_max/e)_+ e_pre]``
(the second term in the hidden layer only). Images follow each other without a reset.

With averages that have settled and a teacher near the output, the change of W2 is (t - e2)/2 e1, half of
minus the gradient of the cross-entropy, and that of W1 is ((Y (b2' - b2))/4) e1 e0: minus the gradient where
Y is W2 transposed (an exponential unit's slope is its rate). So it is the reduced rule with the difference of
two phases replaced by the difference from a moving average, which is what the spiking circuit has: pbar is
Bbar/Ebar there.

Source: Payeur et al. (2021), Extended Data Fig. 4, https://doi.org/10.1038/s41593-021-00857-x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from burstprop.parameters import quantity, validate

TINY = 1e-8


@dataclass(frozen=True)
class Continuous:
    """Numbers of the model, as published; times are in units of their own."""

    hidden: int = quantity(200, "1", "ensembles of the hidden layer", low=1)
    dt: float = quantity(0.1, "1", "time step", low=0, open_low=True)
    tau_z: float = quantity(0.1, "1", "of potentials", low=0, open_low=True)
    tau_u: float = quantity(0.1, "1", "of dendrites", low=0, open_low=True)
    tau_avg: float = quantity(5.0, "1", "of moving averages", low=0, open_low=True)
    prediction: float = quantity(5.0, "1", "time of an image before it is taught", low=0, open_low=True)
    teaching: float = quantity(0.5, "1", "time of its teacher", low=0, open_low=True)
    tau_w: float = quantity(100.0, "1", "of learning", low=0, open_low=True)
    beta: float = quantity(1.0, "1", "strength of feedback", low=0)
    decay: float = quantity(0.05, "1", "lambda: what too high a rate costs", low=0)
    e_max: float = quantity(5.0, "1", "rate that is not too high yet", low=0, open_low=True)
    feedback: float = quantity(0.1, "1", "scale of Y over that of W2", low=0)

    def __post_init__(self) -> None:
        """Check the numbers."""
        validate(self)


class Network:
    """Weights and state; `show` lets an image act, `answer` tells what it would say without learning."""

    def __init__(self, inputs: int, classes: int, params: Continuous, seed: int = 1) -> None:
        """Draw the weights: normal, variance 2/(inputs + outputs)."""
        rng = np.random.default_rng(seed)
        self.params, n = params, params.hidden

        def draw(outputs: int, sources: int) -> np.ndarray:
            return rng.normal(0.0, np.sqrt(2.0 / (outputs + sources)), (outputs, sources))

        self.w1, self.w2 = draw(n, inputs), draw(classes, n)
        self.y = params.feedback * draw(classes, n).T
        self.n1, self.n2 = np.zeros(n), np.zeros(classes)
        self.z1, self.z2, self.u = np.zeros(n), np.zeros(classes), np.zeros(n)
        self.b2 = np.full(classes, 0.5 / classes)
        self.average = [np.ones(n), 0.5 * np.ones(n)], [2 * self.b2, self.b2.copy()]

    def show(self, image: np.ndarray, target: np.ndarray) -> None:
        """Show an image, shape (inputs,), values 0 to 1, and teach its target (one-hot), shape (classes,)."""
        p, drive = self.params, self.w1 @ image + self.n1
        for _ in range(round(p.prediction / p.dt)):
            self._step(drive, None)
        for _ in range(round(p.teaching / p.dt)):
            self._learn(image, *self._step(drive, target))
            drive = self.w1 @ image + self.n1

    def answer(self, images: np.ndarray) -> np.ndarray:
        """Return the most active class of each image, shape (images,), once all potentials have settled."""
        return np.argmax(np.exp(images @ self.w1.T + self.n1) @ self.w2.T + self.n2, axis=1)

    def _step(
        self, drive: np.ndarray, target: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Advance by dt; return e and p of both layers."""
        p = self.params
        e1_before = np.exp(self.z1)
        self.z1 = self.z1 + p.dt / p.tau_z * (drive - self.z1)
        self.z2 = self.z2 + p.dt / p.tau_z * (self.w2 @ e1_before + self.n2 - self.z2)
        self.u = self.u + p.dt / p.tau_u * (p.beta * (self.y @ self.b2) - self.u)
        e1, e2 = np.exp(self.z1), softmax(self.z2)
        p1, p2 = 1.0 / (1.0 + np.exp(-self.u)), np.full(len(e2), 0.5)
        if target is not None:
            mean = self.average[1][0]
            p2 = 0.5 + 0.5 * np.tanh((target - mean) / (mean + TINY))
        self.b2 = p2 * e2
        for own, e, b in zip(self.average, (e1, e2), (p1 * e1, self.b2), strict=True):
            own[0] += p.dt / p.tau_avg * (e - own[0])
            own[1] += p.dt / p.tau_avg * (b - own[1])
        return e1, p1, e2, p2

    def _learn(
        self, image: np.ndarray, e1: np.ndarray, p1: np.ndarray, e2: np.ndarray, p2: np.ndarray
    ) -> None:
        p, rate = self.params, self.params.dt / self.params.tau_w
        hidden, output = ((own[1] / (own[0] + TINY)) for own in self.average)
        too_high = np.maximum(1.0 - p.e_max / e1, 0.0)
        asked1 = rate * ((p1 - hidden) * e1 - p.decay * too_high)
        asked2 = rate * (p2 - output) * e2
        self.w1 += np.outer(asked1, image)
        self.w2 += np.outer(asked2, e1)
        self.n1 += asked1
        self.n2 += asked2


def softmax(z: np.ndarray) -> np.ndarray:
    """Return the softmax of potentials."""
    e = np.exp(z - z.max())
    return e / e.sum()
