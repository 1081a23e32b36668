"""Test the clock of event times; the false-alarm probability of a file is below ALPHA."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.special import pdtrc

from livetime.files.rate_tests import ALPHA

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MIN_GAPS = 20
"""Differences of times that a grid needs."""

BURST_RUN = 256
"""Events over which the highest rate of a file is measured."""

LINE_BINS = 128
"""Bins of a periodogram over which its noise is measured."""

MAX_LINE_BINS = 2**23
MIN_LINE_DT = 1 / 2048
MIN_LINE_POWER = 40.0
"""Bins of a periodogram, their shortest width in s, and the power of a line over its noise."""


class Line(NamedTuple):
    """A coherent signal.

    Arguments:
        frequency: in Hz.
        power: in units of the noise around it.
        resolution: of the periodogram in Hz.

    Examples:
        >>> Line(6.6, 300.0, 1e-3).power
        300.0
    """

    frequency: float
    power: float
    resolution: float


# Time steps.


def time_step(times: Floats, precision: float, declared: float | None = None) -> float | None:
    """Find the step in s of the grid on which event times lie; None without a grid.

    A grid that barycentring stretches is still found.

    Arguments:
        times: sorted, in s, (N,).
        precision: smallest difference in s that the file can store.
        declared: time step in s of the header; other steps are tried where events do not fit it.
    """
    gaps = np.diff(times)
    gaps = gaps[gaps > 8 * precision]
    if len(gaps) < MIN_GAPS:
        return None
    if declared and declared > 8 * precision:
        found = _grid(gaps, declared, 500)
        if found is not None:
            return found

    # Neighbouring steps may all be empty, so that the shortest difference is several.
    shortest = float(np.quantile(gaps, min(1.0, 5 / len(gaps)), method="lower"))
    for parts in range(1, 6):
        found = _grid(gaps, shortest / parts, 20)
        if found is not None:
            return found
    return None


def _grid(gaps: Floats, step: float, reach: int) -> float | None:
    """Find the step near the one given that divides the gaps d below `reach` steps, or None.

    |d/step - round(d/step)| < 0.1 for 95% of at least 20 of them; uniform gaps do so with a
    probability below 1e-11.
    """
    near = gaps[gaps < (reach + 0.5) * step]
    whole = np.round(near / step)
    if len(near) < MIN_GAPS or whole.min() < 1:
        return None
    fitted = float((near * whole).sum() / (whole**2).sum())
    remainder = np.abs(near / fitted - np.round(near / fitted))
    return fitted if (remainder < 0.1).mean() > 0.95 else None


# Events close together.


def close_pairs(times: Floats, detectors: Integers | None, gap: float) -> int:
    """Count the events that follow another of the same detector within `gap` s.

    Arguments:
        times: sorted, in s, (N,).
        detectors: number of each event's detector, (N,); None for a single one.
        gap: in s.

    Examples:
        >>> close_pairs(np.array([0.0, 0.1, 0.15]), np.array([1, 2, 1]), 0.2)
        1
    """
    if detectors is None:
        return int((np.diff(times) < gap).sum())
    order = np.lexsort((times, detectors))
    same = np.diff(detectors[order]) == 0
    close = np.diff(times[order]) < gap
    return int((same & close).sum())


def bursts(times: Floats, window: float) -> list[tuple[float, int]]:
    """Find groups of events within `window` s that Poisson noise does not make.

    In a file of N events, k events in a window are a burst if N P(>= k - 1 | rate window) < ALPHA.
    The rate is the highest of the file.

    Arguments:
        times: sorted, in s, (N,).
        window: in s.

    Returns:
        start in s and number of events of each.
    """
    total = len(times)
    run = min(BURST_RUN, total // 4)
    if run < 8:
        return []
    durations = times[run:] - times[:-run]
    rate = run / max(float(np.quantile(durations, 0.01)), window)
    size = 3
    while total * pdtrc(size - 2, rate * window) > ALPHA:
        size += 1
    if size > total:
        return []

    spans = times[size - 1 :] - times[: total - size + 1]
    first = np.flatnonzero(spans <= window)
    if len(first) == 0:
        return []
    apart = np.flatnonzero(np.diff(first) >= size) + 1
    groups = np.split(first, apart)
    return [(float(times[group[0]]), int(group[-1] + size - group[0])) for group in groups]


# Coherent signals.


def lines(times: Floats, gti: Floats, step: float | None = None) -> list[Line]:
    """Find coherent signals, strongest first: single bins that stand out of a periodogram.

    The noise is the median of 128 bins around, the highest of three blocks. Noise that is smooth
    over 128 bins, also a QPO, exceeds 40 times that level with a probability below 1e-11 a bin.
    Time bins are 1/2048 s wide, or wider where more than 2^23 would be needed. They are multiples
    of the time step, which then makes no lines.

    Arguments:
        times: sorted, in s, (N,).
        gti: good time intervals in s, (G, 2); the longest is used.
        step: time step in s; None for none.
    """
    start, stop = gti[np.argmax(np.diff(gti).ravel())]
    dt = max(MIN_LINE_DT, (stop - start) / MAX_LINE_BINS)
    if step:
        dt = step * max(1, round(dt / step))
    bins = fft.prev_fast_len(max(1, int((stop - start) / dt)), real=True)
    duration = bins * dt
    passed = times[(times >= start) & (times < start + duration)] - start
    blocks = (bins // 2) // LINE_BINS
    if len(passed) < 200 or blocks < 4:
        return []

    at_bin = np.minimum(passed / dt, bins - 1).astype(np.int64)
    counts = np.bincount(at_bin, minlength=bins).astype(np.float32)
    ratio = _power_over_noise(counts, blocks)
    strong = np.flatnonzero(ratio > MIN_LINE_POWER)
    found: list[Line] = []
    for at in sorted(strong, key=lambda at: -ratio[at]):
        distances = [abs(line.frequency * duration - at - 1) for line in found]
        if all(distance > LINE_BINS for distance in distances):
            frequency = float((at + 1) / duration)
            found.append(Line(frequency, float(ratio[at]), 1 / duration))
    return found


def _power_over_noise(counts: NDArray[np.float32], blocks: int) -> NDArray[np.floating]:
    """Divide the powers of `blocks` blocks of bins by the noise around them."""
    amplitude = fft.rfft(counts)[1 : 1 + LINE_BINS * blocks]
    power = np.abs(amplitude).reshape(blocks, LINE_BINS) ** 2
    median = np.pad(np.median(power, axis=1), 1, mode="edge")
    highest = np.maximum(np.maximum(median[:-2], median[1:-1]), median[2:])
    noise = highest / np.log(2)
    ratio = (power / np.maximum(noise, 1e-30)[:, None]).ravel()
    ratio[: 2 * LINE_BINS] = 0  # red noise is not smooth over its lowest bins
    return np.asarray(ratio)
