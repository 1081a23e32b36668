"""Read one OGIP event file: its events, good time and keywords, with findings or a refusal."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.energy import event_energies
from livetime.files.event_file import EventFile, EventRows
from livetime.files.event_table import find_event_table, read_times
from livetime.files.excluded import leave_out
from livetime.files.finding import Finding, NoGoodTimeError, plural
from livetime.files.fits import Table, open_fits
from livetime.files.gti import MAX_EXPOSURE, USE_FULL, exposure_of, gti_tables, in_gti, read_gti
from livetime.files.keywords import LIVE_KEYS, MJDREF, STEP, TIME_ZERO, keywords, refuse_words
from livetime.files.mission import MISSION_NAMES, find_mission, refuse_unsuitable
from livetime.files.mission_facts import Mission
from livetime.files.own_gti import read_own_gti, within_own_gti
from livetime.settings import ObservationFiles
from livetime.simulate.telescope import canonical_name

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MAX_SECONDS = 1e9
"""Live or dead times of one event in s that are longer than a mission are left out."""


@dataclass(frozen=True)
class Selection:
    """Select the events of a file that are used.

    Arguments:
        band: energies in keV, from the first up to but without the second; None for all.
        gti: `file` for the good time of the file; `full` for the time from first to last event;
            else a file of intervals, which are intersected with those of the event file.
        start: s since the start of the first common good time interval; None for its start.
        stop: s since that start; None for the end.
        energies: whether every event must have an energy.
        margin: s that are left out at both ends of each common good time interval.
        exclude: numbers of the detectors or CCDs whose events are left out.

    Examples:
        >>> Selection(band=(3.0, 10.0)).gti
        'file'
    """

    band: tuple[float, float] | None = None
    gti: str = "file"
    start: float | None = None
    stop: float | None = None
    energies: bool = False
    margin: float = 0.0
    exclude: tuple[int, ...] = ()

    @property
    def own_gti(self) -> str | None:
        """Name the user's own file of good time intervals; None without one."""
        return None if self.gti in ("file", "full") else self.gti


def selection_of(files: ObservationFiles, energies: bool = False) -> Selection:
    """Collect which events of an observation are used.

    Arguments:
        files: where the observation is, and what to use of it.
        energies: whether every event must have an energy.
    """
    return Selection(
        files.band,
        files.gti,
        files.start,
        files.stop,
        energies,
        files.margin,
        files.exclude,
    )


def read_event_file(path: Path, selection: Selection | None = None) -> EventFile:
    """Read one event file, and correct the faults that can be corrected.

    Arguments:
        path: the file, perhaps with a table in brackets.
        selection: its band and good time; None for all events in the file's good time.

    Raises:
        UserError: for a file without usable events.
        NoGoodTimeError: for good time intervals that are unusable; `gti="full"` ignores them.
    """
    chosen = selection or Selection()
    findings: list[Finding] = []
    with open_fits(path) as hdus:
        read = _read_columns(hdus, path, chosen, findings)
        events = read.events.take(np.argsort(read.events.times, kind="stable"))
        gti = events.times[[[0, -1]]]
        if chosen.gti != "full":
            gti = _good_time(hdus, read, chosen, findings)

    events = _in_good_time(events, gti, path, findings)
    if chosen.gti == "full":
        findings.append(_full_gti(read.events.times))
    total = len(events.times)
    if chosen.band is not None and events.kev is not None:
        events = events.take(_in_band(events.kev, chosen.band, path, findings))
    # fmt: off
    return EventFile(
        path, read.header, read.mission, events, gti, len(read.rows), total, read.precision,
        read.live_before, read.cost, tuple(findings), read.present,
    )
    # fmt: on


@dataclass(frozen=True)
class _Columns:
    """What is read from a table of events, in the order of the file."""

    table: Table
    header: dict[str, Any]
    mission: Mission | None
    rows: Mask
    events: EventRows
    precision: float
    live_before: float | None
    cost: float | None
    present: tuple[int, ...]


def _read_columns(hdus: Any, path: Path, chosen: Selection, findings: list[Finding]) -> _Columns:
    table = find_event_table(hdus, path, findings)
    header = keywords(hdus[0].header, table.header)
    refuse_words(header, (*MJDREF, *TIME_ZERO, *LIVE_KEYS, *STEP), path)
    mission = _mission(header, findings)
    refuse_unsuitable(mission, path)
    times, rows, precision = read_times(table, header, findings)
    kept, present = leave_out(table, rows, mission, chosen.exclude, findings)
    used = rows.copy()
    used[rows] = kept

    needs_energies = chosen.energies or chosen.band is not None
    kev = _energies(hdus, table, used, mission, needs_energies)
    events = EventRows(times[kept], kev, _detectors(table, used, mission))
    live_before = _mean(table, used, "PRIOR")
    cost = _mean(table, used, "DEADTIME")
    return _Columns(table, header, mission, used, events, precision, live_before, cost, present)


def _good_time(hdus: Any, read: _Columns, chosen: Selection, findings: list[Finding]) -> Floats:
    """Read the good time of a file, cut to the user's own if a file of it is given."""
    path = read.table.path
    if chosen.own_gti is None:
        return read_gti(hdus, read.table, read.header, read.mission, findings, chosen.exclude)
    own = read_own_gti(chosen.own_gti, read.header, findings)
    if not gti_tables(hdus, path):
        text = "the file has no good time intervals of its own"
        action = f"those of {chosen.own_gti} are used"
        findings.append(Finding("own_gti", "note", text, action))
        return own
    gti = read_gti(hdus, read.table, read.header, read.mission, findings, chosen.exclude)
    return within_own_gti(gti, own, chosen.own_gti, findings)


def _mission(header: Mapping[str, Any], findings: list[Finding]) -> Mission | None:
    telescope = str(header.get("TELESCOP", "")).strip()
    instrument = str(header.get("INSTRUME", "")).strip()
    mission = find_mission(telescope, instrument)
    if mission is not None:
        return mission

    action = f"read without it; known are {', '.join(MISSION_NAMES)}"
    effect = (
        "effects of the instrument on a power spectrum cannot be checked: "
        "give its dead time as observation.dead_time"
    )
    if canonical_name(telescope):
        name = f"TELESCOP {telescope}" + (f", INSTRUME {instrument}" if instrument else "")
        text = f"{name} is not an instrument that livetime knows"
        code = "unknown_mission"
    else:
        text = "the keyword TELESCOP is missing"
        code = "no_telescop"
    # Whether the dead time is that of the network is another finding, once a network is asked.
    findings.append(Finding(code, "warning", text, action, effect, corrected=True))
    return None


def _energies(
    hdus: Any, table: Table, rows: Mask, mission: Mission | None, needed: bool
) -> Floats | None:
    """Read energies in keV; if they are not needed, None replaces a refusal or a slow import."""
    if needed:
        return event_energies(hdus, table, rows, mission)
    is_slow = mission is None or (mission.kev is None and not table.has("ENERGY"))
    if is_slow:
        return None
    try:
        return event_energies(hdus, table, rows, mission)
    except UserError:
        return None


def _detectors(table: Table, rows: Mask, mission: Mission | None) -> NDArray[np.int64] | None:
    if mission is None or mission.detector is None or not table.has(mission.detector):
        return None
    return table.numbers(mission.detector)[rows].astype(np.int64)


def _mean(table: Table, rows: Mask, name: str) -> float | None:
    """Average a column in s over the events for which it is positive."""
    if not table.has(name):
        return None
    given = table.numbers(name)[rows]
    given = given[(given > 0) & (given < MAX_SECONDS)]
    return float(given.mean()) if len(given) else None


def _in_good_time(events: EventRows, gti: Floats, path: Path, findings: list[Finding]) -> EventRows:
    """Leave out the events outside the good time."""
    start, stop = gti[0, 0], gti[-1, 1]
    exposure = exposure_of(gti)
    if not exposure > 0:
        problem = f"has all its events at one time, {start:g} s"
        raise UserError(str(path), problem, "check its column TIME and TIMEZERO")
    if exposure > MAX_EXPOSURE:
        longest = f"no observation lasts more than {MAX_EXPOSURE:g} s"
        problem = f"has {exposure:.3g} s of good time, but {longest}"
        raise NoGoodTimeError(str(path), problem, f"correct its times, or {USE_FULL}")

    within = in_gti(events.times, gti)
    outside = int((~within).sum())
    if not within.any():
        raise NoGoodTimeError(
            str(path),
            f"has no event within its good time intervals ({start:.1f} to {stop:.1f} s, "
            f"events {events.times[0]:.1f} to {events.times[-1]:.1f} s)",
            f"check TIMEZERO, or {USE_FULL}",
        )
    if outside:
        text = f"{plural(outside, 'event')} outside the good time intervals"
        effect = "counted, they make steps of the rate at the intervals' ends"
        findings.append(Finding("outside_gti", "warning", text, "left out", effect, corrected=True))
    return events.take(within)


def _full_gti(times: Floats) -> Finding:
    text = f"all from the first to the last event, {np.ptp(times):.6g} s, taken as good time"
    effect = "gaps count as time without photons: a false rms"
    return Finding("full_gti", "warning", text, "observation.gti=full", effect)


def _in_band(kev: Floats, band: tuple[float, float], path: Path, findings: list[Finding]) -> Mask:
    low, high = band
    chosen: Mask = (kev >= low) & (kev < high)
    if not chosen.any():
        raise UserError(
            str(path),
            f"has no events of observation.band, {low:g} to {high:g} keV",
            f"choose a band within {kev.min():.4g} to {kev.max():.4g} keV",
        )
    text = f"{int(chosen.sum())} of {len(kev)} events are of {low:g} to {high:g} keV"
    effect = (
        "other energies cost dead time too, but only a network trained so takes it into account"
    )
    findings.append(Finding("band", "note", text, "the others left out", effect))
    return chosen
