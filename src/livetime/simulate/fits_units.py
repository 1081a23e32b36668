"""Convert units of FITS columns and keywords, also in spellings outside of the standard."""

import re
import warnings
from dataclasses import dataclass

import numpy as np

UNIT_SPELLINGS = {
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "ev": "eV",
    "kev": "keV",
    "mev": "MeV",
}
"""Spellings of units that files have and the FITS standard has not, in lower case."""


def unit_factor(given: str, wanted: str) -> float | None:
    """Find the factor from one unit to another; None if they measure different quantities.

    Examples:
        >>> unit_factor("keV", "eV"), unit_factor("sec", "s"), unit_factor("J", "s")
        (1000.0, 1.0, None)
    """
    from astropy import units  # most simulations read no file

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            own = units.Unit(UNIT_SPELLINGS.get(given.lower(), given))
        factor = float(own.to(units.Unit(wanted)))
    except (ValueError, TypeError, units.UnitConversionError):
        return None
    return 1.0 if np.isclose(factor, 1.0, rtol=1e-12, atol=0) else factor


COUNT_WORDS = re.compile(
    r"\b(counts?|cts?|cnts?|photons?|phot|ph|events?|evts?|(?-i:c))\b", re.IGNORECASE
)
"""Words for counts; astropy reads them as `ct` here."""

PER_SECOND = {"cps": "ct/s", "count/sec": "ct/s", "hz": "ct/s"}
"""Spellings of rates, in lower case, that are no product of units."""


@dataclass(frozen=True)
class CountUnit:
    """A unit of counts or of a rate.

    Arguments:
        per_second: whether it is a rate.
        factor: to counts, or to counts/s.

    Examples:
        >>> count_unit("count/ms")
        CountUnit(per_second=True, factor=1000.0)
    """

    per_second: bool
    factor: float


def count_unit(given: str) -> CountUnit | None:
    """Read a unit of counts or counts/s; None stands for another quantity.

    Arguments:
        given: TUNIT of a column.

    Examples:
        >>> count_unit("counts/sec").per_second, count_unit("ct").per_second
        (True, False)
        >>> print(count_unit("count/s/cm2"))
        None
    """
    name = PER_SECOND.get(given.strip().lower(), given.strip())
    words = COUNT_WORDS.sub("ct", name)
    words = re.sub(r"\b(secs?|seconds?|s)\b", "s", words, flags=re.IGNORECASE)
    for unit, per_second in (("ct", False), ("ct/s", True), ("1/s", True)):
        factor = unit_factor(words, unit)
        if factor is not None:
            return CountUnit(per_second, factor)
    return None
