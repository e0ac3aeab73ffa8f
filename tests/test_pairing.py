"""The single-synapse rule, its spike trains, its closed forms, and the three pairing protocols."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import chi2

from burstprop.circuits.pairing import experiment as pairing
from burstprop.circuits.pairing.check import PUBLISHED, PUBLISHED_X
from burstprop.circuits.pairing.protocols import conditions
from burstprop.circuits.pairing.theory import expected_change, periodic_change, poisson_rates
from burstprop.errors import BurstpropError
from burstprop.spikes import single_synapse
from burstprop.spikes.bursts import find_bursts
from burstprop.spikes.single_synapse import SingleSynapse, follow, weight_changes
from burstprop.spikes.spike_trains import dead_time_poisson, doublets, to_trains

# uncompiled the kernel is a hundred times slower
REALIZATIONS = 20 if numba.config.DISABLE_JIT else pairing.REALIZATIONS
REFERENCE = Path(__file__).parent / "reference" / "pairing.csv"


@pytest.fixture(scope="module")
def frames():
    return pairing.EXPERIMENT.frames(seed=1, realizations=REALIZATIONS)


@pytest.fixture(scope="module")
def reference():
    return pd.read_csv(REFERENCE, keep_default_na=False, na_values=[""]).fillna({"condition": ""})


def line(frame, protocol, condition):
    return frame[(frame["protocol"] == protocol) & (frame["condition"] == condition)].reset_index(drop=True)


# --- the rule against a slow program that goes through every time step ---


def kinds(times_ms, window_ms):
    """Class spikes by the interval before them, straight from the definition."""
    result = []
    for k, time in enumerate(times_ms):
        if k == 0 or time - times_ms[k - 1] > window_ms:
            result.append("event")
        else:
            result.append("burst" if result[-1] == "event" else "other")
    return np.array(result)


def oracle(synapse, pre_ms, post_ms, event_rate, burst_rate):
    """Weight after every time step, one step after the other: the published program's order."""
    steps = math.floor(max(*pre_ms, *post_ms) / synapse.dt_ms) + 1

    def on_grid(times, which):
        chosen = np.asarray(times)[kinds(times, synapse.burst_window_ms) == which]
        return np.bincount(np.floor(chosen / synapse.dt_ms).astype(int), minlength=steps)

    pre_events, events, bursts = (
        on_grid(pre_ms, "event"),
        on_grid(post_ms, "event"),
        on_grid(post_ms, "burst"),
    )
    factor = {
        tau: math.exp(-synapse.dt_ms / tau) if synapse.decay == "exact" else 1.0 - synapse.dt_ms / tau
        for tau in (synapse.tau_pre_ms, synapse.tau_avg_ms)
    }
    trace, weights = 0.0, np.zeros(steps)
    weight = 0.0
    for k in range(steps):
        trace = trace * factor[synapse.tau_pre_ms] + pre_events[k]
        weight += synapse.eta * (bursts[k] - burst_rate / event_rate * events[k]) * trace
        event_rate = event_rate * factor[synapse.tau_avg_ms] + events[k] * 1000.0 / synapse.tau_avg_ms
        burst_rate = burst_rate * factor[synapse.tau_avg_ms] + bursts[k] * 1000.0 / synapse.tau_avg_ms
        weights[k] = weight
    return weights


def random_times(rng, spikes, mean_ms):
    """Spike times with many intervals on both sides of the burst window, none shorter than a step."""
    return np.cumsum(1.001 + rng.exponential(mean_ms, spikes))


@pytest.mark.parametrize("decay", ["euler", "exact"])
@pytest.mark.parametrize("dt_ms", [0.1, 1.0])
def test_kernel_equals_the_oracle(decay, dt_ms):
    synapse = SingleSynapse(tau_pre_ms=40.0, tau_avg_ms=900.0, eta=0.3, dt_ms=dt_ms, decay=decay)
    rng = np.random.default_rng(5)
    pre = [random_times(rng, 60, mean) for mean in (5.0, 15.0, 60.0)]
    post = [random_times(rng, 60, 60.0), random_times(rng, 60, 15.0), random_times(rng, 500, 5.0)]
    post[1] = np.sort(np.concatenate([post[1][::2], pre[1][1::2]]))  # every other spike coincides
    event, burst = np.array([2.0, 5.0, 9.0]), np.array([0.0, 2.0, 12.0])
    result = weight_changes(
        synapse, to_trains(pre), to_trains(post), event_rate_hz=event, burst_rate_hz=burst
    )
    expected = [oracle(synapse, *numbers)[-1] for numbers in zip(pre, post, event, burst, strict=True)]
    np.testing.assert_allclose(result, expected, rtol=1e-10)
    assert np.abs(expected).min() > 0.01


def test_history_equals_the_oracle_spike_by_spike():
    synapse = SingleSynapse(tau_avg_ms=2000.0)
    rng = np.random.default_rng(6)
    pre, post = random_times(rng, 80, 12.0), random_times(rng, 80, 12.0)
    table = follow(synapse, pre, post, event_rate_hz=5.0, burst_rate_hz=1.0)
    weights = oracle(synapse, pre, post, 5.0, 1.0)
    # a step may hold a spike of each train: compare after the last row of each step
    step = np.floor(table["time_ms"] / synapse.dt_ms).astype(int)
    last = ~step.duplicated(keep="last")
    np.testing.assert_allclose(table["w"][last], weights[step[last]], rtol=1e-10, atol=1e-14)
    for train, times in (("pre", pre), ("post", post)):
        rows = table[table["train"] == train]
        np.testing.assert_array_equal(rows["time_ms"], times)
        np.testing.assert_array_equal(rows["kind"], kinds(times, synapse.burst_window_ms))
    np.testing.assert_allclose(table["burst_prob"], table["burst_rate_hz"] / table["event_rate_hz"])
    assert table["w"].iloc[-1] == pytest.approx(
        weight_changes(synapse, to_trains([pre]), to_trains([post]), event_rate_hz=5.0, burst_rate_hz=1.0)[0]
    )


def test_kinds_are_those_of_find_bursts():
    rng = np.random.default_rng(9)
    times = np.round(random_times(rng, 400, 12.0), 1)
    table = follow(SingleSynapse(dt_ms=0.1), [], times, event_rate_hz=5.0, burst_rate_hz=1.0)
    events = find_bursts(pd.DataFrame({"time_ms": times, "neuron_id": 0}), definition="interval")
    np.testing.assert_array_equal(table.loc[table["kind"] == "event", "time_ms"], events["time_ms"])
    seconds = events["second_spike_ms"].dropna()
    np.testing.assert_array_equal(table.loc[table["kind"] == "burst", "time_ms"], seconds)
    assert 50 < len(seconds) < len(events)


def test_compiled_equals_plain_python(monkeypatch):
    for helper in ("_kind", "_step"):  # kernels have no entry for Python: calling one from there is a crash
        compiled = getattr(single_synapse, helper)
        monkeypatch.setattr(single_synapse, helper, getattr(compiled, "py_func", compiled))
    synapse = SingleSynapse()
    rng = np.random.default_rng(7)
    trains = [to_trains([random_times(rng, 40, 20.0), random_times(rng, 30, 8.0)]) for _ in range(2)]
    rates = np.array([5.0, 6.0]), np.array([1.0, 0.5])
    plain = single_synapse._follow_pairs(  # type: ignore[call-arg]
        *trains, synapse.constants(), *rates, np.empty((0, 7))
    )
    monkeypatch.undo()
    compiled = weight_changes(synapse, *trains, event_rate_hz=rates[0], burst_rate_hz=rates[1])
    np.testing.assert_allclose(compiled, plain, rtol=1e-12)


# --- the rule against numbers worked out by hand ---


def change(pre, post, *, event=5.0, burst=1.0, **fields):
    trains = to_trains([pre]), to_trains([post])
    return weight_changes(SingleSynapse(**fields), *trains, event_rate_hz=event, burst_rate_hz=burst)[0]


def test_a_lone_event_depresses_by_the_share_of_bursts():
    assert change([0.0], [10.0], decay="exact") == pytest.approx(-0.1 * 0.2 * math.exp(-0.2), rel=1e-12)
    assert change([0.0], [10.0]) == pytest.approx(-0.1 * 0.2 * (1 - 1 / 50) ** 10, rel=1e-12)


def test_a_burst_potentiates_once_however_long_it_is():
    two = change([0.0], [10.0, 15.0], decay="exact")
    expected = -0.1 * 0.2 * math.exp(-0.2) + 0.1 * math.exp(-0.3)
    assert two == pytest.approx(expected, rel=1e-12)
    assert change([0.0], [10.0, 15.0, 20.0, 26.0], decay="exact") == two


def test_only_presynaptic_events_raise_the_trace():
    assert change([0.0, 5.0, 9.0], [10.0]) == change([0.0], [10.0])
    assert change([], [10.0, 12.0]) == 0.0
    assert change([0.0, 5.0], []) == 0.0


def test_same_step_counts_the_presynaptic_event_and_the_averages_of_before():
    assert change([100.0], [100.0]) == pytest.approx(-0.1 * 0.2)
    # pre later within the same step of 1 ms still counts, in the next step it does not
    assert change([100.7], [100.2]) == change([100.0], [100.0])
    assert change([101.0], [100.2]) == 0.0


def test_window_is_inclusive_on_the_grid_of_a_decimal_step():
    for start in (0.0, 0.3, 12.7):
        table = follow(
            SingleSynapse(dt_ms=0.1), [start], [start, start + 16.0], event_rate_hz=5.0, burst_rate_hz=1.0
        )
        assert table["kind"].iloc[-1] == "burst"
    table = follow(SingleSynapse(dt_ms=0.1), [0.0], [0.0, 16.1], event_rate_hz=5.0, burst_rate_hz=1.0)
    assert table["kind"].iloc[-1] == "event"


def test_burst_probability_is_not_limited_to_one():
    assert change([0.0], [0.0], event=2.0, burst=5.0) == pytest.approx(-0.1 * 2.5)


def test_euler_approaches_exact_decay_in_first_order():
    rng = np.random.default_rng(8)
    pre, post = (np.unique(np.round(random_times(rng, 200, 30.0))) for _ in range(2))
    exact = change(pre, post, decay="exact")
    errors = [abs(change(pre, post, dt_ms=dt) - exact) for dt in (1.0, 0.5, 0.25)]
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(2.0, rel=0.05)
    assert errors[2] < 0.02 * abs(exact)


# --- spike trains ---


def train_of(trains, k):
    return trains.times_ms[trains.offsets[k] : trains.offsets[k + 1]]


def test_poisson_trains_have_the_rate_and_the_dead_time():
    trains = dead_time_poisson((3, 1), 100, rate_hz=40.0, dead_ms=2.0, duration_ms=50_000.0)
    counts = np.diff(trains.offsets)
    # interval CV is 1 - rate * dead time = 0.92; four standard errors
    assert counts.mean() == pytest.approx(2000.0, abs=4 * 0.92 * math.sqrt(2000.0 / 100))
    intervals = np.diff(trains.times_ms)
    intervals = intervals[intervals > 0]
    assert intervals.min() >= 2.0
    assert trains.times_ms.max() < 50_000.0


def test_trains_near_the_fastest_rate_are_complete():
    trains = dead_time_poisson((3, 2), 5, rate_hz=490.0, dead_ms=2.0, duration_ms=100_000.0)
    # interval CV is 0.02; the last spike lies within a few intervals of the end
    assert np.diff(trains.offsets) == pytest.approx([49_000] * 5, abs=4 * 0.02 * math.sqrt(49_000) + 1)
    assert trains.times_ms[trains.offsets[1:] - 1].min() > 99_990.0


def test_what_cannot_be_drawn_is_refused_before_anything_runs():
    with pytest.raises(BurstpropError, match="20 ms"):
        pairing.EXPERIMENT.frames(pairing.Params(burst_delay_high_ms=25.0), realizations=10**6)


def test_closed_form_rates_of_poisson_trains():
    window = 16.0
    trains = dead_time_poisson((4, 1), 40, rate_hz=30.0, dead_ms=2.0, duration_ms=50_000.0)
    events = bursts = 0
    for k in range(40):
        kind = kinds(train_of(trains, k), window)
        events += np.sum(kind == "event")
        bursts += np.sum(kind == "burst")
    seconds = 40 * 50.0
    event_rate, burst_rate = poisson_rates(30.0, 2.0, window)
    assert events / seconds == pytest.approx(event_rate, abs=4 * math.sqrt(event_rate / seconds))
    assert bursts / seconds == pytest.approx(burst_rate, abs=4 * math.sqrt(burst_rate / seconds))


def test_doublets_burst_as_often_as_asked():
    common = {"event_rate_hz": 10.0, "dead_ms": 20.0, "delay_ms": (2.0, 12.0), "duration_ms": 50_000.0}
    single = doublets((5, 1), 50, burst_prob=0.0, **common)
    double = doublets((5, 1), 50, burst_prob=0.3, **common)
    events, extra = len(single.times_ms), len(double.times_ms) - len(single.times_ms)
    assert events / 2500.0 == pytest.approx(10.0, abs=4 * 0.8 * math.sqrt(10.0 / 2500.0))
    assert extra / events == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / events))
    for k in (0, 49):
        one, both = (train_of(trains, k) for trains in (single, double))
        second = np.flatnonzero(~np.isin(both, one))
        delays = both[second] - both[second - 1]
        assert 2.0 <= delays.min() < 3.0
        assert 11.0 < delays.max() <= 12.0


def test_train_k_does_not_depend_on_how_many_there_are():
    for make in (
        lambda rows: dead_time_poisson((1, 2), rows, rate_hz=20.0, dead_ms=2.0, duration_ms=5000.0),
        lambda rows: doublets(
            (1, 2),
            rows,
            event_rate_hz=8.0,
            burst_prob=0.4,
            dead_ms=20.0,
            delay_ms=(2.0, 12.0),
            duration_ms=5000.0,
        ),
    ):
        few, many = make(3), make(9)
        assert list(make(0).offsets) == [0]
        np.testing.assert_array_equal(few.times_ms, many.times_ms[: many.offsets[3]])


# --- closed forms ---


@pytest.mark.parametrize("start_event", [5.0, 12.0, 11.999999, 30.0])
def test_expected_change_equals_numerical_integration(start_event):
    synapse, event, burst, start_burst, seconds = SingleSynapse(), 12.0, 3.0, 2.0, 70.0

    def ratio(t):
        fading = math.exp(-t / 15.0)
        return (burst + (start_burst - burst) * fading) / (event + (start_event - event) * fading)

    expected = 0.1 * 0.05 * event * (burst * seconds - event * quad(ratio, 0.0, seconds, epsabs=1e-12)[0])
    result = expected_change(
        synapse,
        event_rate_hz=event,
        burst_rate_hz=burst,
        start_event_rate_hz=start_event,
        start_burst_rate_hz=start_burst,
        duration_ms=seconds * 1000.0,
    )
    assert result == pytest.approx(expected, rel=1e-7)


def test_closed_form_equals_the_published_one(frames, reference):
    for condition in ("P0=0.3", "P0=0.5"):
        ours, theirs = (line(frame, "poisson", condition) for frame in (frames["pairing"], reference))
        np.testing.assert_allclose(ours["closed_form_dw"], theirs["closed_form_dw"], atol=1.01e-6)


@pytest.mark.parametrize("frequency_hz", [7.3, 40.0, 62.0, 63.0, 100.0])
def test_periodic_closed_form_is_the_limit_of_small_steps(frequency_hz):
    starts = 10.0 + 11_200.0 * np.arange(6)
    times = (starts[:, None] + 1000.0 / frequency_hz * np.arange(5)).ravel()
    rates = {"start_event_rate_hz": 5.0, "start_burst_rate_hz": 0.75}
    closed = periodic_change(
        SingleSynapse(), frequency_hz=frequency_hz, spikes=5, sequence_starts_ms=starts, **rates
    )
    fine = change(times, times, event=5.0, burst=0.75, dt_ms=1e-4, decay="exact")
    assert fine == pytest.approx(closed, rel=1e-5)


# --- the published numbers ---


def test_the_numbers_in_the_check_are_those_of_the_reference_file(reference):
    assert set(PUBLISHED) == set(zip(reference["protocol"], reference["condition"], strict=True))
    for (protocol, condition), (means, spreads) in PUBLISHED.items():
        rows = line(reference, protocol, condition)
        np.testing.assert_array_equal(rows["mean_dw"], means)
        np.testing.assert_allclose(rows["x"], PUBLISHED_X[protocol], atol=5.1e-5)
        if spreads:
            np.testing.assert_array_equal(rows["sd_dw"], spreads)


def test_periodic_equals_the_published_program(frames, reference):
    ours, theirs = (line(frame, "periodic", "") for frame in (frames["pairing"], reference))
    np.testing.assert_allclose(ours["mean_dw"], theirs["mean_dw"], atol=2e-6)


def test_random_trains_agree_with_the_published_program(frames, reference):
    """False-alarm budget: 1e-4 for the means, 1e-4 for the spreads, over seeds of either program.

    The Poisson conditions of one history meet the same trains as those of the other, in the published program
    as here, so only one history enters the sums.
    """
    distances, log_ratios = [], []
    for protocol, condition in (("poisson", "P0=0.3"), ("burst_poisson", "E=5"), ("burst_poisson", "E=10")):
        ours, theirs = (line(frame, protocol, condition) for frame in (frames["pairing"], reference))
        error = ours["sd_dw"] * np.sqrt(1 / ours["realizations"] + 1 / 20)
        distances += list((ours["mean_dw"] - theirs["mean_dw"]) / error)
        log_ratios += list(np.log(theirs["sd_dw"] / ours["sd_dw"]))
    distances, log_ratios = np.array(distances), np.array(log_ratios)
    assert np.sum(distances**2) < chi2.isf(1e-4, len(distances))
    # the logarithm of an SD over n values scatters by 1/sqrt(2 (n - 1)) and is low by half its square
    scatter = math.sqrt(1 / 38 + 1 / 398)
    assert abs(log_ratios.mean() + 1 / 76) < 3.9 * scatter / math.sqrt(len(log_ratios))


# --- the claims ---


@pytest.mark.parametrize("variant", list(pairing.VARIANTS))
def test_all_claims_hold(frames, variant):
    result = (
        frames
        if variant == "euler"
        else pairing.EXPERIMENT.frames(pairing.VARIANTS[variant], seed=2, realizations=REALIZATIONS)
    )
    claims = pairing.check(result)
    assert len(claims) == 15
    assert [claim.claim for claim in claims if not claim.passed] == []


def failed(frames):
    return [claim.claim for claim in pairing.check(frames) if not claim.passed]


def test_a_wrong_result_fails_the_claims(frames):
    summary = frames["pairing"]
    flipped = summary.assign(mean_dw=-summary["mean_dw"])
    assert len(failed({**frames, "pairing": flipped})) >= 10
    poisson = summary["protocol"] == "poisson"
    same = summary.copy()
    same.loc[poisson, "mean_dw"] = np.tile(line(summary, "poisson", "P0=0.3")["mean_dw"], 2)
    assert "Poisson: more bursts before move the switch up by" in failed({**frames, "pairing": same})
    shifted = summary.assign(mean_dw=summary["mean_dw"] + 0.2)
    assert any("burst probability of" in claim for claim in failed({**frames, "pairing": shifted}))
    missing = summary.assign(mean_dw=np.nan)
    nowhere = frames["switch"].assign(switch_hz=np.nan)
    found = failed({**frames, "pairing": missing, "switch": nowhere})
    assert len(found) == len(pairing.check(frames)) - 1


@pytest.mark.parametrize("window_ms", [15.0, 17.0])
def test_another_burst_window_is_noticed_by_the_switch_of_the_periodic_protocol(frames, window_ms):
    (line, *_) = conditions(pairing.Params(burst_window_ms=window_ms))
    switch = pairing.switch_hz(line)
    assert switch == pytest.approx(1000.0 / window_ms, abs=0.5)
    moved = frames["switch"].assign(switch_hz=switch)
    assert failed({**frames, "switch": moved}) == ["periodic: the sign switches at"]


def test_another_learning_rate_is_not_the_published_result():
    result = pairing.EXPERIMENT.frames(pairing.Params(eta=0.15), realizations=30)
    assert "periodic: largest distance from the published change" in failed(result)


def test_other_conditions_are_judged_by_the_closed_form_alone():
    """Sign switches where the burst probability is what it was before, whatever that was: metaplasticity."""
    params = pairing.Params(
        burst_start_burst_prob=0.35, burst_prob_high=0.7, poisson_rates=8, periodic_frequencies=9
    )
    result = pairing.EXPERIMENT.frames(params, seed=3, realizations=100)
    claims = pairing.check(result)
    assert not any("published" in claim.claim for claim in claims)
    assert all(claim.passed for claim in claims)
    switch = [claim for claim in claims if "burst probability of" in claim.claim]
    assert [claim.measured for claim in switch] == pytest.approx([0.35, 0.35], abs=0.03)


def test_realization_k_is_the_same_however_many_there_are():
    few, many = (pairing.EXPERIMENT.frames(seed=4, realizations=n)["realizations"] for n in (2, 4))
    merged = few.merge(many, on=["protocol", "condition", "x", "realization"], suffixes=("", "_many"))
    assert len(merged) == len(few)
    np.testing.assert_array_equal(merged["dw"], merged["dw_many"])
    other = pairing.EXPERIMENT.frames(seed=5, realizations=2)["realizations"]
    random = few["protocol"] != "periodic"
    assert np.mean(few["dw"][random] == other["dw"][random]) < 0.1


def test_conditions_do_not_share_trains_except_the_two_histories():
    draws = pairing.EXPERIMENT.frames(seed=4, realizations=40)["realizations"]
    draws = draws[draws["protocol"] != "periodic"]
    dw = draws.pivot_table(index="realization", columns=["protocol", "condition", "x"], values="dw")
    correlation = pd.DataFrame(np.corrcoef(dw.to_numpy().T), dw.columns, dw.columns)
    same_trains = np.diag(correlation.loc[("poisson", "P0=0.3"), ("poisson", "P0=0.5")])
    assert len(same_trains) == 10
    assert same_trains.min() > 0.8
    others = correlation.to_numpy().copy()
    np.fill_diagonal(others, 0.0)
    shared = (correlation.index.get_level_values("protocol") == "poisson").nonzero()[0]
    for few, many in zip(shared[:10], shared[10:], strict=True):
        others[few, many] = others[many, few] = 0.0
    # a correlation over 40 realizations scatters by 0.16; there are 770 pairs
    assert np.abs(others).max() < 0.75


def test_frames_have_the_stated_columns(frames):
    names = {
        "pairing": ["protocol", "condition", "x", "mean_dw", "sd_dw", "realizations", "closed_form_dw"],
        "realizations": ["protocol", "condition", "x", "realization", "dw"],
        "closed_form": ["protocol", "condition", "x", "dw"],
        "switch": ["protocol", "switch_hz"],
    }
    assert {name: list(frame.columns) for name, frame in frames.items()} == names
    assert len(frames["pairing"]) == 20 + 20 + 20
    assert len(frames["realizations"]) == 20 + 40 * REALIZATIONS
    grouped = frames["realizations"].groupby(["protocol", "condition", "x"], sort=False)["dw"].mean()
    np.testing.assert_allclose(grouped, frames["pairing"]["mean_dw"])


def test_figure_shows_means_spreads_and_closed_forms(frames):
    shown = pairing.figure(frames)
    assert [axis.get_xlabel() for axis in shown.axes] == ["frequency (Hz)", "rate (Hz)", "burst probability"]
    for axis, protocol in zip(shown.axes, ("periodic", "poisson", "burst_poisson"), strict=True):
        conditions_shown = axis.containers
        rows = frames["pairing"][frames["pairing"]["protocol"] == protocol]
        assert len(conditions_shown) == rows["condition"].nunique()
        points = np.concatenate([np.asarray(box.lines[0].get_ydata(), float) for box in conditions_shown])
        np.testing.assert_allclose(points, rows["mean_dw"])
    shown.canvas.draw()


# --- bad use ---


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: SingleSynapse(decay="eular"), "euler"),
        (lambda: SingleSynapse(dt_ms=60.0), "50 ms"),
        (lambda: SingleSynapse(eta=-1.0), "eta"),
        (lambda: SingleSynapse(tau_avg_ms=math.nan), "tau_avg_ms"),
        (lambda: to_trains([[1.0, 3.0, 2.0]]), "increase"),
        (lambda: to_trains([[1.0], [1.0, 1.0]]), "spike train 1"),
        (lambda: to_trains([[-1.0]]), "at least 0"),
        (lambda: to_trains([[math.nan]]), "finite"),
        (lambda: change([1.0], [1.0], event=0.0), "above 0 Hz"),
        (lambda: change([1.0], [1.0], burst=-1.0), "at least 0 Hz"),
        (lambda: change([1.0], [1.0], event=[1.0, 2.0]), "one per pair"),
        (lambda: change([0.0], [100_000.0], tau_avg_ms=60.0), "tau_avg_ms"),
        (
            lambda: weight_changes(
                SingleSynapse(), to_trains([[1.0]]), to_trains([]), event_rate_hz=5.0, burst_rate_hz=1.0
            ),
            "give pairs",
        ),
        (lambda: dead_time_poisson((1,), 1, rate_hz=500.0, dead_ms=2.0, duration_ms=9.0), "500 Hz"),
        (
            lambda: pairing.EXPERIMENT.frames(pairing.Params(poisson_high_hz=600.0), realizations=2),
            "dead time",
        ),
        (
            lambda: pairing.EXPERIMENT.frames(pairing.Params(burst_delay_high_ms=25.0), realizations=2),
            "20 ms",
        ),
        (lambda: pairing.EXPERIMENT.frames(realizations=1), "at least 2"),
        (lambda: pairing.EXPERIMENT.frames(seed=-1), "seed"),
        (lambda: pairing.Params(poisson_start_burst_prob_low=0.6), "poisson_start_burst_prob_high"),
        (lambda: pairing.Params(burst_prob_high=1.5), "between 0 and 1"),
    ],
)
def test_bad_use_says_what_is_wrong(call, words):
    with pytest.raises(BurstpropError, match=words):
        call()


def test_every_parameter_has_a_unit_and_a_meaning():
    for field in dataclasses.fields(pairing.Params):
        assert field.metadata["doc"]
        assert field.name == "decay" or "unit" in field.metadata
    assert len(conditions(pairing.Params())) == 5
