"""A noisy oscillator, for the tests of the command line.

Claim: the mean of the oscillation is the offset that was asked for, whatever
the noise.

Equations

    x(t) = offset + sin(2 pi t / period) + noise
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from burstprop.errors import Diverged
from burstprop.experiments import Experiment
from burstprop.parameters import quantity, text_table, validate
from burstprop.report.claim import Claim


@dataclass(frozen=True)
class Params:
    """The oscillator."""

    offset_hz: float = quantity(5.0, "Hz", "mean rate", low=0.0, high=100.0)
    period_ms: float = quantity(500.0, "ms", "period", low=0.0, open_low=True)
    noise_hz: float = quantity(0.1, "Hz", "standard deviation of the noise", low=0.0)

    def __post_init__(self):
        validate(self)


VARIANTS: dict[str, Params] = {"slow": Params(period_ms=1000.0), "loud": Params(noise_hz=5.0)}


@dataclass(frozen=True)
class Circuit:
    params: Params

    def describe(self):
        return "Populations\n" + text_table(
            [("pyr1", "1", str(self.params.offset_hz))], ("name", "size", "rate")
        )


def build(params):
    return Circuit(params)


def noisy(params, seed, realization, samples, progress, folder):
    if params.offset_hz == 99.0:
        raise Diverged("the rate of pyr1 is not a number at 12.5 ms")
    rng = np.random.default_rng((seed, realization))
    time = np.linspace(0, 2 * params.period_ms, samples, endpoint=False)
    rate = (
        params.offset_hz
        + np.sin(2 * np.pi * time / params.period_ms)
        + params.noise_hz * rng.normal(size=samples)
    )
    progress(1.0)
    return {"rates": pd.DataFrame({"time_ms": time, "rate_hz": rate})}


def run(params, execution):
    kept_nowhere = replace(execution, out=None)
    return kept_nowhere.each(noisy, params, samples=100 if execution.quick else 1000)


def check(frames):
    mean = float(frames["rates"]["rate_hz"].mean())
    return [
        Claim("mean rate", mean, 4.9, 5.1, "Hz", "the offset"),
        Claim("rate is positive", mean, 0.0, np.inf),
    ]


def figure(frames):
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(4, 2), layout="constrained")
    axes = drawn.add_subplot()
    axes.plot(frames["rates"]["time_ms"], frames["rates"]["rate_hz"])
    axes.set(xlabel="time (ms)", ylabel="rate (Hz)")
    return drawn


EXPERIMENT = Experiment(
    "demo",
    Params(),
    build=build,
    run=run,
    check=check,
    figure=figure,
    variants=VARIANTS,
    realizations=2,
    quick_realizations=2,
)
