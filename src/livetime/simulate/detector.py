"""Detectors: an incident rate becomes recorded events; and what dead time does to a power spectrum, exactly.

Non-paralyzable dead time: an event is lost if it comes within tau of the last *recorded* one.
Paralyzable: it is lost if *any* earlier incident event's window is still open.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, ClassVar, Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.lightcurve import Rate

Floats = NDArray[np.float64]


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


@dataclass(frozen=True)
class DeadTimeDistribution:
    """Dead time per recorded event, uniform within each bin of a histogram; a constant is one bin of no width.

    Arguments:
        low, high: bin edges in s, shape (K,).
        probability: of each bin, shape (K,), summing to one.
    """

    low: Floats
    high: Floats
    probability: Floats

    @property
    def mean(self) -> float:
        return float(self.probability @ (self.low + self.high) / 2)

    def phi(self, f: ArrayLike) -> NDArray[np.complex128]:
        """Characteristic function E[exp(-2 pi i f tau)], shape of f."""
        f = np.asarray(f, dtype=np.float64)[..., None]
        centre, width = (self.low + self.high) / 2, self.high - self.low
        out: NDArray[np.complex128] = (np.exp(-2j * np.pi * f * centre) * np.sinc(f * width)) @ self.probability
        return out


@lru_cache
def dead_time_distribution(dead_time: float | Literal["nustar"]) -> DeadTimeDistribution:
    """A constant in s, or `nustar`: the empirical histogram of NuSTAR's dead time per event (mean 2.536 ms, sd .210 ms), read off
    figure nustar_deadtime.pdf of the DeadTimeSBI repository (Huppenkothen & Bachetti 2022)."""
    if dead_time == "nustar":
        with resources.files("livetime.simulate").joinpath("data/nustar_dead_time.csv").open() as file:
            low, high, density = np.loadtxt(file, delimiter=",", skiprows=1, unpack=True)
        mass = density * (high - low)
        return DeadTimeDistribution(low * 1e-3, high * 1e-3, mass / mass.sum())
    return DeadTimeDistribution(np.array([dead_time]), np.array([dead_time]), np.ones(1))


def white_noise(f: ArrayLike, rate: ArrayLike, dead_time: DeadTimeDistribution, dt: float | None = None, aliases: int = 40) -> Floats:
    """Leahy power of a constant source seen with non-paralyzable dead time: `2 (1 - |phi|^2)/|1 - phi|^2`, `phi = Phi r/(r + 2 pi i f)`.

    Recorded events form a renewal process whose waiting time is tau plus an exponential (Cox & Lewis 1966); for constant tau
    this is Zhang et al. (1995, eq. 44). With `dt`, counts in bins of that width: the power is folded about the sampling
    frequency with sinc^2(pi f dt).

    Arguments:
        f: frequency in Hz, above 0, shape (F,).
        rate: *incident* counts/s per module, number or (n,).
        dead_time: distribution of tau.
        dt: bin width in s, or None for the events themselves.
        aliases: number of foldings on each side.

    Returns: shape (F,) or (n, F).
    """
    f = np.asarray(f, dtype=np.float64)
    r = np.asarray(rate, dtype=np.float64)[..., None]

    def level(g: Floats) -> Floats:
        phi = dead_time.phi(g) * r / (r + 2j * np.pi * g)
        out: Floats = 2 * (1 - np.abs(phi) ** 2) / np.abs(1 - phi) ** 2
        return out

    if dt is None:
        return level(f)
    total: Floats = np.full(np.broadcast_shapes(r.shape, f.shape), 2.0)
    for k in range(-aliases, aliases + 1):
        g = f + k / dt
        total += np.sinc(g * dt) ** 2 * (level(np.abs(g)) - 2)
    return total


def modulation_response(f: ArrayLike, rate: ArrayLike, dead_time: DeadTimeDistribution) -> NDArray[np.complex128]:
    """Fractional amplitude with which a weak modulation comes through non-paralyzable dead time: `H = 1/(1 + r (1 - Phi)/(2 pi i f))`.

    Its low-frequency limit is 1/(1 + r tau). Power comes through with |H|^2. First order in the modulation.

    Arguments: as for `white_noise`.
    Returns: shape (F,) or (n, F), complex.
    """
    f = np.asarray(f, dtype=np.float64)
    r = np.asarray(rate, dtype=np.float64)[..., None]
    return 1 / (1 + r * (1 - dead_time.phi(f)) / (2j * np.pi * f))


@njit(nogil=True, cache=True)
def _record(values, dt, low, width, cumulative, guide, rng):  # type: ignore[no-untyped-def] # pragma: no cover
    """Recorded events of one module, drawn directly: after each, tau and then an exponential wait in the integrated rate."""
    bins = len(values)
    total, peak = 0.0, 0.0
    for v in values:
        total += v
        peak = max(peak, v)
    if not np.isfinite(total):
        return np.full(1, np.nan)
    expected = total * dt
    if low[0] > 0:
        expected = min(expected, bins * dt / low[0])
    out = np.empty(int(expected + 8 * np.sqrt(expected) + 16))
    n, k, t = 0, 0, 0.0
    while True:
        need = rng.standard_exponential()
        while k < bins:
            room = values[k] * ((k + 1) * dt - t)
            if need < room:
                break
            need -= room
            k += 1
            t = k * dt
        if k == bins:
            return out[:n]
        t += need / values[k]
        if n == len(out):
            longer = np.empty(2 * n)
            longer[:n] = out
            out = longer
        out[n] = t
        n += 1
        if len(low) == 1:
            t += low[0]
        else:
            u = rng.random()
            j = guide[int(u * len(guide))]
            while u >= cumulative[j + 1]:
                j += 1
            t += low[j] + width[j] * (u - cumulative[j]) / (cumulative[j + 1] - cumulative[j])
        while k < bins and t >= (k + 1) * dt:
            k += 1


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


def filter_dead_time(times: Floats, dead_time: ArrayLike, paralyzable: bool = False) -> NDArray[np.bool_]:
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


@lru_cache
def _tables(dead_time: float | Literal["nustar"]) -> tuple[Any, ...]:
    tau = dead_time_distribution(dead_time)
    cumulative = np.concatenate([[0.0], np.cumsum(tau.probability)])
    cumulative[-1] = 1.0
    guide = np.searchsorted(cumulative, np.arange(4096) / 4096, side="right") - 1
    return tau.low, tau.high - tau.low, cumulative, guide


@dataclass(frozen=True)
class DeadTime:
    """One or two identical modules that see the same source, each blind for a while after each event that it records.

    Arguments:
        modules: 1 or 2, with independent photon noise and dead time.
        dead_time: non-paralyzable, in s; or `nustar` for the empirical histogram.

    Raises: ValueError for other numbers.
    """

    modules: Literal[1, 2] = 2
    dead_time: float | Literal["nustar"] = "nustar"

    def __post_init__(self) -> None:
        if self.modules not in (1, 2):
            raise ValueError(f"modules is {self.modules}, but must be 1 or 2")
        if isinstance(self.dead_time, str):
            if self.dead_time != "nustar":
                raise ValueError(f"dead_time is {self.dead_time!r}, but must be seconds or the word nustar")
        elif not 0 <= self.dead_time < 1:
            raise ValueError(f"dead_time is {self.dead_time}, but must be seconds between 0 and 1")

    parameters: ClassVar[tuple[str, ...]] = ()

    @property
    def distribution(self) -> DeadTimeDistribution:
        return dead_time_distribution(self.dead_time)

    @property
    def mean_dead_time(self) -> float:
        return self.distribution.mean

    def record(self, rate: Rate, rng: np.random.Generator) -> Events:
        """The recorded events; per module a mean rate of r/(1 + r tau). A rate of NaN gives an event time of NaN."""
        tables = _tables(self.dead_time)
        times = tuple(_record(rate.values, rate.dt, *tables, rng) for _ in range(self.modules))  # type: ignore[call-arg]
        return Events(times, np.array([[0.0, rate.duration]]))


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

    def __post_init__(self) -> None:
        if self.noise is not None and not 0 < self.noise < np.inf:
            raise ValueError(f"noise is {self.noise}, but a white-noise level must be positive; 2 for photons, null for a parameter")

    @property
    def distribution(self) -> DeadTimeDistribution:
        return dead_time_distribution(0.0)

    @property
    def parameters(self) -> tuple[str, ...]:
        return () if self.noise is not None else ("noise_level",)

    def expected(self, source: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Leahy powers (n, F) of the source's (n, F), with the physical parameters (n,)."""
        noise, rate = (np.asarray(v, dtype=np.float64)[..., None] for v in (params.get("noise_level", self.noise), params["rate"]))
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

    def __post_init__(self) -> None:
        DeadTime(self.modules, 0.0)

    @property
    def distribution(self) -> DeadTimeDistribution:
        return dead_time_distribution(0.0)

    def record(self, rate: Rate, rng: np.random.Generator) -> Events:
        return DeadTime(self.modules, 0.0).record(rate, rng)
