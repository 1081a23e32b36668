"""Cut good time into the whole segments that a summary takes."""

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.finding import Finding, plural
from livetime.files.gti import exposure_of, intersect
from livetime.simulate.periodogram import segment_starts

Floats = NDArray[np.float64]

MAX_SEGMENTS = 1e7
"""Segments of an observation: five years of 16 s each. A stray time would make more."""

ROUNDING = 1e-6
"""Mission times resolve 0.1 microseconds: intervals that lack a microsecond of a segment get it."""

CHOOSE_PART = "choose a part with observation.start and observation.stop"


def choose_part(gti: Floats, start: float | None, stop: float | None, names: str) -> Floats:
    """Cut intervals (G, 2) in s to those between start and stop.

    Arguments:
        gti: that start at zero.
        start: in s; None for the start.
        stop: in s; None for the end.
        names: of the files, for messages.

    Raises:
        UserError: for a start or stop outside the intervals, or no good time between them.
    """
    end = float(gti[-1, 1])
    for key, value in (("start", start), ("stop", stop)):
        if value is not None and not 0 <= value <= end + ROUNDING:
            raise UserError(
                f"observation.{key}",
                f"is {value} s, but the good time of {names} goes from 0 to {end:.6f} s",
                "choose a time within it",
            )

    low = 0.0 if start is None else start
    high = end if stop is None else stop
    if not low < high:
        raise UserError(
            "observation.start",
            f"is {low} s, but must be below observation.stop, here {high} s of {names}",
            "lower it",
        )
    chosen = intersect([gti, np.array([[low, high]])])
    if len(chosen) == 0:
        raise UserError(
            "observation.start",
            f"is {low} and observation.stop {high} s, which choose no good time of {names}",
            "choose another part",
        )
    return chosen


def trim(gti: Floats, margin: float, names: str, findings: list[Finding]) -> Floats:
    """Leave out both ends of each interval (G, 2) in s.

    Arguments:
        gti: in s.
        margin: in s at each end; 0 for none.
        names: of the files, for messages.
        findings: to which one on what is lost is added.

    Raises:
        UserError: for a margin that leaves no time.
    """
    if margin == 0:
        return gti
    shorter = gti + np.array([margin, -margin])
    left: Floats = shorter[shorter[:, 0] < shorter[:, 1]]
    if len(left) == 0:
        longest = float((gti[:, 1] - gti[:, 0]).max())
        raise UserError(
            "observation.margin",
            f"is {margin:g} s, but the longest good time interval of {names} has {longest:.6g} s",
            f"choose less than {longest / 2:.6g} s",
        )
    lost = exposure_of(gti) - exposure_of(left)
    text = (
        f"a margin of {margin:g} s at both ends of {plural(len(gti), 'good time interval')}, "
        f"{len(gti) - len(left)} too short for it"
    )
    action = f"{lost:.6g} of {exposure_of(gti):.6g} s are lost"
    findings.append(Finding("margin", "note", text, action))
    return left


def whole_segments(gti: Floats, segment_size: float, names: str, findings: list[Finding]) -> Floats:
    """Select the intervals (G, 2) in s that are at least one segment long.

    Arguments:
        gti: in s.
        segment_size: in s.
        names: of the files, for messages.
        findings: gets a finding on intervals that are too short.

    Raises:
        UserError: for no such interval, or more than `MAX_SEGMENTS` segments.
    """
    fitting = np.floor((gti[:, 1] - gti[:, 0] + ROUNDING) / segment_size)
    stops = np.maximum(gti[:, 1], gti[:, 0] + fitting * segment_size)
    gti = np.stack([gti[:, 0], stops], axis=1)
    lengths = gti[:, 1] - gti[:, 0]
    long = fitting > 0
    if not long.any():
        raise UserError(
            names,
            f"has no good time interval as long as a segment of {segment_size:g} s, "
            f"the longest is {lengths.max():.6g} s",
            "choose shorter segments, or another part",
        )
    if fitting.sum() > MAX_SEGMENTS:
        raise UserError(
            names,
            f"has {fitting.sum():.3g} segments of {segment_size:g} s, "
            f"more than the limit of {MAX_SEGMENTS:g}",
            f"correct its times, or {CHOOSE_PART}",
        )

    if not long.all():
        short = plural(int((~long).sum()), "good time interval")
        lost = f"({lengths[~long].sum():.6g} of {lengths.sum():.6g} s)"
        text = f"{short} shorter than a segment of {segment_size:g} s"
        findings.append(Finding("short_gti", "note", text, f"left out {lost}"))
    whole: Floats = gti[long]
    return whole


def first_segments(
    gti: Floats, segment_size: float, max_segments: int | None, findings: list[Finding]
) -> Floats:
    """Select the intervals (G, 2) in s up to the end of the last segment allowed.

    Arguments:
        gti: in s.
        segment_size: in s.
        max_segments: None for all.
        findings: gets a finding on the segments that are left out.
    """
    starts = segment_starts(gti, segment_size)
    if max_segments is None or len(starts) <= max_segments:
        return gti
    text = f"observation has {len(starts)} segments of {segment_size:g} s"
    action = (
        f"the first {max_segments} are used; "
        "choose others with observation.start and observation.stop"
    )
    findings.append(Finding("first_segments", "note", text, action))

    last = starts[max_segments - 1]
    used: Floats = gti[gti[:, 0] <= last].copy()
    used[-1, 1] = last + segment_size
    return used


def common_time(lists: list[Floats], names: list[str], findings: list[Finding]) -> Floats:
    """Find the common good time (G, 2) of all modules, in mission s.

    Raises:
        UserError: for modules without common time.
    """
    common = intersect(lists)
    if len(common) == 0:
        spans = [
            f"{name} ({gti[0, 0]:.1f} to {gti[-1, 1]:.1f} s)"
            for name, gti in zip(names, lists, strict=True)
        ]
        raise UserError(
            " and ".join(spans), "have no common good time", "give two modules of one observation"
        )
    each = [exposure_of(gti) for gti in lists]
    shared = exposure_of(common)
    if max(each) - shared > 1e-3:
        both = " and ".join(f"{exposure:.6g}" for exposure in each)
        text = f"the modules have {both} s of good time"
        action = f"their {shared:.6g} s in common are used"
        findings.append(Finding("common_time", "note", text, action))
    return common
