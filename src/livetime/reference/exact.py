"""The best possible answers, where the likelihood is known: posteriors and class probabilities for `PeriodogramSimulator`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, logsumexp

from livetime.reference.sampler import anneal, log_logistic, posterior
from livetime.simulate.periodograms import PeriodogramSimulator
from livetime.simulate.prior import Samples

Floats = NDArray[np.float64]
POPULATION = 600
"""Draws that are annealed from the prior to the posterior, as the start of a chain;"""
FOR_EVIDENCE = 2000
"""and for an evidence."""
DEPTH = 25.0
"""What is less probable than the best by this many nats is nothing: exp(-25) = 1e-11."""


@dataclass(frozen=True)
class Exact:
    """Whittle's likelihood, of which the simulations were drawn: its posterior is the one that a network can at best find.

    Up to three parameters by quadrature: a grid over the prior box that shrinks to where the posterior is, its last cells
    a fraction of a standard deviation wide. More by emcee, without a density.

    Arguments:
        simulator: draws the periodograms.
        draws: that `fit` hands out.
        max_steps: of emcee's chain.

    Raises: ValueError for any other simulator.
    """

    simulator: PeriodogramSimulator
    draws: int = 4000
    max_steps: int = 12000

    name: ClassVar[str] = "exact"

    def __post_init__(self) -> None:
        if self.simulator.kind != "periodograms":
            raise ValueError(
                "the exact posterior is known for simulated periodograms alone; leave `exact` out of reference.names"
            )

    def given(self, x: ArrayLike) -> tuple[Floats, Floats, float]:
        """Leahy powers (F,), the shapes of their distributions (F,), and the rate."""
        layout, values = self.simulator.layout, np.asarray(x, dtype=np.float64)
        part = {name: values[s] for name, s in layout.slices.items()}
        segments = round(10 ** part["segments"].item())
        return (
            2 * np.exp(part["power"]),
            segments * layout.axis.averaged.astype(np.float64),
            float(10 ** part["rate_a"].item()),
        )

    def _expected(self, params: Mapping[str, ArrayLike], rate: float) -> Floats:
        return np.atleast_2d(self.simulator.expected({**params, "rate": rate}))

    def log_likelihood(self, theta: ArrayLike, x: ArrayLike) -> Floats:
        """Log density (n,) of x (X,) given theta (n, D) in sampling coordinates, up to a constant that depends on x alone."""
        power, shape, rate = self.given(x)
        expected = self._expected(self.simulator.prior.physical(np.atleast_2d(theta)), rate)
        return np.asarray(-(power / expected + np.log(expected)) @ shape)

    def power(self, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Expected Leahy power (n, F) of the channel; params: physical, each a number or (n,)."""
        arrays = {
            name: np.atleast_1d(np.asarray(value, dtype=np.float64))
            for name, value in params.items()
        }
        return {"power": self._expected(arrays, float(arrays["rate"][0]))}

    def _grid(self, x: ArrayLike, low: Floats, high: Floats, n: int) -> tuple[Floats, Floats]:
        """Midpoints (n^D, D) of the cells of a box, and the log-likelihood there."""
        axes = [a + (b - a) * (np.arange(n) + 0.5) / n for a, b in zip(low, high, strict=True)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(low))
        return points, np.concatenate(
            [
                self.log_likelihood(part, x)
                for part in np.array_split(points, max(1, len(points) // 20_000))
            ]
        )

    def _quadrature(
        self, x: ArrayLike, coarse: int = 16, fine: int = 40
    ) -> tuple[Floats, Floats, Floats]:
        """Midpoints, log-likelihoods and the cells' sides (D,) of the grid on which the posterior lies."""
        low, high = self.simulator.prior.low, self.simulator.prior.high
        while True:
            points, value = self._grid(x, low, high, coarse)
            near, side = points[value > value.max() - DEPTH], (high - low) / coarse
            new_low, new_high = (
                np.clip(edge, low, high)
                for edge in (near.min(axis=0) - 1.5 * side, near.max(axis=0) + 1.5 * side)
            )
            shrunk = float(np.prod((new_high - new_low) / (high - low)))
            low, high = new_low, new_high
            if shrunk > 0.5:
                break
        points, value = self._grid(x, low, high, fine)
        return points, value, (high - low) / fine

    def log_prob(self, theta: ArrayLike, x: ArrayLike) -> Floats:
        """Normalised log density (n,) of the posterior of x (X,) at theta (n, D), in sampling coordinates; at most three parameters."""
        if self.simulator.prior.dim > 3:
            raise ValueError(
                f"quadrature is for at most three parameters, but the prior has {self.simulator.prior.dim}"
            )
        _, value, side = self._quadrature(x)
        inside = np.isfinite(self.simulator.prior.log_prob(theta))
        return np.where(
            inside, self.log_likelihood(theta, x) - logsumexp(value) - np.log(side).sum(), -np.inf
        )

    def fit(self, x: ArrayLike, seed: int = 0) -> Samples:
        """Draws from the posterior of x (X,); the same for the same seed."""
        prior, rng = self.simulator.prior, np.random.default_rng(seed)
        if prior.dim <= 3:
            points, value, side = self._quadrature(x)
            chosen = rng.choice(len(points), self.draws, p=np.exp(value - logsumexp(value)))
            return Samples(
                points[chosen] + side * (rng.random((self.draws, prior.dim)) - 0.5), prior
            )
        place = rng.random((POPULATION, prior.dim))
        return posterior(
            self.name,
            lambda theta: self.log_likelihood(theta, x),
            prior,
            place,
            rng,
            40,
            500,
            self.max_steps,
            self.draws,
        )

    def log_evidence(self, x: ArrayLike, box: Floats, rng: np.random.Generator) -> float:
        """ln p(x | class) of one summary (X,), up to what `log_likelihood` leaves out; box (D, 2) as `Prior.box` gives it."""
        free = box[:, 0] < box[:, 1]
        low, width = box[free, 0], box[free, 1] - box[free, 0]

        def log_likelihood(u: Floats) -> Floats:
            theta = np.tile(box[:, 0], (len(u), 1))
            theta[:, free] = low + width * expit(u)
            return self.log_likelihood(theta, x)

        if not free.any():
            return float(log_likelihood(np.zeros((1, 0)))[0])
        return anneal(
            log_likelihood,
            log_logistic,
            logit(rng.random((FOR_EVIDENCE, len(low)))),
            rng,
            sweeps=4,
            last=0,
        )[1]

    def class_probabilities(
        self, x: ArrayLike, seed: int = 0, progress: Callable[[int], object] | None = None
    ) -> Floats:
        """p(class | x) (B, K) of summaries (B, X), the classes being equally probable: no classifier can do better on average.

        Each class's evidence comes from sequential Monte Carlo, good to about .2 in its logarithm.
        """
        rows = np.atleast_2d(np.asarray(x))
        boxes = [self.simulator.prior.box(name) for name in self.simulator.prior.classes]
        out = np.empty((len(rows), len(boxes)))
        for i, row in enumerate(rows):
            rng = np.random.default_rng([seed, i])
            out[i] = [self.log_evidence(row, box, rng) for box in boxes]
            if progress:
                progress(1)
        return np.asarray(np.exp(out - logsumexp(out, axis=1, keepdims=True)))
