"""Events and bursts: both published definitions, step by step and on a list of spike times.

A spike sits on the time grid, so an interval may be *exactly* 16 ms, where the trace is exactly 1/e and where
rounding would decide. In exact arithmetic 1/e is not below 1/e and 16 ms is not more than 16 ms: such a spike
belongs to the burst. TIE keeps rounding out of that decision.
"""

from collections import deque

import numpy as np

TIE = 1e-9


class TraceDetector:
    """Trace definition: z decays with ``tau`` and gains 1 per spike; a spike that finds z < 1/e is an event.

    The first later spike of the same event is its burst. The trace of the presynaptic side of event-only,
    burst-only and plastic projections is raised ``raise_steps`` steps after the spike (8 of 0.1 ms as
    published).
    """

    def __init__(self, n, dt, tau=16.0, raise_steps=0):
        self.z = np.zeros(n)
        self.burst_done = np.zeros(n, dtype=bool)
        self.decay = np.exp(-dt / tau)
        self.line = deque(np.zeros(n, dtype=bool) for _ in range(raise_steps))

    def step(self, spikes):
        """Return the masks of events and of bursts among the spikes of this step."""
        self.z = self.z * self.decay
        event = spikes & (self.z < np.exp(-1.0) * (1.0 - TIE))
        burst = spikes & ~event & ~self.burst_done
        self.burst_done = (self.burst_done | burst) & ~event
        self.line.append(spikes)
        self.z = self.z + self.line.popleft()
        return event, burst


class IntervalDetector:
    """Interval definition: a spike more than ``threshold`` ms after the previous one is an event.

    The first spike within the threshold of the previous one is that event's burst.
    """

    def __init__(self, n, dt, threshold=16.0):
        self.dt, self.threshold = dt, threshold
        self.since = np.full(n, np.inf)
        self.burst_done = np.zeros(n, dtype=bool)

    def step(self, spikes):
        self.since = self.since + 1
        event = spikes & (self.since * self.dt > self.threshold * (1.0 + TIE))
        burst = spikes & ~event & ~self.burst_done
        self.burst_done = (self.burst_done | burst) & ~event
        self.since = np.where(spikes, 0.0, self.since)
        return event, burst


def label_by_trace(times, tau=16.0, raise_delay=0.0):
    """Label sorted spike times (ms) of one neuron "event", "burst" or "" (a later spike of the same burst).

    The trace is summed afresh from all earlier spikes; a spike raises it from just after its time plus
    ``raise_delay`` on.
    """
    labels, burst_done = [], False
    times = np.asarray(times, dtype=np.float64)
    for i, t in enumerate(times):
        age = t - (times[:i] + raise_delay)
        z = np.exp(-age[age > 1e-6] / tau).sum()
        if z < np.exp(-1.0) * (1.0 - TIE):
            labels.append("event")
            burst_done = False
        elif not burst_done:
            labels.append("burst")
            burst_done = True
        else:
            labels.append("")
    return labels


def label_by_interval(times, threshold=16.0):
    labels, burst_done, last = [], False, -np.inf
    for t in times:
        if t - last > threshold * (1.0 + TIE):
            labels.append("event")
            burst_done = False
        elif not burst_done:
            labels.append("burst")
            burst_done = True
        else:
            labels.append("")
        last = t
    return labels


def window_after(times, tau=16.0, raise_delay=0.0):
    """Return how long after the last of ``times`` the trace falls to 1/e: z(t) = z_last exp(-t/tau)."""
    times = np.asarray(times, dtype=np.float64)
    z_last = np.exp(-(times[-1] - times) / tau).sum()
    return raise_delay + tau * (1.0 + np.log(z_last))
