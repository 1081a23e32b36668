"""Photon spectra: power law, black body and their sum, behind the interstellar gas.

`PhotonSpectrum` adds shapes up and names their parameters `<component>_<field>`, as `psd.Spectrum` does; the column density is `n_h`.
Energies are in keV, column densities in 1e22 hydrogen atoms per cm^2, cross sections in 1e-22 cm^2.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
ShapeName = Literal["powerlaw", "blackbody"]
AbsorptionName = Literal["wabs", "tbabs"]

ERG_PER_KEV = 1.602176634e-9

# Morrison & McCammon (1983), table 2: lower edge of each range in keV, and c0, c1, c2 of sigma = (c0 + c1 E + c2 E^2)/E^3 in 1e-24 cm^2.
_WABS = np.array(
    [
        [0.030, 17.3, 608.1, -2150.0],
        [0.100, 34.6, 267.9, -476.1],
        [0.284, 78.1, 18.8, 4.3],
        [0.400, 71.4, 66.8, -51.4],
        [0.532, 95.5, 145.8, -61.1],
        [0.707, 308.9, -380.6, 294.0],
        [0.867, 120.6, 169.3, -47.7],
        [1.303, 141.3, 146.8, -31.5],
        [1.840, 202.7, 104.7, -17.0],
        [2.471, 342.7, 18.7, 0.0],
        [3.210, 352.2, 18.7, 0.0],
        [4.038, 433.9, -2.4, 0.75],
        [7.111, 629.0, 30.9, 0.0],
        [8.331, 701.2, 25.2, 0.0],
    ]
)


def wabs(energy: ArrayLike) -> Floats:
    """Cross section of the interstellar gas per hydrogen atom, in 1e-22 cm^2: `(c0 + c1 E + c2 E^2)/E^3` in 14 ranges of .03 to 10 keV.

    Outside of them it goes on as 1/E^3. It is the model of most older fits; its abundances and cross sections are obsolete.

    Arguments:
        energy: keV, any shape.

    Source: Morrison & McCammon (1983, ApJ 270, 119), table 2.

    >>> round(float(wabs(1.0)), 3)
    2.422
    """
    energy = np.asarray(energy, dtype=np.float64)
    inside = np.clip(energy, _WABS[0, 0], 10.0)
    c0, c1, c2 = np.moveaxis(
        _WABS[np.searchsorted(_WABS[:, 0], inside, side="right") - 1, 1:], -1, 0
    )
    return np.asarray((c0 + c1 * inside + c2 * inside**2) / energy**3 / 100)


@lru_cache
def _tbabs_table() -> tuple[Floats, Floats]:
    with resources.files("livetime.simulate").joinpath("data/tbabs.csv").open() as file:
        energy, sigma = np.log(np.loadtxt(file, delimiter=",", skiprows=1, unpack=True))
    return energy, sigma


def tbabs(energy: ArrayLike) -> Floats:
    """Cross section of gas, molecules and grains per hydrogen atom, in 1e-22 cm^2: a table of .1 to 20 keV, straight in log-log.

    The table is the tbabs 2.3 of XSPEC's model library (HEASOFT 6.35.1), evaluated with abundances `wilm` and the Verner cross sections and
    thinned to within .1% (.3% beside an edge). Outside of it the end values go on as 1/E^3.

    Arguments:
        energy: keV, any shape.

    Source: Wilms, Allen & McCray (2000, ApJ 542, 914).

    >>> round(float(tbabs(1.0)), 2)
    1.74
    """
    energy = np.asarray(energy, dtype=np.float64)
    log_energy, log_sigma = _tbabs_table()
    inside = np.clip(np.log(energy), log_energy[0], log_energy[-1])
    return np.asarray(
        np.exp(np.interp(inside, log_energy, log_sigma) + 3 * (inside - np.log(energy)))
    )


ABSORPTION: dict[str, Callable[[ArrayLike], Floats]] = {"wabs": wabs, "tbabs": tbabs}


def power_law(energy: Floats, norm: Floats, index: Floats) -> Floats:
    """Photons/cm^2/s/keV `norm * (E / 1 keV)^-index`."""
    return np.asarray(norm * energy**-index)


def power_law_photons(low: Floats, high: Floats, norm: Floats, index: Floats) -> Floats:
    """Photons/cm^2/s between low and high, exactly: `norm * (high^g - low^g)/g` with `g = 1 - index`, a logarithm at g = 0."""
    g, width = 1 - index, np.log(high / low)
    x = g * width
    small = np.abs(x) < 1e-8
    return np.asarray(
        norm * low**g * width * np.where(small, 1 + x / 2, np.expm1(x) / np.where(small, 1.0, x))
    )


def black_body(energy: Floats, norm: Floats, temperature: Floats) -> Floats:
    """Photons/cm^2/s/keV `8.0525 norm E^2 / (kT^4 (exp(E/kT) - 1))`; norm is L/(1e39 erg/s) over (D/10 kpc)^2, as XSPEC's bbody has it."""
    return np.asarray(
        8.0525
        * norm
        * energy**2
        / (temperature**4 * np.expm1(np.minimum(energy / temperature, 700.0)))
    )


@dataclass(frozen=True)
class Shape:
    density: Callable[[Floats, Floats, Floats], Floats]
    fields: tuple[str, str]


SHAPES: dict[str, Shape] = {
    "powerlaw": Shape(power_law, ("norm", "index")),
    "blackbody": Shape(black_body, ("norm", "temperature")),
}

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)


@dataclass(frozen=True)
class PhotonSpectrum:
    """A sum of shapes behind one absorber: `exp(-n_h sigma(E)) sum_c S_c(E)` in photons/cm^2/s/keV.

    Arguments:
        components: name -> shape; component `powerlaw` of shape `powerlaw` has parameters `powerlaw_norm` (photons/cm^2/s/keV at 1 keV) and
            `powerlaw_index`; of shape `blackbody`, `<name>_norm` (L39/D10^2) and `<name>_temperature` (keV).
        absorption: `wabs` or `tbabs`, with the parameter `n_h` in 1e22/cm^2; None for none.

    Raises: ValueError for no or unknown components, or an unknown absorption.

    >>> PhotonSpectrum({"powerlaw": "powerlaw"}).parameters
    ('n_h', 'powerlaw_norm', 'powerlaw_index')
    """

    components: Mapping[str, ShapeName]
    absorption: AbsorptionName | None = "wabs"

    def __post_init__(self) -> None:
        if not self.components:
            raise ValueError("components is empty; name at least one, as in {powerlaw: powerlaw}")
        for name, shape in self.components.items():
            if shape not in SHAPES:
                raise ValueError(
                    f"components.{name} is {shape}, but must be one of {', '.join(SHAPES)}"
                )
        if self.absorption is not None and self.absorption not in ABSORPTION:
            raise ValueError(
                f"absorption is {self.absorption}, but must be one of {', '.join(ABSORPTION)}, or null for none"
            )

    @property
    def parameters(self) -> tuple[str, ...]:
        shapes = tuple(
            f"{name}_{field}"
            for name, shape in self.components.items()
            for field in SHAPES[shape].fields
        )
        return ("n_h", *shapes) if self.absorption else shapes

    def photons(self, low: Floats, high: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Photons/cm^2/s in each energy bin: exact for a power law, by three Gauss-Legendre nodes otherwise.

        The transmission of a bin is its mean over the bin's own photons.

        Arguments:
            low, high: edges of the bins in keV, above zero, shape (E,).
            params: every one of `parameters`, each a number or an array (n,).

        Returns: shape (E,) for numbers, (n, E) for arrays.
        """
        nodes, weights = self._nodes(low, high)
        through = self._transmission(nodes, params)
        total: Floats = np.zeros(1)
        for name, shape in self.components.items():
            norm, second = (
                np.asarray(params[f"{name}_{field}"], dtype=np.float64)[..., None]
                for field in SHAPES[shape].fields
            )
            density = weights * SHAPES[shape].density(nodes, np.ones(1), second[..., None])
            if shape == "powerlaw":
                total = total + power_law_photons(low, high, norm, second) * (
                    (density * through).sum(-2) / density.sum(-2)
                )
            else:
                total = total + norm * (density * through).sum(-2)
        return total

    def flux(self, low: float, high: float, params: Mapping[str, ArrayLike]) -> Floats:
        """Photons/cm^2/s between low and high in keV; shape () or (n,)."""
        edges = np.geomspace(low, high, 2001)
        return np.asarray(self.photons(edges[:-1], edges[1:], params).sum(-1))

    def energy_flux(self, low: float, high: float, params: Mapping[str, ArrayLike]) -> Floats:
        """Erg/cm^2/s between low and high in keV, absorbed; shape () or (n,)."""
        edges = np.geomspace(low, high, 2001)
        nodes, weights = self._nodes(edges[:-1], edges[1:])
        total: Floats = np.zeros(1)
        for name, shape in self.components.items():
            norm, second = (
                np.asarray(params[f"{name}_{field}"], dtype=np.float64)[..., None, None]
                for field in SHAPES[shape].fields
            )
            total = total + SHAPES[shape].density(nodes, norm, second)
        return np.asarray(
            (weights * nodes * total * self._transmission(nodes, params)).sum((-1, -2))
            * ERG_PER_KEV
        )

    def _nodes(self, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Gauss-Legendre nodes in keV and weights in keV of each bin, (3, E): three rows are far faster to add up than three columns."""
        half = (high - low) / 2
        return (high + low) / 2 + half * _NODES[:, None], half * _WEIGHTS[:, None]

    def _transmission(self, energy: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        if self.absorption is None:
            return np.ones(1)
        n_h = np.asarray(params["n_h"], dtype=np.float64)[..., None, None]
        return np.asarray(np.exp(-n_h * ABSORPTION[self.absorption](energy)))
