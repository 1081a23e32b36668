"""Find the factor by which an overconfident posterior must be inflated."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.check.calibration import LEVELS, calibrate
from livetime.infer.posterior import Posterior
from livetime.infer.run import INFLATIONS

Floats = NDArray[np.floating[Any]]


def find_inflation(
    inflated: Callable[[float], Callable[[Floats], Posterior]],
    theta: Floats,
    x: Floats,
    seed: int,
    draws: int = 99,
    batch: int = 100,
    progress: Callable[[int], object] | None = None,
) -> float:
    """The least factor, from 1 to the last of `INFLATIONS`, by which posteriors must be widened for their joint regions to hold what they say.

    Networks that learned their simulations too well are overconfident on others. As in the temperature scaling of classifiers (Guo et
    al. 2017) one number mends it: the mean excess of the coverage of the joint HPD regions at `LEVELS`, in binomial standard
    deviations, is brought to zero, or as near as it gets. A cautious posterior is left as it is.

    Arguments:
        inflated: factor -> summaries (B, X) -> their posteriors.
        theta: truths (N, D) in sampling coordinates, which no network was trained on.
        x: their summaries (N, X).
        seed: of the posterior draws, the same for each factor.
        draws: for each truth.
        batch: truths at a time.
        progress: called with 1 after each of `INFLATIONS` that was tried, and with the number of those that need not be.
    """
    levels = np.array(LEVELS)

    def excess(factor: float) -> float:
        hpd = calibrate(inflated(factor), theta, x, seed, draws, batch).hpd
        return float(
            (
                ((hpd[:, None] <= levels).mean(axis=0) - levels) / np.sqrt(levels * (1 - levels))
            ).mean()
        )

    tried: list[float] = []
    for width in INFLATIONS:
        tried.append(excess(width))
        if progress:
            progress(1)
        if tried[-1] >= 0:
            break
    if progress:
        progress(len(INFLATIONS) - len(tried))
    if tried[-1] < 0:
        return INFLATIONS[int(np.argmax(tried))]
    return float(np.interp(0.0, tried[-2:], INFLATIONS[: len(tried)][-2:]))
