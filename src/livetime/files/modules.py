"""Compare the files of several modules: they must be independent, and of one observation."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from livetime.errors import UserError
from livetime.files.event_file import EventFile
from livetime.files.finding import Finding, plural
from livetime.files.fits import local_file
from livetime.simulate.telescope import names_differ

SAME_KEYS = ("TIMESYS", "TIMEREF")
"""Keywords that must be the same in all modules."""

MJD_MARGIN = 1e-10
"""Days by which MJDREF may differ."""

OWN_FILES = "give each module's own file"
ONE_OBSERVATION = "give two modules of one observation, treated alike"


def one_file_a_module(given: Sequence[str | Path], modules: int | None) -> list[Path]:
    """Find one file for each module.

    Arguments:
        given: the files' paths.
        modules: number of files expected; None for any.

    Raises:
        UserError: for another number of files, one that is missing, or one given twice.
    """
    refuse_number(given, modules)
    files = [local_file(path) for path in given]
    for i, path in enumerate(files):
        if any(os.path.samefile(path, other) for other in files[:i]):
            raise UserError(
                str(path), "is given for two modules, which must be independent", OWN_FILES
            )
    return files


def refuse_number(given: Sequence[str | Path], modules: int | None) -> None:
    """Refuse another number of files than modules.

    Raises:
        UserError: for no file, or another number than expected.
    """
    if given and modules in (None, len(given)):
        return
    expected = "one module or more" if modules is None else plural(modules, "module")
    raise UserError(
        "observation.path",
        f"names {plural(len(given), 'file')}, but the network has {expected}",
        "give one file per module",
    )


def compare_modules(parts: Sequence[EventFile], findings: list[Finding]) -> None:
    """Refuse modules that are the same, of two telescopes, or that count time differently.

    Arguments:
        parts: one file for each module.
        findings: to which one on modules of the same name is added.

    Raises:
        UserError: for what must be the same but differs, and the reverse.
    """
    first = parts[0]
    for part in parts[1:]:
        both = f"{first.path} and {part.path}"
        if np.array_equal(first.times, part.times):
            problem = "contain the same events, but modules must be independent"
            raise UserError(both, problem, OWN_FILES)
        if names_differ(first.word("TELESCOP"), part.word("TELESCOP")):
            _refuse_difference(both, "TELESCOP", first, part)
        for key in SAME_KEYS:
            if None not in (first.word(key), part.word(key)) and first.word(key) != part.word(key):
                _refuse_difference(both, key, first, part)
        _compare_mjdref(both, first.mjdref, part.mjdref)

        name = first.word("INSTRUME")
        if name and name == part.word("INSTRUME"):
            text = f"both files are of instrument {name}"
            action = "taken as independent detectors of it"
            findings.append(Finding("same_instrument", "note", text, action))


def _refuse_difference(both: str, key: str, first: EventFile, part: EventFile) -> None:
    values = f"{first.word(key)} and {part.word(key)}"
    raise UserError(both, f"differ in {key} ({values})", ONE_OBSERVATION)


def _compare_mjdref(both: str, own: float | None, other: float | None) -> None:
    if own is None or other is None:
        return
    if abs(own - other) > MJD_MARGIN:
        raise UserError(both, f"differ in MJDREF ({own} and {other})", ONE_OBSERVATION)
