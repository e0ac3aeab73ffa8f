import math
import sys

import numpy as np
import pandas as pd
import pytest

from burstprop.errors import BurstpropError
from burstprop.spikes.bursts import event_rates, find_bursts, trace_before
from burstprop.spikes.spike_table import spike_table


def oracle(times, definition, tau=16.0):
    """One neuron, one spike after the other: (first spike, spikes, second spike) of each event."""
    events = []
    trace, last = 0.0, -math.inf
    for t in times:
        trace *= math.exp(-(t - last) / tau)
        alone = trace < math.exp(-1) - 1e-9 if definition == "trace" else t - last > tau + 1e-9
        if alone:
            events.append([t, 1, math.nan])
        else:
            events[-1][1] += 1
            if events[-1][1] == 2:
                events[-1][2] = t
        trace, last = trace + 1.0, t
    return events


def bursty(rng, n_neurons, duration):
    """Spikes with intervals from 0.1 ms (on a grid) to hundreds of ms, some neurons silent."""
    parts = []
    for neuron in range(n_neurons):
        n = rng.integers(0, 200)
        short = rng.random(n) < 0.4
        intervals = np.where(short, rng.uniform(0.1, 30, n), rng.exponential(120, n))
        t = np.round(np.cumsum(intervals), 1)
        parts.append(pd.DataFrame({"time_ms": t[t < duration], "neuron_id": neuron}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("definition", ["trace", "interval"])
@pytest.mark.parametrize("tau", [16.0, 5.0, 40.0])
def test_events_equal_the_scan_spike_by_spike(definition, tau):
    spikes = bursty(np.random.default_rng(3), 60, 20_000)
    found = find_bursts(spikes, definition=definition, window_ms=tau)
    total = 0
    for neuron, own in spikes.groupby("neuron_id"):
        expected = np.array(oracle(own["time_ms"], definition, tau)).reshape(-1, 3)
        mine = found[found["neuron_id"] == neuron]
        np.testing.assert_array_equal(mine["time_ms"], expected[:, 0])
        np.testing.assert_array_equal(mine["n_spikes"], expected[:, 1])
        np.testing.assert_array_equal(mine["second_spike_ms"], expected[:, 2])
        np.testing.assert_array_equal(mine["burst"], expected[:, 1] > 1)
        total += len(mine)
    assert len(found) == total
    assert found["n_spikes"].sum() == len(spikes)
    assert 0.05 < found["burst"].mean() < 0.9, "the test needs both"


def test_trace_of_a_regular_train_is_its_geometric_series():
    interval = np.full(500, 4.0)
    interval[0] = np.inf
    decay = math.exp(-4 / 16)
    k = np.arange(500)
    expected = decay * (1 - decay**k) / (1 - decay)
    np.testing.assert_allclose(trace_before(interval, 16.0), expected, rtol=1e-13, atol=1e-15)
    assert len(trace_before(np.zeros(0), 16.0)) == 0


def test_the_window_after_a_doublet_is_longer_by_the_trace():
    # z = (exp(-5/16) + 1) exp(-d/16) falls below 1/e at d = 16 (1 + ln(1 + exp(-5/16)))
    window = 16 * (1 + math.log(1 + math.exp(-5 / 16)))
    assert window == pytest.approx(24.8, abs=0.05)
    for gap, events in ((window - 0.01, 1), (window + 0.01, 2)):
        found = find_bursts({"time_ms": [0.0, 5.0, 5.0 + gap], "neuron_id": [0, 0, 0]})
        assert len(found) == events
    found = find_bursts({"time_ms": [0.0, 5.0, 5.0 + 20.0], "neuron_id": [0, 0, 0]}, definition="interval")
    assert found["n_spikes"].tolist() == [2, 1]


@pytest.mark.parametrize("definition", ["trace", "interval"])
@pytest.mark.parametrize("start", [0.0, 0.1, 333.3, 99_999.9])
def test_an_interval_of_exactly_the_window_is_within_it_in_spite_of_rounding(definition, start):
    for interval, events in ((16.0, 1), (16.1, 2), (15.9, 1)):
        times = [start, start + interval]
        assert len(find_bursts({"time_ms": times, "neuron_id": [0, 0]}, definition=definition)) == events


@pytest.mark.parametrize("definition", ["trace", "interval"])
def test_the_tolerance_of_the_window_is_a_nanosecond_on_both_sides(definition):
    """1e-6 ms: an interval longer by half of it is within the window, one longer by twice it is not."""
    for more, events in ((0.5e-6, 1), (2e-6, 2), (1e-4, 2)):
        times = [0.0, 16.0 + more]
        assert len(find_bursts({"time_ms": times, "neuron_id": [0, 0]}, definition=definition)) == events


def test_a_burst_counts_once_however_long():
    found = find_bursts({"time_ms": np.arange(0, 50, 5.0), "neuron_id": np.zeros(10, int)})
    assert found[["time_ms", "n_spikes", "burst", "second_spike_ms"]].values.tolist() == [
        [0.0, 10, True, 5.0]
    ]


def test_order_populations_and_realizations_do_not_mix():
    rng = np.random.default_rng(0)
    parts = [
        bursty(rng, 5, 3000).assign(population=name, realization=run) for name in ("b", "a") for run in (2, 1)
    ]
    spikes = pd.concat(parts, ignore_index=True)
    shuffled = spikes.sample(frac=1, random_state=1)
    found = find_bursts(spikes)
    pd.testing.assert_frame_equal(found, find_bursts(shuffled))
    pd.testing.assert_frame_equal(
        found, find_bursts(spikes.assign(population=spikes["population"].astype("category")))
    )
    for part in parts:
        alone = find_bursts(part.drop(columns=["population", "realization"]))
        name, run = part["population"].iloc[0], part["realization"].iloc[0]
        mine = found[(found["population"] == name) & (found["realization"] == run)]
        columns = ["time_ms", "neuron_id", "n_spikes", "burst", "second_spike_ms"]
        pd.testing.assert_frame_equal(mine[columns].reset_index(drop=True), alone[columns])
    assert list(found) == [
        "time_ms",
        "population",
        "neuron_id",
        "realization",
        "n_spikes",
        "burst",
        "second_spike_ms",
    ]


SECONDS = np.array([0.001, 0.006, 0.2, 0.004])
NEURONS = np.array([0, 0, 0, 1])


@pytest.mark.parametrize(
    "spikes",
    [
        {"time_ms": SECONDS * 1000, "neuron_id": NEURONS},
        pd.DataFrame({"i": NEURONS, "t": SECONDS}),
        {"i": NEURONS, "t": SECONDS},
        {"senders": NEURONS, "times": SECONDS * 1000},
        pd.DataFrame({"senders": NEURONS.astype(float), "times": SECONDS * 1000}),
    ],
)
def test_tables_of_other_simulators_by_their_column_names(spikes):
    found = find_bursts(spikes)
    np.testing.assert_allclose(found["time_ms"], [1, 200, 4])
    assert found["neuron_id"].tolist() == [0, 0, 1]
    assert found["burst"].tolist() == [True, False, False]
    assert set(found["population"]) == {"all"}
    assert set(found["realization"]) == {1}


def test_units_of_plain_times_can_be_said():
    expected = find_bursts({"i": NEURONS, "t": SECONDS})
    pd.testing.assert_frame_equal(find_bursts({"i": NEURONS, "t": SECONDS * 1000}, time_unit="ms"), expected)
    nest = find_bursts({"senders": NEURONS, "times": SECONDS}, time_unit="s")
    pd.testing.assert_frame_equal(nest, expected)


# Brian2 2.9 uses names of pyparsing and numpy that these have deprecated
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_brian2_monitor_with_its_units():
    brian2 = pytest.importorskip("brian2")
    brian2.prefs.codegen.target = "numpy"
    group = brian2.SpikeGeneratorGroup(2, NEURONS, SECONDS * brian2.second)
    monitor = brian2.SpikeMonitor(group)
    brian2.Network(group, monitor).run(300 * brian2.ms)
    assert len(monitor.i) == 4
    expected = find_bursts({"i": NEURONS, "t": SECONDS})
    for spikes in (
        monitor,
        {"i": monitor.i, "t": monitor.t},
        {"i": monitor.i[:], "t": monitor.t[:]},
        monitor.get_states(["i", "t"], units=True),
        monitor.get_states(["i", "t"], units=False, format="pandas"),
    ):
        found = find_bursts(spikes)
        np.testing.assert_allclose(found["time_ms"], expected["time_ms"], atol=1e-9)
        assert found["burst"].tolist() == expected["burst"].tolist()
    with pytest.raises(BurstpropError, match="t has the dimension"):
        find_bursts({"i": monitor.i[:], "t": monitor.t[:] * brian2.mV})


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        ([1, 2], "spikes are a list: give a DataFrame or dict"),
        ({"neuron_id": [0]}, "exactly one of time_ms"),
        ({"time_ms": [0.0]}, "exactly one of neuron_id"),
        ({"time_ms": [0.0], "t": [0.0], "i": [0]}, "columns time_ms, t, i: exactly one of time_ms"),
        ({"time_ms": [0.0, 1.0], "neuron_id": [0]}, "two columns of one length"),
        ({"time_ms": [0.0, np.nan], "neuron_id": [0, 0]}, "spike 1 has time nan"),
        ({"time_ms": [-1.0], "neuron_id": [0]}, "a spike is at -1 ms"),
        ({"time_ms": [1.0], "neuron_id": [0.5]}, r"spike 0 is of neuron 0\.5"),
        ({"time_ms": [1.0], "neuron_id": [-3]}, "a spike is of neuron -3"),
        ({"time_ms": ["1"], "neuron_id": [0]}, "column 'time_ms' holds"),
        (
            {"time_ms": [1.0], "neuron_id": [0], "population": ["a", "b"]},
            "'population' has 2 rows, the spikes 1",
        ),
        ({"time_ms": [1.0], "neuron_id": [0], "population": [None]}, "'population' has empty cells"),
        ({"i": [0, 0, 1], "t": [10.0, 15.0, 3.0]}, "say time_unit='ms' or time_unit='s'"),
    ],
)
def test_unusable_tables_are_explained(spikes, message):
    with pytest.raises(BurstpropError, match=message):
        find_bursts(spikes)


def test_unusable_options_are_explained():
    spikes = {"time_ms": [1.0], "neuron_id": [7], "population": ["pyr"]}
    for options, message in (
        ({"definition": "traces"}, "did you mean 'trace'"),
        ({"window_ms": 0.0}, r"window_ms = 0\.0 ms: give a positive time"),
        ({"time_unit": "us"}, "give 'ms' or 's'"),
        ({"time_unit": "s"}, "in ms by its name"),
    ):
        with pytest.raises(BurstpropError, match=message):
            find_bursts(spikes, **options)
    for sizes, message in (
        (7, "n_neurons of 'pyr' = 7, but neuron 7 spiked"),
        ({"pyramidal": 9}, "no population 'pyr'"),
        ({"pyr": 8, "som": 0}, "n_neurons of 'som' = 0"),
    ):
        with pytest.raises(BurstpropError, match=message):
            event_rates(spikes, sizes)
    with pytest.raises(BurstpropError, match="bin_ms = -1 ms"):
        event_rates(spikes, 8, -1)


def test_rates_of_a_part_of_a_table_need_no_size_of_the_rest():
    spikes = pd.DataFrame(
        {"time_ms": [5.0, 8.0], "neuron_id": [0, 0], "population": pd.Categorical(["a", "b"])}
    )
    part = spikes[spikes["population"] == "a"]
    for sizes in (5, {"a": 5}):
        rates = event_rates(part, sizes)
        assert rates["population"].tolist() == ["a"]
        assert rates["rate_hz"].tolist() == [4.0]
    assert event_rates(part, {"a": 5, "b": 5})["population"].tolist() == ["a", "b"]
    assert event_rates(part[:0], 5, stop_ms=50.0)["rate_hz"].tolist() == [0.0, 0.0]


def test_rates_by_hand():
    spikes = pd.DataFrame(
        {
            # event at 5; burst 48, 52 (second spike in the next bin); 100 lies at the border of two bins
            "time_ms": [5.0, 48.0, 52.0, 100.0, 10.0],
            "neuron_id": [0, 1, 1, 0, 3],
            "population": ["a", "a", "a", "a", "b"],
        }
    )
    rates = event_rates(spikes, {"a": 2, "b": 4, "c": 1}, 50.0)
    assert rates["time_ms"].tolist() == [50.0] * 3 + [100.0] * 3 + [150.0] * 3
    a = rates[rates["population"] == "a"]
    assert a["rate_hz"].tolist() == [20.0, 10.0, 10.0]
    assert a["event_rate_hz"].tolist() == [20.0, 0.0, 10.0]
    assert a["burst_rate_hz"].tolist() == [0.0, 10.0, 0.0]
    assert a["burst_prob"].tolist()[::2] == [0.0, 0.0]
    assert math.isnan(a["burst_prob"].tolist()[1]), "a burst without an event in its bin has no probability"
    assert rates[rates["population"] == "b"]["rate_hz"].tolist() == [5.0, 0.0, 0.0]
    c = rates[rates["population"] == "c"]
    assert (c["rate_hz"] == 0).all()
    assert c["burst_prob"].isna().all()
    assert len(event_rates(spikes, {"a": 2, "b": 4}, 50.0, stop_ms=400.0)) == 8 * 2
    cut = event_rates(spikes, {"a": 2, "b": 4}, 50.0, stop_ms=100.0)
    pd.testing.assert_frame_equal(
        cut[cut["population"] == "a"].drop(columns="population").reset_index(drop=True),
        a.iloc[:2].drop(columns="population").reset_index(drop=True),
    )


def test_rates_of_a_silent_or_empty_table():
    empty = pd.DataFrame({"time_ms": [], "neuron_id": [], "population": []})
    assert find_bursts(empty).empty
    rates = event_rates(empty, {"a": 3}, 50.0, stop_ms=100.0)
    assert rates["rate_hz"].tolist() == [0.0, 0.0]
    assert event_rates(empty, {"a": 3}, 50.0).empty


def test_rates_of_every_realization_stand_side_by_side():
    rng = np.random.default_rng(5)
    parts = [bursty(rng, 20, 2000).assign(population="a", realization=run) for run in (1, 2)]
    together = event_rates(pd.concat(parts), {"a": 20}, stop_ms=2000)
    alone = [event_rates(part, {"a": 20}, stop_ms=2000) for part in parts]
    pd.testing.assert_frame_equal(together, pd.concat(alone, ignore_index=True))
    total = together["rate_hz"].sum() * 20 * 0.05
    assert total == pytest.approx(sum(len(part) for part in parts))


def test_no_loop_goes_over_the_spikes():
    """A hundred times as many spikes take about as many calls, and so a million of them a second or two."""
    rng = np.random.default_rng(0)
    calls = []
    for n in (2_000, 200_000):
        spikes = pd.DataFrame({"time_ms": rng.uniform(0, 1e5, n), "neuron_id": rng.integers(0, 2000, n)})
        made = 0

        def note(frame, event, argument):
            nonlocal made
            made += event in ("call", "c_call")

        sys.setprofile(note)
        try:
            find_bursts(spikes)
        finally:
            sys.setprofile(None)
        calls.append(made)
    assert calls[1] < 1.5 * calls[0] + 200


def test_a_million_spikes():
    rng = np.random.default_rng(0)
    n = 1_000_000
    spikes = pd.DataFrame({"time_ms": rng.uniform(0, 1e5, n), "neuron_id": rng.integers(0, 2000, n)})
    found = find_bursts(spikes)
    assert found["n_spikes"].sum() == n
    # of Poisson spikes of rate r, the share that begins an event by the interval definition is exp(-16 ms r)
    share = len(find_bursts(spikes, definition="interval")) / n
    rate = n / 2000 / 1e5
    assert share == pytest.approx(math.exp(-16 * rate), abs=5 / math.sqrt(n))


def test_a_table_read_once_is_read_the_same_again():
    table = spike_table({"i": NEURONS, "t": SECONDS})
    pd.testing.assert_frame_equal(spike_table(table), table)


def test_rates_equal_those_that_a_simulation_counts_as_it_runs():
    from burstprop.circuits.propagation import experiment as propagation
    from burstprop.simulation import simulate

    params = propagation.Params(n_pyr1=200, n_pyr2=200, n_pv=50, n_som=50, settling_ms=100.0)
    circuit = propagation.build(params)
    recording = simulate(circuit, 600.0, seed=3)
    sizes = {population.name: population.n for population in circuit.populations}
    rates = event_rates(recording.spikes, sizes, 50.0, stop_ms=600.0)
    assert rates["burst_rate_hz"].max() > 0
    keys = ["time_ms", "population"]
    mine, online = (
        frame.astype({"population": str}).sort_values(keys, ignore_index=True)
        for frame in (rates, recording.rates)
    )
    pd.testing.assert_frame_equal(mine, online[list(mine)], check_dtype=False)
