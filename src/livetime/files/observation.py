"""Observe events: the common good time of modules, cut into the segments of a summary."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.description import describe_instrument, describe_rates
from livetime.files.doctor import examine, examine_dead_time
from livetime.files.event_file import EventFile
from livetime.files.events import Selection, read_event_file
from livetime.files.examine_modules import examine_together
from livetime.files.excluded import refuse_unknown_detectors
from livetime.files.finding import Finding, noted_sentences, reasons
from livetime.files.gti import exposure_of, in_gti
from livetime.files.mismatch import FRAME_MARGIN, instrument_mismatches
from livetime.files.modules import one_file_a_module, refuse_number
from livetime.files.segments import (
    choose_part,
    common_time,
    first_segments,
    trim,
    whole_segments,
)
from livetime.files.successive import join_successive
from livetime.simulate.detector import Events
from livetime.simulate.periodogram import segment_starts

Floats = NDArray[np.float64]


class Observation(Protocol):
    """Keep what was observed, events or a spectrum, and the findings on its files."""

    kind: ClassVar[str]
    """`events` or `spectrum`, as the simulator that describes it."""

    @property
    def info(self) -> dict[str, Any]:
        """Give what the files say and what was used, in plain JSON types."""
        ...

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Give all findings, in the order in which they were made."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """List the findings that an answer must mention."""
        ...

    @property
    def covariates(self) -> dict[str, float]:
        """Give what is known of the observation, in physical units."""
        ...

    @property
    def length(self) -> str:
        """Say how much was observed."""
        ...

    @property
    def reference_options(self) -> dict[str, Any]:
        """Give what the references need beside the summary."""
        ...

    def mismatches(self, detector: Any) -> tuple[Finding, ...]:
        """List where a network's detector differs from the instrument."""
        ...

    def reasons(self, detector: Any) -> list[str]:
        """List all reasons to distrust the answer of a network with such a detector."""
        ...


@dataclass(frozen=True)
class EventObservation:
    """Events of one or more modules, in their common good time.

    Arguments:
        events: times and good time intervals in s since `start_time`, sorted.
        start_time: mission time in s, TIMEZERO applied, at which the events' times are zero.
        info: what the files say and what was used, in plain JSON types. `start` and `stop` count
            from `origin`, the mission time in s of the first common good time, as those of
            `Selection` do. `live_time_fraction` and `incident_rate` are of all triggers in the
            whole file; `recorded_rate` is of the rows in the intervals used.
        findings: on the files, and on what was cut.
        segments: number of whole segments in `events.gti`; None before `in_segments`.
        files: one for each module.
        gti: good time (G, 2) in s since `origin`, before it is cut into segments.

    Examples:
        >>> gti = np.array([[0.0, 10.0]])
        >>> events = Events((np.array([1.0, 4.0]),), gti)
        >>> info = {"recorded_rate": [0.2], "exposure": 10.0}
        >>> EventObservation(events, 0.0, info, ()).covariates
        {'rate': 0.2}
    """

    kind: ClassVar[str] = "events"

    events: Events
    start_time: float
    info: dict[str, Any]
    findings: tuple[Finding, ...]
    segments: int | None = None
    files: tuple[EventFile, ...] = field(default=(), repr=False)
    gti: Floats = field(default_factory=lambda: np.zeros((0, 2)), repr=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """List the findings that an answer must mention."""
        return noted_sentences(self.findings)

    @property
    def covariates(self) -> dict[str, float]:
        """Give the segments, the recorded counts/s of each module, and the detector's
        covariates."""
        segments = {} if self.segments is None else {"segments": float(self.segments)}
        rate = float(np.mean(self.info["recorded_rate"]))
        return {**segments, "rate": rate, **self.info.get("detector", {})}

    @property
    def length(self) -> str:
        """Say how much was observed."""
        if self.segments is None:
            return f"{self.info['exposure']:g} s"
        return f"{self.segments} segments of {self.info['segment_size']:g} s"

    @property
    def reference_options(self) -> dict[str, Any]:
        """Give the options of the references: none, since the summary suffices."""
        return {}

    def in_segments(
        self,
        segment_size: float,
        *,
        max_segments: int | None = None,
        dt: float = math.inf,
        dead_time: float = 0.0,
    ) -> "EventObservation":
        """Cut the observation into whole segments.

        Arguments:
            segment_size: in s.
            max_segments: use the first so many; None for all.
            dt: bin width in s of the summary; files with coarser time steps are refused.
            dead_time: of each event in s that the network assumes, for checks; 0 for none.

        Raises:
            UserError: for time steps that are too coarse, intervals shorter than a segment, or a
                rate above the limit of the dead time.
        """
        for part in self.files:
            _refuse_coarse(part, dt)
        added = [f for part in self.files for f in examine_dead_time(part, dead_time)]
        whole = whole_segments(self.gti, segment_size, _names(self.files), added)
        used = first_segments(whole, segment_size, max_segments, added)

        cut = _observation(self.files, self.info["origin"], used, self.info["band"], dead_time)
        segments = len(segment_starts(cut.events.gti, segment_size))
        info = {
            **cut.info,
            "segment_size": segment_size,
            "segments_available": len(segment_starts(whole, segment_size)),
            "segments": segments,
        }
        findings = (*self.findings, *added)
        return replace(cut, info=info, findings=findings, segments=segments, gti=self.gti)

    def reasons(self, detector: Any) -> list[str]:
        """List mismatches, and warnings on the files that the detector does not model."""
        modelled = self._modelled(detector)
        remaining = [finding for finding in self.findings if finding.code not in modelled]
        return reasons([*remaining, *self.mismatches(detector)])

    def _modelled(self, detector: Any) -> set[str]:
        """List the codes of what a network's detector, or its covariates, take into account."""
        codes = set()
        frame = getattr(detector, "frame_time", 0.0)
        step = self.info.get("time_step")
        if frame and step and abs(step / (detector.cycle or frame) - 1) < FRAME_MARGIN:
            codes |= {"time_step", "pile_up"}
        if self.info.get("detector", {}).get("background_share"):
            codes |= {"background"}
        return codes

    def mismatches(self, detector: Any) -> tuple[Finding, ...]:
        """List where a network's detector differs from the instrument."""
        return instrument_mismatches(self.info, detector)


def read_events(
    paths: str | Path | Sequence[str | Path],
    selection: Selection | None = None,
    modules: int | None = None,
) -> EventObservation:
    """Read the event files of each module, and take their common good time.

    Files of one instrument that follow each other are joined to one module.

    Arguments:
        paths: the files, in the order of the modules; gzip is fine.
        selection: band and part; None for all events in the files' good time.
        modules: number of modules expected; None for any.

    Raises:
        UserError: for files that are not event files, do not belong together, or contain nothing
            to use.
    """
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    chosen = selection or Selection()
    files = one_file_a_module(given, modules)
    every = [read_event_file(file, chosen) for file in files]
    findings = [finding for part in every for finding in examine(part)]
    refuse_unknown_detectors(chosen.exclude, [n for part in every for n in part.present])
    parts = join_successive(every, findings)
    refuse_number(len(files), len(parts), modules)
    findings += examine_together(parts)

    lists = [part.gti for part in parts]
    common = common_time(lists, [part.label for part in parts], findings)
    origin = float(common[0, 0])
    trimmed = trim(common - origin, chosen.margin, _names(parts), findings)
    gti = choose_part(trimmed, chosen.start, chosen.stop, _names(parts))
    found = _observation(parts, origin, gti, chosen.band, 0.0)
    return replace(found, findings=tuple(findings), gti=gti)


def _names(parts: Sequence[EventFile]) -> str:
    return " with ".join(part.label for part in parts)


def _refuse_coarse(part: EventFile, dt: float) -> None:
    step = part.time_step or 0.0
    if step > dt * (1 + 1e-6):
        raise UserError(
            part.label,
            f"has times in steps of {step:.4g} s, but the summary needs {dt:.4g} s or less",
            f"use a faster mode, or summary.dt={step:.4g} or more",
        )


def _observation(
    parts: tuple[EventFile, ...],
    origin: float,
    gti: Floats,
    band: tuple[float, float] | None,
    dead_time: float,
) -> EventObservation:
    """Take the events within intervals (G, 2) in s since the origin."""
    start_time = origin + float(gti[0, 0])
    intervals = gti - gti[0, 0]
    since_start = [part.times - start_time for part in parts]
    inside = [in_gti(times, intervals) for times in since_start]
    times = tuple(t[rows] for t, rows in zip(since_start, inside, strict=True))
    kev = tuple(
        part.events.kev[rows]
        for part, rows in zip(parts, inside, strict=True)
        if part.events.kev is not None
    )

    exposure = exposure_of(intervals)
    rates = [len(own) / exposure for own in times]
    for part, rate in zip(parts, rates, strict=True):
        _refuse_rate(part, rate, dead_time)
    info = {
        **describe_instrument(parts),
        **describe_rates(parts, rates, dead_time),
        "exposure": exposure,
        "events_used": [len(own) for own in times],
        "band": None if band is None else list(band),
        "gtis": len(gti),
        "origin": origin,
        "start": float(gti[0, 0]),
        "stop": float(gti[-1, 1]),
    }
    energies = kev if len(kev) == len(times) else None
    events = Events(times, intervals, energies)
    return EventObservation(events, start_time, info, (), files=parts, gti=gti)


def _refuse_rate(part: EventFile, rate: float, dead_time: float) -> None:
    path = part.label
    if rate == 0:
        raise UserError(
            path,
            "has no events in the chosen segments",
            "choose others with observation.start and observation.stop",
        )
    if rate * dead_time > 1:
        raise UserError(
            path,
            f"has {rate:.6g} recorded counts/s, more than a dead time of {dead_time:.4g} s "
            f"lets through ({1 / dead_time:.6g})",
            "choose a network with this instrument's dead time",
        )
