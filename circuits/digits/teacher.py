"""What the teacher says: how many Hz each class lacks, from the rates it has and the class of the image.

Two teachers. ``"rates"`` asks for a rate of every class: a regression, which goes on correcting classes that
are far enough apart. ``"softmax"`` lets the classes inhibit one another: it compares the share that a class
has of all (the softmax of the rates) with what it should have, all or nothing, so that an image which is
told apart clearly teaches nothing. Because shares do not change where all rates rise together, it also asks
for a mean rate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TEACHERS = ("softmax", "rates")


def lacking_hz(
    teacher: str,
    rates_hz: NDArray[np.float64],
    label: int,
    *,
    target_hz: float,
    other_hz: float,
    softness_hz: float,
) -> NDArray[np.float64]:
    """Return the event rate (Hz) that every class lacks, negative where it has too much, shape (classes,).

    Parameters
    ----------
    teacher : {"softmax", "rates"}
    rates_hz : array of shape (classes,)
        Event rates of the classes.
    label : int
        The class of the image.
    target_hz, other_hz : float
        Rates wanted of this class and of the others; their difference scales the shares of the softmax.
    softness_hz : float
        A rate that is higher by this makes a class e times as likely.
    """
    wanted = np.full(len(rates_hz), other_hz)
    wanted[label] = target_hz
    if teacher == "rates":
        return wanted - rates_hz
    likely = np.exp((rates_hz - rates_hz.max()) / softness_hz)
    lacking = -likely / likely.sum()
    lacking[label] += 1.0
    return (target_hz - other_hz) * lacking + (wanted.mean() - rates_hz.mean())
