"""Find p-values of statistics whose distribution is known from simulations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

TAIL = 0.9
"""Quantile of a statistic beyond which its distribution is smooth."""
MIN_EXCESSES = 10
"""The fewest values beyond it that give a smooth distribution."""
MIN_TAIL_SHAPE = 1e-3
MAX_TAIL_SHAPE = 0.4
"""Limits of the shape of the generalised Pareto distribution; 0 is an exponential one."""


def tail_p_value(values: Floats, found: Floats) -> Floats:
    """Find how rare values are that are at least as great as those found, any shape.

    Up to the quantile `TAIL` it is the share of sorted values (N,). Beyond, the excess has a
    generalised Pareto distribution with the moments of the excesses (Hosking & Wallis 1987,
    https://doi.org/10.1080/00401706.1987.10488243), and is never bounded. Ranks alone would give
    all values beyond the greatest the same p-value, and many correct simulations have one of many
    statistics there.

    Arguments:
        values: of correct simulations, in ascending order, (N,).
        found: values of any shape.

    Examples:
        >>> values = np.sort(np.random.default_rng(0).exponential(size=10_000))
        >>> tail_p_value(values, np.log([2.0, 1e3])).round(3)
        array([0.493, 0.001])
    """
    threshold = np.quantile(values, TAIL)
    excess = values[values > threshold] - threshold
    share = len(excess) / len(values)
    if len(excess) < MIN_EXCESSES or excess.std() == 0:
        return rank_p_value(values, found)

    ratio = excess.mean() ** 2 / excess.var()
    shape = np.clip((1 - ratio) / 2, MIN_TAIL_SHAPE, MAX_TAIL_SHAPE)
    scale = excess.mean() * (1 - shape)
    beyond = np.maximum(found - threshold, 0) / scale
    tail = share * (1 + shape * beyond) ** (-1 / shape)
    return np.where(found > threshold, tail, np.maximum(rank_p_value(values, found), share))


def rank_p_value(values: Floats, found: float | Floats) -> Floats:
    """Find the share of sorted values (N,) that are at least as great as those found, any shape.

    The values found count as one more: the share is (k + 1)/(N + 1), and never 0.

    Examples:
        >>> float(rank_p_value(np.array([1.0, 2.0, 3.0]), 2.0))
        0.75
    """
    greater = len(values) - np.searchsorted(values, found, side="left")
    return (greater + 1) / (len(values) + 1)


def is_ranked(values: Floats) -> bool:
    """Say whether values are finite numbers (N,) in ascending order, N at least 1."""
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        return False
    return bool((np.diff(values) >= 0).all())
