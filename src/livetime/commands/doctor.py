"""`livetime doctor`: find what is wrong with event files, before anything is inferred."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livetime.config import check
from livetime.errors import UserError
from livetime.outputs import provenance, write_json, writing
from livetime.settings import ObservationFiles


@dataclass
class DoctorSettings:
    """Set the files that are examined.

    Arguments:
        files: event files.
        band: energies in keV, from the first up to but without the second; None for all.
        output: a JSON file for all findings; None for none.
        overwrite: replace the JSON file.

    Raises:
        UserError: for no files, a band that does not rise, or a JSON file that cannot be written.

    Examples:
        >>> DoctorSettings(("A.evt",), band=(3, 10)).band
        (3.0, 10.0)
    """

    files: tuple[str, ...]
    band: tuple[float, float] | None = None
    output: str | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        if not self.files:
            raise UserError("files", "are missing", "give one event file or more")
        twice = [file for file in self.files if self.files.count(file) > 1]
        if twice:
            raise UserError(twice[0], "is given twice", "name each file once")
        if self.band is not None:
            self.band = _checked(self.band)
        if self.output is not None:
            _refuse_output(Path(self.output), self.overwrite, self.files)


def _checked(band: tuple[float, float]) -> tuple[float, float] | None:
    """Check a band as that of an observation, under the name that it has here."""
    try:
        return check(ObservationFiles, {"band": band}, "observation").band
    except UserError as error:
        raise UserError("band", error.problem, error.remedy) from None


def _refuse_output(target: Path, overwrite: bool, files: tuple[str, ...]) -> None:
    """Refuse a JSON file that cannot be written, or that is one of the inputs."""
    key = "output"
    if target.is_dir():
        raise UserError(key, f"is {target}, which is a folder", "name a JSON file in it")
    if target.exists() and not target.is_file():
        problem = f"is {target}, which is not a regular file"
        raise UserError(key, problem, "choose another file")
    if target.exists() and not overwrite:
        raise UserError(key, f"is {target}, which exists", "choose another file")
    for parent in target.parents:
        if parent.exists() and not parent.is_dir():
            raise UserError(
                key, f"is {target}, but {parent} is not a folder", "choose another file"
            )
    inputs = [Path(file) for file in files if Path(file).exists()]
    if target.exists() and any(target.samefile(file) for file in inputs):
        raise UserError(key, f"is {target}, one of the files that are read", "choose another file")


def doctor(settings: DoctorSettings) -> int:
    """Print all findings of event files as tables, and write them into a JSON file.

    Returns: the exit code: 0 for clean files, 1 for warnings, 2 for an unusable file.
    """
    from rich.console import Console

    from livetime.files.doctor import diagnose_files
    from livetime.report.doctor import diagnosis_table

    diagnoses, together = diagnose_files(settings.files, settings.band)
    every = [*diagnoses, *together]
    for diagnosis in every:
        if diagnosis.facts:
            Console(width=140).print(diagnosis_table(diagnosis))
        for finding in diagnosis.findings:
            if finding.severity == "unusable":
                print(f"error: {finding.text}", file=sys.stderr, flush=True)
    if settings.output is not None:
        target = Path(settings.output)
        record = {
            "files": [diagnosis.plain() for diagnosis in diagnoses],
            "together": [diagnosis.plain() for diagnosis in together],
            **provenance(),
        }
        _write_record(target, record, settings)
        print(target)
    return max(diagnosis.code for diagnosis in every)


def _write_record(target: Path, record: dict[str, Any], settings: DoctorSettings) -> None:
    """Write the JSON file, if it may still be made or replaced."""
    _refuse_output(target, settings.overwrite, settings.files)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_json(target, record, claim=not settings.overwrite)
    except FileExistsError:
        problem = f"is {target}, which another program made meanwhile"
        raise UserError("output", problem, "choose another file") from None
