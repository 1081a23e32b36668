"""Networks: a standardised summary (B, X) becomes features (B, out), the last layer linear.

What the features are is the estimator's business: a class's logit, a regression, the condition of a flow. `Perceptron` under a
classifier is logistic regression.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from livetime.config import build

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
Activation = Literal["silu", "relu", "gelu", "tanh", "sigmoid"]


@dataclass(frozen=True)
class Shapes:
    """What a model must know of its data, in plain types.

    Arguments:
        low, high: edges of the prior box in sampling coordinates, (D,).
        x_dim: length X of a summary.
        channels, bins: the first `channels * bins` entries of a summary are spectra on one axis of so many bins; the rest are numbers.
        classes: names, where the prior has classes.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    x_dim: int
    channels: int = 0
    bins: int = 0
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("low", "high", "classes"):  # JSON and YAML know lists alone
            object.__setattr__(self, name, tuple(getattr(self, name)))


def build_net(node: dict[str, Any], shapes: Shapes, out: int) -> nn.Module:
    """The net that an estimator's node `net` names, with `out` features."""
    net = build(node, "estimator.net", shapes=shapes, out=out)
    assert isinstance(net, nn.Module)
    return net


def _positive(**values: float) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name} is {value}, but must be at least 1")


class Perceptron(nn.Linear):
    """One linear layer (Rosenblatt 1958); the activation is the estimator's."""

    def __init__(self, shapes: Shapes, out: int) -> None:
        super().__init__(shapes.x_dim, out)


class MLP(nn.Sequential):
    """Fully connected layers, an activation after each but the last.

    Arguments:
        widths: of the hidden layers.
        activation: silu, relu, gelu, tanh or sigmoid.
        dropout: share of the hidden units that a training step leaves out (Srivastava et al. 2014).
        normalisation: `layer` (Ba et al. 2016) or `batch` (Ioffe & Szegedy 2015) before each activation; null for none.
    """

    def __init__(
        self,
        shapes: Shapes,
        out: int,
        widths: Sequence[int] = (256, 128),
        activation: Activation = "silu",
        dropout: float = 0.0,
        normalisation: Literal["layer", "batch"] | None = None,
    ) -> None:
        if len(widths) == 0 or min(widths) < 1:
            raise ValueError("widths must name the width, 1 or more, of at least one hidden layer")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}, but must be from 0 to below 1")
        layers: list[nn.Module] = []
        size = shapes.x_dim
        for width in widths:
            layers.append(nn.Linear(size, width))
            if normalisation:
                layers.append(
                    nn.LayerNorm(width) if normalisation == "layer" else nn.BatchNorm1d(width)
                )
            layers.append(ACTIVATIONS[activation]())
            if dropout:
                layers.append(nn.Dropout(dropout))
            size = width
        super().__init__(*layers, nn.Linear(size, out))


class _Convolution(nn.Conv1d):
    """A `Conv1d` of x (B, C, 1, L) with its channels last in memory: on a processor its gradient takes half the time of (B, C, L)'s."""

    def __init__(self, size: int, width: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__(size, width, kernel_size, stride, padding=kernel_size // 2)

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(
            x, self.weight[:, :, None], self.bias, (1, *self.stride), (0, self.kernel_size[0] // 2)
        )


class _Residual(nn.Module):
    """x + convolutions of x (He et al. 2016); starts as the identity."""

    def __init__(self, width: int, kernel_size: int) -> None:
        super().__init__()
        last = _Convolution(width, width, kernel_size)
        nn.init.zeros_(last.weight)
        self.convolutions = nn.Sequential(
            nn.SiLU(), _Convolution(width, width, kernel_size), nn.SiLU(), last
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.convolutions(x)
        return out


class PeriodogramCNN(nn.Module):
    """1D residual convolutions over the rebinned frequencies of all channels, which are logarithmic but for the lowest.

    Each position also sees the numbers beside the periodograms (rates, segments). Each stage halves the number of positions and doubles
    the width. What is left is pooled to at most `positions`, so that any length of periodogram goes through the same weights' shape and a
    line's place is kept, and meets a linear map of the numbers. No weight sees a single power: such weights learn the noise by heart.

    Arguments:
        width: channels of the first stage.
        stages: each a residual block and then a halving.
        kernel_size: odd.
        positions: along the frequency axis after pooling.
        hidden: widths of the layers before the last.

    Raises: ValueError if the summary has no periodogram, or one too short for the stages.
    """

    def __init__(
        self,
        shapes: Shapes,
        out: int,
        width: int = 16,
        stages: int = 2,
        kernel_size: int = 5,
        positions: int = 40,
        hidden: Sequence[int] = (256, 128),
    ) -> None:
        super().__init__()
        _positive(width=width, stages=stages, positions=positions, hidden=min(hidden, default=0))
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {kernel_size}, but must be odd")
        if shapes.channels < 1:
            raise ValueError(
                "a PeriodogramCNN needs periodograms, which neither features nor training.pca leave; take estimator/net=mlp"
            )
        left = -(-shapes.bins // 2**stages)
        if left < 2:
            raise ValueError(
                f"stages is {stages}, which leaves nothing of {shapes.bins} frequencies; take fewer"
            )
        self.channels, self.bins = shapes.channels, shapes.bins
        numbers = shapes.x_dim - shapes.channels * shapes.bins
        layers: list[nn.Module] = []
        size = shapes.channels + numbers
        for stage in range(stages):
            grown = width * 2**stage
            layers += [
                _Convolution(size, grown, kernel_size, stride=2),
                _Residual(grown, kernel_size),
                nn.SiLU(),
            ]
            size = grown
        if left > positions:
            layers.append(nn.AdaptiveAvgPool2d((1, positions)))
        self.convolutions = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(size * min(left, positions), hidden[0])
        )
        self.numbers = nn.Linear(numbers, hidden[0]) if numbers else None
        tail: list[nn.Module] = [nn.SiLU()]
        for a, b in pairwise(hidden):
            tail += [nn.Linear(a, b), nn.SiLU()]
        self.tail = nn.Sequential(*tail, nn.Linear(hidden[-1], out))

    def forward(self, x: Tensor) -> Tensor:
        spectral = self.channels * self.bins
        periodograms, numbers = (
            x[:, :spectral].reshape(-1, self.channels, self.bins),
            x[:, spectral:],
        )
        seen = torch.cat([periodograms, numbers[:, :, None].expand(-1, -1, self.bins)], dim=1)
        features = self.convolutions(seen[:, :, None].contiguous(memory_format=torch.channels_last))
        out: Tensor = self.tail(
            features if self.numbers is None else features + self.numbers(numbers)
        )
        return out
