"""Define posteriors of one or many summaries, which give draws and a density at any theta."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.learn.estimators import Spread
from livetime.learn.module import LitEstimator
from livetime.simulate.layout import Layout
from livetime.simulate.prior import Prior, Samples

Floats = NDArray[np.floating[Any]]

MAX_INFLATION = 2.0
"""The greatest factor by which a posterior may be widened."""


class Posterior(ABC):
    """The posterior p(theta | x) of B summaries x, in sampling coordinates.

    A density network gives both methods directly; a likelihood or ratio network needs MCMC to
    sample. An object with these two methods can be calibrated, compared and reported.

    Examples:
        >>> from livetime.simulate.prior import Range
        >>> class Flat(Posterior):
        ...     prior = Prior({"rate": Range(1.0, 100.0, "log")})
        ...
        ...     def sample(self, n, seed):
        ...         return self.prior.sample(n, np.random.default_rng(seed))[:, None]
        ...
        ...     def log_prob(self, theta):
        ...         return self.prior.log_prob(theta)
        >>> Flat().samples(5, seed=1).theta.shape
        (5, 1)
    """

    prior: Prior

    @abstractmethod
    def sample(self, n: int, seed: int) -> Floats:
        """Draw n times from each posterior, inside the prior box.

        Arguments:
            n: draws for each summary.
            seed: the same seed gives the same draws.

        Returns:
            draws (n, B, D) in sampling coordinates.
        """

    @abstractmethod
    def log_prob(self, theta: Floats) -> Floats:
        """Evaluate ln p(theta | x), which is -inf outside the prior box.

        Arguments:
            theta: (n, B, D) in sampling coordinates.

        Returns:
            log density (n, B).
        """

    def samples(self, n: int, seed: int) -> Samples:
        """Draw n times from the posterior of the first summary.

        Arguments:
            n: number of draws.
            seed: the same seed gives the same draws.
        """
        draws = self.sample(n, seed)[:, 0]
        return Samples(np.asarray(draws, dtype=np.float64), self.prior)


@dataclass(frozen=True)
class Slope:
    """Keep how an inflation depends on one number of a summary.

    Arguments:
        slope: of ln factor, per `scale`.
        centre, scale: mean and standard deviation of the number among simulations.

    Examples:
        >>> Slope(0.1, 1.0, 0.2).scale
        0.2
    """

    slope: float
    centre: float
    scale: float


@dataclass(frozen=True)
class Inflation:
    """Widen posteriors by a factor that depends on rates and covariates of the observation.

    With the numbers s_k of a summary, such as log10 of its segments,

        ln factor = ln base + sum_k slope_k (s_k - centre_k)/scale_k,

    and the factor is from 1 to `MAX_INFLATION`.

    Arguments:
        base: factor where every number is at its centre.
        slopes: block of the summary -> how the factor depends on it.

    Raises:
        ValueError: for a number that is not finite, a base or scale that is not positive, or a base
            above `MAX_INFLATION`.

    Examples:
        >>> from livetime.simulate.layout import Block
        >>> layout = Layout((Block("segments"),))
        >>> inflation = Inflation(1.1, {"segments": Slope(-0.1, 1.0, 0.2)})
        >>> inflation.factors(layout, torch.tensor([[0.8], [1.0], [2.0]]))
        tensor([1.2157, 1.1000, 1.0000])
    """

    base: float
    slopes: Mapping[str, Slope]

    def __post_init__(self) -> None:
        scales = [slope.scale for slope in self.slopes.values()]
        numbers = [n for each in self.slopes.values() for n in (each.slope, each.centre)]
        finite = all(map(math.isfinite, [self.base, *scales, *numbers]))
        if not finite or min([self.base, *scales]) <= 0:
            raise ValueError("base, slopes, centres and scales must be finite, and scales positive")
        if self.base > MAX_INFLATION:
            raise ValueError(
                f"base is {self.base:g}, but must be at most {MAX_INFLATION:g}; lower it"
            )

    def factors(self, layout: Layout, x: torch.Tensor) -> torch.Tensor:
        """Return the widening factor (B,) of each summary (B, X)."""
        log_factor = torch.full((len(x),), math.log(self.base), dtype=torch.float64)
        for name, own in self.slopes.items():
            number = x[:, layout.slices[name].start].double()
            log_factor += own.slope * (number - own.centre) / own.scale
        return log_factor.clamp(0.0, math.log(MAX_INFLATION)).exp().float()

    def plain(self) -> dict[str, Any]:
        """Give all numbers as plain types."""
        slopes = {name: dict(vars(slope)) for name, slope in self.slopes.items()}
        return {"base": self.base, "slopes": slopes}

    @classmethod
    def from_plain(cls, layout: Layout, plain: Mapping[str, Any]) -> "Inflation":
        """Make an inflation of what `plain` gave.

        Raises:
            ValueError: if it does not fit the layout, or is not finite.
        """
        slopes = {}
        for name, row in plain["slopes"].items():
            if name not in layout.slices:
                raise ValueError(f"{name} is not a block of the summary")
            slopes[name] = Slope(float(row["slope"]), float(row["centre"]), float(row["scale"]))
        return cls(float(plain["base"]), slopes)


NO_INFLATION = Inflation(1.0, {})
"""Leaves every posterior as the network gives it."""


@dataclass(frozen=True)
class FlowPosterior(Posterior):
    """Average the densities of an ensemble of networks.

    With K members q_k the density is `q(theta | x) = (1/K) sum_k q_k(theta | x)`.

    Arguments:
        members: trained networks.
        x: summaries (B, X).
        prior: names the columns of theta, and bounds them.
        inflation: factor by which each member's density is spread, a number or (B,); 1 for none.

    Examples:
        >>> from livetime.simulate.prior import Range
        >>> x = torch.zeros(2, 5)
        >>> FlowPosterior((), x, Prior({"rate": Range(1.0, 100.0)})).inflation
        1.0
    """

    members: tuple[LitEstimator, ...]
    x: torch.Tensor
    prior: Prior
    inflation: Spread = 1.0

    @torch.no_grad()
    def sample(self, n: int, seed: int) -> Floats:
        """Draw (n, B, D) from the mixture, clipped to the prior box; see `Posterior.sample`."""
        rng = np.random.default_rng(seed)
        shares = [1 / len(self.members)] * len(self.members)
        counts = rng.multinomial(n, shares)

        parts = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for member, count in zip(self.members, counts, strict=True):
                if count:
                    x = member.standardise(self.x)
                    parts.append(member.estimator.sample(int(count), x, self.inflation).double())

        low = torch.from_numpy(self.prior.low)
        high = torch.from_numpy(self.prior.high)
        found = torch.cat(parts)
        refuse_no_number(found)
        draws = found.clamp(low, high).numpy()
        # Members stand in blocks; any part of the draws must be a draw of the mixture.
        return np.asarray(draws[np.random.default_rng(seed).permutation(n)])

    @torch.no_grad()
    def log_prob(self, theta: Floats) -> Floats:
        """Evaluate the log density (n, B) of the mixture; see `Posterior.log_prob`."""
        at = torch.from_numpy(np.asarray(theta, dtype=np.float32))
        logs = torch.stack([self._member_log_prob(member, at) for member in self.members])
        mixture = (torch.logsumexp(logs, 0) - np.log(len(logs))).double().numpy()
        inside = np.isfinite(self.prior.log_prob(theta))
        return np.where(inside, mixture, -np.inf)

    def _member_log_prob(self, member: LitEstimator, theta: torch.Tensor) -> torch.Tensor:
        x = member.standardise(self.x)
        logs: torch.Tensor = member.estimator.log_prob(theta, x, self.inflation)
        return logs


def refuse_no_number(found: torch.Tensor) -> None:
    """Refuse an answer that is not finite, which damaged weights or extrapolation may give.

    Arguments:
        found: draws or probabilities.

    Raises:
        UserError: for a value that is not a number.
    """
    if torch.isnan(found).any():
        problem = "answers with values that are not numbers"
        raise UserError("the network", problem, "train again, with a lower training.lr")
