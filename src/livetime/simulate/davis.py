"""Davis's analytic model of pile-up: the mean of what `PileUp` draws, and the likelihood of counts under it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from scipy.special import digamma, gammaln, xlogy

from livetime.simulate.pileup import PileUp

Floats = NDArray[np.float64]

_DAMPING = 16.0  # what wraps around in the transform is damped by exp(-16), and rounding within it grows by exp(8)


@dataclass(frozen=True)
class _Rebin:
    """Takes what is in bins to other bins, spread evenly within each of the old."""

    old: Floats
    new: Floats

    @cached_property
    def _place(self) -> tuple[NDArray[np.int64], Floats]:
        k = np.clip(np.searchsorted(self.old, self.new, side="right") - 1, 0, len(self.old) - 2)
        return k, np.clip((self.new - self.old[k]) / np.diff(self.old)[k], 0, 1)

    def __call__(self, values: Floats) -> Floats:
        cumulative = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
        np.cumsum(values, axis=-1, out=cumulative[..., 1:])
        k, w = self._place
        return np.asarray(np.diff(cumulative[..., k] + w * values[..., k]))


@dataclass(frozen=True)
class Davis:
    """Expected counts of a piled-up source.

    With s(E) the density of incident photon energies, a region reads in one frame a good event of summed energy E with density
    `C(E) = g0 exp(-mu) sum_p alpha^(p-1) mu^p/p! s^{*p}(E)`. In Fourier space the sum is `(exp(alpha mu s) - 1)/alpha`, so that one
    transform there and one back do for all p. What a photon alone makes stays on the response's own bins: without pile-up this is the
    folded spectrum.

    Arguments:
        detector: its frames, regions, threshold and response.
        step: of the uniform energy grid in keV on which photons are added; None for half the median bin of the response.

    Raises: ValueError for a step that is not positive.

    Source: Davis (2001, ApJ 562, 575).
    """

    detector: PileUp
    step: float | None = None

    def __post_init__(self) -> None:
        if self.step is not None and not self.step > 0:
            raise ValueError(f"step is {self.step}, but must be positive")

    @cached_property
    def _grid(self) -> tuple[_Rebin, _Rebin, int, Floats]:
        """To the grid, from the grid, length of the transform, damping; a grid point stands for the cell about it."""
        edges = self.detector.response.edges
        step = self.step or float(np.median(np.diff(edges))) / 2
        points = int(np.ceil(edges[-1] / step)) + 1
        cells: Floats = (np.arange(points + 1.0) - 0.5) * step
        length = fft.next_fast_len(2 * points, real=True)
        damping: Floats = np.exp(-_DAMPING / length * np.arange(points))
        return _Rebin(edges, cells), _Rebin(cells, edges), length, damping

    @cached_property
    def _below_threshold(self) -> Floats:
        response = self.detector.response
        return np.clip(
            (self.detector.threshold - response.low) / (response.high - response.low), 0, 1
        )

    def events(self, rate: Floats, params: Mapping[str, ArrayLike]) -> tuple[Floats, Floats]:
        """Good events before the redistribution: of the core per region and frame, and of the wings per second, in each energy bin.

        Arguments:
            rate: incident counts/s A S in each energy bin of the response, (E,) or (n, E).
            params: the detector's parameters, each a number or (n,).

        Returns: probability that a region reads a good event in that bin in one frame, and counts/s; (..., E) each.
        """
        detector = self.detector
        alpha, fraction = (np.asarray(value)[..., None] for value in detector.migration(params))
        mean = detector.mean_photons(rate, fraction[..., 0])[..., None]
        alone = fraction * detector.frame_time / (detector.regions * detector.fracexp) * rate
        core = detector.g0 * np.exp(-mean) * (alone + self._piled(alone, alpha))
        return core * self._below_threshold, detector.g0 * (
            1 - fraction
        ) * rate * self._below_threshold

    def _piled(self, photons: Floats, alpha: Floats) -> Floats:
        """`sum_{p >= 2} alpha^(p-1)/p!` times the p-fold convolution of photons per frame and energy bin, (..., E)."""
        there, back, length, damping = self._grid
        x = fft.rfft(there(photons) * damping, length)
        y = alpha * x
        x, alpha = np.broadcast_to(x, y.shape), np.broadcast_to(alpha, y.shape)
        few = (
            np.abs(y) < 1e-3
        )  # no cancellation there; most of the transform, and far cheaper than an exponential
        many, piled = ~few, np.empty_like(y)
        piled[few] = x[few] * (z := y[few]) / 2 * (1 + z / 3 * (1 + z / 4))
        piled[many] = (np.exp(z := y[many]) - 1 - z) / alpha[many]
        sums = fft.irfft(piled, length)[..., : len(damping)] / damping
        return back(np.maximum(sums, 0))

    def core(self, rate: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Probability that a region reads a good event in each channel in one frame, (..., C): of the multinomial over frames."""
        return self.detector.response.redistribute(self.events(rate, params)[0])

    def wings(self, rate: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Counts/s in each channel of what does not pile up, (..., C)."""
        return self.detector.response.redistribute(self.events(rate, params)[1])

    def expected(self, rate: Floats, exposure: float, params: Mapping[str, ArrayLike]) -> Floats:
        """Expected good counts per channel of an exposure in s, without background, (..., C)."""
        core, wings = self.events(rate, params)
        return self.detector.response.redistribute(self.trials(exposure) * core + exposure * wings)

    def trials(self, exposure: float) -> int:
        """Regions times frames: how often the core has a chance to give an event."""
        return self.detector.regions * self.detector.frames(exposure)

    def piled_fraction(self, rate: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Share of the good events that more than one photon makes, before thresholds and response, shape (...).

        Core and wings together: `1 - (mu exp(-mu) + w)/(exp(-mu) (exp(alpha mu) - 1)/alpha + w)`, w what the wings give meanwhile.
        """
        alpha, fraction = self.detector.migration(params)
        mean = self.detector.mean_photons(rate, fraction)
        wings = self.detector.mean_photons(rate, 1 - fraction)
        y = np.maximum(alpha * mean, 1e-12)
        seen = mean * np.exp(-mean) * np.expm1(y) / y + wings
        return np.asarray(1 - (mean * np.exp(-mean) + wings) / seen)


def log_likelihood(counts: ArrayLike, core: Floats, poisson: Floats, trials: int) -> Floats:
    """Log-likelihood of counts that are the sum of a multinomial over frames and Poisson counts.

    At most one event per region and frame: the core is multinomial with N trials, wings and background are Poisson. Of all counts, J come
    from the core, each of the k in a channel with odds N p : lambda; given J the rest is closed,
    `log L = sum_h [k log(N p + lambda) - log k!] - sum lambda + log E_J[N!/((N - J)! N^J) (1 - P)^(N - J)]`, and the mean over J is taken
    as if J were Gaussian, with its exact mean and variance. It is exact without wings, and with many frames, where it is Poisson's.

    Arguments:
        counts: k, (C,) or (..., C); channels or groups of them, and not necessarily all.
        core: probability p of each per trial, (..., C); their sum P is below 1.
        poisson: expected lambda of each, (..., C).
        trials: N.

    Returns: shape (...); -inf for counts that cannot be.
    """
    k = np.asarray(counts, dtype=np.float64)
    mean = trials * core + poisson
    share = np.divide(trials * core, mean, out=np.zeros_like(mean), where=mean > 0)
    empty = 1 - core.sum(-1)
    m, v = (k * share).sum(-1), (k * share * (1 - share)).sum(-1)
    left = np.maximum(trials - m, 0)
    slope = digamma(left + 1) - np.log(trials * empty)
    bend = 1 + v / (left + 0.5)
    given = gammaln(trials + 1) - gammaln(left + 1) - m * np.log(trials) + left * np.log(empty)
    log_mean = given + v * slope**2 / (2 * bend) - np.log(bend) / 2
    value = (xlogy(k, mean) - gammaln(k + 1)).sum(-1) - poisson.sum(-1) + log_mean
    return np.asarray(np.where(trials >= m, value, -np.inf))
