"""The response of an X-ray instrument: effective area, and the redistribution of photon energies over channels."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import ndtr

Floats = NDArray[np.float64]
MOST = 2.0
"""Sum of a photon's redistribution over the channels, which from there on is none; rounding and escape peaks leave some above 1."""


@dataclass(frozen=True, eq=False)
class Response:
    """Effective area and redistribution: `counts/s in channel h = sum_E R(E, h) A(E) S(E)`, S the photons/cm^2/s in energy bin E.

    Arguments:
        low, high: edges of the photon energy bins in keV, rising and contiguous, (E,).
        area: effective area A in cm^2, (E,).
        matrix: probability R that a photon of bin E is read in channel h, sparse (E, C).
        e_min, e_max: nominal energies of the channels in keV, (C,).
        first_channel: number of the first channel, 0 or 1 in most files.
        telescope, instrument: as in the files, or empty.
        notes: what was corrected when the files were read.

    Raises: ValueError for bins or channels that are not rising and contiguous, shapes that do not match, an area that is negative, not
    finite or zero throughout, or a redistribution of no photons, or of more than there are.
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
        if self.matrix.shape != (len(self.low), len(self.e_min)) or len(self.area) != len(self.low):
            raise ValueError(
                f"a matrix {self.matrix.shape} does not fit {len(self.low)} energies and {len(self.e_min)} channels"
            )
        if not (
            np.all(self.high > self.low) and np.allclose(self.high[:-1], self.low[1:], rtol=1e-4)
        ):
            raise ValueError(
                "the energy bins of a response must rise, each starting where the one before ends"
            )
        if not (np.isfinite(self.area).all() and self.area.min() >= 0 and self.area.max() > 0):
            raise ValueError(
                "the effective area of a response must be finite, nowhere negative and somewhere positive"
            )
        if not (
            np.isfinite(self.e_max).all()
            and np.all(np.diff(self.e_min) > 0)
            and np.all(self.e_max > self.e_min)
        ):
            raise ValueError("the channels of a response must rise in energy")
        if not 0 < self.matrix.sum(axis=1).max() < MOST:
            raise ValueError(
                f"the redistribution of a response must hold probabilities, that add up to 1 and not to {MOST:g} or more"
            )

    @property
    def channels(self) -> int:
        return len(self.e_min)

    @cached_property
    def edges(self) -> Floats:
        """Edges of the energy bins in keV, (E + 1,)."""
        return np.append(self.low, self.high[-1])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the contents: two responses with the same numbers have the same, whatever their files are called."""
        content, matrix = hashlib.sha256(), self.matrix.copy()
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        for part in (
            self.edges,
            self.area,
            matrix.data,
            matrix.indices,
            matrix.indptr,
            self.e_min,
            self.e_max,
        ):
            content.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
        return content.hexdigest()

    def resolution(self, energy: Floats) -> Floats:
        """Full width at half maximum in keV at photon energies in keV (...): 2.355 times half of what holds the central 68% of a row."""
        cumulative = np.cumsum(self.matrix.toarray(), axis=1)
        seen = cumulative[:, -1] > 0
        share = cumulative[seen] / cumulative[seen, -1:]
        ends = [
            self.e_min[(share < q).sum(axis=1).clip(max=self.channels - 1)] for q in (0.16, 0.84)
        ]
        width = np.maximum((ends[1] - ends[0]) / 2 * 2.355, np.median(self.e_max - self.e_min))
        return np.asarray(np.interp(energy, ((self.low + self.high) / 2)[seen], width))

    def redistribute(self, rate: Floats) -> Floats:
        """What comes in each energy bin, (..., E), over the channels, (..., C)."""
        flat = rate.reshape(-1, rate.shape[-1])
        return np.asarray((self._transposed @ flat.T).T, dtype=np.float64).reshape(
            *rate.shape[:-1], self.channels
        )

    @cached_property
    def _transposed(self) -> csr_array:
        return self.matrix.T.tocsr()

    def fold(self, photons: Floats) -> Floats:
        """Counts/s per channel (..., C) of photons/cm^2/s per energy bin (..., E)."""
        return self.redistribute(photons * self.area)


def analytic_response() -> Response:
    """A CCD without files: 10 eV energy bins from .2 to 12 keV, 1024 channels of 14.6 eV, Gaussian resolution and a smooth effective area.

    `sigma^2 = w^2 (N^2 + F E/w)` with w = 3.65 eV per electron, Fano factor F = .115 and N = 10 electrons of noise: 155 eV FWHM at 6 keV.
    `A = 600 cm^2 exp(-ln(E/1.6 keV)^2/(2 .8^2))`, about that of a mirror with a CCD behind it.

    Source of the resolution: Fraser (1989), *X-ray Detectors in Astronomy*, section 4.3.
    """
    edges = np.linspace(0.2, 12.0, 1181)
    bounds: Floats = 0.0146 * np.arange(1025.0)
    energy = (edges[:-1] + edges[1:]) / 2
    pair, fano, noise = 3.65e-3, 0.115, 10.0
    sigma = np.sqrt(pair**2 * noise**2 + fano * pair * energy)
    share = np.diff(ndtr((bounds - energy[:, None]) / sigma[:, None]), axis=1)
    share[share < 1e-7] = 0
    area = 600 * np.exp(-(np.log(energy / 1.6) ** 2) / (2 * 0.8**2))
    return Response(edges[:-1], edges[1:], area, csr_array(share), bounds[:-1], bounds[1:])
