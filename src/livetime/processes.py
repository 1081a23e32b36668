"""Processes that end with the process that started them, however that ends."""

import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.context import SpawnContext, SpawnProcess
from threading import Thread
from types import ModuleType
from typing import Any


def available_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Process(SpawnProcess):
    """A new process that does not run the script of a person again: it may have no main guard."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process_obj)
        except (pickle.PicklingError, AttributeError):
            pass  # what is sent is of a class of the script, which the process must then run
        finally:
            sys.modules["__main__"] = script
        return SpawnProcess._Popen(process_obj)


class _Context(SpawnContext):
    """Start processes that do not run the script of a person again."""

    Process = _Process


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
    count = workers or available_cores()
    pool = ProcessPoolExecutor(count, _Context(), _start, (start, arguments))
    try:
        yield pool
    except BaseException:
        # Tasks that wait are cancelled first: the pool's thread must not answer them later.
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        # Lightning ignores SIGTERM. Nothing is half written: files are written aside.
        for process in processes:
            process.kill()
        raise
    pool.shutdown()


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
