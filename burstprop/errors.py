"""The errors and the warning that burstprop raises.

Every message names the field, the value with its unit, what is allowed, and what to do. The command line
prints the message without a traceback and ends with exit code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BurstpropError(ValueError):
    """A description, a file or a request that burstprop cannot use.

    Every message names the field, the value with its unit, what is allowed, and the way out.

    Examples
    --------
    >>> from burstprop import BurstpropError, Probability
    >>> try:
    ...     Probability(1.5)
    ... except BurstpropError as error:
    ...     print(error)
    Probability.p = 1.5: must be between 0 and 1 (connection probability)
    """


class Diverged(BurstpropError):  # noqa: N818  (an outcome, like KeyboardInterrupt)
    """A run stopped because a state or a loss is no longer a finite number."""


class BurstpropWarning(UserWarning):
    """The request was met, but its result may mislead."""


def near(name: str, known: Iterable[str]) -> str:
    """Return the sentence that lists the known names, those nearest to ``name`` first."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(repr(c) for c in close)}? (known: {', '.join(sorted(known))})"
    return f"known: {', '.join(sorted(known)) or 'none'}"
