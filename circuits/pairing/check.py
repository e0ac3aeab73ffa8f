"""The claims of the pairing protocols: switch points, slopes, and the numbers of the published program.

Random conditions are judged in standard errors of the mean over realizations, so that the bounds fit any
number of realizations.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from burstprop.report.claim import Claim

ERRORS = 4.0
# for the correlations that the closed form neglects
SWITCH_MARGIN_HZ = 1.0
PUBLISHED_SWITCH_HZ = 62.5
# a time step more or less in 16 ms, and a half
SWITCH_WITHIN_HZ = 0.6
PUBLISHED_REALIZATIONS = 20
# mean and SD over 20 realizations that the published program prints, by protocol and condition, along x
# fmt: off
PUBLISHED: dict[tuple[str, str], tuple[tuple[float, ...], tuple[float, ...]]] = {
    ("periodic", ""): (
        (-0.238664, -0.302037, -0.34491, -0.390485, -0.432723,
         -0.470242, -0.503041, -0.531578, -0.556593, -0.578484,
         -0.597964, -0.615253, 0.150205, 0.177101, 0.200012,
         0.221021, 0.24001, 0.256873, 0.271522, 0.283867),
        (),
    ),
    ("poisson", "P0=0.3"): (
        (-0.051322, -0.458626, -0.825495, -0.63536, -0.1289,
         0.40481, 1.217322, 2.593832, 3.095127, 4.416326),
        (0.029846, 0.219699, 0.519202, 0.848749, 1.316894,
         1.312994, 0.97184, 1.304653, 1.664218, 1.800657),
    ),
    ("poisson", "P0=0.5"): (
        (-0.086313, -0.948308, -1.867513, -2.210411, -2.1986,
         -2.09599, -1.571466, -0.50278, -0.148885, 1.076091),
        (0.044358, 0.218607, 0.556589, 0.88693, 1.303354,
         1.285651, 0.987516, 1.273805, 1.643147, 1.851902),
    ),
    ("burst_poisson", "E=5"): (
        (-0.345086, -0.250392, -0.23452, -0.07214, 0.000512,
         0.157512, 0.314556, 0.282697, 0.347198, 0.545026),
        (0.049859, 0.221058, 0.272509, 0.238851, 0.320957,
         0.289982, 0.387379, 0.394688, 0.327275, 0.347945),
    ),
    ("burst_poisson", "E=10"): (
        (-1.502855, -1.121366, -0.744641, -0.416761, -0.115801,
         0.306301, 0.756781, 1.076893, 1.485031, 2.02688),
        (0.101355, 0.301821, 0.373246, 0.509308, 0.504523,
         0.517058, 0.778751, 0.903308, 0.677463, 0.927442),
    ),
}
# fmt: on
# where the published program's numbers were taken
PUBLISHED_X = {
    "periodic": np.linspace(1.0, 100.0, 20),
    "poisson": np.linspace(1.0, 50.0, 10),
    "burst_poisson": np.linspace(0.0, 0.45, 10),
}


def check(frames: dict[str, pd.DataFrame]) -> list[Claim]:
    """Return the claims about the frames of `burstprop.circuits.pairing.run`.

    The published numbers are compared where the conditions are the published ones.
    """
    lines = {
        (str(protocol), str(condition)): line
        for (protocol, condition), line in frames["pairing"].groupby(["protocol", "condition"], sort=False)
    }
    claims = []
    for (protocol, condition), line in lines.items():
        if protocol == "periodic":
            claims += _periodic(line, float(frames["switch"]["switch_hz"].iloc[0]))
        elif protocol == "burst_poisson":
            claims += _burst_poisson(condition, line)
    claims += _poisson(
        {condition: line for (protocol, condition), line in lines.items() if protocol == "poisson"}
    )
    return claims + _published(lines)


def _periodic(line: pd.DataFrame, switch_hz: float) -> list[Claim]:
    dw, theory = (line[name].to_numpy() for name in ("mean_dw", "closed_form_dw"))
    bursts = theory > 0.0
    return [
        Claim("periodic: largest change where spikes form no bursts", _largest(dw[~bursts]), -math.inf, 0.0),
        Claim("periodic: smallest change where they do", -_largest(-dw[bursts]), 0.0, math.inf),
        Claim(
            "periodic: the sign switches at",
            switch_hz,
            PUBLISHED_SWITCH_HZ - SWITCH_WITHIN_HZ,
            PUBLISHED_SWITCH_HZ + SWITCH_WITHIN_HZ,
            "Hz",
            "62.5 Hz, one over the published burst window",
        ),
        Claim(
            "periodic: largest distance from the closed form, relative to the largest change",
            float(np.max(np.abs(dw - theory)) / np.max(np.abs(theory))),
            0.0,
            0.01,
            reference="time step of the simulation",
        ),
    ]


def _largest(values: np.ndarray) -> float:
    return float(values.max()) if values.size else math.nan


def _poisson(lines: dict[str, pd.DataFrame]) -> list[Claim]:
    claims, measured, expected, errors = [], [], [], []
    for condition, line in lines.items():
        x = line["x"].to_numpy()
        closed = _switch(x, line["closed_form_dw"].to_numpy())
        switch, error = _switch_with_error(line)
        margin = SWITCH_MARGIN_HZ + ERRORS * error
        text = f"closed form {closed:.1f}"
        claims.append(
            Claim(
                f"Poisson, {condition}: the sign switches at",
                switch,
                closed - margin,
                closed + margin,
                "Hz",
                text,
            )
        )
        measured.append(switch)
        expected.append(closed)
        errors.append(error)
    shift, closed = measured[1] - measured[0], expected[1] - expected[0]
    # an upper bound: both lines meet the same trains, and the errors of the two switches go together
    margin = SWITCH_MARGIN_HZ + ERRORS * math.hypot(*errors)
    text = f"closed form {closed:.1f}"
    low = max(closed - margin, 0.0)
    claims.append(
        Claim("Poisson: more bursts before move the switch up by", shift, low, closed + margin, "Hz", text)
    )
    return claims


def _switch(x: np.ndarray, dw: np.ndarray) -> float:
    """Return the first upward zero crossing by linear interpolation; NaN without one."""
    rises = np.flatnonzero((dw[:-1] < 0.0) & (dw[1:] >= 0.0))
    if not rises.size:
        return math.nan
    k = rises[0]
    return float(x[k] - dw[k] * (x[k + 1] - x[k]) / (dw[k + 1] - dw[k]))


def _standard_error(line: pd.DataFrame) -> np.ndarray:
    return (line["sd_dw"] / np.sqrt(line["realizations"])).to_numpy()


def _switch_with_error(line: pd.DataFrame) -> tuple[float, float]:
    """Return the switch point of the means, and its standard error by the slope of the closed form there."""
    x, theory = line["x"].to_numpy(), line["closed_form_dw"].to_numpy()
    k = min(int(np.searchsorted(x, _switch(x, theory))), len(x) - 1)
    slope = (theory[k] - theory[k - 1]) / (x[k] - x[k - 1])
    return _switch(x, line["mean_dw"].to_numpy()), float(np.max(_standard_error(line)[k - 1 : k + 1]) / slope)


def _burst_poisson(condition: str, line: pd.DataFrame) -> list[Claim]:
    x, dw, theory = (line[name].to_numpy() for name in ("x", "mean_dw", "closed_form_dw"))
    (slope, offset), covariance = np.polyfit(x, dw, 1, w=1.0 / _standard_error(line), cov="unscaled")
    expected, expected_offset = np.polyfit(x, theory, 1)
    switch, history = -offset / slope, -expected_offset / expected
    error = math.sqrt(covariance[0, 0])
    gradient = np.array([offset / slope**2, -1.0 / slope])
    switch_error = math.sqrt(gradient @ covariance @ gradient)
    # events that follow a late second spike within the burst window are not counted as events: a few percent
    margin = 0.05 * expected + ERRORS * error
    return [
        Claim(
            f"Burst-Poisson, {condition}: growth of the change with burst probability",
            float(slope),
            expected - margin,
            expected + margin,
            "",
            f"closed form {expected:.2f}",
        ),
        Claim(
            f"Burst-Poisson, {condition}: the sign switches at a burst probability of",
            float(switch),
            history - 0.01 - ERRORS * switch_error,
            history + 0.01 + ERRORS * switch_error,
            "",
            f"burst probability before {history:.2f}",
        ),
    ]


def _published(lines: dict[tuple[str, str], pd.DataFrame]) -> list[Claim]:
    """Compare mean and SD with the published program's, over all conditions that are the same."""
    distances: list[float] = []
    log_ratios: list[float] = []
    claims = []
    for (protocol, condition), line in lines.items():
        x = PUBLISHED_X[protocol]
        if (protocol, condition) not in PUBLISHED or len(line) != len(x) or not np.allclose(line["x"], x):
            continue
        means, spreads = (np.array(numbers) for numbers in PUBLISHED[protocol, condition])
        away = line["mean_dw"].to_numpy() - means
        if protocol == "periodic":
            text = "published program"
            distance = float(np.max(np.abs(away)))
            claims.append(
                Claim("periodic: largest distance from the published change", distance, 0, 1e-3, "", text)
            )
        else:
            spread, own = line["sd_dw"].to_numpy(), line["realizations"].to_numpy()
            distances += list(away / (spread * np.sqrt(1.0 / own + 1.0 / PUBLISHED_REALIZATIONS)))
            log_ratios += list(np.log(spread / spreads))
    if distances:
        z = np.array(distances)
        text = f"published mean and SD of {PUBLISHED_REALIZATIONS} realizations"
        claims += [
            Claim(
                "random trains: largest distance from the published means",
                float(np.max(np.abs(z))),
                0,
                4.5,
                "SE",
                text,
            ),
            Claim(
                "random trains: root mean square of these distances",
                float(np.sqrt(np.mean(z**2))),
                0,
                1.6,
                "SE",
                text,
            ),
            Claim(
                "random trains: SD over the published SD, geometric mean",
                float(np.exp(np.mean(log_ratios))),
                0.85,
                1.15,
                "",
                text,
            ),
        ]
    return claims
