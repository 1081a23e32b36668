"""Standardise summaries by mean and spread of the training split."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

_ORDER = 3
"""Order of the polynomials. Those of a higher order bend at the ends of a range, where few
simulations lie."""
_ROWS = 20_000
"""Simulations that are looked at together."""
MIN_REGRESSION = 1000
"""Fewer simulations than this are standardised by mean and standard deviation alone."""
MIN_STD = 1e-6
"""An entry with a smaller standard deviation is constant."""
RIDGE = 1e-6
"""Ridge of the regression: the rates of two modules are nearly equal."""


class Standardise(nn.Module):
    """Map x (B, X) to z (B, Z) of zero mean and unit variance, as found on the training split.

    Behind dead time, white noise depends on the count rate, and its scatter on the number of
    averaged segments. Both differ far more between observations than the variability of a source
    changes a power. So each power P is standardised by its expected mean and spread, functions of
    the numbers u of the summary (rates, segments):

        z = (P - T(u)) exp(-S(u)/2),

    where the polynomial T of third order is the regression of P. The linear S is that of the
    logarithm of the squared residual. Neither has products of different numbers. The numbers u are
    standardised by their mean and standard deviation.

    Arguments:
        x_dim: length X of a summary.
        spectral: number of its first entries that are powers; the rest are numbers.
        components: number Z of principal components on which z is projected; None for none,
            then Z = X.

    Examples:
        >>> standardise = Standardise(2)
        >>> standardise.fit(torch.tensor([[0.0, 1.0], [2.0, 5.0]]))
        >>> standardise(torch.tensor([[2.0, 1.0]])).tolist()
        [[1.0, -1.0]]
    """

    mean: Tensor
    std: Tensor
    low: Tensor
    high: Tensor
    trend: Tensor
    spread: Tensor
    components: Tensor | None

    def __init__(self, x_dim: int, spectral: int = 0, components: int | None = None) -> None:
        super().__init__()
        numbers = x_dim - spectral
        self.spectral = spectral
        self.register_buffer("mean", torch.zeros(x_dim))
        self.register_buffer("std", torch.ones(x_dim))
        self.register_buffer("low", torch.zeros(numbers))
        self.register_buffer("high", torch.zeros(numbers))
        self.register_buffer("trend", torch.zeros(1 + _ORDER * numbers, spectral))
        self.register_buffer("spread", torch.zeros(1 + numbers, spectral))
        self.register_buffer("components", torch.zeros(x_dim, components) if components else None)

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Set the buffers from the training split (N, X); a constant entry becomes zero."""
        s = self.spectral
        parts = torch.split(x, _ROWS)
        self.mean[s:], self.std[s:] = _moments([part[:, s:] for part in parts])
        numbers = self._numbers(x)
        self.low.copy_(numbers.amin(0))
        self.high.copy_(numbers.amax(0))

        if len(x) >= MIN_REGRESSION:
            _regress(self.trend, parts, self._terms, lambda part: part[:, :s])
            _regress(self.spread, parts, self._terms, self._log_squared_residual)
        constant = x[:, :s].amin(0) == x[:, :s].amax(0)
        self.trend[:, constant] = 0  # not even rounding errors are left
        self.trend[0, constant] = x[0, :s][constant]

        self.mean[:s], self.std[:s] = _moments([self._scaled(part) for part in parts])
        if self.components is not None:
            self.components.copy_(self._principal(parts, self.components.shape[1]))

    def forward(self, x: Tensor) -> Tensor:
        """Return z (B, Z) of summaries (B, X)."""
        z = self._z(x)
        return z if self.components is None else z @ self.components

    def _numbers(self, x: Tensor) -> Tensor:
        """Return the standardised numbers (B, K)."""
        s = self.spectral
        return (x[:, s:] - self.mean[s:]) / self.std[s:]

    def _terms(self, x: Tensor) -> Tensor:
        """Return 1 and the powers of the numbers, clipped to training's: (B, 1 + _ORDER K)."""
        inside = self._numbers(x).clamp(self.low, self.high)
        powers = [inside**k for k in range(1, _ORDER + 1)]
        return torch.cat([torch.ones_like(x[:, :1]), *powers], dim=1)

    def _residual(self, x: Tensor, terms: Tensor) -> Tensor:
        """Return the powers (B, S) less what the numbers lead to expect."""
        return x[:, : self.spectral] - terms @ self.trend

    def _log_squared_residual(self, x: Tensor) -> Tensor:
        """Return what the spread is a regression of, (B, S)."""
        terms = self._terms(x)
        residual = self._residual(x, terms)
        return torch.log(residual**2 + 1e-12)

    def _scaled(self, x: Tensor) -> Tensor:
        """Return the residuals (B, S) over their expected spread."""
        terms = self._terms(x)
        log_spread = terms[:, : len(self.spread)] @ self.spread
        return self._residual(x, terms) * torch.exp(-0.5 * log_spread)

    def _z(self, x: Tensor) -> Tensor:
        """Return the standardised summary (B, X), before any projection."""
        s = self.spectral
        powers = (self._scaled(x) - self.mean[:s]) / self.std[:s]
        return torch.cat([powers, self._numbers(x)], dim=1)

    def _principal(self, parts: tuple[Tensor, ...], components: int) -> Tensor:
        """Return the first principal components of the training split, (X, components)."""
        squares = []
        for part in parts:
            z = self._z(part)
            squares.append(z.T @ z)
        square = torch.stack(squares).sum(0)
        vectors: Tensor = torch.linalg.eigh(square.double())[1]
        return vectors.flip(-1)[:, :components]


def _moments(parts: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of the rows of all parts, each (B, Y).

    A constant entry gets a standard deviation of 1.
    """
    n = sum(map(len, parts))
    sums = [part.sum(dim=0, dtype=torch.float64) for part in parts]
    mean = torch.stack(sums).sum(0) / n
    squares = [((part - mean) ** 2).sum(dim=0) for part in parts]
    std = (torch.stack(squares).sum(0) / n).sqrt()
    return mean.float(), torch.where(std > MIN_STD, std, torch.ones_like(std)).float()


def _regress(
    coefficients: Tensor,
    parts: tuple[Tensor, ...],
    terms: Callable[[Tensor], Tensor],
    y: Callable[[Tensor], Tensor],
) -> None:
    """Set coefficients (T, Y) to the least-squares fit of y (B, Y) on the first T terms."""
    t = len(coefficients)
    n = sum(map(len, parts))
    matrix = RIDGE * torch.eye(t, dtype=torch.float64)
    vector = torch.zeros(coefficients.shape, dtype=torch.float64)
    for part in parts:
        a = terms(part)[:, :t].double()
        matrix += a.T @ a / n
        vector += a.T @ y(part).double() / n
    coefficients.copy_(torch.linalg.solve(matrix, vector))
