"""The contract of everything that is trained."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Estimator(nn.Module, ABC):
    """Whatever learns from pairs of a target and a standardised summary.

    A new model is one class with this contract and one YAML file under `configs/estimator`.
    """

    @abstractmethod
    def loss(self, target: Tensor, x: Tensor) -> Tensor:
        """Loss of each pair: target (B, D), x (B, X) -> (B,)."""


class PosteriorEstimator(Estimator):
    """An estimator of the density of theta (in sampling coordinates) given x; its loss is -log q(theta | x)."""

    @abstractmethod
    def sample(self, n: int, x: Tensor) -> Tensor:
        """Draws (n, B, D) for x (B, X)."""

    @abstractmethod
    def log_prob(self, theta: Tensor, x: Tensor) -> Tensor:
        """Log density (n, B) of theta (n, B, D) given x (B, X)."""

    def loss(self, target: Tensor, x: Tensor) -> Tensor:
        return -self.log_prob(target[None], x)[0]
