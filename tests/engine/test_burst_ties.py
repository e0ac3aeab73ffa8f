"""A gap of exactly one burst window belongs to the burst, whatever the last digit of the exponential."""

import math

import numpy as np
import pytest

from engine import probes

GAP = 157
WINDOW_MS = 15.7


def test_the_window_is_one_at_which_the_last_digit_is_wrong():
    decay = 1.0 / (WINDOW_MS / 0.1)
    assert math.exp(-decay * GAP) < math.exp(-1.0)


@pytest.mark.parametrize(("gap", "bursts"), [(GAP, 1), (GAP + 1, 0)])
def test_a_gap_of_exactly_one_window_belongs_to_the_burst(gap, bursts):
    described = probes.circuit(1, 1, burst_window_ms=WINDOW_MS)
    spikes = np.zeros((200, 1), bool)
    spikes[[10, 10 + gap]] = True
    rates = probes.replay(described, spikes, rates_bin_ms=20.0).recording().rates
    relay = rates[rates["population"] == "in"]
    assert relay["rate_hz"].sum() * 0.02 == pytest.approx(2)
    assert relay["burst_rate_hz"].sum() * 0.02 == pytest.approx(bursts)
    assert relay["event_rate_hz"].sum() * 0.02 == pytest.approx(2 - bursts)
