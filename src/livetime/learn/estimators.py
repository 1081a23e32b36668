"""Define the contract of all that is trained, and the estimators that do not need sbi.

These are the classifier and the mixture density network; `flows` has the normalizing flows.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal
from torch.nn.functional import cross_entropy, softplus

from livetime.learn.nets import Shapes, build_net

Spread = float | Tensor
"""A factor that widens posteriors: one for all, or one for each of them, (B,)."""
EDGE = 1e-6
"""A theta on the edge of the box is taken as this far inside, in units of the box."""
MIN_SCALE = 1e-3
"""Smallest scale of a Gaussian component, which keeps its density finite."""


class Estimator(nn.Module, ABC):
    """Learn from pairs of a target and a standardised summary.

    A new model is one class with this contract and one YAML file under `configs/estimator`. The
    first argument of its constructor is `shapes`, the rest are the keys of the YAML file.

    Examples:
        >>> class Guess(Estimator):
        ...     def __init__(self, shapes):
        ...         super().__init__()
        ...         self.guess = nn.Parameter(torch.zeros(len(shapes.low)))
        ...     def loss(self, target, x):
        ...         return ((target - self.guess) ** 2).sum(-1)
        >>> guess = Guess(Shapes(low=(0.0,), high=(1.0,), x_dim=3))
        >>> guess.loss(torch.ones(2, 1), torch.zeros(2, 3)).tolist()
        [1.0, 1.0]
    """

    question: ClassVar[str] = "posterior"
    """What it is trained to answer: `posterior` learns the parameters in sampling coordinates,
    `class` the number of the class."""
    inflates: bool = False
    """Say whether its posterior can be spread by an inflation other than 1."""

    @abstractmethod
    def loss(self, target: Tensor, x: Tensor) -> Tensor:
        """Return the loss of each pair, (B,).

        Arguments:
            target: parameters (B, D) in sampling coordinates, or numbers of classes (B, 1).
            x: standardised summaries (B, X).
        """


class PosteriorEstimator(Estimator):
    """Estimate the density of theta given x; the loss is -log q(theta | x).

    The prior box is mapped to a space without bounds, such as logits. So no draw falls outside of
    the box, and none is rejected.

    Arguments:
        shapes: of the data; gives the box.
    """

    low: Tensor
    high: Tensor
    inflates: bool = True

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor(shapes.low, dtype=torch.float32))
        self.register_buffer("high", torch.tensor(shapes.high, dtype=torch.float32))

    @abstractmethod
    def sample(self, n: int, x: Tensor, inflation: Spread = 1.0) -> Tensor:
        """Draw theta (n, B, D) for x (B, X).

        Arguments:
            n: number of draws for each summary.
            x: standardised summaries.
            inflation: factor above 1 that spreads the draws, if the estimator `inflates`.
        """

    @abstractmethod
    def log_prob(self, theta: Tensor, x: Tensor, inflation: Spread = 1.0) -> Tensor:
        """Return the log density (n, B) of theta (n, B, D) given x (B, X).

        Arguments:
            theta: in sampling coordinates.
            x: standardised summaries.
            inflation: as in `sample`.
        """

    def loss(self, target: Tensor, x: Tensor) -> Tensor:
        """Return -log q(target | x), (B,), for target (B, D) and x (B, X)."""
        return -self.log_prob(target[None], x)[0]

    def place(self, theta: Tensor) -> Tensor:
        """Return theta's place in the box, (theta - low)/(high - low), just inside 0 and 1."""
        return ((theta - self.low) / (self.high - self.low)).clamp(EDGE, 1 - EDGE)

    def theta(self, place: Tensor) -> Tensor:
        """Return the theta in sampling coordinates at a place in the box, from 0 to 1."""
        return self.low + (self.high - self.low) * place.clamp(EDGE, 1 - EDGE)


class MixtureDensity(PosteriorEstimator):
    """Estimate q(theta | x) by a mixture of Gaussians in the probit u of theta's place in the box.

    In u the prior is a Gaussian. A posterior that an edge of the box cuts has a Gaussian tail in
    u; in the logit its tail would be exponential. All components share a shift and a scale,
    functions of x. The components thus learn the shape of the posterior only.

    With one component it is a regression. With a `full` or `diagonal` covariance, which depends on
    x, it is heteroscedastic. With a `constant` covariance it is homoscedastic, and the loss is
    that of weighted least squares.

    Arguments:
        shapes: of the data.
        net: group node of the net whose features are means, covariance factors and weights.
        components: number K of Gaussians.
        covariance: `full` or `diagonal`, as functions of x; `constant` is full and the same for
            every x.

    Raises: ValueError for fewer than one component.

    Source: Bishop 1994 (Mixture density networks, Aston University, NCRG/94/004).

    Examples:
        >>> shapes = Shapes(low=(0.0, 0.0), high=(1.0, 2.0), x_dim=5)
        >>> mixture = MixtureDensity(shapes, {"_target_": "livetime.learn.nets.Perceptron"}, 3)
        >>> mixture.loss(torch.ones(4, 2), torch.zeros(4, 5)).shape
        torch.Size([4])
    """

    def __init__(
        self,
        shapes: Shapes,
        net: dict[str, Any],
        components: int = 8,
        covariance: Literal["full", "diagonal", "constant"] = "full",
    ) -> None:
        super().__init__(shapes)
        if components < 1:
            raise ValueError(f"components is {components}, but must be at least 1; give 1 or more")
        self.components = components
        self.covariance = covariance
        self.dim = len(shapes.low)
        constant = covariance == "constant"
        below_diagonal = self.dim * (self.dim - 1) // 2

        # sizes of a component's features: weight, mean, diagonal and the factors below it
        factors = [self.dim, below_diagonal] if covariance == "full" else [self.dim]
        self.sizes = [1, self.dim, *([] if constant else factors)]
        self.shared = 0 if constant else 2 * self.dim
        self.net = build_net(net, shapes, self.shared + components * sum(self.sizes))
        self.spread = nn.Parameter(torch.randn(components, self.dim))
        """Sets the components apart, or none would ever differ from another; at first they cover
        about what the prior does."""
        if constant:
            self.factor = nn.Parameter(torch.zeros(components, self.dim + below_diagonal))

    def log_prob(self, theta: Tensor, x: Tensor, inflation: Spread = 1.0) -> Tensor:
        """Return the log density (n, B) of theta (n, B, D) given x (B, X).

        Arguments:
            theta: in sampling coordinates.
            x: standardised summaries.
            inflation: factor by which each component is wider than in training, a number or (B,).
        """
        place = self.place(theta)
        u = torch.special.ndtri(place)
        log_normal = (u**2 + math.log(2 * math.pi)) / 2
        jacobian = (log_normal - torch.log(self.high - self.low)).sum(-1)
        mixture = self.mixture(x, inflation)
        density = mixture.log_prob(u)  # type: ignore[no-untyped-call]
        out: Tensor = density + jacobian
        return out

    def sample(self, n: int, x: Tensor, inflation: Spread = 1.0) -> Tensor:
        """Draw theta (n, B, D) for x (B, X).

        Arguments:
            n: number of draws for each summary.
            x: standardised summaries.
            inflation: factor by which each component is wider than in training, a number or (B,).
        """
        u = self.mixture(x, inflation).sample((n,))  # type: ignore[no-untyped-call]
        place = torch.special.ndtr(u)
        return self.theta(place)

    def mixture(self, x: Tensor, inflation: Spread = 1.0) -> MixtureSameFamily:
        """Return the distribution of u for each x (B, X), with each component inflated by a
        factor."""
        features = self.net(x)
        own = features[:, self.shared :].unflatten(-1, (self.components, sum(self.sizes)))
        weight, mean, *factors = own.split(self.sizes, dim=-1)
        mean = mean + self.spread
        if not factors:
            constant = self.factor.expand(len(x), -1, -1)
            factors = list(constant.tensor_split([self.dim], dim=-1))
        root = self._root(factors, inflation)

        # the shift and the scale that all components share
        if self.shared:
            centre, raw_scale = features[:, None, : self.shared].chunk(2, dim=-1)
            scale = softplus(raw_scale) + MIN_SCALE
            mean = centre + scale * mean
            root = scale[..., None] * root
        return MixtureSameFamily(
            Categorical(logits=weight[..., 0], validate_args=False),
            MultivariateNormal(mean, scale_tril=root, validate_args=False),
            validate_args=False,
        )

    def _root(self, factors: list[Tensor], inflation: Spread) -> Tensor:
        """Return the lower triangular roots (B, K, D, D) of the covariances.

        Arguments:
            factors: raw diagonals (B, K, D), and what is below them unless it is zero.
            inflation: factor of all of them.
        """
        diagonal, *below = factors
        factor = torch.as_tensor(inflation, dtype=diagonal.dtype, device=diagonal.device)
        factor = factor.reshape(-1, 1, 1)
        root = torch.diag_embed(factor * (softplus(diagonal) + MIN_SCALE))
        if not below or self.dim == 1:
            return root
        row, column = torch.tril_indices(self.dim, self.dim, -1)
        batch = torch.arange(len(diagonal))[:, None, None]
        component = torch.arange(self.components)[:, None]
        return root.index_put((batch, component, row, column), factor * below[0])


class Classifier(Estimator):
    """Estimate p(class | x) by the softmax of a net's logits; its loss is the cross entropy.

    With two classes the logit of the first is zero. With a `Perceptron` it is logistic regression.

    Arguments:
        shapes: of the data; gives the classes.
        net: group node.
        class_weights: of each class's loss, scaled to a mean of one; None for equal weights.

    Raises: ValueError for fewer than two classes, or weights that do not fit them.

    Examples:
        >>> shapes = Shapes(low=(0.0,), high=(1.0,), x_dim=3, classes=("a", "b"))
        >>> classifier = Classifier(shapes, {"_target_": "livetime.learn.nets.Perceptron"})
        >>> classifier.probabilities(torch.zeros(4, 3)).shape
        torch.Size([4, 2])
    """

    question: ClassVar[str] = "class"
    weights: Tensor

    def __init__(
        self, shapes: Shapes, net: dict[str, Any], class_weights: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        k = len(shapes.classes)
        if k < 2:
            raise ValueError(
                "a Classifier needs a prior with two classes or more; give prior.classes, or take "
                "an estimator of parameters"
            )
        weights = torch.ones(k)
        if class_weights is not None:
            weights = torch.tensor(class_weights, dtype=torch.float32)
        positive = (weights > 0).all() and torch.isfinite(weights).all()
        if len(weights) != k or not positive:
            raise ValueError(
                f"class_weights is {class_weights}, but must be {k} positive numbers; "
                "give one per class"
            )
        relative = weights / weights.mean()
        self.register_buffer("weights", relative)
        self.binary = k == 2
        self.net = build_net(net, shapes, 1 if self.binary else k)

    def logits(self, x: Tensor) -> Tensor:
        """Return a logit for each class, (B, K), for x (B, X)."""
        out: Tensor = self.net(x)
        if not self.binary:
            return out
        return torch.cat([torch.zeros_like(out), out], dim=-1)

    def probabilities(self, x: Tensor) -> Tensor:
        """Return p(class | x), (B, K), each row summing to one, for x (B, X)."""
        logits = self.logits(x)
        return torch.softmax(logits, dim=-1)

    def loss(self, target: Tensor, x: Tensor) -> Tensor:
        """Return the weighted cross entropy (B,) of class numbers (B, 1) and x (B, X)."""
        number = target[:, 0].long()
        plain = cross_entropy(self.logits(x), number, reduction="none")
        return plain * self.weights[number]
