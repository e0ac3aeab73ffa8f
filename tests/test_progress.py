import io

import pytest

from burstprop.system.progress import Progress, duration_text


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7620, "2 h 07 min"),
    ],
)
def test_duration_is_said_as_a_person_says_it(seconds, text):
    assert duration_text(seconds) == text


def test_piped_lines_come_at_growing_intervals_and_not_for_ever():
    clock, out = Clock(), io.StringIO()
    with Progress(10_000, "run", stream=out, clock=clock) as progress:
        for second in range(1, 10_001):
            clock.now = 100.0 + second
            progress.update(second)
    lines = out.getvalue().splitlines()
    # 2 + 4 + ... + 512 = 1022 s, then every 600 s: 9 lines, (10000 - 1022) // 600 = 14, the closing one
    assert len(lines) == 9 + 14 + 1
    assert lines[0] == "run:   0 %, 2 of 10,000 ms, 2 h 47 min left"
    assert lines[-1] == "run: 10,000 ms in 2 h 47 min"
    assert "\r" not in out.getvalue()


def test_a_short_run_says_nothing_in_a_pipe():
    out = io.StringIO()
    with Progress(100, "run", stream=out, clock=Clock()) as progress:
        progress.update(50)
    assert out.getvalue() == ""


def test_bar_on_a_terminal_redraws_one_line_and_ends_it():
    clock, out = Clock(), Terminal()
    with Progress(8, "xor", unit="epochs", stream=out, clock=clock) as progress:
        clock.now += 0.05
        progress.update(1)  # too soon to redraw
        clock.now += 0.95
        progress.update(2)
    drawn = out.getvalue().split("\r")
    assert len(drawn) == 4
    assert drawn[2].startswith("xor: |######                  |  25 %, 2 of 8 epochs, 3.0 s left")
    assert drawn[3].startswith("xor: 8 epochs in 1.0 s")
    assert drawn[3].endswith("\n")
    assert len(drawn[3].rstrip("\n")) >= len(drawn[2]), "a shorter line must wipe the longer one"


def test_what_was_done_before_does_not_count_for_the_remaining_time():
    clock = Clock()
    progress = Progress(1000, "resumed", start=900, stream=io.StringIO(), clock=clock)
    assert progress.remaining_s() is None
    clock.now += 10
    progress.update(950)
    assert progress.remaining_s() == pytest.approx(10.0)


def test_an_interrupted_run_says_where_it_stopped():
    clock, out = Clock(), io.StringIO()

    def interrupted():
        with Progress(1000, "run", stream=out, clock=clock) as progress:
            clock.now += 1
            progress.update(250)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert out.getvalue() == "run: stopped at 250 of 1,000 ms after 1.0 s\n"


def test_a_run_inside_another_tells_its_share_and_shows_nothing(capsys):
    shares = []
    with Progress(200, "inner", enabled=shares.append) as progress:
        for done in (50, 100, 300):
            progress.update(done)
    assert shares == [0.25, 0.5, 1.0]
    assert capsys.readouterr().err == ""


def test_disabled_shows_nothing():
    clock, out = Clock(), Terminal()
    with Progress(10, "run", enabled=False, stream=out, clock=clock) as progress:
        clock.now += 100
        progress.update(9)
    assert out.getvalue() == ""
    assert progress.done == 9
