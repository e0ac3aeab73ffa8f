"""The pieces of a run that writes as it goes: one that is missing or damaged is noticed before it goes on."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from burstprop import Recording
from burstprop.cli import main
from burstprop.simulation import long_run

CIRCUIT = str(Path(__file__).with_name("spiking_circuit.py"))


def says(capsys, *words):
    code = main([*words, "--quiet"])
    return code, capsys.readouterr().err


class KilledError(BaseException):
    pass


def killed(tmp_path, monkeypatch):
    """Return the folder of a run that ended after three checkpoints, and the whole recording."""
    words = ["simulate", CIRCUIT, "--duration-ms", "2000", "--checkpoint-every-ms", "400", "--quiet", "--out"]
    assert main([*words, str(tmp_path / "whole")]) == 0
    keep = long_run.LongRun.keep

    def kill(run):
        keep(run)
        if run.simulation.step >= 12000:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(long_run.LongRun, "keep", kill)
        with pytest.raises(KilledError):
            main([*words, str(tmp_path / "run")])
    return tmp_path / "run", Recording.load(tmp_path / "whole" / "spikes.npz")


def test_a_missing_or_damaged_piece_is_noticed_before_the_run_goes_on(tmp_path, capsys, monkeypatch):
    run, whole = killed(tmp_path, monkeypatch)
    first, second, third = sorted(run.glob("recorded-*.npz"))
    content = first.read_bytes()
    capsys.readouterr()
    for damage, what in (
        (lambda: first.unlink(), "is missing"),
        (
            lambda: first.write_bytes(content[:-50]),
            f"has {len(content) - 50:,} instead of {len(content):,} bytes",
        ),
        (lambda: first.write_bytes(content[:-50] + b"x" * 50), "is altered"),
    ):
        damage()
        code, err = says(capsys, "simulate", "--resume", str(run))
        assert code == 2
        assert f"has lost what was recorded in 0 to 400 ms ({first.name} {what}" in err
        assert "go on without it (--skip-lost)" in err
        assert not (run / "spikes.npz").exists()
        assert second.exists()
        assert third.exists()
    # put back: the whole run
    first.write_bytes(content)
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    assert says(capsys, "simulate", "--resume", str(run))[0] == 0
    np.testing.assert_array_equal(
        Recording.load(run / "spikes.npz").spikes["time_ms"], whole.spikes["time_ms"]
    )
    assert sorted(path.name for path in run.iterdir()) == ["rates.csv", "run.json", "spikes.npz"]
    # without it: what there is, and the result says what it lacks
    (copy / first.name).unlink()
    with pytest.warns(UserWarning, match="lacks what was recorded in 0 to 400 ms"):
        assert main(["simulate", "--resume", str(copy), "--skip-lost", "--quiet"]) == 0
    kept = Recording.load(copy / "spikes.npz")
    assert kept.spikes["time_ms"].min() >= 400.0
    assert len(kept.spikes) == (whole.spikes["time_ms"] >= 400.0 - 1e-9).sum()
    assert "0 to 400 ms" in kept.info["lost"][0]
    assert "0 to 400 ms" in json.loads((copy / "run.json").read_text())["lost"][0]
