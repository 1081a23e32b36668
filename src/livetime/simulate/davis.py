"""Compute Davis's analytic model of pile-up, and the likelihood of counts.

The model is the mean of what `PileUp` draws.

Source: Davis (2001, ApJ 562, 575), https://ui.adsabs.harvard.edu/abs/2001ApJ...562..575D
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from scipy.special import digamma, gammaln, xlogy

from livetime.simulate.pileup import PileUp

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

DAMPING = 16.0
"""What wraps around in the transform is damped by exp(-16); rounding in it grows by exp(8)."""

MAX_SERIES = 1e-3
"""Below this |alpha s| the sum over photons is a series, which does not cancel."""

MIN_PHOTONS = 1e-12
"""Smallest alpha mu in the share of piled-up events, to avoid 0/0."""


@dataclass(frozen=True)
class _Rebin:
    """Moves contents of bins to other bins, spread evenly within each old bin.

    Arguments:
        old: edges of the old bins, rising.
        new: edges of the new bins, rising.
    """

    old: Floats
    new: Floats

    @cached_property
    def _place(self) -> tuple[NDArray[np.int64], Floats]:
        """Return the old bin of each new edge, and where in it the edge lies, from 0 to 1."""
        last = len(self.old) - 2
        bins = np.clip(np.searchsorted(self.old, self.new, side="right") - 1, 0, last)
        width = np.diff(self.old)[bins]
        return bins, np.clip((self.new - self.old[bins]) / width, 0, 1)

    def __call__(self, values: Floats) -> Floats:
        """Rebin values (..., old bins) to (..., new bins)."""
        cumulative = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
        np.cumsum(values, axis=-1, out=cumulative[..., 1:])
        bins, within = self._place
        return np.asarray(np.diff(cumulative[..., bins] + within * values[..., bins]))


@dataclass(frozen=True)
class _Grid:
    """A uniform energy grid on which photons are added, with the length of its transform."""

    there: _Rebin
    back: _Rebin
    length: int
    damping: Floats


@dataclass(frozen=True)
class Davis:
    """Compute the expected counts of a source with pile-up.

    Let s(E) be the density of incident photon energies. The density of a good event of summed
    energy E, per region and frame, is `C(E) = g0 exp(-mu) sum_p alpha^(p-1) mu^p/p! s^{*p}(E)`. In
    Fourier space the sum is `(exp(alpha mu s) - 1)/alpha`, so two transforms suffice for all p.
    Single photons keep the bins of the response: without pile-up this is the folded spectrum.

    Arguments:
        detector: its frames, regions, threshold and response.
        step: step of the uniform energy grid in keV on which photons are added; None for half the
            median bin of the response.

    Raises: ValueError for a step that is not positive.

    Source: Davis (2001, ApJ 562, 575), https://ui.adsabs.harvard.edu/abs/2001ApJ...562..575D

    Examples:
        >>> model = Davis(PileUp(alpha=0.5, psf_fraction=0.9))
        >>> rate = np.full(len(model.detector.response.low), 1e-3)
        >>> model.expected(rate, 3200.0, {}).shape
        (1024,)
        >>> model.piled_fraction(rate, {}).round(2).item()
        0.27
    """

    detector: PileUp
    step: float | None = None

    def __post_init__(self) -> None:
        if self.step is not None and not self.step > 0:
            raise ValueError(f"step is {self.step}, but must be positive")

    @cached_property
    def _grid(self) -> _Grid:
        """Make the grid; each of its points stands for the cell about it."""
        edges = self.detector.response.edges
        step = self.step or float(np.median(np.diff(edges))) / 2
        points = int(np.ceil(edges[-1] / step)) + 1
        cells: Floats = (np.arange(points + 1.0) - 0.5) * step
        length = fft.next_fast_len(2 * points, real=True)
        damping: Floats = np.exp(-DAMPING / length * np.arange(points))
        return _Grid(_Rebin(edges, cells), _Rebin(cells, edges), length, damping)

    @cached_property
    def _below_threshold(self) -> Floats:
        """Return the share of each energy bin below the threshold, (E,)."""
        response = self.detector.response
        width = response.high - response.low
        return np.clip((self.detector.threshold - response.low) / width, 0, 1)

    def events(self, rate: Floats, params: Mapping[str, ArrayLike]) -> tuple[Floats, Floats]:
        """Compute the good events in each energy bin, before the redistribution.

        Arguments:
            rate: incident counts/s A S in each energy bin of the response, shape (E,) or (n, E).
            params: the detector's parameters, numbers or shape (n,).

        Returns: for the core, the probability that a region reads a good event in a frame; for
        the wings, counts/s; shape (..., E) each.
        """
        detector = self.detector
        alpha, fraction = (np.asarray(value)[..., None] for value in detector.migration(params))
        mean = detector.mean_photons(rate, fraction[..., 0])[..., None]
        frames_per_second = detector.regions * detector.fracexp
        photons = fraction * detector.frame_time / frames_per_second * rate
        seen = photons + self._piled(photons, alpha)
        core = detector.g0 * np.exp(-mean) * seen
        wings = detector.g0 * (1 - fraction) * rate
        return core * self._below_threshold, wings * self._below_threshold

    def _piled(self, photons: Floats, alpha: Floats) -> Floats:
        """Compute `sum_{p >= 2} alpha^(p-1)/p!` times the p-fold convolution of the photons.

        Arguments:
            photons: per frame and energy bin, shape (..., E).
            alpha: grade migration, shape (..., 1).
        """
        grid = self._grid
        transform = fft.rfft(grid.there(photons) * grid.damping, grid.length)
        piled = _sum_over_photons(transform, alpha)
        sums = fft.irfft(piled, grid.length)[..., : len(grid.damping)] / grid.damping
        return grid.back(np.maximum(sums, 0))

    def core(self, rate: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the probability of a good event in each channel, per region and frame.

        It is the probability of the multinomial over frames, shape (..., C). The arguments are
        those of `events`.
        """
        return self.detector.response.redistribute(self.events(rate, params)[0])

    def wings(self, rate: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the counts/s in each channel of photons that do not pile up, shape (..., C).

        The arguments are those of `events`.
        """
        return self.detector.response.redistribute(self.events(rate, params)[1])

    def expected(self, rate: Floats, exposure: float, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the expected good counts in each channel, without background, shape (..., C).

        Arguments:
            rate: incident counts/s A S in each energy bin of the response, shape (E,) or (n, E).
            exposure: s.
            params: the detector's parameters, numbers or shape (n,).
        """
        core, wings = self.events(rate, params)
        counts = self.trials(exposure) * core + exposure * wings
        return self.detector.response.redistribute(counts)

    def trials(self, exposure: float) -> int:
        """Return regions times frames, the number of events that the core can give at most.

        Arguments:
            exposure: s.
        """
        return self.detector.regions * self.detector.frames(exposure)

    def piled_fraction(self, rate: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the share of good events that consist of two or more photons, shape (...).

        It is `1 - (mu exp(-mu) + w)/(exp(-mu) (exp(alpha mu) - 1)/alpha + w)`, with the photons w
        of the wings in the same time. Threshold and response are not included. The arguments are
        those of `events`.
        """
        alpha, fraction = self.detector.migration(params)
        mean = self.detector.mean_photons(rate, fraction)
        wings = self.detector.mean_photons(rate, 1 - fraction)
        migrated = np.maximum(alpha * mean, MIN_PHOTONS)
        seen = mean * np.exp(-mean) * np.expm1(migrated) / migrated + wings
        single = mean * np.exp(-mean) + wings
        return np.asarray(1 - single / seen)


def _sum_over_photons(transform: Complexes, alpha: Floats) -> Complexes:
    """Compute `(exp(alpha s) - 1 - alpha s)/alpha` of a transform s.

    Most of a transform is small. There the series is far cheaper than an exponential.
    """
    migrated = alpha * transform
    s = np.broadcast_to(transform, migrated.shape)
    alphas = np.broadcast_to(alpha, migrated.shape)
    piled = np.empty_like(migrated)

    small = np.abs(migrated) < MAX_SERIES
    z = migrated[small]
    piled[small] = s[small] * z / 2 * (1 + z / 3 * (1 + z / 4))

    large = ~small
    z = migrated[large]
    piled[large] = (np.exp(z) - 1 - z) / alphas[large]
    return piled


def multinomial_log_likelihood(
    counts: ArrayLike, core: Floats, poisson: Floats, trials: int
) -> Floats:
    """Compute the log-likelihood of counts from a multinomial core and Poisson wings.

    There is at most one event per region and frame. The core is thus multinomial with N trials,
    while wings and background are Poisson. The odds that an event in a channel is from the core
    are N p to lambda. Let J be the number of all events from the core. Then

        log L = sum_h [k log(N p + lambda) - log k!] - sum lambda
                + log E_J[N!/((N - J)! N^J) (1 - P)^(N - J)].

    The mean over J assumes that J is Gaussian, with its exact mean and variance. It is exact
    without wings. It is also exact for many frames, where the likelihood is Poisson's.

    Arguments:
        counts: k, shape (C,) or (..., C); channels or groups of them, not necessarily all.
        core: probability p of each per trial, shape (..., C), with a sum P below 1.
        poisson: expected lambda of each, shape (..., C).
        trials: N.

    Returns: shape (...); -inf for impossible counts.

    Examples:
        >>> p = np.array([0.5])
        >>> value = multinomial_log_likelihood([1], p, np.zeros(1), 1)
        >>> np.exp(value).round(3).item()
        0.5
    """
    k = np.asarray(counts, dtype=np.float64)
    mean = trials * core + poisson
    core_share = np.divide(trials * core, mean, out=np.zeros_like(mean), where=mean > 0)
    from_core = (k * core_share).sum(-1)
    variance = (k * core_share * (1 - core_share)).sum(-1)

    given_mean, slope, bend = _frames_left(from_core, variance, trials, 1 - core.sum(-1))
    log_mean = given_mean + variance * slope**2 / (2 * bend) - np.log(bend) / 2
    channels = (xlogy(k, mean) - gammaln(k + 1)).sum(-1)
    value = channels - poisson.sum(-1) + log_mean
    return np.asarray(np.where(trials >= from_core, value, -np.inf))


def _frames_left(
    from_core: Floats, variance: Floats, trials: int, empty: Floats
) -> tuple[Floats, Floats, Floats]:
    """Expand `log[N!/((N - J)! N^J) (1 - P)^(N - J)]` about the mean of J.

    Arguments:
        from_core: mean of J.
        variance: variance of J.
        trials: N.
        empty: 1 - P.

    Returns: its value, its slope, and 1 minus the variance times its curvature.
    """
    left = np.maximum(trials - from_core, 0)
    orderings = gammaln(trials + 1) - gammaln(left + 1)
    value = orderings - from_core * np.log(trials) + left * np.log(empty)
    slope = digamma(left + 1) - np.log(trials * empty)
    bend = 1 + variance / (left + 0.5)
    return value, slope, bend
