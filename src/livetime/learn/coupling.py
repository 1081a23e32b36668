"""zuko's coupling splines with fewer operations; for many theta of one x, what follows from x alone is computed once, not once a draw."""

import math
from collections.abc import Iterator, Sequence
from functools import cached_property, partial

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from zuko.flows import MaskedAutoregressiveTransform
from zuko.nn import MaskedLinear
from zuko.transforms import MonotonicRQSTransform

ROWS = 8000
"""Theta that are transformed at a time, as many as stay near the processor."""
BOUND = 5.0
"""Of zuko's splines: beyond it they are the identity."""


def splines(transform: nn.Module) -> list[MaskedAutoregressiveTransform] | None:
    """The parts of a flow's lazy transform theta -> z, if all of them are couplings of splines, else None."""
    parts = list(getattr(transform, "transforms", [transform]))
    return parts if all(_is_spline(part) for part in parts) else None


def _is_spline(part: nn.Module) -> bool:
    if not (
        isinstance(part, MaskedAutoregressiveTransform)
        and part.passes == 2
        and isinstance(part.univariate, partial)
    ):
        return False
    return (
        part.univariate.func is MonotonicRQSTransform
        and part.total > 2
        and "bound" not in part.univariate.keywords
    )


class Couplings:
    """The map theta -> z of a flow of coupling splines, and its inverse, at contexts (B, F).

    A coupling transforms the first half of theta by what its network makes of the context, the second by what it makes of the context and
    the first half. zuko's network keeps the hidden units that see the context alone apart from those that see the first half too; only the
    latter are asked for every theta. Within, theta and units come first and all draws last, (D, n, B), so that every operation runs along
    memory.

    Arguments:
        parts: of the flow's transform; see `splines`.
        context: (B, F).

    Sources: Dinh, Sohl-Dickstein & Bengio (2017); Durkan et al. (2019).
    """

    def __init__(self, parts: Sequence[MaskedAutoregressiveTransform], context: Tensor) -> None:
        self.parts, self.context = parts, context

    @cached_property
    def _couplings(self) -> list["_Coupling"]:
        return [_Coupling(part, self.context) for part in self.parts]

    def __call__(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """z (n, B, D) of theta (n, B, D), and the logarithm (n, B) of the determinant of dz/dtheta."""
        if len(theta) == 1:
            return self._at_once(theta)
        out, logs = torch.empty_like(theta), theta.new_zeros(theta.shape[:-1])
        for z, at in self._split(theta):
            for coupling in self._couplings:
                z, own = coupling.forward(z)
                logs[at] += own
            out[at] = z.movedim(0, -1)
        return out, logs

    def _at_once(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """As `__call__`, of one theta (1, B, D) of each x, as in training: of a known theta one pass of zuko's network tells both halves'
        parameters."""
        context = self.context.expand(z.shape[1], -1)
        log = z.new_zeros(z.shape[:-1])
        for part in self.parts:
            phi = part.hyper(torch.cat([z[0], context], dim=-1)).unflatten(-1, (-1, part.total))
            out, own = _Spline(
                phi.permute(1, 2, 0)[:, :, None].contiguous(), part.univariate.keywords["slope"]
            ).forward(z.movedim(-1, 0))
            z, log = out.movedim(0, -1), log + own.sum(0)
        return z, log

    def inverse(self, z: Tensor) -> Tensor:
        """theta (n, B, D) of z (n, B, D)."""
        out = torch.empty_like(z)
        for theta, at in self._split(z):
            for coupling in reversed(self._couplings):
                theta = coupling.inverse(theta)
            out[at] = theta.movedim(0, -1)
        return out

    @staticmethod
    def _split(theta: Tensor) -> Iterator[tuple[Tensor, slice]]:
        step = max(1, ROWS // theta.shape[1])
        for start in range(0, len(theta), step):
            at = slice(start, start + step)
            yield theta[at].movedim(-1, 0).contiguous(), at


class _Coupling:
    def __init__(self, part: MaskedAutoregressiveTransform, context: Tensor) -> None:
        self.slope, self.total = part.univariate.keywords["slope"], part.total
        first = part.order == 0
        self.first, self.second = first.nonzero()[:, 0], (~first).nonzero()[:, 0]
        self.layers: list[tuple[Tensor, Tensor]] = []
        own, shared = (
            self.first,
            torch.arange(len(first), len(first) + context.shape[-1], device=context.device),
        )  # inputs
        for layer in part.hyper:
            if not isinstance(layer, MaskedLinear):
                self.activation, context = layer, layer(context)
                continue
            weight, sees = layer.mask * layer.weight, layer.mask[:, own].any(dim=1)
            known = linear(context, weight[sees][:, shared], layer.bias[sees])
            context = linear(context, weight[~sees][:, shared], layer.bias[~sees])
            self.layers.append((weight[sees][:, own], known.t().contiguous()[:, None]))
            own, shared = sees.nonzero()[:, 0], (~sees).nonzero()[:, 0]
        self.of_first = self._spline(context.t().contiguous()[:, None])

    def _spline(self, phi: Tensor) -> "_Spline":
        return _Spline(torch.unflatten(phi, 0, (-1, self.total)), self.slope)

    def _of_second(self, first: Tensor) -> "_Spline":
        """The spline of the second half, given the first (D1, n, B)."""
        units = first
        for i, (weight, known) in enumerate(self.layers):
            seen = self.activation(units) if i else units
            units = (weight @ seen.flatten(1)).view(-1, *first.shape[1:]).add_(known)
        return self._spline(units)

    def forward(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        first, second = theta[self.first], theta[self.second]
        (a, log_a), (b, log_b) = (
            self.of_first.forward(first),
            self._of_second(first).forward(second),
        )
        return self._join(a, b), log_a.sum(0) + log_b.sum(0)

    def inverse(self, z: Tensor) -> Tensor:
        first = self.of_first.inverse(z[self.first])
        return self._join(first, self._of_second(first).inverse(z[self.second]))

    def _join(self, first: Tensor, second: Tensor) -> Tensor:
        out = first.new_empty((len(self.first) + len(self.second), *first.shape[1:]))
        out[self.first], out[self.second] = first, second
        return out


class _Spline:
    """zuko's `MonotonicRQSTransform` of its raw parameters (D, 3 K - 1, n, B): the same numbers with a third of the operations.

    The parameters are bounded, so that the softmax of widths and heights needs no maximum; what one bin alone needs is worked out there
    alone. In single precision at least: sums of widths in half of it leave bins without any.

    Source: Durkan et al. (2019), equations 4, 5 and 6.
    """

    def __init__(self, phi: Tensor, slope: float) -> None:
        phi = phi.to(torch.promote_types(phi.dtype, torch.float32))
        self.bins, self.limit = (phi.shape[1] + 1) // 3, abs(math.log(slope))
        sizes = torch.unflatten(phi[:, : 2 * self.bins], 1, (2, self.bins))
        self.sums = (
            self._soft(sizes, self.limit / 2).exp().cumsum(2)
        )  # of widths and heights (D, 2, K, n, B), of any scale
        self.derivatives = phi[:, 2 * self.bins :]

    @staticmethod
    def _soft(raw: Tensor, limit: float) -> Tensor:
        return raw / (raw.abs() / limit).add_(1)

    def _bin(self, value: Tensor, axis: int) -> tuple[Tensor, ...]:
        """Left knot x, y, width, height and both derivatives of the bin in which the value lies on that axis, but for rounding.

        `sums` hold the inner knots and the last; the first is at -BOUND, and the derivative at both ends is one.
        """
        scale = 2 * BOUND / self.sums[:, :, -1]
        k = (self.sums[:, axis, :-1] < ((value + BOUND) / scale[:, axis])[:, None]).sum(
            1, keepdim=True
        )
        both = torch.cat([(k - 1).clamp_(min=0), k], dim=1)
        inner = torch.cat([k > 0, k < self.bins - 1], dim=1)
        at = both[:, None].expand(-1, 2, -1, -1, -1)
        edges = self.sums.expand(-1, -1, -1, *value.shape[1:]).gather(2, at) * scale[:, :, None]
        start = edges[:, :, 0] * inner[:, None, 0]
        left, size = start - BOUND, edges[:, :, 1] - start
        d = self.derivatives.expand(-1, -1, *value.shape[1:]).gather(
            1, both.clamp(max=self.bins - 2)
        )
        d = (self._soft(d, self.limit) * inner).exp()
        return left[:, 0], left[:, 1], size[:, 0], size[:, 1], d[:, 0], d[:, 1]

    def forward(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        x, y, w, h, d0, d1 = self._bin(theta, 0)
        inside = theta.abs() < BOUND
        s, xi = h / w, torch.where(inside, ((theta - x) / w).clamp(0, 1), 0.5)
        rest = xi * (1 - xi)
        below = s + (d0 + d1 - 2 * s) * rest
        z = y + h * (s * xi**2 + d0 * rest) / below
        log = ((s / below) ** 2 * (d1 * xi**2 + 2 * s * rest + d0 * (1 - xi) ** 2)).log()
        return torch.where(inside, z, theta).to(theta.dtype), torch.where(inside, log, 0.0)

    def inverse(self, z: Tensor) -> Tensor:
        x, y, w, h, d0, d1 = self._bin(z, 1)
        inside = z.abs() < BOUND
        s, up = h / w, torch.where(inside, z - y, 0.0).clamp(min=0)
        bend = up * (d0 + d1 - 2 * s)
        a, b, c = h * (s - d0) + bend, h * d0 - bend, -s * up
        xi = 2 * c / (-b - (b**2 - 4 * a * c).clamp(min=0).sqrt())
        return torch.where(inside, x + xi * w, z)
