"""Show the progress of long work: a bar on a terminal, else a plain line now and then."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_INTERVAL = 15.0
"""Seconds between plain lines where there is no terminal."""


def say(text: str) -> None:
    """Print one plain line at once."""
    print(text, flush=True)


class Progress:
    """Count the steps of long work and print a plain line now and then; `progress` makes it.

    Arguments:
        label: what is done.
        total: number of steps.
        unit: what a step is.
        done: steps that were done before; they do not count for the rate.

    Examples:
        >>> work = Progress("simulate", 4, "simulations")
        >>> work.advance(3)
        >>> work.done
        3
    """

    def __init__(self, label: str, total: int, unit: str, done: int = 0) -> None:
        self.label = label
        self.total = total
        self.unit = unit
        self.done = done
        self.text = ""
        self._first = done
        self._started = time.monotonic()
        self._last_line = self._started
        self._last_done = -1

    def advance(self, steps: int = 1, text: str = "") -> None:
        """Count steps that are done.

        Arguments:
            steps: their number.
            text: a remark, such as the latest loss.
        """
        self.done += steps
        self.text = text
        self._show()

    def close(self) -> None:
        """Print the last line, unless it is there already."""
        if self.done != self._last_done:
            self._line()

    @property
    def speed(self) -> float:
        """Compute the steps a second since the start."""
        seconds = max(time.monotonic() - self._started, 1e-9)
        return (self.done - self._first) / seconds

    def _show(self) -> None:
        if time.monotonic() - self._last_line >= _INTERVAL:
            self._last_line = time.monotonic()
            self._line()

    def _line(self) -> None:
        self._last_done = self.done
        speed = self.speed
        left = f", {speed:.3g}/s, {(self.total - self.done) / speed:.0f} s left" if speed else ""
        remark = f"; {self.text}" if self.text else ""
        say(f"{self.label}: {self.done}/{self.total} {self.unit}{left}{remark}")


class _Bar(Progress):
    """Show the same as a bar on a terminal."""

    def __init__(self, label: str, total: int, unit: str, done: int = 0) -> None:
        from rich import progress as rich_progress

        super().__init__(label, total, unit, done)
        self.rich = rich_progress.Progress(
            rich_progress.TextColumn("{task.description}"),
            rich_progress.BarColumn(),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TextColumn(unit + " {task.fields[speed]}"),
            rich_progress.TimeElapsedColumn(),
            rich_progress.TextColumn("left"),
            rich_progress.TimeRemainingColumn(),
            refresh_per_second=4,
        )
        self._task = self.rich.add_task(label, total=total, completed=done, speed="")
        self.rich.start()

    def close(self) -> None:
        self.rich.stop()

    def _show(self) -> None:
        speed = f"{self.speed:.3g}/s {self.text}"
        self.rich.update(self._task, completed=self.done, speed=speed)


@contextmanager
def progress(label: str, total: int, unit: str = "steps", done: int = 0) -> Iterator[Progress]:
    """Give a `Progress` to advance, which shows rate and time left.

    Arguments:
        label: what is done.
        total: number of steps.
        unit: what a step is.
        done: steps that were done before; they do not count for the rate.
    """
    kind = _Bar if sys.stdout.isatty() else Progress
    work = kind(label, total, unit, done)
    try:
        yield work
    finally:
        work.close()
