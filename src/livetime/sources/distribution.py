"""Turn a Gaussian process into a positive rate, whose distribution has one shape parameter."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, optimize, special

from livetime.simulate.light_curve import FrequencyGrid

Floats = NDArray[np.floating[Any]]

MIN_CURVATURE = 0.02
"""Curvature at skewness 0: a rate that is Gaussian until it comes close to zero."""
MAX_CURVATURE = 1 - 1e-9
"""Curvature from which on the rate is exactly log-normal."""
MAX_RMS = 1.0
"""Greatest rms. Near 1.46, a rate that is nearly Gaussian would be zero half of the time."""
MIN_RMS = 1e-6
"""Rms below which the rate is constant."""
MAX_SLOPE = 1e3
"""Greatest slope s that is tried."""

_Z = np.linspace(-9.0, 9.0, 721)
_WEIGHT = np.exp(-(_Z**2) / 2) / np.exp(-(_Z**2) / 2).sum()
_RHO = np.linspace(-1.0, 1.0, 2001)
_ORDERS = 24
"""Hermite polynomials that describe how the map changes a correlation."""


def _hermite() -> Floats:
    """Tabulate the normalised Hermite polynomials of order 1 to `_ORDERS` at `_Z`."""
    rows = [np.ones_like(_Z), _Z]
    for k in range(2, _ORDERS + 1):
        rows.append((_Z * rows[-1] - np.sqrt(k - 1) * rows[-2]) / np.sqrt(k))
    return np.stack(rows[1:])


_HERMITE = _hermite()


@dataclass(frozen=True)
class RateDistribution:
    """Map a standard Gaussian z to a positive rate x of mean 1: `x = ln(1 + exp(m + s z))/norm`.

    The softplus ln(1 + e^t) is exponential for negative t, and linear for positive t. So small m
    gives a log-normal rate, large m a nearly Gaussian one, and the rate stays positive. The
    parameter `skewness` is an index of shape from 0 to 1, not the third standardised moment:

        skewness = (c - 0.02)/0.98,  c = T T''/T'^2 = e^-m ln(1 + e^m),

    with the curvature c of the softplus T at the median. For a small rms, the third standardised
    moment of the rate is 3 c rms. At skewness 1 the rate is exactly log-normal. The slope s makes
    the standard deviation of x equal to the rms.

    Arguments:
        rms: ratio of the standard deviation of the rate to its mean.
        skewness: index of shape, from 0, nearly Gaussian, to 1, log-normal.

    Raises: ValueError for an rms above `MAX_RMS`, or a skewness outside of 0 to 1.

    Examples:
        >>> RateDistribution(0.2, 1.0).values(np.zeros(1)).round(4)  # exp(-variance/2)
        array([0.9806])
        >>> RateDistribution(0.2, 0.0).values(np.zeros(1)).round(4)
        array([0.9994])
    """

    rms: float
    skewness: float

    def __post_init__(self) -> None:
        if not 0 <= self.rms <= MAX_RMS:
            raise ValueError(f"rms is {self.rms:g}, but must be 0 to {MAX_RMS:g}; change it")
        if not 0 <= self.skewness <= 1:
            raise ValueError(f"skewness is {self.skewness:g}, but must be 0 to 1; change it")

    @cached_property
    def offset(self) -> float:
        """Return m; minus infinity for a log-normal rate."""
        curvature = MIN_CURVATURE + (1 - MIN_CURVATURE) * self.skewness
        if curvature > MAX_CURVATURE:
            return -np.inf
        # With t = 1 + e^m, ln(t) = c (t - 1) has the solution t = -W(-c e^-c)/c.
        lambert = special.lambertw(-curvature * np.exp(-curvature), -1).real
        return float(np.log(-lambert / curvature - 1))

    @cached_property
    def slope(self) -> float:
        """Return s, with which the rate has the rms."""
        if np.isinf(self.offset):
            return float(np.sqrt(np.log1p(self.rms**2)))
        if self.rms < MIN_RMS:
            return 0.0

        def excess(log_slope: float) -> float:
            mean, variance = _moments(self._shape(_Z, np.exp(log_slope)))
            return float(np.log(variance) - 2 * np.log(mean * self.rms))

        low, high = np.log([MIN_RMS, MAX_SLOPE])
        return float(np.exp(optimize.brentq(excess, low, high, xtol=1e-10)))

    @cached_property
    def norm(self) -> float:
        """Return the mean of the softplus, which makes the mean of the rate 1."""
        return _moments(self._shape(_Z, self.slope))[0]

    def values(self, z: Floats) -> Floats:
        """Map standard Gaussian values of any shape to rates of mean 1."""
        return self._shape(z, self.slope) / z.dtype.type(self.norm)

    def _shape(self, z: Floats, slope: float) -> Floats:
        """Compute the softplus; its exponential limit where m is minus infinity."""
        scaled = z.dtype.type(slope) * z
        if np.isinf(self.offset):
            return np.asarray(np.exp(scaled))
        return np.asarray(np.logaddexp(z.dtype.type(0), scaled + z.dtype.type(self.offset)))

    @cached_property
    def mapped_correlation(self) -> Floats:
        """Return the autocorrelation of the rate for each `_RHO` of the Gaussian process.

        The rate is `sum_k c_k h_k(z)` with Hermite polynomials h_k; so its autocorrelation is
        `sum_k c_k^2 rho^k / sum_k c_k^2` (Price 1958).
        """
        coefficients = _HERMITE @ (_WEIGHT * self.values(_Z))
        shares = coefficients**2 / (coefficients**2).sum()
        return np.asarray(np.polynomial.polynomial.polyval(_RHO, [0.0, *shares]))

    def gaussian_correlation(self, correlation: Floats) -> Floats:
        """Find the autocorrelation of z for which the rate has the given one."""
        return np.asarray(np.interp(correlation, self.mapped_correlation, _RHO))

    def rate_correlation(self, correlation: Floats) -> Floats:
        """Find the autocorrelation of the rate where z has this autocorrelation."""
        return np.asarray(np.interp(correlation, _RHO, self.mapped_correlation))


def _moments(values: Floats) -> tuple[float, float]:
    """Find mean and variance of a function of z that is known at `_Z`."""
    mean = float(_WEIGHT @ values)
    return mean, float(_WEIGHT @ (values - mean) ** 2)


def gaussian_power(power: Floats, grid: FrequencyGrid, distribution: RateDistribution) -> Floats:
    """Find the power of the standard Gaussian process whose mapped rate has the given power.

    The autocorrelation of the rate is mapped back, and transformed. Where the result is negative
    no Gaussian process exists; zero takes its place. That happens near zero and at twice the
    frequency of a strong narrow peak of a skewed rate, which always has some power there.

    Arguments:
        power: one-sided density of the rate at `grid.frequency`, (F,).
        grid: of the light curve.
        distribution: of the rate.

    Returns: one-sided density (F,) of unit variance; `grid.draw` halves its first entry.
    """
    correlation = _correlation(power, grid)
    mapped = distribution.gaussian_correlation(correlation)
    return _density(np.maximum(fft.rfft(mapped).real, 0.0), grid)


def rate_power(power: Floats, grid: FrequencyGrid, distribution: RateDistribution) -> Floats:
    """Find the power of the simulated rate, which differs where `gaussian_power` was negative.

    Arguments:
        power: one-sided density that is asked for, (F,).
        grid: of the light curve.
        distribution: of the rate.

    Returns: one-sided density (F,) in (fractional rms)^2/Hz; its integral is the rms squared.
    """
    own = gaussian_power(power, grid, distribution)
    mapped = distribution.rate_correlation(_correlation(own, grid))
    density = _density(fft.rfft(mapped).real, grid)
    return np.asarray(distribution.rms**2 * density)


def _correlation(power: Floats, grid: FrequencyGrid) -> Floats:
    """Find the circular autocorrelation (length,) of a density, without the Nyquist term."""
    transform = power.astype(np.complex128)
    transform[-1] = 0.0
    covariance = fft.irfft(transform, n=grid.length, overwrite_x=True)
    return np.asarray(covariance / covariance[0])


def _density(transform: Floats, grid: FrequencyGrid) -> Floats:
    """Turn the transform of an autocorrelation into a one-sided density of unit variance."""
    density = np.array(transform, dtype=np.float64)
    density[-1] = 0.0
    variance = (density.sum() - density[0] / 2) * grid.df
    return np.asarray(density / variance)
