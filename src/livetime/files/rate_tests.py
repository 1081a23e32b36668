"""Test the rates of a file for faults; the false-alarm probability of a file is below ALPHA."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import kolmogorov

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ALPHA = 1e-5
"""Probability of a false alarm of each test in a file."""

STEP_BINS = 16
"""Bins before and after a step of the rate."""

MIN_STEP = 0.15
MIN_STEP_SIGMA = 8.0
"""Relative size of a step, and its size in standard deviations."""


class Absence(NamedTuple):
    """A detector without an event.

    Arguments:
        detector: its number.
        start: index of the first event of other detectors during the absence.
        stop: index of the last one.
        expected: number of its events that are missing.

    Examples:
        >>> Absence(3, 10, 90, 16.0).expected
        16.0
    """

    detector: int
    start: int
    stop: int
    expected: float


class Step(NamedTuple):
    """A step of the rate.

    Arguments:
        time: in s.
        before: counts/s before it.
        after: counts/s after it.

    Examples:
        >>> Step(60.0, 80.0, 40.0).time
        60.0
    """

    time: float
    before: float
    after: float


class Silence(NamedTuple):
    """A stretch of good time without an event.

    Arguments:
        start: in s.
        length: in s.
        expected: number of events at the rate around it.

    Examples:
        >>> Silence(30.0, 6.0, 60.0).length
        6.0
    """

    start: float
    length: float
    expected: float


def good_times(times: Floats, gti: Floats) -> Floats:
    """Measure the good time in s before each event, without the gaps.

    Arguments:
        times: in s, (N,).
        gti: good time intervals in s, (G, 2).

    Examples:
        >>> gti = np.array([[0.0, 10.0], [100.0, 110.0]])
        >>> good_times(np.array([5.0, 102.0]), gti).tolist()
        [5.0, 12.0]
    """
    before = np.concatenate([[0.0], np.cumsum(np.diff(gti).ravel())])
    interval = np.searchsorted(gti[:, 0], times, side="right") - 1
    at = np.clip(interval, 0, None)
    passed: Floats = before[at] + times - gti[at, 0]
    return passed


def absences(detectors: Integers) -> list[Absence]:
    """Find the longest absence of each detector, where chance does not explain it.

    However the source varies, a detector with a share p of the events is absent from k successive
    ones with probability (1 - p)^k.

    Arguments:
        detectors: number of each event's detector, in the order of time, (N,).
    """
    found = []
    total = len(detectors)
    for detector in np.unique(detectors):
        at = np.flatnonzero(detectors == detector)
        runs = np.diff(np.concatenate([[-1], at, [total]])) - 1
        longest = int(np.argmax(runs))
        length = int(runs[longest])
        share = len(at) / total
        if share == 1 or length == 0:
            continue
        chance = len(runs) * np.exp(length * np.log1p(-share))
        if chance >= ALPHA:
            continue
        start = int(at[longest - 1]) if longest else 0
        stop = min(start + length, total - 1)
        others = max(1, total - length - len(at))
        found.append(Absence(int(detector), start, stop, length * len(at) / others))
    return found


def rate_steps(times: Floats, gti: Floats) -> list[Step]:
    """Find jumps of the rate, as a detector makes them and red noise does not.

    The means of the 16 bins before and the 16 bins after a jump differ by 15% and by 8 standard
    deviations. The standard deviation is the observed one, or Poisson's if that is larger. At
    least 70% of the difference arises within 4 bins. Its size is 6 times 1.48 times the median
    difference of the file. Bins contain 50 events or more, and last 1 s or more.

    Arguments:
        times: sorted, in s, (N,).
        gti: good time intervals in s, (G, 2).
    """
    passed = good_times(times, gti)
    exposure = float(np.diff(gti).sum())
    width = max(1.0, 50 * exposure / max(1, len(times)), exposure / 4096)
    bins = int(exposure / width)
    if bins < 2 * STEP_BINS:
        return []
    at_bin = np.minimum(passed / width, bins).astype(np.int64)
    counts = np.bincount(at_bin, minlength=bins)[:bins].astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(counts, STEP_BINS)
    before = windows[:-STEP_BINS]
    after = windows[STEP_BINS:]

    significance = _step_significance(before, after)
    found = []
    while True:
        best = int(np.argmax(significance))
        if not significance[best] > MIN_STEP_SIGMA:
            break
        at = int(np.searchsorted(passed, (best + STEP_BINS) * width))
        time = float(times[min(at, len(times) - 1)])
        found.append(Step(time, before[best].mean() / width, after[best].mean() / width))
        significance[max(0, best - STEP_BINS) : best + STEP_BINS] = 0
    return sorted(found)


def _step_significance(before: Floats, after: Floats) -> Floats:
    """Measure steps in standard deviations, (S,); zero for those that red noise may make.

    Arguments:
        before: counts of the bins before each step, (S, 16).
        after: counts of those after it, (S, 16).
    """
    jump = after.mean(axis=1) - before.mean(axis=1)
    mean = (after.mean(axis=1) + before.mean(axis=1)) / 2
    variance_before = np.maximum(before.var(axis=1, ddof=1), before.mean(axis=1)) / STEP_BINS
    variance_after = np.maximum(after.var(axis=1, ddof=1), after.mean(axis=1)) / STEP_BINS
    scatter = np.sqrt(variance_before + variance_after)
    significance = np.abs(jump) / np.maximum(scatter, 1e-9)

    relative = np.abs(jump) / np.maximum(mean, 1e-9)
    within_four_bins = after[:, :4].mean(axis=1) - before[:, -4:].mean(axis=1)
    is_sharp = within_four_bins * np.sign(jump) > 0.7 * np.abs(jump)
    is_large = relative > MIN_STEP
    is_unusual = relative > 6 * 1.48 * np.median(relative)
    significance[~(is_sharp & is_large & is_unusual)] = 0
    return np.asarray(significance)


def displaced_share(first: Floats, second: Floats) -> tuple[float, float]:
    """Compare when two modules recorded their events: the Kolmogorov-Smirnov test.

    However the source varies, both modules record it at rates of a constant ratio. The two
    distributions of times are then the same, and dead time only brings them closer.

    Arguments:
        first: sorted times in s within good time that both have, (N,).
        second: sorted times in s, (M,).

    Returns:
        the largest difference of the two cumulative shares of events, and its probability.

    Examples:
        >>> even = np.arange(0.0, 100.0, 0.1)
        >>> share, _ = displaced_share(even, even[even < 50])
        >>> round(share, 2)
        0.5
    """
    times = np.concatenate([first, second])
    before = np.searchsorted(first, times, side="right") / len(first)
    other = np.searchsorted(second, times, side="right") / len(second)
    share = float(np.abs(before - other).max())
    effective = len(first) * len(second) / (len(first) + len(second))
    return share, float(kolmogorov(share * np.sqrt(effective)))


def silences(times: Floats, gti: Floats, run: int = 32) -> list[Silence]:
    """Find stretches of good time without an event that the rate around them does not explain.

    A Poisson process of unknown rate that had `run` events in a time T stays silent for longer
    than G with probability (1 + G/T)^-run. T is the longest of three times: that of the run
    before, that of the run after, and the median. So a source that fades is not a silence.

    Arguments:
        times: sorted, in s, (N,).
        gti: good time intervals in s, (G, 2).
        run: number of events.
    """
    times = np.unique(times)  # one of each frame with many events
    passed = good_times(times, gti)
    exposure = float(np.diff(gti).sum())
    if len(passed) <= 2 * run:
        return []
    waits = np.diff(np.concatenate([[0.0], passed, [exposure]]))
    durations = passed[run:] - passed[:-run]
    none = np.zeros(run + 1)
    before = np.concatenate([none, durations])
    after = np.concatenate([durations, none])
    slowest = np.maximum(np.maximum(before, after), np.median(durations))

    log_chance = np.log(len(times)) - run * np.log1p(waits / slowest)
    long = np.flatnonzero(log_chance < np.log(ALPHA))
    starts = np.concatenate([[gti[0, 0]], times])
    expected = run * waits / slowest
    return [Silence(float(starts[i]), float(waits[i]), float(expected[i])) for i in long]
