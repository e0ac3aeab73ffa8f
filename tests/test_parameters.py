"""Bounds of a field: what is in, what is out, and how the message says it."""

import pytest

from burstprop.errors import BurstpropError
from burstprop.parameters import check_value, quantity


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"low": 0}, "at least 0 ms"),
        ({"low": 0, "open_low": True}, "above 0 ms"),
        ({"high": 1}, "at most 1 ms"),
        ({"high": 1, "open_high": True}, "below 1 ms"),
        ({"low": 0, "high": 1}, "between 0 and 1 ms"),
        ({"low": 0, "high": 1, "open_low": True}, "above 0 and at most 1 ms"),
        ({"low": 0, "high": 1, "open_high": True}, "at least 0 and below 1 ms"),
        ({"low": 0, "high": 1, "open_low": True, "open_high": True}, "above 0 and below 1 ms"),
    ],
)
def test_a_bound_is_in_unless_it_is_open_and_the_message_says_so(bounds, words):
    field = quantity(0.5, "ms", "a time", **bounds).metadata
    check_value("tau", 0.5, field)
    for end, open_end, outside in (("low", "open_low", -0.1), ("high", "open_high", 1.1)):
        refused = [outside] if end in bounds else []
        if bounds.get(open_end):
            refused.append(bounds[end])
        elif end in bounds:
            check_value("tau", bounds[end], field)
        for value in refused:
            with pytest.raises(BurstpropError, match=rf"^tau = {value} ms: must be {words} \(a time\)$"):
                check_value("tau", value, field)
