"""The claims about the propagation circuit: the published figures, and the two messages kept apart."""

from __future__ import annotations

import math

import pandas as pd
from scipy.special import stdtrit

from burstprop.report.report import Claim

from .fit import Protocol, figures, over_realizations, wrapped
from .reference import FIGURES, REALIZATIONS

# chance that a correct program fails one of the comparisons with the published figures
FALSE_ALARMS = 0.01
# mean distance over all figures, in prediction errors, and SD over the published SD (geometric mean over all
# figures): a correct program is beyond either with about one seed in two hundred (drawn from 59 realizations
# of this circuit: five of them as the published ones, five as those that are judged)
LARGEST_MEAN_DISTANCE = 1.7
SPREAD = (0.6, 1.6)
# a phase is compared where the published amplitude is at least so many SD over realizations
CLEAR = 4.0

# signal, figure -> bounds and what they say; the published numbers are shown beside them
MESSAGES: dict[tuple[str, str], tuple[float, float, str]] = {
    ("E of pyr1", "share"): (
        0.9,
        math.inf,
        "E of pyr1: share of its variance that follows the feedforward input",
    ),
    ("E of pyr2", "share"): (
        0.75,
        math.inf,
        "E of pyr2: share of its variance that follows the feedforward input",
    ),
    ("P of pyr2", "share"): (
        0.85,
        math.inf,
        "P of pyr2: share of its variance that follows the feedback input",
    ),
    ("P of pyr1", "correlation with B of pyr2"): (
        0.8,
        math.inf,
        "P of pyr1: correlation with the burst rate of pyr2",
    ),
    ("P of pyr1 beside E", "share"): (
        0.4,
        math.inf,
        "P of pyr1 less its regression on E of pyr1: share that follows the feedback input",
    ),
    ("E of pyr1", "leakage"): (-math.inf, 0.1, "E of pyr1: leakage, feedback over feedforward amplitude"),
    ("E of pyr2", "leakage"): (-math.inf, 0.25, "E of pyr2: leakage, feedback over feedforward amplitude"),
    ("P of pyr2", "leakage"): (-math.inf, 0.25, "P of pyr2: leakage, feedforward over feedback amplitude"),
    ("P of pyr1 beside E", "leakage"): (
        -math.inf,
        0.5,
        "P of pyr1 less its regression on E of pyr1: leakage, feedforward over feedback amplitude",
    ),
    ("P of pyr1", "leakage"): (
        -math.inf,
        2.6,
        "P of pyr1 by itself: feedforward over feedback amplitude (carries both: it follows B of pyr2)",
    ),
}


def check(frames: dict[str, pd.DataFrame]) -> list[Claim]:
    """Return the claims about the frames of `burstprop.circuits.propagation.run`.

    The SD is judged from as many realizations on as were published.
    """
    row = frames["protocol"].iloc[0]
    protocol = Protocol(*(float(row[name]) for name in Protocol._fields))
    measured = over_realizations(figures(frames["rates"], protocol))
    return [*_messages(measured), *_all_together(measured), *_published(measured)]


def compared() -> list[tuple[str, str]]:
    """Return what is compared with the published figures: all means and amplitudes, and the clear phases."""
    chosen = []
    for signal, name in FIGURES:
        if name == "mean" or name.endswith("amplitude"):
            chosen.append((signal, name))
        elif name.endswith("phase"):
            amplitude, spread = FIGURES[signal, name.replace("phase", "amplitude")]
            if amplitude >= CLEAR * spread:
                chosen.append((signal, name))
    return chosen


def distances(measured: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return how far each compared figure is from the published one, in prediction errors.

    The error is that of the difference of two means, of our realizations and of the published ones, with the
    published SD: in a correct program each distance follows Student's t with the degrees of freedom of that
    SD.
    """
    found = {}
    for key in compared():
        mean, sd = FIGURES[key]
        away = _of(measured, key, "mean") - mean
        if key[1].endswith("phase"):
            away = float(wrapped(away))
        found[key] = away / _error(sd, int(_of(measured, key, "n")))
    return found


def _of(measured: pd.DataFrame, key: tuple[str, str], column: str) -> float:
    return float(measured[column].to_dict()[key])


def _error(sd: float, n: int) -> float:
    return sd * math.sqrt(1.0 / n + 1.0 / REALIZATIONS)


def _published(measured: pd.DataFrame) -> list[Claim]:
    keys = compared()
    quantile = float(stdtrit(REALIZATIONS - 1, 1.0 - 0.5 * FALSE_ALARMS / len(keys)))
    claims = []
    for key, distance in distances(measured).items():
        mean, sd = FIGURES[key]
        error = _error(sd, int(_of(measured, key, "n")))
        signal, name = key
        claims.append(
            Claim(
                f"{signal}: {name}",
                mean + distance * error,
                mean - quantile * error,
                mean + quantile * error,
                "deg" if name.endswith("phase") else "" if signal[0] == "P" else "Hz",
                f"{mean:.4g}, SD {sd:.2g} (published)",
            )
        )
    return claims


def _all_together(measured: pd.DataFrame) -> list[Claim]:
    away = [abs(distance) for distance in distances(measured).values()]
    text = f"the {len(away)} figures below"
    claims = [
        Claim(
            "all published figures: mean distance from them",
            sum(away) / len(away),
            0.0,
            LARGEST_MEAN_DISTANCE,
            "prediction errors",
            text,
        )
    ]
    if measured["n"].min() >= REALIZATIONS:
        ratios = [math.log(_of(measured, key, "sd") / FIGURES[key][1]) for key in compared()]
        spread = math.exp(sum(ratios) / len(ratios))
        claims.append(
            Claim(
                "all published figures: SD over the published SD, geometric mean", spread, *SPREAD, "", text
            )
        )
    return claims


def _messages(measured: pd.DataFrame) -> list[Claim]:
    claims = []
    for key, (low, high, text) in MESSAGES.items():
        mean, sd = FIGURES[key]
        value = _of(measured, key, "mean")
        claims.append(Claim(text, value, low, high, "", f"{mean:.3g}, SD {sd:.2g} (published)"))
    return claims
