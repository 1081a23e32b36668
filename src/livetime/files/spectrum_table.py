"""The table of a spectrum: which of a file's tables it is, and which row of type II.

Source: Arnaud, George & Tennant (1992), OGIP memo 92-007.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.fits import Table, fits_tables
from livetime.files.keywords import refuse_words
from livetime.files.table_choice import chosen_tables, refuse_several
from livetime.simulate.fits_names import fits_name
from livetime.simulate.fits_units import count_unit

Floats = NDArray[np.float64]


def has_spectrum(hdus: fits.HDUList, path: Path) -> bool:
    """Say whether a file has a table of a spectrum."""
    return any(_is_spectrum(table) for table in fits_tables(hdus, path))


def has_background(hdus: fits.HDUList, path: Path) -> bool:
    """Say whether a file contains a background beside its spectrum."""
    return any(_is_background(table) for table in fits_tables(hdus, path))


def _is_spectrum(table: Table) -> bool:
    return table.name.upper() == "SPECTRUM" or table.kind == "SPECTRUM"


def _is_background(table: Table) -> bool:
    is_spectrum = _is_spectrum(table) or table.kind == ""
    return is_spectrum and table.declared(2) == "BKG" and table.has("CHANNEL")


def counts_table(hdus: fits.HDUList, path: Path, background: bool) -> Table:
    """Find the table of a spectrum.

    Where a file contains source and background, HDUCLAS2 says which is which.

    Arguments:
        hdus: the open file.
        path: its name, perhaps with a table in brackets.
        background: whether the background is wanted.

    Raises:
        UserError: for no such table, or several.
    """
    tables = chosen_tables(hdus, path)
    found = [table for table in tables if _is_spectrum(table) or _is_background(table)]
    off = [table for table in found if _is_background(table)]
    on = [table for table in found if not _is_background(table)]
    wanted = (off or on) if background else on
    if found and not wanted:
        problem = "contains only a background (HDUCLAS2 = BKG)"
        raise UserError(str(path), problem, "give the spectrum of the source")
    if not wanted:
        others = ", ".join(hdu.name for hdu in hdus[1:]) or "no table"
        raise UserError(
            str(path),
            f"has no table SPECTRUM (it has {others})",
            "give the spectrum that was extracted, a PHA or PI file",
        )
    refuse_several(wanted, hdus, path, "spectra")
    return wanted[0]


def refuse_rates(table: Table) -> None:
    """Refuse a spectrum that lacks counts.

    Raises:
        UserError: for rates, a column that is missing, and a unit that is not of counts.
    """
    path = str(table.path)
    remedy = "extract the spectrum as counts, which pile-up needs"
    if not table.has("CHANNEL", "COUNTS"):
        rates = "contains rates, not counts"
        problem = rates if table.has("RATE") else "lacks the column CHANNEL or COUNTS"
        raise UserError(path, problem, remedy)
    given = table.unit("COUNTS")
    unit = count_unit(given)
    if unit is not None and unit.per_second:
        raise UserError(path, "contains rates, not counts", remedy)
    if given and (unit is None or unit.factor != 1):
        problem = f"gives {table.place('COUNTS')} in {given}, which is no unit of counts"
        raise UserError(path, problem, "correct TUNIT, or extract the spectrum as counts")


def refuse_kind(table: Table) -> None:
    """Refuse a spectrum that HDUCLAS2 or HDUCLAS3 declare as rates or as subtracted.

    Raises:
        UserError: for a subtracted background, and for rates.
    """
    if table.declared(2) == "NET":
        problem = "had its background subtracted (HDUCLAS2 = NET)"
        raise UserError(str(table.path), problem, "give the counts of source and background")
    if table.declared(3) == "RATE":
        problem = "contains rates, not counts (HDUCLAS3 = RATE)"
        raise UserError(str(table.path), problem, "extract the spectrum as counts")


@dataclass(frozen=True)
class SpectrumRow:
    """A spectrum in a table, of type I (a row for each channel) or II (a row for each spectrum).

    Arguments:
        table: of the spectrum or spectra.
        row: of type II, from 1; None for the only one, or the one in braces after the name.

    Examples:
        >>> columns = [
        ...     fits.Column("CHANNEL", "2I", array=[[1, 2], [1, 2]]),
        ...     fits.Column("COUNTS", "2J", array=[[5, 6], [7, 8]]),
        ... ]
        >>> table = Table(Path("a.pha"), fits.BinTableHDU.from_columns(columns))
        >>> SpectrumRow(table, 2).column("COUNTS").tolist()
        [7.0, 8.0]
    """

    table: Table
    row: int | None = None

    @cached_property
    def is_type_two(self) -> bool:
        """Say whether rows are spectra, by the shape of the counts."""
        counts = self.table.raw("COUNTS")
        return counts.ndim == 2 or counts.dtype == object

    @cached_property
    def index(self) -> int:
        """Give the index of the row that is read.

        Raises:
            UserError: for no row of several, or one that the file does not have.
        """
        path = str(self.table.path)
        rows = len(self.table.hdu.data)
        row = self._given or 1
        if self._given is None and rows != 1:
            problem = f"contains {rows} spectra, one in each row (type II)"
            remedy = f"choose one with observation.row, from 1 to {rows}"
            raise UserError(path, problem, remedy)
        if not 1 <= row <= rows:
            problem = f"is {row}, but {path} has rows 1 to {rows}"
            raise UserError("observation.row", problem, "choose one of them")
        return row - 1

    @property
    def _given(self) -> int | None:
        return self.row or fits_name(self.table.path).row

    def column(self, name: str) -> Floats:
        """Read a column: (C,), or a number of a file of type II.

        Raises:
            UserError: for a row of a file whose rows are channels.
        """
        if self.is_type_two:
            return np.asarray(self.table.raw(name)[self.index], dtype=np.float64)
        if self._given is not None:
            problem = f"is {self._given}, but {self.table.path} contains one spectrum (type I)"
            raise UserError("observation.row", problem, "leave it out")
        return self.table.numbers(name)

    def keyword(self, key: str) -> object:
        """Read a keyword, or the row's own value of a column of that name."""
        if self.is_type_two and self.table.has(key):
            value = self.table.raw(key)[self.index]
            return str(value) if isinstance(value, (str, bytes)) else value
        return self.table.header.get(key)

    def quantity(self, name: str, default: float | None) -> Floats | None:
        """Read what OGIP allows as a column or as a keyword."""
        if self.table.has(name):
            return self.column(name)
        refuse_words(self.table.header, (name,), self.table.path)
        value = self.table.header.get(name)
        number = default if value is None else value
        return None if number is None else np.array(float(number))
