"""Shared by all tests: their folders on the path, a user's notes of their own, and what they cost.

This file puts its folder on the path, so that tests can import ``oracles``, ``brian_twin`` and ``engine``,
gives what burstprop notes about a user a folder of the tests' own, lets tests marked ``slow`` come last (a
fault shows early), and adds up the processor time of every test and of the processes that it starts, which,
unlike the time on the wall, does not depend on what else the machine does: ``pytest --processor-time 20``
lists the tests that take most.
"""

import os
import tempfile

import pytest

_notes = tempfile.TemporaryDirectory(prefix="burstprop-notes-")
os.environ["XDG_STATE_HOME"] = _notes.name

_seconds: dict[str, float] = {}


def _processor_s():
    """Return the processor time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def pytest_addoption(parser):
    parser.addoption(
        "--processor-time", type=int, default=0, metavar="N", help="list the N tests that take most of it"
    )


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    before = _processor_s()
    try:
        return (yield)
    finally:
        _seconds[item.nodeid] = _processor_s() - before


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):  # a worker of pytest-xdist
        session.config.workeroutput["processor_s"] = _seconds


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    _seconds.update(getattr(node, "workeroutput", {}).get("processor_s", {}))


def pytest_terminal_summary(terminalreporter, config):
    if hasattr(config, "workerinput"):
        return
    slowest = sorted(_seconds, key=_seconds.__getitem__, reverse=True)[: config.getoption("--processor-time")]
    for name in slowest:
        terminalreporter.write_line(f"{_seconds[name]:7.1f} s of processor time: {name}")
    total = sum(_seconds.values())
    terminalreporter.write_line(f"processor time of all tests: {total // 60:.0f} min {total % 60:02.0f} s")
