"""What is asked for wrongly is one sentence that names it, says what is allowed, and gives the way out."""

import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from burstprop import (
    Background,
    BurstpropError,
    Circuit,
    Constant,
    Current,
    Matrix,
    Population,
    Probability,
    Projection,
    PyramidalNeuron,
    Recording,
    Simulation,
    simulate,
)
from burstprop.circuit import WeightChange
from burstprop.cli import main
from burstprop.parameters import parse, quantity

CIRCUIT = str(Path(__file__).with_name("spiking_circuit.py"))


def one(n=10, *, projections=(), currents=()):
    return Circuit((Population("pyr", n, PyramidalNeuron()),), projections=projections, currents=currents)


def recurrent(**how):
    return Projection("pyr", "pyr", "soma_exc", **{"weight": 0.1, "connectivity": Probability(0.5), **how})


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: simulate(None, 100.0), r"circuit = None: give a Circuit"),
        (
            lambda: simulate(one(), 100.0, record="all"),
            r"record = 'all': give a Record, for example Record\(",
        ),
        (lambda: PyramidalNeuron(**{"tau": 3.0}), r"PyramidalNeuron has no field 'tau': did you mean 'tau"),
        (lambda: recurrent(weight=float("inf")), r"weight = inf: must be finite and at least 0"),
        (lambda: recurrent(weight=1e39), r"weight = 1e\+39: give a conductance .* of at most 3\.4e\+38"),
        (
            lambda: recurrent(weight=1e20, connectivity=Matrix(np.full((10, 10), 1e20))),
            r"the largest of the matrix times weight = 1e\+40: give a conductance",
        ),
        (lambda: Background("pyr", "soma_exc", 5.0, 1e39), r"weight = 1e\+39: give a conductance"),
        (lambda: WeightChange(1.0, "a", 1e39), r"weight = 1e\+39: give a conductance"),
        (lambda: simulate(one(), 10.0, threads=100_000), r"threads = 100000: this process may use \d+ core"),
        (lambda: simulate(one(), 10.0, seed=-1), r"seed = -1: must be at least 0 \(a part of all random"),
        (
            lambda: simulate(one(currents=(Current("pyr", "soma", Constant(1e39)),)), 10.0),
            r"the current into pyr\.soma is 1e\+39 pA: give finite numbers of at most 3\.4e\+38 pA",
        ),
        (
            lambda: Simulation(one()).set_current("pyr", "soma", -1e39),
            r"current into pyr\.soma is -1e\+39 pA: give finite numbers of at most 3\.4e\+38 pA",
        ),
        (
            lambda: simulate(Circuit((Population("pyr", 3, PyramidalNeuron(v_start_sd=1e300)),)), 1.0),
            r"population 'pyr': PyramidalNeuron\.constants gives v_start_sd = 1e\+300: float32 ends at 3\.4e\+38",
        ),
        (
            lambda: simulate(Circuit((Population("pyr", 3, PyramidalNeuron()),), dt_ms=1e-20), 1.0),
            r"Circuit\.dt_ms = 1e-20 ms: must be at least 1e-09 ms",
        ),
        (
            lambda: simulate(one(), 1e39),
            r"duration_ms = 1e\+39 ms: more steps of 0\.1 ms than can be counted",
        ),
        (
            lambda: simulate(one(2_000_000_000), 10.0),
            r"needs about [\d,]+ GB of memory and \d.* GB are free \(.*2,000,000,000 neurons",
        ),
        (
            lambda: simulate(one(projections=(recurrent(delay_ms=1e9),)), 10.0),
            r"needs about [\d,]+ GB of memory .*spikes of 'pyr' on their way \(17,179,869,184 steps\)",
        ),
    ],
)
def test_python(ask, message):
    with pytest.raises(BurstpropError, match=message):
        ask()


def test_models_that_hold_arrays_compare():
    def model(last):
        return PyramidalNeuron(tau_s=np.array([16.0, 16.0, last]))

    assert model(16.0) == model(16.0)
    assert hash(model(16.0)) == hash(model(16.0))
    assert model(16.0) != model(17.0)
    assert model(16.0) != PyramidalNeuron()
    assert PyramidalNeuron() == PyramidalNeuron()
    assert PyramidalNeuron() != 3
    assert Population("pyr", 3, model(16.0)) == Population("pyr", 3, model(16.0))


@dataclass(frozen=True)
class Params:
    n_pv: int = quantity(100, "1", "PV interneurons", low=1)


def test_settings():
    with pytest.raises(BurstpropError, match=r"write NAME=VALUE, for example n_pv=100$"):
        parse(Params(), ["n_pv"])
    with pytest.raises(BurstpropError, match=r"n_pv is set twice, also to '5': set it once"):
        parse(Params(), ["n_pv=4", "n_pv=5"])


def test_no_advice_that_would_run_code(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}], dtype=object))
    with pytest.raises(BurstpropError, match="it holds Python objects") as caught:
        Recording.load(tmp_path / "a.npz")
    assert "allow_pickle" not in str(caught.value)


def test_a_file_that_unpacks_to_more_than_the_memory_is_not_unpacked(tmp_path, monkeypatch):
    from burstprop.system import npz

    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(2_000_000))
    assert (tmp_path / "a.npz").stat().st_size < 5000
    monkeypatch.setattr(npz, "free_memory", lambda: 1e6)
    with pytest.raises(BurstpropError, match=r"unpacks to 0\.0 GB and 0\.0 GB of memory are free"):
        Recording.load(tmp_path / "a.npz")


def test_the_estimate_of_memory_is_that_of_the_circuit():
    circuit = one(20_000, projections=(recurrent(connectivity=Probability(0.01)),))
    from burstprop.engine.compile.blueprint import make_blueprint
    from burstprop.engine.compile.memory import memory_needed

    needed = memory_needed(make_blueprint(circuit, 1, 1, np.float32))
    drawing = needed.pop("drawing the synapses")
    sizes = Simulation(circuit).sizes()
    assert sum(needed.values()) == pytest.approx(sizes["neuron_bytes"] + sizes["synapse_bytes"], rel=0.15)
    assert drawing == pytest.approx(24 * sizes["synapses"], rel=0.05)


# --- the command line ---


def says(capsys, *words):
    code = main([*words, "--quiet"])
    return code, capsys.readouterr().err


def test_command_line(capsys, tmp_path):
    out = ["--out", str(tmp_path / "x")]
    (tmp_path / "file").write_text("")
    for words, message in (
        (["--resume", str(tmp_path / "file")], "is not a folder: give the folder of a run"),
        ([CIRCUIT, "--threads", "4096", *out], "--threads 4096: this process may use"),
        ([CIRCUIT, "--duration-ms", "3.2e14", *out], "years of computing: give a shorter --duration-ms"),
        ([CIRCUIT, "--set", "n=3", "n=4", *out], "n is set twice"),
        ([CIRCUIT, "--set", "n=2000000000", "--duration-ms", "50", *out], "GB of memory and"),
    ):
        code, err = says(capsys, "simulate", *words)
        assert code == 2
        assert message in err
        assert "Traceback" not in err
    assert not (tmp_path / "x").exists()


BROKEN = """
def too_long(params):
    return helper(params)

def helper(params):
    return 1.0 / 0.0

"""


def test_an_error_in_the_users_file_is_their_traceback_and_code_3(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "broken_by_user.py"
    before, marked, after = Path(CIRCUIT).read_text(encoding="utf-8").partition("EXPERIMENT = ")
    assert "lambda params: 300.0" in after
    path.write_text(before + BROKEN + marked + after.replace("lambda params: 300.0", "too_long"))
    code, err = says(capsys, "simulate", str(path), "--out", str(tmp_path / "x"))
    assert code == 3
    assert err.startswith("Traceback of your code (most recent call last):\n")
    assert "return helper(params)" in err
    assert "ZeroDivisionError" in err
    assert "cli/simulate.py" not in err


def test_a_full_disk_too_little_memory_and_a_fault_of_ours(capsys, monkeypatch):
    from burstprop.cli import list as verb

    for error, code, message in (
        (OSError(28, "No space left on device"), 2, "burstprop: the disk is full (No space left on device)"),
        (MemoryError("Unable to allocate 9 TiB"), 2, "burstprop: out of memory (Unable to allocate 9 TiB)"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9"), 2, "burstprop: out of memory"),
    ):

        def fail(args, error=error):
            raise error

        monkeypatch.setattr(verb, "run", fail)
        assert main(["list"]) == code
        err = capsys.readouterr().err
        assert err.startswith(message)
        assert len(err.splitlines()) == 1


def test_threads_change_no_byte_of_the_recording(tmp_path):
    words = ["simulate", CIRCUIT, "--duration-ms", "50", "--quiet", "--out"]
    for threads in ("1", "2"):
        assert main([*words, str(tmp_path / threads), "--threads", threads]) == 0
    one, two = ((tmp_path / threads / "spikes.npz").read_bytes() for threads in ("1", "2"))
    assert one == two
