"""Power-spectrum shapes: one-sided power in (fractional rms)^2/Hz over f > 0.

Each shape is a plain function of frequency. `Spectrum` adds several of them up, and names their parameters
`<component>_<field>`, so that the same shape can stand twice (a QPO and its harmonic).

All parameters are those of the *modelled process*. For a log-normal light curve that is the logarithm of the rate;
`log_normal_power` converts its spectrum into the spectrum of the rate itself, which is what a periodogram measures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import comb, factorial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]
ShapeName = Literal["qpo", "noise", "powerlaw"]


def qpo(f: ArrayLike, rms: ArrayLike, frequency: ArrayLike, quality: ArrayLike) -> Floats:
    """Lorentzian `rms^2/pi * w/((f - frequency)^2 + w^2)` with `w = frequency/(2 quality)`.

    It is normalised to rms^2 over -inf < f < inf; over f > 0 it holds `rms^2 (1/2 + arctan(2 Q)/pi)` (Q = 2: .922, Q = 20: .992).

    Arguments:
        f: frequency in Hz, broadcast against the others.
        rms: fractional rms amplitude.
        frequency: centroid in Hz.
        quality: Q = centroid / full width at half maximum.

    >>> round(float(qpo(5.0, 0.1, 5.0, 10.0)), 6)  # rms^2 / (pi w) at the centroid
    0.012732
    """
    rms, frequency, quality = (np.asarray(a, dtype=np.float64) for a in (rms, frequency, quality))
    w = frequency / (2 * quality)
    return rms**2 / np.pi * w / ((np.asarray(f) - frequency) ** 2 + w**2)


def noise(f: ArrayLike, rms: ArrayLike, frequency: ArrayLike) -> Floats:
    """Band-limited noise: zero-centred Lorentzian `rms^2 * 2/pi * w/(f^2 + w^2)`, normalised to rms^2 over f > 0.

    Arguments:
        f: frequency in Hz.
        rms: fractional rms amplitude.
        frequency: half width at half maximum w in Hz.
    """
    rms, w = np.asarray(rms, dtype=np.float64), np.asarray(frequency, dtype=np.float64)
    return rms**2 * 2 / np.pi * w / (np.asarray(f) ** 2 + w**2)


def powerlaw(f: ArrayLike, norm: ArrayLike, index: ArrayLike) -> Floats:
    """Red noise `norm * (f / 1 Hz)^-index`; its integral, and so its rms, depends on the band.

    Arguments:
        f: frequency in Hz, above zero.
        norm: power at 1 Hz in (fractional rms)^2/Hz.
        index: positive for red noise.
    """
    return np.asarray(norm, dtype=np.float64) * np.asarray(f, dtype=np.float64) ** -np.asarray(
        index, dtype=np.float64
    )


@dataclass(frozen=True)
class Shape:
    power: Callable[..., Floats]
    fields: tuple[str, ...]


SHAPES: dict[str, Shape] = {
    "qpo": Shape(qpo, ("rms", "frequency", "quality")),
    "noise": Shape(noise, ("rms", "frequency")),
    "powerlaw": Shape(powerlaw, ("norm", "index")),
}


@dataclass(frozen=True)
class Spectrum:
    """A sum of shapes.

    Arguments:
        components: name -> shape; component `qpo` of shape `qpo` has parameters `qpo_rms`, `qpo_frequency`, `qpo_quality`.

    >>> Spectrum({"noise": "noise"}).parameters
    ('noise_rms', 'noise_frequency')
    """

    components: Mapping[str, ShapeName]

    def __post_init__(self) -> None:
        if not self.components:
            raise ValueError(
                "components is empty; name at least one, as in {qpo: qpo, noise: noise}"
            )

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(
            f"{name}_{field}"
            for name, shape in self.components.items()
            for field in SHAPES[shape].fields
        )

    def power(self, f: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """The summed power.

        Arguments:
            f: frequencies in Hz, shape (F,).
            params: every one of `parameters`, each a number or an array (n,).

        Returns: shape (F,) for numbers, (n, F) for arrays; (fractional rms)^2/Hz.
        """
        total: Floats = np.zeros(1)
        for name, shape in self.components.items():
            args = [
                np.asarray(params[f"{name}_{field}"], dtype=np.float64)
                for field in SHAPES[shape].fields
            ]
            total = total + SHAPES[shape].power(f, *(a[..., None] for a in args))
        return total


def log_normal_power(
    spectrum: Spectrum, f: Floats, params: Mapping[str, ArrayLike], order: int = 4
) -> Floats:
    """Power of the rate `exp(g - var/2)` whose logarithm g is Gaussian with the given spectrum.

    With R the autocovariance of g, that of the rate is `exp(R) - 1 = sum_k R^k/k!` (Coles & Jones 1991; Uttley, McHardy &
    Vaughan 2005): the first term is the spectrum itself, the others put power at sums and differences of its frequencies.
    A Lorentzian's R is a damped cosine (here with the variance that it holds over f > 0), so every product of them is again
    a sum of Lorentzians, and the series is summed in closed form. A power law has no such form and stays at first order.

    Arguments:
        spectrum: at most one `qpo` and one `noise` contribute to the higher orders.
        f: frequencies in Hz, shape (F,).
        params: as for `Spectrum.power`.
        order: highest power of R that is kept; 4 leaves less than 1% at a total rms of .7.

    Returns: shape (F,) or (n, F); (fractional rms)^2/Hz of the rate.
    """
    qpos = [name for name, shape in spectrum.components.items() if shape == "qpo"]
    noises = [name for name, shape in spectrum.components.items() if shape == "noise"]
    if len(qpos) > 1 or len(noises) > 1:
        raise ValueError("log_normal_power is written for at most one qpo and one noise component")

    def get(name: str) -> Floats:
        return np.asarray(params[name], dtype=np.float64)[..., None]

    zero: Floats = np.zeros(1)
    nu, w_q, var_q = zero, zero, zero
    if qpos:
        nu, q = get(f"{qpos[0]}_frequency"), get(f"{qpos[0]}_quality")
        w_q, var_q = nu / (2 * q), get(f"{qpos[0]}_rms") ** 2 * (0.5 + np.arctan(2 * q) / np.pi)
    w_n, var_n = (
        (get(f"{noises[0]}_frequency"), get(f"{noises[0]}_rms") ** 2) if noises else (zero, zero)
    )

    total = spectrum.power(f, params)
    for a in range(order + 1 if qpos else 1):
        for b in range(order + 1 - a if noises else 1):
            if a + b < 2:
                continue
            w = a * w_q + b * w_n
            weight = var_q**a * var_n**b / (factorial(a) * factorial(b)) / np.pi
            for j in range(a + 1):  # cos^a = 2^-a sum_j C(a, j) cos((a - 2j) phase)
                centre = (a - 2 * j) * nu
                total = total + comb(a, j) / 2**a * weight * (
                    w / ((f - centre) ** 2 + w**2) + w / ((f + centre) ** 2 + w**2)
                )
    return total
