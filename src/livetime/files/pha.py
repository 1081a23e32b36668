"""Read one OGIP spectrum file: its channels, counts, quality and keywords.

Source: Arnaud, George & Tennant (1992), OGIP memo 92-007.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.finding import plural
from livetime.files.fits import open_fits
from livetime.files.spectrum_table import (
    SpectrumRow,
    counts_table,
    has_background,
    refuse_kind,
    refuse_rates,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MAX_COUNTS = 2**31
"""Counts of a spectrum, in whose columns more do not fit."""

BAD_QUALITY = (1, 5)
"""Values of QUALITY that mark bad channels; 2 is what grouping leaves over."""

AS_EXTRACTED = "give the spectrum as it was extracted"
NOT_SCALED = "give the counts as they were read, not scaled or subtracted"

_WORDS = ("TELESCOP", "INSTRUME", "OBJECT", "TIMEDEL", "ANCRFILE", "RESPFILE", "BACKFILE")
"""Keywords that describe a spectrum."""


@dataclass(frozen=True)
class PhaFile:
    """Keep a spectrum as its file gives it.

    Arguments:
        path: the file.
        header: keywords that have a value.
        channel: number of each channel, (C,).
        counts: in each channel, (C,).
        quality: OGIP flag of each channel, (C,); 0 is good.
        exposure: in s.
        backscal: size of the region, a number or one for each channel; None if missing.
        areascal: share of the effective area, a number or one for each channel.
        background_beside: whether the same file contains a background (HDUCLAS2 = BKG).

    Examples:
        >>> channels = np.arange(1, 4)
        >>> PhaFile(Path("a.pha"), {"OBJECT": "M82"}, channels, channels, 0 * channels, 1e3).word(
        ...     "OBJECT"
        ... )
        'M82'
    """

    path: Path
    header: dict[str, Any]
    channel: Integers
    counts: Integers
    quality: Integers
    exposure: float
    backscal: Floats | None = None
    areascal: Floats = field(default_factory=lambda: np.array(1.0))
    background_beside: bool = False

    def word(self, key: str) -> str:
        """Give a keyword as text; empty if missing."""
        return str(self.header.get(key, "")).strip()

    def region(self) -> Floats:
        """Give BACKSCAL times AREASCAL, by which the background is scaled.

        Raises:
            UserError: for a file without BACKSCAL.
        """
        if self.backscal is None:
            raise UserError(str(self.path), "has no BACKSCAL, keyword or column", AS_EXTRACTED)
        return np.asarray(self.backscal * self.areascal)


def read_pha(path: Path, row: int | None = None, background: bool = False) -> PhaFile:
    """Read the counts of one spectrum.

    EXPOSURE, BACKSCAL, AREASCAL, QUALITY and SYS_ERR may be keywords or columns.

    Arguments:
        path: the file, perhaps with a table in brackets.
        row: of a file of type II, whose rows are spectra, from 1; None for its only one.
        background: whether the spectrum is that of the background.

    Raises:
        UserError: for rates, several spectra, counts that are not whole numbers, merged channels,
            and other unsupported contents.
    """
    with open_fits(path) as hdus:
        table = counts_table(hdus, path, background)
        refuse_rates(table)
        refuse_kind(table)
        spectrum = SpectrumRow(table, row)
        channel = spectrum.column("CHANNEL")
        counts = spectrum.column("COUNTS")
        quality = spectrum.quantity("QUALITY", 0.0)
        exposure = spectrum.quantity("EXPOSURE", None)
        backscal = spectrum.quantity("BACKSCAL", None)
        areascal = spectrum.quantity("AREASCAL", 1.0)
        systematic = spectrum.quantity("SYS_ERR", 0.0)
        values = {key: spectrum.keyword(key) for key in _WORDS}
        header = {key: value for key, value in values.items() if value is not None}
        declared = table.header.get("DETCHANS")
        beside = not background and has_background(hdus, path)

    _refuse_counts(counts, path)
    _refuse_merged(channel, declared, path)
    _refuse_systematic(systematic, path)
    return PhaFile(
        path,
        header,
        channel.astype(np.int64),
        counts.astype(np.int64),
        np.broadcast_to(np.asarray(quality), counts.shape).astype(np.int64),
        _one_exposure(_positive("EXPOSURE", exposure, path), path),
        None if backscal is None else _positive("BACKSCAL", backscal, path),
        _positive("AREASCAL", areascal, path),
        beside,
    )


def _positive(name: str, values: Floats | None, path: Path) -> Floats:
    """Check that a quantity is there and positive."""
    if values is None or not np.isfinite(values).all() or not (values > 0).all():
        problem = f"lacks {name}"
        if values is not None:
            given = float(np.ravel(values)[np.argmin(np.ravel(values))])
            problem = f"has {name} = {given:g}, but it must be positive and finite"
        raise UserError(str(path), problem, AS_EXTRACTED)
    return values


def _one_exposure(exposure: Floats, path: Path) -> float:
    if np.ptp(exposure) > 0:
        problem = "has an EXPOSURE that differs from channel to channel"
        raise UserError(str(path), problem, "give a spectrum of one exposure")
    return float(np.ravel(exposure)[0])


def _refuse_systematic(systematic: Floats | None, path: Path) -> None:
    if systematic is not None and (systematic != 0).any():
        problem = f"has systematic errors (SYS_ERR up to {float(np.max(systematic)):g})"
        raise UserError(str(path), f"{problem}, which are not supported", "set SYS_ERR to 0")


def _refuse_counts(counts: Floats, path: Path) -> None:
    wrong = ~(np.isfinite(counts) & (counts >= 0))
    if wrong.any():
        channels = plural(int(wrong.sum()), "channel")
        problem = f"has {channels} with counts that are negative or not a number"
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
            str(path), f"has DETCHANS = {declared!r}, but it must be a number", AS_EXTRACTED
        )
    expected = rows if declared is None else declared
    if rows < expected or rows < 2 or (np.diff(channel) != 1).any():
        raise UserError(
            str(path),
            f"has {rows} rows for {expected} channels: its channels were merged",
            "give the spectrum with all its channels; a column GROUPING is ignored",
        )
