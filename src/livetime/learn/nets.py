"""Define networks that map standardised summaries (B, X) to features (B, out).

The last layer is linear. The estimator decides what the features are: the logit of a class, a
regression, the condition of a flow. `Perceptron` under a classifier is logistic regression.
"""

import math
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
Normalisation = Literal["layer", "batch"]


@dataclass(frozen=True)
class Shapes:
    """List the shapes of the data that a model must know, in plain types.

    Arguments:
        low, high: edges of the prior box in sampling coordinates, (D,).
        x_dim: length X of a summary.
        channels, bins: number of spectra, and of bins of each. The first `channels * bins` entries
            of a summary are these spectra; the rest are single numbers.
        classes: names, where the prior has classes.

    Examples:
        >>> Shapes(low=[0.0], high=[1.0], x_dim=7, channels=1, bins=5).numbers
        2
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    x_dim: int
    channels: int = 0
    bins: int = 0
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # JSON and YAML have lists alone
        for name in ("low", "high", "classes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def numbers(self) -> int:
        """Return the number of entries that are not part of a spectrum."""
        return self.x_dim - self.channels * self.bins


def build_net(node: dict[str, Any], shapes: Shapes, out: int) -> nn.Module:
    """Return the net that an estimator's node `net` describes, with `out` features.

    Raises: UserError for an unknown key, or a value out of range.
    """
    net = build(node, "estimator.net", shapes=shapes, out=out)
    assert isinstance(net, nn.Module)
    return net


class Perceptron(nn.Linear):
    """Map a summary to features by one linear layer; the activation is the estimator's.

    Arguments:
        shapes: of the data.
        out: number of features.

    Source: Rosenblatt 1958 (Psychological Review 65, 386).

    Examples:
        >>> Perceptron(Shapes((0.0,), (1.0,), 7), 3)(torch.zeros(2, 7)).shape
        torch.Size([2, 3])
    """

    def __init__(self, shapes: Shapes, out: int) -> None:
        super().__init__(shapes.x_dim, out)


class MLP(nn.Sequential):
    """Map a summary to features by fully connected layers, an activation after each but the last.

    Arguments:
        shapes: of the data.
        out: number of features.
        widths: of the hidden layers.
        activation: silu, relu, gelu, tanh or sigmoid.
        dropout: share of the hidden units that a training step leaves out.
        normalisation: `layer` or `batch` before each activation; None for none.

    Raises: ValueError for no hidden layer, or a dropout outside 0 to 1.

    Sources: Srivastava et al. 2014 (dropout); Ba et al. 2016 (https://arxiv.org/abs/1607.06450);
        Ioffe & Szegedy 2015 (https://arxiv.org/abs/1502.03167).

    Examples:
        >>> MLP(Shapes((0.0,), (1.0,), 7), 3, widths=[16])(torch.zeros(2, 7)).shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        shapes: Shapes,
        out: int,
        widths: Sequence[int] = (256, 128),
        activation: Activation = "silu",
        dropout: float = 0.0,
        normalisation: Normalisation | None = None,
    ) -> None:
        if len(widths) == 0 or min(widths) < 1:
            raise ValueError(
                f"widths is {list(widths)}, but needs one width or more, each at least 1; add one"
            )
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}, but must be from 0 to below 1; change it")
        layers: list[nn.Module] = []
        size = shapes.x_dim
        for width in widths:
            layers.append(nn.Linear(size, width))
            if normalisation:
                layers.append(_normalisation(normalisation, width))
            layers.append(ACTIVATIONS[activation]())
            if dropout:
                layers.append(nn.Dropout(dropout))
            size = width
        super().__init__(*layers, nn.Linear(size, out))


def _normalisation(name: Normalisation, width: int) -> nn.Module:
    """Return a layer that normalises so many hidden units."""
    return nn.LayerNorm(width) if name == "layer" else nn.BatchNorm1d(width)


class _Convolution(nn.Conv1d):
    """A `Conv1d` of x (B, C, 1, L) with its channels last in memory.

    On a processor its gradient takes half the time of (B, C, L)'s.
    """

    def __init__(self, size: int, width: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__(size, width, kernel_size, stride, padding=kernel_size // 2)

    def forward(self, x: Tensor) -> Tensor:
        stride = (1, *self.stride)
        padding = (0, self.kernel_size[0] // 2)
        return conv2d(x, self.weight[:, :, None], self.bias, stride, padding)


class _Residual(nn.Module):
    """x + convolutions of x (He et al. 2016); starts as the identity."""

    def __init__(self, width: int, kernel_size: int) -> None:
        super().__init__()
        last = _Convolution(width, width, kernel_size)
        nn.init.zeros_(last.weight)
        first = _Convolution(width, width, kernel_size)
        self.convolutions = nn.Sequential(nn.SiLU(), first, nn.SiLU(), last)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.convolutions(x)
        return out


class PeriodogramCNN(nn.Module):
    """Map periodograms to features by 1D residual convolutions over their rebinned frequencies.

    The frequencies are logarithmic, except for the lowest. The single numbers (rates, segments)
    are given to each position too. Each stage halves the number of positions and doubles the
    width. Pooling leaves at most `positions` of them, which keeps the place of a line. So the
    shape of the weights does not depend on the length of the periodogram. A linear map of the
    numbers is added. No weight belongs to a single power, since such weights overfit the noise.

    Arguments:
        shapes: of the data.
        out: number of features.
        width: channels of the first stage.
        stages: number of them, each a halving and then a residual block.
        kernel_size: odd.
        positions: most positions along the frequency axis, after pooling.
        hidden: widths of the layers before the last.

    Raises: ValueError for a summary without periodograms, or one too short for the stages.

    Examples:
        >>> shapes = Shapes((0.0,), (1.0,), x_dim=66, channels=1, bins=64)
        >>> PeriodogramCNN(shapes, 3, width=4)(torch.zeros(2, 66)).shape
        torch.Size([2, 3])
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
        _check_positive(width=width, stages=stages, positions=positions)
        _check_positive(hidden=min(hidden, default=0))
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {kernel_size}, but must be odd; take 3, 5 or 7")
        left = _positions_left(shapes, stages)
        self.channels = shapes.channels
        self.bins = shapes.bins
        layers: list[nn.Module] = []
        size = shapes.channels + shapes.numbers
        for stage in range(stages):
            grown = width * 2**stage
            halving = _Convolution(size, grown, kernel_size, stride=2)
            layers += [halving, _Residual(grown, kernel_size), nn.SiLU()]
            size = grown

        if left > positions:
            layers.append(nn.AdaptiveAvgPool2d((1, positions)))
        kept = min(left, positions)
        pooled = size * kept
        layers += [nn.Flatten(), nn.Linear(pooled, hidden[0])]
        self.convolutions = nn.Sequential(*layers)
        self.numbers = nn.Linear(shapes.numbers, hidden[0]) if shapes.numbers else None
        tail: list[nn.Module] = [nn.SiLU()]
        for a, b in pairwise(hidden):
            tail += [nn.Linear(a, b), nn.SiLU()]
        self.tail = nn.Sequential(*tail, nn.Linear(hidden[-1], out))

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, out) of summaries (B, X)."""
        spectral = self.channels * self.bins
        periodograms = x[:, :spectral].reshape(-1, self.channels, self.bins)
        numbers = x[:, spectral:]
        everywhere = numbers[:, :, None].expand(-1, -1, self.bins)
        seen = torch.cat([periodograms, everywhere], dim=1)[:, :, None]
        features = self.convolutions(seen.contiguous(memory_format=torch.channels_last))
        if self.numbers is not None:
            features = features + self.numbers(numbers)
        out: Tensor = self.tail(features)
        return out


def _check_positive(**values: float) -> None:
    """Refuse a number below 1."""
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name} is {value}, but must be at least 1; give a larger number")


def _positions_left(shapes: Shapes, stages: int) -> int:
    """Return the number of positions that are left after the stages."""
    if shapes.channels < 1:
        raise ValueError(
            "a PeriodogramCNN needs periodograms, which neither features nor training.pca leave; "
            "take estimator/net=mlp"
        )
    left = math.ceil(shapes.bins / int(2**stages))
    if left < 2:
        raise ValueError(
            f"stages is {stages}, which leaves nothing of {shapes.bins} frequencies; take fewer"
        )
    return left
