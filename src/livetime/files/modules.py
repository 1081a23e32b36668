"""Compare the files of modules, which must be independent and of one observation."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from livetime.errors import UserError
from livetime.files.event_file import EventFile
from livetime.files.finding import Finding, Severity, plural
from livetime.files.fits import local_file
from livetime.files.keywords import words_differ
from livetime.files.time_systems import CLOCK_KEYS, MJD_MARGIN
from livetime.simulate.fits_names import fits_name
from livetime.simulate.telescope import names_differ

TARGET_KEYS = ("OBJECT", "OBS_ID")
"""Keywords that name what was observed."""

OWN_FILES = "give each module's own file"
ONE_OBSERVATION = "give two modules of one observation, reduced in the same way"


def one_file_a_module(given: Sequence[str | Path], modules: int | None) -> list[Path]:
    """Find the files of each module.

    Arguments:
        given: the files' paths.
        modules: number of modules expected; None for any.

    Raises:
        UserError: for too few files, one that is missing, or one given twice.
    """
    refuse_number(len(given), min(len(given), modules or len(given)), modules)
    files = [local_file(path) for path in given]
    for i, path in enumerate(files):
        if any(_same_table(path, other) for other in files[:i]):
            problem = "is given for two modules, which must be independent"
            raise UserError(str(path), problem, OWN_FILES)
    return files


def _same_table(path: Path, other: Path) -> bool:
    """Say whether two names mean one table of one file."""
    first = fits_name(path)
    second = fits_name(other)
    is_same = os.path.samefile(first.file, second.file)
    return is_same and first.table.upper() == second.table.upper()


def refuse_number(files: int, found: int, modules: int | None) -> None:
    """Refuse another number of modules than expected.

    Arguments:
        files: number of files.
        found: number of modules that they are of.
        modules: that are expected; None for any.

    Raises:
        UserError: for no file, or another number than expected.
    """
    if found and modules in (None, found):
        return
    expected = "one module or more" if modules is None else plural(modules, "module")
    own = plural(files, "file") + ("" if files == found else f" of {plural(found, 'module')}")
    raise UserError(
        "observation.path",
        f"names {own}, but the network has {expected}",
        "give the files of each module, at the same time",
    )


def compare_modules(parts: Sequence[EventFile], measured: Sequence[bool]) -> list[Finding]:
    """Compare what the headers of modules say, and refuse those that cannot belong together.

    Arguments:
        parts: one file for each module.
        measured: for each file after the first, whether its clock was compared with the first's by
            events. Then a keyword that only one file has is no reason for doubt.

    Raises:
        UserError: for keywords that must agree but differ, or must differ but agree.
    """
    first = parts[0]
    found = []
    for part, is_measured in zip(parts[1:], measured, strict=True):
        both = f"{first.path} and {part.path}"
        if np.array_equal(first.times, part.times):
            problem = "contain the same events, but modules must be independent"
            raise UserError(both, problem, OWN_FILES)
        if names_differ(first.word("TELESCOP"), part.word("TELESCOP")):
            _refuse_difference(both, "TELESCOP", first, part)
        for key in CLOCK_KEYS:
            if words_differ(first.word(key), part.word(key)):
                _refuse_difference(both, key, first, part)
        _compare_mjdref(both, first.mjdref, part.mjdref)

        found += _other_target(first, part)
        found += _missing_keywords(first, part, is_measured)
        name = first.word("INSTRUME")
        if name and name == part.word("INSTRUME"):
            text = f"both files are of instrument {name}"
            action = "taken as independent detectors of it"
            found.append(Finding("same_instrument", "note", text, action, "none, if they are"))
    return found


def _other_target(first: EventFile, part: EventFile) -> list[Finding]:
    """Find that two files name different sources or observations."""
    differing = [key for key in TARGET_KEYS if words_differ(first.word(key), part.word(key))]
    if not differing:
        return []
    words = [
        f"{key} is {first.word(key)} in {first.name}, {part.word(key)} in {part.name}"
        for key in differing
    ]
    effect = "modules of two sources or observations do not vary together: rms is too low"
    return [Finding("other_target", "warning", "; ".join(words), "", effect)]


def _missing_keywords(first: EventFile, part: EventFile, is_measured: bool) -> list[Finding]:
    """List the keywords that one of two files has and the other lacks."""
    found = []
    for own, other in ((first, part), (part, first)):
        lacks = [
            key
            for key in (*TARGET_KEYS, "TELESCOP", *CLOCK_KEYS)
            if own.word(key) is None and other.word(key) is not None
        ]
        if own.mjdref is None and other.mjdref is not None:
            lacks.append("MJDREF")
        if not lacks:
            continue
        of_clock = [key for key in lacks if key in (*CLOCK_KEYS, "MJDREF")]
        is_doubtful = bool(of_clock) and not is_measured
        text = f"{own.name} has no {' and no '.join(lacks)}, but {other.name} has"
        effect = "none, if they are the same"
        if is_doubtful:
            effect = (
                "if they differ, times are off by up to 500 s (TIMEREF) or 69 s (TIMESYS), "
                "and rms is too low"
            )
        severity: Severity = "warning" if is_doubtful else "note"
        found.append(Finding("missing_keyword", severity, text, "taken as the same", effect))
    return found


def _refuse_difference(both: str, key: str, first: EventFile, part: EventFile) -> None:
    values = f"{first.word(key)} and {part.word(key)}"
    raise UserError(both, f"differ in {key} ({values})", ONE_OBSERVATION)


def _compare_mjdref(both: str, own: float | None, other: float | None) -> None:
    if own is None or other is None:
        return
    if abs(own - other) > MJD_MARGIN:
        raise UserError(both, f"differ in MJDREF ({own} and {other})", ONE_OBSERVATION)
