"""Networks that turn a summary into features."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


class MLP(nn.Sequential):
    """Fully connected layers with SiLU after each: (B, in_features) -> (B, widths[-1]).

    Arguments:
        in_features: length of the input.
        widths: of the layers.
    """

    def __init__(self, in_features: int, widths: Sequence[int]) -> None:
        sizes = [in_features, *widths]
        super().__init__(*(layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.SiLU())))
