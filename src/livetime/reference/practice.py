"""Define fits without a model of dead-time noise: naive, free noise level, and cospectrum.

The last two are what observers use. They correct the power of the source by the live time alone
(Bachetti et al. 2015, section 5): the detector's response at zero frequency is used at all
frequencies. The incident rate follows from the recorded rate and the dead time. The power of the
source is that of the same model as in the other references, so that only the treatment of the noise
differs.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from livetime.reference.dead_time import DeadTimeModel
from livetime.reference.periodogram import RecordedPowers, Terms, analytic_law
from livetime.reference.whittle import WhittleReference
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.float64]

MIN_NOISE = 0.01
"""Lowest Leahy noise level that a fit tries; a dead-time fraction of 90% leaves 0.02."""
NOISE_STEPS = 8
"""Steps of Fisher scoring for the most likely noise level."""
SMOOTHED_BINS = 21
"""Bins of the difference spectrum that are averaged for the noise of a cospectrum."""


@dataclass(frozen=True)
class Naive(WhittleReference):
    """Fit a periodogram as if no event were lost: Leahy noise 2, and all events recorded.

    Only a known background and a known screening of events are taken into account.

    Arguments:
        simulator: gives source, detector, summary and prior.
        draws, walkers, steps, max_steps: see `SampledReference`.

    Source: Barret & Vaughan 2012 (https://arxiv.org/abs/1112.0535), equation 17.
    """

    name: ClassVar[str] = "naive"
    label: ClassVar[str] = "naive"

    @classmethod
    def applies(cls, simulator: Simulator) -> bool:
        """Say whether the summary is a periodogram of events whose laws are known."""
        return analytic_law(simulator) != ""

    @cached_property
    def detector(self) -> DeadTime:
        """Return the simulator's detector without dead time or pile-up."""
        return self.simulator.detector.naive()


@dataclass(frozen=True)
class FreeNoise(DeadTimeModel):
    """Fit a periodogram with a constant, free white-noise level.

    The likelihood is Whittle's, of the power or, for two modules, of A+B. A Laplace
    approximation integrates over the noise level, whose prior is flat. `expected` gives the powers
    of the dead-time model, since the level is no parameter.

    Arguments:
        simulator: gives source, detector, summary and prior.
        draws, walkers, steps, max_steps: see `SampledReference`.

    Source: Barret & Vaughan 2012 (https://arxiv.org/abs/1112.0535), equation 17; Bachetti et al.
        2015 (https://arxiv.org/abs/1409.3248), section 5, for the live time.
    """

    name: ClassVar[str] = "free_noise"
    label: ClassVar[str] = "free noise level"

    def compare_powers(self, observed: RecordedPowers, noise: Floats, source: Floats) -> Terms:
        """Integrate over the noise level; see `WhittleReference.compare_powers`."""
        signal = observed.response[:1] * source
        power = observed.channels[0]
        level = np.full((len(signal), 1), max(np.median(power), MIN_NOISE))
        for _ in range(NOISE_STEPS):
            weight = observed.shape / (level + signal) ** 2
            excess = power - level - signal
            step = (weight * excess).sum(axis=1) / weight.sum(axis=1)
            level = np.maximum(level + step[:, None], MIN_NOISE)

        expected = level + signal
        value = -(power / expected + np.log(expected)) @ observed.shape
        curvature = expected**-2.0 @ observed.shape
        return Terms.constant(value - np.log(curvature) / 2, observed.precision)


@dataclass(frozen=True)
class CospectrumFit(DeadTimeModel):
    """Fit the cospectrum of two modules, whose noise has the mean zero.

    The averaged cospectrum is the difference of two Gamma variables, which is distributed as
    `log_gamma_difference` says. Its scatter needs the noise level: the difference spectrum,
    smoothed. `expected` gives the powers of the dead-time model.

    Arguments:
        simulator: gives source, detector, summary and prior.
        draws, walkers, steps, max_steps: see `SampledReference`.

    Source: Bachetti et al. 2015 (https://arxiv.org/abs/1409.3248), section 5; Huppenkothen &
        Bachetti 2018 (https://arxiv.org/abs/1709.09666), for the distribution.
    """

    name: ClassVar[str] = "cospectrum"
    label: ClassVar[str] = "cospectrum"

    @classmethod
    def applies(cls, simulator: Simulator) -> bool:
        """Say whether the summary is that of two modules behind a known dead time."""
        return DeadTimeModel.applies(simulator) and "difference" in simulator.layout.spectra

    def compare_powers(self, observed: RecordedPowers, noise: Floats, source: Floats) -> Terms:
        """Compare the cospectrum with the source; see `WhittleReference.compare_powers`."""
        total, difference = observed.channels
        kernel = np.ones(min(SMOOTHED_BINS, len(difference)))
        weight = np.convolve(observed.shape, kernel, mode="same")
        level = np.convolve(observed.shape * difference, kernel, mode="same") / weight

        signal = observed.response[:1] * source
        density = log_gamma_difference(total - difference, observed.shape, level + signal, level)
        return Terms.constant(density.sum(axis=1), observed.precision)


def log_gamma_difference(
    difference: ArrayLike, shape: ArrayLike, first: ArrayLike, second: ArrayLike
) -> Floats:
    """Compute the log density of the difference of two Gamma variables of equal shape.

    With the shape k, the means a and b, A = k/a, B = k/b and nu = k - 1/2, it is (variance-gamma)

        p(d) = (A B)^k/(sqrt(pi) Gamma(k)) (|d|/(A + B))^nu exp[(B - A) d/2] K_nu[(A + B) |d|/2].

    K_nu is expanded uniformly in nu to third order (https://dlmf.nist.gov/10.41.E4). For k >= 4
    the log density is right to 0.0002.

    Arguments:
        difference: d, broadcast against the others.
        shape: k, 1 or greater.
        first, second: means a and b.

    Examples:
        >>> log_gamma_difference(0.0, 1e6, 1.0, 1.0).round(3).item()  # Gaussian, variance 2/k
        5.642
    """
    k, d = np.asarray(shape, dtype=np.float64), np.asarray(difference, dtype=np.float64)
    a = k / np.asarray(first, dtype=np.float64)
    b = k / np.asarray(second, dtype=np.float64)
    nu = k - 0.5
    x = (a + b) * d / (2 * nu)
    w = np.sqrt(1 + x**2)

    constant = (nu - 0.5) * np.log(2 * nu) - gammaln(k)
    rates = k * np.log(a * b) - 2 * nu * np.log(a + b)
    bessel = nu * (np.log1p(w) - w) - np.log(w) / 2 + np.log(_bessel_series(nu, 1 / w))
    return np.asarray(constant + rates + (b - a) * d / 2 + bessel)


def _bessel_series(nu: Floats, p: Floats) -> Floats:
    """Sum `(-1)^j u_j(p)/nu^j` to third order (https://dlmf.nist.gov/10.41.E10)."""
    q = p**2
    first = p * (3 - 5 * q) / 24
    second = q * (81 - 462 * q + 385 * q**2) / 1152
    third = p * q * (30375 - 369603 * q + 765765 * q**2 - 425425 * q**3) / 414720
    return np.asarray(1 - first / nu + second / nu**2 - third / nu**3)
