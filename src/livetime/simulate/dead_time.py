"""Define the dead time per event, and its exact effect on a power spectrum.

Non-paralyzable: an event is lost if it comes within tau of the last *recorded* one.
Paralyzable: an event is lost if the window of *any* earlier incident event is still open.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Level = Callable[[Floats], Floats]

GAUSSIAN_BINS = 101
GAUSSIAN_RANGE = 4.0
"""A Gaussian dead time is a histogram of 101 bins, within four standard deviations of its mean."""

MAX_ALIASES = 40
"""Number of images of a power spectrum that are folded back on either side by default."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


@dataclass(frozen=True)
class DeadTimeDistribution:
    """Keep the distribution of the dead time of an event: a histogram, flat within each bin.

    A constant dead time is a single bin without width.

    Arguments:
        low: lower edges of the bins in s, shape (K,).
        high: upper edges of the bins in s, shape (K,).
        probability: probability of each bin, shape (K,), with the sum 1.

    Examples:
        >>> tau = DeadTimeDistribution(np.array([1e-3]), np.array([3e-3]), np.ones(1))
        >>> round(tau.mean, 6)
        0.002
    """

    low: Floats
    high: Floats
    probability: Floats

    @property
    def mean(self) -> float:
        """Return the mean dead time E[tau] in s."""
        return float(self.probability @ (self.low + self.high) / 2)

    @property
    def width(self) -> Floats:
        """Return the widths of the bins in s, shape (K,)."""
        return self.high - self.low

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw n dead times in s, shape (n,).

        Arguments:
            n: number of recorded events.
            rng: the only source of randomness.

        Examples:
            >>> dead_time_distribution(2.5e-3).draw(2, np.random.default_rng(0)).tolist()
            [0.0025, 0.0025]
        """
        bins = np.zeros(n, dtype=np.int64)
        if len(self.low) > 1:
            bins = rng.choice(len(self.low), size=n, p=self.probability)
        within = self.width[bins] * rng.random(n)
        return np.asarray(self.low[bins] + within)

    def phi(self, f: ArrayLike) -> Complexes:
        """Compute the characteristic function `Phi(f) = E[exp(-2 pi i f tau)]`.

        Arguments:
            f: frequency in Hz, any shape.

        Returns: complex numbers in the shape of f.

        Examples:
            >>> dead_time_distribution(2.5e-3).phi(200.0).real.round(6).item()
            -1.0
        """
        frequency = np.asarray(f, dtype=np.float64)[..., None]
        centre = (self.low + self.high) / 2
        phase = np.exp(-2j * np.pi * frequency * centre)
        spread = np.sinc(frequency * self.width)
        return np.asarray((phase * spread) @ self.probability)


@lru_cache(maxsize=1024)
def dead_time_distribution(
    dead_time: float | Literal["nustar"], scatter: float = 0.0
) -> DeadTimeDistribution:
    """Return the distribution of a constant, Gaussian or empirical dead time.

    The empirical histogram is NuSTAR's dead time per event, with mean 2.536 ms and standard
    deviation 0.210 ms. It was read off the figure nustar_deadtime.pdf of the DeadTimeSBI
    repository (Huppenkothen & Bachetti 2022, MNRAS 511, 5689, https://arxiv.org/abs/2104.03278).

    Arguments:
        dead_time: the constant or the Gaussian's mean in s, or `nustar` for the histogram.
        scatter: standard deviation of the Gaussian in s; 0 for a constant. The histogram of the
            Gaussian leaves out negative dead times.

    Examples:
        >>> round(dead_time_distribution("nustar").mean, 6)
        0.002536
        >>> round(dead_time_distribution(2.5e-3, 1e-4).mean, 6)
        0.0025
    """
    if dead_time == "nustar":
        return _nustar_histogram()
    if scatter == 0:
        constant = np.array([dead_time])
        return DeadTimeDistribution(constant, constant, np.ones(1))

    shortest = max(0.0, dead_time - GAUSSIAN_RANGE * scatter)
    longest = dead_time + GAUSSIAN_RANGE * scatter
    edges = np.linspace(shortest, longest, GAUSSIAN_BINS + 1)
    mass = np.diff(norm.cdf(edges, dead_time, scatter))
    return DeadTimeDistribution(edges[:-1], edges[1:], mass / mass.sum())


def _nustar_histogram() -> DeadTimeDistribution:
    """Read the table of NuSTAR's dead times, which is in ms."""
    table = resources.files("livetime.simulate").joinpath("data/nustar_dead_time.csv")
    with table.open() as file:
        low, high, density = np.loadtxt(file, delimiter=",", skiprows=1, unpack=True)
    mass = density * (high - low)
    return DeadTimeDistribution(low * 1e-3, high * 1e-3, mass / mass.sum())


def white_noise(
    f: ArrayLike,
    rate: ArrayLike,
    dead_time: DeadTimeDistribution,
    dt: float | None = None,
    aliases: int = MAX_ALIASES,
    paralyzable: bool = False,
) -> Floats:
    """Compute the Leahy power of a constant source seen with dead time.

    Non-paralyzable: `P = 2 (1 - |phi|^2)/|1 - phi|^2` with `phi = Phi r/(r + 2 pi i f)`. The
    recorded events are a renewal process, which waits tau plus an exponential time (Cox & Lewis
    1966). For a constant tau this is equation 44 of Zhang et al. (1995).

    Paralyzable: `P = 2 + 4 int_0^inf (g(t) - q) cos(2 pi f t) dt` with the recorded rate
    `q = r exp(-r E[tau])` and, at a time t after a recorded event, the rate
    `g(t) = r P(tau < t) exp(-r int_0^t P(tau > s) ds)`. The windows of incident events are an
    M/G/infinity queue, and an event is recorded if no window is open (Takacs 1962). For a
    constant tau it is `P = 2 - 2 q sin(2 pi f tau)/(pi f)`.

    Counts in bins of dt have this power folded about the sampling frequency, each image weighted
    with `sinc^2(pi f dt)`.

    Arguments:
        f: frequency in Hz, above 0, shape (F,).
        rate: *incident* rate r in counts/s per module, a number or shape (n,).
        dead_time: distribution of tau, with the characteristic function Phi.
        dt: bin width in s, or None for the events themselves.
        aliases: number of images folded back on either side.
        paralyzable: whether lost events cost dead time too.

    Returns: power in Leahy units (Poisson noise is 2), shape (F,) or (n, F).

    Source: Zhang et al. (1995, ApJ 449, 930), eq. 44,
    https://ui.adsabs.harvard.edu/abs/1995ApJ...449..930Z

    Examples:
        >>> low = white_noise([0.01], 400.0, dead_time_distribution(2.5e-3))
        >>> low.round(4).item()  # 2/(1 + r tau)^2 at low frequency
        0.5
    """
    frequency = np.asarray(f, dtype=np.float64)
    incident = np.asarray(rate, dtype=np.float64)
    law = _paralyzable_level if paralyzable else _renewal_level
    level = law(incident, dead_time)
    if dt is None:
        return level(frequency)

    images = np.arange(-aliases, aliases + 1)[:, None] / dt
    folded = frequency + images
    if incident.ndim == 0:
        return _fold_at_once(level, folded, dt)
    return _fold_one_by_one(level, folded, dt, incident.shape)


def _fold_at_once(level: Level, folded: Floats, dt: float) -> Floats:
    """Sum the images (A, F) of the level of a single rate: fast, and in little memory."""
    power = level(np.abs(folded).ravel())
    excess = power.reshape(folded.shape) - 2
    weight = np.sinc(folded * dt) ** 2
    return np.asarray(2 + (weight * excess).sum(axis=0))


def _fold_one_by_one(
    level: Level, folded: Floats, dt: float, rates_shape: tuple[int, ...]
) -> Floats:
    """Sum the images (A, F) of the levels of many rates, which do not fit in memory at once."""
    total: Floats = np.full((*rates_shape, folded.shape[1]), 2.0)
    for image in folded:
        weight = np.sinc(image * dt) ** 2
        excess = level(np.abs(image)) - 2
        total += weight * excess
    return total


def _renewal_level(rate: Floats, dead_time: DeadTimeDistribution) -> Level:
    """Return the level of non-paralyzable dead time as a function of frequency."""
    incident = rate[..., None]

    def level(f: Floats) -> Floats:
        exponential_wait = incident + 2j * np.pi * f
        phi = dead_time.phi(f) * incident / exponential_wait
        power: Floats = 2 * (1 - np.abs(phi) ** 2) / np.abs(1 - phi) ** 2
        return power

    return level


def _paralyzable_level(rate: Floats, dead_time: DeadTimeDistribution) -> Level:
    """Return the level of paralyzable dead time as a function of frequency.

    The rate g(t) is zero before the shortest tau and q after the longest one. The integral over
    the times in between is Gaussian quadrature with eight nodes in each bin.
    """
    incident = rate[..., None]
    shortest = dead_time.low[0]
    width = dead_time.width[:, None]
    place = (_NODES + 1) / 2
    t = dead_time.low[:, None] + width * place
    step = width * _WEIGHTS / 2

    recorded = incident * np.exp(-incident * dead_time.mean)
    shorter, open_time = _open_windows(dead_time, place)
    after_event = incident * shorter.ravel() * np.exp(-incident * open_time.ravel())
    excess = (after_event - recorded) * step.ravel()

    def level(f: Floats) -> Floats:
        blind = -recorded * 2 * shortest * np.sinc(2 * f * shortest)
        phase = 2 * np.pi * np.multiply.outer(t.ravel(), f)
        power: Floats = 2 + 2 * blind + 4 * excess @ np.cos(phase)
        return power

    return level


def _open_windows(dead_time: DeadTimeDistribution, place: Floats) -> tuple[Floats, Floats]:
    """Integrate the histogram up to each node of its bins.

    Arguments:
        dead_time: histogram of K bins.
        place: nodes as a fraction of the bin, shape (Q,).

    Returns: `P(tau < t)` and `int_0^t P(tau > s) ds` in s, both (K, Q).
    """
    p = dead_time.probability
    width = dead_time.width
    before = np.concatenate([[0.0], np.cumsum(p)[:-1]])
    shorter = before[:, None] + p[:, None] * place

    open_in_bin = width * (1 - before - p / 2)
    open_before = np.concatenate([[0.0], np.cumsum(open_in_bin)[:-1]])
    still_open = 1 - before[:, None] - p[:, None] * place / 2
    open_within = width[:, None] * place * still_open
    open_time = dead_time.low[0] + open_before[:, None] + open_within
    return shorter, open_time


def modulation_response(
    f: ArrayLike, rate: ArrayLike, dead_time: DeadTimeDistribution, paralyzable: bool = False
) -> Complexes:
    """Compute the factor H by which dead time multiplies the amplitude of a weak modulation.

    Non-paralyzable: `H = 1/(1 + r (1 - Phi)/(2 pi i f))`, which is 1/(1 + r tau) at low frequency.
    Paralyzable: `H = 1 - r (1 - Phi)/(2 pi i f)`, which is 1 - r tau at low frequency. There the
    recorded rate is `r(t) exp(-int_0^inf r(t - s) P(tau > s) ds)` for any r(t).

    The power of the modulation is multiplied by |H|^2. This is first order in the modulation.

    Arguments:
        f: frequency in Hz, above 0, shape (F,).
        rate: *incident* rate r in counts/s per module, a number or shape (n,).
        dead_time: distribution of tau, with the characteristic function Phi.
        paralyzable: whether lost events cost dead time too.

    Returns: complex amplitude, shape (F,) or (n, F).

    Examples:
        >>> abs(modulation_response([200.0], 1000.0, dead_time_distribution(2.5e-3))).round(3)
        array([0.532])
    """
    frequency = np.asarray(f, dtype=np.float64)
    incident = np.asarray(rate, dtype=np.float64)[..., None]
    missing = incident * (1 - dead_time.phi(frequency))
    blocked = missing / (2j * np.pi * frequency)
    response = 1 - blocked if paralyzable else 1 / (1 + blocked)
    return np.asarray(response)
