import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import demo_circuit
import numpy as np
import pandas as pd
import pytest

import burstprop
from burstprop.cli import VERBS, main
from burstprop.errors import BurstpropError
from burstprop.experiments import catalogue
from burstprop.runs.frames import read_csv

HERE = Path(__file__).parent
DEMO = str(HERE / "demo_circuit.py")


def altered(monkeypatch, **changes):
    """Give the demo's experiment other parts."""
    monkeypatch.setattr(demo_circuit, "EXPERIMENT", dataclasses.replace(demo_circuit.EXPERIMENT, **changes))


def call(capsys, *words):
    code = main(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_help_version_and_no_verb(capsys):
    code, out, _ = call(capsys, "--help")
    assert code == 0
    for verb in VERBS:
        assert re.search(rf"^  {verb} ", out, re.MULTILINE)
    assert "examples:" in out
    assert call(capsys, "--version") == (0, f"burstprop {burstprop.__version__}\n", "")
    code, out, err = call(capsys)
    assert (code, out) == (2, "")
    assert err.startswith("usage: burstprop VERB")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reprodce", "xor"], "no verb 'reprodce': did you mean 'reproduce'?"),
        (["info", DEMO, "--varian", "slow"], "no option '--varian': did you mean '--variant'?"),
        (["info"], "required: NAME (see 'burstprop info --help')"),
        (["list", "more"], "'more' is one word too many"),
        (["info", "no such"], "no circuit or comparison 'no such'"),
        (["info", "none.py"], "no file 'none.py'"),
        (["info", DEMO, "--variant", "slwo"], "has no variant 'slwo': did you mean 'slow' or"),
        (["info", DEMO, "--set", "ofset_hz=3"], "Params has no field 'ofset_hz': did you mean 'offset_hz'"),
        (["info", DEMO, "--set", "offset_hz=300"], "Params.offset_hz = 300 Hz: must be between 0 and 100 Hz"),
        (["info", DEMO, "--set", "offset_hz=a"], "offset_hz = 'a': give a number in Hz"),
        (["info", DEMO, "--set", "offset_hz"], "setting 'offset_hz': write NAME=VALUE"),
        (["reproduce", DEMO, "--seed", "-1"], "argument --seed: '-1': give a whole number, at least 0"),
        (["reproduce", DEMO, "--jobs", "0"], "argument --jobs: '0': give a whole number, at least 1"),
        (["reproduce", DEMO, "--out", "/proc/x"], "output folder '/proc/x' cannot be written"),
        (["reproduce", DEMO, "--controls"], "has none; leave it out"),
        (["reproduce", DEMO, "--extended"], "has none; leave it out"),
        (["reproduce", "xor", "--controls", "--variant", "fed_alike"], "leave out --variant and --set"),
        (["reproduce", "xor", "--extended", "--set", "epochs=3"], "leave out --variant and --set"),
        (["sweep", DEMO], "required: --out"),
        (["sweep", DEMO, "--out", "/proc/x", "--quiet"], "output folder '/proc/x' cannot be written"),
        (["sweep", DEMO, "--out", "x", "--seeds", "5:1"], "--seeds '5:1': write 1:6"),
        (["sweep", DEMO, "--out", "x", "--seeds", "a"], "--seeds 'a': write 1:6"),
        (["sweep", DEMO, "--out", "x", "--set", "offset_hz=1,"], "write NAME=VALUE,VALUE"),
        (["sweep", DEMO, "--out", "x", "--set", "a=1", "a=2"], "'a' is given twice"),
        (["sweep", DEMO, "--out", "x", "--set", "ofset_hz=1"], "Params has no field 'ofset_hz'"),
        (["sweep", DEMO, "--out", "x", "--set", "variant=slow"], "is no parameter; write --variant slow"),
    ],
)
def test_bad_use_is_one_message_and_exit_code_2(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *words)
    assert code == 2
    assert out == ""
    last = err.strip().splitlines()[-1]
    assert last.startswith("burstprop: ")
    assert message in last
    assert "Traceback" not in err
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_that_teaches(capsys, verb):
    code, out, _ = call(capsys, verb, "--help")
    assert code == 0
    assert f"burstprop {verb}" in out
    assert "example" in out


def test_one_verb_imports_only_its_own_module():
    code = (
        "import sys; from burstprop.cli import main; main(['list']);"
        "heavy = ('numba', 'torch', 'matplotlib', 'pandas', 'scipy', 'joblib');"
        "print([m for m in heavy if m in sys.modules],"
        "[m for m in sys.modules if m.startswith('burstprop.cli.')])"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out.splitlines()[-1] == "[] ['burstprop.cli.list']"


def test_list_reads_claims_and_variants_without_importing(capsys, tmp_path, monkeypatch):
    (tmp_path / "demo.py").write_text(Path(DEMO).read_text() + "\nraise SystemError('imported')\n")
    (tmp_path / "part.py").write_text('"""A piece that circuits share."""\n')
    monkeypatch.setattr(
        catalogue, "_experiment_files", lambda: {path.stem: path for path in sorted(tmp_path.glob("*.py"))}
    )
    code, out, _ = call(capsys, "list")
    assert code == 0
    assert re.search(r"^demo +A noisy oscillator, for the tests of the command line\.$", out, re.MULTILINE)
    assert "the mean of the oscillation is the offset that was asked for, whatever the noise." in " ".join(
        out.split()
    )
    assert "variants: slow, loud" in out
    assert "part" not in out


def test_info_prints_the_tables_from_the_code(capsys):
    code, out, _ = call(capsys, "info", DEMO, "--set", "offset_hz=7.5")
    assert code == 0
    assert "x(t) = offset" in out
    assert re.search(r"^offset_hz +7\.5 +Hz +mean rate$", out, re.MULTILINE)
    assert re.search(r"^  slow: period_ms=1000\.0$", out, re.MULTILINE)
    assert re.search(r"^pyr1 +1 +7\.5$", out, re.MULTILINE)
    _, out, _ = call(capsys, "info", DEMO, "--variant", "loud")
    assert "Parameters of variant loud" in out
    assert re.search(r"^noise_hz +5 +Hz", out, re.MULTILINE)


def test_reproduce_writes_everything_and_the_same_again(capsys, tmp_path):
    first, again = tmp_path / "a", tmp_path / "b"
    words = ["reproduce", DEMO, "--jobs", "1", "--seed", "3", "--quick"]
    code, out, _ = call(capsys, *words, "--out", str(first))
    assert code == 0
    assert re.search(r"^mean rate +\S+ +4\.9 … 5\.1 +Hz +the offset +pass$", out, re.MULTILINE)
    assert "2 of 2 claims hold" in out
    files = ["demo_circuit.png", "rates.csv", "report.html", "run.json"]
    assert sorted(os.listdir(first)) == files
    run = json.loads((first / "run.json").read_text())
    assert run["run_again"] == f"burstprop reproduce {DEMO} --seed 3 --quick"
    assert run["parameters"] == {"offset_hz": 5.0, "period_ms": 500.0, "noise_hz": 0.1}
    assert [claim["passed"] for claim in run["claims"]] == [True, True]
    assert run["claims"][1]["high"] == "inf"
    page = (first / "report.html").read_text()
    assert "data:image/png;base64," in page
    assert "2 of 2 claims hold" in page
    assert run["run_again"] in page
    call(capsys, *run["run_again"].split()[1:], "--out", str(again))
    assert (again / "rates.csv").read_bytes() == (first / "rates.csv").read_bytes()
    frame = read_csv(first / "rates.csv")
    assert len(frame) == 200
    direct = demo_circuit.EXPERIMENT.frames(seed=3, jobs=1, quick=True, progress=False)["rates"]
    np.testing.assert_array_equal(frame["rate_hz"], direct["rate_hz"])


def test_reproduce_fails_with_1_when_a_claim_fails(capsys, tmp_path):
    code, out, _ = call(
        capsys, "reproduce", DEMO, "--set", "offset_hz=6", "--jobs", "1", "--out", str(tmp_path / "x")
    )
    assert code == 1
    assert "FAIL" in out
    assert "1 of 2 claims FAIL" in (tmp_path / "x" / "report.html").read_text()


def test_a_run_that_diverges_keeps_the_old_results(capsys, tmp_path):
    words = ["reproduce", DEMO, "--jobs", "1", "--out", str(tmp_path), "--quick", "--quiet"]
    assert call(capsys, *words)[0] == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    code, _, err = call(capsys, *words, "--set", "offset_hz=99")
    assert code == 2
    assert "parameters.offset_hz is 5.0 there and 99.0 here" in err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    code, _, err = call(capsys, *words, "--set", "offset_hz=99", "--overwrite")
    assert code == 2
    assert "the rate of pyr1 is not a number at 12.5 ms" in err
    assert not (tmp_path / "run.json").exists(), "the old results are not left as those of the new run"


def test_without_matplotlib_nothing_is_run(capsys, tmp_path, monkeypatch):
    find = catalogue.importlib.util.find_spec
    monkeypatch.setattr(
        catalogue.importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name)
    )
    altered(monkeypatch, run=lambda params, execution: pytest.fail("it ran"))
    code, _, err = call(capsys, "reproduce", DEMO, "--out", str(tmp_path / "x"))
    assert code == 2
    assert 'a figure needs matplotlib, which is not installed: pip install "burstprop[plot]"' in err


def test_sweep_makes_every_combination_once(capsys, tmp_path):
    out = str(tmp_path)
    words = ["sweep", DEMO, "--set", "offset_hz=5,7", "noise_hz=0,1e-1", "--out", out, "--quick", "--quiet"]
    code, printed, err = call(capsys, *words, "--seeds", "1:3", "--jobs", "2")
    assert code == 0
    assert "8 runs: offset_hz = 5, 7; noise_hz = 0, 1e-1; seeds 1, 2, into" in err
    assert re.search(r"^mean rate +holds in 4 of 8 runs$", printed, re.MULTILINE)
    folders = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert len(folders) == 8
    assert folders[0] == "offset_hz=5.0,noise_hz=0.0,seed=1"
    results = read_csv(tmp_path / "results.csv")
    assert list(results)[:5] == ["offset_hz", "noise_hz", "seed", "claim", "measured"]
    assert len(results) == 16
    exact = results[(results["noise_hz"] == 0) & (results["claim"] == "mean rate")]
    np.testing.assert_allclose(exact["measured"], exact["offset_hz"], atol=1e-12)
    rates = pd.read_csv(tmp_path / "rates.csv")
    assert len(rates) == 8 * 100
    # more seeds: only the new ones are run; what was there is the same file still
    before = {name: os.stat(tmp_path / name / "run.json").st_mtime_ns for name in folders}
    assert call(capsys, *words, "--seeds", "1:4", "--jobs", "1")[0] == 0
    assert {name: os.stat(tmp_path / name / "run.json").st_mtime_ns for name in folders} == before
    more = pd.read_csv(tmp_path / "rates.csv")
    assert len(more) == 12 * 100
    old = more[more["seed"] < 3].reset_index(drop=True)
    pd.testing.assert_frame_equal(old, rates, check_exact=True)
    # a run alone gives the same numbers, by the command that its run.json names
    run = json.loads((tmp_path / folders[3] / "run.json").read_text())
    assert {"seconds", "host", "cpu", "versions"} <= run.keys()
    call(capsys, *run["run_again"].split()[1:], "--out", str(tmp_path / "alone"), "--quiet")
    alone = pd.read_csv(tmp_path / "alone" / "rates.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / folders[3] / "rates.csv"), alone, check_exact=True)


def test_sweep_over_variants_and_a_run_that_diverges(capsys, tmp_path):
    words = ["sweep", DEMO, "--out", str(tmp_path), "--quick", "--quiet", "--jobs", "1"]
    code, _, err = call(capsys, *words, "--variant", "slow,loud", "--set", "offset_hz=5,99")
    assert code == 1
    assert err.count("the rate of pyr1 is not a number at 12.5 ms") == 2
    results = pd.read_csv(tmp_path / "results.csv")
    assert results["variant"].tolist() == ["slow", "slow", "loud", "loud"]
    code, _, err = call(capsys, *words, "--realizations", "2", "--variant", "slow", "--set", "offset_hz=5")
    assert code == 2
    assert "realizations is 1 there and 2 here" in err


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_a_stop_ends_with_its_code_and_a_message(tmp_path, number, code, word):
    slow = tmp_path / "slow_circuit.py"
    slow.write_text(
        "import dataclasses, time\nimport demo_circuit\n"
        "def run(params, execution):\n    print('running', flush=True)\n    time.sleep(600)\n"
        "EXPERIMENT = dataclasses.replace(demo_circuit.EXPERIMENT, run=run)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "burstprop", "reproduce", str(slow), "--out", str(tmp_path / "x")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(HERE)},
    )
    assert process.stdout.readline() == "running\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=300)  # it would sleep for longer
    assert process.returncode == code
    assert err == f"burstprop: stopped by {word}\n"
    assert not (tmp_path / "x").exists()


def test_a_closed_pipe_is_no_error():
    done = subprocess.run(
        f"set -o pipefail; {sys.executable} -m burstprop --help | head -n 1",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("usage:")
    assert done.stderr == ""


def test_a_users_file_with_the_name_of_another_module_is_an_error(tmp_path):
    path = tmp_path / "json.py"
    path.write_text(Path(DEMO).read_text())
    with pytest.raises(BurstpropError, match="another module has the name 'json'"):
        catalogue.load(catalogue.find(str(path)))
    assert str(tmp_path) not in sys.path
    (tmp_path / "wrong.py").write_text("def run(:\n")
    with pytest.raises(BurstpropError, match="is no Python"):
        catalogue.find(str(tmp_path / "wrong.py"))
    (tmp_path / "latin.py").write_bytes(b'"""Caf\xe9."""\n')
    with pytest.raises(BurstpropError, match=r"latin\.py' is no Python: .*utf-8"):
        catalogue.find(str(tmp_path / "latin.py"))
    (tmp_path / "my.circuit.py").write_text(Path(DEMO).read_text())
    with pytest.raises(BurstpropError, match=r"a dot in its name: call it my_circuit\.py"):
        catalogue.find(str(tmp_path / "my.circuit.py"))


PARAMS = """
import dataclasses
from burstprop import Experiment
@dataclasses.dataclass(frozen=True)
class Params:
    n: int = 1
def no(): pass
"""


@pytest.mark.parametrize(
    ("verb", "text", "message"),
    [
        (
            "info",
            "def build(params): pass\n",
            r"'FILE' defines no EXPERIMENT: write EXPERIMENT = burstprop\.E",
        ),
        ("info", "EXPERIMENT = 3\n", r"EXPERIMENT of 'FILE' is 3: give a burstprop\.Experiment"),
        (
            "info",
            PARAMS + "EXPERIMENT = Experiment('my', Params)\n",
            r"Experiment\.params = .*: give the parameters themselves, an instance",
        ),
        (
            "info",
            PARAMS + "EXPERIMENT = Experiment('my', Params(), variants={'big': 3})\n",
            r"Experiment\.variants\['big'\] = 3: give a Params, like params",
        ),
        (
            "simulate",
            PARAMS + "EXPERIMENT = Experiment('my', Params())\n",
            r"'FILE' has no build, which 'burstprop simulate' needs: write Experiment\(\.\.\., build=build\)",
        ),
        (
            "simulate",
            PARAMS + "EXPERIMENT = Experiment('my', Params(), build=no)\n",
            r"Experiment\.build cannot be called as build\(params\)",
        ),
        (
            "reproduce",
            PARAMS + "EXPERIMENT = Experiment('my', Params())\n",
            r"'FILE' has no run, which 'burstprop reproduce' needs: write Experiment\(\.\.\., run=run\)",
        ),
        (
            "sweep",
            PARAMS + "EXPERIMENT = Experiment('my', Params(), run=no)\n",
            r"Experiment\.run cannot be called as run\(params, execution\)",
        ),
        (
            "reproduce",
            PARAMS + "EXPERIMENT = Experiment('my', Params(), run=no, check=no)\n",
            r"Experiment\.\w+ cannot be called as ",
        ),
    ],
)
def test_a_users_file_needs_what_the_verb_uses(capsys, tmp_path, monkeypatch, verb, text, message):
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / f"{tmp_path.name}.py"  # no other test may have imported the name
    path.write_text(text)
    words = ["--out", str(tmp_path / "x")] if verb != "info" else []
    code, _, err = call(capsys, verb, str(path), *words)
    assert code == 2
    assert re.search(message.replace("FILE", str(path)), err), err
    assert not (tmp_path / "x").exists()


def test_a_users_file_without_run_check_and_figure_is_simulated_and_shown(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    text = (HERE / "spiking_circuit.py").read_text().replace(", duration_ms=lambda params: 300.0", "")
    path = tmp_path / "only_built.py"
    path.write_text(text)
    assert call(capsys, "info", str(path))[0] == 0
    words = ["simulate", str(path), "--duration-ms", "50", "--out", str(tmp_path / "x"), "--quiet"]
    assert call(capsys, *words)[0] == 0


def test_what_the_verbs_ask_of_a_users_file_is_in_their_help(capsys):
    for verb in ("reproduce", "simulate"):
        assert "your own file, with an Experiment that has" in call(capsys, verb, "--help")[1]


def test_a_page_of_your_own_is_reproduced_simulated_and_swept(capsys, tmp_path, monkeypatch):
    """The example of docs/how-to/from_the_shell.md, as a file."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    text = (HERE.parent / "docs" / "how-to" / "from_the_shell.md").read_text(encoding="utf-8")
    (page,) = [
        block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "EXPERIMENT" in block
    ]
    path = tmp_path / "page_of_mine.py"
    path.write_text(page)
    quiet = ["--quiet", "--jobs", "1"]
    code, out, _ = call(capsys, "reproduce", str(path), "--out", str(tmp_path / "a"), *quiet)
    assert code == 0
    assert "1 of 1 claims hold" in out
    files = ["rates.csv", "realizations", "report.html", "run.json"]
    assert sorted(os.listdir(tmp_path / "a")) == files, "no figure, as it has none"
    rates = pd.read_csv(tmp_path / "a" / "rates.csv")
    assert sorted(rates["realization"].unique()) == [1, 2, 3]
    more = ["--seeds", "1:3", "--out", str(tmp_path / "s"), *quiet]
    assert call(capsys, "sweep", str(path), "--set", "n=200,300", *more)[0] == 0
    assert len(pd.read_csv(tmp_path / "s" / "results.csv")) == 4
    more = ["--duration-ms", "50", "--out", str(tmp_path / "b"), "--quiet"]
    assert call(capsys, "simulate", str(path), *more)[0] == 0


def quick_demo(params):
    return dataclasses.replace(params, offset_hz=params.offset_hz + 0.05, noise_hz=0.0)


def test_quick_reports_the_parameters_that_it_ran_and_keeps_those_set_by_hand(capsys, tmp_path, monkeypatch):
    altered(monkeypatch, quick=quick_demo)
    words = ["reproduce", DEMO, "--jobs", "1", "--quick", "--quiet", "--out"]

    def ran(folder):
        run = json.loads((tmp_path / folder / "run.json").read_text())
        return run["parameters"] | {"mean": run["claims"][0]["measured"]}

    call(capsys, *words, str(tmp_path / "a"))
    expected = {"offset_hz": 5.05, "period_ms": 500.0, "noise_hz": 0.0}
    assert ran("a") == expected | {"mean": pytest.approx(5.05, abs=1e-12)}
    assert "5.05" in (tmp_path / "a" / "report.html").read_text()
    call(capsys, *words, str(tmp_path / "b"), "--set", "offset_hz=4.95")
    assert ran("b") == expected | {"offset_hz": 4.95, "mean": pytest.approx(4.95, abs=1e-12)}
    call(capsys, *words, str(tmp_path / "c"), "--variant", "slow")
    assert ran("c")["period_ms"] == 1000.0
    assert ran("c")["offset_hz"] == 5.05
    sweep = ["sweep", DEMO, "--set", "offset_hz=4.95", "--jobs", "1", "--quick", "--quiet", "--out"]
    call(capsys, *sweep, str(tmp_path / "s"))
    run = json.loads((tmp_path / "s" / "offset_hz=4.95,seed=1" / "run.json").read_text())
    assert run["parameters"] == expected | {"offset_hz": 4.95}
    assert (
        run["run_again"]
        == f"burstprop reproduce {DEMO} --set offset_hz=4.95 --seed 1 --realizations 1 --quick"
    )
    call(capsys, *run["run_again"].split()[1:], "--quiet", "--out", str(tmp_path / "alone"))
    alone = (tmp_path / "alone" / "rates.csv").read_bytes()
    assert alone == (tmp_path / "s" / "offset_hz=4.95,seed=1" / "rates.csv").read_bytes()


def test_quick_and_full_results_have_folders_of_their_own(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for more in ([], ["--quick"], ["--variant", "slow", "--quick"]):
        call(capsys, "reproduce", DEMO, "--jobs", "1", "--quiet", *more)
    folders = ["demo_circuit", "demo_circuit-quick", "demo_circuit-slow-quick"]
    assert sorted(os.listdir("results")) == folders
    # again into the same folder is the same work again, another circuit there is an error
    assert call(capsys, "reproduce", DEMO, "--jobs", "1", "--quiet")[0] == 0
    code, _, err = call(capsys, "reproduce", "propagation", "--out", "results/demo_circuit")
    assert code == 2
    assert f"holds another run (burstprop reproduce {DEMO} --seed 1)" in err
    Path("results/demo_circuit/run.json").write_text('{"name": "demo_circuit", "status": "interrupted"}')
    code, _, err = call(capsys, "reproduce", DEMO)
    assert code == 2
    assert "holds another run (its run.json says not which)" in err


def test_a_figure_that_fails_loses_nothing(capsys, tmp_path, monkeypatch):
    def broken(frames):
        raise BurstpropError("no population 'pv'")

    altered(monkeypatch, figure=broken)
    code, out, err = call(capsys, "reproduce", DEMO, "--jobs", "1", "--quiet", "--out", str(tmp_path / "x"))
    assert code == 2
    assert "no population 'pv'" in err
    assert "2 of 2 claims hold" in out
    assert sorted(os.listdir(tmp_path / "x")) == ["rates.csv", "run.json"]
    assert len(json.loads((tmp_path / "x" / "run.json").read_text())["claims"]) == 2


def test_a_run_that_returns_no_frames_is_an_error(capsys, tmp_path, monkeypatch):
    altered(monkeypatch, run=lambda params, execution: pd.DataFrame({"x": [1]}))
    code, _, err = call(capsys, "reproduce", DEMO, "--out", str(tmp_path / "x"))
    assert code == 2
    assert "run returned DataFrame: it must return a dict of pandas DataFrames" in err


def test_sweep_runs_pairing_with_its_own_number_of_realizations(capsys, tmp_path, monkeypatch):
    from burstprop.circuits.pairing import experiment as pairing

    asked = []

    def told(params, execution):
        asked.append(execution)
        return {"pairing": pd.DataFrame({"x": [1.0]})}

    changed = dataclasses.replace(pairing.EXPERIMENT, run=told, check=lambda frames: [])
    monkeypatch.setattr(pairing, "EXPERIMENT", changed)
    out = str(tmp_path)
    assert call(capsys, "sweep", "pairing", "--out", out, "--jobs", "1", "--quiet")[0] == 0
    assert asked[0].realizations == pairing.REALIZATIONS == 200


def test_sweep_names_are_one_part_of_a_path_and_settings_may_have_spaces(capsys, tmp_path, monkeypatch):
    more = {"../../esc": demo_circuit.Params(), "a/b": demo_circuit.Params()}
    altered(monkeypatch, variants=demo_circuit.VARIANTS | more)
    words = ["sweep", DEMO, "--quick", "--quiet", "--jobs", "1", "--out", str(tmp_path / "in" / "out")]
    more = ["--variant", "../../esc, a/b", "--set", "offset_hz = 5, 7"]
    assert call(capsys, *words, *more)[0] == 0
    folders = sorted(path.name for path in (tmp_path / "in" / "out").iterdir() if path.is_dir())
    assert folders == [
        f"variant={name},offset_hz={offset},seed=1"
        for name in (".._.._esc", "a_b")
        for offset in ("5.0", "7.0")
    ]
    assert os.listdir(tmp_path) == ["in"]
    results = pd.read_csv(tmp_path / "in" / "out" / "results.csv")
    assert set(results["variant"]) == {"../../esc", "a/b"}
