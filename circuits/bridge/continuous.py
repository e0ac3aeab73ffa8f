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
from typing import NamedTuple

import numpy as np

from burstprop.jit.kernel import entry_point
from burstprop.parameters import quantity, validate

TINY = 1e-8


class Numbers(NamedTuple):
    """What the steps need of the numbers of the model."""

    dt: float
    tau_z: float
    tau_u: float
    tau_avg: float
    rate: float
    beta: float
    decay: float
    e_max: float


class State(NamedTuple):
    """What changes from step to step; hidden layer 1, output 2. ``mean``, ``mean_b``: moving averages."""

    z1: np.ndarray
    z2: np.ndarray
    u: np.ndarray
    e1: np.ndarray
    e2: np.ndarray
    p1: np.ndarray
    b2: np.ndarray
    mean1: np.ndarray
    mean_b1: np.ndarray
    mean2: np.ndarray
    mean_b2: np.ndarray


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
    """Weights and state; `show` lets an image act, `answer` tells what it would say without learning.

    ``w1`` (hidden, inputs), ``w2`` (classes, hidden) and ``y`` (hidden, classes) lie in memory by column.
    """

    def __init__(self, inputs: int, classes: int, params: Continuous, seed: int = 1) -> None:
        """Draw the weights: normal, variance 2/(inputs + outputs)."""
        rng = np.random.default_rng(seed)
        self.params, n = params, params.hidden

        def draw(outputs: int, sources: int) -> np.ndarray:
            return rng.normal(0.0, np.sqrt(2.0 / (outputs + sources)), (outputs, sources))

        self.w1, self.w2 = (np.asfortranarray(w) for w in (draw(n, inputs), draw(classes, n)))
        self.y = np.asfortranarray(params.feedback * draw(classes, n).T)
        self.n1, self.n2 = np.zeros(n), np.zeros(classes)
        half = np.full(classes, 0.5 / classes)
        self.state = State(
            z1=np.zeros(n),
            z2=np.zeros(classes),
            u=np.zeros(n),
            e1=np.ones(n),
            e2=2 * half,
            p1=np.full(n, 0.5),
            b2=half.copy(),
            mean1=np.ones(n),
            mean_b1=np.full(n, 0.5),
            mean2=2 * half,
            mean_b2=half.copy(),
        )
        self._advance, self._along = (entry_point(f, ()) for f in (_advance, _along))

    def show(self, image: np.ndarray, target: np.ndarray) -> None:
        """Show an image, shape (inputs,), values 0 to 1, and teach its target (one-hot), shape (classes,)."""
        p = self.params
        lit = np.flatnonzero(image)
        drive = self.w1[:, lit] @ image[lit] + self.n1
        self.advance(drive, round(p.prediction / p.dt))
        self.follow(image, self.advance(drive, round(p.teaching / p.dt), target, float(image @ image)))

    def follow(self, image: np.ndarray, asked: np.ndarray) -> None:
        """Change the weights and biases of the hidden layer by what its ensembles asked, shape (hidden,)."""
        self._along(self.w1, np.flatnonzero(image), image, asked)
        self.n1 += asked

    def advance(
        self, drive: np.ndarray, steps: int, target: np.ndarray | None = None, square: float | None = None
    ) -> np.ndarray:
        """Advance by so many steps; return what the hidden ensembles asked of their weights in all of them.

        With ``target`` they are taught; with ``square``, the squared length of the image, they learn as well:
        the output's weights and the ``drive`` of the hidden layer follow in place.
        """
        p = self.params
        numbers = Numbers(p.dt, p.tau_z, p.tau_u, p.tau_avg, p.dt / p.tau_w, p.beta, p.decay, p.e_max)
        taught = np.zeros(0) if target is None else np.asarray(target, np.float64)
        asked = np.zeros(len(self.n1))
        self._advance(
            steps,
            drive,
            taught,
            -1.0 if square is None else square,
            self.w2,
            self.y,
            self.n2,
            self.state,
            numbers,
            asked,
        )
        return asked

    def answer(self, images: np.ndarray) -> np.ndarray:
        """Return the most active class of each image, shape (images,), once all potentials have settled."""
        return np.argmax(np.exp(images @ self.w1.T + self.n1) @ self.w2.T + self.n2, axis=1)


def softmax(z: np.ndarray) -> np.ndarray:
    """Return the softmax of potentials."""
    e = np.exp(z - z.max())
    return e / e.sum()


def _along(w1, lit, image, asked):
    for j in lit:
        for i in range(len(asked)):
            w1[i, j] += image[j] * asked[i]


def _advance(steps, drive, target, square, w2, y, n2, s, c, asked):
    """Advance all ensembles; every coupling sees the step before. ``square`` < 0: nothing is learned."""
    n, classes = len(s.z1), len(s.z2)
    input2, back, p2 = np.empty(classes), np.empty(n), np.full(classes, 0.5)
    asked2 = np.empty(classes)
    for _ in range(steps):
        input2[:] = n2
        for i in range(n):
            for k in range(classes):
                input2[k] += w2[k, i] * s.e1[i]
        back[:] = 0.0
        for k in range(classes):
            for i in range(n):
                back[i] += y[i, k] * s.b2[k]
        for i in range(n):
            z, u = s.z1[i], s.u[i]
            s.z1[i] = z + c.dt / c.tau_z * (drive[i] - z)
            s.u[i] = u + c.dt / c.tau_u * (c.beta * back[i] - u)
            if s.z1[i] != z:  # most of the time it has settled
                s.e1[i] = np.exp(s.z1[i])
            if s.u[i] != u:
                s.p1[i] = 1.0 / (1.0 + np.exp(-s.u[i]))
            s.mean1[i] += c.dt / c.tau_avg * (s.e1[i] - s.mean1[i])
            s.mean_b1[i] += c.dt / c.tau_avg * (s.p1[i] * s.e1[i] - s.mean_b1[i])
        largest, total = -np.inf, 0.0
        for k in range(classes):
            s.z2[k] += c.dt / c.tau_z * (input2[k] - s.z2[k])
            largest = max(largest, s.z2[k])
        for k in range(classes):
            s.e2[k] = np.exp(s.z2[k] - largest)
            total += s.e2[k]
        for k in range(classes):
            s.e2[k] /= total
            if len(target):
                p2[k] = 0.5 + 0.5 * np.tanh((target[k] - s.mean2[k]) / (s.mean2[k] + TINY))
            s.b2[k] = p2[k] * s.e2[k]
            s.mean2[k] += c.dt / c.tau_avg * (s.e2[k] - s.mean2[k])
            s.mean_b2[k] += c.dt / c.tau_avg * (s.b2[k] - s.mean_b2[k])
        if square < 0.0:
            continue
        for k in range(classes):
            asked2[k] = c.rate * (p2[k] - s.mean_b2[k] / (s.mean2[k] + TINY)) * s.e2[k]
            n2[k] += asked2[k]
        for i in range(n):
            high = max(1.0 - c.e_max / s.e1[i], 0.0)
            expected = s.mean_b1[i] / (s.mean1[i] + TINY)
            own = c.rate * ((s.p1[i] - expected) * s.e1[i] - c.decay * high)
            asked[i] += own
            # the weights change along the image, the bias by as much
            drive[i] += own * (square + 1.0)
            for k in range(classes):
                w2[k, i] += asked2[k] * s.e1[i]
