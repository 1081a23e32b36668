"""Compare the clocks of two files, and convert times from one to the other."""

from collections.abc import Mapping
from typing import Any

from livetime.errors import UserError

DAY = 86400.0
"""Seconds in a day."""

CLOCK_KEYS = ("TIMESYS", "TIMEREF")
"""Keywords between whose values livetime does not convert."""

MJD_MARGIN = 1e-10
"""Days by which MJDREF may differ."""


def clock_offset(own: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
    """Find the seconds that turn times of one file into those of another.

    Arguments:
        own: keywords of the file whose times are converted.
        other: keywords of the file whose clock is wanted.

    Returns:
        what is added to the times in s; None where one of them has no MJDREF.

    Examples:
        >>> clock_offset({"MJDREFI": 55197}, {"MJDREFI": 55196, "MJDREFF": 0.5})
        43200.0
    """
    first = _reference(own)
    second = _reference(other)
    if first is None or second is None:
        return None
    days = (first[0] - second[0]) + (first[1] - second[1])
    return 0.0 if abs(days) < MJD_MARGIN else days * DAY


def _reference(header: Mapping[str, Any]) -> tuple[float, float] | None:
    """Give MJDREF as whole days and their fraction, so that no precision is lost."""
    if "MJDREFI" in header or "MJDREFF" in header:
        return float(header.get("MJDREFI") or 0), float(header.get("MJDREFF") or 0)
    if header.get("MJDREF") is None:
        return None
    return float(header["MJDREF"]), 0.0


def refuse_clocks(own: Mapping[str, Any], other: Mapping[str, Any], both: str) -> None:
    """Refuse two files that count time in another system, or at another place.

    Arguments:
        own: keywords of a file.
        other: keywords of another.
        both: their names, for the message.

    Raises:
        UserError: for another TIMESYS or TIMEREF; one that is missing is no statement.
    """
    for key in CLOCK_KEYS:
        first = _word(own, key)
        second = _word(other, key)
        if first and second and first != second:
            raise UserError(
                both,
                f"differ in {key} ({first} and {second}), between which livetime does not convert",
                "treat both files alike, as with barycorr",
            )


def _word(header: Mapping[str, Any], key: str) -> str:
    return str(header.get(key) or "").strip().upper()
