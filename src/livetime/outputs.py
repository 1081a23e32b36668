"""Where results go: written aside and renamed, with a record of where they came from."""

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

RESULTS = ("summary.json", "evaluation.json", "comparison.json", "inject.json", "truth.json")
"""A folder with one of these is a result, and may be overwritten; any other may not."""

PACKAGES = (
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
"""Packages whose versions are recorded beside every result."""


def stamp() -> str:
    """Name a new folder by the time, with six random digits."""
    return f"{time.strftime('%Y-%m-%d_%H%M%S')}_{uuid.uuid4().hex[:6]}"


def outputs_folder(given: str | None = None) -> Path:
    """Choose the folder of banks, references and runs: `outputs/` of the checkout by default."""
    return Path(given) if given else ROOT / "outputs"


@contextmanager
def new_folder(path: Path, overwrite: bool, inputs: Sequence[Path] = ()) -> Iterator[Path]:
    """Give a folder to write into, which takes its name only when all is done.

    Arguments:
        path: the folder.
        overwrite: replace an earlier result.
        inputs: files and folders that are read, and must not be replaced.

    Raises:
        UserError: if the folder exists and may not be overwritten, or cannot be made.
    """
    refuse_existing(path, overwrite, inputs)
    final = path.absolute()
    aside = final.with_name(f".{final.name}.{uuid.uuid4().hex[:6]}")
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise _cannot_be_made(path, error) from None

    try:
        yield aside
        if final.exists():
            old = final.with_name(f"{aside.name}.old")
            final.rename(old)
            shutil.rmtree(old)
        aside.rename(final)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def refuse_existing(path: Path, overwrite: bool, inputs: Sequence[Path] = ()) -> None:
    """Raise the UserError of `new_folder` before any long work."""
    try:
        exists = path.exists()
    except OSError as error:
        raise _cannot_be_made(path, error) from None
    if not exists:
        return

    if not path.is_dir():
        raise UserError("output", f"is {path}, which is a file", "choose a folder")
    if not overwrite:
        raise UserError("output", f"is {path}, which exists", "choose another folder")
    is_result = any((path / name).exists() for name in RESULTS)
    if not is_result or (path / "run.json").exists():
        raise UserError(
            "output",
            f"is {path}, which is not a result of livetime and is not overwritten",
            "choose another folder",
        )
    for needed in (Path.cwd(), *inputs):
        if needed.resolve().is_relative_to(path.resolve()):
            raise UserError(
                "output",
                f"is {path}, which contains {needed}: it is needed and not overwritten",
                "choose another folder",
            )


def _cannot_be_made(path: Path, error: OSError) -> UserError:
    return UserError(
        "output", f"is {path}, which cannot be made: {error.strerror}", "choose another folder"
    )


def write_json(path: Path, value: Any) -> None:
    """Write plain types as JSON, under a temporary name that is then replaced."""
    text = json.dumps(value, indent=1, allow_nan=False, default=float) + "\n"
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:6]}")
    try:
        aside.write_text(text)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def provenance() -> dict[str, Any]:
    """Describe where a result came from: git commit, versions, machine and time."""
    status = _git("status", "--porcelain")
    versions = {package: metadata.version(package) for package in PACKAGES}
    return {
        "git_commit": _git("rev-parse", "HEAD"),
        "git_dirty": None if status is None else bool(status),
        "versions": {"python": platform.python_version(), **versions},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _git(*words: str) -> str | None:
    """Run git in the checkout; None where there is no git or no repository."""
    command = ["git", "-C", str(ROOT), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
