"""sbi's normalizing flows as posterior estimators on the logit of theta's place in the box."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from sbi.neural_nets import posterior_nn
from torch import Tensor, nn
from torch.nn.functional import logsigmoid
from zuko.distributions import DiagNormal, NormalizingFlow

from livetime.learn.coupling import Couplings, splines
from livetime.learn.estimators import PosteriorEstimator, Spread
from livetime.learn.nets import Shapes, build_net

COUPLING: dict[str, Any] = {"passes": 2}
"""Option of zuko's flows: half of theta transforms the other half, which samples in two passes."""

FLOW_MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "zuko_nsf": ("zuko_nsf", COUPLING),
    "zuko_nsf_autoregressive": ("zuko_nsf", {}),
    "zuko_maf": ("zuko_maf", COUPLING),
    "zuko_maf_autoregressive": ("zuko_maf", {}),
    "zuko_nice": ("zuko_nice", {}),
    "zuko_sospf": ("zuko_sospf", {}),
    "zuko_bpf": ("zuko_bpf", {}),
    "nsf": ("nsf", {}),
    "maf": ("maf", {}),
    "maf_rqs": ("maf_rqs", {}),
    "mdn": ("mdn", {}),
}
"""Model -> its name in sbi's `posterior_nn` and further options. Only models that train and sample
in a reasonable time are listed."""


class Flow(PosteriorEstimator):
    """Estimate q(theta | x) by an embedding net, a conditional affine map and one of sbi's flows.

    A linear head of the embedding shifts and scales theta's logit u,

        z = (u - mean(x)) exp(-log_scale(x)),

    and the flow learns the distribution of z. So even a posterior much narrower than the prior
    needs no steep spline. Flows named `zuko_...` are inflated by the scale of their base
    distribution; others cannot be inflated.

    Arguments:
        shapes: of the data.
        net: group node of the embedding net.
        features: number of features of the embedding.
        model: a key of `FLOW_MODELS`.
        hidden_features: width of the flow's own hidden layers, one number or one for each layer.
        num_transforms: number of transforms, where the flow has several.
        num_bins: number of spline bins, where the flow has splines.

    Raises: ValueError for a number below 1, or an unknown model.

    Sources: Durkan et al. 2019 (neural spline flows, https://arxiv.org/abs/1906.04032);
        Papamakarios & Murray 2016 (neural posterior estimation, https://arxiv.org/abs/1605.06376).

    Examples:
        >>> shapes = Shapes(low=(0.0, 0.0), high=(1.0, 2.0), x_dim=5)
        >>> flow = Flow(shapes, {"_target_": "livetime.learn.nets.Perceptron"}, 8, "zuko_nsf", 16)
        >>> flow.sample(4, torch.zeros(3, 5)).shape
        torch.Size([4, 3, 2])
    """

    def __init__(
        self,
        shapes: Shapes,
        net: dict[str, Any],
        features: int = 128,
        model: str = "zuko_nsf",
        hidden_features: int | Sequence[int] = 64,
        num_transforms: int = 5,
        num_bins: int = 8,
    ) -> None:
        super().__init__(shapes)
        _check_flow(model, features, hidden_features, num_transforms, num_bins)
        sbi_model, options = FLOW_MODELS[model]
        self.inflates = model.startswith("zuko")
        dim = len(shapes.low)
        self.embedding = nn.Sequential(build_net(net, shapes, features), nn.SiLU())

        # at first the affine map is the identity
        self.affine = nn.Linear(features, 2 * dim)
        nn.init.zeros_(self.affine.weight)
        nn.init.zeros_(self.affine.bias)

        widths = hidden_features if isinstance(hidden_features, int) else list(hidden_features)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            build = posterior_nn(
                sbi_model,
                z_score_theta="none",  # None would standardise by the two random rows below
                z_score_x="none",
                hidden_features=widths,
                num_transforms=num_transforms,
                num_bins=num_bins,
                **options,
            )
            self.flow = build(torch.randn(2, dim), torch.randn(2, features))

    def log_prob(self, theta: Tensor, x: Tensor, inflation: Spread = 1.0) -> Tensor:
        """Return the log density (n, B) of theta (n, B, D) given x (B, X).

        Arguments:
            theta: in sampling coordinates.
            x: standardised summaries.
            inflation: factor by which the base distribution is wider than in training, a number
                or (B,).
        """
        features, mean, log_scale = self._context(x)
        place = self.place(theta)
        u = torch.logit(place)
        jacobian = (-logsigmoid(u) - logsigmoid(-u) - torch.log(self.high - self.low)).sum(-1)
        z = (u - mean) * torch.exp(-log_scale)
        density = self._log_density(z, features, inflation)
        out: Tensor = density + jacobian - log_scale.sum(-1)
        return out

    def sample(self, n: int, x: Tensor, inflation: Spread = 1.0) -> Tensor:
        """Draw theta (n, B, D) for x (B, X).

        Arguments:
            n: number of draws for each summary.
            x: standardised summaries.
            inflation: factor by which the base distribution is wider than in training, a number
                or (B,).
        """
        features, mean, log_scale = self._context(x)
        couplings = self._couplings(features)
        if couplings:
            base = torch.randn(n, *mean.shape, device=mean.device)
            z = couplings.inverse(_column(inflation, mean) * base)
        elif not torch.is_tensor(inflation) and inflation == 1:
            z = self.flow.sample((n,), features)
        else:
            z = self._inflated(features, inflation).sample((n,))
        return self.theta(torch.sigmoid(z * torch.exp(log_scale) + mean))

    def _context(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the embedding (B, F) of x, and the mean and log scale (B, D) of the affine map."""
        features = self.embedding(x)
        mean, log_scale = self.affine(features).chunk(2, dim=-1)
        return features, mean, log_scale

    def _log_density(self, z: Tensor, features: Tensor, inflation: Spread) -> Tensor:
        """Return the log density (n, B) of the flow at z (n, B, D)."""
        out: Tensor
        couplings = self._couplings(features)
        if couplings:
            base, log_determinant = couplings(z)
            scale = _column(inflation, z)
            norm = torch.log(scale) + math.log(2 * math.pi) / 2
            out = log_determinant - ((base / scale) ** 2 / 2 + norm).sum(-1)
        elif not torch.is_tensor(inflation) and inflation == 1:
            out = self.flow.log_prob(z, features)
        else:
            out = self._inflated(features, inflation).log_prob(z)
        return out

    def _couplings(self, features: Tensor) -> Couplings | None:
        """Return the flow's transform at features (B, F), where it is one of coupling splines."""
        parts = splines(self.flow.net.transform) if self.inflates else None
        return Couplings(parts, features) if parts else None

    def _inflated(self, features: Tensor, inflation: Spread) -> NormalizingFlow:
        """Return the flow at features (B, F) with a base that is wider by a factor."""
        flow = self.flow.net(features)
        scale = _column(inflation, features) * torch.ones_like(self.low)
        base = DiagNormal(torch.zeros_like(scale), scale).expand(features.shape[:-1])
        return NormalizingFlow(flow.transform, base)


def _column(inflation: Spread, like: Tensor) -> Tensor:
    """Give factors (B,) an axis for the parameters, (B, 1); a number stays one, (1,)."""
    return torch.as_tensor(inflation, dtype=like.dtype, device=like.device)[..., None]


def _check_flow(
    model: str, features: int, hidden_features: int | Sequence[int], transforms: int, bins: int
) -> None:
    """Refuse a model that is not known, or a number below 1."""
    layers = [hidden_features] if isinstance(hidden_features, int) else list(hidden_features)
    numbers = {
        "features": features,
        "num_transforms": transforms,
        "num_bins": bins,
        "hidden_features": min(layers, default=0),
    }
    for name, value in numbers.items():
        if value < 1:
            raise ValueError(f"{name} is {value}, but must be at least 1; give a larger number")
    if model not in FLOW_MODELS:
        raise ValueError(
            f"model is {model!r}, but must be a known flow; take {' or '.join(FLOW_MODELS)}"
        )
