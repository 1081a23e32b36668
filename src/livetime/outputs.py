"""Write results under a temporary name, rename them, and record their provenance."""

import errno
import json
import os
import platform
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from livetime.config import ROOT
from livetime.errors import UserError, system_reason

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

RUN_GROUPS = ("simulator", "prior", "source", "summary", "estimator", "training", "trainer")
"""Groups of keys that the config of every run has."""

TRAIN_AGAIN = "train again"
"""Remedy for damage of a run that no resumed training repairs."""

DEEPEST = 50
"""Most levels of lists and groups in a JSON file; what livetime writes has fewer than 10."""


def stamp() -> str:
    """Name a new folder by the time, with six random digits."""
    return f"{time.strftime('%Y-%m-%d_%H%M%S')}_{uuid.uuid4().hex[:6]}"


def outputs_folder(given: str | None = None) -> Path:
    """Choose the folder of banks, references and runs: `outputs/` of the checkout by default."""
    return Path(given) if given else ROOT / "outputs"


@contextmanager
def new_folder(path: Path, overwrite: bool, inputs: Sequence[Path] = ()) -> Iterator[Path]:
    """Give a temporary folder, which gets its name when everything is written.

    Arguments:
        path: the folder.
        overwrite: replace an earlier result.
        inputs: files and folders that must not be replaced, because they are read.

    Raises:
        UserError: if the folder exists and may not be overwritten, or cannot be made.
    """
    refuse_existing(path, overwrite, inputs)
    before = _inode(path)
    final = path.absolute()
    aside = final.with_name(f".{final.name}.{uuid.uuid4().hex[:6]}")
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise _cannot_be_made(path, error) from None

    try:
        yield aside
        if _inode(path) != before:
            raise _appeared(path)
        refuse_existing(path, overwrite, inputs)
        _take_place(aside, final)
    except UserError as error:
        # The user knows the folder by its final name alone.
        key = error.key.replace(str(aside), str(path))
        raise UserError(key, error.problem, error.remedy) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _take_place(aside: Path, final: Path) -> None:
    """Rename a folder, and remove the result that it replaces."""
    old = final.with_name(f"{aside.name}.old")
    if final.exists():
        final.rename(old)
    try:
        # The system renames no folder onto one that has files: two commands never mix.
        aside.rename(final)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise _appeared(final) from None
        raise
    finally:
        # After a failure the earlier result takes its name again, if that is still free.
        with suppress(OSError):
            old.rename(final)
        shutil.rmtree(old, ignore_errors=True)


def _inode(path: Path) -> int | None:
    """Give the number that distinguishes a file or folder from a later one of its name."""
    return path.stat().st_ino if path.exists() else None


def _appeared(path: Path) -> UserError:
    problem = f"is {path}, which another program made or replaced meanwhile"
    return UserError("output", problem, "choose another output and start again")


def refuse_existing(path: Path, overwrite: bool, inputs: Sequence[Path] = ()) -> None:
    """Raise the UserError of `new_folder` in advance, before any long work."""
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
    problem = f"is {path}, which cannot be made: {system_reason(error)}"
    return UserError("output", problem, "choose another folder")


def write_json(path: Path, value: Any, claim: bool = False) -> None:
    """Write plain types as JSON; see `write_whole`."""
    text = json.dumps(value, indent=1, allow_nan=False, default=float) + "\n"
    write_whole(path, text.encode(), claim)


def write_whole(path: Path, data: bytes, claim: bool = False) -> None:
    """Write a file under a temporary name and rename it, so that it is never incomplete.

    Arguments:
        path: of the file.
        data: its bytes.
        claim: raise FileExistsError rather than replace a file.

    Raises:
        UserError: if it cannot be written, as on a full disk.
    """
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:6]}")
    try:
        with writing(path):
            aside.write_bytes(data)
        if claim:
            path.touch(exist_ok=False)  # of two programs one makes it, on every file system
        with writing(path):
            os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8; see `write_whole`."""
    write_whole(path, text.encode())


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file or folder that is written in an error of the system or a library.

    On a full disk many of them have no name, and those of libraries have no text.

    Arguments:
        path: what is written.

    Raises:
        UserError: if it cannot be written.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _is_of_writing(error):
            raise
        raise _not_written(path, error) from None


def _is_of_writing(error: RuntimeError) -> bool:
    """Find out whether PyTorch could not write a file, which is no OSError there."""
    return any(words in str(error) for words in ("PytorchStreamWriter", "unexpected pos"))


def _not_written(path: Path, error: Exception) -> UserError:
    problem = f"cannot be written: {system_reason(error)}"
    return UserError(str(path), problem, "free space on its disk, or choose another folder")


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON file of keys and values.

    Arguments:
        path: of the file.
        remedy: what to do if it is missing or damaged.

    Raises:
        UserError: for a file that is missing, no regular file, no JSON, or nested without end.
    """
    refuse_irregular(path, remedy)
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or _is_deep(value):
        raise UserError(str(path), "is damaged", remedy)
    return value


def refuse_damaged_config(path: Path, config: Mapping[str, Any]) -> None:
    """Refuse a config that lacks a key that every run has, or has one of another type.

    Arguments:
        path: of the file, for messages.
        config: what it contains.

    Raises:
        UserError: that names the key.
    """
    for key in RUN_GROUPS:
        if not isinstance(config.get(key), dict):
            problem = f"is damaged: {key} is missing or is not a group of keys"
            raise UserError(str(path), problem, TRAIN_AGAIN)
    if not isinstance(config.get("detector") or {}, dict):
        raise UserError(str(path), "is damaged: detector is not a group of keys", TRAIN_AGAIN)
    training = config["training"]
    wanted: tuple[tuple[str, Any, Any, str], ...] = (
        ("seed", config.get("seed"), int, "a whole number"),
        ("simulations", config.get("simulations"), int, "a whole number"),
        ("training.members", training.get("members"), int, "a whole number"),
        ("training.folds", training.get("folds"), int, "a whole number"),
        ("name", config.get("name"), str, "a text"),
        ("outputs", config.get("outputs"), str | None, "a text"),
    )
    for key, value, kind, words in wanted:
        if not isinstance(value, kind):
            problem = f"is damaged: {key} is missing or is not {words}"
            raise UserError(str(path), problem, TRAIN_AGAIN)


def refuse_irregular(path: Path, remedy: str) -> None:
    """Refuse what is not a regular file: to open a pipe or a device may wait for ever.

    Arguments:
        path: of the file.
        remedy: what to do if it is missing, or is something else.

    Raises:
        UserError: for a file that is missing, a folder, a pipe or a device.
    """
    if path.is_file():
        return
    wrong = "is not a regular file" if path.exists() else "is missing"
    raise UserError(str(path), wrong, remedy)


def _is_deep(value: Any) -> bool:
    """Find out whether plain types are nested deeper than `DEEPEST` levels."""
    level = [value]
    for _ in range(DEEPEST):
        groups = [each for each in level if isinstance(each, dict | list)]
        level = [
            part for each in groups for part in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def provenance() -> dict[str, Any]:
    """Describe the provenance of a result: git commit, versions, machine and time."""
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
