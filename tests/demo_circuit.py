"""A noisy oscillator, for the tests of the command line.

Claim: the mean of the oscillation is the offset that was asked for, whatever
the noise.

Equations

    x(t) = offset + sin(2 pi t / period) + noise
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from burstprop.errors import Diverged
from burstprop.parameters import quantity, text_table, validate
from burstprop.report.report import Claim
from burstprop.runs.sweep import run_many


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


def one(params, seed, realization, samples, progress, folder):
    if params.offset_hz == 99.0:
        raise Diverged("the rate of pyr1 is no number at 12.5 ms")
    rng = np.random.default_rng((seed, realization))
    time = np.linspace(0, 2 * params.period_ms, samples, endpoint=False)
    rate = (
        params.offset_hz
        + np.sin(2 * np.pi * time / params.period_ms)
        + params.noise_hz * rng.normal(size=samples)
    )
    progress(1.0)
    return {"rates": pd.DataFrame({"time_ms": time, "rate_hz": rate, "realization": realization})}


def run(params, *, seed, realizations=2, jobs=None, progress=None, out=None, quick=False):
    tasks = [
        {"params": params, "seed": seed, "realization": k, "samples": 100 if quick else 1000}
        for k in range(1, realizations + 1)
    ]
    results = run_many(one, tasks, jobs=jobs, progress=progress, label="demo")
    return {"rates": pd.concat([r["rates"] for r in results], ignore_index=True)}


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
