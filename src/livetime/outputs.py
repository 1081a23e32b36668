"""A leaf: where things land, written aside and renamed; and where they came from."""

import json
import os
import platform
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from livetime.config import ROOT
from livetime.errors import UserError


def stamp() -> str:
    return f"{time.strftime('%Y-%m-%d_%H%M%S')}_{uuid.uuid4().hex[:6]}"


RESULTS = ("summary.json", "evaluation.json", "comparison.json", "inject.json", "truth.json")
"""A folder with one of these is a result of livetime's, and may be overwritten; any other may not."""


@contextmanager
def new_folder(path: Path, overwrite: bool, inputs: Sequence[Path] = ()) -> Iterator[Path]:
    """A folder to write into, which takes its name only when all is done.

    Arguments:
        path: the folder.
        overwrite: whether an earlier result may be replaced.
        inputs: files and folders that are read, and must not be replaced.

    Raises: UserError if it exists, unless it may be overwritten, or cannot be made.
    """
    refuse_existing(path, overwrite, inputs)
    given, path = path, path.absolute()
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:6]}")
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise UserError(
            f"output={given} cannot be made: {error.strerror}; choose another folder"
        ) from None
    try:
        yield aside
        if path.exists():
            old = path.with_name(f"{aside.name}.old")
            path.rename(old)
            shutil.rmtree(old)
        aside.rename(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def refuse_existing(path: Path, overwrite: bool, inputs: Sequence[Path] = ()) -> None:
    """Raises UserError where `new_folder` would, before any long work."""
    try:
        if not path.exists():
            return
    except OSError as error:
        raise UserError(
            f"output={path} cannot be made: {error.strerror}; choose another folder"
        ) from None
    if not path.is_dir():
        raise UserError(f"output={path} is a file; choose a folder")
    if not overwrite:
        raise UserError(f"output={path} exists; choose another folder, or say overwrite=true")
    if not any((path / name).exists() for name in RESULTS) or (path / "run.json").exists():
        raise UserError(
            f"output={path} is not a folder that livetime wrote an answer into, and is not overwritten; choose another folder"
        )
    for needed in (Path.cwd(), *inputs):
        if needed.resolve().is_relative_to(path.resolve()):
            raise UserError(
                f"output={path} holds {needed}, which is needed, and is not overwritten; choose another folder"
            )


def write_json(path: Path, value: Any) -> None:
    """Written aside, under a name that is nobody else's, and renamed."""
    text, aside = (
        json.dumps(value, indent=1, allow_nan=False, default=float) + "\n",
        path.with_name(f".{path.name}.{uuid.uuid4().hex[:6]}"),
    )
    try:
        aside.write_text(text)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def provenance() -> dict[str, Any]:
    """Git commit and whether the tree is dirty, versions, machine, time."""

    def git(*words: str) -> str | None:
        try:
            return subprocess.run(
                ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True
            ).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None

    packages = (
        "livetime",
        "torch",
        "lightning",
        "sbi",
        "zuko",
        "hydra-core",
        "numpy",
        "scipy",
        "numba",
        "astropy",
        "emcee",
    )
    status = git("status", "--porcelain")
    return {
        "git_commit": git("rev-parse", "HEAD"),
        "git_dirty": None if status is None else bool(status),
        "versions": {
            "python": platform.python_version(),
            **{p: metadata.version(p) for p in packages},
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
