"""Pile-up as a light curve sees it: at most one event per region and frame, whatever its energy.

With mu photons per frame and region on average, a region reads a good event with probability
`q = g0 sum_{p >= 1} Poisson(p; mu) alpha^(p-1) = g0 exp(-mu) (exp(alpha mu) - 1)/alpha` (Davis 2001, ApJ 562, 575). Counts of a frame are
binomial in n regions, and Poisson from the wings, where nothing piles up. So

- a source brighter than `mu = ln(1/(1 - alpha))/alpha` shows fewer events the brighter it is, and its modulation upside down;
- a constant source has white noise below 2 (Leahy), `2 (1 - q)` without wings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.detector import Detector, Events, Law, check_fractions
from livetime.simulate.light_curve import Rate
from livetime.simulate.prior import Prior
from livetime.simulate.summary import Summary

Floats = NDArray[np.float64]
_LEAST = 1e-6
"""Of alpha in the closed form, whose limit for 0 it then has to 1e-6."""


def read_probability(mean: ArrayLike, alpha: ArrayLike, order: int = 0) -> Floats:
    """q over g0, or one of its derivatives with ln mu.

    Arguments:
        mean: mu, photons per frame and region, shape (...).
        alpha: grade migration, 0 to 1, shape (...).
        order: of the derivative, 0 to 3.

    >>> round(float(read_probability(1.0, 1.0)), 4)
    0.6321
    """
    mu, alpha = np.asarray(mean, dtype=np.float64), np.maximum(alpha, _LEAST)

    def of(x: Floats) -> Floats:  # d^order/d(ln mu)^order of exp(-x), with x in proportion to mu
        return (1.0, -x, -x + x**2, -x + 3 * x**2 - x**3)[order] * np.exp(-x)

    if order == 0:
        return np.asarray(
            -np.exp((alpha - 1) * mu) * np.expm1(-alpha * mu) / alpha
        )  # no cancellation, no overflow
    return np.asarray((of((1 - alpha) * mu) - of(mu)) / alpha)


@dataclass(frozen=True)
class FramePileUp(Detector):
    """A CCD that is read frame by frame, and which lists the times of its events.

    Of the source's incident counts/s a fraction f falls on n regions; frame k sees them during its exposure alone, and what comes in the
    transfer is lost. All events of a frame are listed at its middle. Energies, and so thresholds and bands, are not in it.

    Arguments:
        frame_time: exposure of one frame in s.
        transfer_time: from the end of one frame's exposure to the start of the next, in s.
        alpha: grade migration, 0 to 1; None makes it a parameter.
        psf_fraction: f, 0 to 1; None makes it a parameter.
        regions: n, how many regions share the core.
        g0: probability that a single photon has a good grade.

    Raises: ValueError for numbers out of their range.

    Source: see the module.
    """

    frame_time: float = 0.004027
    transfer_time: float = 0.0016448
    alpha: float | None = None
    psf_fraction: float | None = None
    regions: int = 1
    g0: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.frame_time < np.inf:
            raise ValueError(f"frame_time is {self.frame_time}, but must be positive")
        if not 0 <= self.transfer_time < np.inf:
            raise ValueError(f"transfer_time is {self.transfer_time}, but must be 0 s or more")
        for name in ("alpha", "psf_fraction"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(
                    f"{name} is {value}, but must be between 0 and 1; null makes it a parameter"
                )
        if self.regions < 1 or not 0 < self.g0 <= 1:
            raise ValueError(
                f"regions is {self.regions} and g0 {self.g0}, but there must be 1 or more, and g0 above 0 and at most 1"
            )

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(name for name in ("alpha", "psf_fraction") if getattr(self, name) is None)

    @property
    def cycle(self) -> float:
        """From the start of one frame to that of the next, in s."""
        return self.frame_time + self.transfer_time

    @property
    def exposed(self) -> float:
        """Share of the time in which frames are exposed."""
        return self.frame_time / self.cycle

    def at(self, params: Mapping[str, float]) -> "FramePileUp":
        """The detector with the given values of its `parameters`."""
        given: dict[str, Any] = {name: float(params[name]) for name in self.parameters}
        return replace(self, **given)

    @property
    def law(self) -> Law:
        """Name the analytic model of the detector's power spectrum."""
        return "frames"

    def check(self, prior: Prior, summary: Summary) -> None:
        """Refuse fractions beyond 0 to 1, and bins that are not whole frames.

        Raises: ValueError that names the key, the number and the limit.
        """
        check_fractions(prior, self.parameters)
        frames = summary.dt / self.cycle
        if round(frames) < 1 or abs(frames - round(frames)) > 1e-6:
            dt = max(1, round(frames)) * self.cycle
            raise ValueError(
                f"summary.dt is {summary.dt:g} s, but must be a whole number of frames of "
                f"{self.cycle:g} s; take summary.dt={dt:.9g}, and a segment_size that is a "
                "multiple of it"
            )

    def naive(self) -> DeadTime:
        """Return a detector without pile-up that keeps the share of time with exposed frames."""
        return DeadTime(1, 0.0, kept_fraction=self.exposed)

    def keywords(self, gti: Floats) -> dict[str, float]:
        """Give the FITS keywords of frames: their cycle, and the time in which they are exposed."""
        exposed = self.exposed * float(np.diff(gti).sum())
        return {
            "TIMEDEL": self.cycle,
            "EXPOSURE": exposed,
            "LIVETIME": exposed,
            "DEADC": self.exposed,
        }

    def record(self, rate: Rate, rng: np.random.Generator) -> Events:
        """The events of all whole frames; of a detector without parameters. A rate of NaN gives an event time of NaN."""
        gti = np.array([[0.0, rate.duration]])
        incident = self._incident(rate)
        if not np.isfinite(incident).all():
            return Events((np.full(1, np.nan),), gti)
        core, wings = self._parts(incident, {})
        counts = rng.binomial(self.regions, core) + rng.poisson(wings)
        return Events((np.repeat((np.arange(len(counts)) + 0.5) * self.cycle, counts),), gti)

    def _incident(self, rate: Rate) -> Floats:
        """Mean incident counts/s during each whole frame's exposure, (N,)."""
        total = np.concatenate([[0.0], np.cumsum(rate.values, dtype=np.float64)]) * rate.dt
        edges = np.arange(len(total)) * rate.dt
        start = np.arange(int(rate.duration / self.cycle + 1e-6)) * self.cycle
        photons = np.interp(start + self.frame_time, edges, total) - np.interp(start, edges, total)
        return np.asarray(np.maximum(photons, 0) / self.frame_time)

    # What is expected of a frame at incident counts/s (...); params: physical values of `parameters`, numbers or shapes that go with it.

    def _parts(
        self, rate: ArrayLike, params: Mapping[str, ArrayLike], order: int = 0
    ) -> tuple[Floats, Floats]:
        """Probability that a region reads a good event, and mean of the wings; or their derivatives with ln rate."""
        alpha, fraction = (
            np.asarray(params[name] if given is None else given, dtype=np.float64)
            for name, given in (("alpha", self.alpha), ("psf_fraction", self.psf_fraction))
        )
        photons = np.asarray(rate, dtype=np.float64) * self.frame_time
        core = self.g0 * read_probability(fraction * photons / self.regions, alpha, order)
        return core, self.g0 * (1 - fraction) * photons

    def counts(self, rate: ArrayLike, params: Mapping[str, ArrayLike], order: int = 0) -> Floats:
        """Mean counts of a frame, or their derivative with ln rate of an order up to 3."""
        core, wings = self._parts(rate, params, order)
        return np.asarray(self.regions * core + wings)

    def variance(self, rate: ArrayLike, params: Mapping[str, ArrayLike]) -> Floats:
        """Variance of the counts of a frame at a given rate: binomial and Poisson."""
        core, wings = self._parts(rate, params)
        return np.asarray(self.regions * core * (1 - core) + wings)

    def recorded(self, rate: ArrayLike, params: Mapping[str, ArrayLike]) -> Floats:
        """Recorded counts/s of a constant source."""
        return self.counts(rate, params) / self.cycle

    def white_noise(self, rate: ArrayLike, params: Mapping[str, ArrayLike]) -> Floats:
        """Leahy power of a constant source, the same at all frequencies: `2 variance/mean`."""
        return 2 * self.variance(rate, params) / self.counts(rate, params)

    def response(self, rate: ArrayLike, params: Mapping[str, ArrayLike]) -> Floats:
        """Fractional amplitude with which a weak modulation comes through, `d ln recorded/d ln rate`: 1 for a faint source, below 0 for one
        that shows fewer events the brighter it is."""
        return self.counts(rate, params, 1) / self.counts(rate, params)
