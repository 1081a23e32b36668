"""Define a source whose power is free in every frequency bin, with a smooth prior."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from livetime.sources.general import GeneralSource, check_band, column

Floats = NDArray[np.floating[Any]]

PLACE_EDGE = 1e-9
"""Least distance of a prior quantile from 0 and 1, six standard deviations of a Gaussian."""
FALL = 2.0
"""Index of the power law above the highest frequency."""
NORM_STEPS = 16
"""Integration steps between neighbouring frequencies, for the normalisation."""


@dataclass(frozen=True)
class FreePower(GeneralSource):
    """Simulate a rate whose power is free at `bins` frequencies, evenly spaced in the logarithm.

    The logarithm of the power is a Gaussian process of ln f,

        ln P(f_b) = const - ln f_b + sum_c A_bc xi_c,  A A = K,
        K_bc = scatter^2 (1 + d) exp(-d),  d = sqrt(3) |ln f_b - ln f_c|/length

    (Matern 3/2; A is the symmetric root, so that xi_b acts about bin b). The parameter `power<b>`
    is the prior quantile of the whitened xi_b: xi_b = Phi^-1(power<b>), with the Gaussian
    distribution function Phi. So the prior is a box of quantiles from 0 to 1. Between the
    frequencies ln P is linear in ln f; below the lowest it is constant; above the highest it falls
    as f^-2. The constant follows from the parameter `rms`, the fractional rms from zero to the
    Nyquist frequency.

    Arguments:
        bins: number of frequencies.
        frequency: lowest and highest of them in Hz.
        scatter: standard deviation of ln P about P ~ 1/f.
        length: correlation length in ln f; a peak of quality Q has a width of 1/Q.
        dt, stretch: see `GeneralSource`.

    Raises: ValueError for fewer than two bins, a scatter or length that is not positive, or a
        highest frequency above the Nyquist frequency.

    Source: Rasmussen & Williams (2006, Gaussian Processes for Machine Learning), eq. 4.17.

    Examples:
        >>> source = FreePower(bins=3, frequency=(1.0, 4.0))
        >>> source.parameters
        ('rms', 'power1', 'power2', 'power3', 'skewness', 'rate')
        >>> flat = {"rms": 0.2, "power1": 0.5, "power2": 0.5, "power3": 0.5}
        >>> source.power(np.array([1.0, 2.0]), flat).round(4)  # rms^2/(f (2 + ln 4))
        array([0.0119, 0.006 ])
    """

    bins: int = 28
    frequency: tuple[float, float] = (0.0625, 64.0)
    scatter: float = 1.5
    length: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bins < 2:
            raise ValueError(f"bins is {self.bins}, but must be at least 2; raise it")
        for name in ("scatter", "length"):
            value = getattr(self, name)
            if not 0 < value < np.inf:
                raise ValueError(f"{name} is {value}, but must be positive and finite; change it")
        check_band("frequency", self.frequency, 1 / (2 * self.dt))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names: rms, a prior quantile for each bin, skewness and rate."""
        return ("rms", *self._places, "skewness", "rate")

    @property
    def _places(self) -> tuple[str, ...]:
        return tuple(f"power{b}" for b in range(1, self.bins + 1))

    @cached_property
    def frequencies(self) -> Floats:
        """Return the frequencies in Hz at which the power is free, (bins,)."""
        return np.geomspace(*self.frequency, self.bins)

    @cached_property
    def root(self) -> Floats:
        """Return the symmetric root A of the covariance K of ln P, (bins, bins)."""
        log_f = np.log(self.frequencies)
        distance = np.sqrt(3) * np.abs(log_f[:, None] - log_f) / self.length
        covariance = self.scatter**2 * (1 + distance) * np.exp(-distance)
        values, vectors = np.linalg.eigh(covariance)
        return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)

    def log_power(self, params: Mapping[str, ArrayLike]) -> Floats:
        """Find ln P in (fractional rms)^2/Hz at `frequencies`, (bins,) or (n, bins)."""
        places = [np.asarray(params[name], dtype=np.float64) for name in self._places]
        stacked = np.stack(np.broadcast_arrays(*places), axis=-1)
        whitened = special.ndtri(np.clip(stacked, PLACE_EDGE, 1 - PLACE_EDGE))
        shape = whitened @ self.root - np.log(self.frequencies)

        # The variance of the shape over the band, on steps fine enough for any slope.
        fine = np.geomspace(*self.frequency, NORM_STEPS * (self.bins - 1) + 1)
        density = np.exp(self._interpolated(fine, shape))
        inside = np.trapezoid(density * fine, np.log(fine), axis=-1)
        low, high = self.frequency
        beyond = density[..., -1] * high * (1 - 2 * self.dt * high)
        variance = density[..., 0] * low + inside + beyond
        log_norm = 2 * np.log(np.asarray(params["rms"], dtype=np.float64)) - np.log(variance)
        return np.asarray(shape + column(log_norm))

    def power(self, f: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the power spectrum of the rate, see `GeneralSource.power`."""
        return np.asarray(np.exp(self._interpolated(f, self.log_power(params))))

    def _interpolated(self, f: Floats, log_power: Floats) -> Floats:
        """Interpolate (..., bins) linearly in ln f at the frequencies (F,)."""
        place = np.interp(np.log(f), np.log(self.frequencies), np.arange(self.bins, dtype=float))
        below = np.minimum(place.astype(np.int64), self.bins - 2)
        weight = place - below
        inside = log_power[..., below] * (1 - weight) + log_power[..., below + 1] * weight
        beyond = np.maximum(np.log(f / self.frequencies[-1]), 0.0)
        return np.asarray(inside - FALL * beyond)

    def derived(self, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Return nothing: the binned power is the whole answer."""
        return {}

    @property
    def edges(self) -> Floats:
        """Return edges in Hz half way between `frequencies`, on a logarithmic scale."""
        low, high = self.frequency
        half_step = (high / low) ** (0.5 / (self.bins - 1))
        return np.geomspace(low / half_step, high * half_step, self.bins + 1)

    @property
    def readable(self) -> tuple[str, ...]:
        """Return the names of the parameters that are physical quantities."""
        return ("rms", "skewness", "rate")
