"""Compare what `doctor` warns of with the verdict of `infer`, on files that are given."""

import itertools
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from fuzzing.worker import doctor_warnings
from livetime.errors import UserError
from livetime.files.doctor import diagnose
from livetime.files.fits import open_fits
from livetime.files.spectrum_table import has_spectrum
from livetime.interface import read

DRAWS = 2000
KNOWN = {"dead_time": 1e-4, "detectors": 1}
"""What a person gives for an instrument that is not known."""

SAME = {"no_gti": "full_gti"}
"""What infer calls a finding of doctor, which examines all time where there is no good time."""

LEVELS = ("refused", "do not use", "caution", "trust")


@dataclass(frozen=True)
class Input:
    """Files that are one observation, and the network that answers it."""

    files: tuple[Path, ...]
    network: str


def inputs_of(folder: Path) -> Iterator[Input]:
    """List the inputs below a folder: each file, and each two event files of one folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    for place in sorted({path.parent for path in paths}):
        own = [path for path in paths if path.parent == place]
        events = [path for path in own if diagnose(str(path)).facts]
        for path in own:
            if is_spectrum(path):
                yield Input((path,), "spectrum")
        for path in events:
            yield Input((path,), "instrument")
        for pair in itertools.combinations(events, 2):
            yield Input(pair, "events")
            yield Input(pair, "instrument")


def is_spectrum(path: Path) -> bool:
    """Say whether a file has a spectrum of counts."""
    try:
        with open_fits(path) as hdus:
            return has_spectrum(hdus, path)
    except UserError:
        return False


def compare(network: Any, each: Input) -> tuple[str, list[str], list[str]]:
    """Answer an input, with what the files state and with what a person would add.

    Returns: the highest trust; the codes that doctor warns of; the warnings that a verdict lacks.
    """
    level = LEVELS[0]
    against: list[str] = []
    codes: set[str] = set()
    for options in options_of(each):
        try:
            with redirect_stdout(StringIO()):
                answer = network.infer(read(*each.files, **options), DRAWS, references=())
        except UserError:
            continue
        level = max(level, answer.verdict.level, key=LEVELS.index)
        found = doctor_warnings(answer, each.files, None)
        codes |= {finding.code for finding in found}
        reasons = answer.verdict.reasons
        given = {finding.code for finding in answer.findings if finding.reason in reasons}
        missing = [f for f in found if f.reason not in reasons and SAME.get(f.code) not in given]
        against += [finding.reason for finding in missing]
    return level, sorted(codes), against


def options_of(each: Input) -> list[dict[str, Any]]:
    """List the options to answer with; files without good time need all time."""
    if each.network == "spectrum":
        return [{}]
    findings = [finding for file in each.files for finding in diagnose(str(file)).findings]
    time = {"gti": "full"} if any(finding.code == "no_gti" for finding in findings) else {}
    return [time, {**time, **KNOWN}]
