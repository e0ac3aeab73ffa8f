"""A complete small simulator made of the oracle's pieces: populations, projections, currents, one loop.

Timing, in steps. Within step n: every population takes its own step (which ends by adding the injected
current I(n dt)); then the projections deliver: a spike of step n through a delay of d steps is added to the
conductances at the end of step n + d and felt from step n + d + 1 on. The efficacy of short-term plasticity
is taken when the spike is emitted. A plastic projection transmits with the weight from before the changes
of the same step.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oracles import neurons
from oracles.bursts import TraceDetector
from oracles.plasticity import BurstRule
from oracles.synapses import Delay, ShortTermPlasticity

STEPS = {"pyramidal": neurons.pyramidal_step, "adex": neurons.adex_step}


@dataclass
class Population:
    """Neurons of one model ("pyramidal", "burst_poisson", "adex") with parameters and starting state.

    ``uniforms(n)`` gives the numbers of step n for the Burst-Poisson model, shape (2, size). ``currents``
    maps a compartment to a number, to one value per neuron, or to a function of t in ms that returns
    either.
    """

    model: str
    params: dict[str, Any]
    state: dict[str, np.ndarray]
    uniforms: Callable[[int], np.ndarray] | None = None
    currents: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self):
        return len(next(iter(self.state.values())))

    def step(self, n, dt):
        injected = {c: i(n * dt) if callable(i) else i for c, i in self.currents.items()}
        if self.model == "burst_poisson":
            return neurons.burst_poisson_step(self.state, self.params, dt, injected, self.uniforms(n))
        return STEPS[self.model](self.state, self.params, dt, injected)


@dataclass
class Source:
    """Spike trains that are handed in: a boolean array (steps, size), or a function of the step number."""

    size: int
    trains: Any

    def step(self, n, dt):
        return self.trains(n) if callable(self.trains) else self.trains[n]


@dataclass
class Projection:
    """Weights (pre, post), dense, onto a conductance ("exc_soma", "inh_dend", ...) of post.

    One axis of weights joins neuron k of pre to neuron k of post.

    ``kind``: "static", "stp" (``options`` of ShortTermPlasticity), "event", "burst", or "plastic"
    (``options`` of BurstRule; dense; ``mask`` says where there is a synapse, by default where a weight is
    not zero).
    """

    pre: str
    post: str
    port: str
    weights: Any
    kind: str = "static"
    delay_steps: int = 8
    options: dict[str, Any] = field(default_factory=dict)
    trace_raise_steps: int = 8
    mask: Any = None


class _Running:
    """A projection with its state."""

    def __init__(self, projection, n_pre, n_post, dt):
        self.about = projection
        self.weights = projection.weights
        if projection.kind == "stp":
            self.stp = ShortTermPlasticity(n_pre, dt, **projection.options)
        if projection.kind in ("event", "burst", "plastic"):
            assert projection.delay_steps == 0, f"{projection.kind} projections act without delay"
            self.pre_side = TraceDetector(n_pre, dt, raise_steps=projection.trace_raise_steps)
        if projection.kind == "plastic":
            mask = projection.weights != 0.0 if projection.mask is None else projection.mask
            self.rule = BurstRule(projection.weights, mask, dt, projection.options)
            self.post_side = TraceDetector(n_post, dt)
        self.delay = Delay(n_pre, projection.delay_steps)

    def send(self, spikes):
        """Return what each presynaptic neuron sends now: 0, 1 or an efficacy."""
        if self.about.kind == "static":
            return spikes
        if self.about.kind == "stp":
            return self.stp.step(spikes)
        events, bursts = self.pre_side.step(spikes)
        return bursts if self.about.kind == "burst" else events

    def deliver(self, sent, state):
        arriving = self.delay.step(sent)
        hit = np.flatnonzero(arriving)
        if hit.size:
            port = "g_" + self.about.port
            if self.weights.ndim == 1:
                state[port] = state[port] + self.weights * arriving
            else:
                state[port] = state[port] + self.weights[hit].T @ arriving[hit]

    def step(self, pre_spikes, post_spikes, state):
        sent = self.send(pre_spikes)
        if self.about.kind != "plastic":
            self.deliver(sent, state)
            return
        self.rule.decay()
        self.weights = self.rule.w
        self.deliver(sent, state)
        self.rule.presynaptic(sent)
        self.rule.postsynaptic(*self.post_side.step(post_spikes), post_spikes)  # type: ignore[call-arg]


class Network:
    """Run with `run`; then ``spikes``, ``events``, ``bursts`` map a population to rows of (step, neuron)."""

    def __init__(self, populations, projections, dt=0.1, watch=()):
        """``watch``: pairs (population, state variable) to record in ``samples`` at the end of every step."""
        self.populations, self.dt, self.n = populations, dt, 0
        size = {name: population.size for name, population in populations.items()}
        self.projections = [_Running(p, size[p.pre], size[p.post], dt) for p in projections]
        self.neurons = [name for name, p in populations.items() if isinstance(p, Population)]
        self.monitors = {name: TraceDetector(size[name], dt) for name in self.neurons}
        self._found = {name: tuple([np.empty((0, 2), np.intp)] for _ in range(3)) for name in self.neurons}
        self._samples = {pair: [] for pair in watch}

    def run(self, steps):
        for _ in range(steps):
            spikes = {name: np.asarray(p.step(self.n, self.dt)) for name, p in self.populations.items()}
            for p in self.projections:
                pre, post = spikes[p.about.pre], spikes[p.about.post]
                p.step(pre, post, self.populations[p.about.post].state)
            for name, found in self._found.items():
                events, bursts = self.monitors[name].step(spikes[name])
                for kept, mask in zip(found, (spikes[name], events, bursts), strict=True):
                    ids = np.flatnonzero(mask)
                    if len(ids):
                        kept.append(np.column_stack([np.full_like(ids, self.n), ids]))
            for (name, variable), rows in self._samples.items():
                rows.append(self.populations[name].state[variable].copy())
            self.n += 1
        return self

    def _all(self, which):
        return {name: np.concatenate(found[which]) for name, found in self._found.items()}

    @property
    def spikes(self):
        return self._all(0)

    @property
    def events(self):
        return self._all(1)

    @property
    def bursts(self):
        return self._all(2)

    @property
    def samples(self):
        return {pair: np.array(rows) for pair, rows in self._samples.items()}


def background(name, post, port, weight, size, trains):
    """Return a private source for each of ``size`` neurons of ``post``: {name: Source} and its projection."""
    return {name: Source(size, trains)}, Projection(name, post, port, np.full(size, weight))
