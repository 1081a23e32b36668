"""Read the keywords of event files from a table or the primary header, with times in s."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from astropy.io import fits

from livetime.errors import UserError
from livetime.simulate.fits_units import unit_factor

TIME_ZERO = ("TIMEZERO", "TIMEZERI", "TIMEZERF")
MJDREF = ("MJDREF", "MJDREFI", "MJDREFF")
LIVE_KEYS = ("DEADC", "LIVETIME", "EXPOSURE", "ONTIME")
STEP = ("TIMEDEL", "TIMEPIXR", "FRMTIME", "FRAMETIM")
_WORDS = (
    "TELESCOP",
    "INSTRUME",
    "DETNAM",
    "OBJECT",
    "OBS_ID",
    "TIMESYS",
    "TIMEREF",
    "TIMEUNIT",
    "DATAMODE",
    "SUBMODE",
    "BARYCORR",
    "PLEPHEM",
    "CREATOR",
    "DEADTIME",
)
_GROUPS = (MJDREF, TIME_ZERO, *((key,) for key in (*_WORDS, *LIVE_KEYS, *STEP)))


def keywords(primary: fits.Header, own: fits.Header) -> dict[str, Any]:
    """Read the keywords of a table, else of the primary header, with times in s.

    A quantity that may be split over keywords (MJDREFI + MJDREFF) is taken from one header.
    """
    found: dict[str, Any] = {}
    for group in _GROUPS:
        header = own if any(key in own for key in group) else primary
        for key in group:
            value = header.get(key)
            if isinstance(value, (str, int, float)):
                found[key] = value
    return _in_seconds(found)


def _in_seconds(header: dict[str, Any]) -> dict[str, Any]:
    """Convert the keywords that TIMEUNIT applies to (FITS standard 4.0, section 9.3)."""
    factor = unit_factor(str(header.get("TIMEUNIT") or "s").strip(), "s")
    if factor in (None, 1.0):
        return header
    numbers = {key: header.get(key) for key in (*TIME_ZERO, "TIMEDEL")}
    converted = {
        key: value * factor for key, value in numbers.items() if isinstance(value, (int, float))
    }
    return {**header, **converted}


def refuse_words(header: Mapping[str, Any], keys: Iterable[str], path: Path) -> None:
    """Refuse keywords that must be numbers but are text.

    Raises:
        UserError: for the first of them.
    """
    for key in keys:
        if isinstance(header.get(key), (str, bool)):
            raise UserError(
                str(path),
                f"has the keyword {key} = {header[key]!r}, which is not a number",
                "correct the header",
            )


def words_differ(own: str | None, other: str | None) -> bool:
    """Ask whether two words differ in more than spaces, signs and capitals; None for unknown.

    A plus is no such sign: it distinguishes names with coordinates.

    Examples:
        >>> words_differ("Cyg X-1", "CYGX1"), words_differ("Cyg X-1", None)
        (False, False)
        >>> words_differ("Cyg X-1", "Cyg X-2"), words_differ("J1000+10", "J1000-10")
        (True, True)
    """
    if own is None or other is None:
        return False
    plain = [re.sub("[^A-Z0-9+]", "", word.upper()) for word in (own, other)]
    return plain[0] != plain[1]


def sum_keys(header: Mapping[str, Any], names: tuple[str, str, str]) -> float:
    """Add up a keyword that may be split for precision; one without a value counts as zero.

    Arguments:
        header: keywords.
        names: of the whole, its integer and its fraction, as `("MJDREF", "MJDREFI", "MJDREFF")`.

    Examples:
        >>> sum_keys({"MJDREFI": 55197, "MJDREFF": 0.5}, MJDREF)
        55197.5
    """
    whole, integer, fraction = names
    if integer in header or fraction in header:
        return float(header.get(integer) or 0) + float(header.get(fraction) or 0)
    return float(header.get(whole) or 0)
