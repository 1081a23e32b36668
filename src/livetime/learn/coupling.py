"""Compute zuko's coupling splines with fewer operations.

For many theta of one x, all that depends on x alone is computed once, not once a draw.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from zuko.flows import MaskedAutoregressiveTransform
from zuko.nn import MaskedLinear
from zuko.transforms import MonotonicRQSTransform

_ROWS = 8000
"""Theta that are transformed at a time, as many as stay near the processor."""
BOUND = 5.0
"""zuko's splines are the identity beyond this bound."""


def splines(transform: nn.Module) -> list[MaskedAutoregressiveTransform] | None:
    """Return the parts of a flow's transform if each is a coupling of splines, else None.

    Arguments:
        transform: zuko's lazy transform theta -> z.
    """
    parts = list(getattr(transform, "transforms", [transform]))
    return parts if all(_is_spline(part) for part in parts) else None


def _is_spline(part: nn.Module) -> bool:
    """Say whether a part is a coupling of splines with zuko's own bound."""
    if not isinstance(part, MaskedAutoregressiveTransform) or part.passes != 2:
        return False
    univariate = part.univariate
    if not isinstance(univariate, partial) or univariate.func is not MonotonicRQSTransform:
        return False
    return part.total > 2 and "bound" not in univariate.keywords


class Couplings:
    """Map theta to z by a flow of coupling splines, and back, at contexts (B, F).

    The spline of the first half of theta depends on the context. That of the second half depends
    on the context and on the first half. In zuko's network some hidden units depend on the context
    alone. They are computed once, the others for every theta. Arrays have the order (D, n, B), so
    that operations run along memory.

    Arguments:
        parts: of the flow's transform; see `splines`.
        context: (B, F).

    Sources: Dinh, Sohl-Dickstein & Bengio 2017 (https://arxiv.org/abs/1605.08803);
        Durkan et al. 2019 (https://arxiv.org/abs/1906.04032).

    Examples:
        >>> import zuko
        >>> flow = zuko.flows.NSF(2, 3, transforms=1, passes=2)
        >>> z, log_determinant = Couplings(splines(flow.transform), torch.zeros(4, 3))(
        ...     torch.zeros(5, 4, 2)
        ... )
        >>> z.shape, log_determinant.shape
        (torch.Size([5, 4, 2]), torch.Size([5, 4]))
    """

    def __init__(self, parts: Sequence[MaskedAutoregressiveTransform], context: Tensor) -> None:
        self.parts = parts
        self.context = context

    @cached_property
    def _couplings(self) -> list["_Coupling"]:
        return [_Coupling(part, self.context) for part in self.parts]

    def __call__(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return z (n, B, D) of theta (n, B, D), and ln of the determinant (n, B) of dz/dtheta."""
        if len(theta) == 1:
            return self._at_once(theta)
        out = torch.empty_like(theta)
        logs = theta.new_zeros(theta.shape[:-1])
        for z, at in self._split(theta):
            for coupling in self._couplings:
                z, own = coupling.forward(z)
                logs[at] += own
            out[at] = z.movedim(0, -1)
        return out, logs

    def inverse(self, z: Tensor) -> Tensor:
        """Return theta (n, B, D) of z (n, B, D)."""
        out = torch.empty_like(z)
        for theta, at in self._split(z):
            for coupling in reversed(self._couplings):
                theta = coupling.inverse(theta)
            out[at] = theta.movedim(0, -1)
        return out

    def _at_once(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same for one theta (1, B, D) of each x, as in training.

        Where theta is known, one pass of zuko's network gives the parameters of both halves.
        """
        context = self.context.expand(z.shape[1], -1)
        log = z.new_zeros(z.shape[:-1])
        for part in self.parts:
            inputs = torch.cat([z[0], context], dim=-1)
            phi = part.hyper(inputs).unflatten(-1, (-1, part.total))
            raw = phi.permute(1, 2, 0)[:, :, None].contiguous()
            spline = _Spline(raw, part.univariate.keywords["slope"])
            out, own = spline.forward(z.movedim(-1, 0))
            z = out.movedim(0, -1)
            log = log + own.sum(0)
        return z, log

    @staticmethod
    def _split(theta: Tensor) -> Iterator[tuple[Tensor, slice]]:
        """Yield blocks (D, n, B) of theta (n, B, D), each with its place."""
        step = max(1, _ROWS // theta.shape[1])
        for start in range(0, len(theta), step):
            stop = start + step
            at = slice(start, stop)
            yield theta[at].movedim(-1, 0).contiguous(), at


class _Coupling:
    """One coupling at contexts (B, F); its network, cut into what sees theta and what does not."""

    def __init__(self, part: MaskedAutoregressiveTransform, context: Tensor) -> None:
        is_first = part.order == 0
        self.slope = part.univariate.keywords["slope"]
        self.total = part.total
        self.first = is_first.nonzero()[:, 0]
        self.second = (~is_first).nonzero()[:, 0]
        self.layers: list[tuple[Tensor, Tensor]] = []

        # inputs of a layer: those that see the first half of theta, and those of the context alone
        n = len(is_first)
        own = self.first
        shared = torch.arange(n, n + context.shape[-1], device=context.device)
        for layer in part.hyper:
            if not isinstance(layer, MaskedLinear):
                self.activation = layer
                context = layer(context)
                continue
            weight = layer.mask * layer.weight
            sees = layer.mask[:, own].any(dim=1)
            known = linear(context, weight[sees][:, shared], layer.bias[sees])
            context = linear(context, weight[~sees][:, shared], layer.bias[~sees])
            self.layers.append((weight[sees][:, own], known.t().contiguous()[:, None]))
            own = sees.nonzero()[:, 0]
            shared = (~sees).nonzero()[:, 0]
        self.first_spline = self._spline(context.t().contiguous()[:, None])

    def forward(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return z (D, n, B) of theta (D, n, B), and ln of the determinant (n, B)."""
        first = theta[self.first]
        z_first, log_first = self.first_spline.forward(first)
        z_second, log_second = self._second_spline(first).forward(theta[self.second])
        return self._join(z_first, z_second), log_first.sum(0) + log_second.sum(0)

    def inverse(self, z: Tensor) -> Tensor:
        """Return theta (D, n, B) of z (D, n, B)."""
        first = self.first_spline.inverse(z[self.first])
        second = self._second_spline(first).inverse(z[self.second])
        return self._join(first, second)

    def _spline(self, phi: Tensor) -> "_Spline":
        return _Spline(torch.unflatten(phi, 0, (-1, self.total)), self.slope)

    def _second_spline(self, first: Tensor) -> "_Spline":
        """Return the spline of the second half, given the first (D1, n, B)."""
        units = first
        for i, (weight, known) in enumerate(self.layers):
            seen = self.activation(units) if i else units
            flat = seen.flatten(1)
            product = weight @ flat
            units = product.view(-1, *first.shape[1:]).add_(known)
        return self._spline(units)

    def _join(self, first: Tensor, second: Tensor) -> Tensor:
        """Return both halves in theta's order, (D, n, B)."""
        dim = len(self.first) + len(self.second)
        out = first.new_empty((dim, *first.shape[1:]))
        out[self.first] = first
        out[self.second] = second
        return out


@dataclass(frozen=True)
class _Bin:
    """The bin of a spline in which a value lies: left knot (x, y), size, slopes at its ends."""

    x: Tensor
    y: Tensor
    width: Tensor
    height: Tensor
    left_slope: Tensor
    right_slope: Tensor


class _Spline:
    """Compute zuko's `MonotonicRQSTransform` with a third of the operations.

    The parameters are bounded, so that the softmax of widths and heights needs no maximum; what
    one bin alone needs is worked out there alone. It works in single precision at least: sums of
    widths in half of it leave bins without any.

    Arguments:
        phi: raw parameters (D, 3 K - 1, n, B).
        slope: least slope of the spline.

    Source: Durkan et al. 2019 (https://arxiv.org/abs/1906.04032), equations 4, 5 and 6.
    """

    def __init__(self, phi: Tensor, slope: float) -> None:
        phi = phi.to(torch.promote_types(phi.dtype, torch.float32))
        self.bins = (phi.shape[1] + 1) // 3
        self.limit = abs(math.log(slope))
        raw_sizes = torch.unflatten(phi[:, : 2 * self.bins], 1, (2, self.bins))
        sizes = self._soft(raw_sizes, self.limit / 2).exp()
        self.sums = sizes.cumsum(2)
        """Inner knots and the last of both axes, (D, 2, K, n, B), on any scale; the first knot is
        at -BOUND."""
        self.derivatives = phi[:, 2 * self.bins :]

    def forward(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return z (D, n, B) of theta (D, n, B), and ln of dz/dtheta."""
        b = self._bin(theta, 0)
        inside = theta.abs() < BOUND
        s = b.height / b.width
        place = ((theta - b.x) / b.width).clamp(0, 1)
        xi = torch.where(inside, place, 0.5)
        rest = xi * (1 - xi)
        below = s + (b.left_slope + b.right_slope - 2 * s) * rest
        z = b.y + b.height * (s * xi**2 + b.left_slope * rest) / below

        slope = b.right_slope * xi**2 + 2 * s * rest + b.left_slope * (1 - xi) ** 2
        log = ((s / below) ** 2 * slope).log()
        return torch.where(inside, z, theta).to(theta.dtype), torch.where(inside, log, 0.0)

    def inverse(self, z: Tensor) -> Tensor:
        """Return theta (D, n, B) of z (D, n, B)."""
        bin_ = self._bin(z, 1)
        inside = z.abs() < BOUND
        s = bin_.height / bin_.width
        up = torch.where(inside, z - bin_.y, 0.0).clamp(min=0)
        bend = up * (bin_.left_slope + bin_.right_slope - 2 * s)

        # the root of a xi^2 + b xi + c = 0 that lies in the bin
        a = bin_.height * (s - bin_.left_slope) + bend
        b = bin_.height * bin_.left_slope - bend
        c = -s * up
        root = (b**2 - 4 * a * c).clamp(min=0).sqrt()
        xi = 2 * c / (-b - root)
        return torch.where(inside, bin_.x + xi * bin_.width, z)

    @staticmethod
    def _soft(raw: Tensor, limit: float) -> Tensor:
        """Return raw values, bounded smoothly to -limit ... limit."""
        return raw / (raw.abs() / limit).add_(1)

    def _bin(self, value: Tensor, axis: int) -> _Bin:
        """Return the bin in which a value lies on an axis, to within rounding."""
        scale = 2 * BOUND / self.sums[:, :, -1]
        along = ((value + BOUND) / scale[:, axis])[:, None]
        k = (self.sums[:, axis, :-1] < along).sum(1, keepdim=True)
        both = torch.cat([(k - 1).clamp_(min=0), k], dim=1)
        inner = torch.cat([k > 0, k < self.bins - 1], dim=1)

        # the knots at both ends; the first of all is at -BOUND
        at = both[:, None].expand(-1, 2, -1, -1, -1)
        every = self.sums.expand(-1, -1, -1, *value.shape[1:])
        edges = every.gather(2, at) * scale[:, :, None]
        start = edges[:, :, 0] * inner[:, None, 0]
        left = start - BOUND
        size = edges[:, :, 1] - start

        # the derivative at both ends of the spline is one
        derivatives = self.derivatives.expand(-1, -1, *value.shape[1:])
        raw = derivatives.gather(1, both.clamp(max=self.bins - 2))
        d = (self._soft(raw, self.limit) * inner).exp()
        return _Bin(left[:, 0], left[:, 1], size[:, 0], size[:, 1], d[:, 0], d[:, 1])
