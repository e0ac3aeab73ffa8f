"""The page with sliders: what it says as Python, what its knobs do, and the page in a real browser."""

import argparse
import dataclasses
import http.client
import os
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from chromium import chromium

from burstprop import (
    BurstDependentRule,
    Circuit,
    Current,
    Matrix,
    Population,
    Projection,
    PyramidalNeuron,
    Recording,
    Simulation,
)
from burstprop.circuits import plasticity_rule, propagation, xor
from burstprop.cli import explore as explore_cli
from burstprop.errors import BurstpropError
from burstprop.explore import first_circuit
from burstprop.explore.as_python import as_python
from burstprop.explore.knobs import constant_pa, knobs, turn, turned
from burstprop.explore.live import Live

SMALL = dataclasses.replace(first_circuit.Params(), n_pyr=40, n_som=10)


def knob(circuit, kind, part, field):
    return next(k for k in knobs(circuit) if (k.kind, k.part, k.field) == (kind, part, field))


@pytest.mark.parametrize(
    "module", [first_circuit, propagation, plasticity_rule, xor], ids=lambda m: m.__name__.rpartition(".")[2]
)
def test_a_copied_program_builds_the_same_circuit(module):
    circuit = module.build(module.Params())
    text = as_python(circuit, duration_ms=1000.0, seed=3)
    assert max(map(len, text.splitlines())) <= 110
    names = {}
    exec(text.partition("recording =")[0], names)
    assert names["circuit"] == circuit
    assert as_python(names["circuit"], duration_ms=1000.0, seed=3) == text
    assert "recording = simulate(circuit, duration_ms=1000.0, seed=3)" in text


def test_a_copied_program_holds_arrays_and_refuses_what_has_no_text():
    cells = Population("a", 3, PyramidalNeuron(tau_s=np.array([10.0, 12.5, 14.0])))
    circuit = Circuit((cells,))
    names = {}
    exec(as_python(circuit, duration_ms=1.0, seed=1).partition("recording =")[0], names)
    assert names["circuit"].fingerprint() == circuit.fingerprint()
    joined = Projection("a", "a", "soma_exc", 1.0, Matrix(np.ones((3, 3))))
    with pytest.raises(BurstpropError, match=r"weights is a csr_array, which has no text as Python"):
        as_python(dataclasses.replace(circuit, projections=(joined,)), duration_ms=1.0, seed=1)


def test_every_knob_changes_the_circuit_and_nothing_else():
    circuit = first_circuit.build(SMALL)
    found = knobs(circuit)
    assert {k.kind for k in found} == {"current", "weight", "stp"}
    for k in found:
        changed = turned(circuit, k, k.low + 0.7 * (k.high - k.low))
        assert changed.fingerprint() != circuit.fingerprint()
        back = turned(changed, k, k.value)
        assert knobs(back) == found


def test_a_turned_current_is_felt_by_a_run_under_way_as_one_that_was_there_from_the_start():
    circuit = first_circuit.build(SMALL)
    dendrite = knob(circuit, "current", "pyr", "dendrite")
    run = Simulation(circuit, seed=2)
    assert turn(run, dendrite, 317.0)
    run.advance(300.0)
    other = Simulation(turned(circuit, dendrite, 317.0), seed=2)
    assert constant_pa(other.circuit, "pyr", "dendrite") == 317.0
    other.advance(300.0)
    assert run.recording().spikes.equals(other.recording().spikes)
    assert not turn(run, knob(circuit, "stp", "pyr->som.soma_exc", "utilisation"), 0.5)


def wait(live):
    for _ in range(6000):
        if live.ready:
            return
        time.sleep(0.05)
    raise AssertionError("it does not get ready")


def test_a_live_run_goes_on_over_starts_and_is_written_to_a_file(tmp_path):
    learning = Projection("pyr", "som", "soma_exc", 0.1, transmits="events", rule=BurstDependentRule())
    circuit = first_circuit.build(SMALL)
    circuit = dataclasses.replace(circuit, projections=(*circuit.projections[1:], learning))
    live = Live(circuit, seed=1, folder=tmp_path)
    with pytest.raises(BurstpropError, match="still being compiled"):
        live.advance(50.0)
    wait(live)
    live.keep()
    first = live.advance(100.0)
    live.turn(knob(circuit, "weight", "som->pyr.dendrite_inh", "weight"), 0.6)
    live.set_plasticity(False)
    assert not live.circuit.plastic
    live.restart()
    wait(live)
    second = live.advance(100.0)
    assert second.rates["time_ms"].min() > first.rates["time_ms"].max() > 99.0
    assert len(second.weights)
    path = live.save()
    assert path == tmp_path / "explore-1.npz"
    kept = Recording.load(path)
    assert len(kept.spikes) == len(first.spikes) + len(second.spikes)
    assert [(note["what"], note["value"]) for note in kept.info["turned"]] == [
        ("som->pyr.dendrite_inh.weight", 0.6),
        ("plasticity", False),
        ("restart", True),
    ]
    with pytest.raises(BurstpropError, match="nothing was kept yet"):
        live.save()


def test_a_file_with_a_circuit_alone_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    text = """'''Mine.'''
from burstprop import *
circuit = Circuit((SpikeSource("given", 2, [1.0], [0]), Population("pyr", 3, PyramidalNeuron())))
"""
    (tmp_path / "opened_alone.py").write_text(text, encoding="utf-8")
    (tmp_path / "opened_empty.py").write_text("x = 1", encoding="utf-8")
    words = {"settings": [], "variant": None}
    alone = str(tmp_path / "opened_alone.py")
    title, circuit = explore_cli._named(argparse.Namespace(name=alone, **words))
    assert title == "Mine."
    assert [population.name for population in circuit.populations] == ["given", "pyr"]
    with pytest.raises(BurstpropError, match=r"defines a circuit without parameters: leave out --set"):
        explore_cli._named(argparse.Namespace(name=alone, settings=["n=1"], variant=None))
    with pytest.raises(BurstpropError, match=r"defines no circuit: write circuit = Circuit\(...\)"):
        explore_cli._named(argparse.Namespace(name=str(tmp_path / "opened_empty.py"), **words))


def test_a_circuit_that_cannot_run_says_so():
    class Waveform:
        def current(self, t_ms):
            raise ValueError("no current today")

        def __repr__(self):
            return "Waveform()"

    live = Live(
        Circuit((Population("a", 2, PyramidalNeuron()),), currents=(Current("a", "soma", Waveform()),))
    )
    with pytest.raises(ValueError, match="no current today"):
        wait(live)


@pytest.fixture
def served(tmp_path):
    """Start `burstprop explore` with some words, and give its port."""
    started = []

    def start(*words):
        command = [sys.executable, "-m", "burstprop", "explore", *words, "--port", "0", "--no-browser"]
        process = subprocess.Popen(
            [*command, "--out", str(tmp_path)], stdout=subprocess.PIPE, text=True, env={**os.environ}
        )
        started.append(process)
        line = process.stdout.readline()
        assert line.startswith("serving http://127.0.0.1:"), line
        return int(line.split(":")[2].partition("/")[0])

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def browser():
    pytest.importorskip("bokeh", reason="bokeh is not installed")
    with chromium() as open_page:
        yield open_page


def drag(page, title, value):
    """Drag the slider of that title to a value, with the mouse."""
    slider = page.locator(".bk-input-group", has_text=title).first
    handle, track = slider.locator(".noUi-handle"), slider.locator(".noUi-base")
    handle.scroll_into_view_if_needed()
    box, line = handle.bounding_box(), track.bounding_box()
    low, high = (float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max"))
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for share in np.linspace(0.2, 1.0, 5):
        start = box["x"] + box["width"] / 2
        end = line["x"] + line["width"] * (value - low) / (high - low)
        page.mouse.move(start + share * (end - start), box["y"] + box["height"] / 2)
    page.mouse.up()
    return float(handle.get_attribute("aria-valuenow"))


def means(page, population):
    """Return E and P of a population as the page shows them."""
    words = page.locator("tr", has_text=population).first.inner_text()
    return float(words.split("E = ")[1].split()[0]), float(words.split("P = ")[1].split()[0])


def settled(page, population, good, seconds=240):
    """Wait until E and P are as they should be, and return them."""
    for _ in range(seconds):
        now = means(page, population)
        if good(*now):
            return now
        page.wait_for_timeout(1000)
    raise AssertionError(f"E and P of {population} stay at {now}")


def assert_stays_here(page, port):
    hosts = {url.split("/")[2] for url in page.asked}
    assert hosts == {f"127.0.0.1:{port}"}, page.asked
    assert page.complaints == []


def test_dragging_the_dendritic_current_raises_p_and_leaves_e(browser, served, tmp_path):
    port = served()
    page = browser(
        viewport={"width": 1250, "height": 1000}, permissions=["clipboard-read", "clipboard-write"]
    )
    page.goto(f"http://127.0.0.1:{port}/")
    page.get_by_text("means of the last 2 s").wait_for()
    e, p = settled(page, "pyr", lambda e, p: 5 < e < 7 and 0.12 < p < 0.22)
    page.get_by_role("button", name="record to file").click()
    assert 312 <= drag(page, "pyr dendrite (pA)", 317) <= 322
    e, p = settled(page, "pyr", lambda e, p: p > 0.38)
    assert 4.5 < e < 7
    assert p < 0.5
    page.get_by_role("button", name="record to file").click()
    page.get_by_text("written: ").wait_for()
    kept = Recording.load(tmp_path / "explore-1.npz")
    assert kept.rates["burst_prob"].max() > 0.3
    page.get_by_role("button", name="copy as Python").click()
    page.get_by_text("copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    names = {}
    exec(copied.partition("recording =")[0], names)
    assert 312 <= constant_pa(names["circuit"], "pyr", "dendrite") <= 322
    assert page.locator("svg", has_text="som").count() > 0, "the circuit is drawn"
    assert_stays_here(page, port)


def test_the_page_of_a_synapse_follows_its_sliders(browser, served):
    port = served("pairing")
    page = browser(viewport={"width": 1250, "height": 1000})
    page.goto(f"http://127.0.0.1:{port}/")
    page.get_by_text("weight change of the sequence: −").or_(
        page.get_by_text("weight change of the sequence: -")
    ).wait_for()
    drag(page, "frequency (Hz)", 90)
    page.get_by_text("weight change of the sequence: +").wait_for()
    assert_stays_here(page, port)


def test_it_listens_to_this_machine_only_and_refuses_pages_of_others(served):
    pytest.importorskip("bokeh", reason="bokeh is not installed")
    port = served("pairing")
    # every other address of this machine, the second one of the loopback among them, is closed
    others = {
        "127.0.0.2",
        *(info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)),
    }
    for address in others - {"127.0.0.1"}:
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection((address, port), timeout=2)
    for origin, status in ((f"http://127.0.0.1:{port}", 101), ("http://example.org", 403)):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/")
        page = connection.getresponse().read().decode()
        token = page.partition('"token":"')[2].partition('"')[0]
        connection.request(
            "GET",
            "/ws",
            headers={
                "Origin": origin,
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                "Sec-WebSocket-Protocol": f"bokeh, {token}",
            },
        )
        assert connection.getresponse().status == status, origin
        connection.close()
