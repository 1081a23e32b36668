"""Findings on files that follow each other: gaps, clocks, and whether they are alike."""

from collections.abc import Iterator, Sequence

import numpy as np

from livetime.files.event_file import EventFile
from livetime.files.finding import Finding
from livetime.files.gti import exposure_of
from livetime.files.keywords import words_differ
from livetime.files.mission import similar_dead_time
from livetime.files.time_systems import clock_offset

RATE_SIGMAS = 5.0
"""Differences of two rates in units of their Poisson error that are no chance."""

MIN_RATE_CHANGE = 0.1
"""Relative differences of two rates from which on they are named."""


def compare_successive(
    given: Sequence[EventFile], in_order: Sequence[EventFile], findings: list[Finding]
) -> None:
    """Add what is found on successive files of one module.

    Arguments:
        given: the files with their own clocks; the first one's is used.
        in_order: the files in the order of time, in one clock.
        findings: to which those on the files are added.
    """
    findings.append(_joined(in_order))
    findings += _clocks(given)
    findings += _differences(in_order)


def _joined(parts: Sequence[EventFile]) -> Finding:
    names = ", ".join(part.name for part in parts)
    first, last = parts[0], parts[-1]
    span = float(last.gti[-1, 1] - first.gti[0, 0])
    exposure = sum(exposure_of(part.gti) for part in parts)
    instrument = " ".join(filter(None, (first.word("TELESCOP"), first.word("INSTRUME"))))
    text = f"{names} are of {instrument} at different times, {exposure:.6g} s within {span:.6g} s"
    effect = "no segment crosses from one file to the next"
    return Finding("successive", "note", text, "taken as one observation", effect)


def _clocks(parts: Sequence[EventFile]) -> Iterator[Finding]:
    first = parts[0]
    for part in parts[1:]:
        offset = clock_offset(part.header, first.header)
        both = f"{first.name} and {part.name}"
        if offset:
            text = f"{both} differ in MJDREF by {offset:.6f} s"
            yield Finding("clock_converted", "note", text, "the times are converted", "none")
        if offset is None and (first.mjdref is None) != (part.mjdref is None):
            text = f"only one of {both} has MJDREF"
            action = "the same clock is assumed"
            effect = "with another clock, the order and the gaps of the files are wrong"
            yield Finding("clock_assumed", "warning", text, action, effect)


def _differences(parts: Sequence[EventFile]) -> Iterator[Finding]:
    """Find objects, rates and numbers of detectors that differ from the first file's."""
    first = parts[0]
    for part in parts[1:]:
        both = f"{first.name} and {part.name}"
        names = (first.word("OBJECT"), part.word("OBJECT"))
        if words_differ(*names):
            text = f"{both} differ in OBJECT ({names[0]} and {names[1]})"
            effect = "the answer would mix two sources; give files of one source"
            yield Finding("object_differs", "warning", text, "", effect)

        rates = [len(own.times) / own.exposure for own in (first, part)]
        error = np.hypot(*(np.sqrt(len(own.times)) / own.exposure for own in (first, part)))
        difference = abs(rates[0] - rates[1])
        if difference > RATE_SIGMAS * error and difference > MIN_RATE_CHANGE * max(rates):
            text = f"{both} have {rates[0]:.4g} and {rates[1]:.4g} counts/s"
            effect = (
                "the source or the detector changed: the answer is an average of both; "
                "infer each file alone"
            )
            yield Finding("rate_differs", "warning", text, "", effect)

        counts = (first.detector_count, part.detector_count)
        if not similar_dead_time(*map(float, counts)):
            text = f"{both} have events of {counts[0]} and {counts[1]} detectors"
            effect = "the rate of each detector differs, and so does its dead time"
            yield Finding("detectors_differ", "warning", text, "", effect)
