"""Define references, which answer without a network: the protocol, and a base with sampling."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.reference.annealing import Density
from livetime.reference.sampler import Chain, sample_posterior
from livetime.simulate.prior import Samples
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.float64]
AnyFloats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]

POPULATION = 600
"""Draws that are annealed from the prior to the posterior, as the start of a chain."""

Progress = Callable[[int], object]
"""A callback that receives the number of observations done since its last call."""


def as_floats(values: ArrayLike) -> Floats:
    """Return values in double precision, of any shape.

    Examples:
        >>> as_floats([1, 2])
        array([1., 2.])
    """
    return np.asarray(values, dtype=np.float64)


class Reference(Protocol):
    """Answer without a network, from the same summary, with the same prior and type of result.

    A class with these members becomes a reference by its entry in `registry.REFERENCES`.
    """

    name: ClassVar[str]
    """What a setting calls it, `dead_time_model`."""
    label: ClassVar[str]
    """What people call it, `dead-time model`."""

    def __init__(self, simulator: Any, **options: Any) -> None:
        """Take the simulator that gives source, detector, summary and prior."""

    @classmethod
    def applies(cls, simulator: Simulator) -> bool:
        """Say whether the reference has an answer for a simulator's observations."""
        ...

    def expected(self, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Return the expected value of each spectral channel of the summary, (n, F) by name.

        Arguments:
            params: physical parameters and covariates, each a number or (n,).
        """
        ...

    def log_likelihood(self, theta: ArrayLike, x: ArrayLike) -> Floats:
        """Return the log density (n,) of x given theta, up to a constant that depends on x alone.

        Arguments:
            theta: (n, D) in sampling coordinates.
            x: summary (X,).
        """
        ...

    def fit(self, x: ArrayLike, seed: int = 0) -> Samples:
        """Draw from the posterior of a summary x (X,); the same draws for the same seed."""
        ...


@dataclass(frozen=True)
class SampledReference(ABC):
    """Sample the posterior by an emcee chain; a subclass defines `likelihood`.

    Arguments:
        simulator: gives source, detector, summary and prior.
        draws: number of draws that `fit` returns.
        walkers: number of walkers of emcee's ensemble.
        steps: first length of the chain; it grows until it spans 50 autocorrelation times.
        max_steps: greatest length; a chain that ends there unconverged is noted.
    """

    simulator: Any
    draws: int = 4000
    walkers: int = 40
    steps: int = 500
    max_steps: int = 12000

    name: ClassVar[str]
    label: ClassVar[str]

    @classmethod
    @abstractmethod
    def applies(cls, simulator: Simulator) -> bool:
        """Say whether the reference has an answer for a simulator's observations."""

    @abstractmethod
    def expected(self, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Return the expected value of each spectral channel of the summary, (n, F) by name.

        Arguments:
            params: physical parameters and covariates, each a number or (n,).
        """

    @abstractmethod
    def likelihood(self, x: ArrayLike) -> Density:
        """Return the log-likelihood of one summary as a function of theta.

        Arguments:
            x: summary (X,).

        Returns: theta (n, D) in sampling coordinates -> (n,), finite in the prior box, up to a
            constant that depends on x alone.
        """

    def log_likelihood(self, theta: ArrayLike, x: ArrayLike) -> Floats:
        """Return the log density (n,) of x given theta, up to a constant that depends on x alone.

        Arguments:
            theta: (n, D) or (D,) in sampling coordinates.
            x: summary (X,).
        """
        points = np.atleast_2d(as_floats(theta))
        return self.likelihood(x)(points)

    def fit(self, x: ArrayLike, seed: int = 0) -> Samples:
        """Draw from the posterior of x by emcee; a note reports a chain that did not converge.

        Arguments:
            x: summary (X,).
            seed: the same seed gives the same draws.

        Returns: `draws` samples in sampling coordinates.
        """
        rng = np.random.default_rng(seed)
        place = self._start(x, rng)
        chain = Chain(self.walkers, self.steps, self.max_steps, self.draws)
        prior = self.simulator.prior
        return sample_posterior(self.label, self.likelihood(x), prior, place, rng, chain)

    def _start(self, x: ArrayLike, rng: np.random.Generator) -> Floats:
        """Return where the chain starts, in units of the prior box, (POPULATION, D)."""
        return rng.random((POPULATION, self.simulator.prior.dim))


class ReferenceClassifier(ABC):
    """Classify without a network, from the same summaries, with equally probable classes.

    An instance is a fitted classifier, made by `fit` or `from_plain`.
    """

    name: ClassVar[str]
    """What settings, files and metrics call it, `boosted_trees`."""
    label: ClassVar[str]
    """What people call it, `boosted trees`."""
    stored: ClassVar[bool] = False
    """Whether `plain` gives all that `from_plain` needs, so that a run keeps it."""
    detail_steps: ClassVar[int] = 0
    """Number of steps of `details`; 0 if it takes about a second and needs no progress bar."""

    @classmethod
    def applies(cls, simulator: Simulator) -> bool:
        """Say whether the classifier has an answer for a simulator's observations."""
        return len(simulator.prior.classes) > 1

    @classmethod
    def slow_steps(cls, n_train: int, n: int) -> int:
        """Return the number of observations that progress counts.

        It is 0 if the work takes about a second and needs no progress bar.

        Arguments:
            n_train: number of simulations in `fit`.
            n: number of summaries in `probabilities`.
        """
        return 0

    @classmethod
    @abstractmethod
    def fit(
        cls, simulator: Simulator, x: AnyFloats, labels: Labels, progress: Progress | None = None
    ) -> Self:
        """Fit the classifier to simulations of known class.

        Arguments:
            simulator: of the simulations.
            x: summaries (N, X).
            labels: numbers of their classes (N,).
            progress: receives the number of simulations done since its last call.
        """

    @abstractmethod
    def probabilities(
        self, x: AnyFloats, seed: int = 0, progress: Progress | None = None
    ) -> Floats:
        """Return p(class | x), (B, K), each row summing to one.

        Arguments:
            x: summaries (B, X).
            seed: of Monte Carlo draws, if the classifier makes any.
            progress: receives the number of summaries done since its last call.
        """

    @property
    @abstractmethod
    def parameters(self) -> int:
        """Return the number of fitted parameters."""

    def details(self, x: AnyFloats, progress: Progress | None = None) -> dict[str, float]:
        """Return further numbers on one summary x (X,), such as a test's p-value.

        Arguments:
            x: summary (X,).
            progress: receives how many of the `detail_steps` are done since its last call.
        """
        return {}

    def plain(self) -> dict[str, Any]:
        """Return the state that `from_plain` restores, in plain types; empty unless `stored`."""
        return {}

    @classmethod
    def from_plain(cls, simulator: Simulator, plain: Mapping[str, Any]) -> Self:
        """Restore a classifier from the result of `plain`.

        Raises: ValueError for a state that does not describe a classifier.
        """
        raise ValueError(f"{cls.name} is not stored; fit it again")
