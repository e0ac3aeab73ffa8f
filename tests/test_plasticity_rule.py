"""The plasticity-rule circuit: its numbers, its protocol, its check, and a realization at full size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from burstprop import BurstpropError, Constant, PoissonPopulation, Population
from burstprop.circuit import PlasticityChange, WeightChange
from burstprop.circuits.plasticity_rule import experiment as plasticity_rule
from burstprop.circuits.plasticity_rule.check import QUANTITIES, by_segment
from burstprop.circuits.plasticity_rule.reference import PUBLISHED, WEIGHT

pytestmark = pytest.mark.slow

REFERENCE = Path(__file__).parent / "reference" / "plasticity_rule.csv"


@pytest.fixture(scope="module")
def published():
    return {
        "plasticity_rule": pd.read_csv(REFERENCE),
        "segments": plasticity_rule.segments(plasticity_rule.Params()),
    }


def test_circuit_has_the_published_numbers():
    circuit = plasticity_rule.build()
    populations = {p.name: p for p in circuit.populations}
    assert [populations[n].n for n in ("input", "post", "dendritic", "exc", "inh")] == [
        1000,
        1000,
        100,
        25000,
        25000,
    ]
    assert isinstance(populations["post"], Population)
    assert populations["post"].neuron.v_start_sd == 0.0
    assert populations["input"].neuron.v_start_sd == 5.0
    assert {populations[n].neuron.dendritic_driving_force for n in ("input", "post")} == {"somatic"}
    sources = {n: p.rate_hz for n, p in populations.items() if isinstance(p, PoissonPopulation)}
    assert sources == {"dendritic": 1.0, "exc": 5.0, "inh": 5.0}
    numbers = {p.name: (p.weight, p.connectivity.p, p.transmits, p.delay_ms) for p in circuit.projections}
    assert numbers == {
        "input->post.soma_exc": (0.08, 0.2, "events", 0.0),
        "dendritic->post.dendrite_exc": (0.25, 0.2, "spikes", 0.8),
        "exc->input.soma_exc": (0.17, 0.004, "spikes", 0.8),
        "exc->input.dendrite_exc": (0.0425, 0.004, "spikes", 0.8),
        "inh->input.soma_inh": (0.26, 0.0012, "spikes", 0.8),
        "inh->input.dendrite_inh": (0.065, 0.0012, "spikes", 0.8),
    }
    rule = circuit.projection("input->post.soma_exc").rule
    assert (rule.eta, rule.w_max, rule.tau_pre_ms, rule.tau_avg_ms) == (3.5e-3, 1.0, 100.0, 5000.0)
    assert (rule.e_min_hz, rule.e_max_hz, rule.lower_rate) == (2.0, 12.0, "spikes")
    assert [(c.population, c.waveform) for c in circuit.currents] == [
        ("post", Constant(50.0)),
        ("input", Constant(40.0, 145_000.0)),
    ]


def test_protocol_is_the_published_one():
    circuit = plasticity_rule.build()
    assert circuit.plastic is False
    assert circuit.protocol[0] == PlasticityChange(20_000.0, True)
    changes = [c for c in circuit.protocol if isinstance(c, WeightChange)]
    assert [c.at_ms for c in changes] == [20_000.0 + 25_000.0 * k for k in range(6)]
    assert [c.weight / 0.25 for c in changes] == pytest.approx([1.0, 1.5, 1.0, 0.55, 1.0, 1.0])
    assert {c.projection for c in changes} == {"dendritic->post.dendrite_exc"}
    assert plasticity_rule.segments(plasticity_rule.Params())["stop_ms"].iloc[-1] == 170_000.0


def test_stored_numbers_are_those_of_the_published_realization(published):
    table = by_segment(published["plasticity_rule"], published["segments"]).set_index("segment")
    assert list(table.index) == list(PUBLISHED)
    for segment, numbers in PUBLISHED.items():
        assert set(numbers) == set(QUANTITIES)
        for name, value in numbers.items():
            assert table.loc[segment, name] == pytest.approx(value, abs=6e-6), (segment, name)
    weight = published["plasticity_rule"].set_index("time_ms")["mean_weight"]
    assert {t: weight[t] for t in WEIGHT} == WEIGHT


def test_published_realization_passes_the_check(published):
    claims = plasticity_rule.check(published)
    assert len(claims) == 8 + 2 + 30
    assert not [c.claim for c in claims if c.failed]
    assert [c.claim for c in claims if c.not_judged] == [
        "all published figures: SD over theirs, geometric mean"
    ]


def noisy(published, rng, **shift):
    """Return six realizations around the published one; ``shift`` moves a column by an amount."""
    parts = []
    for k in range(6):
        frame = published["plasticity_rule"].assign(realization=k + 1)
        for name in QUANTITIES:
            if name in frame:
                frame[name] += rng.normal(0.0, 0.05, len(frame)) + shift.get(name, 0.0)
        parts.append(frame)
    return {**published, "plasticity_rule": pd.concat(parts, ignore_index=True)}


def test_check_notices_a_rate_that_is_off_and_weights_that_go_the_wrong_way(published):
    rng = np.random.default_rng(4)
    claims = plasticity_rule.check(noisy(published, rng))
    assert len(claims) == 8 + 2 + 30
    rates = [c for c in claims if "rate" in c.claim]
    assert all(c.passed for c in rates)
    # two realizations differ by 0.1 to 0.2 Hz
    off = plasticity_rule.check(noisy(published, rng, event_rate_hz=1.0))
    failed = {c.claim for c in off if not c.passed}
    assert {f"{segment}: event rate" for segment in PUBLISHED} <= failed
    turned = published["plasticity_rule"].assign(mean_weight=lambda f: 0.16 - f["mean_weight"])
    failed = [c.claim for c in plasticity_rule.check({**published, "plasticity_rule": turned}) if c.failed]
    assert len([claim for claim in failed if "potentiates" in claim or "depresses" in claim]) == 4
    assert all("weight" in claim or "squared distance" in claim for claim in failed)


def test_the_bounds_do_not_come_from_the_spread_of_two_realizations(published):
    """Two realizations that differ wildly gave weight changes from -1.6 to 1.6 as bounds."""
    apart = noisy(published, np.random.default_rng(4))
    frame = apart["plasticity_rule"]
    apart["plasticity_rule"] = frame[frame["realization"] <= 2]
    claims = {c.claim: c for c in plasticity_rule.check(apart)}
    raised = claims["raised: weight change"]
    assert raised.high - raised.low < 0.5


def test_parameters_are_checked():
    with pytest.raises(BurstpropError, match=r"probability = 1\.2"):
        plasticity_rule.Params(probability=1.2)
    with pytest.raises(BurstpropError, match="not a multiple of dt_ms"):
        plasticity_rule.EXPERIMENT.frames(plasticity_rule.Params(segment_ms=25_000.05, bin_ms=0.05))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"segment_ms": 6000.0}, "segment_ms = 6000 ms: must be above 7500 ms"),
        ({"tau_avg_ms": 4000.0}, r"bin_ms = 2500 ms: must divide .* = 16000 ms.* give 500 ms"),
        ({"bin_ms": 1000.0}, "bin_ms = 1000 ms: must divide .* and 2500 ms; give 2500 ms"),
        ({"segment_ms": 24_000.0}, "segment_ms = 24000 ms.* give 500 ms"),
        ({"settle_averages": 0.0}, "settle_averages = 0: must be above 0"),
    ],
)
def test_times_at_which_no_bin_ends_are_refused_before_the_run(changes, message):
    with pytest.raises(BurstpropError, match=message):
        plasticity_rule.Params(**changes)


def test_check_finds_the_bins_of_other_times():
    params = plasticity_rule.Params(tau_avg_ms=400.0, segment_ms=8000.0, bin_ms=100.0)
    segments = plasticity_rule.segments(params)
    time = np.cumsum(np.full(round(segments["stop_ms"].iloc[-1] / 100.0), 100.0 / 3)) * 3  # with rounding
    columns = ("event_rate_hz", "burst_rate_hz", "input_event_rate_hz", "input_burst_rate_hz")
    frame = pd.DataFrame({"time_ms": time, "mean_weight": 1e-3 * time, **dict.fromkeys(columns, 1.0)})
    frame["event_rate_hz"] = (frame["time_ms"] % 8000.0).round(3)
    table = by_segment(frame.assign(realization=1), segments)
    assert table["weight_change"].to_numpy() == pytest.approx(5.5)
    # the bins that end after 5 s and until 5.5 s of the segment, which begins at 1600 ms
    assert table["event_rate_hz"].to_numpy() == pytest.approx(1600.0 + 5300.0)


def test_a_realization_keeps_the_claims():
    frames = plasticity_rule.EXPERIMENT.frames(realizations=1, jobs=1, progress=False)
    assert list(frames["plasticity_rule"].groupby("realization").size()) == [68]
    claims = plasticity_rule.check(frames)
    assert not [(c.claim, c.measured) for c in claims if c.failed]
    # one says nothing of the spread, so its rates are held against the published ones by themselves
    table = by_segment(frames["plasticity_rule"], frames["segments"]).groupby("segment").mean()
    for segment, numbers in PUBLISHED.items():
        for name in ("event_rate_hz", "burst_rate_hz", "input_event_rate_hz", "input_burst_rate_hz"):
            off = abs(table.loc[segment, name] - numbers[name])
            assert off < 0.05 * numbers[name] + 0.05, (segment, name)
        assert table.loc[segment, "weight_change"] == pytest.approx(numbers["weight_change"], abs=2e-3)
    shown = plasticity_rule.figure(frames)
    assert [axis.get_ylabel() for axis in shown.axes] == [
        "mean weight (leak)",
        "event rate (Hz)",
        "burst probability (%)",
    ]
    # both lines of the last panel are in percent: post bursts in about a tenth of its events before the change
    for line, name in zip(shown.axes[2].get_lines(), ("", "input_"), strict=False):
        own = frames["plasticity_rule"].query("time_ms < 45000")
        percent = 100.0 * (own[f"{name}burst_rate_hz"] / own[f"{name}event_rate_hz"]).mean()
        early = line.get_ydata()[line.get_xdata() < 45.0]
        assert early.mean() == pytest.approx(percent, rel=1e-6)
