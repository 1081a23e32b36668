"""Run sequential Monte Carlo from prior to posterior, for start points and for an evidence."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Density = Callable[[Floats], Floats]
"""Points (n, D) -> the logarithm of a density at each, (n,)."""


@dataclass
class _Population:
    """Draws (n, D) with their log-likelihood (n,) and log prior density (n,)."""

    theta: Floats
    value: Floats
    prior: Floats

    def resample(self, chosen: NDArray[np.int64]) -> None:
        """Keep the chosen draws, with repetitions."""
        self.theta = self.theta[chosen]
        self.value = self.value[chosen]
        self.prior = self.prior[chosen]


def anneal(
    log_likelihood: Density,
    log_prior: Density,
    start: Floats,
    rng: np.random.Generator,
    sweeps: int = 3,
    last: int = 15,
) -> tuple[Floats, float]:
    """Move draws from the prior to the posterior without missing a mode; find the evidence.

    The likelihood is raised to a power that grows from 0 to 1. Each step lowers the effective
    number of draws to a third. The draws are then resampled, and moved by differential evolution.

    Arguments:
        log_likelihood, log_prior: (n, D) -> (n,), finite everywhere.
        start: (n, D), draws from the prior.
        rng: source of all randomness.
        sweeps, last: moves of every draw at each power, and at the end.

    Returns: draws (n, D), the most probable first; and ln of the likelihood's mean over the prior.

    Sources: Del Moral, Doucet & Jasra 2006 (sequential Monte Carlo); ter Braak 2006 (moves).

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> def gaussian(x):
        ...     return -50 * ((x - 0.5) ** 2).sum(axis=1)
        >>> def flat(x):
        ...     return np.where((abs(x - 0.5) < 0.5).all(axis=1), 0.0, -1e30)
        >>> draws, log_evidence = anneal(gaussian, flat, rng.random((500, 1)), rng)
        >>> bool(abs(log_evidence - np.log(np.sqrt(2 * np.pi) / 10)) < 0.3)
        True
    """
    n = len(start)
    population = _Population(start, log_likelihood(start), log_prior(start))
    power = 0.0
    evidence = 0.0
    while power < 1:
        weight, step, gain = _tempered(population.value, 1 - power)
        power += step
        power = min(power, 1.0)
        evidence += gain

        # systematic resampling: one random number for all draws
        comb = (np.arange(n) + rng.random()) / n
        chosen = np.searchsorted(np.cumsum(weight), comb).clip(max=n - 1)
        population.resample(chosen)
        for _ in range(sweeps if power < 1 else last):
            _move(population, log_likelihood, log_prior, power, rng)
    order = np.argsort(-(population.value + population.prior))
    ordered = population.theta[order]
    return ordered, evidence


def _move(
    population: _Population,
    log_likelihood: Density,
    log_prior: Density,
    power: float,
    rng: np.random.Generator,
) -> None:
    """Move every draw once by differential evolution, at a power of the likelihood."""
    n, dim = population.theta.shape
    optimal = 2.38 / np.sqrt(2 * dim)
    gamma = np.where(rng.random((n, 1)) < 0.9, optimal, 1.0)
    a, b = rng.integers(n, size=(2, n))
    difference = population.theta[a] - population.theta[b]
    proposal = population.theta + gamma * difference

    value = log_likelihood(proposal)
    prior = log_prior(proposal)
    log_ratio = power * (value - population.value) + prior - population.prior
    accept = np.log(rng.random(n)) < log_ratio
    population.theta = np.where(accept[:, None], proposal, population.theta)
    population.value = np.where(accept, value, population.value)
    population.prior = np.where(accept, prior, population.prior)


def _tempered(value: Floats, largest: float) -> tuple[Floats, float, float]:
    """Return weights exp(step value), the step, and ln of their mean.

    The step is the largest, up to `largest`, that leaves an effective third of the draws.
    """
    highest = value.max()

    def weights(step: float) -> Floats:
        raw = np.exp(step * (value - highest))
        total = raw.sum()
        return np.asarray(raw / total)

    def excess(log_step: float) -> float:
        effective = 1 / (weights(np.exp(log_step)) ** 2).sum()
        third = len(value) / 3
        return float(effective - third)

    step = _largest_step(excess, largest)
    mean = np.exp(step * (value - highest)).mean()
    log_mean = step * highest + np.log(mean)
    return weights(step), step, float(log_mean)


def _largest_step(excess: Callable[[float], float], largest: float) -> float:
    """Return the largest step whose excess of effective draws is not negative."""
    from scipy.optimize import brentq

    log_largest = np.log(largest)
    if excess(log_largest) >= 0:
        return largest
    # a likelihood of zero is written as -1e30, and needs a far smaller step
    lowest = -40.0 if excess(-40.0) >= 0 else -80.0
    return float(np.exp(brentq(excess, lowest, log_largest, xtol=0.01)))
