"""Compute the mean power of a source in segments of finite length."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import factorial, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.power_spectrum import POWER_SHAPES, PowerSpectrum

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

ORDER = 3
"""Order of the series for a log-normal rate; the fourth adds less than what is neglected anyway."""
_BLOCK_SIZE = 50_000
"""Numbers that are summed at once: as many as stay in a processor's cache."""


@dataclass(frozen=True)
class Lines:
    """List the Lorentzian lines of QPOs and band-limited noise.

    Arguments:
        variance: of each line, in (fractional rms)^2, (n, L).
        width: half width at half maximum in Hz, (n, L).
        centre: in Hz, negative for the mirror image of a QPO, (n, L).

    Examples:
        >>> zero = np.zeros((1, 1))
        >>> Lines(zero + 0.01, zero + 1.0, zero).total.tolist()
        [0.01]
    """

    variance: Floats
    width: Floats
    centre: Floats

    @property
    def total(self) -> Floats:
        """Return the variance (n,) of all lines together."""
        return np.asarray(self.variance.sum(axis=1))


@dataclass(frozen=True)
class ExpectedPower:
    """Compute the mean periodogram of a source in segments of a finite length, without noise.

    It is one-sided, in (fractional rms of the rate)^2/Hz. A segment's expected periodogram is the
    spectrum convolved with the Fejer kernel of width 1/T. At T = 16 s a QPO of 0.5 Hz and Q = 20
    loses half of its peak. The autocovariance of a Lorentzian is a damped cosine. With
    `z = 2 pi (w + i (f - nu))` its power is

        Re[1/z - (1 - exp(-z T))/(z^2 T)]    in place of    Re[1/z].

    For large w T this is a Lorentzian of half width w + 1/(2 pi T). It is used for all lines
    except the QPOs themselves. A power law is not convolved.

    For a log-normal rate the series of `power_spectrum.log_normal_power` is summed, for any number
    of components.

    Arguments:
        spectrum: of the log rate, or of the rate for `log_normal=False`.
        log_normal: whether the rate is the exponential of a Gaussian process, as in `LightCurve`.
        order: highest order of the series.

    Examples:
        >>> power = ExpectedPower(PowerSpectrum({"noise": "noise"}), log_normal=False)
        >>> params = {"noise_rms": 0.1, "noise_frequency": 1.0}
        >>> power(np.array([1.0]), params, 1e6).round(6)
        array([[0.003183]])
    """

    spectrum: PowerSpectrum
    log_normal: bool = True
    order: int = ORDER

    def fields(self, shape: str, params: Mapping[str, ArrayLike]) -> list[list[Floats]]:
        """Return the parameters (n, 1) of every component of a shape, in the shape's order.

        Arguments:
            shape: a key of `POWER_SHAPES`.
            params: physical, each a number or (n,).
        """
        names = [name for name, own in self.spectrum.components.items() if own == shape]
        keys = POWER_SHAPES[shape].fields
        return [[_column(params[f"{name}_{key}"]) for key in keys] for name in names]

    def lines(self, params: Mapping[str, ArrayLike]) -> Lines:
        """Return the lines of all QPOs and noises; a QPO has two, at plus and minus its
        frequency.

        Arguments:
            params: physical, each a number or (n,).
        """
        nothing = np.zeros((1, 0))
        variances = [nothing]
        widths = [nothing]
        centres = [nothing]
        for rms, frequency, quality in self.fields("qpo", params):
            above_zero = 0.5 + np.arctan(2 * quality) / np.pi
            half_width = frequency / (2 * quality)
            variances += [rms**2 * above_zero / 2] * 2
            widths += [half_width] * 2
            centres += [frequency, -frequency]
        for rms, half_width in self.fields("noise", params):
            variances.append(rms**2)
            widths.append(half_width)
            centres.append(0 * half_width)
        return Lines(*(_joined(columns) for columns in (variances, widths, centres)))

    def __call__(
        self,
        frequency: Floats,
        params: Mapping[str, ArrayLike],
        duration: float,
        gains: Floats | None = None,
        lines: Lines | None = None,
    ) -> Floats:
        """Return the expected power (n, F).

        Arguments:
            frequency: Hz, (F,).
            params: physical, each a number or (n,).
            duration: length of a segment in s.
            gains: factor for each order of the series, (n, order) or (1, order); None for 1.
            lines: those of the same params, if the caller has them.
        """
        gains = np.ones((1, self.order)) if gains is None else gains
        lines = self.lines(params) if lines is None else lines
        total = self._first_order(frequency, params, duration) * gains[:, :1]
        self._add_products(total, frequency, lines, gains, duration)
        return total

    @cached_property
    def _products(self) -> tuple[Floats, Floats]:
        """Return the exponents (K, L) of each product of two to `order` lines, and its weight (K,).

        The mirror image of a product has the same power: one of the two is kept, with twice the
        weight.
        """
        exponents = []
        weights = []
        for powers, mirrored in self._mirrored_exponents():
            if 2 <= sum(powers) <= self.order and powers >= mirrored:
                images = 2 if powers > mirrored else 1
                exponents.append(powers)
                weights.append(images / np.pi / prod(factorial(x) for x in powers))
        shape = (len(weights), self._n_lines)
        return np.array(exponents, dtype=np.float64).reshape(shape), np.array(weights)

    @property
    def _n_lines(self) -> int:
        shapes = list(self.spectrum.components.values())
        return 2 * shapes.count("qpo") + shapes.count("noise")

    def _mirrored_exponents(self) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Yield all exponents of the lines, each with those of its mirror image in frequency."""
        if not self.log_normal:
            return
        qpos = list(self.spectrum.components.values()).count("qpo")
        swapped = [2 * (i // 2) + 1 - i % 2 for i in range(2 * qpos)]
        order = [*swapped, *range(2 * qpos, self._n_lines)]
        for powers in product(range(self.order + 1), repeat=self._n_lines):
            yield powers, tuple(powers[i] for i in order)

    def _add_products(
        self, total: Floats, frequency: Floats, lines: Lines, gains: Floats, duration: float
    ) -> None:
        """Add the power of all products of lines to total (n, F), in place.

        A product has the half width w and the centre c, the sums of those of its lines. Its power
        and its mirror image's are, with t = f^2 + w^2 - c^2,

            weight w [1/((f - c)^2 + w^2) + 1/((f + c)^2 + w^2)]
                = (2 weight w t + 4 weight w c^2)/(t^2 + 4 c^2 w^2).
        """
        exponents, series_weight = self._products
        orders = exponents.sum(axis=1).astype(int)
        variance = np.exp(np.log(lines.variance) @ exponents.T)
        weight = series_weight * variance * gains[:, orders - 1]
        w = lines.width @ exponents.T + 1 / (2 * np.pi * duration)
        c = lines.centre @ exponents.T

        shift = _single(w**2 - c**2)
        factor = _single(2 * weight * w)
        offset = _single(4 * weight * w * c**2)
        scale = _single(4 * c**2 * w**2)
        squared = (frequency**2).astype(np.float32)

        # most of a fit's time goes here, hence float32, in place and in blocks
        fitting = _BLOCK_SIZE // total.size
        block = max(1, fitting)
        for k in range(0, len(series_weight), block):
            part = np.s_[:, k : k + block]
            t = squared + shift[part]
            below = t * t
            below += scale[part]
            t *= factor[part]
            t += offset[part]
            t /= below
            total += t.sum(axis=1)

    def _first_order(
        self, frequency: Floats, params: Mapping[str, ArrayLike], duration: float
    ) -> Floats:
        """Return the power (n, F) of the components themselves, as a segment shows it."""
        total: Floats = np.zeros((1, len(frequency)))
        for rms, centre, quality in self.fields("qpo", params):
            total = total + _finite_lorentzian(frequency, rms, centre, quality, duration)
        for rms, half_width in self.fields("noise", params):
            broadened = half_width + 1 / (2 * np.pi * duration)
            total = total + POWER_SHAPES["noise"].power(frequency, rms, broadened)
        for norm, index in self.fields("powerlaw", params):
            total = total + POWER_SHAPES["powerlaw"].power(frequency, norm, index)
        return total


def _finite_lorentzian(
    frequency: Floats, rms: Floats, centre: Floats, quality: Floats, duration: float
) -> Floats:
    """Return the power (n, F) of a QPO in segments of a duration in s: see `ExpectedPower`."""
    a = np.pi * centre / quality
    # at Fourier frequencies exp(i f T) = 1, so that the phase is the QPO's alone
    c = (1 - np.exp((2j * np.pi * centre - a) * duration)) / duration
    delta = 2 * np.pi * (frequency - centre)
    d = 1 / (delta**2 + a**2)
    edge = 2 * a * a * c.real + 2 * a * c.imag * delta
    return np.asarray(2 * rms**2 * d * (a + c.real - edge * d))


def _column(values: ArrayLike) -> Floats:
    """Return a number or (n,) as a column (n, 1)."""
    return np.atleast_1d(np.asarray(values, dtype=np.float64))[:, None]


def _joined(columns: list[Floats]) -> Floats:
    """Return columns (1 or n, 1) side by side, (n, L)."""
    n = max(len(column) for column in columns)
    full = [column if len(column) == n else column.repeat(n, axis=0) for column in columns]
    return np.concatenate(full, axis=1)


def _single(values: Floats) -> Singles:
    """Return (n, K) in single precision, with an axis for frequency."""
    return values.astype(np.float32)[..., None]
