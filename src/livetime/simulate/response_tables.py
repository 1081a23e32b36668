"""Find and read the tables of OGIP response files."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.outputs import refuse_irregular
from livetime.simulate.fits_names import fits_name
from livetime.simulate.fits_units import unit_factor
from livetime.simulate.packed import unpacked

Floats = NDArray[np.float64]

MATRIX = ("MATRIX", "SPECRESP MATRIX", "RSP_MATRIX")
"""Values of HDUCLAS2 of a matrix, and names of its table."""

MATRIX_COLUMNS = ("ENERG_LO", "ENERG_HI", "N_GRP", "F_CHAN", "N_CHAN", "MATRIX")

MAX_COLUMNS = 999
"""Columns that a table of a FITS file has at most."""

COPY_RESPONSE = "copy it again, or take another file"


@dataclass(frozen=True)
class ResponseTable:
    """A table of a file, in memory.

    Arguments:
        path: the file.
        header: its keywords.
        data: its rows.
    """

    path: str
    header: Any
    data: Any

    def numbers(self, name: str, unit: str = "") -> Floats:
        """Read a column of one finite number for each row, converted to a unit."""
        try:
            found = np.array(self.data[name], dtype=np.float64)
        except ValueError:
            found = np.full((1, 1), np.nan)
        if found.ndim != 1 or not np.isfinite(found).all():
            problem = f"has no single finite number per row in column {name}"
            raise UserError(self.path, problem, COPY_RESPONSE)
        return found * self._factor(name, unit) if unit else found

    def _factor(self, name: str, unit: str) -> float:
        given = str(self.data.columns[name].unit or unit).strip()
        factor = unit_factor(given, unit)
        if factor is None:
            raise UserError(self.path, f"gives column {name} in {given}", f"convert it to {unit}")
        return factor

    def lowest(self, name: str) -> int | None:
        """Read TLMIN of a column, the lowest number that it may contain; None if missing."""
        index = [column.upper() for column in self.data.names].index(name) + 1
        key = f"TLMIN{index}"
        value = self.header.get(key)
        if value is None:
            return None
        if isinstance(value, (str, bool)) or not np.isfinite(value):
            problem = f"has the keyword {key} = {value!r}, which is not a number"
            raise UserError(self.path, problem, "correct the header")
        return int(value)


def read_table(path: str | Path, kinds: Sequence[str], columns: Sequence[str]) -> ResponseTable:
    """Read one table of a FITS file, and check that its columns are there.

    Arguments:
        path: the file, perhaps with a table in brackets; EBOUNDS is found in any case.
        kinds: values of HDUCLAS2, and names of the tables.
        columns: that it must have.

    Raises:
        UserError: for a file without one such table, or a table without rows or a column.
    """
    name = str(path)
    table = _find_table(path, kinds)
    if table is None:
        raise UserError(
            name, f"has no table {' or '.join(kinds)}", "check that it is an ARF or RMF, and whole"
        )
    present = [column.upper() for column in table.data.names]
    missing = [column for column in columns if column not in present]
    if missing:
        problem = f"lacks the column {missing[0]} in its table {kinds[0]}"
        raise UserError(name, problem, COPY_RESPONSE)
    if len(table.data) == 0:
        raise UserError(name, f"has no rows in its table {kinds[0]}", COPY_RESPONSE)
    return table


def refuse_columns(header: Any, path: str | Path) -> None:
    """Refuse a table of more columns than FITS has, for which astropy would fill the memory.

    Arguments:
        header: of the table.
        path: of the file.

    Raises:
        UserError: for a TFIELDS outside 0 to 999 (FITS standard 4.0, section 7.3.1).
    """
    columns = header.get("TFIELDS", 0)
    if isinstance(columns, int) and not 0 <= columns <= MAX_COLUMNS:
        problem = f"declares {columns} columns (TFIELDS), but a table has {MAX_COLUMNS} at most"
        raise UserError(str(path), problem, "copy or download it again")


def _find_table(path: str | Path, kinds: Sequence[str]) -> ResponseTable | None:
    """Find a table by HDUCLAS2, or else by its name; several are refused."""
    from astropy.io import fits  # most simulations need no response

    broken = (OSError, ValueError, TypeError, KeyError, fits.VerifyError)
    file = fits_name(path).file
    if file.exists():
        refuse_irregular(file, "give the path of an ARF and of an RMF")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with unpacked(file) as stream, fits.open(stream, memmap=False) as hdus:
                for hdu in hdus:
                    refuse_columns(hdu.header, path)
                numbered = [
                    (number, hdu)
                    for number, hdu in enumerate(hdus)
                    if isinstance(hdu, fits.BinTableHDU)
                ]
                hdu = _only_table(path, numbered, kinds)
                return None if hdu is None else ResponseTable(str(path), hdu.header, hdu.data)
    except UserError:  # of a packed file, or of a choice of tables
        raise
    except FileNotFoundError:
        raise UserError(
            str(path), "does not exist", "give the path of an ARF and of an RMF"
        ) from None
    except broken:
        problem = "cannot be read as a FITS file"
        raise UserError(str(path), problem, "copy or download it again") from None


def _only_table(path: str | Path, numbered: Sequence[tuple[int, Any]], kinds: Sequence[str]) -> Any:
    for kind in (_declared_kind, _extension_name):
        alike = [(number, hdu) for number, hdu in numbered if kind(hdu) in kinds]
        name = fits_name(path)
        chosen = [(n, hdu) for n, hdu in alike if name.chooses(n, hdu.name, hdu.ver)]
        found = chosen or (alike if len(alike) == 1 else [])
        if len(found) == 1:
            return found[0][1]
        if alike:
            numbers = ", ".join(f"[{number}]" for number, _ in alike)
            problem = f"contains {len(alike)} tables of {kinds[0]}: {numbers}"
            remedy = f"name the one to read, as {name.file.name}[{alike[0][0]}]"
            raise UserError(str(path), problem, remedy)
    return None


def _declared_kind(hdu: Any) -> str:
    return str(hdu.header.get("HDUCLAS2") or "").strip().upper()


def _extension_name(hdu: Any) -> str:
    return str(hdu.name).upper()
