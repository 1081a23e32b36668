"""Find confidence intervals that contain their own estimate."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from livetime.check.arrays import Floats

LEVEL = 0.95
"""Confidence of all intervals."""
_BINS = 15
"""Bins of the probability, evenly from 0 to 1, in which calibration is measured."""
NOISE_DRAWS = 1000
"""Draws of the noise of the bins."""


def bias_corrected_interval(
    estimate: float, resampled: Floats, level: float = LEVEL
) -> tuple[float, float]:
    """Find a bias-corrected bootstrap interval, which contains the estimate.

    A share Phi(z0) of the bootstrap values lies below the estimate. The limits are the quantiles
    at Phi(2 z0 + z) instead of Phi(z) (Efron 1987, BCa with an acceleration of zero).

    Arguments:
        estimate: the statistic of the whole sample.
        resampled: the statistic of bootstrap samples, (R,).
        level: confidence.

    Examples:
        >>> resampled = np.random.default_rng(0).normal(1.1, 0.1, 1000)  # biased by 0.1
        >>> low, high = bias_corrected_interval(1.0, resampled)
        >>> low < 1.0 < high
        True
    """
    n = len(resampled)
    below = (resampled < estimate).mean()
    equal = (resampled == estimate).mean()
    share = np.clip(below + equal / 2, 0.5 / n, 1 - 0.5 / n)
    bias = stats.norm.ppf(share)

    tails = stats.norm.ppf([(1 - level) / 2, (1 + level) / 2])
    shifted = 2 * bias + tails
    corrected = stats.norm.cdf(shifted)
    low, high = np.quantile(resampled, corrected)
    return min(float(low), estimate), max(float(high), estimate)


@dataclass(frozen=True)
class CalibrationError:
    """Keep the expected calibration error, free of the bias of finite bins, and its interval.

    Arguments:
        value: median-unbiased estimate.
        low, high: 95% confidence interval, which contains the value.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> p = rng.uniform(0, 1, 4000)
        >>> error = CalibrationError.measure(p, rng.uniform(0, 1, 4000) < p)
        >>> error.low <= error.value <= error.high, error.low
        (True, 0.0)
    """

    value: float
    low: float
    high: float

    @classmethod
    def measure(cls, confidence: Floats, correct: NDArray[Any]) -> "CalibrationError":
        """Measure sum_b w_b |d_b|, d_b the excess of the accuracy over the confidence in a bin.

        The plain sum is biased: noise makes each |d_b| larger. By Anderson's theorem its
        distribution rises with k for true excesses k d_b. The value has the k for which the
        observed sum is the median, the limits those for which it is a 97.5% or 2.5% quantile.

        Arguments:
            confidence: probability of an event, (N,).
            correct: whether it happened, (N,).
        """
        bins = _Bins.count(confidence, correct)
        plain = bins.error(1.0)
        tails = ((1 + LEVEL) / 2, 0.5, (1 - LEVEL) / 2)
        low, value, high = (bins.factor(plain, tail) * plain for tail in tails)
        return cls(value, low, high)


@dataclass(frozen=True)
class _Bins:
    """Bins of confidence: weight, excess of the accuracy, and noise (R, bins) of that excess."""

    weight: Floats
    excess: Floats
    noise: Floats

    @classmethod
    def count(cls, confidence: Floats, correct: NDArray[Any]) -> "_Bins":
        """Sort N events into bins; a confidence of 1 has a bin of its own, as in torchmetrics."""
        single = np.asarray(confidence, dtype=np.float32)
        edges = np.linspace(0, 1, _BINS + 1, dtype=np.float32)
        place = np.searchsorted(edges, single, side="right") - 1
        n = np.bincount(place, minlength=_BINS + 1)
        filled = n > 0
        n = n[filled]
        mean = np.bincount(place, confidence, _BINS + 1)[filled] / n
        happened = np.bincount(place, correct, _BINS + 1)[filled]

        # One pseudo-event at the mean confidence keeps the noise of pure bins above zero.
        rate = (happened + mean) / (n + 1)
        deviation = np.sqrt(rate * (1 - rate) / n)
        rng = np.random.default_rng(0)
        noise = rng.standard_normal((NOISE_DRAWS, len(n)))
        return cls(n / n.sum(), happened / n - mean, deviation * noise)

    def error(self, factor: float) -> float:
        """Find the calibration error for true excesses that are a factor times the observed."""
        return float((self.weight * np.abs(factor * self.excess)).sum())

    def factor(self, observed: float, tail: float) -> float:
        """Find the factor for which the observed error is a quantile of the noisy errors."""

        def difference(factor: float) -> float:
            errors = np.abs(factor * self.excess + self.noise) @ self.weight
            return float(np.quantile(errors, tail)) - observed

        if difference(0.0) >= 0:
            return 0.0
        upper = 1.0
        while difference(upper) < 0:
            upper *= 2
        return float(optimize.brentq(difference, 0.0, upper, xtol=1e-3))
