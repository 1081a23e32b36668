"""The events and good time of a file, free to be edited."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

Rng = np.random.Generator
Mutation = Callable[[Rng, list[Path]], str]


@dataclass
class Content:
    """The events and the good time of a file, and its headers.

    Arguments:
        path: of the file.
        columns: name -> values of the events, in the order of the file.
        gti: intervals (G, 2) in s.
        units: name -> TUNIT.
        formats: name -> TFORM, where it is not that of the values.
    """

    path: Path
    columns: dict
    gti: np.ndarray
    units: dict
    formats: dict

    @classmethod
    def read(cls, path: Path) -> "Content":
        """Read a file of the fuzz."""
        with fits.open(path) as hdus:
            data = hdus["EVENTS"].data
            columns = {name: np.array(data[name]) for name in data.names}
            bounds = hdus["GTI"].data
            gti = np.stack([bounds["START"], bounds["STOP"]], axis=1)
        units = {name: "s" if name == "TIME" else None for name in columns}
        return cls(path, columns, gti, units, {})

    @property
    def times(self) -> np.ndarray:
        """Give the column TIME."""
        return self.columns["TIME"]

    def take(self, which: np.ndarray) -> None:
        """Select rows, in any order."""
        self.columns = {name: values[which] for name, values in self.columns.items()}

    def copies(self, rows: np.ndarray) -> dict:
        """Copy rows of each column, for `add`."""
        return {name: values[rows].copy() for name, values in self.columns.items()}

    def add(self, other: dict) -> None:
        """Append rows to each column."""
        self.columns = {
            name: np.concatenate([values, other[name]]) for name, values in self.columns.items()
        }

    def sort(self) -> None:
        """Sort by time."""
        self.take(np.argsort(self.times, kind="stable"))

    def write(self, gti_unit: str = "s") -> None:
        """Replace the tables of the file; its keywords stay."""
        with fits.open(self.path) as hdus:
            headers = [hdu.header.copy() for hdu in hdus]
        columns = [self._column(name) for name in self.columns]
        bounds = [
            fits.Column(name, "D", unit=gti_unit, array=self.gti[:, i])
            for i, name in enumerate(("START", "STOP"))
        ]
        tables = [
            fits.BinTableHDU.from_columns(own, _kept(header), name=name)
            for own, header, name in zip(
                (columns, bounds), headers[1:], ("EVENTS", "GTI"), strict=True
            )
        ]
        primary = fits.PrimaryHDU(header=headers[0])
        fits.HDUList([primary, *tables]).writeto(self.path, overwrite=True)

    def _column(self, name: str) -> fits.Column:
        values = self.columns[name]
        form = self.formats.get(name) or ("D" if values.dtype.kind == "f" else "J")
        return fits.Column(name, form, unit=self.units.get(name), array=values)


def _kept(header: fits.Header) -> fits.Header:
    """Leave out the keywords of columns."""
    prefixes = ("TTYPE", "TFORM", "TUNIT", "TSCAL", "TZERO", "TNULL", "TDIM", "TDISP")
    cards = [c for c in header.cards if not c.keyword.startswith(prefixes)]
    return fits.Header(cards)


def edited(paths: list[Path], gti_unit: str = "s") -> Iterator[Content]:
    """Give the content of one file after the other, and write what was made of it."""
    for path in paths:
        content = Content.read(path)
        yield content
        content.write(gti_unit)


def some(rng: Rng, paths: list[Path]) -> list[Path]:
    """Choose one file, or both."""
    which = int(rng.integers(3))
    return [paths[which]] if which < 2 else paths


def names_of(paths: list[Path]) -> str:
    """Name files in a sentence."""
    return " and ".join(path.name for path in paths)


ODD = (np.nan, np.inf, -np.inf, -1.0, 0.0, 1e300, -1e300, 1e18, 1e9)
"""Numbers that no column of times or energies has."""
