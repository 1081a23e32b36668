"""What a net is given: a summary, standardised by what the training split shows."""

import torch
from torch import Tensor, nn

ORDER = 5
ENOUGH = 50_000
"""So many simulations tell mean and spread well enough."""


class Standardise(nn.Module):
    """x (B, X) -> z (B, Z) of zero mean and unit variance, found on the training split and kept in buffers.

    The white noise of a dead-time detector depends on the count rate alone, and its scatter on the number of averaged segments; both differ
    far more between observations than a source's variability shows in a bright one. So each power of a spectrum is standardised by the mean
    and the spread that are expected from the summary's numbers (rates, segments): its regression on their polynomials, and that of the
    logarithm of the squared residual, without products of different numbers. The numbers themselves are standardised plainly.

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
        self.register_buffer("spread", torch.zeros(1 + ORDER * numbers, spectral))
        self.register_buffer("components", torch.zeros(x_dim, components) if components else None)

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Sets the buffers from the training split (N, X), of which the first 50,000 are enough. A constant entry becomes zero."""
        x, s = x[:ENOUGH].double(), self.spectral
        self._scale(x[:, s:], slice(s, None))
        numbers = (x[:, s:] - self.mean[s:]) / self.std[s:]
        self.low.copy_(numbers.amin(0))
        self.high.copy_(numbers.amax(0))
        terms = self._terms(numbers)[:, : 1 + min(ORDER, len(x) // 200) * numbers.shape[1]]  # few simulations tell a mean alone
        matrix = terms.T @ terms / len(x) + 1e-6 * torch.eye(terms.shape[1], dtype=terms.dtype)

        def regress(y: Tensor, coefficients: Tensor) -> Tensor:
            found: Tensor = torch.linalg.solve(matrix, terms.T @ y / len(x))
            coefficients[: len(found)] = found.to(coefficients)
            return y - terms @ found

        residual = regress(x[:, :s], self.trend)
        regress(torch.log(residual**2 + 1e-12), self.spread)
        constant = x[:, :s].std(dim=0, correction=0) < 1e-6
        self.trend[:, constant] = 0  # not even rounding errors are left
        self.trend[0, constant] = x[0, :s][constant].to(self.trend)
        self._scale(self._residual(x.float(), numbers.float()).double(), slice(s))
        if self.components is not None:
            z = self._z(x.float())
            self.components.copy_(torch.linalg.eigh((z.T @ z).double())[1].flip(-1)[:, : self.components.shape[1]])

    def _scale(self, y: Tensor, part: slice) -> None:
        std = y.std(dim=0, correction=0)
        self.mean[part] = y.mean(dim=0).to(self.mean)
        self.std[part] = torch.where(std > 1e-6, std, torch.ones_like(std)).to(self.std)

    def _terms(self, numbers: Tensor) -> Tensor:
        """Powers of the numbers (B, K), which are kept in the range of training: (B, 1 + ORDER K)."""
        inside = numbers.clamp(self.low, self.high)
        return torch.cat([torch.ones_like(inside[:, :1]), *(inside**k for k in range(1, ORDER + 1))], dim=1)

    def _residual(self, x: Tensor, numbers: Tensor) -> Tensor:
        terms = self._terms(numbers)
        return (x[:, : self.spectral] - terms @ self.trend) * torch.exp(-0.5 * terms @ self.spread)

    def _z(self, x: Tensor) -> Tensor:
        s = self.spectral
        numbers = (x[:, s:] - self.mean[s:]) / self.std[s:]
        return torch.cat([(self._residual(x, numbers) - self.mean[:s]) / self.std[:s], numbers], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        z = self._z(x)
        return z if self.components is None else z @ self.components
