"""The response of an X-ray instrument: effective area, and the redistribution of photon energies over channels."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import ndtr

if TYPE_CHECKING:
    from astropy.io.fits import Header

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


def read_response(arf: str | Path, rmf: str | Path) -> Response:
    """The response of two OGIP files.

    Arguments:
        arf: effective area, extension SPECRESP.
        rmf: redistribution, extensions MATRIX (or SPECRESP MATRIX) and EBOUNDS; channels start at TLMIN of F_CHAN, else at EBOUNDS' first.

    Raises: ValueError, one sentence, for a file that is missing, no FITS file, lacks an extension or column, holds another instrument's
    response than the other file, or whose energies or channels do not match.

    Source: George, Arnaud, Pence & Ruamsuwan (1992), OGIP memo CAL/GEN/92-002 and 92-002a.
    """
    area = _columns(arf, ("SPECRESP",), ("ENERG_LO", "ENERG_HI", "SPECRESP"))
    rows = _columns(
        rmf,
        ("MATRIX", "SPECRESP MATRIX"),
        ("ENERG_LO", "ENERG_HI", "N_GRP", "F_CHAN", "N_CHAN", "MATRIX"),
    )
    bounds = _columns(rmf, ("EBOUNDS",), ("CHANNEL", "E_MIN", "E_MAX"))
    for key in ("TELESCOP", "INSTRUME"):
        mine, other = (str(part.header.get(key) or "").strip() for part in (area, rows))
        if mine and other and mine.upper() != other.upper():
            raise ValueError(
                f"{arf} is of {key} {mine}, but {rmf} of {other}: take an ARF and an RMF of one observation"
            )
    low, high = (rows.numbers(name) for name in ("ENERG_LO", "ENERG_HI"))
    if len(low) != len(area.data) or not np.allclose(
        area.numbers("ENERG_LO"), low, rtol=1e-3, atol=1e-3
    ):
        raise ValueError(
            f"{arf} has {len(area.data)} energies and {rmf} {len(low)}, or others: take an ARF that was made for this RMF"
        )
    if low[0] <= 0:  # a photon spectrum is not defined at zero
        low[0] = min(1e-5, high[0] / 100)
    numbers = bounds.numbers("CHANNEL").astype(np.int64)
    first = rows.keyword("F_CHAN", "TLMIN", int(numbers[0]))
    e_min, e_max = (bounds.numbers(name) for name in ("E_MIN", "E_MAX"))
    matrix = _matrix(rows.data, first, len(numbers), rmf)
    specresp = area.numbers("SPECRESP")
    names = (str(rows.header.get(key) or "").strip() for key in ("TELESCOP", "INSTRUME"))
    try:
        return Response(low, high, specresp, matrix, e_min, e_max, int(numbers[0]), *names)
    except ValueError as error:
        raise ValueError(
            f"{arf} with {rmf}: {error}; take the files that the mission's software made"
        ) from None


@dataclass(frozen=True)
class _Table:
    path: str | Path
    header: "Header"
    data: Any

    def numbers(self, name: str) -> Floats:
        """A column of one finite number per row."""
        try:
            found = np.array(self.data[name], dtype=np.float64)
        except ValueError:
            found = np.full((1, 1), np.nan)
        if found.ndim != 1 or not np.isfinite(found).all():
            raise ValueError(
                f"{self.path} has no single finite number per row in column {name}: it is damaged"
            )
        return found

    def keyword(self, column: str, prefix: str, default: int) -> int:
        """TLMIN and its like of one column."""
        index = next(
            i
            for i in range(1, self.header["TFIELDS"] + 1)
            if self.header[f"TTYPE{i}"].strip() == column
        )
        value = self.header.get(f"{prefix}{index}")
        if isinstance(value, str) or (value is not None and not np.isfinite(value)):
            raise ValueError(
                f"{self.path}: the keyword {prefix}{index} is {value!r}, which is no number: mend the header"
            )
        return default if value is None else int(value)


def _columns(path: str | Path, extensions: Sequence[str], columns: Sequence[str]) -> _Table:
    """One table of a FITS file, in memory, with its columns checked."""
    found = _table(path, extensions)
    if found is None:
        raise ValueError(
            f"{path} has no extension {' or '.join(extensions)}: is it the right kind of file, and whole?"
        )
    if missing := [name for name in columns if name not in found.data.names]:
        raise ValueError(
            f"{path} lacks the column {missing[0]} in its extension {' or '.join(extensions)}"
        )
    if len(found.data) == 0:
        raise ValueError(f"{path} has no rows in its extension {' or '.join(extensions)}")
    return found


def _table(path: str | Path, extensions: Sequence[str]) -> _Table | None:
    from astropy.io import fits  # late: most simulations have no response

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=False) as hdus:
                return next(
                    (_Table(path, hdu.header, hdu.data) for hdu in hdus if hdu.name in extensions),
                    None,
                )
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist: give the path of an ARF and of an RMF") from None
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        fits.VerifyError,
    ):  # what astropy stumbles over, depending on where a file is cut
        raise ValueError(
            f"{path} cannot be read as a FITS file: copy or download it again"
        ) from None


def _matrix(data: Any, first: int, channels: int, path: str | Path) -> csr_array:
    """Groups of consecutive channels, variable in number and length, as a sparse matrix (E, C)."""
    indices, values, pointer = [], [], [0]
    damaged = f"{path} has groups of channels that its EBOUNDS of {channels} channels does not hold: it is damaged"
    for groups, starts, lengths, row in zip(
        data["N_GRP"], data["F_CHAN"], data["N_CHAN"], data["MATRIX"], strict=True
    ):
        try:
            starts, lengths = (
                np.atleast_1d(own)[: int(groups)].astype(int) for own in (starts, lengths)
            )
        except (TypeError, ValueError):
            raise ValueError(
                f"{path} has groups of channels that are no numbers: it is damaged"
            ) from None
        if ((lengths < 0) | (lengths > channels)).any():
            raise ValueError(damaged)
        index = np.concatenate(
            [
                np.zeros(0, dtype=int),
                *(np.arange(a, a + n) for a, n in zip(starts - first, lengths, strict=True)),
            ]
        )
        row = np.atleast_1d(row)[: len(index)]
        if len(row) < len(index) or (len(index) and not 0 <= index.min() <= index.max() < channels):
            raise ValueError(damaged)
        indices.append(index)
        values.append(row)
        pointer.append(pointer[-1] + len(index))
    flat = np.concatenate(values).astype(np.float64)
    if not (np.isfinite(flat).all() and flat.min(initial=0) >= 0):
        raise ValueError(
            f"{path} has redistribution probabilities that are negative or not finite: it is damaged"
        )
    return csr_array(
        (flat, np.concatenate(indices), np.array(pointer)), shape=(len(pointer) - 1, channels)
    )
