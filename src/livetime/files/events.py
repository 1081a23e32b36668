"""Read one OGIP event file: its events, good time and keywords, with findings or a refusal."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.energy import event_energies
from livetime.files.event_file import EventFile, EventRows
from livetime.files.event_table import find_event_table, read_times
from livetime.files.finding import Finding, NoGoodTimeError, plural
from livetime.files.fits import Table, open_fits
from livetime.files.gti import USE_FULL, exposure_of, in_gti, read_gti
from livetime.files.keywords import LIVE_KEYS, MJDREF, STEP, TIME_ZERO, keywords, refuse_words
from livetime.files.mission import MISSION_NAMES, Mission, find_mission
from livetime.simulate.telescope import canonical_name

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MAX_SECONDS = 1e9
"""Live or dead times of one event in s that are longer than a mission are left out."""


@dataclass(frozen=True)
class Selection:
    """Which events are used.

    Arguments:
        band: energies in keV, from the first up to but without the second; None for all.
        gti: `file` for the good time of the file, `full` for all from first to last event.
        start: s since the start of the first common good time interval; None for its start.
        stop: likewise; None for the end.
        energies: whether every event must have an energy.

    Examples:
        >>> Selection(band=(3.0, 10.0)).gti
        'file'
    """

    band: tuple[float, float] | None = None
    gti: Literal["file", "full"] = "file"
    start: float | None = None
    stop: float | None = None
    energies: bool = False


def read_event_file(path: Path, selection: Selection | None = None) -> EventFile:
    """Read one event file, and clean what can be cleaned.

    Arguments:
        path: the file.
        selection: its band and good time; None for all events in the file's good time.

    Raises:
        UserError: for a file without usable events.
        NoGoodTimeError: where `gti="full"` would help.
    """
    chosen = selection or Selection()
    findings: list[Finding] = []
    with open_fits(path) as hdus:
        table = find_event_table(hdus, path, findings)
        header = keywords(hdus[0].header, table.header)
        refuse_words(header, (*MJDREF, *TIME_ZERO, *LIVE_KEYS, *STEP), path)
        mission = _mission(header, findings)
        times, rows, precision = read_times(table, header, findings)
        needs_energies = chosen.energies or chosen.band is not None
        kev = _energies(hdus, table, rows, mission, needs_energies)
        detectors = _detectors(table, rows, mission)
        everything = EventRows(times, kev, detectors)
        live_before = _mean(table, rows, "PRIOR")
        cost = _mean(table, rows, "DEADTIME")
        events = everything.take(np.argsort(times, kind="stable"))
        is_full = chosen.gti == "full"
        first_to_last = events.times[[[0, -1]]]
        gti = first_to_last if is_full else read_gti(hdus, table, header, mission, findings)

    events = _in_good_time(events, gti, path, findings)
    if is_full:
        findings.append(_full_gti(everything.times))
    total = len(events.times)
    if chosen.band is not None and events.kev is not None:
        events = events.take(_in_band(events.kev, chosen.band, path, findings))
    # fmt: off
    return EventFile(
        path, header, mission, events, gti, len(rows), total, precision, live_before, cost,
        tuple(findings),
    )
    # fmt: on


def _mission(header: Mapping[str, Any], findings: list[Finding]) -> Mission | None:
    telescope = str(header.get("TELESCOP", "")).strip()
    instrument = str(header.get("INSTRUME", "")).strip()
    mission = find_mission(telescope, instrument)
    if mission is not None:
        return mission

    action = f"read without it; known are {', '.join(MISSION_NAMES)}"
    effect = (
        "what the instrument does to a power spectrum cannot be checked: "
        "its dead time must be known from elsewhere"
    )
    if canonical_name(telescope):
        name = f"TELESCOP {telescope}" + (f", INSTRUME {instrument}" if instrument else "")
        text = f"{name} is no instrument that livetime knows"
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
    if not exposure_of(gti) > 0:
        problem = f"has all its events at one time, {start:g} s"
        raise UserError(str(path), problem, "check its column TIME and TIMEZERO")

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
