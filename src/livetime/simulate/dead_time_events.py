"""Draw the recorded events of a detector with dead time, in compiled loops.

The loops draw dead times without a function call, and return when the list is full. Otherwise
numba would count references to arrays at every event, which takes most of the time.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.dead_time import dead_time_distribution
from livetime.simulate.numba_random import exponential, uniform

Floats = NDArray[np.float64]
GUIDES = 4096
"""Entries of the table that says where in a histogram to look for a cumulative probability."""


@njit(nogil=True, cache=True)
def record_directly(  # type: ignore[no-untyped-def] # pragma: no cover
    out, n, k, t, values, dt, scale, offset, low, width, cumulative, guide, bits
):
    """Draw the recorded events of one detector at the incident rate `scale values + offset`.

    After each event comes its dead time, and then an exponential wait in the integrated rate.
    Events are written to `out` from number n on, until it is full. They start at time t, in step
    k. Returns n, k and t.
    """
    bins = len(values)
    single = len(low) == 1
    tau = low[0]
    while n < len(out):
        need = exponential(bits)
        while k < bins:
            room = (scale * values[k] + offset) * ((k + 1) * dt - t)
            if need < room:
                break
            need -= room
            k += 1
            t = k * dt
        if k == bins:
            break
        t += need / (scale * values[k] + offset)
        out[n] = t
        n += 1

        if not single:
            u = uniform(bits)
            j = guide[int(u * len(guide))]
            while u >= cumulative[j + 1]:
                j += 1
            tau = low[j] + width[j] * (u - cumulative[j]) / (cumulative[j + 1] - cumulative[j])
        t += tau
        while k < bins and t >= (k + 1) * dt:
            k += 1
    return n, k, t


@njit(nogil=True, cache=True)
def record_of_all(  # type: ignore[no-untyped-def] # pragma: no cover
    out, n, k, t, values, dt, scale, offset, low, width, cumulative, guide, bits, free, paralyzable
):
    """Draw every incident event, and keep those that several merged detectors record.

    This works like `record_directly`, but each event falls on one of the detectors. It is kept if
    that detector is not blind. `free` (detectors,) is the time at which each detector becomes
    sensitive again.
    """
    single = len(low) == 1
    tau = low[0]
    while n < len(out):
        need = exponential(bits)
        room = (scale * values[k] + offset) * ((k + 1) * dt - t)
        while need >= room:
            need -= room
            k += 1
            t = k * dt
            if k == len(values):
                return n, k, t
            room = (scale * values[k] + offset) * ((k + 1) * dt - t)
        t += need / (scale * values[k] + offset)

        d = int(uniform(bits) * len(free)) if len(free) > 1 else 0
        if t >= free[d]:
            out[n] = t
            n += 1
        elif not paralyzable:
            continue

        if not single:
            u = uniform(bits)
            j = guide[int(u * len(guide))]
            while u >= cumulative[j + 1]:
                j += 1
            tau = low[j] + width[j] * (u - cumulative[j]) / (cumulative[j + 1] - cumulative[j])
        free[d] = max(free[d], t + tau)
    return n, k, t


def draw_all(
    kernel: Callable[..., tuple[int, int, float]], expected: float, *arguments: Any
) -> Floats:
    """Draw all events of a kernel.

    Arguments:
        kernel: `record_directly` or `record_of_all`.
        expected: number of events that are expected at the most.
        arguments: of the kernel, after the first four.

    Returns: sorted times in s, shape (N,).
    """
    out = np.empty(int(expected + 8 * np.sqrt(expected) + 16))
    n, k, t = kernel(out, 0, 0, 0.0, *arguments)
    while n == len(out):
        out = np.concatenate([out, np.empty_like(out)])
        n, k, t = kernel(out, n, k, t, *arguments)
    return out[:n]


@njit(nogil=True, cache=True)
def _keep(times, dead_time, paralyzable):  # type: ignore[no-untyped-def] # pragma: no cover
    keep = np.zeros(len(times), dtype=np.bool_)
    free = -np.inf
    for i in range(len(times)):
        if times[i] >= free:
            keep[i] = True
            free = times[i] + dead_time[i]
        elif paralyzable:
            free = max(free, times[i] + dead_time[i])
    return keep


def filter_dead_time(
    times: Floats, dead_time: ArrayLike, paralyzable: bool = False
) -> NDArray[np.bool_]:
    """Choose which of a list of incident events are recorded.

    Arguments:
        times: sorted incident times in s, shape (N,).
        dead_time: in s, a number or one for each event (N,).
        paralyzable: whether events that are lost cost dead time too, see `dead_time`.

    Returns: boolean mask (N,).

    Examples:
        >>> filter_dead_time(np.array([0.0, 1.0, 2.0]), 1.5).tolist()
        [True, False, True]
        >>> filter_dead_time(np.array([0.0, 1.0, 2.0]), 1.5, paralyzable=True).tolist()
        [True, False, False]
    """
    tau = np.broadcast_to(np.asarray(dead_time, dtype=np.float64), times.shape)
    keep: NDArray[np.bool_] = _keep(np.asarray(times, dtype=np.float64), tau, paralyzable)
    return keep


@lru_cache(maxsize=1024)
def dead_time_tables(dead_time: float | Literal["nustar"], scatter: float) -> tuple[Any, ...]:
    """Tabulate a dead-time histogram for the kernels.

    Arguments:
        dead_time: in s, or `nustar` for the empirical histogram.
        scatter: standard deviation in s.

    Returns: lower edges, widths, cumulative probabilities, and an index that speeds up the search
        in them.
    """
    tau = dead_time_distribution(dead_time, scatter)
    cumulative = np.concatenate([[0.0], np.cumsum(tau.probability)])
    cumulative[-1] = 1.0

    guide = np.zeros(1, dtype=np.int64)
    if len(tau.low) > 1:
        places = np.arange(GUIDES) / GUIDES
        guide = np.searchsorted(cumulative, places, side="right") - 1
    return tau.low, tau.high - tau.low, cumulative, guide
