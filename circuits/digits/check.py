"""The claims about the digits: the test error, and that bursts carry what the hidden layer should learn."""

from __future__ import annotations

import pandas as pd

from burstprop.report.claim import Claim

LARGEST_ERROR = 9.0
"""Percent, of the mean over realizations after the last reading; stated before test images were used."""
CHANCE = 90.0
SMALLEST_SIGNAL = 0.1
"""Correlation of one hidden neuron's surplus of bursts in one example with what the feedback should say."""
SOLVED = LARGEST_ERROR


def errors(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the test error by reading time: ``realization, reading_ms, error_percent``."""
    wrong = answers.assign(error_percent=100.0 * (answers["label"] != answers["answer"]))
    return wrong.groupby(["realization", "reading_ms"])["error_percent"].mean().reset_index()


def last_errors(answers: pd.DataFrame) -> pd.Series:
    """Return the test error (percent) after the last reading, by realization."""
    table = errors(answers)
    return table[table["reading_ms"] == table["reading_ms"].max()].set_index("realization")["error_percent"]


def solved(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the last error by realization, and whether it is low: ``realization, error_percent, solved``."""
    last = last_errors(frames["answers"]).reset_index()
    return last.assign(solved=last["error_percent"] <= SOLVED)


def check(frames: dict[str, pd.DataFrame]) -> list[Claim]:
    """Return the claims about the frames of `burstprop.circuits.digits.experiment.run`."""
    last = last_errors(frames["answers"])
    early = errors(frames["answers"])
    first = float(early[early["reading_ms"] == early["reading_ms"].min()]["error_percent"].mean())
    learning = frames["learning"]
    begin = learning[learning["examples"] == learning["examples"].min()]
    end = learning[learning["examples"] == learning["examples"].max()]
    return [
        Claim(
            f"test error after the last reading, mean of {len(last)}",
            float(last.mean()),
            0.0,
            LARGEST_ERROR,
            "%",
            f"stated beforehand; {CHANCE:g} % is chance",
        ),
        Claim(
            "reading longer helps: error of the first reading less that of the last",
            first - float(last.mean()),
            0.0,
            CHANCE,
            "%",
            "noise of the reading averages out",
        ),
        Claim(
            "learning: error of the first stretch of examples less that of the last, before teaching",
            float(begin["error_percent"].mean() - end["error_percent"].mean()),
            20.0,
            CHANCE,
            "%",
            "each example is answered before it is taught",
        ),
        Claim(
            "hidden bursts say what they should: correlation for one neuron and example, at the start",
            float(begin["signal_correlation"].mean()),
            SMALLEST_SIGNAL,
            1.0,
            "",
            "0 without feedback",
        ),
    ]
