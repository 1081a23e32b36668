"""sbi's normalizing flows as posterior estimators on the logit of theta's place in the prior box."""

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
from livetime.learn.estimators import PosteriorEstimator
from livetime.learn.nets import Shapes, build_net

MODELS = (
    "zuko_nsf",
    "zuko_maf",
    "zuko_nice",
    "zuko_sospf",
    "zuko_bpf",
    "nsf",
    "maf",
    "maf_rqs",
    "mdn",
)
"""Of `posterior_nn`, those that train and sample in a reasonable time."""


class Flow(PosteriorEstimator):
    """q(theta | x): an embedding net, a conditional shift and scale, and one of sbi's flows.

    A linear head of the embedding shifts and scales theta's logit u, `z = (u - mean(x)) exp(-log_scale(x))`, and the flow learns
    what is left: posteriors much narrower than the prior need no steep spline.

    Arguments:
        shapes: of the data.
        net: group node of the embedding net.
        features: of the embedding.
        model: any of the flows of `sbi.neural_nets.posterior_nn`: zuko_nsf, zuko_maf, nsf, maf, mdn, ...
        hidden_features: width of the flow's own networks.
        num_transforms, num_bins: of the flow, where it has them.
        passes: 2 for coupling transforms, null for autoregressive ones (`zuko_nsf` and `zuko_maf`).

    A `zuko` flow is widened by the scale of its base.

    Sources: Durkan et al. (2019, neural spline flows); Papamakarios & Murray (2016, neural posterior estimation).
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
        passes: int | None = 2,
    ) -> None:
        super().__init__(shapes)
        layers = [hidden_features] if isinstance(hidden_features, int) else list(hidden_features)
        for name, value in (
            ("features", features),
            ("num_transforms", num_transforms),
            ("num_bins", num_bins),
            ("hidden_features", min(layers, default=0)),
            ("passes", 1 if passes is None else passes),
        ):
            if value < 1:
                raise ValueError(f"{name} is {value}, but must be at least 1")
        if model not in MODELS:
            raise ValueError(f"model is {model!r}, but sbi's flows are {', '.join(MODELS)}")
        self.widens = model.startswith("zuko")
        dim = len(shapes.low)
        self.embedding = nn.Sequential(build_net(net, shapes, features), nn.SiLU())
        self.affine = nn.Linear(features, 2 * dim)
        nn.init.zeros_(self.affine.weight)
        nn.init.zeros_(self.affine.bias)
        options = {"passes": passes} if passes and model in ("zuko_nsf", "zuko_maf") else {}
        widths = hidden_features if isinstance(hidden_features, int) else list(hidden_features)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            build = posterior_nn(
                model,
                z_score_theta="none",  # None would standardise by the two random rows below
                z_score_x="none",
                hidden_features=widths,
                num_transforms=num_transforms,
                num_bins=num_bins,
                **options,
            )
            self.flow = build(torch.randn(2, dim), torch.randn(2, features))

    def _context(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.embedding(x)
        mean, log_scale = self.affine(features).chunk(2, dim=-1)
        return features, mean, log_scale

    def _distribution(self, features: Tensor, width: float) -> NormalizingFlow:
        """The flow at features (B, F), its base wider by a factor."""
        flow = self.flow.net(features)
        base = DiagNormal(torch.zeros_like(self.low), torch.full_like(self.low, width)).expand(
            features.shape[:-1]
        )
        return NormalizingFlow(flow.transform, base)

    def _couplings(self, features: Tensor) -> Couplings | None:
        """The flow's transform at features (B, F), where it is one of coupling splines."""
        parts = splines(self.flow.net.transform) if self.widens else None
        return Couplings(parts, features) if parts else None

    def log_prob(self, theta: Tensor, x: Tensor, width: float = 1.0) -> Tensor:
        features, mean, log_scale = self._context(x)
        u = torch.logit(self.place(theta))
        jacobian = (-logsigmoid(u) - logsigmoid(-u) - torch.log(self.high - self.low)).sum(-1)
        z = (u - mean) * torch.exp(-log_scale)
        if couplings := self._couplings(features):
            base, log = couplings(z)
            density = log - (
                (base / width) ** 2 / 2 + math.log(width * math.sqrt(2 * math.pi))
            ).sum(-1)
        else:
            density = (
                self.flow.log_prob(z, features)
                if width == 1
                else self._distribution(features, width).log_prob(z)
            )
        out: Tensor = density + jacobian - log_scale.sum(-1)
        return out

    def sample(self, n: int, x: Tensor, width: float = 1.0) -> Tensor:
        features, mean, log_scale = self._context(x)
        if couplings := self._couplings(features):
            z = couplings.inverse(width * torch.randn(n, *mean.shape, device=mean.device))
        else:
            z = (
                self.flow.sample((n,), features)
                if width == 1
                else self._distribution(features, width).sample((n,))
            )
        return self.theta(torch.sigmoid(z * torch.exp(log_scale) + mean))
