"""A bank and a training that are killed at any moment go on to the same bits; `scripts/sigkill`
does it to commands."""

import json
import subprocess
import sys
from pathlib import Path

HELPER = Path(__file__).parent / "helpers" / "kills.py"
KILLS = 6


def test_what_is_killed_at_any_moment_goes_on_to_the_same_bits(tmp_path):
    command = [sys.executable, str(HELPER), str(tmp_path), str(KILLS), "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["struck"] >= KILLS // 2
    assert counts["finished"] == counts["same"] == KILLS
