"""What sorted event times tell of the detector that recorded them: tests whose false alarms are rarer than ALPHA a file."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.special import pdtrc

Floats = NDArray[np.float64]
ALPHA = 1e-5


class Absence(NamedTuple):
    """A detector without an event from `start` to `stop`, indices of other detectors' events; `expected` events of it are missing."""

    detector: int
    start: int
    stop: int
    expected: float


class Step(NamedTuple):
    """The rate in counts/s before and after a time in s."""

    time: float
    before: float
    after: float


class Silence(NamedTuple):
    """A stretch of good time without an event, in s, and how many were expected at the rate around it."""

    start: float
    length: float
    expected: float


class Line(NamedTuple):
    """A line at a frequency in Hz, its power in units of the noise around it, and the resolution of the periodogram in Hz."""

    frequency: float
    power: float
    resolution: float


def good_times(times: Floats, gti: Floats) -> Floats:
    """Good time that has passed at each event, in s: gaps between the intervals are taken out."""
    before = np.concatenate([[0.0], np.cumsum(np.diff(gti).ravel())])
    at = np.clip(np.searchsorted(gti[:, 0], times, side="right") - 1, 0, None)
    passed: Floats = before[at] + times - gti[at, 0]
    return passed


def time_step(times: Floats, precision: float, declared: float | None = None) -> float | None:
    """The grid in s on which event times lie, found from their differences (a grid stretched by barycentring is still one); None for none.

    Arguments:
        times: sorted, in s.
        precision: smallest difference that the file can hold, in s.
        declared: what the file says; other grids are looked for where its events do not lie on that one.
    """
    gaps = np.diff(times)
    gaps = gaps[gaps > 8 * precision]
    if len(gaps) < 20:
        return None
    if declared and declared > 8 * precision and (found := _grid(gaps, declared, 500)):
        return found
    shortest = float(np.quantile(gaps, min(1.0, 5 / len(gaps)), method="lower"))
    # Neighbouring steps may all be empty, so that the shortest difference is several.
    return next(
        (found for parts in range(1, 6) if (found := _grid(gaps, shortest / parts, 20))), None
    )


def _grid(gaps: Floats, step: float, reach: int) -> float | None:
    """The step near the one given of which gaps d below `reach` steps are multiples.

    |d/step - round(d/step)| < .1 for 95% of at least 20 of them, which uniform ones are with a probability below 1e-11.
    """
    near = gaps[gaps < (reach + 0.5) * step]
    whole = np.round(near / step)
    if len(near) < 20 or whole.min() < 1:
        return None
    fitted = float((near * whole).sum() / (whole**2).sum())
    return fitted if (np.abs(near / fitted - np.round(near / fitted)) < 0.1).mean() > 0.95 else None


def close_pairs(times: Floats, detectors: NDArray[np.int64] | None, gap: float) -> int:
    """Number of events that follow another of the same detector within `gap` s."""
    if detectors is None:
        return int((np.diff(times) < gap).sum())
    order = np.lexsort((times, detectors))
    same = np.diff(detectors[order]) == 0
    return int((same & (np.diff(times[order]) < gap)).sum())


def bursts(times: Floats, window: float) -> list[tuple[float, int]]:
    """Start and number of events of each group within `window` s that Poisson noise at the file's highest rate does not make.

    k events in a window are one where N P(at least k - 1 more | rate window) < ALPHA.
    """
    n, span = len(times), min(256, len(times) // 4)
    if span < 8:
        return []
    lengths = times[span:] - times[:-span]
    rate = span / max(float(np.quantile(lengths, 0.01)), window)
    k = 3
    while n * pdtrc(k - 2, rate * window) > ALPHA:
        k += 1
    if k > n:
        return []
    first = np.flatnonzero(times[k - 1 :] - times[: n - k + 1] <= window)
    groups = np.split(first, np.flatnonzero(np.diff(first) >= k) + 1) if len(first) else []
    return [(float(times[g[0]]), int(g[-1] + k - g[0])) for g in groups]


def absences(detectors: NDArray[np.int64]) -> list[Absence]:
    """The longest absence of each detector, where chance does not explain it: however the source varies, a detector with a share p of the
    events stays out of k successive ones with probability (1 - p)^k.

    Arguments:
        detectors: number of the detector of each event, in the order of time, (N,).
    """
    found, total = [], len(detectors)
    for detector in np.unique(detectors):
        at = np.flatnonzero(detectors == detector)
        runs = np.diff(np.concatenate([[-1], at, [total]])) - 1
        longest = int(np.argmax(runs))
        k, share = int(runs[longest]), len(at) / total
        if share < 1 and k and len(runs) * np.exp(k * np.log1p(-share)) < ALPHA:
            start = int(at[longest - 1]) if longest else 0
            others = max(1, total - k - len(at))
            found.append(
                Absence(int(detector), start, min(start + k, total - 1), k * len(at) / others)
            )
    return found


def rate_steps(times: Floats, gti: Floats) -> list[Step]:
    """Times at which the rate jumps, as a detector makes it and red noise does not.

    Between the 16 bins before and after, the mean differs by 15% and by 8 standard deviations (observed, at least Poisson), 70% of it
    within 4 bins, and the relative difference is 6 times what is usual in the file (1.48 times the median modulus). Bins hold 50 events or
    more, and last 1 s or more.
    """
    passed, exposure = good_times(times, gti), float(np.diff(gti).sum())
    width = max(1.0, 50 * exposure / max(1, len(times)), exposure / 4096)
    bins, half = int(exposure / width), 16
    if bins < 2 * half:
        return []
    counts = np.bincount(np.minimum(passed / width, bins).astype(np.int64), minlength=bins)[
        :bins
    ].astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(counts, half)
    left, right = windows[:-half], windows[half:]
    jump, mean = (
        right.mean(axis=1) - left.mean(axis=1),
        (right.mean(axis=1) + left.mean(axis=1)) / 2,
    )
    variance = [
        np.maximum(side.var(axis=1, ddof=1), side.mean(axis=1)) / half for side in (left, right)
    ]
    z = np.abs(jump) / np.maximum(np.sqrt(variance[0] + variance[1]), 1e-9)
    relative = np.abs(jump) / np.maximum(mean, 1e-9)
    sharp = (right[:, :4].mean(axis=1) - left[:, -4:].mean(axis=1)) * np.sign(jump) > 0.7 * np.abs(
        jump
    )
    z[~(sharp & (relative > 0.15) & (relative > 6 * 1.48 * np.median(relative)))] = 0
    found = []
    while z[best := int(np.argmax(z))] > 8:
        at = int(np.searchsorted(passed, (best + half) * width))
        found.append(
            Step(
                float(times[min(at, len(times) - 1)]),
                left[best].mean() / width,
                right[best].mean() / width,
            )
        )
        z[max(0, best - half) : best + half] = 0
    return sorted(found)


def silences(times: Floats, gti: Floats, run: int = 32) -> list[Silence]:
    """Stretches of good time without an event that do not follow from the rate around them.

    After `run` events in a time T, the next ones of a Poisson process stay out for longer than G with probability (1 + G/T)^-run, if its
    rate is not known better; of the runs before and after a stretch and the median of all, the slowest is taken: a source that fades is
    no silence.
    """
    times = np.unique(times)  # of a frame with many events, one
    passed, exposure = good_times(times, gti), float(np.diff(gti).sum())
    if len(passed) <= 2 * run:
        return []
    waits, spans, none = (
        np.diff(np.concatenate([[0.0], passed, [exposure]])),
        passed[run:] - passed[:-run],
        np.zeros(run + 1),
    )
    slower = np.maximum(
        np.maximum(np.concatenate([none, spans]), np.concatenate([spans, none])), np.median(spans)
    )
    long = np.flatnonzero(np.log(len(times)) - run * np.log1p(waits / slower) < np.log(ALPHA))
    starts = np.concatenate([[gti[0, 0]], times])
    return [
        Silence(float(starts[i]), float(waits[i]), float(run * waits[i] / slower[i])) for i in long
    ]


def lines(times: Floats, gti: Floats, step: float | None = None) -> list[Line]:
    """Coherent signals, highest first: single bins of the longest interval's periodogram that stand out of those around them.

    Power above 40 times the mean, which is told from the median of 128 bins around (the highest of three blocks), has a probability below
    1e-11 a bin for noise of any shape that is smooth over as many bins, so also for a QPO. Bins are of 1/2048 s, longer where more than
    2^23 would be needed, and multiples of a time step, which then makes no lines of its own.
    """
    start, stop = gti[np.argmax(np.diff(gti).ravel())]
    dt = max(1 / 2048, (stop - start) / 2**23)
    if step:
        dt = step * max(1, round(dt / step))
    n = fft.prev_fast_len(max(1, int((stop - start) / dt)), real=True)
    passed = times[(times >= start) & (times < start + n * dt)] - start
    blocks = (n // 2) // 128
    if len(passed) < 200 or blocks < 4:
        return []
    counts = np.bincount(np.minimum(passed / dt, n - 1).astype(np.int64), minlength=n).astype(
        np.float32
    )
    power = np.abs(fft.rfft(counts)[1 : 1 + 128 * blocks]).reshape(blocks, 128) ** 2
    median = np.pad(np.median(power, axis=1), 1, mode="edge")
    noise = np.maximum(np.maximum(median[:-2], median[1:-1]), median[2:]) / np.log(2)
    ratio = (power / np.maximum(noise, 1e-30)[:, None]).ravel()
    ratio[:256] = 0  # red noise is not smooth over its lowest bins
    found: list[Line] = []
    for at in sorted(np.flatnonzero(ratio > 40), key=lambda at: -ratio[at]):
        if all(abs(line.frequency * n * dt - at - 1) > 128 for line in found):
            found.append(Line(float((at + 1) / (n * dt)), float(ratio[at]), 1 / (n * dt)))
    return found
