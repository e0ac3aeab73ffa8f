"""Runs that were stopped, or made earlier: what the remaining time counts, and what they say of who made them."""

import dataclasses
import importlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import demo_circuit
import pandas as pd
import pytest
import sweep_runs

import burstprop
from burstprop.circuits.xor import experiment as xor
from burstprop.circuits.xor import protocol as _xor_protocol
from burstprop.cli import main
from burstprop.errors import BurstpropError, BurstpropWarning
from burstprop.runs import checkpoints, run_code, share, sweep
from burstprop.runs.run import Run, identity
from burstprop.runs.run_code import code_of_run, said
from burstprop.runs.sweep import run_many, work_counted
from burstprop.system.progress import Progress

HERE = Path(__file__).parent
DEMO = str(HERE / "demo_circuit.py")
TINY = xor.Params(n=64, in_degree=32.0, tau_avg_ms=200.0, example_ms=400.0, epochs=8)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


CLOCK = Clock()
SECONDS = 100


def hundred_seconds(k, progress, folder, until=SECONDS, starts_up_s=0.0, tells=True):
    """Work for 100 seconds of the clock of the tests, with a checkpoint after every one."""
    CLOCK.now += starts_up_s
    mark = None if folder is None else Path(folder) / "checkpoint"
    done = int(mark.read_text()) if mark is not None and mark.exists() else 0
    if tells:
        progress(done / SECONDS)
    while done < SECONDS:
        if mark is not None and done == until:
            raise KeyboardInterrupt
        CLOCK.now += 1.0
        done += 1
        if mark is not None:
            mark.write_text(str(done))
        progress(done / SECONDS)
    return {"x": pd.DataFrame({"k": [k]})}


@pytest.fixture
def estimates(monkeypatch):
    """Remaining times that run_many would have shown, each with the time that it really took from there."""
    shown = []
    CLOCK.now = 0.0

    class Watched(Progress):
        def update(self, done, start=None):
            super().update(done, start)
            shown.append((CLOCK.now, self.remaining_s()))

    monkeypatch.setattr(sweep, "Progress", partial(Watched, clock=CLOCK))
    return shown


def test_remaining_time_of_a_resumed_run_counts_its_own_work_only(tmp_path, estimates):
    how = {"jobs": 1, "out": tmp_path, "progress": False, "names": ["a", "b"]}
    tasks = [{"k": 1}, {"k": 2}]
    stopping = partial(hundred_seconds, until=75)
    with pytest.raises(KeyboardInterrupt, match="0 of 2 runs are finished"):
        run_many(stopping, tasks, **how)
    estimates.clear()
    run_many(hundred_seconds, tasks, **how)
    assert estimates[0][1] is None, "nothing is done yet, so nothing is known"
    known = [(at, left) for at, left in estimates if left is not None]
    assert len(known) > 100
    for at, left in known:
        assert left == pytest.approx(CLOCK.now - at, abs=1e-6)


def test_what_is_shown_first_leaves_out_the_start_up(estimates):
    run_many(partial(hundred_seconds, starts_up_s=40.0), [{"k": 1}], jobs=1, progress=False)
    assert estimates[1][1] == pytest.approx(99.0)


def test_a_fresh_run_that_tells_its_share_late_has_done_all_of_it_here(tmp_path, estimates):
    run_many(partial(hundred_seconds, tells=False), [{"k": 1}], jobs=1, out=tmp_path, progress=False)
    assert estimates[0][1] == pytest.approx(99.0)


def test_a_resumed_run_inside_a_run_counts_its_own_work_only(tmp_path, estimates):
    def outer(name, progress, folder):
        results = run_many(
            hundred_seconds, [{"k": 1}, {"k": 2}], jobs=1, out=folder, progress=progress, names=["a", "b"]
        )
        return results[0]

    inner = tmp_path / "o" / "a"
    inner.mkdir(parents=True)
    (inner / "checkpoint").write_text("75")
    (inner / "run.json").write_text('{"task": {"k": 1}}')
    (inner.parent / "run.json").write_text('{"task": {"name": "o"}}')
    with pytest.warns(BurstpropWarning, match="a version that did not say which it was"):
        run_many(outer, [{"name": "o"}], jobs=1, out=tmp_path, progress=False, names=["o"])
    known = [(at, left) for at, left in estimates if left is not None]
    assert known[0][1] == pytest.approx(124.0)


def test_worker_processes_tell_where_a_run_began(tmp_path, monkeypatch):
    monkeypatch.setattr(share, "INTERVAL_S", 0.02)
    work = tmp_path / "work"
    work.mkdir()
    board = tmp_path / "board"
    board.mkdir()
    shown = []

    def show(told):
        shown.append((told.share, told.start))

    with share.watched(str(board), show) as finished:
        wait_for(lambda: shown and shown[-1] == (0, None))
        share.Share(share.ShareFile(f"{board}/0"), work)(0.25)
        wait_for(lambda: shown[-1] == (0.25, 0.0))
        (work / "checkpoint").touch()
        resumed = share.Share(share.ShareFile(f"{board}/1"), work)
        resumed(0.75)
        wait_for(lambda: shown[-1] == (1.0, 0.75))
        time.sleep(0.03)
        resumed(0.8)
        wait_for(lambda: shown[-1] == (1.05, 0.75))
        finished(1)
        wait_for(lambda: shown[-1] == (1.25, 0.75))
        # ended before it was looked at
        share.Share(share.ShareFile(f"{board}/2"), work)(0.5)
        finished(2)
        wait_for(lambda: shown[-1] == (2.25, 1.25))


def wait_for(true):
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_realization_of_xor_tells_first_where_it_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.0)

    class StoppedError(Exception):
        pass

    def stopping(share):
        if share > 0.6:
            raise StoppedError

    with pytest.raises(StoppedError):
        _xor_protocol.one(TINY, 1, 1, stopping, tmp_path)
    shares = []
    _xor_protocol.one(TINY, 1, 1, shares.append, tmp_path)
    assert shares == [k / 10 for k in range(6, 11)]


# --- which code made a run, and how long it worked ---


@pytest.fixture
def other_code(monkeypatch):
    """Return what makes all code that follows count as another one."""

    def change(version="0.0.9", code="0ddc0de5"):
        monkeypatch.setattr(sweep, "code_of_run", lambda *_: {"burstprop": version, "code": code})

    return change


def test_a_finished_run_says_which_code_made_it(tmp_path):
    task = {"steps": 5, "seed": 1}
    run_many(sweep_runs.walk, [task], names=["a"], jobs=1, out=tmp_path, progress=False)
    run = json.loads((tmp_path / "a" / "run.json").read_text())
    code = code_of_run(sweep_runs.walk, task)
    assert code["burstprop"] == burstprop.__version__
    made = {name: run[name] for name in ("seconds", "cpu", "date")}
    assert run["parts"] == [{**code, **made}]
    assert run["versions"]["burstprop"] == burstprop.__version__
    assert {"host", "cpu"} <= run.keys()


@pytest.mark.parametrize("version", ["0.0.9", burstprop.__version__])
def test_runs_made_by_other_code_are_used_with_a_warning(tmp_path, other_code, monkeypatch, version):
    def call(count):
        tasks = [{"steps": 5, "seed": k} for k in range(count)]
        return run_many(sweep_runs.walk, tasks, jobs=1, out=tmp_path, progress=False)

    other_code(version)
    first = call(5)
    monkeypatch.undo()
    now = said(code_of_run(sweep_runs.walk, {}))
    with pytest.warns(BurstpropWarning) as warned:
        again = call(6)
    pd.testing.assert_frame_equal(again[0]["walk"], first[0]["walk"])
    message = str(warned[0].message)
    assert message.startswith(
        f"5 of 6 runs in {str(tmp_path)!r} were made, or begun, by other code than this"
    )
    assert f"steps=5,seed=0 by burstprop {version} (code 0ddc0de5), now {now}; " in message
    assert "; and 2 more)" in message
    assert "give another output folder (--out), or delete these" in message
    # those made before runs said it are told too; the newest, made by this code, is not
    for folder in tmp_path.iterdir():
        run = json.loads((folder / "run.json").read_text())
        if folder.name.endswith("=0"):
            del run["parts"]
        elif folder.name.endswith(("=1", "=2", "=3", "=4")):
            run["parts"] = json.loads((tmp_path / "steps=5,seed=5" / "run.json").read_text())["parts"]
        (folder / "run.json").write_text(json.dumps(run))
    with pytest.warns(BurstpropWarning, match="1 of 6 .*by a version that did not say which it was, now"):
        call(6)


def test_a_resumed_run_adds_its_parts_and_names_both_codes(tmp_path, other_code, monkeypatch):
    def work(k, seconds, stop, progress, folder):
        mark = Path(folder) / "checkpoint"
        progress(0.5 if mark.exists() else 0.0)
        time.sleep(seconds)
        if stop and not mark.exists():
            mark.touch()
            progress(0.5)
            raise KeyboardInterrupt
        mark.unlink(missing_ok=True)
        return {"x": pd.DataFrame({"k": [k]})}

    monkeypatch.setattr(share, "NOTE_S", 0.0)
    tasks = [{"k": k, "seconds": 0.3, "stop": k == 1} for k in (1, 2)]
    how = {"jobs": 1, "out": tmp_path, "progress": False, "names": ["a", "b"]}
    other_code(code="01dc0de5")
    with pytest.raises(KeyboardInterrupt):
        run_many(work, tasks, **how)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    folder = Run(tmp_path / "a", identity(tasks[0]))
    assert folder.status == "interrupted"
    [part] = folder.parts()
    assert (part["code"], part["seconds"]) == ("01dc0de5", pytest.approx(0.3, abs=0.25))
    # stopped before its turn came: nothing of it is by this code
    other_code(code="0bad0bad")
    folder.open({"burstprop": "0.0.9", "code": "0bad0bad"})
    folder.close("interrupted")
    assert folder.parts() == [part]
    other_code(code="0ddc0de5")
    message = r"1 of 2 .*\(a by burstprop 0.0.9 \(code 01dc0de5\)"
    with pytest.warns(BurstpropWarning, match=message), work_counted() as counted:
        run_many(work, tasks, **how)
    runs = [json.loads((tmp_path / name / "run.json").read_text()) for name in "ab"]
    assert [[part["code"] for part in run["parts"]] for run in runs] == [
        ["01dc0de5", "0ddc0de5"],
        ["0ddc0de5"],
    ]
    assert runs[0]["parts"][0] == part
    assert runs[0]["seconds"] == pytest.approx(sum(part["seconds"] for part in runs[0]["parts"]))
    assert 0.6 <= runs[0]["seconds"] < 2.0
    assert counted == runs[0]["parts"] + runs[1]["parts"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["run.json", "x.csv"]


def test_work_of_runs_inside_runs_counts_once():
    with work_counted() as counted:
        run_many(sweep_runs.nested, [{"k": k} for k in range(3)], jobs=1, progress=False)
    assert len(counted) == 3


def test_reproduce_says_how_long_the_realizations_took_and_who_made_them(
    capsys, tmp_path, other_code, monkeypatch
):
    def one(seed, realization, progress, folder):
        time.sleep(1.0)
        return {"rates": pd.DataFrame({"time_ms": [0.0], "rate_hz": [5.0]})}

    def run(params, how):
        tasks = [{"seed": how.seed, "realization": k} for k in range(1, how.realizations + 1)]
        return run_many(one, tasks, jobs=1, progress=how.progress, out=how.out / "realizations")[0]

    def call(*words):
        assert main(["reproduce", DEMO, "--quiet", "--out", str(tmp_path), *words]) == 0
        return json.loads((tmp_path / "run.json").read_text())

    changed = dataclasses.replace(demo_circuit.EXPERIMENT, run=run)
    monkeypatch.setattr(demo_circuit, "EXPERIMENT", changed)
    other_code()
    first = call("--realizations", "2")
    assert 2.0 <= first["realization_seconds"] <= first["seconds"] + 0.1
    assert first["realizations_made_by"] == "burstprop 0.0.9 (code 0ddc0de5)"
    # one more, by other code
    other_code("0.1.0", "11111111")
    with pytest.warns(BurstpropWarning, match="2 of 3 runs"):
        more = call("--realizations", "3")
    assert more["realization_seconds"] >= 3.0
    assert more["realization_seconds"] >= more["seconds"] + 0.5, "two of three were there already"
    both = "burstprop 0.0.9 (code 0ddc0de5); burstprop 0.1.0 (code 11111111)"
    assert more["realizations_made_by"] == both
    assert both in (tmp_path / "report.html").read_text()
    # only those that this call is about
    with pytest.warns(BurstpropWarning, match="1 of 1 runs"):
        assert call("--realizations", "1")["realization_seconds"] < 2.0


def test_the_command_line_prints_the_warning_as_one_line(tmp_path, other_code):
    words = ["sweep", DEMO, "--seeds", "1", "--quick", "--quiet", "--jobs", "1", "--out", str(tmp_path)]
    other_code()
    assert main(words) == 0
    again = [sys.executable, "-m", "burstprop", *words]
    done = subprocess.run(again, check=True, capture_output=True, text=True, timeout=120)
    _, line = done.stderr.splitlines()
    assert line.startswith(f"burstprop: warning: 1 of 1 runs in {str(tmp_path)!r} were made, or begun, by")


# --- the name of the code ---


def named(monkeypatch, changed=None):
    """Return the name of the code of an xor realization, with one file's text changed."""
    run_code._name_of_code.cache_clear()
    read = run_code._read

    def other(path):
        text, names = read(path)
        return (text + "\nx = 1" if changed and path.match(changed) else text), names

    with monkeypatch.context() as patch:
        patch.setattr(run_code, "_read", other)
        code = code_of_run(_xor_protocol.one, {"params": xor.Params()})["code"]
    run_code._name_of_code.cache_clear()
    return code


def test_code_that_computes_counts_and_code_that_shows_does_not(monkeypatch):
    here = named(monkeypatch)
    assert len(here) == 8
    for module in (
        "circuits/xor/circuit.py",
        "engine/step/delivery.py",
        "neurons/pyramidal.py",
        "circuit/plasticity.py",
    ):
        assert named(monkeypatch, module) != here, module
    for module in ("circuits/xor/check.py", "circuits/xor/figure.py", "report/report.py", "cli/reproduce.py"):
        assert named(monkeypatch, module) == here, module


@dataclass(frozen=True)
class Description:
    w: float = 1.0


def test_code_of_a_users_module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def code(text, helper="y = 1\n", task=None):
        (tmp_path / "helper_of_user.py").write_text(helper)
        (tmp_path / "users_run.py").write_text(text)
        sys.modules.pop("users_run", None)
        importlib.invalidate_caches()
        run_code._name_of_code.cache_clear()
        run_code._read.cache_clear()
        return code_of_run(importlib.import_module("users_run").f, task or {})["code"]

    text = "import helper_of_user\nimport burstprop as bp\n\ndef f(progress, folder):\n    return bp.find_bursts\n"
    here = code(text)
    assert code("# a comment\n" + text) == here
    assert code(text.replace("return", "return 1 and")) != here
    assert code(text, helper="y = 2\n") != here
    assert code(text, task={"params": Description()}) != here
    user = tmp_path / "users_run.py"
    assert run_code._file("helper_of_user", tmp_path) == (tmp_path / "helper_of_user.py").resolve()
    assert "burstprop.find_bursts" in run_code._read(user)[1]
    assert run_code._file("burstprop.find_bursts", tmp_path).name == "bursts.py"
    # a module that cannot be read, and a function of a prompt, are no error
    (tmp_path / "users_run.py").write_text("def f(")
    run_code._read.cache_clear()
    run_code._name_of_code.cache_clear()
    f = sys.modules.pop("users_run").f
    assert len(code_of_run(f, {})["code"]) == 8
    f.__module__ = None
    assert len(code_of_run(f, {})["code"]) == 8


def test_the_same_code_in_another_folder_is_the_same(tmp_path, monkeypatch):
    codes = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same_run.py").write_text(
            "import same_helper\n\ndef f(progress, folder):\n    pass\n"
        )
        (tmp_path / folder / "same_helper.py").write_text("y = 1\n")
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path / folder)
            for name in ("same_run", "same_helper"):
                sys.modules.pop(name, None)
            codes.append(code_of_run(importlib.import_module("same_run").f, {}))
            sys.modules.pop("same_run")
    assert codes[0] == codes[1]


def test_what_was_begun_by_other_code_is_told_and_what_left_nothing_is_not(tmp_path, other_code):
    def work(k, stop, progress, folder):
        (Path(folder) / "realizations").mkdir(exist_ok=True)
        if k == 2:
            (Path(folder) / "realizations" / "checkpoint").touch()
        if stop:
            raise KeyboardInterrupt
        return {"x": pd.DataFrame({"k": [k]})}

    other_code(code="01dc0de5")
    for k in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            run_many(
                partial(work, stop=True), [{"k": k}], jobs=1, out=tmp_path, names=[str(k)], progress=False
            )
    # the first left an empty folder, the second a checkpoint, though it never told how far it was
    assert [path.name for path in tmp_path.iterdir()] == ["2"]
    other_code(code="0ddc0de5")
    with pytest.warns(BurstpropWarning, match=r"1 of 2 .*\(2 by burstprop 0.0.9 \(code 01dc0de5\)"):
        run_many(
            partial(work, stop=False),
            [{"k": 1}, {"k": 2}],
            jobs=1,
            out=tmp_path,
            names=["1", "2"],
            progress=False,
        )


def test_a_damaged_record_of_parts_is_named(tmp_path):
    work = tmp_path / "a"
    work.mkdir()
    for name, text in (("run.json", '{"task": {"k": 1}, "parts": [{}]}'), ("checkpoint", "1")):
        (work / name).write_text(text)
    with pytest.raises(BurstpropError, match="cannot be read as a run"):
        run_many(sweep_runs.no_frames, [{"k": 1}], out=tmp_path, names=["a"], progress=False)
