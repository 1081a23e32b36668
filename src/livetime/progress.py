"""A leaf: a progress bar on a terminal, one plain line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

INTERVAL = 15.0
"""Seconds between plain lines where there is no terminal."""


def say(text: str) -> None:
    """One plain line, at once."""
    print(text, flush=True)


class Progress:
    """What a long work reports to; made by `progress`.

    Arguments:
        label: what is being done.
        total: number of steps.
        unit: what a step is.
    """

    def __init__(self, label: str, total: int, unit: str, done: int = 0) -> None:
        self.label, self.total, self.unit = label, total, unit
        self.text, self.said_done = "", -1
        self.done, self.first, self.started, self.said = (
            done,
            done,
            time.monotonic(),
            time.monotonic(),
        )

    def advance(self, steps: int = 1, text: str = "") -> None:
        """Counts steps that are done; the text is what is to be said of them."""
        self.done += steps
        self.text = text
        if time.monotonic() - self.said >= INTERVAL:
            self.said = time.monotonic()
            self._line()

    def finish(self) -> None:
        """Says the last line, unless it was said already."""
        if self.done != self.said_done:
            self._line()

    def _line(self) -> None:
        self.said_done = self.done
        seconds = max(time.monotonic() - self.started, 1e-9)
        speed = (self.done - self.first) / seconds
        left = (self.total - self.done) / speed if speed else float("inf")
        text = f"; {self.text}" if self.text else ""
        say(
            f"{self.label}: {self.done}/{self.total} {self.unit}, {speed:.3g}/s, {left:.0f} s left{text}"
        )


class _Bar(Progress):
    def __init__(self, label: str, total: int, unit: str, done: int = 0) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Rich

        super().__init__(label, total, unit, done)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit + " {task.fields[speed]}"),
        )
        self.rich = Rich(
            *columns,
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            refresh_per_second=4,
        )
        self.task = self.rich.add_task(label, total=total, completed=done, speed="")
        self.rich.start()

    def advance(self, steps: int = 1, text: str = "") -> None:
        self.done += steps
        speed = (self.done - self.first) / max(time.monotonic() - self.started, 1e-9)
        self.rich.update(self.task, completed=self.done, speed=f"{speed:.3g}/s {text}")


@contextmanager
def progress(label: str, total: int, unit: str = "steps", done: int = 0) -> Iterator[Progress]:
    """A `Progress` to advance: with rate and time left, as a bar on a terminal and as plain lines elsewhere.

    Arguments:
        label: what is being done.
        total: number of steps in all.
        unit: what a step is.
        done: steps that were done before, and do not count for the rate.
    """
    bar = (
        _Bar(label, total, unit, done)
        if sys.stdout.isatty()
        else Progress(label, total, unit, done)
    )
    try:
        yield bar
    finally:
        if isinstance(bar, _Bar):
            bar.rich.stop()
        else:
            bar.finish()
