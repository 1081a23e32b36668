"""Read one OGIP spectrum file: its channels, counts, quality and keywords.

Source: Arnaud, George & Tennant (1992), OGIP memo 92-007.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.finding import plural
from livetime.files.fits import Table, fits_tables, open_fits, refuse_words

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MAX_COUNTS = 2**31
"""Counts of a spectrum, in whose columns more do not fit."""

BAD_QUALITY = (1, 5)
"""Values of QUALITY that mark bad channels; 2 is what grouping leaves over."""

AS_EXTRACTED = "give the spectrum as it was extracted"
NOT_SCALED = "give the counts as they were read, not scaled or subtracted"

KEYWORDS = (
    "TELESCOP",
    "INSTRUME",
    "OBJECT",
    "EXPOSURE",
    "BACKSCAL",
    "AREASCAL",
    "TIMEDEL",
    "ANCRFILE",
    "RESPFILE",
    "BACKFILE",
)


@dataclass(frozen=True)
class PhaFile:
    """A spectrum as its file has it.

    Arguments:
        path: the file.
        header: keywords that have a value.
        channel: number of each channel, (C,).
        counts: in each channel, (C,).
        quality: OGIP flag of each channel, (C,); 0 is good.

    Example:
        >>> channels = np.arange(1, 4)
        >>> file = PhaFile(Path("a.pha"), {"EXPOSURE": 100.0}, channels, channels, 0 * channels)
        >>> file.number("EXPOSURE")
        100.0
    """

    path: Path
    header: dict[str, Any]
    channel: Integers
    counts: Integers
    quality: Integers

    def word(self, key: str) -> str:
        """Give a keyword as text; empty if missing."""
        return str(self.header.get(key, "")).strip()

    def number(self, key: str, default: float | None = None) -> float:
        """Give a keyword that must be a positive number.

        Raises:
            UserError: for any other value, and a missing one without a default.
        """
        value = self.header.get(key, default)
        if not isinstance(value, (int, float)) or not 0 < value < np.inf:
            raise UserError(
                str(self.path),
                f"has {key} = {value!r}, but must be a positive number",
                AS_EXTRACTED,
            )
        return float(value)


def read_pha(path: Path) -> PhaFile:
    """Read the counts of one spectrum.

    Raises:
        UserError: for rates, several spectra, counts that are no counts, and merged channels.
    """
    with open_fits(path) as hdus:
        table = _spectrum_table(hdus, path)
        _refuse_rates(table)
        values = {key: table.header.get(key) for key in KEYWORDS}
        header = {key: value for key, value in values.items() if value is not None}
        channel = table.raw("CHANNEL").astype(np.float64)
        counts = table.raw("COUNTS").astype(np.float64)
        quality = _quality(table, len(counts))
        declared = table.header.get("DETCHANS")

    if counts.ndim != 1:
        raise UserError(str(path), "contains several spectra", "give a file with one")
    _refuse_counts(counts, path)
    _refuse_merged(channel, declared, path)
    return PhaFile(path, header, channel.astype(np.int64), counts.astype(np.int64), quality)


def has_spectrum(hdus: fits.HDUList, path: Path) -> bool:
    """Say whether a file has a table of a spectrum."""
    return any(_is_spectrum(table) for table in fits_tables(hdus, path))


def _is_spectrum(table: Table) -> bool:
    return table.name.upper() == "SPECTRUM" or table.kind == "SPECTRUM"


def _spectrum_table(hdus: fits.HDUList, path: Path) -> Table:
    for table in fits_tables(hdus, path):
        if _is_spectrum(table):
            return table
    others = ", ".join(hdu.name for hdu in hdus[1:]) or "no table"
    raise UserError(
        str(path),
        f"has no table SPECTRUM (it has {others})",
        "give the spectrum that was extracted, a PHA or PI file",
    )


def _refuse_rates(table: Table) -> None:
    if table.has("CHANNEL", "COUNTS"):
        return
    problem = "lacks the column CHANNEL or COUNTS"
    if table.has("RATE"):
        problem = "contains rates, not counts"
    raise UserError(str(table.path), problem, "extract the spectrum as counts, which pile-up needs")


def _quality(table: Table, channels: int) -> Integers:
    """Read QUALITY, which OGIP allows as a column or as a keyword."""
    if table.has("QUALITY"):
        return table.numbers("QUALITY").astype(np.int64)
    refuse_words(table.header, ("QUALITY",), table.path)
    return np.full(channels, int(table.header.get("QUALITY", 0)))


def _refuse_counts(counts: Floats, path: Path) -> None:
    wrong = ~(np.isfinite(counts) & (counts >= 0))
    if wrong.any():
        channels = plural(int(wrong.sum()), "channel")
        problem = f"has {channels} with counts that are negative or no number"
        raise UserError(str(path), problem, "give counts, background not subtracted")
    if (counts % 1 != 0).any():
        raise UserError(str(path), "has counts that are not whole numbers", NOT_SCALED)
    if counts.sum() >= MAX_COUNTS:
        problem = f"has {counts.sum():.3g} counts, but no spectrum has {MAX_COUNTS} or more"
        raise UserError(str(path), problem, NOT_SCALED)


def _refuse_merged(channel: Floats, declared: Any, path: Path) -> None:
    rows = len(channel)
    if declared is not None and not isinstance(declared, (int, float)):
        raise UserError(
            str(path), f"has DETCHANS = {declared!r}, but must be a number", AS_EXTRACTED
        )
    expected = rows if declared is None else declared
    if rows < expected or rows < 2 or (np.diff(channel) != 1).any():
        raise UserError(
            str(path),
            f"has {rows} rows for {expected} channels: its channels were merged",
            "give the spectrum with all its channels (flags in a column GROUPING do no harm)",
        )
