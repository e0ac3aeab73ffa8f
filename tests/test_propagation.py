"""The propagation circuit: its numbers, the published figures, what the check lets pass and what not."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from oracles import propagation as oracle
from reference import fit_propagation

from burstprop import Circuit, Microcircuit, Population, PyramidalNeuron, simulate
from burstprop.circuits.propagation import check as judged
from burstprop.circuits.propagation import experiment as propagation
from burstprop.circuits.propagation.fit import SIGNALS, Protocol, figures, side_by_side
from burstprop.circuits.propagation.reference import DRIVES, published_figures, published_series
from burstprop.errors import BurstpropError
from burstprop.parameters import parse, replace
from burstprop.report.claim import Claim

PROTOCOL = fit_propagation.PUBLISHED
ALL_TOGETHER = "all published figures: squared distance from them, for each figure"
TINY = propagation.Params(
    n_pyr1=80,
    n_pyr2=80,
    n_pv=20,
    n_som=20,
    connection_probability=0.5,
    settling_ms=100.0,
    stimulation_ms=600.0,
)


@pytest.fixture(scope="module")
def frames():
    """Two realizations at the published size."""
    return propagation.EXPERIMENT.frames(quick=True, jobs=1, progress=False)


def published_frames(drive="published", realizations=None):
    """The published rates as if they were ours; by default those of the first five realizations."""
    rates = fit_propagation.published_rates(drive)
    chosen = realizations or sorted(rates["realization"].unique())[:5]
    amplitudes = dict(zip(("feedforward_pa", "feedback_pa"), DRIVES[drive], strict=True))
    return {
        "rates": rates[rates["realization"].isin(chosen)],
        "protocol": pd.DataFrame([PROTOCOL._asdict() | amplitudes]),
    }


def failed(claims):
    return {claim.claim for claim in claims if claim.failed}


# --- the circuit


def test_the_circuit_has_the_published_numbers():
    circuit = propagation.build()
    names = {
        "exc_soma": "soma_exc",
        "inh_soma": "soma_inh",
        "exc_dend": "dendrite_exc",
        "inh_dend": "dendrite_inh",
    }
    assert {p.name: p.n for p in circuit.populations} == dict(pyr1=4000, pyr2=4000, pv=1000, som=1000)
    assert {(b.population, b.receptor, b.weight) for b in circuit.backgrounds} == {
        (population, names[port], weight) for population, port, weight in oracle.BACKGROUNDS
    }
    assert {(b.rate_hz, b.counts, b.delay_ms) for b in circuit.backgrounds} == {(500.0, "bernoulli", 0.8)}
    found = {
        (p.source, p.target, p.receptor): (
            p.weight,
            p.stp and (p.stp.tau_d_ms, p.stp.tau_f_ms, p.stp.utilisation),
        )
        for p in circuit.projections
    }
    stp = {id(oracle.DEPRESSING): (20.0, 1000.0, 0.9), id(oracle.FACILITATING): (100.0, 100.0, 0.02)}
    assert found == {
        (pre, post, names[port]): (weight, stp.get(id(kind)))
        for pre, post, port, kind, weight in oracle.PROJECTIONS
    }
    assert {(p.connectivity.p, p.delay_ms, p.transmits) for p in circuit.projections} == {
        (0.05, 0.8, "spikes")
    }
    assert {(p.stp.jump, p.stp.u_start) for p in circuit.projections if p.stp} == {(None, 0.01)}
    assert {p.neuron.dendritic_driving_force for p in circuit.populations[:2]} == {"somatic"}


@pytest.mark.parametrize("t_ms", [999.9, 1000.0, 1337.7, 3999.9])
def test_the_currents_are_the_published_ones(t_ms):
    total = {}
    for current in propagation.build().currents:
        key = current.population, current.compartment.replace("dendrite", "dend")
        total[key] = total.get(key, 0.0) + float(current.waveform.current(np.array([t_ms]))[0])
    for key, value in total.items():
        assert value == pytest.approx(oracle.current(key, 1000.0)(t_ms), abs=1e-9), key
    assert set(oracle.SINES) | set(oracle.CONSTANT) <= set(total)
    assert propagation.duration_ms(propagation.Params()) == 4000.0


def test_every_parameter_reaches_the_circuit():
    params = propagation.Params()
    before = propagation.build(params).fingerprint()
    for field in dataclasses.fields(params):
        if field.name in ("stimulation_ms", "bin_ms"):
            continue
        value = getattr(params, field.name)
        words = {
            "background_counts": "poisson",
            "dendritic_driving_force": "own",
            "dt_ms": "0.05",
            "delay_ms": "0.9",
        }
        other = words.get(field.name) or str(
            0.1 if value is None else (value + 1 if value > 1 else value * 0.5 + 0.013)
        )
        changed = parse(params, [f"{field.name}={other}"])
        assert propagation.build(changed).fingerprint() != before, field.name
    assert propagation.duration_ms(replace(params, stimulation_ms=100.0)) == 1100.0


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("w_pyr1_pyr2=-0.1", "w_pyr1_pyr2"),
        ("connection_probability=1.2", "connection_probability"),
        ("n_som=0", "n_som"),
        ("feedback_period_ms=0", "feedback_period_ms"),
        ("dendritic_driving_force=both", "driving_force"),
        ("background_counts=gauss", "counts"),
        ("dt_ms=0.3", "dt_ms"),
        ("stimulation_ms=300", "stimulation_ms"),
    ],
)
def test_a_wrong_parameter_is_named_before_anything_runs(setting, named):
    with pytest.raises(BurstpropError, match=named):
        propagation.EXPERIMENT.frames(parse(propagation.Params(), [setting]), jobs=1, progress=False)


def test_a_microcircuit_goes_between_any_two_layers():
    layers = [Population(name, 50, PyramidalNeuron()) for name in ("a", "b", "c")]
    micro = Microcircuit(n_pv=10, n_som=12, connection_probability=0.5, w_from_pv=0.2)
    low = micro.between("a", "b", pv="pv_low", som="som_low")
    high = micro.between("b", "c", pv="pv_high", som="som_high")
    circuit = Circuit(
        populations=(*layers, *low.populations, *high.populations),
        projections=(*low.projections, *high.projections),
        backgrounds=(*low.backgrounds, *high.backgrounds),
        currents=(*low.currents, *high.currents),
    )
    paths = {(p.source, p.target, p.receptor, p.weight) for p in circuit.projections}
    assert ("pv_high", "c", "soma_inh", 0.2) in paths
    assert ("som_high", "b", "dendrite_inh", micro.w_from_som) in paths
    # one pair of layers runs with the loop that is compiled for the propagation circuit
    pair = Circuit((*layers[:2], *low.populations), low.projections, low.backgrounds, low.currents)
    recording = simulate(pair, 100.0)
    assert recording.info["populations"]["som_low"] == 12
    assert recording.spikes["population"].isin(["pv_low", "som_low"]).any()
    again = (*micro.between("a", "b").populations, *micro.between("b", "c").populations)
    with pytest.raises(BurstpropError, match="'pv'"):
        Circuit(populations=(*layers, *again))
    with pytest.raises(BurstpropError, match="w_to_som"):
        Microcircuit(w_to_som=-1.0)


# --- the fit


def test_the_fit_finds_the_waves_that_were_put_in():
    t = np.arange(1050.0, 4001.0, 50.0)
    middle = t - 25.0
    fast, slow = (
        np.sin(2.0 * np.pi * middle / period + phase)
        for period, phase in ((PROTOCOL.feedforward_period_ms, 0.4), (PROTOCOL.feedback_period_ms, -2.0))
    )
    values = {"event_rate_hz": 5.0 + 2.0 * fast + 0.3 * slow, "burst_prob": 0.3 + 0.01 * fast + 0.1 * slow}
    values["rate_hz"] = np.where(t == 2000.0, np.nan, 10.0 + fast)
    rates = pd.concat(
        pd.DataFrame({"time_ms": t, "population": p, "realization": 1, **values})
        for p in ("pyr1", "pyr2", "pv", "som")
    )
    found = figures(rates, PROTOCOL).set_index(["signal", "figure"])["value"]
    assert found["E of pyr1", "mean"] == pytest.approx(5.0)
    assert found["E of pyr2", "feedforward amplitude"] == pytest.approx(2.0)
    assert found["E of pyr2", "feedforward phase"] == pytest.approx(math.degrees(0.4))
    assert found["P of pyr2", "feedback amplitude"] == pytest.approx(0.1)
    assert found["P of pyr2", "feedback phase"] == pytest.approx(math.degrees(-2.0))
    assert found["rate of PV", "feedforward amplitude"] == pytest.approx(
        1.0
    )  # a bin without a value is left out
    assert found["E of pyr1", "leakage"] == pytest.approx(0.15)
    assert found["P of pyr1", "leakage"] == pytest.approx(0.1)
    assert found["E of pyr1", "share"] > 0.95
    # E is fast + 0.15 slow, so what is left of P beside it is the slow wave, less a little
    assert found["P of pyr1 beside E", "share"] > 0.95


def test_phases_are_compared_on_the_circle():
    theirs = published_figures()
    turned = {name: 360.0 for name in theirs if name.endswith("phase")}
    same = judged.agreement_with(
        theirs, theirs.iloc[:5].add(pd.Series(turned), fill_value=0.0)[theirs.columns]
    )
    expected = judged.agreement_with(theirs, theirs.iloc[:5])
    assert same.distance == pytest.approx(expected.distance)
    assert same.single["measured"].to_numpy() == pytest.approx(expected.single["measured"].to_numpy())


# --- the published figures


def test_the_tables_of_published_figures_are_what_the_program_makes():
    for name, text in fit_propagation.tables().items():
        assert (fit_propagation.INTO / name).read_text(encoding="utf-8") == text


def test_the_published_figures_agree_with_an_independent_fit():
    """One signal by hand: projection on the wave over a whole number of feedforward periods, mean of 3 s."""
    rates, table = fit_propagation.published_rates(), published_figures().mean()
    own = rates[(rates["population"] == "pyr1") & (rates["time_ms"] > 1000.0)]
    assert own.groupby("realization")["event_rate_hz"].mean().mean() == pytest.approx(5.52, abs=0.02)
    sixth = own[own["time_ms"] <= 3500.0]
    angle = 2.0 * np.pi * (sixth["time_ms"] - 25.0) / 500.0
    wave = np.mean(sixth["event_rate_hz"] * np.exp(1j * angle)) * 2.0
    assert abs(wave) == pytest.approx(table["E of pyr1: feedforward amplitude"], rel=0.02)
    phase = 90.0 - np.degrees(np.angle(wave))
    assert phase == pytest.approx(table["E of pyr1: feedforward phase"], abs=2.0)
    assert {drive: len(published_figures(drive)) for drive in DRIVES} == {"published": 25, "other_drive": 15}
    assert list(published_series()) == ["time_ms", *SIGNALS]


# --- the check


def test_the_published_rates_pass_and_altered_ones_do_not():
    frames = published_frames()
    assert not failed(propagation.check(frames))
    rates = frames["rates"]
    layer = rates["population"] == "pyr1"
    louder = rates.assign(event_rate_hz=rates["event_rate_hz"].where(~layer, rates["event_rate_hz"] * 1.03))
    assert "E of pyr1: mean" in failed(propagation.check({**frames, "rates": louder}))
    late = rates.assign(time_ms=rates["time_ms"] + 100.0)
    assert "P of pyr2: feedback phase" in failed(propagation.check({**frames, "rates": late}))
    upper = rates["population"] == "pyr2"
    mixed = rates.assign(burst_prob=rates["burst_prob"].where(~upper, 0.05 * rates["event_rate_hz"]))
    assert {claim for claim in failed(propagation.check({**frames, "rates": mixed})) if "leakage" in claim}


def test_other_sines_are_held_against_the_published_program_with_these():
    frames = published_frames("other_drive")
    claims = propagation.check(frames)
    assert not failed(claims)
    assert not [claim for claim in claims if "leakage" in claim.claim], "stated for the published sines"
    exchanged = {**frames, "protocol": published_frames()["protocol"]}
    assert ALL_TOGETHER in failed(propagation.check(exchanged))


def test_single_bounds_are_prediction_intervals_of_their_share_of_the_false_alarms():
    theirs = published_figures()
    ours = side_by_side(figures(published_frames(realizations=[6, 7, 8])["rates"], PROTOCOL))
    found = judged.agreement_with(theirs, ours).single
    names = judged.compared(theirs)
    assert len(names) == 29
    # a phase of a wave that is hardly there is not compared
    assert "rate of PV: feedback phase" not in names
    chance = 0.0
    for name in names:
        if name.endswith("phase"):
            continue
        spread = (24 * theirs[name].var() + 2 * ours[name].var()) / 26  # theirs and ours together
        error = math.sqrt(spread * (1.0 / 25.0 + 1.0 / 3.0))
        assert (found.loc[name, "high"] + found.loc[name, "low"]) / 2.0 == pytest.approx(theirs[name].mean())
        chance = 2.0 * scipy.stats.t.sf((found.loc[name, "high"] - theirs[name].mean()) / error, df=26)
        assert chance * len(names) == pytest.approx(0.4 * judged.FALSE_ALARMS, rel=1e-6), name


def test_the_spread_is_judged_from_five_realizations_on():
    def spread(realizations):
        (claim,) = [
            c for c in propagation.check(published_frames(realizations=realizations)) if "SD over" in c.claim
        ]
        return claim

    assert spread([1, 2]).not_judged == "needs 5 realizations"
    assert spread([1, 2, 3, 4, 5]).passed


def test_too_few_bins_are_an_error_that_says_what_to_do():
    frames = published_frames()
    short = frames["rates"][frames["rates"]["time_ms"] <= 1300.0]
    with pytest.raises(BurstpropError, match="stimulation_ms"):
        propagation.check({**frames, "rates": short})


# --- the run


def test_two_realizations_hold_every_claim(frames):
    claims = propagation.check(frames)
    assert not failed(claims), [c for c in claims if not c.passed]
    assert len(claims) == 41
    assert [claim.claim for claim in claims if claim.not_judged] == [
        "all published figures: SD over theirs, geometric mean"
    ]
    assert all(
        isinstance(claim, Claim) and (math.isfinite(claim.low) or math.isfinite(claim.high))
        for claim in claims
        if not claim.not_judged
    )


def test_the_frames_are_tidy(frames):
    rates = frames["rates"]
    assert list(rates.columns) == [
        "time_ms", "population", "rate_hz", "event_rate_hz", "burst_rate_hz", "burst_prob", "realization",
    ]  # fmt: skip
    assert len(rates) == 2 * 4 * 80
    assert rates["time_ms"].max() == 4000.0
    assert set(frames["spikes"]["realization"]) == {1}
    assert frames["spikes"]["neuron_id"].max() < propagation.RASTER_NEURONS
    assert frames["stimuli"]["feedforward_pa"].abs().max() == pytest.approx(200.0, rel=1e-3)


def test_the_figure_shows_ours_and_the_published_ones(frames, tmp_path):
    picture = propagation.figure(frames)
    picture.savefig(tmp_path / "figure.png")
    axes = picture.axes
    assert len(axes) == 8
    published_points = [line for line in axes[3].lines if line.get_marker() == "o"]
    assert published_points[0].get_ydata()[0] == pytest.approx(28.39, abs=0.1)
    one = {
        name: frame[frame["realization"] == 1] if "realization" in frame else frame
        for name, frame in frames.items()
    }
    propagation.figure(one).savefig(tmp_path / "one.png")


@pytest.mark.parametrize(
    "undone", ["dendritic_driving_force=own", "stp_jump=0.1", "background_counts=poisson", "w_from_som=0.02"]
)
def test_without_a_departure_of_the_published_program_the_check_fails(undone):
    params = parse(propagation.Params(), [undone])
    claims = propagation.check(propagation.EXPERIMENT.frames(params, realizations=1, jobs=1, progress=False))
    assert ALL_TOGETHER in failed(claims)


def test_a_realization_is_the_same_however_many_run_and_wherever():
    several = propagation.EXPERIMENT.frames(TINY, realizations=3, jobs=2, progress=False)
    alone = propagation.EXPERIMENT.frames(TINY, realizations=1, jobs=1, progress=False)
    first = several["rates"][several["rates"]["realization"] == 1]
    pd.testing.assert_frame_equal(first, alone["rates"])
    pd.testing.assert_frame_equal(several["spikes"], alone["spikes"])
    second = several["rates"][several["rates"]["realization"] == 2].reset_index(drop=True)
    assert not second["rate_hz"].equals(alone["rates"]["rate_hz"])


def test_progress_reaches_the_end():
    seen = []
    propagation.realize(TINY, 1, 1, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_protocol_names_what_the_check_needs(frames):
    assert Protocol(*frames["protocol"].iloc[0][list(Protocol._fields)]) == PROTOCOL
