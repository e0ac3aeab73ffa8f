import itertools
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from burstprop.circuits.propagation import experiment as propagation
from burstprop.circuits.xor import experiment as xor
from burstprop.errors import BurstpropError
from burstprop.recording import Recording
from burstprop.report.plotting import (
    BLACK,
    COLOURS,
    CYCLE,
    colour,
    figure,
    learning_curve,
    over_time,
    panel_letters,
    place_legend,
    raster,
    recording_figure,
    reference,
)

SPIKES = pd.DataFrame(
    {
        "time_ms": [1.0, 2.0, 3.0, 4.0, 5.0],
        "population": ["pyr1", "pyr1", "PV", "pyr1", "pyr1"],
        "neuron_id": [0, 1, 0, 99, 0],
        "realization": [1, 1, 1, 1, 2],
    }
)
RATES = pd.DataFrame(
    {
        "time_ms": [0.0, 50.0] * 4,
        "population": ["pyr1"] * 4 + ["PV"] * 4,
        "rate_hz": [np.nan] * 4 + [9.0, 10.0, 11.0, 12.0],
        "event_rate_hz": [4.0, 6.0, 8.0, 6.0] + [np.nan] * 4,
        "burst_prob": [0.2, 0.3, 0.4, np.nan] + [np.nan] * 4,
        "realization": [1, 1, 2, 2] * 2,
    }
)


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.get_lines()}


def ticks(axes):
    return sorted((x, (y0 + y1) / 2) for c in axes.collections for (x, y0), (_, y1) in c.get_segments())


def test_raster_draws_one_realization_one_row_a_neuron_and_the_first_neurons():
    _, axes = figure()
    raster(SPIKES, axes, neurons=10)
    assert ticks(axes) == [(1.0, 0.0), (2.0, 1.0), (3.0, 10.0)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["pyr1", "PV"]
    assert axes.get_xlabel() == "time (ms)"
    _, axes = figure()
    raster(SPIKES, axes, populations=["pyr1"], realization=2)
    assert ticks(axes) == [(5.0, 0.0)]


def test_raster_marks_bursts():
    events = SPIKES.assign(burst=[True, False, False, False, True])
    _, axes = figure()
    raster(SPIKES, axes, events=events, populations=["pyr1"])
    assert len(ticks(axes)) == 2 + 1


def test_lines_are_means_over_realizations_and_bands_one_sd():
    _, axes = figure()
    over_time(RATES, axes, "event_rate_hz")
    np.testing.assert_allclose(lines(axes)["pyr1"], [[0, 6], [50, 6]])
    assert list(lines(axes)) == ["pyr1"], "a population without this rate has no line"
    corners = axes.collections[0].get_paths()[0].vertices
    sd = np.std([4, 8], ddof=1)
    assert corners[:, 1].min() == pytest.approx(6 - sd)
    assert corners[:, 1].max() == pytest.approx(6 + sd)
    assert axes.get_ylabel() == "event rate (Hz)"


def test_burst_probability_is_in_percent_and_skips_what_is_not_there():
    _, axes = figure()
    over_time(RATES, axes, "burst_prob")
    np.testing.assert_allclose(lines(axes)["pyr1"], [[0, 30], [50, 30]])
    assert axes.get_ylabel() == "burst probability (%)"


def test_long_runs_are_in_seconds():
    frame = pd.DataFrame({"time_ms": [0.0, 20_000.0], "projection": "a", "weight": [0.1, 0.2]})
    _, axes = figure()
    over_time(frame, axes, "weight", by="projection")
    np.testing.assert_allclose(lines(axes)["a"], [[0, 0.1], [20, 0.2]])
    assert axes.get_xlabel() == "time (s)"


def test_learning_curve_shows_each_realization_and_their_mean():
    frame = pd.DataFrame(
        {"epoch": [0, 1, 2] * 2, "cost": [3.0, 2, 1, 5, 2, 3], "realization": [1] * 3 + [2] * 3, "rule": "a"}
    )
    _, axes = figure()
    learning_curve(frame, axes, chance=2.77)
    drawn = [line.get_ydata() for line in axes.get_lines()]
    np.testing.assert_allclose(drawn[:2], [[3, 2, 1], [5, 2, 3]])
    np.testing.assert_allclose(drawn[2], [4, 2, 2])
    np.testing.assert_allclose(drawn[3], [2.77, 2.77])
    _, axes = figure()
    learning_curve(frame, axes, by="rule", smooth=2)
    np.testing.assert_allclose(lines(axes)["a"][:, 1], [4, 3, 2])


def test_wrong_columns_and_names_are_named():
    _, axes = figure()
    with pytest.raises(BurstpropError, match="no column 'burst_probability': did you mean 'burst_prob'"):
        over_time(RATES, axes, "burst_probability")
    with pytest.raises(BurstpropError, match="no population 'pyr3': did you mean 'pyr1'"):
        over_time(RATES, axes, "event_rate_hz", only=["pyr3"])
    with pytest.raises(BurstpropError, match="no column 'neuron_id'"):
        raster(RATES, axes)


def test_a_silent_population_that_the_frame_knows_is_drawn_empty():
    names = pd.Categorical(SPIKES["population"], categories=["pyr1", "PV", "som"])
    _, axes = figure()
    raster(SPIKES.assign(population=names), axes, populations=["som", "pyr1"], neurons=10)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["som", "pyr1"]
    assert ticks(axes) == [(1.0, 10.0), (2.0, 11.0)]
    _, axes = figure()
    over_time(RATES, axes, "burst_prob", only=["PV", "pyr1"])
    np.testing.assert_allclose(lines(axes)["pyr1"], [[0, 30], [50, 30]])
    _, axes = figure()
    raster(SPIKES.assign(population=names), axes)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["pyr1", "PV"]
    with pytest.raises(BurstpropError, match="no population 'somm': did you mean 'som'"):
        raster(SPIKES.assign(population=names), axes, populations=["somm"])


def recording(spikes, states=None, weights=None):
    nothing = pd.DataFrame({"time_ms": [], "population": [], "neuron_id": [], "realization": []})
    return Recording(
        spikes, RATES, nothing if states is None else states, nothing if weights is None else weights
    )


def test_the_figure_of_a_recording_draws_what_there_is():
    states = pd.DataFrame(
        {"time_ms": [0.0, 1.0] * 2, "population": "pyr1", "neuron_id": [0, 0, 4, 4], "realization": 1,
         "v_s": [-70.0, -60.0, -65.0, -66.0], "w_s": 1.0, "v": np.nan}
    )  # fmt: skip
    weights = pd.DataFrame(
        {"time_ms": [0.0, 50.0], "projection": "a->b", "mean": [0.1, 0.2], "realization": 1}
    )
    fig = recording_figure(recording(SPIKES, states, weights), populations=["pyr1"])
    titles = [axes.get_title(loc="left") for axes in fig.axes]
    assert titles == ["spikes", "event rate E", "burst probability P", "weights", "v_s of pyr1"]
    assert [axes.get_xlabel() for axes in fig.axes] == [""] * 4 + ["time (ms)"]
    assert list(lines(fig.axes[1])) == ["pyr1"]
    np.testing.assert_allclose(lines(fig.axes[3])["a->b"], [[0, 0.1], [50, 0.2]])
    assert list(lines(fig.axes[4])) == ["neuron 0", "neuron 4"]
    np.testing.assert_allclose(lines(fig.axes[4])["neuron 4"], [[0, -65], [1, -66]])
    nothing = Recording(SPIKES[:0], RATES[:0], states[:0], weights[:0])
    with pytest.raises(BurstpropError, match="holds nothing to draw"):
        recording_figure(nothing)


def test_the_figure_of_a_recording_and_letters_are_drawn_without_warning(tmp_path):
    fig = recording_figure(recording(SPIKES))
    assert len(fig.axes) == 3
    panel_letters(fig.axes)
    reference([0, 50], [5, 6], fig.axes[1])
    place_legend(fig.axes[1])
    fig.savefig(tmp_path / "a.png")
    assert len(recording_figure(recording(SPIKES[:0])).axes) == 2


def test_populations_of_the_published_circuits_have_a_colour_of_their_own():
    for circuit in (propagation, xor):
        names = [population.name for population in circuit.build(circuit.Params()).populations]
        own = [colour(name, 0) for name in names]
        assert own == [colour(name, 5) for name in names], "a colour depends on the place in the figure"
        assert own == [COLOURS[name] for name in names]
        assert len(set(own)) == len(names)
    _, axes = figure()
    over_time(RATES.assign(population="som"), axes, "rate_hz")
    assert {line.get_color() for line in axes.get_lines()} == {colour("SOM")} == {COLOURS["som"]}


def test_colours_stay_apart_for_people_with_a_colour_vision_deficiency():
    # Viénot, Brettel & Mollon 1999: linear RGB as seen with protanopia and with deuteranopia
    views = {
        "normal": np.eye(3),
        "protanopia": np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
        "deuteranopia": np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
    }

    def lab(code, view):
        rgb = np.array([int(code[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
        xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ (
            views[view] @ linear
        )
        x, y, z = np.cbrt(np.clip(xyz / [0.9505, 1, 1.089], 0.0089, None))
        return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])

    sets = [CYCLE, [COLOURS[name] for name in ("pyr1", "pyr2", "pv", "som")]]
    sets.append([COLOURS[name] for name in ("input1", "hidden1", "hidden2", "output")])
    for view, colours in itertools.product(views, sets):
        for one, two in itertools.combinations(colours, 2):
            assert np.linalg.norm(lab(one, view) - lab(two, view)) > 15, (view, one, two)
        assert BLACK in CYCLE


def test_no_global_state_is_touched():
    code = (
        "import matplotlib; before = dict(matplotlib.rcParams);"
        "from burstprop.report.plotting import figure; figure(2, 2); print(dict(matplotlib.rcParams) == before)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "True"


def test_a_legend_takes_handles_of_its_own_where_no_line_has_a_label():
    from matplotlib.lines import Line2D

    _, axes = figure()
    axes.plot([0, 1], [0, 1])
    place_legend(axes, handles=[Line2D([], [], label="before"), Line2D([], [], label="after")])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["before", "after"]
