"""Compute power-spectrum shapes: one-sided power in (fractional rms)^2/Hz over f > 0.

Each shape is a plain function of frequency. `PowerSpectrum` adds several of them and names their
parameters `<component>_<field>`, so that a shape can occur twice (a QPO and its harmonic).

All parameters are those of the *modelled process*. For a log-normal light curve that is the
logarithm of the rate. `log_normal_power` converts its spectrum into the spectrum of the rate,
which is what a periodogram measures.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import comb, factorial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]
PowerShapeName = Literal["qpo", "noise", "powerlaw"]

MAX_ORDER = 4
"""Highest power of the autocovariance that `log_normal_power` keeps by default."""


def qpo_power(f: ArrayLike, rms: ArrayLike, frequency: ArrayLike, quality: ArrayLike) -> Floats:
    """Compute a Lorentzian `rms^2/pi * w/((f - nu0)^2 + w^2)` with `w = nu0/(2 Q)`.

    It is normalised to rms^2 over -inf < f < inf. Over f > 0 its integral is
    `rms^2 (1/2 + arctan(2 Q)/pi)`: 0.922 rms^2 for Q = 2, and 0.992 rms^2 for Q = 20.

    Arguments:
        f: frequency in Hz, broadcast against the other arguments.
        rms: fractional rms amplitude.
        frequency: centroid nu0 in Hz.
        quality: Q, the centroid over the full width at half maximum.

    Returns: power in (fractional rms)^2/Hz, in the common shape of the arguments.

    Examples:
        >>> qpo_power(5.0, 0.1, 5.0, 10.0).round(6).item()  # rms^2/(pi w) at the centroid
        0.012732
    """
    amplitude = np.asarray(rms, dtype=np.float64)
    centroid = np.asarray(frequency, dtype=np.float64)
    half_width = centroid / (2 * np.asarray(quality, dtype=np.float64))
    distance = np.asarray(f) - centroid
    return amplitude**2 / np.pi * half_width / (distance**2 + half_width**2)


def noise_power(f: ArrayLike, rms: ArrayLike, frequency: ArrayLike) -> Floats:
    """Compute band-limited noise `rms^2 * 2/pi * w/(f^2 + w^2)`, a zero-centred Lorentzian.

    It is normalised to rms^2 over f > 0.

    Arguments:
        f: frequency in Hz, broadcast against the other arguments.
        rms: fractional rms amplitude.
        frequency: half width at half maximum w in Hz.

    Returns: power in (fractional rms)^2/Hz, in the common shape of the arguments.

    Examples:
        >>> noise_power(1.0, 0.1, 1.0).round(6).item()  # rms^2/(pi w) at the half width
        0.003183
    """
    amplitude = np.asarray(rms, dtype=np.float64)
    half_width = np.asarray(frequency, dtype=np.float64)
    return amplitude**2 * 2 / np.pi * half_width / (np.asarray(f) ** 2 + half_width**2)


def red_noise_power(f: ArrayLike, norm: ArrayLike, index: ArrayLike) -> Floats:
    """Compute red noise `norm * (f / 1 Hz)^-index`, whose rms depends on the band.

    Arguments:
        f: frequency in Hz, above zero, broadcast against the other arguments.
        norm: power at 1 Hz in (fractional rms)^2/Hz.
        index: positive for red noise.

    Returns: power in (fractional rms)^2/Hz, in the common shape of the arguments.

    Examples:
        >>> red_noise_power(2.0, 0.01, 2.0).item()
        0.0025
    """
    frequency = np.asarray(f, dtype=np.float64)
    slope = np.asarray(index, dtype=np.float64)
    return np.asarray(norm, dtype=np.float64) * frequency**-slope


@dataclass(frozen=True)
class PowerShape:
    """Describe a shape of a power spectrum: a function of frequency, and its parameters.

    Arguments:
        power: power in (fractional rms)^2/Hz of the frequency in Hz and the parameters.
        fields: names of the parameters, in the order of the function's arguments.

    Examples:
        >>> POWER_SHAPES["qpo"].fields
        ('rms', 'frequency', 'quality')
    """

    power: Callable[..., Floats]
    fields: tuple[str, ...]


POWER_SHAPES: dict[str, PowerShape] = {
    "qpo": PowerShape(qpo_power, ("rms", "frequency", "quality")),
    "noise": PowerShape(noise_power, ("rms", "frequency")),
    "powerlaw": PowerShape(red_noise_power, ("norm", "index")),
}
"""The shapes by the names that a configuration gives them."""


@dataclass(frozen=True)
class PowerSpectrum:
    """Add named shapes to a power spectrum.

    Arguments:
        components: name -> shape. A component `low` of shape `qpo` has the parameters `low_rms`,
            `low_frequency` (Hz) and `low_quality`.

    Raises: ValueError if there is no component.

    Examples:
        >>> spectrum = PowerSpectrum({"noise": "noise"})
        >>> spectrum.parameters
        ('noise_rms', 'noise_frequency')
        >>> spectrum.power(np.array([1.0]), {"noise_rms": 0.1, "noise_frequency": 1.0}).round(6)
        array([0.003183])
    """

    components: Mapping[str, PowerShapeName]

    def __post_init__(self) -> None:
        if not self.components:
            raise ValueError(
                "components is empty; name at least one, as in {qpo: qpo, noise: noise}"
            )

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the parameters of all components, in order."""
        names: list[str] = []
        for component, shape in self.components.items():
            names += [f"{component}_{field}" for field in POWER_SHAPES[shape].fields]
        return tuple(names)

    def names_of_shape(self, shape: PowerShapeName) -> list[str]:
        """Return the names of the components that have a shape.

        Examples:
            >>> PowerSpectrum({"low": "qpo", "high": "qpo"}).names_of_shape("qpo")
            ['low', 'high']
        """
        return [name for name, own in self.components.items() if own == shape]

    def power(self, f: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the summed power.

        Arguments:
            f: frequencies in Hz, shape (F,).
            params: physical value of each of `parameters`, a number or shape (n,).

        Returns: power in (fractional rms)^2/Hz, shape (F,) for numbers or (n, F).
        """
        total: Floats = np.zeros(1)
        for component, shape in self.components.items():
            fields = POWER_SHAPES[shape].fields
            values = [_column(params[f"{component}_{field}"]) for field in fields]
            total = total + POWER_SHAPES[shape].power(f, *values)
        return total


def _column(value: ArrayLike) -> Floats:
    """Give a parameter (n,) an axis for the frequencies, (n, 1)."""
    return np.asarray(value, dtype=np.float64)[..., None]


@dataclass(frozen=True)
class _Lorentzian:
    """Autocovariance `variance exp(-2 pi w |t|) cos(2 pi nu0 t)` of a component, shapes (n, 1)."""

    centroid: Floats
    half_width: Floats
    variance: Floats


def log_normal_power(
    spectrum: PowerSpectrum,
    f: Floats,
    params: Mapping[str, ArrayLike],
    order: int = MAX_ORDER,
) -> Floats:
    """Compute the power spectrum of a rate `exp(g - var/2)`, where g has the given spectrum.

    Let R be the autocovariance of the Gaussian g. That of the rate is `exp(R) - 1 = sum_k R^k/k!`.
    The first term gives the spectrum of g. The others add power at sums and differences of its
    frequencies. The R of a Lorentzian is a damped cosine (with the variance over f > 0). So every
    product is a sum of Lorentzians, and each term has a closed form. A power law has no such form
    and stays at first order.

    Arguments:
        spectrum: at most one `qpo` and one `noise` contribute to the higher orders.
        f: frequencies in Hz, shape (F,).
        params: physical value of each of the spectrum's parameters, a number or shape (n,).
        order: highest power k of R; 4 leaves an error below 1% at a total rms of 0.7.

    Raises: ValueError if the spectrum has several components of shape `qpo` or `noise`.

    Returns: power of the rate in (fractional rms)^2/Hz, shape (F,) or (n, F).

    Source: Coles & Jones (1991, MNRAS 248, 1),
    https://ui.adsabs.harvard.edu/abs/1991MNRAS.248....1C, and Uttley, McHardy & Vaughan (2005,
    MNRAS 359, 345), https://ui.adsabs.harvard.edu/abs/2005MNRAS.359..345U

    Examples:
        >>> spectrum = PowerSpectrum({"noise": "noise"})
        >>> params = {"noise_rms": 0.5, "noise_frequency": 1.0}
        >>> spectrum.power(np.array([3.0]), params).round(4)
        array([0.0159])
        >>> log_normal_power(spectrum, np.array([3.0]), params).round(4)
        array([0.0193])
    """
    qpos = spectrum.names_of_shape("qpo")
    noises = spectrum.names_of_shape("noise")
    if len(qpos) > 1 or len(noises) > 1:
        raise ValueError(
            f"the source has {len(qpos)} qpo and {len(noises)} noise components, but the limit is "
            "one of each; leave the others out"
        )

    qpo = _qpo_autocovariance(qpos, params)
    noise = _noise_autocovariance(noises, params)
    total = spectrum.power(f, params)
    for qpo_order in range(order + 1 if qpos else 1):
        for noise_order in range(order + 1 - qpo_order if noises else 1):
            if qpo_order + noise_order < 2:
                continue
            for term in _product(qpo, noise, qpo_order, noise_order, f):
                total = total + term
    return total


def _qpo_autocovariance(names: list[str], params: Mapping[str, ArrayLike]) -> _Lorentzian:
    """Return the autocovariance of the QPO of that name, or zeros without one."""
    if not names:
        return _Lorentzian(np.zeros(1), np.zeros(1), np.zeros(1))
    centroid = _column(params[f"{names[0]}_frequency"])
    quality = _column(params[f"{names[0]}_quality"])
    rms = _column(params[f"{names[0]}_rms"])
    positive_share = 0.5 + np.arctan(2 * quality) / np.pi
    return _Lorentzian(centroid, centroid / (2 * quality), rms**2 * positive_share)


def _noise_autocovariance(names: list[str], params: Mapping[str, ArrayLike]) -> _Lorentzian:
    """Return the autocovariance of the noise of that name, or zeros without one."""
    if not names:
        return _Lorentzian(np.zeros(1), np.zeros(1), np.zeros(1))
    half_width = _column(params[f"{names[0]}_frequency"])
    rms = _column(params[f"{names[0]}_rms"])
    return _Lorentzian(np.zeros(1), half_width, rms**2)


def _product(
    qpo: _Lorentzian, noise: _Lorentzian, qpo_order: int, noise_order: int, f: Floats
) -> Iterator[Floats]:
    """Transform `R_qpo^a R_noise^b/(a! b!)`, a Lorentzian at each multiple of the centroid.

    The cosine to the power a is `2^-a sum_j C(a, j) cos((a - 2 j) phase)`.
    """
    half_width = qpo_order * qpo.half_width + noise_order * noise.half_width
    variance = qpo.variance**qpo_order * noise.variance**noise_order
    weight = variance / (factorial(qpo_order) * factorial(noise_order)) / np.pi

    for j in range(qpo_order + 1):
        centre = (qpo_order - 2 * j) * qpo.centroid
        above = half_width / ((f - centre) ** 2 + half_width**2)
        below = half_width / ((f + centre) ** 2 + half_width**2)
        yield comb(qpo_order, j) / 2**qpo_order * weight * (above + below)
