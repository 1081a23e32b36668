"""Test whether lists of events are independent: shared events, and repeated events."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtrc

from livetime.files.event_file import EventFile
from livetime.files.finding import Finding
from livetime.files.gti import exposure_of, in_gti, intersect
from livetime.files.rate_tests import ALPHA

Floats = NDArray[np.float64]

SAME_TIME = 1e-7
"""Times in s that differ by less are the same, where the clock resolves as much."""

MIN_SHARE = 1e-3
"""Smaller shares of common events do not bias a power spectrum."""

MAX_CHANCE = 0.1
"""Share that chance explains, from which on common events cannot be recognised."""

LOCAL = 1.0
"""Time in s over which rates are compared, so that the variability of a source is not taken for
coincidences."""


def common_events(first: Floats, second: Floats, window: float) -> tuple[int, float]:
    """Count the coincidences of two lists within a window, and those expected by chance.

    The chance number uses the rates of both lists in bins of 1 s, since a variable source makes
    more coincidences.

    Arguments:
        first: sorted times in s, (N,).
        second: sorted times in s, (M,).
        window: in s.

    Returns:
        the number of coincidences, and the number expected by chance.

    Examples:
        >>> common_events(np.array([0.5, 1.5, 2.5]), np.array([1.5, 3.5]), 1e-7)[0]
        1
    """
    if len(first) == 0 or len(second) == 0:
        return 0, 0.0
    after = np.searchsorted(second, first).clip(max=len(second) - 1)
    before = (after - 1).clip(min=0)
    distance = np.minimum(np.abs(second[after] - first), np.abs(second[before] - first))
    common = int((distance <= window).sum())

    bins, counts = np.unique(np.floor(first / LOCAL), return_counts=True)
    other_bins, other_counts = np.unique(np.floor(second / LOCAL), return_counts=True)
    _, own, other = np.intersect1d(bins, other_bins, True, return_indices=True)
    pairs = float((counts[own].astype(np.float64) * other_counts[other]).sum())
    return common, pairs * 2 * window / LOCAL


def check_shared_events(parts: Sequence[EventFile]) -> list[Finding]:
    """Find pairs of files that contain the same photons.

    Files are compared in their common good time. They are not compared where clock steps are so
    coarse that a tenth of the events coincide by chance.
    """
    found = []
    for i, first in enumerate(parts):
        for second in parts[i + 1 :]:
            finding = _shared(first, second)
            if finding is not None:
                found.append(finding)
    return found


def _shared(first: EventFile, second: EventFile) -> Finding | None:
    gti = intersect([first.gti, second.gti])
    if len(gti) == 0 or not exposure_of(gti) > 0:
        return None
    window = max(_window(first), _window(second))
    own = first.times[in_gti(first.times, gti)]
    other = second.times[in_gti(second.times, gti)]
    common, chance = common_events(own, other, window)
    fewer = min(len(own), len(other))
    if fewer == 0 or not _beyond_chance(common, chance, fewer):
        return None

    text = (
        f"{first.name} and {second.name} share {common / fewer:.2g} of their events, "
        f"{common} in {exposure_of(gti):.6g} s; by chance it would be {chance / fewer:.1g}"
    )
    effect = (
        "lists of the same photons are not independent: false variability of any frequency, "
        "and errors that are too small"
    )
    return Finding("shared_events", "warning", text, "", effect)


def check_repeated_events(part: EventFile) -> list[Finding]:
    """Find events that repeat the time of the event before more often than by chance.

    A list with a time step is left out: its events share times anyway.
    """
    if part.measured_step is not None or part.total < 2:
        return []
    window = _window(part)
    repeated = int((np.diff(part.times) <= window).sum())
    _, pairs = common_events(part.times, part.times, window)
    if not _beyond_chance(repeated, pairs / 2, len(part.times)):
        return []
    share = repeated / len(part.times)
    text = f"{share:.2g} of the events have the time of the one before, {repeated} in all"
    effect = "photons that count twice raise the noise level and look like variability"
    return [Finding("repeated_events", "warning", text, "", effect)]


def _window(part: EventFile) -> float:
    """Find the difference of times in s below which two events of a file are the same."""
    step = part.measured_step or 0.0
    return max(SAME_TIME, 2 * part.precision, step / 2)


def _beyond_chance(number: int, expected: float, events: int) -> bool:
    share = number / events
    is_recognisable = expected / events < MAX_CHANCE
    chance = float(pdtrc(max(number - 1, 0), max(expected, 1e-12)))
    return bool(is_recognisable and share > MIN_SHARE and chance < ALPHA)
