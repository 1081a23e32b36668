"""Compute photon spectra: power law, black body and their sum, behind interstellar gas.

`PhotonSpectrum` adds shapes and names their parameters `<component>_<field>`, as
`power_spectrum.PowerSpectrum` does. The column density is `n_h`. Energies are in keV, column
densities in 1e22 hydrogen atoms per cm^2, cross sections in 1e-22 cm^2.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
PhotonShapeName = Literal["powerlaw", "blackbody"]
AbsorptionName = Literal["wabs", "tbabs"]

ERG_PER_KEV = 1.602176634e-9

WABS_END = 10.0
"""Upper end in keV of the last range of `wabs`."""

MAX_EXPONENT = 700.0
"""Largest E/kT of a black body whose exponential is a finite number."""

MIN_SLOPE = 1e-8
"""Below this |g ln(high/low)| the photons of a power law are taken as a series in it."""

FLUX_BINS = 2000
"""Number of logarithmic bins over which a flux is integrated."""

# Morrison & McCammon (1983), table 2: lower edge of each range in keV, and c0, c1, c2 of
# sigma = (c0 + c1 E + c2 E^2)/E^3 in 1e-24 cm^2.
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
    """Compute the cross section of interstellar gas that older fits used.

    `sigma = (c0 + c1 E + c2 E^2)/E^3` in 14 ranges from 0.03 to 10 keV. Beyond them it continues
    as 1/E^3. Its abundances and atomic data are obsolete; `tbabs` is the newer model.

    Arguments:
        energy: keV, any shape.

    Returns: cross section per hydrogen atom in 1e-22 cm^2, in the shape of energy.

    Source: Morrison & McCammon (1983, ApJ 270, 119), table 2,
    https://ui.adsabs.harvard.edu/abs/1983ApJ...270..119M

    Examples:
        >>> wabs(1.0).round(3).item()
        2.422
    """
    energy = np.asarray(energy, dtype=np.float64)
    inside = np.clip(energy, _WABS[0, 0], WABS_END)
    part = np.searchsorted(_WABS[:, 0], inside, side="right") - 1
    c0, c1, c2 = np.moveaxis(_WABS[part, 1:], -1, 0)
    polynomial = c0 + c1 * inside + c2 * inside**2
    return np.asarray(polynomial / energy**3 / 100)


@lru_cache
def _tbabs_table() -> tuple[Floats, Floats]:
    """Read the logarithms of energy and cross section."""
    table = resources.files("livetime.simulate").joinpath("data/tbabs.csv")
    with table.open() as file:
        energy, sigma = np.loadtxt(file, delimiter=",", skiprows=1, unpack=True)
    return np.log(energy), np.log(sigma)


def tbabs(energy: ArrayLike) -> Floats:
    """Compute the cross section of gas, molecules and grains, from a table of 0.1 to 20 keV.

    The table is interpolated in log-log. It is tbabs 2.3 of XSPEC's model library (HEASOFT
    6.35.1), with the abundances `wilm` and the Verner cross sections. Interpolation is accurate to
    0.1% (0.3% beside an edge). Outside of the table the end values continue as 1/E^3.

    Arguments:
        energy: keV, any shape.

    Returns: cross section per hydrogen atom in 1e-22 cm^2, in the shape of energy.

    Source: Wilms, Allen & McCray (2000, ApJ 542, 914), https://arxiv.org/abs/astro-ph/0008425

    Examples:
        >>> tbabs(1.0).round(2).item()
        1.74
    """
    log_energy = np.log(np.asarray(energy, dtype=np.float64))
    table_energy, table_sigma = _tbabs_table()
    inside = np.clip(log_energy, table_energy[0], table_energy[-1])
    log_sigma = np.interp(inside, table_energy, table_sigma)
    return np.asarray(np.exp(log_sigma + 3 * (inside - log_energy)))


ABSORPTION: dict[str, Callable[[ArrayLike], Floats]] = {"wabs": wabs, "tbabs": tbabs}
"""Cross sections in 1e-22 cm^2 by the names that a configuration gives them."""


def power_law_density(energy: Floats, norm: Floats, index: Floats) -> Floats:
    """Compute a power law `norm (E / 1 keV)^-index`.

    Arguments:
        energy: keV, broadcast against the other arguments.
        norm: photons/cm^2/s/keV at 1 keV.
        index: photon index.

    Returns: photons/cm^2/s/keV, in the common shape of the arguments.

    Examples:
        >>> power_law_density(np.array([2.0]), np.array(1.0), np.array(2.0))
        array([0.25])
    """
    return np.asarray(norm * energy**-index)


def power_law_photons(low: Floats, high: Floats, norm: Floats, index: Floats) -> Floats:
    """Integrate a power law over energy bins, exactly.

    `norm (high^g - low^g)/g` with `g = 1 - index`, and `norm ln(high/low)` at g = 0.

    Arguments:
        low: lower edges in keV, above 0, broadcast against the other arguments.
        high: upper edges in keV.
        norm: photons/cm^2/s/keV at 1 keV.
        index: photon index.

    Returns: photons/cm^2/s, in the common shape of the arguments.

    Examples:
        >>> power_law_photons(np.array([1.0]), np.array([2.0]), np.array(1.0), np.array(2.0))
        array([0.5])
    """
    g = 1 - index
    width = np.log(high / low)
    slope = g * width
    small = np.abs(slope) < MIN_SLOPE
    exact = np.expm1(slope) / np.where(small, 1.0, slope)
    mean_factor = np.where(small, 1 + slope / 2, exact)
    return np.asarray(norm * low**g * width * mean_factor)


def black_body_density(energy: Floats, norm: Floats, temperature: Floats) -> Floats:
    """Compute a black body `8.0525 norm E^2/(kT^4 (exp(E/kT) - 1))`, as XSPEC's bbody.

    Arguments:
        energy: keV, broadcast against the other arguments.
        norm: luminosity over distance squared, L/(1e39 erg/s)/(D/10 kpc)^2.
        temperature: kT in keV.

    Returns: photons/cm^2/s/keV, in the common shape of the arguments.

    Examples:
        >>> black_body_density(np.array([1.0]), np.array(1.0), np.array(1.0)).round(3)
        array([4.686])
    """
    exponent = np.minimum(energy / temperature, MAX_EXPONENT)
    return np.asarray(8.0525 * norm * energy**2 / (temperature**4 * np.expm1(exponent)))


@dataclass(frozen=True)
class PhotonShape:
    """Describe a shape of a photon spectrum: its density, and the names of its two parameters.

    Arguments:
        density: photons/cm^2/s/keV of the energy in keV, the norm and the second parameter.
        fields: names of the norm and of the second parameter.

    Examples:
        >>> PHOTON_SHAPES["blackbody"].fields
        ('norm', 'temperature')
    """

    density: Callable[[Floats, Floats, Floats], Floats]
    fields: tuple[str, str]


PHOTON_SHAPES: dict[str, PhotonShape] = {
    "powerlaw": PhotonShape(power_law_density, ("norm", "index")),
    "blackbody": PhotonShape(black_body_density, ("norm", "temperature")),
}
"""The shapes by the names that a configuration gives them."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)


@dataclass(frozen=True)
class PhotonSpectrum:
    """Add named shapes to a photon spectrum behind one absorber.

    `S(E) = exp(-n_h sigma(E)) sum_c S_c(E)` in photons/cm^2/s/keV.

    Arguments:
        components: name -> shape. A component `disc` of shape `powerlaw` has the parameters
            `disc_norm` (photons/cm^2/s/keV at 1 keV) and `disc_index`; of shape `blackbody`,
            `disc_norm` (L39/D10^2) and `disc_temperature` (keV).
        absorption: `wabs` or `tbabs`, with the parameter `n_h` in 1e22/cm^2, or None.

    Raises: ValueError for missing or unknown components, or an unknown absorption.

    Examples:
        >>> spectrum = PhotonSpectrum({"powerlaw": "powerlaw"})
        >>> spectrum.parameters
        ('n_h', 'powerlaw_norm', 'powerlaw_index')
        >>> params = {"n_h": 0.0, "powerlaw_norm": 1.0, "powerlaw_index": 2.0}
        >>> spectrum.flux(1.0, 2.0, params).round(6).item()
        0.5
    """

    components: Mapping[str, PhotonShapeName]
    absorption: AbsorptionName | None = "wabs"

    simulators: ClassVar[tuple[str, ...]] = ("spectrum",)

    def __post_init__(self) -> None:
        if not self.components:
            raise ValueError("components is empty; name at least one, as in {powerlaw: powerlaw}")
        for name, shape in self.components.items():
            if shape not in PHOTON_SHAPES:
                known = ", ".join(PHOTON_SHAPES)
                raise ValueError(f"components.{name} is {shape}, but must be one of {known}")
        if self.absorption is not None and self.absorption not in ABSORPTION:
            known = ", ".join(ABSORPTION)
            raise ValueError(
                f"absorption is {self.absorption}, but must be one of {known}, or null for none"
            )

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return `n_h`, if there is an absorber, and the names of the components' parameters."""
        names = ["n_h"] if self.absorption else []
        for component, shape in self.components.items():
            names += [f"{component}_{field}" for field in PHOTON_SHAPES[shape].fields]
        return tuple(names)

    def photons(self, low: Floats, high: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Integrate the spectrum over energy bins.

        The integral is exact for a power law, and uses three Gauss-Legendre nodes otherwise. The
        transmission of a bin is its mean over the bin's own photons.

        Arguments:
            low: lower edges of the bins in keV, above 0, shape (E,).
            high: upper edges of the bins in keV, shape (E,).
            params: physical value of each of `parameters`, a number or shape (n,).

        Returns: photons/cm^2/s, shape (E,) for numbers or (n, E).
        """
        nodes, weights = self._nodes(low, high)
        transmission = self._transmission(nodes, params)
        total: Floats = np.zeros(1)
        for name, shape in self.components.items():
            norm, second = self._values(name, params)
            unit = PHOTON_SHAPES[shape].density(nodes, np.ones(1), second[..., None])
            density = weights * unit
            transmitted = (density * transmission).sum(-2)
            if shape == "powerlaw":
                mean_transmission = transmitted / density.sum(-2)
                total = total + power_law_photons(low, high, norm, second) * mean_transmission
            else:
                total = total + norm * transmitted
        return total

    def flux(self, low: float, high: float, params: Mapping[str, ArrayLike]) -> Floats:
        """Integrate the absorbed photon flux over a band.

        Arguments:
            low: lower end of the band in keV, above 0.
            high: upper end of the band in keV.
            params: physical value of each of `parameters`, a number or shape (n,).

        Returns: photons/cm^2/s, shape () or (n,).
        """
        edges = np.geomspace(low, high, FLUX_BINS + 1)
        return np.asarray(self.photons(edges[:-1], edges[1:], params).sum(-1))

    def energy_flux(self, low: float, high: float, params: Mapping[str, ArrayLike]) -> Floats:
        """Integrate the absorbed energy flux over a band.

        Arguments:
            low: lower end of the band in keV, above 0.
            high: upper end of the band in keV.
            params: physical value of each of `parameters`, a number or shape (n,).

        Returns: erg/cm^2/s, shape () or (n,).
        """
        edges = np.geomspace(low, high, FLUX_BINS + 1)
        nodes, weights = self._nodes(edges[:-1], edges[1:])
        density: Floats = np.zeros(1)
        for name, shape in self.components.items():
            norm, second = self._values(name, params)
            own = PHOTON_SHAPES[shape].density(nodes, norm[..., None], second[..., None])
            density = density + own

        transmission = self._transmission(nodes, params)
        kev = (weights * nodes * density * transmission).sum((-1, -2))
        return np.asarray(kev * ERG_PER_KEV)

    def _values(self, component: str, params: Mapping[str, ArrayLike]) -> tuple[Floats, Floats]:
        """Return a component's norm and second parameter, with an axis for the bins, (n, 1)."""
        fields = PHOTON_SHAPES[self.components[component]].fields
        norm, second = (params[f"{component}_{field}"] for field in fields)
        norm_column = np.asarray(norm, dtype=np.float64)[..., None]
        second_column = np.asarray(second, dtype=np.float64)[..., None]
        return norm_column, second_column

    def _nodes(self, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Return Gauss-Legendre nodes in keV and weights in keV of each bin, both (3, E).

        Three long rows are far faster to sum than three short columns.
        """
        half = (high - low) / 2
        nodes = (high + low) / 2 + half * _NODES[:, None]
        return nodes, half * _WEIGHTS[:, None]

    def _transmission(self, energy: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute exp(-n_h sigma) at energies (3, E), of shape (3, E) or (n, 3, E)."""
        if self.absorption is None:
            return np.ones(1)
        n_h = np.asarray(params["n_h"], dtype=np.float64)[..., None, None]
        return np.asarray(np.exp(-n_h * ABSORPTION[self.absorption](energy)))
