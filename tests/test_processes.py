"""Processes end with what started them."""

import os
import signal
import subprocess
import sys
import time

import pytest

from livetime.processes import available_cores, process_pool

SCRIPT = """
import time
from livetime.processes import process_pool
if __name__ == "__main__":
    with process_pool(1) as pool:
        print(*(pool.submit(time.sleep, 0).result() or pool._processes), flush=True)
        pool.submit(time.sleep, 60).result()
"""


def ends(pid: int, within: float = 20.0) -> bool:
    """Say whether a process, no child of this one or a zombie at most, ends."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_there_is_a_core():
    assert available_cores() >= 1


def test_what_ends_by_an_exception_ends_at_once():
    started, pids = time.monotonic(), []

    def use():
        with process_pool(1) as pool:
            pool.submit(time.sleep, 0).result()
            pids.extend(pool._processes)
            pool.submit(time.sleep, 60)
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        use()
    assert time.monotonic() - started < 40, "it waited for its task"
    assert all(ends(pid) for pid in pids)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_process_does_not_outlive_one_that_is_killed(tmp_path):
    (tmp_path / "pool.py").write_text(SCRIPT)
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "pool.py"], stdout=subprocess.PIPE, text=True
    )
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert ends(child)


UNGUARDED = """
from livetime.processes import process_pool
print("here")
with process_pool(2) as pool:
    print(*pool.map(abs, [-1, -2]))
"""


def test_a_script_without_a_main_guard_runs_once(tmp_path):
    (tmp_path / "mine.py").write_text(UNGUARDED)
    done = subprocess.run([sys.executable, tmp_path / "mine.py"], capture_output=True, text=True)
    assert done.stdout.split() == ["here", "1", "2"], done.stderr
    assert not done.stderr


OWN_CLASS = """
from livetime.processes import process_pool
class Mine:
    def __init__(self):
        self.number = 3
def check(mine):
    assert mine.number == 3
if __name__ == "__main__":
    with process_pool(1, check, (Mine(),)) as pool:
        print(pool.submit(abs, -1).result())
"""


def test_a_class_of_a_guarded_script_reaches_its_processes(tmp_path):
    (tmp_path / "mine.py").write_text(OWN_CLASS)
    done = subprocess.run([sys.executable, tmp_path / "mine.py"], capture_output=True, text=True)
    assert done.stdout.split() == ["1"], done.stderr


INTERRUPTED = """
import time
from livetime.processes import process_pool
try:
    with process_pool(1) as pool:
        for _ in pool.map(time.sleep, [0, *[30] * 20]):
            raise KeyboardInterrupt
except KeyboardInterrupt:
    print("stopped")
"""


def test_an_interrupt_leaves_no_traceback_of_the_pool(tmp_path):
    (tmp_path / "mine.py").write_text(INTERRUPTED)
    done = subprocess.run([sys.executable, tmp_path / "mine.py"], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("stopped\n", "")
