"""One run, one folder: lock, status, files with checksums, checkpoints; and the signals that stop it."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from burstprop.errors import BurstpropError
from burstprop.runs.checkpoints import Checkpoints
from burstprop.runs.lock import Lock, Locked
from burstprop.runs.pieces import lost, pieces
from burstprop.runs.run import Run, identity
from burstprop.system.interrupts import answering, deferred_stop, exit_code, stopped_by, terminable

HOLD = (
    "import sys, time; from pathlib import Path; from burstprop.runs.lock import Lock\n"
    "lock = Lock(Path(sys.argv[1]), 'burstprop train'); lock.take(); print('held', flush=True); time.sleep(60)"
)


def test_one_process_at_a_time_and_a_dead_owner_is_none(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(Locked, match=rf"worked on by process {process.pid} on .*burstprop train"):
            Lock(tmp_path, "burstprop simulate").take()
    finally:
        process.kill()
        process.communicate()
    assert (tmp_path / ".lock").exists(), "a killed owner leaves the file"
    lock = Lock(tmp_path, "burstprop simulate")
    lock.take()
    with pytest.raises(Locked, match=f"process {os.getpid()} "):
        Lock(tmp_path, "burstprop sweep").take()
    lock.release()
    assert list(tmp_path.iterdir()) == []
    again = Lock(tmp_path, "burstprop sweep")
    again.take()
    again.release()


def test_two_that_take_turns_at_a_lock_never_both_hold_it(tmp_path):
    holders, most = [0], [0]

    def work():
        for _ in range(200):
            lock = Lock(tmp_path, "a test")
            try:
                lock.take()
            except Locked:
                continue
            holders[0] += 1
            most[0] = max(most[0], holders[0])
            time.sleep(0)
            holders[0] -= 1
            lock.release()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_a_run_knows_its_files(tmp_path):
    run = Run(tmp_path / "a", identity({"seed": 1}))
    assert run.status == ""
    folder = run.open({"burstprop": "1", "code": "c0de"}, label={"seed": 1})
    assert Run(folder).status == "running"
    (folder / "x.csv").write_text("a\n1\n")
    run.finish(["x.csv"], 2.0)
    again = Run(folder, identity({"seed": 1}))
    assert again.complete
    assert again.content["label"] == {"seed": 1}
    assert again.parts() == [{"burstprop": "1", "code": "c0de", "seconds": 2.0}]
    assert sorted(path.name for path in folder.iterdir()) == ["run.json", "x.csv"]
    again.check_files()
    with pytest.raises(BurstpropError, match=r"another run \(seed is 1 there and 2 here\)"):
        Run(folder, identity({"seed": 2}))
    (folder / "x.csv").write_text("a\n2\n")
    with pytest.raises(BurstpropError, match=r"x.csv is altered .*delete it, and the run is made again"):
        Run(folder).check_files()
    (folder / "x.csv").write_text("a\n")
    with pytest.raises(BurstpropError, match=r"x\.csv has 2 instead of 4 bytes"):
        Run(folder).check_files()
    (folder / "x.csv").unlink()
    with pytest.raises(BurstpropError, match=r"x\.csv is missing"):
        Run(folder).check_files()
    (folder / "run.json").write_text("{")
    with pytest.raises(BurstpropError, match="cannot be read as a run"):
        Run(folder)


@pytest.mark.parametrize(
    ("raised", "status"), [(KeyboardInterrupt(), "interrupted"), (BurstpropError("it diverged"), "failed")]
)
def test_a_run_that_stops_says_how(tmp_path, raised, status):
    run = Run(tmp_path / "a", identity({}))
    with pytest.raises(type(raised)), run.working():
        raise raised
    assert not (tmp_path / "a").exists(), "it left nothing to go on from"
    run.open()
    (run.folder / "checkpoint").touch()
    run.release()
    with pytest.raises(type(raised)), run.working():
        raise raised
    assert Run(tmp_path / "a").status == status
    assert sorted(path.name for path in run.folder.iterdir()) == ["checkpoint", "run.json"]


def test_a_run_of_no_time_still_says_which_code_made_it(tmp_path):
    run = Run(tmp_path / "run", identity({"seed": 1}))
    run.open({"burstprop": "9.9.9", "code": "0ddc0de5"})
    (run.folder / "result.csv").write_text("a\n1\n")
    run.finish(["result.csv"], seconds=0.0)
    (part,) = Run(tmp_path / "run").parts()
    assert (part["burstprop"], part["code"]) == ("9.9.9", "0ddc0de5")


def test_a_folder_with_files_of_others_is_never_removed(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").touch()
    with pytest.raises(KeyboardInterrupt), Run(tmp_path, identity({})).working():
        raise KeyboardInterrupt
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [".git", ".git/config"]


def test_half_a_file_of_a_killed_process_is_removed(tmp_path):
    run = Run(tmp_path, identity({}))
    (tmp_path / ".state.123.partial.npz").touch()
    with run.working():
        assert not list(tmp_path.glob(".*partial*"))
        (tmp_path / ".state.124.partial.npz").touch()
        (tmp_path / "x").touch()
        run.finish(["x"], 1.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json", "x"]


def test_a_checkpoint_is_whole_and_knows_what_is_lost(tmp_path):
    now = [0.0]
    checkpoints = Checkpoints(tmp_path, 60.0, clock=lambda: now[0])
    assert checkpoints.content is None
    assert not checkpoints.due()
    now[0] = 60.0
    assert checkpoints.due()
    for k in (1, 2):
        (tmp_path / f"state-{k}").write_text(f"{k}")
        (tmp_path / f"piece-{k}").write_text(f"{k}")
        names = [f"piece-{j}" for j in range(1, k + 1)]
        checkpoints.keep({"step": k}, [*names, f"state-{k}"])
        assert not checkpoints.due()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint.json",
        "piece-1",
        "piece-2",
        "state-2",
    ]
    # written, and the process killed before the checkpoint named it
    (tmp_path / "state-3").write_text("3")
    again = Checkpoints(tmp_path)
    assert again.content == {"step": 2}
    assert again.lost() == {}
    again.tidy("state-*")
    assert not (tmp_path / "state-3").exists()
    (tmp_path / "piece-1").unlink()
    (tmp_path / "piece-2").write_text("3")
    assert again.lost() == {"piece-1": "is missing", "piece-2": "is altered (its checksum is another)"}
    again.forget()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "checkpoint.json").write_text("{")
    with pytest.raises(BurstpropError, match="cannot be read as a checkpoint"):
        Checkpoints(tmp_path)


def test_pieces_are_read_once(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    first = pieces(tmp_path, ["a"])
    assert first["a"]["bytes"] == 3_000_000
    known = {"a": {"bytes": 1, "sha256": ""}}
    assert pieces(tmp_path, ["a"], known) == known
    assert lost(tmp_path, known) == {"a": "has 3,000,000 instead of 1 bytes"}


# --- signals ---


def kill_self(number):
    os.kill(os.getpid(), number)
    time.sleep(0.001)


@pytest.mark.parametrize(
    ("number", "said", "code"), [(signal.SIGINT, "Ctrl-C", 130), (signal.SIGTERM, "SIGTERM", 143)]
)
def test_sigterm_is_ctrl_c(number, said, code):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with terminable():
        with pytest.raises(KeyboardInterrupt):
            kill_self(number)
        assert (stopped_by(), exit_code()) == (said, code)
        handles = signal.getsignal(number)
        with deferred_stop() as stopped:
            assert signal.getsignal(number) is handles, "set once, by the outermost"
            assert not stopped()
            kill_self(number)
            kill_self(number)
            assert stopped()
        with deferred_stop(second_ends=True) as stopped:
            kill_self(number)
            assert stopped()
            with pytest.raises(KeyboardInterrupt):
                kill_self(number)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_call_that_cannot_be_cut_is_answered_for_at_once():
    went_on = threading.Event()

    def call():
        time.sleep(0.5)
        went_on.set()

    with terminable():
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            answering(call)
        assert not went_on.is_set()
    assert went_on.wait(10)
    assert answering(lambda: 7) == 7
    with pytest.raises(ValueError, match="mine"):
        answering(lambda: int("mine"))
