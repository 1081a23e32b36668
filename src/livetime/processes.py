"""Start processes that end whenever the process that started them ends."""

import multiprocessing
import os
import pickle
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import connection
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

from filelock import FileLock, Timeout

from livetime.errors import UserError

MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
"""Bytes of memory of this machine."""


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
        workers: their number; None for one per core.
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


@contextmanager
def locked(
    folder: Path, purpose: str, wait: bool, notify: Callable[[str], object]
) -> Iterator[None]:
    """Keep other processes out of a folder that exists, and say for which of them one waits.

    Arguments:
        folder: gets the files `.lock` and, while it is locked, `.owner`.
        purpose: what this process does in the folder, as `builds the bank`.
        wait: for another process; otherwise raise.
        notify: called with a sentence before a wait.

    Raises:
        UserError: if another process has the folder, unless this one waits.
    """
    lock = FileLock(folder / ".lock")
    owner = folder / ".owner"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = _read_owner(owner)
        if not wait:
            raise UserError(str(folder), f"is in use: {who}", "wait for it, or stop it") from None
        notify(f"waiting for another process in {folder}: {who}")
        lock.acquire()
    try:
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        with suppress(OSError):  # a full disk, where the lock works without it
            owner.write_text(f"process {os.getpid()} on {platform.node()} {purpose} since {since}")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _read_owner(path: Path) -> str:
    """Read which process has a folder, and since when."""
    try:
        return path.read_text() or "it has not given its name"
    except OSError:
        return "it has not given its name"


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
