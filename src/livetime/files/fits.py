"""Open FITS files and read their columns; no other module does."""

import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.keywords import TIME_ZERO, keywords, refuse_words, sum_keys
from livetime.simulate.fits_names import fits_name
from livetime.simulate.fits_units import unit_factor
from livetime.simulate.packed import unpacked
from livetime.simulate.response_tables import refuse_columns

Floats = NDArray[np.float64]
TRUNCATED = ("truncated", "ended before", "smaller than", "Header missing END")
"""What astropy says of a file that is cut."""

COPY_AGAIN = "copy or download it again"


def local_file(given: str | Path) -> Path:
    """Find a plain file on this machine.

    A table may be named in brackets, as in `a.evt[EVENTS]` or `a.evt[2]`. Where only the file
    with `.gz` at its end exists, it is taken.

    Returns:
        the file's path, with the table in brackets if one was named.

    Raises:
        UserError: for a web address, a folder, and a file that is missing or empty.
    """
    address = re.match(r"[a-z][a-z0-9+.-]+:/", str(given), re.IGNORECASE)
    chosen = fits_name(given)
    path = chosen.file
    if address and not os.path.exists(path):
        raise UserError(
            str(given), "is on another machine", "download it first, and give the local file"
        )

    if not os.path.exists(path):  # unlike Path.exists, it accepts names that no file can have
        raise UserError(str(path), "does not exist", "check the path")
    if not path.is_file():
        raise UserError(str(path), "is a folder or another special file", "name the file itself")
    if path.stat().st_size == 0:
        raise UserError(str(path), "is empty (0 bytes)", COPY_AGAIN)
    table = f"[{chosen.table}]" if chosen.table else ""
    row = "" if chosen.row is None else f"{{{chosen.row}}}"
    return Path(f"{path}{table}{row}")


@contextmanager
def open_fits(path: Path) -> Iterator[fits.HDUList]:
    """Open a FITS file and read all its headers.

    Arguments:
        path: the file, perhaps with a table in brackets.

    Raises:
        UserError: for a truncated file, and for any other that astropy cannot read.
    """
    cut = UserError(str(path), "is truncated: its end is missing or damaged", COPY_AGAIN)
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.filterwarnings("error", message=".*truncated")
            with unpacked(fits_name(path).file) as stream, fits.open(stream) as hdus:
                for hdu in hdus:
                    refuse_columns(hdu.header, path)
                yield hdus
    except UserError as error:
        # Astropy leaves out a table whose header is cut, with a warning.
        if any("corrupted" in str(warning.message) for warning in caught):
            raise cut from error
        raise
    except MemoryError:
        raise
    except Exception as error:
        reason = _first_clause(error)
        if any(words in reason for words in TRUNCATED):
            raise cut from error
        raise UserError(
            str(path),
            f"cannot be read as FITS ({reason})",
            "give a FITS file, or copy this one again",
        ) from error


def _first_clause(error: Exception) -> str:
    words = " ".join(str(error).split())
    first = re.split(r"[.,;:] ", words)[0]
    return f"{type(error).__name__}: {first.rstrip('.')}"


@dataclass(frozen=True)
class Table:
    """A table of an open FITS file, its keywords and its columns.

    Arguments:
        path: the file, for messages.
        hdu: astropy's table.

    Examples:
        >>> column = fits.Column("Time", "D", unit="min", array=np.array([1.0, 2.0]))
        >>> table = Table(Path("a.evt"), fits.BinTableHDU.from_columns([column], name="EVENTS"))
        >>> table.has("TIME"), table.quantity("TIME", "s").tolist()
        (True, [60.0, 120.0])
    """

    path: Path
    hdu: Any

    @property
    def name(self) -> str:
        """Name the table as its EXTNAME does."""
        return str(self.hdu.name)

    @property
    def header(self) -> fits.Header:
        """Give the table's own header."""
        return self.hdu.header

    @property
    def kind(self) -> str:
        """Give HDUCLAS1 in capitals, which says what an OGIP table is; empty if missing."""
        return str(self.header.get("HDUCLAS1") or "").strip().upper()

    def declared(self, level: int) -> str:
        """Give HDUCLAS2 or HDUCLAS3 in capitals; empty if missing."""
        return str(self.header.get(f"HDUCLAS{level}") or "").strip().upper()

    @property
    def rows(self) -> int:
        """Count the rows, as the header declares them."""
        return int(self.header["NAXIS2"])

    @cached_property
    def _spellings(self) -> dict[str, str]:
        names = self.hdu.columns.names if isinstance(self.hdu, fits.BinTableHDU) else []
        return {name.upper(): name for name in reversed(names)}

    def has(self, *names: str) -> bool:
        """Say whether there is a column of each name; case does not matter in FITS."""
        return all(name.upper() in self._spellings for name in names)

    def spelling(self, name: str) -> str:
        """Spell a column as the file does."""
        return self._spellings[name.upper()]

    def place(self, name: str) -> str:
        """Say where a column is, for messages."""
        return f"column {self.spelling(name)} of table {self.name}"

    def unit(self, name: str) -> str:
        """Give a column's TUNIT, stripped; empty if missing."""
        return str(self.hdu.columns[self.spelling(name)].unit or "").strip()

    def raw(self, name: str) -> NDArray[Any]:
        """Give a column as astropy reads it."""
        return np.asarray(self.hdu.data[self.spelling(name)])

    def numbers(self, name: str) -> Floats:
        """Read a column of one number in each row, (N,), as it stands in the file.

        Raises:
            UserError: for a column of text, or of several values per row.
        """
        data = self.hdu.data  # fails for a truncated file, which `open_fits` words
        try:
            column = np.asarray(data[self.spelling(name)])
            if column.dtype.kind == "b":
                raise ValueError
            found = column.astype(np.float64)
        except ValueError:  # text, truth values, or rows of any length
            raise UserError(
                str(self.path), f"has no numbers in {self.place(name)}", "make the file again"
            ) from None
        if found.ndim != 1:
            raise UserError(
                str(self.path),
                f"has several values per row in {self.place(name)}",
                "give a file with one per row",
            )
        return found

    def quantity(self, name: str, unit: str, default: str = "") -> Floats:
        """Read a column (N,) in a unit.

        Arguments:
            name: the column.
            unit: that of the result.
            default: unit of a column without TUNIT; empty for `unit`.

        Raises:
            UserError: for a unit that is not known, or is of another quantity.
        """
        given = self.unit(name) or default or unit
        factor = unit_factor(given, unit)
        if factor is None:
            raise UserError(
                str(self.path), f"gives {self.place(name)} in {given}", f"convert it to {unit}"
            )
        found = self.numbers(name)
        return found if factor == 1.0 else found * factor


def seconds(table: Table, name: str, header: Mapping[str, Any]) -> Floats:
    """Read a column of times in s, TIMEZERO added.

    Arguments:
        table: of events or of good time intervals.
        name: the column, (N,).
        header: the events' `keywords`, where the table has no TIMEZERO or TIMEUNIT of its own.

    Raises:
        UserError: for a unit that is not a time, or a TIMEZERO that is not a number.
    """
    time_unit = str(table.header.get("TIMEUNIT") or header.get("TIMEUNIT") or "s").strip()
    times = table.quantity(name, "s", time_unit)
    has_own_zero = any(table.header.get(key) is not None for key in TIME_ZERO)
    own = keywords(table.header, table.header) if has_own_zero else header
    refuse_words(table.header if has_own_zero else header, TIME_ZERO, table.path)
    return times + sum_keys(own, TIME_ZERO)


def fits_tables(hdus: fits.HDUList, path: Path) -> list[Table]:
    """List what follows the primary header and has columns."""
    return [Table(path, hdu) for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
