"""Read an OGIP light curve: where its bins start, and their rates."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.finding import Finding
from livetime.files.fits import Table, fits_tables, seconds
from livetime.files.gti import gti_tables, in_gti, read_gti
from livetime.files.keywords import STEP, keywords, refuse_words
from livetime.simulate.fits_units import count_unit

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FULLY_EXPOSED = 0.99
"""FRACEXP from which on a bin counts as exposed in full."""

ONE_WIDTH = "give a light curve with bins of one width, and times in s"


@dataclass(frozen=True)
class LightCurveTable:
    """The usable bins of a light curve, in order.

    Arguments:
        starts: in s since the first, (N,).
        values: counts/s in each bin, (N,).
        variance: of the values, (N,).
        step: width of a bin in s.
        findings: on the good time.

    Examples:
        >>> bins = np.array([0.0, 1.0, 5.0])
        >>> LightCurveTable(bins, bins, bins, 1.0, ()).stretches().tolist()
        [[0.0, 2.0], [5.0, 6.0]]
    """

    starts: Floats
    values: Floats
    variance: Floats
    step: float
    findings: tuple[Finding, ...]

    def stretches(self) -> Floats:
        """Find the stretches (G, 2) in s without a gap."""
        apart = np.diff(self.starts) > 1.001 * self.step
        first = np.concatenate([[0], np.flatnonzero(apart) + 1])
        last = np.append(first[1:], len(self.starts)) - 1
        return np.stack([self.starts[first], self.starts[last] + self.step], axis=1)


def find_light_curve(hdus: fits.HDUList, path: Path) -> Table | None:
    """Find the table of a light curve, or None.

    Raises:
        UserError: for a table that is declared a light curve, but has no rates.
    """
    for table in fits_tables(hdus, path):
        declared = table.kind == "LIGHTCURVE" or table.name.upper().startswith("RATE")
        counts = declared and table.has("COUNTS")
        if table.has("TIME") and (table.has("RATE") or counts):
            return table
        if declared:
            raise UserError(
                str(path),
                "contains a light curve without the columns TIME and RATE or COUNTS",
                "give one of counts/s, or an event file",
            )
    return None


def read_light_curve(
    table: Table, hdus: fits.HDUList, gti: str, max_step: float
) -> LightCurveTable:
    """Read the bins that are finite, exposed in full and within good time.

    Arguments:
        table: the light curve.
        hdus: the open file.
        gti: `file` for the file's good time, `full` to ignore it.
        max_step: largest width of a bin in s that is of use.

    Raises:
        UserError: for bins that are too wide, unequal, separated by gaps, or without a rate.
    """
    header = keywords(hdus[0].header, table.header)
    refuse_words(header, STEP, table.path)
    starts, step = _bins(table, header)
    _refuse_wide(step, max_step, table.path)
    values, variance = _rates(table, step)

    findings: list[Finding] = []
    good = np.isfinite(starts) & np.isfinite(values) & _exposed(table)
    if gti == "file" and gti_tables(hdus, table.path):
        intervals = read_gti(hdus, table, header, None, findings)
        for edge in (1e-3, 1 - 1e-3):
            inside = np.where(good, starts + edge * step, -np.inf)
            good &= in_gti(inside, intervals)

    order = np.flatnonzero(good)[np.argsort(starts[good], kind="stable")]
    curve = LightCurveTable(starts[order], values[order], variance[order], step, tuple(findings))
    _refuse_bins(curve, table.path)
    return _from_zero(curve)


def _from_zero(curve: LightCurveTable) -> LightCurveTable:
    starts = curve.starts - curve.starts[0]
    return LightCurveTable(starts, curve.values, curve.variance, curve.step, curve.findings)


def _bins(table: Table, header: Mapping[str, Any]) -> tuple[Floats, float]:
    """Find where each bin starts, and the width of all, in s."""
    times = seconds(table, "TIME", header)
    if len(times) < 2:
        raise UserError(
            str(table.path), f"has {len(times)} bins in its light curve", "give a longer one"
        )
    step = _declared_width(table, header, np.diff(times))
    if step is None:
        step = float(np.nanmedian(np.diff(times)))
    if not step > 0:
        raise UserError(
            str(table.path),
            "gives no width of its bins",
            "give a light curve with the keyword TIMEDEL, in s",
        )
    return times - header.get("TIMEPIXR", 0.5) * step, float(step)


def _declared_width(table: Table, header: Mapping[str, Any], gaps: Floats) -> float | None:
    """Give TIMEDEL in s; None if missing.

    It is in units of TIMEUNIT, but some files have it in s: the one nearer to the gaps is taken.
    """
    widths = [
        float(value)
        for value in (header.get("TIMEDEL"), table.header.get("TIMEDEL"))
        if isinstance(value, int | float) and 0 < value < math.inf
    ]
    rising = gaps[np.isfinite(gaps) & (gaps > 0)]
    if not widths or len(rising) == 0:
        return widths[0] if widths else None
    shortest = float(rising.min())
    return min(widths, key=lambda width: abs(np.log(width / shortest)))


def _rates(table: Table, step: float) -> tuple[Floats, Floats]:
    """Read counts/s, and their variance from the column ERROR or of photons."""
    has_rate = table.has("RATE")
    name = "RATE" if has_rate else "COUNTS"
    values = table.numbers(name) * _count_factor(table, name, has_rate)
    if not has_rate:
        values = values / step
    photons = np.abs(values) / step
    if not (has_rate and table.has("ERROR")):
        return values, photons
    of_error = "ERROR" if table.unit("ERROR") else "RATE"
    given = (table.numbers("ERROR") * _count_factor(table, of_error, True)) ** 2
    return values, np.where(np.isfinite(given), given, photons)


def _count_factor(table: Table, name: str, is_rate: bool) -> float:
    """Find the factor from a column's TUNIT to counts/s or counts; 1 without TUNIT.

    Raises:
        UserError: for a unit of another quantity, and one that contradicts the column's name.
    """
    given = table.unit(name)
    unit = count_unit(given)
    if not given:
        return 1.0
    if unit is not None and unit.per_second == is_rate:
        return unit.factor
    wanted = "counts/s" if is_rate else "counts"
    raise UserError(
        str(table.path),
        f"gives {table.spelling(name)} in {given}, from which no events can be drawn",
        f"convert it to {wanted}, or correct TUNIT",
    )


def _exposed(table: Table) -> Mask:
    """Mask the bins that were exposed in full."""
    if not table.has("FRACEXP"):
        return np.ones(len(table.hdu.data), dtype=np.bool_)
    return np.asarray(table.numbers("FRACEXP") > FULLY_EXPOSED)


def _refuse_wide(step: float, max_step: float, path: Path) -> None:
    if step > max_step * (1 + 1e-6):
        raise UserError(
            str(path),
            f"has bins of {step:.4g} s, but the summary needs {max_step:.4g} s or less",
            f"give finer bins, or a network of summary.dt={step:.4g} or more",
        )


def _refuse_bins(curve: LightCurveTable, path: Path) -> None:
    step = curve.step
    if len(curve.starts) == 0:
        raise UserError(
            str(path),
            "has no bin with a finite rate, full exposure and good time",
            "give another file, or set inject.gti=full",
        )
    if (curve.values < 0).any():
        raise UserError(
            str(path),
            "has negative rates, from which no events can be drawn",
            "give a light curve whose background was not subtracted",
        )
    distances = np.diff(curve.starts)
    if (distances < 0.999 * step).any():
        raise UserError(str(path), f"has bins that overlap, at a step of {step:.4g} s", ONE_WIDTH)
    if len(distances) and (distances > 1.001 * step).all():
        apart = f"{np.median(distances):.4g} s apart"
        raise UserError(
            str(path),
            f"has bins of {step:.4g} s that are {apart}, with gaps between them",
            "correct TIMEDEL (in s), or give a light curve without gaps",
        )
