"""Simulate a rate of any power spectrum; parameters are those of the rate, not of its logarithm."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.light_curve import FrequencyGrid, Rate, check_steps
from livetime.simulate.power_spectrum import PowerShapeName, PowerSpectrum
from livetime.sources.distribution import MAX_RMS, MIN_RMS, RateDistribution, gaussian_power

Floats = NDArray[np.floating[Any]]

BAND_STEPS = 400
"""Frequencies at which a power spectrum is integrated over a band."""


@dataclass(frozen=True)
class GeneralSource(ABC):
    """Simulate a positive rate with a given power spectrum and a given distribution.

    The rate is `rate x(z)`: z is a Gaussian process of unit variance, and x the map of
    `RateDistribution`, whose `skewness` is a parameter. The spectrum of z is chosen so that the
    *rate* has the power spectrum, see `gaussian_power`. The distribution is exact: mean 1, and the
    variance that the power spectrum has between zero and the Nyquist frequency.

    Arguments:
        dt: step of the rate in s; there is no power above 1/(2 dt).
        stretch: ratio of the synthesised length to the used length, at least 1.

    Raises: ValueError for a step that is not positive, or a stretch below 1.

    Source: Grigoriu (1998, J. Eng. Mech. 124, 121), translation processes; Timmer & Koenig (1995,
    A&A 300, 707), https://ui.adsabs.harvard.edu/abs/1995A&A...300..707T
    """

    dt: float = 1 / 256
    stretch: float = 1.25

    simulators: ClassVar[tuple[str, ...]] = ("events",)

    def __post_init__(self) -> None:
        check_steps(self.dt, self.stretch)

    @property
    @abstractmethod
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the parameters; the last ones are `skewness` and `rate`."""

    @abstractmethod
    def power(self, f: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the power spectrum of the rate.

        Arguments:
            f: frequencies in Hz, (F,).
            params: physical value of each of `parameters`, a number or (n,).

        Returns: power in (fractional rms)^2/Hz, (F,) for numbers or (n, F).
        """

    @abstractmethod
    def derived(self, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Give what the parameters mean, by name, (n,) each; NaN where a quantity has no value.

        Arguments:
            params: physical value of each of `parameters`, (n,).
        """

    @property
    @abstractmethod
    def edges(self) -> Floats:
        """Return the edges in Hz of the bins in which an answer gives the power."""

    @property
    @abstractmethod
    def readable(self) -> tuple[str, ...]:
        """Return the names of the parameters that are physical quantities."""

    def probabilities(self, params: Mapping[str, ArrayLike]) -> dict[str, float]:
        """Return statement -> share of draws for which it is true.

        Arguments:
            params: physical value of each of `parameters`, (n,).
        """
        return {}

    @property
    def log_normal(self) -> bool:
        """Say whether the rate is the exponential of a process with the power spectrum: no."""
        return False

    @property
    def components(self) -> Mapping[str, PowerShapeName]:
        """Return the named shapes of the power spectrum: it has no such shapes."""
        return {}

    @property
    def spectrum(self) -> PowerSpectrum:
        """Return the power spectrum of the rate."""
        return _GeneralSpectrum(self.components, self)

    def rate(self, params: Mapping[str, float], duration: float, rng: np.random.Generator) -> Rate:
        """Draw one realisation of the rate, see `LightCurve.rate`; NaN above `MAX_RMS`."""
        steps = round(duration / self.dt)
        grid = FrequencyGrid.for_steps(steps, self.dt, self.stretch)
        power = self.power(grid.frequency, params)
        rms = rms_on(grid, power)
        if rms < MIN_RMS:
            return Rate(np.full(steps, params["rate"], dtype=np.float32), self.dt)
        if rms > MAX_RMS:
            return Rate(np.full(steps, np.nan, dtype=np.float32), self.dt)

        distribution = RateDistribution(rms, float(params["skewness"]))
        z, _ = grid.draw(gaussian_power(power, grid, distribution), rng)
        values = distribution.values(z[:steps])
        values *= np.float32(params["rate"])
        return Rate(values.astype(np.float32, copy=False), self.dt)

    def band_rms(self, params: Mapping[str, ArrayLike], low: float, high: float) -> Floats:
        """Find the fractional rms in a band of frequencies.

        Arguments:
            params: physical value of each of `parameters`, (n,).
            low, high: edges of the band in Hz, above zero.

        Returns: (n,).
        """
        f = np.geomspace(low, high, BAND_STEPS)
        variance = np.trapezoid(self.power(f, params) * f, np.log(f), axis=-1)
        return np.asarray(np.sqrt(variance))


def rms_on(grid: FrequencyGrid, power: Floats) -> float:
    """Find the rms of a one-sided density (F,) on a grid, from zero to the Nyquist frequency."""
    variance = (power[:-1].sum() - power[0] / 2) * grid.df
    return float(np.sqrt(variance))


@dataclass(frozen=True)
class _GeneralSpectrum(PowerSpectrum):
    """Give the power spectrum of a source, which is no sum of named shapes."""

    source: GeneralSource

    def __post_init__(self) -> None:
        """Accept that there are no named shapes."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the source's parameters, except `rate`."""
        return self.source.parameters[:-1]

    def power(self, f: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the power, see `GeneralSource.power`."""
        return self.source.power(f, params)


def column(value: ArrayLike) -> Floats:
    """Give a parameter (n,) an axis for frequencies or components, (n, 1)."""
    return np.asarray(value, dtype=np.float64)[..., None]


def check_band(name: str, band: tuple[float, float], limit: float) -> None:
    """Refuse a band unless 0 < low < high <= limit.

    Raises: ValueError that names the argument, the numbers and the limit.
    """
    low, high = band
    if not 0 < low < high <= limit:
        raise ValueError(
            f"{name} is {low:g} to {high:g}, but must rise within 0 to {limit:g}; change its edges"
        )
