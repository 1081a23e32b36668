"""Predict the summary of given parameters by a network, to compare it with an observation."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livetime.learn.estimators import Estimator
from livetime.learn.module import LitEstimator
from livetime.learn.nets import MLP, Shapes

Floats = NDArray[np.floating[Any]]

MIN_EFFECTIVE = 1.5
"""The fewest effective draws behind a residual."""
BISECTIONS = 40
"""Steps that find the power of the likelihoods."""
MIN_LOG_SCALE = -7.0
MAX_LOG_SCALE = 4.0
"""Limits of the logarithm of a predicted scatter, in units of that of all simulations."""


class Emulator(Estimator):
    """Predict mean and scatter of each entry of a standardised summary from its parameters.

    The loss is the negative Gaussian log likelihood, averaged over the entries:

        loss = mean_k [ (x_k - m_k(theta))^2/(2 s_k(theta)^2) + ln s_k(theta) ].

    Parameters enter as their place p in their range, from -1 to 1, and as sine and cosine of
    `k pi p/2` for k up to `harmonics`. A narrow line that moves with its frequency needs them.

    Arguments:
        shapes: of the data; the ranges are those of parameters and covariates.
        widths: of the hidden layers.
        harmonics: number of sines and cosines of each parameter.

    Sources: Nix & Weigend 1994 (https://doi.org/10.1109/ICNN.1994.374138) for the loss; Tancik et
        al. 2020 (https://arxiv.org/abs/2006.10739) for the sines.

    Examples:
        >>> emulator = Emulator(Shapes(low=(0.0,), high=(1.0,), x_dim=3))
        >>> mean, scatter = emulator.moments(torch.zeros(5, 1))
        >>> mean.shape, scatter.shape
        (torch.Size([5, 3]), torch.Size([5, 3]))
    """

    question: ClassVar[str] = "likelihood"
    low: Tensor
    high: Tensor

    def __init__(
        self, shapes: Shapes, widths: Sequence[int] = (256, 256), harmonics: int = 8
    ) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor(shapes.low, dtype=torch.float32))
        self.register_buffer("high", torch.tensor(shapes.high, dtype=torch.float32))
        self.harmonics = harmonics
        inputs = len(shapes.low) * (1 + 2 * harmonics)
        self.net = MLP(replace(shapes, x_dim=inputs, channels=0, bins=0), 2 * shapes.x_dim, widths)

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Predict mean and scatter of the standardised summaries, (B, X) each.

        Arguments:
            theta: parameters and covariates (B, D + C) in sampling coordinates.
        """
        out: Tensor = self.net(self._features(theta))
        mean, log_scale = out.chunk(2, dim=-1)
        return mean, log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE).exp()

    def loss(self, target: Tensor, x: Tensor) -> Tensor:
        """Return the loss (B,) of theta (B, D + C) and standardised summaries x (B, X)."""
        mean, scatter = self.moments(target)
        deviation = (x - mean) / scatter
        return (deviation**2 / 2 + scatter.log()).mean(-1)

    def _features(self, theta: Tensor) -> Tensor:
        """Turn theta (B, D + C) into places, sines and cosines."""
        place = 2 * (theta - self.low) / (self.high - self.low).clamp(min=1e-12) - 1
        order = torch.arange(1, self.harmonics + 1, device=theta.device)
        phase = place[..., None] * order * (math.pi / 2)
        return torch.cat([place, phase.sin().flatten(-2), phase.cos().flatten(-2)], dim=-1)


@torch.no_grad()
def emulator_residuals(
    emulator: LitEstimator, draws: Floats, covariates: Floats, x: Floats
) -> Floats:
    """Compare summaries with what the emulator predicts for draws from their posteriors.

    With means m_j, scatters s_j and weights w_j at J draws, the residual is

        (x - sum_j w_j m_j) / sqrt(sum_j w_j s_j^2).

    The weights are the emulator's likelihoods to a power of at most 1, see `likelihood_weights`.
    So residuals show what no draw explains, and not that a posterior is wide.

    Arguments:
        emulator: predicts standardised summaries from parameters and covariates.
        draws: of each posterior, (J, B, D) in sampling coordinates.
        covariates: of each summary, (B, C) in sampling coordinates.
        x: summaries (B, X).

    Returns:
        residuals (B, X).
    """
    known = np.broadcast_to(covariates, (len(draws), *covariates.shape))
    theta = np.concatenate([draws, known], axis=-1)
    flat = torch.from_numpy(theta.astype(np.float32)).flatten(0, 1)
    mean, scatter = emulator.estimator.moments(flat)

    shape = (len(draws), len(x), -1)
    mean = mean.reshape(shape)
    variance = scatter.reshape(shape) ** 2
    observed = emulator.standardise(torch.from_numpy(np.asarray(x, dtype=np.float32)))
    log_likelihood = -((observed - mean) ** 2 / variance + variance.log()).sum(-1) / 2

    weights = likelihood_weights(log_likelihood)[..., None]
    predicted = (weights * mean).sum(0)
    spread = (weights * variance).sum(0).sqrt()
    return np.asarray(((observed - predicted) / spread).numpy(), dtype=np.float64)


def likelihood_weights(log_likelihood: Tensor) -> Tensor:
    """Weight draws by a power of their likelihoods that leaves enough effective draws.

    The power is 1, or the greatest for which (sum w)^2/sum w^2 is at least `MIN_EFFECTIVE`.

    Arguments:
        log_likelihood: of J draws from each posterior, (J, B).

    Returns:
        weights (J, B), with the sum 1 over the draws.

    Examples:
        >>> likelihood_weights(torch.tensor([[0.0], [0.0], [-900.0]])).ravel()
        tensor([0.5000, 0.5000, 0.0000])
    """
    low = torch.zeros(log_likelihood.shape[1])
    high = torch.ones(log_likelihood.shape[1])
    power = high
    for _ in range(BISECTIONS):
        weights = (power * log_likelihood).softmax(0)
        enough = 1 / (weights**2).sum(0) >= MIN_EFFECTIVE
        low = torch.where(enough, power, low)
        high = torch.where(enough, high, power)
        power = (low + high) / 2
    return (low * log_likelihood).softmax(0)
