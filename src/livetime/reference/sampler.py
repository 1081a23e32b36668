"""An emcee chain that starts where the posterior is, and says so if it did not converge."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit

from livetime.simulate.prior import Prior, Samples

Floats = NDArray[np.float64]
Density = Callable[[Floats], Floats]


def log_logistic(u: Floats) -> Floats:
    """Log density (n,) of the logits u (n, D) of places that are even in a box."""
    return np.asarray((log_expit(u) + log_expit(-u)).sum(axis=1))


def sample(
    log_likelihood: Density,
    start: Floats,
    rng: np.random.Generator,
    walkers: int,
    steps: int,
    max_steps: int,
) -> tuple[Floats, str]:
    """A chain of emcee's (Foreman-Mackey et al. 2013) from an annealed start, grown until it spans 50 autocorrelation times.

    Arguments:
        log_likelihood: (n, D) -> (n,), of logits of places in a box, over which the prior is even; finite everywhere.
        start: (n, D), draws from the prior or nearer to the posterior, as such logits.
        walkers: of the ensemble.
        steps, max_steps: first and greatest length.

    Returns: chain (T, walkers, D), less its first fifth; and what is wrong with it, empty if it converged.
    """
    from emcee import EnsembleSampler
    from emcee.autocorr import integrated_time
    from emcee.moves import DEMove, MHMove

    def log_prob(u: Floats) -> Floats:
        return log_likelihood(u) + log_logistic(u)

    population, _ = anneal(log_likelihood, log_logistic, start, rng)
    bulk = population[: int(0.9 * len(population))]
    moves = [
        (MHMove(_Kernels(bulk, population)), 0.6),
        (DEMove(), 0.35),
        (DEMove(gamma0=1.0), 0.05),
    ]
    sampler = EnsembleSampler(walkers, start.shape[1], log_prob, moves=moves, vectorize=True)
    sampler.random_state = np.random.RandomState(rng.integers(2**32)).get_state()
    state, length = rng.permutation(bulk)[:walkers], min(steps, max_steps)
    while True:
        state = sampler.run_mcmc(state, length - sampler.iteration, skip_initial_state_check=True)
        chain: Floats = sampler.get_chain(discard=length // 5)
        place = expit(chain)
        with np.errstate(invalid="ignore"):  # a walker that never moved
            tau = float(np.nan_to_num(integrated_time(place, tol=0), nan=np.inf).max())
        apart = float(
            np.sqrt(place.mean(axis=0).var(axis=0) / place.var(axis=0).mean(axis=0)).max()
        )
        if len(chain) >= 50 * tau and apart < 0.3:
            return chain, ""
        if length == max_steps:
            break
        length = int(min(max_steps, max(length + steps, 70 * tau)))
    return chain, (
        f"the chain did not converge, do not trust its intervals: {len(chain)} steps are {len(chain) / tau:.0f} autocorrelation times "
        f"(50 are wanted), the walkers' means scatter by {apart:.2f} standard deviations (less than .3 is wanted)"
    )


def posterior(
    name: str,
    log_likelihood: Density,
    prior: Prior,
    place: Floats,
    rng: np.random.Generator,
    walkers: int,
    steps: int,
    max_steps: int,
    draws: int,
) -> Samples:
    """So many draws from the posterior of parameters whose prior is a box; a note says so if the chain did not converge.

    Arguments:
        name: of the model, for the note.
        log_likelihood: theta (n, D) in sampling coordinates -> (n,), finite everywhere.
        place: in the box, (n, D) from 0 to 1, of draws from the prior or nearer to the posterior, from which to start.
        walkers, steps, max_steps: see `sample`.
    """
    width = prior.high - prior.low
    chain, complaint = sample(
        lambda u: log_likelihood(prior.low + width * expit(u)),
        logit(place),
        rng,
        walkers,
        steps,
        max_steps,
    )
    theta = (prior.low + width * expit(chain)).reshape(-1, prior.dim)
    chosen = np.linspace(0, len(theta) - 1, draws).round().astype(int)
    return Samples(theta[chosen], prior, (f"{name}: {complaint}",) if complaint else ())


class _Kernels:
    """Proposes from a Gaussian kernel estimate of a population's density, whatever the present place.

    Arguments:
        bulk: (m, D), gives the kernels' covariance.
        population: (n, D), their centres.
        width: of a kernel over that of the bulk.
    """

    def __init__(self, bulk: Floats, population: Floats, width: float = 0.6) -> None:
        self.mean, self.width = bulk.mean(axis=0), width
        covariance = np.cov(bulk.T).reshape(bulk.shape[1], bulk.shape[1])
        self.root = np.linalg.cholesky(covariance + 1e-9 * np.diag(np.diag(covariance) + 1e-9))
        self.centres = np.linalg.solve(self.root, (population - self.mean).T).T

    def log_density(self, u: Floats) -> Floats:
        z = np.linalg.solve(self.root, (u - self.mean).T).T
        squared = (
            (z**2).sum(axis=1)[:, None] + (self.centres**2).sum(axis=1) - 2 * z @ self.centres.T
        )
        squared /= -2 * self.width**2
        most = squared.max(axis=1)
        return np.asarray(most + np.log(np.exp(squared - most[:, None]).sum(axis=1)))

    def __call__(self, u: Floats, random: Any) -> tuple[Floats, Floats]:
        z = self.centres[
            random.randint(len(self.centres), size=len(u))
        ] + self.width * random.standard_normal(u.shape)
        proposal = self.mean + z @ self.root.T
        old, new = self.log_density(np.concatenate([u, proposal])).reshape(2, len(u))
        return proposal, old - new


def anneal(
    log_likelihood: Density,
    log_prior: Density,
    start: Floats,
    rng: np.random.Generator,
    sweeps: int = 3,
    last: int = 15,
) -> tuple[Floats, float]:
    """Carries draws from the prior to the posterior, so that no mode is missed or dwelt on, and tells the evidence.

    The power of the likelihood grows from 0 to 1 (sequential Monte Carlo, Del Moral et al. 2006), each time so far that the weights leave a
    third of the draws; these are resampled and moved by differential evolution (ter Braak 2006).

    Arguments:
        log_likelihood, log_prior: (n, D) -> (n,), finite everywhere.
        start: (n, D), draws from the prior.
        sweeps, last: moves of every draw at each power, and at the end.

    Returns: (n, D), the most probable first; and ln of the likelihood's mean over the prior.
    """
    n, dim = start.shape
    theta, value, prior, power, evidence = start, log_likelihood(start), log_prior(start), 0.0, 0.0
    while power < 1:
        weight, step, gain = _tempered(value, 1 - power)
        power, evidence = min(1.0, power + step), evidence + gain
        chosen = np.searchsorted(np.cumsum(weight), (np.arange(n) + rng.random()) / n).clip(
            max=n - 1
        )
        theta, value, prior = theta[chosen], value[chosen], prior[chosen]
        for _ in range(sweeps if power < 1 else last):
            gamma = np.where(rng.random((n, 1)) < 0.9, 2.38 / np.sqrt(2 * dim), 1.0)
            a, b = rng.integers(n, size=(2, n))
            proposal = theta + gamma * (theta[a] - theta[b])
            proposed, its_prior = log_likelihood(proposal), log_prior(proposal)
            accept = np.log(rng.random(n)) < power * (proposed - value) + its_prior - prior
            theta = np.where(accept[:, None], proposal, theta)
            value, prior = np.where(accept, proposed, value), np.where(accept, its_prior, prior)
    return theta[np.argsort(-(value + prior))], evidence


def _tempered(value: Floats, most: float) -> tuple[Floats, float, float]:
    """Weights exp(step value), normalised, the largest step up to `most` that leaves an effective third of them, and ln of their mean."""
    from scipy.optimize import brentq

    def weights(step: float) -> Floats:
        w = np.exp(step * (value - value.max()))
        return np.asarray(w / w.sum())

    def excess(log_step: float) -> float:
        return float(1 / (weights(np.exp(log_step)) ** 2).sum() - len(value) / 3)

    lowest = (
        -40.0 if excess(-40.0) >= 0 else -80.0
    )  # a likelihood of zero is told as a logarithm of -1e30
    step = (
        most
        if excess(np.log(most)) >= 0
        else float(np.exp(brentq(excess, lowest, np.log(most), xtol=0.01)))
    )
    return (
        weights(step),
        step,
        float(step * value.max() + np.log(np.exp(step * (value - value.max())).mean())),
    )
