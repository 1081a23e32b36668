"""Find the files that belong to a spectrum: its response and its background."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.finding import Finding
from livetime.files.fits import local_file
from livetime.files.pha import PhaFile, read_pha
from livetime.simulate.area_inside import contains_area
from livetime.simulate.fits_names import fits_name
from livetime.simulate.response import Response
from livetime.simulate.response_files import read_response
from livetime.simulate.telescope import names_differ

Floats = NDArray[np.float64]

AREA_MARGIN = 0.02
"""Effective areas that differ by a smaller share pile up alike."""

NAME_KEYS = ("TELESCOP", "INSTRUME")
"""Keywords that must be the same in all files of a spectrum."""


NOTHING = ("", "none")
"""Names that stand for no file, in a header or as an option."""


def _missing(spectrum: PhaFile, key: str, option: str) -> UserError:
    return UserError(str(spectrum.path), f"names no {key}", f"give observation.{option}")


def _named(spectrum: PhaFile, key: str, given: str | None, option: str) -> Path | None:
    """Find the file that was given, or the one beside the spectrum that its header names."""
    own = spectrum.word(key)
    if (own if given is None else given).strip().lower() in NOTHING:
        return None
    path = spectrum.path.parent / own
    named = f", which {spectrum.path} names as its {key},"
    if given is not None:
        path = Path(os.path.expanduser(given))
        named = ""
    file = fits_name(path).file
    if not file.is_file():
        wrong = "is not a file" if file.exists() else "does not exist"
        raise UserError(f"{path}{named}", wrong, f"give observation.{option}")
    return local_file(path)


def find_response(spectrum: PhaFile, arf: str | None, rmf: str | None) -> Response:
    """Read the response of a spectrum.

    Arguments:
        spectrum: of the source.
        arf: file of the effective area; None for the one that the header names.
        rmf: file of the redistribution; None for the one that the header names.

    Raises:
        UserError: for files that are missing or damaged, or of another instrument.
    """
    area = _named(spectrum, "ANCRFILE", arf, "arf")
    matrix = _named(spectrum, "RESPFILE", rmf, "rmf")
    if matrix is None:
        raise _missing(spectrum, "RESPFILE", "rmf")
    if area is None and not contains_area(matrix):
        raise _missing(spectrum, "ANCRFILE", "arf")
    response = read_response(area, matrix)
    for key, own in (("TELESCOP", response.telescope), ("INSTRUME", response.instrument)):
        _compare_names(spectrum, key, own, f"{matrix}", "give the response of this observation")
    return response


def area_share(spectrum: PhaFile, findings: list[Finding]) -> float:
    """Find the factor by which the exposure is multiplied for an AREASCAL near 1.

    An AREASCAL far from 1 is refused: pile-up depends on the photons in a frame.

    Raises:
        UserError: for an AREASCAL that differs between channels, or by more than 2% from 1.
    """
    share = spectrum.areascal
    low, high = float(share.min()), float(share.max())
    if high - low > 1e-6 * high or abs(low - 1) > AREA_MARGIN:
        raise UserError(
            str(spectrum.path),
            f"has AREASCAL {low:g} to {high:g}, but pile-up needs 1 within {AREA_MARGIN:g}",
            "train with an ARF times AREASCAL, then set AREASCAL to 1",
        )
    if low != 1:
        text = f"AREASCAL is {low:g}"
        findings.append(Finding("areascal", "note", text, "the exposure is multiplied by it"))
    return low


def find_background(
    spectrum: PhaFile,
    response: Response,
    given: str | None,
    exposure: float,
    findings: list[Finding],
) -> Floats | None:
    """Find the counts/s of background in each channel (C,), scaled to the source's region.

    Arguments:
        spectrum: of the source.
        response: for its channels.
        given: the background's file; None for the one that the header names.
        exposure: in s by which the rate is multiplied later.
        findings: to which one on a background in the same file is added.
    """
    path = _named(spectrum, "BACKFILE", given, "background_spectrum")
    is_declined = given is not None and path is None
    if path is None and spectrum.background_beside and not is_declined:
        path = fits_name(spectrum.path).file
        text = f"{path.name} contains a background too (HDUCLAS2 = BKG)"
        findings.append(Finding("background_beside", "note", text, "it is used"))
    if path is None:
        return None
    _refuse_itself(spectrum, path)
    off = read_pha(path, background=True)
    for key in NAME_KEYS:
        remedy = "give one of the same instrument"
        _compare_names(spectrum, key, off.word(key), f"its background {path}", remedy)
    refuse_other_channels(off, response)
    expected = off.counts * spectrum.region() / off.region() * (spectrum.exposure / off.exposure)
    return np.asarray(expected / exposure)


def _refuse_itself(spectrum: PhaFile, path: Path) -> None:
    """Refuse the source as its own background; another table or row is allowed."""
    own = fits_name(spectrum.path)
    other = fits_name(path)
    is_chosen = bool(other.table or other.row or spectrum.background_beside)
    is_other = is_chosen and (own.table, own.row) != (other.table, other.row)
    is_beside = spectrum.background_beside and not other.table
    if other.file.samefile(own.file) and not (is_other or is_beside):
        raise UserError(
            str(path),
            "is the source spectrum itself",
            "set observation.background_spectrum to the background file",
        )


def _compare_names(spectrum: PhaFile, key: str, other: str, file: str, remedy: str) -> None:
    own = spectrum.word(key)
    if names_differ(own, other):
        raise UserError(str(spectrum.path), f"is of {key} {own}, but {file} of {other}", remedy)


def refuse_other_channels(spectrum: PhaFile, response: Response) -> None:
    """Refuse a spectrum whose channels are not those of a response.

    Raises:
        UserError: for another number of channels, or another first one.
    """
    first = response.first_channel
    last = first + response.channels - 1
    if len(spectrum.channel) != response.channels or spectrum.channel[0] != first:
        own = f"{spectrum.channel[0]} to {spectrum.channel[-1]}"
        raise UserError(
            str(spectrum.path),
            f"has channels {own}, but the response has {first} to {last}",
            "give the response of this spectrum",
        )
