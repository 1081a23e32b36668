"""The code's own rules: lint, format, types, and imports that point one way."""

import subprocess
import sys
from pathlib import Path

from livetime.config import ROOT

BIN = Path(sys.executable).parent


def clean(*command):
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, f"{' '.join(map(str, command[-3:]))}\n{done.stdout}{done.stderr}"


def test_lint():
    clean(sys.executable, "-m", "ruff", "check", ".")


def test_format():
    clean(sys.executable, "-m", "ruff", "format", "--check", ".")


def test_types():
    clean(sys.executable, "-m", "mypy")


def test_imports():
    clean(BIN / "lint-imports")
