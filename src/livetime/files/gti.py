"""Good time intervals: arrays (G, 2) in s."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.files.finding import Finding, NoGoodTimeError, add
from livetime.files.fits import column, numbers, seconds
from livetime.files.mission import Mission

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
STRAY = 0.01
"""A CCD with a smaller share of the events does not shape the good time."""


def mended(gti: Floats, table: str, file: str, findings: list[Finding]) -> Floats:
    """Sorted, and merged where they overlap or touch. Raises NoGoodTimeError for a reversed one."""
    wrong = ~(gti[:, 0] < gti[:, 1]) | ~np.isfinite(gti).all(axis=1)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise NoGoodTimeError(
            f"{file} has a reversed or broken good time interval, {gti[i, 0]:.6f} to {gti[i, 1]:.6f} s in row {i + 1} of table {table}: "
            "correct the table, or set observation.gti=full"
        )
    what, effect = (
        "good time interval",
        "taken as they are, their segments would be counted twice, and errors come out too small",
    )
    add(
        findings,
        "unsorted_gti",
        np.diff(gti[:, 0]) < 0,
        what,
        "earlier than the one before",
        "now sorted",
        "none once they are sorted",
    )
    gti = gti[np.argsort(gti[:, 0], kind="stable")]
    reach = np.maximum.accumulate(gti[:, 1])
    add(
        findings,
        "overlapping_gti",
        gti[1:, 0] < reach[:-1],
        what,
        "overlapping an earlier one",
        "now merged",
        effect,
    )
    apart = gti[1:, 0] > reach[:-1]
    return np.stack(
        [gti[np.append(True, apart)[: len(gti)], 0], reach[np.append(apart, True)[: len(gti)]]],
        axis=1,
    )


def intersect(gtis: Sequence[Floats]) -> Floats:
    """The time common to all; each argument is sorted and free of overlaps.

    >>> intersect([np.array([[0.0, 10.0], [20.0, 30.0]]), np.array([[5.0, 22.0]])]).tolist()
    [[5.0, 10.0], [20.0, 22.0]]
    """
    edges = np.concatenate([gti.T.ravel() for gti in gtis])
    steps = np.concatenate([np.repeat([1, -1], len(gti)) for gti in gtis])
    order = np.lexsort((steps, edges))  # at equal times stops come first: a touch is no common time
    at = np.flatnonzero(np.cumsum(steps[order]) == len(gtis))
    edges = np.append(edges[order], np.inf)
    return np.stack([edges[at], edges[at + 1]], axis=1)


def inside(times: Floats, gti: Floats) -> Mask:
    at = np.searchsorted(gti[:, 0], times, side="right") - 1
    inside: Mask = (at >= 0) & (times <= gti[at, 1])
    return inside


def of_file(
    hdus: fits.HDUList,
    events: Any,
    header: Mapping[str, Any],
    mission: Mission | None,
    path: Path,
    findings: list[Finding],
) -> Floats:
    """What all tables of good time intervals have in common: RXTE writes two, XMM and Chandra one per CCD."""
    tables = [
        h
        for h in hdus
        if column(h, "START")
        and column(h, "STOP")
        and "GTI" in (h.name + str(h.header.get("HDUCLAS1"))).upper()
    ]
    if mission and mission.ccds and (name := column(events, mission.ccds)):
        ccds, counts = np.unique(numbers(events, name, path), return_counts=True)
        used = [int(ccd) for ccd in ccds[counts >= STRAY * counts.sum()] if np.isfinite(ccd)]
        own = [
            h
            for h in tables
            if h.header.get("CCD_ID") in used or h.name in {f"STDGTI{ccd:02d}" for ccd in used}
        ]
        tables = own or tables
    if not any(len(h.data) for h in tables):
        raise NoGoodTimeError(
            f"{path} has no good time intervals (GTI): set observation.gti=full to take all from its first to its last event"
        )
    gtis = [
        mended(
            np.stack([seconds(h, c, header, path) for c in ("START", "STOP")], axis=1),
            h.name,
            str(path),
            findings,
        )
        for h in tables
    ]
    common = intersect(gtis)
    if len(common) == 0:
        raise NoGoodTimeError(
            f"{path} has {len(gtis)} tables of good time intervals without common time: set observation.gti=full"
        )
    if any(not np.array_equal(gti, common) for gti in gtis):
        done, effect = (
            f"their {np.diff(common).sum():.6g} s in common are used",
            "time that only one of them calls good is lost",
        )
        findings.append(
            Finding(
                "several_gti_tables",
                "fact",
                f"{len(gtis)} tables of good time intervals",
                done,
                effect,
            )
        )
    _same_frame(tables, header, findings)
    return common


def _same_frame(tables: Sequence[Any], header: Mapping[str, Any], findings: list[Finding]) -> None:
    """Events that were barycentred and intervals that were not (or the reverse) are up to 500 s apart."""
    events = str(header.get("TIMEREF", "")).strip().upper()
    others = {
        str(h.header["TIMEREF"]).strip().upper() for h in tables if h.header.get("TIMEREF")
    } - {events}
    if events and others:
        what = f"the events' TIMEREF is {events}, that of the good time intervals {', '.join(sorted(others))}"
        effect = "up to 500 s of each interval's ends are wrong: steps of the rate, and false power at low frequencies"
        findings.append(Finding("mixed_timeref", "warning", what, "", effect))
