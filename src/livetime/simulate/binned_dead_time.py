"""Counts per bin of a non-paralyzable detector, exactly, without the times of its events: for bright detectors that are seldom blind."""

from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from livetime.simulate.light_curve import Rate
from livetime.simulate.numba_random import poisson, uniform

if TYPE_CHECKING:
    from livetime.simulate.dead_time_detector import DeadTime

MIN_EVENTS_PER_BIN = 0.4
"""Incident events of a detector in a bin,"""
MAX_EVENTS_PER_DEAD_TIME = 0.5
"""and in a dead time, between which counting was measured to be faster than drawing events: of one detector 1.8 times at 300 counts/s,
4 times at 1000 and 8 times at 3000."""


@njit(nogil=True, cache=True)
def _still_blind(length, n, tau, share, bits, tail):  # type: ignore[no-untyped-def] # pragma: no cover
    """Of n events in the live time `length`, how many are lost beyond its end, and for how long the detector is blind after it.

    Only what lies in the last n tau of it can be: a binomial number of the n, of which `share` is the probability, at uniform places.
    """
    m, u = 0, uniform(bits)
    if share >= 1:
        m = n
    elif u >= 1 - n * share:  # else none: (1 - share)^n >= 1 - n share
        p = (1 - share) ** n
        total = p
        while u >= total and m < n:
            m += 1
            p *= share / (1 - share) * (n - m + 1) / m
            total += p
    if m == 0:
        return 0, 0.0
    if m > len(tail):
        tail = np.empty(m)
    for j in range(m):  # sorted as they come
        place, i = length * (1 - share * uniform(bits)), j
        while i > 0 and tail[i - 1] > place:
            tail[i] = tail[i - 1]
            i -= 1
        tail[i] = place
    lost, last = m, -np.inf
    for j in range(m):
        at = tail[j] + (n - m + j) * tau
        if at >= length:
            break
        lost, last = lost - 1, at
    return lost, max(0.0, last + tau - length)


@njit(nogil=True, cache=True)
def _count(values, repeat, dt, scale, offset, tau, rng, counts):  # type: ignore[no-untyped-def] # pragma: no cover
    """Adds the recorded events of one detector that sees `scale values + offset` to counts in bins of dt, `repeat` of them a value."""
    bits = rng.bit_generator
    blind, tail = 0.0, np.empty(64)
    for k in range(len(counts)):
        if blind >= dt:
            blind -= dt
            continue
        length = dt - blind
        n = poisson(bits, (scale * values[k // repeat] + offset) * length)
        lost, blind = 0, 0.0
        if n > 0 and tau > 0:
            lost, blind = _still_blind(length, n, tau, min(1.0, n * tau / length), bits, tail)
        counts[k] += n - lost


def draw_counts(
    detector: "DeadTime", rate: Rate, dt: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], ...]:
    """Recorded and counted events of each module in bins of dt, (N,): of the same distribution as those that `DeadTime.record` draws.

    In live time, from which the dead times are taken out, the recorded events of a detector are a Poisson process. With n of them in a bin
    of live time L, the i-th (from 0) comes at its own place u_i plus i tau, so that only those in the last n tau can fall out of the bin,
    and only the last one's dead time reaches into the next. All else is one Poisson number a bin.

    Arguments:
        detector: without covariates, not paralyzable, of constant dead time and without frames.
        rate: on steps that are a multiple of dt.
        rng: the only source of randomness.

    Raises: ValueError for another detector, or other steps.
    """
    if not applies(detector, rate, dt):
        raise ValueError(
            "counts are drawn for non-paralyzable detectors of constant dead time without frames, in bins that divide the rate's steps"
        )
    n, repeat, tau = round(rate.duration / dt), round(rate.dt / dt), detector.mean_dead_time
    detectors, share, background = (
        detector.detectors or 1,
        detector.kept_fraction or 1.0,
        detector.background or 0.0,
    )
    out = []
    for area in (1.0, detector.area)[: detector.modules]:
        found = np.zeros(n, dtype=np.int64)
        if tau == 0:
            found += rng.poisson(
                (area * rate.values.astype(np.float64) + background).repeat(repeat) * dt
            )
        for _ in range(detectors if tau > 0 else 0):
            _count(
                rate.values, repeat, dt, area / detectors, background / detectors, tau, rng, found
            )
        out.append((found if share == 1 else rng.binomial(found, share)).astype(np.float32))
    return tuple(out)


def applies(detector: "DeadTime", rate: Rate, dt: float) -> bool:
    """Whether `draw_counts` can be drawn."""
    whole = abs(rate.dt / dt - round(rate.dt / dt)) < 1e-9 and rate.dt > dt / 2
    return whole and not (
        detector.covariates
        or detector.paralyzable
        or detector.frame_time
        or len(detector.distribution.low) > 1
    )


def is_faster(detector: "DeadTime", rate: Rate, dt: float, mean: float) -> bool:
    """Whether that is faster than `DeadTime.record`, at a mean incident rate of the source in counts/s."""
    each = (mean + (detector.background or 0.0)) / (detector.detectors or 1)
    return (
        applies(detector, rate, dt)
        and each * dt >= MIN_EVENTS_PER_BIN
        and each * detector.mean_dead_time <= MAX_EVENTS_PER_DEAD_TIME
    )
