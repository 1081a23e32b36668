"""Run an emcee chain that starts inside the posterior and reports whether it converged."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit

from livetime.reference.annealing import Density, anneal
from livetime.simulate.prior import Prior, Samples

Floats = NDArray[np.float64]

MIN_AUTOCORRELATION_TIMES = 50.0
"""A converged chain spans at least as many autocorrelation times."""
MAX_WALKER_SCATTER = 0.3
"""The means of a converged chain's walkers scatter by less, in standard deviations."""


@dataclass(frozen=True)
class Chain:
    """Set the size of an emcee ensemble, and the number of draws that are kept.

    Arguments:
        walkers: number of walkers of the ensemble.
        steps: first length of the chain; it grows until it spans 50 autocorrelation times.
        max_steps: greatest length; a chain that ends there unconverged is noted.
        draws: number of draws, spread evenly over the chain.

    Examples:
        >>> Chain(draws=100).walkers
        40
    """

    walkers: int = 40
    steps: int = 500
    max_steps: int = 12000
    draws: int = 4000


def log_logistic(u: Floats) -> Floats:
    """Return the log density of logits u whose `expit(u)` is uniform in a unit box.

    Arguments:
        u: logits, (n, D).

    Returns: sum over D of `ln expit(u) + ln expit(-u)`, (n,).

    Examples:
        >>> log_logistic(np.zeros((1, 1))).round(4)
        array([-1.3863])
    """
    return np.asarray((log_expit(u) + log_expit(-u)).sum(axis=1))


def sample_posterior(
    label: str,
    log_likelihood: Density,
    prior: Prior,
    place: Floats,
    rng: np.random.Generator,
    chain: Chain,
) -> Samples:
    """Draw from a posterior whose prior is a box; a note reports a chain that did not converge.

    Arguments:
        label: human name of the model, for the note.
        log_likelihood: theta (n, D) in sampling coordinates -> (n,), finite everywhere.
        prior: the box.
        place: starting points in units of the box, (n, D) from 0 to 1: draws from the prior, or
            nearer to the posterior.
        rng: source of all randomness.
        chain: size of the ensemble and number of draws.

    Returns: `chain.draws` samples in sampling coordinates.
    """
    width = prior.high - prior.low

    def of_logits(u: Floats) -> Floats:
        return log_likelihood(prior.low + width * expit(u))

    logits, complaint = sample_chain(of_logits, logit(place), rng, chain)
    theta = (prior.low + width * expit(logits)).reshape(-1, prior.dim)
    spaced = np.linspace(0, len(theta) - 1, chain.draws)
    chosen = spaced.round().astype(int)
    notes = (f"{label}: {complaint}",) if complaint else ()
    draws = theta[chosen]
    return Samples(draws, prior, notes)


def sample_chain(
    log_likelihood: Density, start: Floats, rng: np.random.Generator, chain: Chain
) -> tuple[Floats, str]:
    """Run emcee from an annealed start until the chain spans 50 autocorrelation times.

    Arguments:
        log_likelihood: logits (n, D) of places in a box, over which the prior is uniform -> (n,),
            finite everywhere.
        start: such logits (n, D), draws from the prior or nearer to the posterior.
        rng: source of all randomness; numpy's global state stays as it is.
        chain: size of the ensemble.

    Returns: the chain (T, walkers, D) without its first fifth; and one sentence on what is wrong
        with it, empty if it converged.

    Source: Foreman-Mackey et al. 2013 (emcee, https://arxiv.org/abs/1202.3665).
    """
    sampler, state = _ensemble(log_likelihood, start, rng, chain)
    length = min(chain.steps, chain.max_steps)
    while True:
        missing = length - sampler.iteration
        state = sampler.run_mcmc(state, missing, skip_initial_state_check=True)
        kept: Floats = sampler.get_chain(discard=length // 5)
        time, scatter = _convergence(kept)

        needed = MIN_AUTOCORRELATION_TIMES * time
        long_enough = len(kept) >= needed
        if long_enough and scatter < MAX_WALKER_SCATTER:
            return kept, ""
        if length == chain.max_steps:
            return kept, _complaint(len(kept), time, scatter)

        # 70 rather than 50: a fifth of the chain is discarded
        wanted = max(length + chain.steps, 70 * time)
        length = int(min(chain.max_steps, wanted))


def _ensemble(
    log_likelihood: Density, start: Floats, rng: np.random.Generator, chain: Chain
) -> tuple[Any, Floats]:
    """Return an emcee sampler and the walkers' first places, (walkers, D)."""
    from emcee import EnsembleSampler
    from emcee.moves import DEMove, MHMove

    def log_prob(u: Floats) -> Floats:
        log_prior = log_logistic(u)
        return log_likelihood(u) + log_prior

    population, _ = anneal(log_likelihood, log_logistic, start, rng)
    bulk = population[: int(0.9 * len(population))]

    # kernels find all modes, differential evolution finds the scale, gamma0 = 1 jumps between modes
    proposal = _Kernels(bulk, population)
    kernels = MHMove(proposal)
    moves = [(kernels, 0.6), (DEMove(), 0.35), (DEMove(gamma0=1.0), 0.05)]
    dim = start.shape[1]
    sampler = EnsembleSampler(chain.walkers, dim, log_prob, moves=moves, vectorize=True)
    seeded = np.random.RandomState(rng.integers(2**32))
    sampler.random_state = seeded.get_state()
    return sampler, rng.permutation(bulk)[: chain.walkers]


def _convergence(chain: Floats) -> tuple[float, float]:
    """Return the longest autocorrelation time and the scatter of the walkers' means, in sigma."""
    from emcee.autocorr import integrated_time

    place = expit(chain)
    with np.errstate(invalid="ignore"):  # a walker that never moved has no time
        times = integrated_time(place, tol=0)
    time = float(np.nan_to_num(times, nan=np.inf).max())

    means = place.mean(axis=0)
    variances = place.var(axis=0)
    between = means.var(axis=0)
    within = variances.mean(axis=0)
    return time, float(np.sqrt(between / within).max())


def _complaint(length: int, time: float, scatter: float) -> str:
    """Say why a chain of so many steps did not converge."""
    return (
        f"the chain of {length} steps did not converge, do not trust its intervals: "
        f"{length / time:.0f} autocorrelation times (limit 50), "
        f"walkers differ by {scatter:.2f} sigma (limit 0.30)"
    )


class _Kernels:
    """Propose from a Gaussian kernel estimate of a population's density, from any place.

    Arguments:
        bulk: (m, D), gives the covariance of the kernels.
        population: (n, D), the centres of the kernels.
        bandwidth: ratio of the width of a kernel to that of the bulk.
    """

    def __init__(self, bulk: Floats, population: Floats, bandwidth: float = 0.6) -> None:
        dim = bulk.shape[1]
        covariance = np.cov(bulk.T).reshape(dim, dim)
        # a tiny ridge keeps the root real where a population has no spread
        ridge = 1e-9 * np.diag(np.diag(covariance) + 1e-9)
        self.mean = bulk.mean(axis=0)
        self.bandwidth = bandwidth
        self.root = np.linalg.cholesky(covariance + ridge)
        self.centres = self._whiten(population)

    def _whiten(self, u: Floats) -> Floats:
        """Return u in units of the bulk's covariance root, (n, D)."""
        return np.asarray(np.linalg.solve(self.root, (u - self.mean).T).T)

    def log_density(self, u: Floats) -> Floats:
        """Return the log of the kernel estimate at u (n, D), without its norm, (n,)."""
        z = self._whiten(u)
        squared = (
            (z**2).sum(axis=1)[:, None] + (self.centres**2).sum(axis=1) - 2 * z @ self.centres.T
        )
        squared /= -2 * self.bandwidth**2
        largest = squared.max(axis=1)
        total = np.exp(squared - largest[:, None]).sum(axis=1)
        return np.asarray(largest + np.log(total))

    def __call__(self, u: Floats, random: Any) -> tuple[Floats, Floats]:
        """Propose a place for each walker at u (n, D); return it and the log of the ratio."""
        chosen = random.randint(len(self.centres), size=len(u))
        noise = random.standard_normal(u.shape)
        z = self.centres[chosen] + self.bandwidth * noise
        proposal = self.mean + z @ self.root.T

        both = self.log_density(np.concatenate([u, proposal]))
        old, new = both.reshape(2, len(u))
        return proposal, old - new
