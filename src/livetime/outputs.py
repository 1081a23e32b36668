"""A leaf: where things land, written aside and renamed; and where they came from."""

import json
import os
import platform
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from livetime.config import ROOT, UserError


def stamp() -> str:
    return f"{time.strftime('%Y-%m-%d_%H%M%S')}_{uuid.uuid4().hex[:6]}"


@contextmanager
def new_folder(path: Path, overwrite: bool) -> Iterator[Path]:
    """A folder to write into, which takes its name only when all is done.

    Raises: UserError if it exists, unless it may be overwritten.
    """
    refuse_existing(path, overwrite)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:6]}")
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"output={path} cannot be made: {error.strerror}; choose another folder") from None
    try:
        yield aside
        if path.exists():
            shutil.rmtree(path)
        aside.rename(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def refuse_existing(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise UserError(f"output={path} exists; choose another folder, or say overwrite=true")
    if path.exists() and not path.is_dir():
        raise UserError(f"output={path} is a file; choose a folder")


def write_json(path: Path, value: Any) -> None:
    aside = path.with_suffix(".part")
    aside.write_text(json.dumps(value, indent=1, allow_nan=False, default=float) + "\n")
    os.replace(aside, path)


def provenance() -> dict[str, Any]:
    """Git commit and whether the tree is dirty, versions, machine, time."""

    def git(*words: str) -> str | None:
        try:
            return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None

    packages = ("livetime", "torch", "lightning", "sbi", "zuko", "hydra-core", "numpy", "scipy", "numba", "astropy", "emcee")
    status = git("status", "--porcelain")
    return {
        "git_commit": git("rev-parse", "HEAD"),
        "git_dirty": None if status is None else bool(status),
        "versions": {"python": platform.python_version(), **{p: metadata.version(p) for p in packages}},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
