"""Describe the response of an X-ray instrument: effective area and energy redistribution."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import ndtr

Floats = NDArray[np.float64]

MAX_ROW_SUM = 2.0
"""Sum of a photon's redistribution from which on it is refused as no probability.

Rounding and escape peaks leave some sums slightly above 1.
"""

EDGE_ROUNDING = 1e-4
"""Relative distance of one energy bin's end from the next one's start that counts as rounding."""

FWHM_PER_SIGMA = 2.355
CENTRAL_68 = (0.16, 0.84)

MIN_CHANNEL_PROBABILITY = 1e-7
"""Smallest probability of a channel that the analytic response keeps."""


@dataclass(frozen=True, eq=False)
class Response:
    """Effective area and redistribution of an instrument.

    The counts/s in channel h are `sum_E R(E, h) A(E) S(E)`, with the photons/cm^2/s S in energy
    bin E.

    Arguments:
        low: lower edges of the photon energy bins in keV, rising and contiguous, shape (E,).
        high: upper edges of the photon energy bins in keV, shape (E,).
        area: effective area A in cm^2, shape (E,).
        matrix: probability R that a photon of bin E is read in channel h, sparse, shape (E, C).
        e_min: lower nominal energies of the channels in keV, shape (C,).
        e_max: upper nominal energies of the channels in keV, shape (C,).
        first_channel: number of the first channel, 0 or 1 in most files.
        telescope: as in the files, or empty.
        instrument: as in the files, or empty.
        notes: what was corrected when the files were read.

    Raises: ValueError for bins that are not rising and contiguous, channels that do not rise,
        shapes that do not match, an area that is negative, not finite or zero everywhere, or
        probabilities that add up to zero or to more than one.

    Examples:
        >>> matrix = csr_array(np.array([[0.5, 0.5], [0.0, 1.0]]))
        >>> edges = np.array([1.0, 2.0, 3.0])
        >>> area = np.array([10.0, 20.0])
        >>> response = Response(edges[:-1], edges[1:], area, matrix, edges[:-1], edges[1:])
        >>> response.fold(np.array([1.0, 1.0]))
        array([ 5., 25.])
    """

    low: Floats
    high: Floats
    area: Floats
    matrix: csr_array
    e_min: Floats
    e_max: Floats
    first_channel: int = 1
    telescope: str = ""
    instrument: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        energies = len(self.low)
        if self.matrix.shape != (energies, self.channels) or len(self.area) != energies:
            raise ValueError(
                f"a matrix {self.matrix.shape} does not fit {energies} energies and "
                f"{self.channels} channels"
            )
        self._check_energies()
        self._check_channels()
        area_is_positive = self.area.min() >= 0 and self.area.max() > 0
        if not (np.isfinite(self.area).all() and area_is_positive):
            raise ValueError(
                "the effective area of a response must be finite, nowhere negative and somewhere "
                "positive"
            )
        if not 0 < self.matrix.sum(axis=1).max() < MAX_ROW_SUM:
            raise ValueError(
                "the redistribution of a response must consist of probabilities, which add up to "
                f"1 and not to {MAX_ROW_SUM:g} or more"
            )

    def _check_energies(self) -> None:
        rising = np.all(self.high > self.low)
        contiguous = np.allclose(self.high[:-1], self.low[1:], rtol=EDGE_ROUNDING)
        if not (rising and contiguous):
            raise ValueError(
                "the energy bins of a response must rise, each starting where the one before ends"
            )

    def _check_channels(self) -> None:
        rising = np.all(np.diff(self.e_min) > 0) and np.all(self.e_max > self.e_min)
        if not (np.isfinite(self.e_max).all() and rising):
            raise ValueError("the channels of a response must rise in energy")

    @property
    def channels(self) -> int:
        """Return the number C of channels."""
        return len(self.e_min)

    @cached_property
    def edges(self) -> Floats:
        """Return the edges of the energy bins in keV, shape (E + 1,)."""
        return np.append(self.low, self.high[-1])

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the numbers, which does not depend on the names of the files."""
        matrix = self.matrix.copy()
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        sparse = (matrix.data, matrix.indices, matrix.indptr)
        content = hashlib.sha256()
        for part in (self.edges, self.area, *sparse, self.e_min, self.e_max):
            content.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
        return content.hexdigest()

    def resolution(self, energy: Floats) -> Floats:
        """Compute the full width at half maximum of the redistribution.

        It is 2.355 times half the width that contains the central 68% of a row, and at least the
        median width of a channel.

        Arguments:
            energy: photon energies in keV, shape (...).

        Returns: keV, shape (...).

        Examples:
            >>> analytic_response().resolution(np.array([6.0])).round(3)
            array([0.138])
        """
        cumulative = np.cumsum(self.matrix.toarray(), axis=1)
        seen = cumulative[:, -1] > 0
        share = cumulative[seen] / cumulative[seen, -1:]
        last = self.channels - 1
        lower, upper = ((share < quantile).sum(axis=1).clip(max=last) for quantile in CENTRAL_68)
        sigma = (self.e_min[upper] - self.e_min[lower]) / 2
        channel_width = np.median(self.e_max - self.e_min)
        width = np.maximum(sigma * FWHM_PER_SIGMA, channel_width)
        centre = (self.low + self.high) / 2
        return np.asarray(np.interp(energy, centre[seen], width))

    def redistribute(self, rate: Floats) -> Floats:
        """Distribute the rate in each energy bin over the channels.

        Arguments:
            rate: counts/s, or another quantity, in each energy bin, shape (..., E).

        Returns: the same per channel, shape (..., C).
        """
        flat = rate.reshape(-1, rate.shape[-1])
        spread = np.asarray((self._transposed @ flat.T).T, dtype=np.float64)
        return spread.reshape(*rate.shape[:-1], self.channels)

    @cached_property
    def _transposed(self) -> csr_array:
        return self.matrix.T.tocsr()

    def fold(self, photons: Floats) -> Floats:
        """Compute the counts/s in each channel, shape (..., C).

        Arguments:
            photons: photons/cm^2/s in each energy bin, shape (..., E).
        """
        return self.redistribute(photons * self.area)


def analytic_response() -> Response:
    """Make the response of a CCD without files.

    It has 10 eV energy bins from 0.2 to 12 keV, 1024 channels of 14.6 eV, Gaussian resolution and
    a smooth effective area. `sigma^2 = w^2 (N^2 + F E/w)` with w = 3.65 eV per electron, the Fano
    factor F = 0.115 and N = 10 electrons of noise gives 146 eV FWHM at 6 keV. The area
    `600 cm^2 exp(-ln(E/1.6 keV)^2/(2 0.8^2))` is about that of a mirror with a CCD behind it.

    Source of the resolution: Fraser (1989), *X-ray Detectors in Astronomy*, section 4.3.

    Examples:
        >>> analytic_response().channels
        1024
    """
    edges = np.linspace(0.2, 12.0, 1181)
    bounds: Floats = 0.0146 * np.arange(1025.0)
    energy = (edges[:-1] + edges[1:]) / 2

    pair_energy = 3.65e-3
    fano = 0.115
    noise = 10.0
    sigma = np.sqrt(pair_energy**2 * noise**2 + fano * pair_energy * energy)
    below = ndtr((bounds - energy[:, None]) / sigma[:, None])
    share = np.diff(below, axis=1)
    share[share < MIN_CHANNEL_PROBABILITY] = 0

    area = 600 * np.exp(-(np.log(energy / 1.6) ** 2) / (2 * 0.8**2))
    return Response(edges[:-1], edges[1:], area, csr_array(share), bounds[:-1], bounds[1:])
