"""Diagnose an event file: every finding, the action taken, and its effect on a result."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from livetime.errors import UserError
from livetime.files.event_file import EventFile
from livetime.files.events import Selection, read_event_file
from livetime.files.examine_modules import examine_together
from livetime.files.examine_rates import (
    check_background,
    check_detectors,
    check_gaps,
    check_live_time,
    check_ontime,
    check_rate_steps,
    check_silences,
)
from livetime.files.examine_times import (
    check_barycentre,
    check_bursts,
    check_close_events,
    check_lines,
    check_time_step,
)
from livetime.files.finding import EXIT_CODES, Finding, NoGoodTimeError
from livetime.files.fits import local_file
from livetime.files.gti import exposure_of, intersect
from livetime.files.independence import check_repeated_events
from livetime.files.successive import join_successive
from livetime.simulate.telescope import names_differ

WORD_KEYS = ("TELESCOP", "INSTRUME", "OBJECT", "DATAMODE", "TIMESYS", "TIMEREF", "TIMEPIXR")
"""Keywords that a diagnosis repeats."""


def examine(part: EventFile, dead_time: float | None = None) -> list[Finding]:
    """List all findings of a file: those made while reading it, and those on its events.

    Arguments:
        part: the file.
        dead_time: of each event in s, for an instrument that is not known.
    """
    tau = known_dead_time(part, dead_time)
    step = part.measured_step
    checks: tuple[Iterable[Finding], ...] = (
        part.findings,
        check_time_step(part, step),
        check_close_events(part, step, tau),
        check_bursts(part, step),
        check_repeated_events(part),
        check_detectors(part),
        check_rate_steps(part),
        check_gaps(part),
        check_silences(part),
        check_ontime(part),
        check_live_time(part, tau),
        check_lines(part, step),
        check_background(part),
        check_barycentre(part),
    )
    found = [finding for check in checks for finding in check]
    return [finding if finding.file else finding.of_file(part.name) for finding in found]


def examine_dead_time(part: EventFile, dead_time: float) -> list[Finding]:
    """List the findings that need a dead time, for an instrument that livetime does not know."""
    if part.mission is not None or not dead_time:
        return []
    checks = (
        check_close_events(part, part.measured_step, dead_time),
        check_live_time(part, dead_time),
    )
    found = [finding for check in checks for finding in check]
    return [finding if finding.file else finding.of_file(part.name) for finding in found]


def known_dead_time(part: EventFile, otherwise: float | None = None) -> float:
    """Give the dead time in s that the examination of a file assumes; 0 if it is not known.

    Arguments:
        part: the file.
        otherwise: for an instrument that is not known.
    """
    if part.mission is None:
        return otherwise or 0.0
    if part.merges_unnumbered_detectors:
        return 0.0
    return part.dead_time or 0.0


@dataclass(frozen=True)
class Diagnosis:
    """All that is known of one event file.

    Arguments:
        file: as it was given.
        facts: what was read, in plain types; empty for a file that cannot be read.
        findings: in the order of the examination.

    Examples:
        >>> Diagnosis("a.evt", {}, (Finding("gaps", "note", "3 gaps"),)).code
        0
    """

    file: str
    facts: dict[str, Any]
    findings: tuple[Finding, ...]

    @property
    def code(self) -> int:
        """Give the exit code: 0 clean, 1 warnings, 2 unusable."""
        return max((EXIT_CODES[finding.severity] for finding in self.findings), default=0)

    def plain(self) -> dict[str, Any]:
        """Give the whole diagnosis in plain JSON types."""
        findings = [asdict(finding) for finding in self.findings]
        return {"file": self.file, "code": self.code, "facts": self.facts, "findings": findings}


def diagnose(file: str, band: tuple[float, float] | None = None) -> Diagnosis:
    """Read and examine one file.

    A file without usable good time is examined from its first to its last event. One that cannot
    be read has a single finding, `refused`, and no facts.

    Arguments:
        file: its path.
        band: energies in keV, from the first up to but without the second; None for all.
    """
    return _diagnose(file, band)[0]


def diagnose_files(
    files: Sequence[str], band: tuple[float, float] | None = None
) -> tuple[list[Diagnosis], list[Diagnosis]]:
    """Read and examine several files, and compare those that are of one observation.

    Successive files of one instrument are joined. Files of one telescope with common good time are
    compared as modules of one observation.

    Arguments:
        files: their paths.
        band: energies in keV, from the first up to but without the second; None for all.

    Returns:
        one diagnosis for each file, and one for each group of files that were compared.
    """
    read = [_diagnose(file, band) for file in files]
    alone = [part for _, part in read if part is not None]
    parts, together = _join(alone)
    while parts:
        first = parts[0]
        group = [part for part in parts if part is first or _are_modules(first, part)]
        parts = [part for part in parts if not any(part is own for own in group)]
        if len(group) > 1:
            together.append(_compare(group))
    return [diagnosis for diagnosis, _ in read], together


def _diagnose(file: str, band: tuple[float, float] | None) -> tuple[Diagnosis, EventFile | None]:
    """Examine one file, and give what was read of it."""
    extra: list[Finding] = []
    try:
        path = local_file(file)
        try:
            part = read_event_file(path, Selection(band))
        except NoGoodTimeError as error:
            effect = "gaps within it count as time without photons: false rms"
            action = "observation.gti=full needed"
            extra = [Finding("no_gti", "warning", error.problem, action, effect, path.name)]
            part = read_event_file(path, Selection(band, "full"))
    except UserError as error:
        refused = Finding("refused", "unusable", str(error))
        return Diagnosis(file, {}, (refused,)), None
    return Diagnosis(file, facts_of(part), (*extra, *examine(part))), part


def _join(alone: list[EventFile]) -> tuple[list[EventFile], list[Diagnosis]]:
    """Join files that follow each other, and diagnose what they have in common."""
    found: list[Finding] = []
    parts = alone
    try:
        parts = list(join_successive(alone, found))
    except UserError as error:
        found.append(Finding("refused", "unusable", str(error)))
    if not found:
        return parts, []
    names = [part.name for part in alone]
    facts = {"files": names, "modules": [part.name for part in parts]}
    return parts, [Diagnosis(" with ".join(names), facts, tuple(found))]


def _are_modules(first: EventFile, second: EventFile) -> bool:
    """Ask whether two files may be modules of one observation."""
    is_one_telescope = not names_differ(first.word("TELESCOP"), second.word("TELESCOP"))
    return is_one_telescope and len(intersect([first.gti, second.gti])) > 0


def _compare(group: Sequence[EventFile]) -> Diagnosis:
    """Compare files of one observation."""
    names = [part.name for part in group]
    common = exposure_of(intersect([part.gti for part in group]))
    facts = {"files": names, "common_time": common}
    try:
        findings = tuple(examine_together(group))
    except UserError as error:
        findings = (Finding("refused", "unusable", str(error)),)
    return Diagnosis(" with ".join(names), facts, findings)


def facts_of(part: EventFile) -> dict[str, Any]:
    """Collect what was read, in plain JSON types."""
    fraction, source = part.live_fraction(part.dead_time or 0.0)
    kev = part.events.kev
    detectors = part.events.detectors
    return {
        "mission": part.mission.name if part.mission else None,
        **{key.lower(): part.header.get(key) for key in WORD_KEYS},
        "barycentred": part.barycentred,
        "mjdref": part.mjdref,
        "rows": part.rows,
        "events": len(part.times),
        "intervals": len(part.gti),
        "exposure": part.exposure,
        "rate": len(part.times) / part.exposure,
        "detectors": None if detectors is None else np.unique(detectors).tolist(),
        "time_step_declared": part.timedel,
        "time_step_measured": part.measured_step,
        "time_precision": part.precision,
        "dead_time": part.dead_time,
        "dead_time_source": _dead_time_source(part),
        "live_time_fraction": fraction,
        "live_time_source": source,
        "kev": None if kev is None else [float(kev.min()), float(kev.max())],
    }


def _dead_time_source(part: EventFile) -> str | None:
    if part.cost:
        return "column DEADTIME"
    return part.mission.source if part.mission else None
