"""Runs into a folder: `burstprop simulate`, checkpoints, Ctrl-C, SIGKILL, resume; and `burstprop bench`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from burstprop import Recording
from burstprop.cli import main

CIRCUIT = str(Path(__file__).with_name("spiking_circuit.py"))
LONG = ["--duration-ms", "20000", "--checkpoint-every-ms", "500", "--no-spikes", "--quiet"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run without an interruption."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert main(["simulate", CIRCUIT, *LONG, "--out", str(out)]) == 0
    return Recording.load(out / "spikes.npz")


def start(out):
    words = [sys.executable, "-m", "burstprop", "simulate", CIRCUIT, *LONG, "--out", str(out)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (out / "checkpoint.json").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    return process


def test_writes_rates_spikes_and_how_to_run_it_again(tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["simulate", CIRCUIT, "--set", "n=30", "--seed", "7", "--out", str(out), "--quiet"]) == 0
    assert "pyr" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ["rates.csv", "run.json", "spikes.npz"]
    recording = Recording.load(out / "spikes.npz")
    assert len(recording.spikes) > 10
    assert recording.spikes["time_ms"].max() < 300.0
    rates = pd.read_csv(out / "rates.csv")
    assert list(rates["time_ms"]) == [50.0, 100.0, 150.0, 200.0, 250.0, 300.0]
    spikes_per_s = len(recording.spikes) / (30 * 0.3)
    assert rates["rate_hz"].mean() == pytest.approx(spikes_per_s)
    notes = json.loads((out / "run.json").read_text())
    assert notes["status"] == "complete"
    assert notes["seed"] == 7
    assert notes["parameters"]["n"] == 30
    assert notes["versions"]["numba"]
    # the command in run.json gives the same spikes
    words = notes["run_again"].split()
    assert words[0] == "burstprop"
    assert main([*words[1:], "--out", str(tmp_path / "again"), "--quiet", "--threads", "2"]) == 0
    again = Recording.load(tmp_path / "again" / "spikes.npz")
    pd.testing.assert_frame_equal(again.spikes, recording.spikes)


def test_killed_and_resumed_is_the_same(tmp_path, whole):
    out = tmp_path / "run"
    process = start(out)
    process.kill()
    process.communicate()
    for path in out.glob("*.npz"):
        if path.name.startswith("recorded"):
            Recording.load(path)
    assert json.loads((out / "run.json").read_text())["status"] == "running"
    assert main(["simulate", "--resume", str(out), "--threads", "2", "--quiet"]) == 0
    pd.testing.assert_frame_equal(Recording.load(out / "spikes.npz").rates, whole.rates)


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_a_stop_keeps_what_was_recorded_and_says_how_to_go_on(tmp_path, whole, number, code, word):
    out = tmp_path / "run"
    process = start(out)
    process.send_signal(number)
    _, message = process.communicate(timeout=120)
    assert process.returncode == code, message
    assert f"stopped by {word}" in message
    assert f"burstprop simulate --resume {out}" in message
    assert "Traceback" not in message
    kept = Recording.load(out / "spikes.npz").rates
    pd.testing.assert_frame_equal(kept, whole.rates.iloc[: len(kept)])
    assert len(kept) < len(whole.rates)
    assert json.loads((out / "run.json").read_text())["status"] == "interrupted"
    assert main(["simulate", "--resume", str(out), "--quiet"]) == 0
    pd.testing.assert_frame_equal(Recording.load(out / "spikes.npz").rates, whole.rates)


def interrupted(tmp_path):
    out = tmp_path / "run"
    process = start(out)
    process.kill()
    process.communicate()
    return out


def test_what_cannot_be_resumed_says_so(tmp_path, capsys):
    def says(*words):
        assert main(["simulate", *words, "--quiet"]) == 2
        return capsys.readouterr().err

    assert "holds no run" in says("--resume", str(tmp_path))
    out = interrupted(tmp_path)
    assert "not of 'propagation'" in says("propagation", "--resume", str(out))
    assert "leave out --set" in says(CIRCUIT, "--set", "n=10", "--resume", str(out))
    other = ["--seed", "9", "--dtype", "float64", "--bin-ms", "10", "--no-spikes", "--out", "x"]
    message = says("--resume", str(out), *other, "--duration-ms", "5")
    assert "leave out --duration-ms, --seed, --dtype, --bin-ms, --no-spikes, --out" in message
    assert f"go on with it (--resume {out})" in says(CIRCUIT, "--out", str(out))
    asked = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(
        json.dumps(asked | {"asked": asked["asked"] | {"settings": ["weight=0.06"]}})
    )
    assert "another circuit" in says("--resume", str(out))
    (out / "run.json").write_text("{")
    assert "truncated or altered" in says("--resume", str(out))
    (out / "run.json").write_text(json.dumps(asked))
    (checkpoint,) = out.glob("state-*.npz")
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: len(content) // 2])
    message = says("--resume", str(out))
    assert (
        f"cannot go on: {checkpoint.name} has {len(content) // 2:,} instead of {len(content):,} bytes"
        in message
    )
    assert "Put a copy of it back, or run again in another folder" in message
    assert checkpoint.read_bytes() == content[: len(content) // 2]
    checkpoint.write_bytes(content)
    assert main(["simulate", "--resume", str(out), "--checkpoint-every-ms", "20000", "--quiet"]) == 0
    asked = json.loads((out / "run.json").read_text())
    assert asked["asked"]["checkpoint_every_ms"] == 20000.0
    assert "--checkpoint-every-ms 20000" in asked["run_again"]
    assert "is complete" in says("--resume", str(out))
    message = says(CIRCUIT, "--out", str(out))
    assert "holds a run already: give another folder, or --overwrite" in message
    (out / "run.json").write_text('{"name": "pyr", "claims": []}')
    assert "holds a run already: give another folder" in says(CIRCUIT, "--out", str(out))


def test_the_folder_that_nobody_named_is_beside_that_of_reproduce(tmp_path, monkeypatch, capsys):
    (tmp_path / "here").mkdir()
    text = Path(CIRCUIT).read_text(encoding="utf-8")
    (tmp_path / "named_folder.py").write_text(
        text
        + "\n\nimport dataclasses\n\nVARIANTS = {'weak': Params(weight=0.01)}\n"
        + "EXPERIMENT = dataclasses.replace(EXPERIMENT, variants=VARIANTS)\n"
    )
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", list(sys.path))
    words = ["simulate", "../named_folder.py", "--duration-ms", "50", "--quiet"]
    assert main(words) == 0
    assert main([*words, "--variant", "weak"]) == 0
    folders = sorted(path.name for path in (tmp_path / "here" / "results").iterdir())
    assert folders == ["named_folder-simulate", "named_folder-weak-simulate"]
    # and reproduce, sent there, does not overwrite it
    text = (tmp_path / "here" / "results" / folders[0] / "run.json").read_bytes()
    out = ["--out", f"results/{folders[0]}"]
    assert main(["reproduce", str(Path(CIRCUIT).with_name("demo_circuit.py")), *out]) == 2
    assert "holds another run (burstprop simulate ../named_folder.py" in capsys.readouterr().err
    assert (tmp_path / "here" / "results" / folders[0] / "run.json").read_bytes() == text


def test_bad_use(tmp_path, capsys):
    def says(*words):
        assert main(["simulate", *words, "--quiet"]) == 2
        return capsys.readouterr().err

    assert "did you mean 'soma_pa'" in says(CIRCUIT, "--set", "soma_p=3", "--out", str(tmp_path / "a"))
    assert "give the NAME" in says()
    assert "not a multiple of dt_ms" in says(CIRCUIT, "--duration-ms", "100.05", "--out", str(tmp_path / "b"))
    assert "positive number" in says(CIRCUIT, "--duration-ms", "nan")
    assert "n = 0" in says(CIRCUIT, "--set", "n=0", "--out", str(tmp_path / "c"))
    short = says(CIRCUIT, "--duration-ms", "10", "--out", str(tmp_path / "d"))
    assert "--duration-ms 10 is less than one bin of the rates, 50 ms" in short
    assert "--bin-ms 10 or less" in short
    pairing = says("pairing")
    assert "'pairing' has no build, which 'burstprop simulate' needs" in pairing
    assert "'burstprop reproduce pairing' runs it" in pairing
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    assert "cannot be written" in says(CIRCUIT, "--out", str(tmp_path / "file" / "x"))


def test_divergence_stops_with_population_and_time(tmp_path, capsys):
    words = ["simulate", CIRCUIT, "--set", "soma_pa=-1e38", "--out", str(tmp_path / "run"), "--quiet"]
    assert main(words) == 2
    message = capsys.readouterr().err
    assert "population 'pyr' diverged between t = 0 and" in message
    assert "Traceback" not in message


def test_bench_prints_one_json_object(capsys):
    words = ["bench", CIRCUIT, "--threads", "2", "--repeats", "2", "--duration-ms", "50", "--json", "--quiet"]
    assert main(words) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["threads"] == 2
    assert result["neurons"] == 40
    assert result["steps"] == 500
    assert 0 < result["ns_per_neuron_step_min"] <= result["ns_per_neuron_step"] < 1e5
    assert 0 < result["ns_processor"] < 1e5
