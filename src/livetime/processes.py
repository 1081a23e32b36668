"""Processes that end with the process that started them, however that ends."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection
from threading import Thread
from typing import Any


def available_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def process_pool(
    workers: int | None, start: Callable[..., object] | None = None, arguments: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of new processes, which an exception or an interrupt ends at once.

    Arguments:
        workers: their number; None for one a core.
        start: called with the arguments in each process before its first task.
        arguments: of `start`.
    """
    spawn = multiprocessing.get_context("spawn")
    count = workers or available_cores()
    with ProcessPoolExecutor(count, spawn, _start, (start, arguments)) as pool:
        try:
            yield pool
        except BaseException:
            # Lightning ignores SIGTERM. Nothing is half written: files are written aside.
            for process in list((pool._processes or {}).values()):
                process.kill()
            raise


def _start(start: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    """Prepare a new process: only its parent reports an interrupt, and it ends with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    if start:
        start(*arguments)


def _end_with_parent() -> None:
    """Wait for the end of the parent, and end."""
    parent = multiprocessing.parent_process()
    if parent:
        connection.wait([parent.sentinel])
        os._exit(1)
