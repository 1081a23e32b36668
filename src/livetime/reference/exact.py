"""Find the best possible answers for simulated periodograms, whose likelihood is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, logsumexp

from livetime.reference.annealing import Density, anneal
from livetime.reference.base import Progress, SampledReference, as_floats
from livetime.reference.periodogram import as_arrays
from livetime.reference.sampler import log_logistic
from livetime.simulate.periodograms import PeriodogramSimulator, draws_periodograms
from livetime.simulate.prior import Samples
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.float64]

EVIDENCE_POPULATION = 2000
"""Draws that are annealed from the prior to the posterior for an evidence."""
LOG_DEPTH = 25.0
"""What is less probable than the best by this many nats is neglected: exp(-25) = 1e-11."""
MAX_GRID_DIM = 3
"""Most parameters for which the posterior is found by quadrature."""
_BLOCK_SIZE = 20_000
"""Grid points whose likelihood is computed at once."""
COARSE_CELLS = 16
"""Cells along each axis of the grids that search for the posterior."""
FINE_CELLS = 40
"""Cells along each axis of the grid that samples it."""


@dataclass(frozen=True)
class Grid:
    """A regular grid in the prior box, with the log-likelihood at its midpoints.

    Arguments:
        points: midpoints of the cells in sampling coordinates, (K, D).
        value: log-likelihood there, (K,).
        side: sides of a cell, (D,).

    Examples:
        >>> Grid(np.zeros((1, 2)), np.zeros(1), np.ones(2)).side.tolist()
        [1.0, 1.0]
    """

    points: Floats
    value: Floats
    side: Floats


@dataclass(frozen=True)
class Exact(SampledReference):
    """Use the likelihood from which the periodograms were drawn; no network can be better.

    With up to three parameters the posterior comes from a grid over the prior box. The grid
    shrinks to the posterior, until its cells are a fraction of a standard deviation wide. With
    more parameters emcee draws from it, and its density is not available.

    Arguments:
        simulator: one that draws periodograms.
        draws, walkers, steps, max_steps: see `SampledReference`.

    Raises: ValueError for any other simulator.

    Source: Barret & Vaughan 2012 (https://arxiv.org/abs/1112.0535), equation 17.
    """

    simulator: PeriodogramSimulator

    name: ClassVar[str] = "exact"
    label: ClassVar[str] = "exact"

    def __post_init__(self) -> None:
        """Refuse a simulator whose likelihood is unknown."""
        if not self.applies(self.simulator):
            raise ValueError(
                "the exact posterior is known for simulated periodograms alone; leave `exact` out"
            )

    @classmethod
    def applies(cls, simulator: Simulator) -> bool:
        """Say whether the simulator draws periodograms from a known likelihood."""
        return draws_periodograms(simulator)

    def given(self, x: ArrayLike) -> tuple[Floats, Floats, float]:
        """Return Leahy powers (F,), shapes of their Gamma distributions (F,) and the rate.

        Arguments:
            x: summary (X,).
        """
        layout = self.simulator.layout
        values = as_floats(x)
        part = {name: values[s] for name, s in layout.slices.items()}
        segments = round(10 ** part["segments"].item())
        power = 2 * np.exp(part["power"])
        shape = segments * layout.axis.averaged.astype(np.float64)
        return power, shape, float(10 ** part["rate_a"].item())

    def expected(self, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Return the expected Leahy power (n, F) of the only channel, `power`.

        Arguments:
            params: physical, each a number or (n,); the rate must be one number.
        """
        values = as_arrays(params)
        return {"power": self._expected(values, float(values["rate"][0]))}

    def likelihood(self, x: ArrayLike) -> Density:
        """Return the log-likelihood of a summary x (X,) as a function of theta (n, D)."""
        power, shape, rate = self.given(x)

        def evaluate(theta: Floats) -> Floats:
            expected = self._expected(self.simulator.prior.physical(theta), rate)
            return np.asarray(-(power / expected + np.log(expected)) @ shape)

        return evaluate

    def log_prob(self, theta: ArrayLike, x: ArrayLike) -> Floats:
        """Return the normalised log density of the posterior; for at most three parameters.

        Arguments:
            theta: (n, D) in sampling coordinates.
            x: summary (X,).

        Returns: (n,), -inf outside the prior box.

        Raises: ValueError for more than three parameters.
        """
        prior = self.simulator.prior
        if prior.dim > MAX_GRID_DIM:
            raise ValueError(
                f"the prior has {prior.dim} parameters, but a density needs at most "
                f"{MAX_GRID_DIM}; use `fit`, which samples"
            )
        grid = self._quadrature(x)
        relative = self.log_likelihood(theta, x) - logsumexp(grid.value)
        inside = np.isfinite(prior.log_prob(theta))
        return np.where(inside, relative - np.log(grid.side).sum(), -np.inf)

    def fit(self, x: ArrayLike, seed: int = 0) -> Samples:
        """Draw from the posterior of a summary x (X,); the same draws for the same seed."""
        prior = self.simulator.prior
        if prior.dim > MAX_GRID_DIM:
            return super().fit(x, seed)
        rng = np.random.default_rng(seed)
        grid = self._quadrature(x)
        probability = np.exp(grid.value - logsumexp(grid.value))
        chosen = rng.choice(len(grid.points), self.draws, p=probability)
        within = rng.random((self.draws, prior.dim)) - 0.5
        return Samples(grid.points[chosen] + grid.side * within, prior)

    def log_evidence(self, x: ArrayLike, box: Floats, rng: np.random.Generator) -> float:
        """Return ln p(x | class) of one summary, by sequential Monte Carlo.

        Arguments:
            x: summary (X,).
            box: edges of the class (D, 2), as `Prior.box` gives them.
            rng: source of all randomness.

        Returns: the evidence without the constant that `log_likelihood` leaves out.
        """
        free = box[:, 0] < box[:, 1]
        low = box[free, 0]
        high = box[free, 1]
        width = high - low
        likelihood = self.likelihood(x)

        def of_logits(u: Floats) -> Floats:
            theta = np.tile(box[:, 0], (len(u), 1))
            theta[:, free] = low + width * expit(u)
            return likelihood(theta)

        if not free.any():
            return float(of_logits(np.zeros((1, 0)))[0])
        start = logit(rng.random((EVIDENCE_POPULATION, len(low))))
        return anneal(of_logits, log_logistic, start, rng, sweeps=4, last=0)[1]

    def class_probabilities(
        self, x: ArrayLike, seed: int = 0, progress: Progress | None = None
    ) -> Floats:
        """Return p(class | x) for equally probable classes; on average no classifier is better.

        The evidence of each class comes from sequential Monte Carlo. The error of its logarithm is
        about 0.2.

        Arguments:
            x: summaries (B, X).
            seed: with the number of a summary, the seed of its Monte Carlo.
            progress: receives the number of summaries done since its last call.

        Returns: (B, K).
        """
        rows = np.atleast_2d(x)
        prior = self.simulator.prior
        boxes = [prior.box(name) for name in prior.classes]
        evidence = np.empty((len(rows), len(boxes)))
        for i, row in enumerate(rows):
            rng = np.random.default_rng([seed, i])
            evidence[i] = [self.log_evidence(row, box, rng) for box in boxes]
            if progress:
                progress(1)
        total = logsumexp(evidence, axis=1, keepdims=True)
        return np.asarray(np.exp(evidence - total))

    def _expected(self, params: Mapping[str, ArrayLike], rate: float) -> Floats:
        """Return the expected powers (n, F) of a source at a rate in counts/s."""
        return np.atleast_2d(self.simulator.expected({**params, "rate": rate}))

    def _quadrature(self, x: ArrayLike) -> Grid:
        """Return the fine grid on which the posterior lies."""
        prior = self.simulator.prior
        low = prior.low
        high = prior.high
        shrunk = 0.0
        while shrunk <= 0.5:
            grid = self._grid(x, low, high, COARSE_CELLS)
            near = grid.points[grid.value > grid.value.max() - LOG_DEPTH]
            margin = 1.5 * grid.side
            new_low = np.clip(near.min(axis=0) - margin, low, high)
            new_high = np.clip(near.max(axis=0) + margin, low, high)
            shrunk = float(np.prod((new_high - new_low) / (high - low)))
            low = new_low
            high = new_high
        return self._grid(x, low, high, FINE_CELLS)

    def _grid(self, x: ArrayLike, low: Floats, high: Floats, n: int) -> Grid:
        """Return the grid of n^D cells of a box."""
        place = np.arange(n) + 0.5
        axes = [a + (b - a) * place / n for a, b in zip(low, high, strict=True)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(low))
        full = len(points) // _BLOCK_SIZE
        blocks = max(1, full)
        likelihood = self.likelihood(x)
        value = [likelihood(part) for part in np.array_split(points, blocks)]
        return Grid(points, np.concatenate(value), (high - low) / n)
