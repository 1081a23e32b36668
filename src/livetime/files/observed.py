"""Open the files of one observation, before a network says how to summarise them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livetime.config import check
from livetime.errors import UserError
from livetime.files.events import selection_of
from livetime.files.finding import Finding
from livetime.files.fits import local_file, open_fits
from livetime.files.observation import Observation, read_events
from livetime.files.spectrum import read_spectrum
from livetime.files.spectrum_table import has_spectrum
from livetime.settings import ObservationFiles

SPECTRUM_OPTIONS = ("arf", "rmf", "background_spectrum", "row")

EVENT_OPTIONS = (
    "gti",
    "margin",
    "exclude",
    "start",
    "stop",
    "band",
    "hard",
    "dead_time",
    "detectors",
    "background",
    "kept_fraction",
)
"""Settings that mean nothing for a spectrum."""


@dataclass(frozen=True, repr=False)
class ObservedFiles:
    """The files of one observation, and what was found in them.

    Arguments:
        files: where the observation is, and what to use of it.
        observation: what they contain.

    Examples:
        >>> from livetime.files.observation import EventObservation
        >>> from livetime.simulate.detector import Events
        >>> events = EventObservation(Events((), ()), 0.0, {"exposure": 64.0}, ())
        >>> ObservedFiles(ObservationFiles(path=("A.evt",), band=(3.0, 10.0)), events)
        observation A.evt, 3 to 10 keV, 64 s: nothing was found
    """

    files: ObservationFiles
    observation: Observation

    @property
    def findings(self) -> tuple[Finding, ...]:
        """List what is wrong with the files, and what was done about it."""
        return self.observation.findings

    @property
    def info(self) -> dict[str, Any]:
        """Give what the files say, in plain types."""
        return self.observation.info

    def __repr__(self) -> str:
        """Name the files and list the findings."""
        names = self.files.path or (self.files.spectrum or "",)
        parts = [f"observation {' and '.join(names)}"]
        if self.files.band is not None:
            low, high = self.files.band
            parts.append(f"{low:g} to {high:g} keV")
        parts.append(self.observation.length)
        words = ", ".join(parts)
        if not self.findings:
            return f"{words}: nothing was found"
        lines = [f"  {finding.severity}: {finding.sentence}" for finding in self.findings]
        return "\n".join([f"{words}:", *lines])


def open_files(paths: Sequence[str | Path], options: Mapping[str, Any]) -> ObservedFiles:
    """Read the files of an observation and examine them.

    Arguments:
        paths: event files, one for each module; or one spectrum of counts.
        options: others of `livetime.config.ObservationFiles`.

    Raises:
        UserError: if a file cannot be read, or an option is out of range.
    """
    if not paths:
        raise UserError("paths", "are missing", "give an event file, or one for each module")
    for name in ("path", "spectrum"):
        if name in options:
            raise UserError(name, "is given by its name", "give all files without names")
    for path in paths:
        if not isinstance(path, str | os.PathLike):
            problem = f"have one of type {type(path).__name__}, but must be names of files"
            raise UserError("paths", problem, "give each file as an argument of its own")
    names = [str(local_file(path)) for path in paths]
    given = {key: value for key, value in options.items() if value is not None}
    if not _is_spectrum(names[0], given):
        files = check(ObservationFiles, {**given, "path": names}, "observation")
        return ObservedFiles(files, open_observation(files))

    if len(names) > 1:
        raise UserError("paths", f"name {len(names)} spectra", "give one spectrum")
    files = check(ObservationFiles, {**given, "spectrum": names[0]}, "observation")
    return ObservedFiles(files, open_observation(files))


def open_observation(files: ObservationFiles, modules: int | None = None) -> Observation:
    """Read event files or a spectrum.

    Arguments:
        files: where the observation is, and what to use of it.
        modules: number of event files expected; None for any.

    Raises:
        UserError: if a file cannot be read, or a setting does not fit it.
    """
    if files.spectrum:
        _refuse_event_options(files)
        companions = (files.arf, files.rmf, files.background_spectrum)
        return read_spectrum(files.spectrum, *companions, row=files.row)
    return read_events(files.path, selection_of(files), modules)


def _refuse_event_options(files: ObservationFiles) -> None:
    """Refuse what is set for events where the file is a spectrum."""
    defaults = ObservationFiles()
    for name in EVENT_OPTIONS:
        if getattr(files, name) != getattr(defaults, name):
            problem = f"is for events, but {files.spectrum} is a spectrum"
            raise UserError(f"observation.{name}", problem, "leave it out")


def _is_spectrum(path: str, options: Mapping[str, Any]) -> bool:
    """Say whether a file is a spectrum of counts, by the options or its tables."""
    if any(options.get(name) for name in SPECTRUM_OPTIONS):
        return True
    file = Path(path)
    with open_fits(file) as hdus:
        return has_spectrum(hdus, file)
