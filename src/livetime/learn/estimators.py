"""The contract of everything that is trained, and the estimators that need no sbi: classifier and mixture density network."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal
from torch.nn.functional import cross_entropy, softplus

from livetime.learn.nets import Shapes, build_net

EDGE = 1e-6
"""A theta on the edge of the box is taken as this far inside, in units of the box."""


class Estimator(nn.Module, ABC):
    """Whatever learns from pairs of a target and a standardised summary.

    A new model is one class with this contract and one YAML file under `configs/estimator`.
    """

    question: ClassVar[str] = "posterior"
    """What it answers, see `infer.question`; for `class` it learns the number of the class, else
    the parameters in sampling coordinates."""

    @abstractmethod
    def loss(self, target: Tensor, x: Tensor) -> Tensor:
        """Loss of each pair: target (B, D), or (B, 1) for a class, and x (B, X) -> (B,)."""


class PosteriorEstimator(Estimator):
    """An estimator of the density of theta (in sampling coordinates) given x; its loss is -log q(theta | x).

    It works on a function of theta's place in the prior box that has no bounds, so that no draw falls outside and none is rejected.

    Arguments:
        shapes: of the data; gives the box.
    """

    low: Tensor
    high: Tensor
    widens: bool = True
    """Whether it knows other widths than 1."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor(shapes.low, dtype=torch.float32))
        self.register_buffer("high", torch.tensor(shapes.high, dtype=torch.float32))

    @abstractmethod
    def sample(self, n: int, x: Tensor, width: float = 1.0) -> Tensor:
        """Draws (n, B, D) for x (B, X); a `width` above 1 spreads them, if the estimator `widens`."""

    @abstractmethod
    def log_prob(self, theta: Tensor, x: Tensor, width: float = 1.0) -> Tensor:
        """Log density (n, B) of theta (n, B, D) given x (B, X)."""

    def loss(self, target: Tensor, x: Tensor) -> Tensor:
        return -self.log_prob(target[None], x)[0]

    def place(self, theta: Tensor) -> Tensor:
        """(theta - low)/(high - low)."""
        return ((theta - self.low) / (self.high - self.low)).clamp(EDGE, 1 - EDGE)

    def theta(self, place: Tensor) -> Tensor:
        return self.low + (self.high - self.low) * place.clamp(EDGE, 1 - EDGE)


class MixtureDensity(PosteriorEstimator):
    """Mixture density network: q(theta | x) is a mixture of Gaussians in the probit u of theta's place in the prior box.

    There the prior is a Gaussian, and where an edge of the box cuts a posterior it has a Gaussian tail, not a logit's exponential one.
    A shift and a scale, functions of x, are common to all components, which have only the posterior's shape left to learn.

    With one component it is regression: heteroscedastic with a `full` or `diagonal` covariance that depends on x, homoscedastic with a
    `constant` one, whose loss is then that of weighted least squares.

    Arguments:
        shapes: of the data.
        net: group node of the net whose features are means, factors of the covariances and weights.
        components: number K of Gaussians.
        covariance: `full` or `diagonal`, as functions of x; or `constant`, full and the same for every x.

    Source: Bishop (1994).
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
            raise ValueError(f"components is {components}, but must be at least 1")
        self.components, self.covariance, self.dim = components, covariance, len(shapes.low)
        below = self.dim * (self.dim - 1) // 2
        self.sizes = [
            1,
            self.dim,
            *([] if covariance == "constant" else [self.dim] + [below] * (covariance == "full")),
        ]
        self.shared = 0 if covariance == "constant" else 2 * self.dim
        self.net = build_net(net, shapes, self.shared + components * sum(self.sizes))
        self.spread = nn.Parameter(torch.randn(components, self.dim))
        """Sets the components apart, or none would ever differ from another; at first they cover about what the prior does."""
        if covariance == "constant":
            self.factor = nn.Parameter(torch.zeros(components, self.dim + below))

    def mixture(self, x: Tensor, width: float = 1.0) -> MixtureSameFamily:
        """The distribution of u for each x (B, X), each component wider by a factor."""
        features = self.net(x)
        parts = (
            features[:, self.shared :]
            .unflatten(-1, (self.components, sum(self.sizes)))
            .split(self.sizes, dim=-1)
        )
        mean = parts[1] + self.spread
        diagonal, *rest = parts[2:] or self.factor.expand(len(x), -1, -1).tensor_split(
            [self.dim], dim=-1
        )
        tril = torch.diag_embed(width * (softplus(diagonal) + 1e-3))
        if rest and self.dim > 1:
            row, column = torch.tril_indices(self.dim, self.dim, -1)
            tril = tril.index_put(
                (
                    torch.arange(len(x))[:, None, None],
                    torch.arange(self.components)[:, None],
                    row,
                    column,
                ),
                width * rest[0],
            )
        if self.shared:
            centre, diagonal = features[:, None, : self.shared].chunk(2, dim=-1)
            scale = softplus(diagonal) + 1e-3
            mean, tril = centre + scale * mean, scale[..., None] * tril
        return MixtureSameFamily(
            Categorical(logits=parts[0][..., 0], validate_args=False),
            MultivariateNormal(mean, scale_tril=tril, validate_args=False),
            validate_args=False,
        )

    def log_prob(self, theta: Tensor, x: Tensor, width: float = 1.0) -> Tensor:
        u = torch.special.ndtri(self.place(theta))
        jacobian = ((u**2 + math.log(2 * math.pi)) / 2 - torch.log(self.high - self.low)).sum(-1)
        out: Tensor = self.mixture(x, width).log_prob(u) + jacobian  # type: ignore[no-untyped-call]
        return out

    def sample(self, n: int, x: Tensor, width: float = 1.0) -> Tensor:
        return self.theta(torch.special.ndtr(self.mixture(x, width).sample((n,))))  # type: ignore[no-untyped-call]


class Classifier(Estimator):
    """p(class | x) by the softmax of a net's logits; of two classes the first one's logit is zero.

    With a `Perceptron` it is logistic regression. Its loss is the cross entropy.

    Arguments:
        shapes: of the data; gives the classes.
        net: group node.
        class_weights: of each class's loss, scaled to a mean of one; null for none.
    """

    question = "class"
    weights: Tensor

    def __init__(
        self, shapes: Shapes, net: dict[str, Any], class_weights: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        k = len(shapes.classes)
        if k < 2:
            raise ValueError(
                "a Classifier needs a prior with two classes or more; give prior.classes, or take an estimator of parameters"
            )
        given = (
            torch.ones(k)
            if class_weights is None
            else torch.tensor(class_weights, dtype=torch.float32)
        )
        if len(given) != k or not (given > 0).all() or not torch.isfinite(given).all():
            raise ValueError(
                f"class_weights is {class_weights}, but must be {k} positive numbers, one for each class"
            )
        self.register_buffer("weights", given / given.mean())
        self.binary = k == 2
        self.net = build_net(net, shapes, 1 if self.binary else k)

    def logits(self, x: Tensor) -> Tensor:
        """(B, K)."""
        out: Tensor = self.net(x)
        return torch.cat([torch.zeros_like(out), out], dim=-1) if self.binary else out

    def probabilities(self, x: Tensor) -> Tensor:
        """(B, K), each row summing to one."""
        return torch.softmax(self.logits(x), dim=-1)

    def loss(self, target: Tensor, x: Tensor) -> Tensor:
        number = target[:, 0].long()
        return cross_entropy(self.logits(x), number, reduction="none") * self.weights[number]
