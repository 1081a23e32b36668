"""Find the factor by which an overconfident posterior must be inflated."""

import math
from collections.abc import Callable

import numpy as np
from scipy import stats

from livetime.check.arrays import Floats
from livetime.check.calibration import LEVELS, Calibration, calibrate
from livetime.infer.posterior import MAX_INFLATION, NO_INFLATION, Inflation, Posterior, Slope
from livetime.simulate.layout import Layout
from livetime.simulate.prior import Prior

INFLATION_DRAWS = 99
"""Posterior draws for each truth and factor."""
INFLATION_BATCH = 100
"""Truths at a time."""
INFLATIONS = (0.7, 0.8, 0.9, 1.0, 1.05, 1.1, 1.2, 1.4, MAX_INFLATION)
"""Bases of inflations that are tried; one between two of them is interpolated."""
MAX_TRIALS = 2 + math.ceil(math.log2(len(INFLATIONS) - 1))
"""The most bases that are tried."""


def inflation_blocks(layout: Layout, prior: Prior) -> list[str]:
    """Name the numbers of a summary on which an inflation may depend: rate and covariates.

    Modules have nearly equal rates, so that one rate is enough.
    """
    return [*layout.module_rates[:1], *(name for name in prior.covariates if name in layout.slices)]


def find_inflation(
    inflated: Callable[[Inflation], Callable[[Floats], Posterior]],
    numbers: dict[str, Floats],
    theta: Floats,
    x: Floats,
    seed: int,
    progress: Callable[[int], object] | None = None,
) -> Inflation:
    """Find the least inflation with which the joint credible regions cover as often as expected.

    A network that learned its simulations too well is overconfident on others, and more so where
    observations are short or bright. Widening corrects that, as temperature scaling does for
    classifiers (Guo et al. 2017, https://arxiv.org/abs/1706.04599). Its slopes come from the radii
    of the truths. Its base brings to zero the mean excess of the coverage of the joint regions at
    `LEVELS`, in binomial standard deviations. An underconfident posterior is not changed.

    Arguments:
        inflated: inflation -> summaries (B, X) -> their posteriors.
        numbers: block of the summary -> its values (N,), on which the factor may depend.
        theta: truths (N, D) in sampling coordinates, which no network was trained on.
        x: their summaries (N, X).
        seed: of the posterior draws, the same for each factor.
        progress: is called with the number of bases tried or skipped since, `MAX_TRIALS` in all.
    """
    own = calibrate(inflated(NO_INFLATION), theta, x, seed, INFLATION_DRAWS, INFLATION_BATCH)
    slopes = find_slopes(own, numbers)

    tried = 0

    def excess(base: float) -> float:
        nonlocal tried
        tried += 1
        posterior = inflated(Inflation(base, slopes))
        found = calibrate(posterior, theta, x, seed, INFLATION_DRAWS, INFLATION_BATCH)
        if progress:
            progress(1)
        return _excess(found)

    base = _find_base(excess)
    if progress:
        progress(MAX_TRIALS - tried)
    return Inflation(base, slopes)


def _find_base(excess: Callable[[float], float]) -> float:
    """Find where the excess, which grows with the base, is zero, by bisection of `INFLATIONS`."""
    low = 0
    high = len(INFLATIONS) - 1
    least = excess(INFLATIONS[low])
    if least >= 0:
        return INFLATIONS[low]
    greatest = excess(INFLATIONS[high])
    if greatest < 0:
        return INFLATIONS[high]
    while high - low > 1:
        middle = (low + high) // 2
        found = excess(INFLATIONS[middle])
        if found < 0:
            low, least = middle, found
        else:
            high, greatest = middle, found
    return float(np.interp(0.0, [least, greatest], [INFLATIONS[low], INFLATIONS[high]]))


def find_slopes(calibration: Calibration, numbers: dict[str, Floats]) -> dict[str, Slope]:
    """Find how the width that a posterior lacks depends on numbers of the observation.

    If the truth lies on the edge of the joint region of mass u, its radius in a Gaussian posterior
    of D parameters is the root of the chi-square quantile of u. Where a posterior is too narrow by
    a factor, radii are too large by it. The linear quantile regression of their logarithms at the
    lowest of `LEVELS` gives the slopes (Koenker & Bassett 1978, https://doi.org/10.2307/1913643).

    Arguments:
        calibration: of N posteriors without inflation.
        numbers: name -> values (N,).

    Returns:
        a slope for each number that varies.
    """
    from sklearn.linear_model import QuantileRegressor

    varying = {name: values for name, values in numbers.items() if values.std() > 0}
    if not varying:
        return {}
    radius = np.sqrt(stats.chi2.ppf(calibration.hpd, calibration.truth.shape[1]))

    centres = {name: float(values.mean()) for name, values in varying.items()}
    scales = {name: float(values.std()) for name, values in varying.items()}
    columns = [(values - centres[name]) / scales[name] for name, values in varying.items()]
    regression = QuantileRegressor(quantile=LEVELS[0], alpha=0.0, solver="highs")
    fitted = regression.fit(np.stack(columns, axis=1), np.log(radius))
    return {
        name: Slope(float(slope), centres[name], scales[name])
        for name, slope in zip(varying, fitted.coef_, strict=True)
    }


def _excess(calibration: Calibration) -> float:
    """Find the mean excess of the joint coverage, in binomial standard deviations of one truth."""
    levels = np.array(LEVELS)
    coverage = (calibration.hpd[:, None] <= levels).mean(axis=0)
    excess = coverage - levels
    variance = levels * (1 - levels)
    in_deviations = excess / np.sqrt(variance)
    return float(in_deviations.mean())
