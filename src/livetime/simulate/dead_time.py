"""Dead time per event, and what it does to a power spectrum, exactly.

Non-paralyzable dead time: an event is lost if it comes within tau of the last *recorded* one.
Paralyzable: it is lost if *any* earlier incident event's window is still open.
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

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Dead times (n,) in s."""
        k = (
            rng.choice(len(self.low), size=n, p=self.probability)
            if len(self.low) > 1
            else np.zeros(n, dtype=np.int64)
        )
        return np.asarray(self.low[k] + (self.high - self.low)[k] * rng.random(n))

    def phi(self, f: ArrayLike) -> NDArray[np.complex128]:
        """Characteristic function E[exp(-2 pi i f tau)], shape of f."""
        f = np.asarray(f, dtype=np.float64)[..., None]
        centre, width = (self.low + self.high) / 2, self.high - self.low
        out: NDArray[np.complex128] = (
            np.exp(-2j * np.pi * f * centre) * np.sinc(f * width)
        ) @ self.probability
        return out


@lru_cache(maxsize=1024)
def dead_time_distribution(
    dead_time: float | Literal["nustar"], scatter: float = 0.0
) -> DeadTimeDistribution:
    """A constant in s, or `nustar`: the empirical histogram of NuSTAR's dead time per event (mean 2.536 ms, sd .210 ms), read off
    figure nustar_deadtime.pdf of the DeadTimeSBI repository (Huppenkothen & Bachetti 2022).

    `scatter` makes the constant the centre of a Gaussian of that standard deviation in s, in a histogram of 101 bins over +- 4 of them;
    what would be negative is left out.
    """
    if dead_time == "nustar":
        with (
            resources.files("livetime.simulate")
            .joinpath("data/nustar_dead_time.csv")
            .open() as file
        ):
            low, high, density = np.loadtxt(file, delimiter=",", skiprows=1, unpack=True)
        mass = density * (high - low)
        return DeadTimeDistribution(low * 1e-3, high * 1e-3, mass / mass.sum())
    if scatter == 0:
        return DeadTimeDistribution(np.array([dead_time]), np.array([dead_time]), np.ones(1))
    edges = np.linspace(max(0.0, dead_time - 4 * scatter), dead_time + 4 * scatter, 102)
    mass = np.diff(norm.cdf(edges, dead_time, scatter))
    return DeadTimeDistribution(edges[:-1], edges[1:], mass / mass.sum())


def white_noise(
    f: ArrayLike,
    rate: ArrayLike,
    dead_time: DeadTimeDistribution,
    dt: float | None = None,
    aliases: int = 40,
    paralyzable: bool = False,
) -> Floats:
    """Leahy power of a constant source seen with dead time.

    Non-paralyzable: `2 (1 - |phi|^2)/|1 - phi|^2`, `phi = Phi r/(r + 2 pi i f)`: recorded events form a renewal process whose
    waiting time is tau plus an exponential (Cox & Lewis 1966); for constant tau this is Zhang et al. (1995, eq. 44).

    Paralyzable: `2 + 4 int (g(t) - q) cos(2 pi f t) dt` over t > 0, where `q = r exp(-r E[tau])` is the recorded rate and
    `g(t) = r P(tau < t) exp(-r int_0^t P(tau > s) ds)` that at a time t after a recorded event: incident windows are an M/G/infinity queue,
    and an event is recorded if none is open (Takacs 1962). For constant tau it is `2 - 2 q sin(2 pi f tau)/(pi f)`.

    With `dt`, counts in bins of that width: the power is folded about the sampling frequency with sinc^2(pi f dt).

    Arguments:
        f: frequency in Hz, above 0, shape (F,).
        rate: *incident* counts/s per module, number or (n,).
        dead_time: distribution of tau.
        dt: bin width in s, or None for the events themselves.
        aliases: number of foldings on each side.
        paralyzable: see above.

    Returns: shape (F,) or (n, F).
    """
    f = np.asarray(f, dtype=np.float64)
    rate = np.asarray(rate, dtype=np.float64)
    level = _paralyzable(rate, dead_time) if paralyzable else _renewal(rate, dead_time)
    if dt is None:
        return level(f)
    images = np.arange(-aliases, aliases + 1)[:, None]
    if rate.ndim == 0:  # all at once, which for many rates takes too much memory
        g = f + images / dt
        return np.asarray(
            2 + (np.sinc(g * dt) ** 2 * (level(np.abs(g).ravel()).reshape(g.shape) - 2)).sum(axis=0)
        )
    total: Floats = np.full((*rate.shape, *f.shape), 2.0)
    for g in f + images / dt:
        total += np.sinc(g * dt) ** 2 * (level(np.abs(g)) - 2)
    return total


def _renewal(rate: Floats, dead_time: DeadTimeDistribution) -> Callable[[Floats], Floats]:
    r = rate[..., None]

    def level(f: Floats) -> Floats:
        phi = dead_time.phi(f) * r / (r + 2j * np.pi * f)
        out: Floats = 2 * (1 - np.abs(phi) ** 2) / np.abs(1 - phi) ** 2
        return out

    return level


def _paralyzable(rate: Floats, dead_time: DeadTimeDistribution) -> Callable[[Floats], Floats]:
    """Before the least tau g is zero, after the greatest it is q, and between them the integral is Gaussian quadrature in each bin."""
    r = rate[..., None]
    nodes, weights = np.polynomial.legendre.leggauss(8)
    low, width, p = dead_time.low, dead_time.high - dead_time.low, dead_time.probability
    place = (nodes + 1) / 2
    t, dw = low[:, None] + width[:, None] * place, width[:, None] * weights / 2
    before = np.concatenate([[0.0], np.cumsum(p)[:-1]])
    covered = np.concatenate(
        [[0.0], np.cumsum(width * (1 - before - p / 2))[:-1]]
    )  # int P(tau > s) ds from low[0] to the bin
    shorter = before[:, None] + p[:, None] * place  # P(tau < t)
    open_until = (
        low[0]
        + covered[:, None]
        + width[:, None] * place * (1 - before[:, None] - p[:, None] * place / 2)
    )
    q = r * np.exp(-r * dead_time.mean)
    excess = (r * shorter.ravel() * np.exp(-r * open_until.ravel()) - q) * dw.ravel()

    def level(f: Floats) -> Floats:
        blind = -q * 2 * low[0] * np.sinc(2 * f * low[0])
        out: Floats = (
            2 + 2 * blind + 4 * excess @ np.cos(2 * np.pi * np.multiply.outer(t.ravel(), f))
        )
        return out

    return level


def modulation_response(
    f: ArrayLike, rate: ArrayLike, dead_time: DeadTimeDistribution, paralyzable: bool = False
) -> NDArray[np.complex128]:
    """Fractional amplitude with which a weak modulation comes through dead time.

    Non-paralyzable: `H = 1/(1 + r (1 - Phi)/(2 pi i f))`; its low-frequency limit is 1/(1 + r tau). Paralyzable:
    `H = 1 - r (1 - Phi)/(2 pi i f)`, to 1 - r tau: the recorded rate is `r(t) exp(-int r(t - s) P(tau > s) ds)`, for any r(t).
    Power comes through with |H|^2. First order in the modulation.

    Arguments: as for `white_noise`.
    Returns: shape (F,) or (n, F), complex.
    """
    f = np.asarray(f, dtype=np.float64)
    r = np.asarray(rate, dtype=np.float64)[..., None]
    blocked = r * (1 - dead_time.phi(f)) / (2j * np.pi * f)
    return np.asarray(1 - blocked if paralyzable else 1 / (1 + blocked))
