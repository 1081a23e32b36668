"""The files of one observation, before a run says how to read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astropy.io import fits

from livetime.config import ObservationFiles, check
from livetime.errors import UserError
from livetime.files.doctor import Diagnosis, diagnose
from livetime.files.finding import Finding
from livetime.files.fits import local_file

SPECTRUM_OPTIONS = ("arf", "rmf", "background_spectrum")


@dataclass(frozen=True, repr=False)
class ObservedFiles:
    """The files of one observation, and what was found in them.

    Arguments:
        files: where the observation is, and what to use of it.
        diagnoses: of the event files.

    Example:
        >>> ObservedFiles(ObservationFiles(path=("A.evt",), band=(3.0, 10.0)), ())
        observation A.evt, 3 to 10 keV: nothing was found
    """

    files: ObservationFiles
    diagnoses: tuple[Diagnosis, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """List what is wrong with the files, and what was done about it."""
        return tuple(finding for each in self.diagnoses for finding in each.findings)

    def __repr__(self) -> str:
        """Name the files and list the findings."""
        names = self.files.path or (self.files.spectrum or "",)
        band = self.files.band
        words = " and ".join(names)
        if band is not None:
            words += f", {band[0]:g} to {band[1]:g} keV"
        if not self.findings:
            return f"observation {words}: nothing was found"
        lines = [f"  {finding.severity}: {finding.text}" for finding in self.findings]
        return "\n".join([f"observation {words}:", *lines])


def open_files(paths: Sequence[str | Path], options: Mapping[str, Any]) -> ObservedFiles:
    """Name the files of an observation and examine them.

    Arguments:
        paths: event files, one for each module; or one spectrum of counts.
        options: others of `livetime.config.ObservationFiles`.

    Raises:
        UserError: if a file cannot be read, or an option is out of range.
    """
    if not paths:
        raise UserError("paths", "are missing", "give an event file, or one for each module")
    names = [str(local_file(path)) for path in paths]
    given = {key: value for key, value in options.items() if value is not None}
    if _is_spectrum(names[0], given):
        if len(names) > 1:
            raise UserError("paths", f"name {len(names)} spectra", "give one spectrum")
        files = check(ObservationFiles, {**given, "spectrum": names[0]}, "observation")
        return ObservedFiles(files, ())

    files = check(ObservationFiles, {**given, "path": names}, "observation")
    diagnoses = tuple(diagnose(name, files.band) for name in names)
    for diagnosis in diagnoses:
        for finding in diagnosis.findings:
            if finding.code == "refused":
                raise UserError(finding.text)
    return ObservedFiles(files, diagnoses)


def _is_spectrum(path: str, options: Mapping[str, Any]) -> bool:
    """Say whether a file is a spectrum of counts, by its extensions."""

    if any(options.get(name) for name in SPECTRUM_OPTIONS):
        return True
    try:
        with fits.open(path) as hdus:
            return any(hdu.name == "SPECTRUM" for hdu in hdus)
    except (OSError, ValueError, TypeError):
        return False
