"""Simulate pile-up in a light curve: at most one event per region and frame, of any energy.

With mu photons per frame and region on average, a region reads a good event with probability
`q = g0 sum_{p >= 1} Poisson(p; mu) alpha^(p-1) = g0 exp(-mu) (exp(alpha mu) - 1)/alpha` (Davis
2001). The counts of a frame are binomial in n regions. Those from the wings of the PSF are
Poisson, without pile-up. This has two consequences:

- A source brighter than `mu = ln(1/(1 - alpha))/alpha` gives fewer events the brighter it is, and
  its modulation appears upside down.
- The white noise of a constant source is below 2 (Leahy): `2 (1 - q)` without wings.

Source: Davis (2001, ApJ 562, 575), https://ui.adsabs.harvard.edu/abs/2001ApJ...562..575D
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.ccd import (
    check_frames,
    check_migration,
    check_positive_share,
    migration_parameters,
    migration_values,
)
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.detector import Detector, Events, Law, check_fractions
from livetime.simulate.light_curve import Rate
from livetime.simulate.prior import Prior
from livetime.simulate.summary import Summary

Floats = NDArray[np.float64]

MIN_ALPHA = 1e-6
"""Smallest alpha in the closed form, which there equals its limit for alpha = 0 within 1e-6."""


def read_probability(mean: ArrayLike, alpha: ArrayLike, order: int = 0) -> Floats:
    """Compute the probability q/g0 of a good event in a region and frame, for g0 = 1.

    `q/g0 = exp(-mu) (exp(alpha mu) - 1)/alpha`, or a derivative of it with ln mu.

    Arguments:
        mean: mu, photons per frame and region, broadcast against alpha.
        alpha: grade migration, from 0 to 1.
        order: order of the derivative, from 0 to 3.

    Returns: probability or derivative, in the common shape of the arguments.

    Source: Davis (2001, ApJ 562, 575), https://ui.adsabs.harvard.edu/abs/2001ApJ...562..575D

    Examples:
        >>> read_probability(1.0, 1.0).round(4).item()
        0.6321
    """
    mu = np.asarray(mean, dtype=np.float64)
    alpha = np.maximum(alpha, MIN_ALPHA)
    if order == 0:  # this form neither cancels nor overflows
        at_least_one = -np.expm1(-alpha * mu)
        return np.asarray(np.exp((alpha - 1) * mu) * at_least_one / alpha)

    good = _exponential_derivative((1 - alpha) * mu, order)
    empty = _exponential_derivative(mu, order)
    return np.asarray((good - empty) / alpha)


def _exponential_derivative(x: Floats, order: int) -> Floats:
    """Differentiate exp(-x) with ln mu, for an x in proportion to mu."""
    polynomials = (1.0, -x, -x + x**2, -x + 3 * x**2 - x**3)
    return np.asarray(polynomials[order] * np.exp(-x))


@dataclass(frozen=True)
class FramePileUp(Detector):
    """Record event times with a CCD that is read frame by frame.

    A fraction f of the source's incident photons falls on n regions. Frame k collects photons
    during its exposure only, and those of the transfer are lost. All events of a frame are listed
    at its middle. Energies, and so thresholds and bands, are not modelled.

    The methods from `counts` on give the expected counts of a frame. Their argument `params` has
    physical values of `parameters`: numbers, or arrays that broadcast against the rate.

    Arguments:
        frame_time: exposure of a frame in s.
        transfer_time: time in s from the end of an exposure to the start of the next.
        alpha: grade migration, from 0 to 1; None makes it a parameter.
        psf_fraction: f, from 0 to 1; None makes it a parameter.
        regions: n, how many regions share the core.
        g0: probability that a single photon has a good grade.

    Raises: ValueError for a number out of its range.

    Source: Davis (2001, ApJ 562, 575), https://ui.adsabs.harvard.edu/abs/2001ApJ...562..575D

    Examples:
        >>> ccd = FramePileUp(0.005, 0.0, alpha=0.4, psf_fraction=1.0)
        >>> ccd.response(1.0, {}).round(3).item(), ccd.response(600.0, {}).round(3).item()
        (0.996, -1.283)
    """

    frame_time: float = 0.004027
    transfer_time: float = 0.0016448
    alpha: float | None = None
    psf_fraction: float | None = None
    regions: int = 1
    g0: float = 1.0

    def __post_init__(self) -> None:
        check_frames(self.frame_time, self.transfer_time, self.regions)
        check_migration(self.alpha, self.psf_fraction)
        check_positive_share("g0", self.g0)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return which of `alpha` and `psf_fraction` are parameters."""
        return migration_parameters(self.alpha, self.psf_fraction)

    @property
    def cycle(self) -> float:
        """Return the time from the start of a frame to the start of the next in s."""
        return self.frame_time + self.transfer_time

    @property
    def exposed(self) -> float:
        """Return the share of the time in which frames are exposed."""
        return self.frame_time / self.cycle

    def at(self, params: Mapping[str, float]) -> "FramePileUp":
        """Return the detector with its `parameters` set to the values in `params`."""
        given: dict[str, Any] = {name: float(params[name]) for name in self.parameters}
        return replace(self, **given)

    @property
    def law(self) -> Law:
        """Name the analytic model of the detector's power spectrum."""
        return "frames"

    def check(self, prior: Prior, summary: Summary) -> None:
        """Refuse fractions outside of 0 to 1, and bins that are not whole frames.

        Raises: ValueError that names the key, the number and the limit.
        """
        check_fractions(prior, self.parameters)
        frames = summary.dt / self.cycle
        if round(frames) < 1 or abs(frames - round(frames)) > 1e-6:
            dt = max(1, round(frames)) * self.cycle
            raise ValueError(
                f"summary.dt is {summary.dt:g} s, but must be a whole number of frames of "
                f"{self.cycle:g} s; take summary.dt={dt:.9g}, and a multiple as segment_size"
            )

    def naive(self) -> DeadTime:
        """Return a detector without pile-up that keeps the share of time with exposed frames."""
        return DeadTime(1, 0.0, kept_fraction=self.exposed)

    def keywords(self, gti: Floats) -> dict[str, float]:
        """Give the FITS keywords of frames: their cycle, and their exposed time."""
        exposed = self.exposed * float(np.diff(gti).sum())
        return {
            "TIMEDEL": self.cycle,
            "EXPOSURE": exposed,
            "LIVETIME": exposed,
            "DEADC": self.exposed,
        }

    def record(self, rate: Rate, rng: np.random.Generator) -> Events:
        """Draw the events of all whole frames, for a detector without parameters.

        Arguments:
            rate: incident rate; NaN gives an event time of NaN.
            rng: the only source of randomness.

        Examples:
            >>> rate = Rate(np.full(10, 1000, dtype=np.float32), 0.1)
            >>> ccd = FramePileUp(alpha=0.5, psf_fraction=0.9)
            >>> len(ccd.record(rate, np.random.default_rng(0)).times)
            1
        """
        gti = np.array([[0.0, rate.duration]])
        incident = self._incident(rate)
        if not np.isfinite(incident).all():
            return Events((np.full(1, np.nan),), gti)

        core, wings = self._expected(incident, {})
        counts = rng.binomial(self.regions, core) + rng.poisson(wings)
        middle = (np.arange(len(counts)) + 0.5) * self.cycle
        return Events((np.repeat(middle, counts),), gti)

    def _incident(self, rate: Rate) -> Floats:
        """Return the mean incident counts/s during each whole frame's exposure, shape (N,)."""
        total = np.concatenate([[0.0], np.cumsum(rate.values, dtype=np.float64)]) * rate.dt
        edges = np.arange(len(total)) * rate.dt
        frames = int(rate.duration / self.cycle + 1e-6)
        start = np.arange(frames) * self.cycle
        until_end = np.interp(start + self.frame_time, edges, total)
        photons = until_end - np.interp(start, edges, total)
        return np.asarray(np.maximum(photons, 0) / self.frame_time)

    def _expected(
        self, rate: ArrayLike, params: Mapping[str, ArrayLike], order: int = 0
    ) -> tuple[Floats, Floats]:
        """Return the read probability of a region, and the mean counts of the wings.

        With an order from 1 to 3 they are derivatives with ln rate.
        """
        alpha, fraction = migration_values(self.alpha, self.psf_fraction, params)
        photons = np.asarray(rate, dtype=np.float64) * self.frame_time
        mean = fraction * photons / self.regions
        core = self.g0 * read_probability(mean, alpha, order)
        return core, self.g0 * (1 - fraction) * photons

    def counts(self, rate: ArrayLike, params: Mapping[str, ArrayLike], order: int = 0) -> Floats:
        """Compute the mean counts of a frame, or a derivative with ln rate.

        Arguments:
            rate: incident counts/s, shape (...).
            params: see the class.
            order: order of the derivative, from 0 to 3.

        Examples:
            >>> ccd = FramePileUp(0.005, 0.0, alpha=1.0, psf_fraction=1.0)
            >>> ccd.counts(200.0, {}).round(4).item()  # 1 - exp(-1)
            0.6321
        """
        core, wings = self._expected(rate, params, order)
        return np.asarray(self.regions * core + wings)

    def variance(self, rate: ArrayLike, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the variance of a frame's counts, `n q (1 - q)` and the wings' Poisson mean.

        Arguments:
            rate: incident counts/s, shape (...).
            params: see the class.
        """
        core, wings = self._expected(rate, params)
        return np.asarray(self.regions * core * (1 - core) + wings)

    def recorded(self, rate: ArrayLike, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the recorded counts/s of a constant source.

        Arguments:
            rate: incident counts/s, shape (...).
            params: see the class.
        """
        return self.counts(rate, params) / self.cycle

    def white_noise(self, rate: ArrayLike, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the Leahy power of a constant source, `2 variance/mean` at all frequencies.

        Arguments:
            rate: incident counts/s, shape (...).
            params: see the class.
        """
        return 2 * self.variance(rate, params) / self.counts(rate, params)

    def response(self, rate: ArrayLike, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the fractional amplitude of a weak modulation, `d ln recorded/d ln rate`.

        It is 1 for a faint source. It is negative for a source so bright that more photons give
        fewer events.

        Arguments:
            rate: incident counts/s, shape (...).
            params: see the class.
        """
        return self.counts(rate, params, 1) / self.counts(rate, params)
