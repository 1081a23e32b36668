"""The source's power as a segment of finite length shows it, on average."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import factorial, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.power_spectrum import POWER_SHAPES, PowerSpectrum

Floats = NDArray[np.float64]
Lines = tuple[Floats, Floats, Floats]
ORDER = 3
"""Of the series for a log-normal rate: the fourth adds less than what the Lorentzians' mirror images are neglected by."""


@dataclass(frozen=True)
class ExpectedPower:
    """The source's power as a segment of finite length shows it, on average; one-sided, (fractional rms of the rate)^2/Hz.

    A segment's expected periodogram is the spectrum convolved with the Fejer kernel of width 1/T: at T = 16 s a QPO of .5 Hz and Q = 20
    loses half of its peak. For a Lorentzian, whose autocovariance is a damped cosine, `z = 2 pi (w + i (f - nu))` gives
    `Re[1/z - (1 - exp(-z T))/(z^2 T)]` in place of `Re[1/z]`. Where w T is large that is a Lorentzian of half width w + 1/(2 pi T), which
    serves for all but the QPOs themselves. A power law is left as it is.

    For a log-normal rate the series of `psd.log_normal_power` is summed, here for any number of components.

    Arguments:
        spectrum: of the log rate, or for `log_normal=False` of the rate.
        log_normal: as in `LightCurve`.
        order: of the series.
    """

    spectrum: PowerSpectrum
    log_normal: bool = True
    order: int = ORDER

    def of_shape(self, shape: str, params: Mapping[str, ArrayLike]) -> list[list[Floats]]:
        """Fields (n, 1) of every component of a shape."""
        return [
            [
                np.atleast_1d(np.asarray(params[f"{name}_{x}"], dtype=np.float64))[:, None]
                for x in POWER_SHAPES[shape].fields
            ]
            for name, s in self.spectrum.components.items()
            if s == shape
        ]

    @cached_property
    def _products(self) -> tuple[Floats, Floats]:
        """Exponents (K, L) of the L lines in each product of two to `order` of them, and its weight in the series (K,).

        A QPO is two lines, at its frequency and at minus it; of two products that mirror each other one is kept, with twice the weight.
        """
        shapes = list(self.spectrum.components.values())
        pairs, lines = shapes.count("qpo"), 2 * shapes.count("qpo") + shapes.count("noise")
        exponents, weights = [], []
        for e in product(range(self.order + 1), repeat=lines) if self.log_normal else ():
            mirror = (*(x for i in range(pairs) for x in (e[2 * i + 1], e[2 * i])), *e[2 * pairs :])
            if 2 <= sum(e) <= self.order and e >= mirror:
                exponents.append(e)
                weights.append((2 if e > mirror else 1) / np.pi / prod(factorial(x) for x in e))
        return np.array(exponents, dtype=np.float64).reshape(len(weights), lines), np.array(weights)

    def lines(self, params: Mapping[str, ArrayLike]) -> Lines:
        """Variance, half width and centre in Hz of the L lines that QPOs and noises are made of, each (n, L)."""
        rows: list[Lines] = [(np.zeros((1, 0)),) * 3]
        for rms, nu, q in self.of_shape("qpo", params):
            variance = rms**2 * (0.5 + np.arctan(2 * q) / np.pi) / 2
            rows += [(variance, nu / (2 * q), nu), (variance, nu / (2 * q), -nu)]
        rows += [(rms**2, w, 0 * w) for rms, w in self.of_shape("noise", params)]
        n = max(len(row[0]) for row in rows)
        columns = [
            np.concatenate(
                [row[i] if len(row[i]) == n else row[i].repeat(n, axis=0) for row in rows], axis=1
            )
            for i in range(3)
        ]
        return columns[0], columns[1], columns[2]

    def __call__(
        self,
        f: Floats,
        params: Mapping[str, ArrayLike],
        duration: float,
        gains: Floats | None = None,
        lines: Lines | None = None,
    ) -> Floats:
        """The expected power (n, F).

        Arguments:
            f: Hz, (F,).
            params: physical, numbers or (n,).
            duration: of a segment in s.
            gains: factor for each order of the series, (n, order) or (1, order); None for 1.
            lines: of the same params, where they are at hand.
        """
        gains = np.ones((1, self.order)) if gains is None else gains
        total = self._first_order(f, params, duration) * gains[:, :1]
        exponents, weights = self._products
        variance, width, centre = self.lines(params) if lines is None else lines
        weight = (
            weights
            * np.exp(np.log(variance) @ exponents.T)
            * gains[:, exponents.sum(axis=1).astype(int) - 1]
        )
        w, c = width @ exponents.T + 1 / (2 * np.pi * duration), centre @ exponents.T
        # weight w [1/((f - c)^2 + w^2) + 1/((f + c)^2 + w^2)] = (factor t + offset)/(t^2 + scale) with t = f^2 + shift;
        # most of a fit's time goes here, hence float32, in place and in blocks that fit in the cache
        u = (f**2).astype(np.float32)
        terms = (w**2 - c**2, 2 * weight * w, 4 * weight * w * c**2, 4 * c**2 * w**2)
        shift, factor, offset, scale = (a.astype(np.float32)[..., None] for a in terms)
        block = max(1, 50_000 // total.size)
        for k in range(0, len(weights), block):
            part = np.s_[:, k : k + block]
            t = u + shift[part]
            low = t * t
            low += scale[part]
            t *= factor[part]
            t += offset[part]
            t /= low
            total += t.sum(axis=1)
        return total

    def _first_order(self, f: Floats, params: Mapping[str, ArrayLike], duration: float) -> Floats:
        total: Floats = np.zeros((1, len(f)))
        for rms, nu, q in self.of_shape("qpo", params):
            a = np.pi * nu / q
            c = (
                1 - np.exp((2j * np.pi * nu - a) * duration)
            ) / duration  # at Fourier frequencies exp(i f T) = 1
            delta = 2 * np.pi * (f - nu)
            d = 1 / (delta**2 + a**2)
            total = total + 2 * rms**2 * d * (
                a + c.real - (2 * a * a * c.real + 2 * a * c.imag * delta) * d
            )
        for rms, w in self.of_shape("noise", params):
            total = total + POWER_SHAPES["noise"].power(f, rms, w + 1 / (2 * np.pi * duration))
        for norm, index in self.of_shape("powerlaw", params):
            total = total + POWER_SHAPES["powerlaw"].power(f, norm, index)
        return total
