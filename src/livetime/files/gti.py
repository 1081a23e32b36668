"""Good time intervals: arrays (G, 2) of starts and stops in s."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.files.finding import Finding, NoGoodTimeError, plural
from livetime.files.fits import Table, fits_tables, seconds
from livetime.files.mission_facts import Mission

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MIN_CCD_SHARE = 0.01
"""A CCD with a smaller share of the events does not shape the good time."""

MAX_EXPOSURE = 1e8
"""Exposure in s; the deepest fields have less than a tenth of it."""

USE_FULL = "set observation.gti=full"


def intersect(lists: Sequence[Floats]) -> Floats:
    """Find the common time of several lists of intervals.

    Arguments:
        lists: each (G, 2) in s, sorted and free of overlaps.

    Examples:
        >>> a, b = np.array([[0.0, 10.0], [20.0, 30.0]]), np.array([[5.0, 22.0]])
        >>> intersect([a, b]).tolist()
        [[5.0, 10.0], [20.0, 22.0]]
    """
    edges = np.concatenate([gti.T.ravel() for gti in lists])
    steps = np.concatenate([np.repeat([1, -1], len(gti)) for gti in lists])

    # At equal times stops come first: intervals that touch have no time in common.
    order = np.lexsort((steps, edges))
    open_lists = np.cumsum(steps[order])
    all_open = np.flatnonzero(open_lists == len(lists))
    edges = np.append(edges[order], np.inf)
    return np.stack([edges[all_open], edges[all_open + 1]], axis=1)


def union(gti: Floats) -> Floats:
    """Merge the overlapping or touching intervals of a list that is sorted by start.

    Examples:
        >>> union(np.array([[0.0, 4.0], [1.0, 2.0], [4.0, 5.0], [7.0, 8.0]])).tolist()
        [[0.0, 5.0], [7.0, 8.0]]
    """
    reach = np.maximum.accumulate(gti[:, 1])
    apart = gti[1:, 0] > reach[:-1]
    first = np.append(True, apart)[: len(gti)]
    last = np.append(apart, True)[: len(gti)]
    return np.stack([gti[first, 0], reach[last]], axis=1)


def subtract(gti: Floats, others: Floats) -> Floats:
    """Find the time of intervals (G, 2) that lies in none of others, sorted and apart.

    Examples:
        >>> a, b = np.array([[0.0, 10.0]]), np.array([[2.0, 3.0], [8.0, 20.0]])
        >>> subtract(a, b).tolist()
        [[0.0, 2.0], [3.0, 8.0]]
    """
    ends = np.concatenate([[-np.inf], others[:, 1]])
    starts = np.concatenate([others[:, 0], [np.inf]])
    return intersect([gti, np.stack([ends, starts], axis=1)])


def exposure_of(gti: Floats) -> float:
    """Add up the lengths of intervals, in s."""
    return float(np.diff(gti).sum())


def in_gti(times: Floats, gti: Floats) -> Mask:
    """Say which times (N,) in s lie within the intervals, ends included."""
    at = np.searchsorted(gti[:, 0], times, side="right") - 1
    inside: Mask = (at >= 0) & (times <= gti[at, 1])
    return inside


def clean_gti(gti: Floats, table: str, file: Path, findings: list[Finding]) -> Floats:
    """Sort intervals, leave out empty ones, and merge those that overlap or touch.

    Arguments:
        gti: as the file has them, (G, 2) in s.
        table: its name, for messages.
        file: for messages.
        findings: to which those on the intervals are added.

    Raises:
        NoGoodTimeError: for an interval that does not end after its start.
    """
    empty = gti[:, 0] == gti[:, 1]
    if empty.any():
        text = f"{plural(int(empty.sum()), 'good time interval')} without length"
        findings.append(Finding("empty_gti", "note", text, "left out", "none"))
        gti = gti[~empty]

    forward = (gti[:, 0] < gti[:, 1]) & np.isfinite(gti).all(axis=1)
    if not forward.all():
        _refuse_interval(gti, int(np.argmin(forward)), table, file)

    late = int((np.diff(gti[:, 0]) < 0).sum())
    if late:
        verb = "is" if late == 1 else "are"
        text = f"{plural(late, 'good time interval')} {verb} earlier than the one before"
        effect = "none once they are sorted"
        findings.append(
            Finding("unsorted_gti", "warning", text, "now sorted", effect, corrected=True)
        )

    gti = gti[np.argsort(gti[:, 0], kind="stable")]
    reach = np.maximum.accumulate(gti[:, 1])
    overlapping = int((gti[1:, 0] < reach[:-1]).sum())
    if overlapping:
        text = f"{plural(overlapping, 'good time interval')} overlapping an earlier one"
        effect = "unmerged, segments would count twice and errors come out too small"
        findings.append(
            Finding("overlapping_gti", "warning", text, "now merged", effect, corrected=True)
        )
    return union(gti)


def _refuse_interval(gti: Floats, row: int, table: str, file: Path) -> None:
    start, stop = gti[row]
    raise NoGoodTimeError(
        str(file),
        f"has a reversed or broken good time interval, {start:.6f} to {stop:.6f} s "
        f"in row {row + 1} of table {table}",
        f"correct the table, or {USE_FULL}",
    )


def read_gti(
    hdus: fits.HDUList,
    events: Table,
    header: Mapping[str, Any],
    mission: Mission | None,
    findings: list[Finding],
    exclude: Sequence[int] = (),
) -> Floats:
    """Read the common good time of all tables of a file, (G, 2) in s.

    RXTE writes two tables; XMM and Chandra write one for each CCD.

    Arguments:
        hdus: the open file.
        events: its table of events.
        header: the events' keywords.
        mission: None for an instrument that is not known.
        findings: to which those on the intervals are added.
        exclude: numbers of CCDs whose events are left out.

    Raises:
        NoGoodTimeError: where the tables leave no time.
    """
    path = events.path
    of_events = _tables_of(events, hdus, gti_tables(hdus, path))
    chosen = _own_tables(of_events, events, mission, exclude)
    every = [_intervals(table, header, findings) for table in chosen]
    lists = [gti for gti in every if len(gti)]
    if not lists:
        raise NoGoodTimeError(
            str(path),
            "has no good time intervals (GTI)",
            f"{USE_FULL} to take all from its first to its last event",
        )
    empty = [table.name for table, gti in zip(chosen, every, strict=True) if not len(gti)]
    if empty:
        text = f"the table of good time intervals {' and '.join(empty)} is empty"
        effect = "none, if the events are of detectors that were on"
        findings.append(Finding("empty_gti_table", "note", text, "left out", effect))

    common = intersect(lists)
    if len(common) == 0:
        raise NoGoodTimeError(
            str(path),
            f"has {len(lists)} tables of good time intervals without common time",
            USE_FULL,
        )

    if any(not np.array_equal(gti, common) for gti in lists):
        text = f"{len(lists)} tables of good time intervals"
        action = f"their {exposure_of(common):.6g} s in common are used"
        effect = "time that only one of them calls good is lost"
        findings.append(Finding("several_gti_tables", "note", text, action, effect))
    _compare_frames(chosen, header, findings)
    return common


def gti_tables(hdus: fits.HDUList, path: Path) -> list[Table]:
    """List the tables of good time intervals, by their names or HDUCLAS1."""
    found = fits_tables(hdus, path)
    return [
        table
        for table in found
        if table.has("START", "STOP") and "GTI" in table.name.upper() + table.kind
    ]


def _tables_of(events: Table, hdus: fits.HDUList, tables: list[Table]) -> list[Table]:
    """Select the tables that belong to one of several tables of events.

    They have its EXTVER, or stand between it and the next one.
    """
    others = [table for table in fits_tables(hdus, events.path) if table.name == events.name]
    if len(others) < 2:
        return tables
    versions = {table.header.get("EXTVER") for table in others}
    if len(versions) == len(others):
        own = [t for t in tables if t.header.get("EXTVER") == events.header.get("EXTVER")]
        if own:
            return own
    order = [hdu for hdu in hdus if any(hdu is table.hdu for table in (*others, *tables))]
    start = next(i for i, hdu in enumerate(order) if hdu is events.hdu)
    following: list[Table] = []
    for hdu in order[start + 1 :]:
        if any(hdu is table.hdu for table in others):
            break
        following += [table for table in tables if table.hdu is hdu]
    return following or tables


def _own_tables(
    tables: list[Table], events: Table, mission: Mission | None, exclude: Sequence[int]
) -> list[Table]:
    """Leave out the tables of CCDs that recorded none of the events, or a stray one."""
    if mission is None or mission.ccds is None or not events.has(mission.ccds):
        return tables
    numbers = events.numbers(mission.ccds)
    ccds, counts = np.unique(numbers[~np.isin(numbers, exclude)], return_counts=True)
    used = {int(ccd) for ccd in ccds[counts >= MIN_CCD_SHARE * counts.sum()] if np.isfinite(ccd)}
    names = {f"STDGTI{ccd:02d}" for ccd in used}
    own = [t for t in tables if t.header.get("CCD_ID") in used or t.name in names]
    return own or tables


def _intervals(table: Table, header: Mapping[str, Any], findings: list[Finding]) -> Floats:
    starts = seconds(table, "START", header)
    stops = seconds(table, "STOP", header)
    gti = np.stack([starts, stops], axis=1)
    return clean_gti(gti, table.name, table.path, findings)


def _compare_frames(
    tables: Sequence[Table], header: Mapping[str, Any], findings: list[Finding]
) -> None:
    """Compare TIMEREF: barycentring moves times by up to 500 s."""
    events = _time_reference(header)
    others = {_time_reference(table.header) for table in tables} - {"", events}
    if not events or not others:
        return
    of_intervals = ", ".join(sorted(others))
    text = f"the events' TIMEREF is {events}, that of the good time intervals {of_intervals}"
    effect = (
        "up to 500 s of each interval's ends are wrong: steps of the rate, "
        "and false power at low frequencies"
    )
    findings.append(Finding("mixed_timeref", "warning", text, "", effect))


def _time_reference(header: Mapping[str, Any]) -> str:
    return str(header.get("TIMEREF") or "").strip().upper()
