"""Find the factor by which an overconfident posterior must be inflated."""

from collections.abc import Callable

import numpy as np

from livetime.check.arrays import Floats
from livetime.check.calibration import LEVELS, calibrate
from livetime.infer.posterior import Posterior
from livetime.infer.run import INFLATIONS

INFLATION_DRAWS = 99
"""Posterior draws for each truth and factor."""
INFLATION_BATCH = 100
"""Truths at a time."""


def find_inflation(
    inflated: Callable[[float], Callable[[Floats], Posterior]],
    theta: Floats,
    x: Floats,
    seed: int,
    progress: Callable[[int], object] | None = None,
) -> float:
    """Find the least inflation with which the joint credible regions cover as often as expected.

    A network that learned its simulations too well is overconfident on others. One factor
    corrects that, as temperature scaling does for classifiers (Guo et al. 2017,
    arXiv:1706.04599). It brings to zero the mean excess of the coverage of the joint regions at
    `LEVELS`, in binomial standard deviations. An underconfident posterior is not changed.

    Arguments:
        inflated: factor -> summaries (B, X) -> their posteriors.
        theta: truths (N, D) in sampling coordinates, which no network was trained on.
        x: their summaries (N, X).
        seed: of the posterior draws, the same for each factor.
        progress: is called with the number of `INFLATIONS` tried or skipped since.

    Returns:
        a factor from 1 to the last of `INFLATIONS`, interpolated between two of them.
    """
    excesses: list[float] = []
    for factor in INFLATIONS:
        excesses.append(_excess(inflated(factor), theta, x, seed))
        if progress:
            progress(1)
        if excesses[-1] >= 0:
            break
    if progress:
        progress(len(INFLATIONS) - len(excesses))

    if excesses[-1] < 0:
        return INFLATIONS[int(np.argmax(excesses))]
    tried = INFLATIONS[: len(excesses)]
    return float(np.interp(0.0, excesses[-2:], tried[-2:]))


def _excess(posterior: Callable[[Floats], Posterior], theta: Floats, x: Floats, seed: int) -> float:
    """Find the mean excess of the joint coverage, in binomial standard deviations of one truth."""
    calibration = calibrate(posterior, theta, x, seed, INFLATION_DRAWS, INFLATION_BATCH)
    levels = np.array(LEVELS)
    coverage = (calibration.hpd[:, None] <= levels).mean(axis=0)
    excess = coverage - levels
    variance = levels * (1 - levels)
    in_deviations = excess / np.sqrt(variance)
    return float(in_deviations.mean())
