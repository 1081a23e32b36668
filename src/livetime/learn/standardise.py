"""What a net is given: a summary, standardised by what the training split shows."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

ORDER = 3
"""Of the polynomials. Those of a higher order bend at the ends of a range, where few simulations hold them."""
ROWS = 20_000
"""Simulations that are looked at together."""


class Standardise(nn.Module):
    """x (B, X) -> z (B, Z) of zero mean and unit variance, found on the training split and kept in buffers.

    The white noise of a dead-time detector depends on the count rate alone, and its scatter on the number of averaged segments; both differ
    far more between observations than a source's variability shows in a bright one. So each power of a spectrum is standardised by the mean
    and the spread that are expected from the summary's numbers (rates, segments): its regression on their first three powers, and that of
    the logarithm of the squared residual on themselves; without products of different numbers. The numbers are standardised plainly.

    Arguments:
        x_dim: length X of a summary.
        spectral: so many of its first entries are powers; the rest are numbers.
        components: number Z of principal components that z is projected on; None for none, then Z = X.
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
        self.spectral, numbers = spectral, x_dim - spectral
        self.register_buffer("mean", torch.zeros(x_dim))
        self.register_buffer("std", torch.ones(x_dim))
        self.register_buffer("low", torch.zeros(numbers))
        self.register_buffer("high", torch.zeros(numbers))
        self.register_buffer("trend", torch.zeros(1 + ORDER * numbers, spectral))
        self.register_buffer("spread", torch.zeros(1 + numbers, spectral))
        self.register_buffer("components", torch.zeros(x_dim, components) if components else None)

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Sets the buffers from the training split (N, X); a constant entry becomes zero."""
        parts, s = torch.split(x, ROWS), self.spectral
        self.mean[s:], self.std[s:] = _moments([part[:, s:] for part in parts])
        numbers = self._numbers(x)
        self.low.copy_(numbers.amin(0))
        self.high.copy_(numbers.amax(0))
        if len(x) >= 1000:  # fewer tell a mean alone
            _regress(self.trend, parts, self._terms, lambda part: part[:, :s])
            _regress(
                self.spread,
                parts,
                self._terms,
                lambda part: torch.log(self._residual(part, self._terms(part)) ** 2 + 1e-12),
            )
        constant = x[:, :s].amin(0) == x[:, :s].amax(0)
        self.trend[:, constant] = 0  # not even rounding errors are left
        self.trend[0, constant] = x[0, :s][constant]
        self.mean[:s], self.std[:s] = _moments([self._scaled(part) for part in parts])
        if self.components is not None:
            square = torch.stack([(z := self._z(part)).T @ z for part in parts]).sum(0)
            self.components.copy_(
                torch.linalg.eigh(square.double())[1].flip(-1)[:, : self.components.shape[1]]
            )

    def _numbers(self, x: Tensor) -> Tensor:
        return (x[:, self.spectral :] - self.mean[self.spectral :]) / self.std[self.spectral :]

    def _terms(self, x: Tensor) -> Tensor:
        """One, and the powers of the numbers (B, K), which are kept in the range of training: (B, 1 + ORDER K)."""
        inside = self._numbers(x).clamp(self.low, self.high)
        return torch.cat(
            [torch.ones_like(x[:, :1]), *(inside**k for k in range(1, ORDER + 1))], dim=1
        )

    def _residual(self, x: Tensor, terms: Tensor) -> Tensor:
        return x[:, : self.spectral] - terms @ self.trend

    def _scaled(self, x: Tensor) -> Tensor:
        terms = self._terms(x)
        return self._residual(x, terms) * torch.exp(
            -0.5 * terms[:, : len(self.spread)] @ self.spread
        )

    def _z(self, x: Tensor) -> Tensor:
        return torch.cat(
            [
                (self._scaled(x) - self.mean[: self.spectral]) / self.std[: self.spectral],
                self._numbers(x),
            ],
            dim=1,
        )

    def forward(self, x: Tensor) -> Tensor:
        z = self._z(x)
        return z if self.components is None else z @ self.components


def _moments(parts: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the rows of all parts, each (B, Y); 1 in place of the latter for what is constant."""
    n = sum(map(len, parts))
    mean = torch.stack([part.sum(dim=0, dtype=torch.float64) for part in parts]).sum(0) / n
    std = (torch.stack([((part - mean) ** 2).sum(dim=0) for part in parts]).sum(0) / n).sqrt()
    return mean.float(), torch.where(std > 1e-6, std, torch.ones_like(std)).float()


def _regress(
    coefficients: Tensor,
    parts: tuple[Tensor, ...],
    terms: Callable[[Tensor], Tensor],
    y: Callable[[Tensor], Tensor],
) -> None:
    """Least squares of y (B, Y) on the first of the terms, as many as there are coefficients (T, Y); rates of two modules are nearly equal,
    so that a little ridge is needed."""
    t = len(coefficients)
    matrix, vector = (
        1e-6 * torch.eye(t, dtype=torch.float64),
        torch.zeros(coefficients.shape, dtype=torch.float64),
    )
    n = sum(map(len, parts))
    for part in parts:
        a = terms(part)[:, :t].double()
        matrix += a.T @ a / n
        vector += a.T @ y(part).double() / n
    coefficients.copy_(torch.linalg.solve(matrix, vector))
