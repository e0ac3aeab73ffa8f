"""The plasticity-rule circuit in the published program: one realization, segment by segment.

Means over tests/reference/plasticity_rule.csv as `burstprop.circuits.plasticity_rule.check.by_segment` takes
them, and the mean weight over time; a test compares both with that file.
"""

from __future__ import annotations

PUBLISHED: dict[str, dict[str, float]] = {
    "baseline": {
        "weight_change": 0.000792,
        "event_rate_hz": 4.5324,
        "burst_rate_hz": 0.52543,
        "input_event_rate_hz": 4.20891,
        "input_burst_rate_hz": 0.5856,
    },
    "raised": {
        "weight_change": 0.005008,
        "event_rate_hz": 4.99554,
        "burst_rate_hz": 1.20926,
        "input_event_rate_hz": 4.22971,
        "input_burst_rate_hz": 0.57817,
    },
    "back": {
        "weight_change": -0.005469,
        "event_rate_hz": 4.61211,
        "burst_rate_hz": 0.54183,
        "input_event_rate_hz": 4.23223,
        "input_burst_rate_hz": 0.58669,
    },
    "lowered": {
        "weight_change": -0.003503,
        "event_rate_hz": 3.98657,
        "burst_rate_hz": 0.07406,
        "input_event_rate_hz": 4.21171,
        "input_burst_rate_hz": 0.584,
    },
    "back again": {
        "weight_change": 0.002773,
        "event_rate_hz": 4.42354,
        "burst_rate_hz": 0.45629,
        "input_event_rate_hz": 4.23011,
        "input_burst_rate_hz": 0.58469,
    },
    "input bursts": {
        "weight_change": 0.000136,
        "event_rate_hz": 3.58177,
        "burst_rate_hz": 0.38937,
        "input_event_rate_hz": 3.964,
        "input_burst_rate_hz": 1.0132,
    },
}

WEIGHT: dict[float, float] = {
    0.0: 0.08,
    5000.0: 0.08,
    10000.0: 0.08,
    15000.0: 0.08,
    20000.0: 0.08,
    25000.0: 0.080547,
    30000.0: 0.080448,
    35000.0: 0.080228,
    40000.0: 0.08089,
    45000.0: 0.080592,
    50000.0: 0.083809,
    55000.0: 0.084143,
    60000.0: 0.085137,
    65000.0: 0.084919,
    70000.0: 0.085591,
    75000.0: 0.081596,
    80000.0: 0.080922,
    85000.0: 0.080475,
    90000.0: 0.0802,
    95000.0: 0.080115,
    100000.0: 0.077793,
    105000.0: 0.077003,
    110000.0: 0.076749,
    115000.0: 0.076589,
    120000.0: 0.076552,
    125000.0: 0.07833,
    130000.0: 0.079364,
    135000.0: 0.079115,
    140000.0: 0.079351,
    145000.0: 0.079403,
    150000.0: 0.079567,
    155000.0: 0.079516,
    160000.0: 0.07964,
    165000.0: 0.079672,
}
"""Mean weight at a time in ms."""
