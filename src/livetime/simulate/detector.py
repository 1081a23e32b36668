"""Detectors: an incident rate becomes recorded events."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.dead_time import (
    DeadTimeDistribution,
    dead_time_distribution,
    modulation_response,
    white_noise,
)
from livetime.simulate.light_curve import Rate
from livetime.simulate.numba_random import exponential, uniform

Floats = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True)
class Events:
    """What an instrument writes to disk.

    Arguments:
        times: per module, the sorted times of its recorded events in s.
        gti: good time intervals (G, 2) in s, sorted, common to all modules.
        hard: per module, which events are of the harder of two energy bands; None where energies are not known.
    """

    times: tuple[Floats, ...]
    gti: Floats
    hard: tuple[NDArray[np.bool_], ...] | None = None


# The loops below draw dead times in place, and leave a list that is full to their caller: in a call with arrays, and for an array that
# may be replaced, numba counts references at every event, which costs more than all else.


@njit(nogil=True, cache=True)
def _record(out, n, k, t, values, dt, scale, offset, low, width, cumulative, guide, bits):  # type: ignore[no-untyped-def] # pragma: no cover
    """Recorded events of one detector that sees `scale values + offset`, drawn directly: after each, tau and then an exponential wait in
    the integrated rate. They go to `out` from number n on, until it is full, from time t in step k on; returns n, k and t."""
    bins, single, tau = len(values), len(low) == 1, low[0]
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
def _sift(
    out, n, k, t, values, dt, scale, offset, low, width, cumulative, guide, bits, free, paralyzable
):  # type: ignore[no-untyped-def] # pragma: no cover
    """As `_record`, of several detectors, merged: every incident event is drawn, falls on one of them, and is kept if that one is not
    blind. `free` is from when on each is not, (detectors,)."""
    bins, single, tau = len(values), len(low) == 1, low[0]
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


def _drawn(kernel: Callable[..., tuple[int, int, float]], expected: float, *args: Any) -> Floats:
    """All events of a kernel, of which so many are expected."""
    out, n, k, t = np.empty(int(expected + 8 * np.sqrt(expected) + 16)), 0, 0, 0.0
    while True:
        n, k, t = kernel(out, n, k, t, *args)
        if n < len(out):
            return out[:n]
        out = np.concatenate([out, np.empty_like(out)])


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
    """Which of a list of incident events are recorded.

    Arguments:
        times: sorted incident times in s, shape (N,).
        dead_time: s, a number or one for each event (N,).
        paralyzable: see the module.

    Returns: boolean mask (N,).

    >>> filter_dead_time(np.array([0.0, 1.0, 2.0]), 1.5).tolist()
    [True, False, True]
    >>> filter_dead_time(np.array([0.0, 1.0, 2.0]), 1.5, paralyzable=True).tolist()
    [True, False, False]
    """
    tau = np.broadcast_to(np.asarray(dead_time, dtype=np.float64), times.shape)
    keep: NDArray[np.bool_] = _keep(np.asarray(times, dtype=np.float64), tau, paralyzable)
    return keep


@lru_cache(maxsize=1024)
def _tables(dead_time: float | Literal["nustar"], scatter: float) -> tuple[Any, ...]:
    """What dead times are drawn from: edges, widths and cumulative probabilities of a histogram, and where in it to look for a number."""
    tau = dead_time_distribution(dead_time, scatter)
    cumulative = np.concatenate([[0.0], np.cumsum(tau.probability)])
    cumulative[-1] = 1.0
    guide = (
        np.searchsorted(cumulative, np.arange(4096) / 4096, side="right") - 1
        if len(tau.low) > 1
        else np.zeros(1, dtype=np.int64)
    )
    return tau.low, tau.high - tau.low, cumulative, guide


COVARIATES = {
    "dead_time": "dead_time",
    "detectors": "detectors",
    "background": "background_share",
    "counted": "counted",
}
"""Options of `DeadTime` that may differ from observation to observation, and the covariate that an option of null becomes."""


def _known(value: T | None) -> T:
    if value is None:
        raise ValueError(
            "an option of the detector is a covariate; take the detector that DeadTime.at gives for an observation"
        )
    return value


@dataclass(frozen=True)
class DeadTime:
    """One or two modules that see the same source, blind for a while after each event.

    What is known of an observation rather than of the instrument is a covariate: where `dead_time`, `detectors`, `background` or
    `counted` is None, it is one of `parameters`, and `at` gives the detector of an observation. That of the background is its share of
    the incident events, `background_share`: with b counts/s of it beside a mean rate r, `b = share/(1 - share) r`.

    Arguments:
        modules: 1 or 2, with independent photon noise and dead time.
        dead_time: per event, in s; or `nustar` for the empirical histogram.
        scatter: standard deviation of a Gaussian dead time, as a fraction of `dead_time`.
        paralyzable: events that are not recorded cost dead time too, see `dead_time`.
        detectors: number of equal and independent ones that are merged into each module's list and share its rate (PCUs, FPMs).
        background: incident counts/s per module that do not vary, recorded and counted like the source's.
        counted: share of the recorded events that are left after screening (in the energy band, good grades); all cost dead time.
        area: effective area of the second module over that of the first; `rate` is the first one's.
        frame_time: of the readout in s: an event's time is the middle of its frame; 0 for none.

    Raises: ValueError for other numbers.
    """

    modules: Literal[1, 2] = 2
    dead_time: float | Literal["nustar"] | None = "nustar"
    scatter: float = 0.0
    paralyzable: bool = False
    detectors: int | None = 1
    background: float | None = 0.0
    counted: float | None = 1.0
    area: float = 1.0
    frame_time: float = 0.0

    def __post_init__(self) -> None:
        if self.modules not in (1, 2):
            raise ValueError(f"modules is {self.modules}, but must be 1 or 2")
        if isinstance(self.dead_time, str):
            if self.dead_time != "nustar":
                raise ValueError(
                    f"dead_time is {self.dead_time!r}, but must be seconds or the word nustar"
                )
            if self.scatter:
                raise ValueError(
                    f"scatter is {self.scatter}, but the empirical dead time has its own; take it out, or give dead_time in s"
                )
        elif self.dead_time is not None and not 0 <= self.dead_time < 1:
            raise ValueError(f"dead_time is {self.dead_time}, but must be seconds between 0 and 1")
        bounds = {
            "scatter": (0, 1),
            "detectors": (1, 1000),
            "background": (0, 1e9),
            "area": (0.01, 100),
            "frame_time": (0, 10),
        }
        for name, (low, high) in bounds.items():
            if (value := getattr(self, name)) is not None and not low <= value <= high:
                raise ValueError(f"{name} is {value}, but must be from {low:g} to {high:g}")
        if self.counted is not None and not 0 < self.counted <= 1:
            raise ValueError(f"counted is {self.counted}, but must be a share above 0, at most 1")
        if self.area != 1 and self.modules == 1:
            raise ValueError(
                f"area is {self.area}, but a single module has no second one to compare it with; take it out"
            )

    @property
    def parameters(self) -> tuple[str, ...]:
        """Covariates: what is None."""
        return tuple(name for option, name in COVARIATES.items() if getattr(self, option) is None)

    def at(self, params: Mapping[str, float]) -> "DeadTime":
        """The detector of one observation; params: `parameters` and, for the background, `rate`.

        >>> DeadTime(1, None).at({"dead_time": 1e-3}).dead_time
        0.001
        """
        if not self.parameters:
            return self
        given: dict[str, Any] = {
            name: params[name] for name in self.parameters if name != "background_share"
        }
        if "detectors" in given:
            given["detectors"] = round(given["detectors"])
        if self.background is None:
            share = params["background_share"]
            if not 0 <= share < 1:
                raise ValueError(
                    f"background_share is {share}, but must be a share from 0 to below 1"
                )
            given["background"] = share / (1 - share) * params["rate"]
        return replace(self, **given)

    @property
    def distribution(self) -> DeadTimeDistribution:
        return dead_time_distribution(_known(self.dead_time), self._scatter)

    @property
    def _scatter(self) -> float:
        """In s."""
        return 0.0 if isinstance(self.dead_time, str) else self.scatter * _known(self.dead_time)

    @property
    def mean_dead_time(self) -> float:
        return self.distribution.mean

    @property
    def renewal(self) -> bool:
        """Whether each module's list is that of one non-paralyzable detector that sees the source alone and is read out event by event."""
        return not self.parameters and self == DeadTime(self.modules, self.dead_time, self.scatter)

    def record(self, rate: Rate, rng: np.random.Generator) -> Events:
        """The recorded events; per detector a mean rate of r/(1 + r tau), paralyzable r exp(-r tau), at a rate of r.

        A rate of NaN gives an event time of NaN.
        """
        times = tuple(self._module(rate, self.area if m else 1.0, rng) for m in range(self.modules))
        return Events(times, np.array([[0.0, rate.duration]]))

    def _module(self, rate: Rate, area: float, rng: np.random.Generator) -> Floats:
        background, detectors, tables = (
            _known(self.background),
            _known(self.detectors),
            _tables(_known(self.dead_time), self._scatter),
        )
        expected = (
            area * float(rate.values.sum(dtype=np.float64)) * rate.dt + background * rate.duration
        )
        args = (rate.values, rate.dt, area, background, *tables, rng.bit_generator)
        if not np.isfinite(expected):
            return np.full(1, np.nan)
        if detectors == 1 and not self.paralyzable:
            shortest = float(tables[0][0])
            times = _drawn(
                _record, min(expected, rate.duration / shortest) if shortest else expected, *args
            )
        else:
            times = _drawn(_sift, expected, *args, np.zeros(detectors), self.paralyzable)
        return self._read_out(times, rate.duration, rng)

    def _read_out(self, times: Floats, end: float, rng: np.random.Generator) -> Floats:
        """What screening and frames leave of the recorded events."""
        if (counted := _known(self.counted)) < 1:
            times = times[(rng.random(len(times)) < counted) | np.isnan(times)]
        if self.frame_time:
            times = (np.floor(times / self.frame_time) + 0.5) * self.frame_time
            times = times[~(times >= end)]  # of a last frame that is not complete; NaN stays
        return times

    def sift(self, incident: Floats, gti: Floats, rng: np.random.Generator) -> Floats:
        """The events of a module that are recorded, of a list of incident ones of the source.

        Arguments:
            incident: sorted times in s, (N,), within good time intervals (G, 2) in s: background falls into these.
        """
        lengths = np.diff(gti)[:, 0]
        of = np.repeat(np.arange(len(gti)), rng.poisson(_known(self.background) * lengths))
        times = np.sort(np.concatenate([incident, gti[of, 0] + lengths[of] * rng.random(len(of))]))
        tau, place = (
            self.distribution.draw(len(times), rng),
            rng.integers(_known(self.detectors), size=len(times)),
        )
        keep = np.zeros(len(times), dtype=np.bool_)
        for detector in range(_known(self.detectors)):
            own = np.flatnonzero(place == detector)
            keep[own] = filter_dead_time(times[own], tau[own], self.paralyzable)
        return self._read_out(times[keep], float(gti[-1, 1]), rng)

    # What the exact laws of dead time say of a module's list of counted events, but for the frames of a readout.

    def recorded(self, rate: ArrayLike) -> Floats:
        """Counts/s that a module records and counts of a constant source, at incident counts/s (...)."""
        each = self._each(rate)
        blind = each * self.mean_dead_time
        return np.asarray(
            _known(self.counted)
            * _known(self.detectors)
            * each
            * (np.exp(-blind) if self.paralyzable else 1 / (1 + blind))
        )

    def live_fraction(self, recorded: ArrayLike) -> Floats:
        """Share of the time that is not within a dead time of a recorded event, where a module counts (...) counts/s."""
        each = np.asarray(recorded, dtype=np.float64) / (
            _known(self.counted) * _known(self.detectors)
        )
        return np.asarray(1 - each * self.mean_dead_time)

    def incident(self, recorded: ArrayLike) -> Floats:
        """The inverse of `recorded`, where that is one: non-paralyzable. Not positive where the background alone gives as many counts/s."""
        recorded = np.asarray(recorded, dtype=np.float64)
        return np.asarray(
            recorded / (_known(self.counted) * self.live_fraction(recorded))
            - _known(self.background)
        )

    def source_share(self, rate: ArrayLike) -> Floats:
        """Share of the events that are the source's, at incident counts/s (...)."""
        rate = np.asarray(rate, dtype=np.float64)
        return np.asarray(
            rate / np.maximum(rate + _known(self.background), np.finfo(np.float64).tiny)
        )

    def white_noise(self, f: ArrayLike, rate: ArrayLike, dt: float | None = None) -> Floats:
        """Leahy power of a constant source: independent detectors keep the level of one, and screening moves it towards 2 in proportion.

        Arguments and shape as of `dead_time.white_noise`.
        """
        level = white_noise(
            f, self._each(rate), self.distribution, dt, paralyzable=self.paralyzable
        )
        return 2 + _known(self.counted) * (level - 2)

    def response(self, f: ArrayLike, rate: ArrayLike) -> NDArray[np.complex128]:
        """Fractional amplitude with which a weak modulation of the source comes through, diluted by the background.

        Arguments and shape as of `dead_time.modulation_response`.
        """
        response = modulation_response(f, self._each(rate), self.distribution, self.paralyzable)
        return np.asarray(self.source_share(rate)[..., None] * response)

    def _each(self, rate: ArrayLike) -> Floats:
        """Incident counts/s of one of the detectors."""
        return np.asarray(
            (np.asarray(rate, dtype=np.float64) + _known(self.background)) / _known(self.detectors)
        )


@dataclass(frozen=True)
class Whittle:
    """No events, but periodograms drawn from the distribution that Whittle's likelihood takes them to have.

    A power averaged over M segments and W Fourier frequencies is `P Gamma(M W)/(M W)` about its expectation
    `P = noise + rate S(f)`, S the source's power in (fractional rms)^2/Hz at the mean frequency of the bin; powers are independent and the
    recorded rate is the incident one. The likelihood is then exact, and so the best possible answer is known.

    Arguments:
        noise: white-noise level, Leahy; null makes it a parameter, `noise_level`.

    Source: Whittle (1953); Barret & Vaughan (2012), eq. 17.
    """

    noise: float | None = 2.0

    modules: ClassVar[Literal[1]] = 1
    mean_dead_time: ClassVar[float] = 0.0
    renewal: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.noise is not None and not 0 < self.noise < np.inf:
            raise ValueError(
                f"noise is {self.noise}, but a white-noise level must be positive; 2 for photons, null for a parameter"
            )

    @property
    def distribution(self) -> DeadTimeDistribution:
        return dead_time_distribution(0.0)

    @property
    def parameters(self) -> tuple[str, ...]:
        return () if self.noise is not None else ("noise_level",)

    def expected(self, source: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Leahy powers (n, F) of the source's (n, F), with the physical parameters (n,)."""
        noise, rate = (
            np.asarray(v, dtype=np.float64)[..., None]
            for v in (params.get("noise_level", self.noise), params["rate"])
        )
        return np.asarray(noise + rate * source)

    def draw(self, expected: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        """One periodogram (F,) about the expected one, each power averaged over as many independent ones as `shape` (F,) says."""
        return np.asarray(expected * rng.standard_gamma(shape) / shape)


@dataclass(frozen=True)
class Ideal:
    """A detector that records every event.

    Arguments:
        modules: 1 or 2, with independent photon noise.
    """

    modules: Literal[1, 2] = 1

    parameters: ClassVar[tuple[str, ...]] = ()
    mean_dead_time: ClassVar[float] = 0.0
    renewal: ClassVar[bool] = True

    def __post_init__(self) -> None:
        DeadTime(self.modules, 0.0)

    @property
    def distribution(self) -> DeadTimeDistribution:
        return dead_time_distribution(0.0)

    def record(self, rate: Rate, rng: np.random.Generator) -> Events:
        return DeadTime(self.modules, 0.0).record(rate, rng)
