"""A bar on a terminal, plain lines elsewhere, and the count right on both."""

import io
import re
import sys

import pytest

from livetime import progress as progress_module
from livetime.progress import progress, say

LINE = re.compile(
    r"^(?P<label>[\w ]+): (?P<done>\d+)/(?P<total>\d+) (?P<unit>\w+), (?P<speed>\S+)/s, "
    r"(?P<left>\S+) s left(; (?P<text>.*))?$"
)


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes when it is told to."""
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return wait


def lines(capsys):
    out = [LINE.match(line) for line in capsys.readouterr().out.splitlines()]
    assert all(out)
    return [m.groupdict() for m in out]


def test_off_a_terminal_there_is_a_line_now_and_then_and_one_at_the_end(capsys, clock):
    with progress("simulate", 120, "simulations") as bar:
        for _ in range(120):
            clock(1)
            bar.advance()
    found = lines(capsys)
    assert [int(m["done"]) for m in found] == list(
        range(15, 121, 15)
    )  # every INTERVAL seconds, and the last said once
    for m in found:
        assert (m["label"], m["total"], m["unit"], float(m["speed"])) == (
            "simulate",
            "120",
            "simulations",
            1.0,
        )
        assert float(m["left"]) == 120 - int(m["done"])


def test_quick_work_says_one_line(capsys, clock):
    with progress("train", 10, "epochs") as bar:
        for i in range(10):
            clock(0.1)
            bar.advance(text=f"loss {i}")
    (m,) = lines(capsys)
    assert (m["done"], m["text"]) == ("10", "loss 9")


def test_what_was_done_before_does_not_count_for_the_rate(capsys, clock):
    with progress("simulate", 100, done=90) as bar:
        for _ in range(10):
            clock(2)
            bar.advance()
    last = lines(capsys)[-1]
    assert (last["done"], float(last["speed"]), float(last["left"])) == ("100", 0.5, 0)


def test_steps_add_up(capsys, clock):
    with progress("x", 10) as bar:
        for steps in (3, 3, 4):
            bar.advance(steps)
        assert bar.done == 10
    assert [m["done"] for m in lines(capsys)] == ["10"]


def test_work_that_fails_says_how_far_it_came_and_fails(capsys, clock):
    with pytest.raises(KeyError), progress("x", 10) as bar:  # noqa: PT012
        clock(1)
        bar.advance(4)
        raise KeyError
    assert [m["done"] for m in lines(capsys)] == ["4"]


def test_no_work_and_no_time_divide_by_nothing(capsys, clock):
    with progress("x", 0):
        pass
    with progress("x", 5):
        pass
    assert len(capsys.readouterr().out.splitlines()) == 2


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("fails", [False, True])
def test_on_a_terminal_there_is_a_bar_and_no_plain_line(monkeypatch, fails):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    try:
        with progress("simulate", 40, "simulations", done=10) as bar:
            for _ in range(30):
                bar.advance(text="hello")
            assert bar.done == 40
            if fails:
                raise KeyError
    except KeyError:
        assert fails
    bar.rich.refresh()
    text = terminal.getvalue()
    assert "simulate" in text
    assert "40/40" in text
    assert "simulations" in text
    assert "hello" in text
    assert not any(LINE.match(line) for line in text.splitlines())
    assert text.count("\x1b[?25h") >= 1  # the cursor is given back


def test_lines_are_said_at_once(monkeypatch):
    class Stream(io.StringIO):
        flushed = False

        def flush(self):
            self.flushed = True

    stream = Stream()
    monkeypatch.setattr(sys, "stdout", stream)
    say("now")
    assert stream.getvalue() == "now\n"
    assert stream.flushed
