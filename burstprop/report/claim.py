"""A claim: a measured number with the bounds that were stated for it beforehand."""

from __future__ import annotations

import math
from dataclasses import dataclass


def number(value: float) -> str:
    """Return a number with four significant digits, as short as they allow."""
    return f"{value:.4g}".replace("-", "−")


@dataclass(frozen=True)
class Claim:
    """One measured number and the bounds that it has to keep.

    Parameters
    ----------
    claim : str
        What is claimed, in words a reader of the paper understands.
    measured, low, high : float
        The number and its inclusive bounds, in ``unit``; an infinite bound is no bound.
    unit : str
        Unit of the three numbers.
    reference : str
        What the bounds come from: the reference value, the closed form, the paper.
    not_judged : str
        Why the number is not judged, for example ``"needs 5 realizations"``: the claim then neither holds nor
        fails. Empty where it is.

    Examples
    --------
    >>> from burstprop import Claim
    >>> Claim("event rate of pyr1", measured=5.5, low=5.0, high=6.0, unit="Hz").passed
    True
    """

    claim: str
    measured: float
    low: float
    high: float
    unit: str = ""
    reference: str = ""
    not_judged: str = ""

    @property
    def passed(self) -> bool:
        """Whether the number is judged and within its bounds; NaN never is."""
        return not self.not_judged and bool(self.low <= self.measured <= self.high)

    @property
    def failed(self) -> bool:
        """Whether the number is judged and not within its bounds."""
        return not self.not_judged and not self.passed

    @property
    def verdict(self) -> str:
        """``pass``, ``FAIL`` or ``not judged``."""
        return "not judged" if self.not_judged else "pass" if self.passed else "FAIL"

    @property
    def allowed(self) -> str:
        """The bounds in words, without the unit; why it is not judged where it is not."""
        if self.not_judged:
            return self.not_judged
        if math.isinf(self.low) and math.isinf(self.high):
            return "any number"
        if math.isinf(self.high):
            return f"≥ {number(self.low)}"
        if math.isinf(self.low):
            return f"≤ {number(self.high)}"
        if self.low == self.high:
            return number(self.low)
        return f"{number(self.low)} … {number(self.high)}"
